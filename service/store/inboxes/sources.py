"""Inboxes and the sessions of contacts in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from service.domain.inboxes.entities import ContactSession, Inbox
from service.store.inbox_tables import inbox_sessions, inboxes
from service.store.inboxes.records import Records, entity_reader

inbox_from = entity_reader(Inbox)
_session = entity_reader(ContactSession)


class StoredSources(Records):
    """Implements `domain.inboxes.records.SourceRecords`."""

    async def inbox(self, account_id: int, inbox_id: int) -> Inbox | None:
        here = inboxes.c.account_id == account_id
        return await self._one(inbox_from, select(inboxes).where(here, inboxes.c.id == inbox_id))

    async def inbox_by_identifier(self, identifier: str) -> Inbox | None:
        return await self._one(inbox_from, select(inboxes).where(inboxes.c.identifier == identifier))

    async def inboxes(self, account_id: int, inbox_ids: Collection[int] | None = None) -> list[Inbox]:
        wanted = select(inboxes).where(inboxes.c.account_id == account_id)
        if inbox_ids is not None:
            wanted = wanted.where(inboxes.c.id.in_(inbox_ids))
        return await self._all(inbox_from, wanted.order_by(inboxes.c.id))

    async def add_inbox(self, values: Mapping[str, Any]) -> Inbox:
        return await self._insert(inbox_from, inboxes, values)

    async def change_inbox(self, inbox_id: int, values: Mapping[str, Any]) -> Inbox:
        return await self._update(inbox_from, inboxes, inbox_id, values)

    async def session(self, session_id: int) -> ContactSession | None:
        return await self._one(_session, select(inbox_sessions).where(inbox_sessions.c.id == session_id))

    async def session_in(self, inbox_id: int, source_id: str) -> ContactSession | None:
        here = inbox_sessions.c.inbox_id == inbox_id
        return await self._one(_session, select(inbox_sessions).where(here, inbox_sessions.c.source_id == source_id))

    async def sessions(
        self, account_id: int, *, source_id: str | None = None, contact_ids: Collection[int] | None = None
    ) -> list[ContactSession]:
        there = inbox_sessions.join(inboxes, inboxes.c.id == inbox_sessions.c.inbox_id)
        wanted = select(inbox_sessions).select_from(there).where(inboxes.c.account_id == account_id)
        if source_id is not None:
            wanted = wanted.where(inbox_sessions.c.source_id == source_id)
        if contact_ids is not None:
            wanted = wanted.where(inbox_sessions.c.contact_id.in_(contact_ids))
        return await self._all(_session, wanted.order_by(inbox_sessions.c.id))

    async def add_session(self, values: Mapping[str, Any]) -> ContactSession:
        return await self._insert(_session, inbox_sessions, values)

    async def verify_session(self, session_id: int, at: datetime) -> None:
        its = update(inbox_sessions).where(inbox_sessions.c.id == session_id)
        await self._connection.execute(its.values(hmac_verified=True, updated_at=at))
