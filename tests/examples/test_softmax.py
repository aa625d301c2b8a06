"""Hostile and broken notebooks in the class of softmax harm nobody else, and a run can be repeated to the byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import autograder
from autograder import Run

from .conftest import LIMITS, SEED
from .expected import verdicts
from .tables.softmax import EXPECTED


@pytest.fixture(scope="module")
def folder(repo: Path) -> Path:
    return repo / "examples" / "submissions" / "softmax"


@pytest.fixture(scope="module")
def run(graded) -> Run:
    return graded("softmax")


@pytest.mark.slow
def test_full_marks_stand_before_and_after_each_hostile_one(run):
    """With one worker, which the next test uses, neighbours in this order run one after the other."""
    order = list(run.marks)
    for before, mark, after in zip(order, order[1:], order[2:], strict=False):
        if EXPECTED[mark.student].hostile:
            assert before.hundredths == after.hundredths == 100_00, mark.student


@pytest.mark.long
def test_the_same_seed_gives_the_same_bytes_with_one_worker_as_with_two(softmax_assignment, folder, run):
    order: list[str] = []
    again = autograder.grade(
        softmax_assignment,
        [folder],
        workers=1,
        seed=SEED,
        limits=LIMITS,
        on_mark=lambda mark, done, total: order.append(mark.student),
    )
    assert order == sorted(EXPECTED)
    for mark, first in zip(again.marks, run.marks, strict=True):
        assert mark.to_json() == first.to_json()
        # The time a mark took is the one thing that may differ, and it is not in the file.
        assert replace(mark, elapsed_s=0.0) == replace(first, elapsed_s=0.0)
    assert again.provenance == run.provenance


@pytest.mark.long
def test_another_seed_gives_the_same_points(softmax_assignment, folder, run):
    """Other inputs, same verdicts: no check hangs on a lucky draw. Those that only reach a limit are left out."""
    marks = {mark.student: mark for mark in run.marks}
    slow = {"bao", "farah", "hana"}
    paths = [path for path in sorted(folder.iterdir()) if path.stem not in slow]
    other = autograder.grade(softmax_assignment, paths, workers=2, seed=SEED + 1, limits=LIMITS)
    assert other.provenance["seed"] == SEED + 1
    for mark in other.marks:
        assert verdicts(mark) == verdicts(marks[mark.student]), mark.student
        assert mark.hundredths == marks[mark.student].hundredths
