"""Probes that watch another probe being answered: which operators ran, how many lines.

Each wraps ordinary probes, so a check that observes also compares values: an answer that is wrong earns nothing for
having been computed in a permitted way. What was seen is one more part, `OBSERVED`, and the grader judges it
(`autograder.grading.policy`); the solution's own observations are judged by the same rule.

All of it runs beside student code, which may forge or evade what is seen. It is a deterrent, not a proof.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from autograder.course.probes import Bench, Call, Gradient, Module, Parts, Steps

#: The part that holds what was seen; compared with nothing.
OBSERVED = "observed"


@dataclass(frozen=True)
class Forbids:
    """What a question does not allow. Found where the question's ``ops`` check looks, and in the text of its cells.

    Attributes:
        operators: patterns, as of `fnmatch`, for names of operators that PyTorch dispatches, forward or backward,
            without their namespace: ``*softmax*`` finds ``aten::_log_softmax`` under any alias.
        imports: packages, by the first part of their name, such as ``scipy``.
        names: identifiers that the question's code, and what it uses of the notebook, may not contain.
    """

    operators: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.operators or self.imports or self.names)


#: Anything goes.
NOTHING = Forbids()

#: For NumPy questions: packages that have the answers ready.
NUMPY_ONLY = Forbids(imports=("torch", "scipy", "sklearn", "jax", "autograd", "tensorflow"))


@dataclass(frozen=True)
class Ops:
    """Ask a probe and record what ran: torch operators, and packages whose Python code was entered or imported."""

    verb: ClassVar[str] = "ops"
    probe: Call | Gradient | Steps | Module

    def ask(self, name: str, bench: Bench) -> Parts:
        operators: set[str] = set()
        packages: set[str] = set()
        with _recording_operators(bench.torch, operators), _recording_packages(packages):
            parts = self.probe.ask(name, bench)
        return parts | {OBSERVED: {"operators": sorted(operators), "packages": sorted(packages)}}


@dataclass(frozen=True)
class Lines:
    """Ask one probe with few samples and one with many, and count the lines of cells that run for each.

    A line counts as often as it runs, in whichever function or comprehension: growth shows a Python loop over samples,
    also one inside of ``map`` or ``np.vectorize``, and needs no clock.
    """

    verb: ClassVar[str] = "lines"
    few: Call | Gradient | Steps | Module
    many: Call | Gradient | Steps | Module

    def ask(self, name: str, bench: Bench) -> Parts:
        parts: Parts = {}
        counts = []
        for label, probe in (("few samples", self.few), ("many samples", self.many)):
            with _counting_steps() as steps:
                answer = probe.ask(name, bench)
            counts.append(steps[0])
            parts |= {f"{part} for {label}": value for part, value in answer.items()}
        return parts | {OBSERVED: {"lines": counts}}


def ops(probe: Call | Gradient | Steps | Module) -> Ops:
    """An `Ops` probe around another one: right answers, and nothing that the question forbids ran."""
    return Ops(probe)


def lines(few: Call | Gradient | Steps | Module, many: Call | Gradient | Steps | Module) -> Lines:
    """A `Lines` probe: right answers for few and for many samples, and no Python loop over them."""
    return Lines(few, many)


def _recording_operators(torch: Any, seen: set[str]) -> AbstractContextManager[Any]:
    """Add the name of every operator that torch dispatches in this thread."""
    if torch is None:
        return nullcontext()
    from torch.utils._python_dispatch import TorchDispatchMode

    class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own class has no types
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.add(func.name().partition(".")[0])
            return func(*args, **(kwargs or {}))

    recorder: AbstractContextManager[Any] = Recorder()  # type: ignore[no-untyped-call]  # as above
    return recorder


@contextmanager
def _recording_packages(seen: set[str]) -> Iterator[None]:
    """Add the package of every Python function that is entered from a cell, and of every import in a cell's code."""
    outer = sys.getprofile()
    really_import = builtins.__import__

    def entered(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            caller = frame.f_back
            # What library code calls in its turn is its own business: NumPy may use any helper.
            if caller is not None and _is_cell(caller.f_code):
                seen.add(_package(frame.f_globals.get("__name__")))
        elif event == "c_call" and _is_cell(frame.f_code):
            seen.add(_package(getattr(argument, "__module__", None)))

    def importing(name: str, *args: Any, **kwargs: Any) -> Any:
        if _is_cell(sys._getframe(1).f_code):
            seen.add(_package(name))
        return really_import(name, *args, **kwargs)

    builtins.__import__ = importing
    sys.setprofile(entered)
    try:
        yield
    finally:
        sys.setprofile(outer)
        builtins.__import__ = really_import
        seen.difference_update(("", "__main__", "builtins"))


def _package(module: object) -> str:
    return module.partition(".")[0] if type(module) is str else ""


@contextmanager
def _counting_steps() -> Iterator[list[int]]:
    """Count the lines of cells that run in this thread, and the entries into their functions."""
    outer = sys.gettrace()
    count = [0]

    def step(frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        count[0] += 1
        return step

    def enter(frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        return step(frame, event, argument) if _is_cell(frame.f_code) else None

    sys.settrace(enter)
    try:
        yield count
    finally:
        sys.settrace(outer)


#: File names of cells in a kernel, which gives them names of its own.
KERNEL_CELLS: set[str] = set()


def _is_cell(code: CodeType) -> bool:
    """Whether code stands in a cell, whose file is called ``<cell 3>``, or was executed as text."""
    return code.co_filename.startswith(("<cell ", "<string>")) or code.co_filename in KERNEL_CELLS
