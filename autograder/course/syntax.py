"""Python's parser, for programs with threads."""

from __future__ import annotations

import ast
import threading

_parser = threading.Lock()


def parse(text: str, name: str = "<unknown>") -> ast.Module:
    """`ast.parse`, one thread at a time.

    Before Python 3.13 all threads share one count of how deep the tree is, and two that parse at the same time may be
    told that it does not match (`SystemError`).

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: depends on the text.
    """
    with _parser:
        return ast.parse(text, name)
