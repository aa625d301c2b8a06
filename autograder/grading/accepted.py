"""What counts as the right type? The one rule, as text and as code."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.course.values import TensorValue, Unsupported
from autograder.grading.difference import Summary
from autograder.text import visible

#: The one rule about types, for statements.
ACCEPTED = """\
What counts as the right type:
- Where an array is expected: exactly a NumPy array (`numpy.ndarray`) of the same shape and dtype. A
  list, a tuple, a matrix, a masked array or a tensor is not accepted.
- Where a tensor is expected: exactly a `torch.Tensor` of the same shape and dtype on the same
  device, also where it holds one number. Where a `torch.nn.Parameter` is expected: exactly that.
- Where a number is expected: a number of Python, a NumPy number or a NumPy array without axes, as
  you like. For a float it must have the expected dtype; `float` counts as float64 and is also
  accepted where float32 is expected, and `int` is accepted where a float is expected. For an
  integer any integer type will do, but no float. True and False are accepted only where True or
  False is expected.
- Where several values are expected: a tuple or a list of that length, as you like. A dict needs
  exactly the expected keys, in any order.
- Where None or a text is expected: exactly that.
"""


def dtype_of(number: Any) -> str:
    """The dtype of a single number; for those of Python the name of their type."""
    return number.dtype.name if isinstance(number, np.ndarray | np.generic) else type(number).__name__


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


def summarize(value: Any) -> Summary:
    """What can be said about a value without its contents."""
    kind = type(value)
    if value is None:
        return Summary("none", "None")
    if kind is TensorValue:
        return Summary("tensor", value.kind, tuple(value.array.shape), value.dtype, value.device)
    if kind is Unsupported:
        return Summary("other", visible(value.type_name, 100), reason=visible(value.reason, 100))
    if kind is np.ndarray or isinstance(value, np.generic):
        single = not value.ndim and value.dtype.kind in "biufc"
        name = "number" if single else "array" if kind is np.ndarray else "other"
        return Summary(name, kind.__name__, tuple(value.shape), visible(value.dtype.name, 100))
    if kind in (bool, int, float, complex):
        return Summary("number", kind.__name__, (), kind.__name__)
    if kind is str:
        return Summary("text", "str", length=len(value))
    if kind in (list, tuple):
        return Summary("sequence", kind.__name__, length=len(value))
    if kind is dict:
        return Summary("dict", "dict", length=len(value))
    return Summary("other", visible(kind.__name__, 100))
