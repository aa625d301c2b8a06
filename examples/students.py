"""How does a student of data become a notebook? The student notebook of the assignment, with answers filled in.

The answers of a question come from the class itself (`Student.answers`: text), from the course (`Student.variants`:
named mistakes and equivalents; `Student.start`: the reference), or are missing. To keep the files small, the text of
the assignment is cut to its headings, so that every cell still has the same number everywhere, and answers from the
course come without their docstrings.
"""

from __future__ import annotations

import ast
import copy
import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from textwrap import dedent, indent
from typing import Any, Literal

from autograder import load_assignment
from autograder.course.master import solution_cells
from autograder.course.model import Assignment

#: What stands in the student notebook where an answer is missing.
_CODE_GAP = "    # YOUR CODE HERE\n"
_VALUE_GAP = "...  # YOUR ANSWER HERE"

Cell = dict[str, Any]
Notebook = dict[str, Any]
Answers = Mapping[str, str]


@dataclass(frozen=True)
class Extra:
    """A cell of the student's own.

    Attributes:
        source: its code.
        after: the question behind whose check it stands; "" for the end of the notebook.
    """

    source: str
    after: str = ""


def as_notebook(notebook: Notebook) -> str:
    """The text of a notebook as Jupyter saves it today."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Student:
    """One submission.

    Attributes:
        what: what it is an example of.
        answers: by question, what replaces the gap: the body of a function, the text of a value. A text that defines
            the question's name replaces all of the stub.
        variants: by question, the name of a mistake or equivalent of the course.
        start: what all other questions hold: the stub, the course's reference, or the first equivalent of the course
            (the reference where it has none).
        left_out: questions that stay stubs all the same.
        extras: further cells.
        whole_statement: whether the text of the assignment stays.
        finish: last change to the notebook, which gives the text of the file.
    """

    what: str
    answers: Answers = field(default_factory=dict)
    variants: Mapping[str, str] = field(default_factory=dict)
    start: Literal["stub", "reference", "equivalent"] = "stub"
    left_out: Sequence[str] = ()
    extras: Sequence[Extra] = ()
    whole_statement: bool = False
    finish: Callable[[Notebook], str] = as_notebook


class Desk:
    """Where the notebooks of one assignment are written.

    Args:
        root: the course.
        name: of the assignment.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name = root, name
        path = root / "assignments" / name / f"{name}.ipynb"
        self._blank: Notebook = json.loads(path.read_text(encoding="utf-8"))

    def notebook_of(self, student: Student) -> str:
        """The text of one student's file.

        Raises:
            SystemExit: the student answers a question, or makes a mistake, that the course does not have.
        """
        notebook = copy.deepcopy(self._blank)
        cells: list[Cell] = notebook["cells"]
        if not student.whole_statement:
            for cell in cells:
                if cell["cell_type"] == "markdown":
                    cell["source"] = cell["source"][:1]
        for question, answer in self._all_answers(student).items():
            cell = cells[self._place_of(question)]
            cell["source"] = _answered("".join(cell["source"]), question, answer).splitlines(keepends=True)
        for extra in student.extras:
            at = _check_cell(cells, extra.after) if extra.after else len(cells) - 1
            cells.insert(at + 1, _code_cell(_block(extra.source), f"extra{at:03}"))
        for count, cell in enumerate((c for c in cells if c["cell_type"] == "code"), start=1):
            cell["execution_count"] = count
        return student.finish(notebook)

    def _all_answers(self, student: Student) -> dict[str, str]:
        answers: dict[str, str] = {}
        if student.start != "stub":
            for question in self._assignment.questions:
                style = question.equivalents[:1] if student.start == "equivalent" else ()
                name = question.name
                answers[name] = self._variant(name, style[0].name) if style else self._reference(name)
        answers |= {question: self._variant(question, name) for question, name in student.variants.items()}
        answers |= student.answers
        for question in student.left_out:
            self._place_of(question)  # a question that is not there cannot be left out
            answers.pop(question, None)
        return answers

    @cached_property
    def _assignment(self) -> Assignment:
        return load_assignment(self._root, self._name)

    @cached_property
    def _solution(self) -> tuple[str, ...]:
        return solution_cells(self._assignment)

    def _variant(self, question: str, name: str) -> str:
        """The text of a mistake or equivalent, as a student would have it: with the name that was asked for."""
        declared = self._assignment.question(question)
        texts = {variant.name: variant.source for variant in (*declared.mistakes, *declared.equivalents)}
        if name not in texts:
            known = difflib.get_close_matches(name, texts, n=len(texts), cutoff=0)
            raise SystemExit(
                f"examples/classes/{self._name}.py: {question} has no mistake or equivalent {name!r}. "
                f"The course has: {'; '.join(known)}."
            )
        text = texts[name]
        node = _definition(text, question)
        # A class may be told as what it changes, `class Neuron(Neuron): ...`: then what it changes stands above it.
        bases = node.bases if isinstance(node, ast.ClassDef) else []
        changes = any(isinstance(base, ast.Name) and base.id == question for base in bases)
        return f"{self._reference(question)}\n\n\n{_block(text)}" if changes else text

    def _reference(self, question: str) -> str:
        """The definition in the solution, without its docstring."""
        at = self._place_of(question)
        code_cells = [i for i, cell in enumerate(self._blank["cells"]) if cell["cell_type"] == "code"]
        if len(code_cells) != len(self._solution):
            raise SystemExit(f"The student notebook of {self._name} is stale. Run `autograder build` first.")
        source = self._solution[code_cells.index(at)]
        lines = source.splitlines(keepends=True)
        node = _definition(source, question)
        assert node is not None  # the solution has the stub's cells, see `autograder.course.master`
        kept = range(_first_line(node), (node.end_lineno or 0) + 1)
        documented = isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None
        docstring = node.body[0] if documented else None
        left_out = range(docstring.lineno, docstring.end_lineno + 1) if docstring else ()
        return "".join(lines[line - 1] for line in kept if line not in left_out)

    def _place_of(self, question: str) -> int:
        """The index of the cell that defines a question."""
        for at, cell in enumerate(self._blank["cells"]):
            source = "".join(cell["source"])
            if cell["cell_type"] == "code" and question in source and _definition(source, question):
                return at
        raise SystemExit(f"examples/classes/{self._name}.py: the student notebook does not define {question!r}.")


def _answered(source: str, question: str, answer: str) -> str:
    """A cell with an answer in the place of the stub."""
    node = _definition(source, question)
    assert node is not None
    lines = source.splitlines(keepends=True)
    first, last = _first_line(node) - 1, node.end_lineno or 0
    stub = "".join(lines[first:last])
    text = _block(answer)
    if not _definition(text, question):
        gap, filled = (_CODE_GAP, _block(answer, "    ")) if _CODE_GAP in stub else (_VALUE_GAP, text)
        if stub.count(gap) != 1:
            raise SystemExit(f"The stub of {question} does not have {gap.strip()!r} once; write out all of it.")
        text = stub.partition(gap)[0] + filled
    ending = "\n" if last < len(lines) else ""
    return "".join(lines[:first]) + text + ending + "".join(lines[last:])


def _definition(source: str, name: str) -> ast.stmt | None:
    """The last statement of a cell that defines a name; None where there is none, or the cell is not plain Python."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return None
    found = [statement for statement in statements if name in _names(statement)]
    return found[-1] if found else None


def _names(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _first_line(node: Any) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])


def _check_cell(cells: list[Cell], question: str) -> int:
    (at,) = (i for i, c in enumerate(cells) if "".join(c["source"]).startswith(f'grader.check("{question}")'))
    return at


def _code_cell(source: str, name: str) -> Cell:
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "id": name, "metadata": {}, "outputs": [], "source": lines}


def _block(text: str, prefix: str = "") -> str:
    return indent(dedent(text).strip("\n"), prefix).rstrip()


# Files as they arrive ---------------------------------------------------------------------------


def nothing(notebook: Notebook) -> str:
    """An empty file."""
    return ""


def cut_off(notebook: Notebook) -> str:
    """The first half of the file, as a broken upload leaves it."""
    text = as_notebook(notebook)
    return text[: len(text) // 2]


def format_3(notebook: Notebook) -> str:
    """The notebook as IPython wrote them until 2015: worksheets, `input` for `source`, headings as cells."""
    cells: list[Cell] = []
    for cell in notebook["cells"]:
        source = cell["source"]
        if cell["cell_type"] == "code":
            number = cell["execution_count"]
            old = {"cell_type": "code", "collapsed": False, "input": source, "language": "python"}
            cells.append(old | {"metadata": {}, "outputs": [], "prompt_number": number})
        elif source[0].startswith("#"):
            marks, _, title = source[0].rstrip("\n").partition(" ")
            cells.append({"cell_type": "heading", "level": len(marks), "metadata": {}, "source": [title]})
        else:
            cells.append({"cell_type": "markdown", "metadata": {}, "source": source})
    old_notebook = {
        "metadata": {"name": notebook["metadata"]["autograder"]["assignment"]},
        "nbformat": 3,
        "nbformat_minor": 0,
        "worksheets": [{"cells": cells, "metadata": {}}],
    }
    return as_notebook(old_notebook)
