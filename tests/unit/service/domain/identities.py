"""Callers of the domain: people of a room, and its organization."""

from __future__ import annotations

from uuid import UUID

from service.domain.accounts import Identity
from service.domain.entities import Organization
from tests.contract.room import START, Room


async def identity_of(room: Room, who: int | UUID | None) -> Identity:
    """Return the room's person of that number, any user by id, or (None) the organization itself."""
    if who is None:
        return Identity(Organization(room.organization_id, "Acme", START), None)
    user = await room.store.accounts.user(who if isinstance(who, UUID) else room.people[who])
    assert user is not None
    return Identity(Organization(user.organization_id, "Acme", START), user)
