"""Nothing that the grader holds grows with the number of submissions."""

from __future__ import annotations

import hashlib
import threading
import weakref
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from autograder.grading.grade import as_ready, mark_all
from autograder.grading.submissions import Submission
from autograder.records.gradebook import Gradebook
from autograder.records.mark import CheckMark, Mark, QuestionMark

WORKERS = 3


class Pool:
    """Stands in for an examiner: marks at once, and counts."""

    def __init__(self) -> None:
        self.closed = 0

    def slot(self) -> Pool:
        return self

    def close(self) -> None:
        self.closed += 1

    def lease_s(self) -> float:
        return 60.0

    def mark(self, submission: Submission, _slot: object) -> Mark:
        checks = tuple(CheckMark(f"check {n}", True, "pass", 1, 1) for n in range(20))
        question = QuestionMark("q", 20, False, checks)
        return seen(Mark("hw", submission.student, submission.file, submission.sha256, "graded", 20, (), (question,)))


@dataclass(frozen=True)
class Found:
    """A submission that is made when its turn comes."""

    number: int

    def read(self) -> Submission:
        sha256 = hashlib.sha256(bytes([self.number % 256, self.number // 256])).hexdigest()
        return seen(Submission(f"s{self.number:04}", "a.ipynb", sha256, ((1, f"x = {self.number}" * 100),)))


#: All marks and submissions that were made. Asking the garbage collector for them would find half-made ones of threads.
MADE: list[weakref.ref[Any]] = []
Thing = TypeVar("Thing")


def seen(thing: Thing) -> Thing:
    MADE.append(weakref.ref(thing))
    return thing


def most_alive(count: int, path) -> int:
    """The largest number of marks and submissions that were alive at once while so many were graded."""
    MADE.clear()
    counts = []

    def on_mark(_mark: Mark, done: int, _total: int) -> None:
        if done % 20 == 0:
            counts.append(sum(made() is not None for made in tuple(MADE)))

    with Gradebook(path) as book:
        run = book.begin_run("hw", {}, [str(path)])
        marks = mark_all([Found(n) for n in range(count)], Pool(), workers=WORKERS, on_mark=on_mark, book=run)
        assert [mark.student for mark in marks] == [f"s{n:04}" for n in range(count)]
    return max(counts)


def test_no_more_marks_are_alive_in_a_large_class_than_in_a_small_one(tmp_path):
    most_alive(20, tmp_path / "first.db")  # what is made once
    # Those in flight, a submission and a mark each, and a few that are ready and not taken; kept, they would be 800.
    bound = 40
    assert most_alive(40, tmp_path / "small.db") <= bound
    assert most_alive(400, tmp_path / "large.db") <= bound


def test_no_more_items_are_taken_than_are_at_work_or_next():
    taken, done = [], []

    def items():
        for number in range(50):
            taken.append(number)
            yield number

    for number in as_ready(items(), lambda number, _slot: number, Pool(), workers=WORKERS):
        done.append(number)
        assert len(taken) - len(done) < 2 * WORKERS + 1
    assert sorted(done) == list(range(50))


def test_leaving_early_ends_what_runs():
    pool, started, ended = Pool(), threading.Event(), threading.Event()

    def work(number, _slot):
        if number == 0:
            return number
        started.set()
        assert ended.wait(60)
        return number

    def close() -> None:
        pool.closed += 1
        ended.set()

    pool.close = close
    ready = as_ready(range(2), work, pool, workers=2)
    assert next(ready) == 0
    assert started.wait(60)
    ready.close()
    assert ended.is_set()


def test_an_error_in_the_work_is_the_callers():
    def work(number, _slot):
        raise ValueError(f"item {number}")

    with pytest.raises(ValueError, match="item 0"):
        list(as_ready([0], work, Pool(), workers=1))
