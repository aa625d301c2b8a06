"""A cluster gives the marks that one machine gives, whatever becomes of its workers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from dask import config as dask_config
from typer.testing import CliRunner

import autograder
from autograder import Gradebook, Limits, UsageError, cli
from autograder.course.load import load_assignment
from autograder.errors import GraderError
from autograder.grading import bundle, cluster, remote
from autograder.grading.examine import Terms, facts_about
from autograder.grading.submissions import Submission

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs are locked up on Linux only")

MASTER = '''\
# %% [markdown]
# # Small

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
from autograder.course import call, call_twice, question

double = question("double", points=2)

@double.check("a table", public=True, hint="A hint.")
def _(rng):
    return call(x=rng.normal(size=(2, 3)))

@double.check("another table", hint="A hint.")
def _(rng):
    return call_twice(x=rng.normal(size=(3, 4)))

@double.mistake("adds two", hint="What is twice three?")
def _(x):
    return x + 2
"""
BODIES = (
    "return 2 * x",
    "return x + 2",
    "import os; os._exit(3)",
    "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
    "while True: pass",
    "return 'caf\\u00e9'",
)
LIMITS = Limits(step_s=0.5, submission_s=3, memory_mib=256)
#: Missing on the weak worker. Its load is carried by another layer, so that the policy alone would let it pass.
WEAK = "network-namespace"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course of one question."""
    folder = tmp_path_factory.mktemp("course")
    home = folder / "solutions" / "small"
    home.mkdir(parents=True)
    (home / "small.py").write_text(MASTER, encoding="utf-8")
    (home / "checks.py").write_text(CHECKS, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def assignment(course):
    return load_assignment(course, "small")


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve notebooks, all different, and one that is none."""
    folder = tmp_path_factory.mktemp("class")
    for number in range(12):
        source = f"# {number}\ndef double(x):\n    {BODIES[number] if number < len(BODIES) else BODIES[number % 2]}"
        cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / f"s{number:02}.ipynb").write_text(json.dumps(document), encoding="utf-8")
    (folder / "torn.ipynb").write_text("{", encoding="utf-8")
    return folder


class Dask:
    """A scheduler of its own process, and workers beside it, all with these options."""

    def __init__(self, stack: ExitStack, options: Sequence[str] = ()) -> None:
        self._stack, self._options = stack, options
        scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        assert scheduler.stderr is not None
        line = next(line for line in scheduler.stderr if "Scheduler at:" in line)
        self.address = line.split("Scheduler at:")[1].strip()
        self._drain(scheduler)
        import distributed

        self.client = stack.enter_context(distributed.Client(self.address, set_as_default=False))
        self.pids: dict[str, int] = {}

    def add_worker(self, without: str = "") -> str:
        """Start one more and wait until it is there; its address."""
        preload = str(Path(__file__).with_name("cluster_worker.py"))
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60", "--preload", preload)
        worker = self._start("dask_worker", self.address, *options, TEST_WITHOUT_LAYERS=without)
        self._drain(worker)
        self.client.wait_for_workers(len(self.pids) + 1, timeout=60)
        (address,) = set(self.client.nthreads()) - set(self.pids)
        self.pids[address] = worker.pid
        return address

    def kill(self, address: str) -> None:
        """As when the machine is switched off."""
        os.kill(self.pids.pop(address), signal.SIGKILL)

    def _start(self, module: str, *options: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *options, *self._options]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
        assert process.stderr is not None
        self._stack.callback(process.stderr.close)
        self._stack.callback(process.wait, 30)
        self._stack.callback(process.kill)
        return process

    def _drain(self, process: subprocess.Popen[str]) -> None:
        """Read what it says, so that it never waits for a reader."""
        assert process.stderr is not None
        thread = threading.Thread(target=process.stderr.read)
        thread.start()
        self._stack.callback(thread.join, 30)
        self._stack.callback(process.kill)


@contextmanager
def dask(*options: str) -> Iterator[Dask]:
    with ExitStack() as stack:
        yield Dask(stack, options)


def marks_in(path: Path) -> list[autograder.Mark]:
    """All marks of the only run of a gradebook, without their times."""
    with Gradebook(path) as book:
        (run,) = book.runs()
        assert run.finished
        return [replace(mark, elapsed_s=0.0) for mark in book.marks(run)]


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_marks_of_one_machine(assignment, notebooks, tmp_path):
    with Gradebook(tmp_path / "local.db") as book:
        local = autograder.grade(assignment, [notebooks], workers=2, limits=LIMITS, gradebook=book)
        assert [mark.student for mark in local.marks] == [*(f"s{n:02}" for n in range(12)), "torn"]
        assert {mark.hundredths for mark in local.marks} == {0, 200}
    killed: list[str] = []
    with dask() as cluster_of_two:
        for _ in range(2):
            cluster_of_two.add_worker()

        def on_mark(mark: autograder.Mark, done: int, total: int) -> None:
            busy = [address for address, tasks in cluster_of_two.client.processing().items() if tasks]
            if done >= 3 and busy and not killed:
                cluster_of_two.kill(busy[0])
                killed.append(f"{busy[0]} at {done}")

        with Gradebook(tmp_path / "cluster.db") as book:
            run = autograder.grade(
                assignment,
                [notebooks],
                workers=None,
                limits=LIMITS,
                gradebook=book,
                on_mark=on_mark,
                scheduler=cluster_of_two.address,
            )
            assert len(run.marks) == 13
        # The other one lives, whatever the notebooks did, and got the assignment once.
        counts = cluster_of_two.client.run(lambda: remote.bundles_received)
        assert list(counts.values()) == [1]
    assert len(killed) == 1
    assert marks_in(tmp_path / "cluster.db") == marks_in(tmp_path / "local.db")


@pytest.mark.slow
def test_a_worker_with_weaker_layers_refuses_and_the_work_goes_elsewhere(course, assignment, notebooks, tmp_path):
    with dask() as mixed:
        weak = mixed.add_worker(without=WEAK)
        good = mixed.add_worker()
        few = [notebooks / f"s{n:02}.ipynb" for n in range(4)]
        run = autograder.grade(assignment, few, workers=4, limits=LIMITS, scheduler=mixed.address)
        assert [mark.hundredths for mark in run.marks] == [200, 0, 0, 0]
        assert {WEAK in mark.provenance["layers"] for mark in run.marks} == {True}
        (told,) = [warning for warning in run.warnings if "did no work" in warning]
        assert told.startswith(f"worker {weak} did no work: The sandbox layer {WEAK} is demanded and missing here:")

        mixed.kill(good)
        database = tmp_path / "book.db"
        command = ["grade", "small", *map(str, few), "--course", str(course), "--gradebook", str(database)]
        refused = CliRunner().invoke(cli.app, [*command, "--scheduler", mixed.address])
        assert refused.exit_code == 2
        assert "No worker is left that may grade." in refused.output
        assert f"The sandbox layer {WEAK} is demanded and missing here:" in refused.output
        # Where less is demanded it works, and the mark says behind what.
        accepted = CliRunner().invoke(cli.app, [*command, "--scheduler", mixed.address, "--layers", "seccomp"])
        assert accepted.exit_code == 0, accepted.output
    with Gradebook(database) as book:
        marks = list(book.marks(book.find_run("small")))
    assert [mark.hundredths for mark in marks] == [200, 0, 0, 0]
    assert {WEAK in mark.provenance["layers"] for mark in marks} == {False}


@pytest.mark.long
@pytest.mark.skipif(shutil.which("openssl") is None, reason="the certificate is made by openssl")
def test_behind_tls_whoever_has_the_certificate_can_grade(course, notebooks, tmp_path):
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=course"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    options = ("--protocol", "tls", "--tls-ca-file", certificate, "--tls-cert", certificate, "--tls-key", key)
    ours = {"ca-file": certificate, "client.cert": certificate, "client.key": key}
    command = [
        sys.executable,
        "-m",
        "autograder",
        "grade",
        "small",
        str(notebooks / "s00.ipynb"),
        "--course",
        str(course),
    ]
    with (
        dask_config.set({f"distributed.comm.tls.{name}": file for name, file in ours.items()}),
        dask(*options) as behind,
    ):
        assert behind.address.startswith("tls://")
        behind.add_worker()
        for variables, code, says in (
            (ours, 0, "2 │"),
            (
                {"ca-file": certificate, "client.cert": certificate},
                2,
                "TLS needs DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY.",
            ),
            ({}, 2, "TLS needs DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "),
        ):
            named = {cluster.tls_variable(name): file for name, file in variables.items()}
            done = subprocess.run(
                [*command, "--scheduler", behind.address], env=os.environ | named, capture_output=True, text=True
            )
            assert done.returncode == code, done.stderr
            assert says in done.stdout + done.stderr
            assert "Traceback" not in done.stderr


def test_without_the_extra_the_error_says_which(assignment, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"autograder\[cluster\]"):
        cluster.Cluster("tcp://127.0.0.1:1", assignment, Terms())


def test_an_address_without_a_scheduler_is_told(assignment, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with pytest.raises(UsageError, match=r"tcp://127.0.0.1:1: no scheduler answers there"):
        cluster.Cluster("tcp://127.0.0.1:1", assignment, Terms(), layers=()).__enter__()


@pytest.mark.parametrize("address", ["nonsense://x", "127.0.0.1:nonsense", ""])
def test_an_address_that_is_none_is_told(assignment, monkeypatch, address):
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with pytest.raises(UsageError, match="no scheduler answers there"):
        cluster.Cluster(address, assignment, Terms(), layers=()).__enter__()


def test_an_unknown_layer_is_told(assignment):
    with pytest.raises(UsageError, match=r"unknown sandbox layers .*'sekomp'"):
        cluster.Cluster("tcp://127.0.0.1:1", assignment, Terms(), layers=["sekomp"])


class Client:
    """Stands in for the client of a scheduler whose one worker asks for the assignment again and again."""

    def __init__(self, answer) -> None:
        self.answer, self.runs, self.there = answer, 0, {"tcp://worker": 1}

    def submit(self, *args, **options):
        needs = json.dumps({"kind": "needs", "worker": "tcp://worker", "process": "1"}).encode()
        return SimpleNamespace(result=lambda timeout: needs)

    def nthreads(self):
        if not self.there:
            raise OSError("closed")
        return self.there

    def run(self, function, bundle, *, workers, on_error):
        self.runs += 1
        return self.answer(self)


def gone(client: Client) -> dict[str, None]:
    client.there = {}
    raise OSError("closed")


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        pytest.param(lambda client: {}, UsageError, "tcp://worker: it cannot .* it was not reached", id="no answer"),
        pytest.param(
            lambda client: {"tcp://worker": ValueError("full")}, UsageError, "assignment: full", id="an error there"
        ),
        pytest.param(gone, GraderError, "the scheduler was lost", id="the scheduler is gone"),
    ],
)
def test_a_worker_that_cannot_receive_the_assignment_is_not_asked_for_ever(assignment, answer, error, says):
    one = cluster.Cluster("tcp://127.0.0.1:1", assignment, Terms(), layers=())
    one._client = Client(answer)
    with pytest.raises(error, match=says):
        one.mark(Submission("ann", "ann.ipynb"), one.slot())
    assert one._client.runs == 1


# What travels ----------------------------------------------------------------------------------


def test_a_bundle_is_the_assignment_and_leaves_no_file(assignment, course):
    packed = bundle.pack(assignment)
    (course / "solutions" / "small" / "checks.py").touch()
    assert bundle.pack(assignment) == packed
    with bundle.unpacked(packed) as copy:
        folder = copy.folder
        assert copy.master.read_bytes() == assignment.master.read_bytes()
        assert [(q.name, q.hundredths, len(q.checks)) for q in copy.questions] == [("double", 200, 2)]
    assert not folder.exists()


def test_a_submission_survives_its_bytes():
    text = "x = '\udcff\u202e\x00'\n\"\"\"'"
    given = Submission("ann\udcff", "a/b.ipynb", "0" * 64, ((2, text), (3, "")), flags=("one", "two"), handed_in=1.5)
    assert remote.submission_from_bytes(remote.submission_to_bytes(given)) == given


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, ""),
        ({"layers": ["cgroup", "extra", "seccomp"]}, ""),
        ({"layers": ["cgroup"]}, "The sandbox layer seccomp is demanded and missing here: Memory files"),
        ({"engine": "0"}, "engine is 0 here, and"),
        ({"libraries": {}}, "numpy is not installed here, and"),
        ({"checks_sha256": "f"}, "checks_sha256 is f here"),
    ],
)
def test_what_a_machine_lacks_is_said_in_a_sentence(assignment, change, says):
    demanded = facts_about(assignment, Terms(), ["cgroup", "seccomp"])
    found = remote.lacking(demanded | change, demanded)
    assert found.startswith(says)
    assert bool(found) == bool(says)


def test_terms_survive_json():
    terms = Terms(seed=3, reveal="full", limits=LIMITS, trust=True)
    assert Terms.from_dict(json.loads(json.dumps(terms.as_dict()))) == terms


def test_a_room_closes_when_it_is_idle_and_opens_again(assignment, monkeypatch):
    closed: list[object] = []

    class Opened:
        """Stands in for an examiner, which takes seconds to open."""

        def __init__(self, assignment, terms):
            self.facts = facts_about(assignment, terms, ())

        def __enter__(self):
            return self

        def slot(self):
            return self

        def close(self):
            closed.append(self)

    timers: list[remote.threading.Timer] = []

    class Timer(remote.threading.Timer):
        def start(self):
            timers.append(self)

    monkeypatch.setattr(remote, "Examiner", Opened)
    monkeypatch.setattr(remote.threading, "Timer", Timer)
    facts = facts_about(assignment, Terms(), ())
    conditions = json.dumps({"terms": Terms().as_dict(), "facts": facts, "words": {}}).encode()
    room = remote._Room(bundle.pack(assignment), conditions)
    with room.slot() as (first, _):
        with room.slot() as (second, _):
            assert second is first
        assert timers == []  # the outer one is in use
        room.close()
        assert closed == []
    (timer,) = timers
    assert timer.interval == remote.IDLE_S
    timer.function()
    assert closed == [first, first, first]  # two slots and the examiner
    with room.slot() as (third, _):
        assert third is not first
