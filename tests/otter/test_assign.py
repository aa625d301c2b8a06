"""The master for stock `otter assign`: valid, the same every time, and worth the same points from all graders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

from autograder.cli import app
from autograder.course.master import solution_cells, student_notebook
from autograder.course.model import Assignment
from autograder.records.provenance import engine_version

from .conftest import notebook

sys.path.insert(0, str(Path(__file__).parent))
import same_marks

SEED = 7


def build(assignment: Assignment, out: Path) -> Path:
    options = ["--out", str(out), "--for", "otter-assign", "--seed", str(SEED), "--course", str(assignment.folder)]
    done = CliRunner().invoke(app, ["otter", "build", assignment.name, *options])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"written: {out}/{assignment.name}-master/{assignment.name}.ipynb\n"
    return out / f"{assignment.name}-master"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_master_is_valid_and_the_same_every_time(tiny: Assignment, tmp_path: Path):
    made = contents(build(tiny, tmp_path / "one"))
    assert made == contents(build(tiny, tmp_path / "two"))
    wheel = f"autograder-{engine_version()}-py3-none-any.whl"
    others = ["hidden_checks/double.json", "hidden_checks/half.json", "requirements.txt", "tiny.ipynb"]
    assert sorted(made) == [wheel, *others]
    assert made["requirements.txt"] == f"./files/{wheel}[otter]\n".encode()
    nbformat.validate(nbformat.reads(made["tiny.ipynb"].decode(), as_version=4))


def test_solutions_tests_and_prompts_stand_between_otters_marks(tiny: Assignment, tmp_path: Path):
    document = json.loads((build(tiny, tmp_path) / "tiny.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in document["cells"]]
    marks = [s.partition("\n")[0] for c, s in zip(document["cells"], sources, strict=True) if c["cell_type"] == "raw"]
    question = [
        "# BEGIN QUESTION",
        "# BEGIN SOLUTION",
        "# END SOLUTION",
        "# BEGIN TESTS",
        "# END TESTS",
        "# END QUESTION",
    ]
    assert marks == ["# ASSIGNMENT CONFIG", *question, *question]
    (double,) = (s for s in sources if s.startswith("def double"))
    assert double == (
        'def double(x):\n    """Twice x."""\n    # BEGIN SOLUTION NO PROMPT\n    return 2 * x\n    # END SOLUTION\n'
        '    r""" # BEGIN PROMPT\n    # YOUR CODE HERE\n'
        '    raise NotImplementedError("double is not written yet")\n    """ # END PROMPT'
    )
    # Nothing that is hidden can be read in what students get: the data of hidden checks are files of the archive.
    config = sources[0]
    assert 'autograder_files: ["hidden_checks/double.json", "hidden_checks/half.json", "autograder-' in config


def assign(folder: Path, name: str) -> Path:
    """What stock `otter assign` makes; it ends with an error where the solution does not earn everything."""
    command = [sys.executable, "-m", "otter", "assign", "--no-pdfs", f"{name}.ipynb", "dist"]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(same_marks.ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return folder / "dist"


@pytest.mark.long
@pytest.mark.parametrize("name", ["tiny", "softmax"])
def test_what_otter_makes_of_it_gives_our_points(name, request, tmp_path: Path):
    pytest.importorskip("otter", reason="otter-grader is an extra", exc_type=ImportError)
    assignment: Assignment = request.getfixturevalue({"tiny": "tiny", "softmax": "softmax_assignment"}[name])
    made = assign(build(assignment, tmp_path), name)
    (archive,) = (made / "autograder").glob("*.zip")
    student = json.loads((made / "student" / f"{name}.ipynb").read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in student["cells"] if cell["cell_type"] == "code"]
    assert any("raise NotImplementedError" in source for source in code)
    assert not any("BEGIN" in source or "2 * x" in source for source in code)

    def named(text: str, folder: str) -> Path:
        document: dict[str, Any] = json.loads(text)
        if folder == "solved":
            document["metadata"]["otter"] = {"assignment_name": name}
        path = tmp_path / folder / f"{name}.ipynb"
        path.parent.mkdir()
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    paths = [
        named(notebook(*solution_cells(assignment)), "solved"),
        named(json.dumps(student), "blank"),
        named(student_notebook(assignment), "ours"),  # what `autograder build` makes is taken, too
    ]
    if name == "softmax":
        examples = same_marks.ROOT / "examples" / "submissions" / "softmax"
        paths += [named((examples / f"{who}.ipynb").read_text(encoding="utf-8"), who) for who in ("noor", "ann")]
    ours = same_marks.with_ours(name, paths, SEED, assignment.folder)
    stock = same_marks.with_otter(archive, paths, 500)
    for path, mine, theirs in zip(paths, ours, stock, strict=True):
        assert theirs is not None, path
        assert same_marks.differences(mine, theirs) == {}, path
    assert sum(ours[0].values()) == sum(q.hundredths for q in assignment.questions) / 100
    assert sum(ours[1].values()) == sum(ours[2].values()) == 0
