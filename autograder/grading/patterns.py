"""Does one simple change turn the expected numbers into the answer, all of them?

Each search below either explains every element or says nothing. They are tried from the most
specific to the most general, and the first that fits is told: what is a sign is not also told as a
factor. Differences that are only a few times the tolerance are noise and get no explanation.

The `text` of a pattern holds no number and no index, so that it may be told where values are
hidden.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.course.values import Array

#: Larger arrays are not searched: it would cost more than all the rest of the comparison.
MAX_PATTERN_SIZE = 100_000
_MAX_AXES = 6
#: How far beyond the tolerance the largest difference must be, to be more than noise; and for
#: patterns with a free constant, which fit by chance more easily.
_CLEAR = 8.0
_VERY_CLEAR = 100.0
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


@dataclass(frozen=True)
class Pattern:
    """One change that explains all of a difference.

    Attributes:
        name: a stable word for reports and for statistics over a course.
        text: a sentence for students, without numbers.
        detail: the constant or axis that was found, for those who may see values.
    """

    name: str
    text: str
    detail: str = ""


@dataclass(frozen=True, eq=False)
class _Pair:
    """Expected and actual elements, float64 or complex128, and the tolerance between them."""

    expected: Array
    actual: Array
    absolute: float
    relative: float
    integers: bool

    @property
    def scale(self) -> float:
        return _largest(self.expected)

    @property
    def loose(self) -> float:
        """The tolerance as a share of the largest expected number."""
        return self.absolute / self.scale + self.relative

    @property
    def telling(self) -> bool:
        """Whether a fit means something: between two small whole numbers there is always a relation."""
        whole = self.actual.size == 1 and self.expected.dtype.kind == "f"
        return not whole or bool(
            np.rint(self.actual) != self.actual or np.rint(self.expected) != self.expected
        )

    def is_answer(self, changed: Array) -> bool:
        """Whether the answer is this change of the expected numbers everywhere, nan and inf included."""
        return changed.shape == self.actual.shape and bool(np.all(self.near(changed, self.actual)))

    def near(self, changed: Array, actual: Array) -> Array:
        """Element by element; the tolerance is scaled as the change scaled the numbers."""
        # The last term is the rounding of the change itself, which is made in float64 here.
        share = self.absolute / self.scale + 8 * 2.0**-52
        allowed = share * _largest(changed) + self.relative * np.abs(changed)
        near = np.abs(changed - actual) <= allowed
        found: Array = near | (changed == actual) | (np.isnan(changed) & np.isnan(actual))
        return found

    def clearly(self, factor: float) -> bool:
        """Whether the answer is off by more than so many times the tolerance."""
        allowed = self.absolute + self.relative * np.abs(self.expected)
        with np.errstate(all="ignore"):
            return not bool(np.all(np.abs(self.actual - self.expected) <= factor * allowed))


def find_pattern(
    expected: Array, actual: Array, absolute: float, relative: float
) -> Pattern | None:
    """The most specific change that explains all of the difference, None where there is none.

    Args:
        expected: numbers of any dtype and shape.
        actual: numbers that differ from them, perhaps also in shape.
        absolute: the tolerance of the comparison.
        relative: the same, as a share of each expected element.
    """
    if not expected.size or not actual.size or max(expected.ndim, actual.ndim) > _MAX_AXES:
        return None
    if expected.dtype.kind == "b" or actual.dtype.kind == "b":
        return _inverted(expected, actual)
    wide = np.complex128 if "c" in (expected.dtype.kind, actual.dtype.kind) else np.float64
    integers = expected.dtype.kind in "iu"
    pair = _Pair(expected.astype(wide), actual.astype(wide), absolute, relative, integers)
    searches = _SAME_SHAPE if expected.shape == actual.shape else _OTHER_SHAPE
    with np.errstate(all="ignore"):
        if expected.shape == actual.shape and not pair.clearly(_CLEAR):
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
    return Pattern(
        "inverted", "True and False are exchanged everywhere: is the condition the wrong way round?"
    )


# Same shape, from the most specific search to the most general.


def _zeros(pair: _Pair) -> Pattern | None:
    if pair.actual.any():
        return None
    many = pair.actual.size > 1
    return Pattern(
        "zeros", "Every element of the answer is zero." if many else "The answer is zero."
    )


def _sign(pair: _Pair) -> Pattern | None:
    if not pair.is_answer(-pair.expected):
        return None
    return Pattern(
        "sign",
        "The answer has the opposite sign: look for a minus too many or one that is missing.",
    )


def _swapped_axes(pair: _Pair) -> Pattern | None:
    for first, second in _axis_pairs(pair.expected.ndim):
        if pair.is_answer(pair.expected.swapaxes(first, second)):
            if pair.expected.ndim == 2:
                return Pattern("transpose", "The answer is the transpose of the expected one.")
            detail = f"axes {first} and {second}"
            return Pattern(
                "transpose", "The answer is the expected one with two axes exchanged.", detail
            )
    return None


def _reversed(pair: _Pair) -> Pattern | None:
    for axis, name in _axes(pair.expected.ndim):
        if pair.is_answer(np.flip(pair.expected, axis)):
            return Pattern(
                "reversed", f"The numbers are right, but in reverse order{name}.", f"axis {axis}"
            )
    return None


def _shifted(pair: _Pair) -> Pattern | None:
    for axis, name in _axes(pair.expected.ndim):
        expected, actual = np.moveaxis(pair.expected, axis, 0), np.moveaxis(pair.actual, axis, 0)
        # Two rows left to compare, which must not be alike: a constant is its own shift.
        if len(expected) < 3:
            continue
        for word, wanted, given in (
            ("late", expected[:-1], actual[1:]),
            ("early", expected[1:], actual[:-1]),
        ):
            if (wanted[0] != wanted[-1]).any() and pair.near(wanted, given).all():
                text = f"The numbers are right, but one place too {word}{name}: off by one."
                return Pattern("shifted", text, f"axis {axis}")
    return None


def _other_normalisation(pair: _Pair) -> Pattern | None:
    """Softmax (or its logarithm) over another axis, or over everything.

    Both divide the same exponentials, so the logarithm of their quotient is a sum of one term that
    is constant along the expected axis and one that is constant along the other.
    """
    if pair.expected.ndim < 2 or pair.expected.dtype.kind != "f":
        return None
    near = max(1e-4, _CLEAR * pair.loose)
    for left, right in ((pair.expected, pair.actual), (np.exp(pair.expected), np.exp(pair.actual))):
        if not (np.all(left > 0) and np.all(right > 0)):
            continue
        quotient = np.log(right / left)
        for axis, _ in _axes(left.ndim):
            if left.shape[axis] < 2 or not _is_near(left.sum(axis), 1.0, near):
                continue
            rest = quotient - quotient.mean(axis, keepdims=True)
            if _is_near(right.sum(), 1.0, near) and _is_near(rest, 0.0, near):
                return Pattern(
                    "axis",
                    "The answer is normalised over the whole array instead of along one axis.",
                )
            for other, name in _axes(left.ndim):
                if other != axis and _is_near(right.sum(other), 1.0, near):
                    if _is_near(rest - rest.mean(other, keepdims=True), 0.0, near):
                        return Pattern(
                            "axis",
                            f"The answer is normalised{name}, which is another one than expected.",
                        )
    return None


#: What students apply once too often (or forget), as the answer in terms of the expected one.
_FUNCTIONS: tuple[tuple[str, str, Callable[[Array], Array]], ...] = (
    ("square", "the square of the expected one", lambda e: e * e),
    ("root", "the square root of the expected one", np.sqrt),
    ("logarithm", "the natural logarithm of the expected one", np.log),
    ("exponential", "the exponential of the expected one", np.exp),
    ("reciprocal", "one divided by the expected one", lambda e: 1 / e),
    ("complement", "one minus the expected one", lambda e: 1 - e),
    ("absolute", "the absolute value of the expected one", np.abs),
    (
        "positive",
        "the expected one with zero in place of negative numbers",
        lambda e: np.maximum(e, 0),
    ),
    ("rounded", "the expected one rounded to whole numbers", np.rint),
    ("truncated", "the expected one with the digits after the point cut off", np.trunc),
    ("conjugate", "the complex conjugate of the expected one", np.conj),
)


_REAL_ONLY = {"positive", "truncated"}


def _function(pair: _Pair) -> Pattern | None:
    if not pair.telling:
        return None
    for name, text, function in _FUNCTIONS:
        if pair.expected.dtype.kind == "c" and name in _REAL_ONLY:
            continue
        if pair.is_answer(function(pair.expected)):
            return Pattern(name, f"The answer is {text}.")
    return None


def _precision(pair: _Pair) -> Pattern | None:
    """Numbers that a narrower type holds, and that are off by no more than a few of its roundings."""
    if pair.expected.dtype.kind != "f" or pair.integers or not np.isfinite(pair.actual).all():
        return None
    # Short numbers such as 0.5 fit every type: look for one that uses more than seven bits.
    mantissas = np.frexp(pair.actual)[0] * 2**7
    if np.all(np.rint(mantissas) == mantissas):
        return None
    for narrow, eps, words in _NARROW:
        held = np.array_equal(pair.actual.astype(narrow).astype(np.float64), pair.actual)
        if held and np.max(np.abs(pair.actual - pair.expected)) <= 16 * eps * pair.scale:
            text = f"The numbers are right only to {words}: was something computed in a narrower dtype?"
            return Pattern("precision", text)
    return None


_NARROW: tuple[tuple[type[np.floating[Any]], float, str], ...] = (
    (np.float16, 2.0**-10, "half precision"),
    (np.float32, 2.0**-23, "single precision"),
)

_TWICE = "The answer is twice the expected one."
_HALF = "The answer is half of the expected one."
_SUM = "The answer is too large by the length of an axis: a sum where a mean is expected?"
_MEAN = "The answer is too small by the length of an axis: a mean where a sum is expected?"
_SUM_ALL = "The answer is too large by the number of elements: a sum where a mean is expected?"
_MEAN_ALL = "The answer is too small by the number of elements: a mean where a sum is expected?"
_BINARY = "The answer mixes up the logarithm to base two and the natural logarithm."
_DECIMAL = "The answer mixes up the logarithm to base ten and the natural logarithm."
_DEGREES = "The answer mixes up degrees and radians."


def _named_factors(shape: tuple[int, ...]) -> Iterator[tuple[float, str, str, str]]:
    """Factor, name of the pattern, sentence, and what the factor is."""
    yield 2.0, "twice", _TWICE, "factor 2"
    yield 0.5, "half", _HALF, "factor 1/2"
    total = math.prod(shape)
    for n in sorted({n for n in shape if n > 2}):
        yield float(n), "sum for mean", _SUM, f"factor {n}, the length of an axis"
        yield 1.0 / n, "mean for sum", _MEAN, f"factor 1/{n}, {n} being the length of an axis"
    if total > 2:
        yield float(total), "sum for mean", _SUM_ALL, f"factor {total}, the number of elements"
        yield (
            1.0 / total,
            "mean for sum",
            _MEAN_ALL,
            f"factor 1/{total}, {total} being the number of elements",
        )
    for factor, what in ((math.log(2), "ln 2"), (1 / math.log(2), "1 / ln 2")):
        yield factor, "base of logarithm", _BINARY, f"factor {what}"
    for factor, what in ((math.log(10), "ln 10"), (1 / math.log(10), "1 / ln 10")):
        yield factor, "base of logarithm", _DECIMAL, f"factor {what}"
    for factor, what in ((180 / math.pi, "180 / pi"), (math.pi / 180, "pi / 180")):
        yield factor, "degrees", _DEGREES, f"factor {what}"


def _factor(pair: _Pair) -> Pattern | None:
    """A well-known factor, then a whole one, then that of n - 1 for n."""
    factor = _quotient(pair)
    if factor is None:
        return None
    for known, name, text, detail in _named_factors(pair.expected.shape):
        if pair.is_answer(known * pair.expected):
            return Pattern(name, text, detail)
    return _whole_factor(pair, factor) or _sample_factor(pair, factor) if pair.telling else None


def _whole_factor(pair: _Pair, factor: float) -> Pattern | None:
    """A sum for a mean over something that has no axis in the answer, such as the batch."""
    slack = pair.loose + 1e-15
    for value, name, said in (
        (factor, "sum for mean", "large"),
        (1 / factor, "mean for sum", "small"),
    ):
        whole = round(value) if 2 < value < 10_000 else 0
        # The tolerance must not reach far between two whole numbers, or every factor would be one.
        if whole and whole * slack < 0.01 and abs(value - whole) <= 2 * whole * slack:
            exact = whole if said == "large" else 1 / whole
            if pair.is_answer(exact * pair.expected):
                text = f"The answer is too {said} by a whole number: a sum and a mean exchanged?"
                return Pattern(name, text, f"factor {whole if said == 'large' else f'1/{whole}'}")
    return None


def _sample_factor(pair: _Pair, factor: float) -> Pattern | None:
    """Variance or standard deviation with n - 1 for n."""
    slack = pair.loose + 1e-15
    for value, what in ((factor, "n / (n - 1)"), (factor * factor, "the root of n / (n - 1)")):
        ratio = max(value, 1 / value)
        if factor <= 0 or ratio < 1.0005:
            continue
        n = round(ratio / (ratio - 1))
        if n >= 3 and n * n * slack < 0.002 and abs(ratio * (n - 1) / n - 1) <= 4 * slack:
            text = "The answer divides by n - 1 where n is expected, or the reverse."
            return Pattern("degrees of freedom", text, f"factor {what} or its inverse, n = {n}")
    return None


def _free_constant(pair: _Pair) -> Pattern | None:
    """Some factor, or something added; said only where exactly one of the two explains it."""
    if pair.expected.size < 2 or not pair.clearly(_VERY_CLEAR):
        return None
    factor, found = _quotient(pair), []
    if factor is not None and pair.is_answer(factor * pair.expected):
        # One element has a factor always; a second one must have changed as well.
        allowed = pair.absolute + pair.relative * np.abs(pair.expected)
        moved = np.abs(pair.actual - pair.expected) > allowed
        if np.count_nonzero(moved) > 1:
            text = "The answer is the expected one times a constant factor."
            found.append(Pattern("factor", text, f"factor {factor:.6g}"))
    offset = _offset(pair)
    if offset is not None:
        found.append(offset)
    if len(found) == 1:
        return found[0]
    return None


def _offset(pair: _Pair) -> Pattern | None:
    finite = np.isfinite(pair.expected) & np.isfinite(pair.actual)
    if not finite.any():
        return None
    shift = (pair.actual - pair.expected)[finite][0]
    near = np.abs(pair.actual - (pair.expected + shift)) <= pair.absolute + 8 * 2.0**-52 * (
        pair.scale + abs(shift)
    )
    if not np.all(
        near
        | (pair.actual == pair.expected) & ~finite
        | np.isnan(pair.actual) & np.isnan(pair.expected)
    ):
        return None
    return Pattern("offset", "A constant was added to the expected answer.", f"offset {shift:.6g}")


def _off_by_one(pair: _Pair) -> Pattern | None:
    """Whole numbers that are all one too large, or all one too small (or right)."""
    if not pair.integers:
        return None
    step = pair.actual - pair.expected
    for sign, word in ((1, "large"), (-1, "small")):
        if np.all(step == sign):
            which = "Every whole number" if step.size > 1 else "The whole number"
            return Pattern("off by one", f"{which} is one too {word}.")
        # Between labels 0 and 1 every mistake is off by one.
        if np.all((step == sign) | (step == 0)) and pair.expected.max() > 1:
            return Pattern("off by one", f"Where the whole numbers differ they are one too {word}.")
    return None


def _constant(pair: _Pair) -> Pattern | None:
    if pair.actual.size < 2 or not np.all(pair.actual == pair.actual.flat[0]):
        return None
    if np.all(pair.expected == pair.expected.flat[0]):
        return None
    return Pattern("constant", "Every element of the answer is the same number.")


_SAME_SHAPE: tuple[Callable[[_Pair], Pattern | None], ...] = (
    _zeros,
    _sign,
    _off_by_one,
    _constant,
    _swapped_axes,
    _reversed,
    _shifted,
    _other_normalisation,
    _precision,
    _factor,
    _function,
    _free_constant,
)


# Another shape.


def _exchanged_shape(pair: _Pair) -> Pattern | None:
    for first, second in _axis_pairs(pair.expected.ndim):
        if pair.is_answer(pair.expected.swapaxes(first, second)):
            text = "The numbers are right, but two axes are exchanged: the answer is transposed."
            return Pattern("transpose", text, f"axes {first} and {second}")
    return None


def _reshaped(pair: _Pair) -> Pattern | None:
    expected, actual = pair.expected.shape, pair.actual.shape
    if pair.actual.size != pair.expected.size or not pair.is_answer(pair.expected.reshape(actual)):
        return None
    long, answer = ([n for n in shape if n != 1] for shape in (expected, actual))
    if long == answer:
        word = (
            "missing: keepdims?"
            if len(actual) < len(expected)
            else "too many: was it meant to be summed away?"
        )
        return Pattern(
            "axis of length one", f"The numbers are right; an axis of length one is {word}"
        )
    return Pattern(
        "reshape", "The numbers are right and in the right order; only the shape differs."
    )


def _broadcast(pair: _Pair) -> Pattern | None:
    expected, actual = pair.expected, pair.actual
    if actual.size <= expected.size:
        return None
    if actual.shape == (expected.size, expected.size) and expected.size > 1:
        text = "A column met a row and NumPy filled a square table: compare the shapes before the operation."
        return Pattern("broadcast", text)
    try:
        repeated = np.broadcast_to(expected, actual.shape)
    except ValueError:
        return None
    if pair.is_answer(repeated):
        return Pattern("broadcast", "The numbers are right, but each of them is repeated.")
    return None


def _one_row(pair: _Pair) -> Pattern | None:
    for axis, name in _axes(min(pair.expected.ndim, pair.actual.ndim)):
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
                word = "too many" if extra > 0 else "missing"
                return Pattern(
                    "one row",
                    f"The numbers are right, but one is {word} at the {place}{name}.",
                    f"axis {axis}",
                )
    return None


_OTHER_SHAPE: tuple[Callable[[_Pair], Pattern | None], ...] = (
    _exchanged_shape,
    _reshaped,
    _one_row,
    _broadcast,
)


def _axes(ndim: int) -> Iterator[tuple[int, str]]:
    """Every axis and how to speak of it without a number."""
    for axis in range(ndim):
        yield axis, "" if ndim == 1 else f" along the {_ORDINALS[axis]} axis"


def _axis_pairs(ndim: int) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(ndim) for j in range(i + 1, ndim))


def _largest(array: Array) -> float:
    sizes = np.abs(array)
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0)) or 1.0


def _is_near(array: Any, value: float, near: float) -> bool:
    return bool(np.all(np.abs(array - value) <= near))


def _quotient(pair: _Pair) -> Any:
    """The factor of the largest expected element, None where there is none."""
    sizes = np.where(np.isfinite(pair.expected), np.abs(pair.expected), 0.0)
    at = int(np.argmax(sizes))
    expected, actual = pair.expected.flat[at], pair.actual.flat[at]
    if not expected or not actual or not np.isfinite(actual):
        return None
    factor = complex(actual / expected)
    return factor.real if factor.imag == 0 else None
