"""What counts as the right type? The one rule, as code; as text it is `autograder.course.values.ACCEPTED`."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.course.values import TensorValue, Unsupported, dtype_name
from autograder.grading.difference import Summary
from autograder.text import visible


def dtype_of(number: Any) -> str:
    """The dtype of a single number; for those of Python the name of their type."""
    return dtype_name(number.dtype) if isinstance(number, np.ndarray | np.generic) else type(number).__name__


def dtype_of_type(kind: type) -> str:
    """Name of the dtype that single numbers of a Python type count as."""
    return np.dtype(kind).name if issubclass(kind, np.generic) else kind.__name__


def _width(dtype: str) -> str:
    """What must agree between two numbers: all integers are one, `float` is float64, and so on."""
    if dtype.startswith(("int", "uint", "longlong")):
        return "integer"
    return {"float": "float64", "complex": "complex128"}.get(dtype, dtype)


def is_integer(dtype: str) -> bool:
    """Whether a dtype is one of whole numbers."""
    return _width(dtype) == "integer"


def accepts(wanted: str, given: str) -> bool:
    """Whether a number of dtype `given` may stand where one of dtype `wanted` is expected."""
    if wanted.startswith("complex"):
        return given == "complex" or _width(wanted) == _width(given)
    if wanted.startswith("float"):
        return given in ("float", "int") or _width(wanted) == _width(given)
    return _width(wanted) == _width(given)


#: What values of these exact types are; NumPy's are looked at more closely.
_KINDS: dict[type, str] = {
    type(None): "none",
    TensorValue: "tensor",
    **dict.fromkeys((bool, int, float, complex), "number"),
    str: "text",
    **dict.fromkeys((list, tuple), "sequence"),
    dict: "dict",
}


def kind_of(value: Any) -> str:
    """One of the kinds of a `Summary`."""
    kind = type(value)
    if kind is np.ndarray or isinstance(value, np.generic):
        single = not value.ndim and value.dtype.kind in "biufc"
        return "number" if single else "array" if kind is np.ndarray else "other"
    return _KINDS.get(kind, "other")


def summarize(value: Any) -> Summary:
    """What can be said about a value without its contents."""
    kind, name = kind_of(value), type(value).__name__
    if isinstance(value, np.ndarray | np.generic):
        return Summary(kind, name, tuple(value.shape), visible(dtype_name(value.dtype), 100))
    if kind == "tensor":
        return Summary(kind, value.kind, tuple(value.array.shape), value.dtype, value.device)
    if type(value) is Unsupported:
        return Summary(kind, visible(value.type_name, 100), reason=visible(value.reason, 100))
    if kind == "number":
        return Summary(kind, name, (), name)
    if kind in ("none", "other"):
        return Summary(kind, "None" if value is None else visible(name, 100))
    return Summary(kind, name, length=len(value))
