"""Each limit says which one it was, whether a cell or a question reached it."""

from __future__ import annotations

import re
import socket
import sys
from contextlib import closing

import pytest

from autograder.course.probes import Call
from autograder.sandbox import conversation
from autograder.sandbox.conversation import Job, JobEnded, Usage
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import Limits, is_out_of_memory, limit_behind
from autograder.sandbox.sitting import Inquiry, sit

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's limits are those of Linux")

MEMORY = "used more than 256 MiB of memory"
#: What reaches a limit, and what is said of it. The shared sandbox has small limits.
SPENT = {
    "processor": ("while True: pass", "ran longer than 1 s"),
    "clock": ("time.sleep(99)", "waited, and was not done after 2 s"),
    "memory of Python": ("bytearray(10**9)", MEMORY),
    "memory of NumPy": ("np.ones(10**9)", MEMORY),
    "threads": (
        "threading.stack_size(65536); [threading.Thread(target=time.sleep, args=(99,)).start() for _ in range(99)]",
        "had more than 64 threads, or no memory for one more",
    ),
    "one file": (
        "open('big', 'wb', buffering=0).write(bytes(2**24)) + open('big', 'ab', buffering=0).write(b'x')",
        "used more than 16 MiB, or too many names, for its files|wrote more than 16 MiB to one file",
    ),
    "output": ("[os.write(1, bytes(2**16)) for _ in range(10**4)]", "sent more than 8 MiB of output or answers"),
}
#: Where there is room for all files of a job in a file system of its own.
QUOTA = {
    "all files": (
        "[open(str(i), 'wb').write(bytes(2**20)) for i in range(99)]",
        "used more than 16 MiB, or too many names, for its files",
    ),
    "names of files": (
        "[open(str(i), 'wb').close() for i in range(9999)]",
        "used more than 16 MiB, or too many names, for its files",
    ),
}
IMPORTS = "import os, threading, time\nimport numpy as np"
GOOD = "def g(x):\n    return x + 1"


@pytest.fixture(scope="module")
def slot(sandbox):
    with closing(sandbox.slot()) as made:
        yield made


def attacked(sandbox, slot, cell: str, body: str = "return x"):
    """The transcript of a notebook with one more cell and the body of a function."""
    cells = [IMPORTS, cell, f"def f(x):\n    {body}", GOOD]
    inquiries = [Inquiry.of("f", [Call((1,)), Call((2,))]), Inquiry.of("g", [Call((1,))])]
    transcript = sit(slot, list(enumerate(cells, start=1)), inquiries, sandbox.limits)
    assert transcript.answers["g"][0].parts == {"output": 2}
    return transcript


def table(sandbox) -> dict[str, tuple[str, str]]:
    return SPENT | (QUOTA if "scratch-quota" in sandbox.layers else {})


@linux_only
@pytest.mark.parametrize("name", SPENT | QUOTA)
def test_a_cell_that_reaches_a_limit_is_told_which(sandbox, slot, name):
    if name not in table(sandbox):
        pytest.skip("needs a file system of limited size for each job")
    source, said = table(sandbox)[name]
    report = attacked(sandbox, slot, source).cells[1]
    assert report.status == "limit", report
    assert re.fullmatch(rf"The cell ({said})\.", report.message), report


@linux_only
@pytest.mark.parametrize("name", SPENT | QUOTA)
def test_a_function_that_reaches_a_limit_is_told_which(sandbox, slot, name):
    if name not in table(sandbox):
        pytest.skip("needs a file system of limited size for each job")
    source, said = table(sandbox)[name]
    first, second = attacked(sandbox, slot, "", source).answers["f"]
    assert first.kind == second.kind == "limit", first
    assert re.fullmatch(said, first.message), first
    # What ends the job ends the question: the second call is not made to run into it again.
    assert re.match(f"was not asked, because an earlier check of this question {said}|{said}", second.message)


@linux_only
def test_answers_count_as_output(sandbox, slot):
    """Each is small enough; together they are not."""
    cells = [(1, "import numpy as np\ndef f(x): return np.zeros(500_000)")]
    outcomes = sit(slot, cells, [Inquiry.of("f", [Call((i,)) for i in range(4)])], sandbox.limits).answers["f"]
    assert [o.kind for o in outcomes] == ["answer", "answer", "limit", "limit"]
    assert outcomes[2].message == "sent more than 8 MiB of output or answers"


@linux_only
@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            ["end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"] * 10,
            "was running when the 1.3 s of the whole submission were used up",
        ),
        (["time.sleep(1)"] * 4, "was waiting when twice the 1.3 s of the whole submission had passed"),
    ],
    ids=["processor", "clock"],
)
def test_the_limit_of_the_whole_submission_is_told_apart(cells, said):
    limits = Limits(step_s=1, submission_s=1.3)
    with Sandbox(limits, preload=("numpy",)) as sandbox, closing(sandbox.slot()) as slot:
        transcript = sit(slot, list(enumerate([IMPORTS, *cells], start=1)), [Inquiry.of("g", [Call((1,))])], limits)
    stopped = [cell for cell in transcript.cells if cell.status == "limit"]
    assert stopped[0].message == f"The cell {said}."
    assert transcript.answers["g"][0].message == (
        "was not reached: the 1.3 s of the whole submission were used up before"
    )


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("OSError: [Errno 28] No space left on device: 'x'", "used more than 64 MiB, or too many names, for its files"),
        ("OSError: [Errno 27] File too large", "wrote more than 64 MiB to one file"),
        ("OSError: [Errno 24] Too many open files: 'x'", None),  # tells enough, and is the student's to mend
        ("RuntimeError: can't start new thread", "had more than 64 threads, or no memory for one more"),
        ("OSError: [Errno 2] No such file or directory", None),
        ("ValueError: OSError: [Errno 28]", None),
        ("", None),
    ],
)
def test_exceptions_of_the_kernel_are_limits(message, said):
    assert limit_behind(message, Limits()) == said


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("MemoryError", True),
        ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7 GiB", True),
        ("RuntimeError: [enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory", True),
        ("MyMemoryErrors: none", False),
        ("ValueError: MemoryError", False),
        ("RuntimeError: shapes differ", False),
    ],
)
def test_exceptions_of_a_failed_allocation_are_known(message, expected):
    assert is_out_of_memory(message) is expected


class Measured:
    """A process of which only the numbers are there."""

    def __init__(self) -> None:
        self.now = Usage()

    def usage(self) -> Usage:
        return self.now

    def kill(self) -> None:
        pass


def test_time_in_which_others_kept_the_processors_does_not_count(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(conversation.time, "monotonic", lambda: clock[0])
    (ours, theirs), (out, their_out) = socket.socketpair(), socket.socketpair()
    with theirs, their_out:
        process = Measured()
        job = Job(process, ours, out, Limits(step_s=1, submission_s=3), 3)
        job.begin_step("cell")
        job._check_limits()  # the first look at a step: from now on it is measured
        clock[0], process.now = 100.0, Usage(cpu_s=0.5, queued_s=98.5)
        job._check_limits()
        assert job.spent_s() == 0.75
        process.now = Usage(cpu_s=0.01, queued_s=97.5)
        with pytest.raises(JobEnded, match="waited, and was not done after 2 s"):
            job._check_limits()
        job.close()
