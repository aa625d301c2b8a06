"""One student's feedback as plain text, for the comment field of a learning management system."""

from __future__ import annotations

from collections.abc import Iterator

from autograder.messages import say
from autograder.records.mark import CheckMark
from autograder.reports.feedback import Feedback, QuestionFeedback, detail_blocks, short_score, verdict_word
from autograder.text import visible

#: Comment fields take some thousand characters at least.
LIMIT = 10_000


def lms_text(told: Feedback, limit: int = LIMIT) -> str:
    """The feedback as text of at most `limit` characters; it tells where its end had to be left out."""
    lines = [visible(line, limit) for line in "\n".join(_lines(told)).split("\n")]
    text = "\n".join(lines).rstrip() + "\n"
    if len(text) <= limit:
        return text
    last = say("report.cut_text") + "\n"
    return text[: limit - len(last)].rpartition("\n")[0] + "\n" + last


def _lines(told: Feedback) -> Iterator[str]:
    yield f"{told.mark.student}, {told.mark.assignment}: {told.score}"
    if told.reason:
        yield told.reason
    yield from (f"{say('report.note')}: {note}" for note in told.notes)
    yield say("report.next", next=told.next)
    if told.cells:
        yield from ("", say("report.cells_failed").upper())
        for cell in told.cells:
            yield f"- {say('report.cell', number=cell.number)}: {cell.message}"
            if cell.output:
                yield from _box(say("report.output"), cell.output.splitlines())
    for question in told.failing:
        yield from ("", *_question(question))
    if told.passing:
        yield from ("", f"{say('report.all_pass')}:")
        yield ", ".join(f"{question.mark.name} {question.score}" for question in told.passing)


def _question(question: QuestionFeedback) -> Iterator[str]:
    extra = f" ({say('report.extra')})" if question.mark.extra else ""
    yield f"{question.mark.name} {question.score}{extra}"
    if question.together:
        first = question.checks[0]
        yield f"- {verdict_word(first.verdict)}: {say('report.all_checks', count=len(question.checks))}"
        yield from _explanation(first)
    else:
        for check in question.checks:
            kind = "" if check.public else f" [{say('report.hidden')}]"
            yield f"- {verdict_word(check.verdict)}: {check.title} ({short_score(check)}){kind}"
            yield from _explanation(check)
            if check.hint:
                yield f"  {say('report.hint', hint=check.hint)}"
    if question.mark.diagnosis:
        yield question.mark.diagnosis
    if question.mark.hint:
        yield say("report.hint", hint=question.mark.hint)
    yield say("report.next", next=question.next)


def _explanation(check: CheckMark) -> Iterator[str]:
    yield from (f"  {line}" for line in check.message.split("\n") if check.message)
    if check.traceback:
        yield from _box(say("report.traceback"), check.traceback)
    for title, lines in detail_blocks(check.detail):
        yield from _box(title, lines)


def _box(title: str, lines: Iterator[str] | list[str] | tuple[str, ...]) -> Iterator[str]:
    yield f"  {title}:"
    yield from (f"  | {line}" for line in lines)
