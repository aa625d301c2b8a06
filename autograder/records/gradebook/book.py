"""The gradebook: every mark that was ever given, which run gave it, and what people changed.

A grader takes part in a run through a `RunBook`. For each submission it finds the mark that an earlier grading of the
same notebook under the same conditions has left, or claims the submission, grades it and commits the mark in one
transaction. So a killed run loses what was in flight and nothing else, and two graders never do the same work.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Table, delete, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from autograder.errors import UsageError
from autograder.records.gradebook import tables as t
from autograder.records.gradebook.kept import KeptMarks
from autograder.records.gradebook.store import open_store
from autograder.records.mark import Kept, Mark, TimeFrom, mark_from_json
from autograder.text import visible

#: How often a grader looks whether another one has finished a submission that both were given, seconds.
_LOOK_AGAIN_S = 0.2
_LONGEST_NAME = 1_000


class HandedIn(Protocol):
    """What identifies a submission; see `autograder.grading.submissions.Submission`."""

    @property
    def student(self) -> str: ...

    @property
    def file(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def handed_in(self) -> float | None: ...

    @property
    def time_from(self) -> TimeFrom: ...


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
        named = json.dumps([visible(path, _LONGEST_NAME) for path in paths])
        with self.engine.begin() as connection:
            _insert_new(connection, t.provenances, fingerprint=fingerprint, document=document)
            same = (t.runs.c.assignment == assignment) & (t.runs.c.fingerprint == fingerprint)
            found = connection.execute(
                select(t.runs.c.id).where(same, t.runs.c.paths == named, t.runs.c.finished.is_(None))
            ).first()
            if found is None:
                values = {"assignment": assignment, "fingerprint": fingerprint, "paths": named, "started": _now()}
                found = connection.execute(insert(t.runs).values(values).returning(t.runs.c.id)).one()
        return RunBook(self, found[0], assignment, fingerprint, force)

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
                    made=_now(),
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


class RunBook:
    """One grader's part in a run."""

    def __init__(self, book: Gradebook, run: int, assignment: str, fingerprint: str, force: bool) -> None:
        self._engine, self.run, self._assignment = book.engine, run, assignment
        self._fingerprint, self._force = fingerprint, force
        self._owner = f"{socket.gethostname()} {os.getpid()} {_start_of(os.getpid())} {secrets.token_hex(4)}"

    def graded(self, submission: HandedIn, make: Callable[[], Mark], *, lease_s: float, wait: bool) -> Kept | None:
        """The mark of a submission: an earlier one where nothing has changed, or else a new one.

        Args:
            submission: whose mark.
            make: grades it; called at most once.
            lease_s: for how long the submission is claimed; more than grading can take.
            wait: whether to wait for another grader that is at work on it; else the result is then None.
        """
        while True:
            with self._engine.begin() as connection:
                number = self._enter(connection, submission)
                claimed = self._claim(connection, number, lease_s)
                # Only who holds the claim can be sure that nobody is about to commit.
                earlier = self._earlier(connection, number) if claimed else None
                if earlier is not None:
                    self._release(connection, number)
                    return earlier
            if claimed:
                break
            if not wait:
                return None
            time.sleep(_LOOK_AGAIN_S)
        try:
            mark = make()
            with self._engine.begin() as connection:
                return Kept(self._commit(connection, number, mark), mark)
        except BaseException:
            with self._engine.begin() as connection:
                self._release(connection, number)
            raise

    def sequence(self, ids: Sequence[int]) -> Sequence[Mark]:
        """The marks with the numbers that `graded` gave them, in this order; each is read when it is asked for."""
        return KeptMarks(self._engine, ids)

    def finish(self) -> None:
        """Every submission has its mark."""
        with self._engine.begin() as connection:
            connection.execute(update(t.runs).where(t.runs.c.id == self.run).values(finished=_now()))

    def _enter(self, connection: Connection, submission: HandedIn) -> int:
        file = visible(submission.file, _LONGEST_NAME)
        key = {
            "assignment": self._assignment,
            "student": visible(submission.student, _LONGEST_NAME),
            "identity": submission.sha256 or hashlib.sha256(file.encode()).hexdigest(),
        }
        handed_in = None if submission.handed_in is None else _time_text(submission.handed_in)
        facts = {"file": file, "sha256": submission.sha256}
        time = {"handed_in": handed_in, "time_from": submission.time_from}
        same = [t.submissions.c[name] == value for name, value in key.items()]
        if not _insert_new(connection, t.submissions, **key, **facts, **time) and submission.time_from != "file":
            # The same notebook again, out of a download that knows more than the file did.
            known_less = t.submissions.c.time_from == "file"
            connection.execute(update(t.submissions).where(*same, known_less).values(time))
        return int(connection.execute(select(t.submissions.c.id).where(*same)).scalar_one())

    def _earlier(self, connection: Connection, number: int) -> Kept | None:
        """The mark of this run, or one of an earlier run under the same conditions, which then belongs to this one."""
        columns = select(t.marks.c.id, t.marks.c.document, t.marks.c.elapsed_s)
        in_run = columns.join(t.run_marks, t.run_marks.c.mark == t.marks.c.id).where(
            t.run_marks.c.run == self.run, t.run_marks.c.submission == number, t.marks.c.status != "grader_error"
        )
        found = connection.execute(in_run).first()
        if found is None and not self._force:
            same = (t.marks.c.submission == number) & (t.marks.c.fingerprint == self._fingerprint)
            # What could not be read has no hash: whether it is still the same is not known.
            usable = (t.marks.c.status != "grader_error") & (t.submissions.c.sha256 != "")
            query = columns.join(t.submissions).where(same, usable).order_by(t.marks.c.attempt.desc())
            found = connection.execute(query).first()
            if found is not None:
                self._put_into_run(connection, number, found.id)
        return None if found is None else Kept(found.id, mark_from_json(found.document, found.elapsed_s))

    def _claim(self, connection: Connection, number: int, lease_s: float) -> bool:
        expires = time.time() + lease_s
        key = {"submission": number, "fingerprint": self._fingerprint}
        if _insert_new(connection, t.claims, **key, owner=self._owner, expires=expires):
            return True
        mine = (t.claims.c.submission == number) & (t.claims.c.fingerprint == self._fingerprint)
        other = connection.execute(select(t.claims).where(mine)).first()
        if other is None:  # given back just now
            return False
        if other.expires > time.time() and _is_alive(other.owner):
            return False
        took = connection.execute(
            update(t.claims).where(mine, t.claims.c.owner == other.owner).values(owner=self._owner, expires=expires)
        )
        return took.rowcount == 1

    def _commit(self, connection: Connection, number: int, mark: Mark) -> int:
        same = (t.marks.c.submission == number) & (t.marks.c.fingerprint == self._fingerprint)
        last = connection.execute(select(func.max(t.marks.c.attempt)).where(same)).scalar()
        values = {
            "submission": number,
            "fingerprint": self._fingerprint,
            "attempt": (last or 0) + 1,
            "status": mark.status,
            "hundredths": mark.hundredths,
            "max_hundredths": mark.max_hundredths,
            "elapsed_s": mark.elapsed_s,
            "graded": _now(),
            "document": mark.to_json(),
        }
        made = int(connection.execute(insert(t.marks).values(values).returning(t.marks.c.id)).scalar_one())
        rows = [
            {
                "mark": made,
                "position": position,
                "question": question.name,
                "title": check.title,
                "public": check.public,
                "verdict": check.verdict,
                "hundredths": check.hundredths,
                "max_hundredths": check.max_hundredths,
            }
            for position, (question, check) in enumerate((q, c) for q in mark.questions for c in q.checks)
        ]
        if rows:
            connection.execute(insert(t.check_marks), rows)
        if mark.flags:
            texts = [{"mark": made, "text": visible(flag, 4_000)} for flag in mark.flags]
            connection.execute(insert(t.flags), texts)
        self._put_into_run(connection, number, made)
        self._release(connection, number)
        return made

    def _put_into_run(self, connection: Connection, number: int, mark: int) -> None:
        here = (t.run_marks.c.run == self.run) & (t.run_marks.c.submission == number)
        connection.execute(delete(t.run_marks).where(here))
        connection.execute(insert(t.run_marks).values(run=self.run, submission=number, mark=mark))

    def _release(self, connection: Connection, number: int) -> None:
        mine = (t.claims.c.submission == number) & (t.claims.c.owner == self._owner)
        connection.execute(delete(t.claims).where(mine, t.claims.c.fingerprint == self._fingerprint))


def _insert_new(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless its key is taken; whether it was inserted."""
    dialects = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    make: Any = dialects[connection.dialect.name]
    statement = make(table).values(values).on_conflict_do_nothing().returning(literal(1))
    return connection.execute(statement).first() is not None


def _now() -> str:
    return _time_text(time.time())


def _time_text(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _is_alive(owner: str) -> bool:
    """Whether the process that made a claim may still be at work; of other hosts nothing is known."""
    host, pid, start, _ = owner.split(" ")
    return host != socket.gethostname() or start == "0" or _start_of(int(pid)) == start


def _start_of(pid: int) -> str:
    """When a process was started, in ticks since boot; "0" where that cannot be asked, "" when there is none."""
    if not Path("/proc/self/stat").exists():
        return "0"
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
