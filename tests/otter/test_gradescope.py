"""The archive for Gradescope, unpacked and started as Gradescope would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autograder import messages
from autograder.cli import app
from autograder.course.model import Assignment
from autograder.errors import GraderError, UsageError
from autograder.grading.reading import Rejected
from autograder.otter.archive import own_wheel, requirement_files
from autograder.otter.container import assignment_of, grade_submission, handed_in, results_document
from autograder.otter.gradescope import COURSE, Settings, build_gradescope, read_settings
from autograder.records.mark import CellMark, CheckMark, Mark, QuestionMark
from autograder.records.provenance import engine_version

WHEEL = f"autograder-{engine_version()}-py3-none-any.whl"
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def unpack(archive: Path, root: Path) -> Path:
    """The folders of a container; the modes of the members are kept, as by unzip."""
    for name in ("source", "submission", "results"):
        (root / name).mkdir(parents=True)
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            path = Path(packed.extract(member, root / "source"))
            path.chmod(member.external_attr >> 16 & 0o777)
    return root


@pytest.fixture(scope="module")
def archive(tiny: Assignment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    done = CliRunner().invoke(
        app, ["otter", "build", "tiny", "--out", str(out), "--for", "gradescope", "--course", str(tiny.folder)]
    )
    assert (done.exit_code, done.stdout) == (0, f"written: {out}/gradescope.zip\n"), done.output
    return out / "gradescope.zip"


def run_autograder(root: Path, *wrapper: str) -> tuple[int, str, dict[str, Any] | None]:
    """Exit code, stdout and results of the entry point, started as in a container."""
    # Interpreter and packages have to be within reach of the user as whom jobs run.
    reachable = ROOT / "tests" / "sandbox" / "plain_user.py"
    done = subprocess.run(
        [sys.executable, reachable, "root", *wrapper, root / "source" / "run_autograder"],
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "AUTOGRADER_ROOT": str(root),
            "AUTOGRADER_PYTHON": sys.executable,
        },
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    results = root / "results" / "results.json"
    return done.returncode, done.stdout, json.loads(results.read_text("utf-8")) if results.exists() else None


def test_a_perfect_notebook_gets_all_points(archive: Path, notebooks: dict[str, str], tmp_path: Path):
    root = unpack(archive, tmp_path / "container")
    (root / "submission" / "renamed by ann.ipynb").write_text(notebooks["perfect"], encoding="utf-8")
    code, stdout, results = run_autograder(root)
    assert (code, results is not None) == (0, True), stdout
    assert stdout.startswith("4 of 3 points")
    assert [(t["number"], t["name"], t["score"], t["max_score"], t["status"]) for t in results["tests"]] == [
        ("1.1", "double: small numbers", 1, 1, "passed"),
        ("1.2", "double: a table of numbers", 2, 2, "passed"),
        ("2.1", "half (extra credit): one number", 0.25, 0, "passed"),
        ("2.2", "half (extra credit): numbers", 0.75, 0, "passed"),
    ]
    assert [t["visibility"] for t in results["tests"]] == ["visible", "after_published"] * 2
    assert {key: value for key, value in results.items() if key not in ("tests", "output", "execution_time")} == {
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "stdout_visibility": "hidden",
    }
    assert type(results["execution_time"]) is int
    assert 1 <= results["execution_time"] < 300
    # What the submission may not read.
    assert [(root / name).stat().st_mode & 0o777 for name in ("source", "results")] == [0o700] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="the layers are those of Linux")
def test_where_namespaces_are_missing_the_other_layers_are_used_and_named(
    archive: Path, notebooks: dict[str, str], tmp_path: Path
):
    root = unpack(archive, tmp_path / "container")
    (root / "submission" / "tiny.ipynb").write_text(notebooks["mistaken"], encoding="utf-8")
    code, stdout, results = run_autograder(root, sys.executable, str(HERE / "no_namespaces.py"))
    assert (code, results is not None) == (0, True), stdout
    public, hidden, extra, _ = results["tests"]
    assert (public["score"], hidden["score"], extra["score"]) == (1, 0, 0)
    assert hidden["output"].startswith("fail: ")
    assert "Hint: Elementwise." in hidden["output"]
    assert "Hint: What about a table?" in hidden["output"]
    assert extra["output"].startswith("missing: half ")
    failed, active, missing = results["output"].splitlines()
    assert failed == "Cell 3 failed: ZeroDivisionError: division by zero (cell 3, line 1: 1 / 0)"
    for name in ("rlimits", "seccomp", "no-new-privs"):
        assert name in active
        assert name not in missing
    for name in ("pid-namespace", "network-namespace", "read-only-root"):
        assert name in missing
        assert name not in active
    # Only instructors see stdout: it says what that costs.
    assert "A job can find out whether a file exists and how large it is." in stdout


def test_a_broken_notebook_gets_no_points_and_a_reason(archive: Path, notebooks: dict[str, str], tmp_path: Path):
    root = unpack(archive, tmp_path / "container")
    (root / "submission" / "tiny.ipynb").write_text(notebooks["broken"], encoding="utf-8")
    code, stdout, results = run_autograder(root)
    assert (code, results is not None) == (0, True), stdout
    assert results["score"] == 0
    assert "tests" not in results
    assert results["output"].startswith("Not a valid notebook: JSON error in line 1, ")


def test_a_submission_without_notebook_gets_no_points_and_a_reason(archive: Path, tmp_path: Path):
    root = unpack(archive, tmp_path / "container")
    (root / "submission" / "tiny.py").write_text("x = 1", encoding="utf-8")
    code, _, results = run_autograder(root)
    assert (code, results is not None) == (0, True)
    assert (results["score"], results["output"][:43]) == (0, "There is no notebook (.ipynb) in this submi"[:43])


def test_a_fault_of_the_archive_leaves_no_results_of_an_earlier_run(archive: Path, tmp_path: Path):
    root = unpack(archive, tmp_path / "container")
    (root / "source" / "settings.json").write_text('{"assignment": "tiny", "limits": {}, "speed": 1}', encoding="utf-8")
    (root / "results" / "results.json").write_text('{"score": 3}', encoding="utf-8")
    code, stdout, results = run_autograder(root)
    assert (code, results) == (2, None)
    assert "not the settings of an archive" in stdout


def test_the_same_course_gives_the_same_archive_without_caches(tiny: Assignment, tmp_path: Path):
    cache = tiny.master.parent / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "tiny.pyc").write_bytes(b"old")
    made = [build_gradescope(tiny, tmp_path / name, Settings("tiny")) for name in ("one", "two")]
    assert made[0].read_bytes() == made[1].read_bytes()
    with zipfile.ZipFile(made[0]) as packed:
        assert sorted(packed.namelist()) == [
            WHEEL,
            "course/solutions/tiny/checks.py",
            "course/solutions/tiny/tiny.py",
            "requirements.txt",
            "run_autograder",
            "settings.json",
            "setup.sh",
        ]
        assert packed.read("requirements.txt").decode() == f"./{WHEEL}\n"


def test_setup_installs_what_the_requirements_name(tiny: Assignment, tmp_path: Path):
    """With a wheel in the archive; only the system's package manager is a stand-in."""
    wheel = tmp_path / "autograder-9.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("autograder/__init__.py", "")
        made.writestr("autograder-9.9.dist-info/METADATA", "Metadata-Version: 2.1\nName: autograder\nVersion: 9.9\n")
        made.writestr(
            "autograder-9.9.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr("autograder-9.9.dist-info/RECORD", "")
    more = tmp_path / "more.txt"
    more.write_text("--no-index", encoding="utf-8")
    built = build_gradescope(tiny, tmp_path, Settings("tiny"), requirements=more, wheel=wheel)
    root = unpack(built, tmp_path / "container")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "apt-get").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n', encoding="utf-8")
    (programs / "apt-get").chmod(0o755)
    (programs / "python3").symlink_to(sys.executable)
    subprocess.run(
        [root / "source" / "setup.sh"],
        env={"PATH": f"{programs}{os.pathsep}{os.defpath}", "AUTOGRADER_ROOT": str(root)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert "python3-venv" in (tmp_path / "asked").read_text(encoding="utf-8")
    code = "from importlib.metadata import version; print(version('autograder'))"
    said = subprocess.run(
        [root / "venv" / "bin" / "python", "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout == "9.9\n"


def test_requirements_that_cannot_be_met_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match=r"nowhere.txt: cannot be read"):
        requirement_files(tmp_path / "nowhere.txt", None)
    with pytest.raises(UsageError, match=r"nowhere.whl: cannot be read"):
        requirement_files(None, tmp_path / "nowhere.whl")
    with pytest.raises(UsageError, match=r"nowhere.zip: .* Name one that ends in .whl"):
        requirement_files(None, tmp_path / "nowhere.zip")

    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(UsageError, match="Name a wheel of it with --wheel"):
        requirement_files(None, None)


def test_the_wheel_of_an_archive_is_this_package(tmp_path: Path):
    """No index has it: on PyPI another project has its name."""
    name, content = own_wheel()
    assert (name, content) == own_wheel()
    (tmp_path / name).write_bytes(content)
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target", target, tmp_path / name]
    subprocess.run(pip, check=True, capture_output=True)
    package = ROOT / "autograder"
    wanted = {p.relative_to(package) for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    made = target / "autograder"
    assert {p.relative_to(made) for p in made.rglob("*") if p.is_file() and "__pycache__" not in p.parts} == wanted
    assert (target / "bin" / "autograder").exists()
    (told,) = target.glob("*.dist-info/METADATA")
    assert "Requires-Dist: numpy" in told.read_text(encoding="utf-8")


def test_an_archive_that_cannot_be_written_is_refused(tiny: Assignment, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"gradescope.zip: cannot be written .* Choose another --out"):
        build_gradescope(tiny, tmp_path / "file", Settings("tiny"))


def test_a_folder_that_is_no_container_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"Is .* the folder of a container"):
        grade_submission(tmp_path)


def test_settings_come_back_as_they_were(tmp_path: Path):
    settings = Settings("tiny", 3, "none", "hidden", trust=True)
    path = tmp_path / "settings.json"
    path.write_text(settings.to_json(), encoding="utf-8")
    assert read_settings(path) == settings
    with pytest.raises(UsageError, match="hidden = 'never'"):
        Settings("tiny", hidden="never")


def test_one_notebook_is_graded_and_it_is_clear_which(tmp_path: Path):
    for name in ("tiny.ipynb", "scratch.ipynb"):
        (tmp_path / name).touch()
    assert handed_in(tmp_path, "tiny") == tmp_path / "tiny.ipynb"
    with pytest.raises(Rejected, match=r"There are 2 notebooks in this submission \(scratch.ipynb, tiny.ipynb\)"):
        handed_in(tmp_path, "other")
    (tmp_path / "tiny.ipynb").unlink()
    assert handed_in(tmp_path, "tiny") == tmp_path / "scratch.ipynb"
    (tmp_path / "scratch.ipynb").unlink()
    (tmp_path / "link.ipynb").symlink_to("/etc/passwd")
    with pytest.raises(Rejected, match=r"link.ipynb: The file is a link"):
        handed_in(tmp_path, "tiny")


def test_what_the_grader_broke_is_no_zero():
    checks = (CheckMark("one", False, "grader_error", 0, 100, "it broke"), CheckMark("two", True, "pass", 100, 100))
    mark = Mark("a", "ann", "f", "", "grader_error", 200, questions=(QuestionMark("q", 200, False, checks),))
    with pytest.raises(GraderError, match="it broke"):
        results_document(mark, Settings("a"))


def test_a_diagnosis_stands_with_the_hidden_check_that_failed():
    checks = (CheckMark("one", False, "fail", 0, 100, "wrong"), CheckMark("two", True, "fail", 0, 100, "wrong\x1b[2J"))
    question = QuestionMark("q", 200, False, checks, "m", "The answers are those of m.", "Think.")
    mark = Mark("a", "ann", "f", "", "graded", 200, questions=(question,))
    hidden, public = results_document(mark, Settings("a", hidden="hidden"))["tests"]
    assert (hidden["visibility"], public["visibility"]) == ("hidden", "visible")
    assert hidden["output"] == "fail: wrong\nThe answers are those of m.\nHint: Think."
    assert public["output"] == "fail: wrong\\x1b[2J"


@pytest.fixture
def _english_afterwards() -> Iterator[None]:
    yield
    messages.use(messages.Catalogue())


@pytest.mark.usefixtures("_english_afterwards")
def test_an_archive_speaks_the_words_of_its_course(tmp_path: Path, tiny: Assignment):
    course = tmp_path / COURSE
    shutil.copytree(tiny.folder / "solutions", course / "solutions")
    (course / "course.toml").write_text('language = "de"\n[messages.report]\nhint = "Tipp: {hint}"\n', encoding="utf-8")
    assert assignment_of(tmp_path, Settings("tiny")).name == "tiny"
    checks = (CheckMark("eins", True, "fail", 0, 100, "daneben", "Denk nach."),)
    cells = (CellMark(3, "error", "1 / 0"),)
    mark = Mark("tiny", "ann", "f", "", "graded", 100, (), (QuestionMark("q", 100, True, checks),), cells)
    document = results_document(mark, Settings("tiny"))
    assert document["output"] == "Zelle 3 ist fehlgeschlagen: 1 / 0"
    (test,) = document["tests"]
    assert (test["name"], test["output"]) == ("q (Zusatzpunkte): eins", "falsch: daneben\nTipp: Denk nach.")
    with pytest.raises(Rejected, match="In dieser Abgabe ist kein Notebook"):
        handed_in(tmp_path, "tiny")
