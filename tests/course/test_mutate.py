"""Mutants: one change each, inside the marks only, in the author's code only."""

from __future__ import annotations

import ast

import pytest

from autograder.course.marks import MasterText
from autograder.course.mutate import mutants
from autograder.errors import CourseError

MASTER = """\
# %%
import numpy as np

# %%
def f(x, y=1, *, axis: int = 0):
    '''A docstring with 2 numbers.'''
{given}
    # BEGIN SOLUTION
{body}
    # END SOLUTION
"""
CHECKS = """\
from autograder.course import call, call_twice, question
f = question("f", points=1)
@f.check("one", public=True)
def _(rng):
    return call(x=1.0)
@f.check("two")
def _(rng):
    return call_twice(x=rng.normal(size=2))
"""


def names(course, body: str, given: str = "", checks: str = CHECKS) -> list[str]:
    return [mutant.name for mutant in made(course, body, given, checks)]


def made(course, body: str, given: str = "", checks: str = CHECKS):
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    assignment = course.load(MASTER.format(body=lines, given=given), checks)
    return mutants(MasterText(assignment), assignment.question("f"))


@pytest.mark.parametrize(
    ("reference", "changed"),
    [
        ("x + y", ["x", "x - y"]),
        ("x - y", ["x", "x + y"]),
        ("x * y", ["x / y"]),
        ("x ** 2", ["x * 2", "x ** 3", "x ** 0"]),
        ("-x", ["x"]),
        ("x < y", ["x <= y", "x >= y"]),
        ("x == y", ["x != y"]),
        ("x and y", ["x or y"]),
        ("0.5", ["1.5", "0.0"]),
        ("0", ["1"]),
        ("True", ["False"]),
        ("x.sum(axis=axis, keepdims=True)", ["x.mean(axis=axis, keepdims=True)", "x.sum(keepdims=True)",
                                             "x.sum(axis=axis, keepdims=False)"]),
        ("np.clip(x, y, axis)", ["x"]),
        ("x.clip(y)", ["x"]),
        ("np.maximum(x, y)", ["np.minimum(x, y)", "x"]),
        ("np.where(x, y, axis)", ["np.where(x, axis, y)", "y"]),
        ("x if y else axis", ["axis if y else x", "x if not y else axis"]),
        ("f'{x + 1}'", []),
        ("'text'", []),
    ],
)  # fmt: skip
def test_every_expression_is_changed_in_the_ways_of_the_tables(course, reference, changed):
    expected = [f"return {reference} -> return {one}" for one in changed]
    assert sorted(names(course, f"return {reference}")) == sorted(expected)


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ("x = x + y\nreturn x", "x = x + y -> pass"),
        ("x += y\nreturn x", "x += y -> x -= y"),
        ("x += y\nreturn x", "x += y -> pass"),
        ("np.sort(x)\nreturn x", "np.sort(x) -> pass"),
    ],
)
def test_statements_are_left_out_where_the_rest_still_runs(course, body, changed):
    assert changed in names(course, body)


@pytest.mark.parametrize(
    "body",
    [
        "z = x\nreturn z",  # leaving it out would leave z without a value
        "x = np.asarray(x)\nreturn x",  # NumPy converts by itself
        "x, y = np.asarray(x), np.asarray(y)\nreturn x",
        "if x:\n    raise ValueError(f'{x + 1}')\nreturn x",  # no probe asks what is raised
        "with np.errstate(divide='ignore'):\n    return x",
        "z: int = x\nreturn z",
        "return list(zip(x, y, strict=True))",
    ],
)
def test_what_no_check_could_see_is_left_alone(course, body):
    assert names(course, body) == []


def test_only_the_lines_between_the_marks_are_changed(course):
    found = made(course, "return x * y", given="    y = y + 1")
    assert [mutant.name for mutant in found] == ["return x * y -> return x / y"]
    assert "y = y + 1" in found[0].source
    assert "docstring" not in found[0].source


def test_a_mutant_is_a_cell_that_redefines_the_question_and_shows_its_change(course):
    (mutant,) = made(course, "return x * y")
    (definition,) = ast.parse(mutant.source).body
    assert isinstance(definition, ast.FunctionDef)
    assert definition.name == "f"
    assert "-    return x * y\n+    return x / y" in mutant.diff


def test_the_same_change_of_two_equal_lines_has_two_names(course):
    found = names(course, "if y:\n    return x * y\nreturn x * y")
    assert "return x * y -> return x / y" in found
    assert "return x * y -> return x / y (2)" in found


def test_a_mutant_can_be_declared_equivalent_with_a_reason(course):
    declared = CHECKS + 'f.equivalent_mutant("return x * y -> return x / y", reason="y is always 1.")\n'
    (mutant,) = made(course, "return x * y", checks=declared)
    assert mutant.equivalent == "y is always 1."


def test_declaring_a_mutant_that_does_not_exist_is_an_error_of_the_author(course):
    declared = CHECKS + 'f.equivalent_mutant("return x -> return y", reason="Why not?")\n'
    with pytest.raises(CourseError, match=r"solutions/hw/checks.py:9: f has no mutant 'return x -> return y'"):
        made(course, "return x * y", checks=declared)


def test_a_declaration_needs_a_reason(course):
    declared = CHECKS + 'f.equivalent_mutant("return x * y -> return x / y", reason=" ")\n'
    with pytest.raises(CourseError, match=r"the reason why mutant .* is empty"):
        made(course, "return x * y", checks=declared)
