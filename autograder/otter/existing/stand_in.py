"""What stands in for an object of the other process, and what that process does when it is used.

See `autograder.otter.existing.objects`.
"""

from __future__ import annotations

import copy
import inspect
import math
import operator
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np

from autograder.otter.existing.known import library_class


class NotCarried(TypeError):
    """A test does something that cannot be done from another process: the test has to run beside the student's code."""


class Other(Protocol):
    """The other side; see `autograder.otter.existing.objects.Exchange.ask`."""

    #: How often the other side was let do something.
    acts: int

    def ask(self, operation: str, *operands: Any, options: Mapping[str, Any] | None = None) -> Any: ...

    def class_of(self, remote: Remote) -> type: ...


class Remote:
    """Stands in for an object of the other process: what is done with it is done there, what is judged is judged here.

    An object of a student's class could answer any comparison with True, and any difference with 0. So it is compared,
    and subtracted from a number, as the value that it says to be, here: an array, or what its class comes from (a list,
    a dict, a text, ...). What says to be no such value can be compared with objects of its kind only, and what comes of
    it and a number is again an object, which is no number.
    """

    __slots__ = ("__weakref__", "_at", "_derived", "_value", "_which")
    #: NumPy's own numbers and arrays leave the operation to this class.
    __array_priority__ = 1e9
    _at: Other
    _which: int
    _value: Any
    _derived: bool

    def __init__(self, other: Other, number: int) -> None:
        for name, value in (("_at", other), ("_which", number), ("_value", None), ("_derived", False)):
            object.__setattr__(self, name, value)

    @property  # type: ignore[misc]  # that of an `object` can be set as well
    def __class__(self) -> Any:
        """For `isinstance` with a class of a library."""
        return other_side(self).class_of(self)

    def __getattr__(self, name: str) -> Any:
        # A pointer into the other process, such as `__array_interface__` holds, must not be followed here.
        if name == "__signature__":
            return _signature(self)
        if name.startswith("__") and name not in _ATTRIBUTES:
            raise AttributeError(name)
        return other_side(self).ask("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        other_side(self).ask("setattr", self, name, value)

    def __delattr__(self, name: str) -> None:
        other_side(self).ask("delattr", self, name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return other_side(self).ask("call", self, *args, options=options)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        value = _as_value(self)
        if value is None:
            value = other_side(self).ask("array", self)
            if type(value) is not np.ndarray:
                raise NotCarried(f"{_told(self)} is no array")
        return np.array(value, dtype)

    def __eq__(self, other: object) -> Any:
        return False if other is None else _compared("eq", self, other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else _compared("ne", self, other)

    def __hash__(self) -> Any:
        return other_side(self).ask("hash", self)

    def __contains__(self, item: Any) -> bool:
        try:
            found = iter(self)
        except TypeError as error:  # its class could say that it contains everything
            raise NotCarried(f"{_told(self)} says by itself what it contains") from error
        return any(item is one or bool(item == one) for one in found)

    def __iter__(self) -> Iterator[Any]:
        found: Iterator[Any] = other_side(self).ask("iter", self)
        return found

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise NotCarried("an object of the student's code cannot be pickled by a test")

    def __mro_entries__(self, bases: Any) -> Any:
        raise NotCarried("a class of the student's code cannot be derived from by a test")

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        # What it answers is not looked at: it could let every failed assertion of the block pass.
        other_side(self).ask("exit", self)


other_side: Callable[[Remote], Other] = Remote.__dict__["_at"].__get__
number_of: Callable[[Remote], int] = Remote.__dict__["_which"].__get__
#: Special attributes that can be asked for; special methods are those of the class.
_ATTRIBUTES = frozenset({"__name__", "__qualname__", "__dict__", "__wrapped__", "__annotations__", "__defaults__"})


def _told(value: Any) -> str:
    return f"an object of the class {other_side(value).ask('class name', value)}"


def _as_value(remote: Remote) -> Any:
    """The value that an object says to be, before it has seen what it is compared with; None where it is no value.

    It is asked for once, so that it cannot be large in one comparison and small in the next; and again only when the
    test has let the other side do something, which may have changed it.
    """
    if Remote.__dict__["_derived"].__get__(remote):
        raise NotCarried(f"{_told(remote)} came of an operation with a number, so it is no number any more")
    other = other_side(remote)
    known = Remote.__dict__["_value"].__get__(remote)
    if known is None or known[0] != other.acts:
        try:
            value = other.ask("value", remote)
        except Exception:
            value = None
        known = (other.acts, value if type(value) in _VALUES else None)
        object.__setattr__(remote, "_value", known)
    return known[1]


_VALUES = (np.ndarray, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, deque)


def _compared(name: str, left: Any, right: Any) -> Any:
    if type(left) is Remote and type(right) is Remote:
        return other_side(left).ask(name, left, right)
    remote = left if type(left) is Remote else right
    value = _as_value(remote)
    if value is None:
        other = right if remote is left else left
        # What knows nothing but whether it is itself, such as a mark for "no value".
        if name in ("eq", "ne") and getattr(type(other), "__eq__", None) is object.__eq__:
            return name == "ne"
        raise NotCarried(f"{_told(remote)} is compared with a value that is none")
    compare = getattr(operator, name)
    return compare(value, right) if remote is left else compare(left, value)


def _computed(name: str, left: Any, right: Any) -> Any:
    remotes = [operand for operand in (left, right) if type(operand) is Remote]
    derived = len(remotes) == 1 or any(map(Remote.__dict__["_derived"].__get__, remotes))
    if len(remotes) == 1 and not Remote.__dict__["_derived"].__get__(remotes[0]):
        value = _as_value(remotes[0])
        if value is not None:
            compute = getattr(operator, name)
            return compute(value, right) if remotes[0] is left else compute(left, value)
    result = other_side(remotes[0]).ask(name, left, right)
    if derived:
        if result is NotImplemented or type(result) is not Remote:
            raise NotCarried(f"{_told(remotes[0])} and a number gave something else than an object")
        object.__setattr__(result, "_derived", True)
    return result


def call(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call something; an operation as every other one."""
    return function(*args, **options)


#: A class that others may come from -> what an object of such a class holds, whatever it says itself.
_HELD: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    int: int.__int__,
    float: float.__float__,
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    deque: lambda value: deque(deque.__iter__(value)),
}


def _held(value: Any) -> Any:
    for kind, read in _HELD.items():
        if isinstance(value, kind):
            return read(value)
    if isinstance(value, (memoryview, array)) or any(
        hasattr(type(value), name) for name in ("__array__", "__array_interface__")
    ):
        return np.asarray(value)
    raise TypeError(f"a {type(value).__name__} is no value")


def _parameters(value: Any) -> list[tuple[Any, ...]]:
    return [
        (p.name, int(p.kind), p.default is not p.empty, None if p.default is p.empty else p.default)
        for p in inspect.signature(value).parameters.values()
    ]


def _signature(remote: Remote) -> inspect.Signature:
    try:
        found = other_side(remote).ask("parameters", remote)
    except TypeError as error:
        raise AttributeError("__signature__") from error
    return inspect.Signature(
        [
            inspect.Parameter(name, inspect._ParameterKind(kind), **({"default": default} if has_default else {}))
            for name, kind, has_default, default in found
        ]
    )


#: Special method of a stand-in -> name of the operation, and what the other side does.
_UNARY: dict[str, tuple[str, Callable[..., Any]]] = {
    "__len__": ("len", len),
    "__bool__": ("bool", bool),
    "__next__": ("next", next),
    "__reversed__": ("reversed", reversed),
    "__repr__": ("repr", repr),
    "__str__": ("str", str),
    "__format__": ("format", format),
    "__dir__": ("dir", dir),
    "__int__": ("int", int),
    "__float__": ("float", float),
    "__complex__": ("complex", complex),
    "__index__": ("index", operator.index),
    "__round__": ("round", round),
    "__trunc__": ("trunc", math.trunc),
    "__floor__": ("floor", math.floor),
    "__ceil__": ("ceil", math.ceil),
    "__copy__": ("copy", copy.copy),
    "__enter__": ("enter", lambda manager: type(manager).__enter__(manager)),
    "__instancecheck__": ("isinstance", lambda kind, value: isinstance(value, kind)),
    "__subclasscheck__": ("issubclass", lambda kind, other: issubclass(other, kind)),
    "__getitem__": ("getitem", operator.getitem),
    "__setitem__": ("setitem", operator.setitem),
    "__delitem__": ("delitem", operator.delitem),
    "__neg__": ("neg", operator.neg),
    "__pos__": ("pos", operator.pos),
    "__invert__": ("invert", operator.invert),
    "__abs__": ("abs", operator.abs),
}
#: What would make a number of an object, or judge it: not of one that has seen a number of the test.
_NUMBERS = frozenset({"bool", "int", "float", "complex", "index", "abs", "len", "round", "trunc", "floor", "ceil"})
_COMPARISONS = ("lt", "le", "gt", "ge")
_ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor")
_IN_PLACE = ("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "imatmul")

OPERATIONS: dict[str, Callable[..., Any]] = {
    "getattr": getattr,
    "setattr": setattr,
    "delattr": delattr,
    "call": call,
    "find": dict.get,
    "iter": iter,
    "has": dict.__contains__,
    "array": np.asarray,
    "value": _held,
    "class": lambda value: (type(value).__name__, library_class(type(value))),
    "parameters": _parameters,
    "hash": hash,
    "deepcopy": copy.deepcopy,
    "exit": lambda manager: type(manager).__exit__(manager, None, None, None),
    "class name": lambda value: type(value).__name__,
    **dict(_UNARY.values()),
    **{name: getattr(operator, name) for name in ("eq", "ne", *_COMPARISONS, *_ARITHMETIC, *_IN_PLACE)},
}


def _asking(operation: str) -> Callable[..., Any]:
    def method(self: Remote, *operands: Any, **named: Any) -> Any:
        if operation in _NUMBERS and Remote.__dict__["_derived"].__get__(self):
            _as_value(self)
        return other_side(self).ask(operation, self, *operands, *named.values())

    return method


def _of_two(name: str, act: Callable[[str, Any, Any], Any], *, reflected: bool = False) -> Callable[..., Any]:
    return (lambda self, other: act(name, other, self)) if reflected else (lambda self, other: act(name, self, other))


for _method, (_name, _) in _UNARY.items():
    setattr(Remote, _method, _asking(_name))
for _name in _COMPARISONS:
    setattr(Remote, f"__{_name}__", _of_two(_name, _compared))
for _name in (*_ARITHMETIC, *_IN_PLACE):
    setattr(Remote, f"__{_name.strip('_')}__", _of_two(_name, _computed))
for _name in _ARITHMETIC:
    setattr(Remote, f"__r{_name.strip('_')}__", _of_two(_name, _computed, reflected=True))
Remote.__deepcopy__ = lambda self, memo: other_side(self).ask("deepcopy", self)  # type: ignore[attr-defined]
# Else these would be those of the class above.
for _name in ("__doc__", "__annotations__"):
    setattr(Remote, _name, property(partial(_asking("getattr"), name=_name)))
