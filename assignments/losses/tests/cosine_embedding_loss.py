"""Public checks of cosine_embedding_loss; run them with grader.check("cosine_embedding_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "cosine_embedding_loss"
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
def check_1(cosine_embedding_loss):
    _defined("cosine_embedding_loss", cosine_embedding_loss)
    args = []
    kwargs = {
        'x1': np.array([[30.0, 0.0], [30.0, 0.0]], dtype="float64"),
        'x2': np.array([[30.0, 40.0], [30.0, 40.0]], dtype="float64"),
        'y': np.array([1, -1], dtype="int64"),
    }
    answer = _call(cosine_embedding_loss, args, kwargs)
    expected = {'output': np.float64(0.5)}
    allowed = {'output': 5.684341886080802e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x1': np.array([
            [-49.38655182536365, 22.519394737471895, -118.12495275882186],
            [61.82632757356661, -74.418083935109, -64.82630347427694],
            [-16.56329095092127, -116.74775680912126, 1.0857229038509997],
            [133.72260820198773, 8.898061753121041, -123.18800926179053],
        ], dtype="float64"),
        'x2': np.array([
            [-52.73758632753193, -233.45822811472047, 13.292695821164893],
            [-139.38950730674804, 122.48836385312663, 124.03862409229629],
            [-34.009287175201955, -75.64061746657543, -36.39947775251177],
            [102.15619257674236, 174.07257060617582, -104.38948703909074],
        ], dtype="float64"),
        'y': np.array([1, 1, -1, -1], dtype="int64"),
    }
    answer = _call(cosine_embedding_loss, args, kwargs)
    expected = {'output': np.float64(1.1703842603270744)}
    allowed = {'output': 1.346968359856539e-13}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.23,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(cosine_embedding_loss):
    _defined("cosine_embedding_loss", cosine_embedding_loss)
    args = []
    kwargs = {
        'x1': np.array([
            [55.83490349858803, 59.55392778401662, -7.621788010001174],
            [69.33665734797975, 41.81824696821072, -110.52687188998269],
            [104.42272990197353, -106.03652441896179, -56.52569781266394],
            [35.94870642143715, -48.10859608735996, -97.68183678635567],
        ], dtype="float64"),
        'x2': np.array([
            [108.73302557420305, -209.92875586946425, -81.20698418516079],
            [38.89952952855028, -237.499237760632, 177.12485138720822],
            [-114.65745761753297, 93.78250528220705, -41.49433225668619],
            [-3.3530115170036954, -36.150979075557345, -32.84179030745349],
        ], dtype="float64"),
        'y': np.array([-1, -1, 1, 1], dtype="int64"),
        'reduction': 'sum',
    }
    answer = _call(cosine_embedding_loss, args, kwargs)
    expected = {'output': np.float64(1.9394034143938819)}
    allowed = {'output': 2.2757025748529186e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x1': np.array([
            [-76.27299787003253, 12.209758274608706, -159.68366356140004],
            [-9.810712926225706, -48.9049054456822, -115.21825011016757],
            [10.898097477976382, 142.3284939886397, -59.8780186898201],
            [-124.99107892916341, -68.7466397136653, -41.87022650021166],
        ], dtype="float64"),
        'x2': np.array([
            [-133.95893911697164, 67.99546339400787, 142.8399099679339],
            [17.691046354179896, 121.9141444400558, 39.85385948466128],
            [-70.1263202948041, -26.667823588990323, -120.74364019189258],
            [-6.092493665842967, 213.49870812004608, -34.97714253017118],
        ], dtype="float64"),
        'y': np.array([-1, 1, -1, 1], dtype="int64"),
        'reduction': 'none',
    }
    answer = _call(cosine_embedding_loss, args, kwargs)
    expected = {
        'output': np.array([
            0.0, 1.6599168765382044, 0.12133951231817817, 1.3869730234741033,
        ], dtype="float64"),
    }
    allowed = {'output': 1.8886170250189845e-13}
    _compare(expected, answer, allowed)
