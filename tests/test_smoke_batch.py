"""One folder with a bit of everything, graded as an instructor would, in a process of its own.

Perfect notebooks get full marks, every other row has a status and a reason, the run ends with 0 and leaves nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from autograder.sandbox import libc

from .hostile import files
from .hostile.files import FULL, PERFECT, Expected, Row, bad, packed, rejected
from .sandbox.test_host import control_groups, descendants, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left behind is read from /proc"),
]

STEP_S = 1.0
PR_SET_CHILD_SUBREAPER = 36

#: Entries of ATTACKS.md; those of which the list there has only the number are written out after their name in it.
ROWS = {
    "A-01": Row(
        bad("class Yes: __eq__ = lambda s, o: True\ndef softmax(x): return Yes()"), Expected("fail", "type Yes")
    ),
    "B-06 reading the solution": Row(
        bad("import solutions.tiny.tiny as key\ndef softmax(x): return key.softmax(x)"),
        Expected("missing", "ModuleNotFoundError", cell="error"),
    ),
    # No rule of this course forbids it, so it is graded on what it returns.
    "C-16": Row(
        bad(
            "import pickle, torch\nact = pickle.loads(b'ctorch\\nsoftmax\\n.')\n"
            "def softmax(x): return act(torch.tensor(x), -1).numpy()"
        ),
        FULL,
    ),
    "D-05": Row(bad("import os\ndef softmax(x): os._exit(0)"), Expected("error", "ended the process")),
    "D-13": Row(
        bad("class B:\n    def __reduce__(self): return (print, ('code ran',))\ndef softmax(x): return B()"),
        Expected("fail", r"type B\b"),
    ),
    "F-01": Row(bad("def softmax(x):\n    while True: pass"), Expected("limit", "ran longer than 1 s")),
    "F-05": Row(
        bad(above="big = [bytearray(10**9) for _ in range(10**4)]"),
        Expected("pass", "of memory|ran longer", cell="limit"),
    ),
    "G-01": Row(PERFECT[:500], rejected("JSON error")),
    "G-02": Row(b"", rejected("empty")),
    "G-16": Row(bad(above="x = 1\0"), Expected("pass", "SyntaxError", cell="error")),
    "null bytes behind the notebook": Row(PERFECT + b"\0", rejected("JSON error")),
    "not a notebook": Row(packed([]), rejected("not an object")),
}
#: H-01 and H-06: names of students with a script and with a formula.
NAMES = ["<img src=x onerror=alert(1)>", "=HYPERLINK(1)"]


def left_of(before: set[int]) -> set[int]:
    """Processes below this one that were not there; those that have ended are buried."""
    for pid in descendants() - before:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return descendants() - before


@pytest.fixture
def heir():
    """Whatever a process below this one leaves becomes a child of this one."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0)


def test_the_smoke_batch(tmp_path, heir):
    folder, out, temporary = tmp_path / "class", tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    perfect = files.lay_out(folder, ROWS)
    for name in NAMES:
        (folder / f"{name}.ipynb").write_bytes(PERFECT)
    with zipfile.ZipFile(tmp_path / "G-27.zip", "w") as archive:
        archive.writestr("../../escaped.ipynb", PERFECT)
        archive.writestr("inside.ipynb", PERFECT)
    course = files.write_course(tmp_path / "course")
    before = {path: path.read_bytes() for path in course.rglob("*.py")}
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    processes = descendants()
    started = time.monotonic()
    command = [sys.executable, "-m", "autograder", "grade", "tiny", folder, tmp_path / "G-27.zip"]
    options = ["--course", course, "--out", out, "--workers", "2", "--time-limit", str(STEP_S), "--memory-limit", "256"]
    with subprocess.Popen(
        [*command, *options],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        stdout, stderr = process.communicate(timeout=400)
    elapsed_s = time.monotonic() - started
    assert process.returncode == 0, stderr
    students = files.students(ROWS)
    everyone = {*students.values(), *perfect, *NAMES, "escaped", "inside"}
    marks = {
        mark["submission"]["student"]: mark
        for mark in (json.loads(path.read_text(encoding="ascii")) for path in (out / "marks").iterdir())
    }
    assert set(marks) == everyone
    assert len(stderr.splitlines()) == len(everyone)
    for student in (*perfect, *NAMES, "inside"):
        assert marks[student]["points"] == 10, student
    for name, row in ROWS.items():
        files.assert_outcome(marks[students[name]], row.expected)
    assert "leads outside" in marks["escaped"]["flags"][0]
    assert "\n'=HYPERLINK(1)," in (out / "marks.csv").read_text(encoding="utf-8")
    assert "Traceback" not in stdout + stderr
    assert elapsed_s < 6 * STEP_S * len(everyone)

    # Nothing is left: no process, mount, control group or file, and the course is as it was.
    assert until(lambda: not left_of(processes), 20), left_of(processes)
    assert Path("/proc/self/mountinfo").read_text(encoding="utf-8") == mounts
    assert control_groups(process.pid) == []
    assert list(temporary.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["G-27.zip", "class", "course", "out", "tmp"]
    assert {path: path.read_bytes() for path in course.rglob("*.py")} == before
    assert not list(tmp_path.rglob("escaped*")) or {p.parent for p in tmp_path.rglob("escaped*")} == {out / "marks"}
