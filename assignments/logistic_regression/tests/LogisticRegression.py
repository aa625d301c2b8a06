"""Public checks of LogisticRegression; run them with grader.check("LogisticRegression")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "LogisticRegression"
points = [0.8, 0.8]


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


def _module(make: Any, construct: Any, state: Any, args: Any, training: bool, seed: int) -> dict[str, Any]:
    """Make the module, load `state`, run it forward on `args` and backward."""
    made = _run(make, *copy.deepcopy(construct))
    shapes = {key: tuple(value.shape) for key, value in made.state_dict().items()}
    answer: dict[str, Any] = {"names and shapes in state_dict()": shapes}
    if not state:
        return answer
    made.load_state_dict(copy.deepcopy(state))
    made.train(training)
    inputs = copy.deepcopy(args)
    leaves = {f"gradient of {key}": p for key, p in made.named_parameters()}
    for i, value in enumerate(inputs):
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            leaves[f"gradient of input {i + 1}"] = value.requires_grad_()
    output = _run(made, inputs, {})
    answer["output"] = output
    gradients = [None] * len(leaves)
    if leaves and isinstance(output, torch.Tensor) and output.requires_grad:
        vector = np.random.default_rng(seed).normal(size=tuple(output.shape))
        vector = torch.as_tensor(vector, dtype=output.dtype)
        gradients = torch.autograd.grad(output, list(leaves.values()), vector, allow_unused=True)
    answer.update(zip(leaves, gradients, strict=True))
    return answer


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
    name='names and shapes in state_dict()',
    points=0.8,
    hidden=False,
    success_message='Right.',
    failure_message='Print the state_dict() of your model.',
)
def check_1(LogisticRegression):
    _defined("LogisticRegression", LogisticRegression)
    construct = ([2, 3], {})
    state = {}
    args = []
    answer = _module(LogisticRegression, construct, state, args, training=False, seed=0)
    expected = {
        'names and shapes in state_dict()': {'linear.weight': (3, 2), 'linear.bias': (3,)},
    }
    allowed = {
        "names and shapes in state_dict()['linear.bias'][0]": 0.0,
        "names and shapes in state_dict()['linear.weight'][0]": 0.0,
        "names and shapes in state_dict()['linear.weight'][1]": 0.0,
    }
    _compare(expected, answer, allowed)
    construct = ([], {'in_features': 4, 'classes': 2})
    state = {}
    args = []
    answer = _module(LogisticRegression, construct, state, args, training=False, seed=0)
    expected = {
        'names and shapes in state_dict()': {'linear.weight': (2, 4), 'linear.bias': (2,)},
    }
    allowed = {
        "names and shapes in state_dict()['linear.bias'][0]": 0.0,
        "names and shapes in state_dict()['linear.weight'][0]": 0.0,
        "names and shapes in state_dict()['linear.weight'][1]": 0.0,
    }
    _compare(expected, answer, allowed)


@test_case(
    name='logits and gradients',
    points=0.8,
    hidden=False,
    success_message='Right.',
    failure_message='Scores or probabilities? Do the gradients flow?',
)
def check_2(LogisticRegression):
    _defined("LogisticRegression", LogisticRegression)
    construct = ([2, 3], {})
    state = {
        'linear.weight': torch.tensor([
            [1.0, 2.0],
            [0.0, 1.0],
            [-1.0, 0.0],
        ], dtype=torch.float32),
        'linear.bias': torch.tensor([0.0, 10.0, 20.0], dtype=torch.float32),
    }
    args = [torch.tensor([[1.0, 2.0]], dtype=torch.float32)]
    answer = _module(LogisticRegression, construct, state, args, training=False, seed=0)
    expected = {
        'names and shapes in state_dict()': {'linear.weight': (3, 2), 'linear.bias': (3,)},
        'output': torch.tensor([[5.0, 12.0, 19.0]], dtype=torch.float32),
        'gradient of linear.weight': torch.tensor([
            [0.12573022, 0.25146043],
            [-0.13210486, -0.26420972],
            [0.64042264, 1.2808453],
        ], dtype=torch.float32),
        'gradient of linear.bias': torch.tensor([
            0.12573022, -0.13210486, 0.64042264,
        ], dtype=torch.float32),
        'gradient of input 1': torch.tensor([[-0.5146924, 0.119355574]], dtype=torch.float32),
    }
    allowed = {
        'gradient of input 1': 3.141433262499049e-05,
        'gradient of linear.bias': 3.9088296034606174e-05,
        'gradient of linear.weight': 7.817659206921235e-05,
        "names and shapes in state_dict()['linear.bias'][0]": 0.0,
        "names and shapes in state_dict()['linear.weight'][0]": 0.0,
        "names and shapes in state_dict()['linear.weight'][1]": 0.0, 'output': 0.00115966796875,
    }
    _compare(expected, answer, allowed)
