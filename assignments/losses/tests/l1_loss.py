"""Public checks of l1_loss; run them with grader.check("l1_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "l1_loss"
points = [0.17, 0.17]


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
    points=0.17,
    hidden=False,
    success_message='Right.',
    failure_message='Compute the first loss of the batch by hand.',
)
def check_1(l1_loss):
    _defined("l1_loss", l1_loss)
    args = []
    kwargs = {
        'x': np.array([3.0, 1.0, 2.0], dtype="float64"),
        'y': np.array([1.0, 1.0, 5.0], dtype="float64"),
    }
    answer = _call(l1_loss, args, kwargs)
    expected = {'output': np.float64(1.6666666666666667)}
    allowed = {'output': 1.918465386596387e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [1.1856231032657112, -0.21715330234369798, -0.699316665792583],
            [-2.002547818732529, -2.8732933684528197, 0.7055394570836434],
            [2.1010828692568793, -1.6197666135469226, -2.574742909970158],
            [-0.25606865126156364, 3.5563216550725936, -4.885351798317805],
        ], dtype="float64"),
        'y': np.array([
            [-2.7846787674222253, -1.405401725172631, -0.7131472556958044],
            [0.016136174928390142, -1.2610385854842274, -2.0180475573240866],
            [-1.2277214103460001, -0.47713960329199395, -1.9035808837936512],
            [-0.5556613406610363, -1.9874587991888422, 2.2120415969707765],
        ], dtype="float64"),
    }
    answer = _call(l1_loss, args, kwargs)
    expected = {'output': np.float64(2.4675222107867607)}
    allowed = {'output': 2.9077378276154604e-13}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.17,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(l1_loss):
    _defined("l1_loss", l1_loss)
    args = []
    kwargs = {
        'x': np.array([
            [2.5754692371875185, -0.13759278506797543, -1.1252079096617895],
            [1.9167856239403596, 1.0708649106895076, -3.129772583337963],
            [2.8284743077800942, -0.42829042772651466, 1.5653915136003351],
            [-0.6319245935159876, -2.4398239990228214, -2.8357347072593395],
        ], dtype="float64"),
        'y': np.array([
            [0.8829671284739199, 0.3994225626421419, -0.1450553111368171],
            [-0.856864930639433, -1.1575902411793055, -1.7239925686986033],
            [-0.02964652388049191, 1.3100704619734218, -1.8820102511436494],
            [1.0756577731268093, 0.9779138550584118, 0.2812112343198239],
        ], dtype="float64"),
        'reduction': 'sum',
    }
    answer = _call(l1_loss, args, kwargs)
    expected = {'output': np.float64(25.90370542444435)}
    allowed = {'output': 3.0483166146929787e-12}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [-1.4090394185242483, -0.6816015856865504, -1.3438635557114302],
            [-0.47056962979061057, 1.4499616225493641, -0.8579979873931977],
            [-2.3438139985356052, 0.41047127472202505, 2.0559931132957048],
            [1.110959850892577, 1.6787539084945668, 0.11853943448084477],
        ], dtype="float64"),
        'y': np.array([
            [1.1596448637345225, 0.9485708004797412, 0.3686889323480461],
            [-0.530972102614013, -0.4943401149528338, 0.5857113223347481],
            [0.3496239130412113, 0.28264218051423295, -0.5143590698040237],
            [0.05419210536547511, 0.3535639867864564, -3.11193987790492],
        ], dtype="float64"),
        'reduction': 'none',
    }
    answer = _call(l1_loss, args, kwargs)
    expected = {
        'output': np.array([
            [2.5686842822587708, 1.6301723861662916, 1.7125524880594765],
            [0.06040247282340239, 1.9443017375021978, 1.4437093097279456],
            [2.6934379115768166, 0.1278290942077921, 2.5703521830997285],
            [1.056767745527102, 1.3251899217081105, 3.2304793123857647],
        ], dtype="float64"),
    }
    allowed = {'output': 3.780605992226547e-13}
    _compare(expected, answer, allowed)
