"""Objects of one process, used in another: the tests of an assignment run here, the student's functions there.

Two processes, each with an `Exchange`, take turns. What is asked is an operation ("call", "getattr", ...) on an object;
what comes back is its result, or the exception that it raised. Values cross in three ways:

- numbers, texts, tuples and the like are copied;
- lists, dicts, arrays, tensors and generators of random numbers are *shared*: each side has one, and before it is the
  other's turn whatever changed is copied into the other's, so that an optimizer's step or a shuffled list is seen;
- everything else stays where it is, and the other side gets a `Remote` that stands in for it.

A tensor that was computed by the other side is joined to the graph of this side: a backward pass goes through it, with
a vector-Jacobian product that is asked of the other side. The states of the random generators of NumPy, torch and
`random` are shared as well.

The side with the tests trusts nothing: it reads values of exact types, writes only into what it has shared, with the
same shape and dtype, and lets the other side do nothing but call the functions that a test handed over.
"""

from __future__ import annotations

import builtins
import contextlib
import copy
import functools
import importlib
import io
import operator
import random
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from autograder.course.values import TensorValue, Unsupported
from autograder.sandbox.describe import describe_error
from autograder.sandbox.live import Converter
from autograder.sandbox.wire import MAX_INT, MAX_TEXT

#: Shared objects, and objects that stand-ins were made for, until the question is done.
MAX_OBJECTS = 20_000
_MAX_PRINTED = 20_000


class NotCarried(TypeError):
    """A test does something that cannot be done from another process: the test has to run beside the student's code."""


class Foul(Exception):
    """What the other side sent is not what was agreed."""


class StudentExit(Exception):
    """The student's function tried to end the process, or raised what is no `Exception`."""


class Channel(Protocol):
    """Where messages come from and go to."""

    def send(self, message: Any) -> None:
        """Pass one message on."""

    def receive(self) -> Any:
        """The next message, or None at the end."""


@dataclass
class _Shared:
    """One mutable object that both sides have, and what it held when it last crossed."""

    number: int
    object: Any
    known: Any = None
    linked: bool = False


class Exchange:
    """This side of a conversation about objects.

    Args:
        channel: to the other side.
        first: number of the first object that this side shares; one side takes 0, the other 1.
        trusting: whether the other side may do anything with the objects of this one, not only call functions.
    """

    def __init__(self, channel: Channel, *, first: int, trusting: bool) -> None:
        self._channel = channel
        self._trusting = trusting
        self._next = first
        self._shared: dict[int, _Shared] = {}
        self._by_identity: dict[int, _Shared] = {}
        self._lent: list[Any] = []
        self._lent_by_identity: dict[int, int] = {}
        self._converter = Converter()
        self._torch = self._converter.torch
        self._named, self._names = _names(self._torch)
        # The student's generators are the ones that count at first.
        self._random = None if trusting else self._random_states()

    # The conversation.

    def ask(self, operation: str, *operands: Any, options: Mapping[str, Any] | None = None) -> Any:
        """Have the other side do something; returns its result.

        Raises:
            NotCarried: an operand cannot cross.
            Foul: the other side answered something else.
            Exception: what the other side raised, as the nearest built-in class.
        """
        self._send("ask", (operation, self._grad_mode(), operands, tuple((options or {}).items())))
        while True:
            message = self._channel.receive()
            if message is None:
                raise Foul("the other side is gone")
            kind = message.get("turn")
            if kind == "ask":
                self._answer(message)
                continue
            if kind not in ("result", "raised"):
                raise Foul("an answer of an unknown kind")
            body = self._read(message)
            if kind == "raised":
                raise _exception(body)
            value, printed = _fields(body, 2)
            if type(printed) is str and printed:
                sys.stdout.write(printed)
            return value

    def serve(self) -> None:
        """Answer the other side until it says that it is done."""
        while (message := self._channel.receive()) is not None and message.get("turn") != "done":
            self._answer(message)

    def lend(self, value: Any) -> None:
        """Let the other side use an object, the first as `Exchange.first`."""
        self._lent.append(value)

    @property
    def first(self) -> Remote:
        """What stands in for the first object that the other side lent."""
        return Remote(self, 0)

    def _answer(self, message: Mapping[str, Any]) -> None:
        printed = io.StringIO()
        try:
            operation, grad_mode, operands, options = _fields(self._read(message), 4)
            named = dict(_fields(pair, 2) for pair in _listed(options))
            if type(operation) is not str or not all(type(name) is str for name in named):
                raise Foul("a question without an operation")
            perform = self._operation(operation, _listed(operands))
            with self._in_grad_mode(grad_mode), contextlib.redirect_stdout(printed):
                result = perform(*operands, **named)
            self._send("result", (result, printed.getvalue()[:_MAX_PRINTED]))
        except Foul:
            raise
        except BaseException as error:
            text, traceback = describe_error(error)
            names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
            plain = [argument for argument in error.args if type(argument) in _SCALARS][:5]
            arguments = plain if plain and len(plain) == len(error.args) else [text.partition(": ")[2] or text]
            self._send("raised", (tuple(names[:20]), tuple(arguments), text, tuple(traceback)))

    def _operation(self, name: str, operands: Sequence[Any]) -> Callable[..., Any]:
        if not self._trusting:
            if name != "call" or not operands or type(operands[0]) not in _CALLABLE:
                raise TypeError("of what a test hands over only functions can be used, by calling them")
            return _call
        if name == "vjp":
            return self._vector_jacobian_product
        if name not in OPERATIONS:
            raise Foul(f"no operation {name!r}")
        return OPERATIONS[name]

    def _send(self, turn: str, body: Any) -> None:
        # In this order, for the other side reads in this order what is new.
        changes = self._changes()
        encoded = self._encode(body)
        self._channel.send({"turn": turn, "parts": {"changes": changes, "body": encoded}})

    def _read(self, message: Mapping[str, Any]) -> Any:
        parts = message.get("parts")
        if type(parts) is not dict or type(parts.get("changes")) is not list:
            raise Foul("a message without content")
        for change in parts["changes"]:
            number, content = _fields(change, 2)
            if number == -1:
                self._set_random_states(content)
            elif type(number) is int and number in self._shared:
                self._write(self._shared[number], content)
            else:
                raise Foul("a change of what is not shared")
        return self._decode(parts.get("body"))

    # Values that cross.

    def _encode(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (bool, float, complex):
            return value
        if kind is int and abs(value) <= MAX_INT:
            return value
        if kind is str and len(value) <= MAX_TEXT:
            return value
        if kind is tuple:
            return ("tuple", [self._encode(item) for item in value])
        if kind is set or kind is frozenset:
            return (kind.__name__, [self._encode(item) for item in value])
        if kind is slice:
            return ("slice", [self._encode(part) for part in (value.start, value.stop, value.step)])
        if kind is range:
            return ("range", [value.start, value.stop, value.step])
        if kind is bytes and len(value) <= MAX_TEXT:
            return ("bytes", np.frombuffer(value, np.uint8))
        if kind is Remote and _exchange(value) is self:
            return ("yours", _number(value))
        if id(value) in self._names:
            return ("named", self._names[id(value)])
        if self._torch is not None and kind is self._torch.Size:
            return ("size", list(value))
        if issubclass(kind, np.generic):
            plain = self._converter.plain(value)
            if type(plain) is not Unsupported:
                return plain
        if id(value) in self._by_identity:
            return ("shared", self._by_identity[id(value)].number)
        shape = self._kind_of_shared(value)
        if shape is not None:
            return self._share(value, shape)
        return self._lend(value)

    def _lend(self, value: Any) -> Any:
        if not self._trusting:
            library = _library_name(value)
            if library is not None:
                return ("library", list(library))
            if type(value) not in _CALLABLE:
                raise NotCarried(f"an object of type {type(value).__name__} cannot be handed to the student's code")
        number = self._lent_by_identity.get(id(value))
        if number is None:
            number = self._lent_by_identity[id(value)] = len(self._lent)
            if number >= MAX_OBJECTS:
                raise MemoryError("too many objects are in use at the same time")
            self._lent.append(value)
        return ("mine", number)

    def _decode(self, node: Any) -> Any:
        if type(node) in _SCALARS or isinstance(node, np.generic):
            return node
        if type(node) is not tuple or len(node) < 2:
            raise Foul("a value of an unknown kind")
        tag, content = node[0], node[1:]
        if tag == "shared" and type(content[0]) is int and content[0] in self._shared:
            return self._shared[content[0]].object
        if tag == "new":
            return self._accept(*_fields(content, 3))
        if tag == "mine" and type(content[0]) is int:
            return Remote(self, content[0])
        if tag == "yours" and type(content[0]) is int and 0 <= content[0] < len(self._lent):
            return self._lent[content[0]]
        if tag == "named" and type(content[0]) is str and content[0] in self._named:
            return self._named[content[0]]
        if tag == "library" and self._trusting:
            module, name = content[0]
            return functools.reduce(getattr, name.split("."), importlib.import_module(module))
        if tag == "bytes" and type(content[0]) is np.ndarray:
            return content[0].tobytes()
        if tag in _BUILT and type(content[0]) is list:
            return _BUILT[tag]([self._decode(item) for item in content[0]])
        if tag == "size" and self._torch is not None and type(content[0]) is list:
            return self._torch.Size(content[0])
        raise Foul("a value of an unknown kind")

    # Shared objects.

    def _kind_of_shared(self, value: Any) -> str | None:
        kind = type(value)
        if kind is list:
            return "list"
        if kind is dict:
            return "dict"
        if kind is np.ndarray or (self._torch is not None and kind in (self._torch.Tensor, self._torch.nn.Parameter)):
            return (
                None
                if type(self._converter.plain(value)) is Unsupported
                else "array"
                if kind is np.ndarray
                else "tensor"
            )
        if kind is np.random.Generator and type(value.bit_generator) is np.random.PCG64:
            return "generator"
        return None

    def _share(self, value: Any, kind: str) -> Any:
        entry = self._register(value)
        content = self._content(entry, kind)
        entry.known = content
        return ("new", entry.number, kind, content)

    def _register(self, value: Any, number: int | None = None) -> _Shared:
        if len(self._shared) >= MAX_OBJECTS:
            raise MemoryError("too many arrays are in use at the same time")
        if number is None:
            number, self._next = self._next, self._next + 2
        entry = self._shared[number] = self._by_identity[id(value)] = _Shared(number, value)
        return entry

    def _content(self, entry: _Shared, kind: str) -> Any:
        value = entry.object
        if kind == "list":
            return [self._encode(item) for item in list.__iter__(value)]
        if kind == "dict":
            return [[self._encode(key), self._encode(item)] for key, item in dict.items(value)]
        if kind == "array":
            return self._converter.plain(value)
        if kind == "generator":
            state = value.bit_generator.state
            return [str(state["state"]["state"]), str(state["state"]["inc"]), state["has_uint32"], state["uinteger"]]
        gradient = value.grad if value.is_leaf else None
        linked = value.requires_grad and not value.is_leaf and self._trusting
        return [self._converter.plain(value), linked, None if gradient is None else self._converter.plain(gradient)]

    def _changes(self) -> list[Any]:
        changes = []
        states = self._random_states()
        if self._random is None or not _same(states, self._random):
            self._random = states
            changes.append([-1, states])
        # Sharing something new in the middle of it appends to the table.
        for entry in list(self._shared.values()):
            kind = self._kind_of_shared(entry.object)
            if kind is None:
                continue
            content = self._content(entry, kind)
            if not _same(_known(content), _known(entry.known)):
                changes.append([entry.number, content])
            entry.known = content
        return changes

    def _accept(self, number: Any, kind: Any, content: Any) -> Any:
        """Make this side's object of what the other side shares for the first time."""
        if type(number) is not int or number in self._shared or number % 2 == self._next % 2 or number < 0:
            raise Foul("a new object under a number that is not free")
        value: Any
        if kind in ("list", "dict"):
            value = [] if kind == "list" else {}
        elif kind == "array" and type(content) is np.ndarray:
            value = content.copy()
        elif kind == "tensor":
            value = self._new_tensor(number, *_fields(content, 3))
        elif kind == "generator":
            value = np.random.Generator(np.random.PCG64(0))
        else:
            raise Foul("a new object of an unknown kind")
        entry = self._register(value, number)
        self._write(entry, content)
        return value

    def _new_tensor(self, number: int, value: Any, linked: Any, gradient: Any) -> Any:
        if type(value) is not TensorValue or self._torch is None:
            raise Foul("a tensor without values")
        made = self._converter.live(value, requires_grad=value.requires_grad and not linked)
        if not linked:
            return made
        ours = [e for e in self._shared.values() if _is_ours(e.number, self._next) and self._needs_grad(e.object)]
        anchor = self._torch.zeros((), requires_grad=True)
        with self._torch.enable_grad():
            return _link(self._torch).apply(
                self, number, made, [e.number for e in ours], anchor, *(e.object for e in ours)
            )

    def _needs_grad(self, value: Any) -> bool:
        return type(value) in (self._torch.Tensor, self._torch.nn.Parameter) and value.requires_grad

    def _write(self, entry: _Shared, content: Any) -> None:
        """Let this side's object hold what the other side's holds."""
        target = entry.object
        kind = self._kind_of_shared(target)
        try:
            if kind == "list":
                target[:] = [self._decode(item) for item in _listed(content)]
            elif kind == "dict":
                pairs = [_fields(pair, 2) for pair in _listed(content)]
                made = {self._decode(key): self._decode(item) for key, item in pairs}
                target.clear()
                target.update(made)
            elif kind == "array":
                if type(content) is not np.ndarray or (content.shape, content.dtype) != (target.shape, target.dtype):
                    raise Foul("an array changed its shape or its dtype")
                if content.tobytes() != target.tobytes():
                    np.copyto(target, content)
            elif kind == "generator":
                state, increment, has_uint32, uinteger = _fields(content, 4)
                target.bit_generator.state = {
                    "bit_generator": "PCG64",
                    "state": {"state": int(state), "inc": int(increment)},
                    "has_uint32": has_uint32,
                    "uinteger": uinteger,
                }
            elif kind == "tensor":
                self._write_tensor(target, *_fields(content, 3))
            else:
                raise Foul("an object that is not shared")
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise Foul(f"a change that cannot be made: {error}") from error
        # Encoded as this side would, so that it counts as known.
        entry.known = self._content(entry, kind)

    def _write_tensor(self, target: Any, value: Any, linked: Any, gradient: Any) -> None:
        torch = self._torch
        if type(value) is not TensorValue:
            raise Foul("a tensor without values")
        data = self._converter.live(value).detach()
        if data.shape != target.shape or data.dtype != target.dtype:
            raise Foul("a tensor changed its shape or its dtype")
        with torch.no_grad():
            if not _same_tensor(data, target):
                target.data.copy_(data)
            if not target.is_leaf:
                return
            if target.requires_grad != value.requires_grad and not linked:
                target.requires_grad_(value.requires_grad)
            if gradient is None:
                target.grad = None
            elif type(gradient) is not TensorValue:
                raise Foul("a gradient that is no tensor")
            elif target.grad is None:
                target.grad = self._converter.live(gradient).detach()
            else:
                target.grad.copy_(self._converter.live(gradient).detach())

    # Gradients and random numbers.

    def _vector_jacobian_product(self, number: int, cotangent: Any, inputs: Sequence[int]) -> tuple[Any, ...]:
        """Go backward from a shared tensor of this side; gradients of leaves that only this side has add up there."""
        leaves = [self._shared[n].object for n in inputs]
        before = [leaf.grad for leaf in leaves]
        for leaf in leaves:
            leaf.grad = None
        try:
            self._torch.autograd.backward(self._shared[number].object, cotangent, retain_graph=True)
            return tuple(None if leaf.grad is None else leaf.grad.detach().clone() for leaf in leaves)
        finally:
            for leaf, gradient in zip(leaves, before, strict=True):
                leaf.grad = gradient

    def _grad_mode(self) -> bool:
        return self._torch is None or bool(self._torch.is_grad_enabled())

    def _in_grad_mode(self, enabled: Any) -> contextlib.AbstractContextManager[Any]:
        if self._torch is None:
            return contextlib.nullcontext()
        mode: contextlib.AbstractContextManager[Any] = self._torch.set_grad_enabled(enabled is True)
        return mode

    def _random_states(self) -> list[Any]:
        _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
        version, internal, gauss = random.getstate()
        return [
            [keys.copy(), int(position), int(has_gauss), float(cached)],
            [version, np.array(internal, np.uint32), gauss],
            None if self._torch is None else self._torch.get_rng_state().numpy().copy(),
        ]

    def _set_random_states(self, states: Any) -> None:
        try:
            for_numpy, for_random, for_torch = _fields(states, 3)
            keys, position, has_gauss, cached = _fields(for_numpy, 4)
            np.random.set_state(("MT19937", keys, position, has_gauss, cached))
            version, internal, gauss = _fields(for_random, 3)
            random.setstate((version, tuple(map(int, internal)), gauss))
            if for_torch is not None and self._torch is not None:
                self._torch.set_rng_state(self._torch.from_numpy(for_torch.copy()))
        except (TypeError, ValueError, RuntimeError, AttributeError, OverflowError) as error:
            raise Foul(f"a state of a random generator that is none: {error}") from error
        self._random = self._random_states()


# Stand-ins.


class Remote:
    """Stands in for an object of the other process: what is done with it is done there, what is judged is judged here.

    An object of a student's class could answer any comparison with True, and any difference with 0. So it is compared,
    and subtracted from a number, as the array that it says to be, here; what says to be no array can be compared with
    objects of its kind only, and what comes of it and a number is again an object, which is no number.
    """

    __slots__ = ("_array", "_at", "_derived", "_which")
    #: NumPy's own numbers and arrays leave the operation to this class.
    __array_priority__ = 1e9
    _at: Exchange
    _which: int
    _array: Any
    _derived: bool

    def __init__(self, exchange: Exchange, number: int) -> None:
        for name, value in (("_at", exchange), ("_which", number), ("_array", _UNKNOWN), ("_derived", False)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        # A pointer into the other process, such as `__array_interface__` holds, must not be followed here.
        if name.startswith("__") and name not in _ATTRIBUTES:
            raise AttributeError(name)
        return _exchange(self).ask("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _exchange(self).ask("setattr", self, name, value)

    def __delattr__(self, name: str) -> None:
        _exchange(self).ask("delattr", self, name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return _exchange(self).ask("call", self, *args, options=options)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        array = _as_array(self)
        if array is None:
            raise TypeError(f"{_told(self)} is no array")
        return np.array(array, dtype)

    def __eq__(self, other: object) -> Any:
        return False if other is None else _compared("eq", self, other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else _compared("ne", self, other)

    def __hash__(self) -> Any:
        return _exchange(self).ask("hash", self)

    def __contains__(self, item: Any) -> bool:
        return any(item is found or bool(item == found) for found in self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise NotCarried("an object of the student's code cannot be pickled by a test")

    def __mro_entries__(self, bases: Any) -> Any:
        raise NotCarried("a class of the student's code cannot be derived from by a test")

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        return _exchange(self).ask("exit", self)


_UNKNOWN = object()
_exchange: Callable[[Remote], Exchange] = Remote.__dict__["_at"].__get__
_number: Callable[[Remote], int] = Remote.__dict__["_which"].__get__
#: Special attributes that can be asked for; special methods are those of the class.
_ATTRIBUTES = frozenset({"__name__", "__qualname__", "__dict__", "__wrapped__", "__annotations__", "__defaults__"})


def _told(value: Any) -> str:
    return f"an object of the class {_exchange(value).ask('class name', value)}"


def _as_array(remote: Remote) -> Any:
    """The array that an object says to be, asked for once, before it has seen what it is compared with; else None."""
    if Remote.__dict__["_derived"].__get__(remote):
        raise TypeError(f"{_told(remote)} came of an operation with a number, so it is no number any more")
    array = Remote.__dict__["_array"].__get__(remote)
    if array is _UNKNOWN:
        try:
            array = _exchange(remote).ask("array", remote)
        except Exception:
            array = None
        if type(array) is not np.ndarray:
            array = None
        object.__setattr__(remote, "_array", array)
    return array


def _compared(name: str, left: Any, right: Any) -> Any:
    if type(left) is Remote and type(right) is Remote:
        return _exchange(left).ask(name, left, right)
    remote = left if type(left) is Remote else right
    array = _as_array(remote)
    if array is None:
        raise TypeError(f"{_told(remote)} is compared with a value that is none")
    compare = getattr(operator, name)
    return compare(array, right) if remote is left else compare(left, array)


def _computed(name: str, left: Any, right: Any) -> Any:
    remotes = [operand for operand in (left, right) if type(operand) is Remote]
    derived = len(remotes) == 1 or any(map(Remote.__dict__["_derived"].__get__, remotes))
    if len(remotes) == 1 and not Remote.__dict__["_derived"].__get__(remotes[0]):
        array = _as_array(remotes[0])
        if array is not None:
            compute = getattr(operator, name)
            return compute(array, right) if remotes[0] is left else compute(left, array)
    result = _exchange(remotes[0]).ask(name, left, right)
    if derived:
        if result is NotImplemented or type(result) is not Remote:
            raise TypeError(f"{_told(remotes[0])} and a number gave something else than an object")
        object.__setattr__(result, "_derived", True)
    return result


def _call(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return function(*args, **options)


def _plain_array(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype == object:
        raise TypeError(f"a {type(value).__name__} is no array")
    return array


#: Special method of a stand-in -> name of the operation, and what the other side does.
_UNARY: dict[str, tuple[str, Callable[..., Any]]] = {
    "__len__": ("len", len),
    "__bool__": ("bool", bool),
    "__iter__": ("iter", iter),
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
_NUMBERS = frozenset({"bool", "int", "float", "complex", "index", "abs", "len"})
_COMPARISONS = ("lt", "le", "gt", "ge")
_ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor")
_IN_PLACE = ("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "imatmul")

OPERATIONS: dict[str, Callable[..., Any]] = {
    "getattr": getattr,
    "setattr": setattr,
    "delattr": delattr,
    "call": _call,
    "find": dict.get,
    "has": dict.__contains__,
    "array": _plain_array,
    "hash": hash,
    "deepcopy": copy.deepcopy,
    "exit": lambda manager: type(manager).__exit__(manager, None, None, None),
    "class name": lambda value: type(value).__name__,
    **dict(_UNARY.values()),
    **{name: getattr(operator, name) for name in ("eq", "ne", *_COMPARISONS, *_ARITHMETIC, *_IN_PLACE)},
}


def _asking(operation: str) -> Callable[..., Any]:
    def method(self: Remote, *operands: Any) -> Any:
        if operation in _NUMBERS and Remote.__dict__["_derived"].__get__(self):
            _as_array(self)
        return _exchange(self).ask(operation, self, *operands)

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
Remote.__deepcopy__ = lambda self, memo: _exchange(self).ask("deepcopy", self)  # type: ignore[attr-defined]


# Names, exceptions and small things.

_SCALARS = (type(None), bool, int, float, complex, str)
_CALLABLE = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial, np.ufunc)
_BUILT: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "slice": lambda parts: slice(*parts),
    "range": lambda parts: range(*parts),
}
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


def _names(torch: Any) -> tuple[dict[str, Any], dict[int, str]]:
    """What is the same on both sides by its name, and the name by identity."""
    named = _NAMED if torch is None else _NAMED | {f"torch.{name}": getattr(torch, name) for name in _TORCH_NAMES}
    return named, {id(value): name for name, value in named.items()}


def _library_name(value: Any) -> tuple[str, str] | None:
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


def _exception(body: Any) -> Exception:
    """What the other side raised, as the nearest class that both sides have."""
    names, arguments, text, traceback = _fields(body, 4)
    known = [_ERRORS[name] for name in _listed(names) if type(name) is str and name in _ERRORS]
    kind = known[0] if known else StudentExit
    if type(text) is not str or any(type(a) not in _SCALARS for a in _listed(arguments)):
        raise Foul("an exception without words")
    try:
        error: Exception = kind(*arguments)
    except TypeError:  # one of the few that want arguments of their own
        error = RuntimeError(text)
    error.told = (text, tuple(line for line in _listed(traceback) if type(line) is str))  # type: ignore[attr-defined]
    return error


def _fields(value: Any, count: int) -> list[Any]:
    if type(value) not in (list, tuple) or len(value) != count:
        raise Foul("a list of another length")
    return list(value)


def _listed(value: Any) -> Sequence[Any]:
    if type(value) not in (list, tuple):
        raise Foul("no list")
    return value  # type: ignore[no-any-return]  # mypy does not read the line above


def _is_ours(number: int, following: int) -> bool:
    return number % 2 == following % 2


def _known(content: Any) -> Any:
    """Content as it is when all that was new in it is known."""
    if type(content) is tuple and content[0] == "new":
        return ("shared", content[1])
    return type(content)(map(_known, content)) if type(content) in (list, tuple) else content


def _same(a: Any, b: Any) -> bool:
    """Whether two contents are the same to the bit."""
    if type(a) is not type(b):
        return False
    if type(a) in (list, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if type(a) is np.ndarray:
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if type(a) is TensorValue:
        return _same(a.array, b.array) and (a.dtype, a.requires_grad) == (b.dtype, b.requires_grad)
    return bool(a == b or (a != a and b != b))


def _same_tensor(a: Any, b: Any) -> bool:
    return bool(((a == b) | ((a != a) & (b != b))).all())


@functools.cache
def _link(torch: Any) -> Any:
    """The operator that joins a tensor of the other side to the graph of this one."""

    class Link(torch.autograd.Function):  # type: ignore[misc]  # torch is an argument
        @staticmethod
        def forward(
            ctx: Any, exchange: Exchange, number: int, value: Any, inputs: list[int], anchor: Any, *leaves: Any
        ) -> Any:
            ctx.exchange, ctx.number, ctx.inputs = exchange, number, inputs
            return value

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]  # as above
        def backward(ctx: Any, cotangent: Any) -> Any:
            gradients = ctx.exchange.ask("vjp", ctx.number, cotangent, tuple(ctx.inputs))
            return (None, None, None, None, None, *gradients)

    return Link
