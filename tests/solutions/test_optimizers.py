"""Proves the assignment on optimizers: its references against torch.optim and linear algebra, and its statement."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis.extra.numpy as hnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.course.load import load_assignment

ASSIGNMENT = load_assignment(Path(__file__).parents[2], "optimizers")


def load_master() -> ModuleType:
    spec = importlib.util.spec_from_file_location("optimizers_master", ASSIGNMENT.master)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plt.close("all")
    return module


M = load_master()

SHAPES = ((3,), (2, 2), (1,))
#: Set before each of the steps, so that a schedule is part of every path.
RATES = (0.1, 0.1, 0.02, 0.02, 0.3, 0.1, 0.1, 0.05)
ADAM = {"betas": ((0.9, 0.999), (0.5, 0.8)), "eps": (1e-8, 0.1), "weight_decay": (0, 0.3)}
#: Every option with two values or more; all combinations are tried.
OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "SGD": {"momentum": (0, 0.9), "dampening": (0, 0.5), "nesterov": (False, True), "weight_decay": (0, 0.3)},
    "Adagrad": {"lr_decay": (0, 0.5), "eps": (1e-10, 0.1)},
    "Adadelta": {"rho": (0.9, 0.5), "eps": (1e-6, 0.1)},
    "RMSprop": {"alpha": (0.99, 0.5), "eps": (1e-8, 0.1), "momentum": (0, 0.9), "centered": (False, True)},
    "Adam": ADAM,
    "AdamW": ADAM,
    "Adamax": ADAM,
    "NAdam": {**ADAM, "momentum_decay": (4e-3, 0.5)},
}
TORCH = {"TorchSGD": "SGD", "TorchAdam": "Adam"}


def combinations(name: str) -> Iterator[dict[str, Any]]:
    """All combinations of options that PyTorch takes."""
    table = OPTIONS[name]
    for values in itertools.product(*table.values()):
        options = dict(zip(table, values, strict=True))
        if not (options.get("nesterov") and (options["dampening"] or not options["momentum"])):
            yield options


@pytest.fixture(autouse=True)
def wide() -> Iterator[None]:
    """PyTorch keeps some of its own state, such as NAdam's product, in the default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def draw(seed: int, steps: int = len(RATES)) -> tuple[list[Any], list[list[Any]]]:
    """Start values, and gradients of each step."""
    rng = np.random.default_rng(seed)
    return [rng.normal(3, 1, size=s) for s in SHAPES], [[rng.normal(size=s) for s in SHAPES] for _ in range(steps)]


def path_of(optimizer: Any, params: list[Any], gradients: Sequence[Any], rates: Sequence[float] = RATES) -> list[Any]:
    """Parameters after each step of one of our NumPy optimizers; `params` are changed in place."""
    path = []
    for lr, grads in zip(rates, gradients, strict=True):
        optimizer.lr = lr
        optimizer.step(grads)
        path.append([p.copy() for p in params])
    return path


def torch_path(
    make: Callable[[list[Any]], torch.optim.Optimizer],
    params: list[Any],
    gradients: list[list[Any]],
    rates: Sequence[float] = RATES,
) -> list[Any]:
    """Parameters after each step of an optimizer for PyTorch, of copies of `params`."""
    leaves = [torch.tensor(p, requires_grad=True) for p in params]
    optimizer = make(leaves)
    path = []
    for lr, grads in zip(rates, gradients, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = lr
        for leaf, g in zip(leaves, grads, strict=True):
            leaf.grad = torch.tensor(g)
        optimizer.step()
        path.append([leaf.detach().numpy().copy() for leaf in leaves])
    return path


def assert_same_path(actual: list[Any], expected: list[Any]) -> None:
    """Float64 formulas in another order of a few operations: 1e-9 is far above their rounding."""
    assert len(actual) == len(expected)
    for mine, theirs in zip(actual, expected, strict=True):
        for p, q in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-9, strict=True)


@pytest.mark.parametrize("name", OPTIONS)
def test_path_is_that_of_torch_for_every_combination_of_options(name: str) -> None:
    oracle, ours = getattr(torch.optim, name), getattr(M, name)
    cases = list(combinations(name))
    assert len(cases) >= 4
    for seed, options in enumerate(cases):
        params, gradients = draw(seed)
        expected = torch_path(lambda leaves, o=options: oracle(leaves, lr=1.0, **o), params, gradients)
        assert_same_path(path_of(ours(params, lr=1.0, **options), params, gradients), expected)


@pytest.mark.parametrize("name", TORCH)
def test_torch_optimizers_go_the_path_of_torch_for_every_combination_of_options(name: str) -> None:
    oracle, ours = getattr(torch.optim, TORCH[name]), getattr(M, name)
    for seed, options in enumerate(combinations(TORCH[name])):
        params, gradients = draw(seed)
        paths = [torch_path(lambda x, c=c, o=options: c(x, lr=1.0, **o), params, gradients) for c in (ours, oracle)]
        assert_same_path(*paths)


@pytest.mark.parametrize("name", OPTIONS)
@settings(max_examples=15)
@given(drawn=hnp.arrays(np.float64, (4, 3), elements=st.floats(-1e3, 1e3)), lr=st.floats(1e-4, 1.0))
def test_path_is_that_of_torch_for_drawn_gradients(name: str, drawn: Any, lr: float) -> None:
    params, gradients, rates = [np.array([3.0, -2.0, 1.0])], [[g] for g in drawn], [lr] * 4
    expected = torch_path(lambda leaves: getattr(torch.optim, name)(leaves, lr=1.0), params, gradients, rates)
    assert_same_path(path_of(getattr(M, name)(params, lr=1.0), params, gradients, rates), expected)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Adamax", "NAdam"])
def test_decay_mask_is_a_parameter_group_without_decay(name: str) -> None:
    params, gradients = draw(1)

    def make(leaves: list[Any]) -> torch.optim.Optimizer:
        groups = [{"params": leaves[:2]}, {"params": leaves[2:], "weight_decay": 0}]
        optimizer: torch.optim.Optimizer = getattr(torch.optim, name)(groups, lr=1.0, weight_decay=0.3)
        return optimizer

    expected = torch_path(make, params, gradients)
    ours = getattr(M, name)(params, lr=1.0, weight_decay=0.3, decay_mask=[True, True, False])
    assert_same_path(path_of(ours, params, gradients), expected)


@pytest.mark.parametrize("name", [*OPTIONS, *TORCH])
def test_defaults_are_those_of_torch(name: str) -> None:
    theirs = inspect.signature(getattr(torch.optim, TORCH.get(name, name))).parameters
    for option, parameter in inspect.signature(getattr(M, name)).parameters.items():
        if option not in ("params", "decay_mask"):
            assert parameter.default == theirs[option].default, option


def test_classical_momentum_adds_up_old_steps_with_their_own_rates() -> None:
    params, gradients = draw(2)
    start = [p.copy() for p in params]
    path = path_of(M.ClassicalMomentum(params, lr=1.0, momentum=0.8), params, gradients)
    for n in range(len(RATES)):
        # What step k contributed by step n: its share stays 1 + 0.8 + 0.8 ** 2 + ...
        weights = [RATES[k] * sum(0.8**j for j in range(n - k + 1)) for k in range(n + 1)]
        expected = [
            p - sum(w * g[i] for w, g in zip(weights, gradients[: n + 1], strict=True)) for i, p in enumerate(start)
        ]
        assert_same_path([path[n]], [expected])


def test_look_ahead_is_the_nesterov_of_torch_after_a_change_of_variables() -> None:
    params, _ = draw(3)
    leaves = [torch.tensor(p, requires_grad=True) for p in params]
    oracle = torch.optim.SGD(leaves, lr=0.1, momentum=0.9, nesterov=True)
    ours = M.Nesterov(params, lr=0.1, momentum=0.9)
    for _ in range(8):
        for leaf in leaves:
            leaf.grad = torch.tanh(leaf.detach()) + leaf.detach()
        oracle.step()
        ours.step(lambda ps: [np.tanh(p) + p for p in ps])
        # Torch holds the point ahead, p - mu v, and a velocity without lr.
        behind = [(x + 0.09 * oracle.state[x]["momentum_buffer"]).detach().numpy() for x in leaves]
        assert_same_path([params], [behind])


def test_look_ahead_keeps_the_old_rate_in_its_velocity() -> None:
    p = np.array([3.0])
    optimizer = M.Nesterov([p], lr=0.1, momentum=0.5)
    optimizer.step(lambda params: [2 * params[0]])  # v = 0.6
    optimizer.lr = 0.0
    optimizer.step(lambda params: [2 * params[0]])
    np.testing.assert_allclose(p, 3.0 - 0.6 - 0.3, rtol=1e-12)


@pytest.mark.parametrize("name", [*OPTIONS, "ClassicalMomentum"])
def test_steps_change_the_given_arrays_keep_their_dtype_and_leave_gradients_alone(name: str) -> None:
    options = {"lr": 0.1, "momentum": 0.9} if name == "ClassicalMomentum" else {"lr": 0.1}
    params = [np.ones(3, np.float32), np.full((2, 2), 2, np.float32)]
    arrays, before = list(params), [p.copy() for p in params]
    gradients = [np.full(p.shape, 0.5, np.float32) for p in params]
    optimizer = getattr(M, name)(params, **options)
    for _ in range(2):
        assert optimizer.step(gradients) is None
    assert all(a is p for a, p in zip(arrays, params, strict=True))
    assert all(p.dtype == np.float32 and np.all(p < b) for p, b in zip(arrays, before, strict=True))
    assert all(np.all(g == 0.5) and g.dtype == np.float32 for g in gradients)


def test_the_three_sgd_conventions_of_the_statement_give_its_numbers() -> None:
    table = {(): [2.9, 2.7, 2.8], (0.9,): [2.9, 2.61, 2.449], (0.9, 0.5): [2.9, 2.71, 2.589]}
    for values, path in table.items():
        options = dict(zip(("momentum", "dampening"), values, strict=False))
        assert M.three_steps(M.SGD, lr=0.1, **options) == path
    assert M.three_steps(M.SGD, lr=0.1, momentum=0.9, nesterov=True) == [2.81, 2.349, 2.3041]
    after = {}
    for name in ("SGD", "ClassicalMomentum"):
        params = [np.array([3.0])]
        optimizer = getattr(M, name)(params, lr=0.1, momentum=0.9)
        after[name] = path_of(optimizer, params, [[np.ones(1)], [np.full(1, 2.0)]], (0.1, 0.01))[-1][0][0]
    assert after == pytest.approx({"SGD": 2.871, "ClassicalMomentum": 2.79}, abs=1e-12)


# Optimizers for PyTorch: what the base class brings must work with them.


def model_and_data() -> tuple[torch.nn.Module, Any, Any]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 3, generator=generator)
    layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    with torch.no_grad():
        for p in layers.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    return layers, x, x.sum(1, keepdim=True)


@pytest.mark.parametrize("name", TORCH)
def test_a_model_trains_as_with_the_optimizer_of_torch_and_a_scheduler(name: str) -> None:
    weights = []
    for optimizer_class in (getattr(M, name), getattr(torch.optim, TORCH[name])):
        model, x, y = model_and_data()
        first, last = model[0], model[2]
        groups = [{"params": first.parameters(), "lr": 0.02}, {"params": last.parameters()}]
        optimizer = optimizer_class(groups, lr=0.05, weight_decay=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)
        for _ in range(5):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
            scheduler.step()
        weights.append([p.detach().numpy() for p in model.parameters()])
    assert_same_path(weights[:1], weights[1:])


@pytest.mark.parametrize("name", TORCH)
def test_a_loaded_state_dict_continues_the_path(name: str) -> None:
    options: Mapping[str, Any] = {"momentum": 0.9} if name == "TorchSGD" else {}
    params, gradients = draw(5, 6)
    make = getattr(M, name)
    whole = torch_path(lambda leaves: make(leaves, lr=0.1, **options), params, gradients, [0.1] * 6)
    leaves = [torch.tensor(p, requires_grad=True) for p in params]
    optimizer = make(leaves, lr=0.1, **options)
    for number, grads in enumerate(gradients):
        if number == 3:
            saved = optimizer.state_dict()
            optimizer = make(leaves, lr=5.0)
            optimizer.load_state_dict(saved)
        for leaf, g in zip(leaves, grads, strict=True):
            leaf.grad = torch.tensor(g)
        optimizer.step()
    assert_same_path([[x.detach().numpy() for x in leaves]], whole[-1:])


@pytest.mark.parametrize("name", TORCH)
def test_a_parameter_without_a_gradient_is_left_alone(name: str) -> None:
    one, two = (torch.tensor([3.0], requires_grad=True) for _ in range(2))
    optimizer = getattr(M, name)([one, two], lr=0.1, weight_decay=0.5)
    one.grad = torch.tensor([1.0])
    optimizer.step()
    assert one.item() != 3.0
    assert two.item() == 3.0
    assert len(optimizer.state[two]) == 0


# Loops over data.


class Recorder:
    """A gradient function that notes what it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gradients: list[Any] = []

    def __call__(self, params: Any, batch: Any) -> Any:
        self.batches.append(batch[:, 0].astype(int).tolist())
        self.gradients.append(np.sin(params) + batch.mean())
        return self.gradients[-1]


def loops(n: int, epochs: int, batch_size: int, seed: int = 0) -> Iterator[tuple[Recorder, Any, int]]:
    """Both shuffled loops after a run: what they asked, the path, the size of their batches."""
    data, start = np.arange(n, dtype=float)[:, None], np.array([1.0, -1.0])
    for size in (1, batch_size):
        recorder, rng = Recorder(), np.random.default_rng(seed)
        if size == 1:
            path = M.stochastic_gradient_descent(recorder, start, data, 0.1, epochs, rng)
        else:
            path = M.minibatch_gradient_descent(recorder, start, data, 0.1, epochs, size, rng)
        yield recorder, path, size


@pytest.mark.parametrize(("n", "batch_size"), [(10, 4), (9, 3), (3, 5), (1, 2)])
def test_each_sample_is_used_once_per_epoch_in_batches_of_which_the_last_is_short(n: int, batch_size: int) -> None:
    for recorder, path, size in loops(n, 3, batch_size):
        steps = math.ceil(n / size)
        assert len(recorder.batches) == 3 * steps == len(path) - 1
        for epoch in range(3):
            batches = recorder.batches[epoch * steps : (epoch + 1) * steps]
            assert sorted(itertools.chain(*batches)) == list(range(n))
            assert [len(b) for b in batches[:-1]] == [size] * (steps - 1)


def test_paths_follow_the_gradients_and_orders_come_from_rng() -> None:
    runs = []
    for seed in (0, 0, 1):
        for recorder, path, _ in loops(20, 2, 3, seed):
            np.testing.assert_array_equal(path[0], [1.0, -1.0])
            np.testing.assert_allclose(np.diff(path, axis=0), -0.1 * np.array(recorder.gradients), atol=1e-12)
            orders = [list(itertools.chain(*recorder.batches))[k : k + 20] for k in (0, 20)]
            assert orders[0] != orders[1]
            runs.append(orders)
    assert runs[:2] == runs[2:4] != runs[4:]


def test_batch_gradient_descent_is_sgd_of_torch_on_the_whole_loss() -> None:
    rng = np.random.default_rng(0)
    data, start = rng.normal(size=(9, 3)), rng.normal(size=3)
    leaf = torch.tensor(start, requires_grad=True)
    optimizer, expected = torch.optim.SGD([leaf], lr=0.3), [start]
    for _ in range(5):
        optimizer.zero_grad()
        torch.log(torch.cosh(leaf - torch.tensor(data))).sum(1).mean().backward()
        optimizer.step()
        expected.append(leaf.detach().numpy().copy())
    actual = M.batch_gradient_descent(lambda p, x: np.tanh(p - x).mean(0), start, data, 0.3, 5)
    np.testing.assert_allclose(actual, np.array(expected), rtol=1e-9, strict=True)


# L-BFGS.


def inverse_bfgs(pairs: Sequence[tuple[Any, Any]], size: int) -> Any:
    """The matrix that the two loops multiply with, from its update formula."""
    s, y = pairs[-1]
    h = np.eye(size) * (s @ y) / (y @ y)
    for s, y in pairs:
        left = np.eye(size) - np.outer(s, y) / (s @ y)
        h = left @ h @ left.T + np.outer(s, s) / (s @ y)
    return h


@given(seed=st.integers(0, 10_000), count=st.integers(1, 6), size=st.integers(1, 6))
@settings(max_examples=40)
def test_lbfgs_direction_is_that_of_the_explicit_matrix(seed: int, count: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    hessian = root @ root.T + np.eye(size)
    s_list = list(rng.normal(size=(count, size)))
    y_list = [hessian @ s for s in s_list]
    grad = rng.normal(size=size)
    expected = -inverse_bfgs(list(zip(s_list, y_list, strict=True)), size) @ grad
    actual = M.lbfgs_direction(grad, s_list, y_list)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9 * scale, strict=True)
    assert actual @ grad < 0  # a direction of descent
    # The secant equation: what changed the gradient by y was the step s.
    np.testing.assert_allclose(-M.lbfgs_direction(y_list[-1], s_list, y_list), s_list[-1], rtol=1e-6, atol=1e-8)


def test_without_pairs_lbfgs_is_steepest_descent() -> None:
    np.testing.assert_array_equal(M.lbfgs_direction(np.array([1.0, -2.0]), [], []), [-1.0, 2.0])


# Schedules.


def rates_of(make: Callable[[torch.optim.Optimizer], Any], lr: float, steps: int) -> list[float]:
    """The rates that a scheduler of torch has in force at each step."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=lr)
    scheduler, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


SCHEDULER = torch.optim.lr_scheduler
SCHEDULES: dict[str, tuple[Callable[[int], float], Callable[[Any], Any], int]] = {
    "step": (lambda t: M.step_decay(0.3, t, 4, 0.5), lambda o: SCHEDULER.StepLR(o, 4, 0.5), 13),
    "exponential": (
        lambda t: M.exponential_decay(0.3, 0.2, t),
        lambda o: SCHEDULER.ExponentialLR(o, math.exp(-0.2)),
        9,
    ),
    "cosine": (lambda t: M.cosine_decay(0.3, t, 10, 0.01), lambda o: SCHEDULER.CosineAnnealingLR(o, 10, 0.01), 11),
    "warm-up": (lambda t: M.linear_warmup(0.3, t, 5), lambda o: SCHEDULER.LinearLR(o, 1 / 5, 1.0, total_iters=4), 9),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_those_of_torch(name: str) -> None:
    ours, theirs, steps = SCHEDULES[name]
    np.testing.assert_allclose([ours(t) for t in range(steps)], rates_of(theirs, 0.3, steps), rtol=1e-9)


@given(
    losses=st.lists(st.integers(-5, 5).map(float), max_size=30), patience=st.integers(0, 4), factor=st.floats(0.3, 0.9)
)
@settings(max_examples=40)
def test_reduce_on_plateau_is_that_of_torch_without_a_threshold(
    losses: list[float], patience: int, factor: float
) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    scheduler = SCHEDULER.ReduceLROnPlateau(optimizer, factor=factor, patience=patience, threshold=0.0, eps=0.0)
    expected = []
    for loss in losses:
        scheduler.step(loss)
        expected.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(M.reduce_on_plateau(0.5, losses, factor, patience), expected, rtol=1e-9)


def test_cosine_stays_at_its_end() -> None:
    assert [M.cosine_decay(0.3, t, 10, 0.01) for t in (10, 11, 1000)] == pytest.approx([0.01] * 3)


@pytest.mark.parametrize("step", [0, 249, 250, 999, 1000, 12_345, 10**6])
def test_sutskever_momentum_is_one_minus_half_of_a_stair(step: int) -> None:
    exact = 1 - Fraction(1, 2 * (step // 250 + 1))
    assert M.sutskever_momentum(step, 1.0) == pytest.approx(float(exact), rel=1e-12)
    assert M.sutskever_momentum(step, 0.7) == pytest.approx(min(float(exact), 0.7), rel=1e-12)


# The statement.


def test_counted_steps_are_those_of_the_loops() -> None:
    counts = [len(path) - 1 for _, path, _ in loops(1000, 1, 64)]
    assert [M.steps_stochastic, M.steps_minibatch] == counts
    assert M.steps_batch == 1


def test_only_stochastic_descent_moves_on_a_saddle() -> None:
    """The loss of sample c is x y + c x, with c = 1 and -1; at 0 the mean is a saddle."""
    data, start = np.array([[1.0], [-1.0]]), np.zeros(2)

    def grad_fn(p: Any, batch: Any) -> Any:
        return np.array([p[1] + batch.mean(), p[0]])

    stochastic = M.stochastic_gradient_descent(grad_fn, start, data, 0.1, 1, np.random.default_rng(0))
    assert np.any(stochastic[1] != 0)
    still = [start.copy() for _ in range(3)]
    for p, make in zip(still, ("sgd", "momentum", "adam"), strict=True):
        optimizer = M.Adam([p]) if make == "adam" else M.SGD([p], momentum=0.9 * (make == "momentum"))
        optimizer.step([grad_fn(p, data)])
        np.testing.assert_array_equal(p, 0)
    assert M.moves_on_a_saddle == "c"


def test_examples_of_the_docstrings_are_right() -> None:
    result = doctest.testmod(M)
    assert result.attempted == 34
    assert result.failed == 0
