"""The workflow for a course's own CI, and the page about it, name commands and files that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from autograder.cli import app
from autograder.grading.proofs import CACHE_FOLDER

DOCS = Path(__file__).resolve().parents[1] / "docs"
#: Commands in code, within a sentence or after a prompt.
_IN_PAGE = re.compile(r"(?:`|^\$ )(autograder [^`\n]+)", re.MULTILINE)


def workflow() -> dict[Any, Any]:
    return yaml.safe_load((DOCS / "course-ci.yml").read_text(encoding="utf-8"))


def steps() -> list[dict[str, Any]]:
    (job,) = workflow()["jobs"].values()
    return job["steps"]


def in_workflow() -> list[str]:
    return [line for step in steps() for line in step.get("run", "").splitlines() if line.startswith("autograder ")]


def in_page() -> list[str]:
    return _IN_PAGE.findall((DOCS / "ci.md").read_text(encoding="utf-8"))


def parsed(command: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters of a command, as the command line itself reads them; nothing is run."""
    _, name, *arguments = shlex.split(command)
    known = typer.main.get_command(app).commands
    assert name in known, command
    return name, known[name].make_context(name, arguments).params


@pytest.mark.parametrize("command", sorted({*in_workflow(), *in_page()}))
def test_every_command_is_one_that_the_command_line_reads(command):
    parsed(command)


def test_every_push_and_pull_request_is_examined():
    # YAML 1.1 reads the key `on` as true.
    assert workflow()[True] == ["push", "pull_request"]


def test_both_commands_look_at_the_whole_course():
    commands = dict(map(parsed, in_workflow()))
    assert list(commands) == ["build", "validate"]
    assert all(not parameters["assignments"] for parameters in commands.values())
    assert commands["build"]["check"]
    assert commands["validate"]["mutants"]
    assert commands["validate"]["cache"]


def test_the_report_that_is_shown_is_the_one_that_is_written():
    (shown,) = [step["with"]["report_paths"] for step in steps() if "junit-report" in step.get("uses", "")]
    assert Path(shown) == dict(map(parsed, in_workflow()))["validate"]["junit"]


def test_proofs_are_fetched_before_and_kept_after_validation():
    names = [step.get("uses", step.get("run", "")).split("@")[0] for step in steps()]
    (proof,) = [at for at, name in enumerate(names) if name.startswith("autograder validate")]
    fetch, keep = names.index("actions/cache/restore"), names.index("actions/cache/save")
    assert fetch < proof < keep
    for at in (fetch, keep):
        assert steps()[at]["with"]["path"] == CACHE_FOLDER
    assert steps()[fetch]["with"]["key"] == steps()[keep]["with"]["key"]
    assert steps()[fetch]["with"]["key"].startswith(steps()[fetch]["with"]["restore-keys"])


def test_a_job_that_runs_the_code_of_a_pull_request_may_write_nothing():
    assert workflow()["permissions"] == {"contents": "read"}
    (job,) = workflow()["jobs"].values()
    assert "permissions" not in job


def test_the_page_names_the_workflow_and_its_commands():
    text = (DOCS / "ci.md").read_text(encoding="utf-8")
    assert "docs/course-ci.yml" in text
    assert {parsed(command)[0] for command in in_page()} >= {parsed(command)[0] for command in in_workflow()}
