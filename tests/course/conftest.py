"""A small course in a temporary folder, and its solution's answers without a sandbox."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch

from autograder.course.draw import PUBLIC_SEED, probes_of
from autograder.course.load import load_assignment
from autograder.course.model import Assignment, Question
from autograder.course.otter_tests import PublicCase, PublicCheck
from autograder.course.probes import MissingName
from autograder.sandbox.live import Converter

matplotlib.use("Agg")  # figures are made, but nobody looks


@dataclass(frozen=True)
class Course:
    """A folder in which assignments can be written and loaded."""

    folder: Path

    def write(self, master: str | None, checks: str | None, name: str = "hw") -> None:
        home = self.folder / "solutions" / name
        home.mkdir(parents=True, exist_ok=True)
        for file, text in ((f"{name}.py", master), ("checks.py", checks)):
            if text is not None:
                (home / file).write_text(text, encoding="utf-8")

    def load(self, master: str | None, checks: str | None, name: str = "hw") -> Assignment:
        self.write(master, checks, name)
        return load_assignment(self.folder, name)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


class Bench:
    """Asks a namespace of this process, with the conversion that a job uses."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self._converter = Converter("cpu")
        self.live, self.plain = self._converter.live, self._converter.plain
        self.torch: Any = torch

    def find(self, name: str) -> Any:
        if self.names.get(name, ...) is ...:
            raise MissingName(name)
        return self.names[name]


class _NoGrader(types.SimpleNamespace):
    """Stands for otter in the cells: checks at home are tested on their own."""

    def check(self, *names: str) -> None: ...

    check_all = check


def _run_cells(cells: tuple[str, ...]) -> dict[str, Any]:
    """The names that the cells define, with those cells that raise left unfinished as in a job."""
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in cells:
        if "import otter" in cell:
            names["grader"] = _NoGrader()
            continue
        with contextlib.suppress(NotImplementedError, TypeError):
            exec(compile(cell, "cell", "exec", dont_inherit=True), names)
    plt.close("all")
    return names


def _public_cases(
    assignment: Assignment, question: Question, names: dict[str, Any], allowed: float = 1e-9
) -> list[PublicCheck]:
    """The question's public checks with the answers that `names` give."""

    def cases(check: Any) -> Iterator[PublicCase]:
        for probe in probes_of(assignment, question, check, PUBLIC_SEED):
            expected = probe.ask(question.name, Bench(names))
            yield PublicCase(probe, expected, dict.fromkeys(expected, allowed))

    return [PublicCheck(c, tuple(cases(c))) for c in question.checks if c.public]


@pytest.fixture
def run_cells() -> Callable[..., dict[str, Any]]:
    return _run_cells


@pytest.fixture
def public_cases() -> Callable[..., list[PublicCheck]]:
    return _public_cases
