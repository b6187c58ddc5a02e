"""Message ids are unique in their channel, not in the installation.

Stepping back fails once two channels have a message of the same id.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

REFERENCE = "fk_mentions_message_id"
NEW_REFERENCE = "fk_mentions_channel_id"


def upgrade() -> None:
    with op.batch_alter_table("mentions") as mentions:
        mentions.drop_constraint(REFERENCE, type_="foreignkey")
        mentions.drop_constraint("pk_mentions", type_="primary")
        mentions.create_primary_key("pk_mentions", ["channel_id", "message_id", "user_id"])
    with op.batch_alter_table("messages") as messages:
        messages.drop_constraint("pk_messages", type_="primary")
        messages.create_primary_key("pk_messages", ["channel_id", "id"])
    with op.batch_alter_table("mentions") as mentions:
        mentions.create_foreign_key(NEW_REFERENCE, "messages", ["channel_id", "message_id"], ["channel_id", "id"])


def downgrade() -> None:
    with op.batch_alter_table("mentions") as mentions:
        mentions.drop_constraint(NEW_REFERENCE, type_="foreignkey")
        mentions.drop_constraint("pk_mentions", type_="primary")
        mentions.create_primary_key("pk_mentions", ["message_id", "user_id"])
    with op.batch_alter_table("messages") as messages:
        messages.drop_constraint("pk_messages", type_="primary")
        messages.create_primary_key("pk_messages", ["id"])
    with op.batch_alter_table("mentions") as mentions:
        mentions.create_foreign_key(REFERENCE, "messages", ["message_id"], ["id"])
