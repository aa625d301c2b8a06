"""Whether an answer is the expected one, and the first difference if not.

Order of the questions, for each expected part and inside it: is it there, is it of the right type
and structure, shape, dtype, device; are nan and infinities where they belong; are the numbers near
enough. Nothing is broadcast, nothing is converted to fit, and the tolerance never depends on the
answer.

Both sides are data that crossed the wire. No code of a student runs here, and no value of the kinds
that can cross makes `compare` raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from autograder.course.probes import Parts
from autograder.course.values import Array, TensorValue, dtype_name
from autograder.grading.accepted import (
    accepts,
    dtype_of,
    dtype_of_type,
    is_integer,
    kind_of,
    summarize,
)
from autograder.grading.difference import Difference, Kind, Mismatch, Scalar, Summary
from autograder.grading.patterns import MAX_PATTERN_SIZE, Pattern, find_pattern
from autograder.grading.scan import ELEMENT_KINDS, scan, wide_dtype
from autograder.grading.tolerance import (
    EXACT,
    MAX_DEPTH,
    Allowed,
    float_list,
    is_input_part,
    item_path,
    numbers,
    tensor_elements,
)
from autograder.text import visible

#: Arrays of up to so many bytes are first compared as bytes, which needs a copy of each.
_COPIED_BYTES = 1 << 16
_PLAIN = {type(None), bool, int, float, str}
_WIDE_INT_BITS = 1000
_NAN = object()
_PYTHON: dict[str, Callable[[Any], Scalar]] = {
    "b": bool,
    "i": int,
    "u": int,
    "f": float,
    "c": complex,
}


@dataclass(frozen=True)
class _Place:
    """Where we are: the path, the tolerances of all leaves, the one that holds here, the depth."""

    path: str
    allowed: Mapping[str, Allowed]
    here: Allowed
    depth: int = 0

    def item(self, key: object) -> _Place:
        path = item_path(self.path, key)
        return _Place(path, self.allowed, self.allowed.get(path, self.here), self.depth + 1)


def compare(expected: Parts, actual: Parts, allowed: Mapping[str, Allowed]) -> Difference | None:
    """The first difference in the order of the expected parts, or None where there is none.

    An expected nan or infinity must be met by the same. ``0.0`` equals ``-0.0``. Missing and extra
    parts are differences. What the reference answered but cannot be compared (`Unsupported`) is a
    difference of kind ``not_comparable``, whatever the answer: nobody passes a check that checks
    nothing, and it is the author's fault.

    Args:
        expected: the parts of the reference's answer.
        actual: the parts of the answer to judge.
        allowed: tolerance by path of leaf, see `autograder.grading.tolerance.allowances`; a leaf
            without an entry takes that of the container around it, and is exact where there is
            none.
    """
    with np.errstate(all="ignore"):
        for part, value in expected.items():
            if part not in actual:
                return Difference(part, "missing", summarize(value), Summary("none", "None"))
            place = _Place(part, allowed, allowed.get(part, EXACT))
            difference = _compare(place, value, actual[part])
            if difference is not None:
                return _named_for_part(part, difference, actual[part])
    for part in actual:
        if part not in expected:
            nothing = Summary("none", "None")
            return Difference(visible(str(part), 100), "extra", nothing, summarize(actual[part]))
    return None


def _named_for_part(part: str, difference: Difference, actual: Any) -> Difference:
    """The same difference under the name that fits the part it was found in."""
    if difference.kind == "not_comparable":
        return difference
    if is_input_part(part):
        # Patterns speak of an answer, and an input is none.
        return replace(difference, kind="input_changed", pattern=None)
    if part.startswith("gradient of ") and actual is None:
        return replace(difference, kind="no_gradient")
    return difference


def _compare(place: _Place, expected: Any, actual: Any) -> Difference | None:
    kind = kind_of(expected) if place.depth <= MAX_DEPTH else "other"
    return _COMPARERS[kind](place, expected, actual)


def _compare_none(place: _Place, expected: Any, actual: Any) -> Difference | None:
    return None if actual is None else _differ(place, "type", expected, actual)


def _compare_other(place: _Place, expected: Any, actual: Any) -> Difference | None:
    return _differ(place, "not_comparable", expected, actual)


def _compare_text(place: _Place, expected: Any, actual: Any) -> Difference | None:
    if type(actual) is not str:
        return _differ(place, "type", expected, actual)
    if expected == actual:
        return None
    # Show both from shortly before the place where they part.
    at = _common_prefix(expected, actual)
    start = max(at - 20, 0)
    shown = [visible(text[start : start + 100], 100) for text in (expected, actual)]
    mismatch = Mismatch(1, 1, (at,), shown[0], shown[1], None, None)
    return replace(_differ(place, "values", expected, actual), mismatch=mismatch)


def _common_prefix(first: str, second: str) -> int:
    """How many leading characters agree, by bisection: every step compares slices at full speed."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _compare_sequence(place: _Place, expected: Any, actual: Any) -> Difference | None:
    if type(actual) not in (list, tuple):
        return _differ(place, "type", expected, actual)
    if len(expected) != len(actual):
        return _differ(place, "structure", expected, actual)
    if _plainly_equal(expected, actual):
        return None
    history = float_list(expected)
    if history is not None:
        answer = _as_history(place, expected, actual)
        if isinstance(answer, Difference):
            return answer
        if answer is not None:
            return _compare_values(place, history.array, answer, expected, actual)
    for i, (left, right) in enumerate(zip(expected, actual, strict=True)):
        difference = _compare(place.item(i), left, right)
        if difference is not None:
            return difference
    return None


def _plainly_equal(expected: Any, actual: Any) -> bool:
    """Whether both hold equal plain values, type by type; False may also mean: look closer."""
    kinds = list(map(type, expected))
    return set(kinds) <= _PLAIN and kinds == list(map(type, actual)) and list(expected) == list(actual)


def _as_history(place: _Place, expected: Any, actual: Any) -> Array | Difference | None:
    """The answer to a list of floats as an array, its first wrong dtype, or None: look at items."""
    kinds = set(map(type, chain(expected, actual)))
    if not all(kind in (float, int) or issubclass(kind, np.floating) for kind in kinds):
        return None
    if int in kinds and any(type(item) is int and _is_wide(item) for item in actual):
        return None
    pairs = dict.fromkeys(zip(map(type, expected), map(type, actual), strict=True))
    wrong = {pair for pair in pairs if not accepts(dtype_of_type(pair[0]), dtype_of_type(pair[1]))}
    for i, (left, right) in enumerate(zip(expected, actual, strict=True)):
        if wrong and (type(left), type(right)) in wrong:
            return _differ(place.item(i), "dtype", left, right)
    return np.array([float(item) for item in actual])


def _compare_dict(place: _Place, expected: Any, actual: Any) -> Difference | None:
    if type(actual) is not dict:
        return _differ(place, "type", expected, actual)
    # nan is a legal key and not equal to itself.
    theirs = {_key(key): value for key, value in actual.items()}
    ours = {_key(key) for key in expected}
    if ours != theirs.keys():
        missing = [key for key in expected if _key(key) not in theirs]
        extra = [key for key in actual if _key(key) not in ours]
        return Difference(
            place.path,
            "structure",
            replace(summarize(expected), keys=_shown_keys(missing)),
            replace(summarize(actual), keys=_shown_keys(extra)),
        )
    for key, value in expected.items():
        difference = _compare(place.item(key), value, theirs[_key(key)])
        if difference is not None:
            return difference
    return None


def _shown_keys(keys: list[Any]) -> tuple[str, ...]:
    """A few keys as text; there may be very many, and each may be very long."""
    return tuple(visible(str(key), 40) for key in keys[:10])


def _key(key: Any) -> Any:
    return key if key == key else _NAN


def _compare_number(place: _Place, expected: Any, actual: Any) -> Difference | None:
    """A number, in whichever of the accepted forms; see `autograder.course.values.ACCEPTED`."""
    if isinstance(actual, np.ndarray | np.generic) and actual.ndim:
        wrong: Kind = "shape" if numbers(actual) is not None else "type"
        return _differ(place, wrong, expected, actual)
    if kind_of(actual) != "number":
        return _differ(place, "type", expected, actual)
    wanted, given = dtype_of(expected), dtype_of(actual)
    if not accepts(wanted, given):
        return _differ(place, "dtype", expected, actual)
    if is_integer(wanted):
        return _compare_integer(place, expected, actual)
    if type(actual) is int and _is_wide(actual):
        return _differ(place, "type", expected, actual)
    answer = np.asarray(float(actual) if type(actual) is int else actual)
    return _compare_values(place, np.asarray(expected), answer, expected, actual)


def _compare_integer(place: _Place, expected: Any, actual: Any) -> Difference | None:
    """Two single integers, exactly: those of Python have no bound, and floats end at 2**53."""
    left, right = int(expected), int(actual)
    distance = abs(left - right)
    if distance <= place.here.absolute:
        return None
    difference = _differ(place, "values", expected, actual)
    if _is_wide(left) or _is_wide(right):
        return difference
    mismatch = Mismatch(1, 1, (), left, right, float(distance), place.here.absolute)
    if max(abs(left), abs(right)) >= 2**53:
        return replace(difference, mismatch=mismatch)
    pattern = find_pattern(np.array(left), np.array(right), place.here.absolute, 0.0)
    return replace(difference, mismatch=mismatch, pattern=pattern)


def _is_wide(number: int) -> bool:
    """Whether an integer is too large for a float, and too long to print."""
    return number.bit_length() > _WIDE_INT_BITS


def _compare_array(place: _Place, expected: Any, actual: Any) -> Difference | None:
    given = kind_of(actual)
    if given == "number":
        return _differ(place, "shape", expected, actual)
    if given != "array":
        return _differ(place, "type", expected, actual)
    return _compare_elements(place, expected, actual)


def _compare_tensor(place: _Place, expected: Any, actual: Any) -> Difference | None:
    if type(actual) is not TensorValue or expected.kind != actual.kind:
        return _differ(place, "type", expected, actual)
    return _compare_elements(place, expected, actual)


def _compare_elements(place: _Place, expected: Any, actual: Any) -> Difference | None:
    """Two arrays or two tensors: shape, dtype, device, elements."""
    left, right = _raw(expected), _raw(actual)
    if left.dtype.kind not in "biufc":
        return _differ(place, "not_comparable", expected, actual)
    if left.shape != right.shape:
        difference = _differ(place, "shape", expected, actual)
        return replace(difference, pattern=_pattern(place, expected, actual))
    if dtype_name(left.dtype) != dtype_name(right.dtype):
        return _differ(place, "dtype", expected, actual)
    if type(expected) is TensorValue:
        if expected.dtype != actual.dtype:  # the bits of two may lie in one dtype of NumPy's
            return _differ(place, "dtype", expected, actual)
        if expected.device and expected.device != actual.device:
            return _differ(place, "device", expected, actual)
    if left.nbytes <= _COPIED_BYTES and left.tobytes() == right.tobytes():
        return None
    return _compare_values(place, _elements(expected), _elements(actual), expected, actual)


def _raw(value: Any) -> Array:
    array: Array = value.array if type(value) is TensorValue else value
    return array


def _elements(value: Any) -> Array:
    """The elements of an array or tensor as numbers (bfloat16 widened)."""
    return tensor_elements(value) if type(value) is TensorValue else value


def _pattern(place: _Place, expected: Any, actual: Any) -> Pattern | None:
    """The pattern between two leaves, None where they are no numbers or too many to search."""
    left, right = numbers(expected), numbers(actual)
    if left is None or right is None or max(left.array.size, right.array.size) > MAX_PATTERN_SIZE:
        return None
    return find_pattern(left.array, right.array, place.here.absolute, place.here.relative)


def _compare_values(place: _Place, left: Array, right: Array, expected: Any, actual: Any) -> Difference | None:
    """Elements of two arrays of one shape, `left` the expected: nan, infinities, then numbers."""
    found = scan(left, right, place.here)
    kind = next((k for k in ELEMENT_KINDS if found.counts[k]), None)
    if kind is None:
        return None
    index = tuple(int(i) for i in np.unravel_index(found.at[kind], left.shape))
    error = limit = None
    if kind == "values" and left.dtype.kind != "b":
        size = float(np.abs(np.asarray(left[index]).astype(wide_dtype(left))))
        error, limit = found.worst, place.here.absolute + place.here.relative * size
    there, actual_there = _scalar(left[index]), _scalar(right[index])
    mismatch = Mismatch(found.counts[kind], left.size, index, there, actual_there, error, limit)
    pattern = None
    if left.size <= MAX_PATTERN_SIZE:
        pattern = find_pattern(left, right, place.here.absolute, place.here.relative)
    return replace(_differ(place, kind, expected, actual), mismatch=mismatch, pattern=pattern)


def _scalar(element: Any) -> Scalar:
    """An element as a number of Python."""
    return _PYTHON[np.asarray(element).dtype.kind](element)


def _differ(place: _Place, kind: Kind, expected: Any, actual: Any) -> Difference:
    return Difference(place.path, kind, summarize(expected), summarize(actual))


_COMPARERS: dict[str, Callable[[_Place, Any, Any], Difference | None]] = {
    "none": _compare_none,
    "text": _compare_text,
    "sequence": _compare_sequence,
    "dict": _compare_dict,
    "number": _compare_number,
    "array": _compare_array,
    "tensor": _compare_tensor,
    "other": _compare_other,
}
