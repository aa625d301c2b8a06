"""What people see on a terminal: the table of a class, one student's feedback, the state of a machine.

Text that came from a submission is made visible before it gets here (`autograder.text.visible`); here it is never read
as Rich markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.grading.build import Built
from autograder.grading.validate import Validation
from autograder.messages import say
from autograder.records.mark import CheckMark, Mark, Verdict, misconceptions, points
from autograder.reports.feedback import (
    Feedback,
    QuestionFeedback,
    detail_blocks,
    make_feedback,
    reason,
    short_score,
    status_word,
    verdict_word,
)
from autograder.sandbox.layers import LayerStatus
from autograder.text import visible

VERDICT_STYLES: dict[Verdict, str] = {
    "pass": "green",
    "fail": "red",
    "error": "red",
    "limit": "magenta",
    "missing": "yellow",
    "refused": "magenta",
    "grader_error": "bold blue",
}
_BAR = 40


def marks_table(marks: Sequence[Mark]) -> Table:
    """One row per submission, with what a person should know about it."""
    table = Table(title=None, header_style="bold", show_edge=False)
    table.add_column("student", overflow="fold")
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("of", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("what to know", overflow="fold")
    for mark in marks:
        graded = mark.status == "graded"
        table.add_row(
            Text(visible(mark.student, 60)),
            f"{points(mark.hundredths):g}" if graded else "-",
            f"{points(mark.max_hundredths):g}",
            Text(status_word(mark), style="" if graded else "yellow"),
            Text(reason(mark)),
        )
    return table


def misconceptions_table(marks: Sequence[Mark]) -> Table | None:
    """How many students hold each misconception; None where nobody holds one that is known."""
    rows = misconceptions(marks)
    if not rows:
        return None
    table = Table(title=None, header_style="bold", show_edge=False)
    table.add_column("students", justify="right", no_wrap=True)
    table.add_column("question", overflow="fold")
    table.add_column("misconception", overflow="fold")
    for question, mistake, count in rows:
        table.add_row(str(count), Text(question), Text(mistake))
    return table


def mark_line(mark: Mark) -> str:
    """One submission in one line, for the moment it is done."""
    earned = f"{points(mark.hundredths):g}/{points(mark.max_hundredths):g}" if mark.status == "graded" else mark.status
    return f"{visible(mark.student, 60)}: {earned} ({reason(mark)})"


def feedback(mark: Mark) -> Group:
    """One student's feedback: the score, then the questions that lost points, then the others."""
    return feedback_group(make_feedback(mark))


def feedback_group(told: Feedback) -> Group:
    """A `Feedback` for a terminal."""
    mark = told.mark
    parts: list[RenderableType] = [
        Text.assemble((visible(mark.student, 60), "bold"), f"  {mark.assignment}  ", (told.score, "bold"))
    ]
    if told.reason:
        parts.append(Text(told.reason, style="yellow"))
    else:
        parts.append(_bar(told.share))
    parts += [Text(f"{say('report.note')}: {note}", style="yellow") for note in told.notes]
    parts.append(Text(say("report.next", next=told.next)))
    if told.cells:
        parts.append(Text(f"\n{say('report.cells_failed')}", style="bold"))
        for cell in told.cells:
            parts.append(_indented(f"{say('report.cell', number=cell.number)}: {cell.message}", 2, "yellow"))
            if cell.output:
                parts.append(Padding(_box(say("report.output"), cell.output.splitlines()), (0, 0, 0, 4)))
    for question in told.failing:
        parts += [_question_heading(question), *_question_lines(question)]
    if told.passing:
        parts.append(Text(f"\n{say('report.all_pass')}", style="bold"))
        parts += [_question_heading(question, "  ") for question in told.passing]
    return Group(*parts)


def _bar(share: float) -> Text:
    full = round(share * _BAR)
    return Text.assemble(("█" * full, "green"), ("░" * (_BAR - full), "dim"), f" {100 * share:.0f} %")


def _indented(text: str, by: int, style: str = "") -> Padding:
    return Padding(Text(text, style=style), (0, 0, 0, by))


def _box(title: str, lines: Sequence[str]) -> Text:
    """Lines of a student or of an array, with a bar at their left so that they are not taken for ours."""
    return Text("\n".join([f"┌ {title}", *(f"│ {line}" for line in lines)]), style="dim", no_wrap=False)


def _question_heading(question: QuestionFeedback, before: str = "\n") -> Text:
    extra = f" ({say('report.extra')})" if question.mark.extra else ""
    return Text.assemble(before, (question.mark.name, "bold"), f"  {question.score}{extra}")


def _question_lines(question: QuestionFeedback) -> Iterable[RenderableType]:
    """A line per check, or one line for all of them where they failed for one reason."""
    if question.together:
        first = question.checks[0]
        word = f"{verdict_word(first.verdict):8}"
        count = say("report.all_checks", count=len(question.checks))
        yield Text.assemble("  ", (word, VERDICT_STYLES[first.verdict]), count)
        yield from _explanation(first)
    else:
        for check in question.checks:
            yield from _check_lines(check)
    if question.mark.diagnosis:
        yield _indented(question.mark.diagnosis, 2, "bold")
    if question.mark.hint:
        yield _indented(say("report.hint", hint=question.mark.hint), 2, "italic")
    yield _indented(say("report.next", next=question.next), 2)


def _check_lines(check: CheckMark) -> Iterable[RenderableType]:
    kind = "" if check.public else f"  [{say('report.hidden')}]"
    word = (f"{verdict_word(check.verdict):8}", VERDICT_STYLES[check.verdict])
    yield Text.assemble("  ", word, f"{check.title}  ", (f"{short_score(check)}{kind}", "dim"))
    yield from _explanation(check)
    if check.hint:
        yield _indented(say("report.hint", hint=check.hint), 10, "italic")


def _explanation(check: CheckMark) -> Iterable[RenderableType]:
    if check.message:
        yield _indented(check.message, 10)
    if check.traceback:
        yield Padding(_box(say("report.traceback"), check.traceback), (0, 0, 0, 10))
    for title, lines in detail_blocks(check.detail):
        yield Padding(_box(title, lines), (0, 0, 0, 10))


#: What must be so for everything of one kind, in the words of a report.
_PROVEN = {
    "solution": "earns everything",
    "stub": "earns nothing",
    "mistake": "fail a hidden check",
    "equivalent": "keep full marks",
    "wrong answer": "are rejected by every check they touch",
    "right answer": "are accepted",
    "diagnosis": "name the mistake, or no mistake where there is none",
    "mutant": "are rejected by a hidden check",
}


def validation_report(validation: Validation) -> Group:
    """What was proven about one assignment, each breach, and what an author may want to look at."""
    table = Table(show_header=False, show_edge=False, box=None)
    # What counts by its share, and is no breach one by one.
    short = {*validation.survivors, *validation.ambiguous}
    for kind, outcome in _PROVEN.items():
        found = validation.mutants if kind == "mutant" else [f for f in validation.findings if f.kind == kind]
        good = sum(not f.breach and f not in short for f in found)
        style = "green" if good == len(found) else "red" if any(f.breach for f in found) else "yellow"
        if found:
            table.add_row(Text(f"  {kind}"), Text(f"{good} of {len(found)}", style=style), Text(outcome))
    worth = f"{points(validation.hundredths):g} points"
    parts: list[RenderableType] = [Text.assemble((validation.assignment, "bold"), f"  {worth}"), table]
    for finding in validation.breaches:
        where = f"{finding.question}: " if finding.question else ""
        text = f"  {finding.kind} {where}{finding.name!r}: {finding.breach}"
        parts.append(Text(visible(text, 2000, keep_newlines=True), style="red"))
    if validation.idle:
        parts.append(Text("  hidden checks that no listed mistake fails", style="bold"))
        parts += [Text(f"    {question}: {title}") for question, title in validation.idle]
    if validation.ambiguous:
        parts.append(Text("  mistakes that no check tells apart", style="bold"))
        parts += [Text(f"    {question}: {names}") for question, names in validation.ambiguous_groups]
    if validation.survivors:
        parts.append(Text("  mutants that no hidden check rejects", style="bold"))
    for finding in validation.survivors:
        parts.append(Text(f"    {finding.question}: {finding.name}"))
        parts.append(Padding(Text(visible(finding.detail, 2000, keep_newlines=True), style="dim"), (0, 0, 0, 6)))
    return Group(*parts)


def build_report(built: Built, *, check: bool) -> Group:
    """Which generated files were stale, or have been written."""
    if built.fresh:
        count = len(built.files)
        files = "1 generated file is" if count == 1 else f"{count} generated files are"
        return Group(Text(f"{built.assignment}: {files} up to date"))
    word = "stale" if check else "written"
    extra = "not generated any more" if check else "removed"
    lines = [Text(f"{word}: {path}", style="yellow" if check else "") for path in built.stale]
    lines += [Text(f"{extra}: {path}", style="yellow" if check else "") for path in built.extra]
    return Group(Text(f"{built.assignment}:", style="bold"), *lines)


def layers_table(statuses: Iterable[LayerStatus], lost: dict[str, str]) -> Table:
    """Each sandbox layer: active, or what is lost without it."""
    table = Table(header_style="bold", show_edge=False)
    table.add_column("layer", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for status in statuses:
        state = Text("active", style="green") if status.active else Text("missing", style="red")
        detail = status.detail if status.active else f"{status.detail}. {lost.get(status.name, '')}".strip(". ")
        table.add_row(status.name, state, Text(visible(detail, 400)))
    return table
