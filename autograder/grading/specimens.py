"""Submissions whose outcome is known beforehand: solution, stub, mistakes, equivalents and mutants."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from textwrap import dedent
from typing import Literal

from autograder.course.draw import probes_of
from autograder.course.marks import MasterText
from autograder.course.master import solution_cells, stub_cells
from autograder.course.model import Assignment, Question
from autograder.course.mutate import Mutant, mutants
from autograder.course.probes import Script
from autograder.course.syntax import parse
from autograder.grading.submissions import Submission

Kind = Literal["solution", "stub", "mistake", "equivalent", "mutant"]
#: Cells of the solution that no variant needs: check cells would ask the question before the variant replaces it, and
#: figures take most of a notebook's time.
_LEFT_OUT = (".check(", "plt.show(")
#: What a right function may do as well: return a view of a larger array, as slices and transposes are.
VIEWS = "returns views with gaps"


@dataclass(frozen=True)
class Specimen:
    """A submission whose outcome is known beforehand.

    Attributes:
        kind: what it is.
        question: the question it concerns, "" for solution and stub, which are asked all.
        name: of the variant.
        submission: what is graded.
        hint: of a mistake.
        mutant: for a mutant, the change.
    """

    kind: Kind
    question: str
    name: str
    submission: Submission
    hint: str = ""
    mutant: Mutant | None = None

    def read(self) -> Submission:
        """The submission; see `autograder.grading.examine.Readable`."""
        return self.submission


def solution(assignment: Assignment, seed: int) -> Specimen:
    """The solution as a submission, for the key of this seed."""
    return Specimen("solution", "", f"with seed {seed}", _submission("solution", solution_cells(assignment)))


def stub(assignment: Assignment) -> Specimen:
    """What students start from as a submission."""
    return Specimen("stub", "", "as students get it", _submission("stub", stub_cells(assignment)))


class Variants:
    """Makes the specimens that replace one question of the solution."""

    def __init__(self, assignment: Assignment) -> None:
        cells = (c for c in solution_cells(assignment) if not any(word in c for word in _LEFT_OUT))
        self._cells = [(cell, *_names(cell)) for cell in cells]
        self._master = MasterText(assignment)
        self._assignment = assignment

    def of(self, question: Question, *, with_mutants: bool) -> Iterator[Specimen]:
        """Mistakes, equivalents and mutants of one question."""
        yield from self.listed(question)
        if isinstance(self._master.definition(question), ast.FunctionDef):
            yield self._specimen("equivalent", question, VIEWS, _views(question.name))
        if with_mutants:
            for mutant in mutants(self._master, question):
                yield replace(self._specimen("mutant", question, mutant.name, mutant.source), mutant=mutant)

    def listed(self, question: Question) -> Iterator[Specimen]:
        """What the author listed: mistakes, then equivalents."""
        for variant in question.mistakes:
            yield replace(self._specimen("mistake", question, variant.name, variant.source), hint=variant.hint)
        for variant in question.equivalents:
            yield self._specimen("equivalent", question, variant.name, variant.source)

    def _specimen(self, kind: Kind, question: Question, name: str, source: str) -> Specimen:
        cells = (*self._needed(source, {question.name} | self._asked(question)), source)
        return Specimen(kind, question.name, name, _submission(f"{question.name}: {name}", cells))

    def _asked(self, question: Question) -> set[str]:
        """The names that a question's scripts use besides its own."""
        probes = (p for check in question.checks for p in probes_of(self._assignment, question, check, 0))
        return {name for probe in probes if isinstance(probe, Script) for name in probe.uses}

    def _needed(self, source: str, asked: set[str]) -> Sequence[str]:
        """The cells of the solution that a variant may depend on: all but definitions that nothing in it names."""
        used = asked | {node.id for node in ast.walk(parse(source)) if isinstance(node, ast.Name)}
        needed: list[str] = []
        for cell, defined, named in reversed(self._cells):
            if defined is None or defined & used:
                used |= named
                needed.insert(0, cell)
        return needed


def _names(cell: str) -> tuple[set[str] | None, set[str]]:
    """What a cell defines, None where it does anything else as well; and all names in it."""
    try:
        tree = parse(cell)
    except SyntaxError:  # a magic of IPython
        return None, set()
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if not all(isinstance(statement, ast.FunctionDef | ast.ClassDef) for statement in tree.body):
        return None, named
    return {statement.name for statement in tree.body if isinstance(statement, ast.FunctionDef | ast.ClassDef)}, named


def _views(name: str) -> str:
    """A cell in which the reference returns its arrays and tensors as every second entry of larger ones."""
    return dedent(f"""
        import numpy
        _reference = {name}

        def _with_gaps(value):
            if type(value) in (tuple, list):
                return type(value)(map(_with_gaps, value))
            if type(value) is numpy.ndarray and value.ndim:
                return numpy.repeat(value, 2, -1)[..., ::2]
            if type(value).__name__ == "Tensor" and value.ndim:
                return value.repeat_interleave(2, -1)[..., ::2]
            return value

        def {name}(*args, **kwargs):
            return _with_gaps(_reference(*args, **kwargs))
    """)


def _submission(name: str, cells: Sequence[str]) -> Submission:
    return Submission(name, name, cells=tuple(enumerate(cells, start=1)))
