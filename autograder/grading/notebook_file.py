"""What does the file of a notebook contain? The text of its code cells, or a reason why it cannot be graded.

Outputs, metadata and attachments are dropped unread.
"""

from __future__ import annotations

import json
from typing import Any

from autograder.grading.reading import Rejected
from autograder.text import visible

#: Objects and lists of a file. Each is up to 80 times as large in memory as in the file, unlike texts and numbers.
MAX_NODES = 1_000_000
MAX_CELLS = 2_000
MAX_CELL_CHARACTERS = 1_000_000
MAX_CODE_CHARACTERS = 5_000_000


def code_cells(data: bytes, assignment: str = "") -> tuple[tuple[int, str], ...]:
    """Number (from 1, all cells counted) and source of each code cell of a notebook file.

    Args:
        data: the bytes of the file.
        assignment: what the notebook has to belong to, if it says to what it belongs.

    Raises:
        Rejected: the bytes are no notebook, or one of another assignment; its text says what they are.
    """
    notebook = _parse(data)
    named = _assignment_of(notebook)
    if assignment and named not in ("", assignment):
        raise Rejected(f"It is the notebook of the assignment {visible(named, 60)!r}, not of {assignment!r}.")
    cells = notebook.get("cells")
    if cells is None and "worksheets" in notebook:
        cells = _old_cells(notebook["worksheets"])
    if not isinstance(cells, list):
        raise Rejected("Not a notebook: it is JSON, but has no list of cells.")
    if len(cells) > MAX_CELLS:
        raise Rejected(f"The notebook has {len(cells):,} cells; at most {MAX_CELLS:,} are read.")
    found = []
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input", ""))  # "input" up to format 3
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise Rejected(f"Cell {number} has no text as its source. Save the notebook again in Jupyter.")
        if len(source) > MAX_CELL_CHARACTERS:
            raise Rejected(f"Cell {number} has {len(source):,} characters; at most {MAX_CELL_CHARACTERS:,} are read.")
        found.append((number, source))
    size = sum(len(source) for _, source in found)
    if size > MAX_CODE_CHARACTERS:
        raise Rejected(f"The notebook has {size:,} characters of code; at most {MAX_CODE_CHARACTERS:,} are read.")
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
            raise Rejected("The notebook has an old format that cannot be converted. Save it again in Jupyter.")
        cells += inner
    return cells


def _parse(data: bytes) -> dict[str, Any]:
    if not data.strip(b" \t\r\n\0"):
        raise Rejected("The file is empty. Was the notebook saved before it was handed in?")
    for start, what in _MAGIC:
        if data.startswith(start):
            raise Rejected(f"Not a notebook: the file is {what}.")
    if data.count(b"{") + data.count(b"[") > MAX_NODES:
        raise Rejected(f"It holds more than {MAX_NODES:,} objects and lists. Clear the outputs and save it again.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(f"Not a notebook: byte {error.start} is not UTF-8 text.") from None
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise Rejected(f"Not a valid notebook: JSON error in line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise Rejected("Not a valid notebook: its JSON is nested too deeply.") from None
    except ValueError:
        raise Rejected("Not a valid notebook: it holds a number that is too long to read.") from None
    if not isinstance(notebook, dict):
        raise Rejected("Not a notebook: it is JSON, but not an object.")
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
