"""The questions that a ``checks.py`` declares, and every way in which its author may have erred.

The file is run once, every check is drawn once, and each rule that is broken is told with file and
line. Rules that need the master as well are in `check_variants` and `autograder.course.marks`.
"""

from __future__ import annotations

import ast
import importlib.util
import itertools
import keyword
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np

from autograder.course.accelerator import Device
from autograder.course.draw import PUBLIC_SEED, check_rng, draw
from autograder.course.master import question_definition
from autograder.course.model import (
    Assignment,
    Check,
    EquivalentMutant,
    Kind,
    Question,
    QuestionBuilder,
    Tolerance,
    Variant,
    collecting,
    share_points,
    to_hundredths,
)
from autograder.course.observe import Lines, Ops
from autograder.course.probes import OBSERVING, Call, Epochs, Gradient, Module, OnModule, Probe, Script, Steps, Value
from autograder.course.syntax import parse
from autograder.course.values import TensorValue
from autograder.errors import AutograderError, CourseError

#: Names that mean something else in a notebook, a test file of Otter's (`env`) or our own cells.
_RESERVED = frozenset({"env", "grader", "np", "otter", "torch", "test_case"})
#: Which verbs a kind of question can answer.
_VERBS: dict[str, tuple[type[Any], ...]] = {
    "np": (Call, Steps, Epochs, Script, Ops, Lines),
    "torch": (Call, Gradient, Steps, Module, OnModule, Script, Ops, Lines, Device),
    "train": (Call, Gradient, Steps, Module, OnModule, Script, Ops, Lines, Device),
    "value": (Value,),
}
_numbers = itertools.count()


def read_questions(assignment: Assignment) -> tuple[Question, ...]:
    """The questions that the ``checks.py`` of an assignment declares, in its order.

    Args:
        assignment: its questions are not looked at.

    Raises:
        CourseError: the first mistake of the author that was found.
    """
    file = _ChecksFile(assignment)
    return tuple(file.questions(file.run()))


def check_variants(assignment: Assignment) -> None:
    """Make sure that mistakes and equivalents take the arguments that the reference takes.

    A mistake with other parameter names would be refused for its signature and prove nothing.

    Raises:
        CourseError: one takes others; the message names both lists.
    """
    for question in assignment.questions:
        reference = question_definition(assignment, question)
        for variant in (*question.mistakes, *question.equivalents):
            statement = parse(variant.source).body[0]
            expected, actual = _parameters(reference), _parameters(statement)
            if expected == [] and actual == []:
                raise CourseError(
                    f"{variant.where}: {variant.name!r} takes no parameters, so it would be called to make the answer, "
                    "but the reference takes none either. Write the variant with mistake_text or equivalent_text."
                )
            # A variant without parameters makes the answer instead of being it.
            if expected is None or not actual or expected == actual:
                continue
            raise CourseError(
                f"{variant.where}: {variant.name!r} takes ({', '.join(actual)}), the reference "
                f"takes ({', '.join(expected)}). Use the same names in the same order."
            )


class _ChecksFile:
    """The questions of one assignment, with every message placed in its ``checks.py``."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.path = assignment.checks_file
        self.file = self.path.relative_to(assignment.folder).as_posix()

    def run(self) -> list[QuestionBuilder]:
        """Execute the file from its text: bytecode that Python has kept could be out of date."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise CourseError(
                f"{self.file}: there is no such file. Write the questions of "
                f"{self.assignment.name!r} there, with question(...)."
            ) from None
        except UnicodeDecodeError as error:
            raise CourseError(f"{self.file}: it is not UTF-8 text. Save it as UTF-8.") from error
        try:
            tree = parse(text, str(self.path))
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            what = error.msg if isinstance(error, SyntaxError) else str(error)
            raise CourseError(f"{self.file}:{line}: this is not Python: {what}.") from error
        self._no_class_twice(tree)
        module = self._empty_module()
        # The source of a class is found through sys.modules, so the module is there while it runs,
        # under a name that nothing else can have, and not afterwards.
        sys.modules[module.__name__] = module
        try:
            with collecting() as builders:
                exec(compile(text, str(self.path), "exec", dont_inherit=True), module.__dict__)
        except (Exception, SystemExit) as error:
            # The author's code runs here: whatever it raises is told as the author's error.
            raise self._while_running(error) from error
        finally:
            del sys.modules[module.__name__]
        self._nothing_from_elsewhere(builders, module)
        if not builders:
            raise CourseError(
                f'{self.file}:1: it declares no question. Begin with: NAME = question("NAME", points=...).'
            )
        return builders

    def _empty_module(self) -> ModuleType:
        name = f"_checks_of_{self.assignment.name}_{next(_numbers)}"
        spec = importlib.util.spec_from_file_location(name, self.path)
        if spec is None:
            raise CourseError(f"{self.file}: Python cannot load it.")
        return importlib.util.module_from_spec(spec)

    def _while_running(self, error: BaseException) -> CourseError:
        line, frame = 1, error.__traceback__
        while frame is not None:
            if frame.tb_frame.f_code.co_filename == str(self.path):
                line = frame.tb_lineno
            frame = frame.tb_next
        if isinstance(error, AutograderError):
            return CourseError(f"{self.file}:{line}: {error}")
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        return CourseError(
            f"{self.file}:{line}: this line stopped checks.py with {what}. Run the file to see all of it."
        )

    def _no_class_twice(self, tree: ast.Module) -> None:
        """Before 3.13 Python finds a class's source by name: a second one gets the first's."""
        seen: dict[str, int] = {}
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef):
                first = seen.setdefault(statement.name, statement.lineno)
                if first != statement.lineno:
                    raise CourseError(
                        f"{self.file}:{statement.lineno}: class {statement.name} is already "
                        f"defined in line {first}. Give each mistake that is a class a name of "
                        "its own."
                    )

    def _nothing_from_elsewhere(self, builders: Sequence[QuestionBuilder], module: ModuleType) -> None:
        for builder in (
            *builders,
            *(v for v in vars(module).values() if isinstance(v, QuestionBuilder)),
        ):
            if not any(builder is b for b in builders) or not builder.where.startswith(f"{self.path}:"):
                raise CourseError(
                    f"{self.file}: question {builder.name!r} was declared elsewhere "
                    f"({self._short(builder.where)}), so its checks and mistakes would count here "
                    "or there by chance. Declare it in this file, with question(...)."
                )

    def questions(self, builders: Sequence[QuestionBuilder]) -> Iterator[Question]:
        seen: dict[str, str] = {}
        for builder in builders:
            where = self._short(builder.where)
            self._question_itself(builder, where)
            if builder.name in seen:
                raise CourseError(
                    f"{where}: question {builder.name!r} was already declared at "
                    f"{seen[builder.name]}. Rename or remove one of them."
                )
            seen[builder.name] = where
            hundredths = self._points(builder.points, f"{where}: question {builder.name!r}")
            if hundredths == 0:
                raise CourseError(f"{where}: question {builder.name!r} has 0 points. Give it some.")
            yield Question(
                name=builder.name,
                kind=builder.kind,
                hundredths=hundredths,
                extra=builder.extra,
                checks=tuple(self._checks(builder, hundredths, where)),
                mistakes=tuple(self._variants(builder, builder.mistakes)),
                equivalents=tuple(self._variants(builder, builder.equivalents)),
                where=where,
                forbids=builder.forbids,
                equivalent_mutants=tuple(self._equivalent_mutants(builder)),
            )

    def _question_itself(self, builder: QuestionBuilder, where: str) -> None:
        name = builder.name
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise CourseError(f"{where}: {name!r} cannot be a question: students could not write it as a Python name.")
        if name in _RESERVED or name.startswith("_"):
            raise CourseError(f"{where}: {name!r} cannot be a question: notebooks use that name for something else.")
        if builder.kind not in get_args(Kind):
            kinds = ", ".join(map(repr, get_args(Kind)))
            raise CourseError(f"{where}: question {name!r} has kind {builder.kind!r}. Choose one of {kinds}.")

    def _points(self, points: Any, label: str) -> int:
        is_number = isinstance(points, int | float) and not isinstance(points, bool) and math.isfinite(points)
        hundredths = to_hundredths(points) if is_number else None
        if hundredths is None:
            raise CourseError(
                f"{label} has points={points!r}. Points are 0 or more, with at most two decimals, such as 2 or 0.25."
            )
        return hundredths

    def _checks(self, builder: QuestionBuilder, total: int, where: str) -> Iterator[Check]:
        label = f"{where}: question {builder.name!r}"
        if not builder.checks:
            raise CourseError(f"{label} has no check. Add at least one with @{builder.name}.check(...).")
        fixed = [
            None if p is None else self._points(p, f"{self._short(c.where)}: check {c.title!r}")
            for c, p in builder.checks
        ]
        try:
            shares = share_points(total, fixed)
        except ValueError as error:
            raise CourseError(f"{label}: {error}. Change one of the two.") from error
        if any(share == 0 and given is None for share, given in zip(shares, fixed, strict=True)):
            raise CourseError(
                f"{label}: the checks with points of their own leave nothing for the others. "
                "Lower them, or write points=0 where you mean it."
            )
        self._public_and_hidden(builder, label)
        titles: dict[str, str] = {}
        hidden: list[Probe] = []
        for (check, _), share in zip(builder.checks, shares, strict=True):
            at = self._short(check.where)
            self._check_itself(check, builder, at)
            if check.title in titles:
                raise CourseError(
                    f"{at}: question {builder.name!r} has another check {check.title!r}, at "
                    f"{titles[check.title]}. Give each its own title."
                )
            titles[check.title] = at
            made = replace(check, hundredths=share, where=at)
            probes = self._draw_once(made, builder)
            hidden += () if check.public else probes
            yield made
        self._looks_at_inputs(hidden, label)
        if any(isinstance(probe, Ops) for probe in hidden) != bool(builder.forbids):
            raise CourseError(
                f"{label}: forbids=Forbids(...) and a check with ops(...) belong together. Add the other one."
            )

    def _public_and_hidden(self, builder: QuestionBuilder, label: str) -> None:
        public = [check for check, _ in builder.checks if check.public]
        if builder.kind == "value" and public:
            raise CourseError(
                f"{self._short(public[0].where)}: check {public[0].title!r} is public, which "
                f"would print the answer of the value question {builder.name!r} in the students' "
                "test file. Drop public=True."
            )
        if len(public) == len(builder.checks):
            raise CourseError(
                f"{label} has no hidden check, so answers copied from its public ones would earn "
                "everything. Add a check without public=True."
            )
        if builder.kind != "value" and not public:
            raise CourseError(
                f"{label} has no public check, so students cannot try it at home. Add one with public=True."
            )

    def _check_itself(self, check: Check, builder: QuestionBuilder, at: str) -> None:
        _require_line(check.title, f"{at}: the title of a check of {builder.name!r}")
        if check.hint:
            _require_line(check.hint, f"{at}: the hint of check {check.title!r}")
        tolerance: Any = check.tolerance
        if tolerance is None:
            return
        label = f"{at}: check {check.title!r}"
        if not isinstance(tolerance, Tolerance):
            raise CourseError(
                f"{label} has tolerance={tolerance!r}. Write Tolerance(reason, relative=..., absolute=...)."
            )
        if not isinstance(tolerance.reason, str) or not tolerance.reason.strip():
            raise CourseError(f"{label} has a tolerance without a reason. Say why the default does not fit.")
        for part in ("relative", "absolute"):
            size = getattr(tolerance, part)
            if not isinstance(size, int | float) or not math.isfinite(size) or size < 0:
                raise CourseError(f"{label} has a tolerance of {part}={size!r}. It must be a finite number, 0 or more.")

    def _looks_at_inputs(self, hidden: Sequence[Probe], label: str) -> None:
        """One hidden check must see whether a function leaves its inputs alone; all of them would punish it twice."""
        calls = [p for p in hidden if isinstance(p, Call)]
        with_arrays = [p for p in calls if any(map(_holds_array, (*p.args, *p.kwargs.values())))]
        if with_arrays and not any(p.times > 1 for p in with_arrays):
            raise CourseError(
                f"{label}: no hidden check sees whether the function writes to its inputs. Use call_twice(...) in one."
            )

    def _draw_once(self, check: Check, builder: QuestionBuilder) -> tuple[Probe, ...]:
        probes: tuple[Probe, ...] = draw(check, check_rng(PUBLIC_SEED, self.assignment.name, builder.name, check.title))
        allowed = _VERBS[builder.kind]
        for probe in probes:
            if not isinstance(probe, allowed):
                verbs = ", ".join(f"{verb.verb}(...)" for verb in allowed)
                raise CourseError(
                    f"{check.where}: check {check.title!r} asks {probe.verb}(...) of "
                    f"{builder.name!r}, whose kind is {builder.kind!r}. Use {verbs}, or change "
                    "the kind."
                )
            if check.public and isinstance(probe, OBSERVING):
                raise CourseError(
                    f"{check.where}: check {check.title!r} is public, but {probe.verb}(...) needs the "
                    "grader's sandbox. Drop public=True."
                )
        return probes

    def _variants(self, builder: QuestionBuilder, variants: Sequence[Variant]) -> Iterator[Variant]:
        names = Counter(v.name for v in (*builder.mistakes, *builder.equivalents))
        for variant in variants:
            at = self._short(variant.where)
            _require_line(variant.name, f"{at}: the name of a mistake or equivalent of {builder.name!r}")
            if names[variant.name] > 1:
                raise CourseError(
                    f"{at}: question {builder.name!r} has another mistake or equivalent {variant.name!r}. Rename one."
                )
            if any(variant is mistake for mistake in builder.mistakes):
                _require_line(variant.hint, f"{at}: the hint of mistake {variant.name!r}")
            try:
                statements = parse(variant.source).body
            except (SyntaxError, ValueError) as error:
                raise CourseError(f"{at}: the text of {variant.name!r} is not Python: {error}.") from error
            if not any(builder.name in _names_defined(statement) for statement in statements):
                raise CourseError(f"{at}: {variant.name!r} does not define {builder.name!r}: it would change nothing.")
            if _is_empty(statements[0]):
                raise CourseError(f"{at}: {variant.name!r} has an empty body. Write out what a student would write.")
            yield replace(variant, where=at)

    def _equivalent_mutants(self, builder: QuestionBuilder) -> Iterator[EquivalentMutant]:
        for declared in builder.equivalent_mutants:
            at = self._short(declared.where)
            _require_line(declared.reason, f"{at}: the reason why mutant {declared.name!r} is equivalent")
            yield replace(declared, where=at)

    def _short(self, where: str) -> str:
        """A place relative to the course: marks and messages are read on other machines."""
        path, _, line = where.rpartition(":")
        try:
            return f"{Path(path).relative_to(self.assignment.folder).as_posix()}:{line}"
        except ValueError:
            return where


def _require_line(text: Any, label: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise CourseError(f"{label} is empty. Write a sentence that a student can read.")
    if "\n" in text:
        raise CourseError(f"{label} has more than one line. Reports give it one: shorten it.")


def _names_defined(statement: ast.stmt) -> set[str]:
    """Names that a statement at the top of a cell defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)}


def _holds_array(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_array, value))
    return isinstance(value, np.ndarray | TensorValue)


def _is_empty(statement: ast.stmt) -> bool:
    """Whether a definition says nothing: only pass, ``...`` or a docstring."""
    if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return False
    return all(
        isinstance(s, ast.Pass) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in statement.body
    )


def _parameters(statement: ast.stmt) -> list[str] | None:
    """Names of a function's parameters; None where it has ``*args``, or is no function at all."""
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    a = statement.args
    if a.vararg or a.kwarg:
        return None
    return [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
