"""Streams know their channel's name: a search walks along them, and had to look up the channel of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("live_inputs", sa.Column("channel_name_folded", sa.Text(), nullable=False, server_default=""))
    op.execute(
        sa.text(
            "UPDATE live_inputs SET channel_name_folded = "
            "(SELECT name_folded FROM channels WHERE channels.id = live_inputs.channel_id)"
        )
    )


def downgrade() -> None:
    op.drop_column("live_inputs", "channel_name_folded")
