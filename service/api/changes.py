"""The form of each change in the log of events: the path, the id and the attributes that a GET of the resource answers.

A change message of the real-time API and the body of a webhook are this form with the event's id (contract: Pub API §1.10).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from service.api import channels, conference, joined, members, messages, notifications, webhooks
from service.api.call_changes import call_changed, call_of_changed_channel, call_of_member, call_of_removed_channel
from service.api.channels import channel_answer
from service.api.event_forms import (
    NOTIFICATIONS,
    Resource,
    of_channel,
    of_user,
    readers,
    some,
    whole,
)
from service.api.joined import joined_answer
from service.api.members import member_answer
from service.api.message_schemas import message_answer
from service.api.notifications import settings_answer
from service.api.stream_changes import describe_stream, stream_of_added_member, stream_of_changed_channel
from service.api.webhook_schemas import webhook_answer
from service.domain.conversation.changes import (
    CallChanged,
    ChannelAdded,
    ChannelChanged,
    ChannelRemoved,
    ConversationChange,
    MemberAdded,
    MemberChanged,
    MemberRemoved,
    MessageAdded,
    MessageChanged,
    SettingsChanged,
)
from service.domain.entities import Channel, ChannelType, Joined, Member
from service.domain.events.event import Action, Audience, Change, NewEvent, Scope
from service.domain.health.changes import HealthChange
from service.domain.streams.changes import StreamChange
from service.domain.webhooks.webhook import WebhookChanged

RecordedChange = ConversationChange | StreamChange | HealthChange | WebhookChanged
"""All changes of the domain."""

UNREAD = ("unread_message_count", "unread_mention_count")


def describe(change: Change) -> Sequence[NewEvent]:
    """Return the events of a change. Implements `domain.events.event.Describe`."""
    return list(_described(cast(RecordedChange, change)))


def _described(change: RecordedChange) -> Iterator[NewEvent]:
    match change:
        case MessageAdded():
            yield from _message_added(change)
        case MessageChanged():
            yield from _message_changed(change)
        case ChannelAdded(channel, people):
            yield from _of_lists(channel, Action.ADDED, whole(channel_answer(channel)))
            for each in people:
                yield _of_member(channel, each, Action.ADDED, whole(member_answer(each)))
        case ChannelChanged():
            yield from _channel_changed(change)
        case ChannelRemoved(channel):
            yield from _of_lists(channel, Action.REMOVED, None)
            yield from call_of_removed_channel(change)
        case MemberAdded():
            yield from _member_added(change)
        case MemberChanged():
            yield from _member_changed(change)
        case MemberRemoved():
            yield from _member_removed(change)
        case SettingsChanged(member):
            yield from _settings_changed(member)
        case CallChanged():
            yield from call_changed(change)
        case WebhookChanged():
            yield _webhook_changed(change)
        case _:
            yield from describe_stream(change)


def _webhook_changed(change: WebhookChanged) -> NewEvent:
    webhook = change.webhook
    where = webhooks.PATH.format(organization_id=webhook.organization_id)
    resource = some(webhook_answer(webhook), ("id", *change.fields))
    audience = Audience(Scope.ORGANIZATION) if webhook.user_id is None else Audience(Scope.USER, webhook.user_id)
    return NewEvent(webhook.organization_id, where, Action.CHANGED, str(webhook.id), resource, audience)


def _message_added(change: MessageAdded) -> Iterator[NewEvent]:
    channel, message = change.channel, change.message
    resource = whole(message_answer(message))
    yield of_channel(channel, messages.PATH, Action.ADDED, message.id, resource)
    latest = {"latest_message": resource, "latest_message_created_at": resource["created_at"]}
    yield from _of_lists(channel, Action.CHANGED, {"id": str(channel.id), **latest})
    notification = {
        "id": str(message.id),
        "type": "mention",
        "channel_id": str(channel.id),
        "message_id": str(message.id),
        "created_at": resource["created_at"],
        "message": resource,
    }
    for user_id in change.notified:
        yield of_user(channel.organization_id, user_id, NOTIFICATIONS, Action.ADDED, message.id, notification)


def _message_changed(change: MessageChanged) -> Iterator[NewEvent]:
    channel, message = change.channel, change.message
    resource = some(message_answer(message), ("id", *change.fields))
    yield of_channel(channel, messages.PATH, Action.CHANGED, message.id, resource)
    if channel.latest_message is not None and channel.latest_message.id == message.id:
        yield from _of_lists(channel, Action.CHANGED, some(channel_answer(channel), ("id", "latest_message")))
    elif "type" in change.fields:  # deleted: it no longer counts as unread
        yield _of_joined(channel, Action.CHANGED, {"id": str(channel.id)})


def _channel_changed(change: ChannelChanged) -> Iterator[NewEvent]:
    before, channel = change.before, change.channel
    if readers(before) == readers(channel):
        yield from _of_lists(channel, Action.CHANGED, some(channel_answer(channel), ("id", *change.fields)))
        yield from stream_of_changed_channel(change)
        return
    # It leaves the view of its audience until now, and enters that of the new one. For its members it stays a joined channel.
    yield of_channel(before, channels.PATH, Action.REMOVED, channel.id, None)
    yield of_channel(channel, channels.PATH, Action.ADDED, channel.id, whole(channel_answer(channel)))
    private = replace(channel, is_private=True)
    yield _of_joined(private, Action.CHANGED, some(channel_answer(channel), ("id", *change.fields)))
    yield from stream_of_changed_channel(change)
    yield from call_of_changed_channel(change)


def _member_added(change: MemberAdded) -> Iterator[NewEvent]:
    channel, member = change.channel, change.member
    user_id = member.user.id
    yield _of_member(channel, member, Action.ADDED, whole(member_answer(member)))
    mine = whole(joined_answer(Joined(channel, member)))
    if channel.is_private:
        it = whole(channel_answer(channel))
        yield of_user(channel.organization_id, user_id, _in(channel, channels.PATH), Action.ADDED, channel.id, it)
        yield from stream_of_added_member(change)
        yield from call_of_member(change)
    yield of_user(channel.organization_id, user_id, joined.JOINED, Action.ADDED, channel.id, mine)
    yield from _of_lists(channel, Action.CHANGED, _member_count(channel))


def _member_changed(change: MemberChanged) -> Iterator[NewEvent]:
    channel, member = change.channel, change.member
    resource = some(member_answer(member), ("id", "member_id", *change.fields))
    yield _of_member(channel, member, Action.CHANGED, resource)
    if UNREAD[0] in change.fields:
        counts = {"id": str(channel.id), **{name: resource[name] for name in UNREAD}}
        yield of_user(channel.organization_id, member.user.id, joined.JOINED, Action.CHANGED, channel.id, counts)


def _member_removed(change: MemberRemoved) -> Iterator[NewEvent]:
    channel, user_id = change.channel, change.user_id
    yield of_channel(channel, members.PATH, Action.REMOVED, user_id, None)
    if channel.is_private:
        path = _in(channel, channels.PATH)
        yield of_user(channel.organization_id, user_id, path, Action.REMOVED, channel.id, None)
        if change.stream_uid is not None:
            yield of_user(channel.organization_id, user_id, conference.STREAMS, Action.REMOVED, change.stream_uid, None)
        yield from call_of_member(change)
    yield of_user(channel.organization_id, user_id, joined.JOINED, Action.REMOVED, channel.id, None)
    yield from _of_lists(channel, Action.CHANGED, _member_count(channel))


def _settings_changed(member: Member) -> Iterator[NewEvent]:
    settings = settings_answer(member.settings)
    path = notifications.PATH.format(
        organization_id=member.organization_id, channel_id=member.channel_id, member_id=member.user.id
    )
    changed = some(settings, ("id", "mode", "updated_at"))
    yield of_user(member.organization_id, member.user.id, path, Action.CHANGED, settings.id, changed)
    mine = {"id": str(member.channel_id), "member_notification_settings": whole(settings)}
    yield of_user(member.organization_id, member.user.id, joined.JOINED, Action.CHANGED, member.channel_id, mine)


def _of_lists(channel: Channel, action: Action, resource: Resource | None) -> Iterator[NewEvent]:
    """Yield an event of a channel for each list that it is in."""
    is_direct = channel.type is ChannelType.DIRECT
    # No list of the organization has direct channels.
    yield of_channel(channel, channels.CHANNEL if is_direct else channels.PATH, action, channel.id, resource)
    yield _of_joined(channel, action, resource)
    if is_direct:
        yield of_channel(channel, joined.DIRECT, action, channel.id, resource)


def _of_joined(channel: Channel, action: Action, resource: Resource | None) -> NewEvent:
    return of_channel(channel, joined.JOINED, action, channel.id, resource)


def _of_member(channel: Channel, member: Member, action: Action, resource: Resource) -> NewEvent:
    return of_channel(channel, members.PATH, action, member.user.id, resource)


def _member_count(channel: Channel) -> Resource:
    return {"id": str(channel.id), "member_count": channel.member_count}


def _in(channel: Channel, path: str) -> str:
    return path.format(organization_id=channel.organization_id)
