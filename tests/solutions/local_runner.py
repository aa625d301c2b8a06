"""Lets an assignment's checks judge its solution, mistakes and equivalents without a sandbox.

Only for tests of our own assignments, until the engine's `validate` does the same in the jail: then
delete this file. Everything here runs in this process, so never hand it a student's code.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch

from autograder.course.draw import probes_of
from autograder.course.model import Assignment, Check, Question, Tolerance
from autograder.course.probes import MissingName, Parts, Probe, map_values
from autograder.course.values import TensorValue

# Of eps and of the reference's own noise; the largest tolerance that noise may lead to.
_UNITS, _NOISE_FACTOR = 512, 32
_CAP = {"float64": 2.0**-24, "float32": 2.0**-10}
_OTHER_PRECISION = {"float64": "float32", "float32": "float64"}


@dataclass
class LocalBench:
    """A `Bench` in this process, on the CPU."""

    names: Mapping[str, Any]
    torch: ModuleType = torch

    def find(self, name: str) -> Any:
        if self.names.get(name, ...) is ...:
            raise MissingName(name)
        return self.names[name]

    def live(self, value: Any, *, requires_grad: bool = False) -> Any:
        def revive(leaf: Any) -> Any:
            if isinstance(leaf, TensorValue):
                made = torch.from_numpy(leaf.array.copy())
                return made.requires_grad_(requires_grad and made.is_floating_point())
            return copy.deepcopy(leaf)

        return map_values(value, revive)

    def plain(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            name = str(value.dtype).removeprefix("torch.")
            return TensorValue(value.detach().numpy().copy(), name)
        return copy.deepcopy(value)


def ask(probe: Probe, question: Question, names: Mapping[str, Any]) -> Parts | Exception:
    """What the names answer to a probe, or what they raised."""
    try:
        with np.errstate(all="ignore"):
            return probe.ask(question.name, LocalBench(names))
    except Exception as error:  # a mistake may raise anything; that is its answer
        return error


def run_cell(source: str) -> dict[str, Any]:
    """The names after running one cell that may use only `np` and `torch`."""
    names: dict[str, Any] = {"np": np, "torch": torch}
    exec(source, names)
    return names


def failed_checks(
    assignment: Assignment,
    question: Question,
    solution: Mapping[str, Any],
    names: Mapping[str, Any],
    *,
    seed: int = 7,
    change: Callable[[Any], Any] | None = None,
) -> list[Check]:
    """The checks in which an implementation differs from the solution.

    Args:
        assignment: to which the question belongs.
        question: the one to ask.
        solution: the names of the solution.
        names: the names of the implementation to judge.
        seed: of the hidden inputs.
        change: applied to every output array before comparing (zeros, half, ...).
    """
    failed = []
    for check in question.checks:
        for probe in probes_of(assignment, question, check, seed):
            expected = ask(probe, question, solution)
            if isinstance(expected, Exception):
                raise AssertionError(f"the solution raised in {question.name}, {check.title!r}") from expected
            other = ask(_recast(probe), question, solution)
            actual = ask(probe, question, names)
            if change is not None and not isinstance(actual, Exception):
                actual = {k: v if k.startswith("input ") else change(v) for k, v in actual.items()}
            if not _same(expected, other, actual, check.tolerance):
                failed.append(check)
                break
    return failed


def _recast(probe: Probe) -> Probe:
    """The same probe with float inputs in the other precision."""

    def other(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray) and leaf.dtype.name in _OTHER_PRECISION:
            return leaf.astype(_OTHER_PRECISION[leaf.dtype.name])
        if isinstance(leaf, TensorValue) and leaf.dtype in _OTHER_PRECISION:
            return TensorValue(leaf.array.astype(_OTHER_PRECISION[leaf.dtype]), _OTHER_PRECISION[leaf.dtype])
        return leaf

    recast: Probe = map_values(probe, other)
    return recast


def _same(
    expected: Parts,
    other: Parts | Exception,
    actual: Parts | Exception,
    tolerance: Tolerance | None,
) -> bool:
    if isinstance(actual, Exception) or expected.keys() != actual.keys():
        return False
    twins = {} if isinstance(other, Exception) else other
    return all(
        _same_value(value, twins.get(key), actual[key], tolerance, exact=key.startswith("input "))
        for key, value in expected.items()
    )


def _same_value(expected: Any, other: Any, actual: Any, tolerance: Tolerance | None, *, exact: bool) -> bool:
    if isinstance(expected, TensorValue):
        if not isinstance(actual, TensorValue) or expected.dtype != actual.dtype:
            return False
        twin = other.array if isinstance(other, TensorValue) else None
        return _same_value(expected.array, twin, actual.array, tolerance, exact=exact)
    if not isinstance(expected, np.ndarray | np.generic):
        return type(expected) is type(actual) and bool(expected == actual)
    accepted = (np.ndarray,) if expected.ndim else (np.ndarray, np.generic)
    if not isinstance(actual, accepted):
        return False
    if expected.shape != actual.shape or expected.dtype != actual.dtype:
        return False
    if exact or expected.dtype.kind != "f":
        return np.array_equal(expected, actual, equal_nan=expected.dtype.kind == "f")
    relative, absolute = (tolerance.relative, tolerance.absolute) if tolerance else (0.0, _default(expected, other))
    # equal_nan and infinities: np.isclose asks for them in the same places.
    return bool(np.isclose(actual, expected, rtol=relative, atol=absolute, equal_nan=True).all())


def _default(expected: Any, other: Any) -> float:
    """512 eps of the largest expected magnitude, plus 32 times the noise of the reference."""
    finite = np.abs(expected[np.isfinite(expected)])
    scale = float(finite.max(initial=0.0)) or 1.0
    eps = float(np.finfo(expected.dtype).eps)
    noise = 0.0
    if isinstance(other, np.ndarray | np.generic) and other.shape == expected.shape:
        with np.errstate(all="ignore"):
            distance = np.abs(np.subtract(expected, other, dtype=np.float64))
        coarse = max(eps, float(np.finfo(other.dtype).eps))
        noise = float(distance[np.isfinite(distance)].max(initial=0.0)) * eps / coarse
    cap = _CAP[expected.dtype.name] * max(scale, 1.0)
    return min(_UNITS * eps * scale + _NOISE_FACTOR * noise, cap)
