"""The last report of each broadcast, and the positions of the readers of the event log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store import tables

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "broadcast_reports",
        sa.Column("uid", sa.String(64), primary_key=True),
        sa.Column("provider", sa.String(32)),
        sa.Column("kind", sa.String(16)),
        sa.Column("reported_at", tables.UtcDateTime(timezone=True)),
        sa.Column("findings", sa.Text),
    )
    op.create_table(
        "event_positions",
        sa.Column("reader", sa.String(32), nullable=False),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("reader", "organization_id"),
    )


def downgrade() -> None:
    op.drop_table("event_positions")
    op.drop_table("broadcast_reports")
