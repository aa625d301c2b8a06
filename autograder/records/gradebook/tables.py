"""What a gradebook holds: the tables, as SQLAlchemy sees them.

Marks are immutable: a new grading of a submission adds a row. What people decide (adjustments, reviewed flags) lies in
tables of its own and refers to students or marks, so that no grading overwrites it. The tables are made by the
migrations beside this file; a test compares both.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: What marks depend on besides the notebook, once for all marks that share it; named by its SHA-256.
provenances = Table(
    "provenances",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("document", Text, nullable=False),
)

#: One notebook of one student, by content: what is handed in again unchanged is the same submission, wherever it lies.
submissions = Table(
    "submissions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("assignment", Text, nullable=False),
    Column("student", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", String(64), nullable=False),  # "" where the file could not be read
    Column("identity", String(64), nullable=False),  # the hash, or else one of the file's name
    Column("handed_in", String(32)),  # UTC, ISO 8601
    Column("time_from", String(16), nullable=False, server_default="file"),  # see `autograder.records.mark.TimeFrom`
    UniqueConstraint("assignment", "student", "identity"),
)

#: The graded result of one submission; `document` is the mark's JSON, from which everything can be read again.
marks = Table(
    "marks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("submission", ForeignKey("submissions.id"), nullable=False),
    Column("fingerprint", ForeignKey("provenances.fingerprint"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("hundredths", Integer, nullable=False),
    Column("max_hundredths", Integer, nullable=False),
    Column("elapsed_s", Float, nullable=False),
    Column("graded", String(32), nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("submission", "fingerprint", "attempt"),
)

#: Every check of every mark, for questions that are asked of a whole class.
check_marks = Table(
    "check_marks",
    metadata,
    Column("mark", ForeignKey("marks.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("question", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("public", Boolean, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("hundredths", Integer, nullable=False),
    Column("max_hundredths", Integer, nullable=False),
)

#: What a person should look at, and who did.
flags = Table(
    "flags",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("mark", ForeignKey("marks.id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("reviewed", String(32)),
    Column("reviewer", Text),
)

#: One batch, under one name even if it took several attempts.
runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("assignment", Text, nullable=False),
    Column("fingerprint", ForeignKey("provenances.fingerprint"), nullable=False),
    Column("paths", Text, nullable=False),
    Column("started", String(32), nullable=False),
    Column("finished", String(32)),
)

run_marks = Table(
    "run_marks",
    metadata,
    Column("run", ForeignKey("runs.id"), primary_key=True),
    Column("submission", ForeignKey("submissions.id"), primary_key=True),
    Column("mark", ForeignKey("marks.id"), nullable=False),
)

#: Points that a person added or took away; they hold for every mark of that student, also for later ones.
adjustments = Table(
    "adjustments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("assignment", Text, nullable=False),
    Column("student", Text, nullable=False),
    Column("hundredths", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("made", String(32), nullable=False),
)

#: Which grader is at work on which submission, so that two on one gradebook do not do the same work.
claims = Table(
    "claims",
    metadata,
    Column("submission", ForeignKey("submissions.id"), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("expires", Float, nullable=False),  # seconds since 1970
)

Index(None, marks.c.submission)
Index(None, flags.c.mark)
Index(None, adjustments.c.assignment, adjustments.c.student)
