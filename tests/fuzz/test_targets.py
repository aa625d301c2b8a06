"""The fuzzer's targets hold for their seeds, and each of them can fail."""

from __future__ import annotations

import pytest

from autograder.grading import gradescope, notebook_file, submissions
from autograder.sandbox import wire

from .targets import TARGETS

CASES = [(name, number) for name, (_, seeds) in TARGETS.items() for number, _ in enumerate(seeds())]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_target_holds_for_its_seeds_and_for_parts_of_them(name, number):
    target, seeds = TARGETS[name]
    data = list(seeds())[number]
    for end in {*range(0, len(data), max(len(data) // 20, 1)), len(data)}:
        target(data[:end])


def test_seeds_reach_what_is_read():
    """A seed that is refused at the door would leave the fuzzer in front of it."""
    assert sum(len(notebook_file.code_cells(seed)) for seed in TARGETS["notebook"][1]() if seed[:1] == b"{") == 3
    assert len([wire.decode_frame(seed) for seed in list(TARGETS["wire"][1]())[:8]]) == 8


@pytest.mark.parametrize(
    ("name", "module", "function"),
    [
        ("wire", wire, "decode_frame"),
        ("notebook", notebook_file, "code_cells"),
        ("archive", submissions, "find_submissions"),
        ("metadata", gradescope, "read_metadata"),
    ],
)
def test_an_error_that_is_not_the_reader_s_own_breaks_its_target(monkeypatch, name, module, function):
    def broken(*_):
        raise IndexError("found")

    monkeypatch.setattr(module, function, broken)
    target, seeds = TARGETS[name]
    with pytest.raises(IndexError, match="found"):
        target(next(seeds()))
