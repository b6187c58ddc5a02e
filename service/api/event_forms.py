"""Parts of the form of events: paths, audiences, and attributes of answers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from service.api.conference import ORGANIZATION
from service.domain.entities import Channel, ChannelType
from service.domain.events.event import USER_ID, Action, Audience, NewEvent, Scope
from service.domain.streams.place import Place

Resource = dict[str, Any]

NOTIFICATIONS = ORGANIZATION + "/users/{user_id}/notifications"
"""The path of a user's notifications. They are events only: there is no GET of it."""

ACTIVE_CONFERENCES = ORGANIZATION + "/users/{user_id}/active_conferences"


def of_channel(channel: Channel, path: str, action: Action, resource_id: object, resource: Resource | None) -> NewEvent:
    """Return an event of something in a channel, for those who may see the channel. A `{user_id}` in the path stays."""
    where = path.format(organization_id=channel.organization_id, channel_id=channel.id, user_id=USER_ID)
    return NewEvent(channel.organization_id, where, action, str(resource_id), resource, readers(channel))


def of_place(
    place: Place,
    path: str,
    action: Action,
    resource_id: object,
    resource: Resource | None,
    source: str | None = None,
) -> NewEvent:
    """Return an event of something that may outlive its channel, for those who may see the channel, or could."""
    where = path.format(organization_id=place.organization_id, channel_id=place.channel_id)
    audience = Audience(Scope.MEMBERS, place.channel_id) if place.is_private else Audience(Scope.ORGANIZATION)
    return NewEvent(place.organization_id, where, action, str(resource_id), resource, audience, source)


def of_user(
    organization_id: UUID, user_id: UUID, path: str, action: Action, resource_id: object, resource: Resource | None
) -> NewEvent:
    """Return an event for one user. `path` has a place for the user alone."""
    where = path.format(organization_id=organization_id, user_id=user_id)
    return NewEvent(organization_id, where, action, str(resource_id), resource, Audience(Scope.USER, user_id))


def readers(channel: Channel) -> Audience:
    """Return who may see a channel: its members, or also the rest of the organization (`entities.Entry.is_visible`)."""
    if channel.is_private or channel.type is ChannelType.DIRECT:
        return Audience(Scope.MEMBERS, channel.id)
    return Audience(Scope.ORGANIZATION)


def whole(answer: BaseModel) -> Resource:
    return answer.model_dump(mode="json")


def some(answer: BaseModel, fields: Collection[str]) -> Resource:
    return answer.model_dump(mode="json", include=set(fields))
