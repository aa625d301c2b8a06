"""Feedback where students work: ``%load_ext autograder`` in a notebook, then ``%check`` or ``%check softmax``.

The public checks run in the student's own kernel, on what is defined there at that moment. So nothing is sandboxed
here, nothing has a time limit, and no mark comes of it.
"""

from __future__ import annotations

import importlib
import io
import linecache
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError as MagicError

from autograder import messages
from autograder.course.observe import KERNEL_CELLS
from autograder.errors import AutograderError, UsageError
from autograder.grading.key import PUBLIC_FILE, AnswerKey, KeyedQuestion, read_public
from autograder.grading.marking import mark_transcript
from autograder.grading.submissions import Submission
from autograder.messages import say
from autograder.records.mark import Mark
from autograder.reports.feedback import make_feedback
from autograder.reports.pages import fragment
from autograder.reports.terminal import feedback
from autograder.sandbox import describe
from autograder.sandbox.job import StudentBench, answer_of
from autograder.sandbox.limits import Limits
from autograder.sandbox.live import Converter
from autograder.sandbox.sitting import Outcome, Transcript, outcome_of

_WIDTH = 100


def load_ipython_extension(shell: Any) -> None:
    """Called by ``%load_ext autograder``: gives the kernel the magic ``%check``."""

    def check(line: str) -> Checked:
        """%check [QUESTION ...]: run the public checks of these questions, of all where none is named."""
        try:
            return Checked(check_in_kernel(shell, line.split()))
        except AutograderError as error:
            raise MagicError(str(error)) from None

    shell.register_magic_function(check, "line", "check")


class Checked:
    """What ``%check`` shows: HTML in a notebook, text on a terminal. `mark` holds the result as data."""

    def __init__(self, mark: Mark) -> None:
        self.mark = mark

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from rich.console import Console

        stream = io.StringIO()
        # In Jupyter, Rich would display what it is asked to write.
        console = Console(
            file=stream,
            width=_WIDTH,
            markup=False,
            emoji=False,
            highlight=False,
            force_jupyter=False,
            force_terminal=False,
        )
        console.print(feedback(self.mark))
        return {"text/html": fragment(make_feedback(self.mark)), "text/plain": stream.getvalue()}


def check_in_kernel(shell: Any, questions: Sequence[str], tests: Path = Path("tests")) -> Mark:
    """Run public checks on what is defined in this kernel.

    Args:
        shell: the kernel's IPython shell.
        questions: names; all where there is none.
        tests: the folder with the public checks.

    Returns:
        The mark, counted over the public checks of these questions.

    Raises:
        UsageError: there are no public checks there, or none of such a question.
    """
    key = _asked(read_public(tests / PUBLIC_FILE), questions)
    messages.use(key.words)
    if any(question.kind in ("torch", "train") for question in key.questions):
        with suppress(ImportError):
            importlib.import_module("torch")  # inputs of these checks are tensors, whatever the notebook has imported
    cells = tuple(sorted(_cells(shell)))
    bench = StudentBench(shell.user_ns, Converter())
    answers = {question.name: tuple(_outcomes(question, bench)) for question in key.questions}
    submission = Submission(say("report.you"), "", cells=cells)
    return mark_transcript(submission, key, Transcript(answers, (), 1), "full", {})


def _asked(key: AnswerKey, names: Sequence[str]) -> AnswerKey:
    known = {question.name: question for question in key.questions}
    for name in names:
        if name not in known:
            raise UsageError(f"{name!r} has no public checks. There are {', '.join(known)}.")
    return replace(key, questions=tuple(known[name] for name in dict.fromkeys(names)) or key.questions)


def _cells(shell: Any) -> Iterator[tuple[int, str]]:
    """Number and source of each cell that was run; each is made known to whatever speaks of cells."""
    describe.forget_cells()
    for file, (_, _, lines, *_) in [(file, entry) for file, entry in linecache.cache.items() if len(entry) == 4]:
        # ("Cell", "In[3]"), None for what is no cell
        name = shell.compile.format_code_name(file)
        number = re.search(r"\d+", name[1]) if name else None
        if number is not None:
            source = "".join(lines)
            KERNEL_CELLS.add(file)
            describe.know_cell(file, f"cell {number[0]}", source)
            yield int(number[0]), source


def _outcomes(question: KeyedQuestion, bench: StudentBench) -> Iterator[Outcome]:
    for check in question.checks:
        for case in check.cases:
            answer = answer_of(case.probe.ask, question.name, bench, passed_on=(KeyboardInterrupt,))
            yield outcome_of(answer, Limits())
