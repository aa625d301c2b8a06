"""Public checks of gaussian_nll_loss; run them with grader.check("gaussian_nll_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "gaussian_nll_loss"
points = [0.25, 0.25]


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
    points=0.25,
    hidden=False,
    success_message='Right.',
    failure_message='Compute the first loss of the batch by hand.',
)
def check_1(gaussian_nll_loss):
    _defined("gaussian_nll_loss", gaussian_nll_loss)
    args = []
    kwargs = {
        'mean': np.array([3.0], dtype="float64"),
        'target': np.array([1.0], dtype="float64"),
        'var': np.array([4.0], dtype="float64"),
    }
    answer = _call(gaussian_nll_loss, args, kwargs)
    expected = {'output': np.float64(1.1931471805599454)}
    allowed = {'output': 1.3575865613205593e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'mean': np.array([
            [-0.7257623543973426, -2.019513045577752, -0.24298194443049798],
            [-2.4948294423759174, -0.21008174518462824, 1.9884257972217312],
            [4.087981240107091, 2.708135134179954, -0.7816579142864415],
            [-0.10291855916225688, 0.4853249529611523, 0.1466092656107552],
        ], dtype="float64"),
        'target': np.array([
            [0.15386317684269893, -0.605798599011732, -1.602518562693111],
            [0.2348511271514032, -2.7841393492437985, -1.7414756616176843],
            [0.74152853480564, -1.3697058520570768, 0.32726403315002056],
            [-1.243635088892297, -0.8867098392327073, 0.3303678053982175],
        ], dtype="float64"),
        'var': np.array([
            [2.4654664219936, 1.966746757006665, 1.2956732899371322],
            [1.6849698996136444, 1.3553207210382088, 1.7359752435376279],
            [0.4375675758440564, 0.708457360241721, 0.9078009870071027],
            [1.5716719505877796, 1.7198255264310334, 1.9916390350132722],
        ], dtype="float64"),
    }
    answer = _call(gaussian_nll_loss, args, kwargs)
    expected = {'output': np.float64(3.169627493328925)}
    allowed = {'output': 3.784464216514528e-13}
    _compare(expected, answer, allowed)


@test_case(
    name="reduction 'sum' and 'none'",
    points=0.25,
    hidden=False,
    success_message='Right.',
    failure_message='Which shape has the result?',
)
def check_2(gaussian_nll_loss):
    _defined("gaussian_nll_loss", gaussian_nll_loss)
    args = []
    kwargs = {
        'mean': np.array([
            [0.34418055883382404, -0.5510565600007904, -1.2669289485558217],
            [-0.0022364496962858174, 0.3989347067613523, 0.9056918121926536],
            [2.366415677357992, -4.167196505993513, 3.6216744924153126],
            [-3.597431686954979, -2.9947718816763906, 3.216958307826937],
        ], dtype="float64"),
        'target': np.array([
            [1.5395128257153987, 0.00017640059410032363, -0.9775224304236156],
            [-0.6926728417614411, -0.03251729657803954, 0.3191561422441506],
            [-0.8022053793120943, -2.208286983861428, 0.18797691079073384],
            [-1.7041516757277095, 0.9680001331992706, -1.1039512612311702],
        ], dtype="float64"),
        'var': np.array([
            [2.204912076347153, 0.21802101451864864, 1.8616680451284247],
            [0.8363696963132448, 1.642472145658925, 2.980944761719939],
            [0.2221752629209696, 2.732369459210943, 0.2072418288064613],
            [1.5186097070672226, 0.8480270665063907, 1.006791020975347],
        ], dtype="float64"),
        'reduction': 'sum',
    }
    answer = _call(gaussian_nll_loss, args, kwargs)
    expected = {'output': np.float64(72.6397267910354)}
    allowed = {'output': 8.380941967401835e-12}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'mean': np.array([
            [0.5718047413370368, 0.3369891126016286, 2.8752681757650613],
            [6.102997751419327, -5.067813317735706, 0.40009061821443087],
            [0.46345313530677457, -0.5976359677477878, 0.5003721886948281],
            [-3.3950454688137075, -1.848876342092973, 1.099997057664606],
        ], dtype="float64"),
        'target': np.array([
            [0.5922378277824275, -2.4871255295865793, -0.32061958025108284],
            [0.4532519952359798, -0.6338602637933657, 0.1550359569554515],
            [0.6854765786748417, 0.8696929040490916, 0.16886246988907277],
            [0.8021279359559039, 0.5286852418170654, 1.5393023287128504],
        ], dtype="float64"),
        'var': np.array([
            [2.949004087425308, 0.4445959573625131, 1.5972844903698593],
            [2.564732364396979, 2.4654879999229373, 0.612906690450753],
            [2.6575724877568123, 1.1733692592848515, 0.2043128738851729],
            [1.684947647554211, 2.9648878028302637, 1.5239328155369105],
        ], dtype="float64"),
        'reduction': 'none',
    }
    answer = _call(gaussian_nll_loss, args, kwargs)
    expected = {
        'output': np.array([
            [0.5408045464129201, 8.564224020733134, 3.431359572637783],
            [6.693725895252761, 4.438222941762506, -0.1957819474615148],
            [0.4979808839372937, 0.997406177897759, -0.5251043218756744],
            [5.48840788146347, 1.4967101518061101, 0.2739666181961574],
        ], dtype="float64"),
    }
    allowed = {'output': 1.0437408818148604e-12}
    _compare(expected, answer, allowed)
