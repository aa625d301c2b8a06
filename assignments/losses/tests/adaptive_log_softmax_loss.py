"""Public checks of adaptive_log_softmax_loss; run them with grader.check("adaptive_log_softmax_loss")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "adaptive_log_softmax_loss"
points = [0.67, 0.67]


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


def _gradient(function: Any, args: Any, kwargs: Any, wrt: Any, seed: int) -> dict[str, Any]:
    """The output, and the vector-Jacobian product for the inputs in `wrt`, computed by autograd."""
    args, kwargs = copy.deepcopy((args, kwargs))
    named = _named(args, kwargs)
    leaves = [named[label].requires_grad_() for label in wrt]
    output = _run(function, args, kwargs)
    answer = {"output": output}
    tensors = [t for t in _flat(output) if isinstance(t, torch.Tensor) and t.is_floating_point()]
    connected = [t for t in tensors if t.requires_grad]
    gradients = [None] * len(leaves)
    if connected:
        rng = np.random.default_rng(seed)
        vectors = [torch.as_tensor(rng.normal(size=tuple(t.shape)), dtype=t.dtype) for t in connected]
        gradients = torch.autograd.grad(connected, leaves, vectors, allow_unused=True)
    for label, gradient in zip(wrt, gradients, strict=True):
        answer[f"gradient of {label}"] = gradient
    return answer


def _named(args: Any, kwargs: Any) -> dict[str, Any]:
    """All arguments by name; those without one by their position."""
    return {**{str(i): value for i, value in enumerate(args)}, **kwargs}


def _has_arrays(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_has_arrays(item) for item in value)
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _flat(item)]
    return [value]


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
    points=0.67,
    hidden=False,
    success_message='Right.',
    failure_message='Multiply the probability of the group, too.',
)
def check_1(adaptive_log_softmax_loss):
    _defined("adaptive_log_softmax_loss", adaptive_log_softmax_loss)
    args = []
    kwargs = {
        'x': torch.tensor([[1.0], [1.0]], dtype=torch.float64),
        'targets': torch.tensor([0, 3], dtype=torch.int64),
        'head': torch.tensor([[0.0], [0.0], [0.6931471805599453]], dtype=torch.float64),
        'tails': [
            (
                torch.tensor([[1.0]], dtype=torch.float64),
                torch.tensor([[0.0], [0.0]], dtype=torch.float64),
            ),
        ],
        'cutoffs': [2],
    }
    answer = _call(adaptive_log_softmax_loss, args, kwargs)
    expected = {
        'output': (
            torch.tensor([-1.3862943611198906, -1.3862943611198906], dtype=torch.float64),
            torch.tensor(1.3862943611198906, dtype=torch.float64),
        ),
    }
    allowed = {'output[0]': 1.578304745557307e-13, 'output[1]': 1.578304745557307e-13}
    _compare(expected, answer, allowed)


@test_case(
    name='one rare group',
    points=0.67,
    hidden=False,
    success_message='Right.',
    failure_message='Which rows of the head are classes, which are groups?',
)
def check_2(adaptive_log_softmax_loss):
    _defined("adaptive_log_softmax_loss", adaptive_log_softmax_loss)
    args = []
    kwargs = {
        'x': torch.tensor([
            [1.1387123653623439, -0.3361688713351187, 0.5088069635213469],
            [-0.2103724241217891, -0.13568153136956826, 0.6777860697697442],
            [1.6521855182184504, -1.093788992101303, 0.4498366815702992],
            [-0.29079611023033936, 1.6915069999661214, 0.4356020461007597],
            [-1.1348993482982583, 1.4774904369741322, -0.7833989658216799],
            [-0.0086788215385985, -0.3077142260106429, 1.9399444975264761],
        ], dtype=torch.float64),
        'targets': torch.tensor([1, 3, 2, 0, 4, 5], dtype=torch.int64),
        'head': torch.tensor([
            [-1.0612280504497658, -0.3929483976876681, 1.7184348577390456],
            [1.159657975549932, -1.7310973021413671, -1.653823308439944],
            [-1.1019318754030736, 0.25656410829648796, 0.49779081952131365],
            [-0.646880917994364, 0.27686264344047085, 1.026271583389836],
        ], dtype=torch.float64),
        'tails': [
            (
                torch.tensor([
                    [-0.29738492654982157, -1.0720018110619582, 0.846007797510672],
                    [-0.2284973221384481, -0.7317843356310193, -0.7272038853756335],
                ], dtype=torch.float64),
                torch.tensor([
                    [-0.282989641725704, 1.4813589438702028],
                    [0.5163610665185442, -0.5143302360129961],
                    [0.09610968733407525, 1.2085792900474666],
                    [1.270674825146375, 0.1850521188923494],
                ], dtype=torch.float64),
            ),
        ],
        'cutoffs': [3],
    }
    answer = _gradient(adaptive_log_softmax_loss, args, kwargs, ['x'], seed=0)
    expected = {
        'output': (
            torch.tensor([
                -0.503158158602113, -3.7818637116103915, -4.994222887282944, -1.575345502858867,
                -3.0416897906485723, -5.779098337149579,
            ], dtype=torch.float64),
            torch.tensor(3.2792297313587446, dtype=torch.float64),
        ),
        'gradient of x': torch.tensor([
            [-0.07485924771027694, 0.06210192387672831, 0.10449623205487021],
            [-0.08436388202531432, -0.2009868384604141, 0.6747775195414886],
            [-0.9127422624413184, 0.8056511646841074, 0.8474960784131492],
            [0.018586907820998023, 0.05829622254296938, -0.08443440338646713],
            [-0.37605417721615575, -0.508002684927349, -1.3755624132652524],
            [0.047578179228165804, 0.08384007416128698, -0.30989454994972765],
        ], dtype=torch.float64),
    }
    allowed = {
        'gradient of x': 1.613500080201568e-13, 'output[0]': 6.707489930193571e-13,
        'output[1]': 3.8162796930193934e-13,
    }
    _compare(expected, answer, allowed)
