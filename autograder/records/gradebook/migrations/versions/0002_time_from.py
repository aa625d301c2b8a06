"""What says when a submission was handed in; until now it was the file's own time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    column = sa.Column("time_from", sa.String(length=16), nullable=False, server_default="file")
    op.add_column("submissions", column)
