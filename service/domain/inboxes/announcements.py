"""Events for the webhook of an inbox, stored in the transaction of the change.

Every event of an inbox of the API channel is sent, in both directions and also of private messages; activities are not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from service.clock import Clock
from service.domain.inboxes.entities import Agent, Contact, ConversationView, MessageKind, SentMessage
from service.domain.inboxes.objects import changes_object, pushed_sender
from service.domain.inboxes.ports import InboxRecords
from service.domain.inboxes.wire import Wire


class WebhookEvent(StrEnum):
    CONVERSATION_CREATED = "conversation_created"
    CONVERSATION_UPDATED = "conversation_updated"
    CONVERSATION_STATUS_CHANGED = "conversation_status_changed"
    MESSAGE_CREATED = "message_created"
    MESSAGE_UPDATED = "message_updated"
    TYPING_ON = "conversation_typing_on"
    TYPING_OFF = "conversation_typing_off"


Changes = Sequence[tuple[str, Any, Any]]
"""Names of attributes with their previous and current values."""


class Announcer:
    """Stores events. `origin` begins the addresses in them."""

    def __init__(self, origin: str, clock: Clock) -> None:
        self._wire = Wire(origin)
        self._clock = clock

    async def message(
        self, records: InboxRecords, event: WebhookEvent, view: ConversationView, sent: SentMessage
    ) -> None:
        if sent.message.kind is not MessageKind.ACTIVITY:
            await self._store(records, event, view, self._wire.pushed_message(view, sent), sent.message.id)

    async def conversation_created(self, records: InboxRecords, view: ConversationView) -> None:
        event = WebhookEvent.CONVERSATION_CREATED
        await self._store(records, event, view, self._wire.pushed_conversation(view))

    async def conversation_changed(self, records: InboxRecords, view: ConversationView, changes: Changes) -> None:
        """Store the events of a change; none if nothing has changed."""
        if not changes:
            return
        body = {**self._wire.pushed_conversation(view), "changed_attributes": changes_object(changes)}
        if any(name == "status" for name, _, _ in changes):
            await self._store(records, WebhookEvent.CONVERSATION_STATUS_CHANGED, view, body)
        await self._store(records, WebhookEvent.CONVERSATION_UPDATED, view, body)

    async def typing(
        self, records: InboxRecords, view: ConversationView, who: Agent | Contact, *, on: bool, private: bool
    ) -> None:
        event = WebhookEvent.TYPING_ON if on else WebhookEvent.TYPING_OFF
        body = {
            "user": pushed_sender(who, view.account),
            "conversation": self._wire.pushed_conversation(view),
            "is_private": private,
        }
        await self._store(records, event, view, body)

    async def _store(
        self,
        records: InboxRecords,
        event: WebhookEvent,
        view: ConversationView,
        body: dict[str, Any],
        message_id: int | None = None,
    ) -> None:
        if not view.inbox.is_api or not view.inbox.webhook_url:
            return
        now = self._clock.now()
        await records.add_delivery(
            {
                "inbox_id": view.inbox.id,
                "conversation_id": view.conversation.id,
                "message_id": message_id,
                "event": event.value,
                "body": json.dumps({**body, "event": event.value}, ensure_ascii=False),
                "attempts": 0,
                "due_at": now,
                "created_at": now,
            }
        )
