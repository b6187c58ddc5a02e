"""Every list is a walk along an index: public channels have theirs, and everybody's private ones.

And deleted channels that still have messages can be found.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIMES = ("created_at", "latest_message_created_at")
MEMBER_TIMES = ("channel_created_at", "channel_latest_at")
FORGETTABLE = "deleted_at IS NOT NULL AND latest_message_id IS NOT NULL"


def _partial(name: str, table: str, columns: list[str], where: str, postgresql_where: str | None = None) -> None:
    """SQLite spells a test for a boolean differently, and takes an index only for the spelling it was made with."""
    op.create_index(
        name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(postgresql_where or where)
    )


def upgrade() -> None:
    op.add_column("members", sa.Column("is_private", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        sa.text(
            "UPDATE members SET is_private = true WHERE is_direct = false "
            "AND channel_id IN (SELECT id FROM channels WHERE is_private = true)"
        )
    )
    for at in MEMBER_TIMES:
        columns = ["user_id", at, "channel_id"]
        _partial(f"ix_members_private_by_{at}", "members", columns, "is_private IS 1", "is_private IS true")
    public = "direct_key IS NULL AND deleted_at IS NULL AND is_private IS "
    for at in TIMES:
        op.drop_index(f"ix_channels_listed_by_{at}", table_name="channels")
        columns = ["organization_id", at, "id"]
        _partial(f"ix_channels_public_by_{at}", "channels", columns, public + "0", public + "false")
    _partial("ix_channels_forgettable", "channels", ["deleted_at"], FORGETTABLE)


def downgrade() -> None:
    op.drop_index("ix_channels_forgettable", table_name="channels")
    for at in TIMES:
        op.drop_index(f"ix_channels_public_by_{at}", table_name="channels")
        listed = "direct_key IS NULL AND deleted_at IS NULL"
        _partial(f"ix_channels_listed_by_{at}", "channels", ["organization_id", at, "id"], listed)
    for at in MEMBER_TIMES:
        op.drop_index(f"ix_members_private_by_{at}", table_name="members")
    op.drop_column("members", "is_private")
