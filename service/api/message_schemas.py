"""Messages on the wire. A body is checked as far as its schema goes and then kept as it came, the order of its keys included."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, WrapValidator

from service.api.people import PersonAnswer, person_answer
from service.domain.conversation.members import DEFAULT_ORDERING, ORDERINGS
from service.domain.conversation.messages import MAX_NOTIFIED, Draft
from service.domain.entities import Message, MessageType
from service.domain.paging import known_ordering
from service.http.fields import Id, Moment, Whole
from service.http.pagination import PageQuery
from service.http.schemas import Answer, PageAnswer


class Chunk(BaseModel):
    """A piece of a message: text, link, file, image, video, audio, voice, mention, external, or a kind nobody knows yet."""

    model_config = ConfigDict(extra="allow")

    type: str


class Content(BaseModel):
    """What is said. Only `version` is needed; whatever else is sent is kept."""

    model_config = ConfigDict(extra="allow")

    version: Annotated[int, Field(ge=1, le=3), Whole]
    chunks: list[Chunk] = []


def _verbatim(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    check(value)
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("A number is too large.") from None
    return value


Body = Annotated[Content, WrapValidator(_verbatim)]
"""Declared as what is checked; what comes out is the plain object that was sent."""


class MessageBody(BaseModel):
    """A message to be sent. `notify_teams` and whatever else is sent is ignored."""

    body: Body
    id: Id | None = Field(None, description="Made by the client: the same message may then be sent again.")
    type: Literal["user", "call_request", "call_leave", "reporting", "system_message"] = "user"
    notify_users: Annotated[list[Id], Field(max_length=MAX_NOTIFIED)] = []
    notify_channel: bool = False

    def draft(self) -> Draft:
        content: Any = self.body
        return Draft(content, MessageType(self.type), self.id, tuple(self.notify_users), self.notify_channel)


class MessageEdit(BaseModel):
    """The new body; whatever else is sent is ignored."""

    body: Body

    def content(self) -> dict[str, Any]:
        content: Any = self.body
        return content  # type: ignore[no-any-return]


class MessageAnswer(Answer):
    """A message. `sender_id` is null for reports and messages of the system."""

    id: UUID
    channel_id: UUID
    organization_id: UUID
    sender_id: UUID | None
    sender: PersonAnswer | None
    type: MessageType
    created_at: Moment
    updated_at: Moment
    is_edited: bool
    body: dict[str, Any]


class MessagePage(PageAnswer):
    results: list[MessageAnswer]


class TimeQuery(PageQuery):
    """Collections ordered by time of making only."""

    ordering: str = Field(DEFAULT_ORDERING, description="created_at, or -created_at for descending.")

    @property
    def known_ordering(self) -> str:
        return known_ordering(self.ordering, ORDERINGS, DEFAULT_ORDERING)


def message_answer(message: Message) -> MessageAnswer:
    sender = message.sender
    return MessageAnswer(
        id=message.id,
        channel_id=message.channel_id,
        organization_id=message.organization_id,
        sender_id=None if sender is None else sender.id,
        sender=None if sender is None else person_answer(sender),
        type=message.type,
        created_at=message.created_at,
        updated_at=message.updated_at,
        is_edited=message.is_edited,
        body=dict(message.body),
    )
