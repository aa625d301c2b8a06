"""The example submissions get the marks that they deserve, and no one of them harms another."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import autograder
from autograder import Limits, Mark, Run
from autograder.records.mark import points
from autograder.reports.terminal import reason

LIMITS = Limits(step_s=2, submission_s=12, memory_mib=256)
SEED = 7
_LETTERS = {"pass": "P", "fail": "F", "error": "E", "limit": "L", "missing": "M"}


@dataclass(frozen=True)
class Expected:
    """What one student must get.

    Attributes:
        points: exactly.
        why: part of the one-line reason in the table of marks.
        verdicts: by question, one letter per check (Pass, Fail, Error, Limit, Missing), or one for all; others pass.
        hostile: whether it could spoil the run for others.
        seen: part of a message that the student gets.
    """

    points: float
    why: str = "all checks pass"
    verdicts: Mapping[str, str] = field(default_factory=dict)
    hostile: bool = False
    seen: str = ""
    status: str = "graded"


LETTERS = ("shift_changes_output", "scale_changes_output", "largest_output_input")
FIRST_HALF = ("softmax", "softmin", "softmax_base", "sigmoid", "elo_win_probability", "hardmax", "logsumexp")
SECOND_HALF = (
    "log_softmax",
    "softmax_jacobian",
    "softmax_backward",
    "log_softmax_backward",
    "torch_softmax",
    "torch_log_softmax",
)
NOTHING = dict.fromkeys(LETTERS + FIRST_HALF + SECOND_HALF, "M")

#: Checks that fail stand in the order of `solutions/softmax/checks.py`; each mistake fails those that aim at it.
EXPECTED = {
    "ann": Expected(100),
    "bao": Expected(100, "cell 28: The cell ran longer than 2 s.", hostile=True),
    "chidi": Expected(100),
    # The first check has no ties; the second one ends the process, and the others of hardmax with it.
    "dana": Expected(
        95,
        "error: hardmax",
        {"hardmax": "PEEEEEE"},
        hostile=True,
        seen="ended the process (exit code 0) before it had answered",
    ),
    "emil": Expected(100),
    "farah": Expected(100, "cell 17: The cell used more than 256 MiB of memory.", hostile=True),
    "goran": Expected(100),
    # Scores far from 0 keep the series busy for ever; Elo uses sigmoid.
    "hana": Expected(
        90.6,
        "limit: sigmoid, elo_win_probability",
        {"sigmoid": "PLLLLLL", "elo_win_probability": "PPPLLL"},
        hostile=True,
        seen="sigmoid ran longer than 2 s",
    ),
    "igor": Expected(100, "cell 36: InputNotAvailableError"),
    "jin": Expected(
        0,
        "fail: softmax, softmin, sigmoid and 2 more",
        NOTHING | dict.fromkeys(("softmax", "softmin", "sigmoid", "logsumexp", "torch_softmax"), "F"),
        hostile=True,
        seen="an object of type Yes",
    ),
    "kofi": Expected(100),
    "lena": Expected(
        96,
        "cell 18: SyntaxError",
        {"softmin": "M"},
        seen="It should have been defined in cell 18, which failed",
    ),
    # Scores of 1000, and of 100 in float32, overflow; small ones are right.
    "mia": Expected(
        81.21,
        "fail: softmax, softmin, softmax_base and 4 more",
        {
            "softmax": "PFPPFFFPP",
            "softmin": "PPFFP",
            "softmax_base": "PFPPFPPP",
            "logsumexp": "PFPPFFFP",
            "log_softmax": "PFPPFFFPP",
            "softmax_jacobian": "PPPFPPP",
            "torch_softmax": "PPPPPFFPP",
        },
        seen="nan",
    ),
    # Whatever asks for another axis than the last one, and nothing else.
    "noor": Expected(
        92.78,
        "fail: softmax, softmin, softmax_base and 2 more",
        {
            "softmax": "PPFPFPPPP",
            "softmin": "PFPPP",
            "softmax_base": "PPFPPPPP",
            "hardmax": "PPFFPPP",
            "softmax_backward": "PPFPPPPPP",
        },
        seen="Is `axis` used in every reduction?",
    ),
    # Values survive the way through NumPy, as long as the dtype is float64; gradients do not.
    "omar": Expected(
        76.49,
        "fail: softmax_jacobian, softmax_backward, torch_softmax and 1 more",
        {
            "softmax_jacobian": "F",
            "softmax_backward": "F",
            "torch_softmax": "FFPFFPFFP",
            "torch_log_softmax": "FFPFFFFFP",
        },
    ),
    "pia": Expected(
        8.55,
        "missing: largest_output_input, log_softmax, softmax_jacobian and 4 more",
        NOTHING
        | dict.fromkeys(FIRST_HALF, "F")
        | {
            "shift_changes_output": "P",
            "scale_changes_output": "F",
            "softmax": "FFFFFPFFF",  # of a single sample, axis 0 is the right one
            "logsumexp": "PFPPFFPP",  # only samples that lie far apart disturb each other
        },
        seen="softmax_jacobian is not written yet",
    ),
    "quinn": Expected(0, "The file is empty", status="rejected"),
    "rosa": Expected(0, "Not a valid notebook: JSON error in line", status="rejected"),
    "sam": Expected(0, "missing: shift_changes_output", NOTHING),
    "tove": Expected(100),
}


@pytest.fixture(scope="module")
def folder(repo: Path) -> Path:
    return repo / "examples" / "submissions" / "softmax"


@pytest.fixture(scope="module")
def run(softmax_assignment, folder) -> Run:
    """The whole class, two at a time."""
    return autograder.grade(softmax_assignment, [folder], workers=2, seed=SEED, limits=LIMITS)


@pytest.fixture(scope="module")
def marks(run: Run) -> dict[str, Mark]:
    return {mark.student: mark for mark in run.marks}


def verdicts(mark: Mark) -> dict[str, str]:
    """One letter per check, or one for all, of the questions that do not pass."""
    found = {q.name: "".join(_LETTERS.get(c.verdict, "?") for c in q.checks) for q in mark.questions}
    short = {name: letters[0] if len(set(letters)) == 1 else letters for name, letters in found.items()}
    return {name: letters for name, letters in short.items() if letters != "P"}


def texts(mark: Mark) -> Iterator[str]:
    for question in mark.questions:
        for check in question.checks:
            yield from (check.message, check.hint)


@pytest.mark.slow
@pytest.mark.parametrize("student", EXPECTED)
def test_each_student_gets_exactly_what_is_due(marks, student):
    mark, expected = marks[student], EXPECTED[student]
    assert mark.status == expected.status
    assert verdicts(mark) == {name: letters for name, letters in expected.verdicts.items() if letters != "P"}
    assert points(mark.hundredths) == expected.points
    assert expected.why in reason(mark)
    assert any(expected.seen in text for text in texts(mark)) or not expected.seen


@pytest.mark.slow
def test_the_batch_holds_everyone_once_and_in_order(run, folder):
    assert [mark.student for mark in run.marks] == sorted(EXPECTED)
    assert sorted(EXPECTED) == sorted(path.stem for path in folder.iterdir())


@pytest.mark.slow
def test_whoever_lost_points_is_told_why(marks):
    for mark in marks.values():
        if mark.hundredths < mark.max_hundredths:
            assert reason(mark) != "all checks pass"
        for question in mark.questions:
            for check in question.checks:
                assert bool(check.message) == (check.verdict != "pass"), (mark.student, check.title)
                assert check.hundredths == (check.max_hundredths if check.verdict == "pass" else 0)


@pytest.mark.slow
def test_full_marks_stand_before_and_after_each_hostile_one(run):
    """With one worker, which the next test uses, neighbours in this order run one after the other."""
    order = list(run.marks)
    for before, mark, after in zip(order, order[1:], order[2:], strict=False):
        if EXPECTED[mark.student].hostile:
            assert before.hundredths == after.hundredths == 100_00, mark.student


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_with_one_worker_as_with_two(softmax_assignment, folder, run):
    order: list[str] = []
    again = autograder.grade(
        softmax_assignment,
        [folder],
        workers=1,
        seed=SEED,
        limits=LIMITS,
        on_mark=lambda mark, done, total: order.append(mark.student),
    )
    assert order == sorted(EXPECTED)
    for mark, first in zip(again.marks, run.marks, strict=True):
        assert mark.to_json() == first.to_json()
        # The time a mark took is the one thing that may differ, and it is not in the file.
        assert replace(mark, elapsed_s=0.0) == replace(first, elapsed_s=0.0)
    assert again.provenance == run.provenance


@pytest.mark.slow
def test_another_seed_gives_the_same_points(softmax_assignment, folder, marks):
    """Other inputs, same verdicts: no check hangs on a lucky draw. Those that only reach a limit are left out."""
    slow = {"bao", "farah", "hana"}
    paths = [path for path in sorted(folder.iterdir()) if path.stem not in slow]
    other = autograder.grade(softmax_assignment, paths, workers=2, seed=SEED + 1, limits=LIMITS)
    assert other.provenance["seed"] == SEED + 1
    for mark in other.marks:
        assert verdicts(mark) == verdicts(marks[mark.student]), mark.student
        assert mark.hundredths == marks[mark.student].hundredths


def make_examples(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = root / "examples" / "make_examples.py"
    return subprocess.run(
        [sys.executable, "-W", "error", script, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_examples_are_fresh(repo):
    done = make_examples(repo, "--check")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_examples_are_made_from_the_student_notebook_alone_and_the_same_each_time(repo, folder, tmp_path):
    for path in ("examples/make_examples.py", "assignments/softmax/softmax.ipynb"):
        (tmp_path / path).parent.mkdir(parents=True)
        shutil.copy(repo / path, tmp_path / path)
    made = tmp_path / "examples" / "submissions" / "softmax"
    assert make_examples(tmp_path).returncode == 0
    assert {p.name: p.read_bytes() for p in made.iterdir()} == {p.name: p.read_bytes() for p in folder.iterdir()}
    (made / "ann.ipynb").write_text("{}", encoding="utf-8")
    (made / "nobody.ipynb").touch()
    done = make_examples(tmp_path, "--check")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "stale: examples/submissions/softmax/ann.ipynb",
        "not an example: examples/submissions/softmax/nobody.ipynb",
    ]
    assert make_examples(tmp_path).returncode == 0
    assert make_examples(tmp_path, "--check").returncode == 0


@pytest.mark.parametrize("student", sorted(EXPECTED.keys() - {"quinn", "rosa"}))
def test_examples_are_small_and_have_no_outputs(folder, student):
    path = folder / f"{student}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook.get("cells") or notebook["worksheets"][0]["cells"]
    assert all(not cell.get("outputs") for cell in cells)
    assert path.stat().st_size < 50_000
