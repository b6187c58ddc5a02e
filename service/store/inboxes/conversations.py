"""Conversations, numbered within their account."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Select, case, func, select, update

from service.domain.inboxes.entities import Conversation, ConversationStatus
from service.store.inbox_tables import inbox_accounts, inbox_conversations
from service.store.inboxes.records import Records, entity_reader, matching

_conversation = entity_reader(Conversation, status=ConversationStatus)


class StoredConversations(Records):
    """Implements the part of `domain.inboxes.conversation_records.ConversationRecords` about conversations."""

    async def add_conversation(self, values: Mapping[str, Any]) -> Conversation:
        grown = {"conversation_count": inbox_accounts.c.conversation_count + 1}
        counting = update(inbox_accounts).where(inbox_accounts.c.id == values["account_id"]).values(grown)
        numbered = await self._connection.execute(counting.returning(inbox_accounts.c.conversation_count))
        row = {**values, "number": numbered.scalar_one()}
        return await self._insert(_conversation, inbox_conversations, row)

    async def conversation(self, account_id: int, number: int, *, lock: bool = False) -> Conversation | None:
        here = inbox_conversations.c.account_id == account_id
        return await self._find(select(inbox_conversations).where(here, inbox_conversations.c.number == number), lock)

    async def conversation_by_id(self, conversation_id: int, *, lock: bool = False) -> Conversation | None:
        return await self._find(select(inbox_conversations).where(inbox_conversations.c.id == conversation_id), lock)

    async def _find(self, wanted: Select[Any], lock: bool) -> Conversation | None:
        return await self._one(_conversation, wanted.with_for_update(key_share=True) if lock else wanted)

    async def conversations(
        self,
        account_id: int,
        *,
        session_id: int | None = None,
        contact_id: int | None = None,
        inbox_id: int | None = None,
        statuses: Collection[str] | None = None,
        limit: int,
        offset: int = 0,
    ) -> list[Conversation]:
        row = inbox_conversations.c
        given = [(row.session_id, session_id), (row.contact_id, contact_id), (row.inbox_id, inbox_id)]
        wanted = select(inbox_conversations).where(row.account_id == account_id, *matching(given))
        if statuses is not None:
            wanted = wanted.where(row.status.in_(statuses))
        latest_first = wanted.order_by(row.last_activity_at.desc(), row.id.desc())
        return await self._all(_conversation, latest_first.limit(limit).offset(offset))

    async def count_conversations(
        self, account_id: int, agent_id: int, *, inbox_id: int | None = None, statuses: Collection[str] | None = None
    ) -> tuple[int, int, int]:
        row = inbox_conversations.c
        mine = func.count(case((row.assignee_id == agent_id, 1)))
        counted = select(func.count(), func.count(row.assignee_id), mine).where(row.account_id == account_id)
        if inbox_id is not None:
            counted = counted.where(row.inbox_id == inbox_id)
        if statuses is not None:
            counted = counted.where(row.status.in_(statuses))
        total, assigned, own = (await self._connection.execute(counted)).one()
        return total, assigned, own

    async def change_conversation(self, conversation_id: int, values: Mapping[str, Any]) -> Conversation:
        return await self._update(_conversation, inbox_conversations, conversation_id, values)
