"""Public fields of a user: the `member` and `sender` objects."""

from __future__ import annotations

from uuid import UUID

from service.domain.entities import Person
from service.http.schemas import Answer


class PersonAnswer(Answer):
    """A user of the organization. Presence is not tracked: `is_online` and `is_present` are always false."""

    id: UUID
    full_name: str
    organization_id: UUID
    avatar_url: str | None
    is_bot: bool
    is_online: bool
    is_present: bool
    is_deleted: bool


def person_answer(user: Person) -> PersonAnswer:
    return PersonAnswer(
        id=user.id,
        full_name=user.full_name,
        organization_id=user.organization_id,
        avatar_url=user.avatar_url,
        is_bot=user.is_bot,
        is_online=False,
        is_present=False,
        is_deleted=user.deleted_at is not None,
    )
