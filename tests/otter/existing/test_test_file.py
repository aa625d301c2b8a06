"""Test files mean what they mean to Otter, which is the oracle."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.otter.existing.test_file import BadTestFile, Case, read_test_file, run_case, with_points

otter = pytest.importorskip("otter.test_files", reason="otter-grader is an extra", exc_type=ImportError)

DECORATED = """\
from otter.test_files import test_case

OK_FORMAT = False
name = "q1"
points = {points}
all_or_nothing = {whole}

@test_case(hidden=True)
def test_two(double):
    assert double(2) == 4

@test_case(name="named", points={own}, hidden=False, success_message="well", failure_message="no")
def test_env(env, missing=3):
    assert missing is None
    assert "double" in env
"""
OK = """\
OK_FORMAT = True
test = {{"name": "q1", "points": {points}, "all_or_nothing": {whole}, "suites": [{{"type": "doctest", "cases": [
    {{"code": ">>> double(2)\\n4", "hidden": False, "success_message": "well"}},
    {{"code": r'''
        >>> x = 1
        >>> double(x)
        3
    ''', "points": {own}}},
]}}]}}
"""


class Names:
    def __init__(self, **names):
        self.names = names

    def find(self, name):
        return self.names.get(name)

    def everything(self):
        return self.names


points = st.one_of(st.none(), st.integers(0, 5), st.floats(0, 5))


@given(st.one_of(points, st.lists(points, min_size=1, max_size=5)), st.lists(points, max_size=5))
def test_points_are_shared_out_as_otter_does(total, given_points):
    from otter.test_files.abstract_test import TestCase, TestFile

    theirs = [TestCase(str(n), "", False, p, None, None) for n, p in enumerate(given_points)]
    ours = [Case(str(n), False, p, None, None, "") for n, p in enumerate(given_points)]
    try:
        expected = [case.points for case in TestFile.resolve_test_file_points(total, theirs)]
    except Exception:
        with pytest.raises(BadTestFile):
            with_points(total, ours)
        return
    assert [case.points for case in with_points(total, ours)] == expected


@pytest.mark.parametrize("text", [DECORATED, OK], ids=["exception format", "OK format"])
@pytest.mark.parametrize("given_points", ["2", "[1, 3]", "None"])
def test_cases_and_outcomes_are_those_of_otter(text, given_points, tmp_path):
    from otter.nbmeta_config import NBMetadataConfig

    source = text.format(points=given_points, whole=True, own=0.5)
    path = tmp_path / "q1.py"
    path.write_text(source, encoding="utf-8")
    theirs = otter.create_test_file(str(path), NBMetadataConfig())
    theirs.run({"double": lambda x: 2 * x})
    ours = read_test_file(source, "tests/q1.py")
    assert ours.all_or_nothing == theirs.all_or_nothing
    for case, their in zip(ours.cases, theirs.test_case_results, strict=True):
        expected = their.test_case
        assert (case.name, case.hidden, case.points) == (expected.name, expected.hidden, expected.points)
        assert (case.success_message, case.failure_message) == (expected.success_message, expected.failure_message)
        assert run_case(case, Names(double=lambda x: 2 * x), "tests/q1.py").passed == their.passed


def test_a_failed_case_tells_what_was_raised_and_in_which_line():
    file = read_test_file(DECORATED.format(points=1, whole=False, own="None"), "tests/q1.py")
    found = run_case(file.cases[0], Names(double=lambda x: x), "tests/q1.py")
    assert (found.passed, found.message, found.line) == (False, "AssertionError", "assert double(2) == 4")


def test_an_exit_in_a_test_fails_one_case():
    def leave(x):
        raise SystemExit

    file = read_test_file(DECORATED.format(points=1, whole=False, own="None"), "tests/q1.py")
    assert not run_case(file.cases[0], Names(double=leave), "tests/q1.py").passed


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = ", "SyntaxError"),
        ("x = 1", "neither a dict `test` nor a `name`"),
        ("import no_such_module", "ModuleNotFoundError"),
        (DECORATED.format(points="[1]", whole=False, own="None"), "`points` lists 1 numbers for 2 cases"),
        (DECORATED.format(points="1", whole=False, own="7"), "its cases have 7 points, more than the 1 of the file"),
        (DECORATED.format(points="'two'", whole=False, own="None"), "points must be numbers"),
        (f"OK_FORMAT = True\ntest = {json.dumps({'name': 'q', 'suites': []})}", "more than one suite"),
        ("test = {'name': 'q', 'suites': [{'type': 'doctest', 'setup': '>>> 1', 'cases': []}]}", "a setup"),
    ],
)
def test_a_file_that_cannot_be_graded_is_refused(source, reason):
    with pytest.raises(BadTestFile, match=reason):
        read_test_file(source, "tests/q1.py")
