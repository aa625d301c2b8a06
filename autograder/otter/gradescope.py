"""The archive that makes Gradescope grade an assignment with this engine.

Gradescope unpacks it to ``source``, runs ``setup.sh`` once for the image of a container, and ``run_autograder`` for
each submission; `autograder.otter.container` is what that starts.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from autograder.course.model import Assignment
from autograder.errors import UsageError
from autograder.grading.marking import Reveal
from autograder.otter.archive import PROGRAMS, SETUP, requirement_files, run_script, solution_files, write_archive
from autograder.sandbox.limits import Limits
from autograder.text import json_text

ARCHIVE = "gradescope.zip"
SETTINGS_FILE = "settings.json"
#: Folder of the course in the archive.
COURSE = "course"

#: When a student sees a test, in Gradescope's words.
Visibility = Literal["visible", "after_due_date", "after_published", "hidden"]


@dataclass(frozen=True)
class Settings:
    """How a container grades.

    Attributes:
        assignment: its name.
        seed: from which the inputs of hidden checks are drawn.
        reveal: how much a failed hidden check tells.
        hidden: when a student sees hidden checks.
        limits: of each submission.
        trust: grade even where the container cannot hold hostile code.
    """

    assignment: str
    seed: int = 0
    reveal: Reveal = "hint"
    hidden: Visibility = "after_published"
    limits: Limits = field(default_factory=Limits)
    trust: bool = False

    def __post_init__(self) -> None:
        for name, kind in (("reveal", Reveal), ("hidden", Visibility)):
            if getattr(self, name) not in get_args(kind):
                raise UsageError(f"{name} = {getattr(self, name)!r}: must be one of {', '.join(get_args(kind))}.")

    def to_json(self) -> str:
        """The text of their file."""
        return json_text(asdict(self))


def read_settings(path: Path) -> Settings:
    """The settings that `Settings.to_json` wrote.

    Raises:
        UsageError: the file is missing or not one of ours.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Settings(**document | {"limits": Limits(**document["limits"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not the settings of an archive ({error}). Build the archive again.") from error


def build_gradescope(
    assignment: Assignment,
    out: Path,
    settings: Settings,
    *,
    requirements: Path | None = None,
    wheel: Path | None = None,
) -> Path:
    """Write the archive for Gradescope.

    Args:
        assignment: what is graded.
        out: folder of the archive, made if missing.
        settings: how it is graded.
        requirements: further requirements and options of pip.
        wheel: of this package, instead of one that is made of it as it is here.

    Returns:
        Path of the archive.

    Raises:
        UsageError: a file cannot be read or written.
    """
    members: dict[str, str | bytes] = {
        "setup.sh": SETUP,
        "run_autograder": run_script("-m autograder.otter.container"),
        SETTINGS_FILE: settings.to_json(),
        **requirement_files(requirements, wheel),
        **solution_files(assignment, COURSE),
    }
    write_archive(out / ARCHIVE, members, PROGRAMS)
    return out / ARCHIVE
