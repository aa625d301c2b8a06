"""What must hold for every assignment of the course, whoever wrote it."""

from __future__ import annotations

import inspect
import io
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

from autograder import assignment_names, load_assignment, validate
from autograder.course.master import solution_cells, stub_cells

COURSE = Path(__file__).parents[2]
NAMES = assignment_names(COURSE)
every_assignment = pytest.mark.parametrize("name", NAMES)

#: Least numbers of checks, hidden checks, mistakes and equivalents of a question.
LEAST = {"value": (1, 1, 2, 0)}
LEAST_OF_OTHERS = (4, 2, 3, 1)


def test_the_course_has_the_assignments_of_the_list():
    assert "softmax" in NAMES


@every_assignment
def test_points_add_to_100_and_every_question_is_examined_enough(name):
    assignment = load_assignment(COURSE, name)
    assert sum(q.hundredths for q in assignment.questions if not q.extra) == 100_00
    for q in assignment.questions:
        hidden = [c for c in q.checks if not c.public]
        counts = (len(q.checks), len(hidden), len(q.mistakes), len(q.equivalents))
        least = LEAST.get(q.kind, LEAST_OF_OTHERS)
        assert all(c >= at_least for c, at_least in zip(counts, least, strict=True)), (q.name, counts)
        assert all(c.hint for c in q.checks), q.name


@pytest.mark.slow
def test_solution_earns_everything_stub_nothing_and_every_mistake_fails():
    # One assignment, on a seed of its own; CI proves all of them with `autograder validate`.
    validation = validate(load_assignment(COURSE, "softmax"), workers=2, seed=2, mutants=False)
    assert [(f.kind, f.question, f.name, f.breach) for f in validation.breaches] == []
    assert {f.kind for f in validation.findings} >= {"solution", "stub", "mistake", "equivalent", "wrong answer"}


@every_assignment
def test_stub_runs_and_its_functions_raise_only_when_called(name):
    assignment = load_assignment(COURSE, name)
    solved, stub = run(solution_cells(assignment)), run(stub_cells(assignment))
    for question in assignment.questions:
        if question.kind == "value":
            assert stub[question.name] is ...
            continue
        written, unwritten = solved[question.name], stub[question.name]
        assert unwritten.__doc__ == written.__doc__
        assert written.__doc__
        if not inspect.isclass(unwritten):
            parameters = inspect.signature(unwritten).parameters
            assert str(inspect.signature(written)) == str(inspect.signature(unwritten))
            required = [p for p in parameters.values() if p.default is p.empty]
            with pytest.raises(NotImplementedError):
                unwritten(*[np.zeros(2)] * len(required))


@every_assignment
def test_student_notebook_is_valid_without_a_warning(name):
    notebook = nbformat.read(COURSE / "assignments" / name / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)  # Warnings are errors here, such as that for cells without ids.
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@every_assignment
def test_figures_of_a_statement_are_drawn_and_show_data(name, monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.extend(map(plt.figure, plt.get_fignums())) or plt.close("all"))
    run(solution_cells(load_assignment(COURSE, name)))
    assert shown
    for figure in shown:
        figure.savefig(io.BytesIO(), format="png")
        # A graph is drawn with boxes and arrows, which matplotlib does not count as data.
        assert all(axes.has_data() or axes.texts for axes in figure.axes)


def run(cells: tuple[str, ...]) -> dict[str, Any]:
    """Names after the cells have run here, without the cells that the builder adds."""
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in cells:
        if "grader" not in cell:
            exec(cell, names)
    plt.close("all")
    return names
