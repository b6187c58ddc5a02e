"""Objects of the contract as JSON: responses and webhooks are made of the same ones.

In REST responses, times are Unix seconds and the type of a message is a number. In webhooks, a message's time is ISO 8601 and its
type is a name.
"""

from __future__ import annotations

from service.domain.inboxes.entities import (
    Attachment,
    ConversationView,
    SentMessage,
)
from service.domain.inboxes.objects import (
    Json,
    account_object,
    agent_sender,
    contact_object,
    contact_sender,
    iso,
    pushed_sender,
    seconds,
    seconds_or_none,
    sender_object,
)

FILES = "/inbox-files/"
"""Path of attachments, before their token."""


class Wire:
    """Objects with addresses in them. `origin`: scheme and host of the service, without a trailing slash."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def file_url(self, token: str) -> str:
        return f"{self._origin}{FILES}{token}"

    def attachment(self, attachment: Attachment) -> Json:
        url = self.file_url(attachment.token)
        return {
            "id": attachment.id,
            "message_id": attachment.message_id,
            "file_type": attachment.file_type,
            "account_id": attachment.account_id,
            "extension": attachment.extension,
            "data_url": url,
            "thumb_url": url if attachment.file_type == "image" else "",
            "file_size": attachment.size,
            "width": attachment.width,
            "height": attachment.height,
        }

    def message(self, sent: SentMessage, echo_id: str | None = None) -> Json:
        """Return a message of a REST response."""
        message = sent.message
        return {
            "id": message.id,
            "content": message.content,
            "inbox_id": message.inbox_id,
            "echo_id": echo_id,
            "conversation_id": sent.number,
            "message_type": int(message.kind),
            "content_type": message.content_type.value,
            "status": message.status.value,
            "content_attributes": dict(message.content_attributes),
            "created_at": seconds(message.created_at),
            "private": message.private,
            "source_id": message.source_id,
            "sender": sender_object(sent.sender),
            "attachments": [self.attachment(each) for each in sent.attachments] or None,
        }

    def conversation(self, view: ConversationView) -> Json:
        """Return a conversation of a REST response."""
        row = view.conversation
        last = None if view.last_message is None else self.message(view.last_message)
        return {
            "meta": {
                "sender": contact_object(view.contact),
                "channel": view.inbox.channel_type,
                "assignee": None if view.assignee is None else agent_sender(view.assignee),
                "hmac_verified": view.session.hmac_verified,
            },
            "id": row.number,
            "messages": [] if last is None else [last],
            "account_id": row.account_id,
            "uuid": str(row.uuid),
            "additional_attributes": dict(row.additional_attributes),
            "agent_last_seen_at": seconds(row.agent_last_seen_at),
            "assignee_last_seen_at": seconds(row.assignee_last_seen_at),
            "can_reply": True,
            "contact_last_seen_at": seconds(row.contact_last_seen_at),
            "custom_attributes": dict(row.custom_attributes),
            "inbox_id": row.inbox_id,
            "labels": [],
            "muted": view.contact.blocked,
            "snoozed_until": seconds_or_none(row.snoozed_until),
            "status": row.status.value,
            "created_at": seconds(row.created_at),
            "updated_at": row.updated_at.timestamp(),
            "timestamp": seconds(row.last_activity_at),
            "first_reply_created_at": seconds(row.first_reply_created_at),
            "unread_count": view.unread_count,
            "last_non_activity_message": last,
            "last_activity_at": seconds(row.last_activity_at),
            "priority": None,
            "waiting_since": seconds(row.waiting_since),
            "sla_policy_id": None,
        }

    def pushed_conversation(self, view: ConversationView) -> Json:
        """Return a conversation of a webhook."""
        row, session = view.conversation, view.session
        last = None if view.last_message is None else self.message(view.last_message)
        return {
            "additional_attributes": dict(row.additional_attributes),
            "can_reply": True,
            "channel": view.inbox.channel_type,
            "contact_inbox": {
                "id": session.id,
                "contact_id": session.contact_id,
                "inbox_id": session.inbox_id,
                "source_id": session.source_id,
                "created_at": iso(session.created_at),
                "updated_at": iso(session.updated_at),
                "hmac_verified": session.hmac_verified,
            },
            "id": row.number,
            "display_id": row.number,
            "uuid": str(row.uuid),
            "inbox_id": row.inbox_id,
            "messages": [] if last is None else [last],
            "labels": [],
            "meta": {
                "sender": contact_sender(view.contact),
                "assignee": None if view.assignee is None else agent_sender(view.assignee),
                "team": None,
                "hmac_verified": session.hmac_verified,
            },
            "status": row.status.value,
            "custom_attributes": dict(row.custom_attributes),
            "snoozed_until": seconds_or_none(row.snoozed_until),
            "unread_count": view.unread_count,
            "first_reply_created_at": seconds_or_none(row.first_reply_created_at),
            "priority": None,
            "waiting_since": seconds(row.waiting_since),
            "agent_last_seen_at": seconds(row.agent_last_seen_at),
            "contact_last_seen_at": seconds(row.contact_last_seen_at),
            "last_activity_at": seconds(row.last_activity_at),
            "timestamp": seconds(row.last_activity_at),
            "created_at": seconds(row.created_at),
            "updated_at": row.updated_at.timestamp(),
        }

    def pushed_message(self, view: ConversationView, sent: SentMessage) -> Json:
        """Return a message of a webhook."""
        message = sent.message
        pushed: Json = {
            "account": account_object(view.account),
            "additional_attributes": {},
            "content_attributes": dict(message.content_attributes),
            "content_type": message.content_type.value,
            "content": message.content,
            "conversation": self.pushed_conversation(view),
            "created_at": iso(message.created_at),
            "id": message.id,
            "inbox": {"id": view.inbox.id, "name": view.inbox.name},
            "message_type": message.kind.name.lower(),
            "private": message.private,
            "sender": pushed_sender(sent.sender, view.account),
            "source_id": message.source_id,
            "status": message.status.value,
            "contact": pushed_sender(view.contact, view.account),
        }
        if sent.attachments:
            pushed["attachments"] = [self.attachment(each) for each in sent.attachments]
        return pushed
