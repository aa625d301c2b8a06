"""How far an answer may lie from the expected one: the default, and why it is what it is.

For every array (or number) of floating dtype::

    absolute = units(dtype) * eps(dtype) * scale + 32 * noise        relative = 0

*scale* is the largest finite ``|expected|`` of the array (1 where all are zero). An honest rewrite
of the same mathematics adds rounding errors of the size of its largest intermediate terms, so small
elements beside large ones may be off by eps of the large ones: a relative rule per element would
punish honest work, a fixed absolute one would pass zeros for small answers. The scale is that of
the reference, never of the answer (a student who returns inf would choose the tolerance).

*units* come from a measurement: 17 functions of this course in 25 rewrites (other order of
summation, einsum, loops, tanh form of sigmoid, log-sum-exp variants, two-pass and Welford variance,
softmax backward with Jacobians, Adam with folded bias correction, normal equations), sizes 2 to
1000, inputs standard normal, shifted by 10, and log-normal in scale:

* float64, float32: on standard normal inputs nearly all stay below 30 units of ``eps * scale``, the
  worst (100 steps of gradient descent on precomputed products) reaches 90; hard inputs take a few
  to 260, and attention with scores in the thousands to 960. 512 is a twentieth of noise of 1e4 ulp.
* float16, bfloat16 (8 functions of torch in 11 rewrites): libraries accumulate in float32, rewrites
  stay below 4 units. 512 units would be half of the answer and more, so 16 and 8.
* Answers rounded to float16 are off by up to 2**-11 of the element, 8 times the float32 tolerance.
  So one float32 number is rounded unnoticed in about one draw of six, eight numbers of equal size
  in one of a million; in float64 never.
* Rewrites that lose digits fail, as they should: one-pass variance around a mean of 10 (2500
  units), distances by expanding the square (no bound). A check that means to accept them says so
  with its own tolerance.

*noise* covers what no constant can: ill-conditioned tasks (least squares, long recurrences,
differences of near numbers). It is measured on the reference itself, by its answer `other` to the
same inputs recast to the other precision: the largest ``|expected - other|``, times ``eps(expected)
/ eps(coarser of the two)``. With float64 expected and float32 as the other this predicts the
float64 error from the float32 one; with float32 expected it is that error. One measurement is a
sample, hence the factor 32: ridge regression by least squares on an extended matrix instead of the
normal equations was off by 19 times the noise of the reference, by an explicit inverse (the worse
way) by 40.

Bounds on it: `absolute` never exceeds `cap(dtype) * max(scale, 1)`, whatever `other` is (it may
have overflowed); so noise alone never makes zeros, half or the negated answer right for answers of
ordinary size.

What this cannot do: one huge element (a -1e9 that stands for -inf) blinds the comparison of the
small ones beside it, in float32 entirely. Use -inf, or give such a check its own tolerance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograder.course.model import Tolerance
from autograder.course.probes import Parts, map_values
from autograder.course.values import Array, TensorValue, dtype_name

#: How many times the reference's own noise is allowed on top of the units of the dtype.
NOISE_FACTOR = 32
#: Values nested deeper than this are not compared; the wire stops at 40.
MAX_DEPTH = 60


@dataclass(frozen=True)
class Allowed:
    """What a leaf may be off by: ``absolute + relative * |expected|``, element by element."""

    absolute: float = 0.0
    relative: float = 0.0


EXACT = Allowed()
#: What becomes of a floating dtype in the inputs that `other` was asked with.
_RECAST = {"float64": "float32", "float32": "float64"}


@dataclass(frozen=True)
class Precision:
    """One floating dtype: distance from 1 to the next number, smallest number, our constants."""

    eps: float
    smallest: float
    units: int
    cap: float


PRECISIONS: dict[str, Precision] = {
    "float64": Precision(2.0**-52, 2.0**-1074, 512, 2.0**-24),
    "float32": Precision(2.0**-23, 2.0**-149, 512, 2.0**-10),
    "float16": Precision(2.0**-10, 2.0**-24, 16, 2.0**-5),
    "bfloat16": Precision(2.0**-7, 2.0**-133, 8, 2.0**-3),
}
_REAL_PART = {"complex128": "float64", "complex64": "float32"}


@dataclass(frozen=True, eq=False)
class Numbers:
    """A leaf made of numbers, whatever type carried it.

    Attributes:
        array: the elements (bfloat16 widened to float32).
        dtype: name of the dtype they had; ``"int"``, ``"float"``, ``"complex"`` for numbers of
            Python, which have no width.
    """

    array: Array
    dtype: str


def tensor_elements(tensor: TensorValue) -> Array:
    """The elements of a tensor as numbers (bfloat16 widened), in its shape."""
    # By way of a flat view: NumPy 1 cannot view an array without axes in another dtype.
    flat = replace(tensor, array=tensor.array.reshape(-1)).numbers()
    return flat.reshape(tensor.array.shape)


def numbers(value: Any) -> Numbers | None:
    """The numbers in a leaf (a list of floats is one, see `float_list`), None without any."""
    kind = type(value)
    if kind is np.ndarray:
        return Numbers(value, dtype_name(value.dtype)) if value.dtype.kind in "biufc" else None
    if kind is TensorValue:
        return Numbers(tensor_elements(value), value.dtype)
    if kind is float or kind is complex or kind is bool:
        return Numbers(np.asarray(value), kind.__name__)
    if kind is int:
        # Python's integers have no bound; compare.py takes them as they are, only their dtype
        # matters here.
        return Numbers(np.asarray(0), "int")
    if isinstance(value, np.generic):
        return Numbers(np.asarray(value), dtype_name(value.dtype)) if value.dtype.kind in "biufc" else None
    return float_list(value)


def float_list(value: Any) -> Numbers | None:
    """A list of two or more floats as one array: a history of losses has one scale.

    A tuple is a record of unlike things, and its items keep their own scales.
    """
    if type(value) is not list or len(value) < 2:
        return None
    kinds = set(map(type, value))
    if kinds == {float}:
        return Numbers(np.array(value), "float")
    if all(issubclass(kind, np.floating) for kind in kinds - {float}):
        array = np.array(value)
        return Numbers(array, dtype_name(array.dtype))
    return None


def item_path(path: str, key: object) -> str:
    """Where an item of a container lies: ``output[0]``, ``output['loss']``."""
    return f"{path}[{key!r}]"


def is_input_part(part: str) -> bool:
    """Whether a part is an input as it looks after the call."""
    return re.match(r"input .+ after (the )?call\b", part) is not None


def allowances(
    expected: Parts, other: Parts | None, explicit: Tolerance | None, inputs: object = None
) -> dict[str, Allowed]:
    """The tolerance of every leaf of the expected parts, by path.

    * Floating leaves: the default above, or `explicit` in its place.
    * Integers: exact, or within `explicit.absolute`. Booleans and texts: exact.
    * Inputs after the call: exact, unless `other` shows that the reference itself changes them.

    A number of Python has no precision of its own: it counts as the coarsest floating dtype among
    the inputs and the arrays of the same answer, as float64 where there are none (``loss.item()`` of
    a float32 computation is a float32 number).

    Args:
        expected: the answer of the reference.
        other: its answer to the same inputs recast to the other precision; a leaf that is missing
            there, has another shape or cannot be compared tells nothing about noise.
        explicit: the author's tolerance for this check.
        inputs: the probe that was answered, for the precision of its arrays.

    Returns:
        One entry per leaf that holds numbers. A list of floats is one leaf. Whatever has no entry
        is exact.
    """
    theirs = dict(_leaves(other or {}))
    leaves = list(_leaves(expected))
    given = _dtypes(inputs)
    coarse = _coarsest([*given, *(leaf.dtype for _, leaf in leaves)])
    recast = [_RECAST.get(dtype, dtype) for dtype in given]
    coarse_other = _coarsest([*recast, *(leaf.dtype for leaf in theirs.values())])
    result: dict[str, Allowed] = {}
    with np.errstate(all="ignore"):
        for path, leaf in leaves:
            twin = theirs.get(path)
            if leaf.array.dtype.kind not in "fc":
                whole = leaf.array.dtype.kind != "b" and not is_input_part(path)
                result[path] = Allowed(explicit.absolute) if explicit and whole else EXACT
            elif is_input_part(path) and not _changed(leaf, twin):
                result[path] = EXACT
            elif explicit is not None:
                result[path] = Allowed(explicit.absolute, explicit.relative)
            else:
                result[path] = _default(leaf, twin, coarse, coarse_other)
    return result


def _default(leaf: Numbers, twin: Numbers | None, coarse: Precision | None, coarse_other: Precision | None) -> Allowed:
    own = coarse if leaf.dtype in ("float", "complex") else _of(leaf.dtype)
    own = own or PRECISIONS["float64"]
    scale = _largest(leaf.array)
    absolute = own.units * max(own.eps * scale, own.smallest)
    if twin is not None and twin.array.shape == leaf.array.shape:
        # A float64 array may come from float32 inputs: a run is as coarse as its coarsest array.
        eps = max(own.eps, coarse.eps if coarse else 0.0)
        eps_other = max((_of(twin.dtype) or own).eps, coarse_other.eps if coarse_other else 0.0)
        noise = _largest_difference(leaf.array, twin.array) * eps / max(eps, eps_other)
        absolute += NOISE_FACTOR * noise
    return Allowed(min(absolute, own.cap * max(scale, 1.0)))


def _largest(array: Array) -> float:
    """The largest finite absolute value, 1 if that is 0; no copy where all are finite."""
    if not array.size:
        return 1.0
    if array.dtype.kind == "c":
        sizes = np.abs(array)
        largest = float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))
    else:
        largest = max(abs(float(array.max())), abs(float(array.min())))
        if not np.isfinite(largest):
            finite = np.isfinite(array)
            high = float(np.max(array, where=finite, initial=0.0))
            largest = max(high, -float(np.min(array, where=finite, initial=0.0)))
    return largest or 1.0


def _largest_difference(first: Array, second: Array) -> float:
    """The largest difference of elements that are finite on both sides, 0 where there is none."""
    wide = np.complex128 if "c" in (first.dtype.kind, second.dtype.kind) else np.float64
    distance = np.abs(np.subtract(first, second, dtype=wide))
    return float(np.max(distance, where=np.isfinite(distance), initial=0.0))


def _changed(leaf: Numbers, twin: Numbers | None) -> bool:
    """Whether the reference changed this input: an untouched one is exactly its own recast."""
    if twin is None or twin.array.shape != leaf.array.shape:
        return False
    if twin.array.dtype.kind != leaf.array.dtype.kind:
        return False
    narrow = min(leaf.array.dtype, twin.array.dtype, key=lambda dtype: dtype.itemsize)
    same = leaf.array.astype(narrow) == twin.array.astype(narrow)
    return not bool(np.all(same | (np.isnan(leaf.array) & np.isnan(twin.array))))


def _of(dtype: str) -> Precision | None:
    """The precision of a dtype by name; float64's for wider ones, None for what is not floating."""
    if dtype in ("float", "complex") or not dtype.startswith(("float", "complex", "bfloat", "long", "clong")):
        return None
    return PRECISIONS.get(_REAL_PART.get(dtype, dtype), PRECISIONS["float64"])


def _dtypes(inputs: object) -> list[str]:
    """The dtypes of all arrays and tensors in a probe."""
    found: list[str] = []

    def note(leaf: Any) -> Any:
        if type(leaf) in (np.ndarray, TensorValue):
            found.append(leaf.dtype if type(leaf) is TensorValue else dtype_name(leaf.dtype))
        return leaf

    map_values(inputs, note)
    return found


def _coarsest(dtypes: Iterable[str]) -> Precision | None:
    known = [precision for precision in map(_of, dtypes) if precision is not None]
    return max(known, key=lambda precision: precision.eps, default=None)


def _leaves(parts: Parts) -> Iterator[tuple[str, Numbers]]:
    for part, value in parts.items():
        yield from _walk(part, value, 0)


def _walk(path: str, value: Any, depth: int) -> Iterator[tuple[str, Numbers]]:
    leaf = numbers(value)
    if leaf is not None:
        yield path, leaf
    elif depth < MAX_DEPTH and type(value) in (list, tuple):
        for i, item in enumerate(value):
            yield from _walk(item_path(path, i), item, depth + 1)
    elif depth < MAX_DEPTH and type(value) is dict:
        for key, item in value.items():
            yield from _walk(item_path(path, key), item, depth + 1)
