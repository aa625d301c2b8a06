"""Public checks of kl_div_loss; run them with grader.check("kl_div_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "kl_div_loss"
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


def _named(args: Any, kwargs: Any) -> dict[str, Any]:
    """All arguments by name; those without one by their position."""
    return {**{str(i): value for i, value in enumerate(args)}, **kwargs}


def _has_arrays(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_has_arrays(item) for item in value)
    return hasattr(value, "shape") and hasattr(value, "dtype")


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
    name='mean divergence of the batch',
    points=0.5,
    hidden=False,
    success_message='Right.',
    failure_message='Which argument holds logarithms?',
)
def check_1(kl_div_loss):
    _defined("kl_div_loss", kl_div_loss)
    args = []
    kwargs = {
        'log_q': np.array([
            [-1.3862943611198906, -1.3862943611198906, -0.6931471805599453],
            [-0.6931471805599453, -1.3862943611198906, -1.3862943611198906],
        ], dtype="float64"),
        'p': np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]], dtype="float64"),
    }
    answer = _call(kl_div_loss, args, kwargs)
    expected = {'output': np.float64(0.08664339756999316)}
    allowed = {'output': 9.864404659733168e-15}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'log_q': np.array([
            [-1.053341606846009, -1.0807753908850455, -1.1650811669499146],
            [-1.2541826776445177, -1.175016662982585, -0.9017045695901236],
            [-0.7168792392478929, -0.8837845698881063, -2.317594873473021],
            [-0.872037573530659, -0.730731066701501, -2.2991468602451577],
        ], dtype="float64"),
        'p': np.array([
            [0.3983690085351015, 0.3377608058503323, 0.26387018561456627],
            [0.21118778234913327, 0.37824179539111485, 0.410570422259752],
            [0.5735209594689189, 0.19342491491161315, 0.2330541256194679],
            [0.2708715728102356, 0.4147366647090303, 0.31439176248073397],
        ], dtype="float64"),
    }
    answer = _call(kl_div_loss, args, kwargs)
    expected = {'output': np.float64(0.08770922667889593)}
    allowed = {'output': 1.0028884579080888e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='four reductions',
    points=0.5,
    hidden=False,
    success_message='Right.',
    failure_message='What does each of the two means divide by?',
)
def check_2(kl_div_loss):
    _defined("kl_div_loss", kl_div_loss)
    args = []
    kwargs = {
        'log_q': np.array([
            [-0.9143283567676618, -1.3828631792550037, -1.0545331741065993],
            [-0.7852442734393966, -1.1121303465968724, -1.5364938685882412],
            [-1.6610867753131784, -0.8980869967789549, -0.9095153050486127],
            [-1.0739499536871375, -1.7821026053436317, -0.713227981597362],
        ], dtype="float64"),
        'p': np.array([
            [0.4563768546699447, 0.07653875467218994, 0.4670843906578654],
            [0.107817750754123, 0.21407846500376637, 0.6781037842421107],
            [0.21410459045942126, 0.2345699455634031, 0.5513254639771755],
            [0.2961919739607107, 0.3846985017633199, 0.31910952427596945],
        ], dtype="float64"),
        'reduction': 'batchmean',
    }
    answer = _call(kl_div_loss, args, kwargs)
    expected = {'output': np.float64(0.21118746305472422)}
    allowed = {'output': 2.4243141502255746e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'log_q': np.array([
            [-0.9143283567676618, -1.3828631792550037, -1.0545331741065993],
            [-0.7852442734393966, -1.1121303465968724, -1.5364938685882412],
            [-1.6610867753131784, -0.8980869967789549, -0.9095153050486127],
            [-1.0739499536871375, -1.7821026053436317, -0.713227981597362],
        ], dtype="float64"),
        'p': np.array([
            [0.4563768546699447, 0.07653875467218994, 0.4670843906578654],
            [0.107817750754123, 0.21407846500376637, 0.6781037842421107],
            [0.21410459045942126, 0.2345699455634031, 0.5513254639771755],
            [0.2961919739607107, 0.3846985017633199, 0.31910952427596945],
        ], dtype="float64"),
        'reduction': 'mean',
    }
    answer = _call(kl_div_loss, args, kwargs)
    expected = {'output': np.float64(0.0703958210182414)}
    allowed = {'output': 8.07313912995958e-15}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'log_q': np.array([
            [-0.9143283567676618, -1.3828631792550037, -1.0545331741065993],
            [-0.7852442734393966, -1.1121303465968724, -1.5364938685882412],
            [-1.6610867753131784, -0.8980869967789549, -0.9095153050486127],
            [-1.0739499536871375, -1.7821026053436317, -0.713227981597362],
        ], dtype="float64"),
        'p': np.array([
            [0.4563768546699447, 0.07653875467218994, 0.4670843906578654],
            [0.107817750754123, 0.21407846500376637, 0.6781037842421107],
            [0.21410459045942126, 0.2345699455634031, 0.5513254639771755],
            [0.2961919739607107, 0.3846985017633199, 0.31910952427596945],
        ], dtype="float64"),
        'reduction': 'sum',
    }
    answer = _call(kl_div_loss, args, kwargs)
    expected = {'output': np.float64(0.8447498522188969)}
    allowed = {'output': 9.697256600902299e-14}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'log_q': np.array([
            [-0.9143283567676618, -1.3828631792550037, -1.0545331741065993],
            [-0.7852442734393966, -1.1121303465968724, -1.5364938685882412],
            [-1.6610867753131784, -0.8980869967789549, -0.9095153050486127],
            [-1.0739499536871375, -1.7821026053436317, -0.713227981597362],
        ], dtype="float64"),
        'p': np.array([
            [0.4563768546699447, 0.07653875467218994, 0.4670843906578654],
            [0.107817750754123, 0.21407846500376637, 0.6781037842421107],
            [0.21410459045942126, 0.2345699455634031, 0.5513254639771755],
            [0.2961919739607107, 0.3846985017633199, 0.31910952427596945],
        ], dtype="float64"),
        'reduction': 'none',
    }
    answer = _call(kl_div_loss, args, kwargs)
    expected = {
        'output': np.array([
            [0.05927969404125557, -0.09085876456976305, 0.13699017414238981],
            [-0.15548060332794952, -0.09190010133273516, 0.7784895496274028],
            [0.025648901870997127, -0.12946254565143933, 0.17316324556235718],
            [-0.04229547947875817, 0.31807150707273124, -0.1368957257375916],
        ], dtype="float64"),
    }
    allowed = {'output': 9.113822612772127e-14}
    _compare(expected, answer, allowed)
