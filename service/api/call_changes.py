"""The form of changes of calls in the log of events: the active conferences of each user."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from uuid import UUID

from service.api.event_forms import ACTIVE_CONFERENCES, Resource, of_channel, of_user
from service.domain.conversation.changes import CallChanged, ChannelChanged, ChannelRemoved, MemberAdded, MemberRemoved
from service.domain.conversation.meetings import user_of
from service.domain.entities import Channel
from service.domain.events.event import Action, NewEvent


def call_changed(change: CallChanged) -> Iterator[NewEvent]:
    """Yield the events of a participant that joined or left."""
    channel, count = change.channel, change.count
    if count == 0:
        yield of_channel(channel, ACTIVE_CONFERENCES, Action.REMOVED, channel.id, None)
        return
    if change.count_before == 0:
        yield of_channel(channel, ACTIVE_CONFERENCES, Action.ADDED, channel.id, _whole(channel, count, joined=False))
    else:
        counted = {"channel_id": str(channel.id), "participant_count": count}
        yield of_channel(channel, ACTIVE_CONFERENCES, Action.CHANGED, channel.id, counted)
    if change.participant is not None:
        yield _own(channel, change.participant, joined=change.joined)


def call_of_changed_channel(change: ChannelChanged) -> Iterator[NewEvent]:
    """Yield the events of the call in a channel whose readers have changed: it leaves and enters their lists."""
    if not change.call:
        return
    before, channel = change.before, change.channel
    yield of_channel(before, ACTIVE_CONFERENCES, Action.REMOVED, channel.id, None)
    added = _whole(channel, len(change.call), joined=False)
    yield of_channel(channel, ACTIVE_CONFERENCES, Action.ADDED, channel.id, added)
    for user_id in _users(change.call):
        yield _own(channel, user_id, joined=True)


def call_of_removed_channel(change: ChannelRemoved) -> Iterator[NewEvent]:
    """Yield the event of the call that a channel had when it was deleted."""
    if change.call:
        yield of_channel(change.channel, ACTIVE_CONFERENCES, Action.REMOVED, change.channel.id, None)


def call_of_member(change: MemberAdded | MemberRemoved) -> Iterator[NewEvent]:
    """Yield the event of the call in a private channel that a user has joined or left."""
    if not change.call:
        return
    channel = change.channel
    if isinstance(change, MemberRemoved):
        yield of_user(channel.organization_id, change.user_id, ACTIVE_CONFERENCES, Action.REMOVED, channel.id, None)
        return
    user_id = change.member.user.id
    added = _whole(channel, len(change.call), joined=str(user_id) in change.call)
    yield of_user(channel.organization_id, user_id, ACTIVE_CONFERENCES, Action.ADDED, channel.id, added)


def _whole(channel: Channel, count: int, *, joined: bool) -> Resource:
    return {"channel_id": str(channel.id), "participant_count": count, "joined": joined}


def _own(channel: Channel, user_id: UUID, *, joined: bool) -> NewEvent:
    mine = {"channel_id": str(channel.id), "joined": joined}
    return of_user(channel.organization_id, user_id, ACTIVE_CONFERENCES, Action.CHANGED, channel.id, mine)


def _users(call: Collection[str]) -> list[UUID]:
    return sorted(user_id for each in call if (user_id := user_of(each)) is not None)
