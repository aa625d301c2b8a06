"""Public checks of margin_ranking_loss; run them with grader.check("margin_ranking_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "margin_ranking_loss"
points = [0.23, 0.23]


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
    name='the mean over a batch',
    points=0.23,
    hidden=False,
    success_message='Right.',
    failure_message='Compute the first loss of the batch by hand.',
)
def check_1(margin_ranking_loss):
    _defined("margin_ranking_loss", margin_ranking_loss)
    args = []
    kwargs = {
        'x1': np.array([3.0, 3.0], dtype="float64"),
        'x2': np.array([1.0, 2.5], dtype="float64"),
        'y': np.array([1, 1], dtype="int64"),
        'margin': 1.0,
    }
    answer = _call(margin_ranking_loss, args, kwargs)
    expected = {'output': np.float64(0.25)}
    allowed = {'output': 2.842170943040401e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x1': np.array([
            [0.9088478625407511, 0.4614962005414013, -0.08246541592273808],
            [0.3249615504250906, 1.34421638124496, -1.2867520944012092],
            [1.2598824994135291, -0.46535365111424387, -0.9243039355095478],
            [-0.4160145777662916, -1.8567375200263547, 0.6239897046988826],
        ], dtype="float64"),
        'x2': np.array([
            [0.13443697087141002, 0.8445475566709507, -1.6507367210650958],
            [-1.7242980300494493, -0.20746906697535666, 1.3436117209974878],
            [0.16892629181723312, -0.4084856870238129, -0.9356631352250305],
            [-0.6626634605453686, 0.7230677370333157, -0.35592498224426755],
        ], dtype="float64"),
        'y': np.array([[1, 1, -1], [-1, 1, -1], [-1, 1, -1], [1, 1, -1]], dtype="int64"),
    }
    answer = _call(margin_ranking_loss, args, kwargs)
    expected = {'output': np.float64(0.7266237964292898)}
    allowed = {'output': 8.479804329910982e-14}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.23,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(margin_ranking_loss):
    _defined("margin_ranking_loss", margin_ranking_loss)
    args = []
    kwargs = {
        'x1': np.array([
            [-0.8317118863718089, -0.601769773503761, 0.1481255245038528],
            [0.7798626573533729, 1.50038196395415, 0.10327194195841626],
            [0.23888133842315207, -0.41160511097889924, -1.0709749905952906],
            [0.7133452542417767, -0.02167648317409505, 0.8839301953737746],
        ], dtype="float64"),
        'x2': np.array([
            [-1.5083540560488367, 0.6484515941008787, 1.2431653521156216],
            [-1.2330214218614903, 1.5019499010834239, -1.2247897627695261],
            [0.3020276656146834, 0.7698581361429451, -0.38725967379996634],
            [-0.2919321027487141, 0.4136493675322726, 0.1310879524173032],
        ], dtype="float64"),
        'y': np.array([[1, 1, -1], [-1, -1, 1], [-1, -1, 1], [1, 1, -1]], dtype="int64"),
        'reduction': 'sum',
    }
    answer = _call(margin_ranking_loss, args, kwargs)
    expected = {'output': np.float64(5.134988857277666)}
    allowed = {'output': 6.078817551178479e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x1': np.array([
            [-0.19116156560132794, -1.8093817423073641, -0.8822242463406895],
            [0.46689850178480213, -1.5908672012686318, -0.24461856658067269],
            [-2.082627984886582, 0.1352880140173154, 1.166093655777991],
            [-0.04769233136348602, 1.7152476661853227, 0.8289059456081825],
        ], dtype="float64"),
        'x2': np.array([
            [-1.2752069345300965, 1.1454639106554354, 1.874221975681045],
            [0.14402425055044724, -0.941130095265918, 2.4183808778121483],
            [1.3997824830237267, -0.41319277920803554, -0.5780351305014931],
            [-0.1044732169124492, -0.07015378102661532, 1.1415503677639223],
        ], dtype="float64"),
        'y': np.array([[-1, 1, 1], [1, -1, -1], [-1, 1, 1], [-1, 1, -1]], dtype="int64"),
        'reduction': 'none',
    }
    answer = _call(margin_ranking_loss, args, kwargs)
    expected = {
        'output': np.array([
            [1.0840453689287686, 2.9548456529627996, 2.7564462220217347],
            [0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0],
            [0.05678088554896318, 0.0, 0.0],
        ], dtype="float64"),
    }
    allowed = {'output': 3.418218721229925e-13}
    _compare(expected, answer, allowed)
