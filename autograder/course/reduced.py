"""What a loss with a ``reduction`` and its backward must be asked, and what students often get wrong, from a few lines.

Such a loss computes one number per element (or per row), and ``reduction`` says what becomes of these single losses:
their mean, their sum, or themselves. Its backward takes the upstream gradient, which has the shape of the loss's
output, and returns the gradient for the first argument::

    check_reduced(
        question("huber_loss", points=2),
        question("huber_loss_backward", points=2),
        "x, y, delta=1.0",
        draw=lambda rng, shape: {"x": 2 * rng.normal(size=shape), "y": rng.normal(size=shape)},
        each="np.where(abs(x - y) <= delta, (x - y) ** 2 / 2, delta * (abs(x - y) - delta / 2))",
        slope="np.clip(x - y, -delta, delta)",
        options=[{"delta": 0.5}, {"delta": 3.0}],
        wrong=[("forgets the half", "np.where(...)", "Do your two pieces meet at |x - y| = delta?")],
    )

That declares five or more checks, two or three mistakes and one equivalent of each of the two questions, and the rows.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import dedent
from typing import Any

import numpy as np

from autograder.course.elementwise import declare_variants
from autograder.course.model import QuestionBuilder, Tolerance
from autograder.course.observe import Lines, lines
from autograder.course.probes import Call, call, call_twice
from autograder.course.syntax import parse
from autograder.errors import CourseError

#: Arguments by name. Floating arrays follow the dtype of a check; everything else stays as it is.
Arguments = Mapping[str, Any]
Shape = tuple[int, ...]
#: Makes ordinary inputs of a shape; the first one is the argument that gets a gradient.
DrawInputs = Callable[[np.random.Generator, Shape], Arguments]

#: 0-dim, size 1, a square, 3-D; for rows one class, one row, more rows than classes.
SHAPES: tuple[Shape, ...] = ((), (1,), (5,), (1, 1), (3, 3), (2, 1, 4))
ROW_SHAPES: tuple[Shape, ...] = ((1, 1), (1, 4), (4, 1), (3, 3), (5, 2))

# What becomes of the single losses `each` in mistakes and equivalents.
_NONE = 'if reduction == "none":\n    return each\n'
_REDUCE = _NONE + 'return each.mean() if reduction == "mean" else each.sum()'


@dataclass(frozen=True)
class Far:
    """Extreme legal inputs: one check of the loss, one of its backward, without any reduction.

    Attributes:
        title: what must hold, as a sentence a student can read.
        hint: shown when it fails.
        cases: the arguments of each call. Answers of very different size belong to different cases.
        backward: whether the backward is asked as well.
    """

    title: str
    hint: str
    cases: Sequence[Arguments]
    backward: bool = True


def check_reduced(
    loss: QuestionBuilder,
    backward: QuestionBuilder | None,
    parameters: str,
    *,
    draw: DrawInputs,
    each: str = "",
    slope: str = "",
    start: str = "",
    rows: bool = False,
    shapes: Sequence[Shape] = (),
    example: Arguments | None = None,
    options: Sequence[Arguments] = (),
    far: Sequence[Far] = (),
    whole: DrawInputs | None = None,
    reductions: Sequence[str] = ("mean", "sum", "none"),
    upstream: bool = True,
    tolerance: Tolerance | None = None,
    wrong: Sequence[tuple[str, str, str]] = (),
    wrong_slopes: Sequence[tuple[str, str, str]] = (),
    same: Sequence[tuple[str, str]] = (),
    same_slopes: Sequence[tuple[str, str]] = (),
) -> None:
    """Declare checks, mistakes and equivalents of a loss with a reduction, and those of its backward.

    The code of single losses and slopes below is one expression, or statements that end with one. Around it, mistakes
    and equivalents get dtype, reduction and chain rule as they should be.

    Args:
        loss: the question of the loss.
        backward: the question of its backward, None where there is none.
        parameters: of the loss, as in its ``def``, without ``grad``; a ``reduction`` at the end may be left out.
        draw: ordinary inputs of a shape; the backward gets the same and an upstream gradient.
        each: code of the array of single losses. Without it, no mistake or equivalent of the loss is written.
        slope: code of their derivative for the first argument, of its shape. Without it, none of the backward is.
        start: lines in front of all code, such as a conversion to floats.
        rows: whether a single loss belongs to a row: the last axis of the first argument is summed up.
        shapes: for `draw`, instead of `SHAPES` or `ROW_SHAPES`.
        example: the worked example of the statement, shown first in the public checks.
        options: values of further arguments, each asked with inputs of its own.
        far: extreme legal inputs.
        whole: inputs that are integers; by default those of `draw`, doubled and rounded, then also as uint8.
        reductions: all values of ``reduction``, the default first; mistakes are written for "mean", "sum" and "none".
        upstream: whether the backward takes the upstream gradient.
        tolerance: of all checks but those of `far`, where the default does not fit.
        wrong: mistakes of the loss: name, code of the single losses, hint.
        wrong_slopes: mistakes of the backward: name, code of the slope, hint.
        same: other right ways to compute the single losses: name, code.
        same_slopes: the same for the slope.

    Raises:
        CourseError: some code is not Python; the message names its row.
    """
    for code, others, what in ((each, (*wrong, *same), "each"), (slope, (*wrong_slopes, *same_slopes), "slope")):
        if others and not code:
            raise CourseError(f"{loss.name}: variants were given, but no {what} that they vary. Pass {what}=...")
    if backward is None and slope:
        raise CourseError(f"{loss.name}: a slope was given, but no question for it. Pass that of the backward.")
    chosen = tuple(shapes) or (ROW_SHAPES if rows else SHAPES)
    plan = _Plan(draw, rows, chosen, options, whole, tuple(reductions), tolerance)
    first = parameters.split(",")[0].strip()
    if "reduction" not in parameters:
        parameters += ', reduction="mean"'
    _declare_checks(loss, plan, example, far, upstream=None)
    if each:
        write = partial(_body, start, first, "each")
        declare_variants(
            loss,
            parameters,
            mistakes=[
                *((name, write(each, end), hint) for name, end, hint in _WRONG_REDUCTIONS),
                *((name, write(code, _REDUCE), hint) for name, code, hint in wrong),
            ],
            equivalents=[
                ("sum divided by a count", write(each, _COUNTED)),
                *((name, write(code, _REDUCE)) for name, code in same),
            ],
        )
    if backward is None:
        return
    _declare_checks(backward, plan, example, [f for f in far if f.backward], upstream=upstream)
    if slope:
        write, chain = partial(_body, start, first, "slope"), _Chain(rows, upstream)
        declare_variants(
            backward,
            f"grad, {parameters}" if upstream else parameters,
            mistakes=[
                *((name, write(slope, end), hint) for name, end, hint in chain.wrong()),
                *((name, write(code, chain.rule()), hint) for name, code, hint in wrong_slopes),
            ],
            equivalents=[
                (
                    "average taken before the product",
                    write(slope, chain.rule("slope * (grad / count)", "slope * grad")),
                ),
                *((name, write(code, chain.rule())) for name, code in same_slopes),
            ],
        )


@dataclass(frozen=True)
class _Plan:
    """From what the inputs of all checks of a loss are made."""

    draw: DrawInputs
    rows: bool
    shapes: tuple[Shape, ...]
    options: Sequence[Arguments]
    whole: DrawInputs | None
    reductions: tuple[str, ...]
    tolerance: Tolerance | None

    def inputs(self, rng: np.random.Generator, shape: Shape) -> Arguments:
        """Ordinary inputs; NumPy makes numbers of arrays without axes, and these become arrays again."""
        return {k: np.asarray(v) if isinstance(v, np.generic) else v for k, v in self.draw(rng, shape).items()}

    def table(self, rng: np.random.Generator) -> Arguments:
        """The same in the ordinary shape."""
        return self.inputs(rng, (4, 3))

    def single(self, rng: np.random.Generator) -> Arguments:
        """The same in float32."""
        return {k: v.astype(np.float32) if _is_float(v) else v for k, v in self.table(rng).items()}

    def integers(self, rng: np.random.Generator) -> Iterator[Arguments]:
        """Inputs that are whole numbers, with and without sign."""
        if self.whole is not None:
            yield self.whole(rng, (4, 3))
            return
        drawn = self.table(rng)
        rounded = {k: np.rint(2 * v).astype(np.int64) if _is_float(v) else v for k, v in drawn.items()}
        yield rounded
        yield {k: np.abs(v).astype(np.uint8) if _is_float(drawn[k]) else v for k, v in rounded.items()}

    def upstream(self, rng: np.random.Generator, arguments: Arguments, reduction: str) -> Any:
        """An upstream gradient of the shape of the loss's output, of size 0.5 to 2, in the dtype of the inputs."""
        first = np.asarray(next(iter(arguments.values())))
        shape = () if reduction != "none" else first.shape[:-1] if self.rows else first.shape
        floats = [v.dtype for v in arguments.values() if _is_float(v)]
        values = rng.choice([-1.0, 1.0], size=shape) * rng.uniform(0.5, 2.0, size=shape)
        return np.asarray(values, dtype=np.result_type(*floats) if floats else np.float64)


def _declare_checks(
    builder: QuestionBuilder, plan: _Plan, example: Arguments | None, far: Sequence[Far], *, upstream: bool | None
) -> None:
    """The checks of a loss, or of its backward: then `upstream` says whether that takes the upstream gradient."""
    default, *others = plan.reductions
    last = plan.reductions[-1]

    def ask(rng: np.random.Generator, given: Arguments, reduction: str = default, verb: Any = call) -> Call:
        grad = {"grad": plan.upstream(rng, given, reduction)} if upstream else {}
        probe: Call = verb(**grad, **given, **({} if reduction == default else {"reduction": reduction}))
        return probe

    def every(rng: np.random.Generator, given: Arguments) -> list[Call]:
        return [ask(rng, given, reduction) for reduction in plan.reductions]

    def declare(
        title: str, hint: str, draw: Callable[[np.random.Generator], Sequence[Call | Lines]], public: bool = False
    ) -> None:
        builder.check(title, public=public, hint=hint, tolerance=plan.tolerance)(draw)

    shown = [] if example is None else [call(**{**({"grad": 1.0} if upstream else {}), **example})]
    gradient = "" if upstream is None else "gradient of "
    declare(
        f"{gradient}the {default} over a batch",
        "How many losses does the mean count? Where does that number appear in the gradient?"
        if gradient
        else "Compute the first loss of the batch by hand.",
        lambda rng: [*shown, ask(rng, plan.table(rng))],
        public=True,
    )
    declare(
        f"{gradient}reduction {' and '.join(map(repr, others))}",
        "A sum has no 1/N. Single losses have one upstream gradient each: which shape does it have?"
        if gradient
        else "Which shape has the result?",
        lambda rng: [ask(rng, plan.table(rng), reduction) for reduction in others],
        public=not gradient,
    )
    declare(
        "any shape, one loss too, with every reduction",
        "Print the shape of each array on the way.",
        lambda rng: [probe for shape in plan.shapes for probe in every(rng, plan.inputs(rng, shape))],
    )
    if plan.options:
        names = " and ".join(dict.fromkeys(name for option in plan.options for name in option))
        declare(
            f"other values of {names}",
            f"Where does {names} stand in the formula, and where in your code?",
            lambda rng: [probe for option in plan.options for probe in every(rng, {**plan.table(rng), **option})],
        )
    for extreme in far:
        builder.check(extreme.title, hint=extreme.hint)(
            lambda rng, cases=extreme.cases: [ask(rng, case, last) for case in cases]  # type: ignore[misc]
        )
    declare(
        "float32 stays float32, integers become float64",
        "Which dtype has each array that you create on the way?",
        lambda rng: [*every(rng, plan.single(rng)), *(ask(rng, given, last) for given in plan.integers(rng))],
    )
    declare(
        "no Python loop over samples",
        "Which operation of NumPy works on the whole array at once?",
        lambda rng: [lines(*(ask(rng, plan.inputs(rng, (n, 3)), last) for n in (4, 40)))],
    )
    declare(
        "a second call gives the same answer and inputs stay as they were",
        "Compare your inputs before and after the call.",
        lambda rng: [ask(rng, plan.table(rng), reduction, call_twice) for reduction in (default, last)],
    )


#: Mistakes of every loss: name, what becomes of the single losses, hint.
_WRONG_REDUCTIONS = (
    (
        "adds up where the mean is asked for",
        _NONE + "return each.sum()",
        "Write every sample twice. Should the mean double?",
    ),
    (
        "returns one number whatever the reduction",
        'return each.sum() if reduction == "sum" else each.mean()',
        'With reduction="none", how many numbers do you expect for 4 samples?',
    ),
)
_COUNTED = (
    _NONE + 'total = np.add.reduce(each, axis=None)\nreturn total / np.size(each) if reduction == "mean" else total'
)


@dataclass(frozen=True)
class _Chain:
    """How the slope of a single loss becomes the answer of a backward."""

    rows: bool
    upstream: bool

    def rule(self, mean: str = "grad * slope / count", other: str = "grad * slope") -> str:
        """The last lines of a backward, from the expression for the mean and the one for all else."""
        lines = ["grad = np.asarray(grad, dtype)" if self.upstream else "grad = 1"]
        if self.upstream and self.rows:
            lines.append('grad = grad[..., None] if reduction == "none" else grad')
        lines.append("count = slope[..., 0].size" if self.rows else "count = np.size(slope)")
        return "\n".join([*lines, f'return {mean} if reduction == "mean" else {other}'])

    def wrong(self) -> Iterator[tuple[str, str, str]]:
        """Mistakes of every backward: name, last lines, hint."""
        yield (
            "does not divide by the number of losses",
            self.rule("grad * slope"),
            "Write every sample twice. Should each of them still pull as hard on the mean?",
        )
        yield (
            "has the opposite sign",
            self.rule("-grad * slope / count", "-grad * slope"),
            "Take a small step against your gradient. Does the loss go down?",
        )
        if self.upstream:
            yield (
                "ignores the upstream gradient",
                self.rule("0 * grad + slope / count", "0 * grad + slope"),
                "Double the upstream gradient. Does your answer double?",
            )
        if self.upstream and not self.rows:
            yield (
                "writes into the upstream gradient",
                self.rule(other='np.multiply(grad, slope, out=grad) if reduction == "none" else grad * slope'),
                "Print the upstream gradient before and after your call.",
            )


def _body(start: str, first: str, name: str, code: str, end: str) -> str:
    """A function's body: the value of the code's last expression under a name, and lines that use it.

    The value gets the dtype of the first argument (float64 if that is none of floats), so that code need not care.
    """
    try:
        tree = parse(dedent(code).strip())
    except SyntaxError as error:
        raise CourseError(f"{code!r} is not Python: {error.msg}.") from error
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        raise CourseError(f"{code!r} must end with an expression, the value of {name}.")
    tree.body[-1] = ast.Assign([ast.Name(name, ast.Store())], tree.body[-1].value)
    return "\n".join(
        [
            dedent(start).strip(),
            ast.unparse(ast.fix_missing_locations(tree)),
            f'dtype = {first}.dtype if {first}.dtype.kind == "f" else np.dtype(float)',
            f"{name} = np.asarray({name}, dtype)",
            end,
        ]
    )


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
