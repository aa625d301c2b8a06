"""Public checks of softmax_backward; run them with grader.check("softmax_backward")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "softmax_backward"
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
    name='the worked example',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message='The inner sum is 0.2 here.',
)
def check_1(softmax_backward):
    _defined("softmax_backward", softmax_backward)
    args = [
        np.array([1.0, 0.0, 0.0], dtype="float64"),
        np.array([0.2, 0.3, 0.5], dtype="float64"),
    ]
    kwargs = {}
    answer = _call(softmax_backward, args, kwargs)
    expected = {'output': np.array([0.16000000000000003, -0.06, -0.1], dtype="float64")}
    allowed = {'output': 1.886490963257778e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='each row of a batch sums to zero',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message="Print the result's sum over axis 1.",
)
def check_2(softmax_backward):
    _defined("softmax_backward", softmax_backward)
    args = []
    kwargs = {
        'grad': np.array([
            [
                0.4705336449198576, 0.2058713124480952, -1.7698891723749413,
                -0.34836472599580126, 1.214947031980872,
            ],
            [
                0.11189931747361187, 0.052557328057543984, 1.0666234249255917,
                0.11042370609804697, -1.67133139421324,
            ],
            [
                -1.0964864063107265, 0.22672909475579606, -0.7232828180533033,
                0.5708390808111777, -0.8061292172050324,
            ],
            [
                1.344728011255367, 0.02772382315388746, -0.28074511560141135,
                -1.090205588072382, -2.8580285171316393,
            ],
        ], dtype="float64"),
        'y': np.array([
            [
                0.0811025814176222, 0.17717924578497507, 0.7064900571432357,
                0.029548888013847148, 0.005679227640320029,
            ],
            [
                0.17000387968524933, 0.3224025564291056, 0.07558492085095364,
                0.049943084162674865, 0.3820655588720165,
            ],
            [
                0.06872220647610407, 0.434123677360469, 0.01478492914521936,
                0.20574561066824154, 0.27662357634996615,
            ],
            [
                0.09698806180679946, 0.39211205184583353, 0.08420556825293458,
                0.20787544569150096, 0.21881887240293152,
            ],
        ], dtype="float64"),
    }
    answer = _call(softmax_backward, args, kwargs)
    expected = {
        'output': np.array([
            [
                0.13379484420530963, 0.2453997450223676, -0.4173405318063313,
                0.024549233564079977, 0.013596709014574061,
            ],
            [
                0.10682261748195546, 0.18345092621811207, 0.11965683330423012,
                0.03130824002477271, -0.44123861702907047,
            ],
            [
                -0.06895046814204955, 0.13887355469396157, -0.009316248862652048,
                0.1366159032503891, -0.19722274093964903,
            ],
            [
                0.2016471474818166, 0.2988239938361556, 0.038197273257073304,
                -0.073970636570612, -0.4646977780044334,
            ],
        ], dtype="float64"),
    }
    allowed = {'output': 5.4593234197555436e-14}
    _compare(expected, answer, allowed)
