"""Public checks of cross_entropy_loss; run them with grader.check("cross_entropy_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "cross_entropy_loss"
points = [0.92, 0.92]


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
    name='labels: mean over the batch',
    points=0.92,
    hidden=False,
    success_message='Right.',
    failure_message='What is -ln(5/8)? Compare the first case.',
)
def check_1(cross_entropy_loss):
    _defined("cross_entropy_loss", cross_entropy_loss)
    args = []
    kwargs = {
        'logits': np.array([[0.0, 0.6931471805599453, 1.6094379124341003]], dtype="float64"),
        'targets': np.array([2], dtype="int64"),
    }
    answer = _call(cross_entropy_loss, args, kwargs)
    expected = {'output': np.float64(0.47000362924573563)}
    allowed = {'output': 5.843771958654667e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'logits': np.array([
            [-1.316719664587715, 1.1590843678591227, 2.191663818932651],
            [2.1115326538528505, 3.620681831840511, 1.7889264625925114],
            [-1.9016423380745142, 3.384142887404127, -1.258099782590192],
            [2.1135584160632863, -3.293017286643164, 1.6533317117064283],
            [0.061501916506771344, -1.0793521051334705, -2.2769770528600053],
        ], dtype="float64"),
        'targets': np.array([2, 1, 1, 0, 2], dtype="int64"),
    }
    answer = _call(cross_entropy_loss, args, kwargs)
    expected = {'output': np.float64(0.768473583792941)}
    allowed = {'output': 8.845099923952781e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='probabilities as targets',
    points=0.92,
    hidden=False,
    success_message='Right.',
    failure_message='Which weight has each log-probability?',
)
def check_2(cross_entropy_loss):
    _defined("cross_entropy_loss", cross_entropy_loss)
    args = []
    kwargs = {
        'logits': np.array([[0.0, 0.6931471805599453, 1.6094379124341003]], dtype="float64"),
        'targets': np.array([[0.5, 0.0, 0.5]], dtype="float64"),
    }
    answer = _call(cross_entropy_loss, args, kwargs)
    expected = {'output': np.float64(1.2747225854627857)}
    allowed = {'output': 1.4547478013596325e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'logits': np.array([
            [-1.6526195525052045, 3.5767880106540906, -3.894360662198169],
            [-1.293010694621769, -3.2235354263358307, -0.7741745585474218],
            [-0.7046523183791549, -3.9732283495170457, -1.8919174250744377],
            [1.121006113649377, 2.1834027069406745, -1.508450089996133],
        ], dtype="float64"),
        'targets': np.array([
            [0.16855606349443739, 0.5528589336859803, 0.2785850028195825],
            [0.42281911605589073, 0.34682701080119716, 0.23035387314291197],
            [0.2222194940768864, 0.38905910347654743, 0.3887214024465661],
            [0.14740184626880648, 0.2843138388666727, 0.5682843148645208],
        ], dtype="float64"),
    }
    answer = _call(cross_entropy_loss, args, kwargs)
    expected = {'output': np.float64(2.2888298151905473)}
    allowed = {'output': 2.6090861375088056e-13}
    _compare(expected, answer, allowed)
