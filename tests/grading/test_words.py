"""A second sitting is for words of the student's own; where all there is to say is ours, one is enough."""

from __future__ import annotations

import pytest

from autograder.grading.key import AnswerKey, KeyedCheck, KeyedQuestion
from autograder.grading.words import public_part
from autograder.records.mark import CheckMark, Mark, QuestionMark
from autograder.sandbox.sitting import CellReport, Transcript

KEY = AnswerKey(
    "hw",
    0,
    (
        KeyedQuestion(
            "f",
            "np",
            300,
            False,
            (KeyedCheck("seen", True, 100, "", ()), KeyedCheck("hidden", False, 200, "", ())),
        ),
    ),
    "0",
    "0",
)
FINE = (CellReport(1, "ok"), CellReport(2, "skipped"))
FAILED = (CellReport(1, "error", "ValueError: x", ("cell 1, line 1: f()",)),)
STOPPED = (CellReport(1, "limit", "The cell ran longer than 1 s."),)
FULL_DISK = (CellReport(1, "limit", "The cell used more than 64 MiB for its files.", ("cell 1, line 1: f()",)),)
CASES = {
    "all right": ("pass", "pass", FINE, False),
    "a public answer is wrong": ("fail", "fail", FINE, True),
    "a public check raises": ("error", "error", FINE, True),
    "only a hidden answer is wrong": ("pass", "fail", FINE, False),
    "nothing written": ("missing", "missing", FINE, False),
    "nothing defined, because a cell failed": ("missing", "missing", FAILED, True),
    "all right, but a cell failed": ("pass", "pass", FAILED, True),
    "a cell ended its job": ("pass", "pass", STOPPED, False),
    "a cell met a limit and went on": ("pass", "pass", FULL_DISK, True),
    "what reached a limit would reach it again": ("limit", "limit", FAILED, False),
}


@pytest.mark.parametrize(("seen", "hidden", "cells", "needed"), CASES.values(), ids=CASES.keys())
def test_who_sits_twice(seen, hidden, cells, needed):
    checks = tuple(
        CheckMark(title, public, verdict, worth if verdict == "pass" else 0, worth)
        for title, public, verdict, worth in (("seen", True, seen, 100), ("hidden", False, hidden, 200))
    )
    mark = Mark("hw", "ann", "ann.ipynb", "0", "graded", 300, (), (QuestionMark("f", 300, False, checks),))
    part = public_part(KEY, Transcript({}, cells, 1), mark)
    assert (part is not None) == needed
    if part is not None:
        assert [check.title for question in part.questions for check in question.checks] == ["seen"]
