"""The graded result of one submission, as frozen data and as JSON (schema 1).

Points are whole hundredths everywhere and become decimals only here, so that sums are exact.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from autograder.text import json_text

Verdict = Literal["pass", "fail", "error", "limit", "missing", "refused", "grader_error"]
Status = Literal["graded", "rejected", "grader_error"]
#: What says when a submission was handed in: only the file's own time, which copying and unpacking change; the platform
#: it comes from, exactly; or the platform by a word alone, "on time" or "late".
TimeFrom = Literal["file", "stated", "on time", "late"]

SCHEMA = 1


@dataclass(frozen=True)
class CheckMark:
    """One row of a report."""

    title: str
    public: bool
    verdict: Verdict
    hundredths: int
    max_hundredths: int
    message: str = ""
    hint: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.hundredths <= self.max_hundredths:
            raise ValueError(f"{self.hundredths} hundredths of a point, out of {self.max_hundredths}")


@dataclass(frozen=True)
class QuestionMark:
    """All checks of one question.

    Attributes:
        mistake: the misconception that explains the answers, None where none or more than one does.
        diagnosis: what a student reads about it, "" where nothing explains the answers.
        hint: what may help.
    """

    name: str
    max_hundredths: int
    extra: bool
    checks: tuple[CheckMark, ...]
    mistake: str | None = None
    diagnosis: str = ""
    hint: str = ""

    @property
    def hundredths(self) -> int:
        """Points earned."""
        return sum(check.hundredths for check in self.checks)


@dataclass(frozen=True)
class CellMark:
    """A cell that did not simply run; `number` is its place among all cells of the notebook, from 1."""

    number: int
    status: str
    message: str


@dataclass(frozen=True)
class Mark:
    """The graded result of one submission.

    Attributes:
        status: "graded"; "rejected", when the file could not be read (the reason is in `flags`); "grader_error", when a
            fault of ours left something unmarked.
        provenance: everything the mark depends on; see `autograder.records.provenance`.
        elapsed_s: wall clock, for the run's summary; no part of the JSON, which is the same for the same inputs.
    """

    assignment: str
    student: str
    file: str
    sha256: str
    status: Status
    max_hundredths: int
    flags: tuple[str, ...] = ()
    questions: tuple[QuestionMark, ...] = ()
    cells: tuple[CellMark, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    elapsed_s: float = 0.0

    @property
    def hundredths(self) -> int:
        """Points earned, extra credit included."""
        return sum(question.hundredths for question in self.questions)

    def to_json(self) -> str:
        """The mark as the text of its file."""
        document = {
            "schema": SCHEMA,
            "assignment": self.assignment,
            "submission": {"student": self.student, "file": self.file, "sha256": self.sha256},
            "points": points(self.hundredths),
            "max_points": points(self.max_hundredths),
            "status": self.status,
            "flags": list(self.flags),
            "questions": [_question(q) for q in self.questions],
            "cells": [{"index": c.number, "status": c.status, "message": c.message} for c in self.cells],
            "provenance": self.provenance,
        }
        return json_text(document)


class Kept(NamedTuple):
    """A mark and the number under which it is kept."""

    id: int
    mark: Mark


def mark_from_json(text: str, elapsed_s: float = 0.0) -> Mark:
    """The mark that `Mark.to_json` wrote.

    Raises:
        ValueError: the text is not a mark, or one of a newer schema.
    """
    document = json.loads(text)
    try:
        if document["schema"] != SCHEMA:
            raise ValueError(f"a mark of schema {document['schema']!r}; known is {SCHEMA}")
        submission = document["submission"]
        return Mark(
            document["assignment"],
            submission["student"],
            submission["file"],
            submission["sha256"],
            document["status"],
            to_hundredths(document["max_points"]),
            tuple(document["flags"]),
            tuple(map(_question_from, document["questions"])),
            tuple(CellMark(c["index"], c["status"], c["message"]) for c in document["cells"]),
            document["provenance"],
            elapsed_s,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a mark ({type(error).__name__}: {error})") from error


def to_hundredths(number: float) -> int:
    """Points, as `points` gave them out, as whole hundredths again."""
    return round(number * 100)


def _question_from(document: dict[str, Any]) -> QuestionMark:
    checks = tuple(
        CheckMark(
            c["title"],
            c["public"],
            c["verdict"],
            to_hundredths(c["points"]),
            to_hundredths(c["max_points"]),
            c["message"],
            c["hint"],
        )
        for c in document["checks"]
    )
    return QuestionMark(
        document["name"],
        to_hundredths(document["max_points"]),
        document["extra"],
        checks,
        document["mistake"],
        document.get("diagnosis", ""),
        document.get("hint", ""),
    )


def points(hundredths: int) -> float | int:
    """Hundredths as the number that people read: 250 is 2.5, 300 is 3."""
    return hundredths // 100 if hundredths % 100 == 0 else hundredths / 100


def misconceptions(marks: Iterable[Mark]) -> list[tuple[str, str, int]]:
    """Question, mistake and the number of students who hold it, the most common first."""
    held = {(question.name, question.mistake, mark.student) for mark in marks for question in mark.questions}
    counts = Counter((name, mistake) for name, mistake, _ in held if mistake is not None)
    return sorted(((name, mistake, n) for (name, mistake), n in counts.items()), key=lambda row: (-row[2], *row[:2]))


def _question(question: QuestionMark) -> dict[str, Any]:
    return {
        "name": question.name,
        "points": points(question.hundredths),
        "max_points": points(question.max_hundredths),
        "extra": question.extra,
        "mistake": question.mistake,
        "diagnosis": question.diagnosis,
        "hint": question.hint,
        "checks": [
            {
                "title": c.title,
                "public": c.public,
                "verdict": c.verdict,
                "points": points(c.hundredths),
                "max_points": points(c.max_hundredths),
                "message": c.message,
                "hint": c.hint,
            }
            for c in question.checks
        ],
    }
