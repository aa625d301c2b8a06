"""Proves the losses assignment: its references and its statement, against oracles that share no code with them."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import itertools
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis.extra.numpy as hnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.optimize
import scipy.special
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.course.load import load_assignment

COURSE = Path(__file__).parents[2]
ASSIGNMENT = load_assignment(COURSE, "losses")


def load_master() -> ModuleType:
    spec = importlib.util.spec_from_file_location("losses_master", ASSIGNMENT.master)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plt.close("all")  # Other tests find no figure open.
    return module


M = load_master()

# Oracles: torch in float64 -----------------------------------------------------------------------


def by_hand(single: Callable[..., Any]) -> Callable[..., Any]:
    """A loss with a reduction from a formula in torch."""

    def loss(*args: Any, reduction: str, **options: Any) -> Any:
        each = single(*args, **options)
        return {"mean": torch.mean, "sum": torch.sum, "none": lambda t: t}[reduction](each)

    return loss


def rmse(x: Any, y: Any, reduction: str) -> Any:
    return F.mse_loss(x, y, reduction=reduction).sqrt()


def focal(x: Any, y: Any, gamma: float = 2.0, alpha: float = 0.25) -> Any:
    """As in torchvision.ops.sigmoid_focal_loss."""
    p = torch.sigmoid(x)
    p_t = p * y + (1 - p) * (1 - y)
    cross_entropy = F.binary_cross_entropy_with_logits(x, y, reduction="none")
    return cross_entropy * (1 - p_t) ** gamma * (alpha * y + (1 - alpha) * (1 - y))


def triplet(a: Any, p: Any, n: Any, margin: float = 1.0, p_norm: float = 2, reduction: str = "mean") -> Any:
    return F.triplet_margin_loss(a, p, n, margin=margin, p=p_norm, reduction=reduction)


def normal(rng: np.random.Generator, shape: Any) -> Any:
    return np.asarray(2 * rng.normal(size=shape))


def signs(rng: np.random.Generator, shape: Any) -> Any:
    return np.asarray(rng.choice([-1, 1], size=shape))


def label_lists(rng: np.random.Generator, shape: tuple[int, int]) -> Any:
    y = rng.permuted(np.tile(np.arange(shape[1]), (shape[0], 1)), axis=1)
    y[np.arange(shape[0]), rng.integers(0, shape[1], size=shape[0])] = -1
    return y


@dataclass(frozen=True)
class Case:
    """A loss: ordinary inputs by drawing functions, its oracle, its options."""

    draws: tuple[Callable[..., Any], ...]
    oracle: Callable[..., Any]
    options: tuple[dict[str, Any], ...] = ({},)
    #: Whether a single loss belongs to a row; the positions of arguments that are always integers.
    rows: bool = False
    integer: tuple[int, ...] = ()

    def inputs(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float64) -> list[Any]:
        drawn = [draw(rng, shape) for draw in self.draws]
        return [a if i in self.integer else a.astype(dtype) for i, a in enumerate(drawn)]

    def tensors(self, inputs: list[Any]) -> list[torch.Tensor]:
        made = [
            torch.tensor(a) if i in self.integer else torch.tensor(a, dtype=torch.float64) for i, a in enumerate(inputs)
        ]
        return [made[0].requires_grad_(), *made[1:]]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((1, 1), (1, 4), (4, 3), (5, 2)) if self.rows else ((), (1,), (5,), (4, 3), (2, 1, 3))


def positive(rng: np.random.Generator, shape: Any) -> Any:
    return np.asarray(rng.uniform(0.1, 3, size=shape))


def counts(rng: np.random.Generator, shape: Any) -> Any:
    return np.asarray(rng.poisson(2.5, size=shape))


def bits(rng: np.random.Generator, shape: Any) -> Any:
    return np.asarray(rng.integers(0, 2, size=shape))


def labels(rng: np.random.Generator, shape: tuple[int, int]) -> Any:
    return rng.integers(0, shape[1], size=shape[0])


def row_signs(rng: np.random.Generator, shape: tuple[int, int]) -> Any:
    return signs(rng, shape[0])


PAIR = (normal, normal)
BETAS = ({}, {"beta": 0.3}, {"beta": 2.5})
DELTAS = ({}, {"delta": 0.3}, {"delta": 2.5})
MARGINS = ({}, {"margin": 0.4}, {"margin": 2.5})
CASES: dict[str, Case] = {
    "l1_loss": Case(PAIR, F.l1_loss),
    "mse_loss": Case(PAIR, F.mse_loss),
    "rmse_loss": Case(PAIR, rmse),
    "smooth_l1_loss": Case(PAIR, F.smooth_l1_loss, BETAS),
    "huber_loss": Case(PAIR, F.huber_loss, DELTAS),
    "log_cosh_loss": Case(PAIR, by_hand(lambda x, y: torch.log(torch.cosh(x - y)))),
    "quantile_loss": Case(
        PAIR,
        by_hand(lambda x, y, q: torch.relu(y - x) * q + torch.relu(x - y) * (1 - q)),
        ({"q": 0.9}, {"q": 0.5}, {"q": 0.05}),
    ),
    "poisson_nll_loss": Case(
        (positive, counts),
        F.poisson_nll_loss,
        ({}, {"log_input": False}, {"full": True}, {"log_input": False, "full": True}),
    ),
    "gaussian_nll_loss": Case((normal, normal, positive), F.gaussian_nll_loss),
    "hinge_loss": Case((normal, signs), by_hand(lambda x, y: torch.relu(1 - x * y))),
    "exponential_loss": Case((normal, signs), by_hand(lambda x, y: torch.exp(-x * y))),
    "soft_margin_loss": Case((normal, signs), F.soft_margin_loss),
    "focal_loss": Case(
        (normal, bits), by_hand(focal), ({}, {"gamma": 0.0}, {"gamma": 1.5, "alpha": 0.6}, {"alpha": 1.0})
    ),
    "hinge_embedding_loss": Case((normal, signs), F.hinge_embedding_loss, MARGINS),
    "margin_ranking_loss": Case((normal, normal, signs), F.margin_ranking_loss, MARGINS),
    "cosine_embedding_loss": Case(
        (normal, normal, row_signs), F.cosine_embedding_loss, ({}, {"margin": 0.3}, {"margin": -0.5}), True
    ),
    "triplet_margin_loss": Case(
        (normal,) * 3, triplet, ({}, {"margin": 0.3}, {"p_norm": 1}, {"p_norm": 3, "margin": 2.0}), True
    ),
    "multi_margin_loss": Case(
        (normal, labels), F.multi_margin_loss, (*MARGINS, {"p": 2}, {"p": 2, "margin": 2.0}), True, (1,)
    ),
    "multilabel_soft_margin_loss": Case((normal, bits), F.multilabel_soft_margin_loss, rows=True),
    "multilabel_margin_loss": Case((normal, label_lists), F.multilabel_margin_loss, rows=True, integer=(1,)),
}
every_loss = pytest.mark.parametrize("name", CASES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
REDUCTIONS = ("mean", "sum", "none")


def assert_near(actual: Any, expected: Any, dtype: Any, scale: float = 1.0) -> None:
    """Dtype and shape exactly; values within 64 eps of the largest: short sums, few operations."""
    assert isinstance(actual, np.ndarray | np.generic)
    assert actual.dtype == dtype
    assert actual.shape == np.shape(expected)
    largest = max(scale, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=64 * np.finfo(dtype).eps * largest)


def assert_agrees(
    name: str, inputs: list[Any], options: dict[str, Any], dtype: Any, rng: Any, scale: float = 1.0
) -> None:
    """The loss and its gradient are those of the oracle, for every reduction; inputs stay as they were."""
    case, before = CASES[name], [a.copy() for a in inputs]
    for reduction in REDUCTIONS:
        tensors = case.tensors(inputs)
        expected = case.oracle(*tensors, **options, reduction=reduction)
        actual = getattr(M, name)(*inputs, **options, reduction=reduction)
        assert_near(actual, expected.detach().numpy(), dtype, scale)
        grad = np.asarray(rng.normal(size=tuple(expected.shape))).astype(dtype)
        (slope,) = torch.autograd.grad(expected, tensors[0], torch.tensor(grad, dtype=torch.float64))
        gradient = getattr(M, f"{name}_backward")(grad, *inputs, **options, reduction=reduction)
        assert_near(gradient, slope.numpy(), dtype, scale)
    default = getattr(M, name)(*inputs, **options)
    np.testing.assert_array_equal(default, getattr(M, name)(*inputs, **options, reduction="mean"), strict=True)
    for array, kept in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, kept, strict=True)


def test_every_loss_of_the_assignment_has_a_case() -> None:
    names = {q.name for q in ASSIGNMENT.questions if q.kind == "np"} - {"best_constant", "ctc_loss"}
    assert names == set(CASES) | {f"{name}_backward" for name in CASES}


@every_loss
@dtypes
def test_loss_and_gradient_agree_with_torch(name: str, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    case = CASES[name]
    for shape, options in itertools.product(case.shapes, case.options):
        # A cosine of vectors of length 1 has no gradient; its rounding is that of cos / length.
        scale = 30.0 if name == "cosine_embedding_loss" else 1.0
        assert_agrees(name, case.inputs(rng, shape, dtype), options, dtype, rng, scale)


@every_loss
@settings(max_examples=20)  # of each of twenty losses
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([0.1, 1.0, 30.0]), data=st.data())
def test_loss_and_gradient_agree_with_torch_on_drawn_sizes(name: str, seed: int, size: float, data: Any) -> None:
    case, rng = CASES[name], np.random.default_rng(seed)
    if case.rows:
        shape = data.draw(st.tuples(st.integers(1, 5), st.integers(2 if name.startswith("cosine") else 1, 5)))
    else:
        shape = tuple(data.draw(st.lists(st.integers(1, 4), max_size=3)))
    inputs = case.inputs(rng, shape)
    inputs[0] = inputs[0] * size
    options = data.draw(st.sampled_from(case.options))
    # exp(60) of the exponential losses beside 1 is judged by the largest; near-parallel vectors lose digits.
    assert_agrees(name, inputs, options, np.float64, rng, scale=1e3)


@every_loss
def test_integers_become_float64_and_follow_float32(name: str) -> None:
    rng, case = np.random.default_rng(2), CASES[name]
    whole = [np.rint(a).astype(int) if i not in case.integer else a for i, a in enumerate(case.inputs(rng, (4, 3)))]
    if name == "gaussian_nll_loss":
        whole[2] += 1
    if name == "cosine_embedding_loss":
        whole[0] += 7  # no vector of zeros
        whole[1] += 9
    floats = [a if i in case.integer else a.astype(float) for i, a in enumerate(whole)]
    options = case.options[0]
    loss, backward = getattr(M, name), getattr(M, f"{name}_backward")
    np.testing.assert_allclose(loss(*whole, **options), loss(*floats, **options), rtol=1e-15, strict=True)
    np.testing.assert_allclose(
        backward(2, *whole, **options), backward(2.0, *floats, **options), rtol=1e-15, strict=True
    )
    mixed = [floats[0].astype(np.float32), *whole[1:]]
    assert loss(*mixed, **options).dtype == np.float32
    assert backward(2.0, *mixed, **options).dtype == np.float32
    assert (
        backward(np.ones(whole[0].shape[: 1 if case.rows else 2]), *mixed, **options, reduction="none").dtype
        == np.float32
    )


@every_loss
def test_gradient_agrees_with_central_differences(name: str) -> None:
    rng, case = np.random.default_rng(3), CASES[name]
    inputs, options, h = case.inputs(rng, (3, 4)), case.options[-1], 1e-6
    grad = rng.normal(size=getattr(M, name)(*inputs, **options, reduction="none").shape)
    expected = np.zeros((3, 4))
    for index in np.ndindex(3, 4):
        ends = []
        for sign in (1, -1):
            moved = [inputs[0].copy(), *inputs[1:]]
            moved[0][index] += sign * h
            ends.append((grad * getattr(M, name)(*moved, **options, reduction="none")).sum())
        expected[index] = (ends[0] - ends[1]) / (2 * h)
    actual = getattr(M, f"{name}_backward")(grad, *inputs, **options, reduction="none")
    # Truncation h**2, rounding eps / h times losses of up to 100; no drawn number lies within h of a kink.
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7)


@every_loss
def test_layout_of_the_input_does_not_matter(name: str) -> None:
    rng, case = np.random.default_rng(4), CASES[name]
    inputs = case.inputs(rng, (4, 3))
    views = [np.asfortranarray(np.repeat(a, 2, axis=0))[::2] for a in inputs]
    for view in views:
        view.flags.writeable = False
    for reduction in REDUCTIONS:
        options = {**case.options[0], "reduction": reduction}
        np.testing.assert_allclose(
            getattr(M, name)(*views, **options), getattr(M, name)(*inputs, **options), rtol=1e-14
        )
        grad = np.ones(np.shape(getattr(M, name)(*inputs, **options)))
        backward = getattr(M, f"{name}_backward")
        np.testing.assert_allclose(backward(grad, *views, **options), backward(grad, *inputs, **options), rtol=1e-13)


@every_loss
@dtypes
def test_no_samples_have_no_losses_and_the_sum_0(name: str, dtype: Any) -> None:
    case = CASES[name]
    shape = (0, 3) if case.rows else (0,)
    inputs = case.inputs(np.random.default_rng(5), shape, dtype)
    options = case.options[-1]
    loss, backward = getattr(M, name), getattr(M, f"{name}_backward")
    assert_near(loss(*inputs, **options, reduction="none"), np.zeros(0), dtype)
    assert_near(loss(*inputs, **options, reduction="sum"), 0.0, dtype)
    for grad, reduction in ((np.zeros(0, dtype), "none"), (2.0, "sum")):
        assert_near(backward(grad, *inputs, **options, reduction=reduction), np.zeros(shape), dtype)


@every_loss
def test_an_unknown_reduction_raises(name: str) -> None:
    case = CASES[name]
    inputs = case.inputs(np.random.default_rng(5), (2, 3))
    for function, arguments in ((name, inputs), (f"{name}_backward", [1.0, *inputs])):
        with pytest.raises(ValueError, match="reduction must be"):
            getattr(M, function)(*arguments, **case.options[0], reduction="batchmean")


A = np.array
FAR = A([1e200, -3e200])
ZERO = np.zeros(2)
LN2 = math.log(2)


@pytest.mark.parametrize(
    ("name", "args", "each", "slope"),
    [
        ("l1_loss", (FAR, ZERO), [1e200, 3e200], [1, -1]),
        ("l1_loss", (A([2.0, 3.0]), A([2.0, 1.0])), [0, 2], [0, 1]),
        ("mse_loss", (A([1e120, -2.0]), ZERO), [1e240, 4], [2e120, -4]),
        ("rmse_loss", (A([0.0, -3.0]), ZERO), [0, 3], [0, -1]),
        ("smooth_l1_loss", (FAR, ZERO), [1e200, 3e200], [1, -1]),
        ("huber_loss", (FAR, ZERO), [1e200, 3e200], [1, -1]),
        ("log_cosh_loss", (FAR, ZERO), [1e200, 3e200], [1, -1]),
        ("log_cosh_loss", (A([1000.0, 0.0]), ZERO), [1000 - LN2, 0], [1, 0]),
        ("quantile_loss", (A([2.0, 3.0]), A([2.0, 1.0]), 0.75), [0, 0.5], [0, 0.25]),
        ("poisson_nll_loss", (A([-800.0, 0.0]), A([0.0, 5.0])), [0, 1], [0, -4]),
        ("poisson_nll_loss", (ZERO, A([0.0, 1.0]), False), [0, 8 * math.log(10)], [1, 1 - 1e8]),
        (
            "gaussian_nll_loss",
            (A([1.0, 2.0]), A([1.0, 1.0]), ZERO),
            [-3 * math.log(10), 5e5 - 3 * math.log(10)],
            [0, 1e6],
        ),
        ("hinge_loss", (A([1.0, -1e300]), A([1, 1])), [0, 1e300], [0, -1]),
        ("exponential_loss", (A([700.0, 700.0]), A([-1, 1])), [math.exp(700), 0], [math.exp(700), 0]),
        ("soft_margin_loss", (A([1000.0, -1000.0]), A([1, 1])), [0, 1000], [0, -1]),
        ("focal_loss", (A([1000.0, 1000.0]), A([1, 0]), 0.5), [0, 750], [0, 0.75]),
        ("hinge_embedding_loss", (A([1.0, -5.0]), A([-1, 1])), [0, -5], [0, 1]),
        ("margin_ranking_loss", (A([1.0, 3.0]), A([1.0, 4.0]), A([1, 1])), [0, 1], [0, -1]),
        ("multi_margin_loss", (A([[1.0, 0.0], [1e300, 0.0]]), A([0, 1])), [0, 5e299], [[0, 0], [0.5, -0.5]]),
        ("multilabel_soft_margin_loss", (A([[1000.0, -1000.0]]), A([[1, 1]])), [500], [[0, -0.5]]),
        ("multilabel_margin_loss", (A([[1.0, 0.0], [0.0, 9.0]]), A([[0, -1], [0, 1]])), [0, 0], [[0, 0], [0, 0]]),
    ],
)
def test_extremes_and_kinks_have_their_closed_form(name: str, args: Any, each: Any, slope: Any) -> None:
    np.testing.assert_allclose(getattr(M, name)(*args, reduction="none"), each, rtol=1e-14, atol=1e-300)
    backward = getattr(M, f"{name}_backward")(np.ones(len(each)), *args, reduction="none")
    np.testing.assert_allclose(backward, slope, rtol=1e-14, atol=1e-300)


def test_rmse_of_perfect_predictions_has_gradient_0() -> None:
    x = np.ones(3)
    for reduction in ("mean", "sum"):
        np.testing.assert_array_equal(M.rmse_loss_backward(1.0, x, x, reduction=reduction), np.zeros(3))


def test_a_vector_of_zeros_has_cosine_0_as_in_torch() -> None:
    x1, x2, y = np.zeros((2, 3)), np.ones((2, 3)), A([1, -1])
    expected = F.cosine_embedding_loss(*map(torch.tensor, (x1, x2, y)), margin=-0.25, reduction="none")
    np.testing.assert_array_equal(M.cosine_embedding_loss(x1, x2, y, margin=-0.25, reduction="none"), expected.numpy())


def test_equal_triples_have_the_gradient_of_torch() -> None:
    a, p, n = A([[1.0, 2.0]]), A([[1.0, 2.0]]), A([[1.5, 2.0]])
    leaf = torch.tensor(a, requires_grad=True)
    F.triplet_margin_loss(leaf, torch.tensor(p), torch.tensor(n)).backward()
    assert leaf.grad is not None
    # The difference of 1e-6 keeps 10 digits.
    np.testing.assert_allclose(M.triplet_margin_loss_backward(1.0, a, p, n), leaf.grad.numpy(), rtol=1e-9)


@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-5, 5), scale=st.floats(0.5, 4))
def test_relatives_agree(seed: int, shift: float, scale: float) -> None:
    """Identities between the losses, for all inputs."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 6)) + shift
    sign = signs(rng, 6)

    def same(first: Any, second: Any) -> None:
        np.testing.assert_allclose(first, second, rtol=1e-11, atol=1e-11)

    same(M.huber_loss(x, y, scale), scale * M.smooth_l1_loss(x, y, scale))
    same(M.quantile_loss(x, y, 0.5), M.l1_loss(x, y) / 2)
    same(M.rmse_loss(x, y) ** 2, M.mse_loss(x, y))
    same(M.focal_loss(x, (sign + 1) / 2, gamma=0, alpha=0.5), M.soft_margin_loss(x, sign) / 2)
    same(M.margin_ranking_loss(x, 0 * x, sign, margin=1.0), M.hinge_loss(x, sign))
    same(M.exponential_loss(x, sign), np.expm1(M.soft_margin_loss(x, sign, reduction="none")).mean())
    two = np.stack([x, 0 * x], 1)
    same(2 * M.multi_margin_loss(two, (1 - sign) // 2), M.hinge_loss(x, sign))
    same(M.l1_loss(x, y, "sum"), 6 * M.l1_loss(x, y))


@given(
    hnp.arrays(
        st.sampled_from(["float32", "float64", "int64", "uint8"]), st.integers(1, 9), elements=st.integers(0, 200)
    )
)
def test_best_constant_is_mean_or_median_of_exact_numbers(y: Any) -> None:
    exact = [Fraction(v) for v in y.tolist()]
    for loss, expected in (("mse", statistics.mean(exact)), ("mae", statistics.median(exact))):
        assert_near(M.best_constant(y, loss), float(expected), y.dtype if y.dtype.kind == "f" else np.float64)


def test_best_constant_minimises_the_loss() -> None:
    rng = np.random.default_rng(6)
    for n in (1, 2, 5, 8):
        y = rng.normal(size=n)
        for loss, of in (("mse", M.mse_loss), ("mae", M.l1_loss)):
            best = M.best_constant(y, loss)
            found = scipy.optimize.minimize_scalar(lambda c, of=of, y=y: of(np.full(len(y), c), y), bounds=(-4, 4))
            assert of(np.full(n, best), y) <= found.fun + 1e-12
    assert M.best_constant(A([4.0, 1.0, 3.0, 9.0]), "mae") == 3.5
    assert M.best_constant(A([4, 1, 3, 9]), "mse") == 4.25
    assert M.best_constant(A([1, 2], np.float32), "mae").dtype == M.best_constant(A([1, 2], np.float32), "mse").dtype
    with pytest.raises(ValueError, match="loss must be"):
        M.best_constant(A([1.0]), "rmse")


# References: torch -------------------------------------------------------------------------------


def torch_inputs(name: str, shape: Any, dtype: Any, seed: int = 7, size: float = 1) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    arrays = [size * normal(rng, shape) for _ in range(3 if "triplet" in name else 2)]
    if "focal" in name:
        arrays[1] = bits(rng, shape)
    return [torch.tensor(a, dtype=dtype) for a in arrays]


TORCH: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "torch_smooth_l1": (lambda x, y, b=1.0: F.smooth_l1_loss(x, y, beta=b), ((), (0.4,), (3.0,)), 2),
    "torch_triplet_margin": (lambda a, p, n, m=1.0: F.triplet_margin_loss(a, p, n, margin=m), ((), (0.3,), (3.0,)), 3),
    "torch_focal": (lambda x, y, g, a: focal(x, y, g, a).mean(), ((2.0, 0.25), (0.0, 0.5), (1.5, 0.9)), 1),
}
on_torch = pytest.mark.parametrize("name", TORCH)


@on_torch
@given(
    dtype=st.sampled_from([torch.float32, torch.float64]),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([0.2, 1.0, 10.0]),
)
def test_torch_values_and_gradients_agree_with_the_library(
    name: str, dtype: Any, shape: tuple[int, int], seed: int, size: float
) -> None:
    oracle, options, leaves = TORCH[name]
    for option in options:
        drawn = torch_inputs(name, shape, dtype, seed, size)
        results = []
        for function, width in ((getattr(M, name), dtype), (oracle, torch.float64)):
            inputs = [t.to(width).clone().requires_grad_(i < leaves) for i, t in enumerate(drawn)]
            out = function(*inputs, *option)
            results.append((out, torch.autograd.grad(3 * out, inputs[:leaves])))
            assert all(torch.equal(t, g.to(width)) for t, g in zip(inputs, drawn, strict=True))
        (actual, gradients), (expected, wanted) = results
        assert actual.dtype == dtype
        assert actual.shape == ()
        tolerance = 64 * torch.finfo(dtype).eps
        torch.testing.assert_close(actual.double(), expected, rtol=tolerance, atol=tolerance)
        for g, w in zip(gradients, wanted, strict=True):
            torch.testing.assert_close(g.double(), w, rtol=tolerance, atol=tolerance)


@on_torch
def test_torch_agrees_with_numpy_and_passes_gradcheck(name: str) -> None:
    options = TORCH[name][1][-1]
    inputs = torch_inputs(name, (3, 4), torch.float64)
    twin = {
        "torch_smooth_l1": M.smooth_l1_loss,
        "torch_triplet_margin": M.triplet_margin_loss,
        "torch_focal": M.focal_loss,
    }
    actual = getattr(M, name)(*inputs, *options)
    np.testing.assert_allclose(actual.numpy(), twin[name](*(t.numpy() for t in inputs), *options), rtol=1e-13)
    strided = [t.repeat(2, 1)[::2].requires_grad_(i < TORCH[name][2]) for i, t in enumerate(inputs)]
    assert torch.autograd.gradcheck(lambda *t: getattr(M, name)(*t, *options), strided)
    # A tensor without data: whatever leaves its device (item(), numpy(), a new CPU tensor) fails.
    assert getattr(M, name)(*(t.to("meta") for t in inputs), *options).device.type == "meta"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@on_torch
def test_torch_on_cuda_agrees_with_the_cpu(name: str) -> None:
    results = []
    for device in ("cpu", "cuda"):
        inputs = [t.to(device).requires_grad_() for t in torch_inputs(name, (4, 3), torch.float64)]
        out = getattr(M, name)(*inputs, *TORCH[name][1][-1])
        assert out.device == inputs[0].device
        (gradient,) = torch.autograd.grad(out, inputs[:1])
        results.append((out.detach().cpu(), gradient.cpu()))
    torch.testing.assert_close(results[1], results[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_torch_gradients_of_extreme_inputs_are_those_of_numpy(gamma: float) -> None:
    logits, y = A([1000.0, -1000.0, 900.0, 0.3]), A([1.0, 1.0, 0.0, 1.0])
    leaf = torch.tensor(logits, requires_grad=True)
    M.torch_focal(leaf, torch.tensor(y), gamma, 0.25).backward()
    np.testing.assert_allclose(leaf.grad.numpy(), M.focal_loss_backward(1.0, logits, y, gamma), rtol=1e-13)
    far = torch.tensor([1e200, -1e200, 0.2], dtype=torch.float64, requires_grad=True)
    M.torch_smooth_l1(far, torch.zeros(3, dtype=torch.float64)).backward()
    np.testing.assert_allclose(far.grad.numpy(), A([1, -1, 0.2]) / 3, rtol=1e-15)
    triple = [torch.tensor([[1.0, 2.0]], requires_grad=True) for _ in range(2)]
    M.torch_triplet_margin(*triple, torch.tensor([[1.5, 2.0]])).backward()
    assert all(t.grad is not None and t.grad.isfinite().all() for t in triple)


@on_torch
def test_torch_uses_no_loss_of_the_library(name: str) -> None:
    seen: set[str] = set()

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.add(str(func))
            return func(*args, **(kwargs or {}))

    with Recorder():
        getattr(M, name)(*torch_inputs(name, (2, 3), torch.float64), *TORCH[name][1][-1])
    assert seen
    assert not [op for op in seen if "loss" in op or "pairwise" in op]


# Extra credit ------------------------------------------------------------------------------------


def speech(rng: np.random.Generator, t: int, n: int, c: int, s: int, blank: int = 0) -> tuple[Any, Any]:
    log_probs = scipy.special.log_softmax(2 * rng.normal(size=(t, n, c)), axis=-1)
    return log_probs, rng.choice([k for k in range(c) if k != blank], size=(n, s))


@dtypes
@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ctc_agrees_with_torch(blank: int, reduction: str, dtype: Any) -> None:
    rng = np.random.default_rng(8)
    for t, n, c, s in ((1, 1, 3, 1), (6, 3, 3, 3), (12, 5, 4, 4), (5, 2, 3, 0)):
        log_probs, targets = speech(rng, t, n, c, s, blank)
        log_probs = log_probs.astype(dtype)
        lengths = rng.integers(max(1, min(t, 2 * s)), t + 1, size=n), rng.integers(0, s + 1, size=n)
        before = log_probs.copy(), targets.copy()
        actual = M.ctc_loss(log_probs, targets, *lengths, blank=blank, reduction=reduction)
        wide = torch.tensor(log_probs, dtype=torch.float64)
        expected = F.ctc_loss(wide, *map(torch.tensor, (targets, *lengths)), blank=blank, reduction=reduction)
        assert_near(actual, expected.numpy(), dtype, 10)
        np.testing.assert_array_equal(log_probs, before[0], strict=True)
        np.testing.assert_array_equal(targets, before[1], strict=True)


@given(seed=st.integers(0, 2**32 - 1), t=st.integers(1, 4), s=st.integers(0, 3))
def test_ctc_adds_up_all_paths(seed: int, t: int, s: int) -> None:
    log_probs, targets = speech(np.random.default_rng(seed), t, 1, 3, s)
    total = 0.0
    for path in itertools.product(range(3), repeat=t):
        if [k for k, _ in itertools.groupby(path) if k != 0] == list(targets[0]):
            total += math.exp(sum(log_probs[i, 0, k] for i, k in enumerate(path)))
    actual = M.ctc_loss(log_probs, targets, A([t]), A([s]), reduction="sum")
    np.testing.assert_allclose(actual, -math.log(total) if total else np.inf, rtol=1e-12, atol=1e-12)


def test_ctc_of_impossible_targets_is_inf_and_long_ones_do_not_underflow() -> None:
    rng = np.random.default_rng(9)
    log_probs, _ = speech(rng, 3, 2, 4, 3)
    targets = A([[1, 1, 1], [1, 2, 3]])
    actual = M.ctc_loss(log_probs, targets, A([3, 3]), A([3, 3]), reduction="none")
    assert actual[0] == np.inf
    np.testing.assert_allclose(actual[1], -log_probs[[0, 1, 2], 1, [1, 2, 3]].sum(), rtol=1e-13)
    log_probs, targets = speech(rng, 600, 2, 9, 30)
    lengths = A([600, 550]), A([30, 25])
    expected = F.ctc_loss(*map(torch.tensor, (log_probs, targets, *lengths)), reduction="none")
    np.testing.assert_allclose(M.ctc_loss(log_probs, targets, *lengths, reduction="none"), expected.numpy(), rtol=1e-12)
    with pytest.raises(ValueError, match="reduction must be"):
        M.ctc_loss(log_probs, targets, *lengths, reduction="max")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("cutoffs", "classes"), [([3], 7), ([2, 5], 9), ([1, 4, 6], 12)])
def test_adaptive_log_softmax_agrees_with_the_module(cutoffs: list[int], classes: int, dtype: Any) -> None:
    torch.manual_seed(0)
    module = torch.nn.AdaptiveLogSoftmaxWithLoss(8, classes, cutoffs, div_value=2.0).to(dtype)
    tails = [(tail[0].weight.detach(), tail[1].weight.detach()) for tail in module.tail]
    head = module.head.weight.detach().clone().requires_grad_()
    generator = torch.Generator().manual_seed(10)
    for targets in (torch.arange(classes), torch.tensor([0]), torch.full((4,), classes - 1)):
        x = torch.randn(len(targets), 8, generator=generator, dtype=dtype, requires_grad=True)
        output, loss = M.adaptive_log_softmax_loss(x, targets, head, tails, cutoffs)
        expected = module(x, targets)
        tolerance = 64 * torch.finfo(dtype).eps
        torch.testing.assert_close(output, expected.output, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(loss, expected.loss, rtol=tolerance, atol=tolerance)
        ours = torch.autograd.grad(2 * loss + output.sum(), [x, head])
        theirs = torch.autograd.grad(2 * expected.loss + expected.output.sum(), [x, module.head.weight])
        for g, w in zip(ours, theirs, strict=True):
            torch.testing.assert_close(g, w, rtol=tolerance, atol=4 * tolerance)


def test_adaptive_log_softmax_is_a_distribution_and_stays_on_its_device() -> None:
    generator = torch.Generator().manual_seed(11)
    x = 200 * torch.randn(1, 3, generator=generator, dtype=torch.float64)
    head = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    tails = [(torch.randn(2, 3, dtype=torch.float64), torch.randn(k, 2, dtype=torch.float64)) for k in (3, 4)]
    output, _ = M.adaptive_log_softmax_loss(x.expand(9, 3), torch.arange(9), head, tails, [2, 5])
    assert output.isfinite().all()
    torch.testing.assert_close(output.exp().sum(), torch.tensor(1.0, dtype=torch.float64))


# Statement ---------------------------------------------------------------------------------------


def test_examples_of_the_docstrings_are_right() -> None:
    result = doctest.testmod(M)
    assert result.attempted >= 46
    assert result.failed == 0


def test_every_question_has_an_example_and_names_its_arguments() -> None:
    for question in ASSIGNMENT.questions:
        if question.kind == "value":
            continue
        function = getattr(M, question.name)
        text = inspect.getdoc(function) or ""
        assert all(part in text for part in ("Returns:", "Source:", ">>>")), question.name
        assert list(inspect.signature(function).parameters)[:1] == ["grad"] or not question.name.endswith("_backward")


def test_worked_examples_of_the_statement_are_right() -> None:
    def near(actual: Any, expected: Any) -> None:
        np.testing.assert_allclose(actual, expected, atol=6e-4)

    x, y = A([3.0, 1.0, 2.0]), A([1.0, 1.0, 5.0])
    near(M.l1_loss_backward(1.0, x, y), A([1, 0, -1]) / 3)
    near(M.mse_loss_backward(1.0, x, y), A([4, 0, -6]) / 3)
    near(M.rmse_loss(A([3.0, 1.0]), A([0.0, 5.0])), 3.536)
    near(M.smooth_l1_loss(A([0.5, 3.0]), ZERO, 2, "none"), [0.0625, 2])
    near(M.smooth_l1_loss_backward(2.0, A([0.5, 3.0]), ZERO, 2), [0.25, 1])
    three, ln2, ln3 = A([3.0]), A([LN2]), A([math.log(3)])
    near(M.poisson_nll_loss(ln2, three, full=True) - M.poisson_nll_loss(ln2, three), 1.764)
    near(M.poisson_nll_loss(A([2.0]), three, log_input=False), -0.079)
    near(M.poisson_nll_loss_backward(1.0, A([2.0]), three, log_input=False), -0.5)
    near(M.hinge_loss(A([2.0, 0.5, -1.0]), A([-1, -1, -1]), "none"), [3, 1.5, 0])
    near(M.soft_margin_loss(ln3, A([-1])), 1.386)
    near(M.soft_margin_loss_backward(1.0, ln3, A([-1])), 0.75)
    near(M.hinge_embedding_loss_backward(3.0, A([0.25, 0.25, 3.0]), A([1, -1, -1])), [1, -1, 0])
    pair = A([3.0, 3.0]), A([1.0, 2.5])
    near(M.margin_ranking_loss(*pair, A([1, 1]), 1.0, "none"), [0, 0.5])
    near(M.margin_ranking_loss_backward(2.0, *pair, A([1, 1]), 1.0), [0, -1])
    near(M.margin_ranking_loss(*pair, A([-1, -1]), 1.0, "none"), [3, 1.5])
    scores = A([[2.0, 1.5, 0.0]])
    near(M.multi_margin_loss(scores, A([0]), p=2), 0.083)
    near(M.multi_margin_loss_backward(3.0, scores, A([0]), p=2), [[-1, 1, 0]])
    triple = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in ([[0.0, 0]], [[3.0, 4]], [[0.0, 5.5]])]
    M.torch_triplet_margin(*triple).backward()
    for leaf, expected in zip(triple, ([[-0.6, 0.2]], [[0.6, 0.8]], [[0, -1]]), strict=True):
        near(leaf.grad.numpy(), expected)
    leaf = torch.tensor([0.5, 3.0], requires_grad=True)
    M.torch_smooth_l1(leaf, torch.zeros(2)).backward()
    near(leaf.grad.numpy(), [0.25, 0.5])
    log_probs = np.log([[[0.4, 0.6]], [[0.4, 0.6]]])
    assert M.ctc_loss(log_probs, A([[1, 1]]), A([2]), A([2])) == np.inf


def test_letters_of_the_value_questions_follow_from_numbers() -> None:
    # One-sided slopes at every point of a fine grid: only one of the four losses never jumps.
    x, h = np.linspace(-2, 2, 4001), 1e-7
    options: dict[str, Callable[[Any], Any]] = {
        "a": lambda v: M.l1_loss(v, 0 * v, "none"),
        "b": lambda v: M.hinge_loss(v, 1 + 0 * v, "none"),
        "c": lambda v: M.huber_loss(v, 0 * v, reduction="none"),
        "d": lambda v: M.quantile_loss(v, 0 * v, 0.9, "none"),
    }
    jumps = {k: np.abs((f(x + h) - f(x)) / h - (f(x) - f(x - h)) / h).max() for k, f in options.items()}
    assert [k for k, jump in jumps.items() if jump < 1e-3] == [M.differentiable_everywhere]

    losses = {"a": M.mse_loss, "b": M.l1_loss, "c": M.rmse_loss, "d": lambda c, y: M.huber_loss(c, y, 100.0)}
    moved = {}
    for letter, loss in losses.items():
        best = []
        for y in (A([1.0, 2, 3, 4, 5]), A([1.0, 2, 3, 4, 1000])):
            grid = np.linspace(0, 300, 3001)
            best.append(grid[np.argmin([loss(np.full(5, c), y) for c in grid])])
        moved[letter] = best[1] - best[0]
    assert min(moved, key=lambda k: moved[k]) == M.least_moved_by_outlier
    assert moved["b"] == 0
    assert moved["d"] > 10

    scores, right, h = np.random.default_rng(12).normal(size=(6, 4)), A([0, 1, 2, 3, 0, 1]), 1e-6
    slopes = []
    for index in np.ndindex(6, 4):
        step = np.zeros((6, 4))
        step[index] = h
        ends = [((scores + s * step).argmax(1) == right).mean() for s in (1, -1)]
        slopes.append((ends[0] - ends[1]) / (2 * h))
    assert not np.any(slopes)
    assert M.gradient_of_accuracy == "c"
