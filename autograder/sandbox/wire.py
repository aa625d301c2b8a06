"""What crosses the border between grader and job: a capped JSON header, then raw buffers.

Layout of a frame: ``u32`` header length, ``u64`` payload length (little endian), header, payload. The header is JSON;
an array in it is a record ``{"": "array", "dtype": ..., "shape": ...}`` whose bytes are the next ones of the payload,
so there are no offsets that could overlap or leave gaps. Lengths are checked against caps *before* anything is
allocated, and every record is checked field by field: bytes from a job are only ever values, and bytes that are no
value are a `WireError`.

Nothing is unpickled and no name from a frame is looked up anywhere but in the tables of this module.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from autograder.course.probes import RECORDS
from autograder.course.values import TORCH_DTYPES, TensorValue, Unsupported, dtype_name

PREFIX = struct.Struct("<IQ")

#: dtypes of arrays that may cross. Structured, object, string and platform-dependent dtypes may not.
NUMPY_DTYPES = frozenset(
    [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ]
)
MAX_DEPTH = 40
MAX_NODES = 200_000
MAX_TEXT = 100_000
MAX_DIMS = 32
#: Integers outside this range are refused: Python's own would cost quadratic time to print.
MAX_INT = 2**200


@dataclass(frozen=True)
class Caps:
    """The largest frame that a reader accepts, in bytes."""

    header: int = 4 * 2**20
    payload: int = 64 * 2**20


class WireError(Exception):
    """Bytes or values that are not a legal message; the sentence says which rule they break."""


def encode(message: Any) -> bytes:
    """One frame that carries a value.

    Raises:
        WireError: the value (or one inside it) cannot cross.
    """
    out = _Parts([])
    header = _ENCODER.encode(_to_node(message, out, 0)).encode("ascii")
    return b"".join([PREFIX.pack(len(header), sum(map(len, out.buffers))), header, *out.buffers])


def lengths(prefix: bytes, caps: Caps) -> tuple[int, int]:
    """Header and payload length of the frame that starts with these `PREFIX.size` bytes.

    Raises:
        WireError: one of them is above its cap.
    """
    header, payload = PREFIX.unpack(prefix)
    if header > caps.header or payload > caps.payload:
        raise WireError(f"a message of {header + payload:,} bytes is above the limit")
    return header, payload


def decode(header: bytes, payload: bytes | bytearray, *, records: bool = False) -> Any:
    """The value that a frame carries, every rule checked; arrays are copies that own their memory.

    Args:
        header: the JSON part.
        payload: the raw buffers.
        records: whether probes may occur; they travel from grader to job only.

    Raises:
        WireError: the bytes break a rule.
    """
    if header.count(b"[") + header.count(b"{") > 2 * MAX_NODES:  # before they are made: each takes 60 bytes and more
        raise WireError("a value has too many parts")
    try:
        node = _DECODER.decode(header.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise WireError(f"the header is not JSON: {type(error).__name__}") from error
    reader = _Reader(memoryview(payload), records)
    value = reader.value(node, 0)
    if reader.at != len(payload):
        raise WireError(f"{len(payload) - reader.at} bytes of the payload belong to nothing")
    return value


def decode_frame(frame: bytes, caps: Caps | None = None, *, records: bool = False) -> Any:
    """The value of one whole frame in memory."""
    if len(frame) < PREFIX.size:
        raise WireError("the frame is shorter than its prefix")
    header, payload = lengths(frame[: PREFIX.size], caps or Caps())
    body = frame[PREFIX.size :]
    if len(body) != header + payload:
        raise WireError(f"the frame has {len(body)} bytes after its prefix, {header + payload} were announced")
    return decode(body[:header], body[header:], records=records)


def to_text(value: Any) -> str:
    """A value as one line of printable text, for files that are kept (public checks)."""
    return base64.b64encode(encode(value)).decode("ascii")


def from_text(text: str) -> Any:
    """The value that `to_text` wrote.

    Raises:
        WireError: the text is not one.
    """
    try:
        return decode_frame(base64.b64decode(text, validate=True), records=True)
    except ValueError as error:
        raise WireError("the text is not base64") from error


# A node is a JSON scalar, a JSON list (for list), or an object whose key "" names one of the tags below.


@dataclass
class _Parts:
    """What `encode` has collected so far."""

    buffers: list[bytes]
    nodes: int = 0


def _to_node(value: Any, out: _Parts, depth: int) -> Any:
    out.nodes += 1
    if out.nodes > MAX_NODES:
        raise WireError(f"a value has more than {MAX_NODES:,} parts")
    if depth > MAX_DEPTH:
        raise WireError(f"a value is nested deeper than {MAX_DEPTH} levels")
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        if len(value) > MAX_TEXT:
            raise WireError(f"a text of {len(value):,} characters is above the limit of {MAX_TEXT:,}")
        return value
    if kind is int:
        if abs(value) > MAX_INT:
            raise WireError("an integer of more than 200 bits")
        return value
    if kind is float:
        return value if math.isfinite(value) else {"": "float", "text": repr(value)}
    if kind is complex:
        return {"": "complex", "parts": [repr(value.real), repr(value.imag)]}
    if kind is list:
        return [_to_node(item, out, depth + 1) for item in value]
    if kind is tuple:
        return {"": "tuple", "items": [_to_node(item, out, depth + 1) for item in value]}
    if isinstance(value, Mapping):
        return {
            "": "dict",
            "items": [[_to_node(k, out, depth + 1), _to_node(v, out, depth + 1)] for k, v in value.items()],
        }
    if kind is np.ndarray:
        return _array_node("array", value, out)
    if isinstance(value, np.generic):
        return _array_node("scalar", np.asarray(value), out)
    if kind is TensorValue:
        node = _array_node("tensor", value.array, out)
        return node | {
            "dtype": value.dtype,
            "device": value.device,
            "requires_grad": value.requires_grad,
            "kind": value.kind,
        }
    if kind is Unsupported:
        return {"": "unsupported", "name": value.type_name, "reason": value.reason}
    if kind.__name__ in RECORDS and RECORDS[kind.__name__] is kind:
        content = {f.name: getattr(value, f.name) for f in fields(value)}
        return {"": "record", "name": kind.__name__, "content": _to_node(content, out, depth + 1)}
    raise WireError(f"a {kind.__name__} cannot cross")


def _array_node(tag: str, array: np.ndarray[Any, Any], out: _Parts) -> dict[str, Any]:
    name = dtype_name(array.dtype)
    if name not in NUMPY_DTYPES:
        raise WireError(f"arrays of dtype {name} cannot cross")
    if array.ndim > MAX_DIMS:
        raise WireError(f"an array of {array.ndim} dimensions")
    # tobytes() copies in C order, whatever the strides; the byte order is made little endian first.
    out.buffers.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return {"": tag, "dtype": name, "shape": list(array.shape)}


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a value")


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


class _Reader:
    """Reads nodes in order and takes each array's bytes from the front of what is left of the payload."""

    def __init__(self, payload: memoryview, records: bool) -> None:
        self.payload = payload
        self.records = records
        self.at = 0
        self.nodes = 0

    def value(self, node: Any, depth: int) -> Any:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise WireError("a value is nested too deeply or has too many parts")
        kind = type(node)  # exactly one of those that JSON knows
        if kind is str:
            return _text(node)
        if node is None or kind is bool or kind is float:
            return node
        if kind is int:
            if abs(node) > MAX_INT:
                raise WireError("an integer of more than 200 bits")
            return node
        if kind is list:
            return [self.value(item, depth + 1) for item in node]
        tag = node.get("")
        if not isinstance(tag, str) or tag not in self.READERS:
            raise WireError("a record of unknown kind")
        return self.READERS[tag](self, node, depth)

    def read_float(self, node: dict[str, Any], depth: int) -> float:
        return _odd_float(node.get("text"))

    def read_complex(self, node: dict[str, Any], depth: int) -> complex:
        parts = node.get("parts")
        if not isinstance(parts, list) or len(parts) != 2:
            raise WireError("a complex number has two parts")
        return complex(_number(parts[0]), _number(parts[1]))

    def read_tuple(self, node: dict[str, Any], depth: int) -> tuple[Any, ...]:
        return tuple(self.value(item, depth + 1) for item in _items(node))

    def read_dict(self, node: dict[str, Any], depth: int) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for pair in _items(node):
            if not isinstance(pair, list) or len(pair) != 2:
                raise WireError("an entry of a dict is a pair")
            key = self.value(pair[0], depth + 1)
            if not isinstance(key, str | int | float | bool | None) or key in result:
                raise WireError("the keys of a dict are distinct texts or numbers")
            result[key] = self.value(pair[1], depth + 1)
        return result

    def read_array(self, node: dict[str, Any], depth: int) -> np.ndarray[Any, Any]:
        name = node.get("dtype")
        if not isinstance(name, str) or name not in NUMPY_DTYPES:
            raise WireError("an array of unknown dtype")
        return self._elements(node, np.dtype(name))

    def read_scalar(self, node: dict[str, Any], depth: int) -> Any:
        array = self.read_array(node, depth)
        if array.ndim:
            raise WireError("a scalar has no shape")
        return array[()]

    def read_tensor(self, node: dict[str, Any], depth: int) -> TensorValue:
        name, kind = node.get("dtype"), node.get("kind")
        device, tracked = node.get("device"), node.get("requires_grad")
        if not isinstance(name, str) or name not in TORCH_DTYPES or kind not in ("Tensor", "Parameter"):
            raise WireError("a tensor of unknown dtype or kind")
        if not isinstance(device, str) or len(device) > 40 or not isinstance(tracked, bool):
            raise WireError("a tensor has a device and a flag")
        array = self._elements(node, np.dtype(TORCH_DTYPES[name]))
        return TensorValue(array, name, device, tracked, str(kind))

    def read_unsupported(self, node: dict[str, Any], depth: int) -> Unsupported:
        return Unsupported(_text(node.get("name")), _text(node.get("reason")))

    def read_record(self, node: dict[str, Any], depth: int) -> Any:
        content = self.value(node.get("content"), depth + 1)
        name = node.get("name")
        if not self.records or not isinstance(name, str) or name not in RECORDS or not isinstance(content, dict):
            raise WireError("a record of unknown kind")
        try:
            return RECORDS[name](**content)
        except TypeError as error:
            raise WireError(f"the fields of a {name} do not fit") from error

    READERS: ClassVar = {
        "float": read_float,
        "complex": read_complex,
        "tuple": read_tuple,
        "dict": read_dict,
        "array": read_array,
        "scalar": read_scalar,
        "tensor": read_tensor,
        "unsupported": read_unsupported,
        "record": read_record,
    }

    def _elements(self, node: dict[str, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
        shape = node.get("shape")
        if not isinstance(shape, list) or len(shape) > MAX_DIMS:
            raise WireError("an array has a shape")
        # `type(n) is int` keeps True out; the product is one of Python ints, which cannot overflow.
        if not all(type(n) is int and 0 <= n < 2**48 for n in shape):
            raise WireError("the lengths of an array are whole numbers")
        size = math.prod(shape) * dtype.itemsize
        end = self.at + size
        if end > len(self.payload) or math.prod(n or 1 for n in shape) >= 2**48:
            raise WireError("an array is larger than the payload")
        raw = self.payload[self.at : end]
        self.at = end
        return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype, copy=True).reshape(shape)


def _items(node: dict[str, Any]) -> Iterator[Any]:
    items = node.get("items")
    if not isinstance(items, list):
        raise WireError("a container has items")
    return iter(items)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise WireError("a text is missing or too long")
    return value


def _odd_float(text: Any) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise WireError("only nan and infinities are written as text")
    return float(text)


def _number(text: Any) -> float:
    try:
        return float(_text(text)[:40])
    except ValueError as error:
        raise WireError("a number is not one") from error
