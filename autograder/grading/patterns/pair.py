"""The numbers between which a pattern is sought, and the tests that every search shares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.course.values import Array
from autograder.messages import say

MAX_AXES = 6
#: How far beyond the tolerance the largest difference must be, to be more than noise; and for
#: patterns with a free constant, which fit by chance more easily.
CLEAR = 8.0
VERY_CLEAR = 100.0


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
class Pair:
    """Expected and actual elements, float64 or complex128, and the tolerance between them."""

    expected: Array
    actual: Array
    absolute: float
    relative: float
    integers: bool

    @property
    def scale(self) -> float:
        return largest(self.expected)

    @property
    def loose(self) -> float:
        """The tolerance as a share of the largest expected number."""
        return self.absolute / self.scale + self.relative

    @property
    def telling(self) -> bool:
        """Whether a fit means something: two small whole numbers are always related somehow."""
        whole = self.actual.size == 1 and self.expected.dtype.kind == "f"
        return not whole or bool(np.rint(self.actual) != self.actual or np.rint(self.expected) != self.expected)

    def is_answer(self, changed: Array) -> bool:
        """Whether the answer is this change of the expected numbers everywhere, nan included."""
        if changed.shape != self.actual.shape or not np.isfinite(self.actual).any():
            # A change that makes nothing but nan fits every answer of nothing but nan.
            return False
        return bool(np.all(self.near(changed, self.actual)))

    def near(self, changed: Array, actual: Array) -> Array:
        """Element by element; the tolerance is scaled as the change scaled the numbers."""
        # The last term is the rounding of the change itself, which is made in float64 here.
        share = self.absolute / self.scale + 8 * 2.0**-52
        allowed = share * largest(changed) + self.relative * np.abs(changed)
        near = np.abs(changed - actual) <= allowed
        found: Array = near | (changed == actual) | (np.isnan(changed) & np.isnan(actual))
        return found

    def clearly(self, factor: float) -> bool:
        """Whether the answer is off by more than so many times the tolerance."""
        allowed = self.absolute + self.relative * np.abs(self.expected)
        with np.errstate(all="ignore"):
            return not bool(np.all(np.abs(self.actual - self.expected) <= factor * allowed))


def axes(ndim: int) -> Iterator[tuple[int, str]]:
    """Every axis and how to speak of it without a number."""
    for axis in range(ndim):
        yield axis, "" if ndim == 1 else say(f"patterns.along_{axis + 1}")


def axis_pairs(ndim: int) -> Iterator[tuple[int, int]]:
    """Every two different axes of an array, each pair once."""
    return ((i, j) for i in range(ndim) for j in range(i + 1, ndim))


def largest(array: Array) -> float:
    """Largest finite magnitude, 1.0 if there is none above 0."""
    sizes = np.abs(array)
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0)) or 1.0


def is_near(array: Any, value: float, near: float) -> bool:
    """Whether all elements lie within `near` of a value."""
    return bool(np.all(np.abs(array - value) <= near))
