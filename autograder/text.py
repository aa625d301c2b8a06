"""Text that others wrote, made safe for where it goes: one function for each place.

- a terminal, a log, a message of ours: `visible` (without `keep_newlines` it is one line);
- a table that a spreadsheet may open: `csv_cell`;
- a file or a stream of JSON: `json_text`;
- a page of HTML: `html_text`, at every place of a template, before autoescape.

Whatever shows text of students calls one of them, at the place where it shows it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

#: Unicode categories that move the cursor, change the reading direction, or cannot be encoded:
#: control, format (bidirectional marks, zero-width joiners), surrogate, line and paragraph
#: separator.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Letters and symbols, by their category, that show nothing: fillers of Hangul, the empty pattern of Braille.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_CUT = "..."


def visible(text: str, limit: int, *, keep_newlines: bool = False) -> str:
    r"""The text with what a reader would not see written as escapes, cut to `limit` characters.

    The result contains no C0 or C1 control, DEL, format character, lone surrogate, line separator
    or Unicode noncharacter; it can be encoded as UTF-8, and is its own `visible` text.

    Args:
        text: anything, of any length; only its first `limit` characters are looked at.
        limit: the most characters of the result; a text that was cut ends with ``...``.
        keep_newlines: leave ``\n`` as it is instead of writing it as ``\x0a``.

    >>> print(visible("a\x1b[31mb\u202e", 100))
    a\x1b[31mb\u202e
    >>> visible("a long text", 8)
    'a lon...'
    """
    if len(text) <= limit and text.isprintable() and _BLANK.isdisjoint(text):
        return text
    pieces: list[str] = []
    room = limit
    for character in text[: limit + 1]:
        safe = (keep_newlines and character == "\n") or _is_safe(character)
        piece = character if safe else _escape(character)
        room -= len(piece)
        if room < 0:
            return _cut("".join(pieces), limit)
        pieces.append(piece)
    return "".join(pieces)


def _cut(text: str, limit: int) -> str:
    """The text, which has to lose something, with the mark that says so where it fits."""
    return text[: max(limit - len(_CUT), 0)] + _CUT[: max(limit, 0)]


def _is_safe(character: str) -> bool:
    code = ord(character)
    # U+FFFE, U+FFFF (their like in every plane) and U+FDD0..U+FDEF may not stand in XML reports.
    nonchar = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return not nonchar and character not in _BLANK and unicodedata.category(character) not in _UNSAFE


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


#: What begins a formula, at the start of a cell or behind a semicolon, which is a separator to half of the world. A
#: spreadsheet skips blanks in front of it, and some take signs of full width for the plain ones.
_FORMULA = re.compile(r"(?:^|(?<=;))(?=\s*[-=+@|%＝＋－＠])")


def csv_cell(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula, on one line.

    >>> csv_cell("=1+1")
    "'=1+1"
    >>> csv_cell("ann; =1+1")
    "ann;' =1+1"
    >>> csv_cell("ann")
    'ann'
    """
    return _FORMULA.sub("'", visible(text, 10_000))


def html_text(value: Any) -> Any:
    r"""What a template prints: plain text made visible; markup of ours, and what is no text, as it is.

    Jinja calls it for every expression of a template (``finalize``) and escapes the result.

    >>> html_text("a\u202eb")
    'a\\u202eb'
    """
    plain = isinstance(value, str) and not hasattr(value, "__html__")
    return visible(value, 20_000, keep_newlines=True) if plain else value


def json_text(document: Any, indent: int | None = 1) -> str:
    r"""The document as strict JSON with a line break at its end; on one line without indent.

    ASCII only: a lone surrogate in a student's text could otherwise not be written, and a terminal would obey
    an escape.

    Raises:
        ValueError: it holds a number that is not finite, for which JSON has no word.

    >>> json_text({"name": "\ud800"})
    '{\n "name": "\\ud800"\n}\n'
    """
    return json.dumps(document, indent=indent, allow_nan=False) + "\n"
