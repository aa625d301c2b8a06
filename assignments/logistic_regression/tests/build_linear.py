"""Public checks of build_linear; run them with grader.check("build_linear")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "build_linear"
points = [0.5, 0.5]


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
    name='names and shapes of the parameters',
    points=0.5,
    hidden=False,
    success_message='Right.',
    failure_message='Print build_linear(2, 3).state_dict().',
)
def check_1(build_linear):
    _defined("build_linear", build_linear)
    construct = ([2, 3], {})
    state = {}
    args = []
    answer = _module(build_linear, construct, state, args, training=False, seed=0)
    expected = {'names and shapes in state_dict()': {'weight': (3, 2), 'bias': (3,)}}
    allowed = {
        "names and shapes in state_dict()['bias'][0]": 0.0,
        "names and shapes in state_dict()['weight'][0]": 0.0,
        "names and shapes in state_dict()['weight'][1]": 0.0,
    }
    _compare(expected, answer, allowed)
    construct = ([], {'in_features': 5, 'classes': 2})
    state = {}
    args = []
    answer = _module(build_linear, construct, state, args, training=False, seed=0)
    expected = {'names and shapes in state_dict()': {'weight': (2, 5), 'bias': (2,)}}
    allowed = {
        "names and shapes in state_dict()['bias'][0]": 0.0,
        "names and shapes in state_dict()['weight'][0]": 0.0,
        "names and shapes in state_dict()['weight'][1]": 0.0,
    }
    _compare(expected, answer, allowed)


@test_case(
    name='scores and gradients',
    points=0.5,
    hidden=False,
    success_message='Right.',
    failure_message='Is there anything after the linear layer?',
)
def check_2(build_linear):
    _defined("build_linear", build_linear)
    construct = ([2, 3], {})
    state = {
        'weight': torch.tensor([
            [0.3135695, -1.6001995],
            [0.79604846, -0.5242809],
            [-0.29773378, 0.5161296],
        ], dtype=torch.float32),
        'bias': torch.tensor([1.225711, 0.10416323, 0.41135845], dtype=torch.float32),
    }
    args = [
        torch.tensor([
            [-1.5680234, 1.6989827],
            [0.7094409, 2.0441785],
            [0.85286754, 1.2574764],
            [3.9457662, -0.45600292],
        ], dtype=torch.float32),
    ]
    answer = _module(build_linear, construct, state, args, training=False, seed=0)
    expected = {
        'names and shapes in state_dict()': {'weight': (3, 2), 'bias': (3,)},
        'output': torch.tensor([
            [-1.9846843, -2.0348039, 1.7551073],
            [-1.8229233, -0.40281117, 1.255195],
            [-0.5190691, 0.12381625, 0.8064518],
            [3.1926785, 3.4842577, -0.998786],
        ], dtype=torch.float32),
        'gradient of weight': torch.tensor([
            [-4.0036454, 2.6448333],
            [-1.8244429, 0.15569924],
            [-1.1847976, 0.9234566],
        ], dtype=torch.float32),
        'gradient of bias': torch.tensor([
            0.2692088, -0.34396774, 0.3396085,
        ], dtype=torch.float32),
        'gradient of input 1': torch.tensor([
            [-0.25641218, 0.19860773],
            [-0.50118434, 0.29961005],
            [1.3723427, -2.9464152],
            [-0.90525836, 2.3730273],
        ], dtype=torch.float32),
    }
    allowed = {
        'gradient of bias': 2.0994124497519806e-05,
        'gradient of input 1': 0.00017983491125050932,
        'gradient of weight': 0.00024436312378384173,
        "names and shapes in state_dict()['bias'][0]": 0.0,
        "names and shapes in state_dict()['weight'][0]": 0.0,
        "names and shapes in state_dict()['weight'][1]": 0.0, 'output': 0.0002126622130163014,
    }
    _compare(expected, answer, allowed)
