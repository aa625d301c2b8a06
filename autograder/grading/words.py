"""Which words of a student's own code may be told?

Code that was asked a hidden check knows its inputs, and can hide them in everything that it says from then on: in the
text of an exception, also of a later cell, or in what it returns to a public check. Below the level "full" such words
are therefore not told. They come from a second sitting instead, which is asked the public checks alone; its messages
are put into the first mark, whose verdicts and points stay as they are. Only a submission that has something to be
told needs it.

Which cells fail is told in the same way. A cell that fails only after hidden checks were asked may fail for what it
knows of them, and many such cells would spell it out: of these, no more than `MOST_ALONE` are told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from autograder.grading.key import AnswerKey
from autograder.records.mark import CellMark, CheckMark, Mark, QuestionMark
from autograder.sandbox.sitting import Transcript

#: Verdicts whose message has words of the student's; those of a limit are ours alone.
_WORDED = frozenset({"fail", "error", "missing"})
#: Enough for an honest notebook, whose cells fail in both sittings; the first alone runs those that reach a limit.
MOST_ALONE = 3


def public_part(key: AnswerKey, transcript: Transcript, mark: Mark) -> AnswerKey | None:
    """What the second sitting asks; None where it would tell nothing new.

    What reached a limit in the first sitting is left out: it would only reach it again.
    """
    # What is said of a missing name is ours, unless a cell failed that should have defined it.
    worded = any(check.public and check.verdict in ("fail", "error") for q in mark.questions for check in q.checks)
    if not worded and all(cell.status != "error" and not cell.traceback for cell in transcript.cells):
        return None
    slow = {q.name for q in mark.questions if any(check.verdict == "limit" for check in q.checks)}
    public = key.public()
    questions = tuple(question for question in public.questions if question.name not in slow)
    return replace(public, questions=questions) if questions else None


def with_words(mark: Mark, public: Mark | None = None, ran: Collection[int] = ()) -> Mark:
    """The mark with the messages of another one, where both found something wrong.

    Args:
        mark: of the first sitting.
        public: of the second sitting; None where there was none.
        ran: the numbers of the cells that the second sitting ran.
    """
    questions = {question.name: question for question in (public.questions if public else ())}
    cells = {cell.number: cell for cell in (public.cells if public else ()) if cell.number in ran}
    return replace(
        mark,
        questions=tuple(_question_with_words(question, questions.get(question.name)) for question in mark.questions),
        cells=_cells_with_words(mark.cells, cells),
    )


def _question_with_words(question: QuestionMark, public: QuestionMark | None) -> QuestionMark:
    if public is None:
        return question
    by_title = {check.title: check for check in public.checks if check.verdict in _WORDED}
    # What keeps a name from being defined is the same for the hidden checks of the question.
    missing = next((check for check in by_title.values() if check.verdict == "missing"), None)

    def told(check: CheckMark) -> CheckMark:
        source = missing if check.verdict == "missing" else by_title.get(check.title) if check.public else None
        if source is None or check.verdict not in _WORDED:
            return check
        values = source if check.public else check
        return replace(check, message=source.message, traceback=source.traceback, detail=values.detail)

    return replace(question, checks=tuple(map(told, question.checks)))


def _cells_with_words(cells: Iterable[CellMark], public: Mapping[int, CellMark]) -> tuple[CellMark, ...]:
    told, alone = [], 0
    for cell in cells:
        again = public.get(cell.number)
        if again is not None:
            same = cell.status == again.status == "error"
            told.append(replace(cell, message=again.message, output=again.output) if same else cell)
        elif alone < MOST_ALONE:
            told.append(cell)
            alone += 1
    return tuple(told)
