"""From the marks of one submission on several devices to its mark: a check passes where it passes on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autograder.course.model import Assignment
from autograder.messages import say
from autograder.records.mark import CheckMark, Mark, QuestionMark, Status
from autograder.sandbox.devices import CPU

OnDevice = tuple[str, Mark]


def merged(marks: Sequence[OnDevice], assignment: Assignment) -> Mark:
    """One mark of several, each of the same submission on the device beside it.

    Args:
        marks: the questions of each are those that were asked on its device; the CPU's first, where there is one.
        assignment: with all its questions.
    """
    if len(marks) == 1:
        return marks[0][1]
    every = [(device, question) for device, mark in marks for question in mark.questions]
    questions = [[(device, q) for device, q in every if q.name == asked.name] for asked in assignment.questions]
    together = tuple(_question(pairs) for pairs in questions if pairs)
    cells = {cell.number: cell for _, mark in reversed(marks) for cell in mark.cells}
    statuses: list[Status] = [mark.status for _, mark in marks]
    return replace(
        marks[0][1],
        status=next((status for status in statuses if status != "graded"), "graded"),
        max_hundredths=assignment.hundredths,
        flags=tuple(dict.fromkeys(flag for _, mark in marks for flag in mark.flags)),
        questions=together,
        cells=tuple(cell for _, cell in sorted(cells.items())),
        elapsed_s=sum(mark.elapsed_s for _, mark in marks),
    )


def _question(pairs: Sequence[tuple[str, QuestionMark]]) -> QuestionMark:
    """A question's mark: what explains it is taken from the first device on which it failed."""
    told = next((q for _, q in pairs if any(check.verdict != "pass" for check in q.checks)), pairs[0][1])
    rows = zip(*([(device, check) for check in q.checks] for device, q in pairs), strict=True)
    return replace(told, checks=tuple(map(_check, rows)))


def _check(pairs: Sequence[tuple[str, CheckMark]]) -> CheckMark:
    """A check's mark: the first that is no pass, in words that name its device."""
    device, check = next(((device, c) for device, c in pairs if c.verdict != "pass"), pairs[0])
    if device == CPU or not check.message:
        return check
    return replace(check, message=say("marking.on_device", device=device, message=check.message))
