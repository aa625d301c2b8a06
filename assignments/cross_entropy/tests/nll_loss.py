"""Public checks of nll_loss; run them with grader.check("nll_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "nll_loss"
points = [0.8, 0.8]


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
    name='mean surprise about the labels',
    points=0.8,
    hidden=False,
    success_message='Right.',
    failure_message='Which entry of each row belongs to its label?',
)
def check_1(nll_loss):
    _defined("nll_loss", nll_loss)
    args = []
    kwargs = {
        'log_probs': np.array([
            [-0.6931471805599453, -1.3862943611198906, -1.3862943611198906],
            [-2.0794415416798357, -2.0794415416798357, -0.2876820724517809],
        ], dtype="float64"),
        'targets': np.array([1, 0], dtype="int64"),
    }
    answer = _call(nll_loss, args, kwargs)
    expected = {'output': np.float64(1.732867951399863)}
    allowed = {'output': 1.9728809320458952e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'log_probs': np.array([
            [-1.8198250146042876, -0.8688280725424972, -0.8710710376715352],
            [-1.739530646186159, -0.9964568924532924, -0.7869920137311812],
            [-1.1252953058973039, -2.193099223729951, -0.5729263014992906],
            [-1.8506671222371218, -2.091082490884085, -0.3294567747468257],
            [-0.9371944069243945, -0.6996425200240507, -2.1936246108334614],
        ], dtype="float64"),
        'targets': np.array([2, 1, 0, 2, 1], dtype="int64"),
    }
    answer = _call(nll_loss, args, kwargs)
    expected = {'output': np.float64(0.8043845061586016)}
    allowed = {'output': 9.28445871586309e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='one loss per sample, or their sum',
    points=0.8,
    hidden=False,
    success_message='Right.',
    failure_message='Print the shape of the losses of the samples.',
)
def check_2(nll_loss):
    _defined("nll_loss", nll_loss)
    args = []
    kwargs = {
        'log_probs': np.array([
            [-0.9486834272662393, -0.7814642391660824, -1.8642386688919945],
            [-1.0766208864984221, -1.6416381477714581, -0.7644445616623524],
            [-0.9367262384225629, -1.0231889342093914, -1.391731561972713],
            [-0.9527255821940264, -2.192976278087722, -0.6877070303775669],
        ], dtype="float64"),
        'targets': np.array([0, 2, 0, 1], dtype="int64"),
        'reduction': 'none',
    }
    answer = _call(nll_loss, args, kwargs)
    expected = {
        'output': np.array([
            0.9486834272662393, 0.7644445616623524, 0.9367262384225629, 2.192976278087722,
        ], dtype="float64"),
    }
    allowed = {'output': 2.5180069470460545e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'log_probs': np.array([
            [-0.6995867353131234, -2.3005267775137304, -0.908810307391507],
            [-1.2073705765195855, -1.04726001724392, -1.0494801412683905],
            [-1.349610326291545, -0.799142966392069, -1.2346228157501058],
            [-0.7117086616578701, -1.1204839197232561, -1.697869210157812],
        ], dtype="float64"),
        'targets': np.array([1, 2, 1, 0], dtype="int64"),
        'reduction': 'sum',
    }
    answer = _call(nll_loss, args, kwargs)
    expected = {'output': np.float64(4.860858546832061)}
    allowed = {'output': 5.589595314586232e-13}
    _compare(expected, answer, allowed)
