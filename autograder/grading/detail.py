"""What did a public check ask, what was expected and what came? Small arrays as text, the wrong elements marked.

Only for public checks, and only where a student's own words may be told: see `autograder.grading.words`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from autograder.course.probes import Parts
from autograder.course.values import Array, Code, Generator, TensorValue
from autograder.grading.difference import Difference
from autograder.grading.explain import formatted
from autograder.grading.key import Case
from autograder.grading.scan import scan
from autograder.grading.tolerance import EXACT, Allowed, item_path, numbers
from autograder.records.mark import Curve, Detail, Grid
from autograder.text import visible

#: The largest part of an array that is shown, and how many inputs.
_ROWS, _COLUMNS, _INPUTS = 6, 8, 6
#: A curve needs some points, and a small plot shows no more than so many.
_FEWEST_POINTS, _MOST_POINTS = 3, 64
_TEXT = 60

_Leaf = tuple[Any, Allowed]


def detail(case: Case, parts: Parts, difference: Difference | None) -> Detail | None:
    """The detail of one case of a public check; None where there is nothing to show.

    Args:
        case: what was asked and expected.
        parts: what came; empty where an exception came instead.
        difference: the first one; None likewise.
    """
    shown = tuple(_inputs(case.probe))[:_INPUTS]
    if difference is None:
        return Detail(shown) if shown else None
    expected = _leaf(case.expected, difference.part, case.allowed)
    actual = _leaf(parts, difference.part, {})
    if expected is None or actual is None:
        return Detail(shown) if shown else None
    left, right = _array(expected[0]), _array(actual[0])
    part = visible(difference.part, _TEXT)
    if left is None or right is None or left.shape != right.shape:
        return Detail(shown, part, None if left is None else grid(left), None if right is None else grid(right))
    window, cut = _window(left, difference.mismatch.index if difference.mismatch else ())
    pairs = list(zip(left[window].ravel(), right[window].ravel(), strict=True))
    with np.errstate(all="ignore"):
        differs = [any(scan(*pair, expected[1]).counts.values()) for pair in pairs]
    texts = formatted([(a.item(), b.item()) for a, b in pairs], differs)
    width = left[window].shape[-1] if left.ndim else 1
    return Detail(
        shown,
        part,
        Grid(left.shape, _rows([text for text, _ in texts], width), cut),
        Grid(left.shape, _rows([text for _, text in texts], width), cut),
        _rows(differs, width),
        _curve(case, difference.part, left, right),
    )


def _array(value: Any) -> Array | None:
    """The numbers of a leaf; None where it has none, or an integer that no array holds."""
    if type(value) is int:
        return np.asarray(value) if value.bit_length() < 63 else None
    found = numbers(value)
    return None if found is None else found.array


def grid(array: Array) -> Grid:
    """The first rows and columns of an array as text."""
    window, cut = _window(array, ())
    shown = array[window]
    texts = [
        text for text, _ in formatted([(item.item(), item.item()) for item in shown.ravel()], [False] * shown.size)
    ]
    return Grid(array.shape, _rows(texts, shown.shape[-1] if shown.ndim else 1), cut)


def _window(array: Array, around: tuple[int, ...]) -> tuple[tuple[slice, ...], bool]:
    """A part of an array that is small enough to be shown, and whether that is not all of it."""
    room = [_COLUMNS, _ROWS] + [1] * array.ndim
    if array.size <= _ROWS * _COLUMNS and (array.shape[-1:] or (1,))[0] <= _COLUMNS:
        return tuple(slice(None) for _ in array.shape), False
    slices = []
    for axis, length in enumerate(array.shape):
        size = room[array.ndim - 1 - axis]
        middle = around[axis] if axis < len(around) else 0
        start = min(max(middle - size // 2, 0), max(length - size, 0))
        slices.append(slice(start, start + size))
    return tuple(slices), array[tuple(slices)].size < array.size


def _rows(items: list[Any], width: int) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(items[i : i + width]) for i in range(0, len(items), max(width, 1)))


def _inputs(probe: Any) -> Iterator[tuple[str, Grid]]:
    """The inputs of a probe by name: what a reader needs to try the check alone."""
    for label, value in _arguments(probe):
        yield from _shown(label, value)


def _arguments(probe: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(probe, "probe", getattr(probe, "few", None))
    if inner is not None:
        yield from _arguments(inner)
    for construct in chain(getattr(probe, "constructs", ()), filter(None, [getattr(probe, "construct", None)])):
        yield from _arguments(construct)
    yield from ((str(i), value) for i, value in enumerate(getattr(probe, "args", ()), start=1))
    yield from getattr(probe, "kwargs", {}).items()
    yield from getattr(probe, "inputs", {}).items() if isinstance(getattr(probe, "inputs", None), Mapping) else ()
    yield from ((name, getattr(probe, name)) for name in ("x", "y", "batch_size") if hasattr(probe, name))


def _shown(label: str, value: Any) -> Iterator[tuple[str, Grid]]:
    found = _array(value)
    if found is not None:
        yield label, grid(found)
    elif isinstance(value, list | tuple) and any(isinstance(item, np.ndarray | TensorValue) for item in value):
        for i, item in enumerate(value):
            yield from _shown(item_path(label, i), item)
    else:
        yield label, Grid((), ((visible(_in_words(value), _TEXT),),))


def _in_words(value: Any) -> str:
    if isinstance(value, Code):
        return value.expression
    if isinstance(value, Generator):
        return f"np.random.default_rng({value.seed})"
    return repr(value)


def _leaf(parts: Parts, path: str, allowed: Mapping[str, Allowed]) -> _Leaf | None:
    """The value at a path, and the tolerance that holds there."""
    waiting: list[tuple[str, Any, Allowed]] = [(part, value, allowed.get(part, EXACT)) for part, value in parts.items()]
    while waiting:
        here, value, held = waiting.pop()
        if here == path:
            return value, held
        if path.startswith(here) and type(value) in (list, tuple, dict):
            items = value.items() if type(value) is dict else enumerate(value)
            inner = ((item_path(here, key), item) for key, item in items)
            waiting += [(at, item, allowed.get(at, held)) for at, item in inner if path.startswith(at)]
    return None


def _curve(case: Case, part: str, expected: Array, actual: Array) -> Curve | None:
    """The answer over the first input of its shape: for what works entry by entry, and for losses of single samples."""
    if (
        expected.dtype.kind != "f"
        or actual.dtype.kind == "c"
        or not _FEWEST_POINTS <= expected.size <= _MOST_POINTS
        or part != "output"
    ):
        return None
    for name, value in _arguments(case.probe):
        found = _array(value)
        if found is not None and found.dtype.kind == "f" and found.shape == expected.shape:
            order = np.argsort(found, axis=None, kind="stable")
            sides = (_points(side.ravel()[order]) for side in (found, expected, actual))
            return Curve(name, *sides)
    return None


def _points(array: Array) -> tuple[float | None, ...]:
    return tuple(float(f"{item:.6g}") if np.isfinite(item) else None for item in array.astype(np.float64))
