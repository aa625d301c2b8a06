"""Proves the assignment on automatic differentiation: the engine against torch, differences and closed forms."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import itertools
import json
import math
import sys
from collections.abc import Callable
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
from numpy.testing import assert_allclose

from autograder.course.draw import probes_of
from autograder.course.load import load_assignment

COURSE = Path(__file__).parents[2]
ASSIGNMENT = load_assignment(COURSE, "autograd")


def load_master() -> ModuleType:
    spec = importlib.util.spec_from_file_location("autograd_master", ASSIGNMENT.master)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plt.close("all")
    return module


M = load_master()
Value = M.Value


def near(expected: Any) -> Any:
    """Some tens of roundings in float64, of terms that are at most 1e3 times as large as their sum."""
    return pytest.approx(expected, rel=1e-11, abs=1e-11)


# Value: random expressions against torch --------------------------------------------------------

#: Operations that stay finite and smooth for all numbers, on Values and on tensors; u and v are earlier nodes.
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "u + v": lambda u, v: u + v,
    "u - v": lambda u, v: u - v,
    "2 + u": lambda u, v: 2 + u,
    "u - 1.5": lambda u, v: u - 1.5,
    "2 - u": lambda u, v: 2 - u,
    "-u": lambda u, v: -u,
    "tanh(u) * v": lambda u, v: u.tanh() * v,
    "0.5 * u * v.tanh()": lambda u, v: 0.5 * u * v.tanh(),
    "u / (2 + v ** 2)": lambda u, v: u / (2 + v**2),
    "u / 3": lambda u, v: u / 3,
    "1 / (1 + u * u)": lambda u, v: 1 / (1 + u * u),
    "exp(-u ** 2)": lambda u, v: (-(u**2)).exp(),
    "log(1 + u ** 2)": lambda u, v: (1 + u**2).log(),
    "(1 + u ** 2) ** tanh(v)": lambda u, v: (1 + u**2) ** v.tanh(),
    "1.5 ** tanh(u)": lambda u, v: 1.5 ** u.tanh(),
    "(1 + u ** 2) ** -0.5": lambda u, v: (1 + u**2) ** -0.5,
    "relu(u)": lambda u, v: u.relu(),
}
steps_of_a_graph = st.lists(
    st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=20
)
#: At 0 relu has no derivative; a number with few digits, such as 0.5, might lead there exactly.
leaves_of_a_graph = st.lists(
    st.floats(-2, 2).filter(lambda x: abs(x) > 1e-3).map(lambda x: x * math.pi / 3), min_size=3, max_size=3
)


def grown(leaves: list[Any], plan: list[tuple[str, int, int]]) -> list[Any]:
    """All nodes of a graph: the leaves, then one per row of the plan."""
    nodes = list(leaves)
    for name, first, second in plan:
        nodes.append(OPERATIONS[name](nodes[first % len(nodes)], nodes[second % len(nodes)]))
    return nodes


@settings(max_examples=150)
@given(numbers=leaves_of_a_graph, plan=steps_of_a_graph)
def test_every_node_has_the_value_and_gradient_of_torch(numbers: list[float], plan: list[tuple[str, int, int]]) -> None:
    ours = grown([Value(x) for x in numbers], plan)
    theirs = grown([torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers], plan)
    ours[-1].backward()
    gradients = torch.autograd.grad(theirs[-1], theirs, allow_unused=True)
    for node, tensor, gradient in zip(ours, theirs, gradients, strict=True):
        scale = max(1.0, abs(float(gradient)) if gradient is not None else 0.0)
        assert node.data == near(tensor.item())
        assert node.grad == pytest.approx(0.0 if gradient is None else gradient.item(), rel=1e-9, abs=1e-9 * scale)


@settings(max_examples=50)
@given(numbers=leaves_of_a_graph, plan=steps_of_a_graph, calls=st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_calls_of_several_outputs_add_up_as_in_torch(
    numbers: list[float], plan: list[tuple[str, int, int]], calls: list[int]
) -> None:
    ours = grown([Value(x) for x in numbers], plan)
    theirs = grown([torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers], plan)
    for call in calls:
        ours[call % len(ours)].backward()
        theirs[call % len(theirs)].backward(retain_graph=True)
    for leaf, tensor in zip(ours[:3], theirs[:3], strict=True):
        expected = 0.0 if tensor.grad is None else tensor.grad.item()
        assert leaf.grad == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("function", "x", "value", "slope"),
    [
        (lambda a: a**3, -2.0, -8.0, 12.0),
        (lambda a: a**-1, -2.0, -0.5, -0.25),
        (lambda a: a**1, 0.0, 0.0, 1.0),
        (lambda a: a**2, 0.0, 0.0, 0.0),
        (lambda a: a**0.5, 4.0, 2.0, 0.25),
        (lambda a: 2**a, 3.0, 8.0, 8 * math.log(2)),
        (lambda a: a**a, 2.0, 4.0, 4 * (math.log(2) + 1)),
        (lambda a: 6 / a, 2.0, 3.0, -1.5),
        (lambda a: a / a, 5.0, 1.0, 0.0),
        (lambda a: a - a, 5.0, 0.0, 0.0),
        (lambda a: a.exp(), -1000.0, 0.0, 0.0),
        (lambda a: a.log(), 1e-200, math.log(1e-200), 1e200),
        (lambda a: a.relu(), 0.0, 0.0, 0.0),
        (lambda a: a.relu(), -1.0, 0.0, 0.0),
        (lambda a: a.relu(), 3.0, 3.0, 1.0),
        (lambda a: a.tanh(), 1000.0, 1.0, 0.0),
        (lambda a: a.tanh(), -1000.0, -1.0, 0.0),
        (lambda a: a.tanh(), 0.0, 0.0, 1.0),
        (lambda a: np.float64(3) * a, 2.0, 6.0, 3.0),
    ],
)
def test_functions_of_one_value_have_their_closed_forms(
    function: Callable[[Any], Any], x: float, value: float, slope: float
) -> None:
    leaf = Value(x)
    y = function(leaf)
    y.backward()
    assert type(y) is Value
    assert y.data == near(value)
    assert leaf.grad == near(slope)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_agree_with_central_differences(name: str) -> None:
    u, v, h = Value(0.7), Value(-1.3), 1e-6
    OPERATIONS[name](u, v).backward()

    def at(x: float, y: float) -> float:
        return float(OPERATIONS[name](Value(x), Value(y)).data)

    # Truncation h ** 2 and rounding 1e-16 / h are both below 1e-9.
    assert u.grad == pytest.approx((at(0.7 + h, -1.3) - at(0.7 - h, -1.3)) / (2 * h), abs=2e-9)
    assert v.grad == pytest.approx((at(0.7, -1.3 + h) - at(0.7, -1.3 - h)) / (2 * h), abs=2e-9)


def test_deep_and_doubled_graphs_work_within_the_limit_of_recursion() -> None:
    a, b = Value(1.0), Value(0.5)
    y = a
    for _ in range(100_000 // 4):
        y = y * 0.999 + b
    assert sys.getrecursionlimit() < 25_000
    y.backward()
    assert a.grad == pytest.approx(0.999**25_000, rel=1e-9)
    assert b.grad == pytest.approx((1 - 0.999**25_000) / 0.001, rel=1e-9)
    z = x = Value(1.0)
    for _ in range(200):
        z = z + z
    z.backward()
    assert x.grad == 2.0**200


def test_operations_make_new_nodes() -> None:
    a = kept = Value(1.0)
    a += 1
    a *= Value(3.0)
    assert a is not kept
    assert (kept.data, kept.grad, a.data) == (1.0, 0.0, 6.0)
    assert type(Value(3).data) is float
    with pytest.raises(ValueError, match=r"domain|positive"):
        Value(-1.0).log()


# Numerical gradients and their use --------------------------------------------------------------


@given(
    x=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        elements=st.floats(-3, 3, width=32),
    )
)
def test_numerical_gradient_agrees_with_autograd_of_torch(x: Any) -> None:
    kept = x.copy()
    leaf = torch.tensor(x.astype(np.float64), requires_grad=True)
    (torch.sin(leaf) * torch.exp(leaf / 2)).sum().backward()
    actual = M.numerical_gradient(lambda v: (np.sin(v) * np.exp(v / 2)).sum(), x)
    assert actual.dtype == x.dtype
    assert leaf.grad is not None
    # In float64 the rounding of f over eps, about 1e-15 / 1e-6; in float32 one rounding of a number up to 5.
    assert_allclose(actual, leaf.grad.numpy(), rtol=0, atol=5e-8 if x.dtype == np.float64 else 5e-7)
    assert actual.shape == x.shape
    np.testing.assert_array_equal(x, kept, strict=True)


@given(x=hnp.arrays(np.float64, (2, 2), elements=st.integers(-64, 64).map(lambda n: n / 8)))
def test_numerical_gradient_of_a_cubic_has_the_known_error(x: Any) -> None:
    # With such numbers every operation is exact: (x + h)**3 - (x - h)**3 = 6 x**2 h + 2 h**3.
    actual = M.numerical_gradient(lambda v: (v**3).sum(), x, eps=0.5)
    np.testing.assert_array_equal(actual, 3 * x**2 + 0.25, strict=True)


def test_numerical_gradient_of_integers_views_and_read_only_arrays() -> None:
    def f(v: Any) -> Any:
        assert v.dtype == np.float64
        return (v[0] * v[1]).sum()

    whole = M.numerical_gradient(f, np.array([[1, 2], [3, 4]]))
    assert whole.dtype == np.float64
    assert_allclose(whole, [[3, 4], [1, 2]], atol=1e-8)
    x = np.arange(6.0).reshape(2, 3)
    x.setflags(write=False)
    assert_allclose(M.numerical_gradient(f, x.T), expected_of(x.T), atol=1e-8)
    assert_allclose(M.numerical_gradient(f, x[:, ::2]), expected_of(x[:, ::2]), atol=1e-8)


def expected_of(x: Any) -> Any:
    """The gradient of the sum of x[0] * x[1]."""
    gradient = np.zeros(x.shape)
    gradient[0], gradient[1] = x[1], x[0]
    return gradient


DERIVATIVES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "squares": (lambda x: (x**2).sum(), lambda x: 2 * x),
    "cubes": (lambda x: (x**3).sum(), lambda x: 3 * x**2),
    "exponentials": (lambda x: np.exp(x).sum(), np.exp),
    "product": (lambda x: x.prod(), lambda x: x.prod() / x),
    "length": (lambda x: np.sqrt((x**2).sum()), lambda x: x / np.sqrt((x**2).sum())),
    "large": (lambda x: 1e6 * np.sin(x).sum(), lambda x: 1e6 * np.cos(x)),
    "small": (lambda x: 1e-4 * np.sin(x).sum(), lambda x: 1e-4 * np.cos(x)),
}


def off_at(entry: int, gradient: Any) -> Any:
    """The gradient with 5 % more in one entry."""
    changed = np.array(gradient, dtype=float)
    changed.flat[entry % changed.size] *= 1.05
    return changed


@settings(max_examples=40)
@given(
    name=st.sampled_from(sorted(DERIVATIVES)),
    x=hnp.arrays(np.float64, (2, 3), elements=st.floats(0.5, 1.4), unique=True),
    entry=st.integers(0, 5),
)
def test_gradcheck_tells_right_gradients_from_wrong_ones(name: str, x: Any, entry: int) -> None:
    f, df = DERIVATIVES[name]
    kept = x.copy()
    assert M.gradcheck(f, df, x) is True
    for wrong in (
        lambda v: -df(v),
        lambda v: 1.01 * df(v),
        lambda v: off_at(entry, df(v)),
        lambda v: df(v).T,
        lambda v: df(v).ravel(),
        lambda v: df(v).sum(),
        lambda v: df(v) * np.nan,
        lambda v: df(v) + np.inf,
        lambda v: 0 * v,
    ):
        assert M.gradcheck(f, wrong, x) is False
    np.testing.assert_array_equal(x, kept, strict=True)


def test_gradcheck_sees_one_point_only() -> None:
    f, right_at_zero_and_one = (lambda x: (x**3).sum()), (lambda x: 3 * x)
    assert M.gradcheck(f, right_at_zero_and_one, np.array([0.0, 1.0]))
    assert not M.gradcheck(f, right_at_zero_and_one, np.array([0.0, 2.0]))


def test_gradcheck_accepts_the_gradient_that_torch_finds() -> None:
    rng = np.random.default_rng(0)
    w = rng.normal(size=(3, 4))

    def df(x: Any) -> Any:
        leaf = torch.tensor(x, requires_grad=True)
        torch.logsumexp(leaf @ torch.tensor(w), dim=1).sum().backward()
        assert leaf.grad is not None
        return leaf.grad.numpy()

    assert M.gradcheck(lambda x: np.log(np.exp(x @ w).sum(1)).sum(), df, rng.normal(size=(2, 3)))


def pair(x: Any, y: Any) -> tuple[Any, Any]:
    return np.array(x, dtype=float), np.array(y, dtype=float)


FAR = [pair([1.0, -2.0], [0.5, 0.25]), pair([0.3, 3.0], [-1.0, 1.5])]
LOSSES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any], list[Any], bool]] = {
    "squared error": (lambda x, y: ((x - y) ** 2).sum(), lambda x, y: 2 * (x - y), FAR, True),
    "with an offset": (lambda x, y: ((x - y) ** 2).sum() + 5, lambda x, y: 2 * (x - y), FAR, True),
    "absolute error": (lambda x, y: np.abs(x - y).sum(), lambda x, y: np.sign(x - y), FAR, True),
    "target as a sample": (lambda x, y: np.abs(x - y).sum(), lambda x, y: np.sign(x - y), [pair([1], [1])], True),
    "one entry on target": (lambda x, y: ((x - y) ** 2).sum(), lambda x, y: 2 * (x - y), [pair([1, 2], [1, 3])], True),
    "entries that cancel": (lambda x, y: ((x - y) ** 2).sum(), lambda x, y: 2 * (x - y), [pair([1, 2], [2, 1])], True),
    "log-cosh": (lambda x, y: np.log(np.cosh(x - y)).sum(), lambda x, y: np.tanh(x - y), FAR, True),
    "Poisson": (lambda x, y: (np.exp(x) - np.exp(y) * x).sum(), lambda x, y: np.exp(x) - np.exp(y), FAR, True),
    "factor missing": (lambda x, y: ((x - y) ** 2).sum(), lambda x, y: x - y, FAR, False),
    "sign reversed": (lambda x, y: ((x - y) ** 2).sum(), lambda x, y: 2 * (y - x), FAR, False),
    "gradient for y": (lambda x, y: ((x - y) ** 3).sum(), lambda x, y: -3 * (x - y) ** 2, FAR, False),
    "shifted": (lambda x, y: ((x - y - 1) ** 2).sum(), lambda x, y: 2 * (x - y - 1), FAR, False),
    "no kink convention": (lambda x, y: np.abs(x - y).sum(), lambda x, y: np.where(x < y, -1.0, 1.0), FAR, False),
    "hinge": (lambda x, y: np.maximum(0, 1 - x * y).sum(), lambda x, y: -y * (x * y < 1), [pair([1.5], [1])], False),
    "constant": (lambda x, y: 3.0, lambda x, y: 0 * x, FAR, False),
    "wrong above 2": (lambda x, y: ((x - y) ** 2).sum(), lambda x, y: np.where(x > 2, 1, 2) * (x - y), FAR, False),
}  # fmt: skip


@pytest.mark.parametrize(("f", "df", "samples", "valid"), LOSSES.values(), ids=LOSSES)
def test_is_valid_loss_follows_its_three_conditions(f: Any, df: Any, samples: Any, valid: bool) -> None:
    kept = [(x.copy(), y.copy()) for x, y in samples]
    assert M.is_valid_loss(f, df, samples) is valid
    for given_pair, kept_pair in zip(samples, kept, strict=True):
        np.testing.assert_array_equal(given_pair, kept_pair)


# Networks ---------------------------------------------------------------------------------------


def torch_network(sizes: list[int], parameters: list[float]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weights (out, in) and biases (out,) of each layer, from the flat list of an MLP's parameters."""
    flat = torch.tensor(parameters, dtype=torch.float64)
    layers, at = [], 0
    for n, m in itertools.pairwise(sizes):
        rows = flat[at : at + m * (n + 1)].reshape(m, n + 1)
        layers.append((rows[:, :n].clone().requires_grad_(), rows[:, n].clone().requires_grad_()))
        at += m * (n + 1)
    assert at == len(flat)
    return layers


@pytest.mark.parametrize("sizes", [[2, 1], [3, 4, 1], [1, 2, 2, 3]], ids=str)
def test_mlp_is_the_network_of_torch(sizes: list[int]) -> None:
    rng = np.random.default_rng(5)
    mlp, x = M.MLP(sizes[0], sizes[1:], rng), rng.normal(size=sizes[0])
    for parameter in mlp.parameters():
        parameter.data = rng.normal()
    layers = torch_network(sizes, [p.data for p in mlp.parameters()])
    out = torch.tensor(x)
    for i, (w, b) in enumerate(layers):
        out = torch.nn.functional.linear(out, w, b)
        out = torch.tanh(out) if i < len(layers) - 1 else out
    (out**2).sum().backward()
    ours = mlp(x.tolist())
    outputs = ours if sizes[-1] > 1 else [ours]
    sum(y**2 for y in outputs).backward()
    assert [y.data for y in outputs] == near(out.tolist())
    gradients = [
        torch.cat([w.grad, b.grad[:, None]], 1).ravel() for w, b in layers if w.grad is not None and b.grad is not None
    ]
    assert [p.grad for p in mlp.parameters()] == near(torch.cat(gradients).tolist())


def test_a_neuron_starts_as_the_statement_says() -> None:
    *weights, bias = (p.data for p in M.Neuron(1000, np.random.default_rng(2)).parameters())
    assert bias == 0.0
    assert weights == np.random.default_rng(2).uniform(-1, 1, size=1000).tolist()
    layer = M.Layer(3, 5, np.random.default_rng(2))
    drawn = np.random.default_rng(2).uniform(-1, 1, size=(5, 3))
    rows = np.reshape([p.data for p in layer.parameters()], (5, 4))
    np.testing.assert_array_equal(rows, np.hstack([drawn, np.zeros((5, 1))]))
    assert M.Neuron(1, np.random.default_rng(0)).nonlinear
    linear = [layer.neurons[0].nonlinear for layer in M.MLP(1, [2, 2, 1], np.random.default_rng(0)).layers]
    assert linear == [True, True, False]


def torch_fit(layers: Any, x: Any, y: Any, lr: float, steps: int) -> list[float]:
    """The same descent with torch's autograd."""
    parameters = [p for layer in layers for p in layer]
    losses = []
    for _ in range(steps):
        hidden = torch.tensor(x)
        for i, (w, b) in enumerate(layers):
            hidden = torch.nn.functional.linear(hidden, w, b)
            hidden = torch.tanh(hidden) if i < len(layers) - 1 else hidden
        loss = torch.relu(1 - torch.tensor(y) * hidden[:, 0]).mean()
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= lr * gradient
    return losses


def test_fit_moons_takes_the_path_of_torch() -> None:
    x, y = M.two_moons(12, 0.1, np.random.default_rng(4))
    mlp = M.MLP(2, [4, 1], np.random.default_rng(9))
    for parameter in mlp.parameters():
        parameter.grad = 7.0
    layers = torch_network([2, 4, 1], [p.data for p in mlp.parameters()])
    expected = torch_fit(layers, x, y, 0.5, 30)
    kept = x.copy(), y.copy()
    # Rounding grows slowly along the path; where a score crosses its margin it does not jump.
    assert M.fit_moons(mlp, x, y, lr=0.5, steps=30) == pytest.approx(expected, rel=0, abs=1e-9)
    final = [torch.cat([w.detach(), b.detach()[:, None]], 1).ravel() for w, b in layers]
    assert [p.data for p in mlp.parameters()] == pytest.approx(torch.cat(final).tolist(), rel=0, abs=1e-9)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(y, kept[1])


def test_the_path_of_the_moons_check_bears_other_orders_of_summation() -> None:
    """Justifies the tolerance of that check: torch sums in another order, and stays a thousand times closer."""
    question = ASSIGNMENT.question("fit_moons")
    (check,) = (c for c in question.checks if c.title == "the moons come apart")
    assert check.tolerance is not None
    (probe,) = probes_of(ASSIGNMENT, question, check, 0)
    start, x, y = (probe.inputs[name] for name in ("start", "x", "y"))
    rows = np.reshape(start[:24], (6, 4))
    flat = [*rows[:, :3].ravel(), *rows[:, 3], start[24]]
    expected = torch_fit(torch_network([2, 6, 1], flat), x, y, 1.0, 90)
    names = {"fit_moons": M.fit_moons, "Value": Value, **probe.inputs}
    exec(probe.lines, names)
    assert names["losses"] == pytest.approx(expected, rel=0, abs=check.tolerance.absolute / 1000)
    assert eval(probe.shown[1], names) == [1, 1, -1, -1]
    assert expected[-1] < 0.1


@pytest.mark.parametrize("seed", range(4))
def test_the_moons_are_learnt_from_any_start(seed: int) -> None:
    x, y = M.two_moons(16, 0.05, np.random.default_rng(3))
    start = M.MLP(2, [6, 1], np.random.default_rng(seed))
    layers = torch_network([2, 6, 1], [p.data for p in start.parameters()])
    # The check reads the loss in steps of 0.25, after 100 steps of descent.
    losses = torch_fit(layers, x, y, 1.0, 101)
    assert losses[0] > 0.3
    assert losses[-1] < 0.2


# The statement ----------------------------------------------------------------------------------


def test_examples_in_docstrings_are_right() -> None:
    results = doctest.testmod(M)
    assert results.failed == 0
    assert results.attempted > 15


def test_numbers_of_the_statement() -> None:
    a, b = Value(1.0), Value(3.0)
    u = a * b
    v = u + a
    y = v**0.5
    y.backward()
    assert [n.data for n in (u, v, y)] == [3.0, 4.0, 2.0]
    assert [n.grad for n in (y, v, u, b, a)] == [1.0, 0.25, 0.25, 0.25, 1.0]
    assert float(M.numerical_gradient(lambda x: float(x) ** 3, np.array(2.0), eps=0.5)) == 12.25
    assert abs(float(np.float32(1) + np.float32(1e-6)) - 1 - 1e-6) / 1e-6 == pytest.approx(0.05, abs=0.005)
    for df in (lambda x: 2 * x, lambda x: x, lambda x: 2 * abs(x)):
        assert M.gradcheck(lambda x: (x**2).sum(), df, np.zeros(2))
    layer = M.Layer(2, 2, np.random.default_rng(0), nonlinear=False)
    for parameter, number in zip(layer.parameters(), [2.0, -1.0, 0.5, 1.0, 1.0, 0.0], strict=True):
        parameter.data = number
    first, second = layer([3.0, 4.0])
    assert (first.data, second.data) == (2.5, 7.0)
    first.backward()
    assert [p.grad for p in layer.parameters()] == [3.0, 4.0, 1.0, 0.0, 0.0, 0.0]


def test_the_student_notebook_uses_no_torch_and_every_question_has_its_cell() -> None:
    notebook = json.loads((ASSIGNMENT.student_folder / "autograd.ipynb").read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    defined = {
        node.name for cell in code for node in ast.parse(cell).body if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    assert {question.name for question in ASSIGNMENT.questions} <= defined
    assert not any("import torch" in cell for cell in code)


def test_the_curve_of_the_two_differences_is_as_the_statement_says() -> None:
    assert M.central_error.min() < 1e-2 * M.forward_error.min()
    assert 1e-7 < M.forward_error[np.argmin(np.abs(M.sizes - 1e-6))] < 1e-5
