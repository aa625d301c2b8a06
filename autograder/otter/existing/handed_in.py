"""What did a student hand in beside the notebook? The other files of an archive that `grader.export` made."""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from autograder.grading.reading import MIB, Rejected, read_small_entries
from autograder.grading.submissions import Source, Submission, archive_entries

#: Of the files of one submission; more are left out, and a flag says so.
MAX_FILES, MAX_BYTES = 100, 16 * MIB
#: What the code of a notebook has no use for, and what Otter puts into the archive for itself.
_LEFT_OUT = frozenset({".ipynb", ".pdf", ".pkl"})


@dataclass(frozen=True)
class Export:
    """A notebook in an archive of its own; see `autograder.grading.examine.Readable`."""

    source: Source
    entries: tuple[tuple[str, zipfile.ZipInfo], ...]

    def read(self) -> Submission:
        """The submission with its files; they count for its hash."""
        submission = self.source.read()
        if submission.rejected or not self.entries:
            return submission
        small = [(name, entry) for name, entry in self.entries if entry.file_size <= MAX_BYTES][:MAX_FILES]
        while sum(entry.file_size for _, entry in small) > MAX_BYTES:
            small.pop()
        data = read_small_entries(self.source.path, [entry for _, entry in small], MAX_BYTES)
        files = tuple((name, content) for (name, _), content in zip(small, data, strict=True) if content is not None)
        left_out = len(self.entries) - len(files)
        flags = (f"{left_out} of the files beside the notebook could not be used",) if left_out else ()
        digest = hashlib.sha256(submission.sha256.encode())
        for name, content in files:
            digest.update(hashlib.sha256(name.encode("utf-8", "replace")).digest() + hashlib.sha256(content).digest())
        return replace(submission, sha256=digest.hexdigest(), files=files, flags=(*submission.flags, *flags))


def with_files(sources: Iterable[Source]) -> list[Source | Export]:
    """The same submissions; those that are the only notebook of an archive with the files that lie beside it there."""
    sources = list(sources)
    notebooks = Counter(source.path for source in sources if source.entry is not None)
    return [
        Export(source, _beside(source.path, source.parts[:-1])) if notebooks[source.path] == 1 else source
        for source in sources
    ]


def _beside(path: Path, folder: Sequence[str]) -> tuple[tuple[str, zipfile.ZipInfo], ...]:
    try:
        entries = archive_entries(path)
    except Rejected:  # which the notebook's own reading tells
        return ()
    depth = len(folder)
    return tuple(
        (str(PurePosixPath(*parts[depth:])), entry)
        for parts, entry in entries
        if parts[:depth] == tuple(folder)
        and len(parts) > depth
        and PurePosixPath(parts[-1]).suffix.lower() not in _LEFT_OUT
        and not any(part.startswith((".", "__")) for part in parts[depth:-1])
        and (parts[-1] == "__init__.py" or not parts[-1].startswith((".", "__")))
    )
