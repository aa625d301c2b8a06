"""Public checks of minibatches; run them with grader.check("minibatches")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "minibatches"
points = [0.86, 0.86]


def _defined(name: str, value: Any) -> None:
    """Fail with a clear sentence where the notebook has no answer yet."""
    if value is None:
        raise AssertionError(f"{name} is not defined. Run the cell that defines it.")
    if value is ...:
        raise AssertionError(f"{name} is still `...`. Replace it by your answer.")


def _run(function: Any, args: Any, kwargs: Any) -> Any:
    """Call the function; an exit() in it must not end the notebook."""
    try:
        return function(*args, **kwargs)
    except SystemExit:
        raise AssertionError("Your code calls exit(). Remove that.") from None


def _epochs(
    function: Any, x: Any, y: Any, batch_size: int, seed: int, epochs: int, orders: bool, inputs: bool
) -> dict[str, Any]:
    """What all mini-batches have in common, however they are shuffled."""
    now_x, now_y = copy.deepcopy((x, y))
    batched = _batches(function, now_x, now_y, batch_size, seed, epochs)
    place = {row.tobytes(): i for i, row in enumerate(x)}
    answer: dict[str, Any] = {}
    places = []
    for number, batches in enumerate(batched, start=1):
        answer[f"shapes of the batches of epoch {number}"] = [(a.shape, b.shape) for a, b in batches]
        if not batches:
            continue
        samples, targets = (np.concatenate(side) for side in zip(*batches, strict=True))
        places.append([[place.get(row.tobytes(), -1) for row in a] for a, _ in batches])
        order = np.argsort([i for batch in places[-1] for i in batch], kind="stable")
        answer[f"x of epoch {number} in its old order"] = samples[order]
        answer[f"y of epoch {number} in the same order"] = targets[order[order < len(targets)]]
    if orders:
        flat = [[i for batch in epoch for i in batch] for epoch in places]
        whole = [batch for epoch in places for batch in epoch if len(batch) == batch_size > 1]
        again = _batches(function, *copy.deepcopy((x, y)), batch_size, seed, epochs)
        arrays = [[a for epoch in run for batch in epoch for a in batch] for run in (batched, again)]
        same = len(arrays[0]) == len(arrays[1]) and all(map(np.array_equal, *arrays))
        answer["epochs that keep the order of x"] = sum(order == sorted(order) for order in flat)
        answer["epochs that repeat an order"] = len(flat) - len(set(map(tuple, flat)))
        answer["full batches that are a stretch of x"] = sum(max(b) - min(b) == len(b) - 1 for b in whole)
        answer["the same seed gives the same batches"] = same
    if inputs:
        answer["input x after the call"], answer["input y after the call"] = now_x, now_y
    return answer


def _batches(function: Any, x: Any, y: Any, batch_size: int, seed: int, epochs: int) -> Any:
    """The mini-batches of each epoch as pairs of copies; one generator for all epochs."""
    rng = np.random.default_rng(seed)
    arguments = {"x": x, "y": y, "batch_size": batch_size, "rng": rng}
    return [[copy.deepcopy((a, b)) for a, b in _run(function, (), arguments)] for _ in range(epochs)]


def _compare(expected: Any, answer: Any, allowed: Any) -> None:
    """Fail at the first part of the answer that is not as expected; `allowed` holds tolerances."""
    for part in expected:
        _compare_value(part, expected[part], answer.get(part), allowed, 0.0)


def _compare_value(path: str, expected: Any, actual: Any, allowed: Any, outer: Any) -> None:
    tolerance = allowed.get(path, outer)
    if _kind(expected) != _kind(actual):
        hint = " Does autograd reach it?" if path.startswith("gradient") and actual is None else ""
        raise AssertionError(f"{path}: expected {_kind(expected)}, got {_kind(actual)}.{hint}")
    if isinstance(expected, dict):
        if set(expected) != set(actual):
            names, found = list(expected), list(actual)
            raise AssertionError(f"{path}: expected the names {names}, got {found}.")
        for key in expected:
            _compare_value(f"{path}[{key!r}]", expected[key], actual[key], allowed, tolerance)
    elif isinstance(expected, (list, tuple)):
        if len(expected) != len(actual):
            raise AssertionError(f"{path}: expected {len(expected)} items, got {len(actual)}.")
        for i in range(len(expected)):
            _compare_value(f"{path}[{i}]", expected[i], actual[i], allowed, tolerance)
    elif expected is None or isinstance(expected, str):
        if expected != actual:
            raise AssertionError(f"{path}: expected {expected!r}, got {actual!r}.")
    else:
        shape, found = np.shape(expected), np.shape(actual)
        if tuple(shape) != tuple(found):
            raise AssertionError(f"{path}: expected shape {tuple(shape)}, got {tuple(found)}.")
        if not _fits(expected, actual):
            raise AssertionError(f"{path}: expected {_dtype(expected)}, got {_dtype(actual)}.")
        _compare_numbers(path, _numbers(expected), _numbers(actual), tolerance)


def _compare_numbers(path: str, expected: Any, actual: Any, tolerance: Any) -> None:
    absolute, relative = tolerance if isinstance(tolerance, tuple) else (tolerance, 0.0)
    with np.errstate(all="ignore"):
        same = (expected == actual) | ((expected != expected) & (actual != actual))  # nan meets nan
        if absolute or relative:
            wide = np.complex128 if "c" in expected.dtype.kind + actual.dtype.kind else np.float64
            left, right = expected.astype(wide), actual.astype(wide)
            near = np.abs(right - left) <= absolute + relative * np.abs(left)
            same |= near & np.isfinite(left)
    wrong = np.argwhere(~same)
    if len(wrong):
        at = tuple(map(int, wrong[0]))
        count = f"{len(wrong)} of {same.size} numbers are wrong; at {list(at)} " if at else ""
        hint = " Does your code write into its input?" if path.startswith("input") else ""
        raise AssertionError(f"{path}: {count}expected {expected[at]}, got {actual[at]}.{hint}")


def _kind(value: Any) -> str:
    """The type in words: numbers of Python and NumPy are one type, and so are lists and tuples."""
    if type(value) in (list, tuple):
        return "a list or tuple"
    if isinstance(value, (int, float, complex, np.generic)) or type(value) is np.ndarray:
        return "a NumPy array" if np.ndim(value) else "a number"
    return "None" if value is None else f"a {type(value).__name__}"


def _dtype(value: Any) -> str:
    return str(getattr(value, "dtype", type(value).__name__))


def _fits(expected: Any, actual: Any) -> bool:
    """Equal dtypes; for single numbers, Python's count as NumPy's, and any integer type will do."""
    wanted, found = _dtype(expected), _dtype(actual)
    if wanted == found or _kind(expected) != "a number":
        return wanted == found
    if wanted.startswith(("float", "complex")):
        mates = {"float64": "float", "complex128": "complex"}
        return found in ("float", "int") or mates.get(found, found) == mates.get(wanted, wanted)
    return "int" in wanted and "int" in found


def _numbers(value: Any) -> Any:
    """The elements as a NumPy array, wide enough to subtract."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


@test_case(
    name='5 samples in batches of 2',
    points=0.86,
    hidden=False,
    success_message='Right.',
    failure_message='Which shapes have the three batches?',
)
def check_1(minibatches):
    _defined("minibatches", minibatches)
    x = np.array([
        [-1.3114712728001061, 0.5158425665249641],
        [-1.239063006852244, -0.6257832323501984],
        [0.7061930188936097, 1.3771254247888318],
        [-0.26350036209836125, 2.352311356493417],
        [0.03953582522299444, 1.1214774836684311],
    ], dtype="float64")
    y = np.array([2, 1, 0, 2, 2], dtype="int64")
    batch_size, seed, epochs = 2, 0, 2
    answer = _epochs(minibatches, x, y, batch_size, seed, epochs, orders=False, inputs=False)
    expected = {
        'shapes of the batches of epoch 1': [((2, 2), (2,)), ((2, 2), (2,)), ((1, 2), (1,))],
        'x of epoch 1 in its old order': np.array([
            [-1.3114712728001061, 0.5158425665249641],
            [-1.239063006852244, -0.6257832323501984],
            [0.7061930188936097, 1.3771254247888318],
            [-0.26350036209836125, 2.352311356493417],
            [0.03953582522299444, 1.1214774836684311],
        ], dtype="float64"),
        'y of epoch 1 in the same order': np.array([2, 1, 0, 2, 2], dtype="int64"),
        'shapes of the batches of epoch 2': [((2, 2), (2,)), ((2, 2), (2,)), ((1, 2), (1,))],
        'x of epoch 2 in its old order': np.array([
            [-1.3114712728001061, 0.5158425665249641],
            [-1.239063006852244, -0.6257832323501984],
            [0.7061930188936097, 1.3771254247888318],
            [-0.26350036209836125, 2.352311356493417],
            [0.03953582522299444, 1.1214774836684311],
        ], dtype="float64"),
        'y of epoch 2 in the same order': np.array([2, 1, 0, 2, 2], dtype="int64"),
    }
    allowed = {
        'shapes of the batches of epoch 1[0][0][0]': 0.0,
        'shapes of the batches of epoch 1[0][0][1]': 0.0,
        'shapes of the batches of epoch 1[0][1][0]': 0.0,
        'shapes of the batches of epoch 1[1][0][0]': 0.0,
        'shapes of the batches of epoch 1[1][0][1]': 0.0,
        'shapes of the batches of epoch 1[1][1][0]': 0.0,
        'shapes of the batches of epoch 1[2][0][0]': 0.0,
        'shapes of the batches of epoch 1[2][0][1]': 0.0,
        'shapes of the batches of epoch 1[2][1][0]': 0.0,
        'shapes of the batches of epoch 2[0][0][0]': 0.0,
        'shapes of the batches of epoch 2[0][0][1]': 0.0,
        'shapes of the batches of epoch 2[0][1][0]': 0.0,
        'shapes of the batches of epoch 2[1][0][0]': 0.0,
        'shapes of the batches of epoch 2[1][0][1]': 0.0,
        'shapes of the batches of epoch 2[1][1][0]': 0.0,
        'shapes of the batches of epoch 2[2][0][0]': 0.0,
        'shapes of the batches of epoch 2[2][0][1]': 0.0,
        'shapes of the batches of epoch 2[2][1][0]': 0.0,
        'x of epoch 1 in its old order': 2.7034561509567165e-13,
        'x of epoch 2 in its old order': 2.7034561509567165e-13,
        'y of epoch 1 in the same order': 0.0, 'y of epoch 2 in the same order': 0.0,
    }
    _compare(expected, answer, allowed)


@test_case(
    name='each sample once per epoch, with its own target',
    points=0.86,
    hidden=False,
    success_message='Right.',
    failure_message='After shuffling, is row 0 still with its label?',
)
def check_2(minibatches):
    _defined("minibatches", minibatches)
    x = np.array([
        [0.0, 1.0],
        [2.0, 3.0],
        [4.0, 5.0],
        [6.0, 7.0],
        [8.0, 9.0],
        [10.0, 11.0],
        [12.0, 13.0],
        [14.0, 15.0],
        [16.0, 17.0],
        [18.0, 19.0],
        [20.0, 21.0],
        [22.0, 23.0],
    ], dtype="float64")
    y = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], dtype="int64")
    batch_size, seed, epochs = 3, 0, 2
    answer = _epochs(minibatches, x, y, batch_size, seed, epochs, orders=False, inputs=False)
    expected = {
        'shapes of the batches of epoch 1': [
            ((3, 2), (3,)),
            ((3, 2), (3,)),
            ((3, 2), (3,)),
            ((3, 2), (3,)),
        ],
        'x of epoch 1 in its old order': np.array([
            [0.0, 1.0],
            [2.0, 3.0],
            [4.0, 5.0],
            [6.0, 7.0],
            [8.0, 9.0],
            [10.0, 11.0],
            [12.0, 13.0],
            [14.0, 15.0],
            [16.0, 17.0],
            [18.0, 19.0],
            [20.0, 21.0],
            [22.0, 23.0],
        ], dtype="float64"),
        'y of epoch 1 in the same order': np.array([
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
        ], dtype="int64"),
        'shapes of the batches of epoch 2': [
            ((3, 2), (3,)),
            ((3, 2), (3,)),
            ((3, 2), (3,)),
            ((3, 2), (3,)),
        ],
        'x of epoch 2 in its old order': np.array([
            [0.0, 1.0],
            [2.0, 3.0],
            [4.0, 5.0],
            [6.0, 7.0],
            [8.0, 9.0],
            [10.0, 11.0],
            [12.0, 13.0],
            [14.0, 15.0],
            [16.0, 17.0],
            [18.0, 19.0],
            [20.0, 21.0],
            [22.0, 23.0],
        ], dtype="float64"),
        'y of epoch 2 in the same order': np.array([
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
        ], dtype="int64"),
    }
    allowed = {
        'shapes of the batches of epoch 1[0][0][0]': 0.0,
        'shapes of the batches of epoch 1[0][0][1]': 0.0,
        'shapes of the batches of epoch 1[0][1][0]': 0.0,
        'shapes of the batches of epoch 1[1][0][0]': 0.0,
        'shapes of the batches of epoch 1[1][0][1]': 0.0,
        'shapes of the batches of epoch 1[1][1][0]': 0.0,
        'shapes of the batches of epoch 1[2][0][0]': 0.0,
        'shapes of the batches of epoch 1[2][0][1]': 0.0,
        'shapes of the batches of epoch 1[2][1][0]': 0.0,
        'shapes of the batches of epoch 1[3][0][0]': 0.0,
        'shapes of the batches of epoch 1[3][0][1]': 0.0,
        'shapes of the batches of epoch 1[3][1][0]': 0.0,
        'shapes of the batches of epoch 2[0][0][0]': 0.0,
        'shapes of the batches of epoch 2[0][0][1]': 0.0,
        'shapes of the batches of epoch 2[0][1][0]': 0.0,
        'shapes of the batches of epoch 2[1][0][0]': 0.0,
        'shapes of the batches of epoch 2[1][0][1]': 0.0,
        'shapes of the batches of epoch 2[1][1][0]': 0.0,
        'shapes of the batches of epoch 2[2][0][0]': 0.0,
        'shapes of the batches of epoch 2[2][0][1]': 0.0,
        'shapes of the batches of epoch 2[2][1][0]': 0.0,
        'shapes of the batches of epoch 2[3][0][0]': 0.0,
        'shapes of the batches of epoch 2[3][0][1]': 0.0,
        'shapes of the batches of epoch 2[3][1][0]': 0.0,
        'x of epoch 1 in its old order': 2.6147972675971687e-12,
        'x of epoch 2 in its old order': 2.6147972675971687e-12,
        'y of epoch 1 in the same order': 0.0, 'y of epoch 2 in the same order': 0.0,
    }
    _compare(expected, answer, allowed)
