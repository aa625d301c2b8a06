"""Public checks of train; run them with grader.check("train")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "train"
points = [1.17, 1.17]


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
    function: Any, module: Any, state: Any, args: Any, kwargs: Any, training: bool, stale: bool
) -> dict[str, Any]:
    """Call the function with this module, and look at the module afterwards."""
    module.load_state_dict(copy.deepcopy(state), assign=True)
    module.train(training)
    for parameter in module.parameters() if stale else ():
        parameter.grad = torch.ones_like(parameter)
    output = _run(function, (module, *copy.deepcopy(args)), copy.deepcopy(kwargs))
    answer = {"output": output}
    if isinstance(output, torch.Tensor):
        answer["output.requires_grad"] = output.requires_grad
    answer["state_dict() after the call"] = dict(module.state_dict())
    answer["model.training after the call"] = module.training
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
    name='one step by hand',
    points=1.17,
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
    answer = _on_module(train, module, state, args, kwargs, training=False, stale=False)
    expected = {
        'output': [0.6931471805599453],
        'state_dict() after the call': {
            'weight': torch.tensor([[0.5], [-0.5]], dtype=torch.float64),
            'bias': torch.tensor([0.0, 0.0], dtype=torch.float64),
        },
        'model.training after the call': True,
    }
    allowed = {
        'model.training after the call': 0.0, 'output[0]': 7.891523727786535e-14,
        "state_dict() after the call['bias']": 1.1368683772161603e-13,
        "state_dict() after the call['weight']": 5.684341886080802e-14,
    }
    _compare(expected, answer, allowed)


@test_case(
    name='ten steps of a linear model',
    points=1.17,
    hidden=False,
    success_message='Right.',
    failure_message='Print a gradient before and after zero_grad().',
)
def check_2(train):
    _defined("train", train)
    module = (torch.nn.Linear(2, 3))
    state = {
        'weight': torch.tensor([
            [0.7439601968641153, 1.0179621102225644],
            [-2.1058233177889822, -0.5682124866189787],
            [1.6376769496189632, -0.9332273005753331],
        ], dtype=torch.float64),
        'bias': torch.tensor([
            -0.7023626870818055, 1.0317969818623784, 0.08493583485395681,
        ], dtype=torch.float64),
    }
    args = []
    kwargs = {
        'x': torch.tensor([
            [-1.9464403999926787, -0.7459580952293098],
            [1.087358712981455, 0.8904247522452375],
            [-1.547750360740992, -1.6620326511585144],
            [1.131258299169302, 0.9580692409685923],
            [-1.010920458012212, 1.0464220106429207],
            [-0.9375423614869278, -0.5326621934288523],
            [-1.460807049439901, 1.0652471622208637],
            [-1.305411826197172, 0.9584761321661339],
            [0.4142513649841235, 1.230762288240523],
        ], dtype=torch.float64),
        'y': torch.tensor([2, 1, 2, 1, 0, 2, 0, 0, 1], dtype=torch.int64),
        'lr': 0.3, 'steps': 10,
    }
    answer = _on_module(train, module, state, args, kwargs, training=True, stale=False)
    expected = {
        'output': [
            4.28902574095417, 3.5229490677608606, 2.7903020417822195, 2.116426411928886,
            1.5437542474232382, 1.115769688972717, 0.8329310245373558, 0.6535164452615274,
            0.5364263971314907, 0.45591005420219816,
        ],
        'state_dict() after the call': {
            'weight': torch.tensor([
                [-0.4494076506671657, 1.191729895419462],
                [0.3089244661216068, 0.12612580684604227],
                [0.41629701323965496, -1.8013333792372515],
            ], dtype=torch.float64),
            'bias': torch.tensor([
                -0.57965816563613, 0.47074251839222925, 0.5232857768784305,
            ], dtype=torch.float64),
        },
        'model.training after the call': True,
    }
    allowed = {
        'model.training after the call': 0.0, 'output': 5.185657256845176e-13,
        "state_dict() after the call['bias']": 6.856034022910529e-14,
        "state_dict() after the call['weight']": 2.1190821988251717e-13,
    }
    _compare(expected, answer, allowed)
