"""The example submissions are made from data, the same each time, and a slip in the data is told."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOFTMAX = ("examples/make_examples.py", "examples/students.py", "examples/classes/softmax.py")


def make_examples(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = root / "examples" / "make_examples.py"
    return subprocess.run(
        [sys.executable, "-W", "error", script, *arguments],
        capture_output=True,
        text=True,
        timeout=300,  # reached only by a hang
        check=False,
    )


@pytest.fixture
def copy(repo, tmp_path):
    """A course with the class of softmax only, and without its solution."""
    for path in (*SOFTMAX, "assignments/softmax/softmax.ipynb"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repo / path, tmp_path / path)
    return tmp_path


@pytest.mark.slow
def test_the_examples_are_fresh(repo):
    done = make_examples(repo, "--check")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_answers_that_are_written_out_need_the_student_notebook_alone_and_give_the_same_each_time(repo, copy):
    folder, made = (root / "examples" / "submissions" / "softmax" for root in (repo, copy))
    assert make_examples(copy).returncode == 0
    assert {p.name: p.read_bytes() for p in made.iterdir()} == {p.name: p.read_bytes() for p in folder.iterdir()}
    (made / "ann.ipynb").write_text("{}", encoding="utf-8")
    (made / "nobody.ipynb").touch()
    done = make_examples(copy, "--check")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "stale: examples/submissions/softmax/ann.ipynb",
        "not an example: examples/submissions/softmax/nobody.ipynb",
    ]
    assert make_examples(copy).returncode == 0
    assert make_examples(copy, "--check").returncode == 0


@pytest.mark.parametrize(
    ("student", "message"),
    [
        (
            'variants={"softmax": "normalises over the batches"}',
            "softmax has no mistake or equivalent 'normalises over the batches'. The course has: normalises over the",
        ),
        ('variants={"softmux": "normalises over the batch"}', "no question 'softmux'; known: shift_changes_output"),
        ('answers={"softmux": "return x"}', "the student notebook does not define 'softmux'"),
        ('left_out=("softmux",)', "the student notebook does not define 'softmux'"),
    ],
)
def test_what_the_course_does_not_have_is_told(repo, copy, student, message):
    shutil.copytree(repo / "solutions" / "softmax", copy / "solutions" / "softmax")
    table = f'from students import Student\n\nSTUDENTS = {{"uma": Student("a slip", {student})}}\n'
    (copy / "examples" / "classes" / "softmax.py").write_text(table, encoding="utf-8")
    done = make_examples(copy)
    assert done.returncode != 0
    assert message in done.stderr
    assert not (copy / "examples" / "submissions").exists()
