"""`autograder otter grade`: an assignment of Otter's, a class of notebooks, the marks."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autograder.cli import app
from autograder.grading.examine import Terms
from autograder.grading.notebook_file import code_cells
from autograder.grading.submissions import Submission
from autograder.otter.existing.archive import read_archive
from autograder.otter.existing.examiner import OtterExaminer
from autograder.records.mark import Mark
from autograder.sandbox.limits import Limits

from .conftest import make_archive, notebook

TESTS = {
    "q1": """\
from otter.test_files import test_case
import numpy as np
from helper import CANARY

OK_FORMAT = False
name = "q1"
points = 3

@test_case(hidden=False, success_message="Well done.")
def test_small(double):
    assert double(2) == 4

@test_case(hidden=True, failure_message="Think of large numbers.")
def test_large(double):
    assert double(CANARY) == 2 * CANARY

@test_case(hidden=False)
def test_table(double):
    x = np.ones((2, 2))
    np.testing.assert_allclose(double(x), 2)
    np.testing.assert_allclose(x, 1)
""",
    "q2": """\
from otter.test_files import test_case

OK_FORMAT = False
name = "q2"
points = 2
all_or_nothing = True

@test_case()
def test_down(halve):
    x = 16.0
    while x > 1:
        x = halve(x)
    assert x == 1

@test_case()
def test_zero(halve):
    assert halve(0) == 0
""",
    "q3": """\
OK_FORMAT = True
test = {"name": "q3", "points": 2, "suites": [{"type": "doctest", "cases": [
    {"code": ">>> answer + 1\\n43", "hidden": False},
    {"code": ">>> data\\n[1, 2]", "hidden": True},
]}]}
""",
    "q4": """\
from otter.test_files import test_case

OK_FORMAT = False
name = "q4"

@test_case()
def test_names(env):
    assert env["drawn"] == env["again"]
    assert "nothing" not in env
""",
}
FILES = {"helper.py": "CANARY = 918273645", "data/numbers.json": "[1, 2]"}

IMPORTS = "import numpy as np\nimport json\nimport otter\ngrader = otter.Notebook('hw.ipynb')"
DOUBLE = "def double(x):\n    return 2 * x"
HALVE = "def halve(x):\n    return x / 2"
NAMES = "answer = 42\ndata = json.load(open('data/numbers.json'))"
DRAWN = ("drawn = np.random.rand()", "again = np.random.rand()")
CHECKS = {f"q{n}": f"grader.check('q{n}')" for n in (1, 2, 3, 4)}


def answers(double: str = DOUBLE, halve: str = HALVE, names: str = NAMES, last: str = "") -> str:
    """A notebook that answers every question."""
    q1, q2, q3, q4 = CHECKS.values()
    return notebook(IMPORTS, double, q1, halve, q2, names, q3, *DRAWN, q4, last)


FULL = {"q1": 3, "q2": 2, "q3": 2, "q4": 1}

#: What a notebook does -> points by question, wherever the tests run.
NOTEBOOKS: dict[str, tuple[str, dict[str, float]]] = {
    "perfect": (answers(), FULL),
    "renamed later": (answers(last="double = halve = data = None"), FULL),
    "wrong for large numbers": (
        answers(double="def double(x):\n    return 2 * (x if np.max(x) < 1000 else 0)"),
        FULL | {"q1": 2},
    ),
    "changes its input": (answers(double="def double(x):\n    x *= 2\n    return x"), FULL | {"q1": 2}),
    "not defined": (answers(double="1 / 0"), FULL | {"q1": 0}),
    "half of a whole": (answers(halve="def halve(x):\n    return x / 2 or 1"), FULL | {"q2": 0}),
    "exits in a function": (answers(double="def double(x):\n    raise SystemExit"), FULL | {"q1": 0}),
    "ends the process": (answers(double="import os\ndef double(x):\n    os._exit(0)"), FULL | {"q1": 0}),
    "never returns": (answers(double="def double(x):\n    while True: pass"), FULL | {"q1": 0}),
    "keeps the test busy": (answers(halve="def halve(x):\n    return x"), FULL | {"q2": 0}),
    "wrong value": (answers(names="answer = 41\ndata = [1, 2]"), FULL | {"q3": 1}),
    "unchecked": (notebook(IMPORTS, DOUBLE, HALVE, NAMES, *DRAWN), FULL),
    "empty": (notebook(), {"q1": 0, "q2": 0, "q3": 0, "q4": 0}),
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_archive(tmp_path_factory.mktemp("archive") / "hw.zip", TESTS, files=FILES, seed=42)


def submission(text: str, name: str = "ann") -> Submission:
    return Submission(name, f"{name}.ipynb", "0" * 64, code_cells(text.encode()))


def points(mark: Mark) -> dict[str, float]:
    return {q.name: sum(c.hundredths for c in q.checks) / 100 for q in mark.questions}


@pytest.fixture(scope="module")
def examiners(archive: Path) -> Iterator[dict[str, OtterExaminer]]:
    """Examiners of the assignment, without the solution and with it."""
    terms = Terms(limits=Limits(step_s=1))
    known = {"beside": None, "apart": submission(answers())}
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(OtterExaminer(read_archive(archive), terms, solution=solution))
            for name, solution in known.items()
        }


@pytest.fixture(params=["beside", "apart"])
def examiner(request, examiners) -> OtterExaminer:
    return examiners[request.param]


def marked(examiner: OtterExaminer, text: str) -> Mark:
    with closing(examiner.slot()) as pair:
        return examiner.mark(submission(text), pair)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_notebook_gets_its_points(examiner, name):
    text, expected = NOTEBOOKS[name]
    mark = marked(examiner, text)
    assert mark.status == "graded"
    assert points(mark) == expected


def test_without_the_solution_what_wants_all_names_runs_beside_the_code_and_is_named(examiners):
    assert any("The tests of q3, q4 run beside the student's code" in said for said in examiners["beside"].warnings)
    assert any("Without --solution it is not known" in said for said in examiners["beside"].warnings)
    flags = marked(examiners["beside"], answers()).flags
    assert flags == ("q3: tested beside the student's code", "q4: tested beside the student's code")


def test_with_the_solution_everything_that_can_runs_apart(examiners):
    assert not any("beside" in said or "--solution" in said for said in examiners["apart"].warnings)
    assert marked(examiners["apart"], answers()).flags == ()


def test_authors_words_are_told(examiners):
    mark = marked(examiners["apart"], NOTEBOOKS["wrong for large numbers"][0])
    small, large, _ = mark.questions[0].checks
    assert (small.verdict, small.message) == ("pass", "Well done.")
    assert (large.verdict, large.message, large.public) == ("fail", "Think of large numbers.", False)
    *_, table = marked(examiners["apart"], NOTEBOOKS["changes its input"][0]).questions[0].checks
    assert "np.testing.assert_allclose(x, 1)" in table.message
    assert "Mismatched elements: 4 / 4" in table.message


def test_a_test_that_cannot_run_apart_is_told_to_the_instructor(tmp_path):
    source = """\
from otter.test_files import test_case
OK_FORMAT, name = False, "q1"

@test_case()
def test_derived(Base):
    class Derived(Base):
        pass
"""
    archive = make_archive(tmp_path / "hw.zip", {"q1": source})
    (tmp_path / "ann.ipynb").write_text(notebook("class Base: pass"), encoding="utf-8")
    (mark,) = grade(archive, tmp_path / "ann.ipynb")["marks"]
    (flag,) = mark["flags"]
    assert flag.startswith("q1: a test does what cannot be done from another process")
    assert flag.endswith("grade it with --beside q1")


#: Cells that tell what a hidden test put in, wherever they can.
TELLS = """\
seen = []
def double(x):
    seen.append(x)
    if len(seen) > 1:
        raise ValueError(seen)
    print(seen)
    return 2 * x
"""
TELLING = answers(double=TELLS, last="print(seen)\nraise ValueError(seen)")


def test_what_a_hidden_test_puts_in_is_not_told(examiner, monkeypatch):
    if not examiner.beside:
        assert "918273645" not in marked(examiner, TELLING).to_json()
    monkeypatch.setattr(examiner, "beside", frozenset({"q1"}))
    assert "918273645" not in marked(examiner, TELLING).to_json()
    monkeypatch.setattr(examiner, "terms", replace(examiner.terms, reveal="full"))
    assert "918273645" in marked(examiner, TELLING).to_json()


FORGES = """\
class Always:
    def __eq__(self, other): return True
    __ne__ = __lt__ = __gt__ = __eq__
    def __add__(self, other): return self
    def __repr__(self): return "43"
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return self
answer = Always()
def double(x): return Always()
halve = double
np.testing.assert_allclose = lambda *a, **k: None
from autograder.otter.existing import referee, test_file
referee.run_case = lambda *anything: test_file.Found(True)
data = [1, 2]
"""


def test_a_forger_earns_nothing_where_tests_run_apart_and_the_report_says_where_not(examiners, monkeypatch):
    text = notebook(IMPORTS, FORGES, *CHECKS.values())
    # The data are right; a text that says 43 is shown as one, which a doctest takes for the number.
    assert points(marked(examiners["apart"], text)) == {"q1": 0, "q2": 0, "q3": 2, "q4": 0}
    monkeypatch.setattr(examiners["apart"], "beside", frozenset({"q1"}))
    mark = marked(examiners["apart"], text)
    assert points(mark)["q1"] == 3
    assert "q1: tested beside the student's code" in mark.flags


def test_cells_say_to_otter_when_a_question_is_checked_and_what_is_left_out(examiners):
    document = json.loads(notebook(IMPORTS, DOUBLE, "double = None", HALVE, "halve = None", NAMES, *DRAWN))
    document["cells"][1]["metadata"] = {"otter": {"tests": ["q1"]}}
    document["cells"][4]["metadata"] = {"tags": ["otter_ignore"]}
    assert points(marked(examiners["apart"], json.dumps(document))) == FULL


def grade(*arguments: str | Path) -> dict[str, Any]:
    """The document that the command writes."""
    done = CliRunner().invoke(app, ["otter", "grade", *map(str, arguments), "--format", "json"])
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_command_grades_a_class_and_keeps_its_marks(tmp_path):
    """What is not followed, and what the solution fails, is told; one broken notebook costs nobody anything."""
    archive = make_archive(tmp_path / "hw.zip", TESTS, files=FILES, seed=42, score_threshold=0.5, plugins=["x.y"])
    for name, text in {"ann": "{", "bob": answers(names="answer = 41\ndata = [1, 2]")}.items():
        (tmp_path / f"{name}.ipynb").write_text(text, encoding="utf-8")
    notebooks = [tmp_path / "ann.ipynb", tmp_path / "bob.ipynb"]
    options = ("--gradebook", tmp_path / "grades.db", "--solution", notebooks[1])
    document = grade(archive, *notebooks, *options)
    ann, bob = document["marks"]
    assert (ann["status"], ann["points"]) == ("rejected", 0)
    assert (bob["status"], bob["points"]) == ("graded", 7)
    assert "otter_config.json: not followed here: plugins, score_threshold." in document["warnings"]
    assert "q3: the solution fails q3 - 1." in document["warnings"]
    done = CliRunner().invoke(app, ["status", "1", "--gradebook", str(tmp_path / "grades.db")])
    assert done.exit_code == 0, done.output
    assert "q3" in done.output


def test_files_of_an_export_lie_beside_the_notebook(tmp_path):
    """They replace none of the assignment's, which may lie where they would have to."""
    header = 'from otter.test_files import test_case\nname = "q1"\npoints = 2\n'
    test = f"{header}@test_case()\ndef test_half(halve):\n    assert halve(3) == 1.5"
    archive = make_archive(tmp_path / "hw.zip", {"q1": test}, files={"helper.py": "factor = 2", "data/x": "1"})
    source = "from helper import factor\nfrom mine.part import zero\ndef halve(x): return x / factor + zero"
    hashes = set()
    for student, zero in (("ann", "0"), ("bob", "1")):
        with zipfile.ZipFile(tmp_path / f"{student}.zip", "w") as made:
            made.writestr(f"{student}/hw.ipynb", notebook(source, CHECKS["q1"]))
            made.writestr(f"{student}/mine/part.py", f"zero = {zero}")
            made.writestr(f"{student}/helper.py", "factor = 1")
            made.writestr(f"{student}/data", "in the way of a folder")
            made.writestr(f"{student}/.OTTER_LOG", b"\x80")
            made.writestr(f"{student}/large.bin", bytes(17 * 2**20))
    marks = grade(archive, tmp_path / "ann.zip", tmp_path / "bob.zip")["marks"]
    for mark in marks:
        assert mark["flags"] == ["1 of the files beside the notebook could not be used"]
        hashes.add(mark["submission"]["sha256"])
    assert [(mark["submission"]["student"], mark["points"]) for mark in marks] == [("ann", 2), ("bob", 0)]
    assert len(hashes) == 2


def bad_archives(folder: Path) -> dict[str, tuple[Path, str]]:
    (folder / "text.zip").write_text("no archive", encoding="utf-8")
    outside = folder / "outside.zip"
    with zipfile.ZipFile(outside, "w") as made:
        made.writestr("../tests/q1.py", "")
    return {
        "missing": (folder / "nowhere.zip", "not a zip archive that can be read"),
        "text": (folder / "text.zip", "not a zip archive that can be read"),
        "outside": (outside, "a member would lie outside"),
        "ours": (
            make_archive(folder / "ours.zip", {"q1": "from autograder.otter.examine import examine"}),
            "Grade the assignment itself: autograder grade NAME",
        ),
        "no tests": (make_archive(folder / "none.zip", {}), "there is no test file"),
        "another language": (make_archive(folder / "r.zip", TESTS, lang="r"), "only Python can be graded"),
        "broken test": (make_archive(folder / "broken.zip", {"q1": "x = ("}), r"tests/q1.py .* cannot be used: Synta"),
    }


@pytest.mark.parametrize("kind", ["missing", "text", "outside", "ours", "no tests", "another language", "broken test"])
def test_an_archive_that_cannot_be_graded_is_refused_with_a_reason(kind, tmp_path):
    path, reason = bad_archives(tmp_path)[kind]
    (tmp_path / "ann.ipynb").write_text(notebook(), encoding="utf-8")
    done = CliRunner().invoke(app, ["otter", "grade", str(path), str(tmp_path / "ann.ipynb")])
    assert done.exit_code == 2, done.output
    assert re.search(reason, done.output.replace("\n", " ")), done.output


def test_a_notebook_of_another_assignment_is_rejected(tmp_path):
    archive = make_archive(tmp_path / "a.zip", {"q1": TESTS["q2"]}, assignment_name="intro")
    for student, name in (("ann", "intro"), ("bob", "other")):
        document = json.loads(notebook(HALVE, CHECKS["q1"]))
        document["metadata"]["otter"] = {"assignment_name": name}
        (tmp_path / f"{student}.ipynb").write_text(json.dumps(document), encoding="utf-8")
    right, wrong = grade(archive, tmp_path / "ann.ipynb", tmp_path / "bob.ipynb")["marks"]
    assert (right["status"], right["points"]) == ("graded", 2)
    assert (wrong["status"], wrong["points"]) == ("rejected", 0)
    assert "other" in wrong["flags"][0]


def test_a_question_that_is_not_there_is_refused(archive, tmp_path):
    (tmp_path / "ann.ipynb").write_text(notebook(), encoding="utf-8")
    done = CliRunner().invoke(app, ["otter", "grade", str(archive), str(tmp_path / "ann.ipynb"), "--beside", "q9"])
    assert done.exit_code == 2
    assert "no question 'q9'" in done.output
