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
import difflib
import hashlib
import io
import json
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autograder.course.model import Assignment, Question
from autograder.errors import CourseError

_BEGIN, _END, _INLINE = "# BEGIN SOLUTION", "# END SOLUTION", "# SOLUTION"
_CELL = re.compile(r"#\s*%%+(?:\s+(?P<rest>.*))?$")
_CELL_KIND = re.compile(r"(?:^|\s)\[(?P<kind>markdown|md|raw)\]")
#: Cells that we add are locked: a student who edits a check cell would only deceive themselves.
_LOCKED_CELL = "# %% deletable=false editable=false"

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
#: Expressions whose variables are nobody else's.
_OWN_NAMES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class _Region:
    """Lines from a BEGIN mark to its END mark, both included, counted from 1."""

    begin: int
    end: int
    indent: str


@dataclass(frozen=True)
class _Cell:
    """Lines of a cell with its marker; the text before the first marker is a cell without one."""

    begin: int
    end: int
    is_code: bool


@dataclass(frozen=True)
class _Edit:
    """Replace the lines from `begin` to `end` (none where ``end`` is ``begin - 1``)."""

    begin: int
    end: int
    lines: tuple[str, ...]


def check_master(assignment: Assignment) -> None:
    """Look for everything that an author can get wrong in a master.

    Raises:
        CourseError: the first thing found, with file, line and what to do.
    """
    _Master(assignment).stub_text  # noqa: B018 - making the stub is the check


def question_definition(assignment: Assignment, question: Question) -> ast.stmt:
    """The statement of the master that defines the question's name.

    Raises:
        CourseError: the master does not define it, or defines it twice.
    """
    return _Master(assignment).definition(question)


def solution_cells(assignment: Assignment) -> tuple[str, ...]:
    """The code cells of the student notebook, check cells too, with the reference for the stubs.

    Raises:
        CourseError: the master has an error.
    """
    return _code_cells(_Master(assignment).solution_text)


def stub_cells(assignment: Assignment) -> tuple[str, ...]:
    """The code cells of the student notebook as students get it.

    Raises:
        CourseError: the master has an error.
    """
    return _code_cells(_Master(assignment).stub_text)


def student_notebook(assignment: Assignment) -> str:
    """The student notebook's text: nbformat 4.5, no outputs, the same bytes on every build.

    Raises:
        CourseError: the master has an error.
    """
    cells = []
    for position, cell in enumerate(_cells(_Master(assignment).stub_text)):
        # A cell keeps its id as long as its place and text stay, so that a rebuild shows as a small
        # difference.
        name = hashlib.sha256(
            json.dumps([position, cell.cell_type, cell.source]).encode()
        ).hexdigest()[:12]
        record: dict[str, Any] = {
            "cell_type": cell.cell_type,
            "id": name,
            "metadata": dict(cell.metadata),
            "source": cell.source.splitlines(keepends=True),
        }
        if cell.cell_type == "code":
            record |= {"execution_count": None, "outputs": []}
        cells.append(record)
    notebook = {
        "cells": cells,
        "metadata": {
            "autograder": {"assignment": assignment.name, "schema": 1},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def points_text(hundredths: int) -> str:
    """Points in words: ``"6 points"``, ``"1 point"``, ``"0.25 points"``."""
    return f"{hundredths / 100:g} point{'' if hundredths == 100 else 's'}"


class _Master:
    """A master's text, taken apart once."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.questions = assignment.questions
        self.file = assignment.master.relative_to(assignment.folder).as_posix()
        try:
            self.text = assignment.master.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise CourseError(
                f"{self.file}: there is no such file. Write statement and reference there, in "
                "percent format."
            ) from None
        except UnicodeDecodeError as error:
            raise CourseError(f"{self.file}: it is not UTF-8 text. Save it as UTF-8.") from error
        self.lines = self.text.split("\n")
        try:
            self.tree = ast.parse(self.text)
            tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
            self.tokens = list(tokens)
        except (SyntaxError, tokenize.TokenError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            what = error.msg if isinstance(error, SyntaxError) else str(error)
            raise CourseError(f"{self.file}:{line}: this is not Python: {what}.") from error
        self.cells = self._find_cells()
        self.regions, self.inline = self._find_marks()

    def error(self, line: int, text: str) -> CourseError:
        return CourseError(f"{self.file}:{line}: {text}")

    # What is in the file.

    def _find_cells(self) -> list[_Cell]:
        markers: list[tuple[int, bool]] = []
        for token in self.tokens:
            match = (
                _CELL.match(token.string)
                if token.type == tokenize.COMMENT and token.start[1] == 0
                else None
            )
            if match:
                markers.append((token.start[0], not _CELL_KIND.search(match["rest"] or "")))
        if not markers:
            raise self.error(
                1,
                'it has no cell. Start each cell with a line "# %%", text with "# %% [markdown]".',
            )
        ends = [begin - 1 for begin, _ in markers[1:]] + [len(self.lines)]
        cells = [
            _Cell(begin, end, is_code) for (begin, is_code), end in zip(markers, ends, strict=True)
        ]
        return [_Cell(1, markers[0][0] - 1, True), *cells]

    def cell_at(self, line: int) -> _Cell:
        return next(cell for cell in self.cells if cell.begin <= line <= cell.end)

    def _find_marks(self) -> tuple[list[_Region], list[int]]:
        regions: list[_Region] = []
        inline: list[int] = []
        opened: tuple[int, str] | None = None
        for token in self.tokens:
            line, column = token.start
            if (
                token.type != tokenize.COMMENT
                or "SOLUTION" not in token.string
                or not self.cell_at(line).is_code
            ):
                continue
            alone = not token.line[:column].strip()
            mark = token.string.rstrip()
            if mark == _BEGIN and alone:
                if opened:
                    raise self.error(
                        line,
                        f"a second {_BEGIN!r} after the one in line {opened[0]}. Marks cannot "
                        "nest.",
                    )
                opened = line, token.line[:column]
            elif mark == _END and alone:
                if not opened:
                    raise self.error(line, f"{_END!r} without a {_BEGIN!r} before it.")
                self._same_block(opened, line, token.line[:column])
                regions.append(_Region(opened[0], line, opened[1]))
                opened = None
            elif mark == _INLINE and not alone:
                inline.append(line)
            else:
                raise self.error(
                    line,
                    f"{mark!r} is not a mark we know, and students would read what it is meant "
                    f"to hide. Write {_BEGIN!r} "
                    f"and {_END!r} on lines of their own, or end a line with {_INLINE!r}.",
                )
        if opened:
            raise self.error(opened[0], f"{_BEGIN!r} without an {_END!r} after it.")
        return regions, inline

    def _same_block(self, opened: tuple[int, str], line: int, indent: str) -> None:
        begin, begin_indent = opened
        if self.cell_at(begin) != self.cell_at(line):
            raise self.error(
                begin, f"the marks from here to line {line} span two cells. Close them in each."
            )
        if begin_indent != indent:
            raise self.error(
                line, f"{_END!r} is indented differently from its {_BEGIN!r} in line {begin}."
            )

    def definition(self, question: Question) -> ast.stmt:
        """The top-level statement that defines a question."""
        found = [s for s in self.tree.body if question.name in _bound_names(s)]
        if not found:
            close = difflib.get_close_matches(
                question.name, [n for s in self.tree.body for n in _bound_names(s)], 1
            )
            near = f" It defines {close[0]!r}: is one of the two a slip?" if close else ""
            raise CourseError(
                f"{question.where}: question {question.name!r} is not defined by "
                f"{self.file}.{near or ' Define it there.'}"
            )
        if len(found) > 1:
            first, second = _first_line(found[0]), _first_line(found[1])
            cells = "in two cells" if self.cell_at(first) != self.cell_at(second) else "twice"
            raise self.error(
                second,
                f"question {question.name!r} is defined {cells}, first in line {first}. Keep one "
                "of them.",
            )
        return found[0]

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """The statement of each question; and no function or class is defined in two cells."""
        seen: dict[str, ast.stmt] = {}
        for statement in self.tree.body:
            if not isinstance(statement, _Definition):
                continue
            other = seen.setdefault(statement.name, statement)
            if self.cell_at(_first_line(other)) != self.cell_at(_first_line(statement)):
                raise self.error(
                    _first_line(statement),
                    f"{statement.name!r} is defined in two cells, first in line "
                    f"{_first_line(other)}. Keep one of them.",
                )
        return {question.name: self.definition(question) for question in self.questions}

    # What students get.

    @cached_property
    def solution_text(self) -> str:
        edits = [
            _Edit(line, line, ()) for region in self.regions for line in (region.begin, region.end)
        ]
        for line in self.inline:
            edits.append(_Edit(line, line, (self.lines[line - 1].rsplit(_INLINE, 1)[0].rstrip(),)))
        return self._assemble(edits)

    @cached_property
    def stub_text(self) -> str:
        edits = [self._stub_of_region(region) for region in self.regions]
        edits += [self._stub_of_value(line) for line in self.inline]
        self._every_question_is_hidden()
        self._stub_is_faithful(edits)
        return self._assemble(edits)

    def _stub_of_region(self, region: _Region) -> _Edit:
        chain = _scopes(self.tree, region)
        if not chain or chain[0] not in self.definitions.values():
            raise self.error(
                region.begin,
                "these marks lie in no question. Put them inside the body of a function or class "
                "that checks.py "
                "declares with question(...).",
            )
        inner = chain[-1]
        path = ".".join(scope.name for scope in chain)
        if isinstance(inner, ast.ClassDef):
            lines = self._stub_of_methods(region, inner, path)
        else:
            lines = _todo(region.indent, path)
        return _Edit(region.begin, region.end, tuple(lines))

    def _stub_of_methods(self, region: _Region, owner: ast.ClassDef, path: str) -> list[str]:
        """Methods between marks keep decorators, signature and docstring; all else is the solution."""
        lines: list[str] = []
        for node in owner.body:
            if not (isinstance(node, _Function) and region.begin < node.lineno < region.end):
                continue
            lines += [""] if lines else []
            lines += self._cut(_first_line(node), *self._end_of_signature(node))
            indent = region.indent + "    "
            docstring = node.body[0]
            if ast.get_docstring(node, clean=False) is not None:
                lines += f"{indent}{ast.get_source_segment(self.text, docstring)}".splitlines()
            lines += _todo(indent, f"{path}.{node.name}")
        return lines or [f"{region.indent}# YOUR CODE HERE", f"{region.indent}pass"]

    def _end_of_signature(self, node: _Function) -> tuple[int, int]:
        """Line and column behind the colon of a signature; a comment may follow on the same line."""
        depth, started = 0, False
        for token in self.tokens:
            started = started or (token.start[0] >= node.lineno and token.string == "def")
            if started and token.type == tokenize.OP:
                depth += (token.string in "([{") - (token.string in ")]}")
                if token.string == ":" and depth == 0:
                    return token.end
        raise self.error(node.lineno, f"the signature of {node.name!r} has no end.")

    def _cut(self, first: int, last: int, column: int) -> list[str]:
        lines = self.lines[first - 1 : last]
        return [*lines[:-1], lines[-1][:column]]

    def _stub_of_value(self, line: int) -> _Edit:
        for name, statement in self.definitions.items():
            if statement.lineno <= line <= (statement.end_lineno or 0) and not isinstance(
                statement, _Definition
            ):
                head = _head_of_value(statement, name)
                if head and statement.end_lineno == line:
                    return _Edit(statement.lineno, line, (f"{head} = ...  # YOUR ANSWER HERE",))
        raise self.error(
            line,
            f"{_INLINE!r} belongs at the end of a line such as: name = value, where name is a "
            "question of checks.py. "
            f"Inside a function write {_BEGIN!r} and {_END!r} on lines of their own.",
        )

    def _every_question_is_hidden(self) -> None:
        for question in self.questions:
            statement = self.definitions[question.name]
            first, last = _first_line(statement), statement.end_lineno or 0
            is_value = not isinstance(statement, _Definition)
            if is_value != (question.kind == "value"):
                advice = (
                    'declare it with kind="value"' if is_value else 'drop kind="value" in checks.py'
                )
                kind = "a variable" if is_value else "a function or class"
                raise self.error(
                    first,
                    f"question {question.name!r} is {kind}, but its kind is {question.kind!r}: "
                    f"{advice}.",
                )
            marks = self.inline if is_value else [region.begin for region in self.regions]
            if not any(first <= mark <= last for mark in marks):
                what = (
                    f"{_INLINE!r} at the end of its line"
                    if is_value
                    else f"{_BEGIN!r} and {_END!r} in its body"
                )
                raise self.error(
                    first,
                    f"question {question.name!r} has no solution marks, so students would get "
                    f"its answer. Write {what}.",
                )

    def _stub_is_faithful(self, edits: Sequence[_Edit]) -> None:
        """The stub is Python, with the decorators, signatures and docstrings of the reference."""
        stub = "\n".join(_apply(self.lines, edits)) + "\n"
        first = self.regions[0].begin if self.regions else 1
        try:
            tree = ast.parse(stub)
        except SyntaxError as error:
            # The stub has other line numbers; the culprit is the region whose own removal already
            # breaks the file.
            first = next(
                (e.begin for e in edits if not _parses("\n".join(_apply(self.lines, [e])))), first
            )
            raise self.error(
                first,
                "without the lines between these marks the file is no Python any more. Enclose "
                "whole statements.",
            ) from error
        stubs = {s.name: s for s in tree.body if isinstance(s, _Definition)}
        for name, statement in self.definitions.items():
            if not isinstance(statement, _Definition):
                continue
            expected, actual = dict(_surface(statement)), dict(_surface(stubs[name]))
            for path in expected:
                if expected[path] != actual.get(path):
                    raise self.error(
                        _first_line(statement),
                        f"{path!r} would lose its signature or docstring in the student "
                        "notebook. Start the marks below them.",
                    )

    def _assemble(self, edits: Sequence[_Edit]) -> str:
        """The whole notebook as percent text: the author's cells, and those that we add."""
        added = [*edits, *self._without_preface()]
        first = next((cell for cell in self.cells[1:] if cell.is_code), self.cells[-1])
        added.append(_before(first.begin, _first_cell(self.assignment.name)))
        for cell in self.cells:
            lines: list[str] = []
            for name, statement in sorted(
                self.definitions.items(), key=lambda item: item[1].lineno
            ):
                if cell.begin <= statement.lineno <= cell.end:
                    question = self.assignment.question(name)
                    extra = ", extra credit" if question.extra else ""
                    lines += [
                        _LOCKED_CELL,
                        f'grader.check("{name}")  # {points_text(question.hundredths)}{extra}',
                        "",
                    ]
            if lines:
                added.append(_before(cell.end + 1, ["", *lines]))
        added.append(_before(len(self.lines) + 1, _last_cells(self.assignment.name)))
        return "\n".join(_apply(self.lines, added)) + "\n"

    def _without_preface(self) -> list[_Edit]:
        """Drop jupytext's header, and refuse code before the first cell."""
        preface = self.cells[0]
        for statement in self.tree.body:
            if statement.lineno <= preface.end and not _is_text(statement):
                raise self.error(
                    statement.lineno, 'code before the first cell. Write a line "# %%" above it.'
                )
        return [_Edit(1, preface.end, ())] if preface.end else []


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


def _todo(indent: str, path: str) -> list[str]:
    return [
        f"{indent}# YOUR CODE HERE",
        f'{indent}raise NotImplementedError("{path} is not written yet")',
    ]


def _before(line: int, lines: Sequence[str]) -> _Edit:
    return _Edit(line, line - 1, tuple(lines))


def _apply(lines: Sequence[str], edits: Sequence[_Edit]) -> list[str]:
    changed = list(lines)
    # From the bottom up, so that the line numbers of what is still to do stay right.
    order = sorted(
        enumerate(edits), key=lambda item: (item[1].begin, item[1].end, item[0]), reverse=True
    )
    for _, edit in order:
        changed[edit.begin - 1 : edit.end] = edit.lines
    return changed


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _bound_names(node: ast.AST) -> Iterator[str]:
    """Names that a top-level statement gives a value to."""
    if isinstance(node, _Definition):
        yield node.name
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.split(".")[0]
    elif isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Store):
            yield node.id
    elif not isinstance(node, _OWN_NAMES) and not (
        isinstance(node, ast.AnnAssign) and node.value is None
    ):
        for child in ast.iter_child_nodes(node):
            yield from _bound_names(child)


def _first_line(statement: ast.stmt) -> int:
    """Line of the first decorator, or of the statement itself."""
    return min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])


def _scopes(tree: ast.Module, region: _Region) -> list[_Definition]:
    """The functions and classes whose body holds all lines of a region, outermost first."""
    chain: list[_Definition] = []
    body: list[ast.stmt] = tree.body
    while True:
        inside = [
            node
            for statement in body
            for node in ast.walk(statement)
            if isinstance(node, _Definition)
            and node.lineno < region.begin
            and (node.end_lineno or 0) >= region.begin
        ]
        if not inside:
            return chain
        outermost = min(inside, key=lambda node: node.lineno)
        chain.append(outermost)
        body = outermost.body


def _head_of_value(statement: ast.stmt, name: str) -> str | None:
    """What stands before ``= value``; None where a statement does more than name one value."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return f"{name}: {ast.unparse(statement.annotation)}"
    if isinstance(statement, ast.Assign) and [type(target) for target in statement.targets] == [
        ast.Name
    ]:
        return name
    return None


def _surface(definition: _Definition, prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """What students must still see of a definition and its methods: all but the bodies."""
    path = f"{prefix}{definition.name}"
    decorators = [ast.dump(d) for d in definition.decorator_list]
    if isinstance(definition, ast.ClassDef):
        head = [ast.dump(b) for b in definition.bases] + [ast.dump(k) for k in definition.keywords]
    else:
        head = [
            ast.dump(definition.args),
            ast.dump(definition.returns) if definition.returns else "",
        ]
    yield path, (type(definition).__name__, *decorators, *head, ast.get_docstring(definition) or "")
    if isinstance(definition, ast.ClassDef):
        for node in definition.body:
            if isinstance(node, _Definition):
                yield from _surface(node, f"{path}.")


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _cells(text: str) -> list[Any]:
    # Loaded here since only masters need it: grading a notebook reads plain JSON.
    import jupytext

    cells: list[Any] = jupytext.reads(text, fmt="py:percent").cells
    return cells


def _code_cells(text: str) -> tuple[str, ...]:
    return tuple(cell.source for cell in _cells(text) if cell.cell_type == "code")
