"""Alembic's entry: run the steps on the connection that `store` has opened."""

from __future__ import annotations

from alembic import context

from autograder.records.gradebook.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most of a table in place
)
context.run_migrations()
