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
from autograder.records.mark import CheckMark, Mark, QuestionMark, misconceptions, points
from autograder.sandbox.layers import LayerStatus
from autograder.text import visible

#: How each verdict is told and shown, in the words of a report.
VERDICT_WORDS: dict[str, tuple[str, str]] = {
    "pass": ("pass", "green"),
    "fail": ("fail", "red"),
    "error": ("error", "red"),
    "limit": ("limit", "magenta"),
    "missing": ("missing", "yellow"),
    "refused": ("refused", "magenta"),
    "grader_error": ("grader error", "bold blue"),
}


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
            Text(mark.status.replace("_", " "), style="" if graded else "yellow"),
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


def reason(mark: Mark) -> str:
    """Why a mark is what it is, in one line."""
    if mark.status != "graded" or not mark.questions:
        return visible("; ".join(mark.flags), 300)
    notes = [visible(flag, 200) for flag in mark.flags]
    for cell in mark.cells[:1]:
        more = f" (and {len(mark.cells) - 1} more)" if len(mark.cells) > 1 else ""
        notes.append(visible(f"cell {cell.number}: {cell.message}{more}", 200))
    counts: dict[str, list[str]] = {}
    for question in mark.questions:
        worst = _worst(question)
        if worst != "pass":
            counts.setdefault(VERDICT_WORDS[worst][0], []).append(question.name)
    for word, names in counts.items():
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        notes.append(f"{word}: {shown}")
    return "; ".join(notes) or "all checks pass"


def _worst(question: QuestionMark) -> str:
    order = ("grader_error", "refused", "limit", "missing", "error", "fail")
    found = {check.verdict for check in question.checks}
    return next((verdict for verdict in order if verdict in found), "pass")


def mark_line(mark: Mark) -> str:
    """One submission in one line, for the moment it is done."""
    earned = f"{points(mark.hundredths):g}/{points(mark.max_hundredths):g}" if mark.status == "graded" else mark.status
    return f"{visible(mark.student, 60)}: {earned} ({reason(mark)})"


def feedback(mark: Mark) -> Group:
    """One student's feedback: the score, then the checks of each question that lost points, failed ones explained."""
    parts: list[RenderableType] = [
        Text.assemble(
            (visible(mark.student, 60), "bold"),
            f"  {mark.assignment}  ",
            (f"{points(mark.hundredths):g} of {points(mark.max_hundredths):g} points", "bold"),
        )
    ]
    if mark.status != "graded":
        parts.append(Text(f"{mark.status.replace('_', ' ')}: {reason(mark)}", style="yellow"))
    if mark.cells:
        parts.append(Text("\nCells that failed", style="bold"))
        parts += [Padding(Text(f"cell {c.number}: {c.message}", style="yellow"), (0, 0, 0, 2)) for c in mark.cells]
    whole = [question for question in mark.questions if _worst(question) == "pass"]
    for question in mark.questions:
        if question not in whole:
            parts.append(_question_heading(question))
            parts += _question_lines(question)
    if whole:
        parts.append(Text("\nAll checks pass", style="bold"))
        parts += [_question_heading(question, "  ") for question in whole]
    return Group(*parts)


def _question_heading(question: QuestionMark, before: str = "\n") -> Text:
    extra = " (extra credit)" if question.extra else ""
    score = f"{points(question.hundredths):g}/{points(question.max_hundredths):g}"
    return Text.assemble(before, (question.name, "bold"), f"  {score}{extra}")


def _question_lines(question: QuestionMark) -> Iterable[RenderableType]:
    """A line per check, or one line for all of them where they failed for one reason."""
    first, *others = question.checks
    if others and all((c.verdict, c.message) == (first.verdict, first.message) for c in others):
        word, style = VERDICT_WORDS[first.verdict]
        yield Text.assemble("  ", (f"{word:8}", style), f"all {len(question.checks)} checks")
        yield Padding(Text(first.message), (0, 0, 0, 10))
    else:
        for check in question.checks:
            yield from _check_lines(check)
    if question.diagnosis:
        yield Padding(Text(question.diagnosis, style="bold"), (0, 0, 0, 2))
    if question.hint:
        yield Padding(Text(f"Hint: {question.hint}", style="italic"), (0, 0, 0, 2))


def _check_lines(check: CheckMark) -> Iterable[RenderableType]:
    word, style = VERDICT_WORDS[check.verdict]
    kind = "" if check.public else "  [hidden]"
    score = f"{points(check.hundredths):g}/{points(check.max_hundredths):g}"
    yield Text.assemble("  ", (f"{word:8}", style), f"{check.title}  ", (f"{score}{kind}", "dim"))
    if check.message:
        yield Padding(Text(check.message), (0, 0, 0, 10))
    if check.hint:
        yield Padding(Text(f"Hint: {check.hint}", style="italic"), (0, 0, 0, 10))


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
