"""A process that was begun before anybody knew what to grade is the same jail as one that was begun for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.errors import GraderError
from autograder.sandbox import ahead, layers
from autograder.sandbox.host import Sandbox

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux only")


@pytest.fixture(autouse=True)
def nothing_begun(monkeypatch, tmp_path):
    """No command has begun anything before; whatever is begun here ends here."""
    monkeypatch.setattr(layers, "_ahead", [])
    begun: list[ahead.Begun] = []
    monkeypatch.setattr(ahead, "_begun", begun)
    monkeypatch.setenv("HOME", str(tmp_path))  # where a zygote can write
    yield
    for one in begun:
        one.close()


def notebooks(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.ipynb").touch()
    return folder


@linux_only
def test_the_next_sandbox_for_few_jobs_takes_it(tmp_path):
    ahead.begin_ahead([tmp_path / "a.ipynb"])
    (begun,) = ahead._begun
    ahead.begin_ahead([tmp_path / "a.ipynb"])  # a second one would be for nothing
    assert ahead._begun == [begun]
    with (
        Sandbox(many=True),
        Sandbox(device="cuda:0"),
    ):  # one is in order from the start, one has an environment of its own
        assert ahead._begun == [begun]
    with Sandbox(preload=("numpy",)) as sandbox:
        assert sandbox._current.process is begun.process
        assert ahead._begun == []
        assert sandbox.facts()["loaded"] == ["numpy"]
    assert begun.process.returncode is not None


@linux_only
@pytest.mark.parametrize(("count", "few"), [(ahead.FEW, True), (ahead.FEW + 1, False)])
def test_it_is_begun_for_no_more_than_a_few_notebooks(tmp_path, count, few):
    folder = notebooks(tmp_path / "many", count)
    assert ahead._are_few([folder]) is few
    assert ahead._are_few(sorted(folder.iterdir())) is few


def test_an_archive_may_hold_any_number(tmp_path):
    assert not ahead._are_few([tmp_path / "class.zip"])


def test_a_path_that_cannot_be_read_is_told_later(tmp_path, monkeypatch):
    folder = notebooks(tmp_path / "closed", 1)
    monkeypatch.setattr(Path, "iterdir", lambda self: (_ for _ in ()).throw(PermissionError))
    assert not ahead._are_few([folder])


#: Prints what a job sees of itself, behind a zygote that was begun ahead and behind another one.
SEEN = """
import json, os, pathlib, tempfile
home = tempfile.TemporaryDirectory()
os.environ["HOME"] = home.name  # where a zygote can write
from autograder.sandbox import ahead
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import Limits
from autograder.sandbox.sitting import Inquiry, sit
from autograder.course.probes import value
cell = '''
import os, resource, sys
names = {name for name in dir(resource) if name.startswith("RLIMIT")} - {"RLIMIT_AS"}  # that depends on addresses
limits = [resource.getrlimit(getattr(resource, name)) for name in sorted(names)]
try:
    root = sorted(os.listdir("/"))
except OSError as error:
    root = str(error)
def tried(act):
    try:
        return repr(act())
    except BaseException as error:
        return repr(error)
print(os.getpid(), os.getppid(), os.getuid() == 0, os.getgroups(), os.uname().nodename, sorted(os.environ), root)
print(tried(lambda: open("/proc/self/status").read()), tried(os.fork), tried(lambda: os.listdir(sys.prefix)))
print(tried(lambda: __import__("socket").socket()), limits, "torch._dynamo" in sys.modules)
'''
def seen():
    with Sandbox(Limits()) as sandbox:
        transcript = sit(sandbox.slot(), [(1, cell)], [Inquiry.of('os', [value()])], Limits())
        (report,) = transcript.cells
    return report.status, report.output
plain = seen()
ahead.begin_ahead([pathlib.Path("a.ipynb")])
assert ahead._begun
early = seen()
assert not ahead._begun
print(json.dumps([plain, early]))
"""


@linux_only
def test_jobs_are_behind_the_same_walls(user):
    plain, early = user.evaluate(SEEN)
    assert early == plain
    assert plain[0] == "ok"
    assert "True" in plain[1].splitlines()[-1]


@linux_only
def test_what_nobody_took_ends_with_the_command(tmp_path):
    code = (
        "from pathlib import Path; from autograder.sandbox import ahead; "
        "ahead.begin_ahead([Path('a.ipynb')]); print(ahead._begun[0].process.pid)"
    )
    pid = int(subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True).stdout)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@linux_only
def test_a_process_that_hears_nothing_ends_by_itself(tmp_path):
    begun = ahead.begin(ahead.clean_environment())
    begun.control.close()  # as when the grader is killed
    assert begun.process.wait() == 0


@linux_only
def test_a_process_that_died_is_told(tmp_path):
    ahead.begin_ahead([tmp_path / "a.ipynb"])
    begun = ahead._begun[0]
    begun.process.kill()
    begun.process.wait()
    with Sandbox() as sandbox, pytest.raises(GraderError, match="did not start: it ended without a word"):
        sandbox.facts()
