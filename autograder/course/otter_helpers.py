"""What stands at the top of each public test file: functions that ask and compare.

The package never calls them. `autograder.course.otter_tests` pastes the source of those that a file
needs, so each function uses nothing but NumPy, torch where tensors are asked for, `copy`, and other
functions of this module. The asking functions give the same parts as the probes' `ask` methods in
`autograder.course.probes`.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

torch: Any = None  # a test file imports the real one; the grader never does


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


def _script(names: Any, inputs: Any, lines: Any, shown: Any) -> dict[str, Any]:
    """Run the lines, then note what the expressions are."""
    known = {"np": np, **names, **copy.deepcopy(inputs)}
    _run(exec, ["\n".join(lines), known], {})
    return {e: copy.deepcopy(_run(eval, [e, known], {})) for e in shown}


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


def _epochs(
    function: Any, x: Any, y: Any, batch_size: int, seed: int, epochs: int, orders: bool, inputs: bool
) -> dict[str, Any]:
    """What all mini-batches have in common, however they are shuffled."""
    now_x, now_y = copy.deepcopy((x, y))
    batched = _batches(function, now_x, now_y, batch_size, seed, epochs)
    place = {row.tobytes(): i for i, row in enumerate(x)}
    answer: dict[str, Any] = {}
    places = []
    for number, batches in enumerate(batched, start=1):
        answer[f"shapes of the batches of epoch {number}"] = [(a.shape, b.shape) for a, b in batches]
        if not batches:
            continue
        samples, targets = (np.concatenate(side) for side in zip(*batches, strict=True))
        places.append([[place.get(row.tobytes(), -1) for row in a] for a, _ in batches])
        order = np.argsort([i for batch in places[-1] for i in batch], kind="stable")
        answer[f"x of epoch {number} in its old order"] = samples[order]
        answer[f"y of epoch {number} in the same order"] = targets[order[order < len(targets)]]
    if orders:
        flat = [[i for batch in epoch for i in batch] for epoch in places]
        whole = [batch for epoch in places for batch in epoch if len(batch) == batch_size > 1]
        again = _batches(function, *copy.deepcopy((x, y)), batch_size, seed, epochs)
        arrays = [[a for epoch in run for batch in epoch for a in batch] for run in (batched, again)]
        same = len(arrays[0]) == len(arrays[1]) and all(map(np.array_equal, *arrays))
        answer["epochs that keep the order of x"] = sum(order == sorted(order) for order in flat)
        answer["epochs that repeat an order"] = len(flat) - len(set(map(tuple, flat)))
        answer["full batches that are a stretch of x"] = sum(max(b) - min(b) == len(b) - 1 for b in whole)
        answer["the same seed gives the same batches"] = same
    if inputs:
        answer["input x after the call"], answer["input y after the call"] = now_x, now_y
    return answer


def _batches(function: Any, x: Any, y: Any, batch_size: int, seed: int, epochs: int) -> Any:
    """The mini-batches of each epoch as pairs of copies; one generator for all epochs."""
    rng = np.random.default_rng(seed)
    arguments = {"x": x, "y": y, "batch_size": batch_size, "rng": rng}
    return [[copy.deepcopy((a, b)) for a, b in _run(function, (), arguments)] for _ in range(epochs)]


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
