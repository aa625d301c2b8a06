"""Family F: whatever eats time, memory, disk or output costs its own cell or question, and only once.

Limits are small: 1 s for a step, 6 s in all, 256 MiB of memory, 16 MiB of files, 16 MiB of output.
"""

from __future__ import annotations

import re
import sys

import pytest

from . import files
from .files import FULL, Expected, Row, bad

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the limits are the kernel's, and /proc is read"),
]

LATE, IDLE = r"ran longer than 1 s", r"waited, and was not done after 2 s"
MEMORY, OUTPUT = r"used more than 256 MiB of memory", r"sent more than 16 MiB of output"
THREADS, FILES = (
    r"had more than 64 threads, or no memory for one more",
    r"used more than 16 MiB, or too many names, for its files",
)
FILE = r"wrote more than 16 MiB to one file"


def body(text: str, seen: str, verdict: str = "limit") -> Row:
    """An attack in the function: its question is lost."""
    return Row(bad(text), Expected(verdict, seen))


def cell(text: str, seen: str, status: str = "limit") -> Row:
    """An attack in a cell above the right function: nothing but the cell is lost."""
    return Row(bad(above=text), Expected("pass", seen, cell=status))


def harmless(text: str) -> Row:
    """What looks like an attack above the right function and costs nothing."""
    return Row(bad(above=text), FULL)


#: Ids that begin with a letter are those of ATTACKS.md; the others are our own.
ATTACKS = {
    "F-01 loop in a function": body("def softmax(x):\n    while True: pass", LATE),
    "F-02 loop in a cell": cell("while True: pass", LATE),
    "F-04 input": body("def softmax(x): return input('value? ')", "EOFError|InputNotAvailable|an exception", "error"),
    "F-05 memory, touched": cell("big = [bytearray(10**9) for _ in range(10**4)]", MEMORY),
    "F-07 fork bomb": cell("import os\nwhile True: os.fork()", "BlockingIOError|PermissionError", "error"),
    "F-08 thread bomb": cell(
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()",
        f"{THREADS}|{MEMORY}",
    ),
    "F-10 recursion": body("def softmax(x): return softmax(x)", "RecursionError", "error"),
    "F-11 recursion without a limit": body(
        "import sys\nsys.setrecursionlimit(10**9)\ndef softmax(x): return [softmax(x)]",
        # The limit is put back before a question is asked.
        "RecursionError",
        "error",
    ),
    "F-13 inode flood": cell("for i in range(10**8): open(f'f{i}', 'w').close()", f"{FILES}|{LATE}"),
    "F-14 descriptors": cell("keep = [open('/dev/null') for _ in range(10**6)]", "Too many open files", "error"),
    "F-16 regular expression": cell("import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')", LATE),
    "F-17 giant answer": body(
        # Zeros that are never touched need no memory, so the address space decides.
        "def softmax(x): return np.zeros(2 * 10**7)",
        r"shape.*20000000|20,?000,?000",
        "fail",
    ),
    "F-17 answer beyond the memory": body("def softmax(x): return np.zeros(2 * 10**8)", MEMORY),
    "F-19 endless repr": body(
        """
        class R:
            def __repr__(self):
                while True: pass
        def softmax(x): return R()
        """,
        r"type R\b",
        "fail",
    ),
    "F-20 loop at the end of the interpreter": harmless(
        "class D:\n    def __del__(self):\n        while True: pass\nkeep = D()"
    ),
    "F-22 shared memory": cell("import mmap\nm = mmap.mmap(-1, 10**12)", "OSError|MemoryError|256 MiB", "error|limit"),
    # Memory
    "memory in small pieces": cell("keep = []\nwhile True: keep.append([0] * 50)", MEMORY + "|" + LATE),
    "memory in one text": cell("text = 'x'\nwhile True: text += text", MEMORY + "|" + LATE),
    "memory in a function, caught": body(
        """
        KEEP = []
        def softmax(x):
            try:
                while True: KEEP.append(bytearray(10**6))
            except MemoryError:
                return x
        """,
        "256 MiB|wrong|ended the process|ran longer",
        "fail|limit|error",
    ),
    "mmap in pages": cell(
        "import mmap\nkeep = []\nwhile True:\n    keep.append(mmap.mmap(-1, 2**20))\n    keep[-1].write(bytes(2**20))",
        "Cannot allocate memory|256 MiB",
        "error|limit",
    ),
    "anonymous file": cell(
        "import os\nfd = os.memfd_create('x')\nwhile True: os.write(fd, bytes(2**20))",
        "PermissionError|OSError",
        "error",
    ),
    "named shared memory": cell(
        "from multiprocessing import shared_memory\nkeep = shared_memory.SharedMemory(create=True, size=10**9)",
        "Error",
        "error",
    ),
    "torch memory": cell("import torch\nkeep = torch.ones(10**10)", MEMORY),
    # Files
    "many small files": cell(
        "for i in range(10**6):\n    with open(f'{i}.txt', 'w') as file: file.write('x' * 5000)",
        f"{FILES}|{LATE}",
    ),
    "one large file": cell(
        "with open('big', 'wb') as file:\n    while True: file.write(bytes(2**20))",
        f"{FILES}|{FILE}",
    ),
    "deep folders": cell(
        "import os\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')", f"OSError|{FILES}|{LATE}", "error|limit"
    ),
    "descriptors, kept": cell(
        "keep = []\nwhile True: keep.append(open('/dev/null'))", "OSError.*Too many open files", "error"
    ),
    # Output
    "gigabytes printed": harmless("for _ in range(3000): print('x' * 10**6)"),
    "flood of errors from C": cell("import os\nwhile True: os.write(2, bytes(2**16))", OUTPUT),
    "one gigabyte in one write": cell("import sys\nsys.stdout.write('x' * 2**30)", MEMORY),
    "flood in a function": body("import os\ndef softmax(x):\n    while True: os.write(1, bytes(2**16))", OUTPUT),
    "a hundred thousand lines": harmless("for i in range(10**5): print(i)"),
    "surrogates printed": harmless(r"print('\ud800' * 60_000)"),
    "warnings by the million": cell(
        "import warnings\nfor i in range(10**6): warnings.warn(f'{i}')", LATE + "|" + MEMORY, "limit"
    ),
    "plots by the thousand": Row(
        bad(above="import matplotlib.pyplot as plt\nfor i in range(10**6): plt.figure()"),
        Expected("pass", LATE + "|" + MEMORY, cell="limit"),
    ),
    "a few plots": harmless("import matplotlib.pyplot as plt\nfor i in range(5): plt.plot([1, 2]); plt.show()"),
    "message of 20 MB in each call": body("def softmax(x): raise ValueError('x' * 2 * 10**7)", "ValueError", "error"),
    "message of 100 MB in a cell": cell("raise ValueError('x' * 10**8)", r"ValueError: x+\.\.\.", "error"),
    "message of many lines": cell(r"raise ValueError('\n' * 10**7)", r"ValueError: (\\x0a)+", "error"),
    # Repr and exceptions
    "recursion in repr, shown": harmless("class R:\n    def __repr__(self): return repr(self)\nR()"),
    "endless repr, shown": cell("class R:\n    def __repr__(self):\n        while True: pass\nR()", LATE),
    "repr of a gigabyte": harmless("class R:\n    def __repr__(self): return 'x' * 10**8\nR()"),
    "a chain of a thousand exceptions": cell(
        """
        def chain(n):
            try:
                if n: chain(n - 1)
                raise ValueError(n)
            except ValueError as error:
                raise KeyError(n) from error
        chain(300)
        """,
        "KeyError: 0",
        "error",
    ),
    "exception that loops when shown": cell(
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E", LATE
    ),
    "container in itself": body(
        "def softmax(x):\n    a = []\n    a.append(a)\n    return a", "returned a list of 1 item", "fail"
    ),
    "deep tuple": body(
        "def softmax(x):\n    a = ()\n    for _ in range(10**5): a = (a,)\n    return a", "a tuple of 1 item", "fail"
    ),
    "many parts": body(
        "def softmax(x): return [[i] * 900 for i in range(300)]",
        f"more than 200,000 parts|function raised|{LATE}",
        "error|limit",
    ),
    "many long texts": body(
        "def softmax(x): return ['x' * 90_000] * 90", "cannot be sent back.*above the limit|function raised", "error"
    ),
    "long number": body("def softmax(x): return 1 << 10**7", "more than 200 bits", "fail"),
    # Threads, sleep, devices
    "threads that sleep": harmless(
        "import threading, time\nfor _ in range(3): threading.Thread(target=time.sleep, args=(999,)).start()"
    ),
    "threads that work": Row(
        # They take CPU time that counts for the cells and questions behind them.
        bad(
            above="""
            import threading
            def work():
                while True: pass
            for _ in range(4): threading.Thread(target=work, daemon=True).start()
            """
        ),
        Expected("pass|limit", "", cell="", others=False),
    ),
    "sleep": cell("import time\ntime.sleep(999)", IDLE),
    "number of digits": cell("9 ** 9 ** 9", LATE + "|" + MEMORY),
    "graphics card": cell(
        "import os, torch\nos.environ['CUDA_VISIBLE_DEVICES'] = '0'\ntorch.zeros(1, device='cuda')",
        "AssertionError|RuntimeError|AcceleratorError",
        "error",
    ),
    "libraries with threads": harmless(
        "import os, torch\nos.environ['OMP_NUM_THREADS'] = '64'\ntorch.set_num_threads(32)\n"
        "y = torch.ones(300, 300) @ torch.ones(300, 300)"
    ),
    "whole budget in cells": Row(
        files.packed(files.notebook([*files.cells(), *["while True: pass"] * 12])),
        Expected("pass", LATE, cell="limit"),
    ),
    "whole budget before the questions": Row(
        files.packed(files.notebook([*["while True: pass"] * 12, *files.cells()])),
        Expected("limit", r"6 s of the whole submission were used up", cell="limit", others=False),
    ),
}


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exhaustion")
    files.lay_out(folder / "class", ATTACKS)
    return files.run_grade(folder, [folder / "class"])


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_costs_what_it_should(batch, name):
    files.assert_outcome(batch.marks[files.students(ATTACKS)[name]], ATTACKS[name].expected)


def test_neighbours_keep_full_marks(batch):
    files.assert_perfect(batch, [name for name in batch.marks if name.endswith("-perfect")])


def test_the_batch_is_whole(batch):
    perfect = {f"{number:03}-perfect" for number in range(len(ATTACKS) + 1)}
    files.assert_sound(batch, {*files.students(ATTACKS).values(), *perfect})


def test_limits_bound_the_time(batch):
    assert batch.elapsed_s < files.LIMITS.submission_s * len(ATTACKS)


def test_what_is_kept_of_a_mark_is_short(batch):
    """Whatever was printed or raised: a mark is kilobytes, and so is its line."""
    sizes = {path.name: path.stat().st_size for path in (batch.out / "marks").iterdir()}
    assert max(sizes.values()) < 40_000, sizes
    assert all(len(line) < 1_000 for line in batch.stderr.splitlines())
    assert not re.search(r"Traceback|autograder/", batch.everything)
