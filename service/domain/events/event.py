"""Events of the log: a change message of the real-time API (contract: Pub API §1.10) and the audience that may read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


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

    `subject` is the channel of MEMBERS or the user of USER. PUBLIC events are also for visitors without an account.
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


@dataclass(frozen=True, slots=True)
class Head:
    """The ends of an organization's log: the ids of its last event (0: none yet) and of the first one that is kept.

    A reader whose last id is below `first_id` - 1 has missed events that were purged.
    """

    first_id: int
    last_id: int
