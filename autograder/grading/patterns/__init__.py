"""Whether one simple change turns the expected numbers into the answer, all of them.

Each search below either explains every element or says nothing. They are tried from the most
specific to the most general, and the first that fits is told: what is a sign is not also told as a
factor. Differences that are only a few times the tolerance are noise and get no explanation.

The `text` of a pattern holds no number and no index, so that it may be told where values are
hidden.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autograder.course.values import Array
from autograder.grading.patterns import arithmetic, order
from autograder.grading.patterns.pair import CLEAR, MAX_AXES, Pair, Pattern, largest
from autograder.messages import say

__all__ = ["MAX_PATTERN_SIZE", "Pattern", "find_pattern"]

#: Larger arrays are not searched: it would cost more than all the rest of the comparison.
MAX_PATTERN_SIZE = 100_000


def find_pattern(expected: Array, actual: Array, absolute: float, relative: float) -> Pattern | None:
    """The most specific change that explains all of the difference, None where there is none.

    Args:
        expected: numbers of any dtype and shape.
        actual: numbers that differ from them, perhaps also in shape.
        absolute: the tolerance of the comparison.
        relative: the same, as a share of each expected element.
    """
    if not expected.size or not actual.size or max(expected.ndim, actual.ndim) > MAX_AXES:
        return None
    if expected.dtype.kind == "b" or actual.dtype.kind == "b":
        return _inverted(expected, actual)
    wide = np.complex128 if "c" in (expected.dtype.kind, actual.dtype.kind) else np.float64
    integers = expected.dtype.kind in "iu"
    if integers and max(largest(expected.astype(wide)), largest(actual.astype(wide))) >= 2**53:
        # Neighbours are one number in float64.
        return None
    pair = Pair(expected.astype(wide), actual.astype(wide), absolute, relative, integers)
    searches = _SAME_SHAPE if expected.shape == actual.shape else _OTHER_SHAPE
    with np.errstate(all="ignore"):
        if expected.shape == actual.shape and not pair.clearly(CLEAR):
            return None
        for search in searches:
            found = search(pair)
            if found is not None:
                return found
    return None


def _inverted(expected: Array, actual: Array) -> Pattern | None:
    if expected.dtype != actual.dtype or expected.shape != actual.shape:
        return None
    if not np.array_equal(~expected, actual):
        return None
    return Pattern("inverted", say("patterns.inverted"))


def _zeros(pair: Pair) -> Pattern | None:
    if pair.actual.any():
        return None
    many = pair.actual.size > 1
    return Pattern("zeros", say("patterns.zeros" if many else "patterns.zero"))


def _sign(pair: Pair) -> Pattern | None:
    if not pair.is_answer(-pair.expected):
        return None
    return Pattern("sign", say("patterns.sign"))


def _constant(pair: Pair) -> Pattern | None:
    if pair.actual.size < 2 or not np.all(pair.actual == pair.actual.flat[0]):
        return None
    if np.all(pair.expected == pair.expected.flat[0]):
        return None
    return Pattern("constant", say("patterns.constant"))


_SAME_SHAPE: tuple[Callable[[Pair], Pattern | None], ...] = (
    _zeros,
    _sign,
    arithmetic.off_by_one,
    _constant,
    order.swapped_axes,
    order.reversed_order,
    order.shifted,
    order.other_normalisation,
    arithmetic.precision,
    arithmetic.factor,
    arithmetic.function,
    arithmetic.free_constant,
)


_OTHER_SHAPE: tuple[Callable[[Pair], Pattern | None], ...] = (
    order.exchanged_shape,
    order.reshaped,
    order.one_row,
    order.broadcast,
)
