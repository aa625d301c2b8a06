"""Public checks of Adamax; run them with grader.check("Adamax")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "Adamax"
points = [0.46, 0.46]


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
    points=0.46,
    hidden=False,
    success_message='Right.',
    failure_message='Do the first two steps with pen and paper.',
)
def check_1(Adamax):
    _defined("Adamax", Adamax)
    constructs = [([], {'params': [np.array([3.0], dtype="float64")], 'lr': 0.1})]
    calls = [
        ('step', 0, [[np.array([1.0], dtype="float64")]], {}),
        ('step', 0, [[np.array([2.0], dtype="float64")]], {}),
        ('step', 0, [[np.array([-1.0], dtype="float64")]], {}),
    ]
    watch, reuse_buffers = [], False
    answer = _steps(Adamax, constructs, calls, watch, reuse_buffers)
    expected = {
        'result of step 1, step()': None,
        'params after step 1, step()': [np.array([2.900000001], dtype="float64")],
        'result of step 2, step()': None,
        'params after step 2, step()': [np.array([2.823684211907895], dtype="float64")],
        'result of step 3, step()': None,
        'params after step 3, step()': [np.array([2.7939496804770174], dtype="float64")],
    }
    allowed = {
        'params after step 1, step()[0]': 3.35316566748041e-13,
        'params after step 2, step()[0]': 3.2123255613468807e-13,
        'params after step 3, step()[0]': 3.221916375632984e-13,
    }
    _compare(expected, answer, allowed)


@test_case(
    name='parameters of different shapes are changed in place',
    points=0.46,
    hidden=False,
    success_message='Right.',
    failure_message="Does every parameter have its own state? Does `p = ...` change the caller's array, or does `p -= ...`?",
)
def check_2(Adamax):
    _defined("Adamax", Adamax)
    constructs = [
        (
            [],
            {
                'params': [
                    np.array([2.1942016482938014, -3.7301065002203875], dtype="float64"),
                    np.array([[2.69299794505022, 3.983300022546465]], dtype="float64"),
                ],
                'lr': 0.1,
            },
        ),
    ]
    calls = [
        (
            'step', 0,
            [
                [
                    np.array([-1.6859366264695794, -1.6883542719699238], dtype="float64"),
                    np.array([[-0.3869267702697048, -1.4289654168596315]], dtype="float64"),
                ],
            ],
            {},
        ),
        (
            'step', 0,
            [
                [
                    np.array([0.37421635292441036, 1.3515752243374355], dtype="float64"),
                    np.array([[-1.8661972465510857, -1.9027806825015394]], dtype="float64"),
                ],
            ],
            {},
        ),
    ]
    watch, reuse_buffers = [], False
    answer = _steps(Adamax, constructs, calls, watch, reuse_buffers)
    expected = {
        'result of step 1, step()': None,
        'params after step 1, step()': [
            np.array([2.2942016477006595, -3.6301065008126803], dtype="float64"),
            np.array([[2.792997942465752, 4.083300021846658]], dtype="float64"),
        ],
        'result of step 2, step()': None,
        'params after step 2, step()': [
            np.array([2.329923502216907, -3.6248659029132644], dtype="float64"),
            np.array([[2.855450621288825, 4.171504715066146]], dtype="float64"),
        ],
    }
    allowed = {
        'params after step 1, step()[0]': 4.2382548853074267e-13,
        'params after step 1, step()[1]': 4.704997429537209e-13,
        'params after step 2, step()[0]': 4.1870819140093586e-13,
        'params after step 2, step()[1]': 4.897006096262557e-13,
    }
    _compare(expected, answer, allowed)
