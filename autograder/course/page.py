"""What does a course ask? Every question of every assignment, as one Markdown page for teachers.

The page is made from the course data and holds nothing that a student must not see: how many checks are hidden, but
neither their inputs nor their titles.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Sequence

from autograder.course.marks import MasterText
from autograder.course.model import Assignment, Question

#: Where the page of a course lies.
PAGE = "docs/exercises.md"

_INTRODUCTION = """\
# Exercises

Written by `autograder build` from `solutions/`; do not edit. Points of extra credit (+) come on top of the points of an
assignment. Students have the public checks at home; each mistake is a known wrong solution that a hidden check rejects.
"""
_COLUMNS = ("kind", "points", "public checks", "hidden checks", "mistakes")


def exercises_page(assignments: Sequence[Assignment]) -> str:
    """The page: a table of assignments, and a table of the questions of each, in the order given."""
    overview = [
        (f"[{a.name}](#{a.name})", str(len(a.questions)), _points(a), *map(str, _counts(a.questions)))
        for a in assignments
    ]
    parts = [_INTRODUCTION, _table(("assignment", "questions", *_COLUMNS[1:]), overview)]
    for assignment in assignments:
        rows = [
            (f"`{signature}`", question.kind, _worth(question), *map(str, _counts([question])))
            for question, signature in zip(assignment.questions, signatures(assignment), strict=True)
        ]
        notebook = f"../assignments/{assignment.name}/{assignment.name}.ipynb"
        parts += [f"## {assignment.name}\n", f"[Notebook]({notebook})\n", _table(("question", *_COLUMNS), rows)]
    return "\n".join(parts)


def signatures(assignment: Assignment) -> list[str]:
    """How each question is used, read from the master, without annotations and without any solution.

    ``softmax(x, axis=-1)`` for a function, ``class PReLU(channels=1)`` for a class, the name for a value.

    Raises:
        CourseError: the master does not define a question.
    """
    definitions = MasterText(assignment).definitions
    return [_signature(question.name, definitions[question.name]) for question in assignment.questions]


def _signature(name: str, node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return f"{name}({_parameters(node.args)})"
    if isinstance(node, ast.ClassDef):
        methods = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        return f"class {name}({_parameters(methods[0].args, bound=True)})" if methods else f"class {name}"
    return name


def _parameters(arguments: ast.arguments, *, bound: bool = False) -> str:
    """The parameters without annotations; of a method, without the first one."""
    bare = copy.deepcopy(arguments)
    for node in ast.walk(bare):
        if isinstance(node, ast.arg):
            node.annotation = None
    if bound:
        del (bare.posonlyargs or bare.args)[0]
    return ast.unparse(bare)


def _counts(questions: Sequence[Question]) -> tuple[int, int, int]:
    """Public checks, hidden checks, mistakes."""
    checks = [check.public for question in questions for check in question.checks]
    return sum(checks), len(checks) - sum(checks), sum(len(question.mistakes) for question in questions)


def _worth(question: Question) -> str:
    return f"{'+' if question.extra else ''}{question.hundredths / 100:g}"


def _points(assignment: Assignment) -> str:
    regular = assignment.hundredths
    extra = sum(question.hundredths for question in assignment.questions if question.extra)
    return f"{regular / 100:g}" + (f" +{extra / 100:g}" if extra else "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are set to the right."""
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
