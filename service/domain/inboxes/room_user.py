"""The bots as which inboxes speak in the rooms of channels."""

from __future__ import annotations

from uuid import UUID, uuid4

from service.clock import Clock
from service.domain.entities import Organization, User
from service.domain.inboxes.entities import Account
from service.domain.inboxes.ports import InboxTransaction


async def new_room_user(tx: InboxTransaction, account: Account, name: str, clock: Clock) -> UUID:
    """Create the bot as which an inbox speaks in a room."""
    now = clock.now()
    user = User(uuid4(), account.organization_id, name, "", name, now, now, is_bot=True)
    await tx.directory.add_user(Organization(account.organization_id, account.name, account.created_at), user)
    return user.id
