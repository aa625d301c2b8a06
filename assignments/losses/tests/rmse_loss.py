"""Public checks of rmse_loss; run them with grader.check("rmse_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "rmse_loss"
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
def check_1(rmse_loss):
    _defined("rmse_loss", rmse_loss)
    args = []
    kwargs = {
        'x': np.array([3.0, 1.0], dtype="float64"),
        'y': np.array([0.0, 5.0], dtype="float64"),
    }
    answer = _call(rmse_loss, args, kwargs)
    expected = {'output': np.float64(3.5355339059327378)}
    allowed = {'output': 4.019975186956352e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [-1.5911963392556676, -0.7576223081460413, 0.9288116808772637],
            [-1.9610427094232747, 2.3063913779008933, 2.834728916508866],
            [0.8230993918789218, -0.3948796172019121, -1.3314420772199826],
            [2.5874629517201124, 5.049324166146025, -1.5192897219077377],
        ], dtype="float64"),
        'y': np.array([
            [0.41403371182258153, 0.6671296223602661, -0.3489900707492172],
            [-0.713271580518791, 0.22454979610640233, 0.13970442128135815],
            [1.9119465885469353, 0.042676723608362166, 1.3823287272869842],
            [0.6414592798670061, 0.4161067721789418, -2.1610319193226166],
        ], dtype="float64"),
    }
    answer = _call(rmse_loss, args, kwargs)
    expected = {'output': np.float64(2.145632378352555)}
    allowed = {'output': 2.5056739135985604e-13}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.19,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(rmse_loss):
    _defined("rmse_loss", rmse_loss)
    args = []
    kwargs = {
        'x': np.array([
            [2.4419445989795086, -2.9204242784228938, 2.660871595846841],
            [0.49957006591938175, 1.578014519420785, 3.882764134292158],
            [-2.303581173643014, 0.48737202516208766, -0.4721977556535331],
            [0.5724487146492245, -2.0583796576436795, -2.3492726343941763],
        ], dtype="float64"),
        'y': np.array([
            [-1.1789262303496475, 0.2149083889477702, 1.1151296526579686],
            [0.864361820151155, 0.2944778516371302, 0.45777631957759374],
            [1.3710639885338944, 1.2401082295375547, 0.051701182152289894],
            [-0.05281807211664867, 0.5694083766309145, 0.6879855394516357],
        ], dtype="float64"),
        'reduction': 'sum',
    }
    answer = _call(rmse_loss, args, kwargs)
    expected = {'output': np.float64(8.349052656785076)}
    allowed = {'output': 9.627425687261564e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [0.27087114421109665, -2.9014160823701447, 2.2674226210320714],
            [-0.8289573165236173, -3.4090122222292285, 0.8383283125192029],
            [-0.14633827439478653, 2.4388037457965384, 1.8176896385213703],
            [-0.15076538405634887, -2.162263229315798, 1.5017856256735],
        ], dtype="float64"),
        'y': np.array([
            [0.745621436387732, -0.2729796998127263, -0.3049172534570904],
            [-0.6237537062868639, -1.1177572475344486, -0.38200834609484735],
            [2.1534642498528336, 0.1857270989837795, -0.45456331794836613],
            [-0.13406736412472575, 0.9219341897934334, 1.5452506491900133],
        ], dtype="float64"),
        'reduction': 'none',
    }
    answer = _call(rmse_loss, args, kwargs)
    expected = {
        'output': np.array([
            [0.4747502921766354, 2.6284363825574184, 2.572339874489162],
            [0.20520361023675338, 2.29125497469478, 1.2203366586140503],
            [2.29980252424762, 2.253076646812759, 2.2722529564697362],
            [0.01669801993162312, 3.0841974191092314, 0.04346502351651327],
        ], dtype="float64"),
    }
    allowed = {'output': 3.5880489638122633e-13}
    _compare(expected, answer, allowed)
