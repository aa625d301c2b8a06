"""Public checks of smooth_l1_loss; run them with grader.check("smooth_l1_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "smooth_l1_loss"
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
def check_1(smooth_l1_loss):
    _defined("smooth_l1_loss", smooth_l1_loss)
    args = []
    kwargs = {
        'x': np.array([0.5, 3.0], dtype="float64"),
        'y': np.array([0.0, 0.0], dtype="float64"),
        'beta': 2.0,
    }
    answer = _call(smooth_l1_loss, args, kwargs)
    expected = {'output': np.float64(1.03125)}
    allowed = {'output': 1.1723955140041653e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [1.3070649692352512, -0.17905293387649307, 0.5091053757365086],
            [0.9075534421823986, -0.41896682067119445, 2.4105729375378533],
            [2.7477737944401905, -1.376641973003328, 1.2767325892731476],
            [-0.2124162578571402, -4.086233627856516, -3.0106053229344107],
        ], dtype="float64"),
        'y': np.array([
            [-1.3756686776560672, 0.3828448545734925, 0.8442488832220599],
            [1.9956321615875479, 2.048671200184701, 2.1760270501645045],
            [-0.554262678994893, -1.3941659762587777, -0.026804295962031616],
            [2.4205966935984757, 0.26764609490222924, -0.30779462055175033],
        ], dtype="float64"),
    }
    answer = _call(smooth_l1_loss, args, kwargs)
    expected = {'output': np.float64(1.3979509751703267)}
    allowed = {'output': 1.6081922636952746e-13}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.23,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(smooth_l1_loss):
    _defined("smooth_l1_loss", smooth_l1_loss)
    args = []
    kwargs = {
        'x': np.array([
            [0.2877460611641997, -0.297094269220586, 1.329391171161586],
            [-3.5692967163596325, 1.8541844344189382, 0.6916420418912741],
            [-0.5926234562492606, -0.5464057454392379, -2.8038071896188814],
            [-2.097907128297621, 1.2974016401478574, -1.250328495614153],
        ], dtype="float64"),
        'y': np.array([
            [-1.3361558599565684, -0.1651952319918837, -0.37609782136198733],
            [-0.39093414116579606, -0.553479756294161, -2.646956548239305],
            [-1.2568877111385577, 0.7351556130678145, -1.824905109967597],
            [0.5070705155970527, -1.061518071346789, -0.06691987395851245],
        ], dtype="float64"),
        'reduction': 'sum',
    }
    answer = _call(smooth_l1_loss, args, kwargs)
    expected = {'output': np.float64(15.89133042417942)}
    allowed = {'output': 1.8242074297858656e-12}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': np.array([
            [-0.5486906339280823, -4.790552370324623, 2.101739578588715],
            [0.8962652596324858, 0.4702225200570391, -0.39349014342711436],
            [3.3154140301987964, -2.0527172837033687, -0.9645593798038122],
            [-0.9070264044356394, 1.7837701522062859, -2.3963177989620092],
        ], dtype="float64"),
        'y': np.array([
            [0.5493143714784772, -1.1378653595042527, -1.3500329137946705],
            [-0.45663959461901044, -1.282749129651054, 0.7773814618605568],
            [1.1267341317433928, -0.55139898687742, -0.20020847068235542],
            [0.34979639841706706, 0.005792129164749135, 0.00662615703402539],
        ], dtype="float64"),
        'reduction': 'none',
    }
    answer = _call(smooth_l1_loss, args, kwargs)
    expected = {
        'output': np.array([
            [0.5980050054065593, 3.1526870108203706, 2.9517724923833857],
            [0.8529048542514963, 1.2529716497080932, 0.6708716052876711],
            [1.688679898455404, 1.0013182968259486, 0.29211615613739883],
            [0.7568228028527064, 1.2779780230415367, 1.9029439559960348],
        ], dtype="float64"),
    }
    allowed = {'output': 3.705381911478359e-13}
    _compare(expected, answer, allowed)
