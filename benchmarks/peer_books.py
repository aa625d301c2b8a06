"""The same answers to one assignment as each grader wants to have them handed in.

Four in ten submissions are right, five have one listed mistake each, the last is what students start from.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograder.course.master import solution_cells, stub_cells, student_notebook
from autograder.course.model import Assignment
from autograder.grading.key import AnswerKey, write_key

Cell = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A cell of a notebook.

    Attributes:
        cell: as the student notebook has it.
        source: what this submission has in it.
        question: whose check cell it is, "" for others.
        answer: whether students write in it.
        of_otter: whether only `otter.Notebook` needs it.
    """

    cell: Cell
    source: str
    question: str = ""
    answer: bool = False
    of_otter: bool = False


@dataclass(frozen=True)
class Paths:
    """Where the submissions of one assignment lie, by student, as each grader wants them."""

    otter: dict[str, Path]
    ours: Path
    plain: dict[str, Path]
    nbgrader: Path


def parts_of(assignment: Assignment, student: int, count: int) -> list[Part]:
    """The notebook of one of `count` students."""
    right, blank = solution_cells(assignment), stub_cells(assignment)
    written = iter(zip(right, blank, strict=True))
    questions = {f'grader.check("{q.name}")': q for q in assignment.questions}
    at = student - 4 * count // 10  # the first four in ten are right
    wrong = assignment.questions[at % len(assignment.questions)] if 0 <= at < count - 1 else None
    parts = []
    for cell in json.loads(student_notebook(assignment))["cells"]:
        if cell["cell_type"] != "code":
            parts.append(Part(cell, "".join(cell["source"])))
            continue
        solution, stub = next(written)
        source = stub if student == count - 1 else solution
        asked = next((q for text, q in questions.items() if source.startswith(text)), None)
        if asked and asked is wrong and student != count - 1:
            parts.append(Part({**cell, "id": "mistake", "metadata": {}}, asked.mistakes[0].source))
        of_otter = asked is None and "grader" in source
        parts.append(Part(cell, source, asked.name if asked else "", solution != stub, of_otter))
    return parts


def lay_out(assignment: Assignment, key: AnswerKey, folder: Path, count: int) -> Paths:
    """Write the submissions; nbgrader's course has sources only, see `hand_in`."""
    paths = Paths({}, folder / "ours", {}, folder / "nbgrader")
    for number in range(count):
        student = f"s{number:02}"
        parts = parts_of(assignment, number, count)
        paths.otter[student] = _write(folder / "otter" / student / f"{assignment.name}.ipynb", parts)
        _write(paths.ours / f"{student}.ipynb", parts)
        plain = [part for part in parts if not part.question and not part.of_otter]
        paths.plain[student] = _write(folder / "plain" / f"{student}.ipynb", plain)
    source = paths.nbgrader / "source" / assignment.name
    _write(source / f"{assignment.name}.ipynb", list(_source_cells(assignment, key)))
    (source / "tests").mkdir()
    for question in key.questions:
        text = write_key(replace(key, questions=(question,)))
        (source / "tests" / f"{question.name}.json").write_text(text, encoding="utf-8")
    return paths


def hand_in(assignment: Assignment, course: Path, count: int) -> None:
    """Fill the notebook that nbgrader made for students with the answers of each."""
    release = course / "release" / assignment.name
    blank = json.loads((release / f"{assignment.name}.ipynb").read_text(encoding="utf-8"))
    for number in range(count):
        answers = dict(_answers(parts_of(assignment, number, count)))
        home = course / "submitted" / f"s{number:02}" / assignment.name
        shutil.copytree(release, home)
        cells = []
        for cell in blank["cells"]:
            found = answers.get(cell["metadata"].get("nbgrader", {}).get("grade_id", ""), [cell["source"]])
            cells += [{**cell, "source": source} for source in found[:1]]
            cells += [_code(f"more-{len(cells)}", source) for source in found[1:]]
        text = json.dumps({**blank, "cells": cells})
        (home / f"{assignment.name}.ipynb").write_text(text, encoding="utf-8")


def _answers(parts: list[Part]) -> Iterator[tuple[str, list[str]]]:
    """Of each cell to write in: its name in nbgrader, what is in it, and in the cell that was put behind it, if any."""
    for part, after in zip(parts, [*parts[1:], None], strict=True):
        if part.answer:
            mistake = after is not None and after.cell["id"] == "mistake"
            yield part.cell["id"], [part.source, *([after.source] if mistake and after else [])]


def _source_cells(assignment: Assignment, key: AnswerKey) -> Iterator[Part]:
    """The notebook of an instructor: the same cells, and instead of a check cell the checks themselves."""
    checks = {question.name: question.checks for question in key.questions}
    for part in parts_of(assignment, 0, 10):
        if part.of_otter:
            continue
        if part.answer:
            marked = f"### BEGIN SOLUTION\n{part.source}\n### END SOLUTION"
            yield replace(part, cell=_nbgrader(part.cell, part.cell["id"], solution=True), source=marked)
        for number, check in enumerate(checks.get(part.question, ()), start=1):
            asked = (
                f"from autograder.otter.examine import examine\nexamine({part.question!r}, {check.title!r}, globals())"
            )
            if not check.public:
                asked = f"### BEGIN HIDDEN TESTS\n{asked}\n### END HIDDEN TESTS"
            name = f"{part.question}-{number}"
            graded = _nbgrader(part.cell, name, grade=True, locked=True, points=check.hundredths / 100)
            yield Part({**graded, "id": name}, asked)
        if not part.answer and not part.question:
            yield part


def _nbgrader(cell: Cell, name: str, **facts: Any) -> Cell:
    record = {"schema_version": 3, "grade_id": name, "grade": False, "solution": False, "locked": False, "task": False}
    return {**cell, "metadata": {"nbgrader": {**record, "cell_type": "code", **facts}}}


def _code(name: str, source: str) -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def _write(path: Path, parts: list[Part]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [{**part.cell, "source": part.source} for part in parts]
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path
