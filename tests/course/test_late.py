"""What lateness costs: the rules are read strictly, and the arithmetic is that of a slow and independent oracle."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.late import Charge, LateRules, load_rules
from autograder.errors import CourseError
from autograder.messages import read_course

DUE = 1_790_000_000
DAY = 86_400


def oracle(hundredths: int, handed_in: int, grace_min: Decimal, per_day: Decimal, cap: Decimal, late_days: int):
    """Day by day: each day that has begun after the grace costs a late day, if that saves points, or a percentage."""
    with localcontext() as context:
        context.prec = 60
        deadline = DUE + grace_min * 60
        days, percent, left = 0, Decimal(0), late_days
        while handed_in > deadline + days * DAY:
            days += 1
            if left and hundredths and per_day:
                left -= 1
            else:
                percent += per_day
        percent = min(percent, cap)
        rest = (Decimal(hundredths) * (100 - percent) / 100).quantize(Decimal(1), ROUND_HALF_UP)
        return days, late_days - left, percent, int(rest)


percents = st.decimals(0, 100, places=2)
cases = st.fixed_dictionaries(
    {
        "hundredths": st.integers(0, 20_000),
        "handed_in": st.integers(-2 * DAY, 12 * DAY).map(lambda s: DUE + s)
        | st.sampled_from([DUE + k * DAY + e for k in range(4) for e in (-1, 0, 1)]),
        "grace_min": st.decimals(0, 120, places=1),
        "per_day": percents,
        "cap": percents,
        "late_days": st.integers(0, 5),
    }
)


def charge(hundredths, handed_in, grace_min, per_day, cap, late_days):
    rules = LateRules(DUE, Fraction(grace_min) * 60, Fraction(per_day), Fraction(cap))
    return rules.charge(hundredths, handed_in, late_days)


@given(cases)
def test_a_charge_is_that_of_the_oracle(case):
    found = charge(**case)
    days, free, percent, left = oracle(**case)
    assert (found.days, found.free_days, found.percent, found.hundredths) == (days, free, Fraction(percent), left)


@given(cases, st.integers(0, 3 * DAY), st.integers(0, 3))
def test_later_never_costs_less_and_more_late_days_never_more(case, later, more):
    now = charge(**case)
    assert 0 <= now.hundredths <= case["hundredths"]
    assert charge(**case | {"handed_in": case["handed_in"] + later}).hundredths <= now.hundredths
    assert charge(**case | {"late_days": case["late_days"] + more}).hundredths >= now.hundredths


@pytest.mark.parametrize(
    ("seconds", "days"),
    [(-1, 0), (0, 0), (15 * 60, 0), (15 * 60 + 1, 1), (15 * 60 + DAY, 1), (15 * 60 + DAY + 1, 2)],
)
def test_a_day_begins_with_its_first_second_after_the_grace(seconds, days):
    assert charge(9_000, DUE + seconds, Decimal(15), Decimal(10), Decimal(50), 0).days == days


def test_without_a_due_date_nothing_is_late():
    assert LateRules(percent_per_day=Fraction(10)).charge(9_000, DUE, 0).hundredths == 9_000


# course.toml -------------------------------------------------------------------------------------

FULL = """\
attempts = "last"
late_days = 3
file_times = true

[late]
grace_minutes = 2.5
percent_per_day = 12.5
cap_percent = 50

[assignments.softmax]
due = 2026-10-01T23:59:00+02:00
attempts = "best"

[assignments.relu]
due = 2026-09-01T23:59:00Z
cap_percent = 100
"""


def rules_of(folder: Path, text: str):
    (folder / "course.toml").write_text(text)
    return load_rules(folder, ["losses", "relu", "softmax"])


def test_rules_are_read_exactly(tmp_path):
    rules = rules_of(tmp_path, FULL)
    due = int(datetime(2026, 10, 1, 21, 59, tzinfo=timezone.utc).timestamp())
    common = {"grace_s": Fraction(150), "percent_per_day": Fraction(25, 2)}
    assert rules.of("softmax") == LateRules(due, cap_percent=Fraction(50), attempts="best", **common)
    assert rules.of("relu").cap_percent == 100
    assert rules.of("losses") == LateRules(None, cap_percent=Fraction(50), attempts="last", **common)
    assert (rules.late_days, rules.file_times) == (3, True)
    assert (rules.before("softmax"), rules.before("relu"), rules.before("losses")) == (["relu"], [], [])


def test_a_course_without_the_file_takes_nothing(tmp_path):
    rules = load_rules(tmp_path, ["softmax"])
    assert (rules.late_days, rules.of("softmax")) == (0, LateRules())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("late_days = ", "course.toml: not TOML"),
        ("latedays = 3", "'latedays' is not known. Known: attempts, late_days"),
        ("late_days = -1", "late_days = -1 must be a whole number, 0 or more"),
        ("late_days = true", "late_days = True must be a whole number"),
        ("late_days = 1.5", "late_days = 1.5 must be a whole number"),
        ('attempts = "first"', 'attempts = first must be "best" or "last"'),
        ("file_times = 1", "file_times = 1 must be true or false"),
        ("late = 3", "late = 3 must be a table"),
        ("[late]\npercent_per_day = 101", r"\[late\]: percent_per_day = 101 must be at most 100"),
        ("[late]\npercent_per_day = inf", "percent_per_day = Infinity must be a number"),
        ("[late]\ngrace_minutes = '5'", "grace_minutes = 5 must be a number"),
        ("[late]\ndue = 2026-10-01T23:59:00Z", "'due' is not known"),
        ("[assignments.sofmax]", "no such assignment. Known: losses, relu, softmax"),
        ("[assignments]\nsoftmax = 3", r"\[assignments.softmax\]: must be a table"),
        ("[assignments.softmax]\ndue = 2026-10-01T23:59:00", "must be a date and time with its offset"),
        ("[assignments.softmax]\ndue = 2026-10-01", "must be a date and time with its offset"),
    ],
)
def test_nothing_in_the_file_is_passed_over(tmp_path, text, says):
    with pytest.raises(CourseError, match=says):
        rules_of(tmp_path, text)


def test_the_words_of_reports_stand_in_the_same_file(tmp_path):
    (tmp_path / "course.toml").write_text('\ufefflanguage = "de"\n[late]\npercent_per_day = 10\n', encoding="utf-8")
    assert load_rules(tmp_path, []).others.percent_per_day == 10
    assert read_course(tmp_path).language == "de"


@pytest.mark.parametrize(("hundredths", "per_day"), [(0, 10), (500, 0)])
def test_no_late_day_is_spent_where_it_saves_nothing(hundredths, per_day):
    rules = LateRules(due=0, percent_per_day=Fraction(per_day))
    assert rules.charge(hundredths, 200_000, 3) == Charge(3, 0, rules.percent_per_day * 3, hundredths)
