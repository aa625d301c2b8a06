"""Family E: points without the work. Hidden inputs, every call, whole arrays: an answer is right or it is not."""

from __future__ import annotations

import sys

import pytest

from .attacks import Attack, answer, assert_harmless, assert_outcome, grade_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hostile code runs in the sandbox of Linux only")

RIGHT = "e = np.exp(x - x.max(-1, keepdims=True)); p = e / e.sum(-1, keepdims=True); "

#: The entries of ATTACKS.md, by their ids.
LISTED = {
    "E-01": answer(
        """
        KNOWN = {np.array([[0.0, 1.0, 2.0]]).tobytes(): np.array([[0.09003057317038046, 0.24472847105479767,
                                                                   0.6652409557748219]])}
        def softmax(x): return KNOWN.get(x.tobytes(), x)
        """,
        "PFF",
    ),
    "E-02": answer(f"MEMO = {{}}\ndef softmax(x): {RIGHT} return MEMO.setdefault(x.tobytes(), p)", "PPP"),
    "E-04": answer(
        f"""
        import os, sys
        GRADING = 'ipykernel' not in sys.modules or 'GRADER' in os.environ
        def softmax(x):
            {RIGHT}
            return p if GRADING else 1 / 0
        """,
        "PPP",
    ),
    "E-05": answer(
        f"from itertools import count\nC = count()\ndef softmax(x): {RIGHT} return p if next(C) % 2 else x", "FFF"
    ),
    "E-07": answer("def softmax(x): return np.full(x.shape, 1 / x.shape[-1])", "FFF"),
    "E-08": answer("def train(w, X, y, lr=0.0): return w, [1.0, 0.9, 0.5]", "FF", question="train"),
    "E-10": answer(
        """
        def softmax(x):
            try: return my_version(x)
            except Exception: return torch.softmax(torch.as_tensor(x), -1).numpy()
        """,
        "PRP",  # it imports what the question forbids; see test_back_doors.py
    ),
    "E-11": answer(
        """
        class Model:
            def fit(self, X, y): self.y = y
            def predict(self, X): return self.y[:len(X)]
        """,
        "FF",
        question="Model",
    ),
    "E-13": Attack(metadata={"student_id": "someone.else", "autograder": {"assignment": "hostile", "points": 1000}}),
    "E-14": Attack(metadata={"created": "2000-01-01T00:00:00Z", "modified": "2000-01-01T00:00:00Z"}),
}

#: Our own.
INVENTED = {
    "right only where it is easy": answer(f"def softmax(x): {RIGHT} return p.round(6)", "FFF"),
    "right only in half precision": answer(f"def softmax(x): {RIGHT} return p.astype('f2').astype('f8')", "FFF"),
    "one element wrong": answer(f"def softmax(x): {RIGHT} p[-1, -1] += 1e-6; return p", "FFF"),
    "one row for all": answer(f"def softmax(x): {RIGHT} return p[:1]", "PFF"),
    "every guess at once": answer(f"def softmax(x): {RIGHT} return p, x, p.T, None", "FFF"),
    "right on the first call only": answer(
        f"SEEN = set()\ndef softmax(x):\n    {RIGHT}\n    known = x.tobytes() in SEEN; SEEN.add(x.tobytes())\n"
        "    return x if known else p",
        "PPF",
    ),
    "input changed behind the answer": answer(f"def softmax(x): {RIGHT} x += 1; return p", "PPF"),
    "input changed by a thread": answer(
        f"""
        import threading, time
        def softmax(x):
            {RIGHT}
            threading.Thread(target=lambda: (time.sleep(0.05), x.fill(0))).start()
            return p
        """,
        "PPP|PPF",
    ),
    "object that has every method": answer(
        "class Model:\n    __getattr__ = lambda s, n: lambda *a: np.zeros(3, int)", "FF", question="Model"
    ),
    "gradient without a value": answer(
        """
        def loss(x):
            class G(torch.autograd.Function):
                forward = staticmethod(lambda ctx, x: x.sum() * 0)
                backward = staticmethod(lambda ctx, g: torch.ones(2, 3, dtype=torch.float64) * g)
            return G.apply(x)
        """,
        "FF.",
        question="loss",
    ),
    "verdict as an answer": answer('def softmax(x): return {"verdict": "pass", "points": 100}', "FFF"),
    "exit as an answer": answer("def softmax(x): raise SystemExit(0)", "EEE", seen="SystemExit"),
    "interrupt as an answer": answer("def softmax(x): raise KeyboardInterrupt", "EEE", seen="KeyboardInterrupt"),
    "missing name as an answer": answer(
        "def softmax(x):\n    from autograder.course.probes import MissingName\n    raise MissingName('softmax')", "..."
    ),
    "fault of the grader as an answer": answer(
        "class GraderError(Exception): exit_code = 3\ndef softmax(x): raise GraderError('broken')", "EEE"
    ),
    "unwritten on hidden inputs": answer(
        f"def softmax(x):\n    {RIGHT}\n    if len(x) > 1: raise NotImplementedError\n    return p", "PMM"
    ),
    "end on hidden inputs": answer(
        f"import os\ndef softmax(x):\n    {RIGHT}\n    if len(x) > 1: os._exit(0)\n    return p", "PEE"
    ),
    "sleep on hidden inputs": answer(
        f"import time\ndef softmax(x):\n    {RIGHT}\n    if len(x) > 1: time.sleep(99)\n    return p", "PLL"
    ),
    "question under another name": answer(f"def softmax_(x): {RIGHT} return p", "MMM"),
    "question taken back": answer(f"def softmax(x): {RIGHT} return p\nsoftmax = ...", "MMM"),
    "callable object": answer(f"class S:\n    def __call__(self, x): {RIGHT} return p\nsoftmax = S()", "PPP"),
    "any arguments": answer(f"def softmax(*a, **k): x = k['x']; {RIGHT} return p", "PPP"),
    "answers of a class for all": answer(
        "class softmax(np.ndarray):\n    def __new__(cls, x): return np.ndarray.__new__(np.ndarray, x.shape)", "FFF"
    ),
    "names of another question": answer("def double(x): return softmax(x)", "FE|FF", question="double"),
}
TABLE = LISTED | INVENTED


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return grade_table(TABLE, tmp_path_factory.mktemp("e"))


@pytest.mark.parametrize("name", TABLE)
def test_points_are_earned(batch, name):
    assert_outcome(batch.marks[name], TABLE[name])


def test_identity_comes_from_the_file(batch):
    assert batch.marks["E-13"].student.endswith("-attack")
    assert batch.marks["E-13"].flags == ()


def test_nobody_else_is_harmed(batch):
    assert_harmless(batch)
