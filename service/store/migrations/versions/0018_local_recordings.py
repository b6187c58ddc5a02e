"""Recordings of the local provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store import tables

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = tables.UtcDateTime(timezone=True)
    op.create_table(
        "local_recordings",
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("input_uid", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", moment, nullable=False),
        sa.Column("modified", moment, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("duration", sa.Float, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_local_recordings"),
    )
    op.create_index("ix_local_recordings_input_uid_created", "local_recordings", ["input_uid", "created", "uid"])


def downgrade() -> None:
    op.drop_table("local_recordings")
