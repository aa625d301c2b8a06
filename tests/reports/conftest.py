"""A small course, and a class that hands in what should worry a page of HTML, graded once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import autograder
from autograder import Limits, Mark, Run

MASTER = '''\
# %% [markdown]
# # Squares

# %%
import numpy as np

# %%
def square(x):
    """The square of every entry."""
    # BEGIN SOLUTION
    return np.asarray(x) ** 2
    # END SOLUTION

# %%
def total(x):
    """The sum of the squares of each row."""
    # BEGIN SOLUTION
    return square(x).sum(-1)
    # END SOLUTION

# %%
def first(x):
    """The first entry."""
    # BEGIN SOLUTION
    return x[0]
    # END SOLUTION

# %%
def last(x):
    """The last entry."""
    # BEGIN SOLUTION
    return x[-1]
    # END SOLUTION
'''
CHECKS = """\
import numpy as np

from autograder.course import call, call_twice, question

square = question("square", points=4)


@square.check("entries from -2 to 2", public=True, hint="What is -2 times -2?")
def _(rng):
    return call(x=np.linspace(-2, 2, 5))


@square.check("a table of numbers", hint="Entry by entry.")
def _(rng):
    return call_twice(x=np.arange(4.0).reshape(2, 2) + 777)


@square.mistake("cubes", hint="How often is x a factor?")
def _(x):
    return x**3


total = question("total", points=2)


@total.check("one number for each row", public=True, hint="Which axis is summed?")
def _(rng):
    return call(x=np.array([[1.0, 2.0], [3.0, 4.0]]))


@total.check("rows of one entry")
def _(rng):
    return call_twice(x=np.array([[5.0], [6.0]]))


@total.mistake("sums everything", hint="How many rows are there?")
def _(x):
    return np.sum(x**2)


first = question("first", points=1.5)


@first.check("of three", public=True)
def _(rng):
    return call(x=np.array([3.0, 2.0, 1.0]))


@first.check("of one")
def _(rng):
    return call_twice(x=np.array([3.0]))


@first.mistake("the second", hint="Where does counting begin?")
def _(x):
    return x[-2]


last = question("last", points=1, extra=True)


@last.check("of three", public=True)
def _(rng):
    return call(x=np.array([3.0, 2.0, 1.0]))


@last.check("of two")
def _(rng):
    return call_twice(x=np.array([3.0, 1.0]))


@last.mistake("the first", hint="Where does counting end?")
def _(x):
    return x[0]
"""

EVIL = "</pre></p><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
SQUARE = "import numpy as np\n\ndef square(x):\n    return np.asarray(x) ** {}\n"
TOTAL = "def total(x):\n    return square(x).sum(-1)\n"
FIRST, LAST = "def first(x):\n    return x[0]\n", "def last(x):\n    return x[-1]\n"

#: Code cells by the name of the file.
CLASS: dict[str, tuple[str, ...]] = {
    "ann": (SQUARE.format(2), TOTAL, FIRST, LAST),
    "bela": (
        SQUARE.format(3),
        TOTAL,
        "def inner(x):\n    return x[10]\n\ndef first(x):\n    return inner(x)\n",
        "print('so far', 3 * 14)\nprint(1 / 0)\n",
        "def last(x):\n    return [x[-1]]\n",
    ),
    "carl": (SQUARE.format(3), TOTAL, "while True:\n    pass\n", LAST),
    "dora": (
        f"print({EVIL!r})\nraise ValueError({EVIL!r})\n",
        f"def square(x):\n    raise KeyError({EVIL!r})\n",
        TOTAL,
    ),
    "<img src=x onerror=document.title='owned'>": (SQUARE.format(2), "import threading\n", FIRST),
    "=cmd|' calc'!A0": (SQUARE.format(2), FIRST),
    "eve\u202egpj.exe": (SQUARE.format("2.0"), TOTAL),
    "spy": (
        "import numpy as np\nseen = [0.0]\n",
        "def square(x):\n    seen.append(np.max(x))\n    return np.asarray(x) ** 2\n",
        "def total(x):\n    print(max(seen))\n    return np.full(len(x), max(seen))\n",
        "def first(x):\n    raise ValueError(max(seen))\n",
        "print(max(seen))\n1 / 0\n",
    ),
}


def notebook(*sources: str) -> str:
    """A notebook with these code cells."""
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course, with what the class handed in beside it."""
    folder = tmp_path_factory.mktemp("reports")
    home = folder / "solutions" / "squares"
    home.mkdir(parents=True)
    (home / "squares.py").write_text(MASTER, encoding="utf-8")
    (home / "checks.py").write_text(CHECKS, encoding="utf-8")
    handed_in = folder / "handed-in"
    handed_in.mkdir()
    for name, sources in CLASS.items():
        (handed_in / f"{name}.ipynb").write_text(notebook(*sources), encoding="utf-8")
    (handed_in / "broken.ipynb").write_text('{"cells": [', encoding="utf-8")
    return folder


def graded(course: Path, paths: list[Path]) -> tuple[Mark, ...]:
    """Marks of these notebooks, times set to a fixed number."""
    assignment = autograder.load_assignment(course, "squares")
    limits = Limits(step_s=0.5, submission_s=3, memory_mib=256)
    run = autograder.grade(assignment, paths, seed=3, workers=1, limits=limits)
    return tuple(replace(mark, elapsed_s=1.5) for mark in run.marks)


@pytest.fixture(scope="session")
def run(course: Path) -> Run:
    """The run of the class."""
    return Run("squares", graded(course, [course / "handed-in"]), {}, (), 1.5)


@pytest.fixture(scope="session")
def marks(run: Run) -> dict[str, Mark]:
    """The marks by student."""
    return {mark.student: mark for mark in run.marks}
