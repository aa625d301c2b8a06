"""What both processes know by its name: types, dtypes, functions of libraries, classes of exceptions."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np


class Foul(Exception):
    """What the other side sent is not what was agreed."""


class StudentExit(Exception):
    """The student's function tried to end the process, or raised what is no `Exception`."""


SCALARS = (type(None), bool, int, float, complex, str)
_NUMPY_TYPES = {f"numpy.{kind.__name__}": kind for kind in {np.dtype(code).type for code in np.typecodes["All"]}}
#: What is the same on both sides and known by name. No function: a test might call what it is given.
_NAMED: dict[str, Any] = {
    **{kind.__name__: kind for kind in (bool, int, float, complex, str, list, tuple, dict, set, object, type(None))},
    "Ellipsis": ...,
    "NotImplemented": NotImplemented,
    "numpy.ndarray": np.ndarray,
    **_NUMPY_TYPES,
    **{f"dtype.{kind.__name__}": np.dtype(kind) for kind in _NUMPY_TYPES.values() if np.dtype(kind).itemsize},
}
_TORCH_NAMES = (
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128", "uint8", "int8", "int16", "int32"),
    *("int64", "bool", "Tensor", "strided"),
)
_ERRORS = {
    f"builtins.{name}": kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
} | {"numpy.linalg.LinAlgError": np.linalg.LinAlgError}


def names_known(torch: Any) -> tuple[dict[str, Any], dict[int, str]]:
    """What is the same on both sides by its name, and the name by identity."""
    named = _NAMED if torch is None else _NAMED | {f"torch.{name}": getattr(torch, name) for name in _TORCH_NAMES}
    return named, {id(value): name for name, value in named.items()}


def library_name(value: Any) -> tuple[str, str] | None:
    """Module and name of a function or class that every process finds in a library."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", getattr(value, "__name__", None))
    if type(value) is np.ufunc:
        module = "numpy"
    if type(module) is not str or type(name) is not str or module.partition(".")[0] not in _LIBRARIES:
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return (module, name) if found is value else None


_LIBRARIES = ("builtins", "math", "operator", "numpy", "torch", "scipy")


def exception_of(body: Any) -> Exception:
    """What the other side raised, as the nearest class that both sides have."""
    names, arguments, text, traceback = fields(body, 4)
    known = [_ERRORS[name] for name in listed(names) if type(name) is str and name in _ERRORS]
    kind = known[0] if known else StudentExit
    if type(text) is not str or any(type(a) not in SCALARS for a in listed(arguments)):
        raise Foul("an exception without words")
    try:
        error: Exception = kind(*arguments)
    except (TypeError, ValueError):  # one of the few that want arguments of their own
        error = RuntimeError(text)
    error.told = (text, tuple(line for line in listed(traceback) if type(line) is str))  # type: ignore[attr-defined]
    return error


def fields(value: Any, count: int) -> list[Any]:
    """The items of a list or tuple of this length; anything else is a `Foul`."""
    if type(value) not in (list, tuple) or len(value) != count:
        raise Foul("a list of another length")
    return list(value)


def listed(value: Any) -> Sequence[Any]:
    """A list or a tuple; anything else is a `Foul`."""
    if type(value) not in (list, tuple):
        raise Foul("no list")
    return value  # type: ignore[no-any-return]  # mypy does not read the line above
