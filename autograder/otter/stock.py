"""Archives that stock otter-grader grades with, where this package is installed.

One holds test files in Otter's exception format. Public checks are those that students have; a hidden one names what
`autograder.otter.examine` finds in a data file. There is no sandbox: student code and hidden checks share one kernel,
as always with `otter run`. The other names a plugin, `autograder.otter.plugin`, that grades in the sandbox.
"""

from __future__ import annotations

from pathlib import Path

from autograder.course.model import Assignment
from autograder.course.otter_tests import test_file
from autograder.grading.build import public_checks
from autograder.grading.key import AnswerKey, solved_key
from autograder.otter.archive import (
    PROGRAMS,
    SETUP,
    hidden_data,
    requirement_files,
    run_script,
    solution_files,
    write_archive,
)
from autograder.otter.gradescope import COURSE, SETTINGS_FILE, Settings
from autograder.text import json_text

ARCHIVE = "autograder.zip"
SANDBOXED_ARCHIVE = "sandboxed.zip"
_PLUGIN = "autograder.otter.plugin.SandboxPlugin"

_RUN_OTTER = """\
import sys

from otter.run.run_autograder import main

main(sys.argv[1])
"""

#: For whom the image is made with conda.
_ENVIRONMENT = """\
name: otter-env
channels: [conda-forge]
dependencies:
  - python
  - pip
  - pip: ["-r requirements.txt"]
"""


def build_otter(
    assignment: Assignment,
    out: Path,
    *,
    seed: int = 0,
    trust: bool = False,
    requirements: Path | None = None,
    wheel: Path | None = None,
) -> Path:
    """Write the archive for otter-grader.

    Args:
        assignment: what is graded.
        out: folder of the archive, made if missing.
        seed: from which the inputs of hidden checks are drawn.
        trust: let the solution answer even where this machine cannot hold hostile code.
        requirements: further requirements and options of pip.
        wheel: of this package, instead of one that is made of it as it is here.

    Returns:
        Path of the archive.

    Raises:
        UsageError: a file cannot be read or written.
        CourseError: the solution does not answer its own checks.
    """
    key = solved_key(assignment, seed=seed, trust=trust)
    config = {"lang": "python", "seed": seed}
    members = {**_around(config), **requirement_files(requirements, wheel, "[otter]"), **_tests(assignment, key)}
    write_archive(out / ARCHIVE, members, PROGRAMS)
    return out / ARCHIVE


def build_sandboxed(
    assignment: Assignment,
    out: Path,
    settings: Settings,
    *,
    requirements: Path | None = None,
    wheel: Path | None = None,
) -> Path:
    """Write the archive with which `otter run` grades in the sandbox; arguments and errors as in `build_gradescope`."""
    config = {
        "lang": "python",
        "plugins": [_PLUGIN],
        # Otter shows the points of a question after they are published, or never.
        "show_hidden": settings.hidden != "hidden",
        "force_public_test_summary": True,
    }
    members = {
        **_around(config),
        **requirement_files(requirements, wheel, "[otter]"),
        **solution_files(assignment, COURSE),
        SETTINGS_FILE: settings.to_json(),
        # Otter copies this folder beside the submission: nothing that could be read there is in it.
        "tests/README.md": "The checks of this archive are in its folder `course`.\n",
    }
    write_archive(out / SANDBOXED_ARCHIVE, members, PROGRAMS)
    return out / SANDBOXED_ARCHIVE


def _around(config: dict[str, object]) -> dict[str, str]:
    """What every archive of Otter holds."""
    return {
        "setup.sh": SETUP,
        "run_autograder": run_script("run_otter.py"),
        "run_otter.py": _RUN_OTTER,
        "environment.yml": _ENVIRONMENT,
        "otter_config.json": json_text(config),
    }


def _tests(assignment: Assignment, key: AnswerKey) -> dict[str, str]:
    members = {f"tests/{name}.json": data for name, data in hidden_data(key).items()}
    for question, keyed in zip(assignment.questions, key.questions, strict=True):
        hidden = [check for check in question.checks if not check.public]
        members[f"tests/{question.name}.py"] = test_file(question, public_checks(question, keyed), hidden)
    return members
