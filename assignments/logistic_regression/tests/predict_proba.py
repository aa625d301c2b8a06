"""Public checks of predict_proba; run them with grader.check("predict_proba")."""

import copy
from typing import Any

import numpy as np
import torch
from otter.test_files import test_case

OK_FORMAT = False

name = "predict_proba"
points = [0.58, 0.57]


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
    name='the numbers of the worked example',
    points=0.58,
    hidden=False,
    success_message='Right.',
    failure_message='Logits, exponentials, shares.',
)
def check_1(predict_proba):
    _defined("predict_proba", predict_proba)
    module = (torch.nn.Linear(2, 3))
    state = {
        'weight': torch.tensor([
            [0.0, 1.0],
            [0.6931471805599453, 0.0],
            [0.0, 0.0],
        ], dtype=torch.float64),
        'bias': torch.tensor([
            0.6931471805599453, 0.0, 1.6094379124341003,
        ], dtype=torch.float64),
    }
    args = []
    kwargs = {'x': torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)}
    training, stale, watch = False, False, ['output']
    answer = _on_module(predict_proba, module, state, args, kwargs, training, stale, watch)
    expected = {
        'output': torch.tensor([
            [0.25, 0.125, 0.625],
            [0.22222222222222224, 0.22222222222222224, 0.5555555555555556],
        ], dtype=torch.float64),
    }
    allowed = {'output': 7.460698725481052e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='a model with dropout',
    points=0.57,
    hidden=False,
    success_message='Right.',
    failure_message='Call it twice. Are the probabilities equal?',
)
def check_2(predict_proba):
    _defined("predict_proba", predict_proba)
    module = (torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3)))
    state = {
        '0.weight': torch.tensor([
            [-0.3471171013430457, 2.133814754337576],
            [0.8158484310974305, 0.7001865676387299],
            [-0.08853740543041388, -0.34181651068371793],
            [0.7856991149630225, 2.448004950904912],
            [-0.05290972475486612, -1.3513307651485136],
            [-0.03497848850524855, 1.3496178357689022],
            [1.8825308833563554, 0.10182261162972868],
            [1.2283430796677666, 0.9950902032195859],
        ], dtype=torch.float64),
        '0.bias': torch.tensor([
            -0.6063456973202913, 0.14774158801083973, -2.374375285831299, -0.06782902796272529,
            -0.6115483041982105, -0.02905054843397856, -0.8668776284222872, 0.16059499946467085,
        ], dtype=torch.float64),
        '2.weight': torch.tensor([
            [
                1.1499761581022792, -0.9540975998285549, -0.7672876073085012,
                -0.4481113259498455, 0.6476659351967893, -1.9018730708419853, 0.925065275748406,
                0.8319627837949377,
            ],
            [
                1.4476304942171283, -0.38298410409322053, -1.7269981639453815,
                0.3653763740564946, -0.3345408412103166, 0.21988846635647863,
                0.8393674019604486, 0.4242274539701789,
            ],
            [
                0.10874159780191078, 0.1978828451328978, 0.7895721185599403, 0.8145193525773146,
                -1.6689170209239153, -0.31758913871292244, 1.120906323668266,
                0.07451375559242143,
            ],
        ], dtype=torch.float64),
        '2.bias': torch.tensor([
            -0.4069871473071538, 0.692699141756851, 0.39325262957243085,
        ], dtype=torch.float64),
    }
    args = []
    kwargs = {
        'x': torch.tensor([
            [1.661244257816558, 0.9998571428276756],
            [-2.0460279671580137, -0.0754654584594299],
            [0.428355045920204, 0.7362172893289776],
            [1.3812378704590806, -0.47099439584961744],
            [-0.7224940063168013, 0.4995352739766808],
            [0.5044528527328325, -1.0132489649829866],
        ], dtype=torch.float64),
    }
    training, stale, watch = True, False, ['output']
    answer = _on_module(predict_proba, module, state, args, kwargs, training, stale, watch)
    expected = {
        'output': torch.tensor([
            [9.280981026977641e-06, 0.9857539759883566, 0.014236743030616473],
            [0.08208996747702278, 0.9173155869436072, 0.0005944455793699147],
            [0.00010086207494652167, 0.9954315662877211, 0.004467571637332482],
            [0.25835274250851264, 0.6829285686401319, 0.05871868885135545],
            [0.0008684887037633366, 0.9976479930502197, 0.0014835182460170616],
            [0.9603286032846499, 0.03733104375567861, 0.0023403529596714434],
        ], dtype=torch.float64),
    }
    allowed = {'output': 1.2013888358556303e-13}
    _compare(expected, answer, allowed)
