"""Public checks of exponential_loss; run them with grader.check("exponential_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "exponential_loss"
points = [0.19, 0.19]


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
    points=0.19,
    hidden=False,
    success_message='Right.',
    failure_message='Compute the first loss of the batch by hand.',
)
def check_1(exponential_loss):
    _defined("exponential_loss", exponential_loss)
    args = []
    kwargs = {
        'x': np.array([0.6931471805599453, 0.6931471805599453], dtype="float64"),
        'y': np.array([1, -1], dtype="int64"),
    }
    answer = _call(exponential_loss, args, kwargs)
    expected = {'output': np.float64(1.25)}
    allowed = {'output': 1.4210854715202004e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [-1.420147651474323, -2.395361974396148, -1.750513361373853],
            [-0.15976481077975552, 0.2061802722651197, -0.6938345165281176],
            [-1.0198385814268947, -0.9260019770954936, 2.5416590975005247],
            [0.535436759902264, 0.8770242528015568, -0.8496852283421037],
        ], dtype="float64"),
        'y': np.array([[-1, 1, 1], [1, 1, -1], [-1, -1, 1], [1, -1, -1]], dtype="int64"),
    }
    answer = _call(exponential_loss, args, kwargs)
    expected = {'output': np.float64(1.9758504143532498)}
    allowed = {'output': 2.430500502434406e-13}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.19,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(exponential_loss):
    _defined("exponential_loss", exponential_loss)
    args = []
    kwargs = {
        'x': np.array([
            [0.25436944657884125, -1.0348906656940307, -0.24396906534359003],
            [-0.5726162603654885, 2.4485425325182266, -3.2355208582093855],
            [-0.1625424804654299, -2.492181589617751, -0.900083158811827],
            [1.986849750190058, -0.01282500680821948, -1.8333541118877044],
        ], dtype="float64"),
        'y': np.array([[-1, 1, -1], [1, -1, 1], [1, 1, -1], [1, -1, -1]], dtype="int64"),
        'reduction': 'sum',
    }
    answer = _call(exponential_loss, args, kwargs)
    expected = {'output': np.float64(58.60684737112586)}
    allowed = {'output': 6.7531527981288716e-12}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [0.6687478803171761, 0.8013924474841466, 0.16068218678538582],
            [-2.8289995614591135, 2.4462109399704417, 1.3396653167685555],
            [1.4638240851784354, -1.4663321632768347, 1.8511745586026085],
            [2.2848456258777614, -1.242791187663035, 0.813583774677821],
        ], dtype="float64"),
        'y': np.array([[-1, 1, 1], [-1, -1, 1], [1, 1, 1], [-1, -1, -1]], dtype="int64"),
        'reduction': 'none',
    }
    answer = _call(exponential_loss, args, kwargs)
    expected = {
        'output': np.array([
            [1.9517919129129269, 0.4487037325336774, 0.8515626659738799],
            [0.0590719219448294, 11.544520859701093, 0.2619333186015042],
            [0.2313498793395993, 4.333312076146905, 0.15705259046607883],
            [9.824169509404898, 0.28857761848894553, 2.2559784350938403],
        ], dtype="float64"),
    }
    allowed = {'output': 1.3980083879553037e-12}
    _compare(expected, answer, allowed)
