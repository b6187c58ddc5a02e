"""A rotated stream key may work on beside the new one for a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store import tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("local_inputs", sa.Column("old_key_digest", sa.String(length=64), nullable=True))
    op.add_column("local_inputs", sa.Column("old_key_until", tables.UtcDateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_local_inputs_old_key_digest"), "local_inputs", ["old_key_digest"])


def downgrade() -> None:
    op.drop_index(op.f("ix_local_inputs_old_key_digest"), "local_inputs")
    op.drop_column("local_inputs", "old_key_until")
    op.drop_column("local_inputs", "old_key_digest")
