"""Webhooks as clients manage them.

Managers of the organization (users with `is_staff` or `is_manager`) and tokens of the organization itself manage the
organization's webhooks, which see what every user of the organization can read. A manager may also have webhooks with their own
view; those are visible to this user alone, because their deliveries may hold what only this user can read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from service.clock import Clock
from service.domain.access.accounts import Identity
from service.domain.errors import Conflict, Forbidden, Invalid, NotFound
from service.domain.events.ports import EventLog
from service.domain.outgoing import Outgoing
from service.domain.paging import Page, PageAnchor, PageRequest, cut
from service.domain.webhooks.limits import MAX_REQUESTED, MAX_WEBHOOKS, OVERLAP
from service.domain.webhooks.ports import WebhookStore
from service.domain.webhooks.signature import new_secret
from service.domain.webhooks.webhook import (
    Delivery,
    DeliveryStatus,
    Disabled,
    Subscription,
    Webhook,
    WebhookAudience,
)

FRESH = {"retry_index": 0, "next_attempt_at": None}
"""Changes by which the next attempt is made at once, as a first one."""


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """The data of a new webhook."""

    endpoint_url: str
    subscriptions: Sequence[Subscription]
    is_enabled: bool = True
    audience: WebhookAudience = WebhookAudience.ORGANIZATION


class Webhooks:
    """Every method may raise Forbidden (the client is not a manager), NotFound and Unavailable."""

    def __init__(
        self,
        store: WebhookStore,
        log: EventLog,
        outgoing: Outgoing,
        clock: Clock,
        wake: Callable[[UUID], None],
    ) -> None:
        """Create it. `wake` is called with an organization that has something to deliver."""
        self._store = store
        self._log = log
        self._outgoing = outgoing
        self._clock = clock
        self._wake = wake

    async def list(self, client: Identity, request: PageRequest) -> Page[Webhook]:
        _only_manager(client)
        found = await self._store.webhooks(client.organization.id, client.user_id, request, of_organization=True)
        return cut(found, request, lambda each: PageAnchor(each.created_at, str(each.id)))

    async def create(self, client: Identity, new: NewWebhook) -> Webhook:
        """Create a webhook for the events from now on.

        Raises:
            Invalid: The URL can never be called, or an organization's own token wants the view of a user.
            Conflict: The organization has MAX_WEBHOOKS.
        """
        _only_manager(client)
        self._check_url(new.endpoint_url)
        if new.audience is WebhookAudience.USER and client.user is None:
            raise Invalid({"audience": ["A token without a user has no view of its own."]})
        now = self._clock.now()
        webhook = Webhook(
            id=uuid4(),
            organization_id=client.organization.id,
            user_id=client.user_id if new.audience is WebhookAudience.USER else None,
            endpoint_url=new.endpoint_url,
            subscriptions=tuple(new.subscriptions),
            secret=new_secret(),
            created_at=now,
            updated_at=now,
            disabled=None if new.is_enabled else Disabled.BY_CLIENT,
        )
        if not await self._store.add_webhook(webhook, MAX_WEBHOOKS):
            raise Conflict(f"An organization can have at most {MAX_WEBHOOKS} webhooks.")
        self._wake(webhook.organization_id)
        return await self.get(client, webhook.id)

    async def get(self, client: Identity, webhook_id: UUID) -> Webhook:
        _only_manager(client)
        webhook = await self._store.webhook(client.organization.id, webhook_id)
        if webhook is None or webhook.user_id not in (None, client.user_id):
            raise NotFound
        return webhook

    async def change(self, client: Identity, webhook_id: UUID, changes: dict[str, Any]) -> Webhook:
        """Set `endpoint_url`, `subscriptions` or `is_enabled`. Events that wait are attempted again at once.

        Raises:
            Invalid: The URL can never be called.
        """
        webhook = await self.get(client, webhook_id)
        values: dict[str, Any] = {name: value for name, value in changes.items() if name != "is_enabled"}
        if "endpoint_url" in values:
            self._check_url(values["endpoint_url"])
        if "is_enabled" in changes:
            values["disabled"] = None if changes["is_enabled"] else webhook.disabled or Disabled.BY_CLIENT
        return await self._changed(webhook, {**values, **FRESH})

    async def delete(self, client: Identity, webhook_id: UUID) -> None:
        await self.get(client, webhook_id)
        if not await self._store.delete_webhook(webhook_id):
            raise NotFound

    async def rotate(self, client: Identity, webhook_id: UUID) -> Webhook:
        """Create a new secret. The present one signs as well for OVERLAP; one that was replaced before no longer does."""
        webhook = await self.get(client, webhook_id)
        values = {
            "secret": new_secret(),
            "previous_secret": webhook.secret,
            "previous_secret_until": self._clock.now() + OVERLAP,
        }
        return await self._changed(webhook, values)

    async def replay(self, client: Identity, webhook_id: UUID, since: int) -> Webhook:
        """Deliver the events after `since` again, in order.

        Raises:
            Invalid: There is no such event yet.
        """
        webhook = await self.get(client, webhook_id)
        head = (await self._log.heads([webhook.organization_id]))[webhook.organization_id]
        if since > head.last_id:
            raise Invalid({"since": [f"The last event is {head.last_id}."]})
        return await self._changed(webhook, {"last_event_id": since, **FRESH})

    async def ping(self, client: Identity, webhook_id: UUID) -> Delivery:
        """Request a delivery that says nothing, also of a disabled webhook. Errors: Conflict if MAX_REQUESTED wait."""
        return await self._request(await self.get(client, webhook_id), None)

    async def deliveries(
        self, client: Identity, webhook_id: UUID, status: DeliveryStatus | None, request: PageRequest
    ) -> Page[Delivery]:
        await self.get(client, webhook_id)
        found = await self._store.deliveries(webhook_id, status, request)
        return cut(found, request, lambda each: PageAnchor(each.created_at, str(each.id)))

    async def delivery(self, client: Identity, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        await self.get(client, webhook_id)
        delivery = await self._store.delivery(webhook_id, delivery_id)
        if delivery is None:
            raise NotFound
        return delivery

    async def resend(self, client: Identity, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        """Request the delivery of the same event again.

        Raises:
            Conflict: The event was purged from the log, or MAX_REQUESTED wait.
        """
        webhook = await self.get(client, webhook_id)
        event_id = (await self.delivery(client, webhook_id, delivery_id)).event_id
        if event_id is not None:
            head = (await self._log.heads([webhook.organization_id]))[webhook.organization_id]
            if event_id < head.first_id:
                raise Conflict("The event is no longer in the log.")
        return await self._request(webhook, event_id)

    async def _request(self, webhook: Webhook, event_id: int | None) -> Delivery:
        delivery = Delivery(
            uuid4(), webhook.id, event_id, retry_index=0, is_requested=True, created_at=self._clock.now()
        )
        if not await self._store.add_delivery(delivery, MAX_REQUESTED):
            raise Conflict(f"{MAX_REQUESTED} requested deliveries of this webhook are waiting.")
        self._wake(webhook.organization_id)
        return delivery

    async def _changed(self, webhook: Webhook, values: dict[str, Any]) -> Webhook:
        changed = await self._store.change_webhook(webhook.id, {**values, "updated_at": self._clock.now()})
        if changed is None:
            raise NotFound
        self._wake(webhook.organization_id)
        return changed

    def _check_url(self, url: str) -> None:
        if (reason := self._outgoing.refusal(url)) is not None:
            raise Invalid({"endpoint_url": [reason]})


def _only_manager(client: Identity) -> None:
    """Raise Forbidden unless the client is the organization itself, or one of its managers."""
    if client.user is not None and not (client.user.is_staff or client.user.is_manager):
        raise Forbidden
