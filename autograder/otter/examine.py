"""A hidden check in a kernel of otter-grader: probes, comparison and words of the sandbox, without its walls.

The test files of an archive call `examine` with the names of the notebook. What is asked and expected lies beside the
test files, one data file per question.
"""

from __future__ import annotations

import linecache
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from autograder import messages
from autograder.course.observe import KERNEL_CELLS
from autograder.grading.key import AnswerKey, KeyedCheck, read_public
from autograder.grading.marking import mark_transcript
from autograder.grading.submissions import Submission
from autograder.sandbox import wire
from autograder.sandbox.job import StudentBench, answer_of, send_answer
from autograder.sandbox.limits import Limits
from autograder.sandbox.live import Converter
from autograder.sandbox.sitting import Outcome, Transcript, outcome_of


def examine(question: str, title: str, names: Mapping[str, Any], folder: str = "tests") -> None:
    """Ask and mark one check.

    Args:
        question: its name.
        title: of the check.
        names: of the notebook, as its cells left them.
        folder: of the data files, seen from where Otter runs a notebook.

    Raises:
        AssertionError: the check does not hold; the message says why.
        UsageError: the data file is missing.
    """
    key = _key(Path(folder, f"{question}.json").absolute())
    (keyed,) = key.questions
    check = next(check for check in keyed.checks if check.title == title)
    # A kernel keeps the text of its cells, in the order in which they ran.
    texts = names.get("In")
    cells = tuple((i, text) for i, text in enumerate(texts) if type(text) is str) if type(texts) is list else ()
    _know_cells()
    part = replace(key, questions=(replace(keyed, checks=(check,)),))
    transcript = Transcript({question: _answers(question, check, names)}, (), 1)
    mark = mark_transcript(Submission("", "", cells=cells), part, transcript, "hint", {})
    found = mark.questions[0].checks[0]
    if found.verdict != "pass":
        raise AssertionError(f"{messages.say(f'verdict.{found.verdict}')}: {found.message}")


@cache
def _key(path: Path) -> AnswerKey:
    with suppress(ImportError):
        import torch  # noqa: F401  # a job has it loaded, whatever the notebook imports
    key = read_public(path)
    messages.use(key.words)
    return key


def _know_cells() -> None:
    """Make known which files are cells: a kernel keeps their text where tracebacks look for it."""
    folder = f"{tempfile.gettempdir()}{os.sep}ipykernel_{os.getpid()}{os.sep}"
    KERNEL_CELLS.update(file for file in tuple(linecache.cache) if file.startswith(folder))


class _Line:
    """What was sent last, as it would arrive at the grader."""

    def __init__(self) -> None:
        self.arrived: Any = None

    def send(self, message: Any) -> None:
        self.arrived = wire.decode_frame(wire.encode(message))


def _answers(question: str, check: KeyedCheck, names: Mapping[str, Any]) -> tuple[Outcome, ...]:
    bench, line, outcomes = StudentBench(names, Converter()), _Line(), []
    for case in check.cases:
        send_answer(line, answer_of(case.probe.ask, question, bench))
        outcomes.append(outcome_of(line.arrived, Limits()))
    return tuple(outcomes)
