"""What does the file of a notebook contain? The text of its code cells, or a reason why it cannot be graded.

Outputs and attachments are dropped unread, and metadata but for what it says of otter-grader's checks.
"""

from __future__ import annotations

import json
import re
from typing import Any

from autograder.grading.reading import Rejected
from autograder.messages import say
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
        raise Rejected(say("unread.other_assignment", named=visible(named, 60), assignment=assignment))
    cells = notebook.get("cells")
    if cells is None and "worksheets" in notebook:
        cells = _old_cells(notebook["worksheets"])
    if not isinstance(cells, list):
        raise Rejected(say("unread.no_cells"))
    if len(cells) > MAX_CELLS:
        raise Rejected(say("unread.many_cells", count=len(cells), most=MAX_CELLS))
    found = []
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input", ""))  # "input" up to format 3
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise Rejected(say("unread.no_source", number=number))
        if len(source) > MAX_CELL_CHARACTERS:
            raise Rejected(say("unread.long_cell", number=number, count=len(source), most=MAX_CELL_CHARACTERS))
        ignored, checked = _told_otter(cell.get("metadata"))
        if not ignored:
            found.append((number, source + "".join(f'\n{_OTTER}().check("{question}")' for question in checked)))
    size = sum(len(source) for _, source in found)
    if size > MAX_CODE_CHARACTERS:
        raise Rejected(say("unread.much_code", count=size, most=MAX_CODE_CHARACTERS))
    return tuple(found)


#: What does a check that a cell's metadata ask for; not `__import__`, which people would be shown as suspicious.
_OTTER = "from otter import Notebook as _otter_notebook; _otter_notebook"
#: How a question may be called that a cell's metadata names.
_QUESTION = re.compile(r"[\w .-]{1,100}")


def _told_otter(metadata: Any) -> tuple[bool, list[str]]:
    """Whether otter-grader is to leave a cell out, and the questions that it is to check right after it."""
    if not isinstance(metadata, dict):
        return False, []
    own = metadata.get("otter")
    own = own if isinstance(own, dict) else {}
    tags = metadata.get("tags")
    ignored = own.get("ignore") is True or (isinstance(tags, list) and "otter_ignore" in tags)
    named = own.get("tests")
    named = named if isinstance(named, list) else []
    return ignored, [name for name in named[:100] if isinstance(name, str) and _QUESTION.fullmatch(name)]


def _assignment_of(notebook: dict[str, Any]) -> str:
    """The assignment that a notebook was made for, "" where it does not say so."""
    metadata = notebook.get("metadata")
    for maker, key in (("autograder", "assignment"), ("otter", "assignment_name")):
        made = metadata.get(maker) if isinstance(metadata, dict) else None
        named = made.get(key) if isinstance(made, dict) else None
        if isinstance(named, str) and named:
            return named
    return ""


def _old_cells(sheets: Any) -> list[Any]:
    """The cells of format 3 or older, where they lie in worksheets.

    Not converted with nbformat, which would check all of a file against a schema: minutes, for many cells.
    """
    cells: list[Any] = []
    for sheet in sheets if isinstance(sheets, list) else [None]:
        inner = sheet.get("cells") if isinstance(sheet, dict) else None
        if not isinstance(inner, list):
            raise Rejected(say("unread.old_format"))
        cells += inner
    return cells


def _parse(data: bytes) -> dict[str, Any]:
    if not data.strip(b" \t\r\n\0"):
        raise Rejected(say("unread.empty"))
    for start, what in _MAGIC:
        if data.startswith(start):
            raise Rejected(say("unread.other_kind", what=say(f"unread.{what}")))
    if data.count(b"{") + data.count(b"[") > MAX_NODES:
        raise Rejected(say("unread.many_nodes", most=MAX_NODES))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(say("unread.not_utf8", at=error.start)) from None
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise Rejected(say("unread.not_json", line=error.lineno, column=error.colno)) from None
    except RecursionError:
        raise Rejected(say("unread.deep")) from None
    except ValueError:
        raise Rejected(say("unread.long_number")) from None
    if not isinstance(notebook, dict):
        raise Rejected(say("unread.no_object"))
    return notebook


#: How files that are often handed in by mistake begin.
_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"%PDF", "pdf"),
    (b"\xd0\xcf\x11\xe0", "office"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x1f\x8b", "gzip"),
    (b"\xff\xfe", "utf16"),
    (b"\xfe\xff", "utf16"),
    (b"<", "web"),
)
