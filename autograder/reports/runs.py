"""What an instructor sees of a run in the gradebook: its state, and what a regrading would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from autograder.grading.regrade import MarkChange, Regrading, blamed
from autograder.records.gradebook import Adjustment, RunRecord
from autograder.records.mark import CheckMark, Mark, points
from autograder.reports.feedback import reason, verdict_word
from autograder.text import visible

#: How many of the slowest submissions are named.
_SLOWEST = 5


def run_summary(run: RunRecord, marks: Iterable[Mark], adjustments: Sequence[Adjustment]) -> dict[str, Any]:
    """The state of a run as plain data; `marks` is gone through once."""
    statuses: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    times: list[tuple[float, str]] = []
    flagged, failures = [], []
    for mark in marks:
        statuses[mark.status] += 1
        times = sorted([*times, (mark.elapsed_s, mark.student)], reverse=True)[:_SLOWEST]
        if mark.status == "grader_error":
            failures.append({"student": mark.student, "reason": reason(mark)})
        elif mark.flags:
            flagged.append({"student": mark.student, "flags": list(mark.flags)})
        for question in mark.questions:
            asked[question.name] += 1
            passed[question.name] += all(check.verdict == "pass" for check in question.checks)
            verdicts.update(check.verdict for check in question.checks)
    return {
        "run": run.id,
        "assignment": run.assignment,
        "started": run.started,
        "finished": run.finished,
        "submissions": sum(statuses.values()),
        "statuses": dict(sorted(statuses.items())),
        "verdicts": dict(sorted(verdicts.items())),
        "questions": {name: {"passed": passed[name], "of": asked[name]} for name in asked},
        "slowest": [{"student": student, "seconds": round(seconds, 2)} for seconds, student in times],
        "flagged": flagged,
        "failures": failures,
        "adjustments": [
            {"student": a.student, "points": points(a.hundredths), "comment": a.comment, "author": a.author}
            for a in adjustments
        ],
    }


def status_report(summary: dict[str, Any]) -> RenderableType:
    """The state of a run, for a terminal."""
    state = f"finished {summary['finished']}" if summary["finished"] else "not finished"
    head = Text(f"run {summary['run']}  {summary['assignment']}  started {summary['started']}, {state}\n", style="bold")
    counts = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in summary["statuses"].items())
    head.append(f"{summary['submissions']} submissions: {counts or 'none yet'}\n", style="not bold")
    words = ", ".join(f"{n} {verdict_word(verdict)}" for verdict, n in summary["verdicts"].items())
    head.append(f"checks: {words or 'none yet'}\n", style="not bold")
    table = Table(header_style="bold", show_edge=False)
    table.add_column("question")
    table.add_column("all checks pass", justify="right")
    for name, count in sorted(summary["questions"].items(), key=lambda item: item[1]["passed"] / item[1]["of"]):
        table.add_row(name, f"{count['passed']} of {count['of']} ({100 * count['passed'] / count['of']:.0f} %)")
    lists = [
        ("Slowest", [f"{row['student']}  {row['seconds']:g} s" for row in summary["slowest"]]),
        ("To be looked at", [f"{row['student']}  {'; '.join(row['flags'])}" for row in summary["flagged"]]),
        ("Failures of the grader", [f"{row['student']}  {row['reason']}" for row in summary["failures"]]),
        (
            "Changed by hand",
            [f"{a['student']}  {a['points']:+g}  {a['comment']} ({a['author']})" for a in summary["adjustments"]],
        ),
    ]
    return Group(head, table, *(_list(title, rows) for title, rows in lists if rows))


def _list(title: str, rows: Sequence[str]) -> Text:
    text = Text(f"\n{title}\n", style="bold")
    for row in rows:
        text.append(f"  {visible(row, 300)}\n", style="not bold")
    return text


def regrading_report(regrading: Regrading) -> RenderableType:
    """Who changes, by how much, because of which check."""
    parts: list[RenderableType] = []
    if regrading.changes:
        table = Table(header_style="bold", show_edge=False)
        for column in ("student", "before", "after", "because of"):
            table.add_column(column, justify="right" if column in ("before", "after") else "left", overflow="fold")
        for change in regrading.changes:
            table.add_row(
                Text(visible(change.student, 60)),
                f"{points(change.before):g}",
                f"{points(change.after):g}",
                Text("\n".join(_because(change))),
            )
        parts.append(table)
        causes = Text("\nChecks that changed\n", style="bold")
        for (question, title), (number, sum_) in blamed(regrading.changes).items():
            causes.append(f"  {question}: {title}: {number} submissions, {points(sum_):+g} points in all\n", "not bold")
        parts.append(causes)
    for file in regrading.gone:
        parts.append(Text(f"{visible(file, 300)}: no longer there, keeps its mark", style="yellow"))
    end = f"{len(regrading.changes)} change, {regrading.unchanged} stay. "
    end += (
        f"Applied as run {regrading.applied}."
        if regrading.applied is not None
        else "Nothing was written; --apply keeps the new marks."
    )
    return Group(*parts, Text(end))


def _because(change: MarkChange) -> list[str]:
    return [f"{c.question}: {c.title} ({_word(c.before)} -> {_word(c.after)})" for c in change.checks]


def _word(check: CheckMark | None) -> str:
    return "not there" if check is None else f"{check.verdict.replace('_', ' ')} {points(check.hundredths):g}"


def regrading_document(regrading: Regrading) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "changes": [
            {
                "student": change.student,
                "file": change.file,
                "before": points(change.before),
                "after": points(change.after),
                "checks": [
                    {
                        "question": c.question,
                        "title": c.title,
                        "before": None if c.before is None else c.before.verdict,
                        "after": None if c.after is None else c.after.verdict,
                    }
                    for c in change.checks
                ],
            }
            for change in regrading.changes
        ],
        "unchanged": regrading.unchanged,
        "gone": list(regrading.gone),
        "applied": regrading.applied,
    }
