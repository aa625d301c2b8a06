"""Where are the submissions?

Notebooks are found in folders and archives, told apart by student (`autograder.grading.layouts`), and read one at a
time under caps. Whatever is wrong with one becomes the reason of a rejected submission; it never stops the batch.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from autograder.errors import UsageError
from autograder.grading.layouts import Parts, Place, ReadSmall, owners
from autograder.grading.notebook_file import code_cells
from autograder.grading.reading import (
    MAX_DIRECTORY_BYTES,
    MIB,
    Rejected,
    opened_archive,
    read_entry,
    read_file,
    read_small_entries,
    refusal_of,
)
from autograder.records.mark import TimeFrom
from autograder.text import visible

MAX_ARCHIVE_ENTRIES = 5_000
MAX_ARCHIVE_BYTES = 1024 * MIB
_IGNORED_FOLDERS = frozenset({".ipynb_checkpoints", "__MACOSX"})


@dataclass(frozen=True)
class Submission:
    """One notebook with a student id.

    Attributes:
        student: the id; see `autograder.grading.layouts`.
        file: where it came from, for people (``class.zip/ann.ipynb``).
        sha256: of the file's bytes, "" when it could not be read.
        cells: number (its place among all cells, from 1) and source of each code cell.
        rejected: why it cannot be graded, "" when it can.
        flags: what a person should look at.
        handed_in: when, as far as it is known, seconds since 1970; no part of a mark.
        time_from: what says so.
        files: path and content of what was handed in beside it, where that is of use.
    """

    student: str
    file: str
    sha256: str = ""
    cells: tuple[tuple[int, str], ...] = ()
    rejected: str = ""
    flags: tuple[str, ...] = ()
    handed_in: float | None = None
    time_from: TimeFrom = "file"
    files: tuple[tuple[str, bytes], ...] = ()

    def read(self) -> Submission:
        """Itself, for it has been read; see `autograder.grading.examine.Readable`."""
        return self


@dataclass(frozen=True)
class Source:
    """A notebook that was found but not read yet, so that a class of hundreds is never in memory at once."""

    student: str
    file: str
    path: Path
    entry: zipfile.ZipInfo | None = None  # within the archive at `path`; a name may occur there more than once
    rejected: str = ""
    flags: tuple[str, ...] = ()
    assignment: str = ""  # what it has to be a notebook of, "" where it may be of any
    parts: Parts = ()  # its path within the folder or archive that was named
    time_from: TimeFrom = "file"
    stated: float | None = None  # when it was handed in, where more than the file itself says so
    layout: str = ""  # the one that was recognised

    def read(self) -> Submission:
        """Read and check the file; never raises for what the file contains."""
        handed_in = self._written() if self.stated is None else self.stated
        blank = Submission(self.student, self.file, flags=self.flags, handed_in=handed_in, time_from=self.time_from)
        if self.rejected:
            return replace(blank, rejected=self.rejected)
        try:
            data = read_file(self.path) if self.entry is None else read_entry(self.path, self.entry)
        except Rejected as reason:
            return replace(blank, rejected=str(reason))
        except OSError as error:
            return replace(blank, rejected=f"The file cannot be read: {error.strerror or type(error).__name__}.")
        blank = replace(blank, sha256=hashlib.sha256(data).hexdigest())
        try:
            return replace(blank, cells=code_cells(data, self.assignment))
        except Rejected as reason:
            return replace(blank, rejected=str(reason))
        except MemoryError:
            return replace(blank, rejected="There is too little memory to read it. Clear its outputs and save it.")

    def _written(self) -> float | None:
        try:
            if self.entry is None:
                written = self.path.lstat().st_mtime
                return written if 0 <= written < _YEAR_9999 else None
            return time.mktime((*self.entry.date_time, 0, 0, -1))  # an archive has local time
        except (OSError, ValueError, OverflowError):
            return None


#: Seconds since 1970; gradebooks write years of four digits.
_YEAR_9999 = 253_370_764_800


def find_submissions(
    paths: Sequence[Path], assignment: str, *, id_pattern: re.Pattern[str] | None = None
) -> list[Source]:
    """The notebooks at the given paths, sorted by student.

    What holds no notebook, among paths that do, becomes a rejected submission: one damaged archive must not stop a
    class of hundreds.

    Args:
        paths: notebooks, folders (searched with their sub-folders) and zip archives of notebooks.
        assignment: a notebook of this name belongs to the student its folder is named after.
        id_pattern: finds the student's id, as the group ``id``, in the path from the last part of the named one on;
            see `autograder.grading.layouts.compile_id_pattern`.

    Raises:
        UsageError: a path does not exist, or none holds a notebook.
    """
    sources: list[Source] = []
    reasons: list[str] = []
    for path in paths:
        try:
            sources += _at(path, assignment, id_pattern)
        except Rejected as reason:
            reasons.append(f"{visible(str(path), 1_000)}: {reason}")
            sources.append(Source(path.stem, str(path), path, rejected=str(reason)))
    if reasons and len(reasons) == len(paths):
        raise UsageError(reasons[0])
    counts = Counter(source.student for source in sources)
    flagged = [
        replace(s, flags=(*s.flags, f"{counts[s.student]} submissions have the student id {s.student!r}"))
        if counts[s.student] > 1
        else s
        for s in sources
    ]
    sources = [replace(source, assignment=assignment) for source in flagged]
    return sorted(sources, key=lambda s: (s.student, s.file))


def recognised(sources: Sequence[Source]) -> list[str]:
    """In a sentence each, which layouts were recognised: an id must not be taken from a name without a word."""
    counts = Counter(source.layout for source in sources if source.layout)
    return [f"{n} ids were read as in a download of {layout}." for layout, n in sorted(counts.items())]


def _at(path: Path, assignment: str, id_pattern: re.Pattern[str] | None) -> list[Source]:
    """What is at one path.

    Raises:
        UsageError: nothing is.
        Rejected: it holds no notebook.
    """
    home = path.resolve()
    if path.is_dir():
        found = list(_in_folder(path))
        place = Place(home.as_posix(), home.name, _reader_of_folder(home))
    elif path.suffix.lower() == ".zip" and path.is_file():
        entries = archive_entries(path)
        found = list(_in_archive(path, entries))
        place = Place(home.as_posix(), home.stem, _reader_of_archive(path, entries))
    elif _is_notebook(path.name) and path.is_file():
        found = [_source(path, str(path), (path.name,))]
        place = Place(home.parent.as_posix(), home.parent.name, _reader_of_folder(home.parent), single=True)
    elif path.exists() or path.is_symlink():
        raise Rejected("not a notebook (.ipynb), a folder or a zip archive.")
    else:
        raise UsageError(f"{visible(str(path), 1_000)}: no such file or folder.")
    if not any(_is_notebook(source.file) for source in found):
        raise Rejected("no notebook (.ipynb) in it. Name a notebook, a folder or a zip archive.")
    owned = owners([source.parts for source in found], place, assignment, id_pattern)
    return [
        replace(
            source,
            student=owner.student,
            time_from=owner.time_from,
            stated=owner.handed_in,
            layout=owner.layout,
            rejected=source.rejected or owner.rejected,
            flags=(*source.flags, owner.flag) if owner.flag else source.flags,
        )
        for source, students in zip(found, owned, strict=True)
        for owner in students
    ]


def _in_folder(path: Path) -> Iterator[Source]:
    """The notebooks of a folder, and what may hold some but is not opened: nobody is left out without a word."""
    closed: list[OSError] = []
    for name, folders, files in os.walk(path, onerror=closed.append):
        here = Path(name)
        for found in (here / file for file in (*files, *folders)):
            parts = found.relative_to(path).parts
            if _ignored(parts):
                continue
            if _is_notebook(found.name):
                yield _source(found, str(found), parts)
            elif found.suffix.lower() == ".zip":
                yield _source(found, str(found), parts, rejected=_NOT_OPENED)
            elif found.is_symlink() and found.is_dir():
                yield _source(found, str(found), parts, rejected="The folder is a link, which is not followed.")
    for error in closed:
        found = Path(error.filename)
        reason = f"The folder cannot be read: {error.strerror}."
        yield _source(found, str(found), found.relative_to(path).parts or (found.name,), rejected=reason)


_NOT_OPENED = "An archive within a folder or another archive is not opened. Unpack it, or name it on the command line."


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def _source(path: Path, file: str, parts: Parts, *, rejected: str = "") -> Source:
    if path.is_symlink() and not rejected:
        rejected = "The file is a link; hand in the notebook itself."
    return Source("", file, path, parts=parts, rejected=rejected)


def _ignored(parts: Sequence[str]) -> bool:
    return any(part in _IGNORED_FOLDERS for part in parts) or parts[-1].startswith("._")


def archive_entries(path: Path) -> list[tuple[Parts, zipfile.ZipInfo]]:
    """The files of an archive with their paths in it.

    Raises:
        Rejected: it cannot be read, or holds too many.
    """
    with opened_archive(path, MAX_DIRECTORY_BYTES, "not a zip archive that can be read") as archive:
        entries = archive.infolist()
    if len(entries) > MAX_ARCHIVE_ENTRIES:
        raise Rejected(f"{len(entries):,} entries; at most {MAX_ARCHIVE_ENTRIES:,} are read.")
    named = [(PurePosixPath(entry.filename.replace("\\", "/")).parts, entry) for entry in entries]
    # First: a name may be empty, and `is_dir` looks at its last letter.
    return [(parts, entry) for parts, entry in named if parts and not entry.is_dir()]


def _in_archive(path: Path, entries: Sequence[tuple[Parts, zipfile.ZipInfo]]) -> Iterator[Source]:
    total = 0
    for parts, entry in entries:
        file = f"{path}/{PurePosixPath(*parts)}"
        if _ignored(parts):
            continue
        if parts[-1].lower().endswith(".zip"):
            yield Source("", file, path, entry, rejected=_NOT_OPENED, parts=parts)
        if not _is_notebook(parts[-1]):
            continue
        total += entry.file_size
        rejected = refusal_of(entry)
        if not rejected and total > MAX_ARCHIVE_BYTES:
            rejected = f"The archive unpacks to more than {MAX_ARCHIVE_BYTES // MIB} MiB."
        yield Source("", file, path, entry, rejected=rejected, parts=parts)


def _reader_of_folder(folder: Path) -> ReadSmall:
    def read(wanted: Sequence[Parts], cap: int) -> dict[Parts, bytes | None]:
        found: dict[Parts, bytes | None] = {}
        for parts in wanted:
            path = folder.joinpath(*parts)
            if path.exists() or path.is_symlink():
                found[parts] = None
                with suppress(OSError, Rejected):
                    found[parts] = read_file(path, cap)
        return found

    return read


def _reader_of_archive(path: Path, entries: Sequence[tuple[Parts, zipfile.ZipInfo]]) -> ReadSmall:
    there = dict(entries)

    def read(wanted: Sequence[Parts], cap: int) -> dict[Parts, bytes | None]:
        known = [parts for parts in wanted if parts in there]
        return dict(zip(known, read_small_entries(path, [there[parts] for parts in known], cap), strict=True))

    return read
