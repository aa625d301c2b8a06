"""How does one notebook get through all its questions, even if it dies on the way?

A sitting runs the cells once, in order, and asks each question right after its last check cell
(``grader.check("relu")``), or after the last cell when the notebook never checks it: a name that is reused later does
no harm. When a job dies, a fresh one runs the cells again, without the cell that killed it, and goes on after the
question that killed it. Answers that have arrived stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from autograder.course.probes import Parts, Probe
from autograder.messages import say
from autograder.sandbox import wire
from autograder.sandbox.conversation import Job, JobEnded
from autograder.sandbox.host import Slot
from autograder.sandbox.limits import MIB, Limits, limit_behind

#: A question that is checked in a cell; lines that are commented out do not count.
_CHECK_CALL = re.compile(r"""\.check\(\s*(['"])([^'"\\\n]+)\1""")
# Blanks of one line only: a `\s*` behind `^` would try every pair of lines in a cell of empty ones, for hours.
_COMMENT = re.compile(r"^[ \t]*#.*", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What came back for one probe.

    Attributes:
        kind: "answer"; "missing" (no such name, or still a stub); "raised" (an exception); "died" (the process ended);
            "limit"; "grader_error" (our own fault).
        parts: of an answer.
        message: of "raised", the student's exception; otherwise a sentence of ours without its subject.
        traceback: of "raised", the lines of the student's own code.
    """

    kind: Literal["answer", "missing", "raised", "died", "limit", "grader_error"]
    parts: Parts = field(default_factory=dict)
    message: str = ""
    traceback: tuple[str, ...] = ()


class Asks(Protocol):
    """A question as it is put to a job.

    Attributes:
        question: the name that check cells call it by.
        count: number of its answers.
    """

    @property
    def question(self) -> str: ...

    @property
    def count(self) -> int: ...

    def put(self, job: Job) -> Iterator[Outcome]:
        """Put it to a job and give out one answer after the other; raises `JobEnded` when the job ends."""


@dataclass(frozen=True)
class Inquiry:
    """A question of a course: its name and its probes, encoded once for all submissions.

    Attributes:
        question: the name that the notebook must define.
        count: number of probes, hence of answers.
        frame: the message that asks them.
    """

    question: str
    count: int
    frame: bytes

    @classmethod
    def of(cls, question: str, probes: Sequence[Probe]) -> Inquiry:
        """The inquiry that puts these probes."""
        frame = wire.encode({"do": "ask", "question": question, "probes": list(probes)})
        return cls(question, len(probes), frame)

    def put(self, job: Job) -> Iterator[Outcome]:
        """Ask all at once, and read the answers."""
        job.send(self.frame)
        for number in range(self.count):
            message = job.receive()
            expected = ("answer", self.question, number)
            if (message.get("is"), message.get("question"), message.get("number")) != expected:
                raise JobEnded("died", say("ended.out_of_turn"))
            yield outcome_of(message, job.limits)


@dataclass(frozen=True)
class CellReport:
    """How one cell of the notebook ended.

    Attributes:
        number: its place among all cells, from 1.
        status: "limit" also where the job went on; only then there is a traceback.
        message: of "error", the student's exception; of "limit", a sentence of ours.
        traceback: the lines of the student's own code.
        output: what it printed, cut.
        notes: what was left out or replaced.
    """

    number: int
    status: Literal["ok", "error", "skipped", "limit"]
    message: str = ""
    traceback: tuple[str, ...] = ()
    output: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """All that one sitting brought.

    Attributes:
        answers: for every question, one outcome per probe.
        cells: reports of the code cells, in order.
        jobs: how many jobs it took; one, where all is well.
    """

    answers: Mapping[str, tuple[Outcome, ...]]
    cells: tuple[CellReport, ...]
    jobs: int


def sit(
    slot: Slot,
    cells: Sequence[tuple[int, str]],
    inquiries: Sequence[Asks],
    limits: Limits,
    *,
    prepare: Callable[[Job], None] | None = None,
) -> Transcript:
    """Run the cells of one notebook in a jail and ask it every question.

    Args:
        slot: where its jobs run.
        cells: number and source of each code cell.
        inquiries: what to ask, in the order of the course.
        limits: `submission_s` holds for all jobs of the sitting together.
        prepare: what is done with each job before its first cell.
    """
    plan = list(schedule(cells, inquiries))
    answers: dict[str, list[Outcome]] = {}
    reports: dict[int, CellReport] = {}
    killers: set[int] = set()  # cells that ended a job; they are not run again
    jobs = 0
    kept = _Kept(limits.channel_mib)
    left_s = limits.submission_s
    while left_s > 0 and len(answers) < len(inquiries):
        jobs += 1
        with slot.job(left_s) as job:
            try:
                _ready(job)
                if prepare is not None:
                    prepare(job)
                doubt = False
                for batch, inquiry in plan:
                    batch = [cell for cell in batch if cell[0] not in killers]
                    _run(job, batch, reports, killers, doubt)
                    doubt = doubt and not batch
                    if inquiry is not None and inquiry.question not in answers:
                        _ask(job, inquiry, answers, kept, doubt)
                        doubt = True
                break
            except JobEnded as end:
                if end.kind == "broken":
                    _give_up(inquiries, answers, Outcome("grader_error", message=end.message))
            left_s -= job.spent_s()
    used_up = say("ended.not_reached", limit=f"{limits.submission_s:g}")
    _give_up(inquiries, answers, Outcome("limit", message=used_up))
    return Transcript({name: tuple(outcomes) for name, outcomes in answers.items()}, _in_order(reports), jobs)


def schedule(
    cells: Sequence[tuple[int, str]], inquiries: Sequence[Asks]
) -> Iterator[tuple[Sequence[tuple[int, str]], Asks | None]]:
    """Batches of cells, each with the question to ask after it."""
    by_name = {inquiry.question: inquiry for inquiry in inquiries}
    last_check = {
        m[2]: at for at, (_, source) in enumerate(cells) for m in _CHECK_CALL.finditer(_COMMENT.sub("", source))
    }
    start = 0
    for name, at in sorted(last_check.items(), key=lambda item: item[1]):
        if name in by_name:
            yield cells[start : at + 1], by_name.pop(name)
            start = at + 1
    yield cells[start:], None
    for inquiry in by_name.values():
        yield (), inquiry


def _ready(job: Job) -> None:
    """Wait until the job has locked itself up; no student code has run before that, so a failure here is ours."""
    job.begin_step("start")
    try:
        message = job.receive()
    except JobEnded as end:
        raise JobEnded("broken", f"a job could not start: it {end.message}") from end
    if message.get("is") != "ready":
        raise JobEnded("broken", f"a job could not start: {message.get('message')}")
    job.begin()


# A job may end after its last answer to a question, because of a frame too many, say, or of a thread. Whatever comes
# next is then in doubt: only if it ends the next job too, which is not asked that question again, is it to blame.


def _run(
    job: Job, batch: Sequence[tuple[int, str]], reports: dict[int, CellReport], killers: set[int], doubt: bool
) -> None:
    """Run cells; a cell that ends the job is noted as a killer before the end is passed on."""
    if not batch:
        return
    number = batch[0][0]
    try:
        job.begin_step("cell")
        job.send(wire.encode({"do": "run", "cells": [[number, *_pieces(source)] for number, source in batch]}))
        for number, _ in batch:
            job.begin_step("cell")
            message = job.receive()
            if message.get("is") != "cell" or message.get("index") != number:
                raise JobEnded("died", say("ended.out_of_turn"))
            reports[number] = report = _cell_report(number, message)
            if report.status != "error":
                continue
            useless = job.end_behind(report.message)
            if useless is not None:
                raise useless
            spent = limit_behind(report.message, job.limits)
            if spent is not None:
                reports[number] = replace(report, status="limit", message=say("ended.cell", how=spent))
    except JobEnded as end:
        if end.kind != "broken":
            if end.kind == "limit" or not doubt or number != batch[0][0]:
                killers.add(number)
            status: Literal["limit", "error"] = "limit" if end.kind == "limit" else "error"
            reports[number] = CellReport(number, status, say("ended.cell", how=end.message))
        raise


def _pieces(source: str) -> Iterator[str]:
    """A cell in texts that are short enough to cross."""
    for start in range(0, len(source), wire.MAX_TEXT):
        yield source[start : start + wire.MAX_TEXT]


@dataclass
class _Kept:
    """The memory that the answers of a sitting take here; what one job may send says nothing of what all of them do."""

    most_mib: int
    taken: int = 0

    def take(self, weight: int) -> None:
        if self.taken + weight > self.most_mib * MIB:
            raise JobEnded("limit", say("ended.sent_all", limit=self.most_mib))
        self.taken += weight


def _ask(job: Job, inquiry: Asks, answers: dict[str, list[Outcome]], kept: _Kept, doubt: bool) -> None:
    """Put one question; when the job ends, what had arrived stays and the rest of the question shares the reason."""
    outcomes: list[Outcome] = []
    try:
        job.begin_step("question")
        for outcome in inquiry.put(job):
            useless = job.end_behind(outcome.message) if outcome.kind == "raised" else None
            if useless is not None:
                raise useless
            kept.take(job.weight)
            outcomes.append(outcome)
    except JobEnded as end:
        if end.kind == "broken" or (end.kind == "died" and doubt and not outcomes):
            raise
        kind: Literal["limit", "died"] = "limit" if end.kind == "limit" else "died"
        outcomes += [Outcome(kind, message=end.message)]
        rest = say("ended.not_asked", how=end.message)
        outcomes += [Outcome(kind, message=rest)] * (inquiry.count - len(outcomes))
        answers[inquiry.question] = outcomes
        raise
    answers[inquiry.question] = outcomes


def _give_up(inquiries: Sequence[Asks], answers: dict[str, list[Outcome]], outcome: Outcome) -> None:
    for inquiry in inquiries:
        answers.setdefault(inquiry.question, [outcome] * inquiry.count)


def outcome_of(message: Mapping[Any, Any], limits: Limits) -> Outcome:
    """Read one answer; whatever does not have the agreed form counts as an error of the submission."""
    parts = message.get("parts")
    if isinstance(parts, dict) and all(isinstance(name, str) for name in parts):
        return Outcome("answer", parts)
    if message.get("missing") is True:
        return Outcome("missing", message=say("ended.undefined"))
    text, traceback = _text(message.get("error")), _texts(message.get("traceback"))
    if message.get("reason") == "unwritten":
        return Outcome("missing", message=say("ended.unwritten"), traceback=traceback)
    spent = limit_behind(text, limits)
    if spent is not None:
        return Outcome("limit", message=spent)
    return Outcome("raised", message=text, traceback=traceback)


def _cell_report(number: int, message: Mapping[Any, Any]) -> CellReport:
    status = message.get("status")
    return CellReport(
        number,
        status if status in ("ok", "error", "skipped") else "error",
        _text(message.get("message")),
        _texts(message.get("traceback")),
        _text(message.get("output")),
        _texts(message.get("notes")),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str))[:100] if isinstance(value, list | tuple) else ()


def _in_order(reports: Mapping[int, CellReport]) -> tuple[CellReport, ...]:
    return tuple(report for _, report in sorted(reports.items()))
