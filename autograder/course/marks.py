"""The marks in a master: where its solutions are, and what stands in their place in the stub.

All changes are made to the text of the file, so that an error names the author's own line, and
every line that is no solution stays as it was. See `autograder.course.master` for the marks.
"""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from autograder.course.model import Assignment, Question
from autograder.course.syntax import parse
from autograder.errors import CourseError

_BEGIN, _END, _INLINE = "# BEGIN SOLUTION", "# END SOLUTION", "# SOLUTION"
_CELL = re.compile(r"#\s*%%+(?:\s+(?P<rest>.*))?$")
_NO_CODE = re.compile(r"(?:^|\s)\[(?:markdown|md|raw)\]")

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
#: Expressions whose variables are nobody else's.
_OWN_NAMES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Region:
    """Lines from a BEGIN mark to its END mark, both included, counted from 1."""

    begin: int
    end: int
    indent: str


@dataclass(frozen=True)
class Cell:
    """Lines of a cell with its marker; the text before the first marker is a cell without one."""

    begin: int
    end: int
    is_code: bool


@dataclass(frozen=True)
class Edit:
    """Replace the lines from `begin` to `end` (none where ``end`` is ``begin - 1``)."""

    begin: int
    end: int
    lines: tuple[str, ...]


class MasterText:
    """A master's text, taken apart once."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.questions = assignment.questions
        self.file = assignment.master.relative_to(assignment.folder).as_posix()
        try:
            self.text = assignment.master.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise CourseError(
                f"{self.file}: there is no such file. Write statement and reference there, in percent format."
            ) from None
        except UnicodeDecodeError as error:
            raise CourseError(f"{self.file}: it is not UTF-8 text. Save it as UTF-8.") from error
        self.lines = self.text.split("\n")
        try:
            self.tree = parse(self.text)
            tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
            self.tokens = list(tokens)
        except (SyntaxError, tokenize.TokenError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            what = error.msg if isinstance(error, SyntaxError) else str(error)
            raise CourseError(f"{self.file}:{line}: this is not Python: {what}.") from error
        self.cells = self._find_cells()
        self.regions, self.inline = self._find_marks()

    def error(self, line: int, text: str) -> CourseError:
        """The error of the author in a line of this file."""
        return CourseError(f"{self.file}:{line}: {text}")

    # What is in the file.

    def _find_cells(self) -> list[Cell]:
        markers: list[tuple[int, bool]] = []
        for token in self.tokens:
            match = _CELL.match(token.string) if token.type == tokenize.COMMENT and token.start[1] == 0 else None
            if match:
                markers.append((token.start[0], not _NO_CODE.search(match["rest"] or "")))
        if not markers:
            raise self.error(
                1,
                'it has no cell. Start each cell with a line "# %%", text with "# %% [markdown]".',
            )
        ends = [begin - 1 for begin, _ in markers[1:]] + [len(self.lines)]
        cells = [Cell(begin, end, is_code) for (begin, is_code), end in zip(markers, ends, strict=True)]
        return [Cell(1, markers[0][0] - 1, True), *cells]

    def cell_at(self, line: int) -> Cell:
        """The cell that holds a line."""
        return next(cell for cell in self.cells if cell.begin <= line <= cell.end)

    def _find_marks(self) -> tuple[list[Region], list[int]]:
        regions: list[Region] = []
        inline: list[int] = []
        opened: tuple[int, str] | None = None
        for token in self.tokens:
            line, column = token.start
            if token.type != tokenize.COMMENT or "SOLUTION" not in token.string or not self.cell_at(line).is_code:
                continue
            alone = not token.line[:column].strip()
            mark = token.string.rstrip()
            if mark == _BEGIN and alone:
                if opened:
                    raise self.error(
                        line,
                        f"a second {_BEGIN!r} after the one in line {opened[0]}. Marks cannot nest.",
                    )
                opened = line, token.line[:column]
            elif mark == _END and alone:
                if not opened:
                    raise self.error(line, f"{_END!r} without a {_BEGIN!r} before it.")
                self._same_block(opened, line, token.line[:column])
                regions.append(Region(opened[0], line, opened[1]))
                opened = None
            elif mark == _INLINE and not alone:
                inline.append(line)
            else:
                raise self.error(
                    line,
                    f"{mark!r} is not a mark we know, and students would read what it is meant to "
                    f"hide. Write {_BEGIN!r} and {_END!r} on lines of their own, or end a line "
                    f"with {_INLINE!r}.",
                )
        if opened:
            raise self.error(opened[0], f"{_BEGIN!r} without an {_END!r} after it.")
        return regions, inline

    def _same_block(self, opened: tuple[int, str], line: int, indent: str) -> None:
        begin, begin_indent = opened
        if self.cell_at(begin) != self.cell_at(line):
            raise self.error(begin, f"the marks from here to line {line} span two cells. Close them in each.")
        if begin_indent != indent:
            raise self.error(line, f"{_END!r} is indented differently from its {_BEGIN!r} in line {begin}.")

    def definition(self, question: Question) -> ast.stmt:
        """The top-level statement that defines a question."""
        found = [s for s in self.tree.body if question.name in _bound_names(s)]
        if not found:
            close = difflib.get_close_matches(question.name, [n for s in self.tree.body for n in _bound_names(s)], 1)
            near = f" It defines {close[0]!r}: is one of the two a slip?" if close else ""
            raise CourseError(
                f"{question.where}: question {question.name!r} is not defined by "
                f"{self.file}.{near or ' Define it there.'}"
            )
        if len(found) > 1:
            first, second = first_line(found[0]), first_line(found[1])
            cells = "in two cells" if self.cell_at(first) != self.cell_at(second) else "twice"
            raise self.error(
                second,
                f"question {question.name!r} is defined {cells}, first in line {first}. Keep one of them.",
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
            if self.cell_at(first_line(other)) != self.cell_at(first_line(statement)):
                raise self.error(
                    first_line(statement),
                    f"{statement.name!r} is defined in two cells, first in line {first_line(other)}. Keep one of them.",
                )
        return {question.name: self.definition(question) for question in self.questions}

    # What students get.

    def solution_edits(self) -> list[Edit]:
        """What takes the marks out of the text and leaves the solutions."""
        edits = [Edit(line, line, ()) for region in self.regions for line in (region.begin, region.end)]
        for line in self.inline:
            edits.append(Edit(line, line, (self.lines[line - 1].rsplit(_INLINE, 1)[0].rstrip(),)))
        return edits + self._without_preface()

    def stub_edits(self) -> list[Edit]:
        """What puts stubs in the place of the solutions, after every rule for masters was checked.

        Raises:
            CourseError: the master breaks one.
        """
        edits = [self._stub_of_region(region) for region in self.regions]
        edits += [self._stub_of_value(line) for line in self.inline]
        self._every_question_is_hidden()
        self._stub_is_faithful(edits)
        return edits + self._without_preface()

    def _stub_of_region(self, region: Region) -> Edit:
        chain = _scopes(self.tree, region)
        if not chain or chain[0] not in self.definitions.values():
            raise self.error(
                region.begin,
                "these marks lie in no question. Put them inside the body of a function or class "
                "that checks.py declares with question(...).",
            )
        inner = chain[-1]
        path = ".".join(scope.name for scope in chain)
        if isinstance(inner, ast.ClassDef):
            lines = self._stub_of_methods(region, inner, path)
        else:
            lines = _todo(region.indent, path)
        return Edit(region.begin, region.end, tuple(lines))

    def _stub_of_methods(self, region: Region, owner: ast.ClassDef, path: str) -> list[str]:
        """Methods between marks keep decorators, signature, docstring; all else is solution."""
        lines: list[str] = []
        for node in owner.body:
            if not (isinstance(node, _Function) and region.begin < node.lineno < region.end):
                continue
            lines += [""] if lines else []
            lines += self._cut(first_line(node), *self._end_of_signature(node))
            indent = region.indent + "    "
            docstring = node.body[0]
            if ast.get_docstring(node, clean=False) is not None:
                lines += f"{indent}{ast.get_source_segment(self.text, docstring)}".splitlines()
            lines += _todo(indent, f"{path}.{node.name}")
        return lines or [f"{region.indent}# YOUR CODE HERE", f"{region.indent}pass"]

    def _end_of_signature(self, node: _Function) -> tuple[int, int]:
        """Line and column behind the colon of a signature; a comment may follow on that line."""
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

    def _stub_of_value(self, line: int) -> Edit:
        for name, statement in self.definitions.items():
            if statement.lineno <= line <= (statement.end_lineno or 0) and not isinstance(statement, _Definition):
                head = _head_of_value(statement, name)
                if head and statement.end_lineno == line:
                    return Edit(statement.lineno, line, (f"{head} = ...  # YOUR ANSWER HERE",))
        raise self.error(
            line,
            f"{_INLINE!r} belongs at the end of a line such as: name = value, where name is a "
            f"question of checks.py. Inside a function write {_BEGIN!r} and {_END!r} on lines of "
            "their own.",
        )

    def _every_question_is_hidden(self) -> None:
        for question in self.questions:
            statement = self.definitions[question.name]
            first, last = first_line(statement), statement.end_lineno or 0
            is_value = not isinstance(statement, _Definition)
            if is_value != (question.kind == "value"):
                advice = 'declare it with kind="value"' if is_value else 'drop kind="value" in checks.py'
                kind = "a variable" if is_value else "a function or class"
                raise self.error(
                    first,
                    f"question {question.name!r} is {kind}, but its kind is {question.kind!r}: {advice}.",
                )
            marks = self.inline if is_value else [region.begin for region in self.regions]
            if not any(first <= mark <= last for mark in marks):
                what = f"{_INLINE!r} at the end of its line" if is_value else f"{_BEGIN!r} and {_END!r} in its body"
                raise self.error(
                    first,
                    f"question {question.name!r} has no solution marks, so students would get its "
                    f"answer. Write {what}.",
                )

    def _stub_is_faithful(self, edits: Sequence[Edit]) -> None:
        """The stub is Python, with the decorators, signatures and docstrings of the reference."""
        stub = "\n".join(apply_edits(self.lines, edits)) + "\n"
        first = self.regions[0].begin if self.regions else 1
        try:
            tree = parse(stub)
        except SyntaxError as error:
            # The stub has other line numbers; the culprit is the region whose own removal already
            # breaks the file.
            first = next(
                (e.begin for e in edits if not _parses("\n".join(apply_edits(self.lines, [e])))),
                first,
            )
            raise self.error(
                first,
                "without the lines between these marks the file is no Python any more. Enclose whole statements.",
            ) from error
        stubs = {s.name: s for s in tree.body if isinstance(s, _Definition)}
        for name, statement in self.definitions.items():
            if not isinstance(statement, _Definition):
                continue
            expected, actual = dict(_surface(statement)), dict(_surface(stubs[name]))
            for path in expected:
                if expected[path] != actual.get(path):
                    raise self.error(
                        first_line(statement),
                        f"{path!r} would lose its signature or docstring in the student notebook. "
                        "Start the marks below them.",
                    )

    def _without_preface(self) -> list[Edit]:
        """Drop jupytext's header, and refuse code before the first cell."""
        preface = self.cells[0]
        for statement in self.tree.body:
            if statement.lineno <= preface.end and not _is_text(statement):
                raise self.error(statement.lineno, 'code before the first cell. Write a line "# %%" above it.')
        return [Edit(1, preface.end, ())] if preface.end else []


def _todo(indent: str, path: str) -> list[str]:
    return [
        f"{indent}# YOUR CODE HERE",
        f'{indent}raise NotImplementedError("{path} is not written yet")',
    ]


def insert_before(line: int, lines: Sequence[str]) -> Edit:
    """An edit that adds lines and replaces none."""
    return Edit(line, line - 1, tuple(lines))


def apply_edits(lines: Sequence[str], edits: Sequence[Edit]) -> list[str]:
    """The lines after all edits; of insertions at one place, earlier ones come first."""
    changed = list(lines)
    # From the bottom up, so that the line numbers of what is still to do stay right.
    order = sorted(enumerate(edits), key=lambda item: (item[1].begin, item[1].end, item[0]), reverse=True)
    for _, edit in order:
        changed[edit.begin - 1 : edit.end] = edit.lines
    return changed


def _parses(text: str) -> bool:
    try:
        parse(text)
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
    elif not isinstance(node, _OWN_NAMES) and not (isinstance(node, ast.AnnAssign) and node.value is None):
        for child in ast.iter_child_nodes(node):
            yield from _bound_names(child)


def first_line(statement: ast.stmt) -> int:
    """Line of the first decorator, or of the statement itself."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _scopes(tree: ast.Module, region: Region) -> list[_Definition]:
    """The functions and classes whose body holds all lines of a region, outermost first."""
    chain: list[_Definition] = []
    body: list[ast.stmt] = tree.body
    while True:
        inside = [
            node
            for statement in body
            for node in ast.walk(statement)
            if isinstance(node, _Definition) and node.lineno < region.begin and (node.end_lineno or 0) >= region.begin
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
    if isinstance(statement, ast.Assign) and [type(target) for target in statement.targets] == [ast.Name]:
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
