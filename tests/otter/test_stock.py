"""The archive for stock otter-grader, its test files run by Otter's own classes, without a kernel."""

from __future__ import annotations

import importlib.metadata
import json
import linecache
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from autograder.cli import app
from autograder.course.model import Assignment
from autograder.course.observe import Forbids, lines, ops
from autograder.course.probes import call
from autograder.grading.key import AnswerKey, Case, KeyedCheck, KeyedQuestion, read_public, write_key
from autograder.otter import examine as examining
from autograder.otter.examine import examine
from autograder.records.provenance import engine_version

otter = pytest.importorskip("otter.test_files", reason="otter-grader is an extra", exc_type=ImportError)

Results = dict[str, list[tuple[bool, float, str]]]


@pytest.fixture(scope="module")
def archive(tiny: Assignment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("archive")
    options = ["--out", str(out), "--for", "otter", "--seed", "5", "--course", str(tiny.folder)]
    done = CliRunner().invoke(app, ["otter", "build", "tiny", *options])
    assert (done.exit_code, done.stdout) == (0, f"written: {out}/autograder.zip\n"), done.output
    return out / "autograder.zip"


@pytest.fixture
def run_tests(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], Results]:
    """Runs the test files on names, where Otter puts them; of each case: whether it passed, points and message."""
    from otter.nbmeta_config import NBMetadataConfig

    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    monkeypatch.chdir(tmp_path)

    def run(names: dict[str, Any]) -> Results:
        found = {}
        for path in sorted(Path("tests").glob("*.py")):
            test = otter.create_test_file(str(path), NBMetadataConfig())
            test.run(names)
            found[path.stem] = [(r.passed, r.test_case.points, r.message) for r in test.test_case_results]
        return found

    return run


def double(x):
    return x + x


def half(x):
    return x / 2


def test_the_members_are_those_that_otter_expects(archive: Path):
    with zipfile.ZipFile(archive) as packed:
        wheel = f"autograder-{engine_version()}-py3-none-any.whl"
        assert sorted(packed.namelist()) == [
            wheel,
            "environment.yml",
            "otter_config.json",
            "requirements.txt",
            "run_autograder",
            "run_otter.py",
            "setup.sh",
            "tests/double.json",
            "tests/double.py",
            "tests/half.json",
            "tests/half.py",
        ]
        assert packed.read("requirements.txt").decode() == f"./{wheel}[otter]\n"
        assert json.loads(packed.read("otter_config.json")) == {"lang": "python", "seed": 5}
        # What hidden checks ask and expect is data, no code.
        text = packed.read("tests/double.py").decode()
        assert 'examine("double"' in text.replace("'", '"')
        assert "small numbers" not in packed.read("tests/double.json").decode()


def test_right_answers_pass_every_case_and_points_add_up(run_tests):
    found = run_tests({"np": np, "double": double, "half": half})
    assert all(passed for cases in found.values() for passed, _, _ in cases), found
    assert {name: [points for _, points, _ in cases] for name, cases in found.items()} == {
        "double": [1, 2],
        "half": [0.25, 0.75],
    }


def _exits(x):
    sys.exit(3)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "wrong values": (
        {"double": lambda x: 2 * x if x.ndim == 1 else x},
        ": The output of call 1 has the right type and shape, but all values are wrong.",
    ),
    "exit": ({"double": _exits}, "error: The function raised SystemExit"),
    "missing": ({}, "missing: double is not defined in the notebook"),
    "stub": ({"double": ...}, "missing: double is not written yet"),
}


@pytest.mark.parametrize(("names", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_fails_the_hidden_case_and_only_its_question(run_tests, names, message):
    found = run_tests({"np": np, "half": half, **names})
    passed, _, told = found["double"][1]
    assert not passed
    assert message in told
    assert [passed for passed, _, _ in found["half"]] == [True, True]


def test_a_message_does_not_give_away_hidden_inputs(run_tests, archive: Path):
    """A function that raises with what it was given: the words are those of the sandbox, which does not tell them."""

    def tells(x):
        raise ValueError(f"I was given {x.shape} {x.ravel()[0]!r}")

    told = run_tests({"double": tells})["double"][1][2]
    assert "ValueError" in told
    assert "I was given" not in told


def keyed(check: KeyedCheck, forbids: Forbids = Forbids()) -> AnswerKey:  # noqa: B008  # it is frozen
    question = KeyedQuestion("f", "np", check.hundredths, False, (check,), forbids)
    return AnswerKey("a", 0, (question,), "c", "s")


X = np.arange(3.0)
ROWS = np.arange(40.0)
LOOP = """\
import numpy as np

def f(x):
    out = []
    for v in x:
        out.append(2 * v)
    return np.array(out)
"""
CASES = {
    "a forbidden package": (
        Case(ops(call(x=X)), {"output": 2 * X}, {}),
        "def f(x):\n    import textwrap\n    textwrap.dedent('')\n    return 2 * x",
        "refused: ",
    ),
    "a loop over samples": (
        Case(
            lines(call(x=X), call(x=ROWS)), {"output for few samples": 2 * X, "output for many samples": 2 * ROWS}, {}
        ),
        LOOP,
        "fail: More lines of Python run",
    ),
}


@pytest.mark.parametrize(("case", "source", "message"), CASES.values(), ids=CASES)
def test_what_a_question_forbids_is_seen_in_cells_of_a_kernel(tmp_path, monkeypatch, case, source, message):
    monkeypatch.chdir(tmp_path)
    key = keyed(KeyedCheck("t", False, 100, "", (case,)), Forbids(imports=("textwrap",)))
    Path("tests").mkdir()
    Path("tests/f.json").write_text(write_key(key), encoding="utf-8")
    assert read_public(Path("tests/f.json")).questions[0].forbids == Forbids(imports=("textwrap",))
    assert not read_public(Path("tests/f.json")).questions[0].checks[0].public
    # A kernel's way to name the file of a cell.
    place = f"{examining.tempfile.gettempdir()}/ipykernel_{examining.os.getpid()}/123.py"
    monkeypatch.setitem(linecache.cache, place, (len(source), None, source.splitlines(keepends=True), place))
    names: dict[str, Any] = {}
    exec(compile(source, place, "exec"), names)
    with pytest.raises(AssertionError, match=message):
        examine("f", "t", names)
    exec(compile("def f(x):\n    return 2 * x", place, "exec"), names)
    examine("f", "t", names)


def test_what_a_question_forbids_is_seen_in_the_text_of_cells(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    key = keyed(
        KeyedCheck("t", False, 100, "", (Case(ops(call(x=X)), {"output": 2 * X}, {}),)), Forbids(names=("dot",))
    )
    Path("tests").mkdir()
    Path("tests/f.json").write_text(write_key(key), encoding="utf-8")
    source = "def f(x):\n    return 2 * x if x.size else x.dot(x)"
    names: dict[str, Any] = {"In": ["", source]}
    exec(source, names)
    with pytest.raises(AssertionError, match=r"refused: .*dot \(cell 1, line 2"):
        examine("f", "t", names)


def test_the_engine_and_the_hidden_checks_need_no_otter():
    code = (
        "import sys; sys.modules['otter'] = None\n"
        "import autograder.otter.commands, autograder.otter.container, autograder.otter.examine, autograder.otter.stock"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_this_is_a_release_of_otter_whose_insides_are_known():
    """Pinned: `create_test_file` and the layout of an archive are no part of what Otter promises."""
    assert importlib.metadata.version("otter-grader").split(".")[0] in ("6", "7")
