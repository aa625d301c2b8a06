"""Objects of one process, used in another: the tests of an assignment run here, the student's functions there.

Two processes, each with an `Exchange`, take turns. What is asked is an operation ("call", "getattr", ...) on an object;
what comes back is its result, or the exception that it raised. Values cross in three ways:

- numbers, texts, tuples and the like are copied;
- lists, dicts, arrays, tensors and generators of random numbers are *shared*: each side has one, and before it is the
  other's turn whatever changed is copied into the other's, so that an optimizer's step or a shuffled list is seen.
  What the tests have no more use for is forgotten by both;
- everything else stays where it is, and the other side gets a `Remote` that stands in for it.

A tensor that was computed by the other side is joined to the graph of this side: a backward pass goes through it, with
a vector-Jacobian product that is asked of the other side. The states of the random generators of NumPy, torch and
`random` are shared as well.

The side with the tests trusts nothing: it reads values of exact types, writes only into what it has shared, with the
same shape and dtype, and lets the other side do nothing but call the functions that a test handed over.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import itertools
import random
import sys
import types
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np

from autograder.course.values import TensorValue, Unsupported
from autograder.otter.existing.carried import COPIES, ITERATORS, KINDS, crosses_raw, kind_of, made_of, of_raw, raw
from autograder.otter.existing.known import SCALARS, Foul, fields, library_name, library_object, listed, names_known
from autograder.otter.existing.raised import Errors, StudentsClass, told, told_class
from autograder.otter.existing.stand_in import OPERATIONS, NotCarried, Remote, call, number_of, other_side
from autograder.sandbox.live import MAX_BYTES, Converter
from autograder.sandbox.wire import MAX_INT, MAX_TEXT

#: Shared objects, and objects that stand-ins were made for, until the question is done.
MAX_OBJECTS = 20_000
_MAX_PRINTED, _MAX_DRAWN = 20_000, 10_000


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
    kind: str
    known: Any = None
    #: Of a tensor that was computed by the side of the student: numbers of the other side's tensors that it came from.
    sources: list[int] | None = None
    #: Of such a tensor on the side of the tests: lives as long as a backward pass may come through it.
    passage: weakref.ref[Any] | None = None
    #: Of a tensor that others were computed from: their passages.
    leads_to: list[weakref.ref[Any]] = field(default_factory=list)


class Exchange:
    """One side of a conversation about objects.

    Args:
        channel: to the other side.
        first: number of the first object that this side shares; one side takes 0, the other 1.
        trusting: whether the other side may do anything with the objects of this one, or only call functions.
    """

    def __init__(self, channel: Channel, *, first: int, trusting: bool) -> None:
        self._channel = channel
        self._trusting = trusting
        self._next = first
        self._shared: dict[int, _Shared] = {}
        self._by_identity: dict[int, _Shared] = {}
        # Tensors that the tests have forgotten, while a backward pass may still come through them.
        self._behind: dict[int, Any] = {}
        self._lent: list[Any] = []
        self._lent_by_identity: dict[int, int] = {}
        self._converter = Converter()
        self._torch = self._converter.torch
        self._named, self._names = names_known(self._torch)
        self._errors = Errors(None if trusting else self._stand_in, self._decode)
        # The same one for the same object, for a test may ask whether it `is` another.
        self._stand_ins: weakref.WeakValueDictionary[int, Remote] = weakref.WeakValueDictionary()
        self._classes: dict[int, type] = {}
        self.acts = 0
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
        self.acts += operation not in _ONLY_LOOKS
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
                raise body if isinstance(body, Exception) else Foul("an exception that is none")
            value, printed = fields(body, 2)
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
        return self._stand_in(0)

    def _stand_in(self, number: int) -> Remote:
        found = self._stand_ins.get(number)
        if found is None:
            found = self._stand_ins[number] = Remote(self, number)
        return found

    def class_of(self, remote: Remote) -> type:
        """A class of this side for that of an object of the other: of the same name, and from the same of a library."""
        number = number_of(remote)
        if number not in self._classes:
            name, known = fields(self.ask("class", remote), 2)
            base = object if known is None else library_object(*fields(known, 2))
            kind = base if isinstance(base, type) else object
            if kind.__name__ != name:
                with contextlib.suppress(TypeError, ValueError, AttributeError):  # not every class can be derived from
                    kind = type(str(name), (kind,), {})
            self._classes[number] = kind
        return self._classes[number]

    def _answer(self, message: Mapping[str, Any]) -> None:
        printed = io.StringIO()
        try:
            operation, grad_mode, operands, options = fields(self._read(message), 4)
            named = dict(fields(pair, 2) for pair in listed(options))
            if type(operation) is not str or not all(type(name) is str for name in named):
                raise Foul("a question without an operation")
            perform = self._operation(operation, listed(operands))
            with self._in_grad_mode(grad_mode), contextlib.redirect_stdout(printed):
                result = perform(*operands, **named)
            self._send("result", (result, printed.getvalue()[:_MAX_PRINTED]))
        except Foul:
            raise
        except BaseException as error:
            self._send("raised", error)

    def _operation(self, name: str, operands: Sequence[Any]) -> Callable[..., Any]:
        if not self._trusting:
            if name != "call" or not operands or not _can_be_called(operands[0]):
                raise TypeError("of what a test hands over only functions can be used, by calling them")
            return call
        if name == "vjp":
            return self._vector_jacobian_product
        if name not in OPERATIONS:
            raise Foul(f"no operation {name!r}")
        return OPERATIONS[name]

    def _send(self, turn: str, body: Any) -> None:
        # In this order, for the other side reads in this order what is new. What is changed and never used again here
        # may still be used there.
        changes = self._changes()
        forgotten = [] if self._trusting else self._forget_unused()
        encoded = self._encode(body)
        self._channel.send({"turn": turn, "parts": {"changes": changes, "forgotten": forgotten, "body": encoded}})

    def _read(self, message: Mapping[str, Any]) -> Any:
        parts = message.get("parts")
        if type(parts) is not dict or type(parts.get("changes")) is not list:
            raise Foul("a message without content")
        for change in parts["changes"]:
            number, content = fields(change, 2)
            if number == -1:
                self._set_random_states(content)
            elif type(number) is int and number in self._shared:
                self._write(self._shared[number], content)
            else:
                raise Foul("a change of what is not shared")
        if self._trusting:
            for number in parts["forgotten"]:
                self._forget(number)
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
        if kind is Remote and other_side(value) is self:
            return ("yours", number_of(value))
        if id(value) in self._names:
            return ("named", self._names[id(value)])
        if self._torch is not None and kind is self._torch.Size:
            return ("size", list(value))
        if issubclass(kind, np.generic):
            plain = self._converter.plain(value)
            if type(plain) is not Unsupported and value.dtype.isnative:
                return plain
            if crosses_raw(np.asarray(value)):
                return ("raw", raw(np.asarray(value)))
        if kind in COPIES:
            with contextlib.suppress(ValueError):  # such as a time with a zone
                parts = [*COPIES[kind].parts(value)]
                if len(parts) != 1 or type(parts[0]) is not np.ndarray:
                    return ("copy", COPIES[kind].name, [self._encode(part) for part in parts])
                if parts[0].nbytes <= MAX_BYTES:
                    return ("copy", COPIES[kind].name, parts)
        if id(value) in self._by_identity:
            return ("shared", self._by_identity[id(value)].number)
        shape = self._kind_of_shared(value)
        if shape is not None:
            return self._share(value, shape)
        return self._lend(value)

    def _lend(self, value: Any) -> Any:
        if isinstance(type(value), type) and issubclass(type(value), BaseException):
            return ("error", told(value, self._encode, self._number_of_lent if self._trusting else None))
        if not self._trusting:
            if type(value) is StudentsClass:
                return ("yours", number_of(value.remote))
            library = library_name(value)
            if library is not None:
                return ("library", list(library))
            if type(value) in ITERATORS:
                return ("copy", "iterator", [self._encode(item) for item in _drawn(value)])
            if not _can_be_called(value):
                raise NotCarried(f"an object of type {type(value).__name__} cannot be handed to the student's code")
        elif isinstance(value, type) and issubclass(value, BaseException) and library_name(value) is None:
            return ("error class", told_class(value, self._number_of_lent))
        return ("mine", self._number_of_lent(value))

    def _number_of_lent(self, value: Any) -> int:
        number = self._lent_by_identity.get(id(value))
        if number is None:
            number = self._lent_by_identity[id(value)] = len(self._lent)
            if number >= MAX_OBJECTS:
                raise MemoryError("too many objects are in use at the same time")
            self._lent.append(value)
        return number

    def _decode(self, node: Any) -> Any:
        if type(node) in SCALARS or isinstance(node, np.generic):
            return node
        if type(node) is not tuple or len(node) < 2:
            raise Foul("a value of an unknown kind")
        tag, content = node[0], node[1:]
        if tag == "shared" and type(content[0]) is int and content[0] in self._shared:
            return self._shared[content[0]].object
        if tag == "new":
            return self._accept(*fields(content, 3))
        if tag == "mine" and type(content[0]) is int:
            return self._stand_in(content[0])
        if tag == "yours" and type(content[0]) is int and 0 <= content[0] < len(self._lent):
            return self._lent[content[0]]
        if tag == "named" and type(content[0]) is str and content[0] in self._named:
            return self._named[content[0]]
        if tag == "library" and self._trusting:
            module, name = content[0]
            return functools.reduce(getattr, name.split("."), importlib.import_module(module))
        if tag == "raw":
            return of_raw(content[0])[()]
        if tag == "copy" and len(content) == 2:
            return made_of(content[0], [p if type(p) is np.ndarray else self._decode(p) for p in listed(content[1])])
        if tag == "error":
            return self._errors.error_of(content[0])
        if tag == "error class":
            return self._errors.class_of(content[0])
        if tag == "size" and self._torch is not None and type(content[0]) is list:
            return self._torch.Size(content[0])
        raise Foul("a value of an unknown kind")

    # Shared objects.

    def _kind_of_shared(self, value: Any) -> str | None:
        kind, known = type(value), kind_of(value)
        if known is not None:
            return known
        if kind is np.ndarray or (self._torch is not None and kind in (self._torch.Tensor, self._torch.nn.Parameter)):
            if type(self._converter.plain(value)) is Unsupported:
                return None
            return "array" if kind is np.ndarray else "tensor"
        return None

    def _share(self, value: Any, kind: str) -> Any:
        entry = self._register(value, kind)
        content = self._content(entry)
        entry.known = content
        return ("new", entry.number, kind, content)

    def _register(self, value: Any, kind: str, number: int | None = None) -> _Shared:
        if len(self._shared) >= MAX_OBJECTS:
            raise MemoryError("too many arrays are in use at the same time")
        if number is None:
            number, self._next = self._next, self._next + 2
        entry = self._shared[number] = self._by_identity[id(value)] = _Shared(number, value, kind)
        return entry

    def _content(self, entry: _Shared) -> Any:
        value, kind = entry.object, entry.kind
        if kind in KINDS:
            return KINDS[kind].read(value, self._encode)
        if kind == "array":
            return self._converter.plain(value)
        gradient = value.grad if value.is_leaf else None
        if self._trusting and entry.sources is None and value.requires_grad and not value.is_leaf:
            entry.sources = self._sources(value)
        plain, told = self._converter.plain(value), None if gradient is None else self._converter.plain(gradient)
        return plain if type(plain) is Unsupported else [plain, entry.sources, told]

    def _sources(self, value: Any) -> list[int]:
        """Numbers of the shared leaves in the graph behind a tensor."""
        numbers, seen, left = [], set(), [value.grad_fn]
        while left:
            node = left.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            left += [following for following, _ in node.next_functions]
            entry = self._by_identity.get(id(getattr(node, "variable", None)))
            if entry is not None:
                numbers.append(entry.number)
        return sorted(numbers)

    def _changes(self) -> list[Any]:
        changes: list[Any] = []
        states = self._random_states()
        if states != self._random:
            self._random = states
            changes.append([-1, self._told_random_states()])
        # Sharing something new in the middle of it appends to the table.
        for entry in list(self._shared.values()):
            content = self._content(entry)
            if type(content) is Unsupported:  # it has grown, or its dtype was changed, since it was shared
                continue
            if not _same(_known(content), _known(entry.known)):
                changes.append([entry.number, content])
            entry.known = content
        return changes

    def _forget_unused(self) -> list[int]:
        """Forget what only this table holds: a test that calls a thousand times shares no thousand arrays.

        Returns the numbers for the other side; one that comes twice is of a tensor that no backward pass can reach any
        more.
        """
        unused = [number for number, entry in self._shared.items() if self._is_unused(entry)]
        for number in unused:
            self._forget(number)
        unreached = [number for number, passage in self._behind.items() if passage() is None]
        for number in unreached:
            self._forget(number)
        return [*unused, *unreached]

    def _forget(self, number: int) -> None:
        entry = self._shared.pop(number, None)
        if entry is None:
            del self._behind[number]
            return
        del self._by_identity[id(entry.object)]
        if entry.passage is not None:
            self._behind[number] = entry.passage
        elif entry.sources is not None:
            self._behind[number] = entry.object

    def _is_unused(self, entry: _Shared) -> bool:
        # One reference is that of the entry, one that of the call.
        if sys.getrefcount(entry.object) > 2:
            return False
        if entry.kind != "tensor":
            return True
        entry.leads_to = [passage for passage in entry.leads_to if passage() is not None]
        return entry.object._use_count() == 1 and not entry.leads_to

    def _accept(self, number: Any, kind: Any, content: Any) -> Any:
        """Make this side's object of what the other side shares for the first time."""
        if type(number) is not int or number in self._shared or number % 2 == self._next % 2 or number < 0:
            raise Foul("a new object under a number that is not free")
        value: Any
        passage = None
        if type(kind) is str and kind in KINDS:
            value = KINDS[kind].make(content)
        elif kind == "array" and type(content) is np.ndarray:
            value = content.copy()
        elif kind == "tensor":
            value, passage = self._new_tensor(number, *fields(content, 3))
        else:
            raise Foul("a new object of an unknown kind")
        entry = self._register(value, kind, number)
        entry.passage = passage
        self._write(entry, content)
        return value

    def _new_tensor(self, number: int, value: Any, sources: Any, gradient: Any) -> tuple[Any, Any]:
        if type(value) is not TensorValue or self._torch is None:
            raise Foul("a tensor without values")
        made = self._converter.live(value, requires_grad=value.requires_grad and sources is None)
        if sources is None:
            return made, None
        if not all(type(n) is int and n in self._shared for n in listed(sources)):
            raise Foul("a tensor that came from what is not shared")
        leaves = [self._shared[n].object for n in sources]
        if not all(map(self._needs_grad, leaves)):
            raise Foul("a tensor that came from what needs no gradient")
        anchor, passage = self._torch.zeros((), requires_grad=True), _Passage()
        with self._torch.enable_grad():
            joined = _link(self._torch).apply(self, number, made, sources, passage, anchor, *leaves)
        for source in sources:
            self._shared[source].leads_to.append(weakref.ref(passage))
        return joined, weakref.ref(passage)

    def _needs_grad(self, value: Any) -> bool:
        return type(value) in (self._torch.Tensor, self._torch.nn.Parameter) and value.requires_grad

    def _write(self, entry: _Shared, content: Any) -> None:
        """Let this side's object hold what the other side's holds."""
        target, kind = entry.object, entry.kind
        try:
            if kind in KINDS:
                KINDS[kind].write(target, content, self._decode)
            elif kind == "array":
                if type(content) is not np.ndarray or (content.shape, content.dtype) != (target.shape, target.dtype):
                    raise Foul("an array changed its shape or its dtype")
                if content.tobytes() != target.tobytes():
                    np.copyto(target, content)
            else:
                self._write_tensor(target, *fields(content, 3))
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise Foul(f"a change that cannot be made: {error}") from error
        # Encoded as this side would, so that it counts as known.
        entry.known = self._content(entry)

    def _write_tensor(self, target: Any, value: Any, sources: Any, gradient: Any) -> None:
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
            if target.requires_grad != value.requires_grad and sources is None:
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
            end = self._shared[number].object if number in self._shared else self._behind[number]
            self._torch.autograd.backward(end, cotangent, retain_graph=True)
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

    def _random_states(self) -> tuple[Any, ...]:
        """Those of NumPy, `random` and torch, as they are quick to get and to compare."""
        _, keys, *others = cast("tuple[Any, ...]", np.random.get_state(legacy=True))
        for_torch = None if self._torch is None else self._torch.get_rng_state().numpy().tobytes()
        return keys.tobytes(), *others, random.getstate(), for_torch

    def _told_random_states(self) -> list[Any]:
        """The same for the other side. Both modules have the methods of a generator of their own."""
        shared = [KINDS[kind].read(module, self._encode) for kind, module in _RANDOM_MODULES]
        return [*shared, None if self._torch is None else self._torch.get_rng_state().numpy().copy()]

    def _set_random_states(self, states: Any) -> None:
        try:
            *shared, for_torch = fields(states, 3)
            for (kind, module), content in zip(_RANDOM_MODULES, shared, strict=True):
                KINDS[kind].write(module, content, self._decode)
            if for_torch is not None and self._torch is not None:
                self._torch.set_rng_state(self._torch.from_numpy(for_torch.copy()))
        except (TypeError, ValueError, RuntimeError, AttributeError, OverflowError) as error:
            raise Foul(f"a state of a random generator that is none: {error}") from error
        self._random = self._random_states()


# Small things.

_CALLABLE = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial, np.ufunc)
_RANDOM_MODULES = (("RandomState", np.random), ("Random", random))
#: What of the operations does nothing but look.
_ONLY_LOOKS = frozenset({"value", "class", "class name"})


class _Passage:
    """Lives as long as the operator that joins a tensor to the graph."""


def _can_be_called(value: Any) -> bool:
    """Whether a test may hand it over: a function, or an object of a class of the test's own that can be called."""
    return type(value) in _CALLABLE or ("__call__" in vars(type(value)) and type(value).__module__ == "otter_test")


def _drawn(iterator: Any) -> list[Any]:
    """What is left of an iterator of a test, which crosses as a list does."""
    items = list(itertools.islice(iterator, _MAX_DRAWN + 1))
    if len(items) > _MAX_DRAWN:
        raise NotCarried(f"an iterator of more than {_MAX_DRAWN} items cannot be handed to the student's code")
    return items


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
        return bool(a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes())
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
            ctx: Any,
            exchange: Exchange,
            number: int,
            value: Any,
            inputs: list[int],
            passage: _Passage,
            anchor: Any,
            *leaves: Any,
        ) -> Any:
            ctx.exchange, ctx.number, ctx.inputs, ctx.passage = exchange, number, inputs, passage
            return value

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]  # as above
        def backward(ctx: Any, cotangent: Any) -> Any:
            gradients = ctx.exchange.ask("vjp", ctx.number, cotangent, tuple(ctx.inputs))
            return (None, None, None, None, None, None, *gradients)

    return Link
