"""The example submissions of every assignment get the marks that they deserve."""

from __future__ import annotations

import ast
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from .expected import Expected, row

ROOT = Path(__file__).resolve().parents[2]
TABLES: dict[str, dict[str, Expected]] = {
    path.stem: import_module(f"{__package__}.tables.{path.stem}").EXPECTED
    for path in sorted(Path(__file__).with_name("tables").glob("*.py"))
}
ROWS = [(name, student) for name, table in TABLES.items() for student in table]


@pytest.fixture(scope="module")
def classes() -> dict[str, dict[str, Any]]:
    """The tables `STUDENTS` by assignment, as `make_examples.py` finds them."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "examples"))
        names = sorted(path.stem for path in (ROOT / "examples" / "classes").glob("*.py"))
        found = {name: import_module(f"classes.{name}").STUDENTS for name in names}
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("classes", "students"):
            del sys.modules[name]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("assignment", "student"), ROWS)
def test_each_student_gets_exactly_what_is_due(graded, assignment, student):
    (mark,) = (mark for mark in graded(assignment).marks if mark.student == student)
    assert TABLES[assignment][student].is_met_by(mark), (
        f"found in {assignment}, see expected.py:\n{row(mark)}\n{mark.status} {mark.flags}"
    )


@pytest.mark.slow
@pytest.mark.parametrize("assignment", TABLES)
def test_the_batch_holds_everyone_once_and_in_order(graded, assignment):
    assert [mark.student for mark in graded(assignment).marks] == sorted(TABLES[assignment])


@pytest.mark.slow
@pytest.mark.parametrize("assignment", TABLES)
def test_whoever_lost_points_is_told_why(graded, assignment):
    for mark in graded(assignment).marks:
        for question in mark.questions:
            for check in question.checks:
                assert bool(check.message) == (check.verdict != "pass"), (mark.student, check.title)
                assert check.hundredths == (check.max_hundredths if check.verdict == "pass" else 0)


@pytest.mark.slow
@pytest.mark.parametrize("assignment", sorted(TABLES.keys() - {"softmax"}))
def test_a_mistake_harms_its_own_question_and_those_built_on_it_and_no_other(graded, classes, assignment):
    marks = graded(assignment).marks
    calls = calls_of_the_reference(assignment, {question.name for question in marks[0].questions})
    for mark in marks:
        student = classes[assignment][mark.student]
        own = {*student.variants, *student.answers, *student.left_out}
        failed = {q.name for q in mark.questions if any(c.verdict != "pass" for c in q.checks)}
        assert own <= failed, (mark.student, "passes with a mistake")
        # Everything that fails beside them calls one of them, directly or through others that fail.
        built_on = own
        while more := {name for name, called in calls.items() if called & built_on} - built_on:
            built_on = built_on | more
        assert failed <= built_on, mark.student


def calls_of_the_reference(assignment: str, questions: set[str]) -> dict[str, set[str]]:
    """By question, the other questions that its reference names."""
    master = ROOT / "solutions" / assignment / f"{assignment}.py"
    return {
        node.name: {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} & questions - {node.name}
        for node in ast.parse(master.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in questions
    }


def test_there_is_a_table_for_every_class_and_a_row_for_every_student(classes):
    assert {name: sorted(students) for name, students in classes.items()} == {
        name: sorted(table) for name, table in TABLES.items()
    }


def test_every_class_has_perfect_work_in_two_styles_and_five_kinds_of_mistakes(classes):
    for name, students in classes.items():
        lost = [student for student, expected in TABLES[name].items() if expected.verdicts]
        assert len(lost) >= 5, name
        if name != "softmax":  # whose styles are written out, and told from each other by what the students are
            assert {"reference", "equivalent"} <= {students[s].start for s in students.keys() - set(lost)}, name


@pytest.mark.parametrize(("assignment", "student"), [r for r in ROWS if TABLES[r[0]][r[1]].status == "graded"])
def test_examples_are_small_and_have_no_outputs(assignment, student):
    path = ROOT / "examples" / "submissions" / assignment / f"{student}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook.get("cells") or notebook["worksheets"][0]["cells"]
    assert all(not cell.get("outputs") for cell in cells)
    assert path.stat().st_size < 70_000
