"""Who handed a notebook in, and when? What its path says, and what learning platforms write beside it.

Each layout that can be told from the path alone is one regular expression, which names the student's id. A Gradescope
export says both in a file of its own. Where no layout fits, the file or its folder is named after the student.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from autograder.errors import UsageError
from autograder.grading.gradescope import METADATA_FILE, read_metadata
from autograder.grading.reading import MIB, Rejected
from autograder.grading.times import parse_time
from autograder.records.mark import TimeFrom

#: A path within the folder or archive that was named, as its parts.
Parts = tuple[str, ...]
#: Reads small files that lie beside notebooks: those that are there, None for one that is larger or cannot be read.
ReadSmall = Callable[[Sequence[Parts], int], Mapping[Parts, "bytes | None"]]

MAX_METADATA_BYTES = 32 * MIB
_TIMESTAMP_FILE = "timestamp.txt"
_MAX_TIMESTAMP_BYTES = 200


@dataclass(frozen=True)
class Owner:
    """Who handed one notebook in.

    Attributes:
        student: the id.
        time_from: what says when it was handed in.
        handed_in: when, seconds since 1970, None where only the file's own time is known.
        layout: which one was recognised, "" where none was.
        rejected: why the id is not known, "" where it is.
        flag: what a person should look at, "" for nothing.
    """

    student: str
    time_from: TimeFrom = "file"
    handed_in: float | None = None
    layout: str = ""
    rejected: str = ""
    flag: str = ""


@dataclass(frozen=True)
class Place:
    """A folder, an archive or a single notebook that was named.

    Attributes:
        path: where it lies, from the root of the file system on, with slashes.
        name: its last part; of a single notebook, the folder's.
        read: what reads a file in it.
        single: whether one notebook was named; then the place is its folder, of which nothing else is known.
    """

    path: str
    name: str
    read: ReadSmall
    single: bool = False


#: The name without digits, perhaps LATE, the user's number, the file's number, the file's name; in no folder. Students'
#: own file names may look the same, so every notebook of a place has to fit.
_CANVAS = re.compile(r"^[^/]+?(?P<late>_LATE)?_(?P<id>[0-9]+)_[0-9]+_[^/]+$")
#: Layouts that are told from folders which nobody names by chance. Within a path the outermost counts: what lies deeper
#: was named by a student.
_FOLDERS = {
    # "Full Name_1234567_assignsubmission_file_/x.ipynb"; the number is the participant's in this assignment.
    "Moodle": r"(?:^|/)[^/]*?_(?P<id>[0-9]+)_assignsubmission_file_",
    "nbgrader": r"/submitted/(?P<id>[^/]+)/ASSIGNMENT/",
}


def compile_id_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of ``--id-pattern``.

    Raises:
        UsageError: it is none, or has no group called ``id``.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--id-pattern {pattern!r}: not a regular expression ({error}).") from None
    if "id" not in compiled.groupindex:
        raise UsageError(
            f"--id-pattern {pattern!r}: has no group called id. Write (?P<id>...) around what names the student."
        )
    return compiled


def owners(
    notebooks: Sequence[Parts], place: Place, assignment: str, pattern: re.Pattern[str] | None = None
) -> list[list[Owner]]:
    """For each notebook of a place, who handed it in: one student, or several who worked together.

    Args:
        notebooks: their paths within the place.
        place: what was named.
        assignment: a notebook of this name belongs to the student its folder is named after.
        pattern: finds the ids, instead of everything that is recognised otherwise.

    Raises:
        Rejected: the metadata of a Gradescope export cannot be read.
    """
    if pattern is not None:
        return [[_by_pattern(pattern, place, parts)] for parts in notebooks]
    if not place.single and (found := _gradescope(notebooks, place)) is not None:
        return found
    canvas = [_CANVAS.search("/".join(parts)) for parts in notebooks]
    if all(canvas):
        return [[Owner(m["id"], "late" if m["late"] else "on time", layout="Canvas")] for m in canvas if m]
    return [[owner] for owner in _by_folders(notebooks, place, assignment)]


def _by_folders(notebooks: Sequence[Parts], place: Place, assignment: str) -> list[Owner]:
    named: list[Owner] = []
    timestamps: dict[int, Parts] = {}
    for number, parts in enumerate(notebooks):
        path = f"{place.path}/{'/'.join(parts)}"
        matches = [
            (match.start(), layout, match)
            for layout, pattern in _FOLDERS.items()
            if (match := re.search(pattern.replace("ASSIGNMENT", re.escape(assignment)), path))
        ]
        if len(notebooks) > 1 and not place.single:
            matches = [m for m in matches if not _is_by_chance(m[1], m[2].end(), place)]
        if not matches:
            named.append(Owner(_plain(parts, assignment, place.name)))
            continue
        _, layout, match = min(matches)
        named.append(Owner(match["id"], layout=layout))
        if layout == "nbgrader":
            inner = path[match.end() :].count("/") + 1
            timestamps[number] = (*parts[:-inner], _TIMESTAMP_FILE)
    texts = place.read(list(dict.fromkeys(timestamps.values())), _MAX_TIMESTAMP_BYTES) if timestamps else {}
    for number, parts in timestamps.items():
        time = parse_time((texts.get(parts) or b"").decode("utf-8", "replace"))
        if time is not None:
            named[number] = replace(named[number], time_from="stated", handed_in=time)
    return named


def _is_by_chance(layout: str, end: int, place: Place) -> bool:
    """Whether a layout that ends with the folder of several notebooks, or above it, is taken for the operator's own.

    Only the folder of one student's assignment has the time at which nbgrader has collected it.
    """
    beyond = end - len(place.path) - 1
    collected = layout == "nbgrader" and beyond == 0 and place.read([(_TIMESTAMP_FILE,)], _MAX_TIMESTAMP_BYTES)
    return beyond <= 0 and not collected


def _by_pattern(pattern: re.Pattern[str], place: Place, parts: Parts) -> Owner:
    path = "/".join((place.name, *parts))
    match = pattern.search(path)
    if match is not None and match["id"]:
        return Owner(match["id"])
    return Owner(PurePosixPath(parts[-1]).stem, rejected="The pattern of --id-pattern finds no id in its path.")


def _plain(parts: Parts, assignment: str, folder: str) -> str:
    """The file's name without its suffix; the folder's, where the file is named as the assignment."""
    stem = PurePosixPath(parts[-1]).stem
    if stem == assignment:
        return parts[-2] if len(parts) > 1 else (folder or stem)
    return stem


def _gradescope(notebooks: Sequence[Parts], place: Place) -> list[list[Owner]] | None:
    """What the metadata of a Gradescope export say, None where there are none.

    They must lie where Gradescope puts them, beside the folders of the submissions; a student could hand in a file of
    that name.
    """
    tops = {parts[0] for parts in notebooks}
    candidates: list[Parts] = [(METADATA_FILE,)]
    if len(tops) == 1 and all(len(parts) > 2 for parts in notebooks):
        candidates.append((*tops, METADATA_FILE))
    for parts, data in place.read(candidates, MAX_METADATA_BYTES).items():
        if data is None:
            raise Rejected(f"{METADATA_FILE} cannot be read, or is larger than {MAX_METADATA_BYTES // MIB} MiB.")
        known = read_metadata(data)
        depth = len(parts) - 1
        return [_by_metadata(known, notebook[depth:]) for notebook in notebooks]
    return None


def _by_metadata(known: Mapping[str, tuple[tuple[str, ...], float | None]], parts: Parts) -> list[Owner]:
    folder = parts[0] if len(parts) > 1 else PurePosixPath(parts[-1]).stem
    students, time = known.get(folder, ((), None))
    if not students:
        return [Owner(folder, layout="Gradescope", flag=f"{METADATA_FILE} does not say who handed this in")]
    return [Owner(student, "file" if time is None else "stated", time, "Gradescope") for student in students]
