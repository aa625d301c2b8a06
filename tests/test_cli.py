"""The command line: what goes to which stream, exit codes, and bad input of every kind."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree import ElementTree

import pytest
import typer.main
from typer.testing import CliRunner

from autograder.cli import app
from autograder.grading.validate import Validation
from autograder.records.mark import points
from autograder.sandbox.layers import LAYERS

COMMANDS = (
    "grade",
    "status",
    "report",
    "regrade",
    "export",
    "adjust",
    "check",
    "build",
    "validate",
    "doctor",
    "import",
    "otter",
)
VERDICTS = {"pass", "fail", "error", "limit", "missing", "refused", "grader_error"}

MASTER = '''\
# %% [markdown]
# # Doubling

# %%
import numpy as np

# %%
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION
'''

CHECKS = """\
import numpy as np

from autograder.course import call, call_twice, question

double = question("double", points=3)


@double.check("small numbers", public=True, hint="What is 2 * 3?")
def _(rng):
    return call(x=rng.normal(size=3))


@double.check("a table of numbers", hint="Elementwise.")
def _(rng):
    return call_twice(x=rng.normal(size=(2, 2)))


@double.mistake("triples", hint="Twice?")
def _(x):
    return 3 * x
"""
#: A mistake that shows in float32 only, which no check uses.
BLIND_CHECKS = CHECKS.replace('"triples"', '"always returns float64"').replace("3 * x", "2 * np.float64(1) * x")

RIGHT = "import numpy as np\n\ndef double(x):\n    return x + x\n"
WRONG = "def double(x):\n    return 3 * x\n"
LOOP = "while True:\n    pass\n"

Run = subprocess.CompletedProcess[str]
Cli = Callable[..., Run]


def notebook(*sources: str) -> str:
    """A notebook with these code cells."""
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def write_course(folder: Path, checks: str = CHECKS) -> Path:
    """A course with one small assignment, `tiny`."""
    home = folder / "solutions" / "tiny"
    home.mkdir(parents=True)
    (home / "tiny.py").write_text(MASTER, encoding="utf-8")
    (home / "checks.py").write_text(checks, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def cli(repo: Path) -> Cli:
    """Run the command in a process of its own, in a folder, with separate streams."""

    def run(*arguments: str | Path, cwd: Path, prefix: Sequence[str] = ()) -> Run:
        return subprocess.run(
            [*prefix, sys.executable, "-m", "autograder", *map(str, arguments)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=environment(repo),
        )

    return run


def environment(repo: Path) -> dict[str, str]:
    """No terminal, no colour, and this source tree wherever the command runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COLUMNS", "FORCE_COLOR"))}
    return kept | {"PYTHONPATH": str(repo), "NO_COLOR": "1", "COLUMNS": "100"}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_course(tmp_path_factory.mktemp("course"))


@pytest.fixture
def work(course: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder; the current directory is the course."""
    monkeypatch.chdir(course)
    return tmp_path


def refused(*arguments: str | Path) -> str:
    """What the command says on stderr when it refuses with exit code 2; stdout stays empty."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


# Help -------------------------------------------------------------------------------------------


def test_the_commands_are_those_of_the_documentation():
    assert tuple(typer.main.get_command(app).commands) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_one_line_of_help_and_an_example_that_fits_it(name):
    command = typer.main.get_command(app).commands[name]
    summary = command.help.strip()
    assert "\n" not in summary
    assert summary.endswith(".")
    text = CliRunner().invoke(app, [name, "--help"]).stdout
    assert summary in " ".join(text.split())
    (example,) = [line.strip() for line in text.splitlines() if line.strip().startswith("Example: ")]
    program, used, *arguments = shlex.split(example.removeprefix("Example: "))
    assert (program, used) == ("autograder", name)
    # Click reads the example as it would a real call.
    command.make_context(name, arguments)


def test_every_command_for_otter_has_one_line_of_help_and_an_example_that_fits_it():
    group = typer.main.get_command(app).commands["otter"]
    assert group.commands
    for name, command in group.commands.items():
        assert "\n" not in command.help.strip()
        program, first, used, *arguments = shlex.split(command.epilog.removeprefix("Example: "))
        assert (program, first, used) == ("autograder", "otter", name)
        command.make_context(name, arguments)


def test_help_shows_the_exit_codes():
    text = " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())
    for code in ("0 done", "1 done, and something failed", "2 wrong usage", "3 the grader itself broke", "130"):
        assert code in text
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_nothing_heavy(repo, option):
    code = dedent("""
        import sys
        from autograder.cli import main
        try:
            main()
        except SystemExit as end:
            assert end.code in (0, None), end.code
        heavy = {"torch", "numpy", "IPython", "matplotlib", "nbformat", "jupytext", "scipy"} & set(sys.modules)
        assert not heavy, heavy
    """)
    done = subprocess.run(
        [sys.executable, "-c", code, option], capture_output=True, text=True, env=environment(repo), check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("autograder 0." if option == "--version" else "Usage:") or "Usage:" in done.stdout


# Refusals: exit code 2, before anything is run --------------------------------------------------

MISUSES = {
    "unknown command": ["grad"],
    "unknown option": ["grade", "tiny", "x.ipynb", "--fast"],
    "no path": ["grade", "tiny"],
    "no worker": ["grade", "tiny", "x.ipynb", "--workers", "0"],
    "seed below zero": ["grade", "tiny", "x.ipynb", "--seed", "-1"],
    "unknown format": ["grade", "tiny", "x.ipynb", "--format", "xml"],
    "unknown level": ["grade", "tiny", "x.ipynb", "--reveal", "all"],
    "no time": ["grade", "tiny", "x.ipynb", "--time-limit", "0"],
    "no memory": ["grade", "tiny", "x.ipynb", "--memory-limit", "1"],
    "more than full marks": ["grade", "tiny", "x.ipynb", "--fail-under", "101"],
}


@pytest.mark.parametrize("arguments", MISUSES.values(), ids=MISUSES.keys())
def test_wrong_usage_is_exit_code_2(work, arguments):
    assert refused(*arguments)


@pytest.mark.parametrize("command", ["grade", "build", "validate"])
def test_an_unknown_assignment_names_the_known_ones(work, command):
    said = refused(command, "tinny", *([work] if command == "grade" else []))
    assert "No assignment 'tinny'" in said
    assert "Known: tiny" in said


def test_outside_of_a_course_the_message_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "No course here" in refused("grade", "tiny", "x.ipynb")
    assert str(tmp_path) in refused("build")


def bad_paths(folder: Path) -> list[tuple[Path, str]]:
    (folder / "empty").mkdir()
    (folder / "hidden" / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / "hidden" / ".ipynb_checkpoints" / "ann-checkpoint.ipynb").write_text(notebook(RIGHT), encoding="utf-8")
    (folder / "ann.py").write_text(RIGHT, encoding="utf-8")
    (folder / "broken.zip").write_bytes(b"PK\3\4 and then nothing")
    with zipfile.ZipFile(folder / "without.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    return [
        (folder / "nowhere.ipynb", "no such file or folder"),
        (folder / "empty", "no notebook"),
        (folder / "hidden", "no notebook"),
        (folder / "ann.py", "not a notebook"),
        (folder / "broken.zip", "not a zip archive that can be read"),
        (folder / "without.zip", "no notebook"),
    ]


def test_a_path_with_nothing_to_grade_is_named(work):
    for path, reason in bad_paths(work):
        said = refused("grade", "tiny", path)
        assert path.name in said.replace(" ", "")
        assert reason in said


def test_a_mistyped_path_does_not_use_up_the_output_folder(work):
    refused("grade", "tiny", work / "nowhere.ipynb", "--out", work / "marks")
    again = refused("grade", "tiny", work / "nowhere.ipynb", "--out", work / "marks")
    assert "no such file or folder" in again


# --out ------------------------------------------------------------------------------------------


@pytest.fixture
def one(work: Path) -> Path:
    path = work / "ann.ipynb"
    path.write_text(notebook(RIGHT), encoding="utf-8")
    return path


def test_a_foreign_output_folder_is_left_alone(work, one):
    out = work / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work", encoding="utf-8")
    for options in ((), ("--replace",)):
        assert "holds files that are not of a run" in refused("grade", "tiny", one, "--out", out, *options)
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


def test_the_run_of_another_assignment_is_left_alone(work, one):
    out = work / "out"
    out.mkdir()
    text = json.dumps({"schema": 1, "assignment": "relu", "started": "2026-01-01T00:00:00Z", "finished": True})
    (out / "run.json").write_text(text, encoding="utf-8")
    for options in ((), ("--replace",)):
        assert "holds a run of 'relu', not of 'tiny'" in refused("grade", "tiny", one, "--out", out, *options)
    assert (out / "run.json").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"assignment": "tiny"}', "\x00"])
def test_a_broken_run_file_is_no_run(work, one, text):
    out = work / "out"
    out.mkdir()
    (out / "run.json").write_text(text, encoding="utf-8")
    assert "not of a run" in refused("grade", "tiny", one, "--out", out, "--replace")


def test_an_output_folder_that_is_a_file_or_cannot_be_made_is_refused(work, one):
    (work / "out").write_text("", encoding="utf-8")
    assert "is a file" in refused("grade", "tiny", one, "--out", work / "out")
    # Not even root can make a folder below a file, or in /proc.
    assert "cannot be written" in refused("grade", "tiny", one, "--out", work / "out" / "deeper")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
def test_a_folder_without_write_permission_is_refused(work, one):
    assert "/proc/marks: cannot be written" in refused("grade", "tiny", one, "--out", "/proc/marks")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_of_somebody_else_is_refused(work, one):
    (work / "out").mkdir(mode=0o500)
    assert "cannot be written" in refused("grade", "tiny", one, "--out", work / "out")


# A real run -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a course receives it: two of the same name, folders per student, and files that are no notebooks."""
    folder = tmp_path_factory.mktemp("handed_in")
    (folder / "ann.ipynb").write_text(notebook(RIGHT), encoding="utf-8")
    (folder / "bo").mkdir()
    (folder / "bo" / "tiny.ipynb").write_text(notebook(WRONG), encoding="utf-8")
    (folder / "empty.ipynb").touch()
    with (folder / "huge.ipynb").open("wb") as file:
        file.truncate(100 * 2**20)  # takes no space on the disk
    # 20 MB of outputs are dropped unread.
    big = json.loads(notebook(RIGHT))
    big["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 20_000_000}]
    (folder / "plots.ipynb").write_text(json.dumps(big), encoding="utf-8")
    with zipfile.ZipFile(folder.parent / "late.zip", "w") as archive:
        archive.writestr("ann.ipynb", notebook(WRONG))
        archive.writestr("cy/tiny.ipynb", notebook(RIGHT))
        archive.writestr("__MACOSX/._ann.ipynb", b"\0\5")
        archive.writestr("../out.ipynb", notebook(RIGHT))
    return folder


@pytest.fixture(scope="module")
def marks(cli, course, handed_in, tmp_path_factory) -> tuple[Run, Path]:
    """One run over all of it, as JSON and into a folder."""
    out = tmp_path_factory.mktemp("out") / "marks"
    done = cli(
        "grade", "tiny", handed_in, handed_in.parent / "late.zip", "--format", "json", "--out", out,
        "--time-limit", "5", "--workers", "2", "--seed", "3", "--fail-under", "0", cwd=course,
    )  # fmt: skip
    return done, out


EXPECTED = [  # student, status, points
    ("ann", "graded", 3),
    ("ann", "graded", 0),
    ("bo", "graded", 0),
    ("cy", "graded", 3),
    ("empty", "rejected", 0),
    ("huge", "rejected", 0),
    ("out", "rejected", 0),
    ("plots", "graded", 3),
]


@pytest.mark.slow
def test_json_is_one_document_on_stdout_and_progress_is_on_stderr(marks):
    done, _ = marks
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)  # raises when anything else is there
    assert (document["schema"], document["assignment"], document["warnings"]) == (1, "tiny", [])
    found = sorted((m["submission"]["student"], m["status"], m["points"]) for m in document["marks"])
    assert found == sorted(EXPECTED)
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("ann: ")]) == 2
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.slow
def test_whoever_is_there_twice_is_kept_twice_and_flagged(marks):
    done, out = marks
    twice = [m for m in json.loads(done.stdout)["marks"] if m["submission"]["student"] == "ann"]
    assert len(twice) == 2
    for mark in twice:
        assert mark["flags"] == ["2 submissions have the student id 'ann'"]
    assert len({m["submission"]["file"] for m in twice}) == 2
    assert len(list((out / "marks").glob("ann*.json"))) == 2


@pytest.mark.slow
def test_a_rejected_file_says_why(marks):
    flags = {m["submission"]["student"]: m["flags"] for m in json.loads(marks[0].stdout)["marks"]}
    assert flags["huge"] == ["The file is larger than 50 MiB. Clear the outputs and save the notebook again."]
    assert flags["empty"] == ["The file is empty. Was the notebook saved before it was handed in?"]
    assert flags["out"] == ["Its path in the archive leads outside of it."]


def check_schema(mark: dict[str, Any]) -> None:
    """Schema 1 of a mark, as in the design: exact types, sums that add up, no further status or verdict."""
    assert mark["schema"] == 1
    assert set(mark) >= {
        "assignment", "submission", "points", "max_points", "status", "flags", "questions", "cells", "provenance",
    }  # fmt: skip
    assert {k: type(v) for k, v in mark["submission"].items()} == {"student": str, "file": str, "sha256": str}
    assert mark["status"] in ("graded", "rejected", "grader_error")
    assert all(type(flag) is str for flag in mark["flags"])
    assert mark["status"] == "graded" or mark["flags"]
    total = 0
    for question in mark["questions"]:
        assert type(question["name"]) is str
        assert question["mistake"] is None or type(question["mistake"]) is str
        earned = 0
        for check in question["checks"]:
            assert check["verdict"] in VERDICTS
            assert type(check["public"]) is bool
            assert 0 <= check["points"] <= check["max_points"]
            assert (check["verdict"] == "pass") == (check["points"] == check["max_points"])
            assert all(type(check[key]) is str for key in ("title", "message", "hint"))
            earned += round(100 * check["points"])
        assert question["points"] == points(earned)
        total += earned
    assert mark["points"] == points(total)
    assert mark["points"] <= mark["max_points"] == 3
    for cell in mark["cells"]:
        assert {k: type(v) for k, v in cell.items()} == {"index": int, "status": str, "message": str}
    provenance = mark["provenance"]
    assert set(provenance) >= {
        "engine", "python", "libraries", "device", "seed", "checks_sha256", "solution_sha256", "limits", "layers",
    }  # fmt: skip
    assert (provenance["device"], provenance["seed"], provenance["limits"]["step_s"]) == ("cpu", 3, 5)


@pytest.mark.slow
def test_the_output_folder_holds_one_file_per_submission_a_table_and_a_summary(marks):
    done, out = marks
    assert sorted(path.name for path in out.iterdir()) == ["marks", "marks.csv", "run.json"]
    files = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "marks").iterdir()]
    for mark in files:
        check_schema(mark)
    in_order = sorted(files, key=lambda m: (m["submission"]["student"], m["submission"]["file"]))
    assert in_order == json.loads(done.stdout)["marks"]
    with (out / "marks.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["student"], row["status"], float(row["points"])) for row in rows] == [
        (m["submission"]["student"], m["status"], m["points"]) for m in in_order
    ]
    assert {row["max_points"] for row in rows} == {"3"}
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert (run["finished"], run["submissions"], run["statuses"]) == (True, 8, {"graded": 5, "rejected": 3})
    assert run["provenance"] == in_order[0]["provenance"]


@pytest.mark.slow
def test_an_earlier_run_is_replaced_only_when_asked(marks, cli, course, handed_in):
    """Also: the table and one student's feedback on stdout, and --fail-under."""
    _, out = marks
    kept = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    arguments = ("grade", "tiny", handed_in / "bo" / "tiny.ipynb", "--out", out, "--show", "bo", "--fail-under", "50")
    done = cli(*arguments, cwd=course)
    assert done.returncode == 2
    assert "--replace" in done.stderr
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == kept
    done = cli(*arguments, "--replace", cwd=course)
    try:
        assert done.returncode == 1, "bo has less than 50 %"
        assert [path.name for path in (out / "marks").iterdir()] == ["bo.json"]
        assert "bo  tiny  0 of 3 points" in done.stdout
        assert "small numbers" in done.stdout
        assert "[hidden]" in done.stdout
        assert "Hint: What is 2 * 3?" in done.stdout
        assert done.stdout.index("student") < done.stdout.index("Hint")
        assert "bo: 0/3" in done.stderr
    finally:
        for path in out.rglob("*.json"):
            path.unlink()
        for path, data in kept.items():
            path.write_bytes(data)


@pytest.mark.slow
def test_feedback_is_wrapped_and_that_of_an_unknown_student_refused(cli, course, tmp_path):
    """A message longer than a terminal is wide loses no word in a pipe, and the marks are kept all the same."""
    out = tmp_path / "out"
    raises = "def double(x):\n    raise ValueError('word ' * 60 + 'end')"
    (tmp_path / "ann.ipynb").write_text(notebook(raises), encoding="utf-8")
    show = ("--show", "ann", "--show", "zoe", "--reveal", "full")
    done = cli("grade", "tiny", tmp_path / "ann.ipynb", "--out", out, *show, cwd=course)
    assert done.returncode == 2
    assert "--show zoe: no such student in this run; there are ann" in done.stderr
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["finished"] is True
    assert done.stdout.count("word") >= 60
    assert " end" in " ".join(done.stdout.split())


# Trouble on the way -----------------------------------------------------------------------------


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(repo, course, tmp_path):
    out = tmp_path / "out"
    for name, source in (("a1", RIGHT), ("a2", RIGHT), ("b-loops", LOOP), ("c", RIGHT)):
        (tmp_path / f"{name}.ipynb").write_text(notebook(source), encoding="utf-8")
    # A background job of a shell ignores SIGINT and so would its children.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import autograder.cli as c; c.main()"
    )
    arguments = ["grade", "tiny", str(tmp_path), "--out", str(out), "--workers", "1", "--time-limit", "100"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=course, env=environment(repo), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert until(lambda: len(list((out / "marks").glob("*.json"))) == 2 or process.poll() is not None, 120)
        # Its own and those that live in other namespaces; the third notebook is running now, or will be in a moment.
        started = below(process.pid)
        assert started or sys.platform != "linux"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert stdout == ""
    assert "interrupted" in stderr
    assert f"2 finished marks are in {out}" in " ".join(stderr.split()).replace(" /", " /")
    assert "Traceback" not in stderr
    assert sorted(path.name for path in (out / "marks").iterdir()) == ["a1.json", "a2.json"]
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert (run["finished"], run["submissions"]) == (False, 2)
    assert until(lambda: not any(is_alive(pid, start) for pid, start in started.items()), 30)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def below(root: int) -> dict[int, str]:
    """The descendants of a process with the time each was started, by which a reused pid can be told."""
    if sys.platform != "linux":
        return {}
    stats = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := stat_of(int(entry.name))):
            stats[int(entry.name)] = fields
    found: dict[int, str] = {}
    new = {root}
    while new:
        new = {pid for pid, fields in stats.items() if int(fields[1]) in new} - set(found)
        found |= {pid: stats[pid][19] for pid in new}
    return found


def stat_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].decode().split()
    except OSError:
        return []


def is_alive(pid: int, start: str) -> bool:
    fields = stat_of(pid)
    return bool(fields) and fields[19] == start and fields[0] != "Z"


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"),
    reason="only root can mount a small disk, in a mount namespace of its own",
)
def test_a_full_disk_keeps_what_was_written_and_says_so(cli, course, tmp_path):
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    hand_in = tmp_path / "hand_in"
    hand_in.mkdir()
    for number in range(20):
        (hand_in / f"s{number:02}.ipynb").write_text(notebook(RIGHT), encoding="utf-8")
    # Whatever was written is copied out before the disk is gone with its namespace.
    script = f'mount -t tmpfs -o size=40k none {disk} && "$@"; code=$?; cp -a {disk} {kept}; exit $code'
    done = cli(
        "grade", "tiny", hand_in, "--out", disk / "out", "--workers", "1", cwd=course,
        prefix=["unshare", "--mount", "sh", "-c", script, "sh"],
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "No space left on device" in done.stderr
    assert "make room and grade again with --replace" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    written = list((kept / "out" / "marks").iterdir())
    assert 0 < len(written) < 20
    for path in written:
        assert path.suffix == ".json"
        assert json.loads(path.read_text(encoding="utf-8"))["points"] == 3
    assert json.loads((kept / "out" / "run.json").read_text(encoding="utf-8"))["finished"] is False


# check ------------------------------------------------------------------------------------------


@pytest.fixture
def at_home(repo: Path, tmp_path: Path) -> Path:
    """What a student has: the folder of the assignment, and no solutions anywhere above it."""
    return Path(shutil.copytree(repo / "assignments" / "softmax", tmp_path / "home"))


@pytest.mark.slow
def test_check_needs_no_solutions_and_shows_everything(cli, at_home):
    done = cli("check", "softmax.ipynb", cwd=at_home)
    assert done.returncode == 1
    assert "softmax is not written yet" in done.stdout
    assert "[hidden]" not in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_check_is_content_with_a_right_notebook(cli, at_home, repo):
    shutil.copy(repo / "examples" / "submissions" / "softmax" / "tove.ipynb", at_home / "mine.ipynb")
    done = cli("check", at_home / "mine.ipynb", "--tests", at_home / "tests", "--format", "json", cwd=at_home)
    assert done.returncode == 0, done.stdout
    mark = json.loads(done.stdout)
    assert mark["points"] == mark["max_points"] > 0
    assert all(check["public"] for question in mark["questions"] for check in question["checks"])


def test_check_without_notebook_or_tests_is_refused(work, one):
    assert "no such notebook" in refused("check", work / "nowhere.ipynb")
    assert "--tests" in refused("check", one)
    (work / "tests").mkdir()
    (work / "tests" / "public.json").write_text("{}", encoding="utf-8")
    assert "not a file of public checks" in refused("check", one)


# build, validate, doctor ------------------------------------------------------------------------


@pytest.mark.long
def test_build_check_names_what_is_stale(cli, tmp_path):
    course = write_course(tmp_path / "course")
    made = course / "assignments" / "tiny"
    names = ["tiny.ipynb", "tests/double.py", "tests/public.json"]
    assert cli("build", cwd=course).returncode == 0
    texts = {name: (made / name).read_bytes() for name in names}
    (made / "tiny.ipynb").write_bytes(texts["tiny.ipynb"] + b" ")
    (made / "tests" / "public.json").unlink()
    (made / "tests" / "halve.py").touch()
    done = cli("build", "tiny", "--check", cwd=course)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert f"stale: {made / 'tiny.ipynb'}" in lines
    assert f"stale: {made / 'tests' / 'public.json'}" in lines
    assert f"not generated any more: {made / 'tests' / 'halve.py'}" in lines
    assert "double.py" not in done.stdout
    assert "exercises.md" not in done.stdout, "the page is about the whole course"
    assert not (made / "tests" / "public.json").exists(), "--check writes nothing"
    assert cli("build", cwd=course).returncode == 0
    assert {name: (made / name).read_bytes() for name in names} == texts
    assert not (made / "tests" / "halve.py").exists()


@pytest.mark.long
def test_build_of_the_whole_course_keeps_the_page_of_all_questions(cli, tmp_path):
    course = write_course(tmp_path / "course")
    page = course / "docs" / "exercises.md"
    assert cli("build", "tiny", cwd=course).returncode == 0
    assert not page.exists()
    assert cli("build", cwd=course).returncode == 0
    text = page.read_text(encoding="utf-8")
    assert "| `double(x)` | np | 3 | 1 | 1 | 1 |" in text
    page.write_text(text.replace("| 3 |", "| 4 |"), encoding="utf-8")
    done = cli("build", "--check", cwd=course)
    assert done.returncode == 1
    assert f"stale: {page}" in done.stdout.splitlines()
    assert "4" in page.read_text(encoding="utf-8"), "--check writes nothing"
    assert cli("build", cwd=course).returncode == 0
    assert page.read_text(encoding="utf-8") == text
    assert "docs/exercises.md: 1 generated file is up to date" in cli("build", "--check", cwd=course).stdout


@pytest.mark.slow
def test_validate_names_a_mistake_that_no_hidden_check_catches(cli, tmp_path):
    done = cli("validate", "tiny", "--format", "json", cwd=write_course(tmp_path / "course", BLIND_CHECKS))
    assert done.returncode == 1, done.stderr
    (document,) = json.loads(done.stdout)
    assert document["assignment"] == "tiny"
    (breach,) = [finding for finding in document["findings"] if finding["breach"]]
    assert document["breaches"] == 1
    assert (breach["kind"], breach["question"], breach["name"]) == ("mistake", "double", "always returns float64")
    assert breach["breach"] == "no hidden check fails it"
    assert document["idle_checks"] == [{"question": "double", "title": "a table of numbers"}]


@pytest.mark.slow
def test_validate_is_content_with_a_sound_course(cli, tmp_path):
    course, junit = write_course(tmp_path / "course"), tmp_path / "proof.xml"
    done = cli("validate", "--junit", junit, cwd=course)
    assert done.returncode == 0, done.stdout
    for line in ("solution 2 of 2 earns everything", "stub 1 of 1 earns nothing", "mistake 1 of 1 fail a hidden check"):
        assert line in " ".join(done.stdout.split())
    suite = ElementTree.parse(junit).getroot()[0]
    assert (suite.get("name"), suite.get("failures")) == ("tiny", "0")
    assert (course / ".autograder-cache" / "validate" / "tiny.json").is_file()
    assert cli("validate", cwd=course).stdout == done.stdout


def test_a_junit_file_that_cannot_be_written_is_refused(work, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "autograder.grading.proofs.validate", lambda assignment, **_: Validation(assignment.name, 0, ())
    )
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["validate", "--no-cache", "--junit", str(tmp_path / "file" / "proof.xml")])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_a_mistake_of_the_author_names_file_and_line(tmp_path, monkeypatch):
    course = write_course(tmp_path, CHECKS.replace("points=3", "points=-3"))
    monkeypatch.chdir(course)
    for command in (["validate"], ["build"], ["grade", "tiny", str(tmp_path)]):
        assert "solutions/tiny/checks.py:5" in refused(*command).replace(" ", "")


@pytest.mark.slow
def test_doctor_tells_the_state_of_every_layer(cli, tmp_path):
    done = cli("doctor", "--format", "json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert list(document["layers"]) == [layer.name for layer in LAYERS]
    assert done.returncode == (0 if document["acceptable"] else 1)
    assert {"numpy", "torch"} <= set(document["libraries"])
    shown = cli("doctor", cwd=tmp_path)
    assert shown.returncode == done.returncode
    assert all(layer.name in shown.stdout for layer in LAYERS)
    assert "This machine can" in shown.stdout
