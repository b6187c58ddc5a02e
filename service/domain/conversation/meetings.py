"""Meetings in channels: tokens for a Jitsi deployment, and presence in calls.

**Tokens** are as Jitsi's Prosody plugin for token authentication needs them (lib-jitsi-meet
doc/tokens.md): `iss` our application id,
`aud`, `sub` the domain (or "*"), `room` the channel's id, `context.user` and `context.group`. All values in it are texts: the
plugin fails on null. Jitsi checks the expiry when a participant joins, not afterwards.

**Presence**: an issued token and a `call_request` message mark a participant as present, a `call_leave` message as absent. The
latest event counts, in any order of arrival. Presence is a lease, because a device with an empty battery sends no `call_leave`.
The end of a lease is an event as well, which `Meetings.sweep` writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID, uuid4

from service.clock import Clock
from service.domain.access.accounts import Identity
from service.domain.conversation.changes import CallChanged
from service.domain.conversation.ports import ConversationTransaction
from service.domain.conversation.presence import ActiveConference, Presence, PresenceStore
from service.domain.entities import Channel, User
from service.domain.errors import Forbidden
from service.domain.events.ports import Transactions
from service.domain.identifiers import UUID_FORM
from service.domain.paging import Page, PageAnchor, PageRequest, cut

TOKEN_LIFETIME = 3600
"""Seconds within which a meeting has to be joined."""

NOT_BEFORE = timedelta(seconds=30)
"""How far Jitsi's clock may be behind ours."""

LEASE = timedelta(hours=2)
"""How long a participant without further events counts as present."""

KEPT_FOR = timedelta(days=1)
"""How long an absence is kept, so that older events which arrive late are ignored."""

SWEEP_BATCH = 100
"""Channels with ended leases that are read at one time."""

MAX_PARTICIPANT = 128
"""The longest id of a participant, in characters."""

APP_SECRET = "meeting-app-secret"  # noqa: S105 - the name of a secret, not one


@dataclass(frozen=True, slots=True)
class MeetingSigner:
    """Signs tokens: HS256 with a shared secret, or RS256 with a private key (PEM) if there is a `key_id`, by which Jitsi finds
    the public key."""

    app_id: str
    audience: str
    domain: str
    key: str = field(repr=False)
    key_id: str | None = None

    def sign(self, claims: dict[str, Any]) -> str:
        import jwt  # imported late: it loads cryptography, 8 MiB, which a process without meetings does not need

        common = {"iss": self.app_id, "aud": self.audience, "sub": self.domain}
        if self.key_id is None:
            return jwt.encode(common | claims, self.key, algorithm="HS256")
        return jwt.encode(common | claims, self.key, algorithm="RS256", headers={"kid": self.key_id})


@dataclass(frozen=True, slots=True)
class Guest:
    """What the client says about the participant. None: unknown."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    avatar: str | None = None


@dataclass(frozen=True, slots=True)
class MeetingToken:
    access_token: str = field(repr=False)
    expires_in: int


class CallKind(StrEnum):
    """Message types that change presence."""

    REQUEST = "call_request"
    LEAVE = "call_leave"


class UserStore(Protocol):
    """The part of `access.ports.AccountStore` that is used here."""

    async def user(self, user_id: UUID) -> User | None: ...


class Meetings:
    """Issues meeting tokens and records presence in calls. Every method may raise Unavailable."""

    def __init__(
        self,
        store: PresenceStore,
        transactions: Transactions[ConversationTransaction],
        users: UserStore,
        signer: MeetingSigner,
        clock: Clock,
    ) -> None:
        self._store = store
        self._transactions = transactions
        self._users = users
        self._signer = signer
        self._clock = clock

    async def issue(self, channel: Channel, client: Identity, group: UUID | None, guest: Guest) -> MeetingToken:
        """Issue a token for the channel's meeting. Its participant counts as present.

        A user's token is for that user: an id in the request is ignored, and so is an email if the user has one. The name and the
        avatar of the request come first. A token of the organization itself may be for a guest, as the request describes them.

        Raises:
            Forbidden: The group is not the organization.
        """
        if group is not None and group != channel.organization_id:
            raise Forbidden
        person = _person(client.user, guest)
        now = self._clock.now()
        claims = {
            "room": str(channel.id),
            "iat": now,
            "nbf": now - NOT_BEFORE,
            "exp": now + timedelta(seconds=TOKEN_LIFETIME),
            "context": {"user": person, "group": str(channel.organization_id)},
        }
        token = MeetingToken(self._signer.sign(claims), TOKEN_LIFETIME)
        async with self._transactions.transaction() as tx:
            await self._note(tx, channel, person["id"], now, now + LEASE)
        return token

    async def note_call(
        self, tx: ConversationTransaction, channel: Channel, user_id: UUID, kind: CallKind, at: datetime
    ) -> None:
        """Record the presence that a call_request or call_leave message implies. `at`: when it was stored."""
        await self._note(tx, channel, str(user_id), at, at + LEASE if kind is CallKind.REQUEST else at)

    async def active(
        self, organization_id: UUID, user_id: UUID, client: Identity, request: PageRequest
    ) -> Page[ActiveConference]:
        """List active calls that the client may see. Raise Forbidden if the user is not in the organization."""
        user = await self._users.user(user_id)
        if user is None or user.organization_id != organization_id:
            raise Forbidden
        viewer_id = user_id if client.user is None else client.user.id
        found = await self._store.active(organization_id, user_id, viewer_id, self._clock.now(), request)
        return cut(found, request, lambda each: PageAnchor(each.channel_created_at, str(each.channel_id)))

    async def sweep(self) -> int:
        """Write the events of leases that have ended, and return their number."""
        ended, at = 0, self._clock.now()
        while True:
            batch = await self._store.lapsed(at, SWEEP_BATCH)
            for organization_id, channel_id in batch:
                async with self._transactions.transaction() as tx:
                    await tx.presence.lock(channel_id)
                    channel = await tx.channels.channel(organization_id, channel_id)
                    ended += await _lapse(tx, channel, channel_id, at)
            if len(batch) < SWEEP_BATCH:
                return ended

    async def _note(
        self, tx: ConversationTransaction, channel: Channel, participant: str, at: datetime, leaves_at: datetime
    ) -> None:
        now = self._clock.now()
        await tx.presence.lock(channel.id)
        await _lapse(tx, channel, channel.id, now)
        before = await tx.presence.present(channel.id, now)
        presence = Presence(channel.id, participant, channel.organization_id, at, leaves_at)
        await tx.presence.note(presence, now - KEPT_FOR)
        after = await tx.presence.present(channel.id, now)
        if after != before:
            tx.record(CallChanged(channel, len(before), len(after), user_of(participant), participant in after))


async def _lapse(tx: ConversationTransaction, channel: Channel | None, channel_id: UUID, at: datetime) -> int:
    """End the leases in a locked channel that have run out, and return their number. `channel`: None if it is deleted."""
    ended = sorted(await tx.presence.lapse(channel_id, at))
    if ended and channel is not None:
        left = len(await tx.presence.present(channel_id, at))
        for others, participant in zip(range(left + len(ended) - 1, left - 1, -1), ended, strict=True):
            tx.record(CallChanged(channel, others + 1, others, user_of(participant), joined=False))
    return len(ended)


def user_of(participant: str) -> UUID | None:
    """Return the id of the user that a participant is; None for a guest."""
    return UUID(participant) if UUID_FORM.fullmatch(participant) else None


def _person(user: User | None, guest: Guest) -> dict[str, str]:
    """Return `context.user`. The id and the email are from the directory, the displayed name and avatar from the request."""
    if user is None:
        claims = {"id": guest.id or uuid4().hex, "name": guest.name, "email": guest.email, "avatar": guest.avatar}
    else:
        claims = {
            "id": str(user.id),
            "name": guest.name or user.full_name,
            "email": user.email or guest.email,
            "avatar": guest.avatar or user.avatar_url,
        }
    return {name: value for name, value in claims.items() if value}
