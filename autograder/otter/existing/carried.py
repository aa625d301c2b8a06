"""How values of the standard library and of NumPy cross that are no plain data: as data of which they are made again.

What never changes is copied (`COPIES`); containers and generators of random numbers are shared (`KINDS`), so that both
sides can read what one holds and write it into the other. All by exact type, and nothing is made of a name that a job
sent but what stands in these tables.
"""

from __future__ import annotations

import datetime
import random
import re
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from autograder.otter.existing.known import Foul, fields, listed
from autograder.sandbox.live import MAX_BYTES
from autograder.sandbox.wire import MAX_DIMS, NUMPY_DTYPES

#: Encodes or decodes one value inside of another.
Code = Callable[[Any], Any]
#: From this length on a list of numbers of one type crosses as an array.
_LONG = 64


class Copy(NamedTuple):
    """What is copied: its name, the values that it is made of, and how it is made of them."""

    name: str
    parts: Callable[[Any], Iterable[Any]]
    make: Callable[..., Any]


class Kind(NamedTuple):
    """What is shared: how one is made for a content, what one holds, and how it is made to hold something."""

    make: Callable[[Any], Any]
    read: Callable[[Any, Code], Any]
    write: Callable[[Any, Any, Code], None]


def _bytes(data: bytes) -> tuple[np.ndarray[Any, Any]]:
    return (np.frombuffer(data, np.uint8),)


def _data(array: Any) -> bytes:
    if type(array) is not np.ndarray or array.dtype != np.uint8:
        raise TypeError("no bytes")
    return array.tobytes()


def _parts_of_time(value: Any) -> tuple[int, ...]:
    if value.tzinfo is not None:
        raise ValueError("a time with a zone")
    date = (value.year, value.month, value.day) if type(value) is datetime.datetime else ()
    return (*date, value.hour, value.minute, value.second, value.microsecond)


COPIES: dict[type, Copy] = {
    # Of any length: in a frame they would be text.
    int: Copy(
        "int",
        lambda value: _bytes(value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)),
        lambda array: int.from_bytes(_data(array), "little", signed=True),
    ),
    str: Copy(
        "str",
        lambda value: _bytes(value.encode("utf-8", "surrogatepass")),
        lambda array: _data(array).decode("utf-8", "surrogatepass"),
    ),
    bytes: Copy("bytes", _bytes, _data),
    tuple: Copy("tuple", tuple, lambda *items: items),
    frozenset: Copy("frozenset", tuple, lambda *items: frozenset(items)),
    slice: Copy("slice", lambda value: (value.start, value.stop, value.step), slice),
    range: Copy("range", lambda value: (value.start, value.stop, value.step), range),
    type({}.keys()): Copy("keys", tuple, lambda *items: dict.fromkeys(items).keys()),
    type({}.values()): Copy("values", tuple, lambda *items: dict(enumerate(items)).values()),
    type({}.items()): Copy("items", tuple, lambda *pairs: dict(pairs).items()),
    Decimal: Copy("Decimal", lambda value: (str(value),), Decimal),
    Fraction: Copy("Fraction", lambda value: (value.numerator, value.denominator), Fraction),
    datetime.date: Copy("date", lambda value: (value.year, value.month, value.day), datetime.date),
    datetime.time: Copy("time", _parts_of_time, datetime.time),
    datetime.datetime: Copy("datetime", _parts_of_time, datetime.datetime),
    datetime.timedelta: Copy(
        "timedelta", lambda value: (value.days, value.seconds, value.microseconds), datetime.timedelta
    ),
}
#: What a test may hand over to be gone through once.
ITERATORS = frozenset(
    {types.GeneratorType, map, filter, zip, enumerate, *map(type, (iter([]), iter(()), iter(range(0))))}
)
_MAKERS = {copy.name: copy.make for copy in COPIES.values()} | {"iterator": lambda *items: iter(items)}


def made_of(name: Any, parts: list[Any]) -> Any:
    """The value that a name of `COPIES` and its parts stand for."""
    if type(name) is not str or name not in _MAKERS:
        raise Foul("a value of an unknown kind")
    try:
        return _MAKERS[name](*parts)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise Foul(f"no {name}: {error}") from error


# Arrays of dtypes that a frame does not know: texts, points in time, another byte order.

_RAW_DTYPE = re.compile(r"[<>|][USMmbiufc]\d{1,9}(\[\d{0,9}\w{1,2}\])?")


def crosses_raw(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array crosses as bytes, with the whole text of its dtype."""
    dtype = array.dtype
    return (
        dtype.names is None
        and (dtype.name not in NUMPY_DTYPES or not dtype.isnative)
        and _RAW_DTYPE.fullmatch(dtype.str) is not None
        and dtype.itemsize > 0
        and array.nbytes <= MAX_BYTES
        and array.ndim <= MAX_DIMS
    )


def raw(array: np.ndarray[Any, Any]) -> list[Any]:
    """An array as dtype, shape and bytes."""
    return [array.dtype.str, list(array.shape), *_bytes(array.tobytes())]


def of_raw(content: Any) -> np.ndarray[Any, Any]:
    """The array that `raw` has written."""
    name, shape, data = fields(content, 3)
    if type(name) is not str or _RAW_DTYPE.fullmatch(name) is None:
        raise Foul("an array of an unknown dtype")
    try:
        made: np.ndarray[Any, Any] = np.frombuffer(_data(data), np.dtype(name)).reshape(_shape(shape)).copy()
    except (TypeError, ValueError) as error:
        raise Foul(f"an array that is none: {error}") from error
    return made


def _shape(lengths: Any) -> tuple[int, ...]:
    if len(listed(lengths)) > MAX_DIMS or not all(type(n) is int and n >= 0 for n in lengths):
        raise Foul("an array without a shape")
    return tuple(lengths)


def _write_array(target: Any, content: Any, decode: Code) -> None:
    made = of_raw(content)
    if (made.shape, made.dtype) != (target.shape, target.dtype):
        raise Foul("an array changed its shape or its dtype")
    np.copyto(target, made)


def _of_objects(content: Any) -> Any:
    lengths, items = fields(content, 2)
    shape = _shape(lengths)
    if np.prod(shape, dtype=object) != len(listed(items)):
        raise Foul("an array of another length")
    return np.empty(shape, object)


def _write_objects(target: Any, content: Any, decode: Code) -> None:
    lengths, items = fields(content, 2)
    if _shape(lengths) != target.shape or target.size != len(listed(items)):
        raise Foul("an array changed its shape or its dtype")
    for place, item in zip(np.ndindex(target.shape), items, strict=True):
        target[place] = decode(item)


# Containers.


def _items(value: Any, encode: Code) -> Any:
    """The items, one by one; many numbers of one type as an array."""
    kinds = {type(item) for item in value} if len(value) >= _LONG else set()
    if kinds in ({int}, {float}, {bool}):
        numbers = np.array(list(value)) if kinds != {int} or -(2**63) <= min(value) <= max(value) < 2**63 else None
        if numbers is not None:
            return numbers
    return [encode(item) for item in value]


def _decoded(content: Any, decode: Code) -> list[Any]:
    if type(content) is np.ndarray:
        numbers: list[Any] = content.tolist()
        return numbers
    return [decode(item) for item in listed(content)]


def _write_list(target: Any, content: Any, decode: Code) -> None:
    target[:] = _decoded(content, decode)


def _refill(target: Any, content: Any, decode: Code) -> None:
    """Of a set or a deque."""
    items = _decoded(content, decode)
    target.clear()
    (target.update if type(target) is set else target.extend)(items)


def _pairs(value: Any, encode: Code) -> list[Any]:
    return [[encode(key), encode(item)] for key, item in value.items()]


def _write_pairs(target: Any, content: Any, decode: Code) -> None:
    pairs = [fields(pair, 2) for pair in listed(content)]
    made = [(decode(key), decode(item)) for key, item in pairs]
    target.clear()
    for key, item in made:
        target[key] = item


def _write_default(target: Any, content: Any, decode: Code) -> None:
    factory, pairs = fields(content, 2)
    made = decode(factory)
    if made is not None and not callable(made):
        raise Foul("a default that nothing makes")
    target.default_factory = made
    _write_pairs(target, pairs, decode)


def _write_deque(target: Any, content: Any, decode: Code) -> None:
    _refill(target, fields(content, 2)[1], decode)


def _write_bytes(target: Any, content: Any, decode: Code) -> None:
    target[:] = _data(content)


# Generators of random numbers.


def _generator(value: Any, encode: Code) -> list[Any]:
    state = value.bit_generator.state
    return [str(state["state"]["state"]), str(state["state"]["inc"]), state["has_uint32"], state["uinteger"]]


def _write_generator(target: Any, content: Any, decode: Code) -> None:
    state, increment, has_uint32, uinteger = fields(content, 4)
    target.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(state), "inc": int(increment)},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }


def _random_state(value: Any, encode: Code) -> list[Any]:
    _, keys, position, has_gauss, cached = value.get_state(legacy=True)
    return [keys.copy(), int(position), int(has_gauss), float(cached)]


def _write_random_state(target: Any, content: Any, decode: Code) -> None:
    keys, position, has_gauss, cached = fields(content, 4)
    target.set_state(("MT19937", keys, position, has_gauss, cached))


def _random(value: Any, encode: Code) -> list[Any]:
    version, internal, gauss = value.getstate()
    return [version, np.array(internal, np.uint32), gauss]


def _write_random(target: Any, content: Any, decode: Code) -> None:
    version, internal, gauss = fields(content, 3)
    target.setstate((version, tuple(map(int, internal)), gauss))


KINDS: dict[str, Kind] = {
    "list": Kind(lambda content: [], _items, _write_list),
    "set": Kind(lambda content: set(), _items, _refill),
    "dict": Kind(lambda content: {}, _pairs, _write_pairs),
    "OrderedDict": Kind(lambda content: OrderedDict(), _pairs, _write_pairs),
    "Counter": Kind(lambda content: Counter(), _pairs, _write_pairs),
    "defaultdict": Kind(
        lambda content: defaultdict(None),
        lambda value, encode: [encode(value.default_factory), _pairs(value, encode)],
        _write_default,
    ),
    "deque": Kind(
        lambda content: deque(maxlen=fields(content, 2)[0]),
        lambda value, encode: [value.maxlen, _items(value, encode)],
        _write_deque,
    ),
    "bytearray": Kind(lambda content: bytearray(), lambda value, encode: _bytes(bytes(value))[0], _write_bytes),
    "raw": Kind(of_raw, lambda value, encode: raw(value), _write_array),
    "objects": Kind(
        _of_objects,
        lambda value, encode: [list(value.shape), [encode(item) for item in value.reshape(-1)]],
        _write_objects,
    ),
    "generator": Kind(lambda content: np.random.Generator(np.random.PCG64(0)), _generator, _write_generator),
    "RandomState": Kind(lambda content: np.random.RandomState(0), _random_state, _write_random_state),
    "Random": Kind(lambda content: random.Random(0), _random, _write_random),
}
_KIND_OF: dict[type, str] = {
    kind: kind.__name__
    for kind in (list, set, dict, OrderedDict, Counter, defaultdict, deque, bytearray, random.Random)
}


def kind_of(value: Any) -> str | None:
    """The name in `KINDS` of what is shared, None for everything else."""
    kind = type(value)
    if kind is np.ndarray:
        if value.dtype == object:
            return "objects" if 0 < value.ndim <= MAX_DIMS else None
        return "raw" if crosses_raw(value) else None
    if kind is np.random.Generator:
        return "generator" if type(value.bit_generator) is np.random.PCG64 else None
    if kind is np.random.RandomState:
        return "RandomState" if value.get_state(legacy=False)["bit_generator"] == "MT19937" else None
    return _KIND_OF.get(kind)
