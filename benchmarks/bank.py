"""What does grading cost, beside the solution's own cells and calls? For every assignment of this course.

    python benchmarks/bank.py [--quick] [--format text|json] [--markdown FILE] [ASSIGNMENT ...]

One perfect submission is graded (read, run in the jail, asked every check, compared, marked), and beside it a warm
process runs the same cells and makes the same calls with nothing around them. The two take turns; a ratio is the median
over the rounds. What is measured: benchmarks/README.md. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import gc
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tables import busy_cores, cpu_clock, machine, ms, quartiles, table, write_markdown
from ways import LIMITS, Sample, ServerLane, cpu_with_ended_children, descendants, zygote_pid

from autograder.course.draw import probes_of
from autograder.course.load import assignment_names, load_assignment
from autograder.course.master import solution_cells
from autograder.course.model import Assignment
from autograder.course.probes import Probe
from autograder.grading.examine import facts_of, mark_one
from autograder.grading.key import AnswerKey, make_key
from autograder.grading.submissions import find_submissions
from autograder.sandbox.host import Sandbox, Slot

ROOT = Path(__file__).resolve().parents[1]
SEED = 0
#: At most this many times the solution's own cells and calls.
LIMIT = 4.0
FULL_ROUNDS, QUICK_ROUNDS = 15, 2

# --- The two sides


class Grading:
    """A warm slot in which perfect submissions of one assignment are graded, one after the other."""

    def __init__(self, assignment: Assignment, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self.slot: Any = sandbox.slot()  # Any: see `grade`
        self.key: AnswerKey = make_key(assignment, SEED, self.slot, LIMITS)
        file = folder / f"{assignment.name}.ipynb"
        file.write_text(_notebook(solution_cells(assignment)), encoding="utf-8")
        (self._source,) = find_submissions([file], assignment.name)
        self._facts = facts_of(self.key, sandbox)
        self.grade()
        self._helpers = descendants(zygote_pid(sandbox))

    def grade(self) -> None:
        """Grade one, until nothing of it is left.

        Raises:
            RuntimeError: it did not get full marks, so what was measured is not what it should be.
        """
        slot: Slot = self.slot
        mark = mark_one(self._source, self.key, slot, LIMITS, "hint", self._facts)
        self.slot._settle()  # a batch need not wait for the end of a process: it overlaps with the next
        lost = [q.name for q in mark.questions if q.hundredths != q.max_hundredths]
        if mark.status != "graded" or lost:
            raise RuntimeError(f"the solution lost points: {mark.status}, {mark.flags}, {lost}")

    def sample(self) -> Sample:
        """Time of one grading; CPU time is that of grader, zygote and job."""
        helpers, own, wall = self._cpu_of_helpers(), time.process_time(), time.perf_counter()
        self.grade()
        wall, own = time.perf_counter() - wall, time.process_time() - own
        return Sample(wall, own + self._cpu_of_helpers() - helpers, ())

    def _cpu_of_helpers(self) -> float:
        return sum(map(cpu_with_ended_children, self._helpers))


def _notebook(cells: Sequence[str]) -> str:
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


class _Names:
    """Asks the names of this process, with the conversion from and to data that a job uses, and nothing else."""

    def __init__(self, names: dict[str, Any]) -> None:
        from autograder.sandbox.live import Converter

        converter = Converter()
        self.names, self.torch, self.live, self.plain = names, converter.torch, converter.live, converter.plain

    def find(self, name: str) -> Any:
        return self.names[name]


def run_plainly(cells: Sequence[str], calls: Sequence[tuple[str, Probe]]) -> int:
    """Run the cells in a fresh namespace, make the calls; returns how many were answered."""
    import matplotlib.pyplot as plt

    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for number, source in enumerate(cells, 1):
            exec(compile(source, f"<cell {number}>", "exec", dont_inherit=True), names)
        plt.close("all")
        bench = _Names(names)
        return sum(bool(probe.ask(name, bench)) for name, probe in calls)


def serve() -> None:
    """The floor: answer each line, the name of an assignment, with the times of one run in this warm process."""
    import warnings

    import matplotlib.pyplot as plt
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of the calls with extreme numbers; a job shows none either
    plt.show = lambda *args, **kwargs: plt.close("all")  # as in the sandbox, no figure is rendered
    sys.modules["otter"] = None  # type: ignore[assignment]  # check cells do nothing, as in the sandbox
    loaded: dict[str, tuple[Sequence[str], list[tuple[str, Probe]]]] = {}
    print(json.dumps("ready"), flush=True)
    for name in map(str.strip, sys.stdin):
        if name not in loaded:
            assignment = load_assignment(ROOT, name)
            calls = [
                (q.name, p) for q in assignment.questions for c in q.checks for p in probes_of(assignment, q, c, SEED)
            ]
            loaded[name] = solution_cells(assignment), calls
            run_plainly(*loaded[name])
            gc.collect()
            gc.freeze()
        wall, cpu = time.perf_counter(), time.process_time()
        answered = run_plainly(*loaded[name])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps({"wall_s": wall, "cpu_s": cpu, "digests": [str(answered)]}), flush=True)


# --- Measuring


def measure(names: Sequence[str], rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything that is measured, as plain data; one row per assignment."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(LIMITS, many=True) as sandbox,
        closing(ServerLane("serve", __file__)) as floor,
    ):
        floor.wait_ready()
        started = cpu_clock()
        for name in names:
            say(f"{name}, {rounds} rounds")
            grading = Grading(load_assignment(ROOT, name), sandbox, Path(folder))
            with closing(grading.slot):
                rows.append({"assignment": name, **_in_turns(grading, floor, name, rounds)})
        busy = busy_cores(started)
        layers = sorted(sandbox.layers)
    date = datetime.date.today().isoformat()
    return {"machine": machine(), "date": date, "layers": layers, "busy_cores": busy, "rows": rows}


def _in_turns(grading: Grading, floor: ServerLane, name: str, rounds: int) -> dict[str, Any]:
    """Wall clock and CPU time of both sides per round, and the number of calls.

    Raises:
        RuntimeError: the floor answered another number of calls than the grader asks.
    """
    asked = sum(question.inquiry.count for question in grading.key.questions)
    found: dict[str, Any] = {"calls": asked, "grading": [], "floor": []}
    floor.run(name)  # loads and warms
    for number in range(rounds):
        sides: list[tuple[str, Callable[[], Sample]]] = [
            ("grading", grading.sample),
            ("floor", lambda: floor.run(name)),
        ]
        for side, run in sides if number % 2 else sides[::-1]:
            sample = run()
            if side == "floor" and sample.digests != (str(asked),):
                raise RuntimeError(f"{name}: the floor answered {sample.digests[0]} of {asked} calls")
            found[side].append({"wall_s": sample.wall_s, "cpu_s": sample.cpu_s})
    return found


def ratios(row: dict[str, Any], clock: str) -> list[float]:
    """Grading / floor, per round."""
    return [a[clock] / b[clock] for a, b in zip(row["grading"], row["floor"], strict=True)]


def cpu_ratio(row: dict[str, Any]) -> float:
    """Of the sums of CPU time: the ticks of the kernel are coarse."""
    return sum(sample["cpu_s"] for sample in row["grading"]) / sum(sample["cpu_s"] for sample in row["floor"])


def report(data: dict[str, Any]) -> str:
    """The table, as Markdown."""
    facts = data["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    rows = []
    for row in data["rows"]:
        wall = ratios(row, "wall_s")
        low, high = quartiles(wall)
        ratio = statistics.median(wall)
        medians = [ms(statistics.median(s["wall_s"] for s in row[side])) for side in ("floor", "grading")]
        verdict = "reached" if ratio <= LIMIT else "**not reached**"
        spread = f"{low:.2f} - {high:.2f}"
        rows.append(
            (row["assignment"], str(row["calls"]), *medians, f"{ratio:.2f}", spread, f"{cpu_ratio(row):.2f}", verdict)
        )
    head = (
        "assignment",
        "calls",
        "own, ms",
        "grading, ms",
        "ratio",
        "middle half",
        "of CPU time",
        f"at most {LIMIT:g}",
    )
    lines = [
        f"Measured on {data['date']}: {facts['cpu']}, {facts['cores']} cores, {facts['kernel']}, as {facts['user']}. "
        f"{versions}. {data['busy_cores']:.1f} cores were busy on average, these measurements included; "
        f"{len(data['rows'][0]['floor'])} rounds.",
        "",
        *table(head, rows),
    ]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignments", nargs="*", metavar="ASSIGNMENT", help="default: all of this course")
    parser.add_argument("--quick", action="store_true", help="a smoke run: every row, hardly any repetition")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the table to this file, or between its marks"
    )
    options = parser.parse_args(arguments)
    names = options.assignments or assignment_names(ROOT)
    rounds = QUICK_ROUNDS if options.quick else FULL_ROUNDS
    data = measure(names, rounds, lambda text: print(text, file=sys.stderr, flush=True))
    text = report(data)
    if options.markdown:
        write_markdown(options.markdown, text, "bank")
    print(json.dumps({"schema": 1, **data}) if options.format == "json" else text)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        main()
