"""A small course, and notebooks that answer it."""

from __future__ import annotations

import json

import pytest

from autograder.course.load import load_assignment
from autograder.course.model import Assignment

MASTER = '''\
# %% [markdown]
# # Doubling

# %%
import numpy as np

# %%
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION

# %%
def half(x):
    """Half of x, for those who like to do more."""
    # BEGIN SOLUTION
    return x / 2
    # END SOLUTION
'''

CHECKS = """\
from autograder.course import call, call_twice, question

double = question("double", points=3)


@double.check("small numbers", public=True, points=1, hint="What is 2 * 3?")
def _(rng):
    return call(x=rng.normal(size=3))


@double.check("a table of numbers", hint="Elementwise.")
def _(rng):
    return call_twice(x=rng.normal(size=(2, 2)))


@double.mistake("doubles rows only", hint="What about a table?")
def _(x):
    return 2 * x if x.ndim == 1 else x


half = question("half", points=1, extra=True)


@half.check("one number", public=True, points=0.25)
def _(rng):
    return call(x=rng.normal())


@half.check("numbers")
def _(rng):
    return call_twice(x=rng.normal(size=3))


@half.mistake("nothing is halved", hint="Half?")
def _(x):
    return x
"""

SUBMISSIONS = {
    "perfect": ("import numpy as np", "def double(x):\n    return x + x", "def half(x):\n    return x / 2"),
    # Public checks pass, a hidden one fails; the extra question is left out.
    "mistaken": ("import numpy as np", "def double(x):\n    return 2 * x if x.ndim == 1 else x", "1 / 0"),
}


def notebook(*sources: str) -> str:
    """A notebook with these code cells."""
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="session")
def notebooks() -> dict[str, str]:
    """Texts of notebooks by what they are."""
    return {name: notebook(*sources) for name, sources in SUBMISSIONS.items()} | {"broken": '{"cells": ['}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    """The assignment of a course in a folder of its own."""
    home = tmp_path_factory.mktemp("course") / "solutions" / "tiny"
    home.mkdir(parents=True)
    (home / "tiny.py").write_text(MASTER, encoding="utf-8")
    (home / "checks.py").write_text(CHECKS, encoding="utf-8")
    return load_assignment(home.parents[1], "tiny")
