"""What the benchmarks share: facts about the machine, tables in Markdown."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "torch", "ipython", "ipykernel", "nbclient")


def machine() -> dict[str, Any]:
    """Processor, cores, kernel, versions."""
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "cpu": model[0] if model else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": f"{platform.system()} {platform.release()}",
        "user": "root" if os.geteuid() == 0 else "ordinary user",
        "versions": {"Python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def cpu_clock() -> tuple[float, float]:
    """Now, and the CPU seconds that this machine has spent since it started."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return time.perf_counter(), (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def busy_cores(started: tuple[float, float]) -> float:
    """Mean number of busy cores since then, whoever used them."""
    now = cpu_clock()
    return (now[1] - started[1]) / (now[0] - started[0])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table, and an empty one."""
    ruled = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return [*ruled, *(f"| {' | '.join(row)} |" for row in rows), ""]


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The first and the third; of few values the ends."""
    if len(values) < 3:
        return min(values), max(values)
    cuts = statistics.quantiles(values, n=4, method="inclusive")
    return cuts[0], cuts[2]


def ms(seconds: float) -> str:
    """Milliseconds in words."""
    return f"{1e3 * seconds:.1f}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def write_markdown(file: Path, text: str, name: str = "table") -> None:
    """Write the tables to a file, or between the marks of this name if it has them."""
    marks = tuple(f"<!-- {mark} -->\n" for mark in (name, f"end of {name}"))
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    before, start, rest = old.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    file.write_text(before + start + text + end + after if start and end else text, encoding="utf-8")


def measured_with(data: dict[str, Any]) -> str:
    """When, on what and with which libraries figures were measured, as the begin of a paragraph."""
    facts = data["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"Measured on {data['date']}: {facts['cpu']}, {facts['cores']} cores, {facts['kernel']}, as {facts['user']}. "
        f"{versions}. {data['busy_cores']:.1f} cores were busy on average, these measurements included"
    )
