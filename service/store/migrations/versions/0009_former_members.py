"""The members of a private channel are remembered when it is deleted: its recordings are theirs.

The members of channels deleted earlier are unknown; only tokens of the organization see their recordings.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_members",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_former_members_channel_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_former_members_user_id"),
        sa.PrimaryKeyConstraint("channel_id", "user_id", name="pk_former_members"),
    )


def downgrade() -> None:
    op.drop_table("former_members")
