"""Public checks of gaussian_nll_loss_backward; run them with grader.check("gaussian_nll_loss_backward")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "gaussian_nll_loss_backward"
points = [0.25]


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
    name='gradient of the mean over a batch',
    points=0.25,
    hidden=False,
    success_message='Right.',
    failure_message='How many losses does the mean count? Where does that number appear in the gradient?',
)
def check_1(gaussian_nll_loss_backward):
    _defined("gaussian_nll_loss_backward", gaussian_nll_loss_backward)
    args = []
    kwargs = {
        'grad': 1.0,
        'mean': np.array([3.0], dtype="float64"),
        'target': np.array([1.0], dtype="float64"),
        'var': np.array([4.0], dtype="float64"),
    }
    answer = _call(gaussian_nll_loss_backward, args, kwargs)
    expected = {'output': np.array([0.5], dtype="float64")}
    allowed = {'output': 5.684341886080802e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'grad': np.array(-0.7136697112498229, dtype="float64"),
        'mean': np.array([
            [1.5070818238198156, 0.163240739791698, 2.0669345403392496],
            [3.14105974415903, 0.46343959207045254, -1.5580564482320827],
            [1.9748834650358473, 2.03107043791952, 1.5565468360149648],
            [-1.6124906874150136, 0.4927411686028981, -1.391474446923813],
        ], dtype="float64"),
        'target': np.array([
            [0.646103994907045, 0.8941940647909251, -0.9530242861789749],
            [-0.666372077944597, 1.5781972825186557, -2.104019812668058],
            [-1.2950678005528182, -0.003298627652586508, 2.2581714974845757],
            [1.1772291980635172, -0.8165506677236763, 0.03076794001612443],
        ], dtype="float64"),
        'var': np.array([
            [1.486762406392117, 0.7002106990160462, 1.8627045995378706],
            [0.9569538837378075, 0.4702701522984601, 2.5257655165722763],
            [1.1193201789559504, 0.8537646198550684, 1.8598916745044076],
            [0.46817387910936786, 2.564475944427466, 0.3423769224219081],
        ], dtype="float64"),
    }
    answer = _call(gaussian_nll_loss_backward, args, kwargs)
    expected = {
        'output': np.array([
            [-0.03444025958187863, 0.06208360439726037, -0.0964213159117449],
            [-0.23662310302688982, 0.14097726508322242, -0.012855426539448472],
            [-0.1737412597536353, -0.14171232033571504, 0.022435368881102424],
            [0.35438019113127034, -0.03036364111750804, 0.24705016779818045],
        ], dtype="float64"),
    }
    allowed = {'output': 4.127385223536285e-14}
    _compare(expected, answer, allowed)
