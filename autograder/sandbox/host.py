"""The grader's end: start jobs, talk to them, keep the clock, and never trust what comes back.

`Sandbox` owns the zygote; each worker thread opens a `Slot` and takes one `Job` after the other from it. A job is single
use. Whatever ends it early is a `JobEnded`, and nothing that a job sends can raise anything else.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from autograder.errors import GraderError, UsageError
from autograder.sandbox import cgroups, jail, layers, wire
from autograder.sandbox.limits import Limits
from autograder.sandbox.warm import ENVIRONMENT, PRELOAD
from autograder.sandbox.zygote import receive_packet, send_packet

#: All jobs of one zygote share its address layout, so it is replaced now and then; it costs about two CPU seconds.
JOBS_PER_ZYGOTE = 1000
TICK_S = 0.05
START_S = 120.0
_MIB = 2**20


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


class JobProcess(Protocol):
    """What the grader needs to know of, and do to, the process of a job."""

    def kill(self) -> None:
        """End it now; harmless when it is gone."""

    def end(self) -> End:
        """Wait for its end."""

    def usage(self) -> tuple[float, int]:
        """CPU seconds and resident bytes so far; the last known values once it is gone."""

    def out_of_memory(self) -> bool:
        """Whether the kernel killed it because its control group ran out of memory."""


class Job:
    """One jailed process and the conversation with it."""

    def __init__(
        self, process: JobProcess, channel: socket.socket, output: socket.socket, limits: Limits, budget_s: float
    ) -> None:
        self.process = process
        self.limits = limits
        self._channel, self._output = channel, output
        self._budget_s = budget_s
        self._buffer = bytearray()
        self._received = 0
        self._selector = selectors.DefaultSelector()
        for end in (channel, output):
            end.setblocking(False)
            self._selector.register(end, selectors.EVENT_READ)
        self._started = self._checked = time.monotonic()
        self._base_rss = process.usage()[1]
        self._step: tuple[str, float, float] = ("", self._started, 0.0)

    def begin_step(self, what: str) -> None:
        """Start the clock of one cell or one question; `what` names it in the message of a limit."""
        self._step = (what, time.monotonic(), self.process.usage()[0])

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
                raise JobEnded("died", f"sent something that is no answer ({error})") from None
            if message is not None:
                return message
            self._wait()

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
        message = wire.decode(bytes(self._buffer[size : size + header]), self._buffer[size + header :][:payload])
        del self._buffer[: size + header + payload]
        if not isinstance(message, dict):
            raise wire.WireError("a message is a dict")
        return message

    @property
    def _caps(self) -> wire.Caps:
        return wire.Caps(payload=self.limits.channel_mib * _MIB)

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
            raise JobEnded("limit", f"sent more than {self.limits.channel_mib} MiB of output or answers")
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
        cpu_s, rss = self.process.usage()
        what, step_started, step_cpu = self._step
        # CPU time decides, so that a busy machine costs nobody marks; twice as much wall clock ends one that sleeps.
        clocks = (
            (cpu_s - step_cpu, now - step_started, self.limits.step_s, f"ran longer than {self.limits.step_s:g} s"),
            (
                cpu_s,
                now - self._started,
                self._budget_s,
                f"was running when the {self.limits.submission_s:g} s of the whole submission were used up",
            ),
        )
        for cpu, wall, limit, message in clocks:
            if what and (cpu > limit or wall > 2 * limit):
                self.process.kill()
                raise JobEnded("limit", message)
        if rss - self._base_rss > 1.3 * self.limits.memory_mib * _MIB:
            self.process.kill()
            raise JobEnded("limit", f"used more than {self.limits.memory_mib} MiB of memory")

    def _death(self) -> JobEnded:
        """Why the job's end of the channel closed."""
        cpu_s, _ = self.process.usage()
        self.process.kill()  # it may only have closed the channel
        end = self.process.end()
        if max(cpu_s, end.cpu_s) >= self._budget_s:
            return JobEnded("limit", f"used up the {self.limits.submission_s:g} s of the whole submission")
        if self.process.out_of_memory():
            return JobEnded("limit", f"used more than {self.limits.memory_mib} MiB of memory")
        if end.code == -signal.SIGKILL:
            return JobEnded("died", "closed its channel or was killed")
        if end.code < 0:
            return JobEnded("died", f"crashed (signal {-end.code}, {signal.Signals(-end.code).name})")
        return JobEnded("died", f"ended the process (exit code {end.code}) before it had answered")


class _Forked:
    """A job forked by the server of a slot."""

    def __init__(self, slot: _ForkSlot, pid: int, pidfd: int | None) -> None:
        self._slot, self._pidfd = slot, pidfd
        self._pid = _outer_pid(pidfd) if pidfd is not None else pid
        self._last = (0.0, 0)
        self._end: End | None = None
        self._group: cgroups.SlotGroup | None = None
        self._group_kills = 0

    def join(self, group: cgroups.SlotGroup) -> None:
        """Count its memory in a group; called before any student code runs."""
        if self._pid is not None:
            self._group, self._group_kills = group, group.out_of_memory_kills()
            group.add(self._pid)

    def out_of_memory(self) -> bool:
        return self._group is not None and self._group.out_of_memory_kills() > self._group_kills

    def kill(self) -> None:
        if self._end is not None:
            return
        if self._pidfd is None:
            send_packet(self._slot.control, {"do": "kill"})
        else:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def end(self) -> End:
        if self._end is None:
            packet = receive_packet(self._slot.control)
            if packet is None:
                raise GraderError("the zygote ended while a job was running")
            message = packet[0]
            self._end = End(message["status"], message["cpu_s"], message["max_rss_kib"])
            if self._pidfd is not None:
                os.close(self._pidfd)
        return self._end

    def usage(self) -> tuple[float, int]:
        if self._pid is not None and self._end is None:
            with contextlib.suppress(OSError, ValueError, IndexError):
                # After the command name in brackets, which may hold anything: utime and stime are 14 and 15, rss is 24.
                stat = Path(f"/proc/{self._pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
                self._last = ((int(stat[11]) + int(stat[12])) / _CLOCK_TICKS, int(stat[21]) * _PAGE)
        return self._last


_CLOCK_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def _outer_pid(pidfd: int) -> int | None:
    """The pid, as the grader sees it, of a process in another pid namespace."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
            if line.startswith("Pid:"):
                return int(line.split()[1])
    return None


class _Spawned:
    """A job in an interpreter of its own, where forking is not possible; pumps make its pipes look like sockets."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> End:
        return End(self._process.wait(), 0.0, 0)

    def usage(self) -> tuple[float, int]:
        return (0.0, 0)

    def out_of_memory(self) -> bool:
        return False


class Slot(Protocol):
    """A place where one job at a time runs."""

    def job(self, budget_s: float) -> contextlib.AbstractContextManager[Job]:
        """A fresh job that may use this many seconds; ended when the block is left."""

    def close(self) -> None:
        """Leave nothing behind."""


class _Zygote:
    """One zygote process, alive until its last slot is closed."""

    def __init__(self, config: dict[str, Any], environment: dict[str, str]) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.jobs = 0
        self.slots = 0
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-s", "-m", "autograder.sandbox.zygote", str(theirs.fileno()), json.dumps(config)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd="/",
                start_new_session=True,  # Ctrl-C reaches the grader, which then ends its zygote itself
            )
        self._ready: dict[str, Any] | None = None
        self._lock = threading.Lock()

    def wait_ready(self) -> dict[str, Any]:
        """Facts about the zygote once it has locked itself up.

        Raises:
            GraderError: it could not start.
        """
        with self._lock:
            if self._ready is None:
                self.control.settimeout(START_S)
                packet = receive_packet(self.control)
                if packet is None or packet[0]["is"] != "ready":
                    reason = packet[0]["message"] if packet else "it ended without a word"
                    raise GraderError(f"The zygote did not start: {reason}. Run `autograder doctor`.")
                self._ready = packet[0]
            return self._ready

    def slot_control(self) -> socket.socket:
        """Have it fork a server for a new slot."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            send_packet(self.control, {"do": "slot"}, (theirs.fileno(),))
        return ours

    def close(self) -> None:
        self.control.close()
        self.process.kill()
        self.process.wait()


class _ForkSlot:
    """One server of a zygote, forking one job after the other."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._zygote: _Zygote | None = None
        self.control: socket.socket = socket.socket()
        self._last: _Forked | None = None
        self._name = ""
        self._group: cgroups.SlotGroup | None = None
        if "cgroup" in sandbox.layers:
            self._group = cgroups.create(f"autograder-{os.getpid()}-{secrets.token_hex(4)}")
            limits = sandbox.limits
            # Above the address space limit, whose error a student can read; the files of a job count as memory too.
            memory_mib = int(1.25 * limits.memory_mib) + limits.scratch_mib
            self._group.limit(memory_mib * _MIB, limits.processes + 8)

    @contextlib.contextmanager
    def job(self, budget_s: float) -> Iterator[Job]:
        self._settle()
        self._enter_zygote()
        channel, their_channel = socket.socketpair()
        output, their_output = socket.socketpair()
        with their_channel, their_output:
            self._name = self._sandbox.next_name()
            packet = {"do": "job", "cpu_s": budget_s, "name": self._name}
            send_packet(self.control, packet, (their_channel.fileno(), their_output.fileno()))
        answer = receive_packet(self.control)
        if answer is None:
            raise GraderError("the zygote ended before it had forked a job")
        message, fds = answer
        process = self._last = _Forked(self, message["pid"], fds[0] if fds else None)
        if self._group is not None:
            process.join(self._group)
        job = Job(process, channel, output, self._sandbox.limits, budget_s)
        try:
            yield job
        finally:
            job.close()

    def close(self) -> None:
        with contextlib.suppress(GraderError, OSError):
            self._settle()
        self.control.close()
        if self._group is not None:
            with contextlib.suppress(OSError):
                self._group.remove()
            self._group = None
        if self._zygote is not None:
            self._sandbox.leave(self._zygote)
            self._zygote = None

    def _settle(self) -> None:
        """Wait until the last job is gone; its end overlapped with whatever the grader did since."""
        last, self._last = self._last, None
        if last is not None:
            last.end()
            self._sandbox.remove_files(self._name)

    def _enter_zygote(self) -> None:
        current = self._sandbox.enter(self._zygote)
        if current is not self._zygote:
            self.control.close()
            self._zygote = current
            self.control = current.slot_control()


class _SpawnSlot:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @contextlib.contextmanager
    def job(self, budget_s: float) -> Iterator[Job]:
        sandbox = self._sandbox
        arguments = [str(sandbox.limits.output_kib * 1024), str(sandbox.seed), sandbox.device, *sandbox.preload]
        process = subprocess.Popen(
            [sys.executable, "-s", "-m", "autograder.sandbox.job", *arguments],
            env=sandbox.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        channel, theirs = socket.socketpair()
        output, their_output = socket.socketpair()
        assert process.stdin and process.stdout and process.stderr
        for pump, end, pipe in (
            (_pipe_to_socket, theirs.dup(), process.stdout),
            (_pipe_to_socket, their_output, process.stderr),
            (_socket_to_pipe, theirs, process.stdin),
        ):
            threading.Thread(target=pump, args=(end, pipe), daemon=True).start()
        job = Job(_Spawned(process), channel, output, sandbox.limits, budget_s)
        try:
            yield job
        finally:
            job.close()
            process.wait()

    def close(self) -> None:
        return None


def _pipe_to_socket(end: socket.socket, pipe: Any) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := os.read(pipe.fileno(), 2**16):
            end.sendall(data)
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_WR)
    end.close()
    pipe.close()


def _socket_to_pipe(end: socket.socket, pipe: Any) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := end.recv(2**16):
            pipe.write(data)
            pipe.flush()
    with contextlib.suppress(OSError):
        pipe.close()
    end.close()


class Sandbox:
    """Where all student code of a run is executed.

    Args:
        limits: of each submission.
        seed: of the random generators that student code uses; never the seed of a run, from which the inputs of hidden
            checks are drawn, because student code can find this one.
        device: "cpu"; where torch questions run.
        preload: modules that every job finds imported.
        secret: paths that no job may be able to read (course, submissions); refused when they lie under a tree that
            jobs may read.
        trust: run even where the layers of this machine do not protect the grader.
        without: layers to do without, to show what then happens.
        fork: whether jobs are forked, behind all layers, or get an interpreter of their own, behind none; by default what
            this platform can do.

    Raises:
        UsageError: this machine cannot hold hostile code and `trust` is not set; the message names what is missing.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        seed: int = 0,
        device: str = "cpu",
        preload: Sequence[str] = PRELOAD,
        secret: Sequence[str | Path] = (),
        trust: bool = False,
        without: Set[str] = frozenset(),
        fork: bool | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.seed, self.device, self.preload = seed, device, tuple(preload)
        self.forks = _can_fork() if fork is None else fork
        statuses = layers.probe_layers(without if self.forks else layers.NAMES)
        decision = layers.decide(statuses, trust)
        if not decision.acceptable:
            raise UsageError("\n".join(decision.refusals))
        self.warnings = decision.warnings
        self.layers: tuple[str, ...] = tuple(sorted(layers.active_layers(statuses))) if self.forks else ()
        trees = jail.allowed_trees()
        if self.forks:
            jail.refuse_if_inside([str(p) for p in secret], trees)
        self._private = jail.make_private_directory() if self._needs_private() else None
        self.environment = _clean_environment()
        self._cache: str | None = None
        if not os.access(self.environment.get("HOME", ""), os.W_OK):
            # matplotlib would make a folder of its own for its fonts, and a killed process removes none.
            self._cache = self.environment["MPLCONFIGDIR"] = tempfile.mkdtemp(prefix="autograder-")
        self._config = {
            "active": list(self.layers),
            "limits": asdict(self.limits),
            "trees": list(trees),
            "private": self._private,
            "preload": list(self.preload),
            "seed": seed,
            "device": device,
            "address_space": device == "cpu",
        }
        self._lock = threading.Lock()
        self._names = 0
        self._current: _Zygote | None = None
        self._next: _Zygote | None = None
        self._all: list[_Zygote] = []

    def __enter__(self) -> Sandbox:
        jail.protect_grader()
        if self.forks:
            self._current = self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def slot(self) -> Slot:
        """A place for one job at a time; every worker thread opens its own."""
        return _ForkSlot(self) if self.forks else _SpawnSlot(self)

    def facts(self) -> dict[str, Any]:
        """What the zygote said of itself: the modules it loaded and its size."""
        return self._current.wait_ready() if self._current else {}

    def close(self) -> None:
        """End every process and remove every file of this sandbox."""
        for zygote in self._all:
            zygote.close()
        self._all.clear()
        self._current = self._next = None
        if self._private is not None:
            jail.remove_private_directory(self._private)
            self._private = None
        if self._cache is not None:
            shutil.rmtree(self._cache, ignore_errors=True)  # only the zygote wrote to it, and that is ours
            self._cache = None

    def next_name(self) -> str:
        """A name that no other job of this sandbox has."""
        with self._lock:
            self._names += 1
            return f"job-{self._names}"

    def remove_files(self, name: str) -> None:
        """Remove what a job left, where jobs have no file system of their own that vanishes with them."""
        if self._private is not None and (Path(self._private) / name).exists():
            jail.remove_private_directory(str(Path(self._private) / name))

    def enter(self, held: _Zygote | None) -> _Zygote:
        """The zygote that the next job of a slot is forked from; `held` is the one the slot used last."""
        with self._lock:
            if self._current is None:
                raise GraderError("the sandbox is closed")
            if self._current.process.poll() is not None:
                self._current = self._start()  # it was killed, by the system's memory killer for example
            if self._current.jobs >= JOBS_PER_ZYGOTE * 0.8 and self._next is None:
                self._next = self._start()  # it warms up while the old one still serves
            if self._current.jobs >= JOBS_PER_ZYGOTE and self._next is not None:
                self._current, self._next = self._next, None
            current = self._current
            current.jobs += 1
            if current is not held:
                current.slots += 1
                if held is not None:
                    self._leave(held)
        current.wait_ready()
        return current

    def leave(self, zygote: _Zygote) -> None:
        """A slot gives its zygote back."""
        with self._lock:
            self._leave(zygote)

    def _leave(self, zygote: _Zygote) -> None:
        zygote.slots -= 1
        if zygote.slots == 0 and zygote is not self._current and zygote in self._all:
            self._all.remove(zygote)
            zygote.close()

    def _start(self) -> _Zygote:
        zygote = _Zygote(self._config, self.environment)
        self._all.append(zygote)
        return zygote

    def _needs_private(self) -> bool:
        return self.forks and "scratch-quota" not in self.layers


def _can_fork() -> bool:
    return hasattr(socket, "send_fds") and sys.platform.startswith("linux")


def _clean_environment() -> dict[str, str]:
    """What a zygote needs to find its interpreter and packages, and nothing that a job could learn from."""
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT", "HOME")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    package = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, environment.get("PYTHONPATH", "")]))
    return environment | ENVIRONMENT
