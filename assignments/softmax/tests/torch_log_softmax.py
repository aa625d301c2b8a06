"""Public checks of torch_log_softmax; run them with grader.check("torch_log_softmax")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "torch_log_softmax"
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
    name='the exponentials of each row sum to one',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message='Print out.exp().sum(dim=1).',
)
def check_1(torch_log_softmax):
    _defined("torch_log_softmax", torch_log_softmax)
    args = []
    kwargs = {
        'x': torch.tensor([
            [
                -1.1476598423281639, -1.385729970645612, 0.9746044580484247,
                -0.8490798145213422, 2.1475715962004602,
            ],
            [
                -0.9402258210237447, 1.0945370791868114, -0.8210122081951536, 3.876486565051681,
                1.8378960750100286,
            ],
            [
                0.4833888187927617, -2.4045706793523847, 2.682442516153255, 1.0119960668733534,
                0.2682059518623245,
            ],
            [
                -1.009020550484199, 2.3936859411259492, -0.8248338638756517, 3.345865253053847,
                0.2489794943497989,
            ],
        ], dtype=torch.float64),
    }
    answer = _call(torch_log_softmax, args, kwargs)
    expected = {
        'output': torch.tensor([
            [
                -3.6498727975288765, -3.8879429258463243, -1.5276084971522876,
                -3.3512927697220545, -0.3546413590002523,
            ],
            [
                -5.0067881387787505, -2.972025238568194, -4.88757452595016,
                -0.19007575270332466, -2.228666242744977,
            ],
            [
                -2.5317209429713423, -5.419680441116489, -0.33266724561084937,
                -2.0031136948907506, -2.7469038099017795,
            ],
            [
                -4.732893513265544, -1.330187021655395, -4.548706826656996, -0.3780077097274972,
                -3.474893468431546,
            ],
        ], dtype=torch.float64),
    }
    allowed = {'output': 6.418073867022307e-13}
    _compare(expected, answer, allowed)


@test_case(
    name='autograd finds the gradient',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message='Is every step from x to the result a torch operation?',
)
def check_2(torch_log_softmax):
    _defined("torch_log_softmax", torch_log_softmax)
    args = []
    kwargs = {
        'x': torch.tensor([
            [2.022821596676793, -0.37142131447909954, 0.8703480759374429],
            [-0.22986795631753024, 0.8506418667092864, 0.8798232780441574],
        ], dtype=torch.float64),
    }
    answer = _gradient(torch_log_softmax, args, kwargs, ['x'], seed=0)
    expected = {
        'output': torch.tensor([
            [-0.34152819120195227, -2.7357711023578446, -1.4940017119413023],
            [-1.9429920143987145, -0.862482191371898, -0.833300780037027],
        ], dtype=torch.float64),
        'gradient of x': torch.tensor([
            [-0.32487719366036716, -0.1732190637592791, 0.49809625741964614],
            [0.11481102508813254, -0.5064700425351225, 0.39165901744698994],
        ], dtype=torch.float64),
    }
    allowed = {'gradient of x': 6.006182368583429e-14, 'output': 3.156012681676577e-13}
    _compare(expected, answer, allowed)
