"""Public checks of fit_linear_regression; run them with grader.check("fit_linear_regression")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "fit_linear_regression"
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
    name='two steps by hand',
    points=0.88,
    hidden=False,
    success_message='Right.',
    failure_message='Print w, b, dw and db after each step.',
)
def check_1(fit_linear_regression):
    _defined("fit_linear_regression", fit_linear_regression)
    args = []
    kwargs = {
        'x': np.array([[1.0], [2.0]], dtype="float64"),
        'y': np.array([1.0, 3.0], dtype="float64"),
        'lr': 0.1, 'steps': 1,
    }
    answer = _call(fit_linear_regression, args, kwargs)
    expected = {'output': (np.array([0.7000000000000001], dtype="float64"), np.float64(0.4))}
    allowed = {'output[0]': 8.02913291448618e-14, 'output[1]': 4.5830006455202976e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([[1.0], [2.0]], dtype="float64"),
        'y': np.array([1.0, 3.0], dtype="float64"),
        'lr': 0.1, 'steps': 2,
    }
    answer = _call(fit_linear_regression, args, kwargs)
    expected = {'output': (np.array([0.93], dtype="float64"), np.float64(0.51))}
    allowed = {'output[0]': 1.061550847196473e-13, 'output[1]': 5.854872142716165e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='fifty steps with the squared error',
    points=0.88,
    hidden=False,
    success_message='Right.',
    failure_message='Is the gradient computed anew in each step?',
)
def check_2(fit_linear_regression):
    _defined("fit_linear_regression", fit_linear_regression)
    args = []
    kwargs = {
        'x': np.array([
            [0.18009562098667078, 1.0690498506565786],
            [-0.003324477611310703, -1.0259994836660817],
            [-1.2060230008364485, -0.2637418372196648],
            [0.3837929202557432, 1.0919155023464795],
            [-1.4251511171667315, -1.6766291932064588],
            [-0.542063230666219, -0.44142649086435753],
            [1.2123891208302844, 1.6650763650545406],
            [1.1653980147868614, 0.7786735272506945],
            [-0.3797330475709631, -0.9066090764405754],
            [1.1513003407650007, 0.0270270266673254],
            [-0.12956129639465702, 0.6636945234269277],
            [1.1972760400912206, 0.41778828913770355],
        ], dtype="float64"),
        'y': np.array([
            -0.5545768690958679, 2.497696186052123, 1.5909264631686875, -0.3055816929572073,
            3.4083608804452545, 2.442800983223477, -0.7631027275416711, 0.5803588585348493,
            2.661413211583275, 0.6461843548201426, 0.20218140566618542, 0.16212280262936862,
        ], dtype="float64"),
        'lr': 0.1, 'steps': 50,
    }
    answer = _call(fit_linear_regression, args, kwargs)
    expected = {
        'output': (
            np.array([-0.1706171162611316, -1.2476532795102446], dtype="float64"),
            np.float64(1.21598794692809),
        ),
    }
    allowed = {'output[0]': 1.5405082790204896e-13, 'output[1]': 1.398014980424837e-13}
    _compare(expected, answer, allowed)
