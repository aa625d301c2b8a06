"""What does lateness cost? The rules in ``course.toml`` and the exact arithmetic on them.

A course without the file, or an assignment without a due date in it, has no such rules::

    attempts = "best"            # or "last": which of a student's submissions counts
    late_days = 3                # of each student, for all assignments together

    [late]
    grace_minutes = 15
    percent_per_day = 10
    cap_percent = 50

    [assignments.softmax]
    due = 2026-10-01T23:59:00+02:00
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from autograder.errors import CourseError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: The course's own settings; `autograder.messages` reads its words from the same file, and imports nothing of here.
COURSE_FILE = "course.toml"
DAY_S = 24 * 60 * 60
Attempts = Literal["best", "last"]


@dataclass(frozen=True)
class Charge:
    """What lateness costs one submission.

    Attributes:
        days: late, each begun one counted whole; 0 within the grace.
        free_days: of these, taken from the student's late days.
        percent: of the points that are taken.
        hundredths: what is left.
    """

    days: int
    free_days: int
    percent: Fraction
    hundredths: int


@dataclass(frozen=True)
class LateRules:
    """The rules of one assignment.

    Attributes:
        due: in UTC seconds since 1970, None where lateness costs nothing.
        grace_s: how much later still is in time.
        percent_per_day: of the points earned, for each day that no late day pays for.
        cap_percent: the most that is taken.
        attempts: which of a student's submissions counts.
    """

    due: int | None = None
    grace_s: Fraction = Fraction(0)
    percent_per_day: Fraction = Fraction(0)
    cap_percent: Fraction = Fraction(100)
    attempts: Attempts = "best"

    def charge(self, hundredths: int, handed_in: int, late_days: int) -> Charge:
        """What a submission loses: grace, begun days, late days, percentage, cap, rounding, in this order.

        Args:
            hundredths: points it earned.
            handed_in: UTC, seconds since 1970.
            late_days: what the student has left of them.
        """
        over = Fraction(0) if self.due is None else handed_in - self.due - self.grace_s
        days = max(0, -(-over // DAY_S))
        # A late day is spent only where it saves something.
        free = min(days, late_days) if hundredths > 0 and self.percent_per_day > 0 else 0
        percent = min((days - free) * self.percent_per_day, self.cap_percent)
        # Half a hundredth is the student's.
        left = (hundredths * (100 - percent) / 100 + Fraction(1, 2)) // 1
        return Charge(days, free, percent, left)


@dataclass(frozen=True)
class CourseRules:
    """What ``course.toml`` says.

    Attributes:
        late_days: of each student, for all assignments together.
        file_times: whether a file's own time counts, where nothing else says when it was handed in.
        assignments: rules of those that are named there.
        others: rules of all others.
    """

    late_days: int = 0
    file_times: bool = False
    assignments: Mapping[str, LateRules] = field(default_factory=dict)
    others: LateRules = LateRules()

    def of(self, assignment: str) -> LateRules:
        """The rules of an assignment."""
        return self.assignments.get(assignment, self.others)

    def before(self, assignment: str) -> list[str]:
        """The assignments that were due before this one, in that order: they use late days first."""
        due = {name: rules.due for name, rules in self.assignments.items() if rules.due is not None}
        if assignment not in due:
            return []
        return sorted((n for n in due if (due[n], n) < (due[assignment], assignment)), key=lambda n: (due[n], n))


def load_rules(folder: Path, known: list[str]) -> CourseRules:
    """The rules of a course; those that cost nothing where it has no ``course.toml``.

    Args:
        folder: the course.
        known: its assignments.

    Raises:
        CourseError: the file is not TOML, or says something that is not understood: nothing in it is passed over.
    """
    path = folder / COURSE_FILE
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return CourseRules()
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path}: cannot be read ({error}).") from error
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise CourseError(f"{path}: not TOML: {error}.") from error
    return _rules(document, known, path)


def _rules(document: dict[str, Any], known: list[str], path: Path) -> CourseRules:
    ours = {key: value for key, value in document.items() if key not in _OF_OTHERS}
    top = _read(ours, _COURSE, f"{path}")
    common = _read(top.pop("late", {}), _LATE, f"{path}, [late]")
    common |= {"attempts": top.pop("attempts")} if "attempts" in top else {}
    assignments = {}
    for name, table in top.pop("assignments", {}).items():
        where = f"{path}, [assignments.{name}]"
        if name not in known:
            raise CourseError(f"{where}: no such assignment. Known: {', '.join(known) or 'none'}.")
        assignments[name] = LateRules(**common | _read(table, _ASSIGNMENT, where))
    return CourseRules(**top, assignments=assignments, others=LateRules(**common))


def _read(table: Any, readers: Mapping[str, tuple[str, Callable[[Any], Any]]], where: str) -> dict[str, Any]:
    """The values of a table by the names of their attributes."""
    if not isinstance(table, dict):
        raise CourseError(f"{where}: must be a table.")
    values = {}
    for key, value in table.items():
        if key not in readers:
            raise CourseError(f"{where}: {key!r} is not known. Known: {', '.join(readers)}.")
        name, reader = readers[key]
        try:
            values[name] = reader(value)
        except ValueError as error:
            raise CourseError(f"{where}: {key} = {value} {error}.") from None
    return values


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return value


def _amount(value: Any) -> Fraction:
    if type(value) not in (int, Decimal) or not Decimal(value).is_finite() or value < 0:
        raise ValueError("must be a number, 0 or more")
    return Fraction(value)


def _percent(value: Any) -> Fraction:
    percent = _amount(value)
    if percent > 100:
        raise ValueError("must be at most 100")
    return percent


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value


def _attempts(value: Any) -> str:
    if value not in ("best", "last"):
        raise ValueError('must be "best" or "last"')
    return str(value)


def _due(value: Any) -> int:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be a date and time with its offset from UTC, such as 2026-10-01T23:59:00+02:00")
    return int(value.timestamp() // 1)


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    return value


#: For each key of a table: the attribute it sets, and what reads its value.
_LATE = {
    "grace_minutes": ("grace_s", lambda value: 60 * _amount(value)),
    "percent_per_day": ("percent_per_day", _percent),
    "cap_percent": ("cap_percent", _percent),
}
_ASSIGNMENT = {"due": ("due", _due), "attempts": ("attempts", _attempts), **_LATE}
_COURSE = {
    "attempts": ("attempts", _attempts),
    "late_days": ("late_days", _whole),
    "file_times": ("file_times", _truth),
    "late": ("late", _table),
    "assignments": ("assignments", _table),
}
#: What else the file may hold, for `autograder.messages`.
_OF_OTHERS = ("language", "messages")
