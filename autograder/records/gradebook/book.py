"""The gradebook: every mark that was ever given, which run gave it, and what people changed.

A grader takes part in a run through a `RunBook`; see `autograder.records.gradebook.run`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from autograder.errors import UsageError
from autograder.records.gradebook import tables as t
from autograder.records.gradebook.run import LONGEST_NAME, RunBook, now
from autograder.records.gradebook.statements import statements
from autograder.records.gradebook.store import open_store
from autograder.records.mark import Mark, TimeFrom, mark_from_json
from autograder.text import visible


@dataclass(frozen=True)
class RunRecord:
    """One run as the gradebook knows it; times are UTC, `finished` is None while submissions are missing."""

    id: int
    assignment: str
    fingerprint: str
    paths: tuple[str, ...]
    started: str
    finished: str | None


@dataclass(frozen=True)
class Adjustment:
    """Points that a person gave or took, in hundredths, and why."""

    assignment: str
    student: str
    hundredths: int
    comment: str
    author: str
    made: str


@dataclass(frozen=True)
class Attempt:
    """A submission with its mark, and when it was handed in: UTC, None where that is not known."""

    student: str
    mark: Mark
    handed_in: str | None
    time_from: TimeFrom


class Gradebook:
    """An open gradebook; may be used from several threads.

    Args:
        target: path of an SQLite file, made if missing, or a URL such as ``postgresql+psycopg://host/name``.

    Raises:
        UsageError: it cannot be opened, or a newer version wrote it.
    """

    def __init__(self, target: str | Path) -> None:
        self.target = str(target)
        self.engine = open_store(target)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin_run(
        self, assignment: str, conditions: dict[str, Any], paths: Sequence[str], *, force: bool = False
    ) -> RunBook:
        """Start a run, or go on with one of the same assignment, conditions and paths that was never finished.

        Args:
            assignment: its name.
            conditions: all that marks depend on besides the notebooks, as plain data.
            paths: what is graded, as the operator named it.
            force: grade again what has a mark from an earlier run.
        """
        document = json.dumps(conditions, sort_keys=True)
        fingerprint = hashlib.sha256(document.encode()).hexdigest()
        named = json.dumps([visible(path, LONGEST_NAME) for path in paths])
        with self.engine.begin() as connection:
            connection.execute(
                statements(self.engine.dialect.name).condition, {"fingerprint": fingerprint, "document": document}
            )
            same = (t.runs.c.assignment == assignment) & (t.runs.c.fingerprint == fingerprint)
            found = connection.execute(
                select(t.runs.c.id).where(same, t.runs.c.paths == named, t.runs.c.finished.is_(None))
            ).first()
            if found is None:
                values = {"assignment": assignment, "fingerprint": fingerprint, "paths": named, "started": now()}
                found = connection.execute(insert(t.runs).values(values).returning(t.runs.c.id)).one()
        return RunBook(self.engine, found[0], assignment, fingerprint, force)

    def runs(self) -> list[RunRecord]:
        """All runs, in the order in which they were started."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(t.runs).order_by(t.runs.c.id)).all()
        return [
            RunRecord(r.id, r.assignment, r.fingerprint, tuple(json.loads(r.paths)), r.started, r.finished)
            for r in rows
        ]

    def find_run(self, name: str) -> RunRecord:
        """A run by its number, or the last one of an assignment by the assignment's name.

        Raises:
            UsageError: there is none; the message names those there are.
        """
        runs = self.runs()
        for run in reversed(runs):
            if name in (str(run.id), run.assignment):
                return run
        known = ", ".join(f"{run.id} ({run.assignment})" for run in runs[-20:]) or "none yet"
        raise UsageError(f"{visible(name, 100)}: no such run in {self.target}. Runs: {known}.")

    def conditions(self, run: RunRecord) -> dict[str, Any]:
        """What the marks of a run depend on besides the notebooks; see `begin_run`."""
        query = select(t.provenances.c.document).where(t.provenances.c.fingerprint == run.fingerprint)
        with self.engine.connect() as connection:
            found: dict[str, Any] = json.loads(connection.execute(query).scalar_one())
        return found

    def marks(self, run: RunRecord) -> Iterator[Mark]:
        """The marks of a run, one at a time, sorted by student and file."""
        return (attempt.mark for attempt in self.attempts(run))

    def attempts(self, run: RunRecord) -> Iterator[Attempt]:
        """The submissions of a run, one at a time, sorted by student and file."""
        given = t.submissions.c
        query = (
            select(given.student, t.marks.c.document, t.marks.c.elapsed_s, given.handed_in, given.time_from)
            .join(t.run_marks, t.run_marks.c.mark == t.marks.c.id)
            .join(t.submissions, t.submissions.c.id == t.run_marks.c.submission)
            .where(t.run_marks.c.run == run.id)
            .order_by(t.submissions.c.student, t.submissions.c.file, t.submissions.c.id)
        )
        with self.engine.connect() as connection:
            rows = connection.execution_options(yield_per=100).execute(query)
            for row in rows:
                yield Attempt(row.student, mark_from_json(row.document, row.elapsed_s), row.handed_in, row.time_from)

    def adjust(self, assignment: str, student: str, hundredths: int, comment: str, author: str) -> None:
        """Give a student points, or take some, by hand; no grading overwrites it.

        Raises:
            UsageError: the student has no submission of this assignment.
        """
        known = (t.submissions.c.assignment == assignment) & (t.submissions.c.student == student)
        with self.engine.begin() as connection:
            if connection.execute(select(t.submissions.c.id).where(known)).first() is None:
                raise UsageError(f"{visible(student, 100)}: no submission of {assignment} in {self.target}.")
            connection.execute(
                insert(t.adjustments).values(
                    assignment=assignment,
                    student=student,
                    hundredths=hundredths,
                    comment=comment,
                    author=author,
                    made=now(),
                )
            )

    def adjustments(self, assignment: str) -> list[Adjustment]:
        """What people changed in the marks of an assignment, oldest first."""
        query = select(t.adjustments).where(t.adjustments.c.assignment == assignment).order_by(t.adjustments.c.id)
        with self.engine.connect() as connection:
            return [
                Adjustment(r.assignment, r.student, r.hundredths, r.comment, r.author, r.made)
                for r in connection.execute(query)
            ]
