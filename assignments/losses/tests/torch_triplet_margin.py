"""Public checks of torch_triplet_margin; run them with grader.check("torch_triplet_margin")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "torch_triplet_margin"
points = [0.32, 0.31]


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
    points=0.32,
    hidden=False,
    success_message='Right.',
    failure_message='Two distances, a margin, a maximum.',
)
def check_1(torch_triplet_margin):
    _defined("torch_triplet_margin", torch_triplet_margin)
    args = []
    kwargs = {
        'a': torch.tensor([[0.0, 0.0]], dtype=torch.float64),
        'p': torch.tensor([[3.0, 4.0]], dtype=torch.float64),
        'n': torch.tensor([[0.0, 5.5]], dtype=torch.float64),
    }
    answer = _call(torch_triplet_margin, args, kwargs)
    expected = {'output': torch.tensor(0.4999995999999136, dtype=torch.float64)}
    allowed = {'output': 1e-05}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'a': torch.tensor([
            [-0.42723207085970694, -0.703966384999037, -1.423172396526259],
            [2.0294287097805217, 0.06675995595988884, -1.5966842639201757],
            [0.02507103925469148, -1.0562611421738508, -0.01495389192529374],
            [1.561453321712229, -1.3597038128333003, 1.0712075055166272],
        ], dtype=torch.float64),
        'p': torch.tensor([
            [-0.16698638952200195, -2.752188304059352, -2.226829033476281],
            [1.9171463529676511, 0.5956596772622487, -1.782988057131341],
            [-0.07765351436544403, -0.5937148255107225, -0.0437944017313535],
            [-0.03947800443929417, -3.618010978469333, 1.172529955091606],
        ], dtype=torch.float64),
        'n': torch.tensor([
            [-0.5150084527218098, -0.4638720394313909, -1.3416537372717765],
            [0.19705326363702547, -3.1847021847088945, -2.0543387708817358],
            [-1.9449441670253078, -0.7547608141186946, 0.03599300004163437],
            [0.7533283251429206, -1.9618278679254368, 2.934663793650208],
        ], dtype=torch.float64),
    }
    answer = _call(torch_triplet_margin, args, kwargs)
    expected = {'output': torch.tensor(1.149702364816922, dtype=torch.float64)}
    allowed = {'output': 1e-05}
    _compare(expected, answer, allowed)


@test_case(
    name='autograd finds the gradient',
    points=0.31,
    hidden=False,
    success_message='Right.',
    failure_message='Is every step from a a torch operation?',
)
def check_2(torch_triplet_margin):
    _defined("torch_triplet_margin", torch_triplet_margin)
    args = []
    kwargs = {
        'a': torch.tensor([
            [-1.5520132328764227, 0.42762231009093704, 1.6489896735883605],
            [-0.47190263261899923, 0.20271505662985748, 1.0017199724768415],
            [-0.03864382821167863, 0.22150055576329192, -0.743847306150359],
            [1.793215931853152, 0.8902609387025373, -1.34567820559503],
        ], dtype=torch.float64),
        'p': torch.tensor([
            [-0.30225308667507544, 0.3953559438647605, 1.0907705309770206],
            [-1.3336738703832896, 1.1659732748072944, 0.31058224583402505],
            [-0.1843947709303487, 0.8562453706088968, -1.207553185372417],
            [2.5820225920946194, 1.4178516849823244, -2.7479709508017836],
        ], dtype=torch.float64),
        'n': torch.tensor([
            [-1.8585453728223453, 0.36097006924371755, 1.9046404771385106],
            [1.3311717075533527, -4.544062086317161, -2.4587905652484885],
            [0.7367728493301637, 2.081877888977671, -2.95025239358193],
            [4.146738041176298, 1.3393933869287578, -2.3148339481394684],
        ], dtype=torch.float64),
    }
    answer = _gradient(torch_triplet_margin, args, kwargs, ['a'], seed=0)
    expected = {
        'output': torch.tensor(0.5182769375482725, dtype=torch.float64),
        'gradient of a': torch.tensor([
            [-0.05250130150693899, -0.004436403249514959, 0.03267276078118885],
            [0.0, -0.0, 0.0],
            [0.0, 0.0, 0.0],
            [0.013979320596558067, -0.004331911189787042, 0.014245393185812603],
        ], dtype=torch.float64),
    }
    allowed = {'gradient of a': 1e-05, 'output': 1e-05}
    _compare(expected, answer, allowed)
