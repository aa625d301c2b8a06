"""From the parts of another format to a folder of this course: master, checks, and a list of what is left to do."""

from __future__ import annotations

import ast
import itertools
import json
import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograder.course.load import load_assignment
from autograder.course.syntax import parse
from autograder.errors import CourseError, UsageError
from autograder.grading.build import generated_files
from autograder.grading.key import solved_key
from autograder.importing.nbgrader import read_nbgrader
from autograder.importing.otter import read_otter
from autograder.importing.parts import Imported, Part, Task, TestCase, Todo
from autograder.importing.tests import Call, Reading, read_test
from autograder.records.files import write_atomically
from autograder.text import visible

READERS = {"otter": read_otter, "nbgrader": read_nbgrader}
MAX_BYTES = 50 * 2**20


@dataclass(frozen=True)
class Result:
    """What an import made.

    Attributes:
        folder: with master, checks and TODO.md.
        questions: names of those that have checks.
        todos: what has to be done by hand.
        problem: why the course does not load, or its solution fails; "" where all is well.
    """

    folder: Path
    questions: tuple[str, ...]
    todos: tuple[Todo, ...]
    problem: str


@dataclass(frozen=True)
class _Check:
    """A test case that became a check of a question."""

    test: TestCase
    reading: Reading
    points: float


def import_notebook(kind: str, notebook: Path, course: Path, *, trust: bool = False) -> Result:
    """Turn a notebook into an assignment of a course.

    Args:
        kind: "otter" or "nbgrader".
        notebook: the instructor's: a master, or a source notebook.
        course: folder of the course; the assignment is called like the notebook.
        trust: let the solution answer even where this machine cannot hold hostile code.

    Raises:
        UsageError: the notebook cannot be read, or the assignment is there already.
    """
    imported = READERS[kind](_cells(notebook))
    imported.parts[:] = _in_a_master(imported.parts, imported.todos)
    name = re.sub(r"\W+", "_", notebook.stem).strip("_").lower()
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{notebook}: an assignment cannot be called {name!r}. Give the notebook a name of letters.")
    folder = course / "solutions" / name
    if folder.exists():
        raise UsageError(f"{folder} is there already. Remove it, or name another course with --out.")
    todos = list(imported.todos)
    checks = _checks(imported, todos)
    master = _master(imported, set(checks), todos)
    ordered = tuple(sorted(todos, key=lambda todo: todo.cell))
    files = {
        f"{name}.py": master,
        "checks.py": _checks_text(name, notebook.name, checks, _values(imported), ordered),
        "TODO.md": _todo_text(notebook.name, ordered),
    }
    for file, text in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / file, text.encode())
    return Result(folder, tuple(checks), ordered, _problem(course, name, trust) if checks else "no test could be used")


def _cells(notebook: Path) -> list[dict[str, Any]]:
    try:
        if notebook.stat().st_size > MAX_BYTES:
            raise UsageError(f"{notebook}: it has more than {MAX_BYTES // 2**20} MiB. Clear its outputs.")
        document = json.loads(notebook.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{notebook}: not a notebook that can be read ({error}).") from error
    cells = document.get("cells") if isinstance(document, dict) else None
    language = _language(document)
    if language.lower() not in ("", "python"):
        raise UsageError(f"{notebook}: it is written in {visible(language, 40)}. An assignment here is in Python.")
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise UsageError(f"{notebook}: not a notebook of format 4: it has no list of cells.")
    for number, cell in enumerate(cells, start=1):
        source = cell.get("source", "")
        lines = source if isinstance(source, list) else [source]
        if not all(isinstance(line, str) for line in lines) or not isinstance(cell.get("metadata", {}), dict):
            raise UsageError(f"{notebook}: cell {number} has no text, or no metadata. Open and save it with Jupyter.")
        try:
            "".join(lines).encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{notebook}: cell {number} holds half a character ({error.reason}).") from error
    return cells


def _language(document: Any) -> str:
    """The programming language that a notebook names, "" where it names none."""
    told = document.get("metadata") if isinstance(document, dict) else None
    for block, key in (("language_info", "name"), ("kernelspec", "language")):
        said = told.get(block) if isinstance(told, dict) else None
        if isinstance(said, dict) and isinstance(said.get(key), str):
            return str(said[key])
    return ""


_CELL_MARK = re.compile(r"^#[ \t]*%%(?=[ \t\[]|$)", re.MULTILINE)


def _in_a_master(parts: Sequence[Part], todos: list[Todo]) -> Iterator[Part]:
    """Cells as they stand in a percent text: magics are comments there, and no line of one may begin another cell."""
    from jupytext.magics import comment_magic

    for part in parts:
        if part.kind == "code":
            source = "\n".join(comment_magic(part.source.splitlines()))
            text = _CELL_MARK.sub("# %", source)
            try:
                parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                what = error.msg if isinstance(error, SyntaxError) else error
                todos.append(Todo(part.cell, f"it is not Python, so it is left out ({what})", part.source))
                continue
        else:
            source = part.source
            text = re.sub(r"^([ \t]*)%%", r"\1%", source, flags=re.MULTILINE)
        if text != source:
            todos.append(Todo(part.cell, "a line that would begin a cell in a master begins with % instead of %% now"))
        yield replace(part, source=text)


# What students write.


_Defined = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
_VALUES = (ast.Assign, ast.AnnAssign)
#: Names that the text of `checks.py` needs.
_RESERVED = frozenset({"call", "call_twice", "question", "value", "math", "np", "annotations"})


def _definitions(part: Part) -> dict[str, _Defined]:
    """Names that a solution cell defines at its top level."""
    found: dict[str, _Defined] = {}
    for statement in parse(part.source).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found[statement.name] = statement
        elif isinstance(statement, _VALUES) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if len(targets) == 1 and isinstance(targets[0], ast.Name):
                found[targets[0].id] = statement
    return found


def _solved(imported: Imported) -> dict[str, _Defined]:
    return {name: node for part in imported.parts if part.solution for name, node in _definitions(part).items()}


def _values(imported: Imported) -> set[str]:
    return {name for name, node in _solved(imported).items() if isinstance(node, _VALUES)}


# Checks.


def _checks(imported: Imported, todos: list[Todo]) -> dict[str, list[_Check]]:
    """Checks by question; what could not be one is listed."""
    solved = _solved(imported)
    usable = {name for name, node in solved.items() if not isinstance(node, ast.ClassDef)}
    found: dict[str, list[_Check]] = {}
    for task in imported.tasks:
        if not task.tests:
            todos.append(Todo(task.cell, f"{task.name}: it has no tests, so it is no question here"))
        if isinstance(task.points, list) and task.tests and len(task.points) != len(task.tests):
            told = f"{len(task.points)} points for {len(task.tests)} tests: the points of its checks are a guess"
            todos.append(Todo(task.cell, f"{task.name}: {told}"))
        for test, points in zip(task.tests, _shares(task), strict=True):
            reading = read_test(test.source, solved.keys(), shown=test.shown)
            for reason in (*reading.reasons, *(reading.notes if reading.calls else ())):
                todos.append(Todo(test.cell, f"{task.name} ({points:g} points): {reason}", test.source))
            asked = list(dict.fromkeys(call.name for call in reading.calls))
            for name, share in zip(asked, _split(points, len(asked)), strict=True):
                mine = replace(reading, calls=list(dict.fromkeys(c for c in reading.calls if c.name == name)))
                if name not in usable or any((c.arguments is None) != (name in _values(imported)) for c in mine.calls):
                    todos.append(Todo(test.cell, f"{task.name}: `{name}` is asked in a way of its own", test.source))
                    continue
                check = _Check(test, mine, share)
                fault = _fault(name, check)
                if fault:
                    todos.append(Todo(test.cell, f"{task.name} ({share:g} points): {fault}", test.source))
                    continue
                found.setdefault(name, []).append(check)
            if len(asked) > 1:
                told = f"{task.name}: its {points:g} points are shared out between {', '.join(asked)}"
                todos.append(Todo(test.cell, told))
    worthless = [name for name, checks in found.items() if not any(check.points for check in checks)]
    for name in worthless:
        cell = found.pop(name)[0].test.cell
        todos.append(Todo(cell, f"{name}: its tests give no points, and a question here has some, so it is none"))
    return {name: _public_and_hidden(name, checks, _values(imported), todos) for name, checks in found.items()}


def _fault(name: str, check: _Check) -> str:
    """Why a check cannot be drawn as it is; "" where it can."""
    if name in _RESERVED:
        return f"`{name}` is a name that checks.py needs itself: choose another one"
    _, *function = _check_text(name, 1, check, check.points, twice=check.test.hidden)
    names: dict[str, Any] = {}
    try:
        exec("\n".join([*_IMPORTS, *function]), names)
        names["_"](names["np"].random.default_rng(0))
    except (Exception, SystemExit) as error:  # whatever the lines of the test raise where they stand alone
        return f"its inputs cannot be made without the notebook ({type(error).__name__}: {visible(str(error), 200)})"
    return ""


def _shares(task: Task) -> list[float]:
    """The points of each test case."""
    if isinstance(task.points, list) and len(task.points) == len(task.tests):
        return task.points
    given = [test.points for test in task.tests]
    left = [p for p in given if p is None]
    whole = task.points if isinstance(task.points, float) else (1.0 if not any(given) else sum(filter(None, given)))
    rest = iter(_split(max(0.0, whole - sum(filter(None, given))), len(left)))
    return [next(rest) if p is None else p for p in given]


def _split(points: float, count: int) -> list[float]:
    """Points in parts of about the same size, in hundredths, that add up to them."""
    sums = [round(points * part / count, 2) for part in range(count + 1)] if count else []
    return [round(after - before, 2) for before, after in itertools.pairwise(sums)]


def _public_and_hidden(name: str, checks: list[_Check], values: set[str], todos: list[Todo]) -> list[_Check]:
    """A question needs a check of each kind, and one of a value no public one; what is changed for that is listed."""

    def turned(check: _Check, *, hidden: bool, points: float | None = None) -> _Check:
        worth = check.points if points is None else points
        return replace(check, test=replace(check.test, hidden=hidden), points=worth)

    kinds = {check.test.hidden for check in checks}
    cell = checks[0].test.cell
    if name in values:
        if False in kinds:
            todos.append(Todo(cell, f"{name}: its public test would show the answer; it is a hidden check now"))
        return [turned(check, hidden=True) for check in checks]
    if len(kinds) == 2:
        return checks
    if len(checks) == 1:
        todos.append(
            Todo(cell, f"{name}: it has one test only, which is a public check and a hidden one now; add inputs")
        )
        return [turned(checks[0], hidden=False, points=0.0), turned(checks[0], hidden=True)]
    if kinds == {False}:
        todos.append(Todo(checks[-1].test.cell, f"{name}: all its tests were public; the last one is hidden now"))
        return [*checks[:-1], turned(checks[-1], hidden=True)]
    todos.append(Todo(cell, f"{name}: all its tests were hidden; the first one is public now"))
    return [turned(checks[0], hidden=False), *checks[1:]]


_IMPORTS = (
    "from __future__ import annotations",
    "",
    "import math",
    "",
    "import numpy as np",
    "",
    "from autograder.course import call, call_twice, question, value",
    "",
)


def _checks_text(
    name: str, source: str, questions: dict[str, list[_Check]], values: set[str], todos: Sequence[Todo]
) -> str:
    lines = [f'"""Checks of {name}, made from {source}; what is left to do stands at the end and in TODO.md."""', ""]
    lines += _IMPORTS
    for question, checks in questions.items():
        kind = ', kind="value"' if question in values else ""
        # Rounded so that the points of the checks add up to those of the question.
        sums = [round(sum(check.points for check in checks[:end]), 2) for end in range(len(checks) + 1)]
        lines += ["", f'{question} = question("{question}", points={sums[-1]:g}{kind})', ""]
        twice = next((check for check in checks if check.test.hidden), None)
        for number, check in enumerate(checks, start=1):
            points = sums[number] - sums[number - 1]
            lines += ["", *_check_text(question, number, check, points, twice=check is twice), ""]
    lines += ["", "# To be done by hand:", "#"]
    for todo in todos or [Todo(0, "nothing")]:
        lines += [f"# - {_told(todo)}", *(f"#     {line}".rstrip() for line in todo.text.splitlines()[:20])]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).rstrip() + "\n"


def _check_text(question: str, number: int, check: _Check, points: float, *, twice: bool) -> Iterator[str]:
    title = f"{'hidden' if check.test.hidden else 'public'} test {number}, of cell {check.test.cell}"
    options = ["" if check.test.hidden else "public=True", f"points={round(points, 2):g}"]
    hint = " ".join(check.test.hint.split())
    options += [f"hint={hint!r}"] if hint else []
    yield f"@{question}.check({', '.join([repr(title), *filter(None, options)])})"
    yield "def _(rng):"
    for statement in check.reading.setup:
        yield from (f"    {line}" for line in statement.splitlines())
    probes = [_probe(call, twice=twice) for call in check.reading.calls]
    yield f"    return {probes[0] if len(probes) == 1 else '[' + ', '.join(probes) + ']'}"


def _probe(call: Call, *, twice: bool) -> str:
    if call.arguments is None:
        return "value()"
    return f"call{'_twice' if twice else ''}({call.arguments})"


# The master.


def _master(imported: Imported, questions: set[str], todos: list[Todo]) -> str:
    cells = []
    if not any(part.kind == "markdown" for part in imported.parts[:1]):
        cells.append("# %% [markdown]\n# # Imported")
    for part in imported.parts:
        if part.kind == "markdown":
            cells.append("\n".join(["# %% [markdown]", *(f"# {line}".rstrip() for line in part.source.splitlines())]))
        else:
            source = _marked(part, questions, todos) if part.solution else _regions(part.source)[0]
            cells.append(f"# %%\n{source.strip()}")
    return "\n\n".join(cells) + "\n"


_MARK_LINE = re.compile(r"(?P<indent>[ \t]*)# (?P<which>BEGIN|END) SOLUTION[ \t]*$")
#: First and last line of what is replaced, and by which lines.
_Edit = tuple[int, int, list[str]]


def _marked(part: Part, questions: set[str], todos: list[Todo]) -> str:
    """A solution cell with marks that hide what students write of it."""
    source, regions = _regions(part.source)
    if regions is None:
        todos.append(Todo(part.cell, "its marks do not pair, so functions are hidden as a whole", part.source))
    todos += _left_visible(part, source)
    lines = source.splitlines()
    edits: list[_Edit] = []
    for name, node in _definitions(replace(part, source=source)).items():
        if isinstance(node, _VALUES):
            if name in questions:
                lines[(node.end_lineno or node.lineno) - 1] += "  # SOLUTION"
            else:
                reason = f"`{name}` is no question, so students see its value"
                todos.append(Todo(part.cell, reason, lines[node.lineno - 1]))
        elif name not in questions:
            reason = f"no check asks for `{name}`, so students see it as it is"
            todos.append(Todo(part.cell, reason, lines[node.lineno - 1]))
        else:
            edits += _hidden(node, lines, regions or ())
    for begin, end, text in sorted(edits, reverse=True):
        lines[begin - 1 : end] = text
    return "\n".join(lines)


def _regions(source: str) -> tuple[str, list[tuple[int, int, str]] | None]:
    """A text without its marks, and the lines between them: first, last, indentation; None where marks do not pair."""
    lines: list[str] = []
    marks: list[tuple[str, int, str]] = []
    for line in source.splitlines():
        mark = _MARK_LINE.match(line)
        if mark is None:
            lines.append(line)
        else:
            marks.append((mark["which"], len(lines), mark["indent"]))
    text = "\n".join(lines)
    if [which for which, *_ in marks] != ["BEGIN", "END"] * (len(marks) // 2):
        return text, None
    return text, [
        (before + 1, last, indent) for (_, before, indent), (_, last, _) in zip(marks[::2], marks[1::2], strict=True)
    ]


def _hidden(
    node: ast.FunctionDef | ast.ClassDef, lines: Sequence[str], regions: Sequence[tuple[int, int, str]]
) -> list[_Edit]:
    """Our marks in a function: where the author has them, else around all but signature and docstring."""
    text = node.body[0] if ast.get_docstring(node) is not None else None
    head = (text.end_lineno if text else node.lineno) or node.lineno
    last = node.end_lineno or node.lineno
    authors = [region for region in regions if head < region[0] <= last and region[2]]
    if authors:
        return [(b, e, [f"{i}# BEGIN SOLUTION", *lines[b - 1 : e], f"{i}# END SOLUTION"]) for b, e, i in authors]
    body = node.body[1:] if text else node.body
    if not body:
        return []
    begin, column = _first_line(body[0]), body[0].col_offset
    before = lines[begin - 1][:column]
    if before.strip():  # on the line of the signature
        inside = [f"    {lines[begin - 1][column:]}", *lines[begin:last]]
        return [(begin, last, [before.rstrip(), "    # BEGIN SOLUTION", *inside, "    # END SOLUTION"])]
    while begin - 1 > head and _is_comment(lines[begin - 2], before):
        begin -= 1
    while last < len(lines) and _is_comment(lines[last], before):
        last += 1
    while not lines[last - 1].strip():
        last -= 1
    return [(begin, last, [f"{before}# BEGIN SOLUTION", *lines[begin - 1 : last], f"{before}# END SOLUTION"])]


def _is_comment(line: str, indent: str) -> bool:
    """Whether a line is a comment of a block, or an empty line."""
    return not line.strip() or line.startswith(f"{indent}#")


def _left_visible(part: Part, source: str) -> Iterator[Todo]:
    """Lines of a solution that belong to no function, class or variable, so that no mark of ours hides them."""
    named = {(node.lineno, node.col_offset) for node in _definitions(replace(part, source=source)).values()}
    for node in parse(source).body:
        if (node.lineno, node.col_offset) not in named and not isinstance(
            node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
        ):
            text = ast.get_source_segment(source, node) or ""
            yield Todo(part.cell, "students see these lines of the solution; move or remove them", text)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


# What is left.


def _told(todo: Todo) -> str:
    return f"Cell {todo.cell}: {todo.reason}." if todo.cell else f"{todo.reason}."


def _todo_text(source: str, todos: Sequence[Todo]) -> str:
    lines = [f"# To be done by hand after the import of {source}", ""]
    for todo in todos:
        lines += [f"- {_told(todo)}"]
        if todo.text.strip():
            lines += ["", "  ```python", *(f"  {line}".rstrip() for line in todo.text.splitlines()), "  ```", ""]
    lines += [
        "- Every check compares with what the solution answers, not with the values that the tests expected: run those",
        "  once more on the solution. Look whether the inputs of each check are worth it, and write mistakes that it",
        "  catches (`autograder validate`).",
    ]
    return "\n".join(lines) + "\n"


def _problem(course: Path, name: str, trust: bool) -> str:
    """Why the assignment does not load, its solution does not answer its own checks, or students cannot have them."""
    try:
        assignment = load_assignment(course, name)
        generated_files(assignment, solved_key(assignment, trust=trust))
    except CourseError as error:
        return str(error)
    return ""
