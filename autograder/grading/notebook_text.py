"""What does the text of a notebook use, and where? Read, never run.

A static look finds what is written down plainly. Text that is decoded and executed, or a name put together at run
time, it does not find: the run-time records of `autograder.course.observe` may, and a flag asks a person to look.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autograder.course.observe import Forbids
from autograder.course.syntax import parse
from autograder.messages import say
from autograder.sandbox.shell import to_python
from autograder.text import visible

#: Longer cells are not parsed: that could take more memory than a whole class of ordinary ones.
MAX_CHARACTERS = 200_000

#: What a person should see, by name, and why: the key of a message in the section "policy".
_FROM_TEXT = "from_text"
_OUT_OF_SIGHT = "out_of_sight"
_HOOKS = "hooks"
_BARE_NAMES = {"exec": _FROM_TEXT, "eval": _FROM_TEXT, "compile": _FROM_TEXT, "__import__": _FROM_TEXT}
_MODULES = dict.fromkeys(
    ("threading", "_thread", "concurrent", "multiprocessing", "subprocess", "ctypes", "pty"), _OUT_OF_SIGHT
)
_NAMES = dict.fromkeys(
    (
        *("_disable_current_modes", "_pop_mode", "_pop_mode_temporarily", "_pop_torch_dispatch_stack"),
        *("_pop_torch_function_stack", "_DisableTorchDispatch", "_DisablePythonDispatcher", "_ExcludeDispatchKeyGuard"),
        *("DisableTorchFunction", "DisableTorchFunctionSubclass", "settrace", "setprofile", "_getframe"),
    ),
    _HOOKS,
) | dict.fromkeys(("fork", "posix_spawn", "execv", "execve"), _OUT_OF_SIGHT)


@dataclass(frozen=True)
class Use:
    """A name in the text of a notebook."""

    name: str
    cell: int
    line: int


@dataclass(frozen=True)
class _Definition:
    """A statement at the top of a cell (of an import, one of its names) that binds a name."""

    cell: int
    node: ast.AST


class NotebookText:
    """The code cells of one submission: number and source of each. Parsed when first asked."""

    def __init__(self, cells: Sequence[tuple[int, str]]) -> None:
        self._sources = dict(cells)

    def place(self, use: Use) -> str:
        """Where a name stands, with the student's line."""
        lines = self._sources[use.cell].splitlines()
        text = lines[use.line - 1].strip() if 0 < use.line <= len(lines) else ""
        return f"{say('report.place', cell=use.cell, line=use.line)}: {visible(text, 200)}"

    def has(self, cell: int, line: int) -> bool:
        """Whether the notebook has this line."""
        return 0 < line <= len(self._sources.get(cell, "").splitlines())

    def mentions(self, word: str) -> bool:
        """Whether some cell contains this text."""
        return any(word in source for source in self._sources.values())

    @property
    def unread(self) -> list[int]:
        """Cells that are too long to be looked through."""
        return [number for number, source in self._sources.items() if len(source) > MAX_CHARACTERS]

    @cached_property
    def suspicious(self) -> dict[str, tuple[Use, str]]:
        """For each name that a person should see: its first place, and the key of the reason."""
        found: dict[str, tuple[Use, str]] = {}
        for cell, tree in self._trees.items():
            for node in _nodes(tree):
                read = _READ.get(type(node))
                for name, why in read(node) if read is not None else ():
                    found.setdefault(name, (Use(name, cell, getattr(node, "lineno", 1)), why))
        return found

    def uses(self, question: str, others: Iterable[str]) -> tuple[str, ...]:
        """Those of the other names that the statements which define a question read, in the order of `others`."""
        read = {name for definition in self._definitions.get(question, ()) for name in _free_names(definition.node)}
        return tuple(name for name in others if name in read and name != question)

    def forbidden(self, question: str, forbids: Forbids) -> Iterator[Use]:
        """What a question forbids in the statements that define it, and in those that define what they use."""
        names, imports = set(forbids.names), set(forbids.imports)
        waiting, seen = [question], set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for definition in self._definitions.get(name, ()):
                for node in ast.walk(definition.node):
                    line = getattr(node, "lineno", 1)
                    yield from (Use(p, definition.cell, line) for p in _packages(node) if p in imports)
                    yield from (Use(n, definition.cell, line) for n in _identifiers(node) if n in names)
                waiting += _free_names(definition.node)

    @cached_property
    def _trees(self) -> dict[int, ast.Module]:
        parsed = ((number, _parse(source)) for number, source in self._sources.items())
        return {number: tree for number, tree in parsed if tree is not None}

    @cached_property
    def _definitions(self) -> dict[str, list[_Definition]]:
        found: dict[str, list[_Definition]] = {}
        for cell, tree in self._trees.items():
            for statement in tree.body:
                for name, node in _bound(statement):
                    found.setdefault(name, []).append(_Definition(cell, node))
        return found


def _parse(source: str) -> ast.Module | None:
    """The cell as a tree, magics rewritten as in the job; None where there is nothing to read: it did not run either.

    Python's parser brings identifiers into NFKC form, so that look-alikes have the name they stand for.
    """
    if len(source) > MAX_CHARACTERS:
        return None
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tree = parse(source)
            except SyntaxError:
                tree = parse(to_python(source, {}) or "")
            for node in _nodes(tree):
                if type(node) is ast.Call:
                    tree.body += _inside_magic(node)
    except Exception:  # SyntaxError, ValueError, RecursionError, MemoryError: depends on the text
        return None
    return tree


def _nodes(tree: ast.AST) -> list[ast.AST]:
    """All nodes of a tree in the order of `ast.walk`, but faster: every notebook is read this way."""
    found = [tree]
    for node in found:
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif type(value) is list:
                found += [item for item in value if isinstance(item, ast.AST)]
    return found


def _inside_magic(node: ast.Call) -> list[ast.stmt]:
    """The statements that a magic such as ``%%time`` runs: IPython hands it their text."""
    if not (isinstance(node.func, ast.Attribute) and node.args):
        return []
    text = node.args[-1]
    if node.func.attr not in ("run_cell_magic", "run_line_magic") or not isinstance(text, ast.Constant):
        return []
    try:
        inner = parse("\n" * (node.lineno - (node.func.attr == "run_line_magic")) + str(text.value))
    except SyntaxError:
        return []
    return inner.body


def _among(names: Iterable[str], reasons: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, reasons[name]) for name in names if name in reasons]


#: What a person should see in a node, by its type; all other types have no name of their own.
_READ: dict[type[ast.AST], Callable[[Any], list[tuple[str, str]]]] = {
    ast.Name: lambda node: _among((node.id,), _BARE_NAMES) + _among((node.id,), _NAMES),
    ast.Attribute: lambda node: _among((node.attr,), _NAMES),
    ast.alias: lambda node: _among(_identifiers(node), _NAMES),
    ast.Constant: lambda node: _among(_identifiers(node), _NAMES),
    ast.Import: lambda node: _among(_packages(node), _MODULES),
    ast.ImportFrom: lambda node: _among(_packages(node), _MODULES),
}


def _packages(node: ast.AST) -> Iterator[str]:
    """Packages that this node imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield (node.module or "").partition(".")[0]


def _identifiers(node: ast.AST) -> Iterator[str]:
    """Names that stand in this node itself."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.alias):
        yield from node.name.split(".")
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
        yield node.value  # as in getattr(torch, "softmax")


def _bound(statement: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    """The names that a statement at the top of a cell binds, each with the node that says to what."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name, statement
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                # Of `import a, b` each name stands for its own module only.
                one: ast.stmt = (
                    ast.Import([alias])
                    if isinstance(node, ast.Import)
                    else ast.ImportFrom(node.module, [alias], node.level)
                )
                yield alias.asname or alias.name.partition(".")[0], ast.copy_location(one, node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, statement
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node


def _free_names(definition: ast.AST) -> set[str]:
    """Names that a definition reads and does not bind itself: those it takes from the notebook."""
    read: set[str] = set()
    own: set[str] = set()
    for node in ast.walk(definition):
        if isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else own).add(node.id)
        elif isinstance(node, ast.alias):
            own.add(node.asname or node.name.partition(".")[0])
    return read - own
