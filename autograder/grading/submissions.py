"""Where are the submissions, and what do they contain?

A file is read under caps before anything parses it. Whatever is wrong with it becomes the reason of a rejected
submission; it never stops the batch. Only the text of code cells is used: outputs, metadata and attachments are dropped
unread.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.errors import UsageError
from autograder.text import visible

MIB = 2**20
MAX_NOTEBOOK_BYTES = 50 * MIB
#: Objects and lists of a file. Each is up to 80 times as large in memory as in the file, unlike texts and numbers.
MAX_NODES = 1_000_000
MAX_ARCHIVE_ENTRIES = 5_000
MAX_ARCHIVE_BYTES = 1024 * MIB
#: Of an archive's list of entries, which is read as a whole before they can be counted.
MAX_DIRECTORY_BYTES = 8 * MIB
MAX_CELLS = 2_000
MAX_CELL_CHARACTERS = 1_000_000
MAX_CODE_CHARACTERS = 5_000_000
#: For the others, zipfile unpacks a whole member at once: a kilobyte of bzip2 can hold gigabytes.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_IGNORED_FOLDERS = frozenset({".ipynb_checkpoints", "__MACOSX"})


@dataclass(frozen=True)
class Submission:
    """One notebook with a student id.

    Attributes:
        student: the file's name without its suffix; the folder's, where the file is named as the assignment.
        file: where it came from, for people (``class.zip/ann.ipynb``).
        sha256: of the file's bytes, "" when it could not be read.
        cells: number (its place among all cells, from 1) and source of each code cell.
        rejected: why it cannot be graded, "" when it can.
        flags: what a person should look at.
        handed_in: when the file was last written, seconds since 1970; no part of a mark.
    """

    student: str
    file: str
    sha256: str = ""
    cells: tuple[tuple[int, str], ...] = ()
    rejected: str = ""
    flags: tuple[str, ...] = ()
    handed_in: float | None = None

    def read(self) -> Submission:
        """Itself, for it has been read; see `autograder.grading.grade.Readable`."""
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

    def read(self) -> Submission:
        """Read and check the file; never raises for what the file contains."""
        blank = Submission(self.student, self.file, flags=self.flags, handed_in=self._handed_in())
        if self.rejected:
            return replace(blank, rejected=self.rejected)
        try:
            data = _read_file(self.path) if self.entry is None else _read_entry(self.path, self.entry)
        except _Rejected as reason:
            return replace(blank, rejected=str(reason))
        except OSError as error:
            return replace(blank, rejected=f"The file cannot be read: {error.strerror or type(error).__name__}.")
        blank = replace(blank, sha256=hashlib.sha256(data).hexdigest())
        try:
            return replace(blank, cells=code_cells(data, self.assignment))
        except _Rejected as reason:
            return replace(blank, rejected=str(reason))
        except MemoryError:
            return replace(blank, rejected="There is too little memory to read it. Clear its outputs and save it.")

    def _handed_in(self) -> float | None:
        try:
            if self.entry is None:
                return self.path.lstat().st_mtime
            return time.mktime((*self.entry.date_time, 0, 0, -1))  # an archive has local time
        except (OSError, ValueError, OverflowError):
            return None


class _Rejected(Exception):
    """Why one file cannot be graded."""


def find_submissions(paths: Sequence[Path], assignment: str) -> list[Source]:
    """The notebooks at the given paths, sorted by student.

    What holds no notebook, among paths that do, becomes a rejected submission: one damaged archive must not stop a
    class of hundreds.

    Args:
        paths: notebooks, folders (searched with their sub-folders) and zip archives of notebooks.
        assignment: a notebook of this name belongs to the student its folder is named after.

    Raises:
        UsageError: a path does not exist, or none holds a notebook.
    """
    sources: list[Source] = []
    reasons: list[str] = []
    for path in paths:
        try:
            sources += _at(path, assignment)
        except _Rejected as reason:
            reasons.append(f"{visible(str(path), 1_000)}: {reason}")
            sources.append(Source(path.stem, str(path), path, rejected=str(reason)))
    if reasons and len(reasons) == len(paths):
        raise UsageError(reasons[0])
    sources = [replace(source, assignment=assignment) for source in sources]
    counts: dict[str, int] = {}
    for source in sources:
        counts[source.student] = counts.get(source.student, 0) + 1
    flagged = [
        replace(s, flags=(*s.flags, f"{counts[s.student]} submissions have the student id {s.student!r}"))
        if counts[s.student] > 1
        else s
        for s in sources
    ]
    return sorted(flagged, key=lambda s: (s.student, s.file))


def code_cells(data: bytes, assignment: str = "") -> tuple[tuple[int, str], ...]:
    """Number (from 1, all cells counted) and source of each code cell of a notebook file.

    Args:
        data: the bytes of the file.
        assignment: what the notebook has to belong to, if it says to what it belongs.

    Raises:
        _Rejected: the bytes are no notebook, or one of another assignment; its text says what they are.
    """
    notebook = _parse(data)
    named = _assignment_of(notebook)
    if assignment and named not in ("", assignment):
        raise _Rejected(f"It is the notebook of the assignment {visible(named, 60)!r}, not of {assignment!r}.")
    cells = notebook.get("cells")
    if cells is None and "worksheets" in notebook:
        cells = _old_cells(notebook["worksheets"])
    if not isinstance(cells, list):
        raise _Rejected("Not a notebook: it is JSON, but has no list of cells.")
    if len(cells) > MAX_CELLS:
        raise _Rejected(f"The notebook has {len(cells):,} cells; at most {MAX_CELLS:,} are read.")
    found = []
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input", ""))  # "input" up to format 3
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise _Rejected(f"Cell {number} has no text as its source. Save the notebook again in Jupyter.")
        if len(source) > MAX_CELL_CHARACTERS:
            raise _Rejected(f"Cell {number} has {len(source):,} characters; at most {MAX_CELL_CHARACTERS:,} are read.")
        found.append((number, source))
    size = sum(len(source) for _, source in found)
    if size > MAX_CODE_CHARACTERS:
        raise _Rejected(f"The notebook has {size:,} characters of code; at most {MAX_CODE_CHARACTERS:,} are read.")
    return tuple(found)


def _assignment_of(notebook: dict[str, Any]) -> str:
    """The assignment that a notebook was made for, "" where it does not say so."""
    metadata = notebook.get("metadata")
    ours = metadata.get("autograder") if isinstance(metadata, dict) else None
    named = ours.get("assignment") if isinstance(ours, dict) else None
    return named if isinstance(named, str) else ""


def _old_cells(sheets: Any) -> list[Any]:
    """The cells of format 3 or older, where they lie in worksheets.

    Not converted with nbformat, which would check all of a file against a schema: minutes, for many cells.
    """
    cells: list[Any] = []
    for sheet in sheets if isinstance(sheets, list) else [None]:
        inner = sheet.get("cells") if isinstance(sheet, dict) else None
        if not isinstance(inner, list):
            raise _Rejected("The notebook has an old format that cannot be converted. Save it again in Jupyter.")
        cells += inner
    return cells


def _parse(data: bytes) -> dict[str, Any]:
    if not data.strip(b" \t\r\n\0"):
        raise _Rejected("The file is empty. Was the notebook saved before it was handed in?")
    for start, what in _MAGIC:
        if data.startswith(start):
            raise _Rejected(f"Not a notebook: the file is {what}.")
    if data.count(b"{") + data.count(b"[") > MAX_NODES:
        raise _Rejected(f"It holds more than {MAX_NODES:,} objects and lists. Clear the outputs and save it again.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Rejected(f"Not a notebook: byte {error.start} is not UTF-8 text.") from None
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise _Rejected(f"Not a valid notebook: JSON error in line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise _Rejected("Not a valid notebook: its JSON is nested too deeply.") from None
    except ValueError:
        raise _Rejected("Not a valid notebook: it holds a number that is too long to read.") from None
    if not isinstance(notebook, dict):
        raise _Rejected("Not a notebook: it is JSON, but not an object.")
    return notebook


#: How files that are often handed in by mistake begin.
_MAGIC = (
    (b"PK\x03\x04", "a zip archive or an Office document"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xff\xfe", "text in UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16; save it as UTF-8"),
    (b"<", "a web page or XML"),
)


def _at(path: Path, assignment: str) -> list[Source]:
    """What is at one path.

    Raises:
        UsageError: nothing is.
        _Rejected: it holds no notebook.
    """
    if path.is_dir():
        found = list(_in_folder(path, assignment))
    elif path.suffix.lower() == ".zip" and path.is_file():
        found = list(_in_archive(path, assignment))
    elif _is_notebook(path.name) and path.is_file():
        found = [_source(path, str(path), (path.name,), assignment, folder=path.resolve().parent.name)]
    elif path.exists() or path.is_symlink():
        raise _Rejected("not a notebook (.ipynb), a folder or a zip archive.")
    else:
        raise UsageError(f"{visible(str(path), 1_000)}: no such file or folder.")
    if not any(_is_notebook(source.file) for source in found):
        raise _Rejected("no notebook (.ipynb) in it. Name a notebook, a folder or a zip archive.")
    return found


def _in_folder(path: Path, assignment: str) -> Iterator[Source]:
    """The notebooks of a folder, and what may hold some but is not opened: nobody is left out without a word."""
    closed: list[OSError] = []
    for name, folders, files in os.walk(path, onerror=closed.append):
        here = Path(name)
        for found in (here / file for file in (*files, *folders)):
            parts = found.relative_to(path).parts
            if _ignored(parts):
                continue
            if _is_notebook(found.name):
                yield _source(found, str(found), parts, assignment, folder=path.resolve().name)
            elif found.suffix.lower() == ".zip":
                yield Source(found.stem, str(found), found, rejected=_NOT_OPENED)
            elif found.is_symlink() and found.is_dir():
                yield Source(found.name, str(found), found, rejected="The folder is a link, which is not followed.")
    for error in closed:
        found = Path(error.filename)
        yield Source(found.name, str(found), found, rejected=f"The folder cannot be read: {error.strerror}.")


_NOT_OPENED = "An archive within a folder or another archive is not opened. Unpack it, or name it on the command line."


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def _source(path: Path, file: str, parts: tuple[str, ...], assignment: str, *, folder: str) -> Source:
    source = Source(_student(parts, assignment, folder), file, path)
    if path.is_symlink():
        return replace(source, rejected="The file is a link; hand in the notebook itself.")
    return source


def _student(parts: tuple[str, ...], assignment: str, folder: str) -> str:
    stem = PurePosixPath(parts[-1]).stem
    if stem == assignment:
        return parts[-2] if len(parts) > 1 else (folder or stem)
    return stem


def _ignored(parts: Sequence[str]) -> bool:
    return any(part in _IGNORED_FOLDERS for part in parts) or parts[-1].startswith("._")


def _in_archive(path: Path, assignment: str) -> Iterator[Source]:
    with _opened(path, MAX_DIRECTORY_BYTES, "not a zip archive that can be read") as archive:
        entries = archive.infolist()
    if len(entries) > MAX_ARCHIVE_ENTRIES:
        raise _Rejected(f"{len(entries):,} entries; at most {MAX_ARCHIVE_ENTRIES:,} are read.")
    total = 0
    for entry in entries:
        name = PurePosixPath(entry.filename.replace("\\", "/"))
        # First: a name may be empty, and `is_dir` looks at its last letter.
        if not name.parts or entry.is_dir() or _ignored(name.parts):
            continue
        if name.suffix.lower() == ".zip":
            yield Source(name.stem, f"{path}/{name}", path, entry, rejected=_NOT_OPENED)
        if not _is_notebook(name.name):
            continue
        total += entry.file_size
        source = Source(_student(name.parts, assignment, path.stem), f"{path}/{name}", path, entry)
        if name.is_absolute() or ".." in name.parts:
            source = replace(source, rejected="Its path in the archive leads outside of it.")
        elif (entry.external_attr >> 16) & 0o170000 not in (0, 0o100000):
            source = replace(source, rejected="It is not a regular file in the archive.")
        elif entry.flag_bits & _ENCRYPTED:
            source = replace(source, rejected="It is encrypted. Make a zip archive without a password.")
        elif entry.compress_type not in _METHODS:
            source = replace(source, rejected="It is packed in a way that is not read. Make an ordinary zip archive.")
        elif total > MAX_ARCHIVE_BYTES:
            source = replace(source, rejected=f"The archive unpacks to more than {MAX_ARCHIVE_BYTES // MIB} MiB.")
        yield source


def _read_file(path: Path) -> bytes:
    if not path.is_file():  # opening a device may do something
        raise _Rejected("It is not a regular file.")
    # By now it may be another file than the one that was found: no link is followed, and no pipe waited for.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _Rejected("It is not a regular file.")
        return _capped(file.read(MAX_NOTEBOOK_BYTES + 1))


def _read_entry(path: Path, entry: zipfile.ZipInfo) -> bytes:
    refusal = "It cannot be unpacked from the archive"
    with _opened(path, MAX_NOTEBOOK_BYTES + 1, refusal) as archive, archive.open(entry) as file:
        # No more than the entry says it has is unpacked.
        return _capped(file.read(min(entry.file_size, MAX_NOTEBOOK_BYTES) + 1))


@contextmanager
def _opened(path: Path, longest_read: int, refusal: str) -> Iterator[zipfile.ZipFile]:
    """An archive to read from; whatever its bytes make zipfile raise is a reason to reject it."""
    try:
        with _Archive(path) as file:
            file.longest_read = longest_read
            with zipfile.ZipFile(file) as archive:
                yield archive
    except _Rejected:
        raise
    except Exception as error:  # BadZipFile, zlib.error, struct.error, ...: they are many, and no document names them
        reason = error.strerror if isinstance(error, OSError) else None
        raise _Rejected(f"{refusal} ({reason or type(error).__name__}).") from None


class _Archive(io.FileIO):
    """A file of which no more is read in one piece than `longest_read`: zipfile reads the list of entries in one."""

    longest_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.longest_read:
            raise _Rejected("Its list of entries is too long to be read.")
        return super().read(size) or b""


def _capped(data: bytes) -> bytes:
    if len(data) > MAX_NOTEBOOK_BYTES:
        raise _Rejected(
            f"The file is larger than {MAX_NOTEBOOK_BYTES // MIB} MiB. Clear the outputs and save the notebook again."
        )
    return data
