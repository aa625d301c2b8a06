"""How does this grader compare with otter-grader, nbgrader and a bare kernel, on the same submissions?

    python benchmarks/peers.py [--quick] [--nbgrader PYTHON] [--format text|json] [--markdown FILE] [ASSIGNMENT ...]

All take turns within one run, and all that mark must give the same points. Assignments are `five`, which is in
`benchmarks/course`, and those of this course. nbgrader is left out where PYTHON (default: this one) does not have it.
What is measured: benchmarks/README.md. Linux only, as root.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peer_books import Paths, hand_in, lay_out
from peer_ways import (
    BATCH,
    COLD,
    NBCLIENT,
    NBGRADER,
    OTTER_API,
    OTTER_RUN,
    WARM,
    Marks,
    Sample,
    Server,
    Way,
    all_ways,
    peak_mib,
)
from tables import busy_cores, cpu_clock, machine, measured_with, quartiles, table, write_markdown

from autograder import load_assignment
from autograder.course.model import Assignment
from autograder.grading.key import solved_key
from autograder.otter.stock import build_otter

ROOT = Path(__file__).resolve().parents[1]
COURSES = {"five": ROOT / "benchmarks" / "course"}  # all others are in ROOT
SEED = 7
WAYS = (OTTER_RUN, OTTER_API, NBGRADER, NBCLIENT, COLD, BATCH, WARM)
#: How many submissions a turn has; the others grade all.
_ONE, _SOME = (OTTER_RUN, COLD), (OTTER_API, NBCLIENT)


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int
    submissions: int
    some: int  # of them, in a turn of a warm process that takes seconds for each
    memory: Sequence[str]  # the ways whose memory is looked at, in a turn of its own


FULL, QUICK = Effort(3, 10, 2, WAYS), Effort(1, 3, 1, (WARM,))

# --- Measuring


def measure(names: Sequence[str], python: str, effort: Effort, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything that is measured, as plain data; one row per assignment and way."""
    version = nbgrader_version(python)
    started = cpu_clock()
    rows = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            rows += list(_of_assignment(name, Path(folder), python if version else None, effort, say))
    facts = machine()
    facts["versions"] |= _versions("otter-grader") | ({"nbgrader": version} if version else {})
    return {
        "machine": facts,
        "date": datetime.date.today().isoformat(),
        "rounds": effort.rounds,
        "submissions": effort.submissions,
        "busy_cores": busy_cores(started),
        "rows": rows,
    }


def _versions(package: str) -> dict[str, str]:
    from importlib.metadata import version

    return {package: version(package)}


def nbgrader_version(python: str) -> str:
    """Of the nbgrader that this interpreter has; "" where it has none."""
    code = "import importlib.metadata as m; print(m.version('nbgrader'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def _of_assignment(
    name: str, folder: Path, python: str | None, effort: Effort, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    course = COURSES.get(name, ROOT)
    assignment = load_assignment(course, name)
    archive = build_otter(assignment, folder, seed=SEED)
    paths = _submissions(assignment, folder, effort.submissions)
    with ExitStack() as stack:
        server = None
        if python is not None:
            arguments = ["nbgrader", str(paths.nbgrader), name]
            server = stack.enter_context(closing(Server("nbgrader-book", python, arguments, {})))
            server.ask("generate")
            hand_in(assignment, paths.nbgrader, effort.submissions)
        ways = stack.enter_context(all_ways(course, name, SEED, paths, archive, server, python or ""))
        students = list(paths.otter)
        samples = _in_turns(ways, students, effort, lambda text: say(f"{name}: {text}"))
        say(f"{name}: memory")
        for what in WAYS:
            if what in ways:
                at_once = students if what == WARM else students[:1]
                yield {
                    "assignment": name,
                    "way": what,
                    "count": samples[what][0].count,
                    "wall_s": [sample.wall_s for sample in samples[what]],
                    "cpu_s": [sample.cpu_s for sample in samples[what]],
                    "peak_mib": peak_mib(ways[what], at_once) if what in effort.memory else None,
                }


def _submissions(assignment: Assignment, folder: Path, count: int) -> Paths:
    return lay_out(assignment, solved_key(assignment, seed=SEED), folder, count)


def _in_turns(
    ways: dict[str, Way], students: list[str], effort: Effort, say: Callable[[str], None]
) -> dict[str, list[Sample]]:
    """One sample per way and round.

    Raises:
        RuntimeError: two ways gave different points: the wrong one must not win.
    """
    found: dict[str, list[Sample]] = {what: [] for what in ways}
    marks: Marks = {}
    ways[WARM].run(students)  # what listed mistakes answer is found out once in a batch
    for number in range(effort.rounds):
        say(f"round {number + 1} of {effort.rounds}")
        names = list(ways)[number % len(ways) :] + list(ways)[: number % len(ways)]
        for what in names:
            # From one round to the next other submissions: right ones, mistaken ones, the stub.
            first = 3 * number % len(students)
            turned = students[first:] + students[:first]
            count = 1 if what in _ONE else effort.some if what in _SOME else len(students)
            sample = ways[what].run(turned[:count])
            if what != NBCLIENT and len(sample.marks) != count:
                raise RuntimeError(f"{what}: {len(sample.marks)} marks of {count}")
            found[what].append(sample)
            for student, points in sample.marks.items():
                known = marks.setdefault(student, points)
                if any(abs(known.get(q, 0) - points.get(q, 0)) > 1e-6 for q in {*known, *points}):
                    raise RuntimeError(f"{what}: {student} has {points}, with another grader {known}")
    return found


# --- What the figures say


class Result:
    """The numbers that tables and figures show, from `measure`."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.rows = {(row["assignment"], row["way"]): row for row in data["rows"]}
        self.assignments = list(dict.fromkeys(row["assignment"] for row in data["rows"]))

    def each(self, assignment: str, way: str, clock: str) -> list[float]:
        """Seconds of one submission, one number per round."""
        row = self.rows[assignment, way]
        return [seconds / row["count"] for seconds in row[clock]]

    def cpu_ratio(self, assignment: str, way: str) -> float:
        """CPU time of one submission, in units of that of one more in a batch of ours."""
        ours = statistics.fmean(self.each(assignment, WARM, "cpu_s"))
        return statistics.fmean(self.each(assignment, way, "cpu_s")) / ours

    def figures(self) -> list[dict[str, Any]]:
        """What is to be reached beside what was measured."""
        found = []
        for name in self.assignments:
            for way, least in ((OTTER_RUN, 200), (NBGRADER, 50)):
                if (name, way) in self.rows:
                    ratio = self.cpu_ratio(name, way)
                    found.append(
                        _figure(name, f"CPU time, {way} / {WARM}", f"at least {least} x", ratio, ratio >= least)
                    )
            for way, most in ((BATCH, 6), (COLD, 3)):
                seconds = statistics.median(self.rows[name, way]["wall_s"])
                count = self.rows[name, way]["count"]
                figure = f"{way}: wall clock of {count}, start-up included"
                found.append(_figure(name, figure, f"at most {most} s", seconds, seconds <= most))
        return found


def _figure(assignment: str, name: str, limit: str, measured: float, reached: bool) -> dict[str, Any]:
    return {"assignment": assignment, "figure": name, "limit": limit, "measured": measured, "reached": reached}


# --- Showing it


def report(result: Result) -> str:
    """The tables, as Markdown."""
    data = result.data
    lines = [
        f"{measured_with(data)}; "
        f"{data['rounds']} rounds, {data['submissions']} submissions. All that mark gave the same points.",
        "",
    ]
    for name in result.assignments:
        rows = [_row(result, name, way) for way in WAYS if (name, way) in result.rows]
        head = ("way", "at once", "wall clock, s", "middle half", "CPU time, s", "peak, MiB", "CPU time, ours = 1")
        lines += [f"### One submission of {name}", "", *table(head, rows)]
    rows = [
        (
            f["assignment"],
            f["figure"],
            f["limit"],
            f"{f['measured']:.3g}",
            "reached" if f["reached"] else "**not reached**",
        )
        for f in result.figures()
    ]
    lines += ["### Figures to reach", "", *table(("assignment", "figure", "to reach", "measured", ""), rows)]
    return "\n".join(lines).rstrip() + "\n"


def _row(result: Result, name: str, way: str) -> tuple[str, ...]:
    row, wall = result.rows[name, way], result.each(name, way, "wall_s")
    low, high = quartiles(wall)
    peak = "-" if row["peak_mib"] is None else f"{row['peak_mib']:.0f}"
    return (
        way,
        str(row["count"]),
        f"{statistics.median(wall):.3g}",
        f"{low:.3g} - {high:.3g}",
        f"{statistics.fmean(result.each(name, way, 'cpu_s')):.3g}",
        peak,
        f"{result.cpu_ratio(name, way):.3g}",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignments", nargs="*", metavar="ASSIGNMENT", help="default: five")
    parser.add_argument("--quick", action="store_true", help="a smoke run: every row, hardly any repetition")
    parser.add_argument("--nbgrader", default=sys.executable, metavar="PYTHON", help="interpreter that has nbgrader")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the tables to this file, or between its marks"
    )
    options = parser.parse_args(arguments)
    names = options.assignments or ["five"]
    python = os.path.abspath(options.nbgrader)  # noqa: PTH100  # not resolved: then it would leave its environment
    effort = QUICK if options.quick else FULL
    result = Result(measure(names, python, effort, lambda text: print(text, file=sys.stderr, flush=True)))
    text = report(result)
    if options.markdown:
        write_markdown(options.markdown, text, "peers")
    document = {"schema": 1, **result.data, "figures": result.figures()}
    print(json.dumps(document) if options.format == "json" else text)


if __name__ == "__main__":
    main()
