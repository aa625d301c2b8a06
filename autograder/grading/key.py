"""The answer key: every check's probes with the answers that the solution gave to them.

The solution is a submission like any other: it sits in the same sandbox and answers the same probes. Its answers to
inputs recast to the other precision tell how noisy the computation is, and so how far an answer may be off.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from autograder import messages
from autograder.course.draw import PUBLIC_SEED, probes_of
from autograder.course.master import solution_cells
from autograder.course.model import Assignment, Question
from autograder.course.observe import NOTHING, Forbids
from autograder.course.probes import Parts, Probe, map_values
from autograder.course.values import TensorValue
from autograder.errors import CourseError, GraderError, UsageError
from autograder.grading.policy import refusal, split_observed
from autograder.grading.tolerance import Allowed, allowances
from autograder.messages import Catalogue
from autograder.sandbox import wire
from autograder.sandbox.host import Sandbox, Slot
from autograder.sandbox.limits import Limits
from autograder.sandbox.sitting import Inquiry, Outcome, Transcript, sit
from autograder.sandbox.warm import named_in

PUBLIC_FILE = "public.json"
_OTHER_PRECISION = {"float64": "float32", "float32": "float64"}


@dataclass(frozen=True)
class Case:
    """One probe, the expected parts of its answer, and how far each of their leaves may be off.

    Attributes:
        other: the solution's answer to the same inputs in the other precision, None where it has none.
    """

    probe: Probe
    expected: Parts
    allowed: Mapping[str, Allowed]
    other: Parts | None = None


@dataclass(frozen=True)
class KeyedCheck:
    """A check with everything that is needed to mark it."""

    title: str
    public: bool
    hundredths: int
    hint: str
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class KeyedQuestion:
    """A question with everything that is needed to ask and to mark it."""

    name: str
    kind: str
    hundredths: int
    extra: bool
    checks: tuple[KeyedCheck, ...]
    forbids: Forbids = NOTHING

    @cached_property
    def inquiry(self) -> Inquiry:
        """All its probes, encoded once for all submissions."""
        return Inquiry.of(self.name, [case.probe for check in self.checks for case in check.cases])


@dataclass(frozen=True)
class AnswerKey:
    """What all submissions of a run are measured against.

    Attributes:
        assignment: its name.
        seed: from which the inputs of hidden checks were drawn.
        questions: in the order of the course.
        checks_sha256: of the file with the checks.
        solution_sha256: of the master.
        words: in which the course speaks; they go to students with the public checks.
    """

    assignment: str
    seed: int
    questions: tuple[KeyedQuestion, ...]
    checks_sha256: str
    solution_sha256: str
    words: Catalogue = field(default_factory=messages.current, compare=False)

    @property
    def hundredths(self) -> int:
        """Points that count as full marks, extra credit left out."""
        return sum(q.hundredths for q in self.questions if not q.extra)

    def public(self) -> AnswerKey:
        """The part of the key that students may hold; each question is worth what its public checks are worth."""
        questions = []
        for question in self.questions:
            checks = tuple(c for c in question.checks if c.public)
            if checks:
                worth = sum(c.hundredths for c in checks)
                questions.append(KeyedQuestion(question.name, question.kind, worth, question.extra, checks))
        hashes = self.checks_sha256, self.solution_sha256
        return AnswerKey(self.assignment, PUBLIC_SEED, tuple(questions), *hashes, self.words)


def solved_key(assignment: Assignment, *, seed: int = 0, trust: bool = False) -> AnswerKey:
    """The key of an assignment, from a sandbox that is opened for it alone; see `make_key`.

    Raises:
        UsageError: this machine cannot hold hostile code and `trust` is not set.
        CourseError: the solution does not answer its own checks.
    """
    limits = Limits()
    preload = named_in(texts_of(assignment))
    with Sandbox(limits, trust=trust, preload=preload) as sandbox, closing(sandbox.slot()) as slot:
        return make_key(assignment, seed, slot, limits)


def texts_of(assignment: Assignment) -> tuple[str, ...]:
    """All code that an assignment runs."""
    return tuple(
        path.read_text(encoding="utf-8", errors="replace") for path in (assignment.master, assignment.checks_file)
    )


def make_key(
    assignment: Assignment,
    seed: int,
    slot: Slot,
    limits: Limits,
    questions: Sequence[Question] | None = None,
) -> AnswerKey:
    """Let the solution sit its own exam, or some questions of it, and keep the answers.

    Raises:
        CourseError: the solution did not answer a check; the message names it.
    """
    questions = assignment.questions if questions is None else questions
    drawn = {(q.name, c.title): probes_of(assignment, q, c, seed) for q in questions for c in q.checks}
    inquiries = []
    for question in questions:
        probes = [p for check in question.checks for p in drawn[question.name, check.title]]
        inquiries.append(Inquiry.of(question.name, [both for p in probes for both in (p, _recast(p))]))
    cells = tuple(enumerate(solution_cells(assignment), start=1))
    transcript = sit(slot, cells, inquiries, limits)
    return AnswerKey(
        assignment.name,
        seed,
        tuple(_keyed(assignment, q, drawn, transcript) for q in questions),
        file_sha256(assignment.checks_file),
        file_sha256(assignment.master),
    )


def _keyed(
    assignment: Assignment,
    question: Question,
    drawn: Mapping[tuple[str, str], tuple[Probe, ...]],
    transcript: Transcript,
) -> KeyedQuestion:
    outcomes = iter(transcript.answers[question.name])
    checks = []
    for check in question.checks:
        cases = []
        for probe in drawn[question.name, check.title]:
            outcome, recast = next(outcomes), next(outcomes)
            _require_answer(assignment, question, check.title, outcome, transcript)
            expected, observed = split_observed(outcome.parts)
            found = refusal(probe, observed, question.forbids)
            if found is not None:
                raise CourseError(
                    f"{check.where}: {question.name}, check {check.title!r}: the solution itself does not pass. "
                    + found[1]
                )
            other = split_observed(recast.parts)[0] if recast.kind == "answer" else None
            allowed = allowances(expected, other, check.tolerance, probe)
            cases.append(Case(probe, expected, allowed, other))
        checks.append(KeyedCheck(check.title, check.public, check.hundredths, check.hint, tuple(cases)))
    return KeyedQuestion(
        question.name, question.kind, question.hundredths, question.extra, tuple(checks), question.forbids
    )


def _require_answer(
    assignment: Assignment, question: Question, title: str, outcome: Outcome, transcript: Transcript
) -> None:
    if outcome.kind == "answer":
        return
    where = f"{assignment.master}: the solution of {question.name}, check {title!r}"
    if outcome.kind == "grader_error":
        raise GraderError(f"{where}: {outcome.message}")
    failed = "; ".join(f"cell {c.number}: {c.message}" for c in transcript.cells if c.status in ("error", "limit"))
    because = f" (cells that failed: {failed})" if failed else ""
    raise CourseError(f"{where}: {outcome.message}{because}. The solution must answer every check.")


def _recast(probe: Probe) -> Any:
    """The same probe with float arrays in the other precision."""

    def other(leaf: Any) -> Any:
        if type(leaf) is np.ndarray and leaf.dtype.name in _OTHER_PRECISION:
            with np.errstate(over="ignore"):
                return leaf.astype(_OTHER_PRECISION[leaf.dtype.name])
        if type(leaf) is TensorValue and leaf.dtype in _OTHER_PRECISION:
            with np.errstate(over="ignore"):
                recast = leaf.array.astype(_OTHER_PRECISION[leaf.dtype])
            return replace(leaf, array=recast, dtype=_OTHER_PRECISION[leaf.dtype])
        return leaf

    return map_values(probe, other)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_public(key: AnswerKey) -> str:
    """The public part of a key as the text of a file that goes to students."""
    return write_key(key.public())


def write_key(key: AnswerKey) -> str:
    """A key as the text of a file, hidden checks included; `read_public` reads it."""
    document = {
        "schema": 1,
        "assignment": key.assignment,
        "checks_sha256": key.checks_sha256,
        "solution_sha256": key.solution_sha256,
        **key.words.to_document(),
        "questions": [
            {
                "name": q.name,
                "kind": q.kind,
                "extra": q.extra,
                **({"forbids": asdict(q.forbids)} if q.forbids else {}),
                "checks": [
                    {
                        "title": c.title,
                        **({} if c.public else {"public": False}),
                        "hundredths": c.hundredths,
                        "hint": c.hint,
                        "cases": [wire.to_text(_case_values(case)) for case in c.cases],
                    }
                    for c in q.checks
                ],
            }
            for q in key.questions
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _case_values(case: Case) -> dict[str, Any]:
    allowed = {path: (a.absolute, a.relative) for path, a in case.allowed.items()}
    return {"probe": case.probe, "expected": case.expected, "allowed": allowed}


def read_public(path: Path) -> AnswerKey:
    """The key that `write_public` or `write_key` wrote.

    Raises:
        UsageError: the file is missing or not one of ours.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return AnswerKey(
            document["assignment"],
            PUBLIC_SEED,
            tuple(_read_questions(document)),
            document["checks_sha256"],
            document["solution_sha256"],
            Catalogue.of_document(document),
        )
    except FileNotFoundError:
        raise UsageError(
            f"{path}: no such file. The public checks lie in the folder `tests` beside the notebook; "
            "copy it there or name it with --tests."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, wire.WireError) as error:
        raise UsageError(f"{path}: not a file of public checks ({type(error).__name__}: {error}).") from error


def _read_questions(document: dict[str, Any]) -> Iterator[KeyedQuestion]:
    for q in document["questions"]:
        checks = tuple(
            KeyedCheck(
                c["title"], c.get("public", True), c["hundredths"], c["hint"], tuple(map(_read_case, c["cases"]))
            )
            for c in q["checks"]
        )
        forbids = Forbids(**{kind: tuple(names) for kind, names in q.get("forbids", {}).items()})
        yield KeyedQuestion(q["name"], q["kind"], sum(c.hundredths for c in checks), q["extra"], checks, forbids)


def _read_case(text: str) -> Case:
    values = wire.from_text(text)
    return Case(values["probe"], values["expected"], {p: Allowed(*a) for p, a in values["allowed"].items()})
