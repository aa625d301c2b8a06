"""Proves the softmax assignment: its references, its statement, and the power of its checks."""

from __future__ import annotations

import doctest
import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.exceptions import AxisError
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.course.load import load_assignment

COURSE = Path(__file__).parents[2]
ASSIGNMENT = load_assignment(COURSE, "softmax")
QUESTIONS = {q.name: q for q in ASSIGNMENT.questions}


def load_master() -> ModuleType:
    spec = importlib.util.spec_from_file_location("softmax_master", ASSIGNMENT.master)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


M = load_master()

# References: functions with an axis ------------------------------------------------------------


def one_hot_of_argmax(x: Any, axis: int) -> Any:
    best = torch.from_numpy(np.ascontiguousarray(x)).argmax(dim=axis)
    rows = torch.nn.functional.one_hot(best, x.shape[axis])
    return rows.movedim(-1, axis).numpy().astype(np.float64)


# Name -> reference, oracle in float64, and by how much of eps rounding may be magnified for the
# largest score `m`: sums of probabilities not at all, results near m and rescaled scores by m.
ON_AXIS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[[float], float]]] = {
    "softmax": (M.softmax, lambda x, a: scipy.special.softmax(x, axis=a), lambda m: 1),
    "softmin": (M.softmin, lambda x, a: scipy.special.softmax(-x, axis=a), lambda m: 1),
    "softmax_base": (
        lambda x, axis=-1: M.softmax_base(x, 2.5, axis),
        lambda x, a: scipy.special.softmax(x * math.log(2.5), axis=a),
        lambda m: m,
    ),
    "hardmax": (M.hardmax, one_hot_of_argmax, lambda m: 0),
    "logsumexp": (M.logsumexp, lambda x, a: scipy.special.logsumexp(x, axis=a), lambda m: m),
    "log_softmax": (M.log_softmax, lambda x, a: scipy.special.log_softmax(x, axis=a), lambda m: m),
}
BACKWARD = {
    "softmax_backward": (M.softmax_backward, torch.softmax),
    "log_softmax_backward": (M.log_softmax_backward, torch.log_softmax),
}
on_axis = pytest.mark.parametrize("name", ON_AXIS)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@st.composite
def scores_and_axis(draw: Callable[..., Any], largest: float = 1e4) -> tuple[Any, int]:
    """Finite scores of 1 to 3 dimensions, size 1 included, and one of their axes."""
    width = draw(st.sampled_from([32, 64]))
    largest = float(np.float32(largest))
    elements = st.floats(-largest, largest, width=width, allow_subnormal=False)
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    x = draw(hnp.arrays(f"float{width}", shape, elements=elements))
    return x, draw(st.integers(-x.ndim, x.ndim - 1))


def assert_near(actual: Any, expected: Any, dtype: Any, factor: float) -> None:
    """Dtype and shape exactly; values within 16 eps times `factor`: short sums, few operations."""
    assert isinstance(actual, np.ndarray | np.generic)
    assert actual.dtype == dtype
    assert actual.shape == np.shape(expected)
    atol = 16 * np.finfo(dtype).eps * factor
    np.testing.assert_allclose(actual, expected, rtol=16 * np.finfo(dtype).eps, atol=atol)


@on_axis
@given(data=st.data())
def test_agrees_with_scipy_or_torch_on_drawn_scores(name: str, data: st.DataObject) -> None:
    x, axis = data.draw(scores_and_axis())
    reference, oracle, magnify = ON_AXIS[name]
    before = x.copy()
    actual = reference(x, axis=axis)
    expected = oracle(x.astype(np.float64), axis)
    assert_near(actual, expected, x.dtype, magnify(1 + np.abs(x).max()))
    np.testing.assert_array_equal(x, before, strict=True)


@on_axis
@dtypes
@pytest.mark.parametrize("shape", [(1,), (5,), (1, 1), (3, 4), (4, 1), (2, 3, 4), (0, 3)])
def test_every_axis_and_the_default(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).normal(size=shape).astype(dtype)
    reference, oracle, _ = ON_AXIS[name]
    for axis in range(-len(shape), len(shape)):
        if shape[axis] > 0:
            assert_near(reference(x, axis=axis), oracle(x.astype(np.float64), axis), dtype, 2)
    np.testing.assert_array_equal(reference(x), reference(x, axis=-1), strict=True)


@on_axis
def test_layout_of_the_input_does_not_matter(name: str) -> None:
    x = np.random.default_rng(2).normal(size=(4, 6, 5))
    reference = ON_AXIS[name][0]
    views = {
        "transposed": x.T,
        "strided": x[::2, ::-1],
        "broadcast": np.broadcast_to(x[:1], x.shape),
    }
    for view in views.values():
        view = view.view()
        view.flags.writeable = False
        np.testing.assert_array_equal(reference(view, axis=1), reference(view.copy(), axis=1), strict=True)


@on_axis
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
def test_integers_become_float64(name: str, dtype: str) -> None:
    x = np.array([[0, 1, 1], [1, 0, 0]]).astype(dtype)
    reference, oracle, _ = ON_AXIS[name]
    assert_near(reference(x), oracle(x.astype(np.float64), -1), np.float64, 1)


@on_axis
def test_a_missing_axis_raises(name: str) -> None:
    with pytest.raises(AxisError):
        ON_AXIS[name][0](np.zeros((2, 3)), axis=2)


@pytest.mark.parametrize("name", ["softmax", "softmin", "softmax_base", "log_softmax"])
@given(data=st.data())
def test_probabilities_sum_to_one_and_ignore_a_shift(name: str, data: st.DataObject) -> None:
    x, axis = data.draw(scores_and_axis(largest=50))
    reference = ON_AXIS[name][0]
    p = reference(x, axis=axis)
    shifted = reference(x.astype(np.float64) + 1024, axis=axis)
    if name == "log_softmax":
        assert (p <= 0).all()
        p, shifted = np.exp(p), np.exp(shifted)
    assert ((p >= 0) & (p <= 1)).all()
    eps = np.finfo(x.dtype).eps
    # Results of size 100 before exp, or scores rescaled to 50: their rounding is 100 eps.
    np.testing.assert_allclose(p.sum(axis=axis), 1, rtol=200 * eps)
    # x + 1024 is rounded to 1024 eps of float64 at most, the first result to that of its dtype.
    np.testing.assert_allclose(shifted, p, atol=200 * eps + 2048 * np.finfo(np.float64).eps)


LN2 = math.log(2)
LOW = -np.inf


@dtypes
@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("softmax", [[0, 1000], [1000, 1000]], [[0, 1], [0.5, 0.5]]),
        ("softmax", [3000, 0, 0], [1, 0, 0]),
        ("softmax", [-1000, -1000], [0.5, 0.5]),
        ("softmin", [[0, 2000], [-1000, -1000]], [[1, 0], [0.5, 0.5]]),
        ("softmax_base", [[1000, 1000], [-1000, 1000]], [[0.5, 0.5], [0, 1]]),
        ("hardmax", [[2, 5, 5], [-1000, -1000, -2000]], [[0, 1, 0], [1, 0, 0]]),
        ("logsumexp", [[1000, 1000], [-1000, -1000]], [1000 + LN2, -1000 + LN2]),
        ("logsumexp", [[LOW, LOW], [LOW, 3], [0, LOW]], [LOW, 3, 0]),
        ("logsumexp", [[np.inf, 0], [np.inf, LOW]], [np.inf, np.inf]),
        ("log_softmax", [[0, -1000], [1000, 1000]], [[0, -1000], [-LN2, -LN2]]),
    ],
)
def test_extreme_scores_have_their_closed_form(name: str, dtype: Any, x: list[Any], expected: list[Any]) -> None:
    # One rounding of the result: the exponentials are 0 or 1 exactly.
    actual = ON_AXIS[name][0](np.array(x, dtype=dtype))
    np.testing.assert_allclose(actual, np.array(expected, dtype=dtype), rtol=np.finfo(dtype).eps)


def test_logsumexp_with_infinite_entries_agrees_with_torch() -> None:
    x = np.array([[LOW, 0.5, 2.0], [LOW, LOW, LOW], [1.0, LOW, -700.0]])
    for axis in (0, 1):
        expected = torch.logsumexp(torch.from_numpy(x), axis).numpy()
        np.testing.assert_allclose(M.logsumexp(x, axis), expected, rtol=1e-14)


@dtypes
@pytest.mark.parametrize("base", [0.1, 0.5, 1, 1.0, 2, math.e, 10])
def test_softmax_base_is_the_normalised_power(base: float, dtype: Any) -> None:
    x = np.random.default_rng(3).normal(size=(4, 5)).astype(dtype)
    powers = float(base) ** x.astype(np.float64)
    expected = powers / powers.sum(-1, keepdims=True)
    assert_near(M.softmax_base(x, base), expected, dtype, 10)
    extreme = M.softmax_base(np.array([-1000, 0, 1000], dtype), base)
    wins = [1 / 3] * 3 if base == 1 else [0, 0, 1] if base > 1 else [1, 0, 0]
    # 1/3 in float32; base 0.5 leaves 2 ** -1000.
    np.testing.assert_allclose(extreme, wins, rtol=1e-6, atol=1e-300)


@pytest.mark.parametrize("base", [0, -1.0])
def test_softmax_base_refuses_bases_that_are_not_positive(base: float) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are Python's and differ by version
        M.softmax_base(np.zeros(2), base)


# References: elementwise -----------------------------------------------------------------------


@given(
    x=hnp.arrays(
        st.sampled_from(["float32", "float64"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements=st.floats(-2000, 2000, width=32),
    )
)
def test_sigmoid_agrees_with_scipy(x: Any) -> None:
    before = x.copy()
    actual = M.sigmoid(x)
    # Relative too: even the far negative tail is right, down to where numbers become subnormal.
    expected = scipy.special.expit(x.astype(np.float64))
    assert actual.dtype == x.dtype
    assert actual.shape == x.shape
    smallest = float(np.finfo(x.dtype).tiny)
    np.testing.assert_allclose(actual, expected, rtol=8 * np.finfo(x.dtype).eps, atol=smallest)
    np.testing.assert_array_equal(x, before, strict=True)


def test_sigmoid_is_softmax_of_x_and_zero() -> None:
    x = np.linspace(-800, 800, 101)
    two = M.softmax(np.stack([x, np.zeros_like(x)]), axis=0)[0]
    np.testing.assert_allclose(M.sigmoid(x), two, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_sigmoid_of_integers_is_float64(dtype: str) -> None:
    x = np.arange(5).astype(dtype)
    assert_near(M.sigmoid(x), scipy.special.expit(x.astype(np.float64)), np.float64, 1)


@dtypes
def test_elo_is_the_formula_and_broadcasts(dtype: Any) -> None:
    rng = np.random.default_rng(4)
    a, b = rng.uniform(800, 2800, (3, 1)).astype(dtype), rng.uniform(800, 2800, 4).astype(dtype)
    expected = 1 / (1 + 10 ** (-(a.astype(np.float64) - b) / 400))
    # The difference of two ratings keeps up to 2800 / 400 * ln(10) = 16 eps of rounding.
    assert_near(M.elo_win_probability(a, b), expected, dtype, 16)


def test_elo_of_integers_far_ratings_and_single_numbers() -> None:
    far = M.elo_win_probability(np.array([400_000, 0]), np.array([0, 400_000]))
    np.testing.assert_array_equal(far, [1.0, 0.0], strict=True)
    one = M.elo_win_probability(1900, 1500)
    assert one.dtype == np.float64
    assert one == pytest.approx(10 / 11, rel=1e-14)
    with pytest.raises(ValueError, match="broadcast"):
        M.elo_win_probability(np.zeros(2), np.zeros(3))


# References: derivatives -----------------------------------------------------------------------


@dtypes
@pytest.mark.parametrize("n", [1, 2, 7])
def test_softmax_jacobian_agrees_with_autograd(n: int, dtype: Any) -> None:
    x = np.random.default_rng(5).normal(size=n).astype(dtype)
    wide = torch.from_numpy(x.astype(np.float64))
    expected = torch.autograd.functional.jacobian(lambda t: torch.softmax(t, -1), wide)
    assert_near(M.softmax_jacobian(x), expected.numpy(), dtype, 1)
    assert_near(M.softmax_jacobian(np.arange(n)), M.softmax_jacobian(np.arange(n) * 1.0), float, 0)


def test_softmax_jacobian_agrees_with_central_differences() -> None:
    x, h = np.random.default_rng(6).normal(size=5), 1e-6
    columns = [(M.softmax(x + h * e) - M.softmax(x - h * e)) / (2 * h) for e in np.eye(5)]
    # Truncation h**2, rounding eps / h.
    np.testing.assert_allclose(M.softmax_jacobian(x), np.stack(columns, axis=1), atol=1e-9)


@pytest.mark.parametrize("shift", [-1000.0, 1000.0])
def test_softmax_jacobian_is_finite_for_far_scores(shift: float) -> None:
    x = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(M.softmax_jacobian(x + shift), M.softmax_jacobian(x), rtol=1e-14)


@pytest.mark.parametrize("name", BACKWARD)
@given(data=st.data())
def test_backward_agrees_with_autograd(name: str, data: st.DataObject) -> None:
    x, axis = data.draw(scores_and_axis(largest=1000))
    reference, forward = BACKWARD[name]
    grad = data.draw(hnp.arrays(x.dtype, x.shape, elements=st.floats(-8, 8, width=32)))
    leaf = torch.from_numpy(x.astype(np.float64)).requires_grad_()
    output = forward(leaf, axis)
    (expected,) = torch.autograd.grad(output, leaf, torch.from_numpy(grad.astype(np.float64)))
    y = output.detach().numpy().astype(x.dtype)
    before = grad.copy(), y.copy()
    actual = reference(grad, y, axis=axis)
    # The argument y is rounded to eps; log-probabilities of -1000 to 1000 eps, but then exp is 0,
    # and t * exp(-t) stays below 0.4. Four gradients of up to 8 are summed.
    assert_near(actual, expected.numpy(), x.dtype, 32)
    np.testing.assert_array_equal(grad, before[0], strict=True)
    np.testing.assert_array_equal(y, before[1], strict=True)


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_agrees_with_central_differences(name: str) -> None:
    rng = np.random.default_rng(7)
    x, grad, h = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), 1e-6
    forward = {"softmax_backward": M.softmax, "log_softmax_backward": M.log_softmax}[name]
    expected = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        expected[index] = (grad * (forward(x + step) - forward(x - step))).sum() / (2 * h)
    np.testing.assert_allclose(BACKWARD[name][0](grad, forward(x)), expected, atol=1e-8)


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_layout_integers_and_missing_axis(name: str) -> None:
    rng = np.random.default_rng(8)
    reference, grad = BACKWARD[name][0], rng.integers(-3, 4, size=(4, 3)).T
    y = rng.dirichlet(np.ones(3), size=4).T
    actual = reference(grad, y, axis=0)
    assert actual.dtype == np.float64
    expected = reference(np.ascontiguousarray(grad * 1.0), np.ascontiguousarray(y), axis=0)
    np.testing.assert_allclose(actual, expected, rtol=1e-14, atol=1e-15)
    with pytest.raises(AxisError):
        reference(grad, y, axis=2)


# References: torch -----------------------------------------------------------------------------

TORCH = {
    "torch_softmax": (M.torch_softmax, torch.softmax),
    "torch_log_softmax": (M.torch_log_softmax, torch.log_softmax),
}
on_torch = pytest.mark.parametrize("name", TORCH)
FAR = [[0.0, 1.0, -1000.0], [1000.0, 1001.0, 0.0], [-1000.0, -1001.0, -1002.0], [3000.0, 0.0, 0.0]]


@on_torch
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1,), (5,), (3, 1), (3, 4), (2, 3, 4)])
def test_torch_agrees_with_the_library(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    reference, oracle = TORCH[name]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64).to(dtype)
    for dim in range(-len(shape), len(shape)):
        ours, theirs = (x.clone().requires_grad_() for _ in range(2))
        actual, expected = reference(ours, dim), oracle(theirs, dim)
        cotangent = torch.linspace(-1, 2, x.numel()).reshape(shape).to(dtype)
        gradients = [torch.autograd.grad(out, leaf, cotangent)[0] for out, leaf in ((actual, ours), (expected, theirs))]
        # Half types: the library accumulates in float32, we round after every step.
        tolerance = 16 * torch.finfo(dtype).eps
        torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(gradients[0], gradients[1], rtol=tolerance, atol=4 * tolerance)
        assert torch.equal(ours, x)
    assert torch.equal(reference(x), reference(x, dim=-1))


@on_torch
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_values_and_gradients_of_far_scores(name: str, dtype: Any) -> None:
    reference, oracle = TORCH[name]
    ours, theirs = (torch.tensor(FAR, dtype=dtype, requires_grad=True) for _ in range(2))
    cotangent = torch.tensor([[1.0, -2.0, 0.5]], dtype=dtype).expand(4, 3)
    actual, expected = reference(ours), oracle(theirs, -1)
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-6)
    for out in (actual, expected):
        out.backward(cotangent)
    assert ours.grad is not None
    assert ours.grad.isfinite().all()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-6)


@on_torch
def test_torch_passes_gradcheck_and_gradgradcheck(name: str) -> None:
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(10), dtype=torch.float64)
    x = x.transpose(0, 2).requires_grad_()  # not contiguous
    for dim in (0, 1, -1):
        assert torch.autograd.gradcheck(lambda t, d=dim: TORCH[name][0](t, d), x)
        assert torch.autograd.gradgradcheck(lambda t, d=dim: TORCH[name][0](t, d), x)


@on_torch
def test_torch_integers_missing_dim_and_other_device(name: str) -> None:
    reference, oracle = TORCH[name]
    whole = torch.tensor([[0, 1, 3], [2, 2, 5]])
    torch.testing.assert_close(reference(whole), oracle(whole.float(), -1))
    with pytest.raises(IndexError):
        reference(torch.zeros(2, 3), dim=2)
    # A tensor without data: whatever leaves its device (item(), numpy(), a new CPU tensor) fails.
    assert reference(torch.empty(2, 3, device="meta")).device.type == "meta"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@on_torch
def test_torch_on_cuda_agrees_with_the_cpu(name: str) -> None:
    results = []
    for device in ("cpu", "cuda"):
        x = torch.tensor(FAR, dtype=torch.float64, device=device, requires_grad=True)
        out = TORCH[name][0](x)
        out[:, 0].sum().backward()
        assert out.device == x.device
        results.append((out.detach().cpu(), x.grad.cpu()))
    torch.testing.assert_close(results[1], results[0], rtol=1e-12, atol=1e-12)


@on_torch
def test_torch_uses_no_library_version(name: str) -> None:
    seen: set[str] = set()

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.add(str(func))
            return func(*args, **(kwargs or {}))

    with Recorder():
        TORCH[name][0](torch.randn(2, 3))
    assert "aten.exp.default" in seen
    assert not [op for op in seen if "softmax" in op or "logsumexp" in op or "logaddexp" in op]


# Statement -------------------------------------------------------------------------------------


def test_examples_of_the_docstrings_are_right() -> None:
    result = doctest.testmod(M)
    assert result.attempted == 13
    assert result.failed == 0


def test_torch_gradients_named_in_the_statement_are_right() -> None:
    for function, expected in (
        (M.torch_softmax, [0.1875, -0.1875]),
        (M.torch_log_softmax, [0.75, -0.75]),
    ):
        x = torch.tensor([0.0, math.log(3)], requires_grad=True)
        function(x)[0].backward()
        torch.testing.assert_close(x.grad, torch.tensor(expected))


def test_letters_of_the_value_questions_follow_from_scipy() -> None:
    x = np.array([1.0, 2.0, 4.0])
    plain, shifted, scaled = (scipy.special.softmax(v) for v in (x, x + 100, 3 * x))
    np.testing.assert_allclose(shifted, plain, rtol=1e-12)
    assert M.shift_changes_output == "b"
    assert scaled.max() > plain.max()
    assert (scaled.argsort() == plain.argsort()).all()
    assert M.scale_changes_output == "d"
    options = {"a": [100, 100, 100], "b": [3, 1, 1], "c": [-3, -6, -6], "d": [10, 9, 8]}
    first = {letter: scipy.special.softmax(option)[0] for letter, option in options.items()}
    assert M.largest_output_input == max(first, key=lambda letter: first[letter])
