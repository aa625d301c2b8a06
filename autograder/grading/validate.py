"""Does an assignment prove itself? Everything whose outcome is known is graded like any submission.

The solution must earn everything with two different seeds, the stub nothing; every mistake must fail at least one
hidden check of its question, every equivalent keep full marks there; spoiled answers must be rejected by every check,
and nearly all mutants of the reference by a hidden one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from autograder.course.model import Assignment
from autograder.grading import specimens
from autograder.grading.diagnosis import Known, diagnose, is_wrong
from autograder.grading.distort import DISTORTIONS, accepted_distortions, refused_float32
from autograder.grading.examine import mark_one, parts_of
from autograder.grading.grade import OnMark, in_slots
from autograder.grading.key import AnswerKey, KeyedQuestion, make_key
from autograder.grading.specimens import Specimen
from autograder.records.mark import Mark, QuestionMark, points
from autograder.sandbox import devices
from autograder.sandbox.devices import CPU
from autograder.sandbox.host import Sandbox, Slot
from autograder.sandbox.limits import Limits
from autograder.sandbox.sitting import Transcript

Kind = Literal[
    "solution",
    "stub",
    "mistake",
    "equivalent",
    "wrong answer",
    "right answer",
    "diagnosis",
    "mutant",
    "all mutants",
]
#: The least share of mutants that hidden checks must reject, those left out that are declared equivalent.
GOAL = 0.95


@dataclass(frozen=True)
class Finding:
    """Whether one thing came out as it must.

    Attributes:
        kind: what was examined.
        question: the question it concerns, "" for solution and stub.
        name: of the mistake, equivalent, kind of answer or change.
        breach: what is wrong, "" when all is well.
        caught_by: for a mistake or mutant, the titles of the hidden checks that fail it.
        detail: for a mutant that no hidden check rejects, the change as a diff; for a mistake that cannot be told from
            others by its answers, all of them.
        reason: for a mutant, why it is declared equivalent.
    """

    kind: Kind
    question: str
    name: str
    breach: str = ""
    caught_by: tuple[str, ...] = ()
    detail: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Validation:
    """All findings of one assignment.

    Attributes:
        idle: question and title of each hidden check that rejects no listed mistake.
    """

    assignment: str
    hundredths: int
    findings: tuple[Finding, ...]
    idle: tuple[tuple[str, str], ...] = ()

    @property
    def breaches(self) -> tuple[Finding, ...]:
        """The findings that need an author."""
        return tuple(f for f in self.findings if f.breach)

    @property
    def mutants(self) -> tuple[Finding, ...]:
        """The mutants that a hidden check must reject."""
        return tuple(f for f in self.findings if f.kind == "mutant" and not f.reason)

    @property
    def survivors(self) -> tuple[Finding, ...]:
        """The mutants that no hidden check rejects and nobody declared equivalent."""
        return tuple(f for f in self.mutants if not f.caught_by)

    @property
    def ambiguous(self) -> tuple[Finding, ...]:
        """The mistakes whose answers are those of other listed mistakes as well."""
        return tuple(f for f in self.findings if f.kind == "diagnosis" and f.detail)

    @property
    def ambiguous_groups(self) -> tuple[tuple[str, str], ...]:
        """Question and names of the mistakes that no check tells apart."""
        return tuple(dict.fromkeys((f.question, f.detail) for f in self.ambiguous))

    def to_document(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "assignment": self.assignment,
            "hundredths": self.hundredths,
            "findings": [asdict(finding) for finding in self.findings],
            "idle": [list(pair) for pair in self.idle],
        }

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> Validation:
        """The reverse of `to_document`."""
        findings = tuple(Finding(**{**f, "caught_by": tuple(f["caught_by"])}) for f in document["findings"])
        idle = tuple((question, title) for question, title in document["idle"])
        return cls(document["assignment"], document["hundredths"], findings, idle)


def validate(
    assignment: Assignment,
    *,
    workers: int,
    seed: int = 0,
    limits: Limits | None = None,
    trust: bool = False,
    mutants: bool = True,
    device: str = CPU,
    on_mark: OnMark | None = None,
) -> Validation:
    """Grade everything whose outcome is known, through the ordinary path.

    Args:
        assignment: what is to be proven.
        workers: how many submissions are graded at the same time.
        seed: of the hidden inputs; the solution is also graded with the next one.
        limits: of each submission.
        trust: run even where this machine cannot hold hostile code.
        mutants: also change the reference in every way of `autograder.course.mutate`.
        device: where the tensors live; on another one than the CPU only questions of torch are examined.
        on_mark: as in `autograder.grade`.

    Raises:
        CourseError: the solution does not answer its own checks, or a mutant is declared that does not exist.
        UsageError, GraderError: as `autograder.grade`.
    """
    limits = limits or Limits()
    questions = dict(parts_of(assignment, (device,))).get(device, ())
    devices.require(device)
    variants = specimens.Variants(assignment)
    seeds = (seed, seed + 1)
    every = [*(specimens.solution(assignment, s) for s in seeds), specimens.stub(assignment)]
    every += [s for question in questions for s in variants.of(question, with_mutants=mutants)]
    with Sandbox(limits, device=device, trust=trust, secret=[assignment.folder], many=True) as sandbox:
        with closing(sandbox.slot()) as slot:
            keys = [make_key(assignment, s, slot, limits, questions) for s in seeds]
        whole = [keys[0], keys[1], keys[0]]
        # A variant of one question is asked that question only.
        parts = {q.name: replace(keys[0], questions=(q,)) for q in keys[0].questions}
        work = [(s, whole[at] if at < 3 else parts[s.question]) for at, s in enumerate(every)]
        known: list[Known] = []
        marks = in_slots(work, _mark_with(limits, known), sandbox, workers=workers, on_done=on_mark)
    findings = [_judge(specimen, mark) for specimen, mark in zip(every, marks, strict=True)]
    findings += [finding for question in keys[0].questions for finding in _judge_answers(question)]
    order = {id(specimen): at for at, specimen in enumerate(every)}
    known.sort(key=lambda k: order[id(k.specimen)])  # whoever finished first
    findings += [finding for question in keys[0].questions for finding in _judge_diagnoses(question, known)]
    findings += _judge_mutants(findings)
    name = assignment.name if device == CPU else f"{assignment.name} on {device}"
    return Validation(name, keys[0].hundredths, tuple(findings), _idle(keys[0], findings))


def _mark_with(limits: Limits, known: list[Known]) -> Callable[[tuple[Specimen, AnswerKey], Slot], Mark]:
    """What marks a specimen, and keeps what listed variants answered."""

    def mark(item: tuple[Specimen, AnswerKey], slot: Slot) -> Mark:
        specimen, key = item

        def keep(transcript: Transcript) -> None:
            if specimen.kind in ("mistake", "equivalent"):
                known.append(Known(specimen, transcript.answers[specimen.question]))

        return mark_one(specimen, key, slot, limits, "full", {}, keep=keep)

    return mark


def _judge(specimen: Specimen, mark: Mark) -> Finding:
    finding = Finding(specimen.kind, specimen.question, specimen.name)
    broken = [c.message for q in mark.questions for c in q.checks if c.verdict == "grader_error"]
    if mark.status != "graded" or broken:
        return replace(finding, breach=f"the grader itself failed: {'; '.join([*mark.flags, *broken])}")
    if specimen.kind == "stub":
        return replace(finding, breach="; ".join(_earned(mark.questions)))
    if specimen.kind in ("solution", "equivalent"):
        return replace(finding, breach="; ".join(filter(None, map(_failures, mark.questions))))
    (question,) = mark.questions
    caught_by = tuple(c.title for c in question.checks if not c.public and c.verdict != "pass")
    finding = replace(finding, caught_by=caught_by)
    if specimen.mutant is None:
        return replace(finding, breach="" if caught_by else "no hidden check fails it")
    reason = specimen.mutant.equivalent
    wrong = f"it is declared equivalent ({reason}), but a hidden check fails it: {caught_by[:1]}"
    detail = "" if caught_by else specimen.mutant.diff
    return replace(finding, reason=reason, detail=detail, breach=wrong if reason and caught_by else "")


def _earned(questions: Sequence[QuestionMark]) -> Iterator[str]:
    """What a submission earned or passed, question by question."""
    for question in questions:
        passed = [repr(check.title) for check in question.checks if check.verdict == "pass"]
        if passed:
            yield f"{question.name} earns {points(question.hundredths)}: it passes {', '.join(passed)}"


def _failures(question: QuestionMark) -> str:
    """The failed checks of a question in one sentence, "" when there are none."""
    failed = [f"{c.title!r} ({c.verdict}: {c.message})" for c in question.checks if c.verdict != "pass"]
    return f"{question.name} fails {', '.join(failed)}" if failed else ""


def _judge_answers(question: KeyedQuestion) -> Iterator[Finding]:
    """Answers that were made from the solution's own; see `autograder.grading.distort`."""
    for distortion in DISTORTIONS:
        accepted = accepted_distortions(question, distortion)
        breach = f"accepted by {', '.join(map(repr, accepted))}" if accepted else ""
        yield Finding("wrong answer", question.name, distortion.name, breach)
    refused = list(refused_float32(question))
    breach = "; ".join(f"{title!r} refuses the {part}" for title, part in refused)
    yield Finding("right answer", question.name, "computed in float64, rounded to float32", breach)


def _judge_diagnoses(question: KeyedQuestion, known: Sequence[Known]) -> Iterator[Finding]:
    """Whether every mistake is recognised by its answers, and no equivalent is taken for one."""
    # A mistake that no check rejects is a breach of its own, and cannot be told from what is right.
    own = [
        k
        for k in known
        if k.specimen.question == question.name and (k.specimen.kind == "equivalent" or is_wrong(question, k.outcomes))
    ]
    mistakes = [k for k in own if k.specimen.kind == "mistake"]
    for one in own:
        # An equivalent is compared with the mistakes alone: beside itself it would never be mistaken for one.
        right = one.specimen.kind == "equivalent"
        found = diagnose(question, one.outcomes, mistakes if right else own)
        names = found.mistakes if found else ()
        finding = Finding("diagnosis", question.name, one.specimen.name)
        if right and names:
            yield replace(finding, breach=f"a correct variant is taken for: {'; '.join(names)}")
        elif not right and any(o.kind == "answer" for o in one.outcomes):
            breach = "" if one.specimen.name in names else "its own answers are not recognised"
            yield replace(finding, breach=breach, detail="; ".join(names) if len(names) > 1 else "")
        elif right:
            yield finding


def _judge_mutants(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Whether enough mutants of the whole assignment were rejected."""
    counted = [finding for finding in findings if finding.kind == "mutant" and not finding.reason]
    if counted:
        share = sum(bool(finding.caught_by) for finding in counted) / len(counted)
        breach = "" if share >= GOAL else f"hidden checks reject {share:.1%} of {len(counted)} mutants, not {GOAL:.0%}"
        yield Finding("all mutants", "", "enough are rejected", breach)


def _idle(key: AnswerKey, findings: Sequence[Finding]) -> tuple[tuple[str, str], ...]:
    """The hidden checks that reject no listed mistake."""
    used = Counter((f.question, title) for f in findings if f.kind == "mistake" for title in f.caught_by)
    return tuple(
        (q.name, c.title) for q in key.questions for c in q.checks if not c.public and not used[q.name, c.title]
    )
