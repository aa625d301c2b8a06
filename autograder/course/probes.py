"""What a check asks of a student's name: one class per verb, all of it plain data.

A probe is made in the grader, crosses to the job as data, and is carried out there by its `ask` method, which returns
named parts: ``{"output": ..., "input x after the call": ...}``. The solution answers the same probes in the same way,
so the grader only ever compares two sets of parts. A new verb is one more class here.

`ask` runs beside student code. It therefore sends back what it observed and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from autograder.course.accelerator import Device
from autograder.course.observe import Lines, Ops
from autograder.course.values import Code, Generator

#: The answer to a probe: parts by name, each a value that can cross the wire.
Parts = dict[str, Any]


class Bench(Protocol):
    """What the job offers to a probe: the student's names, and conversion between data and live objects."""

    def find(self, name: str) -> Any:
        """The student's object of this name.

        Raises:
            MissingName: there is none.
            NotImplementedError: it is still the ``...`` of the stub.
        """

    def live(self, value: Any, *, requires_grad: bool = False) -> Any:
        """A fresh live object for a value: tensors on the device of the run, arrays as writable copies."""

    def plain(self, value: Any) -> Any:
        """A copy of a live object as data, read by exact type."""

    @property
    def torch(self) -> Any:
        """The torch module as it was before any student code ran."""


class MissingName(Exception):
    """The notebook does not define the name that a question asks for."""


@dataclass(frozen=True)
class Call:
    """Call the student's function.

    The output is a part. Called more than once, with fresh copies of the inputs, every output is one, and so are the
    array inputs as they look after each call: that shows a function which remembers something, or which writes to its
    inputs.

    Attributes:
        args: positional arguments.
        kwargs: named arguments.
        times: how often to call it.
        method: attribute of the student's object to call instead of the object itself, such as ``apply`` of a
            `torch.autograd.Function`.
    """

    verb: ClassVar[str] = "call"
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    times: int = 1
    method: str = ""

    def ask(self, name: str, bench: Bench) -> Parts:
        function = _find(name, self.method, bench)
        parts: Parts = {}
        for i in range(self.times):
            args, kwargs = _live_arguments(self, bench)
            if self.times == 1:
                return {"output": bench.plain(function(*args, **kwargs))}
            parts[f"output of call {i + 1}"] = bench.plain(function(*args, **kwargs))
            for label, value in _named(args, kwargs).items():
                if _has_arrays(value):
                    parts[f"input {label} after call {i + 1}"] = bench.plain(value)
        return parts


@dataclass(frozen=True)
class Gradient:
    """Vector-Jacobian product of the student's torch function through autograd.

    The cotangent has the shape of the output and is drawn from `cotangent_seed`, one per floating-point output.

    Attributes:
        wrt: names of the tensor arguments (or their positions, as text) that get a gradient.
        method: as in `Call`.
    """

    verb: ClassVar[str] = "gradient"
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    wrt: tuple[str, ...] = ("x",)
    cotangent_seed: int = 0
    method: str = ""

    def ask(self, name: str, bench: Bench) -> Parts:
        torch = bench.torch
        function = _find(name, self.method, bench)
        args, kwargs = _live_arguments(self, bench, self.wrt)
        output = function(*args, **kwargs)
        parts: Parts = {"output": bench.plain(output)}
        outputs = [t for t in _flat(output) if isinstance(t, torch.Tensor) and t.is_floating_point()]
        named = _named(args, kwargs)
        leaves = [named[w] for w in self.wrt]
        connected = [t for t in outputs if t.requires_grad]
        gradients: tuple[Any, ...] = (None,) * len(leaves)
        if connected:
            rng = np.random.default_rng(self.cotangent_seed)
            cotangents = [_cotangent(torch, t, rng) for t in connected]
            gradients = torch.autograd.grad(connected, leaves, cotangents, allow_unused=True)
        for label, gradient in zip(self.wrt, gradients, strict=True):
            parts[f"gradient of {label}"] = bench.plain(gradient)
        return parts


@dataclass(frozen=True)
class Do:
    """One method call of a `Steps` probe.

    Attributes:
        method: name of the method.
        on: which of the constructed objects it is called on.
    """

    method: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    on: int = 0


@dataclass(frozen=True)
class Steps:
    """Construct objects of the student's class, call methods in order, observe the state after each.

    Parts are the return value of each call, the constructor's array arguments after it (an optimizer changes its
    parameters in place), and the watched attributes.

    Attributes:
        constructs: arguments of each object to make; several objects show state that instances share.
        calls: the method calls in order.
        watch: attributes to read after each call.
        reuse_buffers: pass every step's arrays in the same buffers, overwritten, as a training loop would.
    """

    verb: ClassVar[str] = "steps"
    constructs: tuple[Call, ...] = ()
    calls: tuple[Do, ...] = ()
    watch: tuple[str, ...] = ()
    reuse_buffers: bool = False

    def ask(self, name: str, bench: Bench) -> Parts:
        make = bench.find(name)
        held = [_live_arguments(c, bench) for c in self.constructs]
        objects = [make(*args, **kwargs) for args, kwargs in held]
        parts: Parts = {}
        buffers: dict[Any, Any] = {}
        for number, call in enumerate(self.calls, start=1):
            args, kwargs = _live_arguments(call, bench)
            if self.reuse_buffers:
                args = tuple(_reuse(buffers, (call.method, i), a) for i, a in enumerate(args))
            label = f"step {number}, {call.method}()"
            parts[f"result of {label}"] = bench.plain(getattr(objects[call.on], call.method)(*args, **kwargs))
            for i, (held_args, held_kwargs) in enumerate(held):
                which = "" if len(held) == 1 else f" of object {i + 1}"
                for key, value in _named(held_args, held_kwargs).items():
                    if _has_arrays(value):
                        parts[f"{key}{which} after {label}"] = bench.plain(value)
                for attribute in self.watch:
                    parts[f"attribute {attribute}{which} after {label}"] = bench.plain(getattr(objects[i], attribute))
        return parts


@dataclass(frozen=True)
class Module:
    """Construct a torch module, load a state dict, run it forward and backward.

    Parts are the names and shapes of its own state dict, the output, and the gradient of every parameter and of every
    floating-point input, for a cotangent drawn from `cotangent_seed`.

    Attributes:
        construct: arguments of the constructor.
        state: state dict to load, by name; without one the module keeps its own random start values, and only the names
            and shapes are asked for.
        args: inputs of ``forward``.
        training: whether the module runs in training mode.
    """

    verb: ClassVar[str] = "module"
    construct: Call = field(default_factory=Call)
    state: Mapping[str, Any] = field(default_factory=dict)
    args: tuple[Any, ...] = ()
    training: bool = False
    cotangent_seed: int = 0

    def ask(self, name: str, bench: Bench) -> Parts:
        torch = bench.torch
        make = bench.find(name)
        args, kwargs = _live_arguments(self.construct, bench)
        module = make(*args, **kwargs)
        parts: Parts = {
            "names and shapes in state_dict()": {key: tuple(value.shape) for key, value in module.state_dict().items()},
        }
        if not self.state:
            return parts
        module.load_state_dict({k: bench.live(v) for k, v in self.state.items()})
        module.train(self.training)
        inputs = tuple(bench.live(a, requires_grad=True) for a in self.args)
        output = module(*inputs)
        parts["output"] = bench.plain(output)
        parameters = dict(module.named_parameters())
        leaves = {f"gradient of {key}": p for key, p in parameters.items()}
        leaves |= {f"gradient of input {i + 1}": t for i, t in enumerate(inputs) if getattr(t, "requires_grad", False)}
        gradients: tuple[Any, ...] = (None,) * len(leaves)
        if leaves and isinstance(output, torch.Tensor) and output.requires_grad:
            cotangent = _cotangent(torch, output, np.random.default_rng(self.cotangent_seed))
            gradients = torch.autograd.grad(output, list(leaves.values()), cotangent, allow_unused=True)
        for label, gradient in zip(leaves, gradients, strict=True):
            parts[label] = bench.plain(gradient)
        return parts


@dataclass(frozen=True)
class Value:
    """The value of a variable that the student assigned."""

    verb: ClassVar[str] = "value"

    def ask(self, name: str, bench: Bench) -> Parts:
        return {"value": bench.plain(bench.find(name))}


#: Verbs that watch the answer to another probe; see `autograder.course.observe`.
OBSERVING: tuple[type[Any], ...] = (Ops, Lines, Device)

Probe = Call | Gradient | Steps | Module | Value | Ops | Lines | Device

_CONTAINERS: tuple[type[Any], ...] = (Call, Gradient, Do, Steps, Module, Value, *OBSERVING)

#: Every class that may cross to the job, by name: the verbs, and the inputs that only the job can make.
RECORDS: dict[str, type[Any]] = {c.__name__: c for c in (*_CONTAINERS, Code, Generator)}


def call(*args: Any, method: str = "", **kwargs: Any) -> Call:
    """A `Call` of the question's function (or of this attribute of it) with these arguments."""
    return Call(args, kwargs, method=method)


def call_twice(*args: Any, method: str = "", **kwargs: Any) -> Call:
    """Two `Call`s with these arguments, whose outputs must agree and which must leave their inputs alone."""
    return Call(args, kwargs, times=2, method=method)


def gradient(
    *args: Any, wrt: str | tuple[str, ...] = "x", cotangent_seed: int = 0, method: str = "", **kwargs: Any
) -> Gradient:
    """A `Gradient` of the question's torch function with these arguments, for the arguments named in `wrt`."""
    return Gradient(args, kwargs, (wrt,) if isinstance(wrt, str) else wrt, cotangent_seed, method)


def do(method: str, *args: Any, on: int = 0, **kwargs: Any) -> Do:
    """One method call of a `steps` probe, on object number `on`."""
    return Do(method, args, kwargs, on)


def steps(
    construct: Call | tuple[Call, ...], *calls: Do, watch: tuple[str, ...] = (), reuse_buffers: bool = False
) -> Steps:
    """A `Steps` probe: make the object (or several), then call its methods in order."""
    return Steps((construct,) if isinstance(construct, Call) else construct, calls, watch, reuse_buffers)


def module(
    construct: Call, *args: Any, state: Mapping[str, Any] | None = None, training: bool = False, cotangent_seed: int = 0
) -> Module:
    """A `Module` probe: construct, load `state`, run forward on `args` and backward."""
    return Module(construct, state or {}, args, training, cotangent_seed)


def value() -> Value:
    """The question's variable itself."""
    return Value()


def map_values(record: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of a probe (or any value in it) in which `change` was applied to every array, tensor and scalar."""
    if type(record) in _CONTAINERS:
        return replace(record, **{f.name: map_values(getattr(record, f.name), change) for f in fields(record)})
    if isinstance(record, Mapping):
        return {key: map_values(item, change) for key, item in record.items()}
    if isinstance(record, tuple | list):
        return type(record)(map_values(item, change) for item in record)
    return change(record)


def _find(name: str, method: str, bench: Bench) -> Any:
    """What a call calls: the student's object, or an attribute of it."""
    found = bench.find(name)
    return getattr(found, method) if method else found


def _live_arguments(record: Any, bench: Bench, wrt: tuple[str, ...] = ()) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args = tuple(bench.live(a, requires_grad=str(i) in wrt) for i, a in enumerate(record.args))
    kwargs = {k: bench.live(v, requires_grad=k in wrt) for k, v in record.kwargs.items()}
    return args, kwargs


def _named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by the label under which parts and `wrt` speak of them: position or name."""
    return {str(i): a for i, a in enumerate(args)} | kwargs


def _has_arrays(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_has_arrays(item) for item in value)
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _flat(item)]
    return [value]


def _cotangent(torch: Any, output: Any, rng: np.random.Generator) -> Any:
    values = rng.normal(size=tuple(output.shape))
    return torch.as_tensor(values, dtype=output.dtype, device=output.device)


def _reuse(buffers: dict[Any, Any], key: Any, value: Any) -> Any:
    """The buffer that held this argument before, overwritten with the new value."""
    if isinstance(value, list | tuple):
        return type(value)(_reuse(buffers, (*key, i), item) for i, item in enumerate(value))
    held = buffers.setdefault(key, value)
    if held is not value:
        held[...] = value
    return held
