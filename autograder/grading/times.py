"""When was that? Texts of times as platforms write them, and never a time whose zone has to be guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePosixPath

from autograder.errors import UsageError
from autograder.records.table import read_table
from autograder.text import visible

_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[ T](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,][0-9]+)?"
    r" *(?:(?P<utc>Z|UTC|GMT)|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2}))"
)


def parse_time(text: str) -> float | None:
    """Seconds since 1970, cut to a whole one; None where the text is no date since then with its offset.

    >>> parse_time("1970-01-02 00:00:01.987654321 Z")
    86401.0
    >>> parse_time("1970-01-01T02:00:00+02:00")
    0.0
    >>> parse_time("2026-10-01 12:00") is None
    True
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    clock = match["clock"] if match["clock"].count(":") == 2 else match["clock"] + ":00"
    offset = timedelta(0)
    if match["sign"]:
        offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
        offset = -offset if match["sign"] == "-" else offset
    try:
        time = datetime.fromisoformat(f"{match['date']} {clock}").replace(tzinfo=timezone(offset))
    except ValueError:  # 30 February, or an offset of 30 hours
        return None
    # In UTC it may be another year, and gradebooks write four digits.
    return time.timestamp() if 1970 <= time.year < 9999 else None


def time_text(seconds: int) -> str:
    """UTC, as a gradebook and an export write it.

    >>> time_text(86401)
    '1970-01-02T00:00:01Z'
    """
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Times:
    """When submissions were handed in, as a person has it.

    Attributes:
        known: seconds since 1970 by student, name of the file and assignment; the last two may be "", for any.
    """

    known: Mapping[tuple[str, str, str], int] = field(default_factory=dict)

    def find(self, assignment: str, student: str, file: str) -> int | None:
        """The time of a submission, by the row that says most about it; None where there is none."""
        name = PurePosixPath(file).name
        keys = [(student, f, a) for f in (name, "") for a in (assignment, "")]
        return next((self.known[key] for key in keys if key in self.known), None)


NO_TIMES = Times()

_COLUMNS = {
    "student": ("id", "student", "student id", "sid", "email"),
    "time": ("time", "submission time", "submitted at", "submitted"),
    "file": ("file",),
    "assignment": ("assignment",),
}


def read_times(path: Path) -> Times:
    """The times in a CSV file with the columns id and time, and perhaps file and assignment.

    Raises:
        UsageError: it is no such file, says two things about one submission, or a time whose zone is not known.
    """
    table = read_table(path, _COLUMNS)
    for needed in ("student", "time"):
        if needed not in table.fields:
            raise UsageError(f"{path}: no column {' or '.join(_COLUMNS[needed])}. Its first line has to name one.")
    known: dict[tuple[str, str, str], int] = {}
    for row in table.rows:
        if not row["time"]:  # not handed in
            continue
        seconds = parse_time(row["time"])
        if seconds is None:
            raise UsageError(
                f"{path}, line {row.line}: {visible(row['time'], 60)!r} is no time with an offset from UTC. "
                "Write it as 2026-10-01T23:59:00+02:00."
            )
        key = (row["student"], PurePosixPath(row["file"]).name, row["assignment"])
        if known.setdefault(key, int(seconds)) != int(seconds):
            raise UsageError(f"{path}, line {row.line}: a second time for {visible(row['student'], 100)}.")
    return Times(known)
