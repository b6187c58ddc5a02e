"""The log of events, and the ends of each organization's log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store import tables

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_heads",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_event_heads"),
    )
    op.create_table(
        "events",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text()),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("subject", sa.Uuid()),
        sa.Column("source", sa.String(128)),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_events"),
    )
    op.create_index("ix_events_created_at", "events", ["created_at"])
    has_source = sa.text("source IS NOT NULL")
    op.create_index(
        "uq_events_source",
        "events",
        ["organization_id", "source"],
        unique=True,
        sqlite_where=has_source,
        postgresql_where=has_source,
    )


def downgrade() -> None:
    op.drop_table("events")
    op.drop_table("event_heads")
