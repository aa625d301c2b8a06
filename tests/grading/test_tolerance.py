"""Honest rewrites of the same mathematics pass; zeros, half, negated, rounded and noisy answers do not.

`REWRITES` are the independent oracle: each computes the same function in another way, so whatever
tolerance they need is one that students need too.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from autograder.course.model import Tolerance
from autograder.course.probes import call
from autograder.course.values import TensorValue, Unsupported, tensor
from autograder.grading.compare import compare
from autograder.grading.tolerance import EXACT, PRECISIONS, Allowed, allowances

DTYPES = ["float64", "float32"]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_softmax(x):
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def log_sum_exp(x):
    m = x.max(-1, keepdims=True)
    return m + np.log(np.exp(x - m).sum(-1, keepdims=True))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_by_cases(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def variance(x):
    return ((x - x.mean(0)) ** 2).mean(0)


def welford(x):
    mean, total = np.zeros_like(x[0]), np.zeros_like(x[0])
    for i, row in enumerate(x, 1):
        delta = row - mean
        mean = mean + delta / x.dtype.type(i)
        total = total + delta * (row - mean)
    return total / x.dtype.type(len(x))


def sum_backwards(x):
    total = np.zeros_like(x[0])
    for row in x[::-1]:
        total = total + row
    return total


def outer_products(x):
    total = np.zeros((len(x), len(x)), x.dtype)
    for column in x.T:
        total = total + np.outer(column, column)
    return total


def layer_norm(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + x.dtype.type(1e-5))


def layer_norm_by_moments(x):
    mean = x.mean(-1, keepdims=True)
    square = (x * x).mean(-1, keepdims=True)
    return (x - mean) * (1 / np.sqrt(square - mean**2 + x.dtype.type(1e-5)))


def softmax_backward(x):
    p, g = softmax(x), x[::-1]
    return p * (g - (g * p).sum(-1, keepdims=True))


def softmax_jacobian(x):
    rows = zip(softmax(x), x[::-1], strict=True)
    return np.stack([(np.diag(p) - np.outer(p, p)) @ g for p, g in rows])


def cross_entropy(x):
    return -log_softmax(x)[np.arange(len(x)), np.arange(len(x)) % x.shape[1]].mean()


def cross_entropy_summed(x):
    losses = [-log_softmax(x)[i, i % x.shape[1]] for i in range(len(x))]
    return x.dtype.type(sum(losses, x.dtype.type(0)) / x.dtype.type(len(x)))


def descent(x):
    y, w = x[:, 0] * 2 + 1, np.zeros(x.shape[1], x.dtype)
    for _ in range(100):
        w = w - x.dtype.type(0.1 / x.shape[1]) * (x.T @ (x @ w - y)) / len(x)
    return w


def descent_precomputed(x):
    y, w = x[:, 0] * 2 + 1, np.zeros(x.shape[1], x.dtype)
    a, b = x.T @ x / len(x), x.T @ y / len(x)
    for _ in range(100):
        w = w - x.dtype.type(0.1 / x.shape[1]) * (a @ w - b)
    return w


REWRITES = {
    "softmax through the log-sum-exp": (softmax, lambda x: np.exp(x - log_sum_exp(x))),
    "softmax without shift": (softmax, lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    "log_softmax through the log-sum-exp": (log_softmax, lambda x: x - log_sum_exp(x)),
    "log of softmax": (log_softmax, lambda x: np.log(softmax(x))),
    "sigmoid by tanh": (sigmoid, lambda x: (np.tanh(x / 2) + 1) / 2),
    "sigmoid by cases": (sigmoid, sigmoid_by_cases),
    "variance by Welford": (variance, welford),
    "one-pass variance": (variance, lambda x: (x * x).mean(0) - x.mean(0) ** 2),
    "sum backwards": (lambda x: x.sum(0), sum_backwards),
    "product by einsum": (lambda x: x @ x.T, lambda x: np.einsum("ik,jk->ij", x, x)),
    "product by outer products": (lambda x: x @ x.T, outer_products),
    "layer norm by moments": (layer_norm, layer_norm_by_moments),
    "softmax backward by Jacobian": (softmax_backward, softmax_jacobian),
    "cross entropy in a loop": (cross_entropy, cross_entropy_summed),
    "gradient descent on products": (descent, descent_precomputed),
}


def drawn(dtype, seed):
    rng = np.random.default_rng(seed)
    n, d = [2, 5, 40, 300][seed % 4], [4, 7, 32][seed % 3]
    return rng.normal(size=(n, d)).astype(dtype)


def other_of(x):
    return x.astype("float32" if x.dtype == np.float64 else "float64")


def verdict(expected, actual, other=None, explicit=None, part="output"):
    allowed = allowances({part: expected}, None if other is None else {part: other}, explicit)
    return compare({part: expected}, {part: actual}, allowed)


@pytest.mark.parametrize("noise", [True, False], ids=["noise measured", "noise unknown"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REWRITES)
def test_honest_rewrites_pass(name, dtype, noise):
    reference, rewrite = REWRITES[name]
    for seed in range(24):
        x = drawn(dtype, seed)
        expected, actual = reference(x), rewrite(x)
        assert np.asarray(actual).dtype == dtype, "the rewrite must stay in its dtype"
        other = reference(other_of(x)) if noise else None
        assert verdict(expected, actual, other) is None, f"seed {seed}"


#: Answers with one number that counts: rounded to float16 it may well stay where it was.
ONE_NUMBER = {"cross entropy in a loop", "gradient descent on products"}


def ulps(e, count):
    noise = np.random.default_rng(1).choice([-1.0, 1.0], size=e.shape)
    return (e * (1 + count * np.finfo(e.dtype).eps * noise)).astype(e.dtype)


WRONG = {
    "zeros": lambda e: np.zeros_like(e),
    "half": lambda e: e / 2,
    "twice": lambda e: e * 2,
    "negated": lambda e: -e,
    "mean for a sum": lambda e: e / e.dtype.type(len(e)),
    "rounded to float16": lambda e: e.astype(np.float16).astype(e.dtype),
    "noise of 1e4 ulp": lambda e: ulps(e, 1e4),
    "infinite": lambda e: np.full_like(e, np.inf),
    "nan": lambda e: np.full_like(e, np.nan),
    "largest number": lambda e: np.full_like(e, np.finfo(e.dtype).max),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", [n for n in REWRITES if n not in ONE_NUMBER])
def test_wrong_answers_fail(name, wrong, dtype):
    reference, _ = REWRITES[name]
    for seed in range(12):
        x = drawn(dtype, seed)
        expected = reference(x)
        found = verdict(expected, WRONG[wrong](expected), reference(other_of(x)))
        assert found is not None, f"seed {seed}"


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e6, 1e30])
@pytest.mark.parametrize("wrong", ["zeros", "half", "negated", "rounded to float16"])
def test_size_of_the_numbers_does_not_matter(scale, wrong):
    expected = np.random.default_rng(3).normal(size=50) * scale
    with np.errstate(over="ignore"):
        assert verdict(expected, WRONG[wrong](expected)) is not None
    assert verdict(expected, expected * (1 + 2.0**-50)) is None


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_rejects_half_and_accepts_neighbours(dtype):
    values = np.random.default_rng(0).normal(size=30)
    expected = tensor(values, dtype)
    eps = PRECISIONS[dtype].eps
    assert verdict(expected, tensor(values * (1 + 2 * eps), dtype)) is None
    for factor in (0.0, 0.5, 0.75, 1.25, -1.0):
        assert verdict(expected, tensor(values * factor, dtype)) is not None, factor


def test_absolute_is_512_units_of_the_largest_finite_element():
    expected = np.array([1.0, -8.0, np.inf, np.nan])
    assert allowances({"output": expected}, None, None) == {"output": Allowed(512 * 2.0**-52 * 8)}


@pytest.mark.parametrize("expected", [np.zeros(3), np.array([np.nan]), np.array([np.inf, -np.inf])])
def test_scale_is_one_where_there_is_no_other(expected):
    assert allowances({"output": expected}, None, None)["output"].absolute == 512 * 2.0**-52


def test_ill_conditioned_rewrites_pass_by_the_noise_of_the_reference():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 6)) + 10
    y = rng.normal(size=40)

    def normal_equations(x, y):
        return np.linalg.solve(x.T @ x, x.T @ y)

    x[:, 1] = x[:, 0] + 1e-3 * x[:, 1]
    expected, actual = normal_equations(x, y), np.linalg.lstsq(x, y, rcond=None)[0]
    other = normal_equations(x.astype(np.float32), y.astype(np.float32))
    assert verdict(expected, actual) is not None
    assert verdict(expected, actual, other) is None
    assert verdict(expected, expected / 2, other) is not None
    assert verdict(expected, expected.astype(np.float16).astype(float), other) is not None


@pytest.mark.parametrize(
    ("dtype", "other_dtype", "factor"),
    [
        ("float64", "float32", 2.0**-29),
        ("float32", "float64", 1.0),
        ("float64", "float64", 1.0),
    ],
)
def test_noise_is_scaled_by_the_ratio_of_the_precisions(dtype, other_dtype, factor):
    expected = np.ones(2, dtype)
    step = 2.0**-40 if dtype == other_dtype else 2.0**-20
    other = np.array([1.0, 1.0 + step], other_dtype)
    allowed = allowances({"output": expected}, {"output": other}, None)["output"].absolute
    assert allowed == 512 * float(np.finfo(dtype).eps) + 32 * step * factor


def test_noise_cannot_make_everything_right():
    for dtype, other in (("float64", "float32"), ("float32", "float64")):
        expected = np.ones(4, dtype)
        overflowed = np.full(4, 1e30, other)
        for wrong in ("zeros", "half", "negated"):
            assert verdict(expected, WRONG[wrong](expected), overflowed) is not None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({}, id="missing"),
        pytest.param({"output": np.ones(3)}, id="other shape"),
        pytest.param({"output": Unsupported("generator")}, id="not comparable"),
        pytest.param({"output": np.array([np.nan, np.inf])}, id="not finite"),
        pytest.param({"output": "text"}, id="text"),
        pytest.param(None, id="none at all"),
    ],
)
def test_an_other_that_tells_nothing_adds_no_noise(other):
    expected = {"output": np.array([1.0, 2.0])}
    assert allowances(expected, other, None) == allowances(expected, None, None)


class TestNumbersOfPython:
    """``loss.item()`` has the type float whatever it was computed in."""

    single = TensorValue(np.ones(3, np.float32), "float32")
    double = TensorValue(np.ones(3), "float64")

    def absolute(self, inputs, other=None, beside=()):
        parts = {"output": (0.1, *beside)}
        theirs = None if other is None else {"output": (other,)}
        return allowances(parts, theirs, None, inputs)["output[0]"].absolute

    def test_they_are_as_coarse_as_the_inputs(self):
        assert self.absolute(call(x=self.single)) == pytest.approx(51.2 * 2.0**-23)
        assert self.absolute(call([self.double])) == pytest.approx(51.2 * 2.0**-52)
        assert self.absolute(call(self.double, y=np.ones(2, np.float32))) > 1e-6

    def test_they_are_as_coarse_as_the_arrays_beside_them(self):
        assert self.absolute(None, beside=(self.single,)) == pytest.approx(51.2 * 2.0**-23)
        assert self.absolute(None, beside=(self.double,)) == pytest.approx(51.2 * 2.0**-52)
        assert self.absolute(None) == pytest.approx(51.2 * 2.0**-52)

    def test_noise_is_that_of_the_run_in_float32(self):
        assert self.absolute(call(self.single), 0.1 + 1e-7) > 9e-6
        assert self.absolute(call(self.double), 0.1 + 1e-7) < 2e-14


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        pytest.param((np.ones(2), 1.0), {"output[0]", "output[1]"}, id="tuple"),
        pytest.param([1.0, 2.0], {"output"}, id="a list of floats is one array"),
        pytest.param((1.0, 2.0), {"output[0]", "output[1]"}, id="a tuple of floats is not"),
        pytest.param({"loss": 1.0, 3: 2}, {"output['loss']", "output[3]"}, id="dict"),
        pytest.param([[np.float32(1)], "a"], {"output[0][0]"}, id="nested"),
        pytest.param(None, set(), id="None"),
        pytest.param(Unsupported("x"), set(), id="unsupported"),
    ],
)
def test_paths_of_leaves(value, paths):
    assert set(allowances({"output": value}, None, None)) == paths


def test_a_history_has_one_scale():
    losses = [1.0, 0.1, 1e-17]
    assert verdict(losses, [1.0, 0.1, 0.0]) is None
    assert verdict(tuple(losses), (1.0, 0.1, 0.0)) is not None


@pytest.mark.parametrize("value", [3, True, np.int32(3), np.arange(3), np.array([True]), "a"])
def test_whole_numbers_booleans_and_texts_are_exact(value):
    assert allowances({"output": value}, None, None).get("output", EXACT) == EXACT


class TestExplicit:
    given = Tolerance("stochastic", relative=0.1, absolute=1.0)

    def test_it_replaces_the_default_for_floats(self):
        noisy = {"output": np.full(2, 1e3, np.float32)}
        assert allowances({"output": np.ones(2)}, noisy, self.given) == {"output": Allowed(1.0, 0.1)}

    def test_whole_numbers_take_the_absolute_part(self):
        assert allowances({"output": np.arange(3)}, None, self.given) == {"output": Allowed(1.0)}

    def test_booleans_and_inputs_stay_exact(self):
        parts = {"output": np.array([True]), "input x after call 1": np.ones(2)}
        assert set(allowances(parts, None, self.given).values()) == {EXACT}


class TestInputsAfterTheCall:
    def test_an_untouched_input_is_exact(self):
        x = np.random.default_rng(0).normal(size=5)
        moved = x.copy()
        moved[0] = np.nextafter(moved[0], 9)
        assert verdict(x, moved, x.astype(np.float32), part="input x after call 1") is not None
        assert verdict(x, x.copy(), x.astype(np.float32), part="input x after call 1") is None

    def test_one_that_the_reference_changes_has_a_tolerance(self):
        x = np.random.default_rng(0).normal(size=5)
        part, expected = "input x after call 2", np.tanh(x)
        other = np.tanh(x.astype(np.float32))
        assert verdict(expected, expected * (1 + 2.0**-51), other, part=part) is None
        assert verdict(expected, x, other, part=part) is not None

    def test_one_with_nan_is_exact(self):
        x = np.array([np.nan, 0.1])
        allowed = allowances({"input x after call 1": x}, {"input x after call 1": x}, None)
        assert allowed == {"input x after call 1": EXACT}


@pytest.mark.parametrize("twin", [0, "a", None, np.float32(0)], ids=str)
def test_an_input_of_another_type_in_the_other_run_is_exact(twin):
    part = "input x after call 1"
    assert allowances({part: 0.5j}, {part: twin}, None) == {part: EXACT}


def test_constants_leave_room_for_both_sides():
    """The promise of the docstring: float16 rounding lies above the tolerance, 1e4 ulp far above."""
    for dtype in ("float64", "float32"):
        share = PRECISIONS[dtype].units * PRECISIONS[dtype].eps
        assert share <= 2.0**-14 < 2.0**-11
        assert 1e4 / PRECISIONS[dtype].units > 19
    assert math.isclose(PRECISIONS["float16"].units * PRECISIONS["float16"].eps, 1 / 64)
