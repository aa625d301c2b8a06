"""Proves the assignment on activations: its references against torch, scipy and differences, and its statement."""

from __future__ import annotations

import doctest
import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis.extra.numpy as hnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.course.load import load_assignment

COURSE = Path(__file__).parents[2]
ASSIGNMENT = load_assignment(COURSE, "relu")


def load_master() -> ModuleType:
    spec = importlib.util.spec_from_file_location("relu_master", ASSIGNMENT.master)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plt.close("all")  # Other tests find no figure open.
    return module


M = load_master()


@dataclass(frozen=True)
class Pair:
    """A torch function in float64 that proves NAME and NAME_backward.

    Attributes:
        oracle: takes the input and the options of one row.
        options: rows of options to try.
        kinks: inputs at which our convention is not that of the oracle.
        least: fewest axes of the input.
    """

    oracle: Callable[..., torch.Tensor]
    options: tuple[Mapping[str, Any], ...] = ({},)
    kinks: tuple[float, ...] = ()
    least: int = 0


def srelu_oracle(x: torch.Tensor, t_left: float, a_left: float, t_right: float, a_right: float) -> torch.Tensor:
    beyond = (a_right - 1) * torch.relu(x - t_right), (1 - a_left) * torch.relu(t_left - x)
    return x + beyond[0] + beyond[1]


ALPHAS = ({}, {"alpha": 0.5}, {"alpha": 3})
PIECES = (
    {"t_left": -1, "a_left": 0.1, "t_right": 2, "a_right": 0.5},
    {"t_left": 0.5, "a_left": -2.0, "t_right": 0.5, "a_right": 3.0},
)
PAIRS: dict[str, Pair] = {
    "sigmoid": Pair(torch.sigmoid),
    "tanh": Pair(torch.tanh),
    "gaussian": Pair(lambda x: torch.exp(-torch.square(x))),
    "relu": Pair(functional.relu),
    "relu6": Pair(functional.relu6),
    "leaky_relu": Pair(functional.leaky_relu, ({}, {"negative_slope": 2.0}, {"negative_slope": 0})),
    "rrelu": Pair(functional.rrelu, ({}, {"lower": 0.1, "upper": 0.4})),
    "elu": Pair(functional.elu, ALPHAS),
    "celu": Pair(functional.celu, ALPHAS),
    "selu": Pair(functional.selu),
    # PyTorch's own softplus switches to x above 20.
    "softplus": Pair(
        lambda x, beta=1.0: torch.logaddexp(torch.zeros_like(x), beta * x) / beta, ({}, {"beta": 0.5}, {"beta": 4})
    ),
    "log_sigmoid": Pair(functional.logsigmoid),
    "silu": Pair(functional.silu),
    "gelu": Pair(functional.gelu),
    "srelu": Pair(srelu_oracle, PIECES, (-1.0, 2.0, 0.5)),
    "crelu": Pair(lambda x: torch.cat([torch.relu(x), torch.relu(-x)], -1), least=1),
}
every_pair = pytest.mark.parametrize("name", PAIRS)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def with_gradient(name: str, x: Any, grad: Any, **options: Any) -> tuple[Any, Any]:
    """Output and gradient of the oracle, in float64."""
    leaf = torch.tensor(np.array(x, dtype=np.float64), requires_grad=True)
    output = PAIRS[name].oracle(leaf, **options)
    (gradient,) = torch.autograd.grad(output, leaf, torch.tensor(np.array(grad, dtype=np.float64)))
    return output.detach().numpy(), gradient.numpy()


def assert_near(actual: Any, expected: Any, dtype: Any, factor: float = 1) -> None:
    """Dtype and shape exactly; values within 32 eps times `factor`, of the largest: a few roundings each."""
    assert isinstance(actual, np.ndarray | np.generic)
    assert actual.dtype == dtype
    assert actual.shape == np.shape(expected)
    if np.size(expected):
        largest = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(actual, expected, rtol=0, atol=32 * factor * np.finfo(dtype).eps * largest)


@st.composite
def inputs(draw: Callable[..., Any], name: str) -> tuple[Any, Any, Mapping[str, Any]]:
    """Input of any size (also 0) up to 2000, upstream gradient, options."""
    pair, width = PAIRS[name], draw(st.sampled_from([32, 64]))
    shape = draw(hnp.array_shapes(min_dims=pair.least, max_dims=3, min_side=0, max_side=4))
    scale = draw(st.sampled_from([8.0, 2000.0]))
    usual = st.floats(-scale, scale, width=width, allow_subnormal=False).filter(lambda v: v not in pair.kinks)
    x = draw(hnp.arrays(f"float{width}", shape, elements=usual))
    outer = (*shape[:-1], 2 * shape[-1]) if name == "crelu" else shape
    grad = draw(hnp.arrays(x.dtype, outer, elements=st.floats(-8, 8, width=width, allow_subnormal=False)))
    return x, grad, draw(st.sampled_from(pair.options))


@every_pair
@settings(max_examples=40)
@given(data=st.data())
def test_forward_and_backward_agree_with_torch(name: str, data: st.DataObject) -> None:
    x, grad, options = data.draw(inputs(name))
    kept = x.copy(), grad.copy()
    expected, gradient = with_gradient(name, x, grad, **options)
    assert_near(getattr(M, name)(x, **options), expected, x.dtype)
    # The factor x of silu and gelu, and rounded exponents, magnify a little where the slope is not yet 0 or 1.
    assert_near(getattr(M, f"{name}_backward")(grad, x, **options), gradient, x.dtype, 4)
    np.testing.assert_array_equal(x, kept[0], strict=True)
    np.testing.assert_array_equal(grad, kept[1], strict=True)


@every_pair
def test_backward_agrees_with_central_differences(name: str) -> None:
    rng, h = np.random.default_rng(3), 1e-6
    x = rng.uniform(0.1, 7, size=(3, 4)) * rng.choice([-1, 1], size=(3, 4))
    grad = rng.normal(size=(3, 8 if name == "crelu" else 4))
    for options in PAIRS[name].options:
        forward = getattr(M, name)
        expected = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[index] = h
            difference = forward(x + step, **options) - forward(x - step, **options)
            expected[index] = (grad * difference).sum() / (2 * h)
        actual = getattr(M, f"{name}_backward")(grad, x, **options)
        # Truncation h**2, rounding eps * 7 / h.
        np.testing.assert_allclose(actual, expected, atol=2e-8)


@every_pair
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
def test_integers_become_float64(name: str, dtype: str) -> None:
    options = PAIRS[name].options[0]
    x = np.array([[0, 1, 1], [1, 0, 3]]).astype(dtype)
    outer = np.array([[2, 1, 0], [1, 5, 3]]).astype(dtype)
    grad = np.concatenate([outer, outer + outer], axis=1) if name == "crelu" else outer
    backward = getattr(M, f"{name}_backward")
    assert_near(getattr(M, name)(x, **options), getattr(M, name)(x * 1.0, **options), np.float64)
    expected = backward(grad * 1.0, x * 1.0, **options)
    for g, v in ((grad, x), (grad * 1.0, x), (grad, x * 1.0)):
        assert_near(backward(g, v, **options), expected, np.float64)


@every_pair
def test_layout_of_the_input_does_not_matter(name: str) -> None:
    rng, options = np.random.default_rng(4), PAIRS[name].options[0]
    x = rng.normal(size=(6, 8))
    for view in (x.T, x[::2, ::-2], np.broadcast_to(x[:1], x.shape)):
        view = view.view()
        view.flags.writeable = False
        grad = np.ones((*view.shape[:-1], view.shape[-1] * (2 if name == "crelu" else 1)))
        np.testing.assert_array_equal(getattr(M, name)(view, **options), getattr(M, name)(view.copy(), **options))
        backward = getattr(M, f"{name}_backward")
        np.testing.assert_array_equal(backward(grad, view, **options), backward(grad, view.copy(), **options))


@every_pair
@dtypes
def test_far_numbers_are_finite_without_nan_on_the_way_back(name: str, dtype: Any) -> None:
    x = np.array([-3e38, -1e4, -800, -100, 100, 800, 1e4, 3e38], dtype=dtype)
    options = PAIRS[name].options[0]
    grad = np.ones(16 if name == "crelu" else 8, dtype)
    with np.errstate(over="ignore"):  # srelu and selu of the largest numbers, the square in gaussian
        forward, backward = getattr(M, name)(x, **options), getattr(M, f"{name}_backward")(grad, x, **options)
    assert not np.isnan(forward).any()
    assert np.isfinite(backward).all()
    assert np.isfinite(forward[1:-1]).all()


# Where the derivative jumps, against the words of the statement.
AT_KINKS = [
    ("relu", {}, [0.0], [0.0]),
    ("relu6", {}, [0.0, 6.0], [0.0, 0.0]),
    ("leaky_relu", {"negative_slope": 0.1}, [0.0], [0.1]),
    ("rrelu", {}, [0.0], [11 / 48]),
    ("elu", {"alpha": 2.0}, [0.0], [2.0]),
    ("celu", {"alpha": 2.0}, [0.0], [1.0]),
    ("selu", {}, [0.0], [1.6732632423543772 * 1.0507009873554805]),
    ("srelu", PIECES[0], [-1.0, 2.0], [0.1, 0.5]),
    ("srelu", {**PIECES[1], "t_right": 1.5}, [0.5, 1.5], [-2.0, 3.0]),
]


@pytest.mark.parametrize(("name", "options", "x", "slopes"), AT_KINKS)
def test_slopes_at_the_kinks_are_those_of_the_statement(name: str, options: Any, x: Any, slopes: Any) -> None:
    actual = getattr(M, f"{name}_backward")(np.full(len(x), 5.0), np.array(x), **options)
    np.testing.assert_allclose(actual, 5 * np.array(slopes), rtol=1e-14)
    if name != "srelu":
        np.testing.assert_allclose(with_gradient(name, x, np.full(len(x), 5.0), **options)[1], actual, rtol=1e-14)


def test_crelu_passes_nothing_at_0() -> None:
    np.testing.assert_array_equal(M.crelu_backward(np.array([3.0, 4.0]), np.zeros(1)), [0.0])


X = np.concatenate([np.linspace(-40, 40, 161), [-700.0, -100.0, 100.0, 700.0]])


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("sigmoid", scipy.special.expit),
        ("log_sigmoid", scipy.special.log_expit),
        ("gelu", lambda x: x * scipy.special.ndtr(x)),
        ("silu", lambda x: x * scipy.special.expit(x)),
        ("softplus", lambda x: -scipy.special.log_expit(-x)),
        ("elu", lambda x: np.where(x > 0, x, scipy.special.expm1(np.minimum(x, 0)))),
    ],
)
def test_forward_agrees_with_scipy(name: str, oracle: Callable[[Any], Any]) -> None:
    # 1 + erf(x) keeps eps of 1 in the left tail of gelu; the others keep their relative digits.
    atol = 40 * np.finfo(float).eps if name == "gelu" else 0
    np.testing.assert_allclose(getattr(M, name)(X), oracle(X), rtol=1e-14, atol=atol)


@dtypes
def test_relu_takes_infinite_numbers(dtype: Any) -> None:
    x = np.array([-np.inf, np.inf, -1], dtype)
    np.testing.assert_array_equal(M.relu(x), np.array([0, np.inf, 0], dtype), strict=True)
    np.testing.assert_array_equal(M.relu_backward(np.full(3, 2, dtype), x), np.array([0, 2, 0], dtype), strict=True)


@given(
    x=hnp.arrays(
        st.sampled_from(["float32", "float64"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements=st.integers(-3, 3).map(lambda i: i / 2),
    ),
    threshold=st.sampled_from([0, 0.5, -1, 1.5]),
)
def test_step_is_heaviside_with_0_at_the_threshold(x: Any, threshold: float) -> None:
    expected = np.heaviside(x.astype(np.float64) - threshold, 0).astype(x.dtype)
    actual = M.step(x, threshold)
    assert actual.dtype == x.dtype
    assert actual.shape == x.shape
    np.testing.assert_array_equal(actual, expected)


def test_step_of_integers_and_its_default() -> None:
    np.testing.assert_array_equal(M.step(np.arange(-1, 2)), [0.0, 0.0, 1.0], strict=True)


# Slopes that are learned or drawn --------------------------------------------------------------


numpy_dtypes = st.sampled_from(["float32", "float64"])
seeds = st.integers(0, 2**32 - 1)


@given(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4), st.booleans(), numpy_dtypes, seeds)
def test_prelu_agrees_with_torch(shape: tuple[int, ...], per_channel: bool, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    slopes = shape[1] if per_channel and len(shape) > 1 and shape[1] else 1
    x, grad = rng.normal(size=(2, *shape)).astype(dtype)
    a = rng.uniform(-0.5, 2, size=slopes).astype(dtype)
    leaves = [torch.tensor(v.astype(np.float64), requires_grad=True) for v in (x, a)]
    output = functional.prelu(*leaves)
    expected = torch.autograd.grad(output, leaves, torch.tensor(grad.astype(np.float64)))
    assert_near(M.prelu(x, a), output.detach().numpy(), dtype)
    actual = M.prelu_backward(grad, x, a)
    assert isinstance(actual, tuple)
    for ours, theirs in zip(actual, expected, strict=True):
        assert_near(ours, theirs.numpy(), dtype)


def test_prelu_at_0_and_for_integers() -> None:
    for_x, for_a = M.prelu_backward(np.array([3.0, 3.0]), np.array([0.0, -1.0]), np.array([0.5]))
    np.testing.assert_array_equal(for_x, [1.5, 1.5], strict=True)
    np.testing.assert_array_equal(for_a, [-3.0], strict=True)
    whole = M.prelu_backward(np.array([[3, 1]]), np.array([[-2, 4]]), np.array([2, 3]))
    np.testing.assert_array_equal(whole[0], [[6.0, 1.0]], strict=True)
    np.testing.assert_array_equal(whole[1], [-6.0, 0.0], strict=True)


@dtypes
@pytest.mark.parametrize("shape", [(), (1,), (200,), (4, 5), (2, 0)])
def test_rrelu_draws_as_the_statement_says(shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(6)
    x, grad = (np.asarray(rng.normal(size=shape)).astype(dtype) for _ in range(2))
    drawn = np.random.default_rng(7).uniform(0.1, 0.4, size=shape)
    slopes = np.where(x > 0, 1, drawn)
    generators = [np.random.default_rng(7) for _ in range(2)]
    assert_near(M.rrelu(x, 0.1, 0.4, True, generators[0]), slopes * x, dtype)
    assert_near(M.rrelu_backward(grad, x, 0.1, 0.4, True, generators[1]), slopes * grad, dtype)
    after = np.random.default_rng(7)
    after.uniform(0.1, 0.4, size=shape)
    # Not one number more than the statement says has been drawn.
    assert [g.bit_generator.state for g in generators] == [after.bit_generator.state] * 2


def test_rrelu_needs_a_generator_in_training_only() -> None:
    untouched = np.random.default_rng(8)
    before = untouched.bit_generator.state
    M.rrelu(-np.ones(3), rng=untouched)
    assert untouched.bit_generator.state == before
    for function in (
        lambda: M.rrelu(np.ones(1), training=True),
        lambda: M.rrelu_backward(1, np.ones(1), training=True),
    ):
        with pytest.raises(ValueError, match="pass rng"):
            function()


def test_rrelu_has_the_mean_slope_on_average() -> None:
    y = M.rrelu(-np.ones(40_000), training=True, rng=np.random.default_rng(9))
    assert (y.min() > -1 / 3) & (y.max() < -1 / 8)
    # Standard deviation of one slope is (5 / 24) / sqrt(12) = 0.06; five of the mean's are 0.0015.
    assert abs(y.mean() + 11 / 48) < 0.0015


# Maxout, dead units ----------------------------------------------------------------------------


@given(st.integers(0, 4), *[st.integers(1, 4)] * 3, numpy_dtypes, seeds)
def test_maxout_agrees_with_torch(n: int, d: int, k: int, m: int, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w, b = (rng.normal(size=s).astype(dtype) for s in [(n, d), (k, d, m), (k, m)])
    grad = rng.normal(size=(n, m)).astype(dtype)
    leaf = torch.tensor(x.astype(np.float64), requires_grad=True)
    pieces = [leaf @ torch.tensor(w[i].astype(np.float64)) + torch.tensor(b[i].astype(np.float64)) for i in range(k)]
    output = torch.stack(pieces).max(0).values
    (expected,) = torch.autograd.grad(output, leaf, torch.tensor(grad.astype(np.float64)))
    assert_near(M.maxout(x, w, b), output.detach().numpy(), dtype)
    assert_near(M.maxout_backward(grad, x, w, b), expected.numpy(), dtype)


def test_maxout_of_integers_ties_and_special_cases() -> None:
    x = np.array([[2, -3]])
    eye = np.eye(2, dtype=int)
    assert_near(M.maxout(x, np.stack([eye, 0 * eye]), np.zeros((2, 2), int)), M.relu(x), np.float64)
    assert_near(M.maxout(x, np.stack([eye, -eye]), np.zeros((2, 2), int)), np.abs(x), np.float64)
    for_tie = M.maxout_backward(np.array([[5, 7]]), 0 * x, np.stack([eye, -eye]), np.zeros((2, 2), int))
    np.testing.assert_array_equal(for_tie, [[5.0, 7.0]], strict=True)


@given(
    x=hnp.arrays(
        st.sampled_from(["float32", "float64", "int64"]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.integers(-3, 1),
    )
)
def test_dead_units_counts_columns(x: Any) -> None:
    share = M.dead_units(x)
    assert type(share) is float
    assert share == pytest.approx(sum(all(v < 0 for v in column) for column in x.T.tolist()) / x.shape[1])


# PyTorch ---------------------------------------------------------------------------------------

TORCH: dict[str, tuple[Callable[..., torch.Tensor], Callable[..., torch.Tensor]]] = {
    "torch_relu": (M.torch_relu, functional.relu),
    "torch_elu": (lambda x: M.torch_elu(x, alpha=1.7), lambda x: functional.elu(x, alpha=1.7)),
    "Rectifier": (M.Rectifier.apply, functional.relu),
}
on_torch = pytest.mark.parametrize("name", TORCH)


@on_torch
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 1, 5), (0, 2)])
def test_torch_agrees_with_the_library(name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(11), dtype=torch.float64)
    x = torch.where(torch.rand(shape, generator=torch.Generator().manual_seed(12)) < 0.3, 900 * x, x).to(dtype)
    cotangent = torch.linspace(-1, 2, x.numel()).reshape(shape).to(dtype)
    results = []
    for function in TORCH[name]:
        leaf = x.clone().requires_grad_()
        output = function(leaf)
        results.append((output, *torch.autograd.grad(output, leaf, cotangent)))
        assert torch.equal(leaf, x)
    tolerance = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(results[0], results[1], rtol=tolerance, atol=tolerance)


@on_torch
def test_torch_gradients_are_right_where_the_other_branch_overflows(name: str) -> None:
    x = torch.tensor([-800.0, -1.0, 1.0, 800.0], dtype=torch.float64, requires_grad=True)
    TORCH[name][0](x).sum().backward()
    negative = [0.0, 1.7 * math.exp(-1)] if name == "torch_elu" else [0.0, 0.0]
    torch.testing.assert_close(x.grad, torch.tensor([*negative, 1.0, 1.0], dtype=torch.float64))


@on_torch
def test_torch_passes_gradcheck(name: str) -> None:
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(13), dtype=torch.float64).T.requires_grad_()
    assert torch.autograd.gradcheck(TORCH[name][0], x)


@pytest.mark.parametrize("name", ["torch_relu", "torch_elu"])
def test_torch_promotes_integers_and_stays_on_its_device(name: str) -> None:
    whole = torch.tensor([[-2, 0, 3]])
    torch.testing.assert_close(TORCH[name][0](whole), TORCH[name][1](whole.float()))
    assert TORCH[name][0](torch.empty(2, 3, device="meta")).device.type == "meta"


@pytest.mark.parametrize("name", ["torch_relu", "Rectifier"])
def test_torch_rectifiers_take_infinite_numbers_and_have_slope_0_at_0(name: str) -> None:
    x = torch.tensor([-math.inf, 0.0, 2.0, math.inf], requires_grad=True)
    output = TORCH[name][0](x)
    assert output.tolist() == [0, 0, 2, math.inf]
    (gradient,) = torch.autograd.grad(output, x, torch.full((4,), 5.0))
    assert gradient.tolist() == [0, 0, 5, 5]


@on_torch
def test_torch_uses_no_library_version(name: str) -> None:
    seen: set[str] = set()

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.add(str(func))
            return func(*args, **(kwargs or {}))

    with Recorder():
        TORCH[name][0](torch.randn(2, 3))
    assert seen
    assert not [op for op in seen if "relu" in op or "elu" in op or "threshold" in op]


@pytest.mark.parametrize(("shape", "count"), [((6,), 1), ((4, 3), 3), ((4, 3), 1), ((2, 3, 4), 3), ((2, 3, 2, 2), 3)])
def test_prelu_module_agrees_with_the_library(shape: tuple[int, ...], count: int) -> None:
    ours, theirs = M.PReLU(count, init=0.1), torch.nn.PReLU(count, init=0.1)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    torch.testing.assert_close(ours.weight, theirs.weight)
    slopes = {"weight": torch.linspace(-0.5, 2, count)}
    x = torch.randn(shape, generator=torch.Generator().manual_seed(14))
    results = []
    for layer in (ours, theirs):
        layer.load_state_dict(slopes)
        leaf = x.clone().requires_grad_()
        output = layer(leaf)
        output.backward(torch.linspace(-1, 1, x.numel()).reshape(shape))
        results.append((output.detach(), leaf.grad, layer.weight.grad))
    torch.testing.assert_close(results[0], results[1])


def test_prelu_module_has_the_defaults_of_the_library() -> None:
    assert M.PReLU().weight.tolist() == torch.nn.PReLU().weight.tolist() == [0.25]
    assert M.PReLU(2, init=1).weight.tolist() == [1.0, 1.0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@on_torch
def test_torch_on_cuda_agrees_with_the_cpu(name: str) -> None:
    results = []
    for device in ("cpu", "cuda"):
        x = torch.tensor([-800.0, -1.0, 2.0, 800.0], dtype=torch.float64, device=device, requires_grad=True)
        out = TORCH[name][0](x)
        out.sum().backward()
        assert out.device == x.device
        results.append((out.detach().cpu(), x.grad.cpu()))
    torch.testing.assert_close(results[1], results[0], rtol=1e-12, atol=1e-12)


# Statement -------------------------------------------------------------------------------------


def test_examples_of_the_docstrings_are_right() -> None:
    result = doctest.testmod(M)
    assert result.attempted == 46
    assert result.failed == 0


def at(name: str, x: float, **options: Any) -> tuple[float, float]:
    """Value and slope, rounded as in the tables of the statement."""
    value = getattr(M, name)(np.array(x), **options)
    return round(float(value), 4), round(
        float(getattr(M, f"{name}_backward")(np.array(1.0), np.array(x), **options)), 4
    )


LN2, LN3 = math.log(2), math.log(3)


@pytest.mark.parametrize(
    ("name", "x", "options", "expected"),
    [
        ("sigmoid", 0, {}, (0.5, 0.25)),
        ("sigmoid", LN3, {}, (0.75, 0.1875)),
        ("tanh", 0, {}, (0, 1)),
        ("tanh", LN2, {}, (0.6, 0.64)),
        ("gaussian", 0, {}, (1, 0)),
        ("gaussian", 1, {}, (0.3679, -0.7358)),
        ("elu", -LN2, {}, (-0.5, 0.5)),
        ("elu", -LN2, {"alpha": 2}, (-1, 1)),
        ("celu", -2 * LN2, {"alpha": 2}, (-1, 0.5)),
        ("selu", -LN2, {}, (-0.8790, 0.8790)),
        ("softplus", 0, {}, (0.6931, 0.5)),
        ("softplus", LN3, {}, (1.3863, 0.75)),
        ("softplus", 0, {"beta": 2}, (0.3466, 0.5)),
        ("softplus", LN3, {"beta": 2}, (1.1513, 0.9)),
        ("log_sigmoid", 0, {}, (-0.6931, 0.5)),
        ("log_sigmoid", LN3, {}, (-0.2877, 0.25)),
        ("silu", 0, {}, (0, 0.5)),
        ("silu", LN3, {}, (0.8240, 0.9560)),
        ("gelu", 1, {}, (0.8413, 1.0833)),
        ("gelu", -1, {}, (-0.1587, -0.0833)),
    ],
)
def test_worked_numbers_of_the_statement(name: str, x: float, options: Any, expected: Any) -> None:
    assert at(name, x, **options) == expected


def test_claims_of_the_statement_about_approximations() -> None:
    x = np.linspace(-10, 30, 40_001)
    approximate = functional.gelu(torch.tensor(x), approximate="tanh").numpy()
    assert 4e-4 < np.abs(approximate - M.gelu(x)).max() < 5e-4
    for beta in (0.5, 1.0, 3.0):
        switched = functional.softplus(torch.tensor(x), beta).numpy()
        assert np.abs(switched - M.softplus(x, beta)).max() < 1e-8 / beta
    draws = np.random.default_rng(0).uniform(1 / 8, 1 / 3, size=3)
    assert draws.round(3).tolist() == [0.258, 0.181, 0.134]


def test_answers_of_the_value_questions_follow_from_the_functions() -> None:
    x = torch.cat([-torch.logspace(6, -3, 4000), torch.logspace(-3, 6, 4000)]).double()
    for name, function in {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": functional.relu,
        "elu": functional.elu,
    }.items():
        low, high = getattr(M, f"range_of_{name}")
        y = function(x)
        assert y.min().item() == pytest.approx(low, abs=1e-6)
        assert y.max().item() == (pytest.approx(1e6) if math.isinf(high) else pytest.approx(high))
    five = {
        "a": torch.sigmoid,
        "b": functional.relu,
        "c": torch.tanh,
        "d": functional.softplus,
        "e": lambda v: torch.exp(-(v**2)),
    }
    odd = [letter for letter, f in five.items() if torch.allclose(f(x), -f(-x))]
    assert [M.zero_centred_activation] == odd
    five = {
        "a": functional.leaky_relu,
        "b": functional.elu,
        "c": functional.silu,
        "d": torch.sigmoid,
        "e": functional.softplus,
    }
    flat = []
    for letter, f in five.items():
        ends = torch.tensor([-500.0, 500.0], requires_grad=True)
        f(ends).sum().backward()
        flat += [letter] if ends.grad is not None and ends.grad.abs().max() < 1e-6 else []
    assert [M.saturating_activation] == flat
