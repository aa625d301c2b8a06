"""Public checks of linear_regression_gradients; run them with grader.check("linear_regression_gradients")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "linear_regression_gradients"
points = [0.88, 0.88]


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


def _call(function: Any, args: Any, kwargs: Any, times: int = 1) -> dict[str, Any]:
    """The output of the function; called more than once, also its inputs as they look afterwards."""
    answer = {}
    for i in range(times):
        now_args, now_kwargs = copy.deepcopy((args, kwargs))
        output = copy.deepcopy(_run(function, now_args, now_kwargs))
        if times == 1:
            return {"output": output}
        answer[f"output of call {i + 1}"] = output
        for label, value in _named(now_args, now_kwargs).items():
            if _has_arrays(value):
                answer[f"input {label} after call {i + 1}"] = value
    return answer


def _named(args: Any, kwargs: Any) -> dict[str, Any]:
    """All arguments by name; those without one by their position."""
    return {**{str(i): value for i, value in enumerate(args)}, **kwargs}


def _has_arrays(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_has_arrays(item) for item in value)
    return hasattr(value, "shape") and hasattr(value, "dtype")


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
    name='squared error: the worked example',
    points=0.88,
    hidden=False,
    success_message='Right.',
    failure_message='Which residuals do you get? What is their derivative?',
)
def check_1(linear_regression_gradients):
    _defined("linear_regression_gradients", linear_regression_gradients)
    args = []
    kwargs = {
        'x': np.array([[1.0, 2.0], [3.0, 4.0]], dtype="float64"),
        'y': np.array([1.0, 2.0], dtype="float64"),
        'w': np.array([1.0, 1.0], dtype="float64"),
        'b': 0.0,
    }
    answer = _call(linear_regression_gradients, args, kwargs)
    expected = {'output': (np.array([17.0, 24.0], dtype="float64"), np.float64(7.0))}
    allowed = {'output[0]': 2.7284841053187847e-12, 'output[1]': 7.958078640513122e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [-1.3624957675274862, 1.7195267896295543, -0.7378362475392597],
            [1.515012526469653, -0.3986056245836968, -1.2254561723571642],
            [-0.6401054039896428, 0.20832792893124696, -0.42446863728017525],
            [0.6734651110687104, -1.4162810100975767, 0.017796211545407864],
            [-1.4880843766330745, -1.238163750604072, -1.1636701404714769],
        ], dtype="float64"),
        'w': np.array([
            1.6589180308456406, -0.4556075968367878, -1.869382352538313,
        ], dtype="float64"),
        'b': 1.0939991826932638,
        'y': np.array([
            1.1607661874178052, 4.4224367111615575, 2.556119347052138, 1.632902814687319,
            2.4824456162649353,
        ], dtype="float64"),
    }
    answer = _call(linear_regression_gradients, args, kwargs)
    expected = {
        'output': (
            np.array([
                3.4010856631907993, -1.7278982455396499, 0.5371610262692629,
            ], dtype="float64"),
            np.float64(-0.7306273475685657),
        ),
    }
    allowed = {'output[0]': 4.1221741019016625e-13, 'output[1]': 9.078750274258658e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='absolute error: the worked example',
    points=0.88,
    hidden=False,
    success_message='Right.',
    failure_message='What is the slope of |r| left and right of 0?',
)
def check_2(linear_regression_gradients):
    _defined("linear_regression_gradients", linear_regression_gradients)
    args = []
    kwargs = {
        'x': np.array([[1.0, 2.0], [3.0, 4.0]], dtype="float64"),
        'y': np.array([1.0, 2.0], dtype="float64"),
        'w': np.array([1.0, 1.0], dtype="float64"),
        'b': 0.0, 'loss': 'mae',
    }
    answer = _call(linear_regression_gradients, args, kwargs)
    expected = {'output': (np.array([2.0, 3.0], dtype="float64"), np.float64(1.0))}
    allowed = {'output[0]': 3.410605131648481e-13, 'output[1]': 1.1368683772161603e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [-0.3971438403404434, 1.1374109658346894, 1.1784154496268548],
            [1.1600695597949084, -0.6188880726514713, 0.35299322761713053],
            [-0.09999988574244838, -0.41298312807089604, -0.6466980709278706],
            [-0.31852004989282906, 0.04378653556830908, -0.786641266248544],
            [-0.36588668229816096, -0.8794812935055488, -0.4751377402841948],
        ], dtype="float64"),
        'w': np.array([
            -1.1808685811236161, -0.46380301495354914, 2.53542712254346,
        ], dtype="float64"),
        'b': 0.3873999118771908,
        'y': np.array([
            2.148610410396538, 2.084312228117036, -1.697861820494559, 0.32521313070225855,
            0.551176274226362,
        ], dtype="float64"),
        'loss': 'mae',
    }
    answer = _call(linear_regression_gradients, args, kwargs)
    expected = {
        'output': (
            np.array([
                -0.19456131073736205, 0.43580213367050086, 0.28810063152291854,
            ], dtype="float64"),
            np.float64(-0.2),
        ),
    }
    allowed = {'output[0]': 4.995180956908362e-14, 'output[1]': 2.2915003227601488e-14}
    _compare(expected, answer, allowed)
