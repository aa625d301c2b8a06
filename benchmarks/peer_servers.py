"""What runs in the interpreter of a peer: processes that grade, or prepare, what `peers.py` tells them.

    python benchmarks/peer_servers.py otter|nbclient|ours|nbgrader ARGUMENT...

Each line on standard input is a request, each line on standard output its answer, both JSON; the first answer is that
of nobody's question: the process is warm.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Points = dict[str, float]


def otter(archive: str) -> Callable[[str], Any]:
    """Points by question of a notebook, by `otter.api.grade_submission`."""
    from otter.api import grade_submission

    def grade(notebook: str) -> Points:
        results = grade_submission(notebook, archive, quiet=True)
        return {name: test.score for name, test in results.results.items()}

    return grade


def nbclient() -> Callable[[str], Any]:
    """Runs a notebook in a kernel of its own; nothing is graded."""
    from nbclient import NotebookClient
    from nbformat import read

    def run(notebook: str) -> Points:
        # Without the argument every kernel warns that it talks over TCP.
        arguments = ["--log-level=ERROR"]
        book = read(notebook, as_version=4)
        NotebookClient(book, kernel_name="python3", extra_arguments=arguments, allow_errors=True).execute()
        if any(cell.execution_count is None for cell in book.cells if cell.cell_type == "code"):
            raise RuntimeError(f"{notebook}: a cell did not run")
        return {}

    return run


def ours(course: str, name: str, seed: str) -> Callable[[str], Any]:
    """Points by question of a notebook, from a warm slot of the sandbox: what a batch does for each."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

    from autograder import Limits, load_assignment
    from autograder.grading.examine import Examiner, Terms
    from autograder.grading.submissions import find_submissions
    from autograder.records.mark import points

    examiner = Examiner(load_assignment(Path(course), name), Terms(int(seed), "hint", Limits(), False)).__enter__()
    slot = examiner.slot()

    def grade(notebook: str) -> Points:
        (source,) = find_submissions([Path(notebook)], name)
        return {q.name: points(q.hundredths) for q in examiner.mark(source, slot).questions}

    return grade


def nbgrader(course: str, name: str) -> Callable[[str], Any]:
    """Asked to ``generate``, nbgrader makes the notebook for students; else the points of a student, by question."""
    from nbgrader.api import Gradebook
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    api = NbGraderAPI(config=Config({"CourseDirectory": {"root": course}}))

    def answer(request: str) -> Points:
        if request == "generate":
            done = api.generate_assignment(name)
            if not done["success"]:
                raise RuntimeError(done["log"])
            return {}
        points: Points = {}
        with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
            for grade in book.find_submission_notebook(name, name, request).grades:
                question = grade.cell.name.rpartition("-")[0]
                points[question] = points.get(question, 0.0) + (grade.auto_score or 0.0)
        return points

    return answer


def main() -> None:
    """Answer until standard input ends. What others print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(document: Any) -> None:
        print(json.dumps(document), file=answers, flush=True)

    modes: dict[str, Callable[..., Callable[[str], Any]]] = {f.__name__: f for f in (otter, nbclient, ours, nbgrader)}
    answer = modes[sys.argv[1]](*sys.argv[2:])
    say("ready")
    for line in sys.stdin:
        say(answer(json.loads(line)))


if __name__ == "__main__":
    main()
