"""Sentences for students: golden texts, patterns found and not invented, nothing hidden told."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.values import TensorValue, Unsupported
from autograder.grading.compare import compare
from autograder.grading.explain import render
from autograder.grading.patterns import MAX_PATTERN_SIZE
from autograder.grading.tolerance import allowances
from autograder.messages import Catalogue

from . import values

E23 = np.array([[0.5, 1.5, 2.5], [3.5, 4.5, 5.75]])
TENSOR = TensorValue(np.ones(2), "float64", "cpu")
PARAMETER = TensorValue(np.ones(2), "float64", "cpu", True, "Parameter")
NAN, INF = float("nan"), float("inf")
WANTED = "Expected an array of shape (2, 3) and dtype float64."


def difference(expected, actual, part="output"):
    found = compare({part: expected}, {part: actual}, allowances({part: expected}, None, None))
    assert found is not None
    return found


def hint(expected, actual, part="output"):
    return render(difference(expected, actual, part), "hint", "softmax")


def pattern(expected, actual):
    found = difference(expected, actual)
    return found.pattern and found.pattern.name


def changed(array, index, value):
    copy = array.copy()
    copy[index] = value
    return copy


GOLDEN = {
    "None returned": (
        E23,
        None,
        "softmax returned None: is a `return` statement missing? print() shows a value but does not "
        f"return it. {WANTED}",
    ),
    "generator": (
        E23,
        Unsupported("generator"),
        f"softmax returned a generator: did you write `yield` where `return` is meant? {WANTED}",
    ),
    "subclass": (
        E23,
        Unsupported("Mine"),
        "softmax returned an object of some other class: only numbers, texts, arrays, tensors and "
        f"containers of them count, no subclasses. {WANTED}",
    ),
    "sparse tensor": (
        TENSOR,
        Unsupported("Tensor", "it is not a dense tensor"),
        "softmax returned a tensor that cannot be read: it is not dense, has no data, or is too "
        "large. It is sparse or quantized: use .to_dense() or .dequantize(). Expected a Tensor of "
        "shape (2,) and dtype float64.",
    ),
    "list for an array": (
        E23,
        E23.tolist(),
        "softmax returned a list of 2 items, expected an array of shape (2, 3) and dtype float64. "
        "Make it an array with np.array(...).",
    ),
    "parameter": (
        PARAMETER,
        TENSOR,
        "softmax returned a Tensor, expected a Parameter. Wrap it in torch.nn.Parameter(...).",
    ),
    "structure": (
        (1, 2),
        (1, 2, 3),
        "softmax returned a tuple of 3 items, expected a tuple of 2 items.",
    ),
    "keys": (
        {"a": 1},
        {"b": 1},
        "softmax returned a dict with other keys than expected: see the names in the task.",
    ),
    "shape": (np.ones(3), np.ones((4, 2)), "The output has shape (4, 2), expected (3,)."),
    "array for a number": (
        1.0,
        np.ones(3),
        "softmax returned an array of shape (3,), expected a single number: sum or mean over every axis?",
    ),
    "number for an array": (
        E23,
        1.0,
        "softmax returned a single number, expected an array of shape (2, 3) and dtype float64: "
        "reduced over too many axes?",
    ),
    "dtype": (
        E23,
        E23.astype(np.float32),
        "The output has dtype float32, expected float64. Keep the dtype of the input: constants and "
        "new arrays bring their own.",
    ),
    "device": (
        TensorValue(np.ones(2), "float64", "cuda:0"),
        TENSOR,
        "The output lies on cpu, expected cuda:0. Create new tensors on the device of the input.",
    ),
    "nan": (
        E23,
        changed(E23, (0, 1), NAN),
        "The output contains nan (not a number) where a number is expected. Look for zero divided "
        "by zero, inf - inf, zero times inf, or the logarithm of a negative number.",
    ),
    "no nan": (
        changed(E23, (0, 1), NAN),
        E23,
        "The output has a number where nan (not a number) is expected.",
    ),
    "inf": (
        E23,
        changed(E23, (0, 1), INF),
        "The output contains an infinity where another value is expected. Look for an overflow in "
        "exp, a division by zero or the logarithm of zero.",
    ),
    "no inf": (
        changed(E23, (0, 1), INF),
        E23,
        "The output has another value where an infinity is expected.",
    ),
    "some values": (
        E23,
        changed(E23, (0, 1), 7.25),
        "The output has the right type and shape, but some values are wrong.",
    ),
    "all values": (
        E23,
        -E23,
        "The output has the right type and shape, but all values are wrong. The answer has the "
        "opposite sign: look for a minus too many or one that is missing.",
    ),
    "one number": (0.3, 0.65, "The output has the right type, but the wrong value."),
    "text": ("abc", "abd", "The output is another text than expected."),
    "not comparable": (
        Unsupported("Mine"),
        1,
        "The expected answer cannot be compared. This is a fault of the grader, not yours: tell your instructor.",
    ),
}

GOLDEN_PARTS = {
    "no gradient": (
        "gradient of x",
        TENSOR,
        None,
        "There is no gradient of x: for autograd the result does not depend on it. Look for "
        ".item(), .detach(), .data, float(...), torch.tensor(...) of a tensor, or NumPy on the way.",
    ),
    "input changed": (
        "input x after call 2",
        np.ones(2),
        np.zeros(2),
        "Input x after call 2 is not as expected. Unless the task asks for a change in place, "
        "work on a copy (x.copy() or x.clone()) and avoid +=, x[...] = ... and sort().",
    ),
    "attribute": (
        "attribute v after step 1, step()",
        np.ones(2),
        None,
        "The attribute v after step 1, step() is None. Expected an array of shape (2,) and dtype float64.",
    ),
    "result of a step": (
        "result of step 1, step()",
        np.ones(2),
        Unsupported("method"),
        "softmax (the result of step 1, step()) returned a method: was it meant to be called, with "
        "parentheses? Expected an array of shape (2,) and dtype float64.",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_sentence_at_level_hint(name):
    expected, actual, sentence = GOLDEN[name]
    assert hint(expected, actual) == sentence


@pytest.mark.parametrize("name", GOLDEN_PARTS)
def test_golden_sentence_of_other_parts(name):
    part, expected, actual, sentence = GOLDEN_PARTS[name]
    assert hint(expected, actual, part) == sentence


def test_missing_and_extra_parts():
    missing = compare({"gradient of x": 1}, {}, {})
    assert missing is not None
    assert render(missing, "hint") == "The gradient of x is missing from the answer."
    extra = compare({}, {"smuggled 123": 1}, {})
    assert extra is not None
    assert render(extra, "hint") == "The answer has a part that was not asked for."
    assert render(extra, "full") == "The answer has a part that was not asked for: `smuggled 123`."


def test_level_none_tells_nothing():
    for expected, actual, _ in GOLDEN.values():
        text = render(difference(expected, actual), "none")
        assert text.startswith(("This hidden check failed.", "The expected answer cannot"))


def test_full_shows_the_worst_element():
    actual = changed(changed(E23, (1, 2), 5.25), (0, 0), 0.25)
    assert render(difference(E23, actual), "full") == (
        "The output has the right type and shape, but 2 of 6 values are wrong.\n"
        "Largest error at [1, 2]: expected 5.75, got 5.25 (off by 0.5, allowed 6.54e-13)."
    )


def test_full_shows_as_many_digits_as_the_difference_needs():
    text = render(difference(np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-10])), "full")
    assert "got 2.0000000001" in text


def test_full_of_a_large_array_shows_one_element():
    text = render(difference(np.zeros((3, 7)), changed(np.zeros((3, 7)), (2, 5), 0.25)), "full")
    assert text.splitlines()[1:] == ["Largest error at [2, 5]: expected 0, got 0.25 (off by 0.25, allowed 1.14e-13)."]


def test_full_of_texts_and_keys():
    assert 'Expected "abc", got "ab\\x1b"' in render(difference("abc", "ab\x1b"), "full")
    text = render(difference({"a": 1, "b": 2}, {"a": 1, "c": 2}), "full")
    assert text.endswith("Missing: b. Not expected: c.")


RETURNED, REASONS = (Catalogue().section(name) for name in ("returned", "reasons"))


@pytest.mark.parametrize("type_name", RETURNED)
def test_every_known_class_has_its_own_advice(type_name):
    text = hint(E23, Unsupported(type_name))
    assert RETURNED[type_name] in text
    assert RETURNED[type_name].endswith((".", "?"))


@pytest.mark.parametrize("reason", REASONS)
def test_every_known_reason_is_told(reason):
    assert REASONS[reason] in hint(E23, Unsupported("Tensor", reason + " and more"))


# Patterns.

RNG = np.random.default_rng(5)
M33, M45, V6, T234 = (RNG.normal(size=s) for s in ((3, 3), (4, 5), (6,), (2, 4, 4)))
P45 = np.exp(M45) / np.exp(M45).sum(1, keepdims=True)
P_OTHER = np.exp(M45) / np.exp(M45).sum(0)
M_NEARLY = np.array([[1.0, 1.0], [1.0 + 4e-13, 1.0]])
P_ANOTHER = np.exp(M45**2) / np.exp(M45**2).sum(0)
P_ALL = np.exp(M45) / np.exp(M45).sum()
N6 = np.array([3, 1, 4, 1, 5, 9])

PATTERNS = {
    "all zeros": (V6, V6 * 0, "zeros"),
    "one zero": (0.3, 0.0, "zeros"),
    "sign": (M45, -M45, "sign"),
    "sign of a number": (0.3, -0.3, "sign"),
    "sign with an infinity": (np.array([-INF, 1.5]), np.array([INF, -1.5]), "sign"),
    "constant answer": (V6, V6 * 0 + 0.2, "constant"),
    "transpose": (M33, M33.T, "transpose"),
    "transposed mask": (np.where(M33 > 0, -INF, M33), np.where(M33 > 0, -INF, M33).T, "transpose"),
    "two axes of three": (T234, T234.swapaxes(1, 2), "transpose"),
    "reversed": (V6, V6[::-1], "reversed"),
    "reversed columns": (M45, M45[:, ::-1], "reversed"),
    "one row late": (M45, np.roll(M45, 1, 0), "shifted"),
    "one place early": (V6, np.append(V6[1:], 0.0), "shifted"),
    "softmax along the other axis": (P45, P_OTHER, "axis"),
    "softmax over everything": (P45, P_ALL, "axis"),
    "log_softmax along the other axis": (np.log(P45), np.log(P_OTHER), "axis"),
    "half precision": (V6, V6.astype(np.float16).astype(float), "precision"),
    "single precision": (M45, M45.astype(np.float32).astype(float), "precision"),
    "twice": (M45, 2 * M45, "twice"),
    "half": (M45, M45 / 2, "half"),
    "sum over rows": (M45, M45 * 4, "sum for mean"),
    "mean over columns": (M45, M45 / 5, "mean for sum"),
    "sum over all": (M45, M45 * 20, "sum for mean"),
    "sum over a batch": (M45, M45 * 7, "sum for mean"),
    "mean of a loss": (0.3, 0.3 / 7, "mean for sum"),
    "bits for nats": (V6, V6 / np.log(2), "base of logarithm"),
    "log10": (0.3, 0.3 / np.log(10), "base of logarithm"),
    "degrees": (V6, np.degrees(V6), "degrees"),
    "sample variance": (V6**2, V6**2 * 9 / 8, "degrees of freedom"),
    "sample deviation": (0.3, 0.3 * (10 / 9) ** 0.5, "degrees of freedom"),
    "square": (V6, V6**2, "square"),
    "root": (V6**2 + 1, np.sqrt(V6**2 + 1), "root"),
    "log": (P45, np.log(P45), "logarithm"),
    "exp": (np.log(P45), P45, "exponential"),
    "reciprocal": (V6, 1 / V6, "reciprocal"),
    "complement": (P45, 1 - P45, "complement"),
    "absolute": (V6, np.abs(V6), "absolute"),
    "relu": (V6, np.maximum(V6, 0), "positive"),
    "rounded": (V6 * 9, np.rint(V6 * 9), "rounded"),
    "conjugate": (M33 + 1j * M33, M33 - 1j * M33, "conjugate"),
    "some factor": (M45, 0.37 * M45, "factor"),
    "some large factor": (M45, 5000.5 * M45, "factor"),
    "some offset": (M45, M45 + 0.37, "offset"),
    "off by one": (N6, N6 + 1, "off by one"),
    "off by one, a number": (3, 2, "off by one"),
    "sometimes off by one": (N6, N6 - (N6 > 2), "off by one"),
    "inverted": (np.array([True, False, True]), np.array([False, True, False]), "inverted"),
    "transposed shape": (M45, M45.T, "transpose"),
    "keepdims missing": (M45.sum(1, keepdims=True), M45.sum(1), "axis of length one"),
    "keepdims too many": (M45.sum(1), M45.sum(1, keepdims=True), "axis of length one"),
    "flattened": (M45, M45.ravel(), "reshape"),
    "column met row": (V6[:, None], V6[:, None] - V6, "broadcast"),
    "repeated": (V6, np.tile(V6, (3, 1)), "broadcast"),
    "last row missing": (M45, M45[:-1], "one row"),
    "column too many": (M45[:, 1:], M45, "one row"),
    "list of floats": ([0.1, 0.2, 0.5], [0.2, 0.4, 1.0], "twice"),
    # And none.
    "one wrong element": (M45, changed(M45, (1, 1), 9.0), None),
    "one wrong element of two": ([0.3, 0.7], [0.3, 0.9], None),
    "other numbers": (M45, RNG.normal(size=(4, 5)), None),
    "another number": (0.3, 0.7123, None),
    "small whole numbers": (3.0, 9.0, None),
    "one element has a factor always": (np.array([2.0, 0.0, 0.0]), np.array([0.74, 0.0, 0.0]), None),
    "a transpose of some tolerances": (M_NEARLY, M_NEARLY.T, None),
    "an offset of some tolerances": (V6, V6 + 8e-12, None),
    "a constant is its own shift": (np.array([1.0, 1, 1, 5]), np.array([9.0, 1, 1, 1]), None),
    "another softmax along another axis": (P45, P_ANOTHER, None),
    "labels": (np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1]), None),
    "neighbours beyond float64": (np.array([2**60]), np.array([2**60 + 1]), None),
    "factor or offset": (np.full(3, 2.0), np.full(3, 3.7), None),
    "upper half twice": (M33, M33 + np.triu(M33), None),
    "just above the tolerance": (V6, V6 + 4e-13, None),
    "another shape": (M45, RNG.normal(size=(3, 2)), None),
    "too large": (np.ones(MAX_PATTERN_SIZE + 1), -np.ones(MAX_PATTERN_SIZE + 1), None),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_pattern(name):
    expected, actual, wanted = PATTERNS[name]
    assert pattern(expected, actual) == wanted


#: Patterns in arrays of floats; in float32 n = 9 cannot be told from 8 or 10.
NOISY = [
    (name, dtype)
    for name, (expected, _, wanted) in PATTERNS.items()
    for dtype in ("float32", "float64")
    if wanted not in (None, "precision", *(["degrees of freedom"] if dtype == "float32" else []))
    and isinstance(expected, np.ndarray)
    and expected.dtype == float
]


@pytest.mark.parametrize(("name", "dtype"), NOISY)
def test_pattern_with_the_noise_of_a_dtype(name, dtype):
    """What a student computes is not the change of the reference's rounded numbers to the last bit."""
    expected, actual, wanted = PATTERNS[name]
    noise = 1 + 8 * np.finfo(dtype).eps * np.random.default_rng(0).uniform(-1, 1, actual.shape)
    if wanted in ("zeros", "constant", "rounded"):
        noise = np.ones_like(noise)
    assert pattern(expected.astype(dtype), (actual * noise).astype(dtype)) == wanted


SIZES = st.tuples(st.integers(2, 5), st.integers(2, 5))


@given(SIZES, st.integers(0, 2**32 - 1))
def test_patterns_are_not_invented_for_noise(shape, seed):
    rng = np.random.default_rng(seed)
    expected = rng.normal(size=shape)
    assert pattern(expected, rng.normal(size=shape)) is None
    for size in (1e-10, 1e-7, 1e-3):
        assert pattern(expected, expected + size * rng.normal(size=shape)) is None


@given(
    SIZES,
    st.integers(0, 2**32 - 1),
    st.sampled_from(["sign", "transpose", "reversed", "shifted", "factor", "offset", "square"]),
)
def test_patterns_are_found_on_random_arrays(shape, seed, wanted):
    rng = np.random.default_rng(seed)
    n = max(shape) + 1
    expected = rng.normal(size=(n, n))
    actual = {
        "sign": lambda e: -e,
        "transpose": lambda e: e.T,
        "reversed": lambda e: e[::-1],
        "shifted": lambda e: np.roll(e, -1, 1),
        "factor": lambda e: e * 1.2345,
        "offset": lambda e: e + 1.2345,
        "square": lambda e: e * e,
    }[wanted](expected)
    assert pattern(expected, actual) == wanted


@pytest.mark.parametrize("name", [n for n, row in PATTERNS.items() if row[2]])
def test_text_of_a_pattern_holds_no_number(name):
    expected, actual, _ = PATTERNS[name]
    found = difference(expected, actual).pattern
    assert found is not None
    assert not re.search(r"\d", found.text)
    assert found.text.endswith((".", "?"))


# What may be told at level "hint".

FLOATS = st.floats(allow_nan=True, allow_infinity=True)


@given(values.arrays(), st.data())
def test_hint_tells_no_digit_of_the_values(expected, data):
    actual = data.draw(values.arrays([expected.dtype.name], st.just(expected.shape)))
    for part in ("output", "gradient of x", "input x after the call"):
        allowed = allowances({part: expected}, None, None)
        found = compare({part: expected}, {part: actual}, allowed)
        if found is not None:
            assert not re.search(r"\d", render(found, "hint"))


@given(FLOATS, FLOATS)
def test_hint_tells_no_digit_of_a_number(expected, actual):
    found = compare({"output": expected}, {"output": actual}, {})
    if found is not None:
        assert not re.search(r"\d", render(found, "hint"))


SECRET = "x7391"


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        pytest.param(E23, Unsupported(SECRET), id="class name"),
        pytest.param(E23, Unsupported("Tensor", SECRET), id="reason"),
        pytest.param({"a": 1}, {SECRET: 1}, id="key"),
        pytest.param({SECRET: 1}, {"a": 1}, id="expected key"),
        pytest.param(SECRET, "b", id="expected text"),
        pytest.param("b", SECRET, id="text"),
        pytest.param(TENSOR, TensorValue(np.ones(2), "float64", SECRET), id="device"),
        pytest.param(E23, np.empty((0, 7391_7391)), id="shape"),
        pytest.param(E23, np.empty((0,) * 7 + (739_1739,)), id="shape of many axes"),
        pytest.param(E23, [0] * 17391, id="length"),
    ],
)
def test_hint_tells_nothing_that_code_could_have_chosen(expected, actual):
    found = difference(expected, actual)
    assert "7391" not in render(found, "hint").replace(",", "")
    assert "7391" in render(found, "full").replace(",", "") or found.kind == "device"


def test_shapes_with_very_many_axes_are_not_told():
    assert "has shape (too large to tell), expected" in hint(E23, np.empty((0, 7, 3, 9, 1, 7, 3, 9, 1)))


def test_own_name_of_a_class_is_cut_and_visible_at_level_full():
    text = render(difference(E23, Unsupported("\x1b[2J\u202e" + "A" * 500)), "full")
    assert "\\x1b[2J\\u202eAAA" in text
    assert "A" * 101 not in text
