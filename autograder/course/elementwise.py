"""What an elementwise function must be asked, and tables of one-line variants, from a few lines of data.

An elementwise function turns an array into another one entry by entry, such as an activation. All of them need the same
checks, so that an author only says what is particular::

    relu6 = question("relu6", points=2)
    check_elementwise(relu6, x=[-2.0, 3.0, 8.0])
    declare_variants(relu6, "x", mistakes=[
        ("has no upper end", "np.maximum(x, 0)", "What is relu6(8)?"),
    ], equivalents=[("minimum of maximum", "np.minimum(np.maximum(x, 0), 6)")])
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent, indent
from typing import Any, Literal

import numpy as np

from autograder.course.model import QuestionBuilder
from autograder.course.observe import Lines, lines
from autograder.course.probes import Call, Gradient, call, call_twice, gradient
from autograder.course.syntax import parse
from autograder.course.values import Array, tensor
from autograder.errors import CourseError

Topic = Literal["example", "shapes", "far", "kinks", "options", "dtypes", "loops", "stays"]

#: 0-dim, size 1, a square, 3-D.
SHAPES: tuple[tuple[int, ...], ...] = ((), (1,), (5,), (3, 3), (2, 1, 4))
#: Where exponentials vanish beside 1 in float32 and float64, and where they overflow in both.
FAR: tuple[float, ...] = (15.0, 22.0, 30.0, 100.0, 800.0)

_TITLES: Mapping[Topic, str] = {
    "example": "the numbers of the worked example",
    "shapes": "arrays of any shape, entry by entry",
    "far": "numbers far from zero on both sides",
    "kinks": "the convention where two pieces meet",
    "options": "every argument counts",
    "dtypes": "float32 stays float32, integers become floats",
    "loops": "no Python loop over samples",
    "stays": "a second call gives the same answer and inputs stay as they were",
}
_HINTS: Mapping[Topic, str] = {
    "example": "Do one of the numbers with pen and paper.",
    "shapes": "Does each result depend on its own entry only, whatever the shape?",
    "far": "Which step gives inf or nan for x = 800, and which for x = -800?",
    "kinks": "Read the convention in the statement: which piece does the kink itself belong to?",
    "options": "Is each argument used, and at the right place?",
    "dtypes": "Which dtype has each array that you create on the way?",
    "loops": "Which operation of NumPy works on the whole array at once?",
    "stays": "Compare your input before and after the call.",
}


def check_elementwise(
    q: QuestionBuilder,
    *,
    x: Sequence[float],
    grad: Sequence[float] | None = None,
    given: Mapping[str, Any] | None = None,
    options: Sequence[Mapping[str, Any]] = (),
    kinks: Sequence[float] = (),
    far: Sequence[float] = FAR,
    shapes: Sequence[tuple[int, ...]] = SHAPES,
    spread: float = 2.0,
    widen: int = 1,
    hints: Mapping[Topic, str] | None = None,
) -> None:
    """Declare the checks that every elementwise function needs: one public, four to seven hidden.

    The example (public); shapes; far numbers; kinks and options, where there are any; dtypes; for NumPy no loop over
    samples; two calls that agree and leave their inputs alone. A question of kind "torch" is asked for its gradient as
    well: keep kinks out of `x` there.

    Args:
        q: the question; its function takes ``x``, or ``grad`` and ``x``, under these names.
        x: input of the worked example.
        grad: upstream gradient of the worked example; with it, the question is a backward function.
        given: arguments of every call beside ``x`` and ``grad``. Arrays get the dtype of ``x``.
        options: further sets of arguments, each asked for on its own.
        kinks: inputs at which a convention decides; no other hidden check contains them.
        far: distances from zero that are tried on both sides.
        shapes: of ``x``.
        spread: size of ordinary inputs, which reach up to 1.5 times this on both sides.
        widen: how many times as long as that of ``x`` the last axis of ``grad`` is.
        hints: instead of the general ones, by topic.
    """
    ask = _Asker(q.kind == "torch", grad is not None, given or {}, tuple(kinks), tuple(far), spread, widen)
    told = {**_HINTS, **(hints or {})}

    def declare(topic: Topic, draw: Callable[[np.random.Generator], Sequence[Call | Gradient | Lines]]) -> None:
        q.check(_TITLES[topic], public=topic == "example", hint=told[topic])(draw)

    example = np.array(x)
    declare("example", lambda rng: [ask(rng, example, grad=None if grad is None else np.array(grad))])
    declare("shapes", lambda rng: [ask(rng, ask.near(rng, shape)) for shape in shapes])
    declare("far", lambda rng: [ask(rng, side) for side in ask.far_sides(rng)])
    if kinks:
        declare("kinks", lambda rng: [ask(rng, ask.at_kinks(rng), option) for option in ({}, *options)])
    if options:
        declare("options", lambda rng: [c for option in options for c in ask.with_option(rng, option)])
    declare("dtypes", ask.dtypes)
    if q.kind == "np":
        sizes = [(samples, *shapes[-1][-1:]) for samples in (4, 40)]
        declare("loops", lambda rng: [lines(*(ask(rng, ask.near(rng, size)) for size in sizes))])
    declare("stays", lambda rng: [ask(rng, ask.near(rng, (2, 3)), twice=True)])


@dataclass(frozen=True)
class _Asker:
    """Draws inputs and makes the probes of one question."""

    torch: bool
    backward: bool
    given: Mapping[str, Any]
    kinks: tuple[float, ...]
    far: tuple[float, ...]
    spread: float
    widen: int

    def __call__(
        self,
        rng: np.random.Generator,
        x: Array,
        option: Mapping[str, Any] | None = None,
        *,
        grad: Array | None = None,
        twice: bool = False,
    ) -> Call | Gradient:
        """One probe: a gradient where autograd can give one, else a call."""
        arguments: dict[str, Any] = {}
        if self.backward:
            arguments["grad"] = self.upstream(rng, x).astype(x.dtype) if grad is None else grad
        arguments["x"] = x
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype(float)
        for name, value in {**self.given, **(option or {})}.items():
            arguments[name] = value.astype(dtype) if isinstance(value, np.ndarray) else value
        if self.torch:
            arguments = {k: tensor(v) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
            if x.dtype.kind == "f" and not twice:
                return gradient(**arguments)
        return call_twice(**arguments) if twice else call(**arguments)

    def near(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Ordinary numbers, as many above zero as below, none of them zero."""
        count = int(np.prod(shape))
        signs = rng.permutation(np.resize([1.0, -1.0] if rng.random() < 0.5 else [-1.0, 1.0], count))
        # Bounded: one number far out has few digits left in any formula, and no larger one beside it.
        return (signs * self.spread * rng.uniform(0.05, 1.5, size=count)).reshape(shape)

    def far_sides(self, rng: np.random.Generator) -> list[Array]:
        """Far numbers of either side, beside some near ones: a tolerance follows the largest answer."""
        sizes = np.array(self.far) * rng.uniform(0.9, 1.1, size=len(self.far))
        return [np.concatenate([side * sizes, self.near(rng, (3,))]) for side in (-1, 1)]

    def at_kinks(self, rng: np.random.Generator) -> Array:
        """The kinks, beside some near numbers."""
        return np.concatenate([self.kinks, self.near(rng, (3,))])

    def upstream(self, rng: np.random.Generator, x: Array) -> Array:
        """A gradient for the output."""
        shape = (*x.shape[:-1], x.shape[-1] * self.widen) if x.ndim else ()
        return np.asarray(rng.normal(size=shape))

    def with_option(self, rng: np.random.Generator, option: Mapping[str, Any]) -> list[Call | Gradient]:
        return [self(rng, x, option) for x in (self.near(rng, (2, 4)), *self.far_sides(rng))]

    def dtypes(self, rng: np.random.Generator) -> list[Call | Gradient]:
        single = [x.astype(np.float32) for x in (self.near(rng, (3, 4)), *self.far_sides(rng))]
        # At a kink a convention decides, and that has its own check.
        small = np.setdiff1d(np.arange(-4, 5), self.kinks)
        whole = [rng.permutation(np.resize(small, 8)), rng.choice(small, size=(2, 5)).astype(np.int32)]
        probes = [self(rng, x) for x in single]
        if not self.backward:
            return probes + [self(rng, x) for x in whole]
        wide = [self.upstream(rng, x) for x in whole]
        rounded = [np.where(g < 0, np.floor(g), np.ceil(g)).astype(np.int64) for g in wide]
        probes += [self(rng, x, grad=g) for x, g in zip(whole, wide, strict=True)]
        probes += [self(rng, x, grad=g) for x, g in zip(whole, rounded, strict=True)]
        return [*probes, self(rng, self.near(rng, (8,)), grad=rounded[0])]


def declare_variants(
    q: QuestionBuilder,
    parameters: str,
    *,
    mistakes: Iterable[tuple[str, str, str]] = (),
    equivalents: Iterable[tuple[str, str]] = (),
) -> None:
    """Declare wrong and right implementations that are short enough for a table.

    A body is one or more statements, in lines or separated by semicolons. If the last is an expression, it is returned.

    Args:
        q: the question.
        parameters: of its function, as they stand in a signature: ``"x, alpha=1.0"``.
        mistakes: rows of name, body, hint.
        equivalents: rows of name, body.

    Raises:
        CourseError: a body is not Python; the message names the row.
    """
    for name, body, hint in mistakes:
        q.mistake_text(name, _definition(q.name, parameters, name, body), hint=hint)
    for name, body in equivalents:
        q.equivalent_text(name, _definition(q.name, parameters, name, body))


def _definition(question: str, parameters: str, row: str, body: str) -> str:
    """The text of a function with this body that returns the value of its last expression."""
    try:
        tree = parse(f"def {question}({parameters}):\n{indent(dedent(body).strip(), '    ')}")
    except SyntaxError as error:
        raise CourseError(f"the body of {row!r} of {question} is not Python: {error.msg}.") from error
    function = tree.body[0]
    if len(tree.body) != 1 or not isinstance(function, ast.FunctionDef):
        raise CourseError(f"the body of {row!r} of {question} is more than a body. Indent all of it alike.")
    last = function.body[-1]
    if isinstance(last, ast.Expr):
        function.body[-1] = ast.Return(last.value)
    return ast.unparse(ast.fix_missing_locations(tree))
