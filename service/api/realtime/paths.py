"""The paths that clients can subscribe to, and the permission for each: that of a GET."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from service.api import channels, members, messages, notifications
from service.api.conference import CONFERENCE, ORGANIZATION
from service.api.event_forms import ACTIVE_CONFERENCES, NOTIFICATIONS
from service.api.joined import DIRECT, JOINED
from service.api.stream_changes import BROADCAST_EVENTS, STREAM_STATUS
from service.domain.access.accounts import Identity
from service.domain.access.rules import only_self
from service.domain.conversation.channels import Channels
from service.domain.conversation.joined_channels import JoinedChannels
from service.domain.conversation.meetings import Meetings
from service.domain.conversation.members import Members
from service.domain.conversation.messages import Messages
from service.domain.errors import Forbidden, Invalid, NotAuthenticated, NotFound
from service.domain.events.event import USER_ID
from service.domain.identifiers import UUID_FORM
from service.domain.paging import PageRequest

MAX_PATH = 512
"""The longest path, in characters. All covered paths are shorter."""

NO_SUCH_PATH = "There are no changes of this path. See “Real-time” in the API reference for the paths."

_HOLE = re.compile(r"\{(\w+)\}")

Ids = Mapping[str, UUID]


@dataclass(frozen=True, slots=True)
class Permissions:
    """What decides on a GET of the covered paths."""

    channels: Channels
    members: Members
    messages: Messages
    joined: JoinedChannels
    meetings: Meetings


Check = Callable[[Permissions, Identity, Ids], Awaitable[object]]
"""Raises what a GET of the path would: NotFound or Forbidden; also Unavailable."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path in its canonical form."""

    text: str
    template: str
    ids: Ids
    check: Check | None

    @property
    def organization_id(self) -> UUID:
        return self.ids["organization_id"]

    @property
    def keys(self) -> tuple[str, ...]:
        """The path, and for one of a user the same path of all users (`events.event.USER_ID`)."""
        user_id = self.ids.get("user_id")
        return (self.text,) if user_id is None else (self.text, self.text.replace(f"/{user_id}", f"/{USER_ID}", 1))

    @property
    def channels(self) -> list[str]:
        """The channels of the log that have its events: its own, and that of the collection it may be in."""
        return [channel for key in self.keys for channel in (key, key.rpartition("/")[0])]

    @property
    def channel_id(self) -> UUID | None:
        return self.ids.get("channel_id")

    @property
    def is_public(self) -> bool:
        """Whether no credentials are needed."""
        return self.check is None

    async def permit(self, permissions: Permissions, identity: Identity | None) -> None:
        """Return if the client could GET the path.

        Raises:
            NotAuthenticated: There are no credentials.
            Forbidden: The path belongs to another organization, or to another user.
            NotFound: The resource does not exist, or the client may not see it.
            Unavailable: The store does not answer.
        """
        if self.check is None:
            await permissions.channels.get(self.organization_id, self.ids["channel_id"])
            return
        if identity is None:
            raise NotAuthenticated
        if self.organization_id != identity.organization.id:
            raise Forbidden
        await self.check(permissions, identity, self.ids)


def read_path(text: str) -> Path:
    """Parse a path.

    Raises:
        Invalid: It has another form than the path of a resource.
        NotFound: It is not covered.
    """
    if problem := _problem(text):
        raise Invalid({"channel": [problem]})
    for template, pattern, check in _COVERED:
        found = pattern.fullmatch(text)
        if found is not None:
            ids = {name: UUID(value) for name, value in found.groupdict().items()}
            return Path(template.format(**ids), template, ids, check)
    raise NotFound(NO_SUCH_PATH)


def _problem(text: str) -> str | None:
    if len(text) > MAX_PATH:
        return f"Ensure this field has no more than {MAX_PATH} characters."
    if "?" in text or "#" in text:
        return "A channel is a path without a query."
    if not text.startswith("/"):
        return "A channel is the path of a URL, and begins with a slash."
    if text.endswith("/"):
        return "A channel does not end with a slash."
    return None


async def _of_organization(_permissions: Permissions, _identity: Identity, _ids: Ids) -> None:
    """Every client of the organization may read it; `Path.permit` has checked that."""


async def _of_channel(permissions: Permissions, identity: Identity, ids: Ids) -> None:
    await permissions.channels.visible(identity, ids["channel_id"])


async def _of_message(permissions: Permissions, identity: Identity, ids: Ids) -> None:
    await permissions.messages.get(identity, ids["channel_id"], ids["message_id"])


async def _of_member(permissions: Permissions, identity: Identity, ids: Ids) -> None:
    await permissions.members.get(identity, ids["channel_id"], ids["member_id"])


async def _of_settings(permissions: Permissions, identity: Identity, ids: Ids) -> None:
    await permissions.members.settings(identity, ids["channel_id"], ids["member_id"])


async def _of_user(_permissions: Permissions, identity: Identity, ids: Ids) -> None:
    only_self(identity, ids["user_id"])


async def _of_joined(permissions: Permissions, identity: Identity, ids: Ids) -> None:
    await permissions.joined.get(identity, ids["user_id"], ids["joined_id"])


async def _of_direct(permissions: Permissions, identity: Identity, ids: Ids) -> None:
    await permissions.joined.get(identity, ids["user_id"], ids["joined_id"], direct=True)


async def _of_conferences(permissions: Permissions, identity: Identity, ids: Ids) -> None:
    await permissions.meetings.active(ids["organization_id"], ids["user_id"], identity, PageRequest(1))


_CHECKS: dict[str, Check | None] = {
    channels.PATH: _of_organization,
    channels.CHANNEL: _of_channel,
    messages.PATH: _of_channel,
    messages.MESSAGE: _of_message,
    members.PATH: _of_channel,
    members.MEMBER: _of_member,
    notifications.PATH: _of_settings,
    JOINED: _of_user,
    JOINED + "/{joined_id}": _of_joined,
    DIRECT: _of_user,
    DIRECT + "/{joined_id}": _of_direct,
    NOTIFICATIONS: _of_user,
    ACTIVE_CONFERENCES: _of_conferences,
    ORGANIZATION + "/conference/streams": _of_organization,
    CONFERENCE + "/create_stream": _of_channel,
    CONFERENCE + "/recorded_streams": _of_channel,
    CONFERENCE + "/stream_sessions": _of_channel,
    CONFERENCE + "/stream_health": _of_channel,
    BROADCAST_EVENTS: _of_channel,
    STREAM_STATUS: None,
}
"""The covered paths. None: public."""


def _pattern(template: str) -> re.Pattern[str]:
    parts = _HOLE.split(re.escape(template).replace(r"\{", "{").replace(r"\}", "}"))
    return re.compile(
        "".join(part if at % 2 == 0 else f"(?P<{part}>{UUID_FORM.pattern})" for at, part in enumerate(parts))
    )


_COVERED = [(template, _pattern(template), check) for template, check in _CHECKS.items()]

COVERED = tuple(_CHECKS)
"""The covered paths, for the documentation."""
