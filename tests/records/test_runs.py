"""An instructor's day with the gradebook, on the command line: kill, go on, look, regrade, change by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autograder.cli import app
from autograder.records.gradebook import Gradebook

MASTER = '''\
# %%
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION
'''
CHECKS = """\
from autograder.course import call, call_twice, question

double = question("double", points=4)
double.check("an example", public=True, hint="What is 2 * 3?")(lambda rng: call(x=rng.normal(size=3)))
double.check("a table", hint="Elementwise.")(lambda rng: call_twice(x=rng.normal(size=(2, 3))))

@double.mistake("squares", hint="What is 2 * 3?")
def _(x):
    return x * x
"""
#: Makes the second check a lenient one: its table has one row, which a student who drops the others gets right.
LENIENT = CHECKS.replace("size=(2, 3)", "size=(1, 3)")
GOOD, HALF, WRONG = "return x + x", "return 2 * x[:1] if x.ndim > 1 else 2 * x", "return x * x"


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "solutions" / "tiny"
    home.mkdir(parents=True)
    (home / "tiny.py").write_text(MASTER)
    (home / "checks.py").write_text(CHECKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTOGRADER_GRADEBOOK", str(tmp_path / "course.db"))
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.fixture
def hand_in(course: Path) -> Callable[..., Path]:
    def write(student: str, body: str, extra: str = "") -> Path:
        cells = [
            {"cell_type": "code", "metadata": {}, "outputs": [], "source": s} for s in (extra, f"def double(x): {body}")
        ]
        path = course / "class" / f"{student}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        return path

    return write


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


def documents(book: Path | None = None) -> list[str]:
    with Gradebook(book or os.environ["AUTOGRADER_GRADEBOOK"]) as opened:
        return [mark.to_json() for mark in opened.marks(opened.find_run("tiny"))]


def test_a_killed_run_goes_on_and_ends_as_one_that_was_not_killed(course, hand_in):
    for number in range(12):
        hand_in(f"s{number:02}", (GOOD, HALF, WRONG)[number % 3], extra=f"'{number}'")
    command = [sys.executable, "-m", "autograder", "grade", "tiny", "class", "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    with process:
        assert process.stderr is not None
        seen = [process.stderr.readline() for _ in range(4)]
        process.kill()
    assert all(":" in line for line in seen)
    assert json.loads(run("status", "tiny", "--format", "json"))["finished"] is None
    run("grade", "tiny", "class")
    summary = json.loads(run("status", "tiny", "--format", "json"))
    assert (summary["run"], summary["submissions"], summary["statuses"]) == (1, 12, {"graded": 12})
    other = course / "other.db"
    run("grade", "tiny", "class", "--gradebook", str(other))
    assert documents() == documents(other)
    for to in ("csv", "json"):
        assert run("export", "tiny", "--to", to) == run("export", "tiny", "--to", to, "--gradebook", str(other))


def test_status_tells_verdicts_pass_rates_flags_and_changes_by_hand(course, hand_in):
    hand_in("ann", GOOD)
    hand_in("bob", WRONG)
    (course / "class" / "cid.ipynb").write_text("not JSON")
    run("grade", "tiny", "class")
    run("adjust", "tiny", "bob", "-0.25", "--comment", "Handed in by mail.", "--author", "eve")
    summary = json.loads(run("status", "1", "--format", "json"))
    assert summary["statuses"] == {"graded": 2, "rejected": 1}
    assert summary["verdicts"] == {"fail": 2, "pass": 2}
    assert summary["questions"] == {"double": {"passed": 1, "of": 2}}
    assert {row["student"] for row in summary["slowest"]} == {"ann", "bob", "cid"}
    assert [row["student"] for row in summary["flagged"]] == ["cid"]
    expected = {"student": "bob", "points": -0.25, "comment": "Handed in by mail.", "author": "eve"}
    assert summary["adjustments"] == [expected]
    text = run("status", "tiny")
    for words in (
        "2 graded, 1 rejected",
        "1 of 2 (50 %)",
        "cid  Not a valid notebook",
        "bob  -0.25  Handed in by mail. (eve)",
    ):
        assert words in text


def test_regrading_shows_who_changes_and_writes_only_on_request(course, hand_in):
    for student, body in (("ann", GOOD), ("bob", HALF), ("cid", WRONG)):
        hand_in(student, body)
    run("grade", "tiny", "class", "--seed", "5")
    run("adjust", "tiny", "bob", "1", "--comment", "kept")
    before = documents()
    (course / "solutions" / "tiny" / "checks.py").write_text(LENIENT)
    shown = json.loads(run("regrade", "tiny", "--format", "json"))
    change = {"question": "double", "title": "a table", "before": "fail", "after": "pass"}
    file = "class/bob.ipynb"
    assert shown["changes"] == [
        {"student": "bob", "file": shown["changes"][0]["file"], "before": 2, "after": 4, "checks": [change]}
    ]
    assert shown["changes"][0]["file"].endswith(file)
    assert (shown["unchanged"], shown["gone"], shown["applied"]) == (2, [], None)
    assert documents() == before
    text = run("regrade", "tiny", "--apply")
    assert "double: a table (fail 0 -> pass 2)" in text
    assert "1 change, 2 stay. Applied as run 2." in text
    with Gradebook(os.environ["AUTOGRADER_GRADEBOOK"]) as book:
        assert [mark.hundredths for mark in book.marks(book.find_run("2"))] == [400, 400, 0]
        assert [mark.to_json() for mark in book.marks(book.find_run("1"))] == before
        assert [a.comment for a in book.adjustments("tiny")] == ["kept"]
        assert book.conditions(book.find_run("2"))["seed"] == 5


def test_regrading_takes_the_same_ids_and_names_what_is_gone(course, hand_in):
    hand_in("ann=71", GOOD)
    path = hand_in("bob=72", GOOD)
    run("grade", "tiny", "class", "--id-pattern", r"^class/.*=(?P<id>\d+)\.ipynb$")
    assert [json.loads(document)["submission"]["student"] for document in documents()] == ["71", "72"]
    path.unlink()
    shown = json.loads(run("regrade", "tiny", "--format", "json"))
    assert (shown["unchanged"], shown["gone"]) == (1, ["class/bob=72.ipynb"])
    (course / "class").rename(course / "away")
    assert "None of the paths of run 1 is there any more" in " ".join(run("regrade", "1", code=2).split())


def test_a_class_from_canvas_goes_back_to_canvas(course, hand_in):
    for name, body in (("leeann_1071_501_tiny", GOOD), ("ngbo_LATE_1072_502_tiny", HALF)):
        hand_in(name, body)
    told = CliRunner().invoke(app, ["grade", "tiny", "class"]).stderr
    assert "2 ids were read as in a download of Canvas." in told
    (course / "course.toml").write_text(
        "[late]\npercent_per_day = 50\n[assignments.tiny]\ndue = 2026-10-01T12:00:00Z\n"
    )
    (course / "canvas.csv").write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section\nAnn,1071,,,\nBo,1072,,,\nCy,1,,,\n"
    )
    command = ["export", "tiny", "--to", "canvas", "--roster", "canvas.csv", "--column", "Tiny (9)"]
    assert run(*command, code=1).splitlines() == [
        "run 1, tiny: 2 students; due 2026-10-01T12:00:00Z and 0 min of grace; 50 % per day, at most 100 %; "
        "late days in the course: 0; the best submission counts",
        "In the roster, but without a submission: Cy (1)",
        "warning: Late, but nothing says by how much, so nothing was taken for it: 1072",
    ]
    (course / "times.csv").write_text("id,time\n1072,2026-10-01T14:00:01+02:00\n")
    assert run(*command, "--times", "times.csv", "--out", "grades.csv") == ""
    assert (course / "grades.csv").read_text().splitlines() == [
        "Student,ID,SIS User ID,SIS Login ID,Section,Tiny (9)",
        "    Points Possible,,,,,4",
        "Ann,1071,,,,4",
        "Bo,1072,,,,1",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export", "relu", "--to", "csv"], "relu: no such run in"),
        (["grade", "tiny", "class", "--id-pattern", "(?P<id>"], "not a regular expression"),
        (["status", "relu"], "relu: no such run in"),
        (["status", "tiny", "--gradebook", "none.db"], "none.db: no such gradebook."),
        (["adjust", "tiny", "zoe", "1", "--comment", "c"], "zoe: no submission of tiny"),
        (["adjust", "tiny", "ann", "0.125", "--comment", "c"], "at most two decimals"),
        (["grade", "tiny", "class", "--gradebook", "class"], "class: is a folder."),
    ],
)
def test_wrong_usage_is_told(course, hand_in, arguments, says):
    hand_in("ann", GOOD)
    Gradebook(os.environ["AUTOGRADER_GRADEBOOK"]).close()
    assert says in " ".join(run(*arguments, code=2).split())


def test_a_gradebook_must_be_named(course, monkeypatch):
    monkeypatch.delenv("AUTOGRADER_GRADEBOOK")
    assert "Which gradebook? Name it with --gradebook" in " ".join(run("status", "tiny", code=2).split())
