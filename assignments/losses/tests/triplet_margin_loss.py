"""Public checks of triplet_margin_loss; run them with grader.check("triplet_margin_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "triplet_margin_loss"
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
def check_1(triplet_margin_loss):
    _defined("triplet_margin_loss", triplet_margin_loss)
    args = []
    kwargs = {
        'a': np.array([[0.0, 0.0]], dtype="float64"),
        'p': np.array([[3.0, 4.0]], dtype="float64"),
        'n': np.array([[0.0, 5.5]], dtype="float64"),
    }
    answer = _call(triplet_margin_loss, args, kwargs)
    expected = {'output': np.float64(0.4999995999999136)}
    allowed = {'output': 1e-05}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'a': np.array([
            [-0.7189249480168852, -0.5976251817107464, -1.3616151364047961],
            [1.0312728084165876, 0.2350283139630322, 0.34302012446818103],
            [0.7454301688002406, -0.3068706333283877, -0.28068081004637296],
            [-0.23873221007781553, -0.14470539994191586, 0.9745851712490545],
        ], dtype="float64"),
        'p': np.array([
            [-0.09047892878448249, -1.4317739863788708, -3.1915679945813737],
            [0.7066914517296567, 1.3639414542045403, -0.030481500965770292],
            [0.9732736479872162, 0.5557014662970134, -0.9792401960371602],
            [-0.771838434236086, 1.4427324906240964, 2.0328406739160387],
        ], dtype="float64"),
        'n': np.array([
            [-0.7920460347268462, -0.42559821363593353, -1.373740745128298],
            [-2.0634095285687053, 0.7285062873420338, 1.4281054541328135],
            [1.3779951461493118, 0.13647313405378836, 0.14405206824952577],
            [0.5023976077052273, 0.8488257372573306, 2.077936050538612],
        ], dtype="float64"),
    }
    answer = _call(triplet_margin_loss, args, kwargs)
    expected = {'output': np.float64(1.3731881913894664)}
    allowed = {'output': 1e-05}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.28,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(triplet_margin_loss):
    _defined("triplet_margin_loss", triplet_margin_loss)
    args = []
    kwargs = {
        'a': np.array([
            [-0.0776005484537771, -1.3577795800896195, -0.6759746268397175],
            [0.22962732410373357, 0.8365118062364099, -2.3142578630167967],
            [-0.5100839674272432, 0.5747571319730452, -0.8667472791798099],
            [-0.7940924448674163, 2.429974799916367, -0.8009217450643912],
        ], dtype="float64"),
        'p': np.array([
            [0.11312463837288701, -2.0433500266435067, 0.7298042855115074],
            [0.5081705116559396, 0.49128917431609204, -2.6330398466197287],
            [0.6033706951099614, -1.0243222627230133, -0.9324893406982809],
            [-1.4271247227010744, 2.9885495044512154, -1.4260935676884712],
        ], dtype="float64"),
        'n': np.array([
            [-0.15805913454961762, -1.5689000938569757, -1.1156532952548204],
            [-6.248111479643235, 0.9742626320866987, -5.864034046639062],
            [-0.12827725531069828, 1.751882301907135, -0.09496680083043296],
            [-4.645346538740915, 2.2187828328771686, -0.06671954310930295],
        ], dtype="float64"),
        'reduction': 'sum',
    }
    answer = _call(triplet_margin_loss, args, kwargs)
    expected = {'output': np.float64(3.572511816448891)}
    allowed = {'output': 1e-05}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'a': np.array([
            [-0.5596047465816242, -1.3166588812833375, -1.1920590213828202],
            [0.3327618386244641, 0.7009845666074843, -0.3426479327390764],
            [-1.8865728223910518, -0.21988630929427708, -0.5560945209114301],
            [-0.8791505833303119, 1.4078870619340695, 0.76845955868802],
        ], dtype="float64"),
        'p': np.array([
            [-1.341414480961662, -1.6002239154289266, -0.32646593991894624],
            [0.654239057565329, 1.6550075467550842, 0.1380771829216279],
            [-1.6170715447289183, -0.9658914193535639, -0.27226254489885227],
            [-2.103629625483055, -0.10167444263624703, -0.3341319000245634],
        ], dtype="float64"),
        'n': np.array([
            [-0.7641200219670574, -1.6171985344501512, -0.8987315633874482],
            [-0.38433821419083253, 0.6149908942603676, -1.750898129100432],
            [-0.7698726430724299, 0.42641179929640505, 1.970391312531701],
            [1.405997719638732, 2.657526216627563, 2.456750398880147],
        ], dtype="float64"),
        'reduction': 'none',
    }
    answer = _call(triplet_margin_loss, args, kwargs)
    expected = {
        'output': np.array([
            1.7332594136618389, 0.5329605453798125, 0.0, 0.1308512763635541,
        ], dtype="float64"),
    }
    allowed = {'output': 1e-05}
    _compare(expected, answer, allowed)
