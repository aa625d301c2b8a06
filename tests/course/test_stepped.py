"""The checks that every optimizer gets, variants from a table, and what the `steps` probe can express for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autograder.course import (
    Result,
    call,
    check_optimizer,
    declare_optimizers,
    do,
    otter_tests,
    parameter,
    put,
    question,
    steps,
    tensor,
)
from autograder.course.draw import draw
from autograder.course.model import Check, Question, QuestionBuilder
from autograder.course.otter_tests import PublicCase, PublicCheck
from autograder.course.values import Code, TensorValue
from autograder.errors import CourseError
from autograder.sandbox.live import Converter

HERE = str(Path(__file__))
COMMON = [
    "the steps of the worked example",
    "parameters of different shapes are changed in place",
    "the whole path of all parameters over eight steps",
    "each step uses the lr that is set at that time",
    "two optimizers at the same time share nothing",
    "the arrays with the gradients belong to the caller, who uses them again",
    "tiny, large and zero gradients",
    "float32 stays float32",
]


class Descent:
    """Plain descent with weight decay, right in every respect."""

    def __init__(self, params: Any, lr: Any, weight_decay: float = 0, decay_mask: Any = None) -> None:
        self.params, self.lr = params, lr
        self.decays = [weight_decay * on for on in decay_mask or [True] * len(params)]

    def step(self, grads: Any) -> None:
        for p, g, decay in zip(self.params, grads, self.decays, strict=True):
            p -= self.lr * (g + decay * p)


class Momentum(Descent):
    """With state: the velocity of each parameter."""

    def step(self, grads: Any) -> None:
        self.v = [0.9 * v + g for v, g in zip(getattr(self, "v", [0.0] * len(grads)), grads, strict=True)]
        super().step(self.v)


class Bench:
    """Finds one object, with the conversion that a job uses."""

    torch: Any = torch

    def __init__(self, found: Any) -> None:
        self.find = lambda name: found
        self.live, self.plain = Converter().live, Converter().plain


def built(kind: Any = "np", **options: Any) -> QuestionBuilder:
    q = question("f", points=1, kind=kind)
    check_optimizer(q, **{"lr": 0.1, **options})
    return q


def probes(q: QuestionBuilder, word: str, seed: int = 0) -> Any:
    """What the check with this word in its title asks."""
    (check,) = (c for c, _ in q.checks if word in c.title)
    return draw(check, np.random.default_rng(seed))


def differs(word: str, right: Any, wrong: Any, **options: Any) -> bool:
    """Whether a check tells two classes apart."""
    asked = probes(built(**options), word)
    return any(answer(p, right) != answer(p, wrong) for p in asked)


def answer(probe: Any, found: Any) -> str:
    """All parts as text, or what was raised: equal for equal answers."""
    try:
        return repr(probe.ask("f", Bench(found)))
    except (TypeError, ValueError) as error:
        return repr(error)


def test_every_optimizer_gets_the_same_checks_of_which_two_are_public() -> None:
    checks = [c for c, _ in built().checks]
    assert [c.title for c in checks] == COMMON
    assert [c.public for c in checks] == [True, True] + [False] * 6
    assert all(c.hint and c.where.startswith(HERE) for c in checks)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"options": [{"momentum": 0.5}]}, "every option"),
        ({"weight_decay": 0.3}, "weight decay, and a mask"),
        ({"kind": "torch"}, "parameter groups"),
        ({"kind": "torch"}, "loads the state dict"),
    ],
)
def test_what_is_particular_adds_a_check(options: dict[str, Any], word: str) -> None:
    assert len(probes(built(**options), word)) >= 1


def test_looking_ahead_steps_get_a_gradient_function_and_no_buffer() -> None:
    q = built(look_ahead=True)
    assert [c.title for c, _ in q.checks] == [t for t in COMMON if "belong to the caller" not in t]
    (probe,) = probes(q, "worked example")
    assert all(isinstance(done.args[0], Code) for done in probe.calls)


def test_hints_can_be_replaced_by_topic() -> None:
    assert [c.hint for c, _ in built(hints={"lr": "Look at lr."}).checks].count("Look at lr.") == 1


def test_rates_are_set_between_steps_and_masks_tried_in_all_ways() -> None:
    (probe, *_) = probes(built(), "lr that is set")
    assert [(c.path, c.value) for c in probe.calls if not hasattr(c, "method")] == [(("lr",), 0.01), (("lr",), 0.05)]
    masks = [p.constructs[0].kwargs.get("decay_mask") for p in probes(built(weight_decay=0.3), "mask")]
    assert masks == [None, [True, False, True], [False, True, False], [False, False, False]]


def test_start_values_are_away_from_zero_and_shapes_differ() -> None:
    for seed in range(3):
        (probe,) = probes(built(), "whole path", seed)
        params = probe.constructs[0].kwargs["params"]
        assert len({p.shape for p in params}) == len(params) == 3
        assert all(np.abs(p).min() >= 2 for p in params)
        assert len(probe.calls) == 8


class _Rebinds(Descent):
    def step(self, grads: Any) -> None:
        for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
            self.params[i] = p - self.lr * g


class _ReadsOnce(Descent):
    def step(self, grads: Any) -> None:
        self.first = self.lr = getattr(self, "first", self.lr)
        super().step(grads)


class _Shared(Momentum):
    shared: Any = None

    def step(self, grads: Any) -> None:
        self.v = _Shared.shared or [0.0] * len(grads)
        super().step(grads)
        _Shared.shared = self.v


class _Keeps(Momentum):
    def step(self, grads: Any) -> None:
        if hasattr(self, "v"):
            for v, g in zip(self.v, grads, strict=True):
                v *= 0.9
                v += g
        else:
            self.v = grads
        Descent.step(self, self.v)


class _Writes(Descent):
    def step(self, grads: Any) -> None:
        super().step(grads)
        grads[0] *= 0


class _Widens(Descent):
    def __init__(self, params: Any, lr: Any) -> None:
        super().__init__([p.astype(np.float64) for p in params], lr)


class _Unmasked(Descent):
    def __init__(self, params: Any, lr: Any, weight_decay: float = 0, decay_mask: Any = None) -> None:
        super().__init__(params, lr, weight_decay)


@pytest.mark.parametrize(
    ("word", "right", "wrong"),
    [
        ("in place", Descent, _Rebinds),
        ("lr that is set", Descent, _ReadsOnce),
        ("share nothing", Momentum, _Shared),
        ("belong to the caller", Momentum, _Keeps),
        ("belong to the caller", Descent, _Writes),
        ("float32", Descent, _Widens),
        ("mask", Descent, _Unmasked),
    ],
)
def test_each_check_sees_its_mistake(word: str, right: Any, wrong: Any) -> None:
    assert differs(word, right, wrong, weight_decay=0.3)
    assert not differs(word, right, right, weight_decay=0.3)


def test_a_buffer_that_is_kept_shows_nowhere_else() -> None:
    assert not differs("whole path", Momentum, _Keeps)


# Variants from a table.


def made(q: QuestionBuilder) -> Any:
    """The class that the first mistake of a question defines."""
    names: dict[str, Any] = {"np": np, "torch": torch}
    exec(q.mistakes[0].source, names)
    return names[q.name]


def test_a_body_becomes_a_class_with_state_options_and_a_mask() -> None:
    q = question("Heavy", points=1)
    body = "v = s['v'] = mu * s.get('v', 0) + g + wd * p\np -= lr * v / t"
    declare_optimizers(q, "lr=0.5, mu=0.5, weight_decay=0, decay_mask=None", mistakes=[("heavy", body, "Why?")])
    params = [np.array([1.0]), np.array([1.0])]
    optimizer = made(q)(params, weight_decay=1.0, decay_mask=[True, False])
    optimizer.step([np.array([1.0]), np.array([1.0])])
    np.testing.assert_array_equal(params, [[0.0], [0.5]])
    optimizer.lr = 1.0
    optimizer.step([np.array([1.0]), np.array([1.0])])
    np.testing.assert_array_equal(params, [[-1.0], [-0.25]])


def test_a_body_becomes_an_optimizer_for_torch() -> None:
    q = question("Heavy", points=1, kind="torch")
    declare_optimizers(
        q, "lr=0.5", mistakes=[("heavy", "s['sum'] = s.get('sum', 0) + g\np -= lr * s['sum'] * t", "Why?")]
    )
    p = torch.ones(1, requires_grad=True)
    optimizer = made(q)([{"params": [p], "lr": 0.25}, {"params": [torch.ones(1)]}])
    for _ in range(2):
        p.grad = torch.ones(1)
        optimizer.step()
    assert p.item() == 1 - 0.25 - 0.25 * 2 * 2
    assert optimizer.state_dict()["state"][0]["t"] == 2


def test_a_body_that_is_not_python_is_told_with_its_row() -> None:
    with pytest.raises(CourseError, match="body of 'odd' of f is not Python"):
        declare_optimizers(question("f", points=1), "lr", equivalents=[("odd", "p -= = g")])


# What the probe can express.


def test_put_sets_attributes_entries_and_positions_and_adds_no_part() -> None:
    class Holder:
        def __init__(self) -> None:
            self.lr, self.groups = 0.1, [{"lr": 0.1, "ps": [0, 0]}]

        def look(self) -> Any:
            return [self.lr, self.groups]

    probe = steps(call(), put("lr", 2), put(("groups", 0, "lr"), 3), put(("groups", 0, "ps", 1), 4), do("look"))
    assert probe.ask("f", Bench(Holder)) == {"result of step 4, look()": [2, [{"lr": 3, "ps": [0, 4]}]]}


def test_a_result_is_passed_on_as_it_is_and_is_no_part() -> None:
    class Box:
        def make(self) -> Any:
            self.made = object()
            return self.made

        def same(self, other: Any) -> bool:
            return other is self.made

    assert steps(call(), do("make"), do("same", Result(1))).ask("f", Bench(Box)) == {"result of step 2, same()": True}


@pytest.mark.parametrize(
    "calls", [(do("a", Result(1)),), (do("a"), do("b", Result(3))), (put("x", 1), do("b", Result(1)))]
)
def test_a_result_must_be_that_of_an_earlier_call(calls: Any) -> None:
    check = Check("t", lambda rng: steps(call(), *calls), False, 100, "h", None, "checks.py:1")
    with pytest.raises(CourseError, match="is no earlier call"):
        draw(check, np.random.default_rng(0))


def test_put_on_an_object_that_is_not_made_is_refused() -> None:
    check = Check("t", lambda rng: steps(call(), put("lr", 1, on=1), do("a")), False, 100, "h", None, "checks.py:1")
    with pytest.raises(CourseError, match=r"put\(\('lr',\), on=1\), but the number of objects is 1"):
        draw(check, np.random.default_rng(0))


def test_inputs_of_steps_can_be_watched() -> None:
    probe = steps(call([np.ones(2)], lr=1.0), do("step", [np.ones(2)]), watch_inputs=True)
    assert "input 0 after call of step 1, step()" in probe.ask("f", Bench(Descent))
    np.testing.assert_array_equal(probe.ask("f", Bench(_Writes))["input 0 after call of step 1, step()"], [[0, 0]])


def test_a_parameter_arrives_as_one_and_keeps_its_gradient() -> None:
    value = parameter([1.0, 2.0], "float32")
    live = Converter().live(value)
    assert type(live) is torch.nn.Parameter
    assert live.requires_grad
    assert live.dtype == torch.float32
    back = Converter().plain(live)
    assert isinstance(back, TensorValue)
    assert (back.kind, back.requires_grad) == ("Parameter", True)


def plain_sgd() -> Any:
    """A smallest optimizer for torch; made late, since the import of its base class is slow."""

    class Sgd(torch.optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["lr"] * p.grad

    return Sgd


# What Otter imports warns on its own.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("found", ["numpy", "torch"])
def test_students_see_the_same_parts_at_home_as_the_grader(found: str, public_cases: Any) -> None:
    pytest.importorskip("otter.test_files", reason="otter-grader is an extra", exc_type=ImportError)
    if found == "numpy":
        made, params, one = Descent, [np.ones(2)], [do("step", [np.ones(2)])]
        rate: tuple[str | int, ...] = ("lr",)
    else:
        made, params = plain_sgd(), [parameter([1.0, 2.0])]
        one = [put(("param_groups", 0, "params", 0, "grad"), tensor([1.0, 1.0])), do("step")]
        rate = ("param_groups", 0, "lr")
    probe = steps(call(params=params, lr=0.1), *one, put(rate, 0.5), *one)
    check = Check("t", lambda rng: probe, True, 100, "h", None, "checks.py:1")
    q = Question("f", "torch", 100, False, (check,), (), (), "checks.py:1")

    class Named:
        name = "hw"

    text = otter_tests.test_file(q, public_cases(Named, q, {"f": made}))
    names: dict[str, Any] = {}
    exec(compile(text, "tests/f.py", "exec"), names)
    names["check_1"].test_func(made)
    with pytest.raises(AssertionError, match="params after step"):
        names["check_1"].test_func(lambda params, lr: made(params, lr * 2))


@pytest.mark.parametrize(
    ("probe", "why"),
    [
        (steps(call([np.ones(2)], 0.1), do("step", [np.ones(2)]), watch_inputs=True), "watches the inputs"),
        (steps(call([{"params": [np.ones(2)]}], 0.1), do("step", [np.ones(2)])), "arrays in a dict"),
    ],
)
def test_what_a_test_file_cannot_hold_must_be_hidden(probe: Any, why: str) -> None:
    check = Check("t", lambda rng: probe, True, 100, "h", None, "checks.py:1")
    q = Question("f", "np", 100, False, (check,), (), (), "checks.py:1")
    with pytest.raises(CourseError, match=why):
        otter_tests.test_file(q, [PublicCheck(check, (PublicCase(probe, {}, {}),))])
