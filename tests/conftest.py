"""Fixtures that several folders of tests share; starting a sandbox costs seconds, so there is one for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from autograder.course.model import Assignment
    from autograder.sandbox.host import Sandbox

# No deadline: the first call of torch is slow. Derandomised in CI: a red run must be repeatable.
settings.register_profile("autograder", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("autograder")


def pytest_addoption(parser: pytest.Parser) -> None:
    """An option that renews golden files."""
    parser.addoption("--renew-golden", action="store_true", help="write golden files anew; read what changed")


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of this repository, which is a course as well."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def softmax_assignment(repo: Path) -> Assignment:
    """The assignment on softmax."""
    from autograder.course.load import load_assignment

    return load_assignment(repo, "softmax")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with every layer of this machine, and small limits so that hostile jobs end soon."""
    from autograder.sandbox.host import Sandbox
    from autograder.sandbox.limits import Limits

    limits = Limits(step_s=1, submission_s=8, memory_mib=256, scratch_mib=16, channel_mib=8)
    with Sandbox(limits, seed=1, preload=("numpy",)) as made:
        yield made
