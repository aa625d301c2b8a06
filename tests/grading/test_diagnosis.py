"""Which misconception is named for which answers; no sandbox, the answers are made here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autograder.course.probes import call
from autograder.course.values import Unsupported
from autograder.grading.diagnosis import Known, diagnose
from autograder.grading.key import Case, KeyedCheck, KeyedQuestion
from autograder.grading.specimens import Specimen
from autograder.grading.submissions import Submission
from autograder.grading.tolerance import allowances
from autograder.records.mark import Mark, QuestionMark, misconceptions
from autograder.sandbox.sitting import Outcome

INPUTS = [np.array([1.0, 2.0]), np.array([[3.0, 5.0]])]


def asked(right) -> KeyedQuestion:
    """A question with one check per input, answered by `right`."""
    checks = []
    for at, x in enumerate(INPUTS):
        probe, parts = call(x=x), {"output": right(x)}
        case = Case(probe, parts, allowances(parts, None, None, probe))
        checks.append(KeyedCheck(f"check {at}", False, 50, "", (case,)))
    return KeyedQuestion("q", "np", 100, False, tuple(checks))


QUESTION = asked(lambda x: 2 * x)


def answers(function) -> tuple[Outcome, ...]:
    """What a function gives for every input."""
    outcomes = []
    for x in INPUTS:
        try:
            outcomes.append(Outcome("answer", {"output": function(x)}))
        except ValueError as error:
            outcomes.append(Outcome("raised", message=f"ValueError: {error}"))
    return tuple(outcomes)


def known(name, function, *, hint="Why?", kind="mistake") -> Known:
    return Known(Specimen(kind, "q", name, Submission(name, name), hint), answers(function))


def needs_rows(x):
    if x.ndim < 2:
        raise ValueError("two axes needed")
    return 3 * x


TRIPLES = known("triples", lambda x: 3 * x, hint="Twice?")
SQUARES = known("squares", lambda x: x * x)
HALVES = known("halves", lambda x: x / 2, hint="That is another convention. What does the text say?")
ROWS = known("wants rows", needs_rows)
GENERATOR = known("yields", lambda x: Unsupported("generator") if x.ndim == 1 else 3 * x)
MISTAKES = [TRIPLES, SQUARES, HALVES, ROWS, GENERATOR]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda k: k.specimen.name)
def test_a_mistake_is_named_by_its_answers_with_its_hint(mistake):
    found = diagnose(QUESTION, mistake.outcomes, MISTAKES)
    assert found is not None
    assert (found.mistake, found.hint) == (mistake.specimen.name, mistake.specimen.hint)
    assert mistake.specimen.name in found.text


def test_another_convention_is_named_as_such():
    found = diagnose(QUESTION, HALVES.outcomes, MISTAKES)
    assert found is not None
    assert found.text == "These answers follow another convention: halves."


def test_rounding_errors_of_the_size_of_the_mistake_do_not_matter():
    huge = known("is huge", lambda x: 1e9 * x)
    assert diagnose(QUESTION, answers(lambda x: 1e9 * x * (1 + 1e-15)), [huge]) is not None
    assert diagnose(QUESTION, answers(lambda x: 1e9 * x * (1 + 1e-9)), [huge]) is None


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 7 * x,
        lambda x: 3 * x if x.ndim == 1 else 2 * x,  # one answer of the mistake, one right
        lambda x: (3 * x).astype(np.float32),
        lambda x: (3 * x).tolist(),
        lambda x: 3 * x[None],
    ],
    ids=["other values", "half of the answers", "other dtype", "a list", "other shape"],
)
def test_what_no_mistake_explains_everywhere_has_no_name(function):
    assert diagnose(QUESTION, answers(function), MISTAKES) is None


def test_an_exception_is_alike_by_its_class_only():
    here, there = ROWS.outcomes
    same = replace(here, message="ValueError: other words")
    other = replace(here, message="TypeError: two axes needed")
    assert diagnose(QUESTION, (same, there), MISTAKES) is not None
    assert diagnose(QUESTION, (other, there), MISTAKES) is None


def test_one_exception_everywhere_may_have_any_cause():
    always = (Outcome("raised", message="TypeError: no"),) * 2
    broken = Known(replace(TRIPLES.specimen, name="raises"), always)
    assert diagnose(QUESTION, always, [broken]) is None


def test_mistakes_with_the_same_answers_are_all_named_and_share_a_hint_or_have_none():
    twin = known("adds twice", lambda x: x + x + x, hint="Twice?")
    found = diagnose(QUESTION, TRIPLES.outcomes, [TRIPLES, twin])
    assert found is not None
    assert (found.mistake, found.mistakes, found.hint) == (None, ("triples", "adds twice"), "Twice?")
    assert found.text == "Several known mistakes explain these answers: triples; adds twice."
    other = known("adds twice", lambda x: x + x + x, hint="How often?")
    found = diagnose(QUESTION, TRIPLES.outcomes, [TRIPLES, other])
    assert found is not None
    assert found.hint == ""


def test_what_a_correct_variant_answers_too_is_no_mistake():
    right = known("in another way", lambda x: 3 * x, kind="equivalent")
    assert diagnose(QUESTION, TRIPLES.outcomes, [TRIPLES, right]) is None


def test_a_right_answer_in_an_accepted_form_is_not_taken_for_a_wrong_dtype():
    """A float is accepted where float32 is expected, and equals the float64 of a mistake."""
    question = asked(lambda x: np.float32(x.sum()))
    mistake = known("always returns float64", lambda x: np.float64(x.sum()))
    assert diagnose(question, answers(lambda x: float(x.sum())), [mistake]) is None
    assert diagnose(question, mistake.outcomes, [mistake]) is not None


def test_misconceptions_are_counted_by_student():
    def mark(student: str, *mistakes: str | None) -> Mark:
        questions = tuple(QuestionMark(f"q{at}", 100, False, (), m) for at, m in enumerate(mistakes))
        return Mark("hw", student, "", "", "graded", 100, questions=questions)

    marks = [mark("ann", "a", "b"), mark("ann", "a", None), mark("bo", "a", None), mark("chi", None, "c")]
    assert misconceptions(marks) == [("q0", "a", 2), ("q1", "b", 1), ("q1", "c", 1)]
    assert misconceptions([]) == []
