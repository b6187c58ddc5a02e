"""Accounts, agents and contacts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select

from service.domain.inboxes.entities import Account, Agent, Contact
from service.store.inbox_tables import inbox_accounts, inbox_agents, inbox_contacts
from service.store.inboxes.records import Records, entity_reader
from service.store.statements import insert_new
from service.store.tables import organizations, users

_account = entity_reader(Account)
_contact = entity_reader(Contact)


def _accounts() -> Select[Any]:
    joined = inbox_accounts.join(organizations, organizations.c.id == inbox_accounts.c.organization_id)
    return select(inbox_accounts, organizations.c.name).select_from(joined)


def _agents() -> Select[Any]:
    joined = (
        inbox_agents.join(inbox_accounts, inbox_accounts.c.id == inbox_agents.c.account_id)
        .join(organizations, organizations.c.id == inbox_accounts.c.organization_id)
        .outerjoin(users, users.c.id == inbox_agents.c.user_id)
    )
    user = (users.c.full_name, users.c.email, users.c.avatar_url, users.c.is_bot)
    return select(inbox_agents, organizations.c.name.label("organization"), *user).select_from(joined)


def _agent(row: Mapping[str, Any]) -> Agent:
    return Agent(
        id=row["id"],
        account_id=row["account_id"],
        user_id=row["user_id"],
        name=row["full_name"] or row["organization"],
        email=row["email"],
        avatar_url=row["avatar_url"],
        is_bot=bool(row["is_bot"]),
    )


class StoredPeople(Records):
    """Implements `domain.inboxes.records.PeopleRecords`."""

    async def account(self, account_id: int) -> Account | None:
        return await self._one(_account, _accounts().where(inbox_accounts.c.id == account_id))

    async def account_of(self, organization_id: UUID) -> Account | None:
        return await self._one(_account, _accounts().where(inbox_accounts.c.organization_id == organization_id))

    async def add_account(self, organization_id: UUID, at: datetime) -> Account:
        row = {"organization_id": organization_id, "conversation_count": 0, "created_at": at}
        await self._connection.execute(insert_new(self._connection, inbox_accounts, row))
        account = await self.account_of(organization_id)
        assert account is not None  # noqa: S101 (the organization exists)
        return account

    async def lock_account(self, account_id: int) -> None:
        locked = select(inbox_accounts.c.id).where(inbox_accounts.c.id == account_id).with_for_update(key_share=True)
        await self._connection.execute(locked)

    async def agent(self, agent_id: int) -> Agent | None:
        return await self._one(_agent, _agents().where(inbox_agents.c.id == agent_id))

    async def agent_of(self, account_id: int, user_id: UUID | None) -> Agent | None:
        which = inbox_agents.c.user_id.is_(None) if user_id is None else inbox_agents.c.user_id == user_id
        return await self._one(_agent, _agents().where(inbox_agents.c.account_id == account_id, which))

    async def add_agent(self, account_id: int, user_id: UUID | None) -> Agent:
        if user_id is None:
            await self.lock_account(account_id)  # NULL is not unique
        agent = await self.agent_of(account_id, user_id)
        if agent is None:
            row = {"account_id": account_id, "user_id": user_id}
            await self._connection.execute(insert_new(self._connection, inbox_agents, row))
            agent = await self.agent_of(account_id, user_id)
        assert agent is not None  # noqa: S101 (the user exists)
        return agent

    async def contact(self, account_id: int, contact_id: int) -> Contact | None:
        here = inbox_contacts.c.account_id == account_id
        return await self._one(_contact, select(inbox_contacts).where(here, inbox_contacts.c.id == contact_id))

    async def contact_with(self, account_id: int, attribute: str, value: str) -> Contact | None:
        here = inbox_contacts.c.account_id == account_id
        return await self._one(_contact, select(inbox_contacts).where(here, inbox_contacts.c[attribute] == value))

    async def add_contact(self, values: Mapping[str, Any]) -> Contact:
        return await self._insert(_contact, inbox_contacts, values)

    async def change_contact(self, contact_id: int, values: Mapping[str, Any]) -> Contact:
        return await self._update(_contact, inbox_contacts, contact_id, values)

    async def contacts(self, account_id: int, search: str, limit: int, offset: int) -> tuple[list[Contact], int]:
        wanted = [inbox_contacts.c.account_id == account_id]
        if search:
            texts = (inbox_contacts.c[name] for name in ("name", "email", "phone_number", "identifier"))
            wanted.append(or_(*(text.icontains(search, autoescape=True) for text in texts)))
        count = select(func.count()).select_from(inbox_contacts).where(*wanted)
        page = select(inbox_contacts).where(*wanted).order_by(inbox_contacts.c.id).limit(limit).offset(offset)
        total = (await self._connection.execute(count)).scalar_one()
        return await self._all(_contact, page), total
