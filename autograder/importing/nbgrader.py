"""A source notebook of nbgrader: what its cells' metadata and marks say."""

from __future__ import annotations

import re
from typing import Any

from autograder.importing.parts import Imported, Part, Task, TestCase, Todo, number_of

_BEGIN, _END = "### BEGIN SOLUTION", "### END SOLUTION"
_HIDDEN = re.compile(r"[ \t]*### BEGIN HIDDEN TESTS\n(.*?)[ \t]*### END HIDDEN TESTS[^\n]*\n?", re.DOTALL)


def read_nbgrader(cells: list[dict[str, Any]]) -> Imported:
    """The parts of a source notebook."""
    found = Imported()
    for number, cell in enumerate(cells, start=1):
        source = "".join(cell.get("source", ""))
        told = cell.get("metadata", {}).get("nbgrader", {})
        told = told if isinstance(told, dict) else {}
        grade, solution, task = (told.get(key) is True for key in ("grade", "solution", "task"))
        worth = number_of(told.get("points")) or 0.0
        if cell.get("cell_type") != "code":
            if grade or solution or task:
                found.todos.append(Todo(number, "a task or an answer in words is graded by hand", source))
            if cell.get("cell_type") == "markdown" and not solution:  # the instructor's answer is not for students
                found.parts.append(Part(number, "markdown", source))
        elif grade and solution:
            reason = f"code that is graded by hand ({worth:g} points) has no counterpart here"
            found.todos.append(Todo(number, reason, source))
            found.parts.append(Part(number, "code", _our_marks(source), solution=True))
        elif solution:
            found.parts.append(Part(number, "code", _our_marks(source), solution=True))
        elif grade:
            found.tasks.append(_task(number, str(told.get("grade_id", f"cell {number}")), worth, source))
        else:
            found.parts.append(Part(number, "code", source))
    return found


def _our_marks(source: str) -> str:
    return source.replace(_BEGIN, "# BEGIN SOLUTION").replace(_END, "# END SOLUTION")


def _task(number: int, name: str, worth: float, source: str) -> Task:
    """A test cell: a case of what everybody sees, and one of each hidden part."""
    setup = _HIDDEN.sub("", source)
    tests = [TestCase(number, setup, hidden=False)] if setup.strip() else []
    tests += [TestCase(number, f"{setup}\n{part[1]}", hidden=True) for part in _HIDDEN.finditer(source)]
    return Task(name, number, worth, tests)
