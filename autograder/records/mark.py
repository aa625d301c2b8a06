"""The graded result of one submission, as frozen data and as JSON (schema 1).

Points are whole hundredths everywhere and become decimals only here, so that sums are exact.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Set
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
class Grid:
    """A small array, or a part of one, as text.

    Attributes:
        shape: of the whole array; () for a single number.
        rows: its elements, the last axis along a row.
        cut: whether this is only a part of the array.
    """

    shape: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    cut: bool = False


@dataclass(frozen=True)
class Curve:
    """Expected and actual numbers over an input, entry by entry; None stands for what is not finite."""

    name: str
    x: tuple[float | None, ...]
    expected: tuple[float | None, ...]
    actual: tuple[float | None, ...]


@dataclass(frozen=True)
class Detail:
    """What a public check asked, what was expected and what came.

    Attributes:
        inputs: arrays by name.
        part: which part of the answer is shown.
        expected: that part of the right answer; None where nothing can be shown.
        actual: the student's.
        differs: which of the shown elements are wrong, in the rows of `actual`; empty where shapes differ.
        curve: the same over an input, where the answer belongs to it entry by entry.
    """

    inputs: tuple[tuple[str, Grid], ...] = ()
    part: str = ""
    expected: Grid | None = None
    actual: Grid | None = None
    differs: tuple[tuple[bool, ...], ...] = ()
    curve: Curve | None = None


@dataclass(frozen=True)
class CheckMark:
    """One row of a report.

    Attributes:
        traceback: lines of the student's own code on the way to an exception, outermost first.
        detail: values; of a public check only, a hidden one never has any.
    """

    title: str
    public: bool
    verdict: Verdict
    hundredths: int
    max_hundredths: int
    message: str = ""
    hint: str = ""
    traceback: tuple[str, ...] = ()
    detail: Detail | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.hundredths <= self.max_hundredths:
            raise ValueError(f"{self.hundredths} hundredths of a point, out of {self.max_hundredths}")
        if self.detail is not None and not self.public:
            raise ValueError("a hidden check shows no values")


@dataclass(frozen=True)
class QuestionMark:
    """All checks of one question.

    Attributes:
        mistake: the misconception that explains the answers, None where none or more than one does.
        diagnosis: what a student reads about it, "" where nothing explains the answers.
        hint: what may help.
        uses: other questions that the student's code of this one refers to.
    """

    name: str
    max_hundredths: int
    extra: bool
    checks: tuple[CheckMark, ...]
    mistake: str | None = None
    diagnosis: str = ""
    hint: str = ""
    uses: tuple[str, ...] = ()

    @property
    def hundredths(self) -> int:
        """Points earned."""
        return sum(check.hundredths for check in self.checks)


@dataclass(frozen=True)
class CellMark:
    """A cell that did not simply run.

    Attributes:
        number: its place among all cells of the notebook, from 1.
        output: the end of what it printed.
    """

    number: int
    status: str
    message: str
    output: str = ""


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

    def to_json(self, indent: int | None = 1) -> str:
        """The mark as the text of its file; without indent on one line, which is five times as fast to write."""
        document = {
            "schema": SCHEMA,
            "assignment": self.assignment,
            "submission": {"student": self.student, "file": self.file, "sha256": self.sha256},
            "points": points(self.hundredths),
            "max_points": points(self.max_hundredths),
            "status": self.status,
            "flags": list(self.flags),
            "questions": [_question(q) for q in self.questions],
            "cells": [
                {"index": c.number, "status": c.status, "message": c.message, **_present(output=c.output)}
                for c in self.cells
            ],
            "provenance": self.provenance,
        }
        return json_text(document, indent)


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
            tuple(CellMark(c["index"], c["status"], c["message"], c.get("output", "")) for c in document["cells"]),
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
            tuple(c.get("traceback", ())),
            _detail_from(c["detail"]) if "detail" in c else None,
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
        tuple(document.get("uses", ())),
    )


def _detail_from(document: dict[str, Any]) -> Detail:
    curve = document.get("curve")
    return Detail(
        tuple((item["name"], _grid_from(item)) for item in document.get("inputs", ())),
        document.get("part", ""),
        _grid_from(document["expected"]) if "expected" in document else None,
        _grid_from(document["actual"]) if "actual" in document else None,
        tuple(tuple(map(bool, row)) for row in document.get("differs", ())),
        Curve(curve["name"], *(tuple(curve[side]) for side in ("x", "expected", "actual"))) if curve else None,
    )


def _grid_from(document: dict[str, Any]) -> Grid:
    return Grid(tuple(document["shape"]), tuple(map(tuple, document["rows"])), document.get("cut", False))


def points(hundredths: int) -> float | int:
    """Hundredths as the number that people read: 250 is 2.5, 300 is 3."""
    return hundredths // 100 if hundredths % 100 == 0 else hundredths / 100


def misconceptions(marks: Iterable[Mark]) -> list[tuple[str, str, int]]:
    """Question, mistake and the number of students who hold it, the most common first."""
    return count_held({held for mark in marks for held in held_by(mark)})


def held_by(mark: Mark) -> Iterator[tuple[str, str, str]]:
    """Question, mistake and student of each misconception that explains answers of a submission."""
    for question in mark.questions:
        if question.mistake is not None:
            yield question.name, question.mistake, mark.student


def count_held(held: Set[tuple[str, str, str]]) -> list[tuple[str, str, int]]:
    """As `misconceptions`, of what `held_by` gave for several marks."""
    counts = Counter((name, mistake) for name, mistake, _ in held)
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
        **_present(uses=list(question.uses)),
        "checks": [
            {
                "title": c.title,
                "public": c.public,
                "verdict": c.verdict,
                "points": points(c.hundredths),
                "max_points": points(c.max_hundredths),
                "message": c.message,
                "hint": c.hint,
                **_present(traceback=list(c.traceback), detail=c.detail and _detail(c.detail)),
            }
            for c in question.checks
        ],
    }


def _present(**values: Any) -> dict[str, Any]:
    """Those that hold something: a mark without them reads as it did before there were such keys."""
    return {name: value for name, value in values.items() if value}


def _detail(detail: Detail) -> dict[str, Any]:
    curve = detail.curve
    return _present(
        inputs=[{"name": name, **_grid(grid)} for name, grid in detail.inputs],
        part=detail.part,
        expected=detail.expected and _grid(detail.expected),
        actual=detail.actual and _grid(detail.actual),
        differs=[[int(cell) for cell in row] for row in detail.differs],
        curve=curve and {"name": curve.name, "x": curve.x, "expected": curve.expected, "actual": curve.actual},
    )


def _grid(grid: Grid) -> dict[str, Any]:
    return {"shape": grid.shape, "rows": grid.rows, **_present(cut=grid.cut)}
