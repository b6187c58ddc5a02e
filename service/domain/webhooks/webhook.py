"""Webhooks and their deliveries, as stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.domain.events.event import Action, Change, Event

ANY = "*"
"""A segment of a pattern that matches any one segment of a path."""

ANY_REST = "**"
"""The last segment of a pattern that matches any rest of a path, of at least one segment."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """The events of all paths that a pattern matches. Upper and lower case are the same: ids are written in either."""

    channel_pattern: str
    is_additions_subscribed: bool = True
    is_changes_subscribed: bool = True
    is_removals_subscribed: bool = True

    def matches(self, event: Event) -> bool:
        """Return whether the event is subscribed to. Takes time proportional to the length of the path."""
        wanted = {
            Action.ADDED: self.is_additions_subscribed,
            Action.CHANGED: self.is_changes_subscribed,
            Action.REMOVED: self.is_removals_subscribed,
        }
        return wanted[event.action] and _matches(
            self.channel_pattern.rstrip("/").lower().split("/"), event.channel.lower().split("/")
        )


def _matches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    if pattern[-1] == ANY_REST:
        pattern, path = pattern[:-1], path[: len(pattern) - 1] if len(path) >= len(pattern) else ()
    return len(pattern) == len(path) and all(
        wanted in (ANY, given) for wanted, given in zip(pattern, path, strict=True)
    )


class WebhookAudience(StrEnum):
    """Whose view of the organization a webhook has.

    ORGANIZATION: what every user of the organization can read. USER: what the user that created it can read at the time of
    delivery; private and direct channels and notifications included.
    """

    ORGANIZATION = "organization"
    USER = "user"


class Disabled(StrEnum):
    """The reason why a webhook is disabled."""

    BY_CLIENT = "client"
    FAILING = "failing"
    GONE = "gone"
    OWNER_REMOVED = "owner_removed"


@dataclass(frozen=True, slots=True)
class Missed:
    """Events that could not be delivered, because they were purged from the log first: ids from `first` to `last`."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook. `user_id`: the user whose view it has; None for that of the organization.

    Every event up to `last_event_id` has been delivered, or is not subscribed to. `retry_index` counts the failed attempts of the
    next one, which is not attempted again before `next_attempt_at`.
    """

    id: UUID
    organization_id: UUID
    user_id: UUID | None
    endpoint_url: str
    subscriptions: tuple[Subscription, ...]
    secret: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    previous_secret: str | None = field(default=None, repr=False)
    previous_secret_until: datetime | None = None
    disabled: Disabled | None = None
    last_event_id: int = 0
    retry_index: int = 0
    next_attempt_at: datetime | None = None
    missed: Missed | None = None

    @property
    def audience(self) -> WebhookAudience:
        return WebhookAudience.ORGANIZATION if self.user_id is None else WebhookAudience.USER

    def secrets(self, now: datetime) -> list[str]:
        """Return the secrets that sign at this time: the current one first, and the previous one for a day."""
        previous, until = self.previous_secret, self.previous_secret_until
        return [self.secret] if previous is None or until is None or now >= until else [self.secret, previous]


class DeliveryStatus(StrEnum):
    """PENDING: not attempted yet. STARTED: the request is under way."""

    PENDING = "pending"
    STARTED = "started"
    SUCCESSFUL = "successful"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attempt. `response_status` is None if there was no complete answer; `error` says why the attempt failed."""

    status: DeliveryStatus
    finished_at: datetime
    duration: float
    response_status: int | None = None
    response_body: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver an event (None: a ping). `is_requested`: by a client, beside the order of events, and not repeated."""

    id: UUID
    webhook_id: UUID
    event_id: int | None
    retry_index: int
    is_requested: bool
    created_at: datetime
    next_attempt_at: datetime | None = None
    started_at: datetime | None = None
    status: DeliveryStatus = DeliveryStatus.PENDING
    duration: float | None = None
    response_status: int | None = None
    response_body: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookChanged(Change):
    """The service has changed the state of a webhook."""

    webhook: Webhook
    fields: tuple[str, ...]
