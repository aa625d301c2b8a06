"""The entries of ATTACKS.md, and the table in which each of them has its rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from . import (
    test_back_doors,
    test_exhaustion,
    test_files,
    test_injection,
    test_points_without_work,
    test_return_values,
    test_stealing,
    test_tampering,
)

NUMBERS = {
    "A": "01 02 04 05 07 08 10 11 13 14 16 17 19 20 22 23 25 26",
    "B": "01 02 04 05 07 08 10 11 13 14 16 17 19 20",
    "C": "01 02 04 05 07 08 10 11 13 14 16 17 19 20 22 23 25 26 28",
    "D": "01 02 04 05 07 08 10 11 13 14 16 17 19 20 22 23 25 26 28 29 31 32",
    "E": "01 02 04 05 07 08 10 11 13 14",
    "F": "01 02 04 05 07 08 10 11 13 14 16 17 19 20 22",
    "G": "01 02 04 05 07 08 10 11 13 14 16 17 19 20 22 23 25 26 28 29 31 32 34 35",
    "H": "01 02 04 05 07 08 10 11 13 14 16 17 19 20",
}
IDS = tuple(f"{family}-{number}" for family, numbers in NUMBERS.items() for number in numbers.split())

#: Rows by id; an id may have several rows, "G-04 UTF-16" and "G-04 Latin-1", but all of them in one table.
TABLES: Mapping[str, Iterable[str]] = {
    "return values": test_return_values.TABLE,
    "stealing": test_stealing.TABLE,
    "back doors": test_back_doors.TABLE,
    "tampering": test_tampering.TABLE,
    "points without work": test_points_without_work.TABLE,
    "exhaustion": test_exhaustion.ATTACKS,
    "files": test_files.FILES,
    "names of files": test_files.NAMES,
    "archives": test_files.IN_ARCHIVES,
    "texts": test_injection.TEXTS,
    "names of students": test_injection.NAMES,
}


def id_of(row: str) -> str | None:
    """The entry that a row belongs to; None for a row of our own."""
    found = re.match(r"[A-H]-\d\d\b", row)
    return found[0] if found else None
