"""An assignment as bytes, to be graded on another machine.

A bundle holds the source of an assignment: master, checks and what lies beside them. From it every machine makes the
same answer key. It is known by the hash of its content, so that each machine needs it once.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.course.load import load_assignment
from autograder.course.model import Assignment

_CACHES = frozenset({"__pycache__", ".ipynb_checkpoints"})


def pack(assignment: Assignment) -> bytes:
    """The bundle of an assignment; the same bytes for the same files."""
    home = assignment.checks_file.parent
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(home.rglob("*")):
            parts = path.relative_to(assignment.folder).parts
            if path.is_file() and _CACHES.isdisjoint(parts):
                # Without a time of its own, which would make other bytes of the same files.
                archive.writestr(zipfile.ZipInfo("/".join(parts)), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def digest(bundle: bytes) -> str:
    """The name of a bundle: SHA-256 of its bytes."""
    return hashlib.sha256(bundle).hexdigest()


@contextmanager
def unpacked(bundle: bytes) -> Iterator[Assignment]:
    """The assignment of a bundle; its files are gone when the block is left.

    Raises:
        CourseError: its author made a mistake.
    """
    with tempfile.TemporaryDirectory(prefix="autograder-bundle-") as folder:  # for this user alone
        with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
            archive.extractall(folder)
            name = Path(archive.namelist()[0]).parts[1]
        yield load_assignment(Path(folder), name)
