"""Proves the references and the statement of the assignment on cross-entropy against independent oracles."""

from __future__ import annotations

import doctest
import importlib.util
import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis.extra.numpy as hnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from hypothesis import given
from hypothesis import strategies as st
from numpy.exceptions import AxisError
from torch.utils._python_dispatch import TorchDispatchMode

MASTER = Path(__file__).parents[2] / "solutions" / "cross_entropy" / "cross_entropy.py"


def load_master() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cross_entropy_master", MASTER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plt.close("all")  # Other tests find no figure open.
    return module


M = load_master()
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
REDUCTIONS = ["mean", "sum", "none"]
reductions = pytest.mark.parametrize("reduction", REDUCTIONS)
LN2 = math.log(2)


def assert_near(actual: Any, expected: Any, dtype: Any, factor: float = 1) -> None:
    """Dtype and shape exactly; values within 32 eps of the largest expected one, times `factor`.

    The sums have at most some twenty terms, and each step rounds to half an eps of its largest number.
    """
    assert isinstance(actual, np.ndarray | np.generic)
    assert actual.dtype == dtype
    expected = np.asarray(expected, dtype=np.float64)
    assert actual.shape == expected.shape
    finite = np.abs(expected[np.isfinite(expected)])
    atol = 32 * np.finfo(dtype).eps * factor * max(finite.max(initial=0.0), 1e-30)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def unchanged(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of a call, after making sure that it works on read-only inputs: so it cannot modify them."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return function(*args, **kwargs)


def as_tensor(x: Any) -> torch.Tensor:
    """A float64 (or int64) tensor with the numbers of an array."""
    return torch.from_numpy(np.array(x, dtype=np.float64 if np.asarray(x).dtype.kind == "f" else np.int64))


floats = st.sampled_from(["float32", "float64"])
seeds = st.integers(0, 2**32 - 1)


def distributions(rng: Any, shape: tuple[int, ...], axis: int = -1, zeros: float = 0.0, dtype: Any = float) -> Any:
    """Random distributions along an axis, some of their probabilities 0."""
    raw = rng.uniform(0.05, 1, size=shape) * (rng.random(shape) >= zeros)
    first = [slice(None)] * len(shape)
    first[axis] = slice(0, 1)
    raw[tuple(first)] += 0.05  # at least one class is possible
    return (raw / raw.sum(axis, keepdims=True)).astype(dtype)


# Likelihood, surprise, random variables --------------------------------------------------------


@given(hnp.arrays(floats, st.integers(0, 12), elements=st.floats(0.0625, 1, width=32)))
def test_likelihood_is_the_exact_product(p: Any) -> None:
    product = math.prod((Fraction(float(x)) for x in p), start=Fraction(1))
    assert_near(unchanged(M.likelihood, p), float(product), p.dtype)


@given(hnp.arrays(floats, st.integers(1, 40), elements=st.floats(2.0**-100, 1, width=32)))
def test_log_likelihood_is_the_sum_of_logarithms(p: Any) -> None:
    actual = unchanged(M.log_likelihood, p)
    assert actual.dtype == p.dtype
    # Each logarithm and each partial sum rounds to eps of at most the sum itself.
    assert float(actual) == pytest.approx(
        math.fsum(math.log(x) for x in p), rel=64 * float(np.finfo(p.dtype).eps), abs=1e-30
    )


@dtypes
def test_likelihoods_at_the_ends(dtype: Any) -> None:
    p = np.full(1000, 0.1, dtype)
    assert M.likelihood(p) == 0
    assert_near(M.log_likelihood(p), -1000 * math.log(10), dtype, 4)
    assert M.log_likelihood(np.array([0.5, 0], dtype)) == -np.inf
    assert M.log_likelihood(np.ones(3, dtype)) == 0
    for function, expected in ((M.likelihood, 1.0), (M.log_likelihood, 0.0)):
        assert_near(function(np.array([1, 1])), expected, np.float64)


@given(
    hnp.arrays(floats, hnp.array_shapes(min_dims=0, max_dims=3, max_side=3), elements=st.floats(0, 1, width=32)),
    st.sampled_from([math.e, 2, 2.0, 10, 1.5]),
)
def test_surprise_is_the_logarithm_to_the_base(p: Any, base: float) -> None:
    actual = unchanged(M.surprise, p, base)
    expected = [math.inf if x == 0 else -math.log(x) / math.log(base) for x in p.ravel().astype(float)]
    assert_near(actual, np.reshape(expected, p.shape), p.dtype)


def test_surprise_of_powers_of_the_base_is_whole() -> None:
    np.testing.assert_allclose(M.surprise(2.0 ** -np.arange(1, 9), base=2), np.arange(1, 9), rtol=1e-15)
    np.testing.assert_array_equal(M.surprise(np.array([0, 1])), [np.inf, 0], strict=True)


@given(floats, st.integers(1, 12), seeds, st.sampled_from([0.0, 1e6]))
def test_expectation_and_variance_agree_with_rational_arithmetic(dtype: str, n: int, seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    x, p = (shift + rng.normal(size=n)).astype(dtype), distributions(rng, (n,), zeros=0.3, dtype=dtype)
    values, shares = ([Fraction(float(v)) for v in array] for array in (x, p))
    mean = sum(v * s for v, s in zip(values, shares, strict=True))
    size = max(abs(float(v)) for v in values)
    eps = float(np.finfo(dtype).eps)
    actual = unchanged(M.expectation, x, p)
    assert actual.dtype == dtype
    assert float(actual) == pytest.approx(float(mean), abs=32 * eps * size)
    spread = sum(s * (v - mean) ** 2 for v, s in zip(values, shares, strict=True))
    # The mean is off by eps of the values, which enters the distances; their squares are at most 4 size or so.
    off = 32 * eps * size
    actual = unchanged(M.variance, x, p)
    assert actual.dtype == dtype
    assert float(actual) == pytest.approx(float(spread), abs=off * (16 + off) if shift else 64 * eps * (1 + size**2))


def test_variance_of_a_fair_die_and_of_integers() -> None:
    die = {"x": np.arange(1, 7), "p": np.full(6, 1 / 6)}
    assert_near(M.expectation(**die), 3.5, np.float64)
    assert_near(M.variance(**die), 35 / 12, np.float64)
    assert_near(M.variance(np.array([1e8, 1e8 + 1]), np.array([0.5, 0.5])), 0.25, np.float64)


# Entropy, cross-entropy, divergence ------------------------------------------------------------

OF_TWO: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "entropy": (lambda p, q, axis=-1: M.entropy(p, axis=axis), lambda p, q: scipy.special.entr(p)),
    "cross_entropy": (
        lambda p, q, axis=-1: M.cross_entropy(p, q, axis=axis),
        lambda p, q: scipy.special.entr(p) + scipy.special.rel_entr(p, q),
    ),
    "kl_divergence": (
        lambda p, q, axis=-1: M.kl_divergence(p, q, axis=axis),
        lambda p, q: scipy.special.rel_entr(p, q),
    ),
}
of_two = pytest.mark.parametrize("name", OF_TWO)


@of_two
@given(floats, hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), st.data(), seeds, st.sampled_from([0.0, 0.4]))
def test_information_agrees_with_scipy(
    name: str, dtype: str, shape: tuple[int, ...], data: st.DataObject, seed: int, zeros: float
) -> None:
    rng = np.random.default_rng(seed)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    p, q = (distributions(rng, shape, axis, zeros, dtype) for _ in range(2))
    reference, oracle = OF_TWO[name]
    expected = oracle(p.astype(float), q.astype(float)).sum(axis)
    actual = unchanged(reference, p, q, axis=axis)
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    # Differences of numbers of size 4 or less: their eps counts, not that of the result.
    np.testing.assert_allclose(actual, expected, rtol=0, atol=64 * np.finfo(dtype).eps)


@given(seeds, st.integers(1, 6), st.sampled_from([2, 10.0, 1.5]))
def test_bases_rescale_and_the_three_are_consistent(seed: int, c: int, base: float) -> None:
    rng = np.random.default_rng(seed)
    p, q = distributions(rng, (3, c)), distributions(rng, (3, c))
    h, cross, divergence = M.entropy(p), M.cross_entropy(p, q), M.kl_divergence(p, q)
    # A few roundings of numbers below 4.
    near = {"rtol": 0, "atol": 1e-14}
    np.testing.assert_allclose(M.entropy(p, base), h / math.log(base), **near)
    np.testing.assert_allclose(M.cross_entropy(p, q, base), cross / math.log(base), **near)
    np.testing.assert_allclose(h + divergence, cross, **near)
    assert (divergence >= -1e-14).all()
    assert ((h >= -1e-14) & (h <= math.log(c) + 1e-14)).all()
    np.testing.assert_allclose(M.kl_divergence(p, p), 0, **near)
    surprises = [M.expectation(M.surprise(row), row) for row in p]
    np.testing.assert_allclose(surprises, h, **near)


@dtypes
def test_information_at_the_ends(dtype: Any) -> None:
    p = np.array([[1, 0], [0.5, 0.5], [0, 1], [0, 1]], dtype)
    q = np.array([[1, 0], [1, 0], [1, 0], [0.5, 0.5]], dtype)
    assert_near(M.entropy(p, 2), [0, 1, 0, 0], dtype)
    assert_near(M.cross_entropy(p, q, 2), [0, np.inf, np.inf, 1], dtype)
    assert_near(M.kl_divergence(p, q), [0, np.inf, np.inf, LN2], dtype)
    uniform = np.full(1000, 1e-3, dtype)
    assert_near(M.entropy(uniform), math.log(1000), dtype, 10)
    tiny = float(np.finfo(dtype).tiny)
    assert_near(M.cross_entropy(np.array([0.5, 0.5], dtype), np.array([tiny, 1], dtype)), -math.log(tiny) / 2, dtype)


@of_two
def test_information_of_integers_views_and_missing_axes(name: str) -> None:
    reference = OF_TWO[name][0]
    whole = np.array([[1, 0], [0, 1]])
    assert_near(reference(whole, whole), [0.0, 0.0], np.float64)
    rng = np.random.default_rng(0)
    p, q = distributions(rng, (4, 3)).T, distributions(rng, (4, 3)).T
    expected = reference(p.copy(order="C"), q.copy(order="C"), axis=0)
    np.testing.assert_allclose(reference(p, q, axis=0), expected, rtol=1e-14)
    with pytest.raises(AxisError):
        reference(p, q, axis=2)


# Labels ----------------------------------------------------------------------------------------


@given(
    hnp.arrays(
        st.sampled_from(["int64", "int32", "uint8"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements=st.integers(0, 4),
    ),
    st.integers(5, 7),
)
def test_one_hot_agrees_with_torch(labels: Any, num_classes: int) -> None:
    expected = F.one_hot(torch.from_numpy(labels.astype(np.int64)), num_classes).double().numpy()
    np.testing.assert_array_equal(unchanged(M.one_hot, labels, num_classes), expected, strict=True)


def test_one_hot_refuses_labels_that_are_too_large() -> None:
    with pytest.raises(IndexError):
        M.one_hot(np.array([0, 3]), 3)


@given(st.integers(1, 9), st.integers(1, 5), seeds, st.sampled_from(["float32", "float64", "int64"]))
def test_accuracy_is_counted(n: int, c: int, seed: int, dtype: str) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = (2 * rng.normal(size=(n, c))).astype(dtype), rng.integers(0, c, size=n)
    # Python's max returns the first of equal ones.
    right = [max(range(c), key=row.__getitem__) == y for row, y in zip(logits.tolist(), labels.tolist(), strict=True)]
    actual = unchanged(M.accuracy, logits, labels)
    assert actual.dtype == np.float64
    assert actual == pytest.approx(sum(right) / n, abs=1e-15)


# Losses of classes -----------------------------------------------------------------------------


@st.composite
def batches(draw: Callable[..., Any]) -> dict[str, Any]:
    """Options of a loss of classes, with labels that may be ignored; at least one counts."""
    rng = np.random.default_rng(draw(seeds))
    n, c, dtype = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(floats)
    targets = rng.integers(0, c, size=n)
    ignore_index = draw(st.sampled_from([-100, 0, c - 1, 255]))
    if ignore_index in (-100, 255):
        targets[1:][rng.random(n - 1) < 0.3] = ignore_index
    elif c > 1:
        targets[0] = (ignore_index + 1) % c
    else:
        ignore_index = -100
    return {
        "scores": (draw(st.sampled_from([1, 30])) * rng.normal(size=(n, c))).astype(dtype),
        "targets": targets,
        "weight": draw(st.sampled_from([None, rng.uniform(0.1, 3, size=c).astype(dtype)])),
        "ignore_index": ignore_index,
        "reduction": draw(st.sampled_from(REDUCTIONS)),
    }


def torch_options(options: dict[str, Any]) -> dict[str, Any]:
    weight = options["weight"]
    return {**options, "weight": None if weight is None else as_tensor(weight)}


@given(batches())
def test_nll_loss_agrees_with_torch(options: dict[str, Any]) -> None:
    log_probs, targets = M.log_softmax(options.pop("scores")), options.pop("targets")
    actual = unchanged(M.nll_loss, log_probs, targets, **options)
    expected = F.nll_loss(as_tensor(log_probs), as_tensor(targets), **torch_options(options))
    assert_near(actual, expected.numpy(), log_probs.dtype)


@given(batches(), st.sampled_from([0.0, 0.1, 0.7, 1.0]))
def test_cross_entropy_loss_of_labels_agrees_with_torch(options: dict[str, Any], smoothing: float) -> None:
    logits, targets = options.pop("scores"), options.pop("targets")
    actual = unchanged(M.cross_entropy_loss, logits, targets, **options, label_smoothing=smoothing)
    given = torch_options(options)
    expected = F.cross_entropy(as_tensor(logits), as_tensor(targets), **given, label_smoothing=smoothing)
    # Log-probabilities of scores of size 100 may be 0 up to their own rounding.
    assert actual.dtype == logits.dtype
    assert actual.shape == expected.shape
    atol = 64 * np.finfo(logits.dtype).eps * (1 + np.abs(logits).max()) * len(logits)
    np.testing.assert_allclose(actual, expected.numpy(), rtol=0, atol=atol)


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    seeds,
    floats,
    st.booleans(),
    st.sampled_from([0, 0.2]),
    st.sampled_from(REDUCTIONS),
)
def test_cross_entropy_loss_of_probabilities_agrees_with_torch(
    n: int, c: int, seed: int, dtype: str, weighted: bool, smoothing: float, reduction: str
) -> None:
    rng = np.random.default_rng(seed)
    logits, p = (3 * rng.normal(size=(n, c))).astype(dtype), distributions(rng, (n, c), zeros=0.3, dtype=dtype)
    options: dict[str, Any] = {"weight": rng.uniform(0.1, 3, size=c).astype(dtype) if weighted else None}
    options |= {"reduction": reduction, "label_smoothing": smoothing}
    actual = unchanged(M.cross_entropy_loss, logits, p, **options)
    expected = F.cross_entropy(as_tensor(logits), as_tensor(p), **torch_options(options))
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    # Scores of size 12, summed over at most 5 samples.
    np.testing.assert_allclose(actual, expected.numpy(), rtol=0, atol=512 * np.finfo(dtype).eps)


FAR = [[1000.0, 1003.0, 998.0], [-1000.0, -1001.0, -1000.5], [0.0, 40.0, -800.0], [0.0, -1000.0, 1000.0]]
FAR_LABELS = [0, 1, 0, 1]


@dtypes
@reductions
def test_cross_entropy_loss_of_far_scores(dtype: Any, reduction: str) -> None:
    actual = M.cross_entropy_loss(np.array(FAR, dtype), np.array(FAR_LABELS), reduction=reduction)
    expected = F.cross_entropy(torch.tensor(FAR).double(), torch.tensor(FAR_LABELS), reduction=reduction)
    assert_near(actual, expected.numpy(), dtype)
    one = M.cross_entropy_loss(np.array([[0, 100]], dtype), np.array([0]))
    assert_near(one, 100.0, dtype)


@reductions
def test_nll_loss_with_impossible_classes(reduction: str) -> None:
    log_probs = np.log(np.array([[0.5, 0.5, 0.25], [0.25, 0.25, 1.0], [0.75, 0.5, 0.25]]))
    log_probs[1, 0] = log_probs[0, 2] = -np.inf
    for targets in ([1, 2, 0], [1, -100, 0], [2, 1, 0]):
        expected = F.nll_loss(torch.from_numpy(log_probs), torch.tensor(targets), reduction=reduction)
        assert_near(M.nll_loss(log_probs, np.array(targets), reduction=reduction), expected.numpy(), np.float64)


def test_losses_of_nothing_but_ignored_samples_are_nan_as_in_torch() -> None:
    x, y = np.zeros((2, 3)), np.array([-100, -100])
    with np.errstate(invalid="ignore"):
        assert np.isnan(M.nll_loss(x, y))
        assert np.isnan(M.cross_entropy_loss(x, y))
    assert F.cross_entropy(torch.zeros(2, 3), torch.tensor([-100, -100])).isnan()
    assert M.cross_entropy_loss(x, y, reduction="sum") == 0


def test_losses_of_integers_and_other_label_types() -> None:
    x, y = np.array([[-1, -2], [-3, -5]]), np.array([0, 1], dtype=np.uint8)
    assert_near(M.nll_loss(x, y), 3.0, np.float64)
    expected = F.cross_entropy(torch.from_numpy(x).double(), torch.tensor([0, 1])).numpy()
    assert_near(M.cross_entropy_loss(x, y), expected, np.float64)
    assert_near(M.cross_entropy_loss_backward(x, y), M.cross_entropy_loss_backward(x * 1.0, y * 1), np.float64)


@reductions
def test_dtype_follows_the_scores_whatever_that_of_weights_and_probabilities_is(reduction: str) -> None:
    scores, y = np.float32([[-1, -2, -3], [-3, -5, -1]]), np.array([0, 1])
    shares = np.array([[0.5, 0.25, 0.25], [0, 0, 1.0]])
    for weight in (np.array([2, 0, 3]), np.array([2.0, 0.0, 3.0])):
        theirs = {"weight": torch.tensor([2.0, 0.0, 3.0]).double(), "reduction": reduction}
        expected = F.nll_loss(as_tensor(scores), as_tensor(y), **theirs)
        assert_near(M.nll_loss(scores, y, weight, reduction=reduction), expected.numpy(), np.float32)
        for targets in (y, shares):
            expected = F.cross_entropy(as_tensor(scores), as_tensor(targets), **theirs)
            actual = M.cross_entropy_loss(scores, targets, weight, reduction=reduction)
            assert_near(actual, expected.numpy(), np.float32)
        actual = M.bce_with_logits_loss(scores, np.float32(shares), weight, reduction)
        theirs = {"pos_weight": theirs["weight"], "reduction": reduction}
        expected = F.binary_cross_entropy_with_logits(as_tensor(scores), as_tensor(shares), **theirs)
        assert_near(actual, expected.numpy(), np.float32)
    assert M.cross_entropy_loss_backward(scores, shares).dtype == np.float32


@dtypes
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_losses_of_no_samples_are_those_of_torch(reduction: str, dtype: Any) -> None:
    x, y = np.zeros((0, 3), dtype), np.zeros(0, dtype=np.int64)
    for ours, theirs, targets in (
        (M.nll_loss, F.nll_loss, y),
        (M.cross_entropy_loss, F.cross_entropy, y),
        (M.cross_entropy_loss, F.cross_entropy, x),
        (M.bce_loss, F.binary_cross_entropy, x),
        (M.bce_with_logits_loss, F.binary_cross_entropy_with_logits, x),
        (M.kl_div_loss, F.kl_div, x),
    ):
        expected = theirs(as_tensor(x), as_tensor(targets), reduction=reduction)
        assert_near(ours(x, targets, reduction=reduction), expected.numpy(), dtype)
    for backward, targets in ((M.cross_entropy_loss_backward, y), (M.bce_with_logits_loss_backward, x)):
        assert_near(backward(x, targets, "sum"), x, dtype)
    for function in (M.entropy, lambda p: M.cross_entropy(p, p), lambda p: M.kl_divergence(p, p)):
        assert_near(function(x), np.zeros(0), dtype)


def test_log_softmax_twice_changes_nothing() -> None:
    x, y = np.random.default_rng(1).normal(size=(4, 3)), np.array([0, 1, 2, 0])
    once, twice = (M.cross_entropy_loss(logits, y) for logits in (x, M.log_softmax(x)))
    assert_near(twice, once, np.float64)


@given(st.integers(1, 5), st.integers(1, 5), seeds, floats, st.booleans(), st.sampled_from(["mean", "sum"]))
def test_cross_entropy_loss_backward_agrees_with_autograd(
    n: int, c: int, seed: int, dtype: str, soft: bool, reduction: str
) -> None:
    rng = np.random.default_rng(seed)
    logits = (5 * rng.normal(size=(n, c))).astype(dtype)
    targets = distributions(rng, (n, c), zeros=0.3, dtype=dtype) if soft else rng.integers(0, c, size=n)
    leaf = as_tensor(logits).requires_grad_()
    F.cross_entropy(leaf, as_tensor(targets), reduction=reduction).backward()
    actual = unchanged(M.cross_entropy_loss_backward, logits, targets, reduction)
    assert actual.dtype == dtype
    # Probabilities and targets of at most 1, and scores of size 20 in the exponent.
    np.testing.assert_allclose(actual, leaf.grad.numpy(), rtol=0, atol=64 * np.finfo(dtype).eps)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", ["cross_entropy_loss", "bce_with_logits_loss"])
def test_backward_agrees_with_central_differences(name: str, reduction: str) -> None:
    rng = np.random.default_rng(2)
    x, h = rng.normal(size=(3, 4)), 1e-6
    y = np.array([0, 3, 1]) if name == "cross_entropy_loss" else rng.random((3, 4))
    loss, backward = getattr(M, name), getattr(M, f"{name}_backward")
    expected = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        expected[index] = (loss(x + step, y, reduction=reduction) - loss(x - step, y, reduction=reduction)) / (2 * h)
    # Truncation h**2, rounding eps / h times the loss of size 10.
    np.testing.assert_allclose(backward(x, y, reduction), expected, rtol=0, atol=1e-8)


@dtypes
def test_cross_entropy_loss_backward_of_far_scores(dtype: Any) -> None:
    leaf = torch.tensor(FAR, dtype=torch.float64, requires_grad=True)
    F.cross_entropy(leaf, torch.tensor(FAR_LABELS)).backward()
    actual = M.cross_entropy_loss_backward(np.array(FAR, dtype), np.array(FAR_LABELS))
    assert_near(actual, leaf.grad.numpy(), dtype)


# Binary losses ---------------------------------------------------------------------------------


@st.composite
def binary(draw: Callable[..., Any], scores: bool) -> dict[str, Any]:
    """Predictions and labels of any shape."""
    rng = np.random.default_rng(draw(seeds))
    dtype = draw(floats)
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=3))
    y = rng.random(shape) if draw(st.booleans()) else rng.integers(0, 2, size=shape)
    x = draw(st.sampled_from([1, 30, 500])) * rng.normal(size=shape) if scores else rng.random(shape)
    return {"x": np.asarray(x, dtype), "y": np.asarray(y, dtype), "reduction": draw(st.sampled_from(REDUCTIONS))}


@given(binary(scores=False))
def test_bce_loss_agrees_with_torch(inputs: dict[str, Any]) -> None:
    p, y, reduction = inputs["x"], inputs["y"], inputs["reduction"]
    expected = F.binary_cross_entropy(as_tensor(p), as_tensor(y), reduction=reduction)
    # Near p = 1 the logarithm of 1 - p magnifies nothing: both take the same p.
    assert_near(unchanged(M.bce_loss, p, y, reduction), expected.numpy(), p.dtype, 2)


@dtypes
@reductions
def test_bce_loss_of_certain_predictions_is_cut_off_at_100(dtype: Any, reduction: str) -> None:
    p, y = np.array(list(itertools.product([0, 1, 1e-38], [0, 1, 0.5])), dtype).T
    expected = F.binary_cross_entropy(as_tensor(p), as_tensor(y), reduction=reduction)
    assert_near(M.bce_loss(p, y, reduction), expected.numpy(), dtype)
    assert_near(M.bce_loss(np.array([0, 1]), np.array([1, 1]), "none"), [100.0, 0.0], np.float64)


@given(binary(scores=True), st.sampled_from([None, 3.0, 2, "array", "last axis"]))
def test_bce_with_logits_loss_agrees_with_torch(inputs: dict[str, Any], pos_weight: Any) -> None:
    x, y, reduction = inputs["x"], inputs["y"], inputs["reduction"]
    if isinstance(pos_weight, str):
        shape = x.shape if pos_weight == "array" else x.shape[-1:]
        pos_weight = np.random.default_rng(3).uniform(0, 4, size=shape).astype(x.dtype)
    theirs = None if pos_weight is None else as_tensor(np.asarray(pos_weight, dtype=np.float64))
    expected = F.binary_cross_entropy_with_logits(as_tensor(x), as_tensor(y), pos_weight=theirs, reduction=reduction)
    actual = unchanged(M.bce_with_logits_loss, x, y, pos_weight, reduction)
    # The oracle subtracts x * y from x: its rounding is that of x.
    assert actual.dtype == x.dtype
    assert actual.shape == expected.shape
    atol = 32 * np.finfo(x.dtype).eps * max(np.abs(x).max(), 1) * (x.size if reduction == "sum" else 1)
    np.testing.assert_allclose(actual, expected.numpy(), rtol=1e-6 if x.dtype == np.float32 else 1e-14, atol=atol)


FAR_X = [40.0, -40.0, 1000.0, -1000.0, 800.0, -800.0, 0.0, 1e-8]


@dtypes
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_bce_with_logits_loss_of_far_scores(dtype: Any, label: float) -> None:
    x = np.array(FAR_X, dtype)
    y = np.full_like(x, label)
    expected = np.logaddexp(0, x.astype(float) * (1 - 2 * label))
    actual = M.bce_with_logits_loss(x, y, reduction="none")
    # Element by element: the small losses of right predictions are right, too.
    np.testing.assert_allclose(actual, expected, rtol=16 * np.finfo(dtype).eps, atol=float(np.finfo(dtype).tiny))
    assert actual.dtype == dtype


@given(binary(scores=True))
def test_bce_with_logits_loss_backward_agrees_with_autograd(inputs: dict[str, Any]) -> None:
    x, y = inputs["x"], inputs["y"]
    for reduction in ("mean", "sum"):
        leaf = as_tensor(x).requires_grad_()
        F.binary_cross_entropy_with_logits(leaf, as_tensor(y), reduction=reduction).backward()
        actual = unchanged(M.bce_with_logits_loss_backward, x, y, reduction)
        assert actual.dtype == x.dtype
        assert actual.shape == x.shape
        np.testing.assert_allclose(actual, leaf.grad.numpy(), rtol=0, atol=8 * np.finfo(x.dtype).eps)


def test_binary_losses_of_integers() -> None:
    x, y = np.arange(-3, 4), np.arange(7) % 2
    expected = F.binary_cross_entropy_with_logits(torch.from_numpy(x).double(), torch.from_numpy(y).double()).numpy()
    assert_near(M.bce_with_logits_loss(x, y), expected, np.float64)
    expected = M.bce_with_logits_loss_backward(x * 1.0, y * 1.0)
    assert_near(M.bce_with_logits_loss_backward(x, y), expected, np.float64)


# Divergence as a loss --------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
@given(
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=4),
    seeds,
    floats,
    st.sampled_from(["batchmean", "mean", "sum", "none"]),
    st.sampled_from([0.0, 0.4]),
)
def test_kl_div_loss_agrees_with_torch(
    shape: tuple[int, ...], seed: int, dtype: str, reduction: str, zeros: float
) -> None:
    rng = np.random.default_rng(seed)
    p = distributions(rng, shape, zeros=zeros, dtype=dtype)
    log_q = scipy.special.log_softmax(20 * rng.normal(size=shape), axis=-1).astype(dtype)
    expected = F.kl_div(as_tensor(log_q), as_tensor(p), reduction=reduction).numpy()
    actual = unchanged(M.kl_div_loss, log_q, p, reduction)
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    # Terms of size 100, of which some cancel.
    atol = 64 * np.finfo(dtype).eps * max(np.abs(log_q).max(), 1) * len(p)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def test_kl_div_loss_is_the_mean_divergence_and_takes_integers() -> None:
    rng = np.random.default_rng(4)
    p, q = distributions(rng, (5, 3)), distributions(rng, (5, 3))
    np.testing.assert_allclose(M.kl_div_loss(np.log(q), p), M.kl_divergence(p, q).mean(), rtol=1e-13)
    assert_near(M.kl_div_loss(np.array([[-1, -2]]), np.array([[1, 0]])), 1.0, np.float64)


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("nll_loss", ["batchmean", ""]),
        ("cross_entropy_loss", ["batchmean"]),
        ("cross_entropy_loss_backward", ["none", "batchmean"]),
        ("bce_loss", ["batchmean"]),
        ("bce_with_logits_loss", ["batchmean"]),
        ("bce_with_logits_loss_backward", ["none"]),
        ("kl_div_loss", ["elementwise"]),
    ],
)
def test_an_unknown_reduction_is_refused(name: str, others: list[str]) -> None:
    x = np.full((2, 2), 0.5)
    y = np.array([0, 1]) if name.startswith(("nll", "cross")) else x
    for reduction in others:
        with pytest.raises(ValueError, match="reduction must be"):
            getattr(M, name)(x, y, reduction=reduction)


@given(hnp.arrays(floats, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-2000, 2000, width=32)))
def test_given_helpers_agree_with_scipy(x: Any) -> None:
    wide = x.astype(float)
    assert_near(M.log_softmax(x), scipy.special.log_softmax(wide, axis=-1), x.dtype, 1 + np.abs(wide).max())
    assert_near(M.sigmoid(x), scipy.special.expit(wide), x.dtype, 1e30)


# References: torch -----------------------------------------------------------------------------

FLOATS = [torch.float32, torch.float64]
torch_dtypes = pytest.mark.parametrize("dtype", FLOATS, ids=str)


def with_gradients(function: Callable[..., Any], leaf: torch.Tensor, *args: Any, **kwargs: Any) -> list[torch.Tensor]:
    """The value of a loss, and its gradient for the first argument."""
    leaf = leaf.clone().requires_grad_()
    value = function(leaf, *args, **kwargs)
    return [value.detach(), *torch.autograd.grad(value, leaf)]


def assert_same(
    function: Callable[..., Any], oracle: Callable[..., Any], leaf: torch.Tensor, *args: Any, **kw: Any
) -> None:
    """Value and gradient of both; the inputs stay as they were."""
    before = [a.clone() for a in (leaf, *args)]
    actual, expected = with_gradients(function, leaf, *args, **kw), with_gradients(oracle, leaf, *args, **kw)
    tolerance = 32 * torch.finfo(leaf.dtype).eps
    for ours, theirs in zip(actual, expected, strict=True):
        # Also compares shape, dtype and device.
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    for now, then in zip((leaf, *args), before, strict=True):
        assert torch.equal(now, then)


@given(
    hnp.array_shapes(min_dims=2, max_dims=4, max_side=4), st.sampled_from(FLOATS), seeds, st.sampled_from([1, 30, 500])
)
def test_torch_cross_entropy_agrees_with_the_library(
    shape: tuple[int, ...], dtype: torch.dtype, seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    logits = torch.tensor(scale * rng.normal(size=shape), dtype=dtype)
    labels = torch.tensor(rng.integers(0, shape[1], size=(shape[0], *shape[2:])))
    assert_same(M.torch_cross_entropy, F.cross_entropy, logits, labels)
    shares = torch.tensor(distributions(rng, shape, axis=1, zeros=0.3), dtype=dtype)
    assert_same(M.torch_cross_entropy, F.cross_entropy, logits, shares)


@torch_dtypes
def test_torch_cross_entropy_of_far_scores(dtype: Any) -> None:
    logits, labels = torch.tensor(FAR, dtype=dtype), torch.tensor(FAR_LABELS)
    assert_same(M.torch_cross_entropy, F.cross_entropy, logits, labels)
    assert_same(M.torch_cross_entropy, F.cross_entropy, logits, torch.full_like(logits, 1 / 3))
    (_, gradient) = with_gradients(M.torch_cross_entropy, torch.tensor([[0.0, 30.0]]), torch.tensor([0]))
    torch.testing.assert_close(gradient, torch.tensor([[-1.0, 1.0]]))


@given(
    hnp.array_shapes(min_dims=0, max_dims=3, max_side=4), st.sampled_from(FLOATS), seeds, st.sampled_from([1, 30, 500])
)
def test_torch_bce_with_logits_agrees_with_the_library(
    shape: tuple[int, ...], dtype: torch.dtype, seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    oracle = F.binary_cross_entropy_with_logits
    x, soft = (torch.tensor(a, dtype=dtype) for a in (scale * rng.normal(size=shape), rng.random(shape)))
    for y in (soft, soft.round()):
        assert_same(M.torch_bce_with_logits, oracle, x, y)
        for weight in (torch.tensor(3.0, dtype=dtype), torch.tensor(rng.uniform(0, 4, size=shape[-1:]), dtype=dtype)):
            assert_same(M.torch_bce_with_logits, oracle, x, y, pos_weight=weight)


@torch_dtypes
@pytest.mark.parametrize("label", [0.0, 0.5, 1.0])
def test_torch_bce_with_logits_of_far_scores(dtype: Any, label: float) -> None:
    x = torch.tensor(FAR_X, dtype=dtype)
    assert_same(M.torch_bce_with_logits, F.binary_cross_entropy_with_logits, x, torch.full_like(x, label))


def test_torch_losses_pass_gradcheck_and_gradgradcheck() -> None:
    draw = torch.Generator().manual_seed(7)
    x = torch.randn(4, 3, 2, generator=draw, dtype=torch.float64).transpose(0, 2).requires_grad_()  # not contiguous
    y = torch.rand(2, 3, 4, generator=draw, dtype=torch.float64)
    for function in (
        lambda t: M.torch_cross_entropy(t, y.argmax(1)),
        lambda t: M.torch_cross_entropy(t, y / y.sum(1, keepdim=True)),
        lambda t: M.torch_bce_with_logits(t, y, torch.tensor(2.0, dtype=torch.float64)),
    ):
        assert torch.autograd.gradcheck(function, x)
        assert torch.autograd.gradgradcheck(function, x)


def test_torch_losses_of_integers_and_on_another_device() -> None:
    whole, labels = torch.tensor([[0, 1, 3], [2, 2, 5]]), torch.tensor([1, 0])
    torch.testing.assert_close(M.torch_cross_entropy(whole, labels), F.cross_entropy(whole.float(), labels))
    # Tensors without data: whatever leaves their device (item(), numpy(), a new CPU tensor) fails.
    x = torch.empty(2, 3, device="meta")
    for y in (torch.empty(2, dtype=torch.int64, device="meta"), x):
        assert M.torch_cross_entropy(x, y).device.type == "meta"
    assert M.torch_bce_with_logits(x, x, x[0]).device.type == "meta"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_torch_losses_on_cuda_agree_with_the_cpu() -> None:
    logits, labels, x = torch.tensor(FAR).double(), torch.tensor(FAR_LABELS), torch.tensor(FAR_X).double()
    for function, args in ((M.torch_cross_entropy, (logits, labels)), (M.torch_bce_with_logits, (x, x.sigmoid()))):
        cpu = with_gradients(function, *args)
        gpu = with_gradients(function, *(a.cuda() for a in args))
        for ours, theirs in zip(gpu, cpu, strict=True):
            assert ours.is_cuda
            torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-12, atol=1e-12)


def test_torch_losses_use_no_library_version() -> None:
    seen: set[str] = set()

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.add(str(func))
            return func(*args, **(kwargs or {}))

    x = torch.randn(3, 2)
    with Recorder():
        M.torch_cross_entropy(x, torch.tensor([0, 1, 1]))
        M.torch_cross_entropy(x, x.sigmoid())
        M.torch_bce_with_logits(x, x.sigmoid(), x.exp())
    assert "aten.exp.default" in seen
    assert not [op for op in seen if any(word in op for word in ("cross_entropy", "nll", "softmax"))]


# Statement -------------------------------------------------------------------------------------


def test_examples_of_the_docstrings_are_right() -> None:
    result = doctest.testmod(M)
    assert result.attempted == 27
    assert result.failed == 0


def test_further_numbers_of_the_statement_are_right() -> None:
    def near(actual: Any, expected: Any) -> None:
        np.testing.assert_allclose(actual, expected, rtol=0, atol=5.1e-4)  # three decimals

    near(M.log_likelihood(np.full(1000, 0.1)) / 1000, -2.3026)
    near(M.surprise(np.array([1 / 2, 1 / 4, 1 / 8])), [0.693, 1.386, 2.079])
    near(M.entropy(np.array([0.5, 0.25, 0.25])), 1.040)
    rows = np.log([[1 / 2, 1 / 4, 1 / 4], [1 / 8, 1 / 8, 3 / 4]])
    near(M.nll_loss(rows, np.array([1, 0])), 1.733)
    near(M.nll_loss(rows, np.array([1, -100])), 1.386)
    logits, y = np.array([[0, math.log(3)], [0, 0]]), np.array([1, 0])
    near(M.cross_entropy_loss_backward(logits, y, "sum"), [[0.25, -0.25], [-0.5, 0.5]])
    near(M.bce_loss(np.array([0.8, 0.5]), y[::-1] * 0 + [1, 0]), 0.458)
    near(M.bce_with_logits_loss_backward(np.array([math.log(4), 0]), np.array([1, 0]), "sum"), [-0.2, 0.5])
    p = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    q = np.array([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]])
    near(M.kl_div_loss(np.log(q), p, "none"), [[0.347, 0, -0.173], [0, 0, 0]])
    near([M.kl_div_loss(np.log(q), p, r) for r in ("sum", "batchmean", "mean")], [0.173, 0.087, 0.029])


def test_torch_gradients_named_in_the_statement_are_right() -> None:
    value, gradient = with_gradients(M.torch_cross_entropy, torch.tensor([[0.0, math.log(3)]]), torch.tensor([1]))
    torch.testing.assert_close(value, torch.tensor(math.log(4 / 3)))
    torch.testing.assert_close(gradient, torch.tensor([[0.25, -0.25]]))
    x, y = torch.tensor([math.log(4), 0.0]), torch.tensor([1.0, 0.0])
    value, gradient = with_gradients(M.torch_bce_with_logits, x, y)
    torch.testing.assert_close(value, torch.tensor((math.log(1.25) + LN2) / 2))
    torch.testing.assert_close(gradient, torch.tensor([-0.1, 0.25]))


def test_values_follow_from_their_definitions() -> None:
    wins = {model: np.prod(np.full(5, p)) for model, p in (("M", 0.5), ("Q", 0.8))}
    assert pytest.approx(wins) == {"M": M.p_data_m, "Q": M.p_data_q}
    assert max(wins, key=lambda model: wins[model]) == M.better_model
    house, medium = torch.tensor([[1.0, 2.0, -1.0]], dtype=torch.float64), torch.tensor([1])
    assert F.cross_entropy(house, medium).item() == pytest.approx(M.loss_medium_house, rel=1e-14)
    assert float((house.argmax(1) == medium).double().mean()) == M.accuracy_medium_house
    scores = torch.tensor([[1.5, 0, 0], [1, 0, 0]], dtype=torch.float64)
    nll = F.cross_entropy(scores, torch.tensor([0, 0]), reduction="none")
    assert nll[0].item() == pytest.approx(M.nll_of_one_point_five, rel=1e-14)
    assert nll[1].item() == pytest.approx(0.551, abs=5e-4)
    # Accuracy is constant near scores without ties, so its derivative is 0: option c.
    x, y = np.array([[1.0, 2.0, -1.0], [0.3, 0.1, 0.2]]), np.array([1, 2])
    nudges = (1e-6 * e for e in np.eye(6).reshape(6, 2, 3))
    assert {float(M.accuracy(x + nudge, y)) for nudge in nudges} == {0.5}
    assert M.accuracy_gradient == "c"
