"""In which words does a report speak? One catalogue of messages per language, in one file each.

Every sentence that a student or a teacher reads in a report has a key in ``en.toml``. The other files of this folder
translate them; a course rewords them in its ``course.toml``::

    language = "de"

    [messages.report]
    hint = "Tipp"

What a language lacks is told in English.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from autograder.errors import CourseError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

COURSE_FILE = "course.toml"
SOURCE = "en"
#: Messages that hold what a job can choose; `autograder.grading.marking` cuts it out by their form.
_FIXED = frozenset({"ended.no_answer", "ended.crashed", "ended.ended_process"})
_HERE = Path(__file__).parent


class Catalogue:
    """The messages of one language, with what a course rewords.

    Args:
        language: one of `languages`.
        reworded: messages by key, in place of those of the language.

    Raises:
        CourseError: there is no such language or key, or a message has other placeholders than the English one.
    """

    def __init__(self, language: str = SOURCE, reworded: Mapping[str, str] | None = None) -> None:
        if language not in languages():
            raise CourseError(f"language {language!r} is not one of {', '.join(languages())}. Translate it, or choose.")
        self.language = language
        self.reworded = dict(reworded or {})
        source = shipped(SOURCE)
        for key, text in self.reworded.items():
            _check(key, text, source)
        self._texts = {**source, **shipped(language), **self.reworded}

    def say(self, key: str, **values: object) -> str:
        """The message of this key with its placeholders filled in.

        >>> Catalogue().say("report.score", points="3", of="4")
        '3 of 4 points'
        """
        return self._texts[key].format(**values) if values else self._texts[key]

    def get(self, key: str, default: str = "") -> str:
        """The message of this key, or `default` where there is none: for tables that hold advice for some cases."""
        return self._texts.get(key, default)

    def to_document(self) -> dict[str, Any]:
        """What `Catalogue` needs to be made again, as plain data; empty for plain English."""
        document: dict[str, Any] = {}
        if self.language != SOURCE:
            document["language"] = self.language
        if self.reworded:
            document["messages"] = self.reworded
        return document

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Catalogue:
        """The catalogue that `to_document` wrote, perhaps among other things."""
        return cls(document.get("language", SOURCE), document.get("messages"))

    def section(self, name: str) -> dict[str, str]:
        """The messages of one table of the file, by the rest of their keys."""
        return {key.removeprefix(f"{name}."): text for key, text in self._texts.items() if key.startswith(f"{name}.")}


def languages() -> tuple[str, ...]:
    """The languages that are shipped, English among them."""
    return tuple(sorted(path.stem for path in _HERE.glob("*.toml")))


@cache
def shipped(language: str) -> dict[str, str]:
    """The messages of a shipped language by key, such as ``report.hint``."""
    document = tomllib.loads((_HERE / f"{language}.toml").read_text(encoding="utf-8"))
    return dict(_flat(document))


def placeholders(text: str) -> set[str]:
    """The names in braces.

    Raises:
        ValueError: braces that do not match.
    """
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def read_course(folder: Path) -> Catalogue:
    """The catalogue that the ``course.toml`` of a course asks for; English where there is no such file.

    Raises:
        CourseError: the file is not right; the message says what and where.
    """
    path = folder / COURSE_FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return Catalogue(document.get("language", SOURCE), dict(_flat(document.get("messages", {}))))
    except FileNotFoundError:
        return Catalogue()
    except CourseError as error:
        raise CourseError(f"{path}: {error}") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CourseError(f"{path}: cannot be read ({error}).") from error


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, str):
            yield f"{before}{name}", value
        else:
            raise TypeError(f"{before}{name} must be a text")


def _check(key: str, text: str, source: Mapping[str, str]) -> None:
    if key not in source:
        close = difflib.get_close_matches(key, source, n=1)
        mean = f" Did you mean {close[0]!r}?" if close else ""
        raise CourseError(f"there is no message {key!r}.{mean}")
    try:
        found = placeholders(text)
    except ValueError as error:
        raise CourseError(f"message {key!r}: {error}. Write a brace of the text twice.") from None
    known = placeholders(source[key])
    if key in _FIXED:
        raise CourseError(f"message {key!r} cannot be reworded: what a job could choose in it is cut out of it.")
    if any(spec or conversion for _, _, spec, conversion in Formatter().parse(text)):
        raise CourseError(f"message {key!r} formats a placeholder. Write its name in braces, and nothing else.")
    if not found <= known:
        names = ", ".join(sorted(found - known))
        raise CourseError(f"message {key!r} has no placeholder {names}; known: {', '.join(sorted(known)) or 'none'}.")


_current = Catalogue()


def use(catalogue: Catalogue) -> None:
    """Speak in the words of this catalogue from now on, in all threads."""
    global _current
    _current = catalogue


def current() -> Catalogue:
    """The catalogue in use."""
    return _current


def say(key: str, **values: object) -> str:
    """The message of this key in the words of the catalogue in use."""
    return _current.say(key, **values)
