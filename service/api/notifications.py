"""Notification settings of a member."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema

from service.api.members import MEMBER
from service.domain.conversation.members import Members
from service.domain.entities import NotificationSettings, NotifyMode
from service.http.fields import Moment
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.schemas import Answer

PATH = MEMBER + "/notification_settings"
TAG = "Members"

_MODES = [mode.value for mode in NotifyMode]


def _muted(value: Any) -> NotifyMode:
    if isinstance(value, bool):
        return NotifyMode.MUTED if value else NotifyMode.UNMUTED
    if isinstance(value, str) and value in _MODES:
        return NotifyMode(value)
    raise ValueError(f"Not a valid choice. Expected true, false, {', '.join(_MODES)}.")


Muted = Annotated[
    NotifyMode,
    PlainValidator(_muted),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "enum": _MODES}]}),
]
"""The older form: a mode, or whether notifications are muted."""


class SettingsBody(BaseModel):
    """`mode` takes precedence when both are sent."""

    mode: NotifyMode | None = None
    muted: Muted | None = Field(None, description="An older name of `mode`; true is muted, false unmuted.")


class SettingsAnswer(Answer):
    """The settings of one member. `channel` and `channel_id` are the same."""

    id: UUID
    channel: UUID
    channel_id: UUID
    user_id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    mode: NotifyMode


def operations(members: Members) -> list[Operation]:
    """Return the operations of this resource."""

    @operation("GET", PATH, answers={200: SettingsAnswer}, tag=TAG, summary="Retrieve notification settings")
    async def get_settings(call: Call[Nothing, Nothing]) -> Reply:
        """Return the authenticated user's settings. 403 for another user's."""
        found = await members.settings(call.client, call.path["channel_id"], call.path["member_id"])
        return Reply(settings_answer(found))

    @operation(
        "PATCH",
        PATH,
        body=SettingsBody,
        answers={200: SettingsAnswer},
        tag=TAG,
        summary="Change notification settings",
    )
    async def change_settings(call: Call[Nothing, SettingsBody]) -> Reply:
        """Change the authenticated user's settings. 403 for another user's."""
        mode = call.body.mode or call.body.muted
        changed = await members.set_mode(call.client, call.path["channel_id"], call.path["member_id"], mode)
        return Reply(settings_answer(changed))

    return [get_settings, change_settings]


def settings_answer(settings: NotificationSettings) -> SettingsAnswer:
    return SettingsAnswer(
        id=settings.id,
        channel=settings.channel_id,
        channel_id=settings.channel_id,
        user_id=settings.user_id,
        organization_id=settings.organization_id,
        created_at=settings.created_at,
        updated_at=settings.updated_at,
        mode=settings.mode,
    )
