"""How fast is the sandbox, beside the same work without it, a fresh interpreter and a Jupyter kernel?

    python benchmarks/execution.py [--quick] [--format text|json] [--markdown FILE]

All ways take turns within one run, so that whatever else the machine does hits all of them; ratios are medians over the
rounds of what was measured side by side in each. What the rows mean: benchmarks/README.md. Linux only.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import workload  # after the path, so that a checkout works without being installed
from tables import busy_cores, cpu_clock, machine, measured_with, ms, quartiles, table, write_markdown
from ways import (
    BARE,
    FLOOR,
    FRESH,
    INQUIRIES,
    LIMITS,
    NBCLIENT,
    SANDBOX,
    Lane,
    Sample,
    SandboxLane,
    all_lanes,
    descendants,
    zygote_pid,
)

from autograder.sandbox import cgroups, jail, wire
from autograder.sandbox.host import Sandbox
from autograder.sandbox.layers import NAMES
from autograder.sandbox.warm import ENVIRONMENT

WAYS = (FLOOR, SANDBOX, BARE, FRESH, NBCLIENT)
SLOW = (FRESH, NBCLIENT)  # seconds each: measured in few rounds only
_MIB = 2**20
#: Of the workload W on the machine of the design study, whose figures are to be reached.
STUDY_FLOOR_MS = 10.2


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int  # turns of every fast way
    small_turns: int  # of them within a round for the smallest notebook, of which least is left to chance then
    slow_rounds: int  # turns of the slow ways
    in_a_row: int  # submissions per turn; their median is the turn's time
    slow_sizes: int  # sizes of notebook that the slow ways run
    batch: int  # submissions per worker and turn, for the throughput
    batches: int
    children: int  # jobs held open at once, for the memory
    holds: int
    jobs: int  # forks, for the layers


#: Below the number of jobs after which a sandbox replaces its zygote: the CPU time of one zygote is read throughout.
FULL = Effort(20, 4, 3, 3, 3, 20, 4, 24, 4, 60)
QUICK = Effort(2, 1, 1, 1, 1, 2, 1, 3, 1, 3)

# --- Measuring


def measure(effort: Effort, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything that is measured, as plain data."""
    say("starting two sandboxes and the servers")
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(LIMITS, many=True))
        # Not a wall of the jail but the handle by which it is ended; without it an end is polled for.
        bare = stack.enter_context(Sandbox(LIMITS, without=NAMES - {"pidfd"}, trust=True, many=True))
        lanes = stack.enter_context(all_lanes(sandbox, bare, 2))
        result: dict[str, Any] = {
            "machine": machine(),
            "date": datetime.date.today().isoformat(),
            "layers": sorted(sandbox.layers),
            "answers": len(workload.calls()),
        }
        started = cpu_clock()
        say("one submission at a time")
        result["samples"] = one_at_a_time(lanes, effort, say)
        say("throughput")
        result["throughput"] = throughput(lanes, effort, say)
        say("memory")
        result["memory"] = memory(sandbox, effort)
        result["busy_cores"] = busy_cores(started)
    say("layers")
    result["layer_times"] = layer_times(sandbox.layers, effort)
    return result


def one_at_a_time(lanes: dict[str, list[Lane]], effort: Effort, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows: way, size, and per round the median wall clock and mean CPU time of a few submissions in a row."""
    expected = {size: lanes[FLOOR][0].run(steps).digests for size, steps in workload.SIZES.items()}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for number in range(effort.rounds):
        say(f"  round {number + 1} of {effort.rounds}")
        for position, (size, steps) in enumerate(workload.SIZES.items()):
            ways = [w for w in WAYS if w not in SLOW]
            if number < effort.slow_rounds and position < effort.slow_sizes:
                ways += SLOW
            # Everyone comes after everyone else: what a turn leaves in the caches hits all.
            at = number % len(ways)
            in_turn = ways[at:] + ways[:at]
            if position == 0:
                in_turn += [way for way in in_turn if way not in SLOW] * (effort.small_turns - 1)
            for way in in_turn:
                lane = lanes[way][0]
                samples = [lane.run(steps) for _ in range(1 if way in SLOW else effort.in_a_row)]
                for sample in samples:
                    check_equal(way, size, sample, expected[size])
                row = rows.setdefault((way, size), {"way": way, "size": size, "wall_s": [], "cpu_s": []})
                row["wall_s"].append(statistics.median(sample.wall_s for sample in samples))
                row["cpu_s"].append(statistics.fmean(sample.cpu_s for sample in samples))
    return list(rows.values())


def check_equal(way: str, size: str, sample: Sample, expected: tuple[str, ...]) -> None:
    """Raises RuntimeError when a way answered anything else than the floor did: the wrong one must not win."""
    if sample.digests != expected:
        wrong = [n for n, pair in enumerate(zip(sample.digests, expected, strict=True), 1) if pair[0] != pair[1]]
        raise RuntimeError(f"{way}, {size}: the answers to calls {wrong} differ from the floor's")


def throughput(lanes: dict[str, list[Lane]], effort: Effort, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows: way, and submissions W per second with one and with two workers, per batch."""
    rows = {way: {"way": way, "one": [], "two": []} for way in WAYS}
    for number in range(effort.batches):
        for way in WAYS:
            if way in SLOW and number > 0:
                continue
            say(f"  {way}, batch {number + 1}")
            count = 1 if way in SLOW else effort.batch
            rows[way]["one"].append(count / _batch(lanes[way][:1], count))
            rows[way]["two"].append(2 * count / _batch(lanes[way], count))
    return list(rows.values())


def _batch(lanes: Sequence[Lane], count: int) -> float:
    """Seconds until each lane, in a thread of its own, has run `count` submissions W."""
    failures: list[BaseException] = []

    def work(lane: Lane) -> None:
        try:
            for _ in range(count):
                if isinstance(lane, SandboxLane):
                    lane.run(workload.SIZES["W"], wait=False)
                else:
                    lane.run(workload.SIZES["W"])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(lane,)) for lane in lanes]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for lane in lanes:
        if isinstance(lane, SandboxLane):
            lane.settle()
    elapsed = time.perf_counter() - started
    if failures:
        raise failures[0]
    return elapsed


def memory(sandbox: Sandbox, effort: Effort) -> dict[str, Any]:
    """Bytes: of the zygote, and of a job that has run W and answered its calls, while many of them are alive."""
    found: dict[str, Any] = {"children": effort.children, "available": [], "private_dirty": [], "per_slot": []}
    root = zygote_pid(sandbox)
    found["zygote_rss"] = max(_memory(pid, "status", "VmRSS:") for pid in descendants(root))
    for _ in range(effort.holds):
        with ExitStack() as stack:
            idle = _available()
            lanes = [stack.enter_context(closing(SandboxLane(sandbox))) for _ in range(effort.children)]
            for lane in lanes:
                with lane.slot.job(60) as job:  # has the zygote fork the server of the slot
                    job.receive()
            for lane in lanes:
                lane.settle()
            servers, before = set(descendants(root)), _available()
            found["per_slot"].append((idle - before) / effort.children)
            for lane in lanes:
                _run_and_hold(stack.enter_context(lane.slot.job(60)))
            found["available"].append((before - _available()) / effort.children)
            jobs = set(descendants(root)) - servers
            if len(jobs) != effort.children:
                raise RuntimeError(f"{len(jobs)} of {effort.children} jobs are alive")
            try:
                found["private_dirty"] += [_memory(pid, "smaps_rollup", "Private_Dirty:") for pid in jobs]
            except PermissionError:  # an ordinary user may not look into a job
                found["private_dirty"] = None
                break
    return found


def _run_and_hold(job: Any) -> None:
    """Bring a job to where it has answered everything and waits."""
    cells = list(enumerate(workload.cells(workload.SIZES["W"]), 1))
    job.begin_step("all")
    replies = 1 + len(cells) + sum(inquiry.count for inquiry in INQUIRIES)
    job.send(wire.encode({"do": "run", "cells": [list(cell) for cell in cells]}))
    for inquiry in INQUIRIES:
        job.send(inquiry.frame)
    for _ in range(replies):
        job.receive()


def _memory(pid: int, file: str, key: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


def _available() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no MemAvailable")


def layer_times(active: Iterable[str], effort: Effort) -> list[dict[str, Any]]:
    """Rows: layer, per zygote or per job, microseconds."""
    script = str(Path(__file__).with_name("layer_times.py"))
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    private = None if {"read-only-root", "scratch-quota"} <= set(active) else jail.make_private_directory()
    try:
        done = subprocess.run(
            [sys.executable, script, json.dumps(sorted(active)), str(effort.jobs), private or ""],
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
    finally:
        if private is not None:
            jail.remove_private_directory(private)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    if "cgroup" in active:
        rows += _cgroup_times(effort)
    return rows


def _cgroup_times(effort: Effort) -> list[dict[str, Any]]:
    """The grader makes the group of a slot once and moves each job into it."""
    started = time.perf_counter()
    group = cgroups.create(f"autograder-benchmark-{os.getpid()}")
    try:
        group.limit(2**30, 64)
        made = time.perf_counter() - started
        joins = []
        for _ in range(effort.jobs):
            child = subprocess.Popen(["/bin/sleep", "60"])
            try:
                started = time.perf_counter()
                group.add(child.pid)
                joins.append((time.perf_counter() - started) * 1e6)
            finally:
                child.kill()
                child.wait()
    finally:
        group.remove()
    return [{"layer": "cgroup", "per": "slot", "us": [made * 1e6]}, {"layer": "cgroup", "per": "job", "us": joins}]


# --- What the figures say


@dataclass(frozen=True)
class Figure:
    """A figure to reach; `most` when it is an upper limit."""

    name: str
    limit: float
    unit: str
    measured: float
    most: bool

    @property
    def reached(self) -> bool:
        """Whether it was, in this run."""
        return self.measured <= self.limit if self.most else self.measured >= self.limit


class Result:
    """The numbers that tables and figures show, from `measure`."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self._samples = {(row["way"], row["size"]): row for row in data["samples"]}

    def series(self, way: str, size: str, clock: str = "wall_s") -> list[float]:
        """One number per round."""
        return list(self._samples[way, size][clock])

    def has(self, way: str, size: str) -> bool:
        """Whether this was measured; the slow ways may leave sizes out."""
        return (way, size) in self._samples

    def ratio(self, way: str, other: str, size: str, clock: str = "wall_s") -> float:
        """The median over the rounds of way / other.

        Of CPU clocks the ratio of the sums: their ticks are coarse.
        """
        pairs = list(zip(self.series(way, size, clock), self.series(other, size, clock), strict=False))
        if clock == "cpu_s":
            return sum(a for a, _ in pairs) / sum(b for _, b in pairs)
        return statistics.median(a / b for a, b in pairs)

    def difference(self, way: str, other: str, size: str) -> float:
        """The median over the rounds of way - other, in seconds."""
        return statistics.median(a - b for a, b in zip(self.series(way, size), self.series(other, size), strict=False))

    def rate(self, way: str, workers: str) -> float:
        """Submissions per second."""
        return statistics.median(next(r for r in self.data["throughput"] if r["way"] == way)[workers])

    def speedup(self, way: str) -> float:
        """Of two workers over one, side by side."""
        row = next(r for r in self.data["throughput"] if r["way"] == way)
        return statistics.median(two / one for one, two in zip(row["one"], row["two"], strict=True))

    def memory_mib(self, key: str) -> float | None:
        """A median, in MiB; None where this user may not look."""
        values = self.data["memory"][key]
        if values is None:
            return None
        return float(statistics.median(values) if isinstance(values, list) else values) / _MIB

    def figures(self) -> list[Figure]:
        """Section 9 of the design study beside what was measured."""
        small, middle, large = workload.SIZES
        dirty = self.memory_mib("private_dirty")
        found = [
            # Milliseconds mean something beside a speed only: those of the study, where the floor took so long.
            Figure(
                f"W: sandbox - floor, where the floor takes {STUDY_FLOOR_MS:g} ms",
                30,
                "ms",
                STUDY_FLOOR_MS * (self.ratio(SANDBOX, FLOOR, small) - 1),
                True,
            ),
            Figure("W: sandbox / floor", 3.5, "x", self.ratio(SANDBOX, FLOOR, small), True),
            Figure(f"{middle}: sandbox / floor", 1.4, "x", self.ratio(SANDBOX, FLOOR, middle), True),
            Figure(f"{large}: sandbox / floor", 1.1, "x", self.ratio(SANDBOX, FLOOR, large), True),
            Figure("W: all layers / no layer", 1.15, "x", self.ratio(SANDBOX, BARE, small), True),
            Figure("W: fresh interpreter / sandbox", 40, "x", self.ratio(FRESH, SANDBOX, small), False),
            Figure("W: nbclient / sandbox", 70, "x", self.ratio(NBCLIENT, SANDBOX, small), False),
            Figure("two workers / one worker", 1.7, "x", self.speedup(SANDBOX), False),
            Figure("memory per live job, MemAvailable", 10, "MiB", self.memory_mib("available") or 0.0, True),
            Figure("size of the zygote", 360, "MiB", self.memory_mib("zygote_rss") or 0.0, True),
        ]
        if dirty is not None:
            found.insert(-1, Figure("memory per live job, private dirty", 10, "MiB", dirty, True))
        return found

    def as_json(self) -> dict[str, Any]:
        """The measurements and the figures."""
        figures = [
            {"figure": f.name, "limit": f.limit, "unit": f.unit, "measured": f.measured, "reached": f.reached}
            for f in self.figures()
        ]
        return {"schema": 1, **self.data, "figures": figures}


# --- Showing it


def report(result: Result) -> str:
    """The tables, as Markdown."""
    data = result.data
    lines = [
        f"{measured_with(data)}. All ways gave "
        f"the same {data['answers']} answers, bit for bit. Sandbox layers: {', '.join(data['layers'])}.",
        "",
        *_submissions(result),
        *_overhead(result),
        *_throughput(result),
        *_figures(result),
        *_memory_lines(result),
        *_layer_lines(result),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _submissions(result: Result) -> list[str]:
    rows = []
    for size in workload.SIZES:
        for way in WAYS:
            if result.has(way, size):
                wall, cpu = result.series(way, size), result.series(way, size, "cpu_s")
                low, high = quartiles(wall)
                rows.append(
                    (
                        size,
                        way,
                        ms(statistics.median(wall)),
                        f"{ms(low)} - {ms(high)}",
                        ms(statistics.fmean(cpu)),
                        str(len(wall)),
                    )
                )
    return [
        "### One submission",
        "",
        *table(("notebook", "way", "wall clock, ms", "middle half", "CPU time, ms", "rounds"), rows),
    ]


def _overhead(result: Result) -> list[str]:
    rows = [
        (
            size,
            f"+{ms(result.difference(SANDBOX, FLOOR, size))} ms",
            f"{result.ratio(SANDBOX, FLOOR, size):.2f}",
            f"{result.ratio(SANDBOX, FLOOR, size, 'cpu_s'):.2f}",
            f"{result.ratio(SANDBOX, BARE, size):.2f}",
            f"{result.ratio(SANDBOX, BARE, size, 'cpu_s'):.2f}",
        )
        for size in workload.SIZES
    ]
    head = ("notebook", "sandbox - floor", "sandbox / floor", "of CPU time", "all layers / no layer", "of CPU time")
    return ["### What the sandbox costs", "", *table(head, rows)]


def _throughput(result: Result) -> list[str]:
    rows = [
        (way, f"{result.rate(way, 'one'):.3g}", f"{result.rate(way, 'two'):.3g}", f"{result.speedup(way):.2f}")
        for way in WAYS
    ]
    return ["### Submissions W per second", "", *table(("way", "one worker", "two workers", "ratio"), rows)]


def _figures(result: Result) -> list[str]:
    rows = [
        (
            figure.name,
            f"{'at most' if figure.most else 'at least'} {figure.limit:g} {figure.unit}",
            f"{figure.measured:.3g} {figure.unit}",
            "reached" if figure.reached else "**not reached**",
        )
        for figure in result.figures()
    ]
    return ["### Figures to reach", "", *table(("figure", "to reach", "measured", ""), rows)]


def _memory_lines(result: Result) -> list[str]:
    dirty = result.memory_mib("private_dirty")
    rows = [
        ("zygote, resident", f"{result.memory_mib('zygote_rss'):.0f}"),
        ("job after W, by MemAvailable", f"{result.memory_mib('available'):.1f}"),
        ("job after W, private dirty pages", "not readable for this user" if dirty is None else f"{dirty:.1f}"),
        ("idle worker slot, by MemAvailable", f"{result.memory_mib('per_slot'):.1f}"),
    ]
    title = f"### Memory, with {result.data['memory']['children']} jobs alive"
    return [title, "", *table(("what", "MiB"), rows)]


def _layer_lines(result: Result) -> list[str]:
    order = {"zygote": 0, "slot": 1, "job": 2}
    rows = [
        (row["layer"], row["per"], f"{statistics.median(row['us']):.0f}")
        for row in sorted(result.data["layer_times"], key=lambda row: order[row["per"]])
    ]
    return ["### Setting up the layers", "", *table(("layer", "once per", "us"), rows)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke run: every row, hardly any repetition")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the tables to this file, or between its marks"
    )
    options = parser.parse_args(arguments)
    result = Result(measure(QUICK if options.quick else FULL, lambda text: print(text, file=sys.stderr, flush=True)))
    text = report(result)
    if options.markdown:
        write_markdown(options.markdown, text)
    print(json.dumps(result.as_json()) if options.format == "json" else text)


if __name__ == "__main__":
    main()
