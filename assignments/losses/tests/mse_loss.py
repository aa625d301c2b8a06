"""Public checks of mse_loss; run them with grader.check("mse_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "mse_loss"
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
def check_1(mse_loss):
    _defined("mse_loss", mse_loss)
    args = []
    kwargs = {
        'x': np.array([3.0, 1.0, 2.0], dtype="float64"),
        'y': np.array([1.0, 1.0, 5.0], dtype="float64"),
    }
    answer = _call(mse_loss, args, kwargs)
    expected = {'output': np.float64(4.333333333333333)}
    allowed = {'output': 5.021168666214506e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [0.3034502710452784, 0.37727421115749027, -1.340802395207746],
            [3.322730627009237, 2.917743584175197, 1.5800094539889034],
            [4.091797302778465, -3.0972466822800344, -2.343229979714232],
            [-0.38095814898815544, 2.310490789516449, 2.363046550983052],
        ], dtype="float64"),
        'y': np.array([
            [-0.10826618140944717, 0.5609479086237062, -0.3432818375101944],
            [-0.37893485690194056, 0.5368830726009982, 1.826518015963592],
            [-0.6592129377085179, 0.6057833226186875, -0.38204889186670504],
            [-0.4864213174845497, -1.917265315061099, 0.6412674933646103],
        ], dtype="float64"),
    }
    answer = _call(mse_loss, args, kwargs)
    expected = {'output': np.float64(6.800851032795857)}
    allowed = {'output': 7.917797754932241e-13}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.19,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(mse_loss):
    _defined("mse_loss", mse_loss)
    args = []
    kwargs = {
        'x': np.array([
            [-3.253095333184381, -3.076216209447663, -0.7247077859009414],
            [1.0080222095069689, -1.7920120902231222, 2.2058879783621754],
            [1.0320546548104985, 0.4152285963546971, -1.7827633490599986],
            [-1.2673455306096078, 0.30272686111937, -0.2574824292009799],
        ], dtype="float64"),
        'y': np.array([
            [0.910984920204234, -0.2015548407115707, -1.8162585632679524],
            [-1.1309701155987373, -0.8227680045143405, -0.10539484698034098],
            [-0.4200950373333881, -0.10364247316231134, 0.3651368435090215],
            [0.3384867505511169, 0.3898409532990454, -0.668537521957131],
        ], dtype="float64"),
        'reduction': 'sum',
    }
    answer = _call(mse_loss, args, kwargs)
    expected = {'output': np.float64(47.398169626369295)}
    allowed = {'output': 5.565566372237248e-12}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [2.081221259777033, 5.259531717025921, 0.1467202007809223],
            [1.8522498778166987, 1.5048414555842247, 4.603429333610616],
            [-0.3844302500395128, -1.3523486703095722, -0.7136344462463846],
            [1.9030306913744282, 0.8701707755579807, 3.8871464836076095],
        ], dtype="float64"),
        'y': np.array([
            [-0.9110900500758102, 0.32850657600175515, -0.37446366078383553],
            [-0.3061381406268293, -0.3132486329706662, -0.2631850876764904],
            [0.33517952140378693, -1.6439203254696244, -0.8662821640024095],
            [-0.04184560305203138, -0.9620876574767373, 0.06135317162463797],
        ], dtype="float64"),
        'reduction': 'none',
    }
    answer = _call(mse_loss, args, kwargs)
    expected = {
        'output': np.array([
            [8.953926975073239, 24.3150089414124, 0.2716326175555526],
            [4.658638838160579, 3.3054515701015306, 23.68393592547963],
            [0.517838223156678, 0.08501403009277242, 0.023301325736123046],
            [3.7825438006219962, 3.3571709654268402, 14.636694466013633],
        ], dtype="float64"),
    }
    allowed = {'output': 2.825015797388397e-12}
    _compare(expected, answer, allowed)
