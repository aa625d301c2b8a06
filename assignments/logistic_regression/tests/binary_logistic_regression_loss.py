"""Public checks of binary_logistic_regression_loss; run them with grader.check("binary_logistic_regression_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "binary_logistic_regression_loss"
points = [0.67, 0.67]


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
    name='the numbers of the worked example',
    points=0.67,
    hidden=False,
    success_message='Right.',
    failure_message='Two losses: -ln 0.75 and -ln 0.25. And their mean?',
)
def check_1(binary_logistic_regression_loss):
    _defined("binary_logistic_regression_loss", binary_logistic_regression_loss)
    args = []
    kwargs = {
        'x': np.array([[1.0, 0.0], [0.0, 1.0]], dtype="float64"),
        'y': np.array([1, 1], dtype="int64"),
        'w': np.array([1.0986122886681098, -1.0986122886681098], dtype="float64"),
        'b': 0.0,
    }
    answer = _call(binary_logistic_regression_loss, args, kwargs)
    expected = {
        'output': (
            np.float64(0.8369882167858358),
            np.array([-0.125, -0.375], dtype="float64"),
            np.float64(-0.5),
        ),
    }
    allowed = {
        'output[0]': 9.551859296400073e-14, 'output[1]': 4.263256414560601e-14,
        'output[2]': 5.684341886080802e-14,
    }
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [-0.32232032300470187, -0.831797880329116],
            [-0.14953296160840807, 0.4968440496284871],
            [1.9413027335656736, -1.1745203741729526],
            [-0.2956930782164935, 0.5148637854869467],
            [0.3399444988669794, -0.09421284500779852],
            [1.3974815046878455, -0.5445689401710746],
        ], dtype="float64"),
        'w': np.array([0.23923805856425942, 0.8821625020785624], dtype="float64"),
        'b': 0.12529071780969755,
        'y': np.array([0, 1, 1, 1, 0, 0], dtype="int64"),
    }
    answer = _call(binary_logistic_regression_loss, args, kwargs)
    expected = {
        'output': (
            np.float64(0.6205176547722908),
            np.array([-0.04221734761168581, -0.043266205653170346], dtype="float64"),
            np.float64(0.0007265590638615843),
        ),
    }
    allowed = {
        'output[0]': 7.151838871831237e-14, 'output[1]': 5.15033435977143e-15,
        'output[2]': 1.3003306391689369e-16,
    }
    _compare(expected, answer, allowed)


@test_case(
    name='weight decay',
    points=0.67,
    hidden=False,
    success_message='Right.',
    failure_message='Differentiate exactly the penalty in the loss.',
)
def check_2(binary_logistic_regression_loss):
    _defined("binary_logistic_regression_loss", binary_logistic_regression_loss)
    args = []
    kwargs = {
        'x': np.array([
            [-0.41421158049301393, 0.4051605655641837],
            [-1.710298688693679, 0.11623119149189032],
            [0.1372509329283339, -0.2696172374924128],
            [0.36908372140392154, -1.4839724184838234],
            [0.007767192964086743, -1.3621237494117238],
        ], dtype="float64"),
        'w': np.array([0.14944914938817805, 0.05994025542017324], dtype="float64"),
        'b': -0.7246380528017528,
        'y': np.array([0, 0, 0, 1, 1], dtype="int64"),
        'weight_decay': 0.3,
    }
    answer = _call(binary_logistic_regression_loss, args, kwargs)
    expected = {
        'output': (
            np.float64(0.6912217631378947),
            np.array([-0.07284824260019312, 0.44085421323481855], dtype="float64"),
            np.float64(-0.09047338311037723),
        ),
    }
    allowed = {
        'output[0]': 8.151048447137533e-14, 'output[1]': 5.1398122852999144e-14,
        'output[2]': 1.1140748093257604e-14,
    }
    _compare(expected, answer, allowed)
