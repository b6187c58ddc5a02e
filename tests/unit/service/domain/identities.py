"""Identities of API clients: members of a conversation, and its organization."""

from __future__ import annotations

from uuid import UUID

from service.domain.access.accounts import Identity
from service.domain.entities import Organization
from tests.contract.conversation import START, Conversation


async def identity_of(chat: Conversation, who: int | UUID | None) -> Identity:
    """Return the identity of the member with that number, of any user by id, or (None) of the organization."""
    if who is None:
        return Identity(Organization(chat.organization_id, "Acme", START), None)
    user = await chat.store.accounts.user(who if isinstance(who, UUID) else chat.members[who])
    assert user is not None
    return Identity(Organization(user.organization_id, "Acme", START), user)
