"""Jobs that are forked from a warm zygote: how one is started, measured, killed and awaited."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import GraderError
from autograder.sandbox import cgroups
from autograder.sandbox.ahead import Begun
from autograder.sandbox.conversation import End, Job, Usage
from autograder.sandbox.limits import Limits
from autograder.sandbox.zygote import receive_packet, send_packet

if TYPE_CHECKING:
    from autograder.sandbox.host import Sandbox

START_S = 120.0
#: How long the server of a slot may take to end once its grader has hung up.
_PATIENCE_S = 5.0
_MIB = 2**20


class Zygote:
    """One zygote process, alive until its last slot is closed."""

    def __init__(self, config: dict[str, Any], begun: Begun) -> None:
        self.control, self.process, self.close = begun.control, begun.process, begun.close
        self.jobs = 0
        self.slots = 0
        with contextlib.suppress(ConnectionError):  # it has ended, which is told when it should be ready
            send_packet(self.control, config)
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


class ForkSlot:
    """One server of a zygote, forking one job after the other."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._group = _make_group(sandbox.limits, sandbox.reach.start_mib) if "cgroup" in sandbox.layers else None
        self._zygote: Zygote | None = None
        self.control: socket.socket = socket.socket()
        self._lost = False  # whether the server has ended, or has never begun
        self._last: ForkedProcess | None = None
        self._name = ""

    @contextlib.contextmanager
    def job(self, budget_s: float) -> Iterator[Job]:
        with self._sandbox.turn:
            job = self._begin(budget_s)
            try:
                yield job
            finally:
                job.close()
                if job.accelerator:
                    self._settle()  # only then is its memory on the device free for the next one

    def _begin(self, budget_s: float) -> Job:
        self._settle()
        self._enter_zygote()
        channel, their_channel = socket.socketpair()
        output, their_output = socket.socketpair()
        with their_channel, their_output:
            self._name = self._sandbox.next_name()
            packet = {"do": "job", "cpu_s": budget_s, "name": self._name}
            answer = None
            with contextlib.suppress(ConnectionError):  # the server is gone
                send_packet(self.control, packet, (their_channel.fileno(), their_output.fileno()))
                answer = receive_packet(self.control)
        if answer is None:
            channel.close()
            output.close()
            self.lose()
            raise GraderError("the server of a slot ended before it had forked a job")
        message, fds = answer
        process = self._last = ForkedProcess(self, message["pid"], fds[0] if fds else None, self._group)
        accelerator = self._sandbox.reach.is_accelerator
        return Job(process, channel, output, self._sandbox.limits, budget_s, accelerator=accelerator)

    def lose(self) -> None:
        """Remember that the server is gone: the next job gets another one."""
        self._lost = True

    def close(self) -> None:
        with contextlib.suppress(GraderError, OSError):
            self._settle()
        self.control.close()
        if self._group is not None:
            with contextlib.suppress(OSError):
                self._group.remove(_PATIENCE_S)
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
        if current is self._zygote and not self._lost:
            return
        self.control.close()
        self._zygote, self._lost = current, True  # until the server has said that it serves
        self.control = current.slot_control()
        packet = receive_packet(self.control)
        if packet is None:
            raise GraderError("the zygote ended before it had forked the server of a slot")
        message, fds = packet
        try:
            if self._group is not None:
                # Its jobs are born in its group. Moving a process takes the kernel milliseconds, so that is done once.
                pid = _outer_pid(fds[0]) if fds else message["pid"]
                if pid is None:
                    raise GraderError("the server of a slot ended before it had joined its control group")
                self._group.add(pid)
        except OSError as error:
            raise GraderError(f"the server of a slot could not join its control group ({error.strerror})") from error
        finally:
            for fd in fds:
                os.close(fd)
        self._lost = False


def _make_group(limits: Limits, start_mib: int) -> cgroups.SlotGroup:
    """The control group of a slot, with room for what a job takes before it is ready.

    Raises:
        GraderError: it could be made when the layers were probed, and cannot be made now.
    """
    # Above the address space limit, whose error a student can read; the files of a job count as memory too.
    memory_mib = int(1.25 * limits.memory_mib) + limits.scratch_mib + start_mib
    group = None
    try:
        group = cgroups.create(cgroups.new_name())
        group.limit(memory_mib * _MIB, limits.processes + 8)
    except OSError as error:
        if group is not None:
            with contextlib.suppress(OSError):
                group.remove()
        raise GraderError(f"The control group of a slot cannot be made ({error}). Run `autograder doctor`.") from error
    return group


class ForkedProcess:
    """A job forked by the server of a slot."""

    def __init__(self, slot: ForkSlot, pid: int, pidfd: int | None, group: cgroups.SlotGroup | None = None) -> None:
        self._slot, self._pidfd, self._group = slot, pidfd, group
        self._pid = _outer_pid(pidfd) if pidfd is not None else pid
        self._last = Usage()
        self._end: End | None = None
        self._group_kills = group.out_of_memory_kills() if group is not None else 0

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
            if self._pidfd is not None:
                os.close(self._pidfd)
                self._pidfd = None
            if packet is None:
                # A job does not outlive its zygote, so there is nothing left to wait for.
                self._slot.lose()
                self._end = End(-signal.SIGKILL, self._last.cpu_s, self._last.memory_bytes // 1024)
                raise GraderError("the zygote ended while a job was running")
            message = packet[0]
            self._end = End(message["status"], message["cpu_s"], message["max_rss_kib"])
        return self._end

    def usage(self) -> Usage:
        if self._pid is not None and self._end is None:
            with contextlib.suppress(OSError, ValueError, IndexError):
                # After the command name in brackets, which may hold anything: utime and stime are 14 and 15.
                stat = Path(f"/proc/{self._pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
                cpu_s = (int(stat[11]) + int(stat[12])) / _CLOCK_TICKS
                self._last = Usage(cpu_s, _own_memory(self._pid), _queued_s(self._pid, self._last.queued_s))
        return self._last


_CLOCK_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def _own_memory(pid: int) -> int:
    """Bytes in memory that belong to no file: a job that reads all of a library's text takes nothing by that."""
    status = Path(f"/proc/{pid}/status").read_bytes()
    return sum(
        int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith((b"RssAnon", b"RssShmem"))
    )


def _queued_s(pid: int, least: float) -> float:
    """How long the thread that waited longest has waited for a processor, seconds; 0 where nobody counts it."""
    for thread in os.scandir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError, IndexError):  # it has ended, or the file is not there
            least = max(least, int(Path(thread.path, "schedstat").read_bytes().split()[1]) / 1e9)
    return least


def _outer_pid(pidfd: int) -> int | None:
    """The pid, as the grader sees it, of a process in another pid namespace."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
            if line.startswith("Pid:"):
                return int(line.split()[1])
    return None
