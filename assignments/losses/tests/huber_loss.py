"""Public checks of huber_loss; run them with grader.check("huber_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "huber_loss"
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
def check_1(huber_loss):
    _defined("huber_loss", huber_loss)
    args = []
    kwargs = {
        'x': np.array([1.0, 3.0], dtype="float64"),
        'y': np.array([0.0, 0.0], dtype="float64"),
        'delta': 2.0,
    }
    answer = _call(huber_loss, args, kwargs)
    expected = {'output': np.float64(2.25)}
    allowed = {'output': 2.5579538487363607e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [1.18558151336459, 2.149678111877852, 0.7682160640311941],
            [1.94220981143323, 0.19318442623843674, 0.305872549856138],
            [3.919579987916427, 0.7433451939536676, -1.8942641641597384],
            [2.276727453438227, 2.115404379325994, -0.010152787183940679],
        ], dtype="float64"),
        'y': np.array([
            [1.9925295951389068, -0.7844859339182209, -1.5515428252871093],
            [0.6687571227944394, -0.5212637236670107, -0.7459527016751176],
            [-0.33813261566317077, 0.7681419984911636, -0.6277325159797621],
            [-0.4080242641082181, -1.1497494276542664, 0.8492859660689525],
        ], dtype="float64"),
    }
    answer = _call(huber_loss, args, kwargs)
    expected = {'output': np.float64(1.3336480217013387)}
    allowed = {'output': 1.5542653616789489e-13}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.23,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(huber_loss):
    _defined("huber_loss", huber_loss)
    args = []
    kwargs = {
        'x': np.array([
            [-3.1169355134595707, 1.0815870572595931, 2.7986444951696914],
            [-0.41386987856449053, -2.9591921472402585, -2.286074321558549],
            [0.9172145143672061, 0.5500513577517014, 0.674254532141166],
            [-0.580921932179152, -0.9605793545196326, -2.754588040566077],
        ], dtype="float64"),
        'y': np.array([
            [-1.1896062868222113, 0.20603278595290525, -0.22063624000162507],
            [0.6167373975846435, -0.6302755716334554, 0.09388845308626938],
            [-0.304250016567566, -2.7337864581402953, -0.24405308504861536],
            [0.7790513868029618, -0.43570948677986004, -0.6452789089342993],
        ], dtype="float64"),
        'reduction': 'sum',
    }
    answer = _call(huber_loss, args, kwargs)
    expected = {'output': np.float64(15.103367655576754)}
    allowed = {'output': 1.7259890944693936e-12}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [0.9748787598716164, 3.0300792894427375, -1.9031958112741638],
            [3.0908310070036333, 4.135189606602795, 0.7466196901079112],
            [-1.1646099831226053, 0.10070293706375276, -0.8085025897515973],
            [-1.58864184960507, -0.34826185636689466, 1.554306596667765],
        ], dtype="float64"),
        'y': np.array([
            [-0.4594684881491507, -0.6526070002757206, -0.18783708350702485],
            [-1.2242982036803838, -1.475736467734466, -0.06652731773284427],
            [-1.3212577085300443, -1.0499012047843042, 1.0148217587062622],
            [-1.7983979214956127, -1.1465696897839046, 0.42335313268507757],
        ], dtype="float64"),
        'reduction': 'none',
    }
    answer = _call(huber_loss, args, kwargs)
    expected = {
        'output': np.array([
            [0.9343472480207671, 3.182686289718458, 1.215358727767139],
            [3.8151292106840167, 5.110926074337261, 0.3306040281801868],
            [0.012269254937662203, 0.6506041418480568, 1.3233243484578594],
            [0.021998804847475257, 0.31864769844748025, 0.6309534639826873],
        ], dtype="float64"),
    }
    allowed = {'output': 5.866151923496305e-13}
    _compare(expected, answer, allowed)
