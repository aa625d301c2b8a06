"""One conversation: the grader's end of a job.

Frames go to the job and come back from it; the clock runs, the bytes are counted, and nothing that the job sends can
raise anything but `JobEnded`.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import time
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from autograder.messages import say
from autograder.sandbox import wire
from autograder.sandbox.limits import (
    OUT_OF_MEMORY_EXIT,
    Limits,
    is_device_lost,
    is_device_out_of_memory,
    is_out_of_memory,
)

TICK_S = 0.05
#: A start is our own work, so the limits of the student, of which little may be left, do not hold for it.
START_S = 30.0
#: Below this share of a core a job has waited, however busy the machine may be.
_IDLE = 0.1
_MIB = 2**20
#: What a value of one letter in a frame may take in memory.
_NODE_BYTES = 64
#: What a field of a message may be; only an answer holds anything else.
_FIELDS = frozenset({type(None), bool, int, str, list, tuple})


class JobEnded(Exception):
    """A job ended before it had answered.

    Attributes:
        kind: "limit" (time, memory, output), "died" (exit, crash, nonsense on the channel) or "broken" (our own fault).
    """

    def __init__(self, kind: Literal["limit", "died", "broken"], message: str) -> None:
        super().__init__(message)
        self.kind: Literal["limit", "died", "broken"] = kind
        self.message = message


@dataclass(frozen=True)
class End:
    """How a job's process ended: exit code (negative: signal), CPU seconds, largest resident size."""

    code: int
    cpu_s: float
    max_rss_kib: int


@dataclass(frozen=True)
class Usage:
    """What a process has used so far.

    Attributes:
        cpu_s: CPU seconds of all its threads.
        memory_bytes: resident memory, that of mapped files left out.
        queued_s: seconds on the clock in which it could have run, but the processors were busy with others.
    """

    cpu_s: float = 0.0
    memory_bytes: int = 0
    queued_s: float = 0.0


class JobProcess(Protocol):
    """What the grader needs to know of, and do to, the process of a job."""

    def kill(self) -> None:
        """End it now; harmless when it is gone."""

    def end(self) -> End:
        """Wait for its end."""

    def usage(self) -> Usage:
        """What it has used so far; the last known values once it is gone."""

    def out_of_memory(self) -> bool:
        """Whether the kernel killed it because its control group ran out of memory."""


class Job:
    """One jailed process and the conversation with it."""

    def __init__(
        self,
        process: JobProcess,
        channel: socket.socket,
        output: socket.socket,
        limits: Limits,
        budget_s: float,
        *,
        accelerator: bool = False,
    ) -> None:
        self.process = process
        self.limits = limits
        self.accelerator = accelerator
        self._channel, self._output = channel, output
        self._budget_s = budget_s
        self._buffer = bytearray()
        self._received = 0
        self._caps = wire.Caps(payload=limits.channel_mib * _MIB)
        self.weight = 0  # of the last message: about the bytes that the grader needs to keep it
        self._selector = selectors.DefaultSelector()
        for end in (channel, output):
            end.setblocking(False)
            self._selector.register(end, selectors.EVENT_READ)
        self._started = self._checked = time.monotonic()
        self._base = Usage(memory_bytes=process.usage().memory_bytes)
        #: What runs, since when, and what the job had used before; a step that ends within a tick is not measured.
        self._step: tuple[str, float, Usage | None] = ("", self._started, None)

    def begin(self) -> None:
        """It is ready: what it has used so far, for the context of an accelerator, was no work of the student's."""
        if self.accelerator:
            self._started, self._base = time.monotonic(), self.process.usage()

    def begin_step(self, what: str) -> None:
        """Start the clock of one cell or one question; `what` names it in the message of a limit."""
        self._step = (what, time.monotonic(), None)

    def send(self, frame: bytes) -> None:
        """Write one encoded frame; raises `JobEnded` when the job ends or does not read it in time."""
        view = memoryview(frame)
        while view:
            try:
                view = view[self._channel.send(view) :]
            except BlockingIOError:
                # A job that does not read may be waiting for us to read what it wrote.
                self._selector.modify(self._channel, selectors.EVENT_READ | selectors.EVENT_WRITE)
                try:
                    self._wait()
                finally:
                    self._selector.modify(self._channel, selectors.EVENT_READ)
            except OSError:
                raise self._death() from None

    def receive(self) -> dict[Any, Any]:
        """The next message of the job; raises `JobEnded` when it ends, breaks a limit or sends no message."""
        while True:
            try:
                message = self._take_frame()
            except wire.WireError as error:
                self.process.kill()
                raise JobEnded("died", say("ended.no_answer", error=error)) from None
            if message is not None:
                return message
            self._wait()

    def over_memory(self) -> str:
        """What is said of a job that asked for more memory than it may have."""
        return say("ended.memory", limit=self.limits.memory_mib)

    def end_behind(self, message: str) -> JobEnded | None:
        """The end of a job that lives on, but to no purpose, after this exception ("TypeName: message").

        All that memory is still taken; and a device that was lost answers nothing more.
        """
        if self.accelerator and is_device_out_of_memory(message):
            return JobEnded("limit", say("ended.device_memory"))
        if self.accelerator and is_device_lost(message):
            return JobEnded("died", say("ended.device_lost"))
        return JobEnded("limit", self.over_memory()) if is_out_of_memory(message) else None

    def spent_s(self) -> float:
        """What it has used of the submission's seconds: those of CPU time, or half of those on the clock if more."""
        usage = self.process.usage()
        queued_s = usage.queued_s - self._base.queued_s
        return max(usage.cpu_s - self._base.cpu_s, (time.monotonic() - self._started - queued_s) / 2)

    def close(self) -> None:
        """End the job, whatever it is doing; the slot waits for its last word before it starts the next."""
        self.process.kill()
        self._selector.close()
        self._channel.close()
        self._output.close()

    def _take_frame(self) -> dict[Any, Any] | None:
        size = wire.PREFIX.size
        if len(self._buffer) < size:
            return None
        header, payload = wire.lengths(bytes(self._buffer[:size]), self._caps)
        if len(self._buffer) < size + header + payload:
            return None
        end = size + header + payload
        text = bytes(self._buffer[size : size + header])
        message = wire.decode(text, self._buffer[size + header : end])
        del self._buffer[:end]
        self.weight = end + _NODE_BYTES * sum(map(text.count, (b"[", b"{", b",")))
        # Whoever reads a field compares it, and what `==` makes of an array is no answer but an array.
        if not isinstance(message, dict) or any(type(message[k]) not in _FIELDS for k in message if k != "parts"):
            raise wire.WireError("a message is a dict of texts and numbers, and of one answer")
        return message

    def _wait(self) -> None:
        """Wait a tick for the job, take what it sent, and look at the clocks."""
        ended = False
        for key, events in self._selector.select(TICK_S):
            if not events & selectors.EVENT_READ:
                continue
            try:
                data = key.fileobj.recv(2**18)  # type: ignore[union-attr]  # only sockets are registered
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            self._received += len(data)
            if key.fileobj is self._channel:
                self._buffer += data
                ended = not data
            elif not data:
                self._selector.unregister(self._output)
        if self._received > self.limits.channel_mib * _MIB:
            self.process.kill()
            raise JobEnded("limit", say("ended.sent", limit=self.limits.channel_mib))
        if ended and not self._complete():
            raise self._death()
        if time.monotonic() - self._checked >= TICK_S:
            self._check_limits()

    def _complete(self) -> bool:
        """Whether the buffer still holds a whole frame that was sent before the job ended."""
        size = wire.PREFIX.size
        if len(self._buffer) < size:
            return False
        with contextlib.suppress(wire.WireError):
            return len(self._buffer) >= size + sum(wire.lengths(bytes(self._buffer[:size]), self._caps))
        return True

    def _check_limits(self) -> None:
        now = self._checked = time.monotonic()
        usage = self.process.usage()
        what, step_started, before = self._step
        if before is None:  # the first look at this step: from now on it is measured
            before, step_started = usage, now
            self._step = (what, now, usage)
        if what == "start":
            if now - step_started > START_S:
                self.process.kill()
                raise JobEnded("broken", say("ended.not_ready", limit=f"{START_S:g}"))
            return
        # CPU time decides; one that sleeps is ended after twice as much on the clock. The time in which others kept the
        # processors does not count, so that a busy machine costs nobody marks.
        whole = f"{self.limits.submission_s:g}"
        clocks = (
            (
                usage.cpu_s - before.cpu_s,
                now - step_started - (usage.queued_s - before.queued_s),
                self.limits.step_s,
                say("ended.step_ran", limit=f"{self.limits.step_s:g}"),
                say("ended.step_waited", limit=f"{2 * self.limits.step_s:g}"),
            ),
            (
                usage.cpu_s - self._base.cpu_s,
                now - self._started - (usage.queued_s - self._base.queued_s),
                self._budget_s,
                say("ended.whole_ran", limit=whole),
                say("ended.whole_waited", limit=whole),
            ),
        )
        for cpu, wall, limit, late, idle in clocks:
            if what and (cpu > limit or wall > 2 * limit):
                self.process.kill()
                raise JobEnded("limit", idle if cpu < _IDLE * wall else late)
        if usage.memory_bytes - self._base.memory_bytes > 1.3 * self.limits.memory_mib * _MIB:
            self.process.kill()
            raise JobEnded("limit", self.over_memory())

    def _death(self) -> JobEnded:
        """Why the job's end of the channel closed."""
        cpu_s = self.process.usage().cpu_s
        self.process.kill()  # it may only have closed the channel
        end = self.process.end()
        if max(cpu_s, end.cpu_s) - self._base.cpu_s >= self._budget_s:
            return JobEnded("limit", say("ended.whole_used", limit=f"{self.limits.submission_s:g}"))
        if self.process.out_of_memory() or end.code == OUT_OF_MEMORY_EXIT:
            return JobEnded("limit", self.over_memory())
        if end.code == -signal.SIGKILL:
            return JobEnded("died", say("ended.killed"))
        if end.code < 0:
            return JobEnded("died", say("ended.crashed", signal=f"{-end.code}, {_signal_name(-end.code)}"))
        return JobEnded("died", say("ended.ended_process", code=end.code))


def _signal_name(number: int) -> str:
    """The name of a signal; most of the real-time signals, with which a job may end as well, have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "real-time"
