"""What a check asks of a student's name: one class per verb, all of it plain data.

A probe is made in the grader, crosses to the job as data, and is carried out there by its `ask` method, which returns
named parts: ``{"output": ..., "input x after the call": ...}``. The solution answers the same probes in the same way,
so the grader only ever compares two sets of parts. A new verb is one more class here.

`ask` runs beside student code. It therefore sends back what it observed and decides nothing.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from textwrap import dedent
from typing import Any, ClassVar, Protocol

import numpy as np

from autograder.course.accelerator import Device
from autograder.course.observe import Lines, Ops
from autograder.course.values import Code, Generator

# References taken before any student code runs.
_concatenate, _argsort, _array_equal = np.concatenate, np.argsort, np.array_equal
_default_rng = np.random.default_rng

#: The answer to a probe: parts by name, each a value that can cross the wire.
Parts = dict[str, Any]

# What a script needs, as it was before a cell could replace it.
_compile, _exec, _eval = compile, exec, eval
_BUILTINS = dict(vars(builtins))


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
class Put:
    """Set something of an object between two calls of a `Steps` probe; it adds no part.

    Attributes:
        path: the way from the object: names of attributes, keys of dicts, positions in lists. ``("lr",)`` is its
            attribute, ``("param_groups", 0, "lr")`` an entry of a dict in a list.
        value: what to put there.
        on: which of the constructed objects is changed.
    """

    path: tuple[str | int, ...]
    value: Any
    on: int = 0


@dataclass(frozen=True)
class Result:
    """As an argument in a `Steps` probe: what an earlier call returned, itself and not a copy.

    Attributes:
        step: number of that call, counted from 1 and with every `Put`. Its result is then no part: a state dict may
            have any entries, as long as loading it works.
    """

    step: int


@dataclass(frozen=True)
class Steps:
    """Construct objects of the student's class, call methods in order, observe the state after each.

    Parts are the return value of each call, the constructor's arrays after it (an optimizer changes its parameters in
    place: a list that holds new arrays afterwards changes nothing), and the watched attributes.

    Attributes:
        constructs: arguments of each object to make; several objects show state that instances share.
        calls: the method calls in order, and what is set between them.
        watch: attributes to read after each call.
        reuse_buffers: pass every step's arrays in the same buffers, overwritten, as a training loop would.
        watch_inputs: the array arguments of each call as they look after it are parts, too.
    """

    verb: ClassVar[str] = "steps"
    constructs: tuple[Call, ...] = ()
    calls: tuple[Do | Put, ...] = ()
    watch: tuple[str, ...] = ()
    reuse_buffers: bool = False
    watch_inputs: bool = False

    def ask(self, name: str, bench: Bench) -> Parts:
        make = bench.find(name)
        made = [_live_arguments(c, bench) for c in self.constructs]
        # In lists of our own: an object that puts other arrays into its list has not changed those it was given.
        held = [map_values(_named(args, kwargs), lambda array: array) for args, kwargs in made]
        objects = [make(*args, **kwargs) for args, kwargs in made]
        passed_on = {r.step for c in self.calls if isinstance(c, Do) for r in c.args if isinstance(r, Result)}
        results: dict[int, Any] = {}
        parts: Parts = {}
        buffers: dict[Any, Any] = {}
        for number, call in enumerate(self.calls, start=1):
            if isinstance(call, Put):
                _put(objects[call.on], call.path, bench.live(call.value))
                continue
            args, kwargs = _live_arguments(call, bench)
            args = tuple(results[a.step] if isinstance(a, Result) else a for a in args)
            if self.reuse_buffers:
                args = tuple(_reuse(buffers, (call.method, i), a) for i, a in enumerate(args))
            label = f"step {number}, {call.method}()"
            given = map_values(_named(args, kwargs), lambda array: array) if self.watch_inputs else {}
            results[number] = getattr(objects[call.on], call.method)(*args, **kwargs)
            if number not in passed_on:
                parts[f"result of {label}"] = bench.plain(results[number])
            for key, value in given.items():
                if _has_arrays(value):
                    parts[f"input {key} after call of {label}"] = bench.plain(value)
            for i, arguments in enumerate(held):
                which = "" if len(held) == 1 else f" of object {i + 1}"
                for key, value in arguments.items():
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
class OnModule:
    """Call the student's function with a torch module as its first argument, and look at the module afterwards.

    Parts are what `watch` names, and nothing else: whoever forgets one thing shall not lose every check.

    Attributes:
        module: expression that makes the module.
        state: state dict of the module; parameters take dtype and device from it.
        args: further positional arguments.
        kwargs: named arguments.
        training: whether the module comes in training mode.
        stale: whether every parameter comes with a gradient, of ones, as an earlier backward pass leaves it.
        watch: parts to ask for: "output", "graph" (whether the output is tied to one), and "state" and "mode" of the
            module after the call.
    """

    verb: ClassVar[str] = "on_module"
    WATCHED: ClassVar[Mapping[str, str]] = {
        "output": "output",
        "graph": "output.requires_grad",
        "state": "state_dict() after the call",
        "mode": "model.training after the call",
    }
    module: Code
    state: Mapping[str, Any] = field(default_factory=dict)
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    training: bool = False
    stale: bool = False
    watch: tuple[str, ...] = ("output",)

    def ask(self, name: str, bench: Bench) -> Parts:
        torch = bench.torch
        function = bench.find(name)
        module = bench.live(self.module)
        module.load_state_dict({k: bench.live(v) for k, v in self.state.items()}, assign=True)
        module.train(self.training)
        if self.stale:
            for parameter in module.parameters():
                parameter.grad = torch.ones_like(parameter)
        args, kwargs = _live_arguments(self, bench)
        output = function(module, *args, **kwargs)
        seen = {
            "output": bench.plain(output),
            "graph": bool(output.requires_grad) if isinstance(output, torch.Tensor) else None,
            "state": bench.plain(dict(module.state_dict())),
            "mode": bool(module.training),
        }
        return {self.WATCHED[key]: seen[key] for key in self.watch}


@dataclass(frozen=True)
class Epochs:
    """Go through the student's mini-batches for several epochs, with one generator for all of them.

    Every rule of shuffling gives other batches, and all of them are right. So the parts are what they have in common:
    the shapes of the batches, and the samples of each epoch with their targets, put back in the order of `x`.

    Attributes:
        x: samples, no two of them equal.
        y: their targets.
        batch_size: samples in a batch.
        seed: of the generator.
        epochs: how often to ask for batches.
        orders: whether to count what shuffling forbids: epochs in the order of `x`, repeated orders, full batches that
            are a stretch of `x`; and to compare with a second generator of this seed. For so many samples that none of
            it happens by chance.
        inputs: whether to look at `x` and `y` afterwards.
    """

    verb: ClassVar[str] = "epochs"
    x: Any
    y: Any
    batch_size: int
    seed: int = 0
    epochs: int = 2
    orders: bool = False
    inputs: bool = False

    def ask(self, name: str, bench: Bench) -> Parts:
        function = bench.find(name)
        x, y = bench.live(self.x), bench.live(self.y)
        batched = self._run(function, x, y, bench)
        place = {row.tobytes(): i for i, row in enumerate(self.x)}
        parts: Parts = {}
        places = []
        for number, batches in enumerate(batched, start=1):
            parts[f"shapes of the batches of epoch {number}"] = [(a.shape, b.shape) for a, b in batches]
            if not batches:
                continue
            samples, targets = (_concatenate(side) for side in zip(*batches, strict=True))
            places.append([[place.get(row.tobytes(), -1) for row in a] for a, _ in batches])
            order = _argsort([i for batch in places[-1] for i in batch], kind="stable")
            parts[f"x of epoch {number} in its old order"] = samples[order]
            parts[f"y of epoch {number} in the same order"] = targets[order[order < len(targets)]]
        if self.orders:
            flat = [[i for batch in epoch for i in batch] for epoch in places]
            whole = [batch for epoch in places for batch in epoch if len(batch) == self.batch_size > 1]
            again = self._run(function, bench.live(self.x), bench.live(self.y), bench)
            parts["epochs that keep the order of x"] = sum(order == sorted(order) for order in flat)
            parts["epochs that repeat an order"] = len(flat) - len(set(map(tuple, flat)))
            parts["full batches that are a stretch of x"] = sum(max(b) - min(b) == len(b) - 1 for b in whole)
            parts["the same seed gives the same batches"] = _same_batches(batched, again)
        if self.inputs:
            parts |= {"input x after the call": bench.plain(x), "input y after the call": bench.plain(y)}
        return parts

    def _run(self, function: Any, x: Any, y: Any, bench: Bench) -> list[list[tuple[Any, Any]]]:
        """The batches of each epoch, as pairs of copies."""
        rng = _default_rng(self.seed)
        epochs = []
        for _ in range(self.epochs):
            batches = function(x=x, y=y, batch_size=self.batch_size, rng=rng)
            epochs.append([(bench.plain(a), bench.plain(b)) for a, b in batches])
        return epochs


@dataclass(frozen=True)
class Value:
    """The value of a variable that the student assigned."""

    verb: ClassVar[str] = "value"

    def ask(self, name: str, bench: Bench) -> Parts:
        return {"value": bench.plain(bench.find(name))}


@dataclass(frozen=True)
class Script:
    """Run a few lines that use the student's object, then look at expressions.

    For classes whose objects mean something to each other only, such as the nodes of a graph: the lines make and use
    them, and numbers come back. Each expression is a part, under its own text.

    Attributes:
        lines: statements. They know the question's name, those in `uses`, the inputs, and `np`.
        shown: the expressions.
        uses: other names of the student's that the lines need.
        inputs: values by name.
    """

    verb: ClassVar[str] = "script"
    lines: str = ""
    shown: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def ask(self, name: str, bench: Bench) -> Parts:
        names: dict[str, Any] = {"__builtins__": _BUILTINS, "__name__": "script", "np": np, name: bench.find(name)}
        for used in self.uses:
            # Where it is missing, the line that needs it says so: the question itself is there.
            with suppress(MissingName):
                names[used] = bench.find(used)
        names |= {label: bench.live(item) for label, item in self.inputs.items()}
        _exec(_compile(self.lines, "<script>", "exec", dont_inherit=True), names)
        return {e: bench.plain(_eval(_compile(e, "<script>", "eval", dont_inherit=True), names)) for e in self.shown}


#: Verbs that watch the answer to another probe; see `autograder.course.observe`.
OBSERVING: tuple[type[Any], ...] = (Ops, Lines, Device)

Probe = Call | Gradient | Steps | Module | OnModule | Epochs | Script | Value | Ops | Lines | Device

_CONTAINERS: tuple[type[Any], ...] = (
    *(Call, Gradient, Do, Put, Steps, Module, OnModule, Epochs, Script, Value),
    *OBSERVING,
)

#: Every class that may cross to the job, by name: the verbs, and the inputs that only the job can make.
RECORDS: dict[str, type[Any]] = {c.__name__: c for c in (*_CONTAINERS, Result, Code, Generator)}


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


def put(path: str | tuple[str | int, ...], value: Any, on: int = 0) -> Put:
    """Set an attribute (or what lies further down, see `Put`) of object number `on` of a `steps` probe."""
    return Put((path,) if isinstance(path, str) else path, value, on)


def steps(
    construct: Call | tuple[Call, ...],
    *calls: Do | Put,
    watch: tuple[str, ...] = (),
    reuse_buffers: bool = False,
    watch_inputs: bool = False,
) -> Steps:
    """A `Steps` probe: make the object (or several), then call its methods in order."""
    constructs = (construct,) if isinstance(construct, Call) else construct
    return Steps(constructs, calls, watch, reuse_buffers, watch_inputs)


def module(
    construct: Call, *args: Any, state: Mapping[str, Any] | None = None, training: bool = False, cotangent_seed: int = 0
) -> Module:
    """A `Module` probe: construct, load `state`, run forward on `args` and backward."""
    return Module(construct, state or {}, args, training, cotangent_seed)


def on_module(
    module: Code,
    *args: Any,
    state: Mapping[str, Any],
    training: bool = False,
    stale: bool = False,
    watch: tuple[str, ...] = ("output",),
    **kwargs: Any,
) -> OnModule:
    """An `OnModule` probe: make the module, load `state`, call the question's function with it and these arguments."""
    return OnModule(module, state, args, kwargs, training, stale, watch)


def epochs(
    x: Any, y: Any, batch_size: int, *, seed: int = 0, epochs: int = 2, orders: bool = False, inputs: bool = False
) -> Epochs:
    """An `Epochs` probe: go through the question's mini-batches of `x` and `y`."""
    return Epochs(x, y, batch_size, seed, epochs, orders, inputs)


def value() -> Value:
    """The question's variable itself."""
    return Value()


def script(lines: str, *shown: str, uses: tuple[str, ...] = (), **inputs: Any) -> Script:
    """A `Script` probe: run `lines`, which know the question's name, `uses`, `inputs` and `np`, then show `shown`."""
    return Script(dedent(lines).strip(), shown, uses, inputs)


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
    if isinstance(value, dict):
        return _has_arrays(list(value.values()))
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


def _same_batches(first: list[list[tuple[Any, Any]]], second: list[list[tuple[Any, Any]]]) -> bool:
    """Whether all arrays of two lists of epochs are equal."""
    arrays = [[a for epoch in run for batch in epoch for a in batch] for run in (first, second)]
    return len(arrays[0]) == len(arrays[1]) and all(map(_array_equal, *arrays))


def _put(target: Any, path: tuple[Any, ...], value: Any) -> None:
    """Set what lies at the end of a path; see `Put`."""
    *way, last = path
    for key in way:
        target = target[key] if isinstance(target, dict | list) else getattr(target, key)
    if isinstance(target, dict | list):
        target[last] = value
    else:
        setattr(target, last, value)


def _reuse(buffers: dict[Any, Any], key: Any, value: Any) -> Any:
    """The buffer that held this argument before, overwritten with the new value."""
    if isinstance(value, list | tuple):
        return type(value)(_reuse(buffers, (*key, i), item) for i, item in enumerate(value))
    held = buffers.setdefault(key, value)
    if held is not value:
        held[...] = value
    return held
