"""How did a class do? Everything that the report of a class shows, as data, from marks that are gone through once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import numpy as np

from autograder.course.values import Array
from autograder.records.mark import Mark, count_held, held_by, points
from autograder.reports.feedback import Feedback, make_feedback, reason
from autograder.text import visible

_SLOWEST = 5


@dataclass(frozen=True)
class Row:
    """One submission in the table of a class; `link` is the address of its page, "" where there is none."""

    student: str
    file: str
    status: str
    earned: int
    points: str
    percent: float
    seconds: float
    know: str
    flags: tuple[str, ...]
    limited: bool
    link: str

    @property
    def graded(self) -> bool:
        """Whether the points mean something."""
        return self.status == "graded"


@dataclass(frozen=True)
class QuestionRow:
    """One question: how many were asked, and the share of those who pass all its checks."""

    name: str
    points: str
    asked: int
    share: float


@dataclass(frozen=True)
class CheckRow:
    """One check: the share that passes, and the point-biserial correlation with the points of everything else.

    Attributes:
        discrimination: None where everybody has the same result.
    """

    question: str
    title: str
    public: bool
    points: str
    share: float
    discrimination: float | None


@dataclass(frozen=True)
class ClassReport:
    """The report of a class; see `Classroom`."""

    assignment: str
    started: str
    finished: bool
    rows: tuple[Row, ...]
    questions: tuple[QuestionRow, ...]
    checks: tuple[CheckRow, ...]
    misconceptions: tuple[tuple[str, str, int, str], ...]

    @property
    def statuses(self) -> list[tuple[str, int]]:
        """How many submissions have each status."""
        return sorted(Counter(row.status for row in self.rows).items())

    @property
    def scores(self) -> list[float]:
        """Percentages of those that were graded, extra credit cut off at 100."""
        return [min(row.percent, 100.0) for row in self.rows if row.graded]

    @property
    def median(self) -> float:
        """Of the scores."""
        return median(self.scores)

    @property
    def mean(self) -> float:
        """Of the scores."""
        return fmean(self.scores)

    @property
    def limited(self) -> int:
        """How many submissions reached a limit."""
        return sum(row.limited for row in self.rows)

    @property
    def flagged(self) -> list[Row]:
        """Submissions that a person should look at."""
        return [row for row in self.rows if row.flags]

    @property
    def slowest(self) -> list[Row]:
        """The slowest submissions, where times were kept."""
        timed = [row for row in self.rows if row.seconds]
        return sorted(timed, key=lambda row: -row.seconds)[:_SLOWEST]

    @property
    def median_s(self) -> float:
        """Of the seconds of the submissions."""
        return median(row.seconds for row in self.rows if row.seconds)


class Classroom:
    """Collects marks, one at a time, and makes the report of the class.

    Args:
        assignment: its name.
        started: when the run was started, as text.
        finished: whether every submission of the run has its mark.
        by_hand: hundredths and comment of the changes that people made, by student.
    """

    def __init__(
        self,
        assignment: str,
        *,
        started: str = "",
        finished: bool = True,
        by_hand: Mapping[str, Sequence[tuple[int, str]]] | None = None,
    ) -> None:
        self._facts = assignment, started, finished
        self._by_hand = by_hand or {}
        self._rows: list[Row] = []
        self._held: set[tuple[str, str, str]] = set()
        self._hints: dict[tuple[str, str], str] = {}
        self._questions: dict[str, tuple[int, list[bool]]] = {}
        self._checks: dict[tuple[str, str], _Tally] = defaultdict(_Tally)

    def add(self, mark: Mark, link: str = "") -> Feedback:
        """Take in a mark; the result is the feedback of its student.

        Args:
            mark: of one submission.
            link: address of the student's page.
        """
        told = make_feedback(mark, self._by_hand.get(mark.student, ()))
        graded = mark.status == "graded"
        flags = tuple(visible(flag, 400) for flag in mark.flags)
        verdicts = {check.verdict for question in mark.questions for check in question.checks}
        self._rows.append(
            Row(
                visible(mark.student, 100),
                visible(mark.file, 300),
                mark.status,
                told.earned if graded else -1,
                f"{points(told.earned):g}" if graded else "-",
                100 * told.earned / mark.max_hundredths if graded and mark.max_hundredths else 0.0,
                mark.elapsed_s,
                reason(mark),
                flags,
                "limit" in verdicts or any(cell.status == "limit" for cell in mark.cells),
                link,
            )
        )
        if graded:
            self._count(mark)
        return told

    def _count(self, mark: Mark) -> None:
        self._held.update(held_by(mark))
        total = mark.hundredths
        for question in mark.questions:
            passed = all(check.verdict == "pass" for check in question.checks)
            self._questions.setdefault(question.name, (question.max_hundredths, []))[1].append(passed)
            if question.mistake is not None:
                self._hints.setdefault((question.name, question.mistake), question.hint)
            for check in question.checks:
                tally = self._checks[question.name, check.title]
                tally.public, tally.worth = check.public, check.max_hundredths
                tally.passed.append(check.verdict == "pass")
                tally.rest.append(total - check.hundredths)

    def report(self) -> ClassReport:
        """The report of all marks so far."""
        return ClassReport(
            *self._facts,
            tuple(sorted(self._rows, key=lambda row: (row.student, row.file))),
            tuple(
                QuestionRow(name, f"{points(worth):g}", len(passed), fmean(passed))
                for name, (worth, passed) in self._questions.items()
            ),
            tuple(
                CheckRow(
                    question,
                    title,
                    tally.public,
                    f"{points(tally.worth):g}",
                    fmean(tally.passed),
                    point_biserial(np.array(tally.passed), np.array(tally.rest)),
                )
                for (question, title), tally in self._checks.items()
            ),
            tuple(
                (question, mistake, n, self._hints[question, mistake])
                for question, mistake, n in count_held(self._held)
            ),
        )


class _Tally:
    """What is counted of one check."""

    def __init__(self) -> None:
        self.public, self.worth = True, 0
        self.passed: list[bool] = []
        self.rest: list[int] = []


def point_biserial(passed: Array, rest: Array) -> float | None:
    """Correlation between passing and points, None where one of them is the same for all.

    Args:
        passed: whether each student passes, shape (N,), bool.
        rest: points of each student without those of the check, shape (N,).

    Source:
        Lord and Novick, "Statistical Theories of Mental Test Scores" (1968), section 15.5.
    """
    share, spread = passed.mean(), rest.std()
    if share in (0.0, 1.0) or spread == 0:
        return None
    apart: Any = rest[passed].mean() - rest[~passed].mean()
    return float(apart / spread * np.sqrt(share * (1 - share)))
