"""What runs inside a job: a server with three verbs, `run` cells, `ask` a question, and `hand over` to another server.

It lives in one process with student code, so it decides nothing: it runs what it is told, answers with data, and may be
killed at any moment. The grader counts the answers and keeps the clock.

Frames it reads:  ``{"do": "run", "cells": [[index, piece of the source, ...], ...]}``,
                  ``{"do": "ask", "question": name, "probes": [...]}``,
                  ``{"do": "hand over", "to": [module, function], ...}``.
Frames it writes: ``{"is": "ready"}``, one ``{"is": "cell", ...}`` per cell, without what is empty, and one
                  ``{"is": "answer", ...}`` per probe.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from autograder.course.probes import MissingName, Parts
from autograder.sandbox import wire
from autograder.sandbox.describe import describe_error
from autograder.sandbox.devices import Reach
from autograder.sandbox.live import Converter
from autograder.sandbox.settings import PLACES, restore_settings, settings_snapshot
from autograder.sandbox.shell import Shell

# References taken before student code can replace them.
_read, _write, _exit, _set_blocking = os.read, os.write, os._exit, os.set_blocking
_set_timer = getattr(signal, "setitimer", None)  # Windows has none
_prefix = wire.PREFIX.size
#: Room for the line that tells how much output was dropped.
_LAST_LINE = 100
# The grader is trusted, so the job accepts any size from it; its own memory limit stands.
_caps = wire.Caps(header=2**31, payload=2**40)
_grader_caps = wire.Caps()


class Channel:
    """Whole frames over a pair of descriptors."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd, self.write_fd = read_fd, write_fd

    def receive(self) -> Any:
        """The next message, or None when the grader has closed its end."""
        prefix = self._read_exactly(_prefix)
        if prefix is None:
            return None
        header_size, payload_size = wire.lengths(bytes(prefix), _caps)
        header, payload = self._read_exactly(header_size), self._read_exactly(payload_size)
        if header is None or payload is None:
            return None
        return wire.decode(bytes(header), payload, records=True)

    def send(self, message: Any) -> None:
        """Write one frame, waiting while the grader has not read the ones before.

        Raises:
            WireError: the message cannot cross, or the grader would refuse it for its size; nothing has been written.
        """
        view = memoryview(wire.encode(message))
        wire.lengths(bytes(view[:_prefix]), _grader_caps)
        while view:
            view = view[_write(self.write_fd, view) :]

    def _read_exactly(self, size: int) -> bytearray | None:
        data = bytearray()
        while len(data) < size:
            piece = _read(self.read_fd, min(size - len(data), 2**20))
            if not piece:
                return None
            data += piece
        return data


class StudentBench:
    """The `autograder.course.probes.Bench` of a job: the student's names and the converter of the run's device."""

    def __init__(self, names: Mapping[str, Any], converter: Converter) -> None:
        self._names, self._converter = names, converter
        self.live, self.plain = converter.live, converter.plain

    @property
    def torch(self) -> Any:
        return self._converter.torch

    def find(self, name: str) -> Any:
        if name not in self._names:
            raise MissingName(name)
        if self._names[name] is ...:
            raise NotImplementedError  # the stub of a value
        return self._names[name]


@dataclass(frozen=True)
class Desk:
    """What is the same for every job: shell, names and conversion, and the settings at the begin of each question."""

    shell: Shell
    bench: StudentBench
    settings: dict[str, Any]
    reach: Reach


def make_desk(*, output_limit: int, seed: int, reach: Reach) -> Desk:
    """Make the desk, seeds included; jobs that are forked inherit it.

    Each memory page that a job changes is copied for it: what happens before the fork is paid once.
    """
    shell = Shell(min(output_limit, wire.MAX_TEXT - _LAST_LINE))
    torch = sys.modules.get("torch")
    _seed_everything(seed, torch)
    if torch is not None and reach.is_accelerator:
        _make_repeatable(torch)
    return Desk(shell, StudentBench(shell.namespace, Converter(reach.local)), settings_snapshot(), reach)


def prepare(channel: Channel, desk: Desk) -> Callable[[], None]:
    """Make everything ready for student code; returns the function that answers frames until the grader is gone."""
    shell, bench = desk.shell, desk.bench
    settle = open_device(bench.torch, desk.reach)
    settings = desk.settings | settings_snapshot(PLACES)  # a job has a directory of its own

    def serve() -> None:
        channel.send({"is": "ready"})
        while (message := channel.receive()) is not None:
            if message["do"] == "run":
                for number, *pieces in message["cells"]:
                    report = vars(shell.run_cell(number, "".join(pieces)))
                    if settle is not None:
                        report = report | _failure(settle)
                    channel.send({"is": "cell", "index": number} | {k: v for k, v in report.items() if v})
                continue
            if message["do"] == "ask":
                restore_settings(settings)
                for number, probe in enumerate(message["probes"]):
                    ask = probe.ask if settle is None else _settled(probe.ask, settle)
                    answer = answer_of(ask, message["question"], bench)
                    send_answer(channel, {"is": "answer", "question": message["question"], "number": number} | answer)
            else:  # "hand over"
                module, function = message["to"]
                getattr(import_module(module), function)(channel, shell.namespace, message)
            # What a question leaves behind must not hit what comes next.
            if _set_timer is not None:
                _set_timer(signal.ITIMER_REAL, 0)
            _set_blocking(channel.read_fd, True)

    return serve


def open_device(torch: Any, reach: Reach) -> Callable[[], None] | None:
    """Make the context of the device of a job, before the student's time begins.

    Returns:
        What waits until the device has done all that it was told, and raises what went wrong there; None where a call
        has done its work when it returns.
    """
    if torch is None or not reach.local.startswith("cuda"):
        return None
    torch.cuda.set_per_process_memory_fraction(reach.memory_share)
    torch.zeros(1, device=reach.local)
    wait = torch.cuda.synchronize

    def settle() -> None:
        try:
            wait()
        except BaseException as error:  # however it is worded: a device that cannot be waited for is lost
            raise RuntimeError(f"CUDA error: {error}") from None

    settle()
    return settle


def _settled(
    ask: Callable[[str, StudentBench], Parts], settle: Callable[[], None]
) -> Callable[[str, StudentBench], Parts]:
    """A question that ends when the device has done its work: what fails there is the fault of this one.

    Also where it has failed for another reason: what it has broken there must not be told of the next one.
    """

    def asked(name: str, bench: StudentBench) -> Parts:
        try:
            return ask(name, bench)
        finally:
            settle()

    return asked


def _failure(settle: Callable[[], None]) -> dict[str, Any]:
    """What a cell has broken on the device, for its report; it comes before whatever else went wrong in it."""
    try:
        settle()
    except BaseException as error:
        message, traceback = describe_error(error)
        return {"status": "error", "message": message, "traceback": traceback}
    return {}


def _make_repeatable(torch: Any) -> None:
    """The same numbers every time, and those of full precision; touches no device."""
    c = torch._C
    c._set_deterministic_algorithms(True, warn_only=True)  # a student may use what exists in no other way
    c._set_cudnn_deterministic(True)
    c._set_cudnn_benchmark(False)
    c._set_cudnn_allow_tf32(False)
    torch.set_float32_matmul_precision("highest")


def answer_of(
    ask: Callable[[str, StudentBench], Parts],
    name: str,
    bench: StudentBench,
    passed_on: tuple[type[BaseException], ...] = (),
) -> dict[str, Any]:
    """Parts, or what came instead. The one place that catches whatever a student's function raises.

    Raises:
        passed_on: those are for the caller: Ctrl-C of somebody who sits before a kernel.
    """
    try:
        return {"parts": ask(name, bench)}
    except passed_on:
        raise
    except MissingName:
        return {"missing": True}
    except BaseException as error:
        message, traceback = describe_error(error)
        written = type(error) is not NotImplementedError or not _is_of_a_stub(error.args)
        return {"error": message, "traceback": traceback, "reason": "raised" if written else "unwritten"}


def _is_of_a_stub(args: tuple[Any, ...]) -> bool:
    """Whether a student left it at that; torch says something of its own about a dtype that it has no kernel for."""
    return not args or (type(args[0]) is str and args[0].endswith("is not written yet"))


class Receiver(Protocol):
    """Where messages go."""

    def send(self, message: Any) -> None:
        """Pass one message on.

        Raises:
            WireError: it cannot cross.
        """


def send_answer(channel: Receiver, answer: dict[str, Any]) -> None:
    """Send an answer, or in its place why it cannot be sent."""
    try:
        channel.send(answer)
    except wire.WireError as error:
        # `plain` keeps single values within the caps; a very large collection of them is told here.
        answer.pop("parts", None)
        told = {"error": f"The answer cannot be sent back: {error}.", "traceback": (), "reason": "raised"}
        channel.send(answer | told)


def _seed_everything(seed: int, torch: Any) -> None:
    random.seed(seed)
    np.random.seed(seed)
    if torch is not None:
        torch.manual_seed(seed)


def main() -> None:
    """Serve over standard input and output: the single-use job of a machine without fork, and without any layer."""
    from autograder.sandbox.warm import warm_up

    read_fd, write_fd = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)  # what student code prints must not look like frames
    output_limit, seed, reach, *preload = sys.argv[1:]
    warm_up(tuple(preload))
    desk = make_desk(output_limit=int(output_limit), seed=int(seed), reach=Reach.of_document(json.loads(reach)))
    prepare(Channel(read_fd, write_fd), desk)()
    os._exit(0)


if __name__ == "__main__":
    main()
