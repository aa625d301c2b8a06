"""What counts as the same answer, what does not, and that nothing makes the comparison raise."""

from __future__ import annotations

import copy
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.course.values import ACCEPTED, TensorValue, Unsupported, tensor
from autograder.grading.compare import compare
from autograder.grading.difference import Difference
from autograder.grading.explain import render
from autograder.grading.tolerance import Allowed, allowances

from . import values

F32, F64 = np.float32, np.float64


def difference(expected, actual, allowed=None, part="output"):
    tolerances = allowances({part: expected}, None, None) if allowed is None else {part: allowed}
    return compare({part: expected}, {part: actual}, tolerances)


def on(device, value=1.0):
    return TensorValue(np.array([value]), "float64", device)


PARAMETER = TensorValue(np.ones(2), "float64", "cpu", True, "Parameter")
TENSOR = TensorValue(np.ones(2), "float64", "cpu")
SCALAR = TensorValue(np.array(1.0), "float64")
NAN, INF = float("nan"), float("inf")

SAME = {
    "None": (None, None),
    "text": ("a", "a"),
    "float and float64": (0.5, F64(0.5)),
    "float64 and float": (F64(0.5), 0.5),
    "float and 0-dim": (0.5, np.array(0.5)),
    "0-dim and float": (np.array(0.5), 0.5),
    "0-dim and float64": (np.array(0.5), F64(0.5)),
    "float32 and float": (F32(0.5), 0.5),
    "float32 0-dim and float": (np.array(0.5, F32), 0.5),
    "float and int": (3.0, 3),
    "float32 and int": (F32(3), 3),
    "int and int32": (3, np.int32(3)),
    "int64 and int": (np.int64(3), 3),
    "int64 and uint8 0-dim": (np.int64(3), np.array(3, np.uint8)),
    "huge ints": (10**400, 10**400),
    "bool and bool_": (True, np.True_),
    "complex64 and complex": (np.complex64(1j), 1j),
    "tuple and list": ((1, 2.0), [1, 2.0]),
    "list and tuple": ([1.0, 2.0], (1.0, F64(2.0))),
    "list of floats with an int": ([1.0, 2.0], [1, 2.0]),
    "empty list and tuple": ([], ()),
    "dict in another order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "dict with a nan key": ({NAN: 1}, {float("nan"): 1}),
    "negative zero": (np.array([0.0]), np.array([-0.0])),
    "nan and inf in their places": (np.array([NAN, INF, -INF]), np.array([NAN, INF, -INF])),
    "nan numbers": (NAN, F64(NAN)),
    "empty": (np.ones((0, 3)), np.ones((0, 3))),
    "transposed view": (np.eye(3)[:2].T, np.ascontiguousarray(np.eye(3)[:2].T)),
    "big endian": (np.arange(3.0), np.arange(3.0).astype(">f8")),
    "no device expected": (on(""), on("cuda:0")),
    "requires_grad": (TENSOR, TensorValue(np.ones(2), "float64", "cpu", True)),
    "bfloat16": (tensor([1.0, NAN], "bfloat16"), tensor([1.0, NAN], "bfloat16")),
    "within tolerance": (np.ones(3), np.ones(3) + 1e-14),
}

DIFFERENT = {
    "None for an array": (np.ones(2), None, "type"),
    "array for None": (None, np.ones(2), "type"),
    "list for an array": (np.ones(2), [1.0, 1.0], "type"),
    "tuple for an array": (np.ones(2), (1.0, 1.0), "type"),
    "tensor for an array": (np.ones(2), TENSOR, "type"),
    "array for a tensor": (TENSOR, np.ones(2), "type"),
    "float for a 0-dim tensor": (SCALAR, 1.0, "type"),
    "0-dim tensor for a float": (1.0, SCALAR, "type"),
    "tensor for a parameter": (PARAMETER, TENSOR, "type"),
    "parameter for a tensor": (TENSOR, PARAMETER, "type"),
    "array for a list": ([1.0, 1.0], np.ones(2), "type"),
    "dict for a list": ([1], {0: 1}, "type"),
    "list for a dict": ({0: 1}, [1], "type"),
    "text for a number": (1.5, "1.5", "type"),
    "number for a text": ("1.5", 1.5, "type"),
    "list for a number": (1.5, [1.5], "type"),
    "generator": (np.ones(2), Unsupported("generator"), "type"),
    "subclass": (np.ones(2), Unsupported("Z"), "type"),
    "object array for an array": (np.ones(2), np.array([None, 1]), "dtype"),
    "text array for a number": (1.0, np.array(["a"]), "type"),
    "int too large for a float": (1.0, 10**400, "type"),
    "tuple too long": ((1, 2), (1, 2, 3), "structure"),
    "tuple too short": ((1, 2), (1,), "structure"),
    "key missing": ({"a": 1, "b": 2}, {"a": 1}, "structure"),
    "key extra": ({"a": 1}, {"a": 1, "b": 2}, "structure"),
    "other key": ({"a": 1}, {"b": 1}, "structure"),
    "row too few": (np.ones((1, 3)), np.ones((0, 3)), "shape"),
    "never broadcast": (np.ones((2, 2)), np.ones((1, 2)), "shape"),
    "number for an array": (np.ones(3), 1.0, "shape"),
    "array of one for a number": (1.0, np.ones(1), "shape"),
    "0-dim for an array of one": (np.ones(1), np.array(1.0), "shape"),
    "tensor of one for 0-dim": (SCALAR, tensor([1.0]), "shape"),
    "float32 for float64": (np.ones(2), np.ones(2, F32), "dtype"),
    "float64 for float32": (np.ones(2, F32), np.ones(2), "dtype"),
    "int array for float": (np.ones(2), np.ones(2, int), "dtype"),
    "int32 array for int64": (np.ones(2, np.int64), np.ones(2, np.int32), "dtype"),
    "complex for float": (np.ones(2), np.ones(2) + 0j, "dtype"),
    "float32 number for float": (1.0, F32(1), "dtype"),
    "float64 number for float32": (F32(1), F64(1), "dtype"),
    "numpy int for float": (1.0, np.int64(1), "dtype"),
    "float for int": (3, 3.0, "dtype"),
    "bool for int": (1, True, "dtype"),
    "int for bool": (True, 1, "dtype"),
    "bool for float": (1.0, True, "dtype"),
    "float for complex": (1j, 1.0, "dtype"),
    "float32 in a list of floats": ([1.0, 2.0], [1.0, F32(2)], "dtype"),
    "bool in a list of floats": ([1.0, 2.0], [True, 2.0], "dtype"),
    "bfloat16 for float16": (tensor([1.0], "float16"), tensor([1.0], "bfloat16"), "dtype"),
    "uint16 bits for bfloat16": (
        tensor([1.0], "bfloat16"),
        TensorValue(np.ones(1, np.int16), "int16"),
        "dtype",
    ),
    "other device": (on("cuda:0"), on("cpu"), "device"),
    "nan for a number": (np.ones(2), np.array([1.0, NAN]), "nan"),
    "number for nan": (np.array([1.0, NAN]), np.ones(2), "nan"),
    "nan in another place": (np.array([1.0, NAN]), np.array([NAN, 1.0]), "nan"),
    "nan before a wrong number": (np.array([1.0, 2.0]), np.array([9.0, NAN]), "nan"),
    "nan for inf": (np.array([INF]), np.array([NAN]), "nan"),
    "inf for a number": (np.ones(2), np.array([1.0, INF]), "inf"),
    "infinite everywhere": (np.ones(2), np.full(2, INF), "inf"),
    "number for inf": (np.array([INF]), np.array([1.7e308]), "inf"),
    "infinity of the other sign": (np.array([INF]), np.array([-INF]), "inf"),
    "complex nan": (np.array([1j]), np.array([complex(NAN, 1)]), "nan"),
    "text": ("abc", "abd", "values"),
    "bool": (True, False, "values"),
    "int": (3, 4, "values"),
    "ints beyond float": (2**60, 2**60 + 1, "values"),
    "int64 beyond float": (np.array([2**60]), np.array([2**60 + 1]), "values"),
    "wide ints": (10**400, 10**400 + 1, "values"),
    "overflow of the difference": (np.array([1.7e308]), np.array([-1.7e308]), "values"),
    "complex part": (np.array([1 + 1j]), np.array([1 - 1j]), "values"),
    "beyond tolerance": (np.ones(3), np.ones(3) + 1e-12, "values"),
    "expected cannot be compared": (Unsupported("generator"), Unsupported("generator"), "not_comparable"),
    "expected object array": (np.array([None]), np.array([None]), "not_comparable"),
}


@pytest.mark.parametrize("name", SAME)
def test_same(name):
    expected, actual = SAME[name]
    assert difference(expected, actual) is None


@pytest.mark.parametrize("name", DIFFERENT)
def test_different(name):
    expected, actual, kind = DIFFERENT[name]
    found = difference(expected, actual)
    assert found is not None
    assert (found.kind, found.part) in {(kind, "output"), (kind, "output[0]"), (kind, "output[1]")}


@pytest.mark.parametrize("word", ["list", "int", "float32", "Parameter", "tuple", "0"], ids=str)
def test_the_rule_is_written_down(word):
    text = ACCEPTED.replace("without axes", "without axes (0-dim)")
    assert word in text


class TestParts:
    def test_first_difference_in_the_order_of_the_expected_parts(self):
        expected = {"b": 1, "a": 2, "c": 3}
        found = compare(expected, {"c": 0, "a": 0, "b": 1}, {})
        assert found is not None
        assert found.part == "a"

    def test_missing_part(self):
        found = compare({"output": 1, "gradient of x": 2}, {"output": 1}, {})
        assert found is not None
        assert (found.kind, found.part) == ("missing", "gradient of x")

    def test_extra_part_comes_last_and_is_made_visible(self):
        found = compare({"output": 1}, {"\x1b": 2, "output": 1}, {})
        assert found is not None
        assert (found.kind, found.part) == ("extra", "\\x1b")

    def test_no_parts_are_equal_and_any_is_extra(self):
        assert compare({}, {}, {}) is None
        assert compare({}, {"output": None}, {}) is not None

    def test_gradient_of_none(self):
        found = difference(TENSOR, None, part="gradient of x")
        assert found is not None
        assert found.kind == "no_gradient"

    @pytest.mark.parametrize("after", [np.zeros(2), np.ones(3), None, np.full(2, NAN)], ids=str)
    def test_changed_input(self, after):
        found = difference(np.ones(2), after, part="input x after call 2")
        assert found is not None
        assert found.kind == "input_changed"

    def test_path_of_a_nested_leaf(self):
        expected = {"loss": [(1, np.ones(2))]}
        found = difference(expected, {"loss": [(1, np.zeros(2))]})
        assert found is not None
        assert found.part == "output['loss'][0][1]"


class TestTolerance:
    def test_is_taken_by_path_and_inherited_by_items(self):
        expected = (np.ones(2), {"a": np.ones(2)})
        actual = (np.ones(2), {"a": np.ones(2) + 0.5})
        assert compare({"o": expected}, {"o": actual}, {"o[1]": Allowed(0.5)}) is None
        assert compare({"o": expected}, {"o": actual}, {"o[0]": Allowed(0.5)}) is not None

    def test_is_relative_to_the_expected_not_to_the_answer(self):
        assert difference(np.array([2.0]), np.array([1.0]), Allowed(0, 0.5)) is None
        assert difference(np.array([1.0]), np.array([2.0]), Allowed(0, 0.5)) is not None

    def test_bound_itself_is_allowed(self):
        assert difference(np.array([0.0]), np.array([0.5]), Allowed(0.5)) is None

    @pytest.mark.parametrize("kind", [int, lambda n: np.array([0, n]), lambda n: [n]], ids=["int", "array", "list"])
    def test_whole_numbers_take_an_absolute_one(self, kind):
        assert difference(kind(3), kind(4), Allowed(1.0)) is None
        assert difference(kind(3), kind(5), Allowed(1.0)) is not None

    def test_no_tolerance_is_exact(self):
        assert compare({"o": 1.0}, {"o": np.nextafter(1.0, 2)}, {}) is not None


def test_worst_element_is_described():
    expected = np.arange(6.0).reshape(2, 3)
    actual = expected.copy()
    actual[0, 1], actual[1, 2] = 1.25, 4.0
    found = difference(expected, actual, Allowed(0.125, 0.0))
    assert found is not None
    assert found.mismatch is not None
    m = found.mismatch
    assert (m.differing, m.total, m.index) == (2, 6, (1, 2))
    assert (m.expected_there, m.actual_there) == (5.0, 4.0)
    assert (m.max_abs_err, m.allowed_there) == (1.0, 0.125)


def test_worst_element_lies_in_a_later_block():
    expected = np.zeros(200_000)
    actual = expected.copy()
    actual[[10, 70_000, 150_000, 199_999]] = [1, 2, 5, 3]
    found = difference(expected, actual)
    assert found is not None
    assert found.mismatch is not None
    assert (found.mismatch.index, found.mismatch.differing) == ((150_000,), 4)


def test_first_nan_of_a_large_array_is_found():
    actual = np.zeros(200_000)
    actual[[70_000, 150_000]] = NAN
    found = difference(np.zeros(200_000), actual)
    assert found is not None
    assert found.mismatch is not None
    assert (found.kind, found.mismatch.index, found.mismatch.differing) == ("nan", (70_000,), 2)


def test_texts_are_compared_at_any_length():
    long = "a" * 2**20
    found = difference(long, long[:-1] + "b")
    assert found is not None
    assert found.mismatch is not None
    assert found.mismatch.index == (2**20 - 1,)
    assert len(str(found.mismatch.actual_there)) <= 100


def deep(levels):
    value: object = 1.0
    for _ in range(levels):
        value = [value]
    return value


def test_nesting_beyond_the_cap_is_no_recursion_error():
    assert difference(deep(50), deep(50)) is None
    found = difference(deep(5000), deep(5000))
    assert found is not None
    assert found.kind == "not_comparable"
    assert len(render(found, "full")) < 1000


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        pytest.param([0.5] * 100_000, [0.5] * 99_999 + [0.25], id="long list of floats"),
        pytest.param(["a"] * 100_000, ["a"] * 99_999 + ["b"], id="long list of texts"),
        pytest.param(dict.fromkeys(range(50_000), 1), dict.fromkeys(range(1, 50_001), 1), id="dict"),
    ],
)
def test_giant_containers_are_compared_in_time(expected, actual):
    start = time.process_time()
    assert difference(expected, expected) is None
    found = difference(expected, actual)
    assert found is not None
    assert len(render(found, "full")) < 2000
    # Comparing every item with every other would take minutes.
    assert time.process_time() - start < 30


def test_sixty_small_parts_cost_little():
    rng = np.random.default_rng(0)
    expected = {f"part {i}": rng.normal(size=(4, 5)) for i in range(60)}
    actual = {k: v * (1 + 2.0**-51) for k, v in expected.items()}
    allowed = allowances(expected, None, None)
    best = min(_seconds(lambda: compare(expected, actual, allowed)) for _ in range(20))
    assert best < 0.010


def _seconds(action):
    start = time.perf_counter()
    assert action() is None
    return time.perf_counter() - start


@given(values.comparable)
def test_every_value_equals_itself(value):
    assert difference(value, copy.deepcopy(value)) is None


@settings(max_examples=300)
@given(values.parts, values.parts, st.booleans())
def test_no_value_makes_it_raise(expected, actual, same_names):
    if same_names:
        actual = dict(zip(expected, actual.values(), strict=False))
    found = compare(expected, actual, allowances(expected, actual, None))
    assert found is None or isinstance(found, Difference)
    if found is not None:
        for reveal in ("none", "hint", "full"):
            text = render(found, reveal)
            assert text
            text.encode("utf-8")
            assert "\x1b" not in text


@given(values.anything, values.anything)
def test_answers_that_are_mixed_up_never_raise(expected, actual):
    for left, right in ((expected, actual), (actual, expected)):
        found = difference(left, right)
        if found is not None:
            assert render(found, "full")


FINITE = {"allow_nan": False, "allow_infinity": False}


@given(
    st.sampled_from(["float32", "float64"]).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(max_dims=3, max_side=5),
            elements=st.floats(-1e6, 1e6, width=32, **FINITE),
        )
    ),
    st.data(),
)
def test_one_changed_element_is_found_and_located(expected, data):
    index = tuple(data.draw(st.integers(0, n - 1)) for n in expected.shape)
    allowed = allowances({"output": expected}, None, None)["output"]
    actual = expected.copy()
    change = data.draw(st.sampled_from([-1, 1])) * data.draw(st.floats(3, 1e6)) * allowed.absolute
    actual[index] += expected.dtype.type(change)
    assume(abs(float(actual[index]) - float(expected[index])) > allowed.absolute)
    found = difference(expected, actual)
    assert found is not None
    assert found.mismatch is not None
    assert (found.kind, found.mismatch.index, found.mismatch.differing) == ("values", index, 1)


@given(values.arrays(["int8", "uint8", "int64", "bool"], hnp.array_shapes(max_dims=3)), st.data())
def test_one_changed_whole_number_is_found(expected, data):
    index = tuple(data.draw(st.integers(0, n - 1)) for n in expected.shape)
    actual = expected.copy()
    actual[index] = not expected[index] if expected.dtype == bool else expected[index] ^ 1
    found = difference(expected, actual)
    assert found is not None
    assert found.mismatch is not None
    assert (found.mismatch.index, found.mismatch.differing) == (index, 1)
