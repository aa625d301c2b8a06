"""Public checks of softmax_base; run them with grader.check("softmax_base")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "softmax_base"
points = [1, 1]


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
    name='base 2 doubles with every point of score',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message='Powers of 2 over their sum.',
)
def check_1(softmax_base):
    _defined("softmax_base", softmax_base)
    args = []
    kwargs = {'x': np.array([0.0, 1.0, 3.0], dtype="float64"), 'base': 2}
    answer = _call(softmax_base, args, kwargs)
    expected = {
        'output': np.array([
            0.09090909090909093, 0.18181818181818185, 0.7272727272727273,
        ], dtype="float64"),
    }
    allowed = {'output': 8.397323240680867e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [
                -0.5963191110445935, -0.12353547098356014, 0.43912140758688406,
                0.37269309379600934,
            ],
            [
                0.4339360961015978, 0.0028559597925348294, -0.9104706177723081,
                -0.027565967969378647,
            ],
            [1.815711674410914, 1.3897562335779665, 0.20997813715347236, -0.02794530173376832],
        ], dtype="float64"),
        'base': 2.0,
    }
    answer = _call(softmax_base, args, kwargs)
    expected = {
        'output': np.array([
            [0.15637158218645367, 0.21701007025090738, 0.3205209972174156, 0.3060973503452233],
            [0.34943629887533856, 0.2591790927126253, 0.137613572532319, 0.25377103587971717],
            [0.42525525392850294, 0.3165368844241999, 0.1397255179448321, 0.11848234370246503],
        ], dtype="float64"),
    }
    allowed = {'output': 5.006365416671813e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='scores around 1000 stay finite with base 10',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message='What is 10.0 ** 1000? The same shift as in softmax helps.',
)
def check_2(softmax_base):
    _defined("softmax_base", softmax_base)
    args = []
    kwargs = {
        'x': np.array([
            [1001.1421244702833, 999.4784167576828, 1000.8426737430112],
            [1000.6627846881713, 1000.1659090598378, 998.2476333584872],
        ], dtype="float64"),
        'base': 10.0,
    }
    answer = _call(softmax_base, args, kwargs)
    expected = {
        'output': np.array([
            [0.6563776646371232, 0.014237904701983679, 0.3293844306608932],
            [0.756226276905446, 0.24086635222828184, 0.0029073708662721207],
        ], dtype="float64"),
    }
    allowed = {'output': 2.6160124672116326e-12}
    _compare(expected, answer, allowed)
