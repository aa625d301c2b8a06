"""Whatever a job writes, closes or becomes: the grader gets values or a reason, and nothing is left behind."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import SimpleNamespace

import pytest

import autograder
from autograder.course.probes import Call
from autograder.errors import GraderError, UsageError
from autograder.sandbox import ahead, cgroups, host, wire
from autograder.sandbox.conversation import End, Job, JobEnded, Usage
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import Limits
from autograder.sandbox.sitting import Inquiry, Transcript, sit

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked, and /proc is read, on Linux only")

# A student who knows this engine by heart -------------------------------------------------------

#: Finds the channel and speaks its language.
FORGE = """
import ctypes, json, os, socket, stat, struct, threading, time

class grader:
    check = staticmethod(print)

def channel():
    pipes = []
    for fd in range(3, 256):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            continue
        if stat.S_ISSOCK(mode):
            return fd
        if stat.S_ISFIFO(mode):
            pipes.append(fd)
    return pipes[-1]  # of an interpreter of its own: first the end to read from, then the one to write to

def write(data):
    while data:
        data = data[os.write(channel(), data):]

def node(**items):
    return {"": "dict", "items": [[key, value] for key, value in items.items()]}

def frame(content):
    header = content if type(content) is bytes else json.dumps(content).encode()
    return struct.pack("<IQ", len(header), 0) + header

def answer(question, number, value):
    return frame(node(**{"is": "answer"}, question=question, number=number, parts=node(output=value)))
"""

OUT_OF_TURN, NO_ANSWER, CLOSED = "answered out of turn", "sent something that is no answer", "closed its channel"
GONE_OR_CLOSED = f"ended the process|{CLOSED}"
LATE, IDLE, FLOOD = "ran longer than 1 s", "waited, and was not done after 2 s", "sent more than 8 MiB"


@dataclass(frozen=True)
class Attack:
    """The body of ``f(x)``, which is called with 1 and 2, and what must come of it."""

    body: str
    outputs: tuple[object, ...] = ("died", "died")
    reason: str = ""


ATTACKS = {
    # A forged answer is a value like any other; the one too many ends the question.
    "forged answer": Attack("write(answer('f', 0, 99)); return 0", (99, "died"), OUT_OF_TURN),
    "forged verdict": Attack(
        "write(frame(node(**{'is': 'answer'}, question='f', number=0, verdict='pass', points=100))); return 0",
        ("raised", "died"),
        OUT_OF_TURN,
    ),
    "answer to another question": Attack("write(answer('g', 0, 2)); return 0", reason=OUT_OF_TURN),
    "answer to a later probe": Attack("write(answer('f', 1, 99)); return 0", reason=OUT_OF_TURN),
    "number that is nearly right": Attack("write(answer('f', -1, 99)); return 0", reason=OUT_OF_TURN),
    "half a frame, then sleep": Attack("write(answer('f', 0, 99)[:-5]); time.sleep(99)", ("limit", "limit"), IDLE),
    "huge header": Attack("write(struct.pack('<IQ', 2**32 - 1, 0)); return 0", reason=NO_ANSWER),
    "huge payload": Attack("write(struct.pack('<IQ', 2, 2**64 - 1) + b'{}'); return 0", reason=NO_ANSWER),
    "empty frame": Attack("write(bytes(12)); return 0", reason=NO_ANSWER),
    "no JSON": Attack("write(frame(b'{]')); return 0", reason=NO_ANSWER),
    "deep JSON": Attack("write(frame(b'[' * 10**6)); return 0", reason=NO_ANSWER),
    "long number": Attack("write(frame(b'9' * 10**5)); return 0", reason=NO_ANSWER),
    "no dict": Attack("write(frame([1, 2])); return 0", reason=NO_ANSWER),
    "a probe for the grader": Attack(
        "write(frame({'': 'record', 'name': 'Call', 'content': node()})); return 0", reason=NO_ANSWER
    ),
    "array without its bytes": Attack(
        "write(answer('f', 0, {'': 'array', 'dtype': 'float64', 'shape': [10**9]})); return 0", reason=NO_ANSWER
    ),
    "object array": Attack(
        "write(answer('f', 0, {'': 'array', 'dtype': 'object', 'shape': [0]})); return 0", reason=NO_ANSWER
    ),
    "all descriptors closed": Attack("os.closerange(0, 256); return 0", reason=GONE_OR_CLOSED),
    "all closed, then sleep": Attack("os.closerange(0, 256); time.sleep(99)", reason=CLOSED),
    "channel closed from a thread": Attack(
        "threading.Thread(target=os.close, args=(channel(),)).start(); time.sleep(99)", reason=CLOSED
    ),
    "channel replaced": Attack("os.dup2(os.open(os.devnull, os.O_RDWR), channel()); return 0", reason=GONE_OR_CLOSED),
    "waits for more to read": Attack("os.read(channel(), 10**6); return 0", ("limit", "limit"), IDLE),
    "flood of standard output": Attack("while True: os.write(1, bytes(2**16))", ("limit", "limit"), FLOOD),
    "flood of standard errors": Attack("while True: os.write(2, bytes(2**16))", ("limit", "limit"), FLOOD),
    "flood of prints": Attack("while True: print('x' * 10**5)", ("limit", "limit"), LATE),
    "crash": Attack("ctypes.string_at(0)", reason="crashed (signal 11, SIGSEGV)"),
    "exit": Attack("os._exit(0)", reason="ended the process (exit code 0)"),
}


def cell(name: str, body: str) -> str:
    return f"def {name}(x):\n    {body}\ngrader.check('{name}')\n"


def ask(name: str, *arguments: int) -> Inquiry:
    return Inquiry.of(name, [Call((argument,)) for argument in arguments])


QUESTIONS = (ask("f", 1, 2), ask("g", 1, 2))
HONEST = cell("g", "return x + 1")


def outputs(transcript: Transcript, name: str) -> tuple[object, ...]:
    """The output of each answer, and the kind of whatever else came back."""
    return tuple(o.parts["output"] if o.kind == "answer" else o.kind for o in transcript.answers[name])


def examine(slot: host.Slot, limits: Limits, *sources: str) -> Transcript:
    return sit(slot, list(enumerate([FORGE, *sources])), QUESTIONS, limits)


@pytest.fixture(scope="module")
def slot(sandbox):
    with contextlib.closing(sandbox.slot()) as made:
        yield made


@linux_only
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_on_the_channel_costs_its_own_question(sandbox, slot, attack):
    transcript = examine(slot, sandbox.limits, cell("f", attack.body), HONEST)
    assert outputs(transcript, "f") == attack.outputs
    messages = [o.message for o in transcript.answers["f"] if o.kind in ("died", "limit")]
    assert any(reason in messages[0] for reason in attack.reason.split("|"))
    assert outputs(transcript, "g") == (2, 3)
    assert transcript.jobs == 2


@linux_only
def test_answers_before_the_question_end_the_cell_that_wrote_them(sandbox, slot):
    early = "for number in range(2): write(answer('g', number, 99))"
    transcript = examine(slot, sandbox.limits, early, cell("f", "return x"), HONEST)
    assert transcript.cells[1].message == "The cell answered out of turn."
    assert (outputs(transcript, "f"), outputs(transcript, "g")) == ((1, 2), (2, 3))


@linux_only
def test_a_surplus_answer_harms_nobody_else(sandbox, slot):
    """It arrives when the next cell is awaited. What that costs its author is not promised, only that it ends there."""
    surplus = cell("f", "(x == 2) and write(answer('f', 1, 99)); return 7")
    transcript = examine(slot, sandbox.limits, surplus, HONEST)
    assert outputs(transcript, "f") == (7, 99)
    assert outputs(transcript, "g") in ((2, 3), ("missing", "missing"), ("died", "died"))
    assert outputs(examine(slot, sandbox.limits, cell("f", "return x"), HONEST), "g") == (2, 3)


@linux_only
def test_a_job_knows_nothing_of_the_grader(sandbox, slot):
    """Neither what is expected nor who asks: an empty environment, no other process, one socket, no file of ours."""
    look = """
def f(x):
    found = {"variables": sorted(os.environ), "pid": os.getpid(), "sockets": []}
    for fd in range(3, 256):
        try:
            os.fstat(fd)
            found["sockets"].append(fd)
        except OSError:
            pass
    found["arguments"] = __import__("sys").argv
    return json.dumps(found)
grader.check("f")
"""
    found = json.loads(outputs(examine(slot, sandbox.limits, look, HONEST), "f")[0])
    assert len(found["sockets"]) == 1
    assert found["arguments"] == ["notebook"]
    assert not {"HOME_OF_GRADER", "SECRET", "AWS_SECRET_ACCESS_KEY", "PYTEST_CURRENT_TEST"} & set(found["variables"])


# The grader's end alone -------------------------------------------------------------------------


class Puppet:
    """A process that does nothing and dies when told."""

    def __init__(self, code: int = 0) -> None:
        self.killed, self._code = False, code

    def kill(self) -> None:
        self.killed = True

    def end(self) -> End:
        return End(-signal.SIGKILL if self.killed and not self._code else self._code, 0.0, 0)

    def usage(self) -> Usage:
        return Usage()

    def out_of_memory(self) -> bool:
        return False


@pytest.fixture
def line() -> Iterator[tuple[Job, Puppet, socket.socket]]:
    """A job without a process: the grader's end, and what would be the student's."""
    channel, theirs = socket.socketpair()
    output, their_output = socket.socketpair()
    puppet = Puppet()
    job = Job(puppet, channel, output, Limits(step_s=0.2, submission_s=60, channel_mib=4), 60.0)
    with theirs, their_output:
        yield job, puppet, theirs
        job.close()


def test_a_frame_may_arrive_in_any_pieces(line):
    job, _, theirs = line
    frame = wire.encode({"is": "answer", "number": 0})
    sender = threading.Thread(target=lambda: [theirs.sendall(bytes([byte])) for byte in frame * 3])
    sender.start()
    assert [job.receive() for _ in range(3)] == [{"is": "answer", "number": 0}] * 3
    sender.join()


def test_a_last_word_before_the_end_is_heard(line):
    job, _, theirs = line
    theirs.sendall(wire.encode({"is": "answer"}) + b"half")
    theirs.close()
    assert job.receive() == {"is": "answer"}
    with pytest.raises(JobEnded, match="closed its channel"):
        job.receive()


def test_who_does_not_read_is_stopped(line):
    job, puppet, _ = line
    job.begin_step("question")
    with pytest.raises(JobEnded, match=r"waited, and was not done after 0\.4 s") as caught:
        job.send(bytes(50 * 2**20))
    assert caught.value.kind == "limit"
    assert puppet.killed


def test_who_writes_before_reading_is_not_waited_for_in_vain(line):
    """Both sides write more than a socket holds; only one that also reads gets on."""
    job, _, theirs = line
    sent, asked = wire.encode({"is": "cell", "text": "x" * 90_000}) * 30, bytes(3 * 2**20)
    got = bytearray()

    def student() -> None:
        theirs.sendall(sent)
        while len(got) < len(asked):
            got.extend(theirs.recv(2**20))

    thread = threading.Thread(target=student)
    thread.start()
    job.send(asked)
    thread.join(30)
    assert bytes(got) == asked
    assert [job.receive()["text"][:1] for _ in range(30)] == ["x"] * 30


def test_more_than_the_cap_in_small_frames_is_too_much(line):
    job, puppet, theirs = line
    frame = wire.encode({"is": "cell", "text": "x" * 60_000})
    theirs.settimeout(30)

    def student() -> None:
        for _ in range(100):
            try:
                theirs.sendall(frame)
            except OSError:
                return

    thread = threading.Thread(target=student)
    thread.start()
    with pytest.raises(JobEnded, match="sent more than 4 MiB") as caught:
        list(iter(job.receive, None))
    job.close()
    thread.join()
    assert (caught.value.kind, puppet.killed) == ("limit", True)


def test_a_prefix_above_the_caps_allocates_nothing(line):
    job, puppet, theirs = line
    theirs.sendall(struct.pack("<IQ", 1, 2**62))
    with pytest.raises(JobEnded, match="is above the limit") as caught:
        job.receive()
    assert (caught.value.kind, puppet.killed) == ("died", True)


@linux_only
def test_slots_of_two_sandboxes_have_control_groups_of_their_own(monkeypatch):
    names: list[str] = []

    def create(name: str) -> SimpleNamespace:
        names.append(name)
        return SimpleNamespace(limit=lambda *amounts: None, remove=lambda patience_s: None)

    monkeypatch.setattr(cgroups, "create", create)
    for _ in range(2):
        with Sandbox(preload=("numpy",)) as sandbox:
            if "cgroup" not in sandbox.layers:
                pytest.skip("control groups need a host that hands them down")
            sandbox.slot().close()
    assert len(set(names)) == 2


@linux_only
def test_a_group_that_cannot_be_made_any_more_is_a_fault_of_ours_with_its_reason(monkeypatch):
    def create(name: str) -> SimpleNamespace:
        raise OSError(errno.ENOSPC, "too many groups")

    with Sandbox(preload=("numpy",)) as sandbox:
        if "cgroup" not in sandbox.layers:
            pytest.skip("control groups need a host that hands them down")
        monkeypatch.setattr(cgroups, "create", create)
        with pytest.raises(GraderError, match=r"control group of a slot .* too many groups"):
            sandbox.slot()


@linux_only
def test_jobs_are_born_in_the_control_group_of_their_slot():
    """The kernel counts a job from its first page on; and to move each one would cost milliseconds."""
    with Sandbox(preload=("numpy",)) as sandbox:
        if "cgroup" not in sandbox.layers:
            pytest.skip("control groups need a host that hands them down")
        slot = sandbox.slot()
        with slot.job(10.0) as job:
            members = Path(slot._group.memory, "cgroup.procs").read_text().split()
            assert str(job.process._pid) in members
        slot.close()


@linux_only
def test_a_slot_whose_server_was_killed_gets_another_one():
    with Sandbox(preload=("numpy",)) as sandbox, contextlib.closing(sandbox.slot()) as slot:
        with slot.job(10.0) as job:
            assert job.receive()["is"] == "ready"
            server = int(Path(f"/proc/{job.process._pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        slot._settle()
        os.kill(server, signal.SIGKILL)
        with pytest.raises(GraderError, match="server of a slot ended"), slot.job(10.0):
            pass
        with slot.job(10.0) as job:
            assert job.receive()["is"] == "ready"


# What is left behind ----------------------------------------------------------------------------


def descendants() -> set[int]:
    """Processes below this one, as far as the system's process table knows."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_bytes().rsplit(b")", 1)[1].split()
            except OSError:
                continue  # it has ended meanwhile
            parents[int(entry.name)] = int(stat[1])
    found, new = set(), {os.getpid()}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return found


def descriptors() -> dict[str, str]:
    """What each open descriptor of this process leads to."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that reads the folder
            found[entry.name] = str(entry.readlink())
    return found


def control_groups(grader: int) -> list[str]:
    """The control groups that a grader has made. Unlike a glob, a walk minds no group that vanishes on the way."""
    walk = os.walk("/sys/fs/cgroup")
    return sorted(name for _, names, _ in walk for name in names if name.startswith(f"autograder-{grader}-"))


def belongings() -> dict[str, object]:
    """What this process holds of the system."""
    return {
        "descriptors": descriptors(),
        "mounts": Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines(),
        "processes": descendants(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "control groups": control_groups(os.getpid()),
    }


def until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether the condition becomes true in time: the kernel takes killed processes away when it gets to it."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def nothing_left(folder: Path, *, ignore: str = "", seconds: float = 20) -> Iterator[None]:
    """What happens inside leaves no descriptor, mount, process, thread, control group or temporary file."""
    before = belongings()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        yield

    def kept() -> dict[str, object]:
        now = belongings()
        return {what: (before[what], now[what]) for what in before if what != ignore and before[what] != now[what]}

    assert until(lambda: not kept(), seconds), kept()
    assert list(folder.iterdir()) == []


SOAK = ["forged answer", "huge payload", "all closed, then sleep", "crash", "exit", "deep JSON"]
SLOW_SOAK = ["half a frame, then sleep", "flood of standard output"]
#: Address space only, which is soon used up; to touch the memory takes a busy machine longer than a step may take.
HOG = Attack("import numpy; return [numpy.empty(10**6) for _ in range(10**6)]", ("limit", "limit"), "memory")
LOOP = Attack("while True: pass", ("limit", "limit"), LATE)


@linux_only
@pytest.mark.slow
def test_two_hundred_jobs_a_tenth_of_them_hostile(tmp_path, monkeypatch):
    """Two slots at once, over several zygotes: every answer is right, and what is held does not grow on the way."""
    monkeypatch.setattr(host, "JOBS_PER_ZYGOTE", 80)
    kinds = [*(ATTACKS[name] for name in SOAK + SLOW_SOAK), HOG, LOOP]
    hostile = {10 * i + 5: kinds[i % len(kinds)] for i in range(20)}
    limits = Limits(step_s=1, submission_s=8, memory_mib=128, scratch_mib=16, channel_mib=8)
    held: list[int] = []
    wrong: list[str] = []

    def work(sandbox: Sandbox, numbers: SimpleQueue[int]) -> None:
        with contextlib.closing(sandbox.slot()) as slot, contextlib.suppress(Empty):
            while True:
                number = numbers.get_nowait()
                attack = hostile.get(number, Attack(f"return x + {number}", (number + 1, number + 2)))
                transcript = examine(slot, limits, cell("f", attack.body), HONEST)
                if outputs(transcript, "f") != attack.outputs or outputs(transcript, "g") != (2, 3):
                    wrong.append(f"{number}: {attack.body}: {transcript.answers}")
                held.append(len(descriptors()))

    numbers: SimpleQueue[int] = SimpleQueue()
    for number in range(200):
        numbers.put(number)
    with nothing_left(tmp_path), Sandbox(limits, preload=("numpy",)) as sandbox:
        with ThreadPoolExecutor(2) as threads:
            for done in [threads.submit(work, sandbox, numbers) for _ in range(2)]:
                done.result()
        # The one in use, and perhaps the next one, which warms up.
        assert len(sandbox._all) <= 2
    assert wrong == []
    assert len(held) == 200
    # A slot holds the sockets of one job, and there is one zygote more while the next one warms up.
    assert max(held[20:]) <= max(held[:20]) + 4


@linux_only
def test_a_zygote_that_was_killed_is_replaced(tmp_path):
    limits = Limits(step_s=1, submission_s=8)
    with (
        nothing_left(tmp_path, ignore="descriptors"),
        Sandbox(limits, preload=("numpy",)) as sandbox,
        contextlib.closing(sandbox.slot()) as slot,
    ):
        assert outputs(examine(slot, limits, HONEST), "g") == (2, 3)
        kill_zygote(sandbox)
        try:
            transcript = examine(slot, limits, HONEST)
        except GraderError:  # told once, if it ended under the slot's hands
            transcript = examine(slot, limits, HONEST)
        assert outputs(transcript, "g") == (2, 3)


@linux_only
def test_a_zygote_that_was_killed_costs_no_descriptor(tmp_path):
    limits = Limits(step_s=1, submission_s=8)
    with nothing_left(tmp_path, seconds=2), Sandbox(limits, preload=("numpy",)) as sandbox:
        slot = sandbox.slot()
        with pytest.raises(GraderError, match="zygote ended"), slot.job(60) as job:
            end_with_zygote(job, sandbox)
        slot.close()


@linux_only
def test_the_kernel_takes_memory_from_a_zygote_and_its_jobs_before_the_grader(sandbox):
    sandbox.facts()  # it has started
    score = Path(f"/proc/{sandbox._current.process.pid}/oom_score_adj").read_text(encoding="ascii")
    assert int(score) == 1000
    assert int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii")) < 1000


@linux_only
def test_a_zygote_outlives_the_thread_that_started_it(monkeypatch):
    monkeypatch.setattr(host, "JOBS_PER_ZYGOTE", 2)
    limits = Limits(step_s=1, submission_s=8)

    def roll_over() -> None:
        with contextlib.closing(sandbox.slot()) as slot:
            for _ in range(3):
                examine(slot, limits, HONEST)

    with Sandbox(limits, preload=("numpy",)) as sandbox:
        thread = threading.Thread(target=roll_over)
        thread.start()
        thread.join()
        assert not until(lambda: any(zygote.process.poll() is not None for zygote in sandbox._all), 1)


def end_with_zygote(job: Job, sandbox: Sandbox) -> None:
    assert job.receive()["is"] == "ready"
    kill_zygote(sandbox)
    job.receive()


def kill_zygote(sandbox: Sandbox) -> None:
    process = sandbox._current.process
    process.kill()
    process.wait()


@linux_only
def test_closing_the_sandbox_ends_what_still_runs(tmp_path):
    limits = Limits(step_s=60, submission_s=60)
    ended: list[BaseException] = []
    with (
        nothing_left(tmp_path, ignore="descriptors"),
        Sandbox(limits, preload=("numpy",)) as sandbox,
        contextlib.closing(sandbox.slot()) as slot,
    ):

        def work() -> None:
            try:
                examine(slot, limits, "while True: pass")
            except BaseException as error:
                ended.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert until(lambda: slot._last is not None and slot._last.usage().cpu_s > 0.2)  # the loop runs
        sandbox.close()
        thread.join(30)
        assert not thread.is_alive()
    assert [type(error) for error in ended] == [GraderError]


# Where forking is not possible ------------------------------------------------------------------


def test_without_fork_strangers_are_refused():
    with pytest.raises(UsageError, match="read every file"):
        Sandbox(fork=False)


@contextlib.contextmanager
def single_use(limits: Limits) -> Iterator[host.Slot]:
    """A slot of a sandbox that cannot fork."""
    with Sandbox(limits, preload=("numpy",), trust=True, fork=False) as sandbox:
        assert (sandbox.forks, sandbox.layers) == (False, ())
        assert sandbox.warnings
        with contextlib.closing(sandbox.slot()) as slot:
            yield slot


@pytest.mark.slow
def test_single_use_interpreters_answer_like_forked_jobs(tmp_path):
    limits = Limits(step_s=5, submission_s=40, channel_mib=8)
    chatty = "print('hello', flush=True); os.write(1, b'raw'); return x"
    with nothing_left(tmp_path), single_use(limits) as slot:
        transcript = examine(slot, limits, "1 / 0", cell("f", chatty), HONEST)
    assert (outputs(transcript, "f"), outputs(transcript, "g")) == ((1, 2), (2, 3))
    assert [c.status for c in transcript.cells] == ["ok", "error", "ok", "ok"]
    assert transcript.jobs == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exit", "crash", "huge payload", "forged answer", "half a frame, then sleep"])
def test_single_use_interpreters_that_end_are_replaced(tmp_path, name):
    limits = Limits(step_s=3, submission_s=60, channel_mib=8)  # an interpreter starts within twice a step
    attack = ATTACKS[name]
    with nothing_left(tmp_path), single_use(limits) as slot:
        transcript = examine(slot, limits, cell("f", attack.body), HONEST)
    assert outputs(transcript, "f") == attack.outputs
    assert outputs(transcript, "g") == (2, 3)
    assert transcript.jobs == 2


@pytest.fixture
def examples(repo: Path) -> Path:
    return repo / "examples" / "submissions" / "softmax"


@pytest.mark.long
def test_grading_without_fork_gives_the_same_marks(softmax_assignment, examples, monkeypatch):
    monkeypatch.setattr(ahead, "can_fork", lambda: False)
    paths = [examples / f"{name}.ipynb" for name in ("dana", "quinn")]
    with pytest.raises(UsageError):
        autograder.grade(softmax_assignment, paths, workers=1)
    run = autograder.grade(softmax_assignment, paths, workers=1, trust=True, limits=Limits(step_s=20, submission_s=100))
    assert [(m.student, m.hundredths) for m in run.marks] == [("dana", 95_00), ("quinn", 0)]
    assert run.provenance["layers"] == []
    assert run.warnings


@pytest.mark.slow
def test_an_ordinary_user_gives_the_same_marks(ordinary_user, repo, examples):
    paths = [str(examples / f"{name}.ipynb") for name in ("dana", "quinn", "tove")]
    text = ordinary_user.run(
        "-m", "autograder", "grade", "softmax", *paths, "--course", str(repo), "--format", "json", "--workers", "2"
    )
    document = json.loads(text)
    found = {m["submission"]["student"]: (m["points"], m["status"]) for m in document["marks"]}
    assert found == {"dana": (95, "graded"), "quinn": (0, "rejected"), "tove": (100, "graded")}
    layers = document["marks"][0]["provenance"]["layers"]
    assert "seccomp" in layers or "landlock" in layers
