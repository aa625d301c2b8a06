"""Public checks of logistic_regression_loss; run them with grader.check("logistic_regression_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "logistic_regression_loss"
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
    name='the numbers of the worked example',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message='The loss of the example is -ln 0.25. What is yours?',
)
def check_1(logistic_regression_loss):
    _defined("logistic_regression_loss", logistic_regression_loss)
    args = []
    kwargs = {
        'x': np.array([[1.0, 2.0]], dtype="float64"),
        'y': np.array([0], dtype="int64"),
        'w': np.array([
            [0.6931471805599453, 0.0, 1.6094379124341003],
            [0.0, 0.0, 0.0],
        ], dtype="float64"),
        'b': np.array([0.0, 0.0, 0.0], dtype="float64"),
    }
    answer = _call(logistic_regression_loss, args, kwargs)
    expected = {
        'output': (
            np.float64(1.3862943611198906),
            np.array([
                [-0.75, 0.12500000000000003, 0.625],
                [-1.5, 0.25000000000000006, 1.25],
            ], dtype="float64"),
            np.array([-0.75, 0.12500000000000003, 0.625], dtype="float64"),
        ),
    }
    allowed = {
        'output[0]': 1.578304745557307e-13, 'output[1]': 1.7763568394002505e-13,
        'output[2]': 8.881784197001252e-14,
    }
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [2.3151282846450902, -0.7618540202854021],
            [-0.07769177235488386, 1.8267934300822894],
            [0.7023682308278051, 0.6387491119596952],
            [-1.121872795951499, -0.877830065605235],
            [1.0420833104347444, 0.3681174736009932],
            [0.036871323042532524, -1.424053130673388],
        ], dtype="float64"),
        'y': np.array([0, 1, 2, 0, 1, 2], dtype="int64"),
        'w': np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype="float64"),
        'b': np.array([0.0, 0.0, 0.0], dtype="float64"),
    }
    answer = _call(logistic_regression_loss, args, kwargs)
    expected = {
        'output': (
            np.float64(1.0986122886681098),
            np.array([
                [-0.037937771413165844, 0.00020622035578929696, 0.03773155105737645],
                [0.2604986142639369, -0.3786005506650497, 0.11810193640111284],
            ], dtype="float64"),
            np.array([
                -2.7755575615628914e-17, -2.7755575615628914e-17, -2.7755575615628914e-17,
            ], dtype="float64"),
        ),
    }
    allowed = {
        'output[0]': 1.2607996071968362e-13, 'output[1]': 4.5586446987206406e-14,
        'output[2]': 8.881784213544896e-16,
    }
    _compare(expected, answer, allowed)


@test_case(
    name='weight decay',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message='Differentiate exactly the penalty in the loss.',
)
def check_2(logistic_regression_loss):
    _defined("logistic_regression_loss", logistic_regression_loss)
    args = []
    kwargs = {
        'x': np.array([[1.0, 2.0]], dtype="float64"),
        'y': np.array([0], dtype="int64"),
        'w': np.array([
            [0.6931471805599453, 0.0, 1.6094379124341003],
            [0.0, 0.0, 0.0],
        ], dtype="float64"),
        'b': np.array([0.0, 0.0, 0.0], dtype="float64"),
        'weight_decay': 0.1,
    }
    answer = _call(logistic_regression_loss, args, kwargs)
    expected = {
        'output': (
            np.float64(1.6933687019097343),
            np.array([
                [-0.6113705638880109, 0.12500000000000003, 0.9468875824868201],
                [-1.5, 0.25000000000000006, 1.25],
            ], dtype="float64"),
            np.array([-0.75, 0.12500000000000003, 0.625], dtype="float64"),
        ),
    }
    allowed = {
        'output[0]': 1.9421754049025009e-13, 'output[1]': 1.7763568394002505e-13,
        'output[2]': 8.881784197001252e-14,
    }
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [0.6015058494394608, -0.419924949372151],
            [0.7759800543209019, -0.8175569522451624],
            [-0.11402458033610044, 0.2935956734392728],
            [1.1291221165954641, -0.21093679536221188],
            [0.8096077278531344, 0.3671753061250352],
        ], dtype="float64"),
        'w': np.array([
            [1.4410147716516482, -0.2244478885269424, 0.011543299810335209],
            [-0.03920164062500313, -0.6176507104442381, -0.7375771728833526],
        ], dtype="float64"),
        'b': np.array([
            -0.18025575155326878, 0.5167243091391035, -0.030481887530241055,
        ], dtype="float64"),
        'y': np.array([2, 0, 1, 0, 1], dtype="int64"),
        'weight_decay': 0.3,
    }
    answer = _call(logistic_regression_loss, args, kwargs)
    expected = {
        'output': (
            np.float64(1.8957265964898156),
            np.array([
                [0.8198970436374394, -0.09946340166899434, 0.016432467792579494],
                [0.11712410134472477, -0.5515429690932241, -0.40223884662305703],
            ], dtype="float64"),
            np.array([
                0.044329884852010976, -0.06784998779353762, 0.023520102941526705,
            ], dtype="float64"),
        ),
    }
    allowed = {
        'output[0]': 2.205417949958146e-13, 'output[1]': 9.494030272337439e-14,
        'output[2]': 8.954224260742882e-15,
    }
    _compare(expected, answer, allowed)
