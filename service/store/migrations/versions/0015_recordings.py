"""Recordings: names, descriptions and thumbnails that users set, and deletions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store import tables

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WAITING = sa.text("deleted_at IS NOT NULL AND media_deleted_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("uid", sa.String(64), primary_key=True),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("channel_id", sa.Uuid, nullable=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("name", sa.String(256)),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("thumbnail_time", sa.Float),
        sa.Column("updated_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", tables.UtcDateTime(timezone=True)),
        sa.Column("media_deleted_at", tables.UtcDateTime(timezone=True)),
    )
    op.create_index(
        "ix_recordings_waiting", "recordings", ["deleted_at"], sqlite_where=WAITING, postgresql_where=WAITING
    )


def downgrade() -> None:
    op.drop_table("recordings")
