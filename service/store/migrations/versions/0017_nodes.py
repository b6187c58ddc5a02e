"""Nodes, and the broadcasts that they carry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store import tables

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = tables.UtcDateTime(timezone=True)
    op.create_table(
        "nodes",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("url", sa.String(2048)),
        sa.Column("incarnation", sa.Integer, nullable=False),
        sa.Column("joined_at", moment, nullable=False),
        sa.Column("seen_at", moment),
        sa.PrimaryKeyConstraint("name", name="pk_nodes"),
    )
    op.create_table(
        "broadcasts",
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("input_uid", sa.String(64), nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("incarnation", sa.Integer, nullable=False),
        sa.Column("is_held", sa.Boolean, nullable=False),
        sa.Column("claimed_at", moment, nullable=False),
        sa.Column("ended_at", moment),
        sa.Column("state", sa.Text),
        sa.PrimaryKeyConstraint("uid", name="pk_broadcasts"),
    )
    op.create_index("uq_broadcasts_input_uid_fence", "broadcasts", ["input_uid", "fence"], unique=True)
    running = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_broadcasts_running",
        "broadcasts",
        ["input_uid"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )


def downgrade() -> None:
    op.drop_table("broadcasts")
    op.drop_table("nodes")
