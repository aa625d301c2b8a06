"""How can a submission be graded? Every way gives the same kind of sample: wall clock, CPU time, points.

CPU time is what the kernel has counted for a control group of each way: also that of processes nobody waited for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from peer_books import Paths
from ways import descendants

from autograder.sandbox.cgroups import SlotGroup, own_directories

OTTER_RUN, OTTER_API = "`otter run`", "`otter.api.grade_submission`, warm"
NBGRADER, NBCLIENT = "`nbgrader autograde`, all at once", "nbclient alone, warm"
COLD, BATCH, WARM = "`autograder grade`, one", "`autograder grade`, all at once", "one more in a batch of ours"
_SERVERS = str(Path(__file__).with_name("peer_servers.py"))
_ROOT = Path(__file__).resolve().parents[1]
_MIB = 2**20

Marks = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Sample:
    """What some submissions took in all, and the points of each by question; no points where a way does not mark."""

    count: int
    wall_s: float
    cpu_s: float
    marks: Marks


class Way(Protocol):
    """A way to grade."""

    def run(self, students: Sequence[str]) -> Sample:
        """Grade the submissions of these students, those that grade a folder all that lie there."""

    def pids(self) -> list[int]:
        """The processes at work now."""

    def close(self) -> None:
        """End what is still there."""


class Group:
    """A control group that counts CPU time.

    Raises:
        OSError: this user may make none; root can.
    """

    def __init__(self, name: str) -> None:
        first = own_directories("cpuacct")
        self._old = bool(first)
        path = Path((first or own_directories(""))[0]) / f"peers-{os.getpid()}-{name}"
        path.mkdir()
        self.path = path

    def cpu_s(self) -> float:
        """CPU seconds of all that has ever run in it."""
        if self._old:
            return int((self.path / "cpuacct.usage").read_text()) / 1e9
        return int((self.path / "cpu.stat").read_text().split()[1]) / 1e6

    def started(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Start a command of a Python environment, as if that was activated, in the group."""
        # nbgrader starts `alembic` by its name.
        path = os.pathsep.join([str(Path(command[0]).parent), os.environ["PATH"]])
        enter = ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs")]
        return subprocess.Popen([*enter, *command], env=os.environ | {"PATH": path}, text=True, **options)

    def close(self) -> None:
        SlotGroup(1 if self._old else 2, str(self.path), None).remove(5)


class Command:
    """A command that is started anew for each turn."""

    def __init__(
        self,
        name: str,
        command: Callable[[Sequence[str]], list[str]],
        marks: Callable[[Sequence[str]], Marks],
        cwd: Path,
    ) -> None:
        self._group, self._command, self._marks, self._cwd = Group(name), command, marks, cwd
        self._process: subprocess.Popen[str] | None = None

    def run(self, students: Sequence[str]) -> Sample:
        cpu, wall = self._group.cpu_s(), time.perf_counter()
        self._process = self._group.started(
            self._command(students), cwd=self._cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output = self._process.communicate()[0]
        wall, cpu = time.perf_counter() - wall, self._group.cpu_s() - cpu
        if self._process.returncode:
            raise RuntimeError(f"{self._command(students)} ended with {self._process.returncode}:\n{output[-4000:]}")
        marks = self._marks(students)
        return Sample(len(marks), wall, cpu, marks)

    def pids(self) -> list[int]:
        return descendants(self._process.pid) if self._process else []

    def close(self) -> None:
        self._group.close()


class Server:
    """A warm process that is told a notebook."""

    def __init__(self, name: str, python: str, arguments: Sequence[str], where: dict[str, Path]) -> None:
        self._group, self._where = Group(name), where
        self._told = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the server
        self._process = self._group.started(
            [python, _SERVERS, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._told
        )
        self._read()

    def ask(self, request: str) -> dict[str, float]:
        """The answer to one request."""
        assert self._process.stdin
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer: dict[str, float] = self._read()
        return answer

    def run(self, students: Sequence[str]) -> Sample:
        cpu, wall = self._group.cpu_s(), time.perf_counter()
        marks = {student: self.ask(str(self._where[student])) for student in students}
        wall, cpu = time.perf_counter() - wall, self._group.cpu_s() - cpu
        return Sample(len(students), wall, cpu, {student: found for student, found in marks.items() if found})

    def pids(self) -> list[int]:
        return descendants(self._process.pid)

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._told.close()
        self._group.close()

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._told.seek(0)
            told = self._told.read()[-4000:].decode(errors="replace")
            raise RuntimeError(f"{self._process.args} ended with status {self._process.wait()}:\n{told}")
        return json.loads(line)


def peak_mib(way: Way, students: Sequence[str]) -> float | None:
    """The most memory that a turn holds at once, shared pages counted once; None where this user may not look."""
    peak, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.05):
            peak = max(peak, sum(map(_proportional_bytes, way.pids())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        way.run(students)
    finally:
        ended.set()
        watcher.join()
    return peak / _MIB if peak else None


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # it has just ended, or is not ours to look into
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


@contextmanager
def all_ways(
    course: Path, name: str, seed: int, paths: Paths, archive: Path, nbgrader: Server | None, nbgrader_python: str
) -> Iterator[dict[str, Way]]:
    """Every way, ready to run, by what it is called; without nbgrader where it is not installed."""
    out, python = paths.ours.parent / "out", sys.executable
    out.mkdir()

    def otter_run(students: Sequence[str]) -> list[str]:
        return [
            python,
            "-m",
            "otter",
            "run",
            "-a",
            str(archive),
            "-o",
            str(out),
            "--no-logo",
            str(paths.otter[students[0]]),
        ]

    def otter_marks(students: Sequence[str]) -> Marks:
        tests = json.loads((out / "results.json").read_text(encoding="utf-8"))["tests"]
        return {students[0]: {test["name"]: test["score"] for test in tests if "score" in test}}

    def autograder(*submissions: Path) -> list[str]:
        options = ["--seed", str(seed), "--course", str(course), "--out", str(out / "run"), "--replace"]
        return [python, "-m", "autograder", "grade", name, *map(str, submissions), *options]

    def our_marks(_: Sequence[str]) -> Marks:
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "run" / "marks").glob("*.json")]
        return {d["submission"]["student"]: {q["name"]: q["points"] for q in d["questions"]} for d in documents}

    def autograde(_: Sequence[str]) -> list[str]:
        options = ["--force", f"--course-dir={paths.nbgrader}"]
        return [nbgrader_python, "-m", "nbgrader", "autograde", name, *options]

    makers: dict[str, Callable[[], Way]] = {
        OTTER_RUN: lambda: Command("otter-run", otter_run, otter_marks, out),
        OTTER_API: lambda: Server("otter-api", python, ["otter", str(archive)], paths.otter),
        NBCLIENT: lambda: Server("nbclient", python, ["nbclient"], paths.plain),
        COLD: lambda: Command(
            "cold", lambda students: autograder(paths.ours / f"{students[0]}.ipynb"), our_marks, _ROOT
        ),
        BATCH: lambda: Command("batch", lambda _: autograder(paths.ours), our_marks, _ROOT),
        WARM: lambda: Server(
            "warm", python, ["ours", str(course), name, str(seed)], {s: paths.ours / f"{s}.ipynb" for s in paths.otter}
        ),
    }
    if nbgrader is not None:
        server = nbgrader
        makers[NBGRADER] = lambda: Command(
            "nbgrader", autograde, lambda _: {student: server.ask(student) for student in paths.otter}, paths.nbgrader
        )
    with ExitStack() as stack:
        ways: dict[str, Way] = {}
        for what, make in makers.items():
            ways[what] = make()
            stack.callback(ways[what].close)
        yield ways
