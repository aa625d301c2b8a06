"""Probes for functions of a module, and for mini-batches: what right answers share, and what gives wrong ones away."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from autograder.course.draw import draw
from autograder.course.model import Check, Question
from autograder.course.otter_tests import test_file as public_file
from autograder.course.probes import Probe, epochs, on_module
from autograder.course.values import Code, tensor
from autograder.errors import CourseError
from autograder.grading.compare import compare
from autograder.sandbox import wire

# The files of public checks import it.
pytest.importorskip("otter.test_files", reason="otter-grader is an extra", exc_type=ImportError)


@pytest.fixture
def answers(public_cases):
    """The parts that a function answers to a probe, in the grader's way and in that of a file for students."""

    def ask(probe: Probe, function: Any) -> dict[str, Any]:
        # Probes travel: what arrives in a job must ask the same.
        arrived = wire.from_text(wire.to_text(probe))
        check = Check("a title", lambda rng: arrived, True, 100, "", None, "checks.py:1")
        question = Question("f", "torch", 100, False, (check,), (), (), "checks.py:1")
        (public,) = public_cases(SimpleNamespace(name="hw"), question, {"f": function})
        names: dict[str, Any] = {}
        exec(public_file(question, [public]), names)
        names["check_1"].test_func(function)  # raises where the two ways differ
        parts: dict[str, Any] = public.cases[0].expected
        return parts

    return ask


# Mini-batches ----------------------------------------------------------------------------------


def cut(x, y, order, size):
    return [(x[order[i : i + size]], y[order[i : i + size]]) for i in range(0, len(order), size)]


def permuted(x, y, batch_size, rng):
    return cut(x, y, rng.permutation(len(x)), batch_size)


def sorted_by_noise(x, y, batch_size, rng):
    yield from cut(x, y, np.argsort(rng.random(len(x))), batch_size)


def shuffled_list(x, y, batch_size, rng):
    order = list(range(len(x)))
    rng.shuffle(order)
    return tuple(map(list, cut(x, y, order, batch_size)))


RNG = np.random.default_rng(0)
BATCHES = {
    "odd sizes": epochs(RNG.normal(size=(7, 2)), np.arange(7) % 3, 3),
    "one sample": epochs(RNG.normal(size=(1, 2)), np.array([4]), 5, epochs=1),
    "orders and inputs": epochs(RNG.normal(size=(50, 2)), np.arange(50), 8, seed=3, epochs=3, orders=True, inputs=True),
    "other shapes": epochs(RNG.permutation(9).astype(np.uint8), RNG.normal(size=(9, 2)), 4),
}


@pytest.mark.parametrize("probe", BATCHES.values(), ids=BATCHES)
def test_every_rule_of_shuffling_gives_the_same_parts(answers, probe):
    expected = answers(probe, permuted)
    for other in (sorted_by_noise, shuffled_list):
        assert compare(expected, answers(probe, other), {}) is None


def test_epochs_are_told_in_the_old_order():
    x, y = RNG.normal(size=(5, 2)), np.array([3, 1, 4, 1, 5])
    bench = SimpleNamespace(find=lambda name: permuted, live=np.copy, plain=np.copy)
    parts = epochs(x, y, 2, epochs=1).ask("f", bench)  # type: ignore[arg-type]
    assert parts["shapes of the batches of epoch 1"] == [((2, 2), (2,)), ((2, 2), (2,)), ((1, 2), (1,))]
    np.testing.assert_array_equal(parts["x of epoch 1 in its old order"], x)
    np.testing.assert_array_equal(parts["y of epoch 1 in the same order"], y)


def in_place(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    x[:], y[:] = x[order], y[order]
    return cut(x, y, np.arange(len(x)), batch_size)


WRONG = {
    "last batch dropped": (
        lambda x, y, batch_size, rng: permuted(x, y, batch_size, rng)[: len(x) // batch_size],
        "shapes of the batches of epoch 1",
    ),
    "no batch": (lambda x, y, batch_size, rng: [], "shapes of the batches of epoch 1"),
    "pairs broken": (
        lambda x, y, batch_size, rng: permuted(x, y[rng.permutation(len(y))], batch_size, rng),
        "y of epoch 1 in the same order",
    ),
    "too few targets": (
        lambda x, y, batch_size, rng: [(a, b[:1]) for a, b in permuted(x, y, batch_size, rng)],
        "shapes of the batches of epoch 1",
    ),
    "with replacement": (
        lambda x, y, batch_size, rng: cut(x, y, rng.integers(0, len(x), size=len(x)), batch_size),
        "x of epoch 1 in its old order",
    ),
    "other dtype": (
        lambda x, y, batch_size, rng: permuted(x.astype(np.float32), y, batch_size, rng),
        "x of epoch 1 in its old order",
    ),
    "not shuffled": (
        lambda x, y, batch_size, rng: cut(x, y, np.arange(len(x)), batch_size),
        "epochs that keep the order of x",
    ),
    "the same order again": (
        lambda x, y, batch_size, rng: permuted(x, y, batch_size, np.random.default_rng(1)),
        "epochs that repeat an order",
    ),
    "batches shuffled as they are": (
        lambda x, y, batch_size, rng: [
            cut(x, y, np.arange(len(x)), batch_size)[i] for i in [*rng.permutation(len(x) // batch_size), -1]
        ],
        "full batches that are a stretch of x",
    ),
    "another generator": (
        lambda x, y, batch_size, rng: permuted(x, y, batch_size, np.random.default_rng()),
        "the same seed gives the same batches",
    ),
    "in place": (in_place, "input x after the call"),
}


@pytest.mark.parametrize(("function", "part"), WRONG.values(), ids=WRONG)
def test_a_wrong_shuffle_shows_in_the_part_that_says_so(public_cases, function, part):
    probe = BATCHES["orders and inputs"]
    check = Check("a title", lambda rng: probe, True, 100, "", None, "checks.py:1")
    question = Question("f", "np", 100, False, (check,), (), (), "checks.py:1")
    expected, actual = (
        public_cases(SimpleNamespace(name="hw"), question, {"f": f})[0].cases[0].expected for f in (permuted, function)
    )
    difference = compare(expected, actual, {})
    assert difference is not None
    assert difference.part.startswith(part)


# Functions of a module -------------------------------------------------------------------------

STATE = {"weight": tensor([[1.0, -1.0], [0.5, 2.0]]), "bias": tensor([0.0, 1.0])}
LINEAR = Code("torch.nn.Linear(2, 2)")
NORM = Code("torch.nn.BatchNorm1d(2)")
NORM_STATE = {
    "weight": tensor([1.0, 2.0]),
    "bias": tensor([0.0, 1.0]),
    "running_mean": tensor([0.5, -0.5]),
    "running_var": tensor([1.0, 4.0]),
    "num_batches_tracked": tensor(np.array(2)),
}
X = tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]])


def forward(model, x):
    return model(x)


def test_module_gets_its_state_and_keeps_its_precision(answers):
    parts = answers(on_module(LINEAR, X, state=STATE, watch=("output", "graph", "state", "mode")), forward)
    expected = X.array @ STATE["weight"].array.T + STATE["bias"].array
    np.testing.assert_allclose(parts["output"].array, expected, rtol=1e-15)
    assert parts["output"].dtype == "float64"
    assert parts["output.requires_grad"] is True
    assert parts["model.training after the call"] is False
    np.testing.assert_array_equal(parts["state_dict() after the call"]["weight"].array, STATE["weight"].array)


def test_what_a_function_does_to_the_module_is_seen(answers):
    def trains(model, x, lr):
        model.train()
        model(x).sum().backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= lr * p.grad
        return [1.0]

    still, busy = (
        answers(on_module(NORM, state=NORM_STATE, x=X, lr=lr, watch=("mode", "state", "graph")), trains)
        for lr in (0.0, 1.0)
    )
    assert list(busy) == ["model.training after the call", "state_dict() after the call", "output.requires_grad"]
    assert busy["model.training after the call"] is True
    assert busy["output.requires_grad"] is None
    state = busy["state_dict() after the call"]
    assert state["num_batches_tracked"].array == 3
    np.testing.assert_array_equal(state["bias"].array, still["state_dict() after the call"]["bias"].array - 3)


@pytest.mark.parametrize("training", [True, False])
def test_module_comes_in_the_mode_that_was_asked_for(answers, training):
    assert (
        answers(on_module(LINEAR, state=STATE, training=training), lambda model: model.training)["output"] is training
    )


@pytest.mark.parametrize(("stale", "gradients"), [(True, [4.0, 2.0]), (False, [0.0, 0.0])])
def test_gradients_can_be_there_from_before(answers, stale, gradients):
    def total(model):
        return [0.0 if p.grad is None else float(p.grad.sum()) for p in model.parameters()]

    assert answers(on_module(LINEAR, state=STATE, stale=stale), total)["output"] == gradients


# Errors of authors -----------------------------------------------------------------------------

BAD: dict[str, tuple[Any, str]] = {
    "module is no expression": (on_module(3, state=STATE), "begins with an expression"),  # type: ignore[arg-type]
    "state without tensors": (on_module(LINEAR, state={"weight": np.eye(2)}), "state['weight'] is a ndarray"),
    "unknown part": (on_module(LINEAR, state=STATE, watch=("loss",)), "known: output, graph, state, mode"),
    "nothing to watch": (on_module(LINEAR, state=STATE, watch=()), "watches ()"),
    "equal samples": (epochs(np.ones((2, 2)), np.arange(2), 1), "that all differ"),
    "no arrays": (epochs([1, 2], np.arange(2), 1), "x and y as arrays"),
    "empty batches": (epochs(np.arange(2), np.arange(2), 0), "batch_size"),
    "no epochs": (epochs(np.arange(2), np.arange(2), 1, epochs=0), "number of epochs"),
}


@pytest.mark.parametrize(("probe", "message"), BAD.values(), ids=BAD)
def test_a_probe_that_nobody_could_answer_is_the_authors_error(probe, message):
    check = Check("a title", lambda rng: probe, False, 100, "", None, "checks.py:1")
    with pytest.raises(CourseError, match=re.escape(message)):
        draw(check, np.random.default_rng(0))
