"""Patterns of arithmetic: a function too many, a narrow precision, a factor, something added."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograder.course.values import Array
from autograder.grading.patterns.pair import VERY_CLEAR, Pair, Pattern
from autograder.messages import say

#: What students apply once too often (or forget), as the answer in terms of the expected one.
_FUNCTIONS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("square", lambda e: e * e),
    ("root", np.sqrt),
    ("logarithm", np.log),
    ("exponential", np.exp),
    ("reciprocal", lambda e: 1 / e),
    ("complement", lambda e: 1 - e),
    ("absolute", np.abs),
    ("positive", lambda e: np.maximum(e, 0)),
    ("rounded", np.rint),
    ("truncated", np.trunc),
    ("conjugate", np.conj),
)


_REAL_ONLY = {"positive", "truncated"}


def function(pair: Pair) -> Pattern | None:
    """One of the functions above, applied to every element."""
    if not pair.telling:
        return None
    for name, change in _FUNCTIONS:
        if pair.expected.dtype.kind == "c" and name in _REAL_ONLY:
            continue
        if pair.is_answer(change(pair.expected)):
            return Pattern(name, say(f"patterns.{name}"))
    return None


def precision(pair: Pair) -> Pattern | None:
    """Numbers that a narrower type holds, off by no more than a few of its roundings."""
    if pair.expected.dtype.kind != "f" or pair.integers or not np.isfinite(pair.actual).all():
        return None
    # Short numbers such as 0.5 fit every type: look for one that uses more than seven bits.
    mantissas = np.frexp(pair.actual)[0] * 2**7
    if np.all(np.rint(mantissas) == mantissas):
        return None
    for narrow, eps, words in _NARROW:
        held = np.array_equal(pair.actual.astype(narrow).astype(np.float64), pair.actual)
        if held and np.max(np.abs(pair.actual - pair.expected)) <= 16 * eps * pair.scale:
            return Pattern("precision", say(f"patterns.{words}"))
    return None


_NARROW: tuple[tuple[type[np.floating[Any]], float, str], ...] = (
    (np.float16, 2.0**-10, "half_precision"),
    (np.float32, 2.0**-23, "single_precision"),
)


def _named_factors(shape: tuple[int, ...]) -> Iterator[tuple[float, str, str, str]]:
    """Factor, name of the pattern, key of its sentence, and what the factor is."""
    yield 2.0, "twice", "twice", "factor 2"
    yield 0.5, "half", "half", "factor 1/2"
    total = math.prod(shape)
    for n in sorted({n for n in shape if n > 2}):
        yield float(n), "sum for mean", "sum_axis", f"factor {n}, the length of an axis"
        yield 1.0 / n, "mean for sum", "mean_axis", f"factor 1/{n}, {n} being the length of an axis"
    if total > 2:
        yield float(total), "sum for mean", "sum_all", f"factor {total}, the number of elements"
        yield (
            1.0 / total,
            "mean for sum",
            "mean_all",
            f"factor 1/{total}, {total} being the number of elements",
        )
    for factor, what in ((math.log(2), "ln 2"), (1 / math.log(2), "1 / ln 2")):
        yield factor, "base of logarithm", "base_two", f"factor {what}"
    for factor, what in ((math.log(10), "ln 10"), (1 / math.log(10), "1 / ln 10")):
        yield factor, "base of logarithm", "base_ten", f"factor {what}"
    for factor, what in ((180 / math.pi, "180 / pi"), (math.pi / 180, "pi / 180")):
        yield factor, "degrees", "degrees", f"factor {what}"


def factor(pair: Pair) -> Pattern | None:
    """A well-known factor, then a whole one, then that of n - 1 for n."""
    quotient = _quotient(pair)
    if quotient is None:
        return None
    for known, name, key, detail in _named_factors(pair.expected.shape):
        if pair.is_answer(known * pair.expected):
            return Pattern(name, say(f"patterns.{key}"), detail)
    if not pair.telling:
        return None
    return _whole_factor(pair, quotient) or _sample_factor(pair, quotient)


def _whole_factor(pair: Pair, factor: float) -> Pattern | None:
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
                return Pattern(
                    name, say(f"patterns.whole_{said}"), f"factor {whole if said == 'large' else f'1/{whole}'}"
                )
    return None


def _sample_factor(pair: Pair, factor: float) -> Pattern | None:
    """Variance or standard deviation with n - 1 for n."""
    if factor <= 0 or not pair.is_answer(factor * pair.expected):
        return None
    slack = pair.loose + 1e-15
    for value, what in ((factor, "n / (n - 1)"), (factor * factor, "the root of n / (n - 1)")):
        # With n >= 3 no such factor is far from 1; much nearer than 1.0005 it tells nothing.
        if not 0.5 < value < 2 or abs(value - 1) < 0.0005:
            continue
        ratio = max(value, 1 / value)
        n = round(ratio / (ratio - 1))
        if n >= 3 and n * n * slack < 0.002 and abs(ratio * (n - 1) / n - 1) <= 4 * slack:
            return Pattern("degrees of freedom", say("patterns.freedom"), f"factor {what} or its inverse, n = {n}")
    return None


def free_constant(pair: Pair) -> Pattern | None:
    """Some factor, or something added; said only where exactly one of the two explains it."""
    if pair.expected.size < 2 or not pair.clearly(VERY_CLEAR):
        return None
    factor, found = _quotient(pair), []
    if factor is not None and pair.is_answer(factor * pair.expected):
        # One element has a factor always; a second one must have changed as well.
        allowed = pair.absolute + pair.relative * np.abs(pair.expected)
        moved = np.abs(pair.actual - pair.expected) > allowed
        if np.count_nonzero(moved) > 1:
            found.append(Pattern("factor", say("patterns.factor"), f"factor {factor:.6g}"))
    offset = _offset(pair)
    if offset is not None:
        found.append(offset)
    if len(found) == 1:
        return found[0]
    return None


def _offset(pair: Pair) -> Pattern | None:
    finite = np.isfinite(pair.expected) & np.isfinite(pair.actual)
    if not finite.any():
        return None
    shift = (pair.actual - pair.expected)[finite][0]
    # The second term is the rounding of the sum, which is made in float64 here.
    allowed = pair.absolute + 8 * 2.0**-52 * (pair.scale + abs(shift))
    moved = pair.expected + shift
    near = np.abs(pair.actual - moved) <= allowed
    if not np.all(near | (pair.actual == moved) | (np.isnan(pair.actual) & np.isnan(moved))):
        return None
    return Pattern("offset", say("patterns.offset"), f"offset {shift:.6g}")


def off_by_one(pair: Pair) -> Pattern | None:
    """Whole numbers that are all one too large, or all one too small (or right)."""
    if not pair.integers:
        return None
    step = pair.actual - pair.expected
    for sign, word in ((1, "large"), (-1, "small")):
        if np.all(step == sign):
            return Pattern("off by one", say(f"patterns.{'all' if step.size > 1 else 'one'}_{word}"))
        # Between labels 0 and 1 every mistake is off by one.
        if np.all((step == sign) | (step == 0)) and pair.expected.max() > 1:
            return Pattern("off by one", say(f"patterns.some_{word}"))
    return None


def _quotient(pair: Pair) -> Any:
    """The factor of the largest expected element, None where there is none."""
    sizes = np.where(np.isfinite(pair.expected), np.abs(pair.expected), 0.0)
    at = int(np.argmax(sizes))
    expected, actual = pair.expected.flat[at], pair.actual.flat[at]
    if not expected or not actual or not np.isfinite(actual):
        return None
    factor = complex(actual / expected)
    size = abs(factor.real)
    # Far quotients overflow (or vanish) when they are inverted.
    real = abs(factor.imag) <= 1e-12 * size
    return factor.real if real and 1e-100 < size < 1e100 else None
