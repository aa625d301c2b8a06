"""A question's public checks as a test file of otter-grader that students read and run at home.

The file stands alone: inputs and expected values are literals that give back the same bits, and the
functions that ask and compare are pasted from `autograder.course.otter_helpers`. Nothing of a
hidden check, and no reference code, is in it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.course import otter_helpers
from autograder.course.model import Check, Question
from autograder.course.probes import Call, Epochs, Gradient, Module, OnModule, Parts, Probe, Put, Script, Steps, Value
from autograder.course.values import Array, Code, Generator, TensorValue
from autograder.errors import CourseError

_WIDTH = 96
_COMPARING = (
    "_compare",
    "_compare_value",
    "_compare_numbers",
    "_kind",
    "_dtype",
    "_fits",
    "_numbers",
)
#: The functions that a file with this verb needs, beside `_defined`.
_HELPERS: dict[str, tuple[str, ...]] = {
    "call": ("_run", "_call", "_named", "_has_arrays", *_COMPARING),
    "gradient": ("_run", "_gradient", "_named", "_flat", *_COMPARING),
    "steps": ("_run", "_steps", "_named", "_has_arrays", "_same_arrays", "_put", "_reuse", *_COMPARING),
    "module": ("_run", "_module", *_COMPARING),
    "on_module": ("_run", "_on_module", *_COMPARING),
    "epochs": ("_run", "_epochs", "_batches", *_COMPARING),
    "value": _COMPARING,
    "script": ("_run", "_script", *_COMPARING),
}
Allowed = float | tuple[float, float]
#: Variables of a generated check; a question of such a name is renamed inside.
_LOCALS: tuple[str, ...] = (
    *("allowed", "answer", "args", "calls", "construct", "constructs", "expected", "kwargs"),
    *("batch_size", "epochs", "inputs", "lines", "module", "names", "reuse_buffers", "seed", "shown", "stale", "state"),
    *("training", "watch", "x", "y"),
)
_TORCH_VERBS = ("gradient", "module", "on_module")


@dataclass(frozen=True)
class PublicCase:
    """One probe of a public check with what the solution answered.

    Attributes:
        probe: as drawn with `autograder.course.draw.PUBLIC_SEED`.
        expected: the parts of the solution's answer, as the probe's `ask` names them.
        allowed: absolute tolerance by path of a leaf, such as ``"output"``, ``"output[0]"`` or
            ``"gradient of x"``, or a pair of absolute and relative tolerance. A leaf that is not
            listed takes that of the container around it, and must be equal where there is none.
    """

    probe: Probe
    expected: Parts
    allowed: Mapping[str, Allowed]


@dataclass(frozen=True)
class PublicCheck:
    """A public check with its cases."""

    check: Check
    cases: tuple[PublicCase, ...]


def test_file(
    question: Question,
    cases: Sequence[PublicCheck],
    hidden: Sequence[Check] = (),  # noqa: PT028  # no test, though it is called like one
    folder: str = "tests",  # noqa: PT028  # as above
) -> str:
    """The text of ``tests/NAME.py``; the same bytes for the same arguments.

    Args:
        question: whose test file it is.
        cases: its public checks in order. Without any, the file only says whether the name is
            there.
        hidden: checks for an archive of an instructor. The file names them; what they ask and expect lies in a data
            file, see `autograder.otter.examine`.
        folder: of the data files, seen from the notebook.

    Raises:
        CourseError: a check among `cases` is hidden, or an input or answer cannot be written as a literal.
    """
    secret = next((c.check for c in cases if not c.check.public), None)
    if secret is not None:
        raise CourseError(f"{secret.where}: check {secret.title!r} is hidden; only public checks go to students.")
    tests = [_test(number, question, public) for number, public in enumerate(cases, start=1)]
    tests = tests or [_presence(question)]
    worth = [public.check.hundredths for public in cases] or [0]
    tests += [_examined(number, question, check, folder) for number, check in enumerate(hidden, start=len(tests) + 1)]
    points = ", ".join(map(_points, (*worth, *(check.hundredths for check in hidden))))
    verbs = {case.probe.verb for public in cases for case in public.cases}
    body = "\n\n".join("\n".join(test) + "\n" for test in tests)
    parts = [
        f'"""Public checks of {question.name}; run them with grader.check("{question.name}")."""\n',
        "\n".join([*_imports(body, verbs), *([_EXAMINE] if hidden else [])]) + "\n",
        f'OK_FORMAT = False\n\nname = "{question.name}"\npoints = [{points}]\n\n',
        *(inspect.getsource(getattr(otter_helpers, helper)) + "\n" for helper in _needed(verbs)),
        body,
    ]
    return "\n".join(parts)


# Pytest collects functions of this name; this one is no test.
test_file.__test__ = False  # type: ignore[attr-defined]


#: Hidden checks need the package, which those who grade have installed.
_EXAMINE = "from autograder.otter.examine import examine"


def _imports(body: str, verbs: set[str]) -> Iterator[str]:
    yield from (
        ("import copy", "from typing import Any", "", "import numpy as np") if verbs else ("from typing import Any", "")
    )
    if "torch." in body or verbs & set(_TORCH_VERBS):
        yield "import torch"
    yield "from otter.test_files import test_case"


def _needed(verbs: set[str]) -> list[str]:
    """Helpers in the order of their module, each once."""
    wanted = {"_defined", *(helper for verb in verbs for helper in _HELPERS[verb])}
    return [name for name in vars(otter_helpers) if name in wanted]


def _test(number: int, question: Question, public: PublicCheck) -> list[str]:
    check = public.check
    used = [case.probe.uses for case in public.cases if isinstance(case.probe, Script)]
    names = list(dict.fromkeys([question.name, *(name for uses in used for name in uses)]))
    lines = _head(number, names, check.title, check.hundredths, "Right.", check.hint or None)
    name = question.name
    if name in _LOCALS:
        name = f"_{question.name}"
        lines.append(f"    {name} = {question.name}")
    for case in public.cases:
        try:
            lines += _case(name, case)
        except _UnwritableError as error:
            raise CourseError(
                f"{check.where}: check {check.title!r} is public, but {error}, which a test file "
                "cannot hold. Use other inputs, or make the check hidden."
            ) from error
    return lines


def _presence(question: Question) -> list[str]:
    """For a question without public checks: grader.check has seen no value and must say so."""
    told = "It is there. Whether it is right is checked after you hand in."
    return _head(1, [question.name], f"{question.name} has an answer", 0, told, None)


def _examined(number: int, question: Question, check: Check, folder: str) -> list[str]:
    """A hidden check: it takes the whole notebook, as the sandbox does."""
    decorator = _decorator(check.title, check.hundredths, "Right.", check.hint or None, hidden=True)
    return [
        *decorator,
        f"def check_{number}(env):",
        f"    examine({question.name!r}, {check.title!r}, env, {folder!r})",
    ]


def _head(
    number: int, names: Sequence[str], title: str, hundredths: int, success: str, failure: str | None
) -> list[str]:
    return [
        *_decorator(title, hundredths, success, failure, hidden=False),
        f"def check_{number}({', '.join(names)}):",
        *(f'    _defined("{name}", {name})' for name in names),
    ]


def _decorator(title: str, hundredths: int, success: str, failure: str | None, *, hidden: bool) -> list[str]:
    return [
        "@test_case(",
        f"    name={title!r},",
        f"    points={_points(hundredths)},",
        f"    hidden={hidden},",
        f"    success_message={success!r},",
        f"    failure_message={failure!r},",
        ")",
    ]


def _points(hundredths: int) -> str:
    return repr(hundredths // 100 if hundredths % 100 == 0 else hundredths / 100)


# One function per verb: the lines that get the answer, and names for values that occur again among
# the expected ones.


def _case(name: str, case: PublicCase) -> Iterator[str]:
    given: dict[str, tuple[str, Any]] = {}
    yield from _ASKING[type(case.probe)](name, case.probe, given)
    expected = {
        part: _Raw(given[part][0]) if part in given and _same(given[part][1], value) else value
        for part, value in case.expected.items()
    }
    yield from _assign("expected", expected)
    tolerances = {path: _tolerance(size) for path, size in sorted(case.allowed.items())}
    yield from _assign("allowed", tolerances)
    yield "    _compare(expected, answer, allowed)"


def _tolerance(size: Allowed) -> Allowed:
    absolute, relative = size if isinstance(size, tuple) else (size, 0.0)
    return (float(absolute), float(relative)) if relative else float(absolute)


def _ask_call(name: str, probe: Call, given: dict[str, tuple[str, Any]]) -> Iterator[str]:
    yield from _arguments(probe)
    for i in range(probe.times):
        given |= _unchanged(probe, i + 1)
    times = "" if probe.times == 1 else f", times={probe.times}"
    yield f"    answer = _call({_called(name, probe)}, args, kwargs{times})"


def _ask_gradient(name: str, probe: Gradient, given: dict[str, tuple[str, Any]]) -> Iterator[str]:
    yield from _arguments(probe)
    wrt = list(probe.wrt)
    function = _called(name, probe)
    yield f"    answer = _gradient({function}, args, kwargs, {wrt!r}, seed={probe.cotangent_seed})"


def _ask_steps(name: str, probe: Steps, given: dict[str, tuple[str, Any]]) -> Iterator[str]:
    yield from _assign("constructs", [(list(c.args), dict(c.kwargs)) for c in probe.constructs])
    if probe.watch_inputs:
        raise _UnwritableError("it watches the inputs of steps")
    if any(
        isinstance(item, Mapping) for c in probe.constructs for v in (*c.args, *c.kwargs.values()) for item in _items(v)
    ):
        raise _UnwritableError("it watches arrays in a dict")
    yield from _assign(
        "calls",
        [
            (c.path, c.on, [c.value], {}) if isinstance(c, Put) else (c.method, c.on, list(c.args), dict(c.kwargs))
            for c in probe.calls
        ],
    )
    yield f"    watch, reuse_buffers = {list(probe.watch)!r}, {probe.reuse_buffers}"
    yield f"    answer = _steps({name}, constructs, calls, watch, reuse_buffers)"


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _ask_module(name: str, probe: Module, given: dict[str, tuple[str, Any]]) -> Iterator[str]:
    yield from _assign("construct", (list(probe.construct.args), dict(probe.construct.kwargs)))
    yield from _assign("state", dict(probe.state))
    yield from _assign("args", list(probe.args))
    yield (
        f"    answer = _module({name}, construct, state, args, training={probe.training}, seed={probe.cotangent_seed})"
    )


def _ask_on_module(name: str, probe: OnModule, given: dict[str, tuple[str, Any]]) -> Iterator[str]:
    yield from _assign("module", probe.module)
    yield from _assign("state", dict(probe.state))
    yield from _arguments(probe)
    yield f"    training, stale, watch = {probe.training}, {probe.stale}, {list(probe.watch)!r}"
    yield f"    answer = _on_module({name}, module, state, args, kwargs, training, stale, watch)"


def _ask_epochs(name: str, probe: Epochs, given: dict[str, tuple[str, Any]]) -> Iterator[str]:
    yield from _assign("x", probe.x)
    yield from _assign("y", probe.y)
    yield f"    batch_size, seed, epochs = {probe.batch_size}, {probe.seed}, {probe.epochs}"
    yield (
        f"    answer = _epochs({name}, x, y, batch_size, seed, epochs, orders={probe.orders}, inputs={probe.inputs})"
    )


def _ask_value(name: str, probe: Value, given: dict[str, tuple[str, Any]]) -> Iterator[str]:
    yield f'    answer = {{"value": {name}}}'


def _ask_script(name: str, probe: Script, given: dict[str, tuple[str, Any]]) -> Iterator[str]:
    yield from _assign("inputs", dict(probe.inputs))
    yield from _assign("names", {used: _Raw(used) for used in probe.uses})
    yield from _assign("lines", probe.lines.splitlines())
    yield from _assign("shown", list(probe.shown))
    # The lines know the question by its own name, also where a variable of the check has it.
    yield f"    answer = _script({{{name.removeprefix('_')!r}: {name}, **names}}, inputs, lines, shown)"


_ASKING: dict[type[Any], Callable[[str, Any, dict[str, tuple[str, Any]]], Iterator[str]]] = {
    Call: _ask_call,
    Gradient: _ask_gradient,
    Steps: _ask_steps,
    Module: _ask_module,
    OnModule: _ask_on_module,
    Epochs: _ask_epochs,
    Value: _ask_value,
    Script: _ask_script,
}


def _called(name: str, probe: Call | Gradient) -> str:
    return f"{name}.{probe.method}" if probe.method else name


def _arguments(probe: Call | Gradient | OnModule) -> Iterator[str]:
    yield from _assign("args", list(probe.args))
    yield from _assign("kwargs", dict(probe.kwargs))


def _unchanged(probe: Call, number: int) -> dict[str, tuple[str, Any]]:
    """Where to find each input again: most are left alone, so that one literal will do."""
    places = [(str(i), f"args[{i}]", value) for i, value in enumerate(probe.args)]
    places += [(key, f"kwargs[{key!r}]", value) for key, value in probe.kwargs.items()]
    return {f"input {key} after call {number}": (place, value) for key, place, value in places}


def _same(given: Any, expected: Any) -> bool:
    """Whether two values would be written as the same literal."""
    try:
        return _flat_text(_literal(given)) == _flat_text(_literal(expected))
    except _UnwritableError:
        return False


# Values as Python text.


class _UnwritableError(Exception):
    """A value has no literal."""


@dataclass(frozen=True)
class _Raw:
    """An expression that is already text."""

    text: str


@dataclass(frozen=True)
class _Group:
    """Brackets with items, which may be spread over lines."""

    start: str
    items: tuple[_Group | str, ...]
    stop: str


_Text = _Group | str


def _assign(name: str, value: Any) -> Iterator[str]:
    lines = _layout(_prefixed(f"{name} = ", _literal(value)), "    ")
    yield from lines


def _layout(node: _Text, indent: str, after: str = "") -> list[str]:
    """Lines of a literal: one where it fits, else one per item, with rows of plain items filled."""
    flat = f"{indent}{_flat_text(node)}{after}"
    if isinstance(node, str) or len(flat) <= _WIDTH or not node.items:
        return [flat]
    inner = indent + "    "
    lines = [indent + node.start]
    fill = False
    for item in node.items:
        if fill and isinstance(item, str) and len(lines[-1]) + len(item) + 2 <= _WIDTH:
            lines[-1] += f" {item},"
        else:
            lines += _layout(item, inner, ",")
        fill = isinstance(item, str)
    return [*lines, f"{indent}{node.stop}{after}"]


def _flat_text(node: _Text) -> str:
    if isinstance(node, str):
        return node
    comma = "," if node.stop == ")" and node.start.endswith("(") and len(node.items) == 1 else ""
    return f"{node.start}{', '.join(map(_flat_text, node.items))}{comma}{node.stop}"


def _prefixed(prefix: str, node: _Text) -> _Text:
    return prefix + node if isinstance(node, str) else _Group(prefix + node.start, node.items, node.stop)


def _literal(value: Any) -> _Text:
    """Text that evaluates to an equal value of the same type, shape and dtype.

    Raises:
        _UnwritableError: there is none.
    """
    kind = type(value)
    if kind in _WRITERS:
        return _WRITERS[kind](value)
    if isinstance(value, Mapping):
        return _Group("{", tuple(_prefixed(f"{k!r}: ", _literal(v)) for k, v in value.items()), "}")
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name.replace('bool', 'bool_')}({_number(value)})"
    name = getattr(value, "type_name", kind.__name__)
    raise _UnwritableError(f"there is a value of type {name} in it")


def _number(value: Any) -> str:
    """A number as the shortest text that gives back the same bits."""
    if isinstance(value, bool | np.bool_):
        return repr(bool(value))
    if isinstance(value, int | np.integer):
        return repr(int(value))
    if isinstance(value, complex | np.complexfloating):
        return f"complex({_number(float(value.real))}, {_number(float(value.imag))})"
    if isinstance(value, float | np.floating):
        wide = float(value)
        if math.isnan(wide):
            return "np.nan"
        if math.isinf(wide):
            return "np.inf" if wide > 0 else "-np.inf"
        short = str(value) if isinstance(value, np.float32) else repr(wide)
        # 0.1 stands for a float32 only if reading it as a float64 and rounding gives that float32
        # again.
        return short if not isinstance(value, np.float32) or np.float32(float(short)) == value else repr(wide)
    raise _UnwritableError(f"there is an element of type {type(value).__name__} in it")


def _rows(array: Array) -> _Group:
    if array.ndim == 1:
        return _Group("[", tuple(_number(item) for item in array), "]")
    return _Group("[", tuple(_rows(row) for row in array), "]")


def _array_like(array: Array, maker: str, zeros: str, dtype: str) -> _Text:
    if array.size == 0:
        return f"{zeros}({array.shape!r}, dtype={dtype})"
    if array.ndim == 0:
        return f"{maker}({_number(array[()])}, dtype={dtype})"
    rows = _rows(array)
    return _Group(f"{maker}([", rows.items, f"], dtype={dtype})")


def _array(array: Array) -> _Text:
    if array.dtype.kind not in "biufc":
        raise _UnwritableError(f"there is an array of dtype {array.dtype} in it")
    return _array_like(array, "np.array", "np.zeros", f'"{array.dtype.name}"')


def _tensor(value: TensorValue) -> _Text:
    numbers = value.numbers()
    if value.dtype in ("float16", "bfloat16"):
        numbers = numbers.astype(np.float64)  # exact; torch rounds a decimal twice on its way to 16 bits
    text = _array_like(numbers, "torch.tensor", "torch.zeros", f"torch.{value.dtype}")
    if value.kind == "Parameter":
        made = _prefixed("torch.nn.Parameter(", text)
        stop = f", requires_grad={value.requires_grad})"
        return made + stop if isinstance(made, str) else _Group(made.start, made.items, made.stop + stop)
    return text


_WRITERS: dict[type[Any], Callable[[Any], _Text]] = {
    type(None): repr,
    bool: repr,
    int: repr,
    float: _number,
    complex: _number,
    str: repr,
    list: lambda value: _Group("[", tuple(map(_literal, value)), "]"),
    tuple: lambda value: _Group("(", tuple(map(_literal, value)), ")"),
    np.ndarray: _array,
    TensorValue: _tensor,
    Code: lambda value: f"({value.expression})",
    Generator: lambda value: f"np.random.default_rng({value.seed})",
    _Raw: lambda value: value.text,
}
