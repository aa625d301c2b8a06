"""Which words of a student's own code may be told?

Code that was asked a hidden check knows its inputs, and can hide them in everything that it says from then on: in the
text of an exception, also of a later cell, or in what it returns to a public check. Below the level "full" such words
are therefore not told. They come from a second sitting instead, which is asked the public checks alone; its messages
are put into the first mark, whose verdicts and points stay as they are. Only a submission that has something to be
told needs it.
"""

from __future__ import annotations

from dataclasses import replace

from autograder.grading.key import AnswerKey
from autograder.records.mark import CellMark, CheckMark, Mark, QuestionMark
from autograder.sandbox.sitting import Transcript

#: Verdicts whose message has words of the student's; those of a limit are ours alone.
_WORDED = frozenset({"fail", "error", "missing"})


def public_part(key: AnswerKey, transcript: Transcript, mark: Mark) -> AnswerKey | None:
    """What the second sitting asks; None where it would tell nothing new.

    What reached a limit in the first sitting is left out: it would only reach it again.
    """
    worded = any(check.public and check.verdict in _WORDED for q in mark.questions for check in q.checks)
    if not worded and all(cell.status != "error" for cell in transcript.cells):
        return None
    slow = {q.name for q in mark.questions if any(check.verdict == "limit" for check in q.checks)}
    public = key.public()
    questions = tuple(question for question in public.questions if question.name not in slow)
    return replace(public, questions=questions) if questions else None


def with_words(mark: Mark, public: Mark) -> Mark:
    """The mark with the messages of another one, that of the second sitting, where both found something wrong."""
    questions = {question.name: question for question in public.questions}
    cells = {cell.number: cell for cell in public.cells if cell.status == "error"}
    return replace(
        mark,
        questions=tuple(_question_with_words(question, questions.get(question.name)) for question in mark.questions),
        cells=tuple(_cell_with_words(cell, cells.get(cell.number)) for cell in mark.cells),
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
        return replace(check, message=source.message)

    return replace(question, checks=tuple(map(told, question.checks)))


def _cell_with_words(cell: CellMark, public: CellMark | None) -> CellMark:
    return cell if public is None or cell.status != "error" else replace(cell, message=public.message)
