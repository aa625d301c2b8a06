"""With several devices a check passes where it passes on all of them, and a student reads on which one it did not.

The second device is the CPU under another name, behind the walls of a job that drives an accelerator.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from autograder import grade, load_assignment
from autograder.errors import UsageError
from autograder.grading.examine import Terms, parts_of
from autograder.grading.merge import merged
from autograder.grading.validate import validate
from autograder.records.mark import CellMark, CheckMark, Mark, QuestionMark
from autograder.sandbox import devices
from autograder.sandbox.devices import Device

MASTER = '''\
# %%
import numpy as np
import torch

# %%
def twice(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION

# %%
def torch_twice(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION
'''
CHECKS = """\
from autograder.course import call, call_twice, question, tensor

twice = question("twice", points=2)
torch_twice = question("torch_twice", points=3, kind="torch")

@twice.check("numbers", public=True, points=1, hint="Twice?")
def _(rng):
    return call(x=rng.normal(size=3))

@twice.check("a table", hint="Twice?")
def _(rng):
    return call_twice(x=rng.normal(size=(2, 3)))

@torch_twice.check("numbers", public=True, points=1, hint="Twice?")
def _(rng):
    return call(x=tensor(rng.normal(size=3)))

@torch_twice.check("a table", hint="Twice?")
def _(rng):
    return call_twice(x=tensor(rng.normal(size=(2, 3))))

@torch_twice.mistake("once", hint="Twice?")
def _(x):
    return x
"""
#: Where a job has all the address space it wants, it drives a device.
ON_DEVICE = "import resource\non_device = resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY"
RIGHT = "def twice(x): return 2 * x\ndef torch_twice(x): return 2 * x"
WRONG_THERE = f"{ON_DEVICE}\ndef twice(x): return 2 * x\ndef torch_twice(x): return (3 if on_device else 2) * x"
WRONG_HERE = f"{ON_DEVICE}\ndef twice(x): return 2 * x\ndef torch_twice(x): return (2 if on_device else 3) * x"
BOTH = ("cpu", "cpu:0")


@pytest.fixture(autouse=True)
def second_device(monkeypatch):
    monkeypatch.setattr(devices, "found", lambda: (Device("cpu"), Device("cpu:0", "pretended")))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    home = folder / "solutions" / "hw"
    home.mkdir(parents=True)
    (home / "hw.py").write_text(MASTER, encoding="utf-8")
    (home / "checks.py").write_text(CHECKS, encoding="utf-8")
    return load_assignment(folder, "hw")


def notebook(path: Path, *cells: str) -> Path:
    made = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for source in ("import numpy as np\nimport torch", *cells)
    ]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


SOURCES = {"ann": RIGHT, "bea": WRONG_THERE, "cem": WRONG_HERE}


@pytest.fixture(scope="module")
def graded(course, tmp_path_factory):
    """A run of all of them on some devices; one is enough for all tests that look at it."""
    folder = tmp_path_factory.mktemp("class")
    for student, source in SOURCES.items():
        notebook(folder / f"{student}.ipynb", source)
    return cache(lambda on: grade(course, [folder], workers=1, devices=on, trust=True))


def verdicts(mark: Mark) -> dict[str, list[str]]:
    return {question.name: [check.verdict for check in question.checks] for question in mark.questions}


PASSED = {"twice": ["pass", "pass"], "torch_twice": ["pass", "pass"]}
FAILED = {"twice": ["pass", "pass"], "torch_twice": ["fail", "fail"]}
CASES = {
    "right on both": (RIGHT, BOTH, PASSED),
    "wrong on the device": (WRONG_THERE, BOTH, FAILED),
    "wrong on the CPU": (WRONG_HERE, BOTH, FAILED),
    "wrong on the device, which was not asked": (WRONG_THERE, ("cpu",), PASSED),
    "wrong on the device, the only one asked": (WRONG_THERE, ("cpu:0",), FAILED),
    "wrong on the CPU, which was asked for NumPy alone": (WRONG_HERE, ("cpu:0",), PASSED),
}


@pytest.mark.parametrize(("source", "on", "expected"), CASES.values(), ids=CASES.keys())
def test_torch_is_asked_on_every_device_and_numpy_on_the_cpu(graded, source, on, expected):
    run = graded(on)
    (mark,) = (mark for mark in run.marks if SOURCES[mark.student] == source)
    assert verdicts(mark) == expected
    assert (mark.hundredths, mark.max_hundredths) == (500 if expected == PASSED else 200, 500)
    assert run.provenance["device"] == ", ".join({"cpu": "cpu", "cpu:0": "cpu:0 (pretended)"}[name] for name in on)
    told = [check.message for question in mark.questions for check in question.checks if check.verdict == "fail"]
    assert all(message.startswith("On cpu:0: ") == (source == WRONG_THERE) for message in told)


def test_a_device_that_is_not_there_ends_the_run_before_it_begins(graded):
    with pytest.raises(UsageError, match="no device 'cuda:3'"):
        graded(("cuda:3",))


def test_a_file_that_cannot_be_read_is_rejected_once(course, tmp_path):
    path = tmp_path / "bea.ipynb"
    path.write_text("no notebook", encoding="utf-8")
    run = grade(course, [path], workers=1, devices=BOTH, trust=True)
    (mark,) = run.marks
    assert (mark.status, mark.max_hundredths, len(mark.flags)) == ("rejected", 500, 1)


def test_an_assignment_is_proven_on_a_device(course):
    proven = validate(course, workers=1, device="cpu:0", trust=True, mutants=False)
    assert proven.assignment == "hw on cpu:0"
    assert not proven.breaches
    assert {finding.question for finding in proven.findings if finding.question} == {"torch_twice"}


def test_who_is_asked_where(course):
    def asked(*on: str) -> dict[str, list[str]]:
        return {device: [q.name for q in questions] for device, questions in parts_of(course, on)}

    both = ["twice", "torch_twice"]
    assert asked("cpu") == {"cpu": both}
    assert asked("cpu:0") == {"cpu": ["twice"], "cpu:0": ["torch_twice"]}
    assert asked("cpu", "cpu:0") == {"cpu": both, "cpu:0": ["torch_twice"]}
    alone = replace(course, questions=course.questions[1:])
    assert [device for device, _ in parts_of(alone, ("cpu:0",))] == ["cpu:0"]
    without = replace(course, questions=course.questions[:1])
    assert [device for device, _ in parts_of(without, ("cpu:0",))] == ["cpu"]


def test_terms_survive_the_way_to_a_worker():
    terms = Terms(3, devices=BOTH)
    assert Terms.from_dict(json.loads(json.dumps(terms.as_dict()))) == terms


# Merging ----------------------------------------------------------------------------------------


def mark_of(verdict: str, message: str = "", *, status: str = "graded", flags=(), cells=()) -> Mark:
    checks = (CheckMark("numbers", True, verdict, 300 if verdict == "pass" else 0, 300, message),)
    question = QuestionMark("torch_twice", 300, False, checks, diagnosis=message)
    return Mark("hw", "ann", "ann.ipynb", "0", status, 300, flags, (question,), cells, elapsed_s=1.0)


def test_what_explains_a_question_comes_from_where_it_failed(course):
    mark = merged([("cpu", mark_of("pass")), ("cpu:0", mark_of("fail", "once"))], course)
    (question,) = mark.questions
    assert (question.diagnosis, question.checks[0].message) == ("once", "On cpu:0: once")
    assert mark.elapsed_s == 2.0


def test_a_fault_of_ours_on_one_device_is_one_of_the_mark(course):
    mark = merged([("cpu", mark_of("pass")), ("cpu:0", mark_of("grader_error", "x", status="grader_error"))], course)
    assert mark.status == "grader_error"
    assert mark.questions[0].checks[0].verdict == "grader_error"


def test_flags_and_cells_are_told_once(course):
    here = mark_of("pass", flags=("late",), cells=(CellMark(3, "error", "here"),))
    there = mark_of(
        "pass", flags=("late", "slow"), cells=(CellMark(2, "limit", "there"), CellMark(3, "error", "there"))
    )
    mark = merged([("cpu", here), ("cpu:0", there)], course)
    assert mark.flags == ("late", "slow")
    assert [(cell.number, cell.message) for cell in mark.cells] == [(2, "there"), (3, "here")]
