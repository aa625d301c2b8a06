"""Text that others wrote, made safe to show: on a terminal, in a log, in a report."""

from __future__ import annotations

import unicodedata

#: Unicode categories that move the cursor, change the reading direction, or cannot be encoded:
#: control, format (bidirectional marks, zero-width joiners), surrogate, line and paragraph
#: separator.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
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
    if len(text) <= limit and text.isprintable():
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
    return not nonchar and unicodedata.category(character) not in _UNSAFE


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def csv_cell(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula, on one line.

    >>> csv_cell("=1+1")
    "'=1+1"
    >>> csv_cell("ann")
    'ann'
    """
    shown = visible(text, 10_000)
    # A spreadsheet skips blanks in front of a formula, and some take signs of full width for the plain ones.
    return f"'{shown}" if shown.lstrip()[:1] in tuple("=+-@|%＝＋－＠") else shown
