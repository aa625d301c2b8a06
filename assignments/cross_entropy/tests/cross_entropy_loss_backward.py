"""Public checks of cross_entropy_loss_backward; run them with grader.check("cross_entropy_loss_backward")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "cross_entropy_loss_backward"
points = [0.75, 0.75]


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
    name='softmax minus one-hot',
    points=0.75,
    hidden=False,
    success_message='Right.',
    failure_message='Each row must sum to 0. Does it?',
)
def check_1(cross_entropy_loss_backward):
    _defined("cross_entropy_loss_backward", cross_entropy_loss_backward)
    args = []
    kwargs = {
        'logits': np.array([[0.0, 1.0986122886681098], [0.0, 0.0]], dtype="float64"),
        'targets': np.array([1, 0], dtype="int64"),
    }
    answer = _call(cross_entropy_loss_backward, args, kwargs)
    expected = {'output': np.array([[0.125, -0.125], [-0.25, 0.25]], dtype="float64")}
    allowed = {'output': 2.842170943040401e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'logits': np.array([
            [-1.859038445782121, 0.1627417906266719, -0.8771731650157809],
            [-1.2855450950645144, -0.5610513792163756, 2.8850661105691255],
            [-3.234808473642525, -0.4905743534128743, -1.8143427866290314],
            [0.11528035007774391, -1.5348615825851828, -3.2103261443156046],
        ], dtype="float64"),
        'targets': np.array([1, 0, 2, 2], dtype="int64"),
    }
    answer = _call(cross_entropy_loss_backward, args, kwargs)
    expected = {
        'output': np.array([
            [0.02227928149076928, -0.08175228257250072, 0.05947300108173145],
            [-0.24631370134221625, 0.007607363020018278, 0.23870633832219798],
            [0.012082112726034641, 0.18790944889503097, -0.19999156162106563],
            [0.20358747837189287, 0.039093407592424655, -0.24268088596431753],
        ], dtype="float64"),
    }
    allowed = {'output': 2.946830810979386e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='sum and mean',
    points=0.75,
    hidden=False,
    success_message='Right.',
    failure_message='By which factor do the two differ?',
)
def check_2(cross_entropy_loss_backward):
    _defined("cross_entropy_loss_backward", cross_entropy_loss_backward)
    args = []
    kwargs = {
        'logits': np.array([
            [0.17392206438656815, -0.442960989790303, -0.27917657331592277],
            [-1.447246663988023, 4.416129974321179, -3.153780035737573],
            [-0.5860338058613161, -0.0488506653482095, -1.2822923382912619],
            [2.7548597342773693, -0.7045810307815327, 0.6347097450966391],
            [-0.7033331451759779, -1.4537387149040422, 3.8887562479217945],
        ], dtype="float64"),
        'targets': np.array([2, 1, 0, 0, 2], dtype="int64"),
    }
    answer = _call(cross_entropy_loss_backward, args, kwargs)
    expected = {
        'output': np.array([
            [0.09194221937950722, 0.04961420953897862, -0.14155642891848585],
            [0.0005664247618902194, -0.0006692273868888155, 0.00010280262499859827],
            [-0.1376874566792297, 0.10662797249491067, 0.03105948418431903],
            [-0.02630761683131322, 0.005462164046414175, 0.020845452784899014],
            [0.001996553670839894, 0.0009427227575014496, -0.002939276428341331],
        ], dtype="float64"),
    }
    allowed = {'output': 1.812606371528823e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'logits': np.array([
            [0.17392206438656815, -0.442960989790303, -0.27917657331592277],
            [-1.447246663988023, 4.416129974321179, -3.153780035737573],
            [-0.5860338058613161, -0.0488506653482095, -1.2822923382912619],
            [2.7548597342773693, -0.7045810307815327, 0.6347097450966391],
            [-0.7033331451759779, -1.4537387149040422, 3.8887562479217945],
        ], dtype="float64"),
        'targets': np.array([2, 1, 0, 0, 2], dtype="int64"),
        'reduction': 'sum',
    }
    answer = _call(cross_entropy_loss_backward, args, kwargs)
    expected = {
        'output': np.array([
            [0.4597110968975361, 0.2480710476948931, -0.7077821445924293],
            [0.002832123809451097, -0.0033461369344440772, 0.0005140131249929913],
            [-0.6884372833961485, 0.5331398624745534, 0.15529742092159515],
            [-0.1315380841565661, 0.027310820232070876, 0.10422726392449508],
            [0.00998276835419947, 0.004713613787507248, -0.014696382141706654],
        ], dtype="float64"),
    }
    allowed = {'output': 9.063378802338665e-14}
    _compare(expected, answer, allowed)
