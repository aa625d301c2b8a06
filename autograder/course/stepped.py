"""What an optimizer must be asked, and tables of one-line variants, from a few lines of data.

An optimizer changes a list of parameters in place, step by step. It is right if the whole path of all parameters is, so
that every optimizer needs the same checks, and an author only says what is particular::

    Adagrad = question("Adagrad", points=5)
    check_optimizer(Adagrad, lr=0.1, options=[{"lr_decay": 0.5}, {"eps": 0.1}])
    declare_optimizers(Adagrad, "lr=0.01, lr_decay=0, eps=1e-10", mistakes=[
        ("forgets the past", "p -= lr * g / (np.abs(g) + eps)", "Adagrad's steps shrink over time. Do yours?"),
    ])

In a question of kind "np" the class is made with ``params``, a list of arrays, and ``step`` gets a list of gradients.
In one of kind "torch" it is a `torch.optim.Optimizer`: gradients lie in ``grad`` of each parameter.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent, indent
from typing import Any, Literal

import numpy as np

from autograder.course.model import QuestionBuilder
from autograder.course.probes import Do, Put, Result, Steps, call, do, put, steps
from autograder.course.syntax import parse
from autograder.course.values import Array, Code, parameter, tensor
from autograder.errors import CourseError

Topic = Literal[
    "example", "shapes", "path", "lr", "options", "instances", "buffer", "scales", "decay", "dtypes", "groups", "state"
]
#: One gradient per parameter.
Gradients = list[Array]

#: Of the parameters: several at once, no two alike, one of size 1.
SHAPES: tuple[tuple[int, ...], ...] = ((3,), (2, 3), (1,))
_MASKS = (None, [True, False, True], [False, True, False], [False, False, False])
_TITLES: Mapping[Topic, str] = {
    "example": "the steps of the worked example",
    "shapes": "parameters of different shapes are changed in place",
    "path": "the whole path of all parameters over eight steps",
    "lr": "each step uses the lr that is set at that time",
    "options": "every option counts",
    "instances": "two optimizers at the same time share nothing",
    "buffer": "the arrays with the gradients belong to the caller, who uses them again",
    "scales": "tiny, large and zero gradients",
    "decay": "weight decay, and a mask that switches it off",
    "dtypes": "float32 stays float32",
    "groups": "parameter groups with options of their own, and parameters without a gradient",
    "state": "a second optimizer that loads the state dict goes on along the path",
}
_HINTS: Mapping[Topic, str] = {
    "example": "Do the first two steps with pen and paper.",
    "shapes": "Does every parameter have its own state? Does `p = ...` change the caller's array, or does `p -= ...`?",
    "path": "Print the state after each step. Is all of it kept for the next step?",
    "lr": "Set opt.lr between two steps. What does your step read, and which older gradients are rescaled?",
    "options": "Is each argument used, and at the right place?",
    "instances": "Make a second optimizer. Does its first step look like a first step?",
    "buffer": "What happens to your state when the caller overwrites the array with the gradient?",
    "scales": "Try gradients of 1e-7, of 1e4 and of 0. Where exactly does the statement put eps?",
    "decay": "Which parameters decay? Does the penalty go through the state, or past it?",
    "dtypes": "Which dtype has each array that you create on the way?",
    "groups": "Do you read lr from each group? What is p.grad of a parameter that took no part?",
    "state": "Which names does your state hold? Only what lies in self.state is saved and loaded.",
}


def check_optimizer(
    q: QuestionBuilder,
    *,
    lr: float,
    given: Mapping[str, Any] | None = None,
    options: Sequence[Mapping[str, Any]] = (),
    weight_decay: float = 0.0,
    look_ahead: bool = False,
    hints: Mapping[Topic, str] | None = None,
) -> None:
    """Declare the checks that every optimizer needs: two public, six to nine hidden.

    The example and parameters in place (public); the whole path; lr set between steps; options; two instances; reused
    buffers; gradients of any size; weight decay; float32. A torch optimizer is also asked for groups and a state dict.

    Args:
        q: the question; its class takes ``params`` and the options under their names.
        lr: learning rate of all checks but the one that changes it.
        given: arguments of every construction beside ``params`` and ``lr``.
        options: further sets of arguments, each asked for on its own.
        weight_decay: the factor to try; with one, the class (np) takes ``weight_decay`` and ``decay_mask`` as well.
        look_ahead: ``step`` takes a function that turns a list of parameters into the list of their gradients.
        hints: instead of the general ones, by topic.
    """
    ask = _Asker(q.kind == "torch", look_ahead, {"lr": lr, **(given or {})})
    told = {**_HINTS, **(hints or {})}

    def declare(topic: Topic, draw: Callable[[np.random.Generator], Steps | list[Steps]]) -> None:
        q.check(_TITLES[topic], public=topic in ("example", "shapes"), hint=told[topic])(draw)

    declare("example", lambda rng: ask([np.array([3.0])], [[np.array([g])] for g in (1.0, 2.0, -1.0)]))
    declare("shapes", lambda rng: ask.path(rng, 2, shapes=((2,), (1, 2))))
    declare("path", lambda rng: ask.path(rng, 8))
    rates = {3: lr / 10, 5: lr / 2}
    declare("lr", lambda rng: [ask.path(rng, 6, rates=rates, option=option) for option in ({}, *options)])
    if options:
        declare("options", lambda rng: [ask.path(rng, 5, option=option) for option in options])
    declare("instances", ask.two)
    if not look_ahead:
        penalties: list[dict[str, float]] = [{}, {"weight_decay": weight_decay}] if weight_decay else [{}]
        declare("buffer", lambda rng: [ask.path(rng, 5, option=option, reuse=True) for option in penalties])
    declare("scales", ask.scales)
    if weight_decay:
        masks = (None,) if ask.torch else _MASKS
        declare("decay", lambda rng: [ask.path(rng, 4, option=_decay(weight_decay, mask)) for mask in masks])
    declare("dtypes", lambda rng: ask.path(rng, 4, dtype="float32"))
    if ask.torch:
        declare("groups", ask.groups)
        declare("state", ask.round_trip)


def _decay(factor: float, mask: list[bool] | None) -> dict[str, Any]:
    return {"weight_decay": factor, **({} if mask is None else {"decay_mask": mask})}


@dataclass(frozen=True)
class _Asker:
    """Draws parameters and gradients and makes the probes of one question."""

    torch: bool
    look_ahead: bool
    given: Mapping[str, Any]

    def __call__(
        self,
        params: list[Array],
        path: Sequence[Gradients],
        option: Mapping[str, Any] | None = None,
        rates: Mapping[int, float] | None = None,
        *,
        reuse: bool = False,
    ) -> Steps:
        """One probe: a step for each entry of the path; `rates` holds the lr to set before a step, by its number."""
        calls: list[Do | Put] = []
        for number, gradients in enumerate(path, start=1):
            if rates and number in rates:
                calls.append(put(("param_groups", 0, "lr") if self.torch else "lr", rates[number]))
            if reuse and self.torch and number > 1:
                calls.append(do("zero_grad", set_to_none=False))
            calls += self.step(gradients)
        made = call(params=self.live(params), **{**self.given, **(option or {})})
        inputs = reuse and not self.torch
        return steps(made, *calls, reuse_buffers=inputs, watch_inputs=inputs)

    def live(self, params: list[Array]) -> list[Any]:
        """The parameters as the constructor gets them."""
        return [parameter(p) for p in params] if self.torch else params

    def step(self, gradients: Gradients, on: int = 0) -> list[Do | Put]:
        """One step with these gradients; looking ahead, with a gradient function that has them at 1."""
        if self.torch:
            puts = [put(("param_groups", 0, "params", i, "grad"), tensor(g), on) for i, g in enumerate(gradients)]
            return [*puts, do("step", on=on)]
        if not self.look_ahead:
            return [do("step", gradients, on=on)]
        slopes = [float(g.flat[0]) for g in gradients]
        return [do("step", Code(f"lambda params: [c * p for c, p in zip({slopes!r}, params)]"), on=on)]

    def path(
        self,
        rng: np.random.Generator,
        length: int,
        *,
        option: Mapping[str, Any] | None = None,
        rates: Mapping[int, float] | None = None,
        shapes: Sequence[tuple[int, ...]] = SHAPES,
        dtype: str = "float64",
        reuse: bool = False,
    ) -> Steps:
        """Several steps from parameters away from 0 with gradients that change."""
        params = self.start(rng, shapes, dtype)
        gradients = [[_away_from_zero(rng, s, 0.3, 2.0).astype(dtype) for s in shapes] for _ in range(length)]
        return self(params, gradients, option, rates, reuse=reuse)

    def start(
        self, rng: np.random.Generator, shapes: Sequence[tuple[int, ...]] = SHAPES, dtype: str = "float64"
    ) -> list[Array]:
        """Start values: near 0 a wrong step could look like a right one, or the other way round."""
        return [_away_from_zero(rng, shape, 2.0, 4.0).astype(dtype) for shape in shapes]

    def two(self, rng: np.random.Generator) -> Steps:
        """Two optimizers of equal shapes that take turns."""
        made = tuple(call(params=self.live(self.start(rng)), **self.given) for _ in range(2))
        turns = [self.step([_away_from_zero(rng, s, 0.3, 2.0) for s in SHAPES], on=i % 2) for i in range(6)]
        return steps(made, *(c for turn in turns for c in turn))

    def scales(self, rng: np.random.Generator) -> list[Steps]:
        """Parameters whose gradients are tiny, large, and 0 at first: each a path of its own size."""
        probes = []
        for exponent in (-8, -6, -4, 3):
            sizes = [10.0**exponent * _away_from_zero(rng, (3,), 0.5, 2.0) for _ in range(3)]
            probes.append(self([3 * np.ones(3)], [[g] for g in sizes]))
        dead = [_away_from_zero(rng, (3,), 0.5, 2.0) * [0, 1, step > 2] for step in (1, 2, 3, 4)]
        return [*probes, self([3 * np.ones(3)], [[g] for g in dead])]

    def groups(self, rng: np.random.Generator) -> list[Steps]:
        """Two groups with rates of their own, and a parameter that has no gradient in one of the steps."""
        first, second = self.live(self.start(rng, ((3,), (2, 2))))
        grouped = call(params=[{"params": [first], "lr": 0.03}, {"params": [second]}], **self.given)
        calls: list[Do | Put] = []
        for number in range(3):
            for i, shape in enumerate(((3,), (2, 2))):
                gradient = None if (number, i) == (1, 0) else tensor(_away_from_zero(rng, shape, 0.3, 2.0))
                calls.append(put(("param_groups", i, "params", 0, "grad"), gradient))
            calls.append(do("step"))
        return [steps(grouped, *calls)]

    def round_trip(self, rng: np.random.Generator) -> Steps:
        """Two steps of one optimizer, its state loaded by another one, two steps of that."""
        params = self.live(self.start(rng))
        made = tuple(call(params=params, **self.given) for _ in range(2))
        before, after = (
            [c for _ in range(2) for c in self.step([_away_from_zero(rng, s, 0.3, 2.0) for s in SHAPES], on=on)]
            for on in (0, 1)
        )
        loaded = do("load_state_dict", Result(len(before) + 1), on=1)
        return steps(made, *before, do("state_dict"), loaded, *after)


def _away_from_zero(rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> Array:
    return rng.choice([-1.0, 1.0], size=shape) * rng.uniform(low, high, size=shape)


_CLASS = """\
class {name}:
    def __init__(self, params, {parameters}):
        self.params, self.t, self.state = params, 0, [{{}} for _ in params]
        {kept} = {names}

    def step(self, grads):
        self.t += 1
        t, ({names}) = self.t, ({kept})
        for i, (p, g) in enumerate(zip(self.params, grads)):
            s = self.state[i]
            {mask}
{body}
"""
_TORCH_CLASS = """\
class {name}(torch.optim.Optimizer):
    def __init__(self, params, {parameters}):
        super().__init__(params, dict({defaults}))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            {names} = {grouped}
            for p in group["params"]:
                g, s = p.grad, self.state[p]
                if g is None:
                    continue
                t = s["t"] = s.get("t", 0) + 1
{body}
"""


def declare_optimizers(
    q: QuestionBuilder,
    parameters: str,
    *,
    mistakes: Iterable[tuple[str, str, str]] = (),
    equivalents: Iterable[tuple[str, str]] = (),
) -> None:
    """Declare wrong and right optimizers, each by what it does to one parameter in one step.

    A body is one or more statements. They see ``self``, the parameter ``p``, its gradient ``g`` and its state ``s`` (a
    dict, empty at first), the number ``t`` of the step counted from 1, and all options under their names; in an np
    question also the number ``i`` of the parameter, and ``wd``, its weight decay after the mask.

    Args:
        q: the question.
        parameters: of its class, without ``params``, as they stand in a signature: ``"lr, momentum=0"``.
        mistakes: rows of name, body, hint.
        equivalents: rows of name, body.

    Raises:
        CourseError: a body is not Python; the message names the row.
    """
    for name, body, hint in mistakes:
        q.mistake_text(name, _class(q, parameters, name, body), hint=hint)
    for name, body in equivalents:
        q.equivalent_text(name, _class(q, parameters, name, body))


def _class(q: QuestionBuilder, parameters: str, row: str, body: str) -> str:
    """The text of a class whose step does this to each parameter."""
    torch = q.kind == "torch"
    try:
        (function,) = parse(f"def f({parameters}): ...").body
        assert isinstance(function, ast.FunctionDef)
        names = [a.arg for a in function.args.args]
        masked = "wd = weight_decay if decay_mask is None or decay_mask[i] else 0"
        text = (_TORCH_CLASS if torch else _CLASS).format(
            name=q.name,
            parameters=parameters,
            names=", ".join(names) + ",",
            kept=", ".join(f"self.{n}" for n in names) + ",",
            grouped=", ".join(f'group["{n}"]' for n in names) + ",",
            defaults=", ".join(f"{n}={n}" for n in names),
            mask=masked if "decay_mask" in names else "wd = 0",
            body=indent(dedent(body).strip(), " " * (16 if torch else 12)),
        )
        return ast.unparse(parse(text))
    except SyntaxError as error:
        raise CourseError(f"the body of {row!r} of {q.name} is not Python: {error.msg}.") from error
