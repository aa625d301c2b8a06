"""Data to live objects and back, inside the job.

`plain` reads by exact type and through functions taken before any student code ran, so that a subclass, an instance
with replaced methods or a lazy object is told as what it is instead of being asked to describe itself.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from autograder.course.probes import map_values
from autograder.course.values import TORCH_DTYPES, Code, Generator, TensorValue, Unsupported, dtype_name
from autograder.sandbox.wire import MAX_DEPTH, MAX_DIMS, MAX_INT, MAX_TEXT, NUMPY_DTYPES

#: Largest single array that is copied for the way back; the grader caps the whole message again.
MAX_BYTES = 64 * 2**20
_MAX_ITEMS = 100_000

_ndarray = np.ndarray
_shape, _dtype = np.ndarray.shape.__get__, np.ndarray.dtype.__get__
_itemsize = np.dtype.itemsize.__get__
_copy = np.ndarray.copy
#: Every exact class of a NumPy number that may cross. Compared by identity: a metaclass may answer for `==` and `hash`.
_NUMBERS = tuple(dtype.type for dtype in map(np.dtype, np.typecodes["All"]) if dtype.name in NUMPY_DTYPES)
_asarray, _default_rng = np.asarray, np.random.default_rng


class Converter:
    """Conversion for one job, bound to its device and to the torch module (None where the job has no torch)."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.torch: Any = sys.modules.get("torch")
        if self.torch is not None:
            torch = self.torch
            self._dtypes = {name: getattr(torch, name) for name in TORCH_DTYPES}
            self._names = {dtype: name for name, dtype in self._dtypes.items()}
            self._tensor, self._parameter = torch.Tensor, torch.nn.Parameter
            self._strided = torch.strided

    def live(self, value: Any, *, requires_grad: bool = False) -> Any:
        """A fresh live object for a value; see `autograder.course.probes.Bench`."""

        def revive(leaf: Any) -> Any:
            kind = type(leaf)
            if kind is _ndarray:
                return _copy(leaf)
            if kind is TensorValue:
                return self._live_tensor(leaf, requires_grad)
            if kind is Code:
                return eval(leaf.expression, {"np": np, "torch": self.torch})
            if kind is Generator:
                return _default_rng(leaf.seed)
            return leaf

        return map_values(value, revive)

    def _live_tensor(self, value: TensorValue, requires_grad: bool) -> Any:
        torch, dtype = self.torch, self._dtypes[value.dtype]
        array = _copy(value.array)
        if value.dtype == "bfloat16":
            made = torch.from_numpy(array.view(np.int16)).view(dtype)
        else:
            made = torch.from_numpy(array)
        made = made.to(device=value.device or self.device)
        made.requires_grad_(requires_grad and (dtype.is_floating_point or dtype.is_complex))
        return self._parameter(made, requires_grad=value.requires_grad) if value.kind == "Parameter" else made

    def plain(self, value: Any, depth: int = 0) -> Any:
        """A copy of a live object as data; what cannot cross becomes `Unsupported`."""
        kind = type(value)
        if value is None or kind is bool or kind is float or kind is complex:
            return value
        if kind is int:
            return value if abs(value) <= MAX_INT else Unsupported("int", "it has more than 200 bits")
        if kind is str:
            return value if len(value) <= MAX_TEXT else Unsupported("str", f"it has {len(value):,} characters")
        if kind is list or kind is tuple or kind is dict:
            if depth >= MAX_DEPTH // 2 or len(value) > _MAX_ITEMS:
                return Unsupported(kind.__name__, "it is nested too deeply or has too many items")
            if kind is dict:
                if not all(type(key) in (str, int, float, bool) for key in value):
                    return Unsupported("dict", "its keys are not texts or numbers")
                return {key: self.plain(item, depth + 1) for key, item in value.items()}
            return kind([self.plain(item, depth + 1) for item in value])
        if kind is _ndarray:
            return self._plain_array(value)
        if self.torch is not None and (kind is self._tensor or kind is self._parameter):
            return self._plain_tensor(value, kind)
        if any(kind is number for number in _NUMBERS):
            return _asarray(value)[()]
        return Unsupported(_type_name(kind))

    def _plain_array(self, array: Any) -> Any:
        dtype = _dtype(array)
        name = dtype_name(dtype)
        if name not in NUMPY_DTYPES:
            return Unsupported("ndarray", f"its dtype is {str(name)[:40]}")
        size = _itemsize(dtype)
        for length in _shape(array):
            size *= length
        if size > MAX_BYTES or len(_shape(array)) > MAX_DIMS:
            return Unsupported("ndarray", f"its shape is {_shape(array)}, which is {size:,} bytes")
        return _copy(array)

    def _plain_tensor(self, value: Any, kind: Any) -> Any:
        torch, base = self.torch, self._tensor
        name = "Parameter" if kind is self._parameter else "Tensor"
        if base.layout.__get__(value) is not self._strided or base.is_quantized.__get__(value):
            return Unsupported(name, "it is not a dense tensor")
        device = str(base.device.__get__(value))
        if device == "meta":
            return Unsupported(name, "a meta tensor has no data")
        dtype = self._names.get(base.dtype.__get__(value))
        if dtype is None:
            return Unsupported(name, f"its dtype is {str(base.dtype.__get__(value))[:40]}")
        shape = tuple(base.shape.__get__(value))
        size = base.element_size(value)
        for length in shape:
            size *= length
        if size > MAX_BYTES or len(shape) > MAX_DIMS:
            return Unsupported(name, f"its shape is {shape}, which is {size:,} bytes")
        dense = base.resolve_neg(base.resolve_conj(base.detach(value)))
        dense = base.contiguous(base.cpu(dense))
        if dtype == "bfloat16":
            dense = base.view(dense, torch.int16)
        array = _copy(base.numpy(dense))
        if dtype == "bfloat16":
            array = array.view(np.uint16)
        return TensorValue(array, dtype, device, bool(base.requires_grad.__get__(value)), name)


def _type_name(kind: type) -> str:
    name = type.__dict__["__name__"].__get__(kind)  # past a metaclass that answers for itself
    module = type.__dict__["__module__"].__get__(kind)
    plain = str(name)[:100]
    return plain if module in ("builtins", "__main__") else f"{str(module)[:60]}.{plain}"
