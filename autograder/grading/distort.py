"""Answers made from the solution's own: wrong ones that every check must reject, right ones that none may.

They are data like any answer that came from a job, so no job has to run for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograder.course.probes import Parts, map_values
from autograder.course.values import TORCH_DTYPES, Array, TensorValue
from autograder.grading.compare import compare
from autograder.grading.key import Case, KeyedCheck, KeyedQuestion
from autograder.grading.tolerance import is_input_part

#: A change of the elements of one array, given the number of samples of the probe.
Change = Callable[[Array, int], Array]


@dataclass(frozen=True)
class Distortion:
    """A way to spoil an answer.

    Attributes:
        name: in words.
        change: of each array of floats in the answer (single numbers come without axes).
        keeps_dtype: the changed elements are put back into the dtype they had.
        arrays_only: single numbers are left alone, because their form is the student's choice.
        once: it is enough if one check of a question rejects it.
    """

    name: str
    change: Change
    keeps_dtype: bool = True
    arrays_only: bool = False
    once: bool = False


def _noise(v: Array, _: int) -> Array:
    """Ten thousand units in the last place of the largest element, up and down in turns."""
    finite = np.abs(v[np.isfinite(v)])
    largest = finite.max() if finite.size and finite.any() else v.dtype.type(1)
    unit = np.spacing(largest)
    signs = np.where(np.arange(v.size) % 2, -1, 1).reshape(v.shape)
    return np.asarray(v + (1e4 * signs * unit).astype(v.dtype))


def _other_dtype(v: Array, _: int) -> Array:
    return v.astype(np.float32 if v.dtype == np.float64 else np.float64)


#: Changes that no correct answer survives.
DISTORTIONS: tuple[Distortion, ...] = (
    Distortion("zeros", lambda v, _: np.zeros_like(v)),
    Distortion("half", lambda v, _: v / 2),
    Distortion("negated", lambda v, _: -v),
    # Where the reference itself is that noisy, the allowance is as wide.
    Distortion("off by 10000 units in the last place", _noise, once=True),
    Distortion("rounded to float16", lambda v, _: v.astype(np.float16)),
    Distortion("mean for sum", lambda v, samples: v / samples),
    Distortion("sum for mean", lambda v, samples: v * samples),
    Distortion("transposed", lambda v, _: np.swapaxes(v, -1, -2) if v.ndim > 1 else v, arrays_only=True),
    Distortion("an axis too many", lambda v, _: v[np.newaxis]),
    Distortion("one axis only", lambda v, _: v.reshape(-1), arrays_only=True),
    Distortion("another dtype", _other_dtype, keeps_dtype=False, arrays_only=True),
)


def accepted_distortions(question: KeyedQuestion, distortion: Distortion) -> tuple[str, ...]:
    """Titles of the checks that accept a spoiled answer although it differs from the right one."""
    accepts = {check.title: _accepts(check, distortion) for check in question.checks}
    if distortion.once and False in accepts.values():
        return ()
    return tuple(title for title, accepted in accepts.items() if accepted)


def _accepts(check: KeyedCheck, distortion: Distortion) -> bool | None:
    """Whether a check accepts a spoiled answer; None where there is nothing in its answers to spoil."""
    answers = [(case, _distorted(case, distortion)) for case in check.cases]
    if all(_same(case.expected, answer) for case, answer in answers):
        return None
    return all(compare(case.expected, answer, case.allowed) is None for case, answer in answers)


def _distorted(case: Case, distortion: Distortion) -> Parts:
    samples = _samples(case)

    def change(value: Any) -> Any:
        if isinstance(value, TensorValue):
            if value.array.dtype.kind != "f":
                return value
            changed = _changed(value.array, distortion, samples)
            same = TORCH_DTYPES[value.dtype] == changed.dtype.name
            return replace(value, array=changed, dtype=value.dtype if same else changed.dtype.name)
        if isinstance(value, float | np.floating):
            if distortion.arrays_only:
                return value
            changed = _changed(np.asarray(value), distortion, samples)
            return changed if changed.ndim else type(value)(changed)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and (value.ndim or not distortion.arrays_only):
            return _changed(value, distortion, samples)
        return value

    with np.errstate(all="ignore"):
        return {name: part if is_input_part(name) else map_values(part, change) for name, part in case.expected.items()}


def _changed(array: Array, distortion: Distortion, samples: int) -> Array:
    changed = np.asarray(distortion.change(array, samples))
    return changed.astype(array.dtype) if distortion.keeps_dtype else changed


def _samples(case: Case) -> int:
    """How many samples a probe has: the length of its first array with more than one entry along an axis."""
    shapes: list[tuple[int, ...]] = []

    def note(leaf: Any) -> Any:
        if isinstance(leaf, TensorValue | np.ndarray):
            shapes.append((leaf.array if isinstance(leaf, TensorValue) else leaf).shape)
        return leaf

    map_values(case.probe, note)
    return next((length for shape in shapes for length in shape if length > 1), 1)


def _same(expected: Any, actual: Any) -> bool:
    """Whether two answers are the same in every type, shape, dtype and element; 0.0 equals -0.0."""
    if isinstance(expected, TensorValue) and isinstance(actual, TensorValue):
        return expected.dtype == actual.dtype and _same(expected.array, actual.array)
    if isinstance(expected, np.ndarray | np.generic | float) and isinstance(actual, np.ndarray | np.generic | float):
        left, right = np.asarray(expected), np.asarray(actual)
        exact = left.dtype.kind in "fc"
        return (
            (left.shape, left.dtype) == (right.shape, right.dtype)
            and bool(np.array_equal(left, right, equal_nan=exact))
        )  # fmt: skip
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return expected.keys() == actual.keys() and all(_same(expected[key], actual[key]) for key in expected)
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) and all(map(_same, expected, actual))
    return type(expected) is type(actual) and bool(expected == actual)


def refused_float32(question: KeyedQuestion) -> Iterator[tuple[str, str]]:
    """Title and part of every float32 answer that is refused if computed in float64 and rounded at the end.

    A check that does so asks for the rounding errors of the reference, not for its answer.
    """
    for check in question.checks:
        for case in check.cases:
            rounded = _rounded(case)
            difference = compare(case.expected, rounded, case.allowed) if rounded is not None else None
            if difference is not None:
                yield check.title, difference.part


def _rounded(case: Case) -> Parts | None:
    """The solution's float64 answer to a float32 probe, rounded to float32; None where the answer is not float32."""
    if case.other is None or case.other.keys() != case.expected.keys():
        return None
    found = False

    def narrow(expected: Any, other: Any) -> Any:
        nonlocal found
        if isinstance(expected, TensorValue) and isinstance(other, TensorValue):
            if (expected.dtype, other.dtype) != ("float32", "float64"):
                return expected
            found = True
            return replace(expected, array=other.array.astype(np.float32))
        if isinstance(expected, np.ndarray | np.generic) and isinstance(other, np.ndarray | np.generic):
            if (expected.dtype.name, other.dtype.name) != ("float32", "float64"):
                return expected
            found = True
            return other.astype(np.float32)
        if type(expected) in (list, tuple) and type(other) is type(expected) and len(other) == len(expected):
            return type(expected)(map(narrow, expected, other))
        if type(expected) is dict and type(other) is dict and expected.keys() == other.keys():
            return {key: narrow(expected[key], other[key]) for key in expected}
        return expected

    with np.errstate(over="ignore"):
        parts = {n: p if is_input_part(n) else narrow(p, case.other[n]) for n, p in case.expected.items()}
    return parts if found else None
