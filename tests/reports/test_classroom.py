"""The report of a class: its numbers against scipy, its size, and what it is made from."""

from __future__ import annotations

import re
from statistics import median

import numpy as np
import pytest
import scipy.stats

from autograder import CheckMark, Mark, QuestionMark
from autograder.reports.classroom import ClassReport, Classroom, point_biserial
from autograder.reports.pages import class_page


def big_class(size: int, seed: int = 0) -> list[Mark]:
    """Marks of many students with names that need escaping; the abler pass more checks."""
    rng = np.random.default_rng(seed)
    marks = []
    for i in range(size):
        ability = rng.normal()
        questions = []
        for q in range(16):
            checks = tuple(
                CheckMark(
                    f"check {c} of <{q}>", c < 2, "pass" if ability + rng.normal() > c / 4 else "fail", 0, 70, "Wrong."
                )
                for c in range(8)
            )
            checks = tuple(
                CheckMark(c.title, c.public, c.verdict, 70 if c.verdict == "pass" else 0, 70) for c in checks
            )
            mistake = f"mistake {rng.integers(5)}" if any(c.verdict == "fail" for c in checks) else None
            questions.append(QuestionMark(f"question_{q}", 560, False, checks, mistake, "A mistake.", f"Why {q}?"))
        flags = ("policy: exec runs code from text",) if i % 50 == 0 else ()
        student = f"student <b>{i:04}</b> & company"
        marks.append(
            Mark("big", student, f"{i}.ipynb", "", "graded", 8960, flags, tuple(questions), elapsed_s=1.0 + i % 7)
        )
    return marks


def report_of(marks: list[Mark]) -> ClassReport:
    classroom = Classroom("big")
    for number, mark in enumerate(marks):
        classroom.add(mark, f"students/student_b_{number:04}_b_company-0123456789.html")
    return classroom.report()


@pytest.fixture(scope="module")
def big() -> list[Mark]:
    return big_class(1000)


def test_difficulty_and_discrimination_agree_with_scipy(big):
    report = report_of(big)
    assert len(report.checks) == 128
    for at in (0, 37, 127):
        row = report.checks[at]
        passed, rest = [], []
        for mark in big:
            (check,) = (c for q in mark.questions for c in q.checks if (q.name, c.title) == (row.question, row.title))
            passed.append(check.verdict == "pass")
            rest.append(mark.hundredths - check.hundredths)
        expected = scipy.stats.pointbiserialr(passed, rest).statistic
        # Sums of 1,000 integers in float64.
        np.testing.assert_allclose(row.discrimination, expected, rtol=1e-10)
        assert row.share == sum(passed) / len(passed)
    assert report.median == median(100 * mark.hundredths / 8960 for mark in big)


@pytest.mark.parametrize(("passed", "rest"), [([True, True], [1, 2]), ([False], [3]), ([True, False], [5, 5])])
def test_there_is_no_discrimination_where_nothing_differs(passed, rest):
    assert point_biserial(np.array(passed), np.array(rest)) is None


def test_misconceptions_are_counted_by_student_with_what_helps(big):
    report = report_of([*big, *big[:1]])  # one student twice
    question, mistake, count, hint = report.misconceptions[0]
    holders = {m.student for m in big for q in m.questions if (q.name, q.mistake) == (question, mistake)}
    assert count == len(holders)
    assert hint == f"Why {question.removeprefix('question_')}?"
    counts = [count for *_, count, _ in report.misconceptions]
    assert counts == sorted(counts, reverse=True)


def test_those_that_were_not_graded_count_in_no_statistic(run):
    classroom = Classroom(run.assignment)
    for mark in run.marks:
        classroom.add(mark)
    report = classroom.report()
    assert report.statuses == [("graded", 8), ("rejected", 1)]
    assert len(report.scores) == 8
    assert {question.asked for question in report.questions} == {8}
    assert report.limited == 1
    assert [row.student for row in report.flagged] == ["<img src=x onerror=document.title='owned'>", "broken"]


def test_the_page_of_a_thousand_students_is_below_two_megabytes(big):
    page = class_page(report_of(big))
    assert len(page.encode()) < 2_000_000
    assert page.count('<tr data-status="graded"') == 1000
    assert "<b>0007" not in page


def test_a_page_names_no_address_but_its_own(run):
    classroom = Classroom(run.assignment)
    for mark in run.marks:
        classroom.add(mark, "students/a.html")
    page = class_page(classroom.report())
    found = set(re.findall(r'(?:href|src|srcset)="([^"]{0,20})', page))
    assert found <= {
        "students/a.html",
        "data:image/svg+xml;b",
        *(f"#{name}" for name in re.findall(r'id="(\w+)"', page)),
    }
