"""The way from a folder to its assignments: find the course, list its names, load one.

`load_assignment` runs ``checks.py``, reads the master and gives back frozen data. Everything an
author can get wrong ends here as a `CourseError` with file, line, what is wrong and what to do, so
that nothing behind it has to ask again.
"""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from autograder.course.checks_file import check_variants, read_questions
from autograder.course.master import check_master
from autograder.course.model import Assignment
from autograder.errors import CourseError, UsageError

_FOLDERS = ("assignments", "solutions")


def find_course(start: Path | None = None) -> Path:
    """The folder that holds ``assignments`` or ``solutions``: `start` or the nearest one above it.

    Args:
        start: where to begin; by default the current directory.

    Raises:
        UsageError: there is none up to the root.
    """
    begin = (start or Path.cwd()).resolve()
    for folder in (begin, *begin.parents):
        if any((folder / name).is_dir() for name in _FOLDERS):
            return folder
    raise UsageError(
        f"No course here: neither {begin} nor a folder above it holds assignments/ or solutions/. "
        "Change into a course, or name its folder."
    )


def assignment_names(folder: Path) -> list[str]:
    """Sorted names of the assignments: folders in ``solutions`` with a master or ``checks.py``."""
    solutions = folder / "solutions"
    if not solutions.is_dir():
        return []
    return sorted(
        entry.name
        for entry in solutions.iterdir()
        if (entry / "checks.py").is_file() or (entry / f"{entry.name}.py").is_file()
    )


def load_course(folder: Path) -> tuple[Assignment, ...]:
    """All assignments of a course, by name.

    Raises:
        UsageError: there are none.
        CourseError: as in `load_assignment`.
    """
    names = assignment_names(folder)
    if not names:
        raise UsageError(f"{folder / 'solutions'} holds no assignment, so there is nothing to grade against.")
    return tuple(load_assignment(folder, name) for name in names)


def load_assignment(folder: Path, name: str) -> Assignment:
    """One assignment of a course, checked.

    Args:
        folder: as found by `find_course`.
        name: of the assignment.

    Raises:
        UsageError: the course has no such assignment; the message names those it has.
        CourseError: its author made a mistake.
    """
    folder = folder.absolute()
    names = assignment_names(folder)
    if name not in names:
        raise UsageError(_unknown_assignment(folder, name, names))
    home = folder / "solutions" / name
    assignment = Assignment(name, folder, home / f"{name}.py", home / "checks.py", ())
    if not name.isidentifier() or keyword.iskeyword(name):
        raise CourseError(
            f"solutions/{name}: an assignment's name must be a Python identifier, since its "
            "master is importable. Rename the folder, with letters, digits and _ only."
        )
    assignment = replace(assignment, questions=read_questions(assignment))
    check_master(assignment)
    check_variants(assignment)
    return assignment


def _unknown_assignment(folder: Path, name: str, names: Sequence[str]) -> str:
    if not names:
        return f"No assignment {name!r}: the folder solutions/ of {folder} is missing or empty."
    close = difflib.get_close_matches(name, names, n=len(names))
    ordered = [*close, *(n for n in names if n not in close)]
    mean = f" Did you mean {close[0]!r}?" if close else ""
    return f"No assignment {name!r}.{mean} Known: {', '.join(ordered)}."
