"""An assignment as frozen data, and the few calls with which an author writes it down.

A ``checks.py`` reads like a table::

    softmax = question("softmax", points=6)

    @softmax.check("rows of a batch sum to one", public=True)
    def batch(rng):
        return call(x=rng.normal(size=(4, 5)))

    @softmax.mistake("normalises over the batch", hint="Which axis holds the classes of one sample?")
    def over_batch(x, axis=-1):
        e = np.exp(x - x.max(0)); return e / e.sum(0)

The body of a mistake never runs here: its source text becomes a cell of a submission.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from autograder.course.observe import NOTHING, Forbids
from autograder.course.probes import Probe
from autograder.course.syntax import parse
from autograder.errors import CourseError

Kind = Literal["np", "torch", "value", "train"]
Draw = Callable[[np.random.Generator], "Probe | Sequence[Probe]"]
F = TypeVar("F", bound=Callable[..., Any] | type)


@dataclass(frozen=True)
class Tolerance:
    """How far an answer may lie from the expected one, where the default does not fit.

    Attributes:
        relative: of each expected element.
        absolute: of each element, in the unit of the answer.
        reason: why the default does not fit; required, so that a reader can judge it.
    """

    reason: str
    relative: float = 0.0
    absolute: float = 0.0


@dataclass(frozen=True)
class Check:
    """One row of a report.

    Attributes:
        title: what must hold, as a sentence a student can read.
        draw: makes the probe, or several that must all be right, from a seeded generator.
        public: whether students can run it at home.
        hundredths: points, in hundredths of a point.
        hint: a question or pointer shown when it fails.
        where: file and line, for messages to the author.
    """

    title: str
    draw: Draw
    public: bool
    hundredths: int
    hint: str
    tolerance: Tolerance | None
    where: str


@dataclass(frozen=True)
class Variant:
    """A known implementation of a question: a mistake that must fail, or an equivalent that must keep full marks.

    Attributes:
        name: in words, as a report would say it.
        hint: what helps a student who holds this misconception, without giving the answer ("" for equivalents).
        source: code of a cell that redefines the question's name.
    """

    name: str
    hint: str
    source: str
    where: str


@dataclass(frozen=True)
class EquivalentMutant:
    """A mutant of the reference that no input can tell from it; see `autograder.course.mutate`.

    Attributes:
        name: the change in one line, as `autograder validate` shows it.
        reason: why no check can reject it.
    """

    name: str
    reason: str
    where: str


@dataclass(frozen=True)
class Question:
    """What a student writes under one name, and how it is examined."""

    name: str
    kind: Kind
    hundredths: int
    extra: bool
    checks: tuple[Check, ...]
    mistakes: tuple[Variant, ...]
    equivalents: tuple[Variant, ...]
    where: str
    forbids: Forbids = NOTHING
    equivalent_mutants: tuple[EquivalentMutant, ...] = ()


@dataclass(frozen=True)
class Assignment:
    """One notebook with its questions.

    Attributes:
        name: name of its folder.
        folder: the course folder that holds ``assignments`` and ``solutions``.
        master: the percent-format file with statement and reference.
        checks_file: the file with questions, checks and mistakes.
        questions: in the order of ``checks.py``.
    """

    name: str
    folder: Path
    master: Path
    checks_file: Path
    questions: tuple[Question, ...]

    @property
    def student_folder(self) -> Path:
        """Where the generated student notebook and its public tests lie."""
        return self.folder / "assignments" / self.name

    @property
    def hundredths(self) -> int:
        """Points that count as full marks, extra credit left out."""
        return sum(q.hundredths for q in self.questions if not q.extra)

    def question(self, name: str) -> Question:
        """The question of this name.

        Raises:
            CourseError: there is none; the message names those there are.
        """
        for candidate in self.questions:
            if candidate.name == name:
                return candidate
        known = ", ".join(q.name for q in self.questions)
        raise CourseError(f"{self.checks_file}: no question {name!r}; known: {known}.")


@dataclass
class QuestionBuilder:
    """Collects what `question` was told; `load_assignment` turns it into a `Question`."""

    name: str
    points: float
    kind: Kind
    extra: bool
    where: str
    checks: list[tuple[Check, float | None]] = field(default_factory=list)
    mistakes: list[Variant] = field(default_factory=list)
    equivalents: list[Variant] = field(default_factory=list)
    forbids: Forbids = NOTHING
    equivalent_mutants: list[EquivalentMutant] = field(default_factory=list)

    def check(
        self,
        title: str,
        *,
        public: bool = False,
        points: float | None = None,
        hint: str = "",
        tolerance: Tolerance | None = None,
    ) -> Callable[[Draw], Draw]:
        """Decorate a function of a seeded generator that returns the probe (or several) of this check.

        Args:
            title: what must hold, as a sentence a student can read.
            public: whether students can run it at home.
            points: of this check; checks that name none share what is left of the question's points equally.
            hint: a question or pointer shown when it fails.
            tolerance: only where the default (noise of the reference itself) does not fit.
        """
        caller = _caller()

        def register(draw: Draw) -> Draw:
            # What a helper of this package draws belongs to the author's line that called the helper.
            code = getattr(draw, "__code__", None)
            where = caller if code and code.co_filename.startswith(_HERE) else _where(draw)
            self.checks.append((Check(title, draw, public, 0, hint, tolerance, where), points))
            return draw

        return register

    def mistake(self, name: str, *, hint: str) -> Callable[[F], F]:
        """Decorate a wrong implementation that at least one hidden check must reject."""
        return self._variant(self.mistakes, name, hint)

    def mistake_text(self, name: str, source: str, *, hint: str) -> None:
        """Declare a wrong implementation by its text: a cell that defines the question's name.

        For tables of one-line functions; see `autograder.course.elementwise.declare_variants`.
        """
        self.mistakes.append(Variant(name, hint, source, _caller()))

    def equivalent_text(self, name: str, source: str) -> None:
        """Declare a correct implementation in another style by its text."""
        self.equivalents.append(Variant(name, "", source, _caller()))

    def wrong(self, answer: object, name: str, *, hint: str) -> None:
        """Declare a wrong answer to a value question, which at least one hidden check must reject.

        Args:
            answer: a number, text, tuple, list or dict: something that can be written out.
            name: in words, as a report would say it.
            hint: what helps a student who holds this misconception.
        """
        try:
            ast.literal_eval(repr(answer))
        except (ValueError, SyntaxError):
            raise CourseError(f"the wrong answer {name!r} of {self.name} cannot be written out: {answer!r}.") from None
        if self.kind != "value":
            raise CourseError(f"{self.name} is no value question; write the mistake {name!r} with def or class.")
        self.mistakes.append(Variant(name, hint, f"{self.name} = {answer!r}", _caller()))

    def equivalent(self, name: str) -> Callable[[F], F]:
        """Decorate a correct implementation in another style, which must keep full marks."""
        return self._variant(self.equivalents, name, "")

    def equivalent_mutant(self, name: str, *, reason: str) -> None:
        """Declare that a mutant of the reference computes the same as the reference.

        Args:
            name: the change in one line, as `autograder validate` lists it among the survivors.
            reason: why no check can reject it.
        """
        self.equivalent_mutants.append(EquivalentMutant(name, reason, _caller()))

    def _variant(self, kept: list[Variant], name: str, hint: str) -> Callable[[F], F]:
        def register(definition: F) -> F:
            kept.append(Variant(name, hint, self._cell(definition), _where(definition)))
            return definition

        return register

    def _cell(self, definition: Callable[..., Any] | type) -> str:
        """The definition's source as a cell that defines the question's name.

        A function without parameters makes what is asked for and returns it: that is how a class is written whose base
        the grader does not have, such as ``torch.nn.Module``.
        """
        tree = parse(textwrap.dedent(inspect.getsource(definition)))
        node = tree.body[0]
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            raise CourseError(f"a variant of {self.name} must be written with def or class.")
        node.decorator_list = []
        if isinstance(node, ast.FunctionDef) and not ast.unparse(node.args):
            node.name = "_variant"
            return f"{ast.unparse(tree)}\n{self.name} = _variant()"
        node.name = self.name
        return ast.unparse(tree)


_collected: ContextVar[list[QuestionBuilder] | None] = ContextVar("collected", default=None)


@contextmanager
def collecting() -> Iterator[list[QuestionBuilder]]:
    """Gather the questions that are declared while a ``checks.py`` runs."""
    questions: list[QuestionBuilder] = []
    token = _collected.set(questions)
    try:
        yield questions
    finally:
        _collected.reset(token)


def declared() -> Sequence[QuestionBuilder]:
    """The questions that the running ``checks.py`` has declared so far."""
    return tuple(_collected.get() or ())


def question(
    name: str, *, points: float, kind: Kind = "np", extra: bool = False, forbids: Forbids | None = None
) -> QuestionBuilder:
    """Declare a question.

    Args:
        name: the function, class or variable that the student writes.
        points: of the whole question, at most two decimals.
        kind: "np", "torch", "value" or "train", as in the exercise list.
        extra: extra credit, beside the points of the assignment.
        forbids: what its ``ops`` checks refuse.
    """
    builder = QuestionBuilder(name, points, kind, extra, _caller(), forbids=forbids or NOTHING)
    collected = _collected.get()
    if collected is not None:
        collected.append(builder)
    return builder


def share_points(total: int, fixed: Sequence[int | None]) -> list[int]:
    """Split hundredths of points over checks so that they add up exactly.

    Args:
        total: hundredths of the question.
        fixed: hundredths of each check, None for those that share the rest equally.

    Returns:
        Hundredths of each check; the first ones get the hundredths that do not divide.

    Raises:
        ValueError: the fixed ones exceed the total, or leave a rest that nobody takes.
    """
    rest = total - sum(f for f in fixed if f is not None)
    open_ = sum(f is None for f in fixed)
    if rest < 0 or (rest > 0 and not open_):
        raise ValueError(f"the checks add up to {(total - rest) / 100:g} points, the question has {total / 100:g}")
    each, left = divmod(rest, open_) if open_ else (0, 0)
    shares = []
    for f in fixed:
        if f is None:
            shares.append(each + (left > 0))
            left -= left > 0
        else:
            shares.append(f)
    return shares


def to_hundredths(points: float) -> int | None:
    """Points as hundredths; None when they are negative or have more than two decimals."""
    exact = Fraction(str(points)) * 100
    return int(exact) if exact >= 0 and exact.denominator == 1 else None


#: Files of this package: helpers that declare checks and variants for an author.
_HERE = str(Path(__file__).parent) + os.sep


def _caller() -> str:
    """File and line of the author's line that called one of the functions above, itself or through a helper of ours."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename.startswith(_HERE) and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _where(definition: Any) -> str:
    try:
        return f"{inspect.getsourcefile(definition)}:{inspect.getsourcelines(definition)[1]}"
    except (OSError, TypeError) as error:
        raise CourseError(
            f"{definition!r}: its source cannot be read. Write it in checks.py with def or class."
        ) from error
