"""Inboxes of the API channel: list, create and change."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from service.clock import Clock
from service.domain.access.rules import enter, only_admin_or_organization
from service.domain.errors import Forbidden, NotFound
from service.domain.inboxes.access import Desk
from service.domain.inboxes.entities import API_CHANNEL, Inbox
from service.domain.inboxes.errors import NO_ACCESS, NotPermitted, RecordInvalid
from service.domain.inboxes.ports import InboxStore, InboxTransaction
from service.domain.inboxes.room_user import new_room_user
from service.domain.inboxes.rules import MAX_TEXT, MAX_WEBHOOK_URL, require_small
from service.domain.names import is_name, trimmed
from service.domain.outgoing import Outgoing

MAX_WEBHOOK_ATTEMPTS = 6
"""Attempts to deliver one event that an inbox may ask for. The contract has one."""

IDENTIFIER_BYTES = 18
SECRET_BYTES = 24


class Inboxes:
    """Every method may raise NotFound and Unavailable. To create and change requires an administrator: NotPermitted."""

    def __init__(self, store: InboxStore, outgoing: Outgoing, clock: Clock) -> None:
        self._store = store
        self._outgoing = outgoing
        self._clock = clock

    async def list(self, desk: Desk) -> list[Inbox]:
        async with self._store.reading_inboxes() as records:
            return await records.inboxes(desk.account_id)

    async def get(self, desk: Desk, inbox_id: int) -> Inbox:
        async with self._store.reading_inboxes() as records:
            return await found_inbox(records.inbox(desk.account_id, inbox_id))

    async def create(self, desk: Desk, values: Mapping[str, Any]) -> Inbox:
        """Create an inbox. `values`: its fields by name, of which only `name` is required. Raise RecordInvalid."""
        desk.require_administrator()
        stored = self._checked(values)
        name = stored.get("name")
        if name is None:
            raise RecordInvalid([("name", "Name can't be blank")])
        now = self._clock.now()
        async with self._store.transaction() as tx:
            stored |= await self._bound(tx, desk, stored, name)
            return await tx.inboxes.add_inbox(
                {
                    "account_id": desk.account_id,
                    "channel_type": API_CHANNEL,
                    "identifier": secrets.token_urlsafe(IDENTIFIER_BYTES),
                    "hmac_token": secrets.token_urlsafe(SECRET_BYTES),
                    "hmac_mandatory": False,
                    "webhook_url": None,
                    "webhook_secret": secrets.token_urlsafe(SECRET_BYTES),
                    "webhook_attempts": 1,
                    "greeting_enabled": False,
                    "greeting_message": None,
                    "allow_messages_after_resolved": True,
                    "lock_to_single_conversation": False,
                    "timezone": "UTC",
                    "additional_attributes": {},
                    "channel_id": None,
                    "room_user_id": None,
                    "created_at": now,
                    "updated_at": now,
                    **stored,
                }
            )

    async def change(self, desk: Desk, inbox_id: int, values: Mapping[str, Any]) -> Inbox:
        """Set the given fields. Raise RecordInvalid."""
        desk.require_administrator()
        changed = self._checked(values)
        async with self._store.transaction() as tx:
            inbox = await found_inbox(tx.inboxes.inbox(desk.account_id, inbox_id))
            if inbox.room_user_id is None:
                changed |= await self._bound(tx, desk, changed, inbox.name)
            elif changed.get("channel_id") is not None:
                await _require_control(tx, desk, changed["channel_id"])
            return await tx.inboxes.change_inbox(inbox.id, {**changed, "updated_at": self._clock.now()})

    async def _bound(self, tx: InboxTransaction, desk: Desk, values: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Return what else to store with the first channel of an inbox: the bot as which it speaks there."""
        if values.get("channel_id") is None:
            return {}
        await _require_control(tx, desk, values["channel_id"])
        account = await tx.inboxes.account(desk.account_id)
        if account is None:
            raise NotFound
        return {"room_user_id": await new_room_user(tx, account, name, self._clock)}

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of an inbox as they are stored. Raise RecordInvalid."""
        stored = dict(values)
        if "name" in stored:
            stored["name"] = trimmed(stored["name"] or "")
            if not is_name(stored["name"]):
                raise RecordInvalid([("name", "Name can't be blank")])
            if len(stored["name"]) > MAX_TEXT:
                raise RecordInvalid([("name", f"Name is too long (maximum is {MAX_TEXT} characters)")])
        if "webhook_url" in stored:
            stored["webhook_url"] = stored["webhook_url"] or None
            if len(stored["webhook_url"] or "") > MAX_WEBHOOK_URL:
                sentence = f"Webhook url is too long (maximum is {MAX_WEBHOOK_URL} characters)"
                raise RecordInvalid([("webhook_url", sentence)])
            refused = stored["webhook_url"] and self._outgoing.refusal(stored["webhook_url"])
            if refused:
                raise RecordInvalid([("webhook_url", f"Webhook url is not allowed: {refused}")])
        require_small(stored, "additional_attributes")
        return stored


async def _require_control(tx: InboxTransaction, desk: Desk, channel_id: UUID) -> None:
    """Check that the client may bind an inbox to a channel, as it may control the channel's stream.

    Raises:
        RecordInvalid: The client cannot see such a channel, or it is a direct one.
        NotPermitted: The client is not an admin of the channel.
    """
    try:
        entry = await enter(tx.channels, desk.client, channel_id)
        only_admin_or_organization(entry, desk.client)
    except Forbidden:
        raise NotPermitted(NO_ACCESS) from None
    except NotFound:
        raise RecordInvalid([("live_channel_id", "Live channel must exist")]) from None
    if entry.is_direct:
        raise RecordInvalid([("live_channel_id", "Live channel must not be a direct channel")])


async def found_inbox(wanted: Any) -> Inbox:
    """Await an inbox. Raise NotFound if there is none."""
    inbox: Inbox | None = await wanted
    if inbox is None:
        raise NotFound
    return inbox
