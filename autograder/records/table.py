"""What stands in a table that people give us? CSV of platforms and spreadsheets, by the names of the columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UsageError

_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Row:
    """One line of a table, by the names of our fields; what the table lacks is ""."""

    line: int
    values: Mapping[str, str]

    def __getitem__(self, field: str) -> str:
        return self.values.get(field, "")


@dataclass(frozen=True)
class Table:
    """The fields that a table has, with the names of their columns, and its rows."""

    fields: Mapping[str, str]
    rows: tuple[Row, ...]


def read_table(path: Path, columns: Mapping[str, Sequence[str]]) -> Table:
    """The rows of a CSV file, blank ones left out.

    Args:
        path: the file; UTF-8, separated by commas, semicolons or tabs, with its column names in the first line.
        columns: for each field the names its column may have, in small letters; the first that is there is taken.

    Raises:
        UsageError: it cannot be read, or is no such table.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start} is not UTF-8 text. Save it as CSV in UTF-8.") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}).") from None
    first = text.split("\n", 1)[0]
    if not first.strip():
        raise UsageError(f"{path}: is empty. The first line has to name the columns.")
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [" ".join(name.replace("_", " ").lower().split()) for name in next(reader)]
        present = {field: [name for name in names if name in header] for field, names in columns.items()}
        fields = {field: names[0] for field, names in present.items() if names}
        rows = []
        for cells in reader:
            cells += [""] * (len(header) - len(cells))
            found = {field: cells[header.index(name)].strip() for field, name in fields.items()}
            if any(found.values()):
                rows.append(Row(reader.line_num, found))
    except (csv.Error, StopIteration) as error:
        raise UsageError(f"{path}, line {reader.line_num}: not a CSV table ({error}).") from None
    return Table(fields, tuple(rows))
