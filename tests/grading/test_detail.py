"""What a public check shows: inputs, expected and actual arrays, the wrong elements marked."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.course import call, do, ops, steps, tensor, value
from autograder.course.probes import Call
from autograder.course.values import Code, Generator
from autograder.grading.compare import compare
from autograder.grading.detail import detail
from autograder.grading.key import Case
from autograder.grading.tolerance import Allowed
from autograder.records.mark import CheckMark, Detail, Grid


def shown(expected, actual, probe=None, allowed=None, part="output") -> Detail:
    case = Case(probe or call(), {part: expected}, {part: allowed or Allowed()})
    found = detail(case, {part: actual}, compare(case.expected, {part: actual}, case.allowed))
    assert found is not None
    return found


def test_the_wrong_elements_are_marked_and_no_others():
    expected = np.array([[1.0, 2.0, np.nan], [np.inf, 5.0, 6.0]])
    actual = np.array([[1.0, 2.25, np.nan], [-np.inf, 5.0, np.nan]])
    found = shown(expected, actual)
    assert found.expected == Grid((2, 3), (("1", "2", "nan"), ("inf", "5", "6")))
    assert found.actual == Grid((2, 3), (("1", "2.25", "nan"), ("-inf", "5", "nan")))
    assert found.differs == ((False, True, False), (True, False, True))


def test_what_lies_within_the_tolerance_is_not_marked():
    found = shown(np.array([1.0, 2.0]), np.array([1.001, 3.0]), allowed=Allowed(0.01))
    assert found.differs == ((False, True),)


def test_as_many_digits_as_the_difference_needs():
    found = shown(np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-10]))
    assert found.actual is not None
    assert found.actual.rows == (("1", "2.0000000001"),)


@pytest.mark.parametrize("place", [(0, 0), (40, 30), (99, 49)])
def test_of_a_large_array_the_part_around_the_worst_element_is_shown(place):
    expected = np.zeros((100, 50))
    actual = expected.copy()
    actual[place] = 7
    found = shown(expected, actual)
    assert found.actual is not None
    assert found.actual.cut
    assert found.actual.shape == (100, 50)
    assert len(found.actual.rows) <= 6
    assert {len(row) for row in found.actual.rows} == {8}
    assert sum(cell == "7" for row in found.actual.rows for cell in row) == 1
    assert sum(map(sum, found.differs)) == 1


def test_of_an_array_with_many_axes_a_table_is_shown():
    expected = np.zeros((7, 5, 4, 3))
    actual = expected.copy()
    actual[6, 4, 3, 2] = 1
    found = shown(expected, actual)
    assert found.actual is not None
    assert [len(row) for row in found.actual.rows] == [3, 3, 3, 3]
    assert found.differs[3][2]


def test_other_shapes_are_shown_without_marks():
    found = shown(np.zeros((2, 2)), np.ones(3))
    assert (found.expected, found.actual) == (
        Grid((2, 2), (("0", "0"), ("0", "0"))),
        Grid((3,), (("1", "1", "1"),)),
    )
    assert found.differs == ()


def test_an_item_inside_of_a_container_is_found_with_its_tolerance():
    expected = {"output": ([1.0, np.array([1.0, 2.0])], 3.0)}
    actual = {"output": ([1.0, np.array([1.5, 4.0])], 3.0)}
    case = Case(call(), expected, {"output[0][1]": Allowed(1.0)})
    found = detail(case, actual, compare(expected, actual, case.allowed))
    assert found is not None
    assert (found.part, found.differs) == ("output[0][1]", ((False, True),))


@pytest.mark.parametrize("other", [None, "text", 2**200, [1, "a"], np.array(["a", "b"])])
def test_what_is_no_array_of_numbers_is_not_shown(other):
    found = shown(np.zeros(2), other, call(x=np.zeros(2)))
    assert (found.expected, found.actual) == (Grid((2,), (("0", "0"),)), None)
    assert [name for name, _ in found.inputs] == ["x"]


def test_single_integers_are_shown_as_they_are():
    found = shown(3, 2**60 + 1)
    assert (found.expected, found.actual) == (Grid((), (("3",),)), Grid((), ((str(2**60 + 1),),)))
    assert found.differs == ((True,),)


def test_nothing_to_show_is_none():
    assert detail(Case(value(), {"value": 1}, {}), {}, None) is None


def test_inputs_of_every_kind_are_named():
    probe = call(
        np.arange(3),
        tensor([1.5]),
        base=2,
        mode="sum",
        pair=[np.zeros(1), np.ones(1)],
        f=Code("np.exp"),
        g=Generator(5),
    )
    inputs = dict(shown(np.zeros(1), np.ones(1), probe).inputs)
    assert list(inputs) == ["1", "2", "base", "mode", "pair[0]", "pair[1]"]
    assert inputs["1"].rows == (("0", "1", "2"),)
    assert inputs["2"].rows == (("1.5",),)
    assert inputs["mode"].rows == (("'sum'",),)
    few = dict(shown(np.zeros(1), np.ones(1), call(f=Code("np.exp"), g=Generator(5))).inputs)
    assert (few["f"].rows, few["g"].rows) == ((("np.exp",),), (("np.random.default_rng(5)",),))


def test_inputs_of_a_watched_probe_and_of_steps_are_found():
    assert dict(shown(np.zeros(1), np.ones(1), ops(call(x=1.5))).inputs)["x"].rows == (("1.5",),)
    probe = steps(Call((), {"lr": 0.5}), do("step", np.ones(2)))
    assert dict(shown(np.zeros(1), np.ones(1), probe).inputs)["lr"].rows == (("0.5",),)


def test_a_curve_is_sorted_by_its_input_and_leaves_out_what_is_not_finite():
    x = np.array([2.0, -1.0, 0.0])
    curve = shown(np.array([4.0, 1.0, 0.0]), np.array([np.nan, 1.0, np.inf]), call(x=x)).curve
    assert curve is not None
    assert (curve.name, curve.x) == ("x", (-1.0, 0.0, 2.0))
    assert (curve.expected, curve.actual) == ((1.0, 0.0, 4.0), (1.0, None, None))


def test_there_is_no_curve_where_the_answer_has_another_shape_than_the_input():
    assert shown(np.zeros(4), np.ones(4), call(x=np.zeros(5))).curve is None


def test_a_hidden_check_cannot_have_values():
    with pytest.raises(ValueError, match="a hidden check shows no values"):
        CheckMark("title", False, "fail", 0, 100, detail=Detail(part="output"))


@pytest.mark.parametrize("wanted", ["float64", "float32", "float16", "complex128", "int64", "uint8", "bool"])
@pytest.mark.parametrize("given", ["float64", "float32", "float16", "complex128", "int64", "uint8", "bool"])
def test_numbers_of_all_dtypes_can_meet(wanted, given):
    expected, actual = np.array([0, 1, 1, 0]).astype(wanted), np.array([0, 1, 0, 1]).astype(given)
    found = shown(expected, actual, call(x=np.arange(4.0)))
    assert found.differs == ((False, False, True, True),)
    assert (found.curve is not None) == (wanted.startswith("float") and given != "complex128")
