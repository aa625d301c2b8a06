"""One submission in, one mark out.

A mark is a pure function of the assignment, the notebook, the seed and the limits. An `Examiner` is that function with
all but the notebook fixed: the local pool and every worker of a cluster grade through `Examiner.mark` and nothing else.
What it holds (the answer key, the mistakes' answers, a warm zygote) only saves doing the same again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from traceback import extract_tb
from typing import Any, Protocol

from autograder import messages
from autograder.course.model import Assignment, Question
from autograder.errors import GraderError
from autograder.grading.diagnosis import Casebook
from autograder.grading.key import AnswerKey, file_sha256, make_key, texts_of
from autograder.grading.marking import Reveal, mark_transcript, mark_unread
from autograder.grading.merge import merged
from autograder.grading.submissions import Submission
from autograder.grading.words import public_part, with_words
from autograder.records.mark import Mark
from autograder.records.provenance import provenance
from autograder.sandbox import devices
from autograder.sandbox.devices import CPU
from autograder.sandbox.host import Sandbox, Slot
from autograder.sandbox.limits import Limits
from autograder.sandbox.sitting import Transcript, sit
from autograder.sandbox.warm import ALWAYS, PRELOAD, named_in


class Readable(Protocol):
    """A submission that is read when its turn comes."""

    def read(self) -> Submission:
        """The submission; never raises for what the file contains."""


@dataclass(frozen=True)
class Terms:
    """What a mark depends on besides the assignment and the notebook.

    Attributes:
        seed: from which the inputs of hidden checks are drawn.
        reveal: how much a failed hidden check may tell.
        limits: of each submission.
        trust: run even where a machine cannot hold hostile code.
        devices: where torch questions are asked; all others are asked on the CPU.
    """

    seed: int = 0
    reveal: Reveal = "hint"
    limits: Limits = field(default_factory=Limits)
    trust: bool = False
    devices: tuple[str, ...] = (CPU,)

    def as_dict(self) -> dict[str, Any]:
        """The terms as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Terms:
        """The terms that `as_dict` gave out."""
        return cls(**document | {"limits": Limits(**document["limits"]), "devices": tuple(document["devices"])})


class Examiner:
    """Marks submissions of one assignment under fixed terms, on this machine.

    Args:
        assignment: what they answer; its files are read until the block is entered, and not after.
        terms: seed, limits and level of telling.
        secret: paths that no job may be able to read.
        few: the submissions, where there are no more than a few: then only what their text names is loaded beforehand.
        jobs_per_device: how many jobs may use an accelerator at the same time.

    Attributes:
        facts: everything the marks depend on besides the notebooks.
        warnings: what the sandbox of this machine cannot promise.

    Raises:
        UsageError: this machine cannot hold hostile code, or lacks a device.
        CourseError: on entering: the solution does not answer its own checks.
        GraderError: the sandbox broke.
    """

    def __init__(
        self,
        assignment: Assignment,
        terms: Terms,
        *,
        secret: Sequence[str | Path] = (),
        few: Sequence[Submission] = (),
        jobs_per_device: int = 1,
    ) -> None:
        self.assignment, self.terms = assignment, terms
        preload = named_in(_texts(assignment, few), always=ALWAYS) if few else PRELOAD
        for device in terms.devices:
            devices.require(device)
        self._exams = []
        for device, questions in parts_of(assignment, terms.devices):
            sandbox = Sandbox(
                terms.limits,
                device=device,
                jobs_at_once=jobs_per_device,
                trust=terms.trust,
                secret=secret,
                preload=preload,
                many=not few,
            )
            self._exams.append(_Exam(device, questions, sandbox))
        self.warnings = tuple(dict.fromkeys(w for exam in self._exams for w in exam.sandbox.warnings))
        self.facts = facts_about(assignment, terms, self._exams[0].sandbox.layers)

    def __enter__(self) -> Examiner:
        try:
            for exam in self._exams:
                exam.sandbox.__enter__()  # all zygotes start at the same time
            for exam in self._exams:
                exam.prepare(self.assignment, self.terms)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process of the sandboxes."""
        for exam in self._exams:
            exam.sandbox.close()

    def slot(self) -> Seat:
        """A place where one submission at a time is marked."""
        return Seat(tuple(exam.sandbox.slot() for exam in self._exams))

    def mark(self, submission: Submission, seat: Seat) -> Mark:
        """The mark of one submission; the same for the same notebook, whenever and wherever it is asked for."""
        marks = [
            (exam.device, exam.mark(submission, slot, self.terms, self.facts))
            for exam, slot in zip(self._exams, seat.slots, strict=True)
        ]
        return merged(marks, self.assignment)

    def width(self) -> int:
        """How many submissions this machine may well grade at the same time: one per core."""
        return cores()

    def lease_s(self) -> float:
        """Longer than a submission can take: on each device two sittings, each tried twice, and what is done around."""
        return 4 * self.terms.limits.submission_s * len(self._exams) + 120


@dataclass(frozen=True)
class Seat:
    """A slot in the sandbox of each device."""

    slots: tuple[Slot, ...]

    def close(self) -> None:
        """Leave nothing behind."""
        for slot in self.slots:
            slot.close()


class _Exam:
    """The part of an examination that takes place on one device."""

    def __init__(self, device: str, questions: Sequence[Question], sandbox: Sandbox) -> None:
        self.device, self.sandbox = device, sandbox
        self._questions = questions

    def prepare(self, assignment: Assignment, terms: Terms) -> None:
        """Let the solution answer every check on this device."""
        with closing(self.sandbox.slot()) as slot:
            self._key = make_key(assignment, terms.seed, slot, terms.limits, self._questions)
        self._casebook = None if terms.reveal == "none" else Casebook(assignment, terms.limits)

    def mark(self, submission: Submission, slot: Slot, terms: Terms, facts: dict[str, Any]) -> Mark:
        """The mark of what is asked on this device."""
        return mark_one(submission, self._key, slot, terms.limits, terms.reveal, facts, casebook=self._casebook)


def parts_of(assignment: Assignment, on: Sequence[str]) -> Iterator[tuple[str, tuple[Question, ...]]]:
    """Each device with the questions to be asked there, the CPU first: those of torch on all, the others on the CPU."""
    torch = tuple(question for question in assignment.questions if question.kind == "torch")
    others = tuple(question for question in assignment.questions if question.kind != "torch")
    for device in (CPU, *(name for name in on if name != CPU)):
        questions = torch if device != CPU else assignment.questions if CPU in on else others
        if questions:
            yield device, questions


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _texts(assignment: Assignment, submissions: Sequence[Submission]) -> Iterator[str]:
    """All code that will run: solution, mistakes, submissions."""
    yield from texts_of(assignment)
    for submission in submissions:
        yield from (source for _, source in submission.cells)


def facts_about(assignment: Assignment, terms: Terms, layers: Sequence[str]) -> dict[str, Any]:
    """Everything that marks under these terms behind these layers depend on, on this machine."""
    words = messages.current().to_document()
    spoken = {"words": hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()} if words else {}
    return spoken | provenance(
        device=devices.described(terms.devices),
        seed=terms.seed,
        checks_sha256=file_sha256(assignment.checks_file),
        solution_sha256=file_sha256(assignment.master),
        limits=terms.limits.as_dict(),
        layers=tuple(layers),
    )


def mark_one(
    source: Readable,
    key: AnswerKey,
    slot: Slot,
    limits: Limits,
    reveal: Reveal,
    facts: dict[str, Any],
    *,
    casebook: Casebook | None = None,
    keep: Callable[[Transcript], None] | None = None,
) -> Mark:
    """Read, sit, compare and mark one submission. A fault of ours costs this one mark and no points.

    With a casebook the mark names misconceptions; `keep` gets the transcript, for those who want more than the mark.
    """

    def make(submission: Submission) -> Mark:
        transcript = _sit_twice_if_broken(slot, submission, key, limits)
        if keep is not None:
            keep(transcript)
        mark = mark_transcript(submission, key, transcript, reveal, facts)
        if reveal != "full":
            mark = _retold(mark, submission, key, transcript, slot, limits)
        return mark if casebook is None else casebook.explain(mark, key, transcript, slot)

    return mark_safely(source, key.assignment, key.hundredths, facts, make)


def mark_safely(
    source: Readable,
    assignment: str,
    max_hundredths: int,
    facts: dict[str, Any],
    make: Callable[[Submission], Mark],
) -> Mark:
    """Read a submission and make its mark, whatever goes wrong: a fault of ours costs this one mark and no points."""
    started = time.monotonic()
    submission = source.read()
    if submission.rejected:
        mark = mark_unread(submission, assignment, max_hundredths, "rejected", facts)
    else:
        try:
            mark = make(submission)
        except GraderError as error:
            mark = mark_broken(submission, assignment, max_hundredths, str(error), facts)
        except Exception as error:  # a bug of ours that one submission has found must not take the others with it
            at = extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__} in {Path(at.filename).name}, line {at.lineno}"
            mark = mark_broken(submission, assignment, max_hundredths, reason, facts)
    return replace(mark, elapsed_s=time.monotonic() - started)


def _retold(
    mark: Mark, submission: Submission, key: AnswerKey, transcript: Transcript, slot: Slot, limits: Limits
) -> Mark:
    """The mark with the student's own words from a sitting without hidden checks; see `autograder.grading.words`."""
    part = public_part(key, transcript, mark)
    if part is None:
        return with_words(mark)
    # Those that ended their job.
    stopped = tuple(cell for cell in transcript.cells if cell.status == "limit" and not cell.traceback)
    cells = [cell for cell in submission.cells if cell[0] not in {report.number for report in stopped}]
    try:
        second = sit(slot, cells, [question.inquiry for question in part.questions], limits)
    except GraderError:
        # Points and verdicts are there; the words that may be told in any case have to do.
        return with_words(mark)
    second = replace(second, cells=(*second.cells, *stopped))
    return with_words(mark, mark_transcript(submission, part, second, "full", {}), [number for number, _ in cells])


def mark_broken(
    submission: Submission, assignment: str, max_hundredths: int, reason: str, facts: dict[str, Any]
) -> Mark:
    """The mark of a submission that met a fault of ours."""
    told = replace(submission, rejected=f"The grader itself failed: {reason}")
    return mark_unread(told, assignment, max_hundredths, "grader_error", facts)


def _sit_twice_if_broken(slot: Slot, submission: Submission, key: AnswerKey, limits: Limits) -> Transcript:
    """A sitting, with one more try when the zygote itself was lost under it."""
    inquiries = [question.inquiry for question in key.questions]
    try:
        return sit(slot, submission.cells, inquiries, limits)
    except GraderError:
        return sit(slot, submission.cells, inquiries, limits)


def facts_of(key: AnswerKey, sandbox: Sandbox) -> dict[str, Any]:
    """Everything that marks of this key in this sandbox depend on."""
    return provenance(
        device=sandbox.device,
        seed=key.seed,
        checks_sha256=key.checks_sha256,
        solution_sha256=key.solution_sha256,
        limits=sandbox.limits.as_dict(),
        layers=sandbox.layers,
    )
