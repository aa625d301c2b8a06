"""When was that? Texts of times as platforms write them, and never a time whose zone has to be guessed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[ T](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,][0-9]+)?"
    r" *(?:(?P<utc>Z|UTC|GMT)|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2}))"
)


def parse_time(text: str) -> float | None:
    """Seconds since 1970, cut to a whole one; None where the text is not a date, a time of day and an offset.

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
        return datetime.fromisoformat(f"{match['date']} {clock}").replace(tzinfo=timezone(offset)).timestamp()
    except (ValueError, OverflowError):  # 30 February, an offset of 30 hours, the year 1
        return None
