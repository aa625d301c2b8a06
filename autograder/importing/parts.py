"""What is read from a notebook of another format."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Todo:
    """What has to be done by hand.

    Attributes:
        cell: number of the cell, from 1; 0 for the notebook as a whole.
        reason: why.
        text: what stands there.
    """

    cell: int
    reason: str
    text: str = ""


@dataclass(frozen=True)
class TestCase:
    """A test cell, or one of its hidden parts.

    Attributes:
        cell: number of the cell.
        source: its code, marks and settings taken out.
        points: None where the question's are shared out.
        shown: whether a value that a line shows is compared, as in a doctest.
    """

    __test__ = False

    cell: int
    source: str
    hidden: bool
    points: float | None = None
    hint: str = ""
    shown: bool = False


@dataclass
class Task:
    """A question of the other format.

    Attributes:
        name: how it is called there.
        points: of the whole question; a list has those of its cases; None where cases have them or none are given.
        tests: in order.
    """

    name: str
    cell: int
    points: float | list[float] | None = None
    tests: list[TestCase] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """A cell of the master to be: text, or code.

    Attributes:
        kind: "markdown" or "code".
        solution: whether students write what it defines.
    """

    cell: int
    kind: str
    source: str
    solution: bool = False


def source_of(cell: dict[str, Any]) -> str:
    """The text of a cell."""
    return "".join(cell.get("source", ""))


def left_out(number: int, cell: dict[str, Any]) -> Iterator[Todo]:
    """What no cell of ours can hold."""
    if cell.get("cell_type") == "raw":
        yield Todo(number, "a raw cell is left out", source_of(cell))
    if cell.get("attachments"):
        names = ", ".join(map(str, cell["attachments"])) if isinstance(cell["attachments"], dict) else ""
        yield Todo(number, f"pictures that are kept inside of the notebook are left out ({names})")


def number_of(value: object) -> float | None:
    """A number of points, None for anything else."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    return float(value) if usable else None  # type: ignore[arg-type]  # it is a number


def no_points(number: int, name: str, value: object) -> Todo:
    """What stands where points should be cannot be taken."""
    return Todo(number, f"{name}: its points are no number from 0 ({value!r:.40}): set those of its checks")


def shown_solution(number: int, source: str) -> Todo:
    """A cell that is no solution has the marks of one."""
    return Todo(number, "marks of a solution in a cell that is none: students see what is between", source)


@dataclass
class Imported:
    """All of a notebook."""

    parts: list[Part] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    todos: list[Todo] = field(default_factory=list)
