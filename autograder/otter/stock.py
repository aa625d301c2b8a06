"""The archive that stock otter-grader grades with: test files in its exception format, and our package installed.

Public checks are those that students have; a hidden one names what `autograder.otter.examine` finds in a data file.
There is no sandbox: student code and hidden checks share one kernel, as always with `otter run`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from autograder.course.model import Assignment
from autograder.course.otter_tests import test_file
from autograder.grading.build import public_checks
from autograder.grading.key import AnswerKey, make_key, write_key
from autograder.otter.archive import PROGRAMS, SETUP, requirement_files, run_script, write_archive
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import Limits
from autograder.text import json_text

ARCHIVE = "autograder.zip"

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
        wheel: of this package, where pip cannot find the release.

    Returns:
        Path of the archive.

    Raises:
        UsageError: a file cannot be read or written.
        CourseError: the solution does not answer its own checks.
    """
    limits = Limits()
    with Sandbox(limits, trust=trust) as sandbox, closing(sandbox.slot()) as slot:
        key = make_key(assignment, seed, slot, limits)
    members: dict[str, str | bytes] = {
        "setup.sh": SETUP,
        "run_autograder": run_script("run_otter.py"),
        "run_otter.py": _RUN_OTTER,
        "environment.yml": _ENVIRONMENT,
        "otter_config.json": json_text({"lang": "python", "seed": seed}),
        **requirement_files(requirements, wheel, "[otter]"),
        **_tests(assignment, key),
    }
    write_archive(out / ARCHIVE, members, PROGRAMS)
    return out / ARCHIVE


def _tests(assignment: Assignment, key: AnswerKey) -> dict[str, str]:
    members = {}
    for question, keyed in zip(assignment.questions, key.questions, strict=True):
        hidden = [check for check in question.checks if not check.public]
        secret = replace(keyed, checks=tuple(check for check in keyed.checks if not check.public))
        members[f"tests/{question.name}.py"] = test_file(question, public_checks(question, keyed), hidden)
        members[f"tests/{question.name}.json"] = write_key(replace(key, questions=(secret,)))
    return members
