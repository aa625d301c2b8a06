"""A source notebook of nbgrader: what its cells' metadata and marks say."""

from __future__ import annotations

import re
from typing import Any

from autograder.errors import UsageError
from autograder.importing.parts import (
    Imported,
    Part,
    Task,
    TestCase,
    Todo,
    left_out,
    no_points,
    number_of,
    shown_solution,
    source_of,
)

# As in nbgrader, whatever else stands on the line of a mark.
_SOLUTION = re.compile(r"^([ \t]*).*\b(BEGIN|END) SOLUTION\b.*$", re.MULTILINE)


def _between(what: str) -> re.Pattern[str]:
    """All from the mark that begins it to the one that ends it, and what lies between."""
    return re.compile(rf"^[^\n]*BEGIN {what}[^\n]*\n(.*?)^[^\n]*END {what}[^\n]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


_HIDDEN, _SCHEME = _between("HIDDEN TESTS"), _between("MARK SCHEME")


def read_nbgrader(cells: list[dict[str, Any]]) -> Imported:
    """The parts of a source notebook.

    Raises:
        UsageError: hidden tests or a scheme of marks begin and never end.
    """
    found = Imported()
    for number, cell in enumerate(cells, start=1):
        whole = source_of(cell)
        told = cell.get("metadata", {}).get("nbgrader", {})
        told = told if isinstance(told, dict) else {}
        grade, solution, task = (told.get(key) is True for key in ("grade", "solution", "task"))
        name, given = str(told.get("grade_id", f"cell {number}")), told.get("points")
        counted = _worth(given)
        worth = counted or 0.0
        if (grade or task) and given is not None and counted is None:
            found.todos.append(no_points(number, name, given))
        kind = cell.get("cell_type")
        found.todos += left_out(number, cell)
        source = _for_students(whole, number)
        is_test = kind == "code" and grade and not solution
        if source != whole and not (is_test or task):
            found.todos.append(Todo(number, "hidden tests or a scheme of marks outside of a test are left out", whole))
        if not solution and _SOLUTION.search(source):
            found.todos.append(shown_solution(number, source))
        if kind != "code":
            if grade or solution or task:
                reason = f"a task or an answer in words ({worth:g} points) is graded by hand"
                found.todos.append(Todo(number, reason, whole))
            if kind == "markdown" and not solution:  # the instructor's answer is not for students
                found.parts.append(Part(number, "markdown", source))
        elif grade and solution:
            reason = f"code that is graded by hand ({worth:g} points) has no counterpart here"
            found.todos.append(Todo(number, reason, whole))
            found.parts.append(Part(number, "code", _our_marks(source), solution=True))
        elif solution:
            found.parts.append(Part(number, "code", _our_marks(source), solution=True))
        elif grade:
            found.tasks.append(_task(number, name, worth, whole))
        else:
            found.parts.append(Part(number, "code", _our_marks(source)))
    return found


def _worth(points: Any) -> float | None:
    """Points as a number, which are a text in old notebooks; None for anything else."""
    try:
        return number_of(float(points) if isinstance(points, str) else points)
    except ValueError:
        return None


def _our_marks(source: str) -> str:
    return _SOLUTION.sub(r"\1# \2 SOLUTION", source)


def _for_students(source: str, number: int) -> str:
    """A cell without hidden tests, and without what tells graders how to mark."""
    left = _SCHEME.sub("", _HIDDEN.sub("", source))
    for what in ("HIDDEN TESTS", "MARK SCHEME"):
        if f"BEGIN {what}" in left:
            raise UsageError(f"Cell {number}: BEGIN {what} without its end.")
    return left


def _task(number: int, name: str, worth: float, source: str) -> Task:
    """A test cell: a case of what everybody sees, and one of each hidden part."""
    setup = _HIDDEN.sub("", source)
    tests = [TestCase(number, setup, hidden=False)] if setup.strip() else []
    tests += [TestCase(number, f"{setup}\n{part[1]}", hidden=True) for part in _HIDDEN.finditer(source)]
    return Task(name, number, worth, tests)
