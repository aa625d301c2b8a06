"""What the feedback of a student says, and what it never says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from autograder import CheckMark, Mark, QuestionMark
from autograder.records.mark import CellMark, mark_from_json
from autograder.reports.feedback import make_feedback
from autograder.reports.lms import lms_text
from autograder.reports.pages import fragment, student_page

from .test_golden import on_terminal

#: Entries of the inputs of a hidden check, and of its expected answer.
SECRETS = ("777", "778", "780", "603729", "605284")


def question(name: str, *verdicts: str, uses: tuple[str, ...] = ()) -> QuestionMark:
    checks = tuple(CheckMark(f"{name} {i}", False, v, 0, 100, f"{name} says {i}") for i, v in enumerate(verdicts))
    return QuestionMark(name, 100 * len(verdicts), False, checks, uses=uses)


def mark_of(*questions: QuestionMark, **fields: object) -> Mark:
    return Mark("squares", "ann", "ann.ipynb", "", "graded", 1000, questions=questions, **fields)


@pytest.mark.parametrize("form", [on_terminal, lambda m: lms_text(make_feedback(m)), lambda m: m.to_json()])
def test_values_of_hidden_checks_are_nowhere(marks, form):
    assert marks["bela"].questions[0].checks[1].verdict == "fail"
    for mark in marks.values():
        assert not any(secret in form(mark) for secret in SECRETS), mark.student


def test_values_of_hidden_checks_are_on_no_page(marks):
    for mark in marks.values():
        told = make_feedback(mark)
        for page in (student_page(told), fragment(told)):
            shown = page[page.index("</style>") :]
            assert not any(secret in shown for secret in SECRETS), mark.student


def test_what_hidden_checks_told_a_function_is_not_shown_by_its_answer_to_a_public_one(marks):
    check = marks["spy"].questions[1].checks[0]
    assert check.verdict == "fail"
    assert check.detail is not None
    assert check.detail.actual is not None
    assert check.detail.actual.rows == (("2", "2"),)  # what the public check of `square` had shown it


def test_the_detail_of_a_public_check_survives_its_file(marks):
    mark = marks["bela"]
    check = mark.questions[0].checks[0]
    assert check.detail is not None
    assert check.detail.curve is not None
    assert check.detail.curve.actual == (-8, -1, 0, 1, 8)
    assert replace(mark_from_json(mark.to_json()), elapsed_s=mark.elapsed_s) == mark


def test_a_mark_from_before_there_were_details_is_read():
    document = json.loads(mark_of(question("square", "fail")).to_json())
    assert set(document["questions"][0]) == {
        *("name", "points", "max_points", "extra", "mistake", "diagnosis", "hint", "checks")
    }
    assert set(document["questions"][0]["checks"][0]) == {
        *("title", "public", "verdict", "points", "max_points", "message", "hint")
    }
    for old in ("diagnosis", "hint"):
        del document["questions"][0][old]
    assert make_feedback(mark_from_json(json.dumps(document))).failing[0].checks[0].message == "square says 0"


def test_what_depends_on_a_failed_question_comes_last_and_is_told_as_such():
    mark = mark_of(question("total", "fail", uses=("square",)), question("square", "fail"), question("last", "pass"))
    told = make_feedback(mark)
    assert [q.mark.name for q in told.failing] == ["square", "total"]
    assert told.failing[1].next == "total uses square, which has failing checks. Mend square first; this may then pass."
    assert told.next == "Start with square."
    assert [q.mark.name for q in told.passing] == ["last"]


def test_what_it_uses_is_not_to_blame_where_that_passes():
    told = make_feedback(mark_of(question("total", "fail", uses=("square",)), question("square", "pass")))
    assert told.failing[0].after == ""


def test_the_dependency_is_read_from_the_students_code(marks):
    assert [q.uses for q in marks["bela"].questions] == [(), ("square",), (), ()]


def test_the_first_failing_check_comes_first():
    told = make_feedback(mark_of(question("square", "pass", "limit", "pass", "error")))
    assert [check.title for check in told.failing[0].checks] == ["square 1", "square 3", "square 0", "square 2"]


def test_one_reason_is_told_once():
    checks = tuple(CheckMark(f"check {i}", False, "missing", 0, 100, "It is not there.") for i in range(5))
    told = make_feedback(mark_of(QuestionMark("square", 500, False, checks)))
    assert told.failing[0].together
    assert lms_text(told).count("It is not there.") == 1


@pytest.mark.parametrize(
    ("verdict", "starts"),
    [
        ("missing", "Write square in its cell"),
        ("error", "Call square on a small example"),
        ("limit", "Try square on the smallest input"),
        ("refused", "Write square without what is named"),
        ("grader_error", "Nothing to do for you"),
        ("fail", "The public checks pass."),
    ],
)
def test_each_verdict_says_what_to_try_next(verdict, starts):
    assert make_feedback(mark_of(question("square", verdict))).failing[0].next.startswith(starts)


def test_a_failed_cell_is_what_to_do_first():
    told = make_feedback(mark_of(question("square", "fail"), cells=(CellMark(4, "error", "ZeroDivisionError"),)))
    assert told.next.startswith("Mend cell 4 first")


def test_points_given_by_hand_count_and_are_told():
    mark = mark_of(question("square", "fail"))
    told = make_feedback(mark, [(250, "Good idea."), (-50, "Late.")])
    assert (told.earned, told.score, told.share) == (200, "2 of 10 points", 0.2)
    assert [note.partition(": ")[2] for note in told.notes] == ["+2.5 points. Good idea.", "-0.5 points. Late."]


def test_a_text_for_an_lms_keeps_its_limit_and_says_that_something_is_left_out():
    mark = mark_of(*(question(f"q{i}", "fail", "fail") for i in range(100)))
    text = lms_text(make_feedback(mark), 2_000)
    assert 1_500 < len(text) <= 2_000
    assert text.endswith("[The rest is left out here.]\n")
