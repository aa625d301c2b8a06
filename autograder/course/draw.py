"""Which inputs does a check get: its seeded generator, and what the author's function made of it.

Everyone gets the same inputs for the same seed, whatever else is graded, in whatever order: each
check has a generator of its own, made from the seed and its names. Public checks always use
`PUBLIC_SEED`, since their inputs are printed in the students' test files; hidden ones use the seed
of the run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from autograder.course.accelerator import Device
from autograder.course.model import Assignment, Check, Question
from autograder.course.observe import Lines, Ops
from autograder.course.probes import (
    Call,
    Do,
    Epochs,
    Gradient,
    Module,
    OnModule,
    Probe,
    Put,
    Result,
    Script,
    Steps,
    Value,
)
from autograder.course.values import Code, Generator, TensorValue
from autograder.errors import CourseError

PUBLIC_SEED = 0

_VERBS = (Call, Gradient, Steps, Module, OnModule, Epochs, Script, Value, Ops, Lines, Device)
_SCALARS = (type(None), bool, int, float, complex, str, TensorValue, Code, Generator, Result)


def check_rng(seed: int, assignment: str, question: str, title: str) -> np.random.Generator:
    """The generator of one check.

    The same on every machine and in every process: its state comes from a SHA-256 of the words, not
    from Python's `hash`, and the bit generator is named rather than left to NumPy's default.

    Args:
        seed: of the run, or `PUBLIC_SEED`.
        assignment: name of the assignment.
        question: name of the question.
        title: title of the check.
    """
    words = json.dumps([seed, assignment, question, title]).encode()
    entropy = int.from_bytes(hashlib.sha256(words).digest(), "big")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def draw(check: Check, rng: np.random.Generator) -> tuple[Probe, ...]:
    """The probes of a check for one generator, at least one.

    Raises:
        CourseError: the author's function raised, returned something other than probes, or a probe
            that nobody could answer; the message names the check and what to write instead.
    """
    label = f"{check.where}: check {check.title!r}"
    try:
        drawn = check.draw(rng)
    except Exception as error:  # the author's code: whatever it raises is told as the author's error
        line = _line_of(error, check.draw.__code__.co_filename if hasattr(check.draw, "__code__") else "")
        at = f" (line {line})" if line else ""
        raise CourseError(f"{label} raised {type(error).__name__} while making its inputs{at}: {error}") from error
    probes = tuple(drawn) if isinstance(drawn, list | tuple) else (drawn,)
    if drawn is None:
        raise CourseError(f"{label} returns nothing. End it with: return call(...), or another probe.")
    if not probes:
        raise CourseError(f"{label} returns no probe at all. Return one probe, or a list of them.")
    for probe in probes:
        if not isinstance(probe, _VERBS):
            raise CourseError(
                f"{label} returns a {type(probe).__name__}, which is no probe. Return call(...), "
                "gradient(...), steps(...), module(...), on_module(...), epochs(...), script(...), value(), ops(...), "
                "lines(...) or device(...)."
            )
        complaint = next(_complaints(probe), None)
        if complaint:
            raise CourseError(f"{label}: {complaint}")
    return probes


def probes_of(assignment: Assignment, question: Question, check: Check, seed: int) -> tuple[Probe, ...]:
    """The probes of a check in a run with this seed.

    Args:
        assignment: where the check belongs.
        question: whose check it is.
        check: the check itself.
        seed: of the run; a public check does not depend on it.

    Raises:
        CourseError: as in `draw`.
    """
    used = PUBLIC_SEED if check.public else seed
    return draw(check, check_rng(used, assignment.name, question.name, check.title))


def _complaints(probe: Probe) -> Iterator[str]:
    """What would keep every submission, the solution included, from answering this probe."""
    yield from _SHAPES_OF_VERBS[type(probe)](probe)
    for field_name, value in vars(probe).items():
        yield from _strangers(value, field_name)


def _call(probe: Call) -> Iterator[str]:
    if probe.times < 1:
        yield f"times is {probe.times}, it must be at least 1."


def _gradient(probe: Gradient) -> Iterator[str]:
    arguments: dict[str, Any] = {str(i): a for i, a in enumerate(probe.args)} | dict(probe.kwargs)
    if not probe.wrt:
        yield "gradient(...) names no argument in wrt."
    for name in probe.wrt:
        if name not in arguments:
            known = ", ".join(arguments) or "none"
            yield f"gradient for {name!r}, which is not among its arguments: {known}."
        elif not (isinstance(arguments[name], TensorValue) and "float" in arguments[name].dtype):
            yield f"gradient for {name!r}, which is no tensor of floats. Write {name}=tensor(...)."


def _steps(probe: Steps) -> Iterator[str]:
    if not probe.constructs or not probe.calls:
        yield "steps(...) needs something to construct and at least one do(...)."
    for made in probe.constructs:
        if not isinstance(made, Call):
            yield f"steps(...) constructs from call(...), not from a {type(made).__name__}."
            return
    for number, done in enumerate(probe.calls, start=1):
        what = f"put({done.path!r}" if isinstance(done, Put) else f"do({done.method!r}"
        if not 0 <= done.on < len(probe.constructs):
            count = len(probe.constructs)
            yield f"{what}, on={done.on}), but the number of objects is {count}."
        for result in () if isinstance(done, Put) else done.args:
            if isinstance(result, Result) and not (
                0 < result.step < number and isinstance(probe.calls[result.step - 1], Do)
            ):
                yield f"{what}, Result({result.step})), but step {result.step} is no earlier call."


def _module(probe: Module) -> Iterator[str]:
    for key, value in probe.state.items():
        if not isinstance(value, TensorValue):
            yield f"state[{key!r}] is a {type(value).__name__}. Write tensor(...)."


def _on_module(probe: OnModule) -> Iterator[str]:
    if not isinstance(probe.module, Code):
        yield 'on_module(...) begins with an expression for the module: Code("torch.nn.Linear(2, 3)").'
    if not probe.watch or not set(probe.watch) <= set(OnModule.WATCHED):
        yield f"on_module(...) watches {probe.watch!r}; known: {', '.join(OnModule.WATCHED)}."
    for key, value in probe.state.items():
        if not isinstance(value, TensorValue):
            yield f"state[{key!r}] is a {type(value).__name__}. Write tensor(...)."


def _epochs(probe: Epochs) -> Iterator[str]:
    if probe.batch_size < 1 or probe.epochs < 1:
        yield "epochs(...) needs a batch_size and a number of epochs of at least 1."
    if not all(isinstance(side, np.ndarray) and side.ndim for side in (probe.x, probe.y)):
        yield "epochs(...) needs x and y as arrays with an axis of samples."
    elif len({row.tobytes() for row in probe.x}) != len(probe.x):
        yield "epochs(...) needs samples x that all differ: it finds each one by its value."


def _value(probe: Value) -> Iterator[str]:
    return iter(())


def _script(probe: Script) -> Iterator[str]:
    if not probe.shown:
        yield "script(...) shows no expression, so nothing would come back."
    for text, mode in [(probe.lines, "exec"), *((e, "eval") for e in probe.shown)]:
        try:
            compile(text, "<script>", mode, dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            yield f"in script(...), {text!r} is not Python: {error}."


def _watched(probe: Ops | Lines | Device) -> Iterator[str]:
    for field_name, inner in vars(probe).items():
        if not isinstance(inner, Call | Gradient | Steps | Module):
            yield f"{probe.verb}(...) watches call(...), gradient(...), steps(...) or module(...), not {inner!r}."
        else:
            yield from (f"{field_name}: {complaint}" for complaint in _SHAPES_OF_VERBS[type(inner)](inner))


_SHAPES_OF_VERBS: dict[type[Any], Callable[[Any], Iterator[str]]] = {
    Call: _call,
    Gradient: _gradient,
    Steps: _steps,
    Module: _module,
    OnModule: _on_module,
    Epochs: _epochs,
    Value: _value,
    Script: _script,
    Ops: _watched,
    Lines: _watched,
    Device: _watched,
}


def _strangers(value: Any, path: str) -> Iterator[str]:
    """Values that cannot travel to a job."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strangers(item, str(key) if path in ("kwargs", "state") else f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _strangers(item, f"{path}[{i}]")
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, _SCALARS):
        for field_name, item in vars(value).items():
            yield from _strangers(item, field_name)
    elif isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind not in "biufc" or value.dtype.name in (
            "longdouble",
            "float128",
            "complex256",
        ):
            yield f"{path} is an array of {value.dtype}, which cannot travel. Use numbers or bools."
    elif not isinstance(value, _SCALARS):
        kind = type(value)
        advice = "tensor(...)" if kind.__module__.startswith("torch") else "numbers, arrays, tensor(...) or Code(...)"
        name = f"{kind.__module__}.{kind.__qualname__}"
        yield f"{path} is a {name}, which cannot travel. Use {advice}."


def _line_of(error: BaseException, file: str) -> int | None:
    """The last line of `file` that the traceback passes through."""
    line, frame = None, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == file:
            line = frame.tb_lineno
        frame = frame.tb_next
    return line
