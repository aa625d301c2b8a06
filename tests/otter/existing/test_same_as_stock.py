"""Assignments made by stock `otter assign`, graded by stock `otter run` and by this engine: the same points.

The master holds what Otter's own introductions show: a function with doctests, hidden cases, points per case, a seeded
simulation, a file of data, a class, a whole question, a plot; once with doctests and once with test functions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from autograder.otter.existing.archive import read_archive
from autograder.otter.existing.examiner import grade_existing

from .conftest import notebook

pytest.importorskip("otter", reason="otter-grader is an extra", exc_type=ImportError)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import same_marks

pytestmark = pytest.mark.long

#: Question -> its settings, the solution, and per test case: hidden, doctest with its output, body of a test function.
Case = tuple[bool, str, str, str]
QUESTIONS: dict[str, tuple[str, str, list[Case]]] = {
    "square": (
        "points: 3",
        "def square(x):\n    return x ** 2 # SOLUTION",
        [
            (False, "square(3)", "9", "assert square(3) == 9"),
            (True, "square(-2.5)", "6.25", "assert square(-2.5) == 6.25"),
        ],
    ),
    "means": (
        "points: [1, 2]",
        "def means(a, weights=None):\n    return np.average(a, 0, weights) # SOLUTION",
        [
            (
                False,
                "means(np.array([[1., 2.], [3., 4.]]))",
                "array([2., 3.])",
                "np.testing.assert_allclose(means(np.array([[1., 2.], [3., 4.]])), [2, 3])",
            ),
            (
                True,
                "bool(np.isclose(means(np.array([1., 3.]), weights=[3, 1]), 1.5))",
                "True",
                "assert np.isclose(means(np.array([1., 3.]), weights=[3, 1]), 1.5)",
            ),
        ],
    ),
    "simulate": (
        "points: 2",
        "tosses = np.random.binomial(1, 0.5, 10) # SOLUTION\n"
        "def toss(n):\n    return np.random.randint(0, 2, n) # SOLUTION",
        [
            (False, "len(tosses)", "10", "assert len(tosses) == 10"),
            (True, "int(tosses.sum())", "6", "assert tosses.sum() == 6"),
            (
                True,
                "np.random.seed(5); toss(4).tolist() + np.random.randint(0, 2, 2).tolist()",
                "[1, 0, 1, 1, 0, 0]",
                "np.random.seed(5)\n    drawn = [*toss(4), *np.random.randint(0, 2, 2)]\n"
                "    assert drawn == [1, 0, 1, 1, 0, 0]",
            ),
        ],
    ),
    "table": (
        "points: 1\nall_or_nothing: true",
        "import csv\nrows = list(csv.DictReader(open('data.csv'))) # SOLUTION",
        [
            (False, "len(rows)", "2", "assert len(rows) == 2"),
            (True, "rows[1]['name']", "'bob'", "assert rows[1]['name'] == 'bob'"),
        ],
    ),
    "account": (
        "points: {each: 2}",
        "class Account:\n    # BEGIN SOLUTION\n    def __init__(self):\n        self.balance, self.log = 0, []\n"
        "    def add(self, amount):\n        if amount <= 0:\n            raise ValueError('not positive')\n"
        "        self.balance += amount\n        self.log.append(amount)\n        return self\n    # END SOLUTION",
        [
            (
                False,
                "Account().add(3).add(4).balance",
                "7",
                "assert Account().add(3).add(4).balance == 7",
            ),
            (
                True,
                "a = Account(); a.add(1).log",
                "[1]",
                "a = Account()\n    a.log.append(5)\n    assert a.add(1).log == [5, 1]",
            ),
            (
                True,
                "Account().add(-1)",
                "Traceback (most recent call last):\n    ...\nValueError: not positive",
                "try:\n        Account().add(-1)\n    except ValueError as error:\n"
                "        assert 'positive' in str(error)\n    else:\n        raise AssertionError('took it')",
            ),
        ],
    ),
    "tally": (
        "points: 2",
        "def tally(words):\n    return {w: words.count(w) for w in words} # SOLUTION",
        [
            (False, "tally('aab') == {'a': 2, 'b': 1}", "True", "assert tally('aab') == {'a': 2, 'b': 1}"),
            (
                True,
                "[tally([n, n])[n] for n in range(3)]",
                "[2, 2, 2]",
                "for n in range(2_000):\n        assert tally([n, n]) == {n: 2}",
            ),
            (
                True,
                "sorted(tally(['b', 'a']))",
                "['a', 'b']",
                "assert sorted(tally(np.array(['b', 'a']).tolist())) == ['a', 'b']",
            ),
        ],
    ),
}
IMPORTS = "import numpy as np"
#: Submission -> what takes the place of the answer to a question.
SUBMISSIONS: dict[str, dict[str, str]] = {
    "right": {},
    "blank": dict.fromkeys(QUESTIONS, "..."),
    "slips": {
        "square": "def square(x):\n    return abs(x) * x",
        "means": "def means(a, weights=None):\n    return a.mean(0)",
        "table": "rows = [{'name': 'ann'}, {'name': 'eve'}]",
        "account": "class Account:\n    balance, log = 0, []\n    def add(self, amount):\n"
        "        self.balance += amount\n        self.log.append(amount)\n        return self",
    },
    "others": {
        "square": "def square(x):\n    raise RuntimeError(x)",
        "means": "def means(a):\n    return a.mean(0).tolist()",
        "simulate": "tosses = np.random.binomial(1, 0.5, 10)\ndef toss(n):\n    return np.array([1, 0, 1, 1])[:n]",
        "account": "Account = None",
        "tally": "from collections import Counter as tally",
    },
}


def master(doctests: bool) -> str:
    """The master notebook, with the outputs that doctests are taken from."""
    config = {"name": "intro", "generate": {"seed": 42}, "files": ["data.csv"], "tests": {"ok_format": doctests}}
    cells: list[dict[str, Any]] = []

    def raw(*lines: str) -> None:
        cells.append({"cell_type": "raw", "id": f"r{len(cells)}", "metadata": {}, "source": "\n".join(lines)})

    def code(source: str, output: str = "") -> None:
        data = {"text/plain": output}
        result = {"output_type": "execute_result", "data": data, "execution_count": 1, "metadata": {}}
        outputs = [result] if output and not output.startswith("Traceback") else []
        extra = {"metadata": {}, "execution_count": None, "outputs": outputs}
        cells.append({"cell_type": "code", "id": f"c{len(cells)}", "source": source, **extra})

    raw("# ASSIGNMENT CONFIG", *(f"{key}: {json.dumps(value)}" for key, value in config.items()))
    code(IMPORTS)
    for name, (settings, solution, cases) in QUESTIONS.items():
        raw("# BEGIN QUESTION", f"name: {name}", settings)
        raw("# BEGIN SOLUTION")
        code(solution)
        raw("# END SOLUTION")
        raw("# BEGIN TESTS")
        for number, (hidden, doctest, output, body) in enumerate(cases):
            if doctests and output.startswith("Traceback"):
                continue
            first = "# HIDDEN\n" if hidden else ""
            names = {"square", "means", "tosses", "toss", "rows", "Account", "tally"}
            used = ", ".join(sorted(n for n in names if n in body))
            function = f"def test_{number}({used}):\n    import numpy as np\n    {body}\ntest_{number}({used})"
            code(first + (doctest if doctests else function), output if doctests else "")
        raw("# END TESTS")
        raw("# END QUESTION")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


def submission(answers: dict[str, str]) -> str:
    cells = [IMPORTS, "import otter\ngrader = otter.Notebook('intro.ipynb')"]
    for name, (_, solution, _) in QUESTIONS.items():
        cells += [answers.get(name, solution), f"grader.check({name!r})"]
    # A name that is used again, for something else, after it was tested.
    document = json.loads(notebook(*cells, "square = means = 0"))
    document["metadata"]["otter"] = {"assignment_name": "intro"}
    return json.dumps(document)


@pytest.fixture(scope="module", params=[True, False], ids=["doctests", "functions"])
def compared(request, tmp_path_factory) -> dict[str, tuple[same_marks.Points, same_marks.Points | None]]:
    """Our points and Otter's for each submission."""
    folder = tmp_path_factory.mktemp("assign")
    (folder / "intro.ipynb").write_text(master(request.param), encoding="utf-8")
    (folder / "data.csv").write_text("name,age\nann,20\nbob,21\n", encoding="utf-8")
    command = [sys.executable, "-m", "otter", "assign", "--no-run-tests", "--no-pdfs", "intro.ipynb", "dist"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    (archive,) = (folder / "dist" / "autograder").glob("*.zip")
    paths = []
    for name, answers in SUBMISSIONS.items():
        path = folder / name / "intro.ipynb"
        path.parent.mkdir()
        path.write_text(submission(answers), encoding="utf-8")
        paths.append(path)
    ours = with_ours(archive, paths, paths[0])
    stock = same_marks.with_otter(archive, paths, 400)
    return dict(zip(SUBMISSIONS, zip(ours, stock, strict=True), strict=True))


def with_ours(archive: Path, paths: Sequence[Path], solution: Path) -> list[same_marks.Points]:
    """The points of each notebook, the same with the tests apart and as the archive alone demands."""
    found = []
    for known in (None, solution):
        run = grade_existing(read_archive(archive), paths, workers=2, solution=known)
        marks = {Path(mark.file): mark for mark in run.marks}
        found.append([{q.name: q.hundredths / 100 for q in marks[path].questions} for path in paths])
        assert known is None or run.provenance["beside"] == []
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_both_give_the_same_points(compared, name):
    ours, stock = compared[name]
    assert stock is not None
    assert same_marks.differences(ours, stock, within=0.005) == {}
    if name == "right":
        assert ours["square"] == 3
        assert sum(ours.values()) >= 12
