"""Webhooks of an organization, and the log of their deliveries."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from service.api.webhook_schemas import (
    DeliveryAnswer,
    DeliveryPage,
    DeliveryQuery,
    ReplayBody,
    SecretWebhookAnswer,
    WebhookAnswer,
    WebhookBody,
    WebhookChanges,
    WebhookPage,
    WebhookReplacement,
    delivery_answer,
    secret_webhook_answer,
    webhook_answer,
)
from service.domain.webhooks.webhooks import Webhooks
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.pagination import PageQuery, page_reply, page_request

PATH = "/api/pub/v1/orgs/{organization_id}/webhooks"
WEBHOOK = PATH + "/{webhook_id}"
DELIVERIES = WEBHOOK + "/deliveries"
DELIVERY = DELIVERIES + "/{delivery_id}"
TAG = "Webhooks"


def operations(webhooks: Webhooks) -> list[Operation]:
    """Return the operations of this resource."""
    return [*_of_all(webhooks), *_of_one(webhooks), *_actions(webhooks), *_deliveries(webhooks)]


def _of_all(webhooks: Webhooks) -> list[Operation]:
    @operation("GET", PATH, query=PageQuery, answers={200: WebhookPage}, tag=TAG, summary="Webhooks")
    async def list_webhooks(call: Call[PageQuery, Nothing]) -> Reply:
        """Return the organization's webhooks and those with the view of the authenticated user, oldest first.

        All operations on webhooks require a manager of the organization (`is_manager` or `is_staff`), or a token without a
        user.
        """
        page = await webhooks.list(call.client, page_request(call, by_uuid=True))
        return page_reply(WebhookPage, call, page, webhook_answer)

    @operation(
        "POST",
        PATH,
        body=WebhookBody,
        answers={201: SecretWebhookAnswer},
        errors=(409,),
        tag=TAG,
        summary="Create a webhook",
    )
    async def create_webhook(call: Call[Nothing, WebhookBody]) -> Reply:
        """Create a webhook for the events from now on. The response contains the secret, which is not returned again.

        400 if the endpoint's address is not public. 409 if the organization has 50 webhooks.
        """
        return Reply(secret_webhook_answer(await webhooks.create(call.client, call.body.new())), status=201)

    return [list_webhooks, create_webhook]


def _of_one(webhooks: Webhooks) -> list[Operation]:
    @operation("GET", WEBHOOK, answers={200: WebhookAnswer}, tag=TAG, summary="Retrieve a webhook")
    async def get_webhook(call: Call[Nothing, Nothing]) -> Reply:
        """Return a webhook. 404 for one with the view of another user."""
        return Reply(webhook_answer(await webhooks.get(call.client, call.path["webhook_id"])))

    @operation(
        "PUT", WEBHOOK, body=WebhookReplacement, answers={200: WebhookAnswer}, tag=TAG, summary="Replace a webhook"
    )
    async def replace_webhook(call: Call[Nothing, WebhookReplacement]) -> Reply:
        """Replace a webhook. Fields that are not sent are reset to their defaults. The secret and the audience stay.

        If events are waiting, the next attempt is made at once.
        """
        changed = await webhooks.change(call.client, call.path["webhook_id"], call.body.values())
        return Reply(webhook_answer(changed))

    @operation("PATCH", WEBHOOK, body=WebhookChanges, answers={200: WebhookAnswer}, tag=TAG, summary="Change a webhook")
    async def change_webhook(call: Call[Nothing, WebhookChanges]) -> Reply:
        """Change the fields that are sent. `{"is_enabled": true}` continues after the last event that was delivered.

        If events are waiting, the next attempt is made at once.
        """
        changed = await webhooks.change(call.client, call.path["webhook_id"], call.body.changes())
        return Reply(webhook_answer(changed))

    @operation("DELETE", WEBHOOK, answers={204: None}, tag=TAG, summary="Delete a webhook")
    async def delete_webhook(call: Call[Nothing, Nothing]) -> Reply:
        """Delete a webhook and its log of deliveries."""
        await webhooks.delete(call.client, call.path["webhook_id"])
        return Reply(None, status=204)

    return [get_webhook, replace_webhook, change_webhook, delete_webhook]


def _actions(webhooks: Webhooks) -> list[Operation]:
    @operation("POST", WEBHOOK + "/test", answers={202: DeliveryAnswer}, errors=(409,), tag=TAG, summary="Send a ping")
    async def test_webhook(call: Call[Nothing, Nothing]) -> Reply:
        """Send a `ping` to the endpoint, also if the webhook is disabled. Its result is in the log of deliveries.

        409 if 100 requested deliveries are waiting.
        """
        return Reply(delivery_answer(await webhooks.ping(call.client, call.path["webhook_id"])), status=202)

    @operation(
        "POST",
        WEBHOOK + "/rotate_secret",
        answers={200: SecretWebhookAnswer},
        tag=TAG,
        summary="Create a new secret",
    )
    async def rotate_webhook_secret(call: Call[Nothing, Nothing]) -> Reply:
        """Create a new secret. For a day, requests have the signatures of both secrets."""
        return Reply(secret_webhook_answer(await webhooks.rotate(call.client, call.path["webhook_id"])))

    @operation(
        "POST",
        WEBHOOK + "/replay",
        body=ReplayBody,
        answers={202: WebhookAnswer},
        tag=TAG,
        summary="Deliver events again",
    )
    async def replay_webhook(call: Call[Nothing, ReplayBody]) -> Reply:
        """Deliver all subscribed events after `since` again, in order, with the same `webhook-id` as before.

        Events are in the log for seven days. 400 if there is no such event yet.
        """
        replayed = await webhooks.replay(call.client, call.path["webhook_id"], call.body.since)
        return Reply(webhook_answer(replayed), status=202)

    return [test_webhook, rotate_webhook_secret, replay_webhook]


def _deliveries(webhooks: Webhooks) -> list[Operation]:
    @operation(
        "GET", DELIVERIES, query=DeliveryQuery, answers={200: DeliveryPage}, tag=TAG, summary="Deliveries of a webhook"
    )
    async def list_deliveries(call: Call[DeliveryQuery, Nothing]) -> Reply:
        """Return the attempts of the last seven days, newest first."""
        request = page_request(call, by_uuid=True)
        page = await webhooks.deliveries(call.client, call.path["webhook_id"], call.query.status, request)
        return page_reply(DeliveryPage, call, page, delivery_answer)

    @operation("GET", DELIVERY, answers={200: DeliveryAnswer}, tag=TAG, summary="Retrieve a delivery")
    async def get_delivery(call: Call[Nothing, Nothing]) -> Reply:
        """Return an attempt."""
        return Reply(delivery_answer(await webhooks.delivery(call.client, *_named(call))))

    @operation(
        "POST",
        DELIVERY + "/resend",
        answers={202: DeliveryAnswer},
        errors=(409,),
        tag=TAG,
        summary="Send an event again",
    )
    async def resend_delivery(call: Call[Nothing, Nothing]) -> Reply:
        """Send the event of a delivery again, once, beside the order of events. The response is the new delivery.

        409 if the event is no longer in the log, or if 100 requested deliveries are waiting.
        """
        return Reply(delivery_answer(await webhooks.resend(call.client, *_named(call))), status=202)

    return [list_deliveries, get_delivery, resend_delivery]


def _named(call: Call[Any, Any]) -> tuple[UUID, UUID]:
    """Return the webhook and the delivery that the path identifies."""
    return call.path["webhook_id"], call.path["delivery_id"]
