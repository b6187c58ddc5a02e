"""Events of the log: a change message of the real-time API (contract: Pub API §1.10) and the audience that may read it.

**Personal events.** Every user has a path of their own for the same thing, such as `…/users/<id>/joined-channels`. A change of a
channel with a thousand members is still one event: its `channel` has the placeholder `{user_id}` (`USER_ID`), and its audience is
that of the channel. A reader delivers it to each user of the audience, under `Event.channel_for(user)`. In `joined-channels`, an
`added` or `changed` event lacks the attributes that differ between users, the unread counts and the notification settings: the
reader fills them in with their present values (`service/api/realtime/personal.py`). Events of one user (`Scope.USER`) are complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

USER_ID = "{user_id}"
"""Stands in `channel` for the id of each user of the audience."""


class Action(StrEnum):
    """What happened to a resource."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class Scope(StrEnum):
    """The kinds of audience."""

    ORGANIZATION = "organization"
    MEMBERS = "members"
    USER = "user"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Audience:
    """The clients that may read an event.

    `subject` is the channel of MEMBERS or the user of USER. The members of a deleted private channel are its last ones. PUBLIC
    events are also for visitors without an account.
    """

    scope: Scope
    subject: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append.

    `channel` is the path of the resource's collection (of the resource itself where it has none), without a trailing slash.
    `resource` is the whole resource when added, the changed attributes when changed, and None when removed. `source` identifies a
    report that may be repeated, such as one of the provider: of the events of an organization with the same source, one is kept.
    """

    organization_id: UUID
    channel: str
    action: Action
    resource_id: str
    resource: Mapping[str, Any] | None
    audience: Audience
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Event(NewEvent):
    """An event of the log. Within an organization, a later commit has a larger `id`; numbers may be missing."""

    id: int = 0
    created_at: datetime = datetime.min

    def channel_for(self, user_id: UUID | None) -> str:
        """Return the path under which that user sees the event."""
        return self.channel if user_id is None else self.channel.replace(USER_ID, str(user_id))


@dataclass(frozen=True, slots=True)
class Head:
    """The ends of an organization's log: the ids of its last event (0: none yet) and of the first one that is kept.

    A reader whose last id is below `first_id` - 1 has missed events that were purged.
    """

    first_id: int
    last_id: int


class Change:
    """A change that a subject of the domain records, in the transaction that makes it. Each subject defines its own.

    The log does not know them: `service/api/changes.py` gives each the form that API clients read.
    """

    __slots__ = ()


Describe = Callable[[Change], Sequence[NewEvent]]
"""Returns the events of a change."""
