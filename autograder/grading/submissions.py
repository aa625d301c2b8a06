"""Where are the submissions, and what do they contain?

A file is read under caps before anything parses it. Whatever is wrong with it becomes the reason of a rejected
submission; it never stops the batch. Only the text of code cells is used: outputs, metadata and attachments are dropped
unread.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.errors import UsageError

MIB = 2**20
MAX_NOTEBOOK_BYTES = 50 * MIB
MAX_ARCHIVE_ENTRIES = 5_000
MAX_ARCHIVE_BYTES = 1024 * MIB
MAX_CELLS = 2_000
MAX_CELL_CHARACTERS = 1_000_000
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
    """

    student: str
    file: str
    sha256: str = ""
    cells: tuple[tuple[int, str], ...] = ()
    rejected: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A notebook that was found but not read yet, so that a class of hundreds is never in memory at once."""

    student: str
    file: str
    path: Path
    member: str = ""  # within the archive at `path`
    rejected: str = ""
    flags: tuple[str, ...] = ()

    def read(self) -> Submission:
        """Read and check the file; never raises for what the file contains."""
        blank = Submission(self.student, self.file, flags=self.flags)
        if self.rejected:
            return replace(blank, rejected=self.rejected)
        try:
            data = _read_member(self.path, self.member) if self.member else _read_file(self.path)
        except _Rejected as reason:
            return replace(blank, rejected=str(reason))
        except OSError as error:
            return replace(blank, rejected=f"The file cannot be read: {error.strerror or type(error).__name__}.")
        blank = replace(blank, sha256=hashlib.sha256(data).hexdigest())
        try:
            return replace(blank, cells=code_cells(data))
        except _Rejected as reason:
            return replace(blank, rejected=str(reason))


class _Rejected(Exception):
    """Why one file cannot be graded."""


def find_submissions(paths: Sequence[Path], assignment: str) -> list[Source]:
    """The notebooks at the given paths, sorted by student.

    Args:
        paths: notebooks, folders (searched with their sub-folders) and zip archives of notebooks.
        assignment: a notebook of this name belongs to the student its folder is named after.

    Raises:
        UsageError: a path does not exist, is none of these, or holds no notebook.
    """
    sources: list[Source] = []
    for path in paths:
        found = list(_at(path, assignment))
        if not found:
            raise UsageError(f"{path}: no notebook (.ipynb) in it. Name a notebook, a folder or a zip archive.")
        sources += found
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


def code_cells(data: bytes) -> tuple[tuple[int, str], ...]:
    """Number (from 1, all cells counted) and source of each code cell of a notebook file.

    Raises:
        _Rejected: the bytes are no notebook; its text says what they are.
    """
    notebook = _parse(data)
    cells = notebook.get("cells")
    if cells is None and "worksheets" in notebook:
        cells = _upgrade(notebook).get("cells")
    if not isinstance(cells, list):
        raise _Rejected("Not a notebook: it is JSON, but has no list of cells.")
    if len(cells) > MAX_CELLS:
        raise _Rejected(f"The notebook has {len(cells):,} cells; at most {MAX_CELLS:,} are read.")
    found = []
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise _Rejected(f"Cell {number} has no text as its source. Save the notebook again in Jupyter.")
        if len(source) > MAX_CELL_CHARACTERS:
            raise _Rejected(f"Cell {number} has {len(source):,} characters; at most {MAX_CELL_CHARACTERS:,} are read.")
        found.append((number, source))
    return tuple(found)


def _parse(data: bytes) -> dict[str, Any]:
    if not data.strip(b" \t\r\n\0"):
        raise _Rejected("The file is empty. Was the notebook saved before it was handed in?")
    for start, what in _MAGIC:
        if data.startswith(start):
            raise _Rejected(f"Not a notebook: the file is {what}.")
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


def _upgrade(notebook: dict[str, Any]) -> dict[str, Any]:
    """A notebook of format 3 or older as format 4."""
    import nbformat  # slow to import, and almost no submission needs it

    try:
        # Not `convert`: only `reads` joins the lines that old formats keep as lists.
        return dict(nbformat.reads(json.dumps(notebook), as_version=4))  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever a broken old notebook makes the converter raise
        raise _Rejected(f"The notebook has an old format that cannot be converted ({type(error).__name__}).") from None


def _at(path: Path, assignment: str) -> Iterator[Source]:
    if path.is_dir():
        for found in sorted(path.rglob("*.ipynb")):
            inner = found.relative_to(path)
            if not _ignored(inner.parts):
                yield _source(found, str(found), inner.parts, assignment, folder=path.resolve().name)
    elif path.suffix.lower() == ".zip" and path.is_file():
        yield from _in_archive(path, assignment)
    elif path.suffix.lower() == ".ipynb" and path.is_file():
        yield _source(path, str(path), (path.name,), assignment, folder=path.resolve().parent.name)
    elif path.exists():
        raise UsageError(f"{path}: not a notebook (.ipynb), a folder or a zip archive.")
    else:
        raise UsageError(f"{path}: no such file or folder.")


def _source(path: Path, file: str, parts: tuple[str, ...], assignment: str, *, folder: str, member: str = "") -> Source:
    source = Source(_student(parts, assignment, folder), file, path, member)
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
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UsageError(f"{path}: not a zip archive that can be read ({type(error).__name__}).") from error
    if len(entries) > MAX_ARCHIVE_ENTRIES:
        raise UsageError(f"{path}: {len(entries):,} entries; at most {MAX_ARCHIVE_ENTRIES:,} are read.")
    total = 0
    for entry in entries:
        name = PurePosixPath(entry.filename.replace("\\", "/"))
        if entry.is_dir() or name.suffix.lower() != ".ipynb" or _ignored(name.parts):
            continue
        total += entry.file_size
        source = Source(_student(name.parts, assignment, path.stem), f"{path}/{name}", path, entry.filename)
        if name.is_absolute() or ".." in name.parts:
            source = replace(source, rejected="Its path in the archive leads outside of it.")
        elif (entry.external_attr >> 16) & 0o170000 not in (0, 0o100000):
            source = replace(source, rejected="It is not a regular file in the archive.")
        elif total > MAX_ARCHIVE_BYTES:
            source = replace(source, rejected=f"The archive unpacks to more than {MAX_ARCHIVE_BYTES // MIB} MiB.")
        yield source


def _read_file(path: Path) -> bytes:
    if not path.is_file():  # opening a named pipe would wait for ever
        raise _Rejected("It is not a regular file.")
    with path.open("rb") as file:
        return _capped(file.read(MAX_NOTEBOOK_BYTES + 1))


def _read_member(path: Path, member: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            return _capped(file.read(MAX_NOTEBOOK_BYTES + 1))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, KeyError) as error:
        # RuntimeError: encrypted; ValueError and the others: damaged or made to confuse.
        raise _Rejected(f"It cannot be unpacked from the archive ({error}).") from None


def _capped(data: bytes) -> bytes:
    if len(data) > MAX_NOTEBOOK_BYTES:
        raise _Rejected(
            f"The file is larger than {MAX_NOTEBOOK_BYTES // MIB} MiB. Clear the outputs and save the notebook again."
        )
    return data
