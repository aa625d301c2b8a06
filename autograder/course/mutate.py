"""Mutants of a reference: what a slip of the pen could have made of it, one change at a time.

A check is worth something if it can tell the reference from nearly the same code. Every mutant has one change inside
the marks of a solution: another operator, constant, axis, comparison or reduction; a clamp, a shift or a statement left
out. What is raised for illegal inputs is not changed, because no probe asks for it; nor are plain conversions of an
input, ``x = np.asarray(x)``, because most of NumPy converts by itself.

Mutants are made from the syntax tree, and their text and the lines in a report are those of `ast.unparse`: without
comments, docstrings and the author's line breaks.
"""

from __future__ import annotations

import ast
import copy
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autograder.course.marks import MasterText, Region
from autograder.course.model import Question
from autograder.errors import CourseError

_OPERATORS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    # At the boundary, and the other way round.
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}

#: Functions and methods that are easily taken for each other.
_NAMES = {
    "max": "min",
    "amax": "amin",
    "maximum": "minimum",
    "argmax": "argmin",
    "sum": "mean",
    "cumsum": "cumprod",
    "zeros": "ones",
    "zeros_like": "ones_like",
    "floor": "ceil",
    "any": "all",
    "log": "log1p",
    "exp": "expm1",
    "sin": "cos",
    "sinh": "cosh",
}
_NAMES |= {second: first for first, second in _NAMES.items()}

#: Calls that leave a value nearly as it is: clamps, roots, copies. Left out, one at a time.
_NEARLY_NOTHING = frozenset(
    {"abs", "absolute", "astype", "clamp", "clamp_min", "clip", "clone", "copy", "detach", "flip", "maximum", "minimum"}
    | {"sqrt", "square", "transpose", "where"}
)

#: Conditions that are turned around by way of their operator.
_TOLD_APART = (ast.Compare, ast.UnaryOp, ast.BoolOp)
#: Calls whose arguments no probe can see.
_UNSEEN = frozenset({"cast", "errstate", "warn"})
#: Parts of the tree that are no code of the solution, or that no probe can see.
_SKIPPED_FIELDS = frozenset({"annotation", "returns", "decorator_list", "type_params", "type_comment"})
_SKIPPED_NODES = (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Assert)


@dataclass(frozen=True)
class Mutant:
    """The reference of a question with one change.

    Attributes:
        name: the change in one line, such as ``e / e.sum() -> e * e.sum()``.
        source: code of a cell that redefines the question's name.
        diff: the change as a unified diff.
        equivalent: why it cannot be told from the reference, "" for one that a hidden check must reject.
    """

    name: str
    source: str
    diff: str
    equivalent: str = ""


def mutants(master: MasterText, question: Question) -> tuple[Mutant, ...]:
    """All mutants of a question's reference, in the order of the code; none for a value.

    Args:
        master: the file that defines the question.
        question: one of its questions.

    Raises:
        CourseError: `checks.py` declares a mutant as equivalent that does not exist.
    """
    definition = copy.deepcopy(master.definition(question))
    found = tuple(_mutants(definition, master)) if question.kind != "value" else ()
    known = {mutant.name for mutant in found}
    for declared in question.equivalent_mutants:
        if declared.name not in known:
            raise CourseError(
                f"{declared.where}: {question.name} has no mutant {declared.name!r}. Copy its line from the list of "
                "survivors that `autograder validate` shows, or remove the declaration."
            )
    reasons = {declared.name: declared.reason for declared in question.equivalent_mutants}
    return tuple(Mutant(m.name, m.source, m.diff, reasons.get(m.name, "")) for m in found)


def _mutants(definition: ast.stmt, master: MasterText) -> Iterator[Mutant]:
    walk = _Walk(master)
    _without_docstrings(definition)
    original = ast.unparse(definition)
    seen, names = {original}, set[str]()
    for owner, field, changed in walk.edits(definition):
        kept = getattr(owner, field)
        setattr(owner, field, changed)
        source = ast.unparse(ast.fix_missing_locations(definition))
        setattr(owner, field, kept)
        if source in seen:
            continue
        seen.add(source)
        diff = list(difflib.unified_diff(original.splitlines(), source.splitlines(), "reference", "mutant", "", "", 1))
        name = base = " -> ".join(
            " ".join(line[1:].strip() for line in diff[2:] if line.startswith(sign)) or "nothing" for sign in "-+"
        )
        for count in range(2, 100):  # two equal lines, changed in the same way
            if name not in names:
                break
            name = f"{base} ({count})"
        names.add(name)
        yield Mutant(name, source, "\n".join(line.rstrip() for line in diff))


def _without_docstrings(definition: ast.stmt) -> None:
    for node in ast.walk(definition):
        if (
            isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass(lineno=node.lineno, end_lineno=node.lineno, col_offset=0)]


class _Walk:
    """Finds the places in a definition that can be changed, and what each can become."""

    def __init__(self, master: MasterText) -> None:
        self._regions: list[Region] = master.regions
        self._modules = {
            alias.asname or alias.name.split(".")[0]
            for node in ast.walk(master.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        self._bound: dict[str, int] = {}

    def edits(self, definition: ast.stmt) -> Iterator[tuple[ast.AST, str, Any]]:
        """Owner, field and new value of every change, outermost first."""
        self._bound = {}
        for node in ast.walk(definition):
            if isinstance(node, ast.arg):
                self._bound[node.arg] = 0
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._bound[node.id] = min(node.lineno, self._bound.get(node.id, node.lineno))
        yield from self._visit(definition, definition.lineno)

    def _visit(self, owner: ast.AST, line: int) -> Iterator[tuple[ast.AST, str, Any]]:
        for field, value in ast.iter_fields(owner):
            if field in _SKIPPED_FIELDS or (field == "test" and _is_guard(owner)):
                continue
            children = value if isinstance(value, list) else [value]
            for at, child in enumerate(children):
                if not isinstance(child, ast.AST) or isinstance(child, _SKIPPED_NODES) or _called(child) in _UNSEEN:
                    continue
                if isinstance(child, ast.keyword) and child.arg == "strict":  # of zip: raises for illegal inputs
                    continue
                here = getattr(child, "lineno", line)
                if any(region.begin < here < region.end for region in self._regions):
                    for new in self._alternatives(field, child):
                        put = [new] if new is not None else []
                        yield owner, field, [*children[:at], *put, *children[at + 1 :]] if children is value else new
                yield from self._visit(child, here)

    def _alternatives(self, field: str, node: ast.AST) -> Iterator[ast.AST | None]:
        """What can stand in the place of a node; None takes it out of its list."""
        for operator in _OPERATORS.get(type(node), ()):
            yield operator()
        if isinstance(node, ast.Constant):
            yield from _constants(node)
        elif isinstance(node, ast.UnaryOp):
            yield node.operand
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            yield node.left
        elif isinstance(node, ast.keyword) and node.arg not in (None, "keepdims", "keepdim"):
            yield None
        elif isinstance(node, ast.IfExp):
            yield ast.IfExp(node.test, node.orelse, node.body)
        elif isinstance(node, ast.Call):
            yield from self._calls(node)
        elif isinstance(node, ast.stmt) and self._can_go(node):
            yield ast.Pass()
        if field == "test" and isinstance(node, ast.expr) and not isinstance(node, _TOLD_APART):
            yield ast.UnaryOp(ast.Not(), node)

    def _calls(self, node: ast.Call) -> Iterator[ast.AST]:
        function, name = node.func, _called(node)
        of_module = not isinstance(function, ast.Attribute) or (
            isinstance(function.value, ast.Name) and function.value.id in self._modules
        )
        if name in _NAMES:
            other = _NAMES[name]
            changed = ast.Attribute(function.value, other) if isinstance(function, ast.Attribute) else ast.Name(other)
            yield ast.Call(changed, node.args, node.keywords)
        if name == "where" and len(node.args) == 3:
            condition, yes, no = node.args
            yield ast.Call(function, [condition, no, yes], node.keywords)
            yield yes
        elif name in _NEARLY_NOTHING and isinstance(function, ast.Attribute) and not of_module:
            yield function.value
        elif name in _NEARLY_NOTHING and node.args:
            yield node.args[0]

    def _can_go(self, statement: ast.stmt) -> bool:
        """Whether a statement can be left out without leaving a name undefined."""
        if isinstance(statement, ast.AugAssign):
            return True
        if isinstance(statement, ast.Expr):
            return isinstance(statement.value, ast.Call)
        if not isinstance(statement, ast.Assign) or _is_conversion(statement.value):
            return False
        stored = [
            node.id
            for target in statement.targets
            for node in ast.walk(target)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        return all(self._bound[name] < statement.lineno for name in stored)


def _is_conversion(value: ast.expr) -> bool:
    """Whether a value is a call of one name and nothing else, or several of them."""
    if isinstance(value, ast.Tuple):
        return all(map(_is_conversion, value.elts))
    return isinstance(value, ast.Call) and not value.keywords and [type(a) for a in value.args] == [ast.Name]


def _called(node: ast.AST) -> str:
    """The last word of what a call calls, "" for any other node."""
    function = node.func if isinstance(node, ast.Call) else None
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
        if value:
            yield ast.Constant(type(value)(0))


def _is_guard(node: ast.AST) -> bool:
    """Whether a condition only decides that an input is illegal."""
    return isinstance(node, ast.If) and all(isinstance(statement, ast.Raise) for statement in node.body)
