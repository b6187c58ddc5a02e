"""Purges the messages of deleted channels, a few at a time.

A channel's row, its inputs and its stream sessions are kept: its recordings belong to them. Its members are deleted in the
transaction of the deletion; those of a private channel are kept as former members, who may see its recordings.
`latest_message_id` stays on the row as long as there are messages.
"""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.store.connections import Connections
from service.store.conversation_tables import mentions, messages
from service.store.tables import FORGETTABLE, channels


class StoredPurge:
    """Implements `domain.conversation.purge.PurgeStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def purge_messages(self, limit: int) -> bool:
        # Another process that purges gets another channel: rows that are locked are skipped.
        next_one = select(channels.c.id).where(FORGETTABLE).order_by(channels.c.deleted_at).limit(1)

        async def change(connection: AsyncConnection) -> bool:
            locked = next_one.with_for_update(skip_locked=True)
            channel_id = (await connection.execute(locked)).scalar_one_or_none()
            if channel_id is None:
                return False
            oldest = select(messages.c.id).where(messages.c.channel_id == channel_id)
            ids = list((await connection.execute(oldest.order_by(messages.c.created_at).limit(limit))).scalars())
            its_mentions = mentions.c.channel_id == channel_id, mentions.c.message_id.in_(ids)
            await connection.execute(mentions.delete().where(*its_mentions))
            await connection.execute(
                messages.delete().where(messages.c.channel_id == channel_id, messages.c.id.in_(ids))
            )
            if len(ids) < limit:
                done = update(channels).where(channels.c.id == channel_id).values(latest_message_id=None)
                await connection.execute(done)
            return True

        return await self._database.write(change)
