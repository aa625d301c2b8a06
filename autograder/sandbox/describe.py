"""What an exception of student code is in words: its message, the student's own line, the frames of cells.

A small registry remembers what the words need: the lines of each cell, and the names that failed cells would have
defined.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import re
import warnings
from collections.abc import Collection, Iterator
from itertools import groupby
from types import CodeType, TracebackType
from typing import Any, cast

from autograder.sandbox.capture import encodable

# A private copy, for the reason given in `autograder.sandbox.stubs`.
globals()["__builtins__"] = dict(vars(builtins))

_MESSAGE_LIMIT = 2_000
_LINE_LIMIT = 200  # characters of a source line in a message
_NAME_LIMIT = 100
_FIRST_FRAMES, _LAST_FRAMES = 10, 9  # with a line that counts the others: 20

#: Lines of the cells by the file name of their code ("<cell 3>"); a cell may clear `linecache`.
_LINES: dict[str, tuple[str, ...]] = {}
#: Where `inspect` and warnings look source lines up; a cell may replace the attribute.
_line_cache: dict[str, Any] = linecache.cache
#: How a cell is called in words, where its file name does not say it.
_LABELS: dict[str, str] = {}
#: Names that a failed cell would have defined, and that cell ("cell 2").
_LOST: dict[str, str] = {}

# Descriptors of the base types: classes of students may define these names themselves.
_name_of_type = cast(Any, type.__dict__["__name__"]).__get__
_traceback_of = cast(Any, BaseException.__dict__["__traceback__"]).__get__


# The registry of cells. A cell goes by the file name of its code, "<cell 3>".


def cell_starts(cell: str, source: str) -> None:
    """Remember the lines of a cell, for messages and for `inspect`."""
    lines = _LINES[cell] = tuple(source.split("\n"))
    _line_cache[cell] = (len(source), None, [f"{line}\n" for line in lines], cell)


def know_cell(file: str, label: str, source: str) -> None:
    """Remember a cell that a kernel has compiled under a file name of its own, and how to call it in words."""
    _LINES[file], _LABELS[file] = tuple(source.split("\n")), label


def cell_failed(cell: str, source: str, defined: Collection[str]) -> None:
    """Remember the names that the cell would have defined, those that are defined all the same apart."""
    _LOST.update(dict.fromkeys(_names_assigned(source).difference(defined), cell[1:-1]))


def cell_succeeded(defined: Collection[str]) -> None:
    """Forget the lost names that are defined by now."""
    for name in _LOST.keys() & defined:
        del _LOST[name]


def cell_lines(code: CodeType) -> tuple[str, ...] | None:
    """The lines of the cell that this code comes from; None for code of a library."""
    return _LINES.get(code.co_filename)


def forget_cells() -> None:
    """Empty the registry."""
    for cell in _LINES:
        _line_cache.pop(cell, None)
    _LINES.clear()
    _LABELS.clear()
    _LOST.clear()


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


# Words.


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
        return type_name(type(error)), ()


def type_name(cls: type) -> str:
    """The name of a class, whatever its metaclass says, cut to 100 characters."""
    return cut(encodable(_name_of_type(cls)), _NAME_LIMIT)


def cut(text: str, limit: int) -> str:
    """The text, with ``...`` for its end where it has more characters than `limit`."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


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
            traceback = traceback or (encodable(place),)
    else:
        text = _text_of(error)
    message = type_name(type(error))
    if text is None:
        message += " (no message)"
    elif text:
        message += f": {cut(text, _MESSAGE_LIMIT - 2 * _LINE_LIMIT - _NAME_LIMIT)}"
    message += _lost_name(error)
    if place:
        message += f" ({place})"
    return cut(encodable(message), _MESSAGE_LIMIT), traceback


def _is_of_cell(error: SyntaxError) -> bool:
    return type(error.filename) is str and error.filename in _LINES


def _text_of(error: BaseException) -> str | None:
    """The text of an exception; None when its own methods fail."""
    try:
        return str.__str__(str(error))
    except BaseException:  # student code
        return None


def _lost_name(error: BaseException) -> str:
    if not issubclass(type(error), NameError):
        return ""
    name = cast(NameError, error).name
    cell = _LOST.get(name) if type(name) is str else None
    return f"; it should have been defined in {cell}, which failed" if cell else ""


def _student_frames(traceback: TracebackType | None) -> tuple[tuple[str, ...], str]:
    """Lines for frames of cells (no repetitions, no middle of many) and the innermost place."""
    # A recursion may have thousands of frames: only those that are shown become text.
    frames: list[tuple[tuple[str, int, str], int]] = []
    for frame, same in groupby(_cell_frames(traceback)):
        count = sum(1 for _ in same)
        frames.append((frame, 1))
        if count > 1:
            frames.append((frame, count))
    if not frames:
        return (), ""
    filename, number, _ = frames[-1][0]
    hidden = len(frames) - _FIRST_FRAMES - _LAST_FRAMES
    if hidden <= 0:
        lines = [_frame_line(*entry) for entry in frames]
    else:
        lines = [_frame_line(*entry) for entry in frames[:_FIRST_FRAMES]]
        lines.append(f"[... {hidden} more lines]")
        lines += [_frame_line(*entry) for entry in frames[-_LAST_FRAMES:]]
    return tuple(encodable(line) for line in lines), _place(filename, number)


def _cell_frames(traceback: TracebackType | None) -> Iterator[tuple[str, int, str]]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename in _LINES:
            yield code.co_filename, traceback.tb_lineno, code.co_name
        traceback = traceback.tb_next


def _frame_line(frame: tuple[str, int, str], count: int) -> str:
    """A frame, or, for a count above one, that it is there so many times in a row."""
    if count == 2:
        return "[the same line once more]"
    if count > 1:
        # The depth of an endless recursion depends on who calls: left out, so that reports repeat.
        return f"[the same line {'many' if count > 50 else count - 1} more times]"
    filename, number, function = frame
    return _place(filename, number, "" if function == "<module>" else f", in {cut(function, _NAME_LIMIT)}")


def _place(filename: str, number: int, where: str = "") -> str:
    lines = _LINES[filename]
    text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return f"{_LABELS.get(filename, filename[1:-1])}, line {number}{where}" + (
        f": {cut(text, _LINE_LIMIT)}" if text else ""
    )
