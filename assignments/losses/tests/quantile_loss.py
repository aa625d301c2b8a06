"""Public checks of quantile_loss; run them with grader.check("quantile_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "quantile_loss"
points = [0.2, 0.2]


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
    points=0.2,
    hidden=False,
    success_message='Right.',
    failure_message='Compute the first loss of the batch by hand.',
)
def check_1(quantile_loss):
    _defined("quantile_loss", quantile_loss)
    args = []
    kwargs = {
        'x': np.array([8.0, 12.0], dtype="float64"),
        'y': np.array([10.0, 10.0], dtype="float64"),
        'q': 0.9,
    }
    answer = _call(quantile_loss, args, kwargs)
    expected = {'output': np.float64(1.0)}
    allowed = {'output': 1.1368683772161603e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [2.1199448156542475, 1.1680656977577057, -1.8188622897330415],
            [0.18399362591956037, 1.524312369026391, -0.6996157309000227],
            [1.6064839755566667, 0.235867239408477, -1.6417161578230848],
            [-1.7718693296173085, 0.8419389879101152, 1.2259865304371576],
        ], dtype="float64"),
        'y': np.array([
            [0.014395121303540917, 0.42230875338091606, 0.7743946082474769],
            [0.6667757080150424, -0.5895750832601835, 0.8119308383709171],
            [-0.7141991480052002, -0.6290789400240043, 0.4294901795916916],
            [0.43750155633263255, 0.4645007855238205, -0.6163539132623445],
        ], dtype="float64"),
        'q': 0.3,
    }
    answer = _call(quantile_loss, args, kwargs)
    expected = {'output': np.float64(0.8266558549899541)}
    allowed = {'output': 9.455958228748988e-14}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.2,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(quantile_loss):
    _defined("quantile_loss", quantile_loss)
    args = []
    kwargs = {
        'x': np.array([
            [-2.4301129176711362, -0.5493881830751138, 2.0286743854451483],
            [-1.4860424511847576, -4.481836431291237, 0.3048414356175803],
            [1.1151690002698507, 2.091519207546297, -0.3893435621780922],
            [-1.5833513492262004, -1.2232947794660234, 0.4685543518482368],
        ], dtype="float64"),
        'y': np.array([
            [-0.8520278194762932, -0.9913972334728662, 0.06533742823536426],
            [-0.31492233929521657, 1.029646221724828, -0.4543404745567042],
            [-0.6681517158631114, 0.6369839812343342, -0.8481874878208178],
            [1.8072860424534578, -1.4565149467790661, 0.5637826609316628],
        ], dtype="float64"),
        'q': 0.3, 'reduction': 'sum',
    }
    answer = _call(quantile_loss, args, kwargs)
    expected = {'output': np.float64(8.49007963638682)}
    allowed = {'output': 1.0075475085636125e-12}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [4.631923234694755, -3.220572533741655, -2.8561091682989894],
            [0.1458404415274881, 3.0831462096536804, -1.0387805794519271],
            [0.9615022644764957, 0.47209077840743385, -0.9251765435560005],
            [1.123378767271347, 2.349896466216514, -2.184516135294365],
        ], dtype="float64"),
        'y': np.array([
            [-0.3208550413648166, -0.22359847599767335, 0.4262339652679423],
            [1.2850210160368214, 1.33741889649083, -1.5404942518435825],
            [-0.27147112646722577, -1.1148732110748656, 0.9552636595815611],
            [0.005126120927789383, -1.1611271576532112, -1.9162814564331625],
        ], dtype="float64"),
        'q': 0.3, 'reduction': 'none',
    }
    answer = _call(quantile_loss, args, kwargs)
    expected = {
        'output': np.array([
            [3.4669447932416997, 0.8990922173231946, 0.9847029400700795],
            [0.3417541723528, 1.2220091192139952, 0.3511995706741587],
            [0.863081373660605, 1.1108747926376097, 0.5641320609412684],
            [0.7827768524404902, 2.4577165367088076, 0.08047040365836074],
        ], dtype="float64"),
    }
    allowed = {'output': 4.0247723295002634e-13}
    _compare(expected, answer, allowed)
