"""What a grader says to the gradebook for every submission: statements that are built once, for that takes the time.

Parameters have the names of columns, except where those of the row that is written have taken them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Delete, Insert, Select, Update, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from autograder.records.gradebook import tables as t

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True)
class Statements:
    """The statements in the words of one kind of database.

    Attributes:
        condition: insert what marks depend on unless it is there.
        enter: insert a submission unless its key is taken; gives its number if it was inserted.
        number: of a submission, by its key.
        learn_time: tell when it was handed in, where only the file's time is known.
        claim: insert a claim unless there is one; gives a row if it was inserted.
        holder: the claim of a submission.
        take_over: put one owner in the place of another.
        release: give a claim back.
        in_run: the mark of a submission in a run.
        earlier: the last mark of a submission under the same conditions in any run.
        keep: insert a mark as the last attempt; gives its number.
        keep_checks, keep_flags: insert what belongs to it.
        put_into_run: the mark of a submission in a run, in the place of any other.
    """

    condition: Insert
    enter: Insert
    number: Select[Any]
    learn_time: Update
    claim: Insert
    holder: Select[Any]
    take_over: Update
    release: Delete
    in_run: Select[Any]
    earlier: Select[Any]
    keep: Insert
    keep_checks: Insert
    keep_flags: Insert
    put_into_run: Insert


@cache
def statements(dialect: str) -> Statements:
    """The statements for ``sqlite`` or ``postgresql``."""
    new = _INSERTS[dialect]
    given, kept, claims = t.submissions.c, t.marks.c, t.claims.c
    same_submission = [given[name] == bindparam(f"of_{name}") for name in ("assignment", "student", "identity")]
    same_claim = [claims[name] == bindparam(f"of_{name}") for name in ("submission", "fingerprint")]
    same_mark = [kept[name] == bindparam(f"of_{name}") for name in ("submission", "fingerprint")]
    of_owner = claims.owner == bindparam("of_owner")
    marks = select(kept.id, kept.document, kept.elapsed_s).where(kept.status != "grader_error")
    here = [t.run_marks.c[name] == bindparam(f"of_{name}") for name in ("run", "submission")]
    put = new(t.run_marks)
    last = select(func.coalesce(func.max(kept.attempt), 0)).where(*same_mark).scalar_subquery()
    return Statements(
        condition=new(t.provenances).on_conflict_do_nothing(),
        enter=new(t.submissions).on_conflict_do_nothing().returning(given.id),
        number=select(given.id).where(*same_submission),
        learn_time=update(t.submissions)
        .where(*same_submission, given.time_from == "file")
        .values(handed_in=bindparam("handed_in"), time_from=bindparam("time_from")),
        claim=new(t.claims).on_conflict_do_nothing().returning(claims.submission),
        holder=select(claims.owner, claims.expires).where(*same_claim),
        take_over=update(t.claims)
        .where(*same_claim, of_owner)
        .values(owner=bindparam("owner"), expires=bindparam("expires")),
        release=delete(t.claims).where(*same_claim, of_owner),
        in_run=marks.join(t.run_marks, t.run_marks.c.mark == kept.id).where(*here),
        # What could not be read has no hash: whether it is still the same is not known.
        earlier=marks.join(t.submissions).where(*same_mark, given.sha256 != "").order_by(kept.attempt.desc()).limit(1),
        keep=insert(t.marks).values(attempt=last + 1).returning(kept.id),
        keep_checks=insert(t.check_marks),
        keep_flags=insert(t.flags),
        put_into_run=put.on_conflict_do_update(
            index_elements=[t.run_marks.c.run, t.run_marks.c.submission], set_={"mark": put.excluded.mark}
        ),
    )
