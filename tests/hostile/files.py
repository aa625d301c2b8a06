"""Builds what families F, G, H and the smoke batch hand in: a tiny course, notebooks, archives, and one graded batch.

The course asks for three functions. An attack stands in the cell of the middle one, `softmax`, or in a cell above it;
`double` and `shift` are right, so what an attack costs beside its own question shows. Perfect notebooks stand between
the attacks.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from typer.testing import CliRunner

from autograder import cli
from autograder.commands import grading
from autograder.sandbox.limits import Limits

from ..sandbox.test_host import nothing_left

#: Small enough that a family of attacks takes half a minute; more output than one text of a message may hold.
LIMITS = Limits(step_s=1, submission_s=6, memory_mib=256, scratch_mib=16, channel_mib=16, output_kib=256)
WORKERS = 2

MASTER = '''\
# %% [markdown]
# # Tiny

# %%
import numpy as np

# %%
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION

# %%
def softmax(x):
    """Softmax over the last axis."""
    # BEGIN SOLUTION
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
    # END SOLUTION

# %%
def shift(x):
    """x and one."""
    # BEGIN SOLUTION
    return x + 1
    # END SOLUTION
'''

CHECKS = """\
from autograder.course import call, call_twice, question

for name, points in ("double", 2), ("softmax", 6), ("shift", 2):
    asked = question(name, points=points)

    @asked.check("a table", public=True, hint="A hint.")
    def _(rng):
        return call(x=rng.normal(size=(2, 3)))

    @asked.check("another table", hint="A hint.")
    def _(rng):
        return [call_twice(x=rng.normal(size=(3, 4))), call(x=rng.normal(size=(1, 3)))]
"""

SETUP = """\
import numpy as np

class grader:
    check = staticmethod(lambda name: None)
"""
DOUBLE = "def double(x):\n    return 2 * x"
SOFTMAX = "def softmax(x):\n    e = np.exp(x - x.max(-1, keepdims=True))\n    return e / e.sum(-1, keepdims=True)"
SHIFT = "def shift(x):\n    return x + 1"


def check(name: str) -> str:
    """The cell that checks a question."""
    return f'grader.check("{name}")'


def write_course(folder: Path) -> Path:
    """The tiny course, in a folder of its own."""
    home = folder / "solutions" / "tiny"
    home.mkdir(parents=True)
    (home / "tiny.py").write_text(MASTER, encoding="utf-8")
    (home / "checks.py").write_text(CHECKS, encoding="utf-8")
    return folder


def cells(softmax: str = SOFTMAX, *, above: str | None = None) -> list[str]:
    """The cells of a notebook: all is right but what is given.

    Args:
        softmax: the cell of that question.
        above: one more cell above it.
    """
    middle = [softmax] if above is None else [above, softmax]
    return [SETUP, DOUBLE, check("double"), *middle, check("softmax"), SHIFT, check("shift")]


def notebook(sources: Sequence[Any], **extra: Any) -> dict[str, Any]:
    """A notebook of code cells; `extra` replaces its other parts."""
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": s} for s in sources]
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | extra


def packed(document: Any) -> bytes:
    """A document as the bytes of a file; lone surrogates become escapes."""
    return json.dumps(document).encode()


def bad(softmax: str = SOFTMAX, *, above: str | None = None) -> bytes:
    """A notebook that holds an attack, see `cells`."""
    above = None if above is None else dedent(above).strip("\n")
    return packed(notebook(cells(dedent(softmax).strip("\n"), above=above)))


PERFECT = packed(notebook(cells()))


@dataclass(frozen=True)
class Expected:
    """What one student must get.

    Attributes:
        verdict: of the worst check of softmax; several with | between them. Rejected files have none.
        seen: a pattern that what the student or the instructor reads must match.
        cell: status of the cell of the attack, "" where no cell fails; several with | between them.
        others: whether the other questions pass.
    """

    verdict: str = "pass"
    seen: str = ""
    cell: str = ""
    others: bool = True
    status: str = "graded"


def rejected(seen: str) -> Expected:
    """A file that gives no mark, and why."""
    return Expected(verdict="", seen=seen, others=False, status="rejected")


FULL = Expected()


@dataclass(frozen=True)
class Row:
    """One entry: what is handed in under the entry's id, and what must come of it."""

    content: bytes
    expected: Expected


@dataclass
class Batch:
    """What one run of `autograder grade` left: exit code, streams, and the folder of marks."""

    exit_code: int
    stdout: str
    stderr: str
    out: Path
    elapsed_s: float
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        """The lines of stderr about submissions; those about missing walls of the machine are not counted."""
        return [line for line in self.stderr.splitlines() if not line.startswith("warning: ")]

    @property
    def everything(self) -> str:
        """All that the run printed."""
        return self.stdout + self.stderr


def student_of(name: str) -> str:
    """The student that hands in a row; a file name that any system takes."""
    return re.sub(r"\W+", "-", name)


def lay_out(folder: Path, table: Mapping[str, Row]) -> list[str]:
    """Write the rows as files, a perfect notebook before and after each; returns the perfect students."""
    folder.mkdir(parents=True, exist_ok=True)
    perfect = [f"{number:03}-perfect" for number in range(len(table) + 1)]
    for name in perfect:
        (folder / f"{name}.ipynb").write_bytes(PERFECT)
    for number, (name, row) in enumerate(table.items()):
        # Students are graded in the order of their names.
        (folder / f"{number:03}-{student_of(name)}.ipynb").write_bytes(row.content)
    return perfect


def students(table: Mapping[str, Row]) -> dict[str, str]:
    """Entry -> student."""
    return {name: f"{number:03}-{student_of(name)}" for number, name in enumerate(table)}


@contextmanager
def open_folder() -> Iterator[Path]:
    """An empty folder that every user may pass, unlike those of pytest: jobs started by root are other users."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def run_grade(folder: Path, paths: Sequence[Path], *options: str, limits: Limits = LIMITS) -> Batch:
    """Grade on the command line, in this process; nothing may be left of it but the folder of marks.

    Args:
        folder: empty; the course, the marks and the temporary files go there.
        paths: what to grade.
        options: more options.
        limits: instead of those of the command line.
    """
    course, out = folder / "course", folder / "out"
    write_course(course)
    arguments = ["grade", "tiny", "--course", str(course), "--out", str(out), "--workers", str(WORKERS), *options]
    with pytest.MonkeyPatch.context() as patch, open_folder() as temporary, nothing_left(temporary):
        patch.setattr(grading, "limits_of", lambda *_: limits)
        started = time.monotonic()
        result = CliRunner().invoke(cli.app, [*arguments, "--", *map(str, paths)], catch_exceptions=False)
        elapsed_s = time.monotonic() - started
    batch = Batch(result.exit_code, result.stdout, result.stderr, out, elapsed_s)
    for path in sorted((out / "marks").glob("*")):
        mark = json.loads(path.read_text(encoding="ascii"), parse_constant=_refuse)
        batch.marks[mark["submission"]["student"]] = mark
    if (out / "marks.csv").exists():
        batch.rows = list(csv.DictReader(io.StringIO((out / "marks.csv").read_text(encoding="utf-8"), newline="")))
    return batch


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def verdicts(mark: Mapping[str, Any], name: str) -> set[str]:
    """The verdicts of a question's checks."""
    return {c["verdict"] for q in mark["questions"] if q["name"] == name for c in q["checks"]}


def words(mark: Mapping[str, Any]) -> str:
    """All that a mark tells: flags, cells, checks."""
    checks = [text for q in mark["questions"] for c in q["checks"] for text in (c["message"], c["hint"])]
    return "\n".join([*mark["flags"], *(f"{c['status']}: {c['message']}" for c in mark["cells"]), *checks])


def assert_outcome(mark: Mapping[str, Any], expected: Expected) -> None:
    """One student got what was due, and was told why."""
    told = words(mark)
    assert mark["status"] == expected.status, told
    assert re.search(expected.seen, told), told
    if expected.status == "rejected":
        assert mark["points"] == 0
        assert mark["flags"]
        return
    worst = verdicts(mark, "softmax") - {"pass"} or {"pass"}
    assert worst <= set(expected.verdict.split("|")), told
    failed = {c["status"] for c in mark["cells"]}
    assert failed <= set(expected.cell.split("|")), told
    assert bool(failed) == bool(expected.cell), told
    if expected.others:
        assert verdicts(mark, "double") | verdicts(mark, "shift") == {"pass"}, told
    for question in mark["questions"]:
        assert 0 <= question["points"] <= question["max_points"]
        for asked in question["checks"]:
            assert bool(asked["message"]) == (asked["verdict"] != "pass")


def assert_sound(batch: Batch, expected: set[str]) -> None:
    """The batch as a whole: it ended well and has one row for each student, in the table, as files and on stderr."""
    assert batch.exit_code == 0, batch.stderr
    assert set(batch.marks) == expected
    assert len(list((batch.out / "marks").iterdir())) == len(expected)
    assert len(batch.rows) == len(expected)
    assert not any(None in row or None in row.values() for row in batch.rows)
    run = json.loads((batch.out / "run.json").read_text(encoding="ascii"))
    assert (run["finished"], run["submissions"]) == (True, len(expected))
    assert len(batch.events) == len(expected)  # one event, one line


def assert_perfect(batch: Batch, names: Sequence[str]) -> None:
    """These students have full marks."""
    assert [batch.marks[name]["points"] for name in names] == [10] * len(names)
