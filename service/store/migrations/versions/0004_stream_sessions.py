"""Stream sessions, who watched the running ones, and who is in which call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store import tables

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stream_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("by_encoder", sa.Boolean(), nullable=False),
        sa.Column("started_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("peak_viewers", sa.Integer(), nullable=False),
        sa.Column("unique_viewers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_sessions")),
    )
    op.create_index(
        op.f("ix_stream_sessions_channel_id_started_at_id"),
        "stream_sessions",
        ["channel_id", "started_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_stream_sessions_running",
        "stream_sessions",
        ["channel_id"],
        unique=True,
        sqlite_where=sa.text("stopped_at IS NULL"),
        postgresql_where=sa.text("stopped_at IS NULL"),
    )
    op.create_table(
        "stream_session_visitors",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("visitor", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "visitor", name=op.f("pk_stream_session_visitors")),
    )
    op.create_table(
        "call_presences",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("participant", sa.String(length=128), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("noted_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("leaves_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "participant", name=op.f("pk_call_presences")),
    )
    op.create_index(
        op.f("ix_call_presences_organization_id_leaves_at"),
        "call_presences",
        ["organization_id", "leaves_at"],
        unique=False,
    )
    op.create_index(op.f("ix_call_presences_leaves_at"), "call_presences", ["leaves_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_call_presences_leaves_at"), table_name="call_presences")
    op.drop_index(op.f("ix_call_presences_organization_id_leaves_at"), table_name="call_presences")
    op.drop_table("call_presences")
    op.drop_table("stream_session_visitors")
    op.drop_index("uq_stream_sessions_running", table_name="stream_sessions")
    op.drop_index(op.f("ix_stream_sessions_channel_id_started_at_id"), table_name="stream_sessions")
    op.drop_table("stream_sessions")
