"""How can one submission be run? Every way gives the same kind of sample: wall clock, CPU time, answers.

A lane runs one submission at a time; a way with two workers has two lanes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import workload

from autograder.course.probes import call
from autograder.course.values import TensorValue
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import Limits
from autograder.sandbox.sitting import Inquiry, sit
from autograder.sandbox.warm import ENVIRONMENT

FLOOR, SANDBOX, BARE, FRESH, NBCLIENT = "floor", "sandbox", "fork, no layer", "fresh interpreter", "nbclient"
#: No limit decides anything here, however busy the machine is.
LIMITS = Limits(step_s=60, submission_s=120)
_SCRIPT = str(Path(__file__).with_name("workload.py"))
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """One submission: how long until all was over, CPU time of every process it needed, digests of its answers."""

    wall_s: float
    cpu_s: float
    digests: tuple[str, ...]


class Lane(Protocol):
    """A place where one submission at a time is run."""

    def run(self, steps: int) -> Sample:
        """Run one notebook that trains for this many steps; returns when nothing of it is left."""


class ServerLane:
    """A process that is told the size on its standard input; it takes the times itself."""

    def __init__(self, mode: str, script: str = _SCRIPT) -> None:
        self.process = subprocess.Popen(
            [sys.executable, script, mode],
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def wait_ready(self) -> None:
        """Wait until it is warm."""
        if self._read() != "ready":
            raise RuntimeError("a server did not start")

    def run(self, steps: int | str) -> Sample:
        assert self.process.stdin
        self.process.stdin.write(f"{steps}\n")
        answer = self._read()
        return Sample(answer["wall_s"], answer["cpu_s"], tuple(answer["digests"]))

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def _read(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a server ended with status {self.process.wait()}")
        return json.loads(line)


class FreshLane:
    """A new interpreter for each submission, which imports what the cells import and ends as a script ends."""

    def run(self, steps: int) -> Sample:
        cpu, wall = _cpu_of_children(), time.perf_counter()
        arguments = [sys.executable, _SCRIPT, "once", str(steps)]
        done = subprocess.run(
            arguments, env=os.environ | ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
        )
        return Sample(time.perf_counter() - wall, _cpu_of_children() - cpu, tuple(json.loads(done.stdout)))


class SandboxLane:
    """A slot of a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.slot: Any = sandbox.slot()  # Any: see `settle`
        self._helpers: list[int] = []

    def run(self, steps: int, *, wait: bool = True) -> Sample:
        """Run one submission; without `wait` its process may end while the next one starts, as in a batch."""
        cpu, own, wall = self._cpu_of_helpers(), time.process_time(), time.perf_counter()
        cells = list(enumerate(workload.cells(steps), 1))
        transcript = sit(self.slot, cells, INQUIRIES, LIMITS)
        if wait:
            self.settle()
        wall = time.perf_counter() - wall
        own = time.process_time() - own
        if not self._helpers:
            self._helpers = descendants(zygote_pid(self._sandbox))
        failed = [cell for cell in transcript.cells if cell.status != "ok"]
        if failed or transcript.jobs != 1:
            raise RuntimeError(f"the sandbox did not run the cells: {failed}, {transcript.jobs} jobs")
        outcomes = [outcome for inquiry in INQUIRIES for outcome in transcript.answers[inquiry.question]]
        digests = tuple(_digest_of_parts(outcome.parts) for outcome in outcomes)
        return Sample(wall, own + self._cpu_of_helpers() - cpu, digests)

    def settle(self) -> None:
        """Wait until the last job is gone. A grader has no need to: there it overlaps with what comes next."""
        self.slot._settle()

    def close(self) -> None:
        self.slot.close()

    def _cpu_of_helpers(self) -> float:
        """CPU time of zygote and servers with all jobs that have ended, in clock ticks of 10 ms."""
        return sum(map(cpu_with_ended_children, self._helpers))


#: Twenty probes in six questions, encoded once, as in a batch.
INQUIRIES = tuple(
    Inquiry.of(name, [call(**arguments) for _, arguments in group])
    for name, group in groupby(workload.calls(), key=lambda item: item[0])
)


def _digest_of_parts(parts: Any) -> str:
    output = parts["output"]
    return workload.digest(output.numbers() if isinstance(output, TensorValue) else output)


@contextmanager
def all_lanes(sandbox: Sandbox, bare: Sandbox, workers: int) -> Iterator[dict[str, list[Lane]]]:
    """`workers` lanes of every way, warm, by the name of the way."""
    makers: dict[str, Callable[[], Any]] = {
        FLOOR: lambda: ServerLane("serve"),
        SANDBOX: lambda: SandboxLane(sandbox),
        BARE: lambda: SandboxLane(bare),
        FRESH: FreshLane,
        NBCLIENT: lambda: ServerLane("notebook"),
    }
    with ExitStack() as stack:
        lanes: dict[str, list[Lane]] = {way: [make() for _ in range(workers)] for way, make in makers.items()}
        for lane in (lane for group in lanes.values() for lane in group):
            if hasattr(lane, "close"):
                stack.enter_context(closing(lane))
            if isinstance(lane, ServerLane):
                lane.wait_ready()
            if isinstance(lane, SandboxLane):
                for _ in range(2):
                    lane.run(workload.SIZES["W"])
        yield lanes


# --- Processes, as the kernel sees them


def zygote_pid(sandbox: Any) -> int:
    """The process that a sandbox has started; its zygote is that process or a child of it."""
    return int(sandbox._current.process.pid)


def descendants(pid: int) -> list[int]:
    """The process and all that it has started, parents first."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except OSError:  # it has just ended
                continue
    found = [pid]
    for one in found:
        found += sorted(parents.get(one, []))
    return found


def _stat(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the third on (state, parent, ...)."""
    return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()


def cpu_with_ended_children(pid: int) -> float:
    """CPU seconds of a process and of those of its children that have ended, in clock ticks of 10 ms."""
    return sum(map(int, _stat(pid)[11:15])) * _TICK_S  # utime, stime, cutime, cstime


def cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process and of all that it has started; what ends meanwhile its parent has counted or will."""
    total = 0.0
    for one in descendants(pid):
        with suppress(OSError):
            total += cpu_with_ended_children(one)
    return total


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
