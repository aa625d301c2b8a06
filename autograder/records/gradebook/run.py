"""One grader's part in a run: how does each submission get its mark, once?

It is the mark that an earlier grading of the same notebook under the same conditions has left. Or else the grader
claims the submission, grades it and commits the mark in one transaction. So a killed run loses what was in flight and
nothing else, and two graders never do the same work.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, update

from autograder.records.gradebook import tables as t
from autograder.records.gradebook.kept import KeptMarks
from autograder.records.gradebook.statements import statements
from autograder.records.mark import Kept, Mark, TimeFrom, mark_from_json
from autograder.text import visible

LONGEST_NAME = 1_000
#: How often a grader looks whether another one has finished a submission that both were given, seconds.
_LOOK_AGAIN_S = 0.2


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


class RunBook:
    """One grader's part in a run."""

    def __init__(self, engine: Engine, run: int, assignment: str, fingerprint: str, force: bool) -> None:
        self._engine, self.run, self._assignment = engine, run, assignment
        self._fingerprint, self._force = fingerprint, force
        self._owner = f"{socket.gethostname()} {os.getpid()} {_start_of(os.getpid())} {secrets.token_hex(4)}"
        self._do = statements(engine.dialect.name)

    def graded(self, submission: HandedIn, make: Callable[[], Mark], *, lease_s: float, wait: bool) -> Kept | None:
        """The mark of a submission: an earlier one where nothing has changed, or else a new one.

        Args:
            submission: whose mark.
            make: grades it; called at most once.
            lease_s: for how long the submission is claimed; more than grading can take. Graders on the same machine
                do not need it: they see whether the process that made a claim is there.
            wait: whether to wait for another grader that is at work on it; else the result is then None.
        """
        while True:
            with self._engine.begin() as connection:
                number, new = self._enter(connection, submission)
                claimed = self._claim(connection, number, lease_s)
                # Only who holds the claim can be sure that nobody is about to commit.
                earlier = self._earlier(connection, number) if claimed and not new else None
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
            connection.execute(update(t.runs).where(t.runs.c.id == self.run).values(finished=now()))

    def _enter(self, connection: Connection, submission: HandedIn) -> tuple[int, bool]:
        """The number of a submission, and whether the gradebook has not seen it before."""
        file = visible(submission.file, LONGEST_NAME)
        key = {
            "assignment": self._assignment,
            "student": visible(submission.student, LONGEST_NAME),
            "identity": submission.sha256 or hashlib.sha256(file.encode()).hexdigest(),
        }
        handed_in = None if submission.handed_in is None else _time_text(submission.handed_in)
        when = {"handed_in": handed_in, "time_from": submission.time_from}
        row = key | when | {"file": file, "sha256": submission.sha256}
        number = connection.execute(self._do.enter, row).scalar()
        if number is not None:
            return int(number), True
        same = {f"of_{name}": value for name, value in key.items()}
        if submission.time_from != "file":
            # The same notebook again, out of a download that knows more than the file did.
            connection.execute(self._do.learn_time, same | when)
        return int(connection.execute(self._do.number, same).scalar_one()), False

    def _earlier(self, connection: Connection, number: int) -> Kept | None:
        """The mark of this run, or one of an earlier run under the same conditions, which then belongs to this one."""
        found = connection.execute(self._do.in_run, {"of_run": self.run, "of_submission": number}).first()
        if found is None and not self._force:
            found = connection.execute(self._do.earlier, self._same(number)).first()
            if found is not None:
                self._put_into_run(connection, number, found.id)
        return None if found is None else Kept(found.id, mark_from_json(found.document, found.elapsed_s))

    def _claim(self, connection: Connection, number: int, lease_s: float) -> bool:
        mine = {"owner": self._owner, "expires": time.time() + lease_s}
        claim = {"submission": number, "fingerprint": self._fingerprint} | mine
        if connection.execute(self._do.claim, claim).first() is not None:
            return True
        other = connection.execute(self._do.holder, self._same(number)).first()
        if other is None:  # given back just now
            return False
        alive = _is_alive(other.owner)
        if alive or (alive is None and other.expires > time.time()):
            return False
        from_whom = self._same(number) | {"of_owner": other.owner}
        return connection.execute(self._do.take_over, from_whom | mine).rowcount == 1

    def _commit(self, connection: Connection, number: int, mark: Mark) -> int:
        row = {
            "submission": number,
            "fingerprint": self._fingerprint,
            "status": mark.status,
            "hundredths": mark.hundredths,
            "max_hundredths": mark.max_hundredths,
            "elapsed_s": mark.elapsed_s,
            "graded": now(),
            "document": mark.to_json(indent=None),
        }
        made = int(connection.execute(self._do.keep, row | self._same(number)).scalar_one())
        checks = [
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
        if checks:
            connection.execute(self._do.keep_checks, checks)
        if mark.flags:
            connection.execute(
                self._do.keep_flags, [{"mark": made, "text": visible(flag, 4_000)} for flag in mark.flags]
            )
        self._put_into_run(connection, number, made)
        self._release(connection, number)
        return made

    def _put_into_run(self, connection: Connection, number: int, mark: int) -> None:
        connection.execute(self._do.put_into_run, {"run": self.run, "submission": number, "mark": mark})

    def _release(self, connection: Connection, number: int) -> None:
        connection.execute(self._do.release, self._same(number) | {"of_owner": self._owner})

    def _same(self, number: int) -> dict[str, Any]:
        """Names a submission under the conditions of this run."""
        return {"of_submission": number, "of_fingerprint": self._fingerprint}


def now() -> str:
    """The time, as the gradebook keeps it: UTC, to the second."""
    return _time_text(time.time())


def _time_text(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _is_alive(owner: str) -> bool | None:
    """Whether the process that made a claim is still there; None where that cannot be known: on another host, say."""
    host, pid, start, _ = owner.split(" ")
    return None if host != socket.gethostname() or start == "0" else _start_of(int(pid)) == start


def _start_of(pid: int) -> str:
    """When a process was started, in ticks since boot; "0" where that cannot be asked, "" when there is none."""
    if not Path("/proc/self/stat").exists():
        return "0"
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
