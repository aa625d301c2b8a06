"""Runs the cells of a notebook without a kernel.

`Shell` executes the cells of one submission in this process, the way Jupyter would, and reports
each as a `CellResult`. `describe_error` puts an exception into the student's terms, and
`settings_snapshot` / `restore_settings` undo what cells did to global settings. All of this shares
a process with student code: it has to survive accidents, and it is no trust boundary. The grader
outside keeps the clock and gives the verdicts.
"""

from __future__ import annotations
import __future__

import ast
import asyncio
import builtins
import gc
import importlib
import inspect
import io
import linecache
import os
import random
import re
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import CodeType, ModuleType, TracebackType
from typing import Any, Literal, cast

from autograder.sandbox.magics import ZMQInteractiveShell, is_magic
from autograder.sandbox.stubs import Stubs, flush_figures

# A private copy, for the reason given in `autograder.sandbox.stubs`.
globals()["__builtins__"] = dict(vars(builtins))

_SHOWN_LIMIT = 5_000  # characters of one displayed value
_MESSAGE_LIMIT = 2_000
_LINE_LIMIT = 200  # characters of a source line in a message
_NAME_LIMIT = 100
_NOTES_LIMIT = 20
_NOTE_LIMIT = 300
_FIRST_FRAMES, _LAST_FRAMES = 10, 9  # with a line that counts the others: 20

#: Lines of the cells by the file name of their code ("<cell 3>"); a cell may clear `linecache`.
_LINES: dict[str, tuple[str, ...]] = {}
#: Where `inspect` and warnings look source lines up; a cell may replace the attribute.
_line_cache: dict[str, Any] = linecache.cache
#: Names that a failed cell would have defined, and that cell ("cell 2").
_LOST: dict[str, str] = {}


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

    statements: CodeType | None
    last: CodeType | None
    quiet: bool


def warm_up() -> None:
    """Import and use once what is slow to start, so that a zygote pays for it before it forks."""
    _transformer()
    for name in _CAPTURES:
        if name in sys.modules:
            _capture(sys.modules[name])


class Shell:
    """Runs the cells of one submission.

    Making a shell takes the process over: `__main__`, standard output and error, `input`,
    `sys.argv`, and the modules of `autograder.sandbox.stubs`. A job never gives them back; anyone
    else calls `close` or uses ``with``.
    """

    def __init__(self, output_limit: int = 65536) -> None:
        warm_up()
        _forget_cells()
        self._buffer = _Buffer(output_limit)
        self._streams = (_Stream(self._buffer, "<stdout>"), _Stream(self._buffer, "<stderr>"))
        self._notes: list[str] = []
        # Of `from __future__ import ...`: it holds for later cells, as in Jupyter.
        self._feature_flags = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._cell = "<cell 0>"
        self._shown: list[object] = [None, None, None]  # what `_`, `__` and `___` were last set to
        self._main = ModuleType("__main__")
        self._outer = (sys.modules.get("__main__"), sys.stdout, sys.stderr)
        self._stubs = Stubs(self, ZMQInteractiveShell(self), dict.fromkeys(_CAPTURES, _on_first_import))
        self._stubs.install()
        self._take_over()

    @property
    def namespace(self) -> dict[str, Any]:
        """The names that cells define: the dictionary of the module installed as `__main__`."""
        return self._main.__dict__

    def run_cell(self, index: int, source: str) -> CellResult:
        """Run one cell. Whatever it raises ends this cell only."""
        # A lone carriage return is a line break for Python: line numbers must agree.
        source = source.replace("\r\n", "\n").replace("\r", "\n")
        self._cell = f"<cell {index}>"
        lines = _LINES[self._cell] = tuple(source.split("\n"))
        _line_cache[self._cell] = (
            len(source),
            None,
            [f"{line}\n" for line in lines],
            self._cell,
        )
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
                if program.statements is None and program.last is None:
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
            _LOST.update(dict.fromkeys(_names_assigned(source) - self.namespace.keys(), self._cell[1:-1]))
        else:
            for name in _LOST.keys() & self.namespace.keys():
                del _LOST[name]
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
        _forget_cells()

    def __enter__(self) -> Shell:  # typing.Self needs Python 3.11
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # What stubs and magics use.

    def note(self, text: str) -> None:
        """Add a note to the result of the current cell, once."""
        text = _cut(_encodable(text), _NOTE_LIMIT)
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
        return _LINES.get(code.co_filename)

    def evaluate(self, source: str, first_line: int = 1, local: Mapping[str, Any] | None = None) -> object:
        """Run code that stands at a line of the current cell; return what Jupyter would show."""
        program = self._compile(source, first_line)
        value = self._execute(program, local)
        return None if program.quiet else value

    def captured(self, run: Callable[[], object]) -> str:
        """Run and return what is printed meanwhile, instead of adding it to the cell's output."""
        outer = self._buffer.swap(None)
        try:
            value = run()
            if value is not None:
                self.show(value)
            return self._buffer.take()
        finally:
            self._buffer.swap(outer)

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
            plain = _to_python(text, self.namespace)
            if plain is None:
                raise
            text = plain
            tree = self._parse(text)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
        statements = self._code(tree, "exec") if tree.body else None
        if statements is not None:
            self._feature_flags |= statements.co_flags & _ALL_FEATURES
        if not isinstance(last, ast.Expr):
            return _Program(statements, None, quiet=True)
        shown = self._code(ast.Expression(last.value), "eval")
        return _Program(statements, shown, _ends_with_semicolon(text, last))

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
        codes = [code for code in (program.statements, program.last) if code is not None]
        if any(code.co_flags & inspect.CO_COROUTINE for code in codes):  # top-level await
            if self._loop is None or self._loop.is_closed():
                self._loop = asyncio.new_event_loop()
            return self._loop.run_until_complete(self._execute_awaiting(codes, local))
        value = None
        for code in codes:
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


_RECURSION_LIMIT = sys.getrecursionlimit()


def _forget_cells() -> None:
    for name in _LINES:
        _line_cache.pop(name, None)
    _LINES.clear()
    _LOST.clear()


# From a cell to Python.

_ALL_FEATURES = 0
for _name in __future__.all_feature_names:
    _ALL_FEATURES |= getattr(__future__, _name).compiler_flag

_manager: Any = None


def _transformer() -> Any:
    """IPython's rewriting of magics, made on first use."""
    global _manager
    if _manager is None:
        _manager = importlib.import_module("IPython.core.inputtransformer2").TransformerManager()
        _manager.transform_cell("%warm up\nx = 1\n!true\nx?\n")
    return _manager


def _to_python(source: str, namespace: Mapping[str, Any]) -> str | None:
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


_SIMPLE_DEFINITION = re.compile(
    r"^(?:(?:async\s+def|def|class)\s+(\w+)|(\w+)\s*(?::[^=]+)?=(?!=)|import\s+(?:[\w.]+\s+as\s+)?(\w+)"
    r"|from\s+[\w.]+\s+import\s+(?:\w+\s+as\s+)?(\w+))",
    re.MULTILINE,
)
_OWN_SCOPE = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip


def _names_assigned(source: str) -> set[str]:
    """Names that the cell would bind in `__main__`; of broken code, those that start a line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they have been shown when the cell was compiled
            waiting: list[ast.AST] = [ast.parse(source)]
    except Exception:  # of many kinds, depending on the text
        return {name for found in _SIMPLE_DEFINITION.findall(source) for name in found if name}
    names: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        if not isinstance(node, _OWN_SCOPE):
            waiting.extend(ast.iter_child_nodes(node))
    return names


# Output.


class _Buffer:
    """Text up to a limit; the rest is counted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        self._parts: list[str] = []
        self._room, self._dropped = self._limit, 0

    def add(self, text: str) -> None:
        size = len(text)
        if size <= self._room:
            self._parts.append(text)
            self._room -= size
        else:
            self._parts.append(text[: self._room])
            self._dropped += size - self._room
            self._room = 0

    def take(self) -> str:
        """All text since the last call, ready to be encoded."""
        text, dropped = "".join(self._parts), self._dropped
        self.clear()
        return _encodable(text) + (f"\n[... {dropped} more characters]" if dropped else "")

    def swap(self, state: tuple[list[str], int, int] | None) -> tuple[list[str], int, int]:
        """Continue with an earlier state, or empty; returns the present one."""
        old = self._parts, self._room, self._dropped
        if state is None:
            self.clear()
        else:
            self._parts, self._room, self._dropped = state
        return old


class _Stream(io.TextIOBase):
    """`sys.stdout` of cells. Cannot be closed; threads may write to it after their cell's end."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, buffer: _Buffer, name: str) -> None:
        self._buffer, self.name = buffer, name

    def write(self, text: str) -> int:
        if type(text) is not str:
            if not isinstance(text, str):
                raise TypeError(f"write() argument must be str, not {_type_name(type(text))}")
            text = str.__str__(text)  # a subclass may lie about its length
        self._buffer.add(text)
        return len(text)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def reconfigure(self, **options: object) -> None:
        pass

    @property
    def buffer(self) -> _Bytes:
        return _Bytes(self._buffer)


class _Bytes(io.RawIOBase):
    """`sys.stdout.buffer`."""

    def __init__(self, buffer: _Buffer) -> None:
        self._buffer = buffer

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        content = bytes(data)
        self._buffer.add(content.decode("utf-8", "backslashreplace"))
        return len(content)

    def close(self) -> None:
        pass


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
        return _cut(str.__str__(repr(value)), _SHOWN_LIMIT)
    except BaseException as error:  # student code
        return f"<{_type_name(type(value))} object whose repr raised {_type_name(type(error))}>"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _encodable(text: str) -> str:
    """Lone surrogates as backslash escapes: nothing further along has to fear them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# Errors.

# Descriptors of the base types: classes of students may define these names themselves.
_name_of_type = cast(Any, type.__dict__["__name__"]).__get__
_traceback_of = cast(Any, BaseException.__dict__["__traceback__"]).__get__


def describe_error(error: BaseException) -> tuple[str, tuple[str, ...]]:
    """An exception of student code in the student's terms.

    Returns:
        The message ("NameError: name 'x' is not defined (cell 3, line 2: y = x + 1)", at most 2,000
        characters) and the lines of the traceback ("cell 3, line 2, in softmax: return x / s"),
        outermost first, at most 20. Both hold frames of cells only and can be encoded as UTF-8.
    """
    try:
        return _describe(error)
    except BaseException:  # no memory, no stack, or an object more hostile than foreseen
        return _type_name(type(error)), ()


def _describe(error: BaseException) -> tuple[str, tuple[str, ...]]:
    traceback, place = _student_frames(_traceback_of(error))
    text: str | None
    # Here and below not isinstance: it would ask the object, which may lie about its class.
    if issubclass(type(error), SyntaxError) and _is_of_cell(cast(SyntaxError, error)):
        error = cast(SyntaxError, error)
        # str() of these names the file; its line is not on the stack, because it never ran.
        text = error.msg if type(error.msg) is str else None
        if type(error.lineno) is int:
            place = _place(cast(str, error.filename), error.lineno)
            traceback = traceback or (_encodable(place),)
    else:
        text = _text_of(error)
    message = _type_name(type(error))
    if text is None:
        message += " (no message)"
    elif text:
        message += f": {_cut(text, _MESSAGE_LIMIT - 2 * _LINE_LIMIT - _NAME_LIMIT)}"
    message += _lost_name(error)
    if place:
        message += f" ({place})"
    return _cut(_encodable(message), _MESSAGE_LIMIT), traceback


def _is_of_cell(error: SyntaxError) -> bool:
    return type(error.filename) is str and error.filename in _LINES


def _text_of(error: BaseException) -> str | None:
    """The text of an exception; None when its own methods fail."""
    try:
        return str.__str__(str(error))
    except BaseException:  # student code
        return None


def _type_name(cls: type) -> str:
    return _cut(_encodable(_name_of_type(cls)), _NAME_LIMIT)


def _lost_name(error: BaseException) -> str:
    if not issubclass(type(error), NameError):
        return ""
    name = cast(NameError, error).name
    cell = _LOST.get(name) if type(name) is str else None
    return f"; it should have been defined in {cell}, which failed" if cell else ""


def _student_frames(traceback: TracebackType | None) -> tuple[tuple[str, ...], str]:
    """Lines for frames of cells (no repetitions, no middle of many) and the innermost place."""
    head: list[str] = []
    tail: deque[str] = deque(maxlen=_LAST_FRAMES)
    total, place = 0, ""
    for line, count, where in _runs(_cell_frames(traceback)):
        place = where
        for text in (line, *((_repetition(count),) if count > 1 else ())):
            total += 1
            if len(head) < _FIRST_FRAMES:
                head.append(text)
            else:
                tail.append(text)
    hidden = total - len(head) - len(tail)
    middle = [f"[... {hidden} more lines]"] if hidden else []
    return tuple(_encodable(line) for line in (*head, *middle, *tail)), place


def _repetition(count: int) -> str:
    # The depth of an endless recursion depends on who calls: left out, so that reports repeat.
    times = "many" if count > 50 else f"{count - 1}"
    return "[the same line once more]" if count == 2 else f"[the same line {times} more times]"


def _cell_frames(traceback: TracebackType | None) -> Iterator[tuple[str, int, str]]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename in _LINES:
            yield code.co_filename, traceback.tb_lineno, code.co_name
        traceback = traceback.tb_next


def _runs(frames: Iterable[tuple[str, int, str]]) -> Iterator[tuple[str, int, str]]:
    """(line, times in a row, place) of frames; a recursion of 1,000 frames is formatted once."""
    previous, count = None, 0
    for frame in frames:
        if frame != previous and previous is not None:
            yield _frame_line(previous), count, _place(*previous[:2])
            count = 0
        previous = frame
        count += 1
    if previous is not None:
        yield _frame_line(previous), count, _place(*previous[:2])


def _frame_line(frame: tuple[str, int, str]) -> str:
    filename, number, function = frame
    return _place(filename, number, "" if function == "<module>" else f", in {_cut(function, _NAME_LIMIT)}")


def _place(filename: str, number: int, where: str = "") -> str:
    lines = _LINES[filename]
    text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return f"{filename[1:-1]}, line {number}{where}" + (f": {_cut(text, _LINE_LIMIT)}" if text else "")


# Global settings.


@dataclass(frozen=True)
class _Setting:
    """A setting of the process, with references taken before student code could replace them."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    initial: Any


_SETTINGS: list[_Setting] = []
_captured_modules: set[str] = set()


def settings_snapshot() -> dict[str, Any]:
    """The values that `restore_settings` puts back, states of random generators included."""
    return {setting.name: setting.read() for setting in _SETTINGS}


def restore_settings(snapshot: Mapping[str, Any]) -> None:
    """Put settings back as they were at the snapshot.

    A library that was loaded later gets the settings it had right after its import. What cannot be
    put back (a cell has broken the library itself) stays as it is.
    """
    for setting in _SETTINGS:
        try:
            setting.write(snapshot.get(setting.name, setting.initial))
        except BaseException:  # student code may be anywhere by now
            continue


def _setting(name: str, read: Callable[[], Any], write: Callable[[Any], object]) -> None:
    try:
        initial = read()
    except Exception:  # this version of the library does not have it
        return
    _SETTINGS.append(_Setting(name, read, write, initial))


def _attribute(owner: Any, name: str) -> None:
    _setting(
        f"{owner.__name__}.{name}",
        lambda: getattr(owner, name),
        lambda value: setattr(owner, name, value),
    )


def _capture_python() -> None:
    _setting("trace", sys.gettrace, sys.settrace)
    _setting("profile", sys.getprofile, sys.setprofile)
    _setting("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit)
    _setting("switch interval", sys.getswitchinterval, sys.setswitchinterval)
    for name in ("stdout", "stderr", "stdin", "argv", "displayhook", "excepthook"):
        _attribute(sys, name)
    _setting(
        "main",
        lambda: sys.modules["__main__"],
        lambda module: sys.modules.__setitem__("__main__", module),
    )
    _setting("cwd", os.getcwd, os.chdir)
    _setting("environ", lambda: dict(os.environ), _write_environment)
    _setting("warnings", lambda: list(warnings.filters), _write_filters)
    _attribute(warnings, "showwarning")
    _setting("gc", gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable())
    _setting("random", random.getstate, random.setstate)
    for number in (signal.SIGINT, signal.SIGTERM):
        _signal_handler(number)
    if sys.platform != "win32":
        _signal_handler(signal.SIGALRM)
        _setting(
            "timer",
            lambda: signal.getitimer(signal.ITIMER_REAL),
            lambda v: signal.setitimer(signal.ITIMER_REAL, *v),
        )


def _signal_handler(number: signal.Signals) -> None:
    def write(handler: Any) -> None:
        # None: not installed by Python, so it cannot be put back by it either.
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)

    _setting(f"handler of {number.name}", lambda: signal.getsignal(number), write)


def _write_environment(values: dict[str, str]) -> None:
    if dict(os.environ) != values:
        os.environ.clear()
        os.environ.update(values)


def _write_filters(filters: list[Any]) -> None:
    if list(warnings.filters) != filters:
        warnings.resetwarnings()  # also tells the interpreter that the list has changed
        cast("list[Any]", warnings.filters).extend(filters)


def _capture_numpy(numpy: Any) -> None:
    set_errors, set_print = numpy.seterr, numpy.set_printoptions
    _setting("numpy errors", numpy.geterr, lambda modes: set_errors(**modes))
    _setting("numpy error call", numpy.geterrcall, numpy.seterrcall)
    _setting("numpy print", numpy.get_printoptions, lambda options: set_print(**options))
    _setting("numpy random", numpy.random.get_state, numpy.random.set_state)


def _capture_torch(torch: Any) -> None:
    """References into torch; nothing here touches an accelerator that is not in use."""
    c, cuda = torch._C, torch.cuda
    _setting("torch dtype", torch.get_default_dtype, torch.set_default_dtype)
    _setting("torch device", lambda: _torch_device(torch), torch.set_default_device)
    _setting("torch grad", torch.is_grad_enabled, c._set_grad_enabled)
    _setting("torch inference", torch.is_inference_mode_enabled, _torch_inference_writer(torch))
    _setting("torch anomaly", torch.is_anomaly_enabled, c.set_anomaly_enabled)
    # Not torch.use_deterministic_algorithms: it imports the compiler.
    strict, only_warn = c._get_deterministic_algorithms, c._get_deterministic_algorithms_warn_only
    set_strict = c._set_deterministic_algorithms
    _setting(
        "torch deterministic",
        lambda: (strict(), only_warn()),
        lambda value: set_strict(value[0], warn_only=value[1]),
    )
    _setting("cudnn deterministic", c._get_cudnn_deterministic, c._set_cudnn_deterministic)
    _setting("cudnn benchmark", c._get_cudnn_benchmark, c._set_cudnn_benchmark)
    _setting("torch matmul", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision)
    _setting("torch threads", torch.get_num_threads, torch.set_num_threads)
    options = torch._tensor_str.PRINT_OPTS
    _setting("torch print", lambda: dict(vars(options)), lambda values: vars(options).update(values))
    _setting("torch random", torch.get_rng_state, torch.set_rng_state)
    is_used, seed_all = cuda.is_initialized, cuda.manual_seed_all
    _setting("cuda random", torch.initial_seed, lambda seed: seed_all(seed) if is_used() else None)


def _torch_device(torch: Any) -> Any:
    # Not torch.get_default_device: for "never set" it says "cpu", which slows torch down when set.
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return None if context is None else context.device


def _torch_inference_writer(torch: Any) -> Callable[[bool], None]:
    is_enabled, make_guard = torch.is_inference_mode_enabled, torch.inference_mode
    entered = []  # a guard ends its mode when it is collected

    def write(enabled: bool) -> None:
        if is_enabled() != enabled:  # a cell has entered the other mode and never left it
            entered.append(make_guard(enabled))
            entered[-1].__enter__()

    return write


_CAPTURES: dict[str, Callable[[Any], None]] = {"numpy": _capture_numpy, "torch": _capture_torch}


def _capture(module: ModuleType) -> None:
    if module.__name__ not in _captured_modules:
        _captured_modules.add(module.__name__)
        _CAPTURES[module.__name__](module)


def _on_first_import(module: Any) -> None:
    """A cell has loaded the library: capture it before the next line of the cell runs."""
    if module.__name__ == "numpy":
        module.random.seed(0)  # by itself it starts anywhere, and results have to repeat
    _capture(module)


_capture_python()
