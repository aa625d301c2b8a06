"""Public checks of Nesterov; run them with grader.check("Nesterov")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "Nesterov"
points = [0.56, 0.56]


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


def _steps(make: Any, constructs: Any, calls: Any, watch: Any, reuse_buffers: bool) -> dict[str, Any]:
    """Make the objects, call their methods in order, and note what can be seen after each call."""
    made = copy.deepcopy(constructs)
    # In lists of our own: new arrays in the list of an object do not change those it was given.
    held = [{key: _same_arrays(value) for key, value in _named(*arguments).items()} for arguments in made]
    objects = [_run(make, args, kwargs) for args, kwargs in made]
    answer: dict[str, Any] = {}
    buffers: dict[Any, Any] = {}
    for number, (method, on, args, kwargs) in enumerate(copy.deepcopy(calls), start=1):
        if isinstance(method, tuple):  # a path: something is set, nothing is called
            _put(objects[on], method, args[0])
            continue
        if reuse_buffers:
            args = [_reuse(buffers, (method, i), a) for i, a in enumerate(args)]
        label = f"step {number}, {method}()"
        result = _run(getattr(objects[on], method), args, kwargs)
        answer[f"result of {label}"] = copy.deepcopy(result)
        for i, arguments in enumerate(held):
            which = "" if len(held) == 1 else f" of object {i + 1}"
            for key, value in arguments.items():
                if _has_arrays(value):
                    answer[f"{key}{which} after {label}"] = copy.deepcopy(value)
            for name in watch:
                value = copy.deepcopy(getattr(objects[i], name))
                answer[f"attribute {name}{which} after {label}"] = value
    return answer


def _named(args: Any, kwargs: Any) -> dict[str, Any]:
    """All arguments by name; those without one by their position."""
    return {**{str(i): value for i, value in enumerate(args)}, **kwargs}


def _has_arrays(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_has_arrays(item) for item in value)
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _same_arrays(value: Any) -> Any:
    """The same arrays in a list of our own."""
    return [_same_arrays(item) for item in value] if isinstance(value, (list, tuple)) else value


def _put(target: Any, path: Any, value: Any) -> None:
    """Set an attribute, or what lies further down."""
    for key in path[:-1]:
        target = target[key] if isinstance(target, (dict, list)) else getattr(target, key)
    if isinstance(target, (dict, list)):
        target[path[-1]] = value
    else:
        setattr(target, path[-1], value)


def _reuse(buffers: Any, key: Any, value: Any) -> Any:
    """The buffer that held this argument in the step before, overwritten with the new value."""
    if isinstance(value, (list, tuple)):
        return type(value)(_reuse(buffers, (*key, i), item) for i, item in enumerate(value))
    held = buffers.setdefault(key, value)
    if held is not value:
        held[...] = value
    return held


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
    name='the steps of the worked example',
    points=0.56,
    hidden=False,
    success_message='Right.',
    failure_message='Do the first two steps with pen and paper.',
)
def check_1(Nesterov):
    _defined("Nesterov", Nesterov)
    constructs = [
        ([], {'params': [np.array([3.0], dtype="float64")], 'lr': 0.1, 'momentum': 0.9}),
    ]
    calls = [
        ('step', 0, [(lambda params: [c * p for c, p in zip([1.0], params)])], {}),
        ('step', 0, [(lambda params: [c * p for c, p in zip([2.0], params)])], {}),
        ('step', 0, [(lambda params: [c * p for c, p in zip([-1.0], params)])], {}),
    ]
    watch, reuse_buffers = [], False
    answer = _steps(Nesterov, constructs, calls, watch, reuse_buffers)
    expected = {
        'result of step 1, step()': None,
        'params after step 1, step()': [np.array([2.7], dtype="float64")],
        'result of step 2, step()': None,
        'params after step 2, step()': [np.array([1.944], dtype="float64")],
        'result of step 3, step()': None,
        'params after step 3, step()': [np.array([1.3899599999999999], dtype="float64")],
    }
    allowed = {
        'params after step 1, step()[0]': 3.097966327808158e-13,
        'params after step 2, step()[0]': 2.2134827304695102e-13,
        'params after step 3, step()[0]': 1.610351319041224e-13,
    }
    _compare(expected, answer, allowed)


@test_case(
    name='parameters of different shapes are changed in place',
    points=0.56,
    hidden=False,
    success_message='Right.',
    failure_message='gradient_function takes the list of all parameters. Do you call it with all of them, ahead?',
)
def check_2(Nesterov):
    _defined("Nesterov", Nesterov)
    constructs = [
        (
            [],
            {
                'params': [
                    np.array([-2.058935303709684, 3.121825232830745], dtype="float64"),
                    np.array([[-2.917298879543622, 2.103549985437623]], dtype="float64"),
                ],
                'lr': 0.1, 'momentum': 0.9,
            },
        ),
    ]
    calls = [
        (
            'step', 0,
            [
                (lambda params: [c * p for c, p in zip([-0.8609859517154357, 1.333996379811823], params)]),
            ],
            {},
        ),
        (
            'step', 0,
            [
                (lambda params: [c * p for c, p in zip([-1.1179601897998919, 1.9385062948298604], params)]),
            ],
            {},
        ),
    ]
    watch, reuse_buffers = [], False
    answer = _steps(Nesterov, constructs, calls, watch, reuse_buffers)
    expected = {
        'result of step 1, step()': None,
        'params after step 1, step()': [
            np.array([-2.2362067409081834, 3.3906099997485493], dtype="float64"),
            np.array([[-2.528132265129594, 1.822937178904923]], dtype="float64"),
        ],
        'result of step 2, step()': None,
        'params after step 2, step()': [
            np.array([-2.663586462498472, 4.038617150073691], dtype="float64"),
            np.array([[-1.7556984550054793, 1.2659654056554508]], dtype="float64"),
        ],
    }
    allowed = {
        'params after step 1, step()[0]': 3.87198352893442e-13,
        'params after step 1, step()[1]': 2.91283018869148e-13,
        'params after step 2, step()[0]': 4.683177793594277e-13,
        'params after step 2, step()[1]': 2.0336287206995916e-13,
    }
    _compare(expected, answer, allowed)
