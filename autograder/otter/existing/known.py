"""What both processes know by its name: types, dtypes, functions of libraries, classes of exceptions."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from typing import Any

import numpy as np


class Foul(Exception):
    """What the other side sent is not what was agreed."""


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
#: Libraries whose classes and functions are the same on both sides.
_LIBRARIES = frozenset({"numpy", "torch", "scipy", "pandas", "matplotlib", *sys.stdlib_module_names}) - {"__main__"}
#: Classes that no module names.
_UNNAMED = {"generator": types.GeneratorType}


def names_known(torch: Any) -> tuple[dict[str, Any], dict[int, str]]:
    """What is the same on both sides by its name, and the name by identity."""
    named = _NAMED if torch is None else _NAMED | {f"torch.{name}": getattr(torch, name) for name in _TORCH_NAMES}
    return named, {id(value): name for name, value in named.items()}


def library_name(value: Any) -> tuple[str, str] | None:
    """Module and name of a function or class that every process finds in a library."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", getattr(value, "__name__", None))
    if type(value) is np.ufunc:
        module = "numpy"
    if type(value) is types.MethodDescriptorType:
        module = value.__objclass__.__module__
    if type(module) is not str or type(name) is not str:
        return None
    return (module, name) if library_object(module, name) is value else None


def library_object(module: str, name: str) -> Any:
    """What a library that is loaded here has under this name, None where there is none."""
    if module.partition(".")[0] not in _LIBRARIES:
        return None
    if module == "builtins" and name in _UNNAMED:
        return _UNNAMED[name]
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = vars(found).get(part) if isinstance(found, (type, types.ModuleType)) else None
    return found


def library_class(kind: type) -> tuple[str, str] | None:
    """Module and name of the nearest class of a library that this one is or comes from, None for `object` alone."""
    for base in type.__dict__["__mro__"].__get__(kind):
        if base is not object and (known := library_name(base)):
            # A class of classes says of a class no more than that it is one.
            return None if issubclass(base, type) else known
    return None


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
