"""Would this torch code run on an accelerator? Asked on a machine that has none.

The student's function gets tensors with real data that say they live on ``cuda:0``. Every operator runs on the data
inside, after CUDA's rules about mixing devices: CPU tensors without axes, CPU index tensors and copies are allowed,
anything else across devices is an error, and so is a conversion to NumPy. The result has to be on the device.

Underneath, the tensors are CPU tensors for torch: the device is told by a function mode alone. A registered device of
one's own (PrivateUse1) would not do in a forked job, whose autograd engine has no thread for it. What torch itself
creates inside of one of its functions counts as being on the device; so a fault may be missed, but none is invented.
Whatever else goes wrong is "unknown", and never held against a student.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

from autograder.course.observe import OBSERVED

if TYPE_CHECKING:
    from autograder.course.probes import Bench, Call, Gradient, Parts

#: Operators that take CPU tensors (the second one: as indices) beside tensors on the device.
_MAY_MIX = frozenset({"copy_", "_to_copy", "index", "_unsafe_index", "index_put", "index_put_", "_index_put_impl_"})
_CELL = re.compile(r"<cell (\d{1,4})>")
_TO_NUMPY = frozenset({"numpy", "__array__"})
_BACKWARD = frozenset({"grad", "backward"})


@dataclass(frozen=True)
class Device:
    """Ask a probe twice: as it is, for the answer, and with tensors that say they are on an accelerator."""

    verb: ClassVar[str] = "device"
    probe: Call | Gradient

    def ask(self, name: str, bench: Bench) -> Parts:
        return self.probe.ask(name, bench) | {OBSERVED: self._on_device(name, bench)}

    def _on_device(self, name: str, bench: Bench) -> dict[str, Any]:
        unknown = {"device": "unknown"}
        try:
            room = _Room(bench.torch)
        except Exception:  # a version of torch without what this is built from
            return unknown
        try:
            with room.entered():
                self.probe.ask(name, _DeviceBench(bench, room))
        except BaseException:  # student code, and what the tensors of this module cannot do
            return room.fault or unknown
        return room.fault or {"device": "fine"}


def device(probe: Call | Gradient) -> Device:
    """A `Device` probe around another one: right answers, and nothing that would fail on an accelerator."""
    return Device(probe)


class _DeviceBench:
    """The bench of a job with every tensor on the device; results are looked at, not copied."""

    def __init__(self, bench: Bench, room: _Room) -> None:
        self._bench, self._room = bench, room
        self.find, self.torch = bench.find, bench.torch

    def live(self, value: Any, *, requires_grad: bool = False) -> Any:
        return self._room.moved_in(self._bench.live(value, requires_grad=requires_grad))

    def plain(self, value: Any) -> Any:
        if any(not self._room.holds(leaf) for leaf in _tensors(self.torch, value)):
            self._room.note("result", "")
        return None


def _tensors(torch: Any, value: Any) -> Iterator[Any]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(torch, item)
    elif isinstance(value, dict):
        yield from _tensors(torch, list(value.values()))


class _Room:
    """The simulated device of one run of the student's function: its tensors, and the first fault that was seen."""

    def __init__(self, torch: Any) -> None:
        from torch.utils._pytree import tree_map

        self.fault: dict[str, Any] | None = None
        self.torch, self._home = torch, torch.device("cuda", 0)
        self._getters = {torch.Tensor.device: self._home, torch.Tensor.is_cuda: True, torch.Tensor.is_cpu: False}
        self._on_device, *self._modes = _types_of(torch, self)
        self._tree_map = tree_map
        self._inside = 0  # how many calls of torch's functions with tensors on the device are open
        self._backward = 0
        self._output = ""  # where results of the next operators go: "", "in" or "out"

    @contextmanager
    def entered(self) -> Iterator[None]:
        with ExitStack() as stack:
            for mode in self._modes:
                stack.enter_context(mode())
            yield

    def holds(self, value: Any) -> bool:
        return isinstance(value, self._on_device)

    def moved_in(self, value: Any) -> Any:
        """The value with its tensors as new leaves on the device."""
        if isinstance(value, list | tuple):
            return type(value)(map(self.moved_in, value))
        if not isinstance(value, self.torch.Tensor) or self.holds(value):
            return value
        with self.torch._C.DisableTorchFunction():
            wanted = value.requires_grad
            return self._on_device(value.detach()).requires_grad_(wanted)

    def note(self, kind: str, operator: str) -> None:
        """Remember a fault, unless there was one before, with the student's line."""
        if self.fault is None:
            cell, line = _place()
            self.fault = {"device": "fault", "kind": kind, "operator": operator, "cell": cell, "line": line}

    # What Python code calls.

    def call(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        name = getattr(func, "__name__", "")
        first = args[0] if args else None
        if name == "__get__" and self.holds(first):
            told = self._getters.get(getattr(func, "__self__", None))
            if told is not None:
                return told
        if name == "get_device" and self.holds(first):
            return 0
        if name in _TO_NUMPY and self.holds(first):
            self.note("numpy", "")
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")
        target, args, kwargs = self._target(name, args, kwargs)
        tensors = list(_tensors(self.torch, [*args, *kwargs.values()]))
        inside = any(map(self.holds, tensors)) or (target == "in" and not tensors)
        backward = name in _BACKWARD
        before = self._inside, self._backward, self._output
        self._inside, self._backward = before[0] + inside, before[1] + backward
        try:
            result = func(*args, **kwargs)
            if target and isinstance(result, self.torch.Tensor) and self.holds(result) != (target == "in"):
                self._output = target
                result = result.clone()
            return result
        finally:
            self._inside, self._backward, self._output = before

    def _target(self, name: str, args: Any, kwargs: dict[str, Any]) -> tuple[str, Any, dict[str, Any]]:
        """Where a call wants its result, and its arguments without the device; "" where it does not say."""
        if name in ("cpu", "cuda") and args:
            return ("out" if name == "cpu" else "in"), args[:1], {}
        kept = {key: value for key, value in kwargs.items() if key != "device"}
        devices = [kwargs["device"]] if kwargs.get("device") is not None else []
        if name == "to" and args:
            rest = []
            for value in args[1:]:
                if isinstance(value, self.torch.Tensor):
                    devices.append(self._home if self.holds(value) else "cpu")
                    rest.append(value.dtype)
                elif isinstance(value, str | self.torch.device) or type(value) is int:
                    devices.append(value)
                else:
                    rest.append(value)
            other = kept.pop("other", None)
            if isinstance(other, self.torch.Tensor):
                devices.append(self._home if self.holds(other) else "cpu")
                rest.append(other.dtype)
            if not rest and not kept:
                rest = [args[0].dtype]
            args = (args[0], *rest)
        if not devices:
            return "", args, kept
        return ("out" if self.torch.device(devices[-1]).type == "cpu" else "in"), args, kept

    # What runs in the end.

    def run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        tensors = list(_tensors(self.torch, [*args, *kwargs.values()]))
        here = [t for t in tensors if self.holds(t)]
        there = [t for t in tensors if not self.holds(t)]
        name = func._schema.name.rpartition("::")[2]
        if here and there and not self._backward and name not in _MAY_MIX:
            writes_there = name.endswith("_") and not self.holds(args[0])
            if writes_there or any(t.dim() > 0 for t in there):
                self.note("mixed", name)
                raise RuntimeError("Expected all tensors to be on the same device: cuda:0 and cpu.")
        if name.startswith("index_put") and not self.holds(args[0]) and self.holds(args[2]) and args[2].dim() > 0:
            self.note("mixed", name)
            raise RuntimeError("Expected all tensors to be on the same device: cuda:0 and cpu.")
        result = func(*self._tree_map(self._inner, args), **self._tree_map(self._inner, kwargs))
        on_device = bool(here) or (not there and bool(self._inside or self._backward))
        if name == "copy_" or name.startswith("index_put"):
            on_device = self.holds(args[0])
        on_device = {"in": True, "out": False}.get(self._output, on_device)
        known = {id(t.inner): t for t in here}

        def outer(leaf: Any) -> Any:
            if not isinstance(leaf, self.torch.Tensor) or not on_device:
                return leaf
            return known.get(id(leaf)) if id(leaf) in known else self._on_device(leaf)

        if not on_device and name.endswith("_"):
            return args[0]
        return self._tree_map(outer, result)

    def _inner(self, leaf: Any) -> Any:
        return leaf.inner if self.holds(leaf) else leaf


def _types_of(torch: Any, room: _Room) -> tuple[Any, Any, Any]:
    """The class of tensors on the device, and the modes that bring every function and every operator to the room.

    Made for each room: torch comes as a value.
    """
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    class OnDevice(torch.Tensor):  # type: ignore[misc]  # torch comes as a value
        __torch_function__ = torch._C._disabled_torch_function_impl

        @staticmethod
        def __new__(cls: Any, inner: Any) -> Any:
            made = torch.Tensor._make_wrapper_subclass(
                cls,
                inner.size(),
                strides=inner.stride(),
                storage_offset=inner.storage_offset(),
                dtype=inner.dtype,
                device=inner.device,
            )
            made.inner = inner
            return made

        @classmethod
        def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return room.run(func, args, kwargs or {})

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return room.call(func, args, kwargs or {})

    class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own class has no types
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return room.run(func, args, kwargs or {})

    return OnDevice, Operators, Functions


def _place() -> tuple[int, int]:
    """Cell and line of the innermost student code on the stack; (0, 0) where there is none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        found = _CELL.fullmatch(frame.f_code.co_filename)
        if found:
            return int(found[1]), frame.f_lineno
        frame = frame.f_back
    return 0, 0
