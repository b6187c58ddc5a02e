"""Live inputs that were deleted at the provider: out of the lists until a client asks for another one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store import tables

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("live_inputs", sa.Column("lost_at", tables.UtcDateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("live_inputs", "lost_at")
