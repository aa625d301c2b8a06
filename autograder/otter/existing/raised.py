"""Exceptions of the student's code as the tests see them: classes and objects of this side, with the same names.

A test may name a student's class in an ``except``, which takes real classes only. So each has one here that comes from
the same built-in classes. Its objects are made here as well; what else they know is asked of the other side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from autograder.otter.existing.known import Foul, fields, library_name, library_object, listed
from autograder.sandbox.describe import describe_error

Code = Callable[[Any], Any]
_MOST_ARGUMENTS, _LONGEST = 20, 10_000


class StudentExit(Exception):
    """The student's function tried to end the process, or raised what is no `Exception`."""


class StudentsClass(type):
    """The class of such classes."""

    #: What stands in for the class of the other side.
    remote: Any

    def __call__(cls, *args: Any, **options: Any) -> Any:
        return cls.remote(*args, **options)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") or name == "remote":
            raise AttributeError(name)
        return getattr(cls.remote, name)


def told(error: BaseException, encode: Code, lend: Code | None) -> list[Any]:
    """An exception as data: its class, its arguments, its words, its number, and how it is told to people.

    Args:
        error: of this side.
        encode: of a value.
        lend: gives the number of an object that the other side may use; None where it may use nothing.
    """
    text, traceback = describe_error(error)
    said = ""
    with contextlib.suppress(Exception):
        said = str.__str__(str(error))[:_LONGEST]
    arguments = []
    for argument in error.args[:_MOST_ARGUMENTS]:
        try:
            arguments.append(encode(argument))
        except Exception:  # it cannot cross
            arguments.append(encode(f"<{type(argument).__name__}>"))
    number = -1 if lend is None else lend(error)
    return [told_class(type(error), lend), arguments, said, number, text, list(traceback)]


def told_class(kind: type[BaseException], lend: Code | None) -> list[Any]:
    """A class of exceptions as data."""
    known = library_name(kind)
    if known is not None and issubclass(kind, Exception):
        return list(known)
    bases = [base for base in kind.__bases__ if issubclass(base, BaseException)]
    if lend is None:
        return told_class(bases[0], lend) if bases else ["builtins", "Exception"]
    # A class that comes from no `Exception` comes from none here either.
    return [kind.__name__[:200], lend(kind), [told_class(base, lend) for base in bases if base is not BaseException]]


class Errors:
    """The exceptions of the other side, on this one.

    Args:
        remote: gives what stands in for an object of the other side by its number; None where nothing may be used.
        decode: of a value.
    """

    def __init__(self, remote: Callable[[int], Any] | None, decode: Code) -> None:
        self._remote, self._decode = remote, decode
        self._classes: dict[int, type[Exception]] = {}

    def class_of(self, content: Any) -> type[Exception]:
        """The class of this side for one of the other."""
        name, number, *bases = listed(content)
        if type(name) is str and type(number) is str and not bases:
            found = library_object(name, number)
            return found if isinstance(found, type) and issubclass(found, Exception) else StudentExit
        if type(name) is not str or type(number) is not int or len(bases) != 1 or self._remote is None:
            raise Foul("an exception of an unknown kind")
        if number not in self._classes:
            parents = tuple(dict.fromkeys(self.class_of(base) for base in listed(bases[0]))) or (StudentExit,)
            self._classes[number] = self._made(name, parents, self._remote(number))
        return self._classes[number]

    def _made(self, name: str, parents: tuple[type[Exception], ...], remote: Any) -> type[Exception]:
        content = {"remote": remote, "__module__": "notebook", "__str__": _words, "__getattr__": _attribute}
        try:
            made: Any = StudentsClass(name, parents, content)
        except (TypeError, ValueError):  # no order of these classes, or of their layouts
            made = StudentsClass("StudentError", (StudentExit,), content)
        kind: type[Exception] = made
        return kind

    def error_of(self, content: Any) -> Exception:
        """The exception of this side for one of the other."""
        kind_content, arguments, said, number, text, traceback = fields(content, 6)
        if type(said) is not str or type(text) is not str or type(number) is not int:
            raise Foul("an exception without words")
        kind = self.class_of(kind_content)
        parts = [self._decode(argument) for argument in listed(arguments)]
        if isinstance(kind, StudentsClass):
            error = _bare(kind, parts)
        else:
            try:
                error = kind(*parts)
            except Exception:  # one of the few that want arguments of their own
                error = _bare(kind, parts)
            if _said(error) != said:
                error = _bare(type(kind.__name__, (kind,), {"__str__": _words}), parts)
        error.words = said  # type: ignore[attr-defined]
        error.told = (text, tuple(line for line in listed(traceback) if type(line) is str))  # type: ignore[attr-defined]
        if self._remote is not None and number >= 0:
            error.remote = self._remote(number)  # type: ignore[attr-defined]
        return error


def _bare(kind: type[Exception], arguments: list[Any]) -> Exception:
    try:
        return kind.__new__(kind, *arguments)
    except Exception:
        return kind.__new__(kind)


def _said(error: Exception) -> str | None:
    with contextlib.suppress(Exception):
        return str(error)
    return None


def _words(error: Any) -> str:
    words: str = error.words
    return words


def _attribute(error: Any, name: str) -> Any:
    if name.startswith("__") or name in ("remote", "words", "told"):
        raise AttributeError(name)
    return getattr(error.remote, name)
