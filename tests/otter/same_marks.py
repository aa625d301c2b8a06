"""Do stock otter-grader and this engine give the same marks, question by question?

    python tests/otter/same_marks.py [ASSIGNMENT ...]

grades the example submissions of the assignments (softmax and relu, where none is named) with both and ends with 1
where they differ in a way that `docs/otter.md` does not name. Each notebook costs Otter some ten seconds. `make test`
compares a few.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

Points = dict[str, float]

#: Example submissions on which the two are meant to differ, and why; see `docs/otter.md`.
WANTED: dict[tuple[str, str], str] = {
    ("softmax", "bao"): "a loop without end",
    ("softmax", "dana"): "the process ends",
    ("softmax", "farah"): "no memory left",
    ("softmax", "hana"): "a loop without end",
    ("softmax", "quinn"): "no notebook",
    ("softmax", "rosa"): "no notebook",
}

#: Runs in a process of its own: Otter changes the working directory, and leaves what it imports.
_STOCK = """
import json, resource, sys
from otter.api import grade_submission

archive, out, *notebooks = sys.argv[1:]
# Otter has no limit of its own, and one of the examples allocates without end.
resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
for notebook in notebooks:
    try:
        results = grade_submission(notebook, archive, quiet=True)
        points = {name: test.score for name, test in results.results.items()}
    except Exception:
        points = None
    with open(out, "a") as file:
        print(json.dumps(points), file=file)
"""


def with_otter(archive: Path, notebooks: Sequence[Path], timeout_s: float) -> list[Points | None]:
    """Points by question of each notebook, from stock Otter; None where it did not end, or broke."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "points"
        # A session of its own: what it starts is ended with it.
        process = subprocess.Popen(
            [sys.executable, "-c", _STOCK, archive, out, *notebooks],
            env=os.environ | {"TMPDIR": folder, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    found = [json.loads(line) for line in lines]
    return found + [None] * (len(notebooks) - len(found))


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


def main(assignments: Sequence[str]) -> int:
    """Compare all example submissions; returns the exit code."""
    from autograder import load_assignment
    from autograder.otter.stock import build_otter

    worst = compared = 0
    for name in assignments or ("softmax", "relu"):
        with tempfile.TemporaryDirectory() as folder:
            archive = build_otter(load_assignment(ROOT, name), Path(folder), seed=7)
            notebooks = sorted((ROOT / "examples" / "submissions" / name).glob("*.ipynb"))
            for path, ours in zip(notebooks, with_ours(name, notebooks, 7), strict=True):
                # Called as the assignment says: a renamed notebook is tested at another moment.
                named = Path(shutil.copy(path, Path(folder) / f"{name}.ipynb"))
                (stock,) = with_otter(archive, [named], 120)
                found = differences(ours, stock) if stock is not None else "no results from Otter"
                reason = WANTED.get((name, path.stem), "")
                print(
                    f"{name}/{path.stem}: {found or 'the same'}{f' ({reason})' if found and reason else ''}", flush=True
                )
                worst |= bool(found) != bool(reason)
                compared += 1
    print(f"{compared} submissions compared")
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
