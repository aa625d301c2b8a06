"""Proves the references and the statement of the assignment on logistic regression against independent oracles."""

from __future__ import annotations

import doctest
import importlib.util
import math
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.optimize
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from hypothesis import given
from hypothesis import strategies as st

MASTER = Path(__file__).parents[2] / "solutions" / "logistic_regression" / "logistic_regression.py"


def load_master() -> ModuleType:
    spec = importlib.util.spec_from_file_location("logistic_regression_master", MASTER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(1)
    spec.loader.exec_module(module)
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    plt.close("all")
    return module


M = load_master()
DTYPES = [np.float32, np.float64]
dtypes = pytest.mark.parametrize("dtype", DTYPES)
seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4))


def assert_near(actual: Any, expected: Any, dtype: Any, factor: float = 1) -> None:
    """Dtype and shape exactly; values within 64 eps of the largest expected one, times `factor`.

    The sums have at most some twenty terms, and each step rounds to half an eps of its largest number.
    """
    assert isinstance(actual, np.ndarray | np.generic)
    assert actual.dtype == dtype
    expected = np.asarray(expected.detach() if isinstance(expected, torch.Tensor) else expected, dtype=np.float64)
    assert actual.shape == expected.shape
    atol = 64 * np.finfo(dtype).eps * factor * max(np.abs(expected).max(initial=0.0), 1.0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def unchanged(function: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of a call, after making sure that it works on read-only inputs: so it cannot modify them."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return function(*args, **kwargs)


def leaf(value: Any) -> torch.Tensor:
    """A float64 tensor with the same numbers that wants a gradient."""
    return torch.tensor(np.asarray(value, dtype=np.float64), requires_grad=True)


def draw(seed: int, n: int, d: int, k: int | None, dtype: Any = np.float64) -> tuple[Any, Any, Any]:
    """Features, weights and bias."""
    rng = np.random.default_rng(seed)
    outputs = () if k is None else (k,)
    return tuple(np.asarray(rng.normal(size=s), dtype=dtype) for s in ((n, d), (d, *outputs), outputs))


# Linear layer ----------------------------------------------------------------------------------


@given(sizes, seeds, st.sampled_from(DTYPES), st.booleans())
def test_linear_agrees_with_torch(size: tuple[int, int, int], seed: int, dtype: Any, single: bool) -> None:
    n, d, k = size
    x, w, b = draw(seed, n, d, None if single else k, dtype)
    expected = F.linear(leaf(x), leaf(w).T if not single else leaf(w)[None], leaf(b) if not single else leaf(b)[None])
    assert_near(unchanged(M.linear, x, w, b), expected[:, 0] if single else expected, dtype, d)


@given(sizes, seeds, st.sampled_from(DTYPES))
def test_linear_backward_agrees_with_autograd(size: tuple[int, int, int], seed: int, dtype: Any) -> None:
    x, w, b = draw(seed, *size, dtype)
    grad = np.random.default_rng(seed + 1).normal(size=(size[0], size[2])).astype(dtype)
    leaves = leaf(x), leaf(w), leaf(b)
    expected = torch.autograd.grad(leaves[0] @ leaves[1] + leaves[2], leaves, torch.tensor(grad, dtype=torch.float64))
    for ours, theirs in zip(unchanged(M.linear_backward, grad, x, w), expected, strict=True):
        assert_near(ours, theirs, dtype, 4)


def test_integers_are_promoted_and_numbers_follow_the_arrays() -> None:
    x, w = np.array([[1, 2], [3, 0]]), np.array([[1, 0], [2, 1]])
    results = [
        M.linear(x, w, np.array([1, 2])),
        *M.linear_backward(w, x, w),
        *M.linear_regression_gradients(x, np.array([1, 2]), w[0], 3, "mae"),
        *M.fit_linear_regression(x, np.array([1, 2]), 0.1, 2),
        M.logistic_regression(x, w, np.array([1, 2])),
        *M.logistic_regression_loss(x, np.array([1, 0]), w, np.array([1, 2]), 0.1),
        *M.fit_logistic_regression(x, np.array([1, 0]), 2, 0.1, 2),
        *M.binary_logistic_regression_loss(x, np.array([1, 0]), w[0], 1),
    ]
    assert {r.dtype for r in results} == {np.dtype(np.float64)}
    single = M.linear(x.astype(np.float32), w[0].astype(np.float32), 0.5)
    assert single.dtype == np.float32
    assert M.binary_logistic_regression(x.astype(np.float32), w[0].astype(np.float32), 0.5).dtype == np.float32
    assert M.as_floats(np.float32(1), 2, np.array([3]))[2].dtype == np.float32


# Linear regression -----------------------------------------------------------------------------

ORACLES = {"mse": F.mse_loss, "mae": F.l1_loss}
losses = pytest.mark.parametrize("loss", ORACLES)


@losses
@given(sizes, seeds, st.sampled_from(DTYPES))
def test_linear_regression_gradients_agree_with_autograd(
    loss: str, size: tuple[int, int, int], seed: int, dtype: Any
) -> None:
    x, w, b = draw(seed, *size[:2], None, dtype)
    y = (x @ w + b + np.random.default_rng(seed).choice([-1.5, 0.5, 2], size=size[0])).astype(dtype)
    leaves = leaf(w), leaf(b)
    value = ORACLES[loss](leaf(x).detach() @ leaves[0] + leaves[1], leaf(y).detach())
    for ours, theirs in zip(
        unchanged(M.linear_regression_gradients, x, y, w, b, loss), torch.autograd.grad(value, leaves), strict=True
    ):
        assert_near(ours, theirs, dtype, 8)


def test_absolute_error_has_derivative_0_at_its_kink() -> None:
    dw, db = M.linear_regression_gradients(np.eye(2), np.array([3.0, 0.0]), np.array([3.0, 5.0]), 0.0, "mae")
    np.testing.assert_array_equal(dw, [0, 0.5])
    assert db == 0.5


def test_an_unknown_loss_is_refused() -> None:
    x, y = np.eye(2), np.ones(2)
    with pytest.raises(ValueError, match='must be "mse" or "mae"'):
        M.linear_regression_gradients(x, y, y, 0.0, "huber")
    with pytest.raises(ValueError, match='must be "mse" or "mae"'):
        M.fit_linear_regression(x, y, 0.1, 1, "huber")


def trained_by_torch(value: Any, leaves: list[torch.Tensor], lr: float, steps: int) -> list[torch.Tensor]:
    """The leaves after steps of torch's SGD on a loss."""
    optimizer = torch.optim.SGD(leaves, lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.autograd.backward(value(*leaves))
        optimizer.step()
    return leaves


@losses
@pytest.mark.parametrize("steps", [0, 1, 30])
@dtypes
def test_fit_linear_regression_agrees_with_torch(loss: str, steps: int, dtype: Any) -> None:
    x, w, b = draw(3, 12, 3, None, dtype)
    y = (x @ w + b + np.random.default_rng(1).normal(size=12)).astype(dtype)
    wide_x, wide_y = leaf(x).detach(), leaf(y).detach()
    expected = trained_by_torch(
        lambda w, b: ORACLES[loss](wide_x @ w + b, wide_y), [leaf(np.zeros(3)), leaf(0.0)], 0.1, steps
    )
    for ours, theirs in zip(unchanged(M.fit_linear_regression, x, y, 0.1, steps, loss), expected, strict=True):
        assert_near(ours, theirs, dtype, 10)


def test_long_descent_reaches_least_squares() -> None:
    x, w, b = draw(4, 20, 2, None)
    y = x @ w + b + np.random.default_rng(2).normal(size=20)
    best = np.linalg.lstsq(np.hstack([x, np.ones((20, 1))]), y, rcond=None)[0]
    found = np.append(*M.fit_linear_regression(x, y, 0.1, 2000))
    # The error shrinks by a constant factor in each step; after 2000 of them rounding is all that is left.
    np.testing.assert_allclose(found, best, rtol=0, atol=1e-12)


# Logistic regression ---------------------------------------------------------------------------


@given(sizes, seeds, st.sampled_from(DTYPES), st.sampled_from([1.0, 100.0]))
def test_logistic_regression_agrees_with_torch(size: tuple[int, int, int], seed: int, dtype: Any, scale: float) -> None:
    x, w, b = draw(seed, *size, dtype)
    x = (scale * x).astype(dtype)
    expected = F.softmax(leaf(x) @ leaf(w) + leaf(b), dim=1)
    # Scores of this size are rounded to eps of their own size, and the exponential makes that a relative error.
    assert_near(unchanged(M.logistic_regression, x, w, b), expected, dtype, 10 * scale)


@given(sizes, seeds, st.sampled_from(DTYPES), st.sampled_from([0.0, 0.3]), st.sampled_from([1.0, 100.0]))
def test_logistic_regression_loss_agrees_with_autograd(
    size: tuple[int, int, int], seed: int, dtype: Any, decay: float, scale: float
) -> None:
    x, w, b = draw(seed, *size, dtype)
    x = (scale * x).astype(dtype)
    y = np.random.default_rng(seed).integers(0, size[2], size=size[0])
    leaves = leaf(w), leaf(b)
    value = F.cross_entropy(leaf(x).detach() @ leaves[0] + leaves[1], torch.tensor(y)) + decay * (leaves[0] ** 2).sum()
    expected = [value, *torch.autograd.grad(value, leaves)]
    for ours, theirs in zip(unchanged(M.logistic_regression_loss, x, y, w, b, decay), expected, strict=True):
        assert_near(ours, theirs, dtype, 10 * scale)


@given(sizes, seeds, st.sampled_from(DTYPES), st.sampled_from([0.0, 0.3]), st.sampled_from([1.0, 100.0]))
def test_binary_logistic_regression_agrees_with_autograd(
    size: tuple[int, int, int], seed: int, dtype: Any, decay: float, scale: float
) -> None:
    x, w, b = draw(seed, *size[:2], None, dtype)
    x = (scale * x).astype(dtype)
    y = np.random.default_rng(seed).integers(0, 2, size=size[0])
    leaves = leaf(w), leaf(b)
    score = leaf(x).detach() @ leaves[0] + leaves[1]
    value = F.binary_cross_entropy_with_logits(score, torch.tensor(y).double()) + decay * (leaves[0] ** 2).sum()
    assert_near(unchanged(M.binary_logistic_regression, x, w, b), torch.sigmoid(score), dtype, 10 * scale)
    expected = [value, *torch.autograd.grad(value, leaves)]
    for ours, theirs in zip(unchanged(M.binary_logistic_regression_loss, x, y, w, b, decay), expected, strict=True):
        assert_near(ours, theirs, dtype, 10 * scale)


@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_gradients_agree_with_central_differences(decay: float) -> None:
    x, w, b = draw(5, 6, 3, 4)
    y = np.array([0, 1, 2, 3, 1, 0])
    cases = ((M.logistic_regression_loss, w, b, y), (M.binary_logistic_regression_loss, w[:, 0], b[0], y % 2))
    for function, weights, bias, labels in cases:
        _, *gradients = function(x, labels, weights, bias, decay)
        ours = np.concatenate([np.ravel(g) for g in gradients])
        flat = np.concatenate([np.ravel(weights), np.ravel(bias)])

        def value(parameters: Any, f: Any = function, w: Any = weights, b: Any = bias, labels: Any = labels) -> float:
            return float(
                f(x, labels, parameters[: w.size].reshape(w.shape), parameters[w.size :].reshape(b.shape), decay)[0]
            )

        steps = 1e-6 * np.eye(flat.size)
        expected = [(value(flat + step) - value(flat - step)) / 2e-6 for step in steps]
        # Central differences of step 1e-6: an error of 1e-12 from the third derivative, 1e-10 from rounding.
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-8)


@dtypes
def test_losses_of_far_scores_are_exact(dtype: Any) -> None:
    x, w, b = np.array([[0.0, 1000.0], [800.0, 0.0]], dtype), np.eye(2, dtype=dtype), np.zeros(2, dtype)
    loss, dw, db = M.logistic_regression_loss(x, np.array([0, 0]), w, b)
    assert (loss, db.tolist()) == (500, [-0.5, 0.5])
    np.testing.assert_array_equal(dw, [[0, 0], [-500, 500]])
    score = np.array([[40.0], [-1000.0]], dtype)
    loss, dw, db = M.binary_logistic_regression_loss(score, np.array([0, 1]), np.ones(1, dtype), 0.0)
    assert (float(loss), float(db)) == (520, 0)
    assert dw.tolist() == [520]


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("steps", [0, 1, 30])
@dtypes
def test_fit_logistic_regression_agrees_with_torch(decay: float, steps: int, dtype: Any) -> None:
    x, _, _ = draw(6, 15, 3, 4, dtype)
    y = np.random.default_rng(3).integers(0, 3, size=15)  # class 3 does not occur
    wide = leaf(x).detach()
    expected = trained_by_torch(
        lambda w, b: F.cross_entropy(wide @ w + b, torch.tensor(y)) + decay * (w**2).sum(),
        [leaf(np.zeros((3, 4))), leaf(np.zeros(4))],
        0.5,
        steps,
    )
    for ours, theirs in zip(unchanged(M.fit_logistic_regression, x, y, 4, 0.5, steps, decay), expected, strict=True):
        assert_near(ours, theirs, dtype, 10)


def test_long_descent_reaches_the_minimum_that_scipy_finds() -> None:
    x, _, _ = draw(7, 30, 2, 3)
    y = np.random.default_rng(4).integers(0, 3, size=30)

    def value(flat: Any) -> float:
        scores = torch.tensor(x @ flat[:6].reshape(2, 3) + flat[6:])
        return F.cross_entropy(scores, torch.tensor(y)).item() + 0.05 * float((flat[:6] ** 2).sum())

    best = scipy.optimize.minimize(value, np.zeros(9), tol=1e-12)
    fit = M.fit_logistic_regression(x, y, 3, 0.5, 500, 0.05)
    # scipy stops where its differences of step 1e-8 are noise.
    assert float(M.logistic_regression_loss(x, y, *fit, 0.05)[0]) == pytest.approx(best.fun, abs=1e-10)


# Predictions -----------------------------------------------------------------------------------


@given(sizes, seeds)
def test_predict_and_accuracy_count_row_by_row(size: tuple[int, int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Whole numbers, so that ties occur.
    x, w, b = (rng.integers(-1, 2, size=s) for s in ((size[0], size[1]), (size[1], size[2]), (size[2],)))
    y = rng.integers(0, size[2], size=size[0])
    rows = [[sum(p * q for p, q in zip(row, column, strict=True)) for column in w.T.tolist()] for row in x.tolist()]
    scores = [[s + c for s, c in zip(row, b.tolist(), strict=True)] for row in rows]
    labels = [row.index(max(row)) for row in scores]
    actual = unchanged(M.predict, x, w, b)
    assert (actual.dtype, actual.tolist()) == (np.int64, labels)
    share = unchanged(M.accuracy, x, y, w, b)
    assert share.dtype == np.float64
    assert float(share) == sum(p == q for p, q in zip(labels, y.tolist(), strict=True)) / len(labels)


@given(st.integers(0, 60), st.integers(1, 5), seeds, st.sampled_from([np.int64, np.int32, np.uint8]))
def test_confusion_matrix_counts_pairs(n: int, c: int, seed: int, dtype: Any) -> None:
    y_true, y_pred = np.random.default_rng(seed).integers(0, c, size=(2, n)).astype(dtype)
    count = Counter(zip(y_true.tolist(), y_pred.tolist(), strict=True))
    actual = unchanged(M.confusion_matrix, y_true, y_pred, c)
    assert actual.dtype == np.int64
    assert actual.tolist() == [[count[i, j] for j in range(c)] for i in range(c)]


# Mini-batches ----------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(1, 12))
def test_steps_per_epoch_is_the_length_of_a_data_loader(n: int, size: int) -> None:
    steps = M.steps_per_epoch(n, size)
    assert type(steps) is int
    assert steps == len(torch.utils.data.DataLoader(range(n), batch_size=size))  # type: ignore[arg-type]


@given(st.integers(1, 40), st.integers(1, 12), seeds)
def test_minibatches_hold_each_pair_once_in_batches_of_the_right_size(n: int, size: int, seed: int) -> None:
    x, y = np.arange(2.0 * n, dtype=np.float32).reshape(n, 2), 3 * np.arange(n)
    batches = unchanged(M.minibatches, x, y, size, np.random.default_rng(seed))
    full, rest = divmod(n, size)
    assert [len(a) for a, _ in batches] == [size] * full + [rest] * (rest > 0)
    assert {(a.dtype, b.dtype) for a, b in batches} == {(np.dtype(np.float32), np.dtype(np.int64))}
    pairs = [(*a, b) for xs, ys in batches for a, b in zip(xs.tolist(), ys.tolist(), strict=True)]
    assert sorted(pairs) == [(2 * i, 2 * i + 1, 3 * i) for i in range(n)]


def test_minibatches_are_shuffled_anew_and_reproducibly() -> None:
    x = np.arange(100)

    def epochs(seed: int) -> list[list[int]]:
        rng = np.random.default_rng(seed)
        return [[i for a, _ in M.minibatches(x, x, 10, rng) for i in a.tolist()] for _ in range(2)]

    first, second = epochs(0)
    assert first != second
    assert [first, second] == epochs(0) != epochs(1)
    # Each place gets each sample equally often: a permutation test of the mean, far within five deviations.
    firsts = [M.minibatches(x, x, 10, np.random.default_rng(seed))[0][0][0] for seed in range(400)]
    assert abs(np.mean(firsts) - 49.5) < 5 * 28.9 / math.sqrt(400)


# PyTorch ---------------------------------------------------------------------------------------


def test_dataset_gives_what_a_data_loader_and_a_linear_layer_need() -> None:
    x, y = np.arange(10.0).reshape(5, 2), np.array([0, 2, 1, 1, 0], dtype=np.uint8)
    dataset = M.HousesDataset(x, y)
    assert isinstance(dataset, torch.utils.data.Dataset)
    assert len(dataset) == 5
    for i in (0, 4, -1):
        features, label = dataset[i]
        torch.testing.assert_close(features, torch.tensor(x[i], dtype=torch.float32))
        torch.testing.assert_close(label, torch.tensor(int(y[i])))
    with pytest.raises(IndexError):
        dataset[5]
    x[:] = 0  # the dataset keeps its own numbers
    inputs, labels = next(iter(torch.utils.data.DataLoader(dataset, batch_size=5)))
    assert inputs.sum() == 45
    assert torch.isfinite(F.cross_entropy(M.build_linear(2, 3)(inputs), labels))


def test_models_have_the_layers_of_the_statement() -> None:
    assert type(M.build_linear(2, 3)) is torch.nn.Linear
    kinds = [type(part) for part in M.build_mlp(2, 5, 3)]
    assert kinds == [torch.nn.Linear, torch.nn.ReLU, torch.nn.Linear]
    assert sum(p.numel() for p in M.build_mlp(2, 8, 3).parameters()) == 24 + 27
    model = M.LogisticRegression(2, 3)
    assert [(n, tuple(p.shape)) for n, p in model.named_parameters()] == [
        ("linear.weight", (3, 2)),
        ("linear.bias", (3,)),
    ]
    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(x), x @ model.linear.weight.T + model.linear.bias)


def seeded(model: torch.nn.Module, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    """The model with parameters drawn from a seed."""
    draw = torch.Generator().manual_seed(seed)
    for parameter in model.to(dtype).parameters():
        parameter.data = torch.randn(parameter.shape, generator=draw, dtype=dtype)
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_train_follows_the_gradient_written_by_hand(dtype: torch.dtype) -> None:
    x, _, _ = draw(8, 11, 2, 3)
    y = np.random.default_rng(5).integers(0, 3, size=11)
    model = seeded(M.LogisticRegression(2, 3), dtype=dtype)
    model.linear.weight.grad = torch.ones_like(model.linear.weight)  # stale
    w, b = model.linear.weight.detach().double().numpy().T.copy(), model.linear.bias.detach().double().numpy().copy()
    expected = []
    for _ in range(7):
        p = np.exp(x @ w + b)
        p /= p.sum(axis=1, keepdims=True)
        expected.append(-np.log(p[np.arange(11), y]).mean())
        grad = (p - np.eye(3)[y]) / 11
        w, b = w - 0.3 * x.T @ grad, b - 0.3 * grad.sum(axis=0)
    losses = M.train(model, torch.tensor(x, dtype=dtype), torch.tensor(y), 0.3, 7)
    assert {type(loss) for loss in losses} == {float}
    tolerance = 100 * torch.finfo(dtype).eps
    np.testing.assert_allclose(losses, expected, rtol=tolerance)
    np.testing.assert_allclose(model.linear.weight.detach().numpy().T, w, rtol=0, atol=10 * tolerance)
    np.testing.assert_allclose(model.linear.bias.detach().numpy(), b, rtol=0, atol=10 * tolerance)


def test_train_agrees_with_fit_from_zero_parameters() -> None:
    model = M.LogisticRegression(2, 3).double()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    losses = M.train(model, torch.tensor(M.x), torch.tensor(M.price_class), 0.5, 50)
    w, _ = M.fit_logistic_regression(M.x, M.price_class, 3, 0.5, 50)
    np.testing.assert_allclose(model.linear.weight.detach().numpy().T, w, rtol=0, atol=1e-12)
    assert losses[0] == pytest.approx(math.log(3), rel=1e-12)
    assert losses == sorted(losses, reverse=True)


def test_train_does_not_depend_on_the_number_of_threads() -> None:
    runs = []
    threads = torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        model = seeded(M.build_mlp(2, 16, 3))
        losses = M.train(model, torch.tensor(M.x), torch.tensor(M.price_class), 0.5, 20)
        runs.append((losses, [p.tolist() for p in model.parameters()]))
    torch.set_num_threads(threads)
    assert runs[0] == runs[1]


def test_modes_during_and_after_training_and_prediction() -> None:
    seen: list[tuple[bool, bool]] = []
    model = seeded(torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3)))
    model.register_forward_hook(lambda m, args, out: seen.append((m.training, out.requires_grad)))
    x, y = torch.tensor(M.x), torch.tensor(M.price_class)
    model.eval()
    assert len(M.train(model, x, y, 0.1, 2)) == 2
    assert model.training
    assert M.train(model, x, y, 0.1, 0) == []
    for mode in (True, False):
        model.train(mode)
        before = [p.clone() for p in model.parameters()]
        probabilities = M.predict_proba(model, x)
        assert model.training is mode
        assert not probabilities.requires_grad
        assert all(map(torch.equal, model.parameters(), before))
    assert seen == [(True, True)] * 2 + [(False, False)] * 2
    with torch.no_grad():
        torch.testing.assert_close(probabilities, F.softmax(model(x), dim=1))
    assert probabilities.dtype == torch.float64


def test_predict_proba_moves_the_data_to_the_device_of_the_model() -> None:
    model = M.build_mlp(2, 4, 3).to("meta")
    probabilities = M.predict_proba(model, torch.zeros(5, 2))
    assert (probabilities.device.type, probabilities.shape) == ("meta", (5, 3))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_on_cuda_agrees_with_the_cpu_wherever_the_data_are() -> None:
    x, y = torch.tensor(M.x), torch.tensor(M.price_class)
    runs = []
    for device, data in (("cpu", "cpu"), ("cuda", "cpu"), ("cuda", "cuda")):
        model = seeded(M.build_mlp(2, 4, 3)).to(device)
        losses = M.train(model, x.to(data), y.to(data), 0.5, 10)
        probabilities = M.predict_proba(model, x.to(data))
        assert probabilities.device.type == device
        runs.append((losses, probabilities.cpu()))
    for losses, probabilities in runs[1:]:
        np.testing.assert_allclose(losses, runs[0][0], rtol=1e-10)
        torch.testing.assert_close(probabilities, runs[0][1], rtol=1e-10, atol=1e-10)


# Statement -------------------------------------------------------------------------------------


def test_examples_of_the_docstrings_are_right() -> None:
    state = torch.get_rng_state()
    result = doctest.testmod(M)
    torch.set_rng_state(state)
    assert result.attempted == 36
    assert result.failed == 0


def test_answers_of_the_value_questions_follow_from_the_arrays() -> None:
    w, b = M.fit_logistic_regression(M.x, M.price_class, 3, 0.1, 1)
    assert (M.x.shape, w.shape, b.shape, M.linear(M.x, w, b).shape) == (M.x_shape, M.w_shape, M.b_shape, M.out_shape)


def test_data_are_those_of_the_statement() -> None:
    assert Counter(M.price_class.tolist()).keys() == {0, 1, 2}
    np.testing.assert_allclose(M.x.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((M.x**2).mean(axis=0), 1, rtol=1e-12)


def test_further_numbers_of_the_statement_are_right() -> None:
    def near(actual: Any, expected: Any) -> None:
        np.testing.assert_allclose(actual, expected, rtol=0, atol=5.1e-4)  # three decimals

    dw, db = M.linear_regression_gradients(np.array([[1, 2], [3, 4]]), np.array([1, 2]), np.array([1, 1]), 0)
    near([*dw, db], [17, 24, 7])
    dw, db = M.linear_regression_gradients(np.array([[1], [2]]), np.array([1, 3]), np.array([0.7]), 0.4)
    near([*dw, db], [-2.3, -1.1])
    x, w = np.array([[1, 2]]), np.log([[2, 1, 5], [1, 1, 1]])
    near(M.logistic_regression_loss(x, np.array([0]), w, np.zeros(3))[0], 1.386)
    near(M.logistic_regression_loss(M.x, M.price_class, np.zeros((2, 3)), np.zeros(3))[0], 1.099)
    w, b = M.fit_logistic_regression(np.array([[1], [-1]]), np.array([0, 1]), 2, 1, 1)
    model = M.LogisticRegression(1, 2)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    near(M.train(model, torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 1]), 1, 1), [0.693])
    near(model.linear.weight.detach().numpy(), [[0.5], [-0.5]])
    near([*w.ravel(), *b], [0.5, -0.5, 0, 0])
    p = torch.sigmoid(torch.tensor(40.0, dtype=torch.float64))
    assert p == 1  # the numeric trap of 5.14
    weights = torch.tensor([[1.0, 2.0], [0.0, 1.0], [-1.0, 0.0]])
    model = M.LogisticRegression(2, 3)
    model.load_state_dict({"linear.weight": weights, "linear.bias": torch.tensor([0.0, 10.0, 20.0])})
    assert model(torch.tensor([[1.0, 2.0]])).tolist() == [[5, 12, 19]]
