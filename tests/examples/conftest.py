"""The classes of ``examples``, graded once for all tests."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

import autograder
from autograder import Limits, Run

#: Small enough for notebooks that loop or allocate without end; nobody else comes near.
LIMITS = Limits(step_s=2, submission_s=12, memory_mib=256)
SEED = 7


@pytest.fixture(scope="session")
def graded(repo: Path) -> Callable[[str], Run]:
    """The run of one class, two at a time, by the name of its assignment."""

    @functools.cache
    def grade(name: str) -> Run:
        assignment = autograder.load_assignment(repo, name)
        folder = repo / "examples" / "submissions" / name
        return autograder.grade(assignment, [folder], workers=2, seed=SEED, limits=LIMITS)

    return grade
