"""Values that travel between the grader and a job: plain data and arrays, nothing that runs by itself.

The grader never imports torch: on its side a tensor is a `TensorValue`, a NumPy array with a tag. In the job the
same record becomes a real tensor. `Code` and `Generator` are inputs that only the job can make (a gradient
function, a random generator); they go one way, to the job.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: Name of a torch dtype -> the NumPy dtype that holds its raw bytes. NumPy has no bfloat16: its bits travel as uint16.
TORCH_DTYPES: dict[str, str] = {
    "float64": "float64",
    "float32": "float32",
    "float16": "float16",
    "bfloat16": "uint16",
    "int64": "int64",
    "int32": "int32",
    "int16": "int16",
    "int8": "int8",
    "uint8": "uint8",
    "bool": "bool",
    "complex64": "complex64",
    "complex128": "complex128",
}

#: The one rule about types, part of every statement; as code it is `autograder.grading.accepted`.
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

_name_of = np.dtype.name.__get__


@lru_cache(maxsize=1000)
def dtype_name(dtype: np.dtype[Any]) -> str:
    """`dtype.name`, kept: NumPy puts it together anew at every access."""
    return str(_name_of(dtype))


@dataclass(frozen=True, eq=False)
class TensorValue:
    """A torch tensor as data.

    Attributes:
        array: the elements; for bfloat16 their bits as uint16.
        dtype: torch's name of the dtype without the prefix, a key of `TORCH_DTYPES`.
        device: ``"cpu"``, ``"cuda:0"``, ...; ``""`` in an input means the device of the run.
        requires_grad: whether autograd tracked the tensor.
        kind: ``"Tensor"`` or ``"Parameter"``.
    """

    array: Array
    dtype: str
    device: str = ""
    requires_grad: bool = False
    kind: str = "Tensor"

    def numbers(self) -> Array:
        """The elements as an ordinary NumPy array (bfloat16 widened to float32)."""
        if self.dtype == "bfloat16":
            return np.asarray(np.left_shift(self.array.astype(np.uint32), 16, dtype=np.uint32)).view(np.float32)
        return self.array


@dataclass(frozen=True)
class Code:
    """A Python expression that the job evaluates to make an input, such as a gradient function.

    The names `np` and (where loaded) `torch` are known to it, and nothing of the student's.
    """

    expression: str


@dataclass(frozen=True)
class Generator:
    """A fresh ``np.random.default_rng(seed)`` as an input."""

    seed: int


@dataclass(frozen=True)
class Unsupported:
    """What a student returned that cannot cross: the exact type name and, if known, why."""

    type_name: str
    reason: str = ""


def parameter(values: npt.ArrayLike, dtype: str | None = None) -> TensorValue:
    """As `tensor`, but it arrives as a `torch.nn.Parameter` that requires a gradient.

    Raises:
        ValueError: torch has no such dtype.
    """
    return replace(tensor(values, dtype), requires_grad=True, kind="Parameter")


def tensor(values: npt.ArrayLike, dtype: str | None = None) -> TensorValue:
    """An input that reaches the student's function as a torch tensor on the device of the run.

    Args:
        values: anything NumPy can turn into an array.
        dtype: torch's name of the dtype; by default that of the array, so plain floats become float64.

    Raises:
        ValueError: torch has no such dtype.
    """
    array = np.asarray(values)
    name = dtype or dtype_name(array.dtype)
    if name not in TORCH_DTYPES:
        raise ValueError(f"torch has no dtype {name!r}; known: {', '.join(TORCH_DTYPES)}")
    if name == "bfloat16":
        bits = array.astype(np.float32).view(np.uint32)
        # Round to nearest even on the 16 bits that are dropped, as torch does.
        rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        return TensorValue(rounded.astype(np.uint16), name)
    return TensorValue(array.astype(TORCH_DTYPES[name], order="C"), name)
