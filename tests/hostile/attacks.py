"""Attack cells become notebooks, notebooks become one batch, and every row of a table is held against its mark.

The course is a small one of our own with one question for each kind of attack. A row replaces the answer to some of
its questions, or puts cells in front of them; everything else in its notebook is right and has to keep its points. In
the batch a perfect notebook stands between any two rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import autograder
from autograder import Limits, Mark, Run
from autograder.course.load import load_assignment
from autograder.course.model import Assignment

from ..sandbox.test_host import nothing_left
from .files import open_folder

LIMITS = Limits(step_s=1, submission_s=8, memory_mib=256, scratch_mib=16, channel_mib=8)
SEED = 20_611_977
_LETTERS = {"pass": "P", "fail": "F", "error": "E", "limit": "L", "missing": "M", "refused": "R", "grader_error": "G"}

#: What only hidden checks know, as digits: halves of it lie in shapes, line numbers and the like.
SECRET = 73914826

SETUP = """
import numpy as np
import torch
import torch.nn.functional as F
import otter
grader = otter.Notebook()
"""

#: Finds the channel to the grader and speaks its language.
FORGE = """
import json, os, stat, struct
def channel():
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                return fd
        except OSError:
            pass
def node(**items):
    return {"": "dict", "items": [[key, value] for key, value in items.items()]}
def frame(content, payload=b""):
    header = content if type(content) is bytes else json.dumps(content).encode()
    return struct.pack("<IQ", len(header), len(payload)) + header + payload
def reply(question, number, **fields):
    return node(**{"is": "answer"}, question=question, number=number, **fields)
def write(content, payload=b""):
    data = frame(content, payload)
    while data:
        data = data[os.write(channel(), data):]
def array(*shape, dtype="float64"):
    return {"": "array", "dtype": dtype, "shape": list(shape)}
"""

#: The right answer to each question, in the order of the notebook.
PERFECT = {
    "secret": """
        def secret(x):
            return x + 1
        """,
    "softmax": """
        def softmax(x):
            e = np.exp(x - x.max(-1, keepdims=True))
            return e / e.sum(-1, keepdims=True)
        """,
    "torch_softmax": """
        def torch_softmax(x):
            e = torch.exp(x - x.max(-1, keepdim=True).values)
            return e / e.sum(-1, keepdim=True)
        """,
    "loss": """
        def loss(x):
            return (x ** 2).sum()
        """,
    "inverse": """
        def inverse(a):
            (p, q), (r, s) = a
            return np.array([[s, -q], [-r, p]]) / (p * s - q * r)
        """,
    "adam_step": """
        def adam_step(p, g):
            return p - 0.1 * g / (g.abs() + 1e-8)
        """,
    "relu_backward": """
        def relu_backward(g, x):
            return g * (x > 0)
        """,
    "train": """
        def train(w, X, y, lr=0.1):
            history = []
            for _ in range(3):
                error = X @ w - y
                history.append(float((error ** 2).mean()))
                w = w - lr * 2 * X.T @ error / len(y)
            return w, history
        """,
    "Model": """
        class Model:
            def fit(self, X, y):
                self.centres = [X[y == k].mean(0) for k in (0, 1)]
            def predict(self, X):
                return np.stack([((X - c) ** 2).sum(-1) for c in self.centres]).argmin(0)
        """,
    "double": """
        def double(x):
            return 2 * x
        """,
}

CHECKS = f"""
import numpy as np
from autograder.course import NUMPY_ONLY, Forbids, call, call_twice, do, gradient, ops, question, steps, tensor

def checks(name, public, hidden, kind="np", forbids=None):
    made = question(name, points=10, kind=kind, forbids=forbids)
    made.check("an example", public=True)(public)
    made.check("the hidden part", hint="Try other numbers.")(hidden)
    return made

checks("secret", lambda rng: call(x=np.array([1.0])), lambda rng: call_twice(x=np.array([{SECRET}.0])))
softmax = checks(
    "softmax",
    lambda rng: call(x=np.array([[0.0, 1.0, 2.0]])),
    lambda rng: [ops(call(x=rng.normal(size=shape))) for shape in [(2, 3), (4, 5)]],
    forbids=NUMPY_ONLY,
)
softmax.check("a second call", hint="Compare both.")(lambda rng: call_twice(x=rng.normal(size=(2, 3))))
checks(
    "torch_softmax",
    lambda rng: call(x=tensor(rng.normal(size=(2, 3)))),
    lambda rng: [ops(f(x=tensor(rng.normal(size=(2, 3))))) for f in (call_twice, gradient)],
    "torch",
    Forbids(("*softmax*", "*logsumexp*", "*attention*"), ("threading",), ("_disable_current_modes",)),
)
loss = checks(
    "loss",
    lambda rng: call(x=tensor(rng.normal(size=(2, 3)))),
    lambda rng: call_twice(x=tensor(rng.normal(size=(2, 3)))),
    "torch",
)
loss.check("its gradient", hint="On what does it depend?")(lambda rng: gradient(x=tensor(rng.normal(size=(2, 3)))))
matrix = lambda rng: call_twice(a=rng.normal(size=(2, 2)) + 3 * np.eye(2))
watched = lambda draw: lambda rng: ops(draw(rng))
checks("inverse", matrix, watched(matrix), forbids=Forbids(names=("linalg",)))
first_step = lambda rng: call_twice(p=tensor(rng.normal(size=3)), g=tensor(rng.normal(size=3)))
checks("adam_step", first_step, watched(first_step), "torch", Forbids(names=("optim",)))
backward = lambda rng: call_twice(g=rng.normal(size=(2, 3)), x=rng.normal(size=(2, 3)))
checks("relu_backward", backward, watched(backward), forbids=NUMPY_ONLY)
training = lambda rng: call_twice(w=rng.normal(size=2), X=rng.normal(size=(5, 2)), y=rng.normal(size=5))
checks("train", training, training)

def fitted(rng):
    y = np.array([0, 1, 0, 1, 1])
    new = np.array([[4.0, 4.0], [0.0, 0.0], [0.1, 0.0]])
    return steps(call(), do("fit", rng.normal(size=(5, 2)) + 4 * y[:, None], y), do("predict", new))

checks("Model", fitted, fitted)
checks("double", lambda rng: call(x=rng.normal(size=3)), lambda rng: [call_twice(x=rng.normal(size=4)), call(x=2.5)])
"""

#: Verdicts of a perfect notebook, one letter per check.
ALL_PASS = {name: "PPP" if name in ("softmax", "loss") else "PP" for name in PERFECT}
#: For a student who harms the own questions in a way that nobody promises anything about.
ANYTHING = dict.fromkeys(PERFECT, "[PFELMR]+")


@dataclass(frozen=True)
class Attack:
    """One row of a table.

    Attributes:
        answers: sources that stand in place of the right answers, by question.
        before: cells in front of all questions.
        verdicts: of the questions that do not simply pass: one letter per check (Pass, Fail, Error, Limit, Missing,
            Refused, Grader error); "|" separates outcomes that are all fair, and "." stands for any that earns nothing
            and is not our fault.
        cells: by the place of the cell in front (1 is the first one): part of what is said of it; others must run.
            None: any may fail.
        seen: part of a message that the student gets; "|" separates wordings that are all fair.
        after: cells behind all questions.
        metadata: of the notebook.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    verdicts: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[int, str] | None = field(default_factory=dict)
    seen: str = ""
    after: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def sources(self) -> Iterator[str]:
        """The code cells of the notebook."""
        yield SETUP
        yield from self.before
        for name, right in PERFECT.items():
            yield self.answers.get(name, right)
            yield f'grader.check("{name}")'
        yield from self.after


def answer(source: str, verdicts: str, *, seen: str = "", question: str = "softmax", before: str = "") -> Attack:
    """A row whose attack is the answer to one question, after a cell that prepares it."""
    return Attack({question: source}, (before,) if before else (), {question: verdicts}, seen=seen)


def cell(source: str, fails: str = "", **verdicts: str) -> Attack:
    """A row whose attack is a cell in front of right answers, which has to run or to fail in this way."""
    return Attack({}, (source,), verdicts, {1: fails} if fails else {})


def notebook(sources: Iterator[str] | list[str], metadata: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a notebook with these code cells."""
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": dedent(source).strip("\n"), "outputs": []}
        for i, source in enumerate(sources)
    ]
    document = {"cells": cells, "metadata": dict(metadata or {}), "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document).encode()


def make_course(folder: Path) -> Assignment:
    """The course of this module, written into a folder and loaded."""
    home = folder / "solutions" / "hostile"
    home.mkdir(parents=True)
    parts = [f"# %%\n{dedent(SETUP)}".replace("import otter\ngrader = otter.Notebook()\n", "")]
    for source in PERFECT.values():
        lines = dedent(source).strip("\n").split("\n")
        inner = "\n".join(lines[1:])
        parts.append(f"# %%\n{lines[0]}\n    # BEGIN SOLUTION\n{inner}\n    # END SOLUTION\n")
    (home / "hostile.py").write_text("# %% [markdown]\n# # Hostile\n\n" + "\n".join(parts), encoding="utf-8")
    (home / "checks.py").write_text(CHECKS, encoding="utf-8")
    return load_assignment(folder, "hostile")


@dataclass(frozen=True)
class Batch:
    """What came of a table: the run, its marks by row, how many notebooks were handed in, and the seconds it took."""

    run: Run
    marks: Mapping[str, Mark]
    handed_in: int
    elapsed_s: float

    def neighbours(self) -> list[Mark]:
        """The marks of the perfect notebooks."""
        return [mark for name, mark in self.marks.items() if name.endswith("-perfect")]


def grade_table(table: Mapping[str, Attack], folder: Path, limits: Limits = LIMITS) -> Batch:
    """Grade all rows of a table in one batch, two at a time, with a perfect notebook before and after each.

    Nothing may be left of it: no process, thread, descriptor, mount, control group or file.
    """
    assignment = make_course(folder / "course")
    hand_in = folder / "submissions"
    hand_in.mkdir()
    (hand_in / "000-perfect.ipynb").write_bytes(notebook(Attack().sources()))
    names = {}
    for number, (name, attack) in enumerate(table.items(), start=1):
        names[f"{number:03}-attack"] = name
        (hand_in / f"{number:03}-attack.ipynb").write_bytes(notebook(attack.sources(), attack.metadata))
        (hand_in / f"{number:03}-perfect.ipynb").write_bytes(notebook(Attack().sources()))
    for name in ("conftest.py", "sitecustomize.py", "usercustomize.py", "numpy.py", "hostile.pth", "pyproject.toml"):
        (hand_in / name).write_text("import os; os._exit(0)\n", encoding="utf-8")
    with open_folder() as temporary, nothing_left(temporary):
        run = autograder.grade(assignment, [hand_in], workers=2, seed=SEED, limits=limits)
    marks = {names.get(m.student, m.student): m for m in run.marks}
    return Batch(run, marks, 2 * len(table) + 1, run.elapsed_s)


# What must hold ---------------------------------------------------------------------------------


def letters(mark: Mark) -> dict[str, str]:
    """One letter per check, by question."""
    return {q.name: "".join(_LETTERS[check.verdict] for check in q.checks) for q in mark.questions}


def texts(mark: Mark) -> list[str]:
    """All that a student is told."""
    checks = [check for q in mark.questions for check in q.checks]
    told = [text for check in checks for text in (check.message, check.hint, *check.traceback)]
    told += [repr(check.detail) for check in checks if check.detail is not None]
    told += [text for cell in mark.cells for text in (cell.message, cell.output)]
    return [text for text in (*told, *mark.flags) if text]


def assert_outcome(mark: Mark, attack: Attack) -> None:
    """The mark of a row is exactly what is due."""
    assert mark.status == "graded", mark.flags
    found = letters(mark)
    for name, right in ALL_PASS.items():
        fair = attack.verdicts.get(name, right).split("|")
        assert any(re.fullmatch(f.replace(".", "[FELMR]"), found[name]) for f in fair), (name, found, texts(mark))
    for check in (check for q in mark.questions for check in q.checks):
        assert check.hundredths == (check.max_hundredths if check.verdict == "pass" else 0)
    if attack.cells is not None:
        failed = {c.number: c.message for c in mark.cells if 2 <= c.number <= 1 + len(attack.before)}
        assert failed.keys() == {number + 1 for number in attack.cells}, texts(mark)
        for number, part in attack.cells.items():
            assert re.search(part, failed[number + 1]), failed
    if attack.seen:
        assert any(part in text for text in texts(mark) for part in attack.seen.split("|")), (attack.seen, texts(mark))
    for text in texts(mark):
        assert not re.search(r"autograder/sandbox|/course/", text), "a student need not read about the harness"
        assert str(SECRET) not in text.replace(",", "")


def assert_harmless(batch: Batch, limits: Limits = LIMITS) -> None:
    """Nobody else was harmed, each student has one row, and the limits bounded the time."""
    students = [m.student for m in batch.run.marks]
    assert students == sorted(set(students))
    assert len(students) == batch.handed_in
    for mark in batch.neighbours():
        assert (letters(mark), mark.cells, mark.status) == (ALL_PASS, (), "graded")
        assert mark.hundredths == mark.max_hundredths == 100_00
    assert all(mark.status == "graded" for mark in batch.run.marks)
    assert batch.elapsed_s < len(batch.marks) * limits.submission_s
