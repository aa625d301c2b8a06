"""Public checks of build_mlp; run them with grader.check("build_mlp")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "build_mlp"
points = [0.6, 0.6]


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
    points=0.6,
    hidden=False,
    success_message='Right.',
    failure_message='Print build_mlp(2, 8, 3).state_dict().',
)
def check_1(build_mlp):
    _defined("build_mlp", build_mlp)
    construct = ([2, 8, 3], {})
    state = {}
    args = []
    answer = _module(build_mlp, construct, state, args, training=False, seed=0)
    expected = {
        'names and shapes in state_dict()': {
            '0.weight': (8, 2),
            '0.bias': (8,),
            '2.weight': (3, 8),
            '2.bias': (3,),
        },
    }
    allowed = {
        "names and shapes in state_dict()['0.bias'][0]": 0.0,
        "names and shapes in state_dict()['0.weight'][0]": 0.0,
        "names and shapes in state_dict()['0.weight'][1]": 0.0,
        "names and shapes in state_dict()['2.bias'][0]": 0.0,
        "names and shapes in state_dict()['2.weight'][0]": 0.0,
        "names and shapes in state_dict()['2.weight'][1]": 0.0,
    }
    _compare(expected, answer, allowed)
    construct = ([], {'in_features': 4, 'hidden': 3, 'classes': 2})
    state = {}
    args = []
    answer = _module(build_mlp, construct, state, args, training=False, seed=0)
    expected = {
        'names and shapes in state_dict()': {
            '0.weight': (3, 4),
            '0.bias': (3,),
            '2.weight': (2, 3),
            '2.bias': (2,),
        },
    }
    allowed = {
        "names and shapes in state_dict()['0.bias'][0]": 0.0,
        "names and shapes in state_dict()['0.weight'][0]": 0.0,
        "names and shapes in state_dict()['0.weight'][1]": 0.0,
        "names and shapes in state_dict()['2.bias'][0]": 0.0,
        "names and shapes in state_dict()['2.weight'][0]": 0.0,
        "names and shapes in state_dict()['2.weight'][1]": 0.0,
    }
    _compare(expected, answer, allowed)


@test_case(
    name='scores and gradients',
    points=0.6,
    hidden=False,
    success_message='Right.',
    failure_message='Linear, ReLU, linear: is anything before, between or after?',
)
def check_2(build_mlp):
    _defined("build_mlp", build_mlp)
    construct = ([2, 5, 3], {})
    state = {
        '0.weight': torch.tensor([
            [1.2418289, -0.60187095],
            [0.1757667, 0.7367653],
            [0.8945356, -0.828461],
            [0.60242385, 1.3281895],
            [-0.38869163, 1.6694516],
        ], dtype=torch.float32),
        '0.bias': torch.tensor([
            -0.32922012, -0.47499314, -0.3097463, -0.13178113, -1.1799716,
        ], dtype=torch.float32),
        '2.weight': torch.tensor([
            [-0.33131036, 0.55491585, 1.3902985, -1.0893431, -0.055942435],
            [0.9770888, -0.42828885, -1.119141, 0.04043637, 0.33178532],
            [0.34216765, -0.85713536, 1.8329823, 0.7046696, -1.2774057],
        ], dtype=torch.float32),
        '2.bias': torch.tensor([-0.4480964, -0.55407697, -0.5006889], dtype=torch.float32),
    }
    args = [
        torch.tensor([
            [0.15740368, 0.020595316],
            [0.4269566, -1.9616549],
            [-0.11912368, 0.65989166],
            [0.22375679, -0.8669419],
        ], dtype=torch.float32),
    ]
    answer = _module(build_mlp, construct, state, args, training=False, seed=0)
    expected = {
        'names and shapes in state_dict()': {
            '0.weight': (5, 2),
            '0.bias': (5,),
            '2.weight': (3, 5),
            '2.bias': (3,),
        },
        'output': torch.tensor([
            [-0.4480964, -0.55407697, -0.5006889],
            [1.4539526, -1.1036408, 3.0832543],
            [-1.181134, -0.5268667, -0.026504666],
            [0.24223459, -0.7755741, 0.77590454],
        ], dtype=torch.float32),
        'gradient of 0.weight': torch.tensor([
            [-0.22477381, 1.0044327],
            [0.0, 0.0],
            [0.3805788, -1.9074315],
            [0.22372712, -1.2393477],
            [0.0, 0.0],
        ], dtype=torch.float32),
        'gradient of 0.bias': torch.tensor([
            -0.6100317, 0.0, 0.4220975, -1.8781078, 0.0,
        ], dtype=torch.float32),
        'gradient of 2.weight': torch.tensor([
            [-0.45036298, 0.0, -0.592135, 0.87748396, 0.0],
            [-1.0333176, 0.0, -1.2885606, 0.637307, 0.0],
            [0.519039, 0.0, 0.638901, -0.4735555, 0.0],
        ], dtype=torch.float32),
        'gradient of 2.bias': torch.tensor([
            0.2692088, -0.34396774, 0.3396085,
        ], dtype=torch.float32),
        'gradient of input 1': torch.tensor([
            [0.0, 0.0],
            [0.72014034, -0.90511245],
            [-1.1314169, -2.494483],
            [-1.1001142, 0.92258155],
        ], dtype=torch.float32),
    }
    allowed = {
        'gradient of 0.bias': 0.00011463060218375176,
        'gradient of 0.weight': 0.00011642037861747667,
        'gradient of 2.bias': 2.0994124497519806e-05,
        'gradient of 2.weight': 7.864749932195991e-05,
        'gradient of input 1': 0.0001522511593066156,
        "names and shapes in state_dict()['0.bias'][0]": 0.0,
        "names and shapes in state_dict()['0.weight'][0]": 0.0,
        "names and shapes in state_dict()['0.weight'][1]": 0.0,
        "names and shapes in state_dict()['2.bias'][0]": 0.0,
        "names and shapes in state_dict()['2.weight'][0]": 0.0,
        "names and shapes in state_dict()['2.weight'][1]": 0.0,
        'output': 0.00018818691023625433,
    }
    _compare(expected, answer, allowed)
