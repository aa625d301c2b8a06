"""What do students get to read: a master turned into solution, stubs and student notebook.

A master is one Python file in percent format: statement, figures and reference together. Marks say
what students write::

    def softmax(x, axis=-1):
        '''The docstring stays.'''
        # BEGIN SOLUTION
        e = np.exp(x - x.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)
        # END SOLUTION

    best = "b"  # SOLUTION

In a class the marks may also enclose whole methods; then each keeps its decorators, signature and
docstring.

All changes are made to the text of the file, so that an error names the author's own line. Only
then does jupytext read the cells, in the same way for solution and stub, which therefore have the
same cells in the same places.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from autograder.course.marks import Edit, MasterText, apply_edits, insert_before
from autograder.course.model import Assignment, Question
from autograder.course.values import ACCEPTED

#: Cells that we add are locked: a student who edits a check cell would only deceive themselves.
_LOCKED_CELL = "# %% deletable=false editable=false"


def check_master(assignment: Assignment) -> None:
    """Look for everything that an author can get wrong in a master.

    Raises:
        CourseError: the first thing found, with file, line and what to do.
    """
    MasterText(assignment).stub_edits()


def question_definition(assignment: Assignment, question: Question) -> ast.stmt:
    """The statement of the master that defines the question's name.

    Raises:
        CourseError: the master does not define it, or defines it twice.
    """
    return MasterText(assignment).definition(question)


def solution_cells(assignment: Assignment) -> tuple[str, ...]:
    """The code cells of the student notebook, check cells too, with the reference for the stubs.

    Raises:
        CourseError: the master has an error.
    """
    return _code_cells(_solution_text(assignment))


def stub_cells(assignment: Assignment) -> tuple[str, ...]:
    """The code cells of the student notebook as students get it.

    Raises:
        CourseError: the master has an error.
    """
    return _code_cells(_stub_text(assignment))


def student_notebook(assignment: Assignment) -> str:
    """The student notebook's text: nbformat 4.5, no outputs, the same bytes on every build.

    Raises:
        CourseError: the master has an error.
    """
    notebook = notebook_document(_stub_text(assignment))
    notebook["metadata"]["autograder"] = {"assignment": assignment.name, "schema": 1}
    # An archive that `otter assign` made of our master asks for it.
    notebook["metadata"]["otter"] = {"assignment_name": assignment.name}
    return notebook_text(notebook)


def notebook_document(text: str) -> dict[str, Any]:
    """The notebook of a percent text: nbformat 4.5, no outputs."""
    cells = []
    for position, cell in enumerate(_cells(text)):
        # A cell keeps its id as long as its place and text stay, so that a rebuild shows as a small
        # difference.
        name = hashlib.sha256(json.dumps([position, cell.cell_type, cell.source]).encode()).hexdigest()[:12]
        record: dict[str, Any] = {
            "cell_type": cell.cell_type,
            "id": name,
            "metadata": dict(cell.metadata),
            "source": cell.source.splitlines(keepends=True),
        }
        if cell.cell_type == "code":
            record |= {"execution_count": None, "outputs": []}
        cells.append(record)
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def notebook_text(notebook: dict[str, Any]) -> str:
    """The text of a notebook's file; the same for the same notebook."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def points_text(hundredths: int) -> str:
    """Points in words: ``"6 points"``, ``"1 point"``, ``"0.25 points"``."""
    return f"{hundredths / 100:g} point{'' if hundredths == 100 else 's'}"


def assembled(
    master: MasterText,
    edits: Sequence[Edit],
    *,
    opening: Sequence[str],
    around: Callable[[Sequence[Question]], tuple[Sequence[str], Sequence[str]]],
    closing: Sequence[str],
) -> str:
    """A whole notebook as percent text: the author's cells, and those that are added.

    Args:
        master: the author's file.
        edits: changes to it.
        opening: lines after the text at its head, before the first code cell.
        around: the lines before and after the cell that defines some questions.
        closing: lines at the end.
    """
    first = next(cell for cell in master.cells[1:] if cell.is_code)
    added = [insert_before(first.begin, opening)]
    for cell in master.cells:
        here = [n for n, s in master.definitions.items() if cell.begin <= s.lineno <= cell.end]
        if here:
            here.sort(key=lambda question: master.definitions[question].lineno)
            before, after = around([master.assignment.question(name) for name in here])
            if before:
                added.append(insert_before(cell.begin, before))
            added.append(insert_before(cell.end + 1, ["", *after]))
    added.append(insert_before(len(master.lines) + 1, closing))
    return "\n".join(apply_edits(master.lines, [*edits, *added])) + "\n"


def _solution_text(assignment: Assignment) -> str:
    master = MasterText(assignment)
    return _for_students(master, master.solution_edits())


def _stub_text(assignment: Assignment) -> str:
    master = MasterText(assignment)
    return _for_students(master, master.stub_edits())


def _for_students(master: MasterText, edits: Sequence[Edit]) -> str:
    name = master.assignment.name
    return assembled(
        master,
        edits,
        opening=[*rule_of_types(), "", *_first_cell(name)],
        around=lambda questions: ((), [line for question in questions for line in _check_cell(question)]),
        closing=_last_cells(name),
    )


def rule_of_types() -> list[str]:
    """The end of the text before the first code cell: what is accepted, in the same words everywhere."""
    return [f"# {line}".rstrip() for line in ACCEPTED.splitlines()]


def _check_cell(question: Question) -> list[str]:
    extra = ", extra credit" if question.extra else ""
    worth = f"{points_text(question.hundredths)}{extra}"
    return [_LOCKED_CELL, f'grader.check("{question.name}")  # {worth}', ""]


def _first_cell(name: str) -> list[str]:
    return [
        _LOCKED_CELL,
        "try:",
        "    import otter",
        f'    grader = otter.Notebook("{name}.ipynb")',
        "except ImportError:",
        "    class grader:  # the notebook also runs without the checks",
        "        def check(*names):",
        '            print("Not checked: this needs pip install otter-grader")',
        "        check_all = check",
        "",
    ]


def _last_cells(name: str) -> list[str]:
    return [
        "",
        "# %% [markdown]",
        "# ## Check everything and hand in",
        "#",
        "# Restart the kernel, run all cells from the top, and look at what the last one says.",
        f"# Then save the notebook and hand in the file `{name}.ipynb`. It is graded with more",
        "# checks than those you see here.",
        "",
        _LOCKED_CELL,
        "grader.check_all()",
    ]


def _cells(text: str) -> list[Any]:
    # Loaded here since only masters need it: grading a notebook reads plain JSON.
    import jupytext

    cells: list[Any] = jupytext.reads(text, fmt="py:percent").cells
    for cell in cells:
        # Formatters ask for two empty lines before the next marker; cells do not need them.
        cell.source = cell.source.strip("\n")
    return cells


def _code_cells(text: str) -> tuple[str, ...]:
    return tuple(cell.source for cell in _cells(text) if cell.cell_type == "code")
