"""Public checks of hinge_loss; run them with grader.check("hinge_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "hinge_loss"
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
def check_1(hinge_loss):
    _defined("hinge_loss", hinge_loss)
    args = []
    kwargs = {
        'x': np.array([2.0, 0.5, -1.0], dtype="float64"),
        'y': np.array([1, 1, 1], dtype="int64"),
    }
    answer = _call(hinge_loss, args, kwargs)
    expected = {'output': np.float64(0.8333333333333334)}
    allowed = {'output': 9.592326932981934e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [1.0361491043418496, 1.2411485122515895, -1.3660326423692775],
            [0.7352261052108195, -0.11987678635903001, 2.0982826287821252],
            [0.9630904723656692, -1.4633363305980733, -0.9725057817319118],
            [0.3035721504463754, 1.0157733600464485, 0.9618770156375573],
        ], dtype="float64"),
        'y': np.array([[1, -1, 1], [1, -1, 1], [-1, 1, 1], [-1, -1, -1]], dtype="int64"),
    }
    answer = _call(hinge_loss, args, kwargs)
    expected = {'output': np.float64(1.4526861144897545)}
    allowed = {'output': 1.6968812247898774e-13}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.19,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(hinge_loss):
    _defined("hinge_loss", hinge_loss)
    args = []
    kwargs = {
        'x': np.array([
            [1.0578548981393, -0.4165880522428399, 0.3922135025004845],
            [-1.329174368330654, 2.7127364501220423, -0.4223709884467076],
            [-0.8319019551335225, 0.30883160124007625, -0.519385547123423],
            [-4.190071132036168, -1.010183854976728, 0.06373042701533163],
        ], dtype="float64"),
        'y': np.array([[-1, 1, -1], [-1, 1, 1], [1, -1, 1], [1, -1, -1]], dtype="int64"),
        'reduction': 'sum',
    }
    answer = _call(hinge_loss, args, kwargs)
    expected = {'output': np.float64(17.202948103877855)}
    allowed = {'output': 1.9847941549258836e-12}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [-3.013461741813463, -0.9677007393978523, 1.631052959786228],
            [2.0463288897338474, 1.8085520182007144, -0.2983350799617145],
            [-0.7230319982619888, 3.546921254047046, -0.3991552383913515],
            [0.13212178104017328, 0.39916248666579124, -0.5572080820920043],
        ], dtype="float64"),
        'y': np.array([[-1, 1, -1], [1, 1, -1], [-1, 1, -1], [1, -1, 1]], dtype="int64"),
        'reduction': 'none',
    }
    answer = _call(hinge_loss, args, kwargs)
    expected = {
        'output': np.array([
            [0.0, 1.9677007393978523, 2.6310529597862278],
            [0.0, 0.0, 0.7016649200382855],
            [0.27696800173801117, 0.0, 0.6008447616086485],
            [0.8678782189598268, 1.3991624866657912, 1.5572080820920045],
        ], dtype="float64"),
    }
    allowed = {'output': 3.017525984238751e-13}
    _compare(expected, answer, allowed)
