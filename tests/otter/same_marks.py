"""Do stock otter-grader and this engine give the same marks, question by question?

    python tests/otter/same_marks.py [ASSIGNMENT ...]

grades the example submissions and every listed mistake of the assignments (softmax and relu, where none is named) with
both and ends with 1 where they differ in a way that `docs/otter.md` does not name. Mistakes of different questions
share a notebook. Each notebook costs Otter some six seconds. `make test` compares a few.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

from students import Desk, Student, as_notebook

if TYPE_CHECKING:
    from autograder.course.model import Assignment

ROOT = Path(__file__).resolve().parents[2]
Points = dict[str, float]

SEED = 7
#: For one notebook; Otter itself waits without end.
TIMEOUT_S, LOOP_S = 120, 30
LOOP = "a loop without end"
#: Example submissions on which the two are meant to differ, and why; see `docs/otter.md`.
WANTED: dict[tuple[str, str], str] = {
    ("softmax", "bao"): LOOP,
    ("softmax", "dana"): "the process ends",
    ("softmax", "farah"): "no memory left",
    ("softmax", "hana"): LOOP,
    ("softmax", "quinn"): "no notebook",
    ("softmax", "rosa"): "no notebook",
}

#: Runs in a process of its own: Otter changes the working directory, and leaves what it imports.
_STOCK = """
import json, os, resource, sys
from otter.api import grade_submission

line, archive, *notebooks = sys.argv[1:]
# Otter has no limit of its own, and one of the examples allocates without end.
resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
for notebook in notebooks:
    try:
        results = grade_submission(notebook, archive, quiet=True)
        points = {name: test.score for name, test in results.results.items()}
    except Exception:
        points = None
    os.write(int(line), json.dumps(points).encode() + b"\\n")
"""


def with_otter(archive: Path, notebooks: Sequence[Path], timeout_s: float) -> list[Points | None]:
    """Points by question of each notebook, from stock Otter; None where it broke, or did not end in time."""
    found: list[Points | None] = []
    while len(found) < len(notebooks):
        found += _in_one_process(archive, notebooks[len(found) :], timeout_s)
    return found


def _in_one_process(archive: Path, notebooks: Sequence[Path], timeout_s: float) -> Iterator[Points | None]:
    """The same as far as one process gets: to the end, or to the first notebook that does not end."""
    reader, writer = os.pipe()
    with tempfile.TemporaryDirectory() as folder, os.fdopen(reader, encoding="utf-8") as lines:
        # A session of its own: what it starts is ended with it.
        process = subprocess.Popen(
            [sys.executable, "-c", _STOCK, str(writer), archive, *notebooks],
            env=os.environ | {"TMPDIR": folder, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[writer],
            start_new_session=True,
        )
        os.close(writer)
        try:
            for _ in notebooks:
                ready = select.select([reader], [], [], timeout_s)[0]
                line = lines.readline() if ready else ""
                yield json.loads(line or "null")
                if not line:
                    break
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def with_ours(
    assignment: str, notebooks: Sequence[Path], seed: int, course: Path = ROOT, step_s: float = 10
) -> list[Points]:
    """The same from this engine."""
    from autograder import Limits, grade, load_assignment
    from autograder.records.mark import points

    run = grade(load_assignment(course, assignment), notebooks, workers=2, seed=seed, limits=Limits(step_s=step_s))
    marks = {Path(mark.file).resolve(): mark for mark in run.marks}
    return [{q.name: points(q.hundredths) for q in marks[path.resolve()].questions} for path in notebooks]


def differences(ours: Points, stock: Points, within: float = 1e-6) -> dict[str, tuple[float, float]]:
    """Question -> our points and Otter's, where they are not the same."""
    names = dict.fromkeys((*ours, *stock))
    pairs = {name: (ours.get(name, 0.0), stock.get(name, 0.0)) for name in names}
    # Otter adds points as floats.
    return {name: pair for name, pair in pairs.items() if abs(pair[0] - pair[1]) > within}


def mistaken(assignment: Assignment) -> Iterator[tuple[str, str]]:
    """Names and texts of notebooks that hold every listed mistake, each notebook one mistake of every question."""
    desk = Desk(ROOT, assignment.name)
    listed = [[(q.name, mistake.name) for mistake in q.mistakes] for q in assignment.questions]
    for number, row in enumerate(zip_longest(*listed), start=1):
        variants = dict(filter(None, row))
        yield (
            f"mistakes {number}",
            desk.notebook_of(Student("mistakes", start="reference", variants=variants, finish=_without_figures)),
        )


def _without_figures(notebook: dict[str, Any]) -> str:
    """Figures take most of a notebook's time."""
    notebook["cells"] = [cell for cell in notebook["cells"] if "plt.show(" not in "".join(cell["source"])]
    return as_notebook(notebook)


def main(assignments: Sequence[str]) -> int:
    """Compare all submissions; returns the exit code."""
    from autograder import load_assignment

    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = [
            _compare(load_assignment(ROOT, name), Path(folder) / name) for name in assignments or ("softmax", "relu")
        ]
    print(f"{sum(number for number, _ in done)} submissions compared in {time.monotonic() - started:.0f} s")
    return max(wrong for _, wrong in done)


def _compare(assignment: Assignment, folder: Path) -> tuple[int, bool]:
    """How many submissions were compared, and whether something was not as it should be."""
    from autograder.otter.stock import build_otter

    archive = build_otter(assignment, folder, seed=SEED)
    paths = {}
    for path in sorted((ROOT / "examples" / "submissions" / assignment.name).glob("*.ipynb")):
        paths[path.stem] = _place(folder, assignment, path.stem)
        shutil.copy(path, paths[path.stem])
    for name, text in mistaken(assignment):
        paths[name] = _place(folder, assignment, name)
        paths[name].write_text(text, encoding="utf-8")

    loops = [name for name in paths if WANTED.get((assignment.name, name)) == LOOP]
    others = [name for name in paths if name not in loops]
    cores = os.cpu_count() or 1
    groups = [others[at::cores] for at in range(cores)] + [[name] for name in loops]

    def stock_of(names: list[str]) -> dict[str, Points | None]:
        timeout_s = LOOP_S if names[0] in loops else TIMEOUT_S
        return dict(zip(names, with_otter(archive, [paths[name] for name in names], timeout_s), strict=True))

    with ThreadPoolExecutor(cores) as threads:
        stock = {
            name: points for found in threads.map(stock_of, filter(None, groups)) for name, points in found.items()
        }
    ours = dict(zip(paths, with_ours(assignment.name, list(paths.values()), SEED), strict=True))
    wrong = False
    for name in paths:
        theirs = stock[name]
        found = differences(ours[name], theirs) if theirs is not None else "no results from Otter"
        reason = WANTED.get((assignment.name, name), "")
        told = f"{found or 'the same'}{f' ({reason})' if found and reason else ''}"
        print(f"{assignment.name}/{name}: {told}")
        wrong |= bool(found) != bool(reason)
    return len(paths), wrong


def _place(folder: Path, assignment: Assignment, name: str) -> Path:
    """Of a submission; called as the assignment says, for a renamed notebook is tested at another moment."""
    path = folder / name / f"{assignment.name}.ipynb"
    path.parent.mkdir()
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
