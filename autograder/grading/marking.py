"""From what a submission answered to what it is worth: verdicts, points and the words that explain them."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from autograder.grading import policy
from autograder.grading.compare import compare
from autograder.grading.detail import detail
from autograder.grading.difference import Difference
from autograder.grading.explain import render
from autograder.grading.key import AnswerKey, Case, KeyedCheck, KeyedQuestion
from autograder.grading.notebook_text import NotebookText
from autograder.grading.submissions import Submission
from autograder.messages import say
from autograder.records.mark import CellMark, CheckMark, Mark, QuestionMark, Verdict
from autograder.sandbox.sitting import CellReport, Outcome, Transcript
from autograder.text import visible

Reveal = Literal["none", "hint", "full"]

#: What each kind of outcome counts as; an answer has to be compared first.
_VERDICTS: dict[str, Verdict] = {
    "missing": "missing",
    "raised": "error",
    "died": "error",
    "limit": "limit",
    "grader_error": "grader_error",
}
_MESSAGE_LIMIT = 4_000
_LINE_LIMIT = 400
#: Of the output of a cell that failed, the end is kept: what was printed last stands nearest to the failure.
_OUTPUT_LIMIT = 1_000
#: Lines of a cell whose place in it is told.
_LONGEST_TOLD = 1_000
#: What a job can choose of the way in which it ends: an exit code, the numbers of a frame that is no answer.
_CHOSEN = re.compile(r" \((?!exit code 0\)|signal )[^()]*\)")
#: Where an exception came from, as a job writes it: at the begin of a line of a traceback, in brackets in a message.
_PLACE = re.compile(r"(?:^|(?<=\())cell (\d+), line (\d+)(?:, in (\w+))?(?=: )")


def mark_transcript(
    submission: Submission, key: AnswerKey, transcript: Transcript, reveal: Reveal, provenance: dict[str, Any]
) -> Mark:
    """The mark of a submission that sat the exam.

    Args:
        submission: whose mark it is.
        key: what was expected.
        transcript: what came back.
        reveal: how much a failed hidden check may tell. Public checks and cells tell everything, unless the key has
            hidden checks: then code that knows their inputs may have worded it; see `autograder.grading.words`.
        provenance: stored with the mark.
    """
    all_public = all(check.public for question in key.questions for check in question.checks)
    told: Reveal = "full" if all_public or reveal == "full" else "hint"
    transcript = replace(transcript, cells=tuple(_told_cell(c, submission, transcript, told) for c in transcript.cells))
    text = NotebookText(submission.cells)
    questions = tuple(_mark_question(q, submission, transcript, reveal, told, text) for q in key.questions)
    broken = any(c.verdict == "grader_error" for q in questions for c in q.checks)
    return Mark(
        key.assignment,
        submission.student,
        submission.file,
        submission.sha256,
        "grader_error" if broken else "graded",
        key.hundredths,
        (*submission.flags, *policy.flags(text, questions)),
        questions,
        cell_marks(transcript),
        provenance,
    )


def cell_marks(transcript: Transcript) -> tuple[CellMark, ...]:
    """The cells that did not simply run, in the words of their reports."""
    return tuple(_cell_mark(c) for c in transcript.cells if c.status in ("error", "limit"))


def mark_unread(
    submission: Submission,
    assignment: str,
    max_hundredths: int,
    status: Literal["rejected", "grader_error"],
    provenance: dict[str, Any],
) -> Mark:
    """The mark of a submission that never ran: a file that could not be read, or a fault of ours."""
    return Mark(
        assignment,
        submission.student,
        submission.file,
        submission.sha256,
        status,
        max_hundredths,
        (submission.rejected, *submission.flags),
        provenance=provenance,
    )


def _mark_question(
    question: KeyedQuestion,
    submission: Submission,
    transcript: Transcript,
    reveal: Reveal,
    told: Reveal,
    text: NotebookText,
) -> QuestionMark:
    outcomes = iter(transcript.answers[question.name])
    checks = []
    for check in question.checks:
        pairs = [(case, next(outcomes)) for case in check.cases]
        level = told if check.public else reveal
        mark = _mark_check(question.name, check, pairs, submission, transcript, level)
        checks.append(policy.applied(mark, check, [outcome for _, outcome in pairs], question, text))
    failed = any(check.verdict != "pass" for check in checks)
    uses = text.uses(question.name, transcript.answers) if failed else ()
    return QuestionMark(question.name, question.hundredths, question.extra, tuple(checks), uses=uses)


def _mark_check(
    name: str,
    check: KeyedCheck,
    pairs: list[tuple[Case, Outcome]],
    submission: Submission,
    transcript: Transcript,
    level: Reveal,
) -> CheckMark:
    """All cases of a check must hold; the first that does not gives the verdict and the words."""
    for case, outcome in pairs:
        verdict, message, difference = _judge(name, case, outcome, submission, transcript, level)
        if verdict != "pass":
            # A hint speaks of a wrong answer; where there was none, the message says what to do.
            hint = check.hint if level != "none" and outcome.kind in ("answer", "raised") else ""
            text = visible(message, _MESSAGE_LIMIT, keep_newlines=True)
            own = level == "full"
            lines = tuple(
                visible(_placed(line), _LINE_LIMIT) for line in outcome.traceback if own and verdict == "error"
            )
            shown = own and check.public and verdict in ("fail", "error")
            seen = detail(case, outcome.parts, difference) if shown else None
            return CheckMark(check.title, check.public, verdict, 0, check.hundredths, text, hint, lines, seen)
    return CheckMark(check.title, check.public, "pass", check.hundredths, check.hundredths)


def _judge(
    name: str, case: Case, outcome: Outcome, submission: Submission, transcript: Transcript, level: Reveal
) -> tuple[Verdict, str, Difference | None]:
    if outcome.kind == "answer":
        difference = compare(case.expected, policy.split_observed(outcome.parts)[0], case.allowed)
        if difference is None:
            return "pass", "", None
        verdict: Verdict = "grader_error" if difference.kind == "not_comparable" else "fail"
        return verdict, render(difference, level, name), difference
    verdict = _VERDICTS[outcome.kind]
    if outcome.kind == "raised":
        return verdict, _raised(outcome, submission, transcript, level), None
    if outcome.kind == "grader_error":
        return verdict, say("marking.grader_failed", reason=outcome.message), None
    ended = outcome.message if level == "full" else _CHOSEN.sub("", outcome.message)
    advice = _about_missing(name, outcome, submission, transcript) if outcome.kind == "missing" else ""
    return verdict, f"{say('marking.ended', name=name, how=ended)} {advice}".rstrip(), None


def _raised(
    outcome: Outcome | CellReport,
    submission: Submission,
    transcript: Transcript,
    level: Reveal,
    what: str = "function",
) -> str:
    """An exception in words.

    The message of an exception is the student's text and may carry the inputs of a hidden check, and so may the name
    of its class. Below "full", only a name that Python itself defines and the student's own line are told.
    """
    if level == "full":
        return "\n".join([_placed(outcome.message), *_advice(outcome, submission, transcript, what)])
    key = "marking.raised" if what == "function" else "marking.cell_raised"
    if level == "none":
        return say(key)
    if what == "function" and not outcome.traceback and outcome.message.startswith("TypeError: "):
        return say("marking.parameters")
    found = re.match(r"[A-Za-z]\w*", outcome.message)
    kind = found[0] if found and isinstance(getattr(builtins, found[0], None), type) else say("marking.own_exception")
    return say(f"{key}_kind", kind=kind, place=_own_line(outcome.traceback, dict(submission.cells)))


def _placed(text: str) -> str:
    """What a job says of an exception, with the place in the words of the course."""
    key = "report.place"
    return _PLACE.sub(lambda m: say(f"{key}_in" if m[3] else key, cell=m[1], line=m[2], name=m[3]), text, count=1)


def _own_line(traceback: tuple[str, ...], cells: Mapping[int, str]) -> str:
    """Where an exception came from; the text of the line is looked up here, not taken from the job.

    A job chooses the line. Of a cell that is longer than people write, it could choose among a million.
    """
    place = re.match(r"cell (\d{1,4}), line (\d{1,4})", traceback[-1]) if traceback else None
    if place is None:
        return ""
    lines = cells.get(int(place[1]), "").splitlines()
    at = int(place[2])
    told = 0 < at <= len(lines) <= _LONGEST_TOLD
    return say("marking.at", cell=int(place[1]), line=at, text=lines[at - 1].strip()[:200]) if told else ""


def _advice(outcome: Outcome | CellReport, submission: Submission, transcript: Transcript, what: str) -> Iterator[str]:
    """What to do about an exception whose cause can be seen from its text."""
    name = re.match(r"NameError: name '(\w{1,100})' is not defined", outcome.message)
    if name:
        failed = _failed_definition(name[1], submission, transcript)
        yield failed or say("marking.define_above", name=name[1])
    # Without a line of the student's own: the call itself was refused.
    if what == "function" and not outcome.traceback and outcome.message.startswith("TypeError: "):
        yield say("marking.parameters")


def _about_missing(name: str, outcome: Outcome, submission: Submission, transcript: Transcript) -> str:
    """What to do about a name that is not there, or still a stub."""
    if outcome.message == say("ended.unwritten"):
        return say("marking.unwritten")
    return _failed_definition(name, submission, transcript) or say("marking.undefined")


def _failed_definition(name: str, submission: Submission, transcript: Transcript) -> str:
    """The failed cell that should have defined a name, in a sentence; "" where there is none."""
    failed = {c.number: c for c in transcript.cells if c.status in ("error", "limit")}
    # Blanks of one line only: a `\s*` behind `^` would try every pair of lines in a cell of empty ones.
    defines = re.compile(rf"^[ \t]*(?:def|class)[ \t]+{name}\b|^{name}[ \t]*[:=]", re.MULTILINE)
    for number, source in submission.cells:
        if number in failed and defines.search(source):
            return say("marking.failed_definition", cell=number, message=failed[number].message)
    return ""


def _told_cell(cell: CellReport, submission: Submission, transcript: Transcript, level: Reveal) -> CellReport:
    """The report of a cell with as much of its error as may be told."""
    if cell.status != "error":
        return replace(cell, output="")
    if level == "full":
        return replace(cell, message=" ".join([_placed(cell.message), *_advice(cell, submission, transcript, "cell")]))
    cell = replace(cell, output="")
    # Without a frame of its own it ended the process, or was cut short in a way of which nothing is known for sure.
    told = _raised(cell, submission, transcript, level, "cell") if cell.traceback else say("marking.cell_failed")
    return replace(cell, message=told)


def _cell_mark(cell: CellReport) -> CellMark:
    output = visible(cell.output[-_OUTPUT_LIMIT:], _OUTPUT_LIMIT, keep_newlines=True)
    return CellMark(cell.number, cell.status, visible(cell.message, _MESSAGE_LIMIT), output)


def verdicts(mark: Mark) -> Iterator[tuple[str, str, Verdict]]:
    """Question, title and verdict of every check of a mark."""
    for question in mark.questions:
        for check in question.checks:
            yield question.name, check.title, check.verdict
