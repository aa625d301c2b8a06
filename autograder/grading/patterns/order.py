"""Patterns of place: the right numbers, but along another axis, in another order or shape."""

from __future__ import annotations

import numpy as np

from autograder.grading.patterns.pair import CLEAR, Pair, Pattern, axes, axis_pairs, is_near
from autograder.messages import say


def swapped_axes(pair: Pair) -> Pattern | None:
    """The answer is the expected array with two axes exchanged."""
    for first, second in axis_pairs(pair.expected.ndim):
        if pair.is_answer(pair.expected.swapaxes(first, second)):
            if pair.expected.ndim == 2:
                return Pattern("transpose", say("patterns.transpose"))
            detail = f"axes {first} and {second}"
            return Pattern("transpose", say("patterns.swapped"), detail)
    return None


def reversed_order(pair: Pair) -> Pattern | None:
    """The answer runs backwards along one axis."""
    for axis, along in axes(pair.expected.ndim):
        if pair.is_answer(np.flip(pair.expected, axis)):
            return Pattern("reversed", say("patterns.reversed", along=along), f"axis {axis}")
    return None


def shifted(pair: Pair) -> Pattern | None:
    """The rows of the answer are those of the expected array, moved by one."""
    for axis, along in axes(pair.expected.ndim):
        expected, actual = np.moveaxis(pair.expected, axis, 0), np.moveaxis(pair.actual, axis, 0)
        # Two rows left to compare, which must not be alike: a constant is its own shift.
        if len(expected) < 3:
            continue
        for word, wanted, given in (
            ("late", expected[:-1], actual[1:]),
            ("early", expected[1:], actual[:-1]),
        ):
            if (wanted[0] != wanted[-1]).any() and pair.near(wanted, given).all():
                return Pattern("shifted", say(f"patterns.{word}", along=along), f"axis {axis}")
    return None


def other_normalisation(pair: Pair) -> Pattern | None:
    """Softmax (or its logarithm) over another axis, or over everything.

    Both divide the same exponentials, so the logarithm of their quotient is a sum of one term that
    is constant along the expected axis and one that is constant along the other.
    """
    if pair.expected.ndim < 2 or pair.expected.dtype.kind != "f":
        return None
    near = max(1e-4, CLEAR * pair.loose)
    for left, right in ((pair.expected, pair.actual), (np.exp(pair.expected), np.exp(pair.actual))):
        if not (np.all(left > 0) and np.all(right > 0)):
            continue
        quotient = np.log(right / left)
        for axis, _ in axes(left.ndim):
            if left.shape[axis] < 2 or not is_near(left.sum(axis), 1.0, near):
                continue
            rest = quotient - quotient.mean(axis, keepdims=True)
            if is_near(right.sum(), 1.0, near) and is_near(rest, 0.0, near):
                return Pattern("axis", say("patterns.whole_array"))
            for other, along in axes(left.ndim):
                if other == axis or not is_near(right.sum(other), 1.0, near):
                    continue
                if is_near(rest - rest.mean(other, keepdims=True), 0.0, near):
                    text = say("patterns.other_axis", along=along)
                    return Pattern("axis", text, f"axis {other} instead of {axis}")
    return None


def exchanged_shape(pair: Pair) -> Pattern | None:
    """Right numbers in a shape with two axes exchanged."""
    for first, second in axis_pairs(pair.expected.ndim):
        if pair.is_answer(pair.expected.swapaxes(first, second)):
            return Pattern("transpose", say("patterns.exchanged"), f"axes {first} and {second}")
    return None


def reshaped(pair: Pair) -> Pattern | None:
    """Right numbers in another shape."""
    expected, actual = pair.expected.shape, pair.actual.shape
    if pair.actual.size != pair.expected.size or not pair.is_answer(pair.expected.reshape(actual)):
        return None
    long, answer = ([n for n in shape if n != 1] for shape in (expected, actual))
    if long == answer:
        key = "axis_missing" if len(actual) < len(expected) else "axis_too_many"
        return Pattern("axis of length one", say(f"patterns.{key}"))
    return Pattern("reshape", say("patterns.reshape"))


def broadcast(pair: Pair) -> Pattern | None:
    """The expected numbers, repeated along an axis by broadcasting."""
    expected, actual = pair.expected, pair.actual
    if actual.size <= expected.size:
        return None
    if actual.shape == (expected.size, expected.size) and expected.size > 1:
        return Pattern("broadcast", say("patterns.column"))
    try:
        repeated = np.broadcast_to(expected, actual.shape)
    except ValueError:
        return None
    if pair.is_answer(repeated):
        return Pattern("broadcast", say("patterns.repeated"))
    return None


def one_row(pair: Pair) -> Pattern | None:
    """The expected numbers with one row too many or too few."""
    for axis, along in axes(min(pair.expected.ndim, pair.actual.ndim)):
        if pair.expected.ndim != pair.actual.ndim:
            return None
        extra = pair.actual.shape[axis] - pair.expected.shape[axis]
        if abs(extra) != 1:
            continue
        longer = pair.actual if extra > 0 else pair.expected
        shorter = pair.expected if extra > 0 else pair.actual
        for place, kept in (("end", slice(None, -1)), ("beginning", slice(1, None))):
            cut = np.moveaxis(np.moveaxis(longer, axis, 0)[kept], 0, axis)
            if cut.shape == shorter.shape and cut.size and pair.near(cut, shorter).all():
                key = f"{'too_many' if extra > 0 else 'missing'}_{place}"
                return Pattern("one row", say(f"patterns.{key}", along=along), f"axis {axis}")
    return None
