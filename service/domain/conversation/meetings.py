"""Meetings in channels: tokens for a Jitsi deployment, and who is in a call.

**Tokens** are what Jitsi's Prosody plugin for token authentication wants (lib-jitsi-meet doc/tokens.md): `iss` our application id,
`aud`, `sub` the domain (or "*"), `room` the channel's id, `context.user` and `context.group`. Every value in there is a text: the
plugin fails on null. Jitsi looks at the expiry when somebody joins, not after.

**Presence**: a token that was issued and a `call_request` message say that somebody is in the call, a `call_leave` message that he
is not. The newest word counts, whatever order they arrive in. Nobody says goodbye when his battery is empty: presence is a lease.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID, uuid4

from service.domain.accounts import Identity
from service.domain.entities import Channel, User
from service.domain.errors import Forbidden
from service.domain.paging import Page, PageAnchor, PageRequest, cut

TOKEN_LIFETIME = 3600
"""Seconds within which a meeting has to be joined."""

NOT_BEFORE = timedelta(seconds=30)
"""How far Jitsi's clock may be behind ours."""

LEASE = timedelta(hours=2)
"""How long somebody who says nothing more counts as being in a call."""

KEPT_FOR = timedelta(days=1)
"""How long the word of somebody who left is kept, against older ones that arrive late."""

MAX_PARTICIPANT = 128
"""The longest id of a participant, in characters."""

APP_SECRET = "meeting-app-secret"  # noqa: S105 - the name of a secret, not one


@dataclass(frozen=True, slots=True)
class MeetingSigner:
    """How tokens are signed: HS256 with a shared secret, or, with a `key_id` for Jitsi to find the public half by, RS256 with a
    private key (PEM)."""

    app_id: str
    audience: str
    domain: str
    key: str = field(repr=False)
    key_id: str | None = None

    def sign(self, claims: dict[str, Any]) -> str:
        import jwt  # brings cryptography along, 8 MiB, which who holds no meetings need not carry

        common = {"iss": self.app_id, "aud": self.audience, "sub": self.domain}
        if self.key_id is None:
            return jwt.encode(common | claims, self.key, algorithm="HS256")
        return jwt.encode(common | claims, self.key, algorithm="RS256", headers={"kid": self.key_id})


@dataclass(frozen=True, slots=True)
class Guest:
    """What a caller says about the person the token is for; None: nothing."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    avatar: str | None = None


@dataclass(frozen=True, slots=True)
class MeetingToken:
    access_token: str = field(repr=False)
    expires_in: int


class CallKind(StrEnum):
    """Messages that say something about presence."""

    REQUEST = "call_request"
    LEAVE = "call_leave"


@dataclass(frozen=True, slots=True)
class Presence:
    """The word of `noted_at`: this participant is in the channel's call until `leaves_at`."""

    channel_id: UUID
    participant: str
    organization_id: UUID
    noted_at: datetime
    leaves_at: datetime


@dataclass(frozen=True, slots=True)
class ActiveConference:
    """A channel with somebody in its call. `joined`: the user asked about is among them."""

    channel_id: UUID
    channel_created_at: datetime
    participant_count: int
    joined: bool


class UserStore(Protocol):
    """The part of `ports.AccountStore` needed here."""

    async def user(self, user_id: UUID) -> User | None: ...


class PresenceStore(Protocol):
    """Who is in which call. Every method may raise `errors.Unavailable`."""

    async def note(self, presence: Presence, forget_before: datetime) -> None:
        """Store it unless a newer word of that participant is known; drop what ended before `forget_before`."""

    async def active(
        self, organization_id: UUID, user_id: UUID, viewer_id: UUID, at: datetime, request: PageRequest
    ) -> list[ActiveConference]:
        """Channels the viewer may see that have somebody in their call; the newest channel first. `joined` is about `user_id`.

        Up to `request.size` + 1, nearest to the anchor first (see `paging.cut`).
        """


class Meetings:
    """Issues meeting tokens and knows who is in a call. Every method may raise Unavailable."""

    def __init__(
        self, store: PresenceStore, users: UserStore, signer: MeetingSigner, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._users = users
        self._signer = signer
        self._clock = clock

    async def issue(self, channel: Channel, caller: Identity, group: UUID | None, guest: Guest) -> MeetingToken:
        """A token for the channel's meeting; who has one counts as being in the call.

        A user's token is for that user, whatever id and email the request names: nobody enters as somebody else. A token of the
        organization itself may bring guests. Errors: Forbidden (a group that is not the organization).
        """
        if group is not None and group != channel.organization_id:
            raise Forbidden
        person = _person(caller.user, guest)
        now = self._clock()
        claims = {
            "room": str(channel.id),
            "iat": now,
            "nbf": now - NOT_BEFORE,
            "exp": now + timedelta(seconds=TOKEN_LIFETIME),
            "context": {"user": person, "group": str(channel.organization_id)},
        }
        token = MeetingToken(self._signer.sign(claims), TOKEN_LIFETIME)
        await self._note(channel, person["id"], now, now + LEASE)
        return token

    async def note_call(self, channel: Channel, user_id: UUID, kind: CallKind, at: datetime) -> None:
        """A call_request or call_leave message of that user was stored at that moment."""
        await self._note(channel, str(user_id), at, at + LEASE if kind is CallKind.REQUEST else at)

    async def active(
        self, organization_id: UUID, user_id: UUID, caller: Identity, request: PageRequest
    ) -> Page[ActiveConference]:
        """Calls going on in the organization, as far as the caller may see them. Errors: Forbidden (no user of it)."""
        user = await self._users.user(user_id)
        if user is None or user.organization_id != organization_id:
            raise Forbidden
        viewer_id = user_id if caller.user is None else caller.user.id
        found = await self._store.active(organization_id, user_id, viewer_id, self._clock(), request)
        return cut(found, request, lambda each: PageAnchor(each.channel_created_at, str(each.channel_id)))

    async def _note(self, channel: Channel, participant: str, at: datetime, leaves_at: datetime) -> None:
        presence = Presence(channel.id, participant, channel.organization_id, at, leaves_at)
        await self._store.note(presence, self._clock() - KEPT_FOR)


def _person(user: User | None, guest: Guest) -> dict[str, str]:
    """`context.user`. The directory is believed about who somebody is, the request about how he wants to be shown."""
    if user is None:
        told = {"id": guest.id or uuid4().hex, "name": guest.name, "email": guest.email, "avatar": guest.avatar}
    else:
        told = {
            "id": str(user.id),
            "name": guest.name or user.full_name,
            "email": user.email or guest.email,
            "avatar": guest.avatar or user.avatar_url,
        }
    return {name: value for name, value in told.items() if value}
