"""Where do marks go? One folder per run: a JSON file per submission, ``marks.csv`` and ``run.json``.

Every file is written beside its final name and then renamed, so that a reader never sees half of one, and each mark is
written as soon as it is ready.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import GraderError, UsageError
from autograder.records.mark import SCHEMA, Mark, mark_from_json, misconceptions, points
from autograder.text import csv_cell, json_text

RUN_FILE = "run.json"
CSV_FILE = "marks.csv"
MARKS_FOLDER = "marks"


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file as a whole, or leave it as it was; text is written as UTF-8."""
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Written(Collection[Mark]):
    """Marks that lie in files, each of which is read when it is asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[Mark]:
        return (mark_from_json(path.read_text(encoding="utf-8")) for path in self._paths)

    def __contains__(self, mark: object) -> bool:
        return any(mark == written for written in self)


class FileNames:
    """Names of files for the submissions of a run: safe everywhere, and different for different submissions."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, mark: Mark) -> str:
        """The name for this mark, without a suffix."""
        name = safe = re.sub(r"[^A-Za-z0-9._-]+", "_", mark.student).strip("._")[:80] or "student"
        identity = f"{mark.student}\0{mark.file}".encode("utf-8", "surrogatepass")
        unlike = safe != mark.student or safe.split(".")[0].upper() in _RESERVED
        while unlike or name.lower() in self._taken:
            name, unlike = f"{safe}-{hashlib.sha256(identity).hexdigest()[:10]}", False
            identity += b"\0"  # the same student and file again: an archive may hold one name twice
        self._taken.add(name.lower())
        return name


@dataclass(frozen=True)
class WrittenRun:
    """A run as its folder holds it.

    Attributes:
        assignment: what was graded.
        started: when, in UTC.
        finished: whether every submission has its mark.
    """

    path: Path
    assignment: str
    started: str
    finished: bool
    seconds: dict[str, float]

    def marks(self) -> Iterator[Mark]:
        """The marks, read one at a time, in the order of their files.

        Raises:
            UsageError: a file is not a mark.
        """
        for file in sorted((self.path / MARKS_FOLDER).glob("*.json")):
            try:
                yield mark_from_json(file.read_text(encoding="utf-8"), self.seconds.get(file.name, 0.0))
            except (OSError, ValueError) as error:
                raise UsageError(f"{file}: cannot be read as a mark ({error}). Remove it, or grade again.") from None


def read_run(path: Path) -> WrittenRun:
    """The run that a `RunFolder` wrote to this folder.

    Raises:
        UsageError: it holds none.
    """
    try:
        run = json.loads((path / RUN_FILE).read_text(encoding="utf-8"))
        return WrittenRun(path, run["assignment"], run["started"], run["finished"], dict(run.get("seconds", {})))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: holds no run; `autograder grade ... --out {path}` makes one ({error}).") from None


class RunFolder:
    """The folder of one run, open while it is graded.

    Args:
        path: made if missing.
        assignment: what is graded.
        replace: take over a folder that holds the marks of an earlier run of the same assignment.

    Raises:
        UsageError: the folder cannot be written, or holds something that must not be overwritten.
    """

    def __init__(self, path: Path, assignment: str, *, replace: bool = False) -> None:
        self.path, self.assignment = path, assignment
        self._names = FileNames()
        self._written: list[tuple[str, str, str]] = []
        self._seconds: dict[str, float] = {}
        old = self._earlier_files(replace)
        try:
            self.marks.mkdir(parents=True, exist_ok=True)
            write_atomically(path / RUN_FILE, self._run_text([], {}, finished=False, elapsed_s=0.0))
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror}). Choose another --out.") from error
        for name in old:
            name.unlink(missing_ok=True)

    @property
    def marks(self) -> Path:
        """The folder with one file per submission."""
        return self.path / MARKS_FOLDER

    def add(self, mark: Mark) -> Path:
        """Write one mark.

        Raises:
            GraderError: it cannot be written, for example because the disk is full; what was written stays.
        """
        path = self.marks / f"{self._names.of(mark)}.json"
        try:
            write_atomically(path, mark.to_json())
        except OSError as error:
            raise GraderError(
                f"{path}: cannot be written ({error.strerror}). {len(self._written)} marks are in {self.marks}; "
                "make room and grade again with --replace."
            ) from error
        self._written.append((mark.student, mark.file, path.name))
        self._seconds[path.name] = round(mark.elapsed_s, 3)
        return path

    def written(self) -> Written:
        """The marks that were added so far, by student and file; each is read from its file when it is asked for."""
        return Written([self.marks / file for _, _, file in sorted(self._written)])

    def finish(self, marks: Collection[Mark], provenance: dict[str, Any], elapsed_s: float, *, finished: bool) -> None:
        """Write the table and the summary of the run."""
        try:
            write_atomically(self.path / CSV_FILE, marks_csv(marks))
            text = self._run_text(marks, provenance, finished=finished, elapsed_s=elapsed_s)
            write_atomically(self.path / RUN_FILE, text)
        except OSError as error:
            raise GraderError(
                f"{self.path}: the summary cannot be written ({error.strerror}). The marks are in {self.marks}."
            ) from error

    def _earlier_files(self, replace: bool) -> list[Path]:
        if not self.path.exists():
            return []
        if not self.path.is_dir():
            raise UsageError(f"{self.path}: is a file. Name a folder with --out.")
        if not any(self.path.iterdir()):
            return []
        try:
            run = json.loads((self.path / RUN_FILE).read_text(encoding="utf-8"))
            assignment, started = run["assignment"], run["started"]
            has_marks = run["finished"] or any(self.marks.glob("*.json"))
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(f"{self.path}: holds files that are not of a run. Choose an empty --out.") from None
        if assignment != self.assignment:
            raise UsageError(
                f"{self.path}: holds a run of {assignment!r}, not of {self.assignment!r}. Choose another --out."
            )
        if has_marks and not replace:
            raise UsageError(
                f"{self.path}: holds a run of {started}. Choose another --out, or take this one over with --replace."
            )
        return [*self.marks.glob("*.json"), self.path / CSV_FILE]

    def _run_text(
        self, marks: Collection[Mark], provenance: dict[str, Any], *, finished: bool, elapsed_s: float
    ) -> str:
        if not hasattr(self, "_started"):
            self._started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        statuses = Counter(mark.status for mark in marks)
        document = {
            "schema": SCHEMA,
            "assignment": self.assignment,
            "started": self._started,
            "finished": finished,
            "elapsed_s": round(elapsed_s, 3),
            "submissions": len(marks),
            "statuses": dict(sorted(statuses.items())),
            "misconceptions": [
                {"question": question, "mistake": mistake, "students": count}
                for question, mistake, count in misconceptions(marks)
            ],
            "seconds": self._seconds,
            "provenance": provenance,
        }
        return json_text(document)


#: Names that Windows keeps for devices.
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"COM{i}" for i in range(10)), *(f"LPT{i}" for i in range(10))}


def marks_csv(marks: Collection[Mark]) -> str:
    """The marks as a table: one row per submission, one column per question."""
    questions = list(dict.fromkeys(q.name for mark in marks for q in mark.questions))
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(["student", "file", "status", "points", "max_points", *questions, "flags"])
    for mark in marks:
        earned = {q.name: points(q.hundredths) for q in mark.questions}
        writer.writerow(
            [
                csv_cell(mark.student),
                csv_cell(mark.file),
                mark.status,
                points(mark.hundredths),
                points(mark.max_hundredths),
                *(earned.get(name, "") for name in questions),
                csv_cell("; ".join(mark.flags)),
            ]
        )
    return out.getvalue()
