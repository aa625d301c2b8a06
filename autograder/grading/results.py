"""Which points does each student have in the end? One submission counts, lateness costs, people have the last word.

    attempts of a student -> the one that counts -> points earned -> lateness -> changes by hand

What is not known costs nothing, and is told: a doubt names the students whom it concerns.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby

from autograder.course.late import Charge, CourseRules, LateRules
from autograder.grading.times import NO_TIMES, Times, parse_time, time_text
from autograder.records.gradebook import Attempt, Gradebook, RunRecord
from autograder.records.mark import Mark, Status

#: Sentences that begin a doubt; the students follow.
NOT_FINISHED = "The run is not finished; there may be more submissions than these"
NO_TIME = "Nothing but the file says when it was handed in, so nothing was taken for lateness"
HOW_LATE = "Late, but nothing says by how much, so nothing was taken for it"
NO_LAST = "Nothing says which submission is the last one, so the best counts"
BROKEN = "The grader failed here, so there are no points yet; grade the run again"
NO_RUN = "Due before and not in this gradebook, so no late days were counted there"
EARLIER = "The late days that were used in {assignment} are not known, so none were counted"


@dataclass(frozen=True)
class Result:
    """What one student gets for one assignment; points in hundredths.

    Attributes:
        attempts: how many submissions of the student the run has; the other facts are of the one that counts.
        handed_in: UTC, "" where it is not known.
        earned: by the mark.
        charge: what lateness costs, None where that is not known.
        adjusted: what people added to it, after everything else.
        hundredths: all together, None where the grader failed.
        questions: points of each question, before lateness.
    """

    student: str
    file: str
    status: Status
    attempts: int
    handed_in: str
    earned: int
    max_hundredths: int
    charge: Charge | None
    adjusted: int
    hundredths: int | None
    questions: tuple[tuple[str, int], ...]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Results:
    """All results of a run, sorted by student, and for each doubt whom it concerns."""

    run: int
    assignment: str
    rules: LateRules
    late_days: int
    results: tuple[Result, ...]
    doubts: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class _Candidate:
    """A submission with its price; `seconds` is None where nobody knows when it was handed in."""

    mark: Mark
    seconds: int | None
    charge: Charge | None
    doubt: str

    @property
    def hundredths(self) -> int:
        return self.mark.hundredths if self.charge is None else self.charge.hundredths


@dataclass
class _Account:
    """The late days of all students, and what could not be decided."""

    rules: CourseRules
    times: Times
    spent: dict[str, int] = field(default_factory=dict)
    doubts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def counted(self, assignment: str, student: str, attempts: Iterable[Attempt]) -> tuple[_Candidate, int]:
        """The submission that counts, and how many there are; its late days are spent, its doubts told."""
        rules = self.rules.of(assignment)
        left = self.rules.late_days - self.spent.get(student, 0)
        # In an order that does not depend on which was graded first.
        ordered = sorted(attempts, key=lambda attempt: (attempt.mark.file, attempt.mark.sha256))
        candidates = [self._priced(assignment, attempt, rules, left) for attempt in ordered]
        if any(c.mark.status == "grader_error" for c in candidates):
            self.doubts[BROKEN].append(student)
        usable = [c for c in candidates if c.mark.status != "grader_error"] or candidates
        chosen = max(usable, key=_worth)
        if rules.attempts == "last" and len(candidates) > 1:
            if all(c.seconds is not None for c in candidates):
                chosen = max(candidates, key=lambda c: c.seconds or 0)
            else:
                self.doubts[NO_LAST].append(student)
        if chosen.doubt:
            self.doubts[chosen.doubt].append(student)
        if chosen.charge is not None:
            self.spent[student] = self.spent.get(student, 0) + chosen.charge.free_days
        return chosen, len(candidates)

    def _priced(self, assignment: str, attempt: Attempt, rules: LateRules, left: int) -> _Candidate:
        mark, doubt = attempt.mark, ""
        seconds = self.times.find(assignment, attempt.student, mark.file)
        if seconds is None and (
            attempt.time_from == "stated" or (attempt.time_from == "file" and self.rules.file_times)
        ):
            stated = parse_time(attempt.handed_in or "")
            seconds = None if stated is None else int(stated)
        if rules.due is None or (seconds is None and attempt.time_from == "on time"):
            return _Candidate(mark, seconds, Charge(0, 0, Fraction(0), mark.hundredths), doubt)
        if seconds is None:
            return _Candidate(mark, None, None, HOW_LATE if attempt.time_from == "late" else NO_TIME)
        return _Candidate(mark, seconds, rules.charge(mark.hundredths, seconds, left), doubt)


def _worth(candidate: _Candidate) -> tuple[int, int, float]:
    """The best is the one with most points after lateness, then with most late days left, then the earliest."""
    free = candidate.charge.free_days if candidate.charge else 0
    return candidate.hundredths, -free, -(math.inf if candidate.seconds is None else candidate.seconds)


def results_of(book: Gradebook, run: RunRecord, rules: CourseRules, times: Times = NO_TIMES) -> Results:
    """What each student gets for a run.

    Late days are spent in the order of due dates, by the submission that counts in the last finished run of each
    assignment.

    Args:
        book: holds the run.
        run: whose marks.
        rules: of the course.
        times: when submissions were handed in, instead of what the gradebook knows.
    """
    account = _Account(rules, times)
    if rules.late_days:
        _spend_before(book, run.assignment, account)
    if run.finished is None:
        account.doubts[NOT_FINISHED].append(f"run {run.id}")
    adjusted: dict[str, int] = defaultdict(int)
    for adjustment in book.adjustments(run.assignment):
        adjusted[adjustment.student] += adjustment.hundredths
    results = []
    for student, attempts in groupby(book.attempts(run), key=lambda attempt: attempt.student):
        chosen, count = account.counted(run.assignment, student, attempts)
        results.append(_result(student, chosen, count, adjusted[student]))
    results.sort(key=lambda result: result.student)
    return Results(
        run.id, run.assignment, rules.of(run.assignment), rules.late_days, tuple(results), dict(account.doubts)
    )


def _spend_before(book: Gradebook, assignment: str, account: _Account) -> None:
    last = {run.assignment: run for run in book.runs() if run.finished is not None}
    for name in account.rules.before(assignment):
        if name not in last:
            account.doubts[NO_RUN].append(name)
            continue
        earlier = _Account(account.rules, account.times, account.spent)
        for student, attempts in groupby(book.attempts(last[name]), key=lambda attempt: attempt.student):
            earlier.counted(name, student, attempts)
        unknown = {student for doubt in (NO_TIME, HOW_LATE) for student in earlier.doubts.get(doubt, ())}
        if unknown:
            account.doubts[EARLIER.format(assignment=name)].extend(sorted(unknown))


def _result(student: str, chosen: _Candidate, attempts: int, adjusted: int) -> Result:
    mark = chosen.mark
    broken = mark.status == "grader_error"
    return Result(
        student=student,
        file=mark.file,
        status=mark.status,
        attempts=attempts,
        handed_in="" if chosen.seconds is None else time_text(chosen.seconds),
        earned=mark.hundredths,
        max_hundredths=mark.max_hundredths,
        charge=chosen.charge,
        adjusted=adjusted,
        hundredths=None if broken else max(0, chosen.hundredths + adjusted),
        questions=tuple((question.name, question.hundredths) for question in mark.questions),
        flags=mark.flags,
    )
