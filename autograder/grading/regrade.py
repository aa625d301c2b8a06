"""Who would get another mark now that checks, points or limits have changed, and because of which check?

The notebooks of a run are graded again with the assignment as it is now, on the same seed. Nothing is written unless
that is asked for; then the new marks are a run of their own, and the old ones stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course.model import Assignment
from autograder.errors import UsageError
from autograder.grading.grade import OnMark, grade
from autograder.records.gradebook import Gradebook, RunRecord
from autograder.records.mark import CheckMark, Mark
from autograder.sandbox.devices import named_in
from autograder.sandbox.limits import Limits


@dataclass(frozen=True)
class CheckChange:
    """A check whose verdict or worth differs; None stands for a check that is not there."""

    question: str
    title: str
    before: CheckMark | None
    after: CheckMark | None


@dataclass(frozen=True)
class MarkChange:
    """A submission whose points differ, in hundredths."""

    student: str
    file: str
    before: int
    after: int
    checks: tuple[CheckChange, ...]


@dataclass(frozen=True)
class Regrading:
    """What a regrading brought.

    Attributes:
        changes: submissions whose points differ, by student.
        unchanged: how many keep theirs.
        gone: files of the run that are no longer where they were.
        applied: number of the new run, None when nothing was written.
    """

    changes: tuple[MarkChange, ...]
    unchanged: int
    gone: tuple[str, ...]
    applied: int | None


def regrade(
    gradebook: Gradebook,
    run: RunRecord,
    assignment: Assignment,
    *,
    workers: int,
    apply: bool = False,
    trust: bool = False,
    on_mark: OnMark | None = None,
) -> Regrading:
    """Grade a run's notebooks again under its seed, limits and level of telling, and compare.

    Raises:
        UsageError: none of the run's paths is there any more.
    """
    conditions: dict[str, Any] = gradebook.conditions(run)
    paths = [Path(path) for path in run.paths if Path(path).exists()]
    if not paths:
        raise UsageError(f"None of the paths of run {run.id} is there any more: {', '.join(run.paths)}.")
    before = list(gradebook.marks(run))
    graded = grade(
        assignment,
        paths,
        workers=workers,
        seed=conditions["seed"],
        reveal=conditions["reveal"],
        limits=Limits(**conditions["limits"]),
        devices=named_in(conditions["device"]),
        trust=trust,
        on_mark=on_mark,
        gradebook=gradebook if apply else None,
        id_pattern=conditions.get("id_pattern"),
    )
    now = {_identity(mark): mark for mark in graded.marks}
    pairs = [(old, now[_identity(old)]) for old in before if _identity(old) in now]
    changes = tuple(_change(old, new) for old, new in pairs if old.hundredths != new.hundredths)
    gone = tuple(old.file for old in before if _identity(old) not in now)
    return Regrading(changes, len(pairs) - len(changes), gone, gradebook.runs()[-1].id if apply else None)


def _identity(mark: Mark) -> tuple[str, str]:
    """As in the gradebook: a notebook is the same wherever it lies, and one that cannot be read is its file."""
    return mark.student, mark.sha256 or mark.file


def _change(before: Mark, after: Mark) -> MarkChange:
    old, new = _checks(before), _checks(after)
    checks = tuple(
        CheckChange(*name, old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if _worth(old.get(name)) != _worth(new.get(name))
    )
    return MarkChange(after.student, after.file, before.hundredths, after.hundredths, checks)


def _checks(mark: Mark) -> dict[tuple[str, str], CheckMark]:
    return {(question.name, check.title): check for question in mark.questions for check in question.checks}


def _worth(check: CheckMark | None) -> tuple[str, int] | None:
    return None if check is None else (check.verdict, check.hundredths)


def blamed(changes: Sequence[MarkChange]) -> dict[tuple[str, str], tuple[int, int]]:
    """For each check that changed: how many submissions, and how many hundredths in all."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for change in changes:
        for check in change.checks:
            number, sum_ = found.get((check.question, check.title), (0, 0))
            gain = (check.after.hundredths if check.after else 0) - (check.before.hundredths if check.before else 0)
            found[check.question, check.title] = (number + 1, sum_ + gain)
    return found
