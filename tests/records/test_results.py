"""Which submission counts, what lateness takes from it, and what is told where something is not known."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest

from autograder.course.late import CourseRules, LateRules
from autograder.errors import UsageError
from autograder.grading import results as r
from autograder.grading.results import results_of
from autograder.grading.times import parse_time, read_times
from autograder.records.gradebook import Gradebook


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


DUE = "2026-10-01T23:59:00+02:00"
IN_TIME, ONE_LATE, TWO_LATE = "2026-10-01T20:00:00+02:00", "2026-10-02T10:00:00+02:00", "2026-10-03T10:00:00+02:00"
RULES = LateRules(at(DUE), Fraction(0), Fraction(10), Fraction(50))


def rules(**changes) -> CourseRules:
    options = {name: changes.pop(name) for name in ("late_days", "file_times") if name in changes}
    softmax = LateRules(**{**vars(RULES), **changes})
    relu = LateRules(at(DUE) - 7 * 86_400, Fraction(0), Fraction(10), Fraction(50))
    return CourseRules(assignments={"softmax": softmax, "relu": relu}, **options)


def points(found) -> dict[str, int | None]:
    return {result.student: result.hundredths for result in found.results}


def test_lateness_comes_before_changes_by_hand(graded, handed_in):
    run = graded.grade(handed_in("ann", 9_000, IN_TIME), handed_in("bob", 9_000, TWO_LATE))
    graded.book.adjust("softmax", "bob", 150, "fair", "eve")
    graded.book.adjust("softmax", "bob", -25, "unfair", "eve")
    found = results_of(graded.book, run, rules())
    assert points(found) == {"ann": 9_000, "bob": 9_000 * 80 // 100 + 125}
    bob = found.results[1]
    assert (bob.earned, bob.charge.days, bob.charge.percent, bob.adjusted) == (9_000, 2, 20, 125)
    assert (bob.handed_in, bob.max_hundredths) == ("2026-10-03T08:00:00Z", 10_000)
    assert found.doubts == {}


@pytest.mark.parametrize(
    ("attempts", "expected"),
    # The first is late by nothing, the second by one day and better by less than that costs.
    [("best", 8_000), ("last", 7_650)],
)
def test_best_or_last_of_several_attempts(graded, handed_in, attempts, expected):
    run = graded.grade(
        handed_in("ann", 8_500, ONE_LATE, file="b/x.ipynb"), handed_in("ann", 8_000, IN_TIME, file="c/x.ipynb")
    )
    found = results_of(graded.book, run, rules(attempts=attempts))
    assert points(found) == {"ann": expected}
    assert (found.results[0].attempts, found.doubts) == (2, {})


def test_of_equal_attempts_the_one_that_spends_no_late_day_counts(graded, handed_in):
    run = graded.grade(
        handed_in("ann", 8_000, ONE_LATE, file="a.ipynb"), handed_in("ann", 8_000, IN_TIME, file="b.ipynb")
    )
    (ann,) = results_of(graded.book, run, rules(late_days=3)).results
    assert (ann.file, ann.charge.free_days) == ("b.ipynb", 0)


def test_late_days_are_spent_in_the_order_of_due_dates(graded, handed_in):
    early = "2026-09-25T10:00:00+02:00"  # one day after relu was due
    graded.grade(
        handed_in("ann", 5_000, early), handed_in("bob", 5_000, "2026-09-01T00:00:00+00:00"), assignment="relu"
    )
    run = graded.grade(handed_in("ann", 9_000, TWO_LATE), handed_in("bob", 9_000, TWO_LATE))
    found = results_of(graded.book, run, rules(late_days=2))
    assert points(found) == {"ann": 8_100, "bob": 9_000}
    assert [result.charge.free_days for result in found.results] == [1, 2]
    relu = results_of(graded.book, graded.book.find_run("relu"), rules(late_days=2))
    assert [result.charge.free_days for result in relu.results] == [1, 0]


def test_what_was_due_before_and_is_not_there_is_told(graded, handed_in):
    run = graded.grade(handed_in("ann", 9_000, TWO_LATE))
    assert results_of(graded.book, run, rules(late_days=2)).doubts == {r.NO_RUN: ["relu"]}
    graded.grade(handed_in("ann", 5_000, None, "late"), handed_in("bob", 5_000, IN_TIME), assignment="relu")
    assert results_of(graded.book, run, rules(late_days=2)).doubts == {r.EARLIER.format(assignment="relu"): ["ann"]}
    assert results_of(graded.book, run, rules()).doubts == {}


def test_a_file_s_own_time_is_no_proof(graded, handed_in):
    run = graded.grade(handed_in("ann", 9_000, TWO_LATE, "file"))
    found = results_of(graded.book, run, rules())
    assert (points(found), found.doubts) == ({"ann": 9_000}, {r.NO_TIME: ["ann"]})
    assert (found.results[0].charge, found.results[0].handed_in) == (None, "")
    found = results_of(graded.book, run, rules(file_times=True))
    assert (points(found), found.doubts) == ({"ann": 7_200}, {})


def test_the_word_late_says_that_and_not_by_how_much(graded, handed_in):
    run = graded.grade(handed_in("ann", 9_000, TWO_LATE, "on time"), handed_in("bob", 9_000, TWO_LATE, "late"))
    found = results_of(graded.book, run, rules(file_times=True))
    assert (points(found), found.doubts) == ({"ann": 9_000, "bob": 9_000}, {r.HOW_LATE: ["bob"]})


def test_without_a_due_date_times_are_not_asked_for(graded, handed_in):
    run = graded.grade(handed_in("ann", 9_000, None, "file"), handed_in("bob", 9_000, TWO_LATE, "late"))
    assert results_of(graded.book, run, rules(due=None)).doubts == {}


def test_which_is_the_last_must_be_known(graded, handed_in):
    run = graded.grade(
        handed_in("ann", 8_500, None, "on time", "a.ipynb"), handed_in("ann", 8_000, IN_TIME, file="b.ipynb")
    )
    found = results_of(graded.book, run, rules(attempts="last"))
    assert (points(found), found.doubts) == ({"ann": 8_500}, {r.NO_LAST: ["ann"]})


def test_a_fault_of_the_grader_costs_nobody_points(graded, handed_in):
    run = graded.grade(
        handed_in("ann", 100, IN_TIME, status="grader_error"),
        handed_in("bob", 100, IN_TIME, file="a.ipynb", status="grader_error"),
        handed_in("bob", 50, IN_TIME, file="b.ipynb"),
        finish=False,
    )
    found = results_of(graded.book, run, rules())
    assert points(found) == {"ann": None, "bob": 50}
    assert found.doubts == {r.BROKEN: ["ann", "bob"], r.NOT_FINISHED: ["run 1"]}


def test_the_same_notebook_again_with_a_better_time(graded, handed_in):
    # What Gradescope says replaces the time of the file, and the other way round it stays.
    first = handed_in("ann", 9_000, TWO_LATE, "file")
    graded.grade(first)
    better = _same(first, time_from="stated", time=ONE_LATE)
    assert points(results_of(graded.book, graded.grade(better), rules())) == {"ann": 8_100}
    assert points(results_of(graded.book, graded.grade(first), rules())) == {"ann": 8_100}
    again = _same(first, time_from="stated", time=TWO_LATE)
    assert points(results_of(graded.book, graded.grade(again), rules())) == {"ann": 8_100}


def test_which_was_graded_first_changes_nothing(graded, handed_in):
    # Two members of one archive may have the same name.
    both = [handed_in("ann", 9_000, IN_TIME, flag=flag) for flag in ("one", "two")]
    one = results_of(graded.book, graded.grade(*both), rules())
    with Gradebook(Path(graded.book.target).with_name("other.db")) as other:
        graded.book.close()
        graded.book = other
        assert results_of(other, graded.grade(*both[::-1]), rules()).results == one.results


def _same(paper, *, time, time_from):
    class Same(type(paper)):
        sha256 = paper.sha256

    return Same(paper.student, paper.hundredths, time, time_from, paper.file, paper.status)


# --times -----------------------------------------------------------------------------------------


def times(folder: Path, text: str):
    (folder / "times.csv").write_text(text)
    return read_times(folder / "times.csv")


def test_times_of_a_person_come_first(graded, handed_in, tmp_path):
    run = graded.grade(
        handed_in("ann", 9_000, IN_TIME),
        handed_in("bob", 9_000, None, "late", "x/1.ipynb"),
        handed_in("bob", 9_100, None, "late", "x/2.ipynb"),
        handed_in("cid", 9_000, None, "late"),
    )
    text = "\n".join(
        [
            "SID;Submission Time;File;Assignment",
            "ann;2026-10-02 10:00:00 +0200;;",
            "bob;2026-10-01 10:00:00 +0200;1.ipynb;",
            "bob;2026-10-03 10:00:00 +0200;x/2.ipynb;softmax",
            "cid;2026-10-02T10:00:00Z;;relu",
            "dan;;;",
        ]
    )
    found = results_of(graded.book, run, rules(), times(tmp_path, text))
    assert (points(found), found.doubts) == ({"ann": 8_100, "bob": 9_000, "cid": 9_000}, {r.HOW_LATE: ["cid"]})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("id,when\nann,1", "no column time or submission time"),
        ("name,time\nann,1", "no column id or student"),
        ("id,time\nann,2026-10-01 12:00", "line 2: '2026-10-01 12:00' is no time with an offset from UTC"),
        ("id,time\nann,2026-10-01T12:00Z\nann,2026-10-01T13:00Z", "line 3: a second time for ann"),
        ('id,time\n"ann,2026', "line 2: not a CSV table"),
        ("id,time\n\udcff", "byte 8 is not UTF-8"),
    ],
)
def test_a_table_of_times_that_is_none_is_told(tmp_path, text, says):
    (tmp_path / "times.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=says):
        read_times(tmp_path / "times.csv")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-10-01 12:00:00.123456789 Z", at("2026-10-01T12:00:00+00:00")),  # Gradescope
        ("2015-02-02 15:58:23.948203 UTC", at("2015-02-02T15:58:23+00:00")),  # nbgrader
        ("2026-10-01 12:00:00 -0700", at("2026-10-01T12:00:00-07:00")),
        ("2026-10-01T12:00:00+02:00", at("2026-10-01T12:00:00+02:00")),
        ("2026-10-01T12:00Z", at("2026-10-01T12:00:00+00:00")),
        ("2026-10-01 12:00:00", None),
        ("2026-10-01 12:00:00 CEST", None),
        ("2026-02-30 12:00:00 Z", None),
        ("2026-10-01 12:00:00 +99:00", None),
        ("0001-01-01 00:00:00 +02:00", None),
        ("Thursday, 1 October 2026, 11:59 PM", None),
        ("", None),
    ],
)
def test_a_time_is_read_with_its_zone_or_not_at_all(text, seconds):
    assert parse_time(text) == seconds
