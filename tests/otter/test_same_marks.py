"""Stock `otter run` on the archive gives the marks of this engine, and differs only where `docs/otter.md` says so."""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autograder.cli import app
from autograder.course.master import student_notebook
from autograder.course.model import Assignment
from autograder.otter.stock import build_otter
from autograder.records.mark import Mark

sys.path.insert(0, str(Path(__file__).parent))
import same_marks

pytest.importorskip("otter", reason="otter-grader is an extra", exc_type=ImportError)
pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
SEED = 7

#: Right when it is checked, wrong afterwards; and an answer that ends the process it runs in.
MOMENT = {
    "double": "def double(x):\n    return 2 * x",
    "after": "double = len",
    "half": "def half(x):\n    raise SystemExit",
}
#: Right for the first random number of a seeded torch.
SEEDED = "import torch\nfirst = torch.rand(1).item()\n\ndef half(x):\n    return x / 2 if first == {first!r} else x"
#: Wrong while a setting of NumPy is what a cell has made it.
SETTING = "import numpy as np\nnp.seterr(divide='raise')\n\ndef double(x):\n    return 2 * x"
SEES_IT = "def half(x):\n    return x if np.geterr()['divide'] == 'raise' else x / 2"
FORGED = "from otter.test_files.exception_test import test_case\ntest_case.call_func = lambda *args: None"
RIGHT = {"double": "def double(x):\n    return x + x"}


def answered(assignment: Assignment, **cells: str) -> str:
    """The student notebook with answers in place of stubs, and a cell `after` the last check."""
    notebook: dict[str, Any] = json.loads(student_notebook(assignment))
    for cell in notebook["cells"]:
        for name in ("double", "half"):
            if name in cells and f"def {name}(" in "".join(cell["source"]):
                cell["source"] = cells[name]
    notebook["cells"].append({**notebook["cells"][-1], "id": "after", "source": cells.get("after", "")})
    return json.dumps(notebook)


@pytest.fixture(scope="module")
def texts(tiny: Assignment) -> dict[str, str]:
    import torch

    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    seeded = SEEDED.format(first=torch.rand(1).item())
    torch.random.set_rng_state(state)
    return {
        "moment": answered(tiny, **MOMENT),
        "renamed": answered(tiny, **MOMENT),
        "seeded": answered(tiny, double=RIGHT["double"], half=seeded),
        "settings": answered(tiny, double=SETTING, half=SEES_IT),
        "forged": answered(tiny, after=FORGED, double=f"{FORGED}\ndef double(x):\n    return x"),
        "dead": answered(tiny, **RIGHT, half="import os\nos._exit(0)"),
    }


@pytest.fixture(scope="module")
def compared(tiny: Assignment, texts: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Our points and Otter's for each; Otter grades all in one process."""
    folder = tmp_path_factory.mktemp("same")
    archive = build_otter(tiny, folder, seed=SEED)
    paths = []
    for name, text in texts.items():
        # Where a notebook is called as the assignment says, Otter finds the moment of testing.
        path = folder / name / ("other.ipynb" if name == "renamed" else "tiny.ipynb")
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    ours = same_marks.with_ours("tiny", paths, SEED, tiny.folder)
    stock = same_marks.with_otter(archive, paths, 300)
    return dict(zip(texts, zip(ours, stock, strict=True), strict=True))


FULL = {"double": 3, "half": 1}


def test_both_ask_at_the_check_cell_and_survive_an_exit(compared):
    ours, stock = compared["moment"]
    assert ours == {"double": 3, "half": 0}
    assert same_marks.differences(ours, stock) == {}


def test_a_renamed_notebook_keeps_its_moment_of_testing_here(compared):
    ours, stock = compared["renamed"]
    assert ours == {"double": 3, "half": 0}
    assert stock == {"double": 0, "half": 0}


def test_torch_is_seeded_here(compared):
    ours, stock = compared["seeded"]
    assert ours == FULL
    assert stock == {"double": 3, "half": 0}


def test_global_settings_are_put_back_here(compared):
    ours, stock = compared["settings"]
    assert ours == FULL
    assert stock == {"double": 3, "half": 0}


def test_forged_objects_earn_nothing_here(compared):
    ours, stock = compared["forged"]
    assert ours == {"double": 0, "half": 0}
    assert stock == FULL


def test_a_dead_kernel_costs_one_question_here(compared):
    ours, stock = compared["dead"]
    assert ours == {"double": 3, "half": 0}
    assert stock is None


class _Payload:
    """What unpickling it does, shows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_with_the_plugin_otter_gives_our_marks_and_opens_nothing_else(tiny: Assignment, texts, tmp_path: Path):
    options = ["--out", str(tmp_path), "--for", "otter-sandboxed", "--seed", str(SEED), "--course", str(tiny.folder)]
    done = CliRunner().invoke(app, ["otter", "build", "tiny", *options])
    assert (done.exit_code, done.stdout) == (0, f"written: {tmp_path}/sandboxed.zip\n"), done.output
    archive = tmp_path / "sandboxed.zip"
    plain, hostile = tmp_path / "renamed.ipynb", tmp_path / "hostile.zip"
    plain.write_text(texts["moment"], encoding="utf-8")
    touched = [tmp_path / name for name in ("log", "module")]
    with zipfile.ZipFile(hostile, "w") as submission:
        submission.writestr("tiny.ipynb", texts["forged"])
        submission.writestr(".OTTER_LOG", pickle.dumps(_Payload(touched[0])))
        # Otter's kernel starts in the folder of the submission.
        for name in ("otter.py", "pickle.py"):
            submission.writestr(name, f"import pathlib; pathlib.Path({str(touched[1])!r}).touch()")
    assert same_marks.with_otter(archive, [plain, hostile], 300) == [{"double": 3, "half": 0}, {"double": 0, "half": 0}]
    assert [path.exists() for path in touched] == [False, False]


def test_the_plugin_says_of_every_question_why_a_notebook_was_rejected(tiny: Assignment):
    from autograder.otter.plugin import test_files as files_of

    mark = Mark("tiny", "ann", "f", "", "rejected", 300, ("It belongs elsewhere.",))
    files = list(files_of(mark, tiny))
    assert [(f.name, f.score, f.possible) for f in files] == [("double", 0, 3), ("half", 0, 1)]
    assert all("It belongs elsewhere." in r.message for f in files for r in f.test_case_results)


def test_a_loop_without_end_costs_one_question_here(tiny: Assignment, tmp_path: Path):
    path = tmp_path / "tiny.ipynb"
    # Asleep, so that waiting for Otter costs no processor.
    path.write_text(answered(tiny, **RIGHT, half="import time\nwhile True:\n    time.sleep(1)"), encoding="utf-8")
    (ours,) = same_marks.with_ours("tiny", [path], SEED, tiny.folder, step_s=1)
    assert ours == {"double": 3, "half": 0}
    archive = build_otter(tiny, tmp_path, seed=SEED)
    assert same_marks.with_otter(archive, [path], 30) == [None]


def test_an_example_with_many_mistakes_gets_the_same_points(softmax_assignment: Assignment, tmp_path: Path):
    """All examples take minutes: `python tests/otter/same_marks.py`."""
    archive = build_otter(softmax_assignment, tmp_path, seed=SEED)
    path = ROOT / "examples" / "submissions" / "softmax" / "noor.ipynb"
    (ours,) = same_marks.with_ours("softmax", [path], SEED)
    (stock,) = same_marks.with_otter(archive, [path], 300)
    assert 0 < sum(ours.values()) < 100
    assert stock is not None
    assert same_marks.differences(ours, stock) == {}
