"""How are files of strangers read? Under caps, without following links, and never more than was asked for.

Whatever is wrong with a file becomes a `Rejected` with a reason, never another error.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from autograder.messages import say

MIB = 2**20
MAX_NOTEBOOK_BYTES = 50 * MIB
#: Of an archive's list of entries, which is read as a whole before they can be counted.
MAX_DIRECTORY_BYTES = 8 * MIB
#: For the others, zipfile unpacks a whole member at once: a kilobyte of bzip2 can hold gigabytes.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


class Rejected(Exception):
    """Why one file cannot be graded."""


def read_file(path: Path, cap: int | None = None) -> bytes:
    """The bytes of a file, at most `cap` of them [default: `MAX_NOTEBOOK_BYTES`].

    Raises:
        Rejected: it is larger, or no regular file.
        OSError: it cannot be read.
    """
    if not path.is_file():  # opening a device may do something
        raise Rejected(say("unread.no_file"))
    cap = MAX_NOTEBOOK_BYTES if cap is None else cap
    # By now it may be another file than the one that was found: no link is followed, and no pipe waited for.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Rejected(say("unread.no_file"))
        return _capped(file.read(cap + 1), cap)


def read_entry(path: Path, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of a notebook in an archive.

    Raises:
        Rejected: it is too large, or cannot be unpacked.
    """
    with opened_archive(path, MAX_NOTEBOOK_BYTES + 1, say("unread.packed")) as archive:
        return _unpacked(archive, entry, MAX_NOTEBOOK_BYTES)


def read_small_entries(path: Path, entries: Sequence[zipfile.ZipInfo], cap: int) -> list[bytes | None]:
    """The bytes of several small files in an archive, which is opened once; None for each that cannot be read."""
    found: list[bytes | None] = [None] * len(entries)
    with suppress(Rejected), opened_archive(path, max(cap + 1, MAX_DIRECTORY_BYTES), "") as archive:
        for number, entry in enumerate(entries):
            # A damaged one must not cost the others what they say.
            with suppress(Exception):
                found[number] = None if refusal_of(entry) else _unpacked(archive, entry, cap)
    return found


def refusal_of(entry: zipfile.ZipInfo) -> str:
    """Why an entry of an archive is not unpacked, "" where it may be."""
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts:
        return say("unread.leads_outside")
    if (entry.external_attr >> 16) & 0o170000 not in (0, 0o100000):
        return say("unread.no_file_in_archive")
    if entry.flag_bits & _ENCRYPTED:
        return say("unread.encrypted")
    if entry.compress_type not in _METHODS:
        return say("unread.method")
    return ""


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, cap: int) -> bytes:
    with archive.open(entry) as file:
        # No more than the entry says it has is unpacked.
        return _capped(file.read(min(entry.file_size, cap) + 1), cap)


@contextmanager
def opened_archive(path: Path, longest_read: int, refusal: str) -> Iterator[zipfile.ZipFile]:
    """An archive to read from; whatever its bytes make zipfile raise is a reason to reject it."""
    try:
        with _Archive(path) as file:
            file.longest_read = longest_read
            with zipfile.ZipFile(file) as archive:
                yield archive
    except Rejected:
        raise
    except Exception as error:  # BadZipFile, zlib.error, struct.error, ...: they are many, and no document names them
        reason = error.strerror if isinstance(error, OSError) else None
        raise Rejected(f"{refusal} ({reason or type(error).__name__}).") from None


class _Archive(io.FileIO):
    """A file of which no more is read in one piece than `longest_read`: zipfile reads the list of entries in one."""

    longest_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.longest_read:
            raise Rejected("Its list of entries is too long to be read.")
        return super().read(size) or b""


def _capped(data: bytes, cap: int) -> bytes:
    if len(data) > cap:
        raise Rejected(say("unread.large", most=cap // MIB))
    return data
