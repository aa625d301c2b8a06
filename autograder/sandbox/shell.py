"""Runs the cells of a notebook without a kernel.

`Shell` executes the cells of one submission in this process, the way Jupyter would, and reports
each as a `CellResult`. It shares the process with student code: it has to survive accidents, and it
is no trust boundary. The grader outside keeps the clock and gives the verdicts.
"""

from __future__ import annotations
import __future__

import ast
import asyncio
import builtins
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import islice
from operator import or_
from types import CodeType, ModuleType
from typing import Any, Literal, cast

from autograder.sandbox import describe, settings
from autograder.sandbox.capture import Buffer, Stream, encodable
from autograder.sandbox.describe import cut, describe_error, type_name
from autograder.sandbox.magics import ZMQInteractiveShell, is_magic
from autograder.sandbox.stubs import Stubs, flush_figures

# A private copy, for the reason given in `autograder.sandbox.stubs`.
globals()["__builtins__"] = dict(vars(builtins))

_SHOWN_LIMIT = 5_000  # characters of one displayed value
_NOTES_LIMIT = 20
_NOTE_LIMIT = 300
_RECURSION_LIMIT = sys.getrecursionlimit()
_ALL_FEATURES = reduce(or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names))


@dataclass(frozen=True)
class CellResult:
    """What came of one cell.

    Attributes:
        index: the number given to `Shell.run_cell`.
        status: ``skipped`` means that there was nothing to run.
        message: exception type, its text and the student's own line, at most 2,000 characters;
            empty unless the status is ``error``.
        traceback: the frames of cells only, outermost first, at most 20 lines.
        output: what was printed and displayed, cut at the limit of the shell.
        notes: what was not run or shown, in words.
    """

    index: int
    status: Literal["ok", "error", "skipped"]
    message: str = ""
    traceback: tuple[str, ...] = ()
    output: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Program:
    """A compiled cell: statements, then a last expression, shown unless a semicolon follows it."""

    codes: tuple[CodeType, ...]
    quiet: bool


def warm_up() -> None:
    """Import and use once what is slow to start, so that a zygote pays for it before it forks."""
    _transformer()
    settings.add_loaded_libraries()


class Shell:
    """Runs the cells of one submission.

    Making a shell takes the process over: `__main__`, standard output and error, `input`,
    `sys.argv`, and the modules of `autograder.sandbox.stubs`. A job never gives them back; anyone
    else calls `close` or uses ``with``.
    """

    def __init__(self, output_limit: int = 65536) -> None:
        warm_up()
        describe.forget_cells()
        self._buffer = Buffer(output_limit)
        self._streams = (Stream(self._buffer, "<stdout>"), Stream(self._buffer, "<stderr>"))
        self._notes: list[str] = []
        # Of `from __future__ import ...`: it holds for later cells, as in Jupyter.
        self._feature_flags = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._cell = "<cell 0>"
        self._shown: list[object] = [None, None, None]  # what `_`, `__` and `___` were last set to
        self._main = ModuleType("__main__")
        self._namespace = self._main.__dict__  # read once: a cell may change the class of its own module
        self._outer = (sys.modules.get("__main__"), sys.stdout, sys.stderr)
        self._stubs = Stubs(self, ZMQInteractiveShell(self), settings.AFTER_IMPORT)
        self._stubs.install()
        self._take_over()

    @property
    def namespace(self) -> dict[str, Any]:
        """The names that cells define: the dictionary of the module installed as `__main__`."""
        return self._namespace

    def run_cell(self, index: int, source: str) -> CellResult:
        """Run one cell. Whatever it raises ends this cell only."""
        # A lone carriage return is a line break for Python: line numbers must agree.
        source = source.replace("\r\n", "\n").replace("\r", "\n")
        self._cell = f"<cell {index}>"
        describe.cell_starts(self._cell, source)
        self._notes.clear()
        self._buffer.clear()
        self._take_over()
        trace, profile = sys.gettrace(), sys.getprofile()
        status: Literal["ok", "error", "skipped"] = "ok"
        message = ""
        traceback: tuple[str, ...] = ()
        try:
            try:
                program = self._compile(source)
                if not program.codes:
                    status = "skipped"
                value = self._execute(program)
                if value is not None and not program.quiet:
                    self.show(value)
                    self._remember(value)
            finally:
                _calm(trace, profile)
        except BaseException as error:  # student code; SystemExit ends the cell only
            status = "error"
            message, traceback = describe_error(error)
            describe.cell_failed(self._cell, source, self.namespace.keys())
        else:
            describe.cell_succeeded(self.namespace.keys())
        flush_figures(self)
        return CellResult(index, status, message, traceback, self._buffer.take(), tuple(self._notes))

    def take_output(self) -> str:
        """What was printed since the last cell or call: the output of a student's functions."""
        return self._buffer.take()

    def close(self) -> None:
        """Give the process back: undo what making the shell has replaced."""
        self._stubs.uninstall()
        main, sys.stdout, sys.stderr = self._outer
        if main is not None:
            sys.modules["__main__"] = main
        if self._loop is not None:
            self._loop.close()
        describe.forget_cells()

    def __enter__(self) -> Shell:  # typing.Self needs Python 3.11
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # What stubs and magics use.

    def note(self, text: str) -> None:
        """Add a note to the result of the current cell, once."""
        text = cut(encodable(text), _NOTE_LIMIT)
        if text not in self._notes and len(self._notes) < _NOTES_LIMIT:
            self._notes.append(text)

    def show(self, value: object) -> None:
        """Add the repr of a value to the output."""
        self._buffer.add(_shown(value) + "\n")

    def clear_output(self) -> None:
        """Forget what the cell has printed so far."""
        self._buffer.clear()

    def cell_lines(self, code: CodeType) -> Sequence[str] | None:
        """The lines of the cell that this code comes from; None for code of a library."""
        return describe.cell_lines(code)

    def evaluate(self, source: str, first_line: int = 1, local: Mapping[str, Any] | None = None) -> object:
        """Run code that stands at a line of the current cell; return what Jupyter would show."""
        program = self._compile(source, first_line)
        value = self._execute(program, local)
        return None if program.quiet else value

    def captured(self, run: Callable[[], object]) -> str:
        """Run and return what is printed meanwhile, instead of adding it to the cell's output."""

        def run_and_show() -> None:
            value = run()
            if value is not None:
                self.show(value)

        return self._buffer.aside(run_and_show)

    # One cell.

    def _take_over(self) -> None:
        # Before every cell: the one before may have replaced them, or cleared its globals.
        sys.modules["__main__"] = self._main
        self.namespace.setdefault("__name__", "__main__")
        # Without this, eval would give cells the private copy of the builtins made above.
        self.namespace["__builtins__"] = builtins
        sys.stdout, sys.stderr = self._streams

    def _compile(self, source: str, first_line: int = 1) -> _Program:
        text = "\n" * (first_line - 1) + source
        try:
            tree = self._parse(text)
        except SyntaxError:
            plain = to_python(text, self.namespace)
            if plain is None:
                raise
            text = plain
            tree = self._parse(text)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
        codes = []
        if tree.body:
            codes.append(self._code(tree, "exec"))
            self._feature_flags |= codes[0].co_flags & _ALL_FEATURES
        if not isinstance(last, ast.Expr):
            return _Program(tuple(codes), quiet=True)
        codes.append(self._code(ast.Expression(last.value), "eval"))
        return _Program(tuple(codes), _ends_with_semicolon(text, last))

    def _parse(self, source: str) -> ast.Module:
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | self._feature_flags
        try:
            return cast(ast.Module, compile(source, self._cell, "exec", flags, dont_inherit=True))
        except (SyntaxError, ValueError) as error:
            # Python versions refuse these characters with different errors.
            found = _UNREADABLE.search(source)
            if found is None:
                raise
            number = source.count("\n", 0, found.start()) + 1
            place = (self._cell, number, 1, source.split("\n")[number - 1])
            raise SyntaxError(f"invalid character {found[0]!a}", place) from error

    def _code(self, tree: ast.Module | ast.Expression, mode: str) -> CodeType:
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | self._feature_flags
        return cast(CodeType, compile(tree, self._cell, mode, flags, dont_inherit=True))

    def _execute(self, program: _Program, local: Mapping[str, Any] | None = None) -> object:
        if any(code.co_flags & inspect.CO_COROUTINE for code in program.codes):  # top-level await
            if self._loop is None or self._loop.is_closed():
                self._loop = asyncio.new_event_loop()
            return self._loop.run_until_complete(self._execute_awaiting(program.codes, local))
        value = None
        for code in program.codes:
            value = eval(code, self.namespace, local)
        return value

    async def _execute_awaiting(self, codes: Sequence[CodeType], local: Mapping[str, Any] | None) -> object:
        value = None
        for code in codes:
            value = eval(code, self.namespace, local)
            if code.co_flags & inspect.CO_COROUTINE:
                value = await value
        return value

    def _remember(self, value: object) -> None:
        """Set `_`, `__`, `___` as IPython does: not where the student uses these names."""
        names = ("_", "__", "___")
        own = any(
            name in self.namespace and self.namespace[name] is not old
            for name, old in zip(names, self._shown, strict=True)
        )
        self._shown = [value, *self._shown[:2]]
        if not own:
            self.namespace.update(zip(names, self._shown, strict=True))


def _calm(trace: Any, profile: Any) -> None:
    """After student code: their trace function or low recursion limit must not break our lines."""
    if sys.gettrace() is not trace:
        sys.settrace(trace)
    if sys.getprofile() is not profile:
        sys.setprofile(profile)
    if sys.getrecursionlimit() < _RECURSION_LIMIT:
        sys.setrecursionlimit(_RECURSION_LIMIT)


# From a cell to Python.


@cache
def _transformer() -> Any:
    """IPython's rewriting of magics, made on first use."""
    manager = importlib.import_module("IPython.core.inputtransformer2").TransformerManager()
    manager.transform_cell("%warm up\nx = 1\n!true\nx?\n")
    return manager


def to_python(source: str, namespace: Mapping[str, Any]) -> str | None:
    """The cell with magics, `!`, `?` and prompts rewritten, lines at their old numbers; or None."""
    lines = [f"{line}\n" for line in source.removesuffix("\n").split("\n")]
    # IPython would drop the blank lines at the top: put them back at the end.
    skipped = next((number for number, line in enumerate(lines) if line.strip()), 0)
    lines = lines[skipped:]
    before = "".join(lines)
    if "\n" not in before.strip() and _names_magic(before, namespace):
        lines[0] = "%" + lines[0].lstrip()
    manager = _transformer()
    try:
        for transform in (*manager.cleanup_transforms, *manager.line_transforms):
            lines = transform(lines)
        lines = _keep_line_numbers(manager, lines)
    except Exception:  # of many kinds; the message about the cell as it stands is better
        return None
    after = "".join(lines)
    return None if after == before else "\n" * skipped + after


def _keep_line_numbers(manager: Any, lines: list[str]) -> list[str]:
    """`TransformerManager.do_token_transforms`, with blank lines where a continued line shrank."""
    for _ in range(500):
        changed, new = manager.do_one_token_transform(lines)
        if not changed:
            break
        first = next((i for i, (a, b) in enumerate(zip(lines, new, strict=False)) if a != b), len(new) - 1)
        lines = new[: first + 1] + ["\n"] * (len(lines) - len(new)) + new[first + 1 :]
    return lines


def _names_magic(line: str, namespace: Mapping[str, Any]) -> bool:
    """Is it `pip install x`, say? In a cell of one line the percent sign may be missing."""
    word, _, rest = line.strip().partition(" ")
    looks_like_python = rest.lstrip().startswith(tuple("=,:([{+*<>&|^%!"))
    return word.isidentifier() and is_magic(word) and not (word in namespace or looks_like_python)


_UNREADABLE = re.compile("[\0\ud800-\udfff]")


def _ends_with_semicolon(source: str, last: ast.Expr) -> bool:
    line = source.split("\n")[cast(int, last.end_lineno) - 1]
    rest = line.encode()[cast(int, last.end_col_offset) :]
    return rest.lstrip().startswith(b";")


# The display hook.

#: The repr of a long container is cut anyway: it need not be built in full.
_BEGINNINGS: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys((list, tuple, str, bytes), lambda value: value[:_SHOWN_LIMIT]),
    dict: lambda value: dict(islice(value.items(), _SHOWN_LIMIT)),
}


def _shown(value: object) -> str:
    """The repr of a value, cut; in place of a repr that fails, a word about it."""
    try:
        beginning = _BEGINNINGS.get(type(value))
        if beginning is not None and len(cast(Any, value)) > _SHOWN_LIMIT:
            value = beginning(value)
        return cut(str.__str__(repr(value)), _SHOWN_LIMIT)
    except BaseException as error:  # student code
        return f"<{type_name(type(value))} object whose repr raised {type_name(type(error))}>"
