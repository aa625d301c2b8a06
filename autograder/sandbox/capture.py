"""Where the output of cells goes: one buffer with a limit, and the streams that write to it."""

from __future__ import annotations

import builtins
import io
from collections.abc import Callable
from typing import Any

# A private copy, for the reason given in `autograder.sandbox.stubs`.
globals()["__builtins__"] = dict(vars(builtins))


def encodable(text: str) -> str:
    """The text with lone surrogates as backslash escapes: nothing further along has to fear them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Buffer:
    """Text up to a limit, in characters; the rest is counted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Forget all text."""
        self._parts: list[str] = []
        self._room, self._dropped = self._limit, 0

    def add(self, text: str) -> None:
        """Append what fits."""
        size = len(text)
        if size <= self._room:
            self._parts.append(text)
            self._room -= size
        else:
            self._parts.append(text[: self._room])
            self._dropped += size - self._room
            self._room = 0

    def take(self) -> str:
        """All text since the last call, ready to be encoded; a last line tells how much was dropped."""
        # Escapes make it longer: the limit holds for what is sent.
        text, dropped = encodable("".join(self._parts)), self._dropped
        self.clear()
        if len(text) > self._limit:
            text, dropped = text[: self._limit], dropped + len(text) - self._limit
        return text + (f"\n[... {dropped} more characters]" if dropped else "")

    def aside(self, run: Callable[[], object]) -> str:
        """Run and return the text added meanwhile; afterwards the buffer holds what it held before."""
        before = self._parts, self._room, self._dropped
        self.clear()
        try:
            run()
            return self.take()
        finally:
            self._parts, self._room, self._dropped = before


class Stream(io.TextIOBase):
    """`sys.stdout` of cells. Cannot be closed; threads may write to it after their cell's end."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, buffer: Buffer, name: str) -> None:
        self._buffer, self.name = buffer, name

    def write(self, text: str) -> int:
        """Add text to the buffer; returns its length, as files do."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        text = str.__str__(text)  # a subclass may lie about its length
        self._buffer.add(text)
        return len(text)

    def writable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Nothing: the next cell needs it."""

    def reconfigure(self, **options: object) -> None:
        """Nothing: the encoding is of no consequence here."""

    @property
    def buffer(self) -> _Bytes:
        """`sys.stdout.buffer`."""
        return _Bytes(self._buffer)


class _Bytes(io.RawIOBase):
    """The stream for bytes; those that are no UTF-8 are shown as escapes."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        content = bytes(data)
        self._buffer.add(content.decode("utf-8", "backslashreplace"))
        return len(content)
