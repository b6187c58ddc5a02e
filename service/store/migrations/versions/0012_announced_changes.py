"""Changes of live inputs that are made at the provider and not in the log of events yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store import tables

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ANNOUNCED = sa.text("change_announced_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("live_inputs", sa.Column("change_announced_at", tables.UtcDateTime(timezone=True)))
    op.create_index(
        "ix_live_inputs_announced",
        "live_inputs",
        ["change_announced_at"],
        sqlite_where=ANNOUNCED,
        postgresql_where=ANNOUNCED,
    )


def downgrade() -> None:
    op.drop_index("ix_live_inputs_announced", "live_inputs")
    op.drop_column("live_inputs", "change_announced_at")
