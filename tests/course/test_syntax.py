"""Threads may parse at the same time; without a lock, one parse in ten of this test fails before Python 3.13."""

from __future__ import annotations

import ast
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import autograder
from autograder.course.syntax import parse

SOURCE = "\n".join(f"def f{i}(x, y={i} + 1):\n    return [a * (b + 1) for a in x if a for b in y]" for i in range(60))


class Cycle:
    """Garbage whose end runs code, and so lets other threads in."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        sum(range(200))


@pytest.fixture
def restless():
    """Threads take turns, and garbage is collected, as often as can be."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(5)
    yield
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


def test_threads_parse_at_the_same_time(restless):
    expected = ast.dump(ast.parse(SOURCE))

    def run(_: int) -> list[ast.Module]:
        made = []
        for _ in range(40):
            garbage = [Cycle() for _ in range(10)]
            made.append(parse(SOURCE))
            del garbage
        return made

    with ThreadPoolExecutor(4) as threads:
        trees = [tree for made in threads.map(run, range(4)) for tree in made]
    assert len(trees) == 160
    assert ast.dump(trees[-1]) == expected


def test_what_threads_call_goes_through_it():
    home = Path(autograder.__file__).parent
    alone = [
        str(path.relative_to(home))
        for folder in ("course", "grading")
        for path in (home / folder).rglob("*.py")
        if "ast.parse(" in path.read_text(encoding="utf-8") and path.name != "syntax.py"
    ]
    assert alone == []
