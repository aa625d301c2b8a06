"""Does the grader stay as small and as fast for thousands of submissions as for hundreds?

    python benchmarks/batch.py [--quick] [--count N] [--format text|json] [--markdown FILE]

Small notebooks, all different, are generated and graded as `autograder grade --gradebook` does it. What is measured:
benchmarks/README.md. Linux only.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from tables import busy_cores, cpu_clock, machine, table, write_markdown
from ways import cpu_of_tree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from autograder.course.load import load_assignment
from autograder.course.master import solution_cells
from autograder.course.model import Assignment
from autograder.grading.grade import grade
from autograder.records.gradebook import Gradebook, RunBook
from autograder.records.mark import Mark
from autograder.sandbox.limits import Limits

MASTER = '''\
# %% [markdown]
# # Small

# %%
import numpy as np

# %%
def softmax(x):
    """Softmax over the last axis."""
    # BEGIN SOLUTION
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
    # END SOLUTION

# %%
def shift(x):
    """x and one."""
    # BEGIN SOLUTION
    return x + 1
    # END SOLUTION
'''
CHECKS = """\
from autograder.course import call, call_twice, question

for name in "softmax", "shift":
    asked = question(name, points=5)

    @asked.check("a table", public=True, hint="A hint.")
    def _(rng):
        return call(x=rng.normal(size=(2, 3)))

    @asked.check("another table", hint="A hint.")
    def _(rng):
        return [call_twice(x=rng.normal(size=(3, 4))), call(x=rng.normal(size=(1, 3)))]
"""
#: In turn; the last is wrong, so that one in three is explained.
BODIES = (
    "    e = np.exp(x - x.max(-1, keepdims=True))\n    return e / e.sum(-1, keepdims=True)",
    "    x = x - x.max(-1, keepdims=True)\n    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)",
    "    e = np.exp(x - x.max())\n    return e / e.sum()",
)
COUNT, EARLY = 5_000, 500
ROUNDS, ROUND, REAL_ROUND = 5, 100, 25
#: The speed of a machine changes from minute to minute: halves of a run are compared by the medians of their windows.
WINDOWS = 24
#: What is to be reached.
MOST_GROWTH, LEAST_GAIN, MOST_BOOK = 1.10, 1.7, 0.02


def write_course(folder: Path) -> Assignment:
    """A course with one small assignment."""
    home = folder / "solutions" / "small"
    home.mkdir(parents=True)
    (home / "small.py").write_text(MASTER, encoding="utf-8")
    (home / "checks.py").write_text(CHECKS, encoding="utf-8")
    return load_assignment(folder, "small")


def write_class(folder: Path, count: int) -> Path:
    """So many notebooks; no two have the same bytes."""
    folder.mkdir()
    for number in range(count):
        sources = (
            "import numpy as np",
            f"# student {number}\ndef softmax(x):\n{BODIES[number % len(BODIES)]}",
            "def shift(x):\n    return x + 1",
        )
        write_notebook(folder / f"s{number:05}.ipynb", sources)
    return folder


def resident_mib() -> float:
    """Resident memory of the grader's process, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def timed_gradebook() -> Iterator[dict[str, float]]:
    """While inside: seconds that threads spent in `RunBook.graded` in all, and in it without the making of marks.

    On the clock ("all_s", "book_s"), and CPU time of these threads ("book_cpu_s").
    """
    spent = {"all_s": 0.0, "book_s": 0.0, "book_cpu_s": 0.0}
    lock, graded = threading.Lock(), RunBook.graded

    def timed(self: RunBook, submission: Any, make: Callable[[], Any], **options: Any) -> Any:
        made = [0.0, 0.0]

        def timed_make() -> Any:
            started = time.perf_counter(), time.thread_time()
            try:
                return make()
            finally:
                made[:] = time.perf_counter() - started[0], time.thread_time() - started[1]

        started = time.perf_counter(), time.thread_time()
        try:
            return graded(self, submission, timed_make, **options)
        finally:
            took_s, cpu_s = time.perf_counter() - started[0], time.thread_time() - started[1]
            with lock:
                spent["all_s"] += took_s
                spent["book_s"] += took_s - made[0]
                spent["book_cpu_s"] += cpu_s - made[1]

    RunBook.graded = timed  # type: ignore[method-assign]
    try:
        yield spent
    finally:
        RunBook.graded = graded  # type: ignore[method-assign]


def write_perfect(folder: Path, assignment: Assignment, count: int) -> Path:
    """So many copies of the solution, no two with the same bytes."""
    folder.mkdir()
    cells = solution_cells(assignment)
    for number in range(count):
        write_notebook(folder / f"s{number:05}.ipynb", [f"# student {number}", *cells])
    return folder


def write_notebook(path: Path, sources: Sequence[str]) -> None:
    """A notebook of code cells."""
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for source in sources
    ]
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document), encoding="utf-8")


def graded(
    assignment: Assignment,
    classroom: Path,
    book: Path,
    workers: int,
    at: Callable[[int], None],
    right: Callable[[Mark], bool],
) -> None:
    """Grade a class into a fresh gradebook; `at` is called with each number done. Ends where a mark is not right."""
    with Gradebook(book) as gradebook:
        run = grade(
            assignment,
            [classroom],
            workers=workers,
            limits=Limits(step_s=5, submission_s=30, memory_mib=256),
            gradebook=gradebook,
            on_mark=lambda _mark, done, _total: at(done),
        )
        wrong = [mark.student for mark in run.marks if not right(mark)]
    if wrong:
        raise SystemExit(f"wrong marks: {wrong[:5]}")


def as_written(mark: Mark) -> bool:
    """Whether a notebook of `write_class` got its points."""
    return (mark.hundredths == mark.max_hundredths) == (int(mark.student[1:]) % len(BODIES) < 2)


def full(mark: Mark) -> bool:
    """Whether a mark is full."""
    return mark.hundredths >= mark.max_hundredths


def measure_share(assignment: Assignment, classroom: Path, book: Path, count: int) -> dict[str, float]:
    """What the gradebook takes of the time of a real assignment, and of the CPU time of all processes."""
    at_cpu: dict[int, tuple[float, float]] = {}
    skipped = count // 5  # with the start
    with timed_gradebook() as spent:

        def at(done: int) -> None:
            if done in (skipped, count):
                at_cpu[done] = cpu_of_tree(os.getpid()), spent["book_cpu_s"]

        graded(assignment, classroom, book, 2, at, full)
    all_s, book_s = (b - a for a, b in zip(at_cpu[skipped], at_cpu[count], strict=True))
    counted = count - skipped
    cpu = {"cpu_ms": 1e3 * book_s / counted, "all_cpu_ms": 1e3 * all_s / counted, "cpu_share": book_s / all_s}
    return _share(spent, count) | cpu


def _share(spent: dict[str, float], count: int) -> dict[str, float]:
    book_s, all_s = spent["book_s"], spent["all_s"]
    return {"ms": 1e3 * book_s / count, "all_ms": 1e3 * all_s / count, "share": book_s / all_s}


def measure_memory(assignment: Assignment, folder: Path, count: int, early: int) -> dict[str, Any]:
    """Memory when `early` submissions are done, and when all are; the rate in each window of the run."""
    window = max(1, count // WINDOWS)
    clocks: dict[int, float] = {}
    mib: dict[int, float] = {}

    def at(done: int) -> None:
        if done % window == 0:
            clocks[done] = time.perf_counter()
        if done in (early, count):
            mib[done] = resident_mib()

    classroom = write_class(folder / "many", count)
    with timed_gradebook() as spent:
        graded(assignment, classroom, folder / "many.db", 2, at, as_written)
    ends = sorted(clocks)
    return {
        "count": count,
        "early": early,
        "mib": [mib[early], mib[count]],
        "window": window,
        # The first, with the start of the run, is left out.
        "per_s": [window / (clocks[last] - clocks[first]) for first, last in pairwise(ends)],
        "book": _share(spent, count),
    }


def measure_gain(
    assignment: Assignment, classroom: Path, folder: Path, right: Callable[[Mark], bool], rounds: int, size: int
) -> list[dict[str, float]]:
    """Submissions per second of one worker and of two, which take turns; the start of a run is left out.

    Also how many cores are busy with one worker: two cannot gain more than the cores there are divided by that.
    """
    folder.mkdir()
    rows = []
    for number in range(rounds):
        row = {}
        for workers in (1, 2) if number % 2 == 0 else (2, 1):
            clocks: dict[int, tuple[float, float]] = {}
            skipped = size // 5

            def at(done: int, clocks: dict[int, tuple[float, float]] = clocks) -> None:
                clocks[done] = cpu_clock()

            graded(assignment, classroom, folder / f"{number}-{workers}.db", workers, at, right)
            took_s, busy_s = (b - a for a, b in zip(clocks[skipped], clocks[size], strict=True))
            row[str(workers)] = (size - skipped) / took_s
            row[f"busy with {workers}"] = busy_s / took_s
        rows.append(row)
    return rows


def measure(count: int, early: int, rounds: int, size: int, say: Callable[[str], None]) -> dict[str, Any]:
    """All of it."""
    started, load = cpu_clock(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="autograder-batch-") as name:
        folder = Path(name)
        assignment = write_course(folder / "course")
        real = load_assignment(Path(__file__).resolve().parents[1], "softmax")
        real_size = min(size, REAL_ROUND)
        real_class = write_perfect(folder / "softmax", real, real_size)
        say(f"{rounds} rounds of one worker and two ...")
        gain = {
            "softmax": measure_gain(real, real_class, folder / "books", full, rounds, real_size),
            "small": measure_gain(
                assignment, write_class(folder / "few", size), folder / "few-books", as_written, rounds, size
            ),
        }
        say("the gradebook's share ...")
        share = measure_share(real, real_class, folder / "softmax.db", real_size)
        say(f"{count} submissions ...")
        memory = measure_memory(assignment, folder, count, early)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "load_before": load,
        "busy_cores": busy_cores(started),
        "memory": memory,
        "gain": gain,
        "share": share,
    }


def report(data: dict[str, Any]) -> str:
    """The tables in Markdown."""
    facts, memory, share = data["machine"], data["memory"], data["share"]
    small = memory["book"]
    early_mib, late_mib = memory["mib"]
    half = len(memory["per_s"]) // 2
    early_rate, late_rate = (statistics.median(rates) for rates in (memory["per_s"][:half], memory["per_s"][half:]))

    def verdict(reached: bool) -> str:
        return "reached" if reached else "not reached"

    def gain_row(name: str, figure: str) -> tuple[str, str, str, str, str]:
        rows = data["gain"][name]
        gain = statistics.median(row["2"] / row["1"] for row in rows)
        one, two, busy = (statistics.median(row[key] for row in rows) for key in ("1", "2", "busy with 1"))
        goal = f"at least {LEAST_GAIN:g}: {verdict(gain >= LEAST_GAIN)}" if name == "softmax" else "-"
        first = f"{one:.1f}, one worker with {busy:.2f} cores"
        return figure, first, f"{two:.1f}, two workers", f"{gain:.2f}", goal

    early, count = f"{memory['early']:,}", f"{memory['count']:,}"
    growth = late_mib / early_mib
    figures = [
        (
            "memory of the grader, MiB",
            f"{early_mib:.1f} at {early}",
            f"{late_mib:.1f} at {count}",
            f"{growth:.3f}",
            f"at most {MOST_GROWTH:g}: {verdict(growth <= MOST_GROWTH)}",
        ),
        (
            "small submissions per second",
            f"{early_rate:.1f} in the first half",
            f"{late_rate:.1f} in the second",
            f"{late_rate / early_rate:.2f}",
            "about 1",
        ),
        gain_row("softmax", "submissions of softmax per second"),
        gain_row("small", "small submissions per second"),
        (
            "gradebook, ms of CPU time of a submission of softmax",
            f"{share['all_cpu_ms']:.1f} in all",
            f"{share['cpu_ms']:.1f} in the gradebook",
            f"{share['cpu_share']:.4f}",
            f"under {MOST_BOOK:g}: {verdict(share['cpu_share'] < MOST_BOOK)}",
        ),
        (
            "gradebook, ms of a thread for a submission of softmax",
            f"{share['all_ms']:.1f} in all",
            f"{share['ms']:.1f} in the gradebook",
            f"{share['share']:.4f}",
            "-",
        ),
        (
            "gradebook, ms of a thread for a small submission",
            f"{small['all_ms']:.1f} in all",
            f"{small['ms']:.1f} in the gradebook",
            f"{small['share']:.4f}",
            "-",
        ),
    ]
    lines = [
        f"Measured on {data['date']}: {facts['cpu']}, {facts['cores']} cores, {facts['kernel']}, as {facts['user']}. "
        f"Load before: {data['load_before']:.1f}; {data['busy_cores']:.1f} cores were busy on average, these "
        f"measurements included; {len(data['gain']['small'])} rounds of one worker and two.",
        "",
        *table(("figure", "first", "second", "ratio", "to reach"), figures),
    ]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke run: every figure of very few submissions")
    parser.add_argument("--count", type=int, default=COUNT, help=f"submissions in all (default: {COUNT})")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the table to this file, or between its marks"
    )
    options = parser.parse_args(arguments)
    count, early, rounds, size = (24, 6, 1, 10) if options.quick else (options.count, EARLY, ROUNDS, ROUND)
    data = measure(count, early, rounds, size, lambda text: print(text, file=sys.stderr, flush=True))
    text = report(data)
    if options.markdown:
        write_markdown(options.markdown, text, "batch")
    print(json.dumps({"schema": 1, **data}) if options.format == "json" else text)


if __name__ == "__main__":
    main()
