"""Public checks of torch_cross_entropy; run them with grader.check("torch_cross_entropy")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "torch_cross_entropy"
points = [0.34, 0.34]


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
    name='labels: mean over the batch, and gradient',
    points=0.34,
    hidden=False,
    success_message='Right.',
    failure_message='-ln(3/4) for the first case.',
)
def check_1(torch_cross_entropy):
    _defined("torch_cross_entropy", torch_cross_entropy)
    args = []
    kwargs = {
        'logits': torch.tensor([[0.0, 1.0986122886681098]], dtype=torch.float64),
        'targets': torch.tensor([1], dtype=torch.int64),
    }
    answer = _gradient(torch_cross_entropy, args, kwargs, ['logits'], seed=0)
    expected = {
        'output': torch.tensor(0.28768207245178085, dtype=torch.float64),
        'gradient of logits': torch.tensor([
            [0.031432555273348324, -0.03143255527334832],
        ], dtype=torch.float64),
    }
    allowed = {'gradient of logits': 4.085957074929872e-15, 'output': 3.543717317914948e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'logits': torch.tensor([
            [0.521635398589642, -0.06289000869184284, -1.8143732444911609],
            [1.0058781658796685, -1.9629401858850053, 0.2818376613124829],
            [-0.4858674254805403, 1.550450864295504, 4.5086286749959115],
            [-2.2134602728436255, -1.4487202255871383, -1.5667003863157984],
            [-2.964193380149816, 0.40282530133071903, 1.103514906238554],
        ], dtype=torch.float64),
        'targets': torch.tensor([0, 1, 1, 0, 2], dtype=torch.int64),
    }
    answer = _gradient(torch_cross_entropy, args, kwargs, ['logits'], seed=0)
    expected = {
        'output': torch.tensor(1.790363052323407, dtype=torch.float64),
        'gradient of logits': torch.tensor([
            [-0.009943638375395062, 0.008473369854462603, 0.0014702685209324585],
            [0.0163694869982781, -0.024305242402020283, 0.007935755403742181],
            [0.00016092345855978754, -0.023912992892900876, 0.023752069434341088],
            [-0.020174289090349466, 0.010681496757621074, 0.009492792332728392],
            [0.0002844096265968732, 0.008245593600655706, -0.00853000322725258],
        ], dtype=torch.float64),
    }
    allowed = {'gradient of logits': 2.872308589598865e-15, 'output': 2.0479393673069722e-13}
    _compare(expected, answer, allowed)


@test_case(
    name='scores of images',
    points=0.34,
    hidden=False,
    success_message='Right.',
    failure_message='Which dimension holds the classes?',
)
def check_2(torch_cross_entropy):
    _defined("torch_cross_entropy", torch_cross_entropy)
    args = []
    kwargs = {
        'logits': torch.tensor([
            [
                [
                    -2.136503973305003, 0.5116308093415725, -0.8057153153335328,
                    -0.5629332639021226,
                ],
                [
                    0.34930560428752383, -2.335814416785797, 2.3461845921201747,
                    -1.8379731927208762,
                ],
                [
                    -3.9169319542560506, -3.0730572496174062, 0.7700918247316086,
                    2.781734256285374,
                ],
            ],
            [
                [
                    0.6621886758530426, -3.0184298325357917, -1.5272943389202243,
                    -2.196503052808047,
                ],
                [
                    -0.638168929186196, -1.5923431358715723, -2.0224771251497917,
                    -1.5727703111471103,
                ],
                [
                    3.75130025216519, -0.586069323430318, -2.1854314839778595,
                    -2.1608962807484433,
                ],
            ],
        ], dtype=torch.float64),
        'targets': torch.tensor([[1, 1, 0, 2], [0, 2, 0, 1]], dtype=torch.int64),
    }
    answer = _gradient(torch_cross_entropy, args, kwargs, ['logits'], seed=0)
    expected = {
        'output': torch.tensor(1.4316701645724033, dtype=torch.float64),
        'gradient of logits': torch.tensor([
            [
                [
                    0.00119248755354205, 0.014475207904499184, -0.01517832686774321,
                    0.0005304075771307112,
                ],
                [
                    -0.0013935003971321143, -0.014876827197026047, 0.012577527337221705,
                    0.00014820638500557534,
                ],
                [
                    0.00020101284359006277, 0.00040161929252686447, 0.002600799530521504,
                    -0.0006786139621362871,
                ],
            ],
            [
                [
                    -0.01503972661149872, 0.0009497327650895721, -0.008328290196491166,
                    0.004027616948069588,
                ],
                [
                    0.0001843157399459681, 0.003953147364594659, 0.004502679104046055,
                    -0.008201228101472672,
                ],
                [
                    0.014855410871552751, -0.004902880129684229, 0.00382561109244511,
                    0.004173611153403085,
                ],
            ],
        ], dtype=torch.float64),
    }
    allowed = {'gradient of logits': 1.844267494112495e-15, 'output': 1.6421231844249943e-13}
    _compare(expected, answer, allowed)
