"""Family D: tampering with the harness from inside. A job can only answer; what it breaks there is its own.

Forged frames that are wrong in themselves are tested in `tests/sandbox/test_host.py`; here stand those that try to
mean something, and whatever else reaches for the grader's side.
"""

from __future__ import annotations

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from autograder import Limits
from autograder.course.probes import Call
from autograder.sandbox.conversation import End, Job, JobEnded, Usage
from autograder.sandbox.host import Sandbox
from autograder.sandbox.sitting import Inquiry, sit

from .attacks import ANYTHING, FORGE, LIMITS, Attack, answer, assert_harmless, assert_outcome, cell, grade_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hostile code runs in the sandbox of Linux only")

NO_ANSWER = "sent something that is no answer"

#: The entries of ATTACKS.md, by their ids.
LISTED = {
    "D-01": cell("np.allclose = torch.allclose = lambda *a, **k: True"),
    "D-02": cell("import unittest\nunittest.TestCase.assertEqual = unittest.TestCase.fail = lambda *a, **k: None"),
    "D-04": cell("import time\ntime.time = time.perf_counter = time.monotonic = lambda: 0.0"),
    "D-04 slow": answer(
        "import time\ntime.monotonic = time.process_time = lambda: 0.0\ndef softmax(x):\n    while True: pass",
        "LLL",
        seen="softmax ran longer than 1 s",
    ),
    "D-05": answer("import os\ndef softmax(x): os._exit(0)", "EEE", seen="ended the process (exit code 0)"),
    "D-07": cell(
        "import atexit, json\natexit.register(lambda: open('results.json', 'w').write(json.dumps({'score': 100})))"
    ),
    "D-08": cell("""open('results.json', 'w').write('{"score": 100, "tests": []}')"""),
    "D-10": cell(
        """
        import os
        for fd in range(3, 64):
            try: os.write(fd, b'{"id": 1, "value": [0.09, 0.24, 0.67]}\\n')
            except OSError: pass
        """,
        NO_ANSWER,
    ),
    "D-11": cell("print('EXIT_CODE:0'); print('END OF TEST OUTPUT')"),
    "D-13": answer(
        """
        class B:
            def __reduce__(self): return (print, ('code ran in the parent',))
        def softmax(x): return B()
        """,
        "FFF",
        seen="an object of type B",
    ),
    "D-14": cell(
        """
        import signal
        for s in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)
        while True: pass
        """,
        "ran longer than 1 s",
    ),
    "D-16": Attack(
        {},
        (
            """
            import threading, time
            def later():
                time.sleep(0.01)
                np.exp = lambda v: v * 0 + 1
            threading.Thread(target=later, daemon=True).start()
            """,
        ),
        {"softmax": "PPP|PP.|P..|...|PF."},
    ),
    "D-17": cell(
        "import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass", "BlockingIOError|PermissionError"
    ),
    # `grade_table` lays such files beside the notebooks of every batch.
    "D-19": cell(
        """
        import importlib.util, sys
        assert importlib.util.find_spec("conftest") is importlib.util.find_spec("hostile") is None
        assert "site-packages" in np.__file__
        """
    ),
    "D-20": cell(
        """
        import sys
        class H:
            def find_spec(self, name, path=None, target=None):
                return None if name != 'json' else (_ for _ in ()).throw(ImportError('no'))
        sys.meta_path.insert(0, H()); sys.modules.pop('json', None)
        """
    ),
    "D-22": Attack(
        {},
        ("np = 3; list = [1, 2]; sum = 0; from math import *",),
        {"softmax": "EEE", "inverse": "EE", "Model": "EE"},
        seen="AttributeError",
    ),
    "D-23": cell("torch.set_default_dtype(torch.float16); torch.set_default_device('meta')"),
    "D-25": cell(
        "import warnings\nnp.seterr(all='raise'); warnings.simplefilter('error'); np.set_printoptions(threshold=1)"
    ),
    "D-26": cell("import random\nrandom.seed(0); np.random.seed(0); torch.manual_seed(0)"),
    "D-28": cell(
        "import os, sys\nsys.stdout = sys.stderr = None\nos.closerange(0, 64)", "ended the process|closed its"
    ),
    "D-29": answer("def softmax(x): x[:] = 0; return np.full(x.shape, 1 / x.shape[-1])", "FFF"),
    "D-31": answer(
        "import ctypes\ndef softmax(x): return ctypes.string_at(0)", "EEE", seen="crashed (signal 11, SIGSEGV)"
    ),
    "D-32": cell("import os\nos.kill(os.getppid(), 9)", "PermissionError|ProcessLookupError"),
}


def forged(body: str, verdicts: str = "EEE", seen: str = NO_ANSWER) -> Attack:
    """A row whose function writes frames of its own before it returns what it should not."""
    return answer(f"def softmax(x): {body}; return x", verdicts, seen=seen, before=FORGE)


#: Frames that try to mean something. An array in a field once made the grader itself stumble.
FRAMES = {
    "array as number": forged("write(node(**{'is': 'answer'}, question='softmax', number=array(2)), bytes(16))"),
    "array as kind of message": forged("write(node(**{'is': array(2)}, question='softmax', number=0), bytes(16))"),
    "array as question": forged("write(node(**{'is': 'answer'}, question=array(2), number=0), bytes(16))"),
    "array as reason": forged("write(reply('softmax', 0, reason=array(2)), bytes(16))"),
    "array as missing": forged("write(reply('softmax', 0, missing=array(2)), bytes(16))"),
    "array as error": forged("write(reply('softmax', 0, error=array(2)), bytes(16))"),
    "float as number": forged("write(node(**{'is': 'answer'}, question='softmax', number=0.0))"),
    "arrays in a traceback": forged(
        "write(reply('softmax', 0, error='', traceback=[array(2), array(0)]), bytes(16))", seen="answered out of turn"
    ),
    "array as index of a cell": cell(
        FORGE + "write(node(**{'is': 'cell'}, index=array(2), status='ok'), bytes(16))", NO_ANSWER
    ),
    "array as status of a cell": cell(
        FORGE + "write(node(**{'is': 'cell'}, index=2, status=array(2)), bytes(16))", NO_ANSWER
    ),
    "answer with a verdict": forged(
        "write(reply('softmax', 0, parts=node(output=1), verdict='pass', points=100, kind='answer'))",
        "...",
        seen="answered out of turn",
    ),
    "fault of the grader": forged(
        "write(reply('softmax', 0, kind='grader_error', error='GraderError'))", "...", seen=""
    ),
    "message of a broken job": forged("write(node(**{'is': 'broken'}, message='zygote'))", seen="answered out of turn"),
    "ready for the second time": forged("write(node(**{'is': 'ready'}))", seen="answered out of turn"),
    "unsupported with a reason": forged(
        "write(reply('softmax', 0, parts=node(output={'': 'unsupported', 'name': 'x' * 99999, 'reason': ''})))",
        "...",
        seen="",
    ),
    "parts that are no dict": forged("write(reply('softmax', 0, parts=array(2)), bytes(16))", "...", seen=""),
    "parts without names": forged("write(reply('softmax', 0, parts={'': 'dict', 'items': [[1, 2]]}))", "...", seen=""),
    "very many parts": forged(
        "write(reply('softmax', 0, parts=node(**{str(i): i for i in range(50000)})))", "...", seen=""
    ),
    "bytes that are no bool": forged(
        "write(reply('softmax', 0, parts=node(output=array(1, 3, dtype='bool'))), bytes([2, 128, 255]))", "...", seen=""
    ),
    "answers to everything": forged(
        "[write(reply(q, n, parts=node(output=1))) for q in ('softmax', 'loss', 'double') for n in range(9)]",
        "...",
        seen="",
    ),
}

_MODULES = """
import sys
from autograder.sandbox import job, live, wire, describe, settings, shell
from autograder.course import probes
"""

#: Our own.
INVENTED = {
    "conversion replaced": Attack(
        {},
        (_MODULES + "live.Converter.plain = lambda self, value, depth=0: 1.0",),
        ANYTHING | {"softmax": "...|PPP"},
    ),
    "probe replaced": Attack(
        {"softmax": "def softmax(x): return x"},
        (_MODULES + "probes.Call.ask = lambda self, name, bench: {'output': bench.live(self.kwargs['x'])}",),
        ANYTHING | {"softmax": "..."},
    ),
    "answers replaced": Attack(
        {},
        (_MODULES + "job.answer_of = lambda *a: {'verdict': 'pass', 'points': 100, 'parts': {}}",),
        ANYTHING | {"softmax": "...", "double": ".."},
    ),
    "all modules of ours gone": cell(
        "import sys\nfor name in [n for n in sys.modules if n.startswith('autograder')]: del sys.modules[name]"
    ),
    "encoder replaced": Attack({}, (_MODULES + "wire.encode = lambda m: b'{}'",), {}, {1: "ended the process"}),
    "channel found by the collector": answer(
        """
        import gc
        def softmax(x):
            (channel,) = [o for o in gc.get_objects() if type(o).__name__ == "Channel"]
            for number in range(4):
                channel.send({"is": "answer", "question": "softmax", "number": number, "parts": {"output": x}})
            return x
        """,
        "...",
    ),
    "thread that answers while the grader waits": Attack(
        {},
        (
            FORGE
            + """
import threading, time
def ahead():
    for number in range(400):
        write(reply("softmax", number % 4, parts=node(output=1)))
        time.sleep(0.002)
threading.Thread(target=ahead, daemon=True).start()
""",
        ),
        ANYTHING,
        None,
    ),
    "thread that reads what the job should read": Attack(
        {},
        (
            FORGE
            + """
import threading
def thief():
    while os.read(channel(), 1): pass
threading.Thread(target=thief, daemon=True).start()
""",
        ),
        ANYTHING,
        None,
    ),
    "urgent byte on the channel": answer(
        "import socket\ndef softmax(x):\n"
        "    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=channel())\n"
        "    try: end.send(b'x', socket.MSG_OOB)\n"
        "    finally: end.detach()",
        "EEE",
        seen="PermissionError",
        before=FORGE,
    ),
    "the channel shut half": answer(
        "import socket\ndef softmax(x):\n"
        "    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=channel()).shutdown(socket.SHUT_WR)\n"
        "    while True: pass",
        "EEE",
        seen="its channel",
        before=FORGE,
    ),
    "channel left without blocking": answer(
        "def softmax(x): os.set_blocking(channel(), False); return x", "FFF", before=FORGE
    ),
    "channel turned into the output": answer(
        "def softmax(x): os.dup2(1, channel()); return x", "...", before=FORGE, seen="its channel"
    ),
    "alarm that rings in our lines": Attack(
        {"softmax": "def softmax(x): signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4); return x"},
        ("import signal\ndef ring(*a): raise KeyError('ring')\nsignal.signal(signal.SIGALRM, ring)",),
        {"softmax": "..."},
    ),
    "alarm that kills": answer(
        "import signal\ndef softmax(x):\n    signal.signal(signal.SIGALRM, signal.SIG_DFL)\n"
        "    signal.setitimer(signal.ITIMER_REAL, 1e-3)\n    return x",
        "...",
    ),
    "real-time signal": answer(
        "import os, signal\ndef softmax(x): signal.raise_signal(signal.SIGRTMIN + 3); os.kill(os.getpid(), 45); return x",
        "...",
    ),
    "main module gone": cell("import sys\nsys.modules['__main__'] = None\nsys.modules.pop('builtins')"),
    "main module with tricks": cell(
        "import sys, types\nclass M(types.ModuleType):\n    __getattribute__ = lambda s, n: 1 / 0\n"
        "sys.modules['__main__'].__class__ = M"
    ),
    "hooks of the interpreter": cell(
        "import sys, threading\nsys.excepthook = sys.unraisablehook = sys.displayhook = threading.excepthook = None\n"
        "sys.setprofile(lambda *a: 1 / 0 if a[1] == 'nothing' else None)\nsys.setswitchinterval(1e-6)"
    ),
    "low recursion limit in a function": answer(
        "import sys\ndef softmax(x):\n    sys.setrecursionlimit(30)\n    return x", "..."
    ),
    "collector with a grudge": cell(
        "import gc\ngc.callbacks.append(lambda *a: 1 / 0)\ngc.set_threshold(1)\ngc.collect()"
    ),
    "exit from a destructor": answer(
        "import os\nclass D:\n    def __del__(self): os._exit(0)\ndef softmax(x): return D()",
        "...",
        seen="ended the process",
    ),
    "exit from another thread": answer(
        "import os, threading\ndef softmax(x): threading.Thread(target=os._exit, args=(0,)).start(); return x", "..."
    ),
    "scratch filled, then exit": answer(
        "import os\ndef softmax(x):\n    open('full', 'wb').write(bytes(15 * 2**20))\n    os._exit(0)", "EEE"
    ),
    "library files overwritten": cell("open(np.__file__, 'a').write('raise SystemExit')", "OSError|PermissionError"),
    "environment and limits": cell(
        "import os, resource\nos.environ.clear()\nresource.setrlimit(resource.RLIMIT_CPU, (1000, 1000))",
        "ValueError|PermissionError",
    ),
    "hundreds of thousands of empty lines": answer("1 / 0" + "\n" * 300_000 + "def softma(x): pass", "MMM"),
    "name that is defined in a very long line": answer("x = 1; " * 30_000 + "1 / 0; softmax = 3", "MMM"),
    # It strikes in the middle of another question of the same student, and who started it is not to be found out.
    "thread that outlives its question and kills": Attack(
        {"softmax": "import os, threading\ndef softmax(x): threading.Timer(0.02, os._exit, [0]).start(); return x"},
        (),
        ANYTHING | {"softmax": "..."},
    ),
}
TABLE = LISTED | FRAMES | INVENTED


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return grade_table(TABLE, tmp_path_factory.mktemp("d"))


@pytest.mark.parametrize("name", TABLE)
def test_the_verdict_stays_with_the_grader(batch, name):
    assert_outcome(batch.marks[name], TABLE[name])


def test_nobody_else_is_harmed(batch):
    assert_harmless(batch)


_THREADS = """
import threading, time
threading.stack_size(65536)
started = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(99,), daemon=True).start()
        started += 1
except RuntimeError:
    time.sleep(99)
"""
_POOL = """
from concurrent.futures import ThreadPoolExecutor
def f(x):
    with ThreadPoolExecutor(3) as threads:
        return sum(threads.map(int, range(3 * x)))
"""


@pytest.mark.slow
def test_threads_of_one_student_are_not_missing_to_another():
    limits = Limits(step_s=3, submission_s=8)
    question = [Inquiry.of("f", [Call((1,))])]
    with (
        Sandbox(limits, preload=("numpy",)) as sandbox,
        closing(sandbox.slot()) as hostile,
        closing(sandbox.slot()) as honest,
        ThreadPoolExecutor(1) as beside,
    ):
        if "separate-uid" not in sandbox.layers:
            pytest.skip("without a uid for each slot the kernel counts the threads of all of them together")
        done = beside.submit(sit, hostile, [(1, _THREADS)], question, limits)
        deadline = time.monotonic() + 20
        while not done.done() and time.monotonic() < deadline:
            last = hostile._last
            if last is not None and len(list(Path(f"/proc/{last._pid}").glob("task/*"))) == limits.processes:
                break
            time.sleep(0.01)
        assert sit(honest, [(1, _POOL)], question, limits).answers["f"][0].parts == {"output": 3}
        assert not done.done(), "the threads were there all the time"
        assert done.result().cells[0].message == "The cell waited, and was not done after 6 s."


class Gone:
    """A process that a signal has ended."""

    def __init__(self, number: int) -> None:
        self.number = number

    def kill(self) -> None: ...

    def end(self) -> End:
        return End(-self.number, 0.0, 0)

    def usage(self) -> Usage:
        return Usage()

    def out_of_memory(self) -> bool:
        return False


@pytest.mark.parametrize(("number", "said"), [(11, "SIGSEGV"), (35, "real-time"), (63, "real-time")])
def test_every_signal_can_be_told(number, said):
    """Outside a pid namespace a job can end itself with any of them."""
    channel, theirs = socket.socketpair()
    output, their_output = socket.socketpair()
    job = Job(Gone(number), channel, output, LIMITS, 60.0)
    theirs.close()
    with pytest.raises(JobEnded, match=rf"crashed \(signal {number}, {said}\)"):
        job.receive()
    job.close()
    their_output.close()
