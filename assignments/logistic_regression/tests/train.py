"""Public checks of train; run them with grader.check("train")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "train"
points = [0.88, 0.88]


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


def _on_module(
    function: Any, module: Any, state: Any, args: Any, kwargs: Any, training: bool, stale: bool, watch: Any
) -> dict[str, Any]:
    """Call the function with this module, and look at the module afterwards."""
    module.load_state_dict(copy.deepcopy(state), assign=True)
    module.train(training)
    for parameter in module.parameters() if stale else ():
        parameter.grad = torch.ones_like(parameter)
    output = _run(function, (module, *copy.deepcopy(args)), copy.deepcopy(kwargs))
    seen = {
        "output": ("output", output),
        "graph": ("output.requires_grad", getattr(output, "requires_grad", None)),
        "state": ("state_dict() after the call", dict(module.state_dict())),
        "mode": ("model.training after the call", module.training),
    }
    return dict(seen[key] for key in watch)


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
    name='one step by hand',
    points=0.88,
    hidden=False,
    success_message='Right.',
    failure_message='Zero the gradients, forward, backward, step.',
)
def check_1(train):
    _defined("train", train)
    module = (torch.nn.Linear(1, 2))
    state = {
        'weight': torch.tensor([[0.0], [0.0]], dtype=torch.float64),
        'bias': torch.tensor([0.0, 0.0], dtype=torch.float64),
    }
    args = []
    kwargs = {
        'x': torch.tensor([[1.0], [-1.0]], dtype=torch.float64),
        'y': torch.tensor([0, 1], dtype=torch.int64),
        'lr': 1.0, 'steps': 1,
    }
    training, stale, watch = False, False, ['state']
    answer = _on_module(train, module, state, args, kwargs, training, stale, watch)
    expected = {
        'state_dict() after the call': {
            'weight': torch.tensor([[0.5], [-0.5]], dtype=torch.float64),
            'bias': torch.tensor([0.0, 0.0], dtype=torch.float64),
        },
    }
    allowed = {
        "state_dict() after the call['bias']": 1.1368683772161603e-13,
        "state_dict() after the call['weight']": 5.684341886080802e-14,
    }
    _compare(expected, answer, allowed)


@test_case(
    name='the losses of ten steps',
    points=0.88,
    hidden=False,
    success_message='Right.',
    failure_message='How many losses are there, and of which type?',
)
def check_2(train):
    _defined("train", train)
    module = (torch.nn.Linear(2, 3))
    state = {
        'weight': torch.tensor([
            [-0.9252760117230148, -0.8021733621272391],
            [1.544349746873862, 1.4465390437361763],
            [-0.6909952263272113, -1.3215562290948895],
        ], dtype=torch.float64),
        'bias': torch.tensor([
            -1.4975603717895254, -0.05028778594381763, 1.0238032032172255,
        ], dtype=torch.float64),
    }
    args = []
    kwargs = {
        'x': torch.tensor([
            [0.839018381202412, -0.7465840173901015],
            [1.5960866564518619, 1.33680198044103],
            [2.7309779408402597, 0.026175803942820097],
            [0.996344712618346, 0.8742457144634619],
            [3.4273907705163076, -0.45478086886562524],
            [1.1562933243551785, 1.6316089870833075],
            [0.012479476693245006, 0.2667969710074369],
            [1.6131393485740646, -0.2808290099377113],
            [2.3086385308165265, -0.2538487689727434],
        ], dtype=torch.float64),
        'y': torch.tensor([1, 2, 0, 2, 0, 2, 1, 1, 0], dtype=torch.int64),
        'lr': 0.3, 'steps': 10,
    }
    training, stale, watch = True, False, ['output']
    answer = _on_module(train, module, state, args, kwargs, training, stale, watch)
    expected = {
        'output': [
            4.690924383040386, 3.731060056099427, 2.870751046370605, 2.1761921440002845,
            1.6899640921678738, 1.401404497478607, 1.2418125779592062, 1.1411310715372514,
            1.067463739796762, 1.0083368341088466,
        ],
    }
    allowed = {'output': 5.461356364444451e-13}
    _compare(expected, answer, allowed)
