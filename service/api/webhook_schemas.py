"""The models of webhooks and their deliveries."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from service.domain.webhooks.limits import MAX_PATTERN, MAX_SUBSCRIPTIONS
from service.domain.webhooks.webhook import (
    Delivery,
    DeliveryStatus,
    Disabled,
    Subscription,
    Webhook,
    WebhookAudience,
)
from service.domain.webhooks.webhooks import NewWebhook
from service.http.fields import CHANNEL_PATTERN, HttpUrl, Moment
from service.http.pagination import PageQuery
from service.http.schemas import Answer, PageAnswer, without_defaults

MAX_EVENT_ID = 2**63 - 1


class SubscriptionBody(BaseModel):
    """The events that are delivered. The defaults subscribe to all changes of the paths."""

    channel_pattern: Annotated[str, Field(max_length=MAX_PATTERN, pattern=CHANNEL_PATTERN)] = Field(
        description="The path of a resource or a collection. A segment `*` matches any one segment, "
        "and `**` at the end any rest."
    )
    is_additions_subscribed: bool = True
    is_changes_subscribed: bool = True
    is_removals_subscribed: bool = True


Audience = Annotated[
    WebhookAudience, WithJsonSchema({"type": "string", "enum": [each.value for each in WebhookAudience]})
]
"""Inline in the document: openapi-generator makes Go constants of a component's values, and `USER` exists in another one."""

Subscriptions = Annotated[list[SubscriptionBody], Field(max_length=MAX_SUBSCRIPTIONS)]


class WebhookReplacement(BaseModel):
    """The new values of the webhook. Fields that are not sent are reset to their defaults."""

    endpoint_url: HttpUrl = Field(description="The address that events are sent to. It must begin with `https://`.")
    channel_subscriptions: Subscriptions
    is_enabled: bool = True

    def values(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.endpoint_url,
            "subscriptions": _subscriptions(self.channel_subscriptions),
            "is_enabled": self.is_enabled,
        }


class WebhookBody(WebhookReplacement):
    """The fields of a new webhook. Unknown fields are ignored."""

    audience: Audience = Field(
        WebhookAudience.ORGANIZATION,
        description="Whose view the webhook has. `organization`: what every user of the organization can read. `user`: "
        "what the authenticated user can read, including private and direct channels and notifications.",
    )

    def new(self) -> NewWebhook:
        return NewWebhook(self.endpoint_url, _subscriptions(self.channel_subscriptions), self.is_enabled, self.audience)


class WebhookChanges(BaseModel):
    """The fields to change. Fields that are not sent keep their values."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    endpoint_url: HttpUrl = ""
    channel_subscriptions: Subscriptions = []
    is_enabled: bool = True

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if "channel_subscriptions" in sent:
            sent["subscriptions"] = _subscriptions(sent.pop("channel_subscriptions"))
        return sent


class ReplayBody(BaseModel):
    """The place in the log from which events are delivered again."""

    since: Annotated[int, Field(ge=0, le=MAX_EVENT_ID)] = Field(description="The id of the last event to skip.")


class DeliveryQuery(PageQuery):
    """Query parameters of the log of deliveries."""

    status: DeliveryStatus | None = Field(None, description="Only deliveries in this state.")


class SubscriptionAnswer(Answer):
    channel_pattern: str
    is_additions_subscribed: bool
    is_changes_subscribed: bool
    is_removals_subscribed: bool


class MissedAnswer(Answer):
    """The range of ids of events that were purged from the log before they could be delivered."""

    first: int
    last: int


class WebhookAnswer(Answer):
    """A webhook, without its secret."""

    id: UUID
    organization_id: UUID
    user_id: UUID | None = Field(description="The user whose view the webhook has. Null: the organization's.")
    audience: Audience
    endpoint_url: str
    channel_subscriptions: list[SubscriptionAnswer]
    is_enabled: bool
    disabled_because: Disabled | None = Field(
        description="`client`: by a request. `failing`: after the last attempt. `gone`: the endpoint answered 410. "
        "`owner_removed`: its user was deleted or is no longer a manager."
    )
    created_at: Moment
    updated_at: Moment
    last_event_id: int = Field(description="Every event up to this id is delivered, or not subscribed to.")
    retry_index: int = Field(description="Failed attempts of the next event.")
    next_attempt_at: Moment | None = Field(description="When the next attempt is due. Null: at once.")
    missed_events: MissedAnswer | None = Field(
        description="The latest events that were purged from the log before they could be delivered."
    )


class SecretWebhookAnswer(WebhookAnswer):
    """A webhook with its secret, which is returned only now."""

    secret: str = Field(description="Signs requests (Standard Webhooks). It begins with `whsec_`.")


class WebhookPage(PageAnswer):
    results: list[WebhookAnswer]


class DeliveryAnswer(Answer):
    """One attempt to deliver an event."""

    id: UUID
    webhook_id: UUID
    event_id: int | None = Field(description="Null for a ping.")
    status: DeliveryStatus
    retry_index: int = Field(description="Earlier attempts to deliver the event.")
    is_requested: bool = Field(description="Whether a client requested it: a ping, or an event that was sent again.")
    created_at: Moment
    next_attempt_at: Moment | None = Field(description="When a pending retry is due.")
    started_at: Moment | None
    duration: float | None = Field(description="Seconds from the request to the end of the answer.")
    response_status: int | None = Field(description="Null if there was no complete answer.")
    response_body: str = Field(description="The beginning of the answer, at most 1 kB.")
    error: str | None = Field(description="Why the attempt failed.")


class DeliveryPage(PageAnswer):
    results: list[DeliveryAnswer]


def webhook_answer(webhook: Webhook) -> WebhookAnswer:
    return WebhookAnswer(**_values(webhook))


def secret_webhook_answer(webhook: Webhook) -> SecretWebhookAnswer:
    return SecretWebhookAnswer(**_values(webhook), secret=webhook.secret)


def _values(webhook: Webhook) -> dict[str, Any]:
    missed = webhook.missed
    return {
        "id": webhook.id,
        "organization_id": webhook.organization_id,
        "user_id": webhook.user_id,
        "audience": webhook.audience,
        "endpoint_url": webhook.endpoint_url,
        "channel_subscriptions": [
            SubscriptionAnswer(
                channel_pattern=each.channel_pattern,
                is_additions_subscribed=each.is_additions_subscribed,
                is_changes_subscribed=each.is_changes_subscribed,
                is_removals_subscribed=each.is_removals_subscribed,
            )
            for each in webhook.subscriptions
        ],
        "is_enabled": webhook.disabled is None,
        "disabled_because": webhook.disabled,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
        "last_event_id": webhook.last_event_id,
        "retry_index": webhook.retry_index,
        "next_attempt_at": webhook.next_attempt_at,
        "missed_events": None if missed is None else MissedAnswer(first=missed.first, last=missed.last),
    }


def delivery_answer(delivery: Delivery) -> DeliveryAnswer:
    return DeliveryAnswer(
        **{name: getattr(delivery, name) for name in DeliveryAnswer.model_fields},
    )


def _subscriptions(given: list[SubscriptionBody]) -> tuple[Subscription, ...]:
    return tuple(Subscription(**each.model_dump()) for each in given)
