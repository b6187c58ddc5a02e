"""Alembic's entry: runs on the connection `service.store.migrate` opened, inside its transaction."""

from __future__ import annotations

from alembic import context

from service.store.conversation_tables import members

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=members.metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
    compare_type=True,
)
context.run_migrations()
