"""Does an assignment prove itself? Solution, stub and every listed mistake are graded like any submission.

The solution must earn everything, the stub nothing, every mistake must fail at least one hidden check of its question,
and every equivalent must keep full marks there.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal

from autograder.course.master import solution_cells, stub_cells
from autograder.course.model import Assignment, Variant
from autograder.grading.grade import OnMark, mark_all
from autograder.grading.key import make_key
from autograder.grading.submissions import Submission
from autograder.records.mark import Mark, QuestionMark, points
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import Limits

Kind = Literal["solution", "stub", "mistake", "equivalent"]


@dataclass(frozen=True)
class Specimen:
    """A submission whose outcome is known beforehand.

    Attributes:
        kind: what it is.
        question: the question it concerns, "" for solution and stub.
        name: of the mistake or equivalent.
        submission: what is graded.
    """

    kind: Kind
    question: str
    name: str
    submission: Submission

    def read(self) -> Submission:
        """The submission; see `autograder.grading.grade.Readable`."""
        return self.submission


@dataclass(frozen=True)
class Finding:
    """Whether one specimen came out as it must.

    Attributes:
        breach: what is wrong, "" when all is well.
        caught_by: for a mistake, the titles of the hidden checks that fail it.
    """

    specimen: Specimen
    breach: str
    caught_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Validation:
    """All findings of one assignment."""

    assignment: str
    hundredths: int
    findings: tuple[Finding, ...]

    @property
    def breaches(self) -> tuple[Finding, ...]:
        """The findings that need an author."""
        return tuple(f for f in self.findings if f.breach)


def validate(
    assignment: Assignment,
    *,
    workers: int,
    seed: int = 0,
    limits: Limits | None = None,
    trust: bool = False,
    on_mark: OnMark | None = None,
) -> Validation:
    """Grade everything whose outcome is known, through the ordinary path.

    Raises:
        CourseError: the solution does not answer its own checks.
        UsageError, GraderError: as `autograder.grade`.
    """
    limits = limits or Limits()
    groups = _specimens(assignment)
    total, done = sum(map(len, groups.values())), 0
    marks: list[Mark] = []

    def count(mark: Mark, _done: int, _total: int) -> None:
        nonlocal done
        done += 1
        if on_mark is not None:
            on_mark(mark, done, total)

    with Sandbox(limits, trust=trust, secret=[assignment.folder]) as sandbox:
        with closing(sandbox.slot()) as slot:
            key = make_key(assignment, seed, slot, limits)
        for name, specimens in groups.items():
            # A variant of one question is asked that question only; solution and stub are asked all.
            part = replace(key, questions=tuple(q for q in key.questions if name in ("", q.name)))
            marks += mark_all(specimens, part, sandbox, workers=workers, reveal="full", on_mark=count)
    every = [specimen for specimens in groups.values() for specimen in specimens]
    findings = tuple(_judge(specimen, mark) for specimen, mark in zip(every, marks, strict=True))
    return Validation(assignment.name, key.hundredths, findings)


#: Cells of the solution that no variant needs: check cells would ask the question before the variant replaces it, and
#: figures take most of a notebook's time.
_LEFT_OUT = (".check(", "plt.show(")


def _specimens(assignment: Assignment) -> dict[str, list[Specimen]]:
    """Everything whose outcome is known, by the question it concerns; "" for what concerns all."""
    solution = solution_cells(assignment)
    groups = {
        "": [
            Specimen("solution", "", "solution", _submission("solution", solution)),
            Specimen("stub", "", "stub", _submission("stub", stub_cells(assignment))),
        ]
    }
    for question in assignment.questions:
        groups[question.name] = []
        kinds: tuple[tuple[Kind, tuple[Variant, ...]], ...] = (
            ("mistake", question.mistakes),
            ("equivalent", question.equivalents),
        )
        for kind, variants in kinds:
            for variant in variants:
                cells = (*(c for c in solution if not any(word in c for word in _LEFT_OUT)), variant.source)
                name = f"{question.name}: {variant.name}"
                groups[question.name].append(Specimen(kind, question.name, variant.name, _submission(name, cells)))
    return groups


def _submission(name: str, cells: tuple[str, ...]) -> Submission:
    return Submission(name, name, cells=tuple(enumerate(cells, start=1)))


def _judge(specimen: Specimen, mark: Mark) -> Finding:
    broken = [c.message for q in mark.questions for c in q.checks if c.verdict == "grader_error"]
    if mark.status != "graded" or broken:
        return Finding(specimen, f"the grader itself failed: {'; '.join([*mark.flags, *broken])}")
    by_name = {q.name: q for q in mark.questions}
    if specimen.kind == "solution":
        return Finding(specimen, "; ".join(_failures(q) for q in mark.questions if _failures(q)))
    if specimen.kind == "stub":
        earned = [f"{q.name} earns {points(q.hundredths)}" for q in mark.questions if q.hundredths]
        return Finding(specimen, "; ".join(earned))
    question = by_name[specimen.question]
    if specimen.kind == "equivalent":
        return Finding(specimen, _failures(question))
    caught_by = tuple(c.title for c in question.checks if not c.public and c.verdict != "pass")
    return Finding(specimen, "" if caught_by else "no hidden check fails it", caught_by)


def _failures(question: QuestionMark) -> str:
    """The failed checks of a question in one sentence, "" when there are none."""
    failed = [f"{c.title!r} ({c.verdict}: {c.message})" for c in question.checks if c.verdict != "pass"]
    return f"{question.name} fails {', '.join(failed)}" if failed else ""
