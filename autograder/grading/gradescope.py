"""What does the metadata file of a Gradescope export say? For each submission, who handed it in, and when.

The file is large where submissions have results, and may hold what students printed. So it is gone through event by
event: nothing of it is built but what is asked for, and no depth of nesting costs more than a rejection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from autograder.grading.reading import Rejected
from autograder.grading.times import parse_time
from autograder.text import visible

METADATA_FILE = "submission_metadata.yml"
#: Deeper than any export; the parser takes quadratic time for what is nested deeply.
_MAX_DEPTH = 60
#: The parser written in C, where it was built; both only cut the text into events here.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
#: Which of a submitter's facts is its id: the first that is not empty.
_ID_KEYS = (":sid", ":email", ":name")


def read_metadata(data: bytes) -> dict[str, tuple[tuple[str, ...], float | None]]:
    """Folder of each submission, with the ids of its students and the time, None where it is not given.

    Raises:
        Rejected: it is not such a file.
    """
    submissions: dict[str, tuple[dict[str, dict[str, str]], list[str]]] = {}
    try:
        for path, value in _scalars(data):
            people, times = submissions.setdefault(path[0], ({}, []))
            if len(path) == 4 and path[1] == ":submitters" and path[3] in _ID_KEYS:
                people.setdefault(path[2], {}).setdefault(path[3], value.strip())
            elif path[1:] == (":created_at",):
                times.append(value)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        reason = visible(str(error).replace("\n", " "), 200)
        raise Rejected(f"{METADATA_FILE} is not the metadata of a Gradescope export ({reason}).") from None
    return {
        folder: (_ids(people.values()), parse_time(times[0]) if times else None)
        for folder, (people, times) in submissions.items()
    }


def _ids(people: Iterable[dict[str, str]]) -> tuple[str, ...]:
    ids = (next((person[key] for key in _ID_KEYS if person.get(key)), "") for person in people)
    return tuple(dict.fromkeys(i for i in ids if i))


def _scalars(data: bytes) -> Iterator[tuple[tuple[str, ...], str]]:
    """The path and the text of each plain value that lies below two keys at least and four steps at most.

    Raises:
        ValueError: nested too deeply, or a key is no text.
    """
    #: For each open collection: its kind, and the key or the number of the entry that is being read.
    stack: list[tuple[bool, str | int | None]] = []
    for event in yaml.parse(data.decode("utf-8-sig"), Loader=_LOADER):
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
            _next_entry(stack)
        elif isinstance(event, yaml.CollectionStartEvent):
            if stack and stack[-1] == (True, None):
                raise ValueError("a list or a mapping is a key")
            stack.append((True, None) if isinstance(event, yaml.MappingStartEvent) else (False, 0))
            if len(stack) > _MAX_DEPTH:
                raise ValueError("it is nested too deeply")
        elif isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            value = event.value if isinstance(event, yaml.ScalarEvent) else ""
            if stack and stack[-1] == (True, None):
                stack[-1] = (True, value)
                continue
            if 2 <= len(stack) <= 4:
                yield tuple(str(key) for _, key in stack), value
            _next_entry(stack)


def _next_entry(stack: list[tuple[bool, str | int | None]]) -> None:
    """After a value: the next key of a mapping, or the next number of a list."""
    if stack:
        mapping, key = stack[-1]
        stack[-1] = (True, None) if mapping else (False, int(key or 0) + 1)
