"""Which misconception explains a student's wrong answers?

The answers to a failed question are compared with those that its listed mistakes give to the same probes. A mistake
explains them if it does the same everywhere: the same answers within the tolerance, the same exceptions. What the
listed mistakes answer is found out in the sandbox, once per run, and only for questions that somebody failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from autograder.course.model import Assignment
from autograder.course.probes import Parts, map_values
from autograder.course.values import Unsupported
from autograder.errors import GraderError
from autograder.grading.compare import compare
from autograder.grading.key import AnswerKey, Case, KeyedQuestion
from autograder.grading.specimens import Specimen, Variants
from autograder.grading.tolerance import Allowed, allowances
from autograder.messages import say
from autograder.records.mark import Mark, QuestionMark
from autograder.sandbox.host import Slot
from autograder.sandbox.limits import Limits
from autograder.sandbox.sitting import Outcome, Transcript, sit


@dataclass(frozen=True)
class Known:
    """A listed mistake or equivalent and what it answers to every probe of its question."""

    specimen: Specimen
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Diagnosis:
    """What explains the answers to one question.

    Attributes:
        mistakes: names of the mistakes that do; more than one where the probes cannot tell them apart.
        text: what a student reads.
        hint: of the mistake, or the one that all of them share; "" without one.
    """

    mistakes: tuple[str, ...]
    text: str
    hint: str

    @property
    def mistake(self) -> str | None:
        """The only mistake that explains the answers, None where several do."""
        return self.mistakes[0] if len(self.mistakes) == 1 else None


def diagnose(question: KeyedQuestion, outcomes: Sequence[Outcome], known: Iterable[Known]) -> Diagnosis | None:
    """The mistakes that explain all outcomes of a question; None where none does, or an equivalent does as well.

    Args:
        question: what was asked.
        outcomes: what came back, probe by probe.
        known: its listed mistakes and equivalents.
    """
    if all(outcome.kind != "answer" for outcome in outcomes):
        return None  # one exception everywhere may have any cause
    cases = [case for check in question.checks for case in check.cases]
    alike = [k.specimen for k in known if _explains(k, cases, outcomes)]
    if not alike or any(specimen.kind == "equivalent" for specimen in alike):
        return None
    hints = {specimen.hint for specimen in alike}
    shared = hints.pop() if len(hints) == 1 else ""
    names = tuple(specimen.name for specimen in alike)
    if len(names) > 1:
        return Diagnosis(names, say("diagnosis.several", mistakes="; ".join(names)), shared)
    if "another convention" in shared.lower():
        return Diagnosis(names, say("diagnosis.convention", mistake=names[0]), shared)
    return Diagnosis(names, say("diagnosis.known", mistake=names[0]), shared)


def is_wrong(question: KeyedQuestion, outcomes: Sequence[Outcome]) -> bool:
    """Whether some outcome of a question is not the right answer."""
    cases = [case for check in question.checks for case in check.cases]
    pairs = zip(cases, outcomes, strict=True)
    return any(outcome.kind != "answer" or not _right(case, outcome.parts) for case, outcome in pairs)


def _explains(known: Known, cases: Sequence[Case], outcomes: Sequence[Outcome]) -> bool:
    return all(_same(*pair) for pair in zip(cases, known.outcomes, outcomes, strict=True))


def _same(case: Case, known: Outcome, outcome: Outcome) -> bool:
    if known.kind != outcome.kind or known.kind in ("missing", "grader_error"):
        return False
    if known.kind == "raised":
        return _exception(known) == _exception(outcome)
    if known.kind == "answer":
        return _same_answer(case, known.parts, outcome.parts)
    return True


def _exception(outcome: Outcome) -> str:
    """The class of an exception, which stands in front of its text."""
    return outcome.message.partition(":")[0]


def _same_answer(case: Case, known: Parts, parts: Parts) -> bool:
    if known.keys() != parts.keys() or _right(case, known) != _right(case, parts):
        return False
    known, parts = map_values(known, _named), map_values(parts, _named)
    allowed = _wider(case.allowed, allowances(known, None, None, case.probe))
    return compare(known, parts, allowed) is None


def _named(leaf: Any) -> Any:
    """What cannot be compared, by the name of its type."""
    return f"an object of type {leaf.type_name}" if isinstance(leaf, Unsupported) else leaf


def _right(case: Case, parts: Parts) -> bool:
    return compare(case.expected, parts, case.allowed) is None


def _wider(first: Mapping[str, Allowed], second: Mapping[str, Allowed]) -> dict[str, Allowed]:
    """For every leaf the larger of two tolerances: that of the right answer, and that of the size of the mistake's."""
    wider = dict(first)
    for path, allowed in second.items():
        held = wider.get(path, allowed)
        wider[path] = Allowed(max(held.absolute, allowed.absolute), max(held.relative, allowed.relative))
    return wider


class Casebook:
    """What the listed mistakes of an assignment answer, found out when it is first asked for.

    Args:
        assignment: whose mistakes.
        limits: of each sitting.
    """

    def __init__(self, assignment: Assignment, limits: Limits) -> None:
        self._assignment, self._limits = assignment, limits
        self._variants = Variants(assignment)
        self._known: dict[str, tuple[Known, ...]] = {}
        self._locks = {question.name: Lock() for question in assignment.questions}

    def explain(self, mark: Mark, key: AnswerKey, transcript: Transcript, slot: Slot) -> Mark:
        """The mark with the misconception of every question that lost points, where one explains its answers."""
        keyed = {question.name: question for question in key.questions}
        explained = [
            self._explained(question, keyed[question.name], transcript.answers[question.name], slot)
            for question in mark.questions
        ]
        return replace(mark, questions=tuple(explained))

    def _explained(
        self, mark: QuestionMark, question: KeyedQuestion, outcomes: Sequence[Outcome], slot: Slot
    ) -> QuestionMark:
        verdicts = {check.verdict for check in mark.checks}
        if verdicts <= {"pass"} or "grader_error" in verdicts or all(o.kind != "answer" for o in outcomes):
            return mark
        try:
            found = diagnose(question, outcomes, self.known(question, slot))
        except GraderError:
            return mark  # points and verdicts are there; the diagnosis is an extra
        return mark if found is None else replace(mark, mistake=found.mistake, diagnosis=found.text, hint=found.hint)

    def known(self, question: KeyedQuestion, slot: Slot) -> tuple[Known, ...]:
        """The listed mistakes and equivalents of a question with their answers."""
        with self._locks[question.name]:
            if question.name not in self._known:
                listed = self._variants.listed(self._assignment.question(question.name))
                self._known[question.name] = tuple(Known(s, self._outcomes(s, question, slot)) for s in listed)
            return self._known[question.name]

    def _outcomes(self, specimen: Specimen, question: KeyedQuestion, slot: Slot) -> tuple[Outcome, ...]:
        transcript = sit(slot, specimen.submission.cells, [question.inquiry], self._limits)
        return transcript.answers[question.name]
