"""Which calls of the student's functions does a test cell compare with a value?

Only what is plain is taken: a call, or a variable, that an assertion or a doctest compares as a whole. Its inputs
become those of a check; what to expect comes from the solution. Everything else gets a reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

from autograder.course.syntax import parse

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


def read_test(source: str, names: Set[str], *, shown: bool = True) -> Reading:
    """What a test case asks of these names of the student's.

    Args:
        source: of the test cell.
        names: that solution cells define.
        shown: whether a value that a line shows is compared, as in a doctest.
    """
    found = Reading()
    try:
        body: Sequence[ast.stmt] = parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        what = error.msg if isinstance(error, SyntaxError) else error
        found.reasons.append(f"it is not Python that can be read alone ({what})")
        return found
    function = _test_function(body)
    if function is not None:
        if any(argument.arg == "env" for argument in function.args.args):
            found.reasons.append("it takes all names of the notebook")
            return found
        body, shown = function.body, False
    reader = _Reader(found, names, shown=shown)
    reader.read([statement for statement in body if not _is_text(statement)])
    if reader.changed:
        found.calls.clear()
        found.reasons.append(f"`{reader.changed}` changes what its calls get between two of them: make a check of each")
    found.setup[:] = _needed(found)
    made = {node.id for line in found.setup for node in _names(parse(line)) if isinstance(node.ctx, ast.Store)}
    texts = [*found.setup, *(f"_({call.arguments or ''})" for call in found.calls)]
    drawn = any(node.id == "rng" for text in texts for node in _names(parse(text))) and "rng" not in made
    if drawn or any("random" in text or "torch" in text for text in texts):
        found.calls.clear()
        found.reasons.append("its inputs are random, or of torch: draw them from `rng`, write tensors as tensor(...)")
    if not found.calls and not found.reasons:
        found.reasons.append("it compares no answer with a value")
    return found


def _test_function(body: Sequence[ast.stmt]) -> ast.FunctionDef | None:
    """The function that is the whole test, as in Otter's exception format; a call of it may follow."""
    if not body or not isinstance(body[0], ast.FunctionDef) or len(body) > 2:
        return None
    function = body[0]
    if len(body) == 2:
        call = getattr(body[1], "value", None)
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != function.name:
            return None
        # Its arguments must be what Otter would pass: names of the notebook.
        wanted = [argument.arg for argument in function.args.args]
        if call.keywords or [getattr(given, "id", None) for given in call.args] != wanted[: len(call.args)]:
            return None
    return function


def _names(node: ast.AST) -> Iterator[ast.Name]:
    return (n for n in ast.walk(node) if isinstance(n, ast.Name))


def _bound(statement: ast.stmt) -> set[str]:
    """Names that a statement binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    return {node.id for node in _names(statement) if not isinstance(node.ctx, ast.Load)}


def _needed(found: Reading) -> list[str]:
    """The statements of the setup on which inputs depend; others, such as an expected value, need not even run."""
    wanted = {node.id for call in found.calls for node in _names(parse(f"_({call.arguments or ''})"))}
    kept: list[str] = []
    for text in reversed(found.setup):
        (statement,) = parse(text).body
        plain = isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.Assign)
        read = {node.id for node in _names(statement)}
        if not plain or wanted & (_bound(statement) | read):
            wanted |= read
            kept.append(text)
    return kept[::-1]


class _Reader:
    def __init__(self, found: Reading, names: Set[str], *, shown: bool) -> None:
        self.found, self.names, self.shown = found, names, shown
        #: Variables of the test that hold an answer.
        self.answers: dict[str, Call] = {}
        #: Names that hang on an answer in another way.
        self.touched: set[str] = set()
        #: Names that the setup binds, and whether an answer was asked for already.
        self.made: set[str] = set()
        self.asked = False
        #: A statement that changes inputs between two calls.
        self.changed = ""

    def read(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.Assign) and self._keep(statement):
                continue
            first = ast.unparse(statement).splitlines()[0]
            if _is_print(statement) and not (self.shown and self._mentions(statement)):
                continue
            if not self._mentions(statement):
                if isinstance(statement, ast.Assert):
                    self.found.reasons.append(f"`{first}` compares nothing that a solution cell defines")
                else:
                    self._make(statement)
                continue
            asked = list(self._compared(statement))
            if asked:
                self.found.calls += asked
                self.asked = True
                self._tolerance(statement)
                self._message(statement)
            else:
                self.touched |= _bound(statement)
                self.found.reasons.append(f"`{first}` is no plain comparison of an answer")

    def _make(self, statement: ast.stmt) -> None:
        """Keep a statement for the setup, which runs as a whole before the first call."""
        bound = _bound(statement)
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

    def _message(self, statement: ast.stmt) -> None:
        """Tell of a message: as a hint it would be shown for hidden checks, too, and may give the answer away."""
        message = statement.msg if isinstance(statement, ast.Assert) else None
        given = getattr(statement, "value", None)
        if isinstance(given, ast.Call):
            message = next((k.value for k in given.keywords if k.arg in ("err_msg", "msg")), None)
        if message is not None:
            self.found.notes.append(
                f"its message {ast.unparse(message)} is not taken over: make it the hint where it gives nothing away"
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
        known = self.names | self.answers.keys() | self.touched
        return any(name.id in known for name in _names(node))

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
        if isinstance(statement, ast.Expr) and not self.shown:  # what is neither asserted nor shown compares nothing
            if not isinstance(node, ast.Call) or not _last_name(node.func).startswith("assert"):
                return
        elif isinstance(statement, ast.Expr) and self._call(node) is not None:  # a doctest shows the answer itself
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


def _is_print(statement: ast.stmt) -> bool:
    call = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(call, ast.Call) and _last_name(call.func) == "print"
