"""Which elements of two arrays differ: in nan, in infinities, in numbers.

The work is done in blocks, so that no mask and no widened copy is ever as large as the arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.course.values import Array
from autograder.grading.difference import Kind
from autograder.grading.tolerance import Allowed

#: In this order a difference is told.
ELEMENT_KINDS: tuple[Kind, ...] = ("nan", "inf", "values")

#: Elements that are compared at once: few enough to stay in the cache, many enough to forget
#: Python's own time.
_BLOCK = 1 << 16


class Found:
    """How many elements differ for which reason, and the first (for numbers the worst) of each."""

    def __init__(self) -> None:
        self.counts: dict[Kind, int] = dict.fromkeys(ELEMENT_KINDS, 0)
        self.at: dict[Kind, int] = dict.fromkeys(ELEMENT_KINDS, 0)
        self.worst = -1.0


def scan(expected: Array, actual: Array, allowed: Allowed) -> Found:
    """Compare two arrays of one shape element by element, nothing being broadcast."""
    found = Found()
    left, right = np.ravel(expected), np.ravel(actual)
    for start in range(0, left.size, _BLOCK):
        block, other = left[start : start + _BLOCK], right[start : start + _BLOCK]
        same = block == other
        if not same.all():
            _scan_block(found, start, block, other, same, allowed)
    return found


def _scan_block(found: Found, start: int, expected: Array, actual: Array, same: Array, allowed: Allowed) -> None:
    # Integers beyond 2**53 may meet after widening: `same` was decided before.
    wide = wide_dtype(expected, actual)
    left, right = expected.astype(wide, copy=False), actual.astype(wide, copy=False)
    left_nan, right_nan = np.isnan(left), np.isnan(right)
    odd = np.isinf(left) | np.isinf(right)
    either_nan = left_nan | right_nan
    distance = np.abs(left - right)
    # The comparison is written so that nan counts as too far.
    near = distance <= allowed.absolute + allowed.relative * np.abs(left)
    if expected.dtype.kind in "biu" and actual.dtype.kind in "biu" and allowed.absolute < 1:
        near = same
    masks: dict[Kind, Array] = {
        "nan": left_nan != right_nan,
        "inf": odd & ~same & ~either_nan,
        "values": ~odd & ~either_nan & ~same & ~near,
    }
    for kind, mask in masks.items():
        count = int(np.count_nonzero(mask))
        if not count:
            continue
        if kind == "values":
            errors = np.where(mask, distance, -1.0)
            at = int(np.argmax(errors))
            if float(errors[at]) > found.worst:
                found.worst, found.at[kind] = float(errors[at]), start + at
        elif not found.counts[kind]:
            found.at[kind] = start + int(np.argmax(mask))
        found.counts[kind] += count


def wide_dtype(*arrays: Array) -> type[np.floating[Any]] | type[np.complexfloating[Any, Any]]:
    """The widest type that differences of these arrays are computed in."""
    return np.complex128 if any(array.dtype.kind == "c" for array in arrays) else np.float64
