"""What must hold for every assignment of the course, whoever wrote it."""

from __future__ import annotations

import functools
import inspect
import io
from contextlib import closing
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

from autograder import assignment_names, load_assignment, validate
from autograder.course.master import solution_cells, stub_cells
from autograder.course.values import TensorValue
from autograder.grading.compare import compare
from autograder.grading.key import make_key
from autograder.sandbox.host import Sandbox

COURSE = Path(__file__).parents[2]
NAMES = assignment_names(COURSE)
every_assignment = pytest.mark.parametrize("name", NAMES)

#: Least numbers of checks, hidden checks, mistakes and equivalents of a question.
LEAST = {"value": (1, 1, 2, 0)}
LEAST_OF_OTHERS = (4, 2, 3, 1)


@pytest.fixture(scope="module")
def key_of():
    """The answer key of an assignment by name, made once."""
    with Sandbox() as sandbox, closing(sandbox.slot()) as slot:
        yield functools.cache(lambda name: make_key(load_assignment(COURSE, name), 7, slot, sandbox.limits))


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
@every_assignment
def test_solution_earns_everything_stub_nothing_and_every_mistake_fails(name):
    # Not the seed that `autograder validate` takes by default: CI runs both.
    validation = validate(load_assignment(COURSE, name), workers=2, seed=1)
    assert [(f.specimen.question, f.specimen.name, f.breach) for f in validation.breaches] == []
    assert {f.specimen.kind for f in validation.findings} == {"solution", "stub", "mistake", "equivalent"}


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
        assert all(axes.has_data() for axes in figure.axes)


def run(cells: tuple[str, ...]) -> dict[str, Any]:
    """Names after the cells have run here, without the cells that the builder adds."""
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in cells:
        if "grader" not in cell:
            exec(cell, names)
    plt.close("all")
    return names


#: Changes that no correct answer survives; each must be seen by every check it touches.
DISTORTIONS = {
    "zeros": np.zeros_like,
    "half": lambda v: v / 2,
    "negated": lambda v: -v,
    "rounded to float16": lambda v: v.astype(np.float16),
}


def distorted(value, change):
    """The value with its floating-point numbers changed, types and dtypes kept."""
    if isinstance(value, TensorValue):
        return TensorValue(distorted(value.array, change), value.dtype, value.device, value.requires_grad, value.kind)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
        with np.errstate(all="ignore"):
            return (
                np.asarray(change(value)).astype(value.dtype)[()]
                if value.ndim == 0
                else change(value).astype(value.dtype)
            )
    if isinstance(value, float):
        return float(change(np.float64(value)))
    if isinstance(value, list | tuple):
        return type(value)(distorted(v, change) for v in value)
    if isinstance(value, dict):
        return {k: distorted(v, change) for k, v in value.items()}
    return value


def flat(value):
    """All finite floating-point numbers of a value as one array."""
    if isinstance(value, TensorValue):
        return flat(value.array)
    if isinstance(value, list | tuple):
        return np.concatenate([flat(v) for v in value] or [np.zeros(0)])
    if isinstance(value, dict):
        return flat(list(value.values()))
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | float) else np.zeros(0)
    return array.astype(np.float64).reshape(-1) if array.dtype.kind == "f" else np.zeros(0)


@pytest.mark.parametrize("change", DISTORTIONS.values(), ids=DISTORTIONS)
@every_assignment
def test_every_check_rejects_distorted_answers(key_of, name, change):
    missed = []
    for question in key_of(name).questions:
        for check in question.checks:
            answers = [(case, distorted(case.expected, change)) for case in check.cases]
            touched = any(not np.array_equal(flat(c.expected), flat(a), equal_nan=True) for c, a in answers)
            if touched and all(compare(c.expected, a, c.allowed) is None for c, a in answers):
                missed.append((question.name, check.title))
    assert missed == []


@every_assignment
def test_every_question_rejects_answers_that_are_off_by_ten_thousand_ulp(key_of, name):
    """Not every check can: where the reference itself is that noisy, the allowance is as wide."""
    for question in key_of(name).questions:
        cases = [case for check in question.checks for case in check.cases]
        answers = [(c, distorted(c.expected, lambda v: v + 1e4 * np.spacing(v))) for c in cases]
        touched = any(not np.array_equal(flat(c.expected), flat(a), equal_nan=True) for c, a in answers)
        assert not touched or any(compare(c.expected, a, c.allowed) for c, a in answers), question.name


def test_distortions_touch_answers(key_of):
    """The table above would be idle if no check had floating-point answers."""
    answers = [case.expected for q in key_of("softmax").questions for check in q.checks for case in check.cases]
    assert sum(flat(a).size > 0 for a in answers) > 100
