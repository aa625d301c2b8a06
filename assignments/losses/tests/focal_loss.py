"""Public checks of focal_loss; run them with grader.check("focal_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "focal_loss"
points = [0.28, 0.28]


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
    points=0.28,
    hidden=False,
    success_message='Right.',
    failure_message='Compute the first loss of the batch by hand.',
)
def check_1(focal_loss):
    _defined("focal_loss", focal_loss)
    args = []
    kwargs = {
        'logits': np.array([1.0986122886681098, 1.0986122886681098], dtype="float64"),
        'y': np.array([1, 0], dtype="int64"),
    }
    answer = _call(focal_loss, args, kwargs)
    expected = {'output': np.float64(0.29466898298975647)}
    allowed = {'output': 3.412568690105547e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'logits': np.array([
            [-1.903830654387082, -4.194095372871347, 1.132536821092971],
            [1.9259788958044726, -3.420707747294505, 1.9137908415526093],
            [0.9299830621689903, 0.5434598969744945, 1.0784558301357607],
            [1.0510267952420342, 1.6744890207197565, -1.4118095314302364],
        ], dtype="float64"),
        'y': np.array([[0, 1, 1], [1, 1, 0], [0, 1, 0], [1, 0, 0]], dtype="int64"),
    }
    answer = _call(focal_loss, args, kwargs)
    expected = {'output': np.float64(0.42282512116668197)}
    allowed = {'output': 4.846741419543698e-14}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.28,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(focal_loss):
    _defined("focal_loss", focal_loss)
    args = []
    kwargs = {
        'logits': np.array([
            [-1.6503458364757984, -1.9188118507198282, -1.1218363005740282],
            [-4.353277450593394, 1.226388132683874, -0.5187503770164126],
            [3.254667991745125, 0.3192275690405167, 2.2649345148524125],
            [-0.5899894362697268, -0.12184864237082146, 0.32964407263466317],
        ], dtype="float64"),
        'y': np.array([[0, 0, 1], [1, 1, 1], [0, 0, 1], [0, 1, 0]], dtype="int64"),
        'reduction': 'sum',
    }
    answer = _call(focal_loss, args, kwargs)
    expected = {'output': np.float64(4.19250087217277)}
    allowed = {'output': 4.88311247267474e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'logits': np.array([
            [-1.6868906583510341, 1.5497061394871807, 1.3148540805031155],
            [-1.8280274023414733, 0.5786991439084433, -1.0722310241127584],
            [0.9068744143257954, -2.3878003391681597, 3.6137179776637747],
            [-2.492526910452212, 5.324876576850582, 2.8034846895739705],
        ], dtype="float64"),
        'y': np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype="int64"),
        'reduction': 'none',
    }
    answer = _call(focal_loss, args, kwargs)
    expected = {
        'output': np.array([
            [0.3305057730555727, 0.0014762110605449894, 0.0026642652569625383],
            [0.002143504381384281, 0.014359378936791041, 0.014352376305501175],
            [0.47423608559900554, 0.0004661299983200185, 4.579299965087848e-06],
            [0.5485189924240554, 3.9586574134278183, 1.9084338840654653],
        ], dtype="float64"),
    }
    allowed = {'output': 4.624628591172894e-13}
    _compare(expected, answer, allowed)
