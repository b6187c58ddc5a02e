"""Access rules: which channels a client may see, and who may change them."""

from __future__ import annotations

from uuid import UUID

from service.domain.access.accounts import Identity
from service.domain.access.ports import EntryStore
from service.domain.entities import Entry, User
from service.domain.errors import Forbidden, NotFound


async def enter(store: EntryStore, client: Identity, channel_id: UUID) -> Entry:
    """Return the channel and the client's rights in it.

    Raises:
        NotFound: There is no such channel, or it is private or direct and the user is not a member.
    """
    entry = await store.entry(client.organization.id, channel_id, client.user_id)
    if entry is None or not entry.is_visible:
        raise NotFound
    return entry


def person(client: Identity) -> User:
    """Return the user. Raise Forbidden for a token of the organization itself, which acts for no user."""
    if client.user is None:
        raise Forbidden
    return client.user


def only_admin(entry: Entry) -> None:
    """Raise Forbidden unless the client is an admin of the channel.

    A direct channel has no admins. In a channel without an admin, the organization's own tokens count as one.
    """
    if not entry.is_admin:
        raise Forbidden


def only_admin_or_organization(entry: Entry, client: Identity) -> None:
    """Raise Forbidden unless the client is an admin of the channel or a token of the organization itself.

    In a direct channel, which has no admins, every member passes.
    """
    if client.user is not None and not entry.is_direct:
        only_admin(entry)


def only_self(client: Identity, user_id: UUID) -> User:
    """Return the user. Raise Forbidden if the request is about another user."""
    user = person(client)
    if user.id != user_id:
        raise Forbidden
    return user
