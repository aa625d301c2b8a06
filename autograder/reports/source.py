"""Where do the marks of a report come from? A run in the gradebook, or the folder that `grade --out` wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.records.files import read_run
from autograder.records.mark import Mark
from autograder.reports.classroom import Classroom

if TYPE_CHECKING:  # a run without a gradebook does not wait for SQLAlchemy
    from autograder.records.gradebook import Gradebook


@dataclass(frozen=True)
class RunSource:
    """A run, wherever it is kept.

    Attributes:
        assignment: what was graded.
        started: when, in UTC.
        finished: whether every submission has its mark.
        marks: gives the marks, from the first one at each call.
        by_hand: hundredths and comment of what people changed, by student.
    """

    assignment: str
    started: str
    finished: bool
    marks: Callable[[], Iterable[Mark]]
    by_hand: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def classroom(self) -> Classroom:
        """A `Classroom` of this run, still empty."""
        return Classroom(self.assignment, started=self.started, finished=self.finished, by_hand=self.by_hand)


def run_in_folder(path: Path) -> RunSource:
    """The run in the folder that `grade --out` wrote.

    Raises:
        UsageError: it holds none.
    """
    run = read_run(path)
    return RunSource(run.assignment, run.started, run.finished, run.marks)


def run_in_book(book: Gradebook, name: str) -> RunSource:
    """A run in the gradebook by its number, or the last one of an assignment.

    Raises:
        UsageError: there is none.
    """
    run = book.find_run(name)
    by_hand = changes_by_hand(book, run.assignment)
    return RunSource(run.assignment, run.started, run.finished is not None, lambda: book.marks(run), by_hand)


def changes_by_hand(book: Gradebook, assignment: str) -> dict[str, list[tuple[int, str]]]:
    """Hundredths and comment of what people changed in an assignment, by student."""
    changes: dict[str, list[tuple[int, str]]] = {}
    for change in book.adjustments(assignment):
        changes.setdefault(change.student, []).append((change.hundredths, change.comment))
    return changes
