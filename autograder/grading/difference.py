"""The first difference between an answer and the expected one, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autograder.grading.patterns import Pattern

Kind = Literal[
    "missing",
    "extra",
    "type",
    "structure",
    "shape",
    "dtype",
    "device",
    "nan",
    "inf",
    "input_changed",
    "no_gradient",
    "values",
    "not_comparable",
]
Scalar = bool | int | float | complex | str


@dataclass(frozen=True)
class Summary:
    """What can be said about a value without its contents.

    Attributes:
        kind: none, number, text, sequence, dict, array, tensor, or other.
        type: name of the exact type; for other kinds it may be the student's own text, already made
            visible.
        shape: of arrays, tensors and numbers.
        dtype: name of the dtype; Python's type for its own numbers.
        device: of a tensor.
        length: of texts, sequences and dicts.
        keys: of a dict, some of those that the other side lacks.
        reason: why the value could not cross, where it could not.
    """

    kind: str
    type: str
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    device: str = ""
    length: int | None = None
    keys: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Mismatch:
    """Which elements differ.

    Attributes:
        differing: number of elements that differ in the way the difference names.
        total: number of elements.
        index: of the worst of them (of the first, for nan, infinities and texts).
        expected_there: the element there.
        actual_there: the answer there.
        max_abs_err: the largest distance; None where it has no meaning.
        allowed_there: the largest distance that would have passed there.
    """

    differing: int
    total: int
    index: tuple[int, ...]
    expected_there: Scalar
    actual_there: Scalar
    max_abs_err: float | None
    allowed_there: float | None


@dataclass(frozen=True)
class Difference:
    """The first thing in an answer that is not as expected.

    Attributes:
        part: path of the leaf: ``output``, ``output[0]``, ``gradient of x``.
        kind: in which way it differs.
        expected: what was expected.
        actual: what came.
        mismatch: the elements, where the kind is about elements.
        pattern: the one simple change that explains all of it, if there is one.
    """

    part: str
    kind: Kind
    expected: Summary
    actual: Summary
    mismatch: Mismatch | None = None
    pattern: Pattern | None = None
