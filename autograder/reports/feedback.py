"""What does one student read? One data structure; terminal, HTML page and LMS text only lay it out.

Whatever comes first is what to look at first: cells that failed, then questions that lost points, of these the ones
that do not depend on another one, and in each the checks that do not pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autograder.messages import say
from autograder.records.mark import CellMark, CheckMark, Detail, Grid, Mark, QuestionMark, Verdict, points
from autograder.text import visible

#: From what needs a person most to what needs nobody.
_WORST: tuple[Verdict, ...] = ("grader_error", "refused", "limit", "missing", "error", "fail", "pass")
_NAMED = 3


@dataclass(frozen=True)
class QuestionFeedback:
    """One question that lost points, or one where all is well.

    Attributes:
        mark: its marks.
        verdict: the worst of its checks.
        checks: those that do not pass first.
        together: whether all its checks failed for one reason, which is told once.
        after: the sentence that tells on which failed question it depends, "" where on none.
        next: what to try next, "" where all is well.
    """

    mark: QuestionMark
    verdict: Verdict
    checks: tuple[CheckMark, ...]
    together: bool
    after: str
    next: str

    @property
    def score(self) -> str:
        """Points of this question, as ``3/4``."""
        return short_score(self.mark)


@dataclass(frozen=True)
class Feedback:
    """All that one student reads about a submission.

    Attributes:
        mark: what it is made from.
        earned: hundredths of a point, changes by hand included.
        reason: why it was not graded, "" where it was.
        notes: what else to know: flags, changes by hand.
        failing: questions that lost points.
        passing: the others.
        next: the first thing to do.
    """

    mark: Mark
    earned: int
    reason: str
    notes: tuple[str, ...]
    failing: tuple[QuestionFeedback, ...]
    passing: tuple[QuestionFeedback, ...]
    next: str

    @property
    def score(self) -> str:
        """Points in words."""
        return say("report.score", points=f"{points(self.earned):g}", of=f"{points(self.mark.max_hundredths):g}")

    @property
    def share(self) -> float:
        """Points as a share of full marks, between 0 and 1; extra credit does not go beyond."""
        return min(max(self.earned / self.mark.max_hundredths, 0.0), 1.0) if self.mark.max_hundredths else 0.0

    @property
    def cells(self) -> tuple[CellMark, ...]:
        """Cells that did not simply run."""
        return self.mark.cells


def make_feedback(mark: Mark, by_hand: Sequence[tuple[int, str]] = ()) -> Feedback:
    """The feedback of a mark.

    Args:
        mark: whose feedback.
        by_hand: hundredths and comment of each change that a person made to the points.
    """
    earned = max(mark.hundredths + sum(hundredths for hundredths, _ in by_hand), 0)
    notes = [visible(flag, 400) for flag in mark.flags] if mark.status == "graded" else []
    notes += [say("report.adjusted", points=f"{points(h):+g}", comment=visible(text, 400)) for h, text in by_hand]
    broken = {q.name for q in mark.questions if worst(q) != "pass"}
    questions = [_question(question, broken, mark.cells) for question in mark.questions]
    failing = [question for question in questions if question.verdict != "pass"]
    failing.sort(key=lambda question: bool(question.after))
    return Feedback(
        mark,
        earned,
        "" if mark.status == "graded" else say("report.not_graded", status=status_word(mark), reason=reason(mark)),
        tuple(notes),
        tuple(failing),
        tuple(question for question in questions if question.verdict == "pass"),
        _first(mark, failing),
    )


def _question(question: QuestionMark, broken: set[str], cells: Sequence[CellMark]) -> QuestionFeedback:
    verdict = worst(question)
    first, *others = question.checks
    alike = all((c.verdict, c.message, c.detail) == (first.verdict, first.message, None) for c in others)
    together = verdict != "pass" and bool(others) and alike and first.detail is None
    checks = tuple(sorted(question.checks, key=lambda check: check.verdict == "pass"))
    other = next((name for name in question.uses if name in broken), "") if verdict != "pass" else ""
    after = say("next.after", question=question.name, other=other) if other else ""
    next_ = after or _next(question, verdict, checks[0], cells)
    return QuestionFeedback(question, verdict, checks, together, after, next_)


def _next(question: QuestionMark, verdict: Verdict, first: CheckMark, cells: Sequence[CellMark]) -> str:
    """What to try next, by what went wrong."""
    if verdict == "pass":
        return ""
    failed = next((cell for cell in cells if cell.message and cell.message in first.message), None)
    if verdict == "missing" and failed is not None:
        return say("next.cell_of", number=failed.number, question=question.name)
    key = verdict if verdict != "fail" else "public" if first.public else "hidden"
    return say(f"next.{key}", question=question.name, title=first.title)


def _first(mark: Mark, failing: Sequence[QuestionFeedback]) -> str:
    if mark.status != "graded":
        return say(f"next.{mark.status}")
    if not failing:
        return say("next.done")
    if mark.cells:
        return say("next.cell", number=mark.cells[0].number)
    return say("next.start", question=failing[0].mark.name)


def worst(question: QuestionMark) -> Verdict:
    """The verdict of a question: that of the check which needs a person most."""
    found = {check.verdict for check in question.checks}
    return next(verdict for verdict in _WORST if verdict in found or verdict == "pass")


def verdict_word(verdict: Verdict) -> str:
    """A verdict in the words of a report."""
    return say(f"verdict.{verdict}")


def status_word(mark: Mark) -> str:
    """The status of a mark in the words of a report."""
    return say(f"status.{mark.status}")


def short_score(mark: QuestionMark | CheckMark) -> str:
    """Points of a question or check, as ``3/4``."""
    return f"{points(mark.hundredths):g}/{points(mark.max_hundredths):g}"


def reason(mark: Mark) -> str:
    """Why a mark is what it is, in one line."""
    if mark.status != "graded" or not mark.questions:
        return visible("; ".join(mark.flags), 300)
    return "; ".join(_reasons(mark)) or say("report.all_pass_line")


def _reasons(mark: Mark) -> Iterator[str]:
    yield from (visible(flag, 200) for flag in mark.flags)
    for cell in mark.cells[:1]:
        more = len(mark.cells) - 1
        text = f"{say('report.cell', number=cell.number)}: {cell.message}"
        if more:
            text = say("report.cell_and_more", number=cell.number, message=cell.message, more=more)
        yield visible(text, 200)
    counts: dict[Verdict, list[str]] = {}
    for question in mark.questions:
        if (verdict := worst(question)) != "pass":
            counts.setdefault(verdict, []).append(question.name)
    yield from (f"{verdict_word(verdict)}: {_listed(names)}" for verdict, names in counts.items())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return say("report.names_and_more", names=shown, more=len(names) - _NAMED) if names[_NAMED:] else shown


def grid_cells(
    rows: Sequence[Sequence[str]], differs: Sequence[Sequence[bool]] = ()
) -> Iterator[list[tuple[str, bool]]]:
    """An array as rows of cells of one width, ``*`` in front of what differs, each with whether it does."""
    width = max((len(cell) for row in rows for cell in row), default=0)
    for number, row in enumerate(rows):
        marks = differs[number] if differs else [False] * len(row)
        yield [
            ((f"*{text}" if wrong else text).rjust(width + 1), wrong) for text, wrong in zip(row, marks, strict=True)
        ]


def grid_lines(rows: Sequence[Sequence[str]], differs: Sequence[Sequence[bool]] = ()) -> list[str]:
    """The same as lines of text."""
    return [" ".join(text for text, _ in cells) for cells in grid_cells(rows, differs)]


def detail_blocks(detail: Detail | None) -> Iterator[tuple[str, list[str]]]:
    """Title and lines of each small array of a detail: inputs, expected, actual."""
    if detail is None:
        return
    for name, grid in detail.inputs:
        yield titled(input_title(name), grid), grid_lines(grid.rows)
    if detail.expected is not None:
        yield titled(say("report.expected", part=detail.part), detail.expected), grid_lines(detail.expected.rows)
    if detail.actual is not None:
        yield titled(say("report.actual"), detail.actual), grid_lines(detail.actual.rows, detail.differs)


def input_title(name: str) -> str:
    """How an input is called: by its name, or by its place."""
    return say("report.input_at", number=name) if name.isdigit() else say("report.input", name=name)


def titled(title: str, grid: Grid) -> str:
    """A title with the shape of the array below it."""
    shape = f", {say('report.shape', shape=grid.shape)}" if grid.shape else ""
    return title + shape + (f", {say('report.cut')}" if grid.cut else "")
