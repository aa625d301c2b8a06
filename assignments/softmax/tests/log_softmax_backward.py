"""Public checks of log_softmax_backward; run them with grader.check("log_softmax_backward")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "log_softmax_backward"
points = [1, 1]


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
    name='the worked example',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message='exp(log_y) is [0.2, 0.3, 0.5] here.',
)
def check_1(log_softmax_backward):
    _defined("log_softmax_backward", log_softmax_backward)
    args = [
        np.array([1.0, 0.0, 0.0], dtype="float64"),
        np.array([
            -1.6094379124341003, -1.2039728043259361, -0.6931471805599453,
        ], dtype="float64"),
    ]
    kwargs = {}
    answer = _call(log_softmax_backward, args, kwargs)
    expected = {'output': np.array([0.8, -0.3, -0.5], dtype="float64")}
    allowed = {'output': 9.201528428027123e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='each row of a batch sums to zero',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message="Print the result's sum over axis 1.",
)
def check_2(log_softmax_backward):
    _defined("log_softmax_backward", log_softmax_backward)
    args = []
    kwargs = {
        'grad': np.array([
            [
                -1.2220179680740377, 0.8725971285105513, -0.07445065518092023,
                -0.6921701390918696, 0.046161688525084725,
            ],
            [
                -0.4051146521891718, -1.3058088200687477, 0.5207452170955073,
                1.3122909903453552, -0.6251698378108043,
            ],
            [
                0.8724333481604508, -0.8266373067831634, 0.8818126156078977, 0.4618170662924812,
                -0.39561775997735427,
            ],
            [
                -0.8850131747666806, 0.010350697661823852, -1.649355150756738,
                -0.6401364241681146, 0.2537708656263052,
            ],
        ], dtype="float64"),
        'log_y': np.array([
            [
                -3.54045233264081, -2.805182965392852, -0.18656519970971042,
                -2.5343417982407446, -6.581529453577169,
            ],
            [
                -1.4295880272348702, -1.093776319386721, -4.551569919162596,
                -0.9015720803505689, -4.692733124113174,
            ],
            [
                -3.2254759814752734, -2.298055461359183, -1.7860024222538842,
                -0.765092153676113, -1.4832936897621982,
            ],
            [
                -0.34481525181708217, -4.5026451962571015, -4.804397137185798,
                -2.1968467444270052, -1.824970485333729,
            ],
        ], dtype="float64"),
    }
    answer = _call(log_softmax_backward, args, kwargs)
    expected = {
        'output': np.array([
            [
                -1.1909912288635127, 0.9373202663658713, 0.8133404920834829,
                -0.6073137809925716, 0.04764425140673039,
            ],
            [
                -0.28467899313961426, -1.1373102323307036, 0.5260527853186014,
                1.5164974639323063, -0.62056102378059,
            ],
            [
                0.8329425372114261, -0.9264692825791149, 0.7152216383978538,
                -0.0005928851632089338, -0.6211020078669561,
            ],
            [
                1.176560271002204, 0.042596724421964036, -1.625508521092332,
                -0.31663830942193316, 0.7229898350900967,
            ],
        ], dtype="float64"),
    }
    allowed = {'output': 1.9120667782944202e-13}
    _compare(expected, answer, allowed)
