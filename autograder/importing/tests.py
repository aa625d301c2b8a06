"""Which calls of the student's functions does a test cell compare with a value?

Only what is plain is taken: a call, or a variable, that an assertion or a doctest compares as a whole. Its inputs
become those of a check; what to expect comes from the solution. Everything else gets a reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

#: Last part of the names of functions that compare their first two arguments.
_COMPARING = frozenset(
    {
        *("assert_allclose", "assert_array_equal", "assert_array_almost_equal", "assert_almost_equal", "assert_equal"),
        *("assert_close", "assertEqual", "assertAlmostEqual", "allclose", "array_equal", "isclose", "equal"),
    }
)
#: Arguments of theirs that say how far an answer may lie from the expected one.
_TOLERANCES = frozenset({"atol", "rtol", "abs_tol", "rel_tol", "decimal", "places", "delta"})
#: Those that may stand without their name, behind the two that are compared.
_IN_PLACE = {
    **dict.fromkeys(("assert_allclose", "allclose", "isclose"), ("rtol", "atol")),
    **dict.fromkeys(("assert_almost_equal", "assert_array_almost_equal"), ("decimal",)),
    "assertAlmostEqual": ("places",),
}
#: Functions around a comparison that only say that all of it holds.
_AROUND = frozenset({"all", "bool"})


@dataclass(frozen=True)
class Call:
    """What a test asks.

    Attributes:
        name: of the student's function, or of the variable.
        arguments: their text; None for a variable.
    """

    name: str
    arguments: str | None


@dataclass
class Reading:
    """What was found in a test case.

    Attributes:
        calls: what is asked, in order.
        setup: statements that make the inputs.
        reasons: of what was not taken.
        notes: what the check made of it does not do.
    """

    calls: list[Call] = field(default_factory=list)
    setup: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_test(source: str, names: Set[str]) -> Reading:
    """What a test case asks of these names of the student's."""
    found = Reading()
    try:
        body: Sequence[ast.stmt] = ast.parse(source).body
    except SyntaxError as error:
        found.reasons.append(f"it is not Python that can be read alone ({error.msg})")
        return found
    if body and isinstance(body[0], ast.FunctionDef):  # Otter's exception format: a function, and perhaps its call
        if any(argument.arg == "env" for argument in body[0].args.args):
            found.reasons.append("it takes all names of the notebook")
            return found
        body = [s for s in body[0].body if not _is_text(s)]
    reader = _Reader(found, names)
    reader.read(body)
    if reader.changed:
        found.calls.clear()
        found.reasons.append(f"`{reader.changed}` changes what its calls get between two of them: make a check of each")
    if any("random" in line or "torch" in line for line in (*found.setup, *(c.arguments or "" for c in found.calls))):
        found.calls.clear()
        found.reasons.append("its inputs are random, or of torch: draw them from `rng`, write tensors as tensor(...)")
    if not found.calls and not found.reasons:
        found.reasons.append("it compares no answer with a value")
    return found


class _Reader:
    def __init__(self, found: Reading, names: Set[str]) -> None:
        self.found, self.names = found, names
        #: Variables of the test that hold an answer.
        self.answers: dict[str, Call] = {}
        #: Names that the setup binds, and whether an answer was asked for already.
        self.made: set[str] = set()
        self.asked = False
        #: A statement that changes inputs between two calls.
        self.changed = ""

    def read(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.Assign) and self._keep(statement):
                continue
            if not self._mentions(statement):
                self._make(statement)
                continue
            asked = list(self._compared(statement))
            if asked:
                self.found.calls += asked
                self.asked = True
                self._tolerance(statement)
            else:
                self.found.reasons.append(
                    f"`{ast.unparse(statement).splitlines()[0]}` is no plain comparison of an answer"
                )

    def _make(self, statement: ast.stmt) -> None:
        """Keep a statement for the setup, which runs as a whole before the first call."""
        bound = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        fresh = isinstance(statement, ast.Import | ast.ImportFrom) or (
            isinstance(statement, ast.Assign)
            and all(isinstance(target, ast.Name) for target in statement.targets)
            and not bound & self.made
        )
        if self.asked and not fresh:
            self.changed = ast.unparse(statement).splitlines()[0]
        self.made |= bound
        self.found.setup.append(ast.unparse(statement))

    def _tolerance(self, statement: ast.stmt) -> None:
        """Tell of a tolerance: a check has one of its own."""
        calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        named = {k.arg for call in calls for k in call.keywords if k.arg in _TOLERANCES}
        in_place = {
            name
            for call in calls
            for name, _ in zip(_IN_PLACE.get(_last_name(call.func), ()), call.args[2:], strict=False)
        }
        given = sorted(named | in_place)
        if given:
            self.found.notes.append(
                f"its {' and '.join(given)} are not taken over: give the check a Tolerance(...) "
                "where the default is too strict"
            )

    def _keep(self, statement: ast.Assign) -> bool:
        """Whether a variable is set to an answer, to be compared later."""
        call = self._call(statement.value)
        if call is None or len(statement.targets) != 1 or not isinstance(statement.targets[0], ast.Name):
            return False
        self.answers[statement.targets[0].id] = call
        self.asked = True
        return True

    def _mentions(self, node: ast.AST) -> bool:
        known = self.names | self.answers.keys()
        return any(isinstance(n, ast.Name) and n.id in known for n in ast.walk(node))

    def _call(self, node: ast.expr) -> Call | None:
        """The answer that an expression is as a whole."""
        if isinstance(node, ast.Name):
            if node.id in self.answers:
                return self.answers[node.id]
            return Call(node.id, None) if node.id in self.names else None
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in self.names:
            return None
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if any(self._mentions(argument) for argument in given):
            return None
        text = ast.unparse(node)
        return Call(node.func.id, text[len(node.func.id) + 1 : -1])

    def _compared(self, statement: ast.stmt) -> Iterator[Call]:
        node = statement.test if isinstance(statement, ast.Assert) else getattr(statement, "value", None)
        if not isinstance(statement, ast.Assert | ast.Expr) or node is None:
            return
        if isinstance(statement, ast.Expr) and self._call(node) is not None:  # a doctest shows the answer itself
            yield from filter(None, [self._call(node)])
            return
        while isinstance(node, ast.Call) and _last_name(node.func) in _AROUND and len(node.args) == 1:
            node = node.args[0]
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "all"
            and not node.args
        ):
            node = node.func.value
        if isinstance(node, ast.Compare) and [type(op) for op in node.ops] == [ast.Eq]:
            sides: list[ast.expr] = [node.left, node.comparators[0]]
        elif isinstance(node, ast.Call) and _last_name(node.func) in _COMPARING and len(node.args) >= 2:
            sides = node.args[:2]
        else:
            return
        calls = [self._call(side) for side in sides]
        for call, other in zip(calls, reversed(sides), strict=True):
            if call is not None and not self._mentions(other):
                yield call


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
