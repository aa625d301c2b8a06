"""What docs/security.md says of walls, limits and types is what the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course.values import ACCEPTED
from autograder.sandbox.layers import LAYERS
from autograder.sandbox.limits import Limits


@pytest.fixture(scope="module")
def text(repo: Path) -> str:
    return (repo / "docs" / "security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_every_wall_is_described_in_its_own_words(text, layer):
    assert f"| `{layer.name}` | {layer.stops} | {layer.lost} |" in text


def test_there_is_no_wall_that_does_not_exist(text):
    section = text.split("## The walls of a job")[1].split("\n## ")[0]
    assert sum(line.startswith("| `") for line in section.splitlines()) == len(LAYERS)


def test_the_rule_about_types_is_written_once(text):
    assert f"```text\n{ACCEPTED}```" in text


def test_the_limits_are_the_defaults(text):
    limits = Limits()
    section = text.split("## Limits")[1].split("\n## ")[0]
    told = [row.split(" | ")[1] for row in section.splitlines() if row.startswith("| ") and " | " in row][1:]
    mib = [f"{m} MiB" for m in (limits.scratch_mib, limits.scratch_mib, limits.channel_mib, limits.channel_mib)]
    seconds = [limits.step_s, 2 * limits.step_s, limits.submission_s, 2 * limits.submission_s]
    assert told == [
        *(f"{s:g}" for s in seconds),
        f"{limits.memory_mib} MiB",
        str(limits.processes),
        *mib,
        str(limits.open_files),
    ]
