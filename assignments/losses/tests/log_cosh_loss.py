"""Public checks of log_cosh_loss; run them with grader.check("log_cosh_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "log_cosh_loss"
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
def check_1(log_cosh_loss):
    _defined("log_cosh_loss", log_cosh_loss)
    args = []
    kwargs = {
        'x': np.array([1.0986122886681098, -1.0], dtype="float64"),
        'y': np.array([0.0, 0.0], dtype="float64"),
    }
    answer = _call(log_cosh_loss, args, kwargs)
    expected = {'output': np.float64(0.472303227124509)}
    allowed = {'output': 5.4614688645236934e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [1.093528340035905, 3.8909661971815312, -1.5758266042569484],
            [1.3839420193855263, -2.6992964065343776, 0.054400887711149454],
            [-1.2923069649851864, 0.12397643802297771, 0.2317729012564291],
            [-0.25709518823200134, -0.45685149687317206, 0.24437766416367962],
        ], dtype="float64"),
        'y': np.array([
            [0.8435017418157112, -1.2701695626687863, -0.05762416378053281],
            [-0.20137152469694247, 1.6667913319322536, -1.4158018205936986],
            [-0.481647496057416, 0.02451483331802832, -2.03682714738782],
            [-2.3705945437207174, -1.2936191283502805, 1.4078067087466506],
        ], dtype="float64"),
    }
    answer = _call(log_cosh_loss, args, kwargs)
    expected = {'output': np.float64(1.2507113700194938)}
    allowed = {'output': 1.464225749297319e-13}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.23,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(log_cosh_loss):
    _defined("log_cosh_loss", log_cosh_loss)
    args = []
    kwargs = {
        'x': np.array([
            [2.688802655185164, -0.7813013170329657, 0.634894570896453],
            [-1.7511417683306831, -1.7648013298788403, -3.37642678317753],
            [-0.6011959081202483, -3.5452210992336193, 0.2962766791009075],
            [-0.28573669820653264, 0.32772833715270167, 1.277165376208529],
        ], dtype="float64"),
        'y': np.array([
            [1.7447156557221954, 0.10997380171262758, 0.715231760377074],
            [0.7512584293322129, 1.4466145336838647, -1.2061366857612479],
            [-1.184432616791082, -1.1253570705218745, -0.504697995995084],
            [1.9648211989910138, -0.8088871858116403, -1.0303739369110037],
        ], dtype="float64"),
        'reduction': 'sum',
    }
    answer = _call(log_cosh_loss, args, kwargs)
    expected = {'output': np.float64(12.496014782616697)}
    allowed = {'output': 1.431813339611904e-12}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [-0.38968490188036337, -4.906944490937266, -0.39637800102115395],
            [-2.1367734220603416, 0.6392881725737833, -1.3726526433423412],
            [-1.1247380409286187, 2.053163138396271, -2.436365985167991],
            [-0.9880918027423865, -1.7498654784469707, 0.2001314997642302],
        ], dtype="float64"),
        'y': np.array([
            [-0.8655875781960713, 0.4939794604750896, 0.7331643143534825],
            [1.7011628380990562, 0.5691069659710728, -0.32532398536471174],
            [-0.6350182493086955, -0.05697993211673296, -0.6174201378068704],
            [-0.46752846673902493, 0.6671113675292738, 1.8219750486467055],
        ], dtype="float64"),
        'reduction': 'none',
    }
    answer = _call(log_cosh_loss, args, kwargs)
    expected = {
        'output': np.array([
            [0.10920874480784937, 4.7077971324870305, 0.5357390297955466],
            [3.145252857669108, 0.0024606818995603907, 0.4702852595522181],
            [0.11540553458789837, 1.4315834120215305, 1.1517663201397887],
            [0.12978239489629173, 1.731753198514009, 0.9669740984229024],
        ], dtype="float64"),
    }
    allowed = {'output': 5.443369847996725e-13}
    _compare(expected, answer, allowed)
