"""The first tables: submissions, marks, runs, claims, and what people decide."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "adjustments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment", sa.Text(), nullable=False),
        sa.Column("student", sa.Text(), nullable=False),
        sa.Column("hundredths", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("made", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustments")),
    )
    op.create_index(op.f("ix_adjustments_assignment_student"), "adjustments", ["assignment", "student"], unique=False)
    op.create_table(
        "provenances",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_provenances")),
    )
    op.create_table(
        "submissions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment", sa.Text(), nullable=False),
        sa.Column("student", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("handed_in", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submissions")),
        sa.UniqueConstraint(
            "assignment", "student", "identity", name=op.f("uq_submissions_assignment_student_identity")
        ),
    )
    op.create_table(
        "claims",
        sa.Column("submission", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["submission"], ["submissions.id"], name=op.f("fk_claims_submission")),
        sa.PrimaryKeyConstraint("submission", "fingerprint", name=op.f("pk_claims")),
    )
    op.create_table(
        "marks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("submission", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("hundredths", sa.Integer(), nullable=False),
        sa.Column("max_hundredths", sa.Integer(), nullable=False),
        sa.Column("elapsed_s", sa.Float(), nullable=False),
        sa.Column("graded", sa.String(length=32), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["fingerprint"], ["provenances.fingerprint"], name=op.f("fk_marks_fingerprint")),
        sa.ForeignKeyConstraint(["submission"], ["submissions.id"], name=op.f("fk_marks_submission")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marks")),
        sa.UniqueConstraint(
            "submission", "fingerprint", "attempt", name=op.f("uq_marks_submission_fingerprint_attempt")
        ),
    )
    op.create_index(op.f("ix_marks_submission"), "marks", ["submission"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("paths", sa.Text(), nullable=False),
        sa.Column("started", sa.String(length=32), nullable=False),
        sa.Column("finished", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["fingerprint"], ["provenances.fingerprint"], name=op.f("fk_runs_fingerprint")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_table(
        "check_marks",
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("hundredths", sa.Integer(), nullable=False),
        sa.Column("max_hundredths", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["mark"], ["marks.id"], name=op.f("fk_check_marks_mark")),
        sa.PrimaryKeyConstraint("mark", "position", name=op.f("pk_check_marks")),
    )
    op.create_table(
        "flags",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reviewed", sa.String(length=32), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["mark"], ["marks.id"], name=op.f("fk_flags_mark")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flags")),
    )
    op.create_index(op.f("ix_flags_mark"), "flags", ["mark"], unique=False)
    op.create_table(
        "run_marks",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("submission", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["mark"], ["marks.id"], name=op.f("fk_run_marks_mark")),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_run_marks_run")),
        sa.ForeignKeyConstraint(["submission"], ["submissions.id"], name=op.f("fk_run_marks_submission")),
        sa.PrimaryKeyConstraint("run", "submission", name=op.f("pk_run_marks")),
    )
