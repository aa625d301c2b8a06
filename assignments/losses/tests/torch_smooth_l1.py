"""Public checks of torch_smooth_l1; run them with grader.check("torch_smooth_l1")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "torch_smooth_l1"
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
    name='the worked example and a batch',
    points=0.25,
    hidden=False,
    success_message='Right.',
    failure_message='Both pieces, then the mean.',
)
def check_1(torch_smooth_l1):
    _defined("torch_smooth_l1", torch_smooth_l1)
    args = []
    kwargs = {
        'x': torch.tensor([0.5, 3.0], dtype=torch.float64),
        'y': torch.tensor([0.0, 0.0], dtype=torch.float64),
    }
    answer = _call(torch_smooth_l1, args, kwargs)
    expected = {'output': torch.tensor(1.3125, dtype=torch.float64)}
    allowed = {'output': 1.4921397450962104e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'x': torch.tensor([
            [-0.9340700930746877, -0.2339711732033755, 2.4074442070353945],
            [0.8391021486616811, 2.6361680365917928, -0.09748531986538937],
            [0.24199277422053916, -4.180627366852814, -0.2000301911433854],
            [-0.06867135630434311, -0.5717842841316483, -1.8900674626726737],
        ], dtype=torch.float64),
        'y': torch.tensor([
            [0.8030001794401733, -1.3656008508455544, 0.057319782112062206],
            [-1.2405929969611988, -1.1122989070762337, -1.733178427873719],
            [0.14039179901184368, -1.1258538712684634, -0.3452409355930726],
            [-0.1079482492096982, -0.9119421953309971, -0.08339794662489419],
        ], dtype=torch.float64),
    }
    answer = _call(torch_smooth_l1, args, kwargs)
    expected = {'output': torch.tensor(1.134871006889928, dtype=torch.float64)}
    allowed = {'output': 1.2907222678923945e-13}
    _compare(expected, answer, allowed)


@test_case(
    name='autograd finds the gradient',
    points=0.25,
    hidden=False,
    success_message='Right.',
    failure_message='Is every step from x a torch operation?',
)
def check_2(torch_smooth_l1):
    _defined("torch_smooth_l1", torch_smooth_l1)
    args = []
    kwargs = {
        'x': torch.tensor([
            [-2.2006092346048907, 0.29635358727948974, 1.6988784508748398],
            [-1.7239887559247704, -4.068578458755577, -1.082604355317116],
            [4.841920996203803, -0.36932989602702326, -0.2746518597566206],
            [-2.004150416257872, 1.6014115145825616, -1.19195005547056],
        ], dtype=torch.float64),
        'y': torch.tensor([
            [-0.7006329660759552, -0.6050502823297819, 0.6616812603764856],
            [1.2220300550147964, -1.1888190812656279, -0.009865625092621367],
            [-0.15347346524362013, -0.4576263838987122, 1.47724328113236],
            [1.6777890301632707, 0.2533687258054148, -0.01913645138360553],
        ], dtype=torch.float64),
    }
    answer = _gradient(torch_smooth_l1, args, kwargs, ['x'], seed=0)
    expected = {
        'output': torch.tensor(1.482994868521789, dtype=torch.float64),
        'gradient of x': torch.tensor([
            [-0.01047751842444944, 0.009444475651701164, 0.01047751842444944],
            [-0.01047751842444944, -0.01047751842444944, -0.01047751842444944],
            [0.01047751842444944, 0.000925128078489797, -0.01047751842444944],
            [-0.01047751842444944, 0.01047751842444944, -0.01047751842444944],
        ], dtype=torch.float64),
    }
    allowed = {'gradient of x': 1.2324596722070867e-15, 'output': 1.800938685248561e-13}
    _compare(expected, answer, allowed)
