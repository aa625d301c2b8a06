"""Public checks of torch_softmax; run them with grader.check("torch_softmax")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "torch_softmax"
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
    name='each row of a batch sums to one',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message='Print out.sum(dim=1).',
)
def check_1(torch_softmax):
    _defined("torch_softmax", torch_softmax)
    args = []
    kwargs = {
        'x': torch.tensor([
            [
                1.2760352396792378, 0.7366241546123822, -0.832866275096475, -0.8500588047639341,
                0.4946138758980205,
            ],
            [
                -1.4813835595481446, 2.7035230282407983, 0.05757610393929801,
                0.7087103824174581, 0.008051663876244185,
            ],
            [
                1.4978756181917776, 1.6622697465041818, -0.663754890194456, -2.2018977126164825,
                1.5227446014856951,
            ],
            [
                -0.4549656412685786, 0.8598363396692114, -1.269209459613331,
                -0.5999010314297522, 0.030618126045828007,
            ],
        ], dtype=torch.float64),
    }
    answer = _call(torch_softmax, args, kwargs)
    expected = {
        'output': torch.tensor([
            [
                0.43830427924427895, 0.2555715183112043, 0.05319752410464954,
                0.05229074137344152, 0.20063593696642582,
            ],
            [
                0.01180390213036583, 0.7753672232725913, 0.0550031155123664,
                0.10548028968018802, 0.05234546940448839,
            ],
            [
                0.29906757277459617, 0.35250460009128304, 0.03443381360990311,
                0.007395681235024077, 0.30659833228919364,
            ],
            [
                0.1305962233992186, 0.4863420972345769, 0.057850753624324236,
                0.11297594375811211, 0.21223498198376808,
            ],
        ], dtype=torch.float64),
    }
    allowed = {'output': 9.193839193748537e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='autograd finds the gradient',
    points=1,
    hidden=False,
    success_message='Right.',
    failure_message='Is every step from x to the result a torch operation?',
)
def check_2(torch_softmax):
    _defined("torch_softmax", torch_softmax)
    args = []
    kwargs = {
        'x': torch.tensor([
            [0.32842371462083386, -0.7566319314591747, 2.2082240834897022],
            [-1.6640377194793723, 0.2878245683518596, 0.0730737947937256],
        ], dtype=torch.float64),
    }
    answer = _gradient(torch_softmax, args, kwargs, ['x'], seed=0)
    expected = {
        'output': torch.tensor([
            [0.1267414321463191, 0.042823773227680675, 0.8304347946260002],
            [0.07287195834293575, 0.5131489703834146, 0.41397907127364963],
        ], dtype=torch.float64),
        'gradient of x': torch.tensor([
            [-0.052772221181075864, -0.028872306722838435, 0.08164452790391435],
            [0.016209728955802593, -0.2145620798639694, 0.1983523509081668],
        ], dtype=torch.float64),
    }
    allowed = {'gradient of x': 2.522881696000346e-14, 'output': 9.546905787893893e-14}
    _compare(expected, answer, allowed)
