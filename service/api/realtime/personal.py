"""Attributes that differ between the readers of one event: the unread counts and the settings in a user's joined channels."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from service.api.joined import JOINED
from service.api.notifications import settings_answer
from service.domain.conversation.ports import ReaderStore
from service.domain.entities import Member
from service.domain.events.event import USER_ID, Action, Event, Scope


def needs_member(event: Event) -> bool:
    """Return whether the event needs present values of each reader, and is only for members."""
    return (
        event.audience.scope is not Scope.USER
        and event.action is not Action.REMOVED
        and event.channel == JOINED.format(organization_id=event.organization_id, user_id=USER_ID)
    )


class PresentMembers:
    """The members of an event's channel among some users, as they are now."""

    def __init__(self, store: ReaderStore) -> None:
        self._store = store
        self._asked: set[UUID] = set()
        self._members: dict[UUID, Member] = {}

    def misses(self, user_ids: Collection[UUID]) -> bool:
        """Return whether one of these users is not known."""
        return not self._asked.issuperset(user_ids)

    async def know(self, channel_id: UUID, user_ids: Collection[UUID]) -> None:
        """Read the members among these users. Errors: Unavailable."""
        for member in await self._store.members_among(channel_id, user_ids):
            self._members[member.user.id] = member
        self._asked |= set(user_ids)

    def attributes(self, user_id: UUID | None, action: Action) -> dict[str, Any] | None:
        """Return the attributes of a user, or None if the user is not a member."""
        member = None if user_id is None else self._members.get(user_id)
        if member is None:
            return None
        counts: dict[str, Any] = {
            "unread_message_count": member.unread_message_count,
            "unread_mention_count": member.unread_mention_count,
        }
        if action is Action.ADDED:
            counts["member_notification_settings"] = settings_answer(member.settings).model_dump(mode="json")
        return counts
