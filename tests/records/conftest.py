"""A gradebook in memory of a test: runs without grading."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from autograder.records.gradebook import Gradebook, RunRecord
from autograder.records.mark import CheckMark, Mark, QuestionMark, Status, TimeFrom


@dataclass(frozen=True)
class HandedIn:
    """A submission, and the points it will get; `time` in ISO 8601 with an offset."""

    student: str
    hundredths: int = 9_000
    time: str | None = None
    time_from: TimeFrom = "stated"
    file: str = "softmax.ipynb"
    status: Status = "graded"
    flag: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(f"{self.student} {self.file} {self.time} {self.flag}".encode()).hexdigest()

    @property
    def handed_in(self) -> float | None:
        return None if self.time is None else datetime.fromisoformat(self.time).timestamp()

    def mark(self, assignment: str) -> Mark:
        """Its mark: one question with two checks."""
        half = self.hundredths // 2
        checks = (
            CheckMark("one", True, "pass", half, 5_000),
            CheckMark("two", False, "pass", self.hundredths - half, 5_000),
        )
        question = QuestionMark("question", 10_000, False, checks)
        return Mark(assignment, self.student, self.file, self.sha256, self.status, 10_000, (self.flag,), (question,))


class Class:
    """A gradebook and what has been handed in to it."""

    def __init__(self, path: Path) -> None:
        self.book = Gradebook(path)

    def grade(self, *handed_in: HandedIn, assignment: str = "softmax", finish: bool = True) -> RunRecord:
        """A run with these marks."""
        run = self.book.begin_run(assignment, {"seed": 1}, [assignment])
        for each in handed_in:
            run.graded(each, lambda e=each: e.mark(assignment), lease_s=60, wait=True)
        if finish:
            run.finish()
        return self.book.find_run(assignment)


@pytest.fixture
def graded(tmp_path: Path) -> Iterator[Class]:
    """A class with an empty gradebook."""
    made = Class(tmp_path / "book.db")
    yield made
    made.book.close()


@pytest.fixture
def handed_in() -> type[HandedIn]:
    """What makes a submission."""
    return HandedIn
