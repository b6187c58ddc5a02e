"""Who may come in, and who may change things there; one place for all."""

from __future__ import annotations

from uuid import UUID

from service.domain.accounts import Identity
from service.domain.entities import Entry, User
from service.domain.errors import Forbidden, NotFound
from service.domain.ports import EntryStore


async def enter(store: EntryStore, caller: Identity, channel_id: UUID) -> Entry:
    """The channel as the caller sees it. Errors: NotFound, also for a private or direct one he is not in."""
    entry = await store.entry(caller.organization.id, channel_id, caller.user_id)
    if entry is None or not entry.is_visible:
        raise NotFound
    return entry


def person(caller: Identity) -> User:
    """Errors: Forbidden for a token that belongs to its organization alone: it cannot speak or see for anybody."""
    if caller.user is None:
        raise Forbidden
    return caller.user


def only_admin(entry: Entry) -> None:
    """Errors: Forbidden. A direct channel has no admin. Of a channel without an admin the organization's own tokens are admins."""
    if not entry.is_admin:
        raise Forbidden


def only_admin_or_organization(entry: Entry, caller: Identity) -> None:
    """The channel's admins, and tokens that belong to the organization alone. In a direct channel every member is as good as an
    admin, because it has none. Errors: Forbidden.
    """
    if caller.user is not None and not entry.is_direct:
        only_admin(entry)


def only_self(caller: Identity, user_id: UUID) -> User:
    """Errors: Forbidden when it is about somebody else."""
    user = person(caller)
    if user.id != user_id:
        raise Forbidden
    return user
