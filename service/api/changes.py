"""The form of each change in the log of events: the path, the id and the attributes that a GET of the resource answers.

A change message of the real-time API and the body of a webhook are this form with the event's id (contract: Pub API §1.10).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, assert_never

from pydantic import BaseModel

from service.api import messages
from service.api.message_schemas import message_answer
from service.domain.entities import Channel, ChannelType
from service.domain.events.changes import Change, MessageAdded, MessageChanged
from service.domain.events.event import Action, Audience, NewEvent, Scope


def describe(change: Change) -> Sequence[NewEvent]:
    """Return the events of a change. Implements `domain.events.changes.Describe`."""
    match change:
        case MessageAdded(channel, message):
            return [_of_channel(channel, messages.PATH, Action.ADDED, str(message.id), _whole(message_answer(message)))]
        case MessageChanged(channel, message, fields):
            resource = _some(message_answer(message), ("id", *fields))
            return [_of_channel(channel, messages.PATH, Action.CHANGED, str(message.id), resource)]
        case _:
            assert_never(change)


def _of_channel(
    channel: Channel, path: str, action: Action, resource_id: str, resource: dict[str, Any] | None
) -> NewEvent:
    """Return an event of a resource of a channel, whose readers are those of the channel."""
    where = path.format(organization_id=channel.organization_id, channel_id=channel.id)
    return NewEvent(channel.organization_id, where, action, resource_id, resource, _readers(channel))


def _readers(channel: Channel) -> Audience:
    """Return who may see a channel: its members, or also the rest of the organization (`entities.Entry.is_visible`)."""
    if channel.is_private or channel.type is ChannelType.DIRECT:
        return Audience(Scope.MEMBERS, channel.id)
    return Audience(Scope.ORGANIZATION)


def _whole(answer: BaseModel) -> dict[str, Any]:
    return answer.model_dump(mode="json")


def _some(answer: BaseModel, fields: Collection[str]) -> dict[str, Any]:
    return answer.model_dump(mode="json", include=set(fields))
