"""GET /api/v5/users/me: the authenticated user."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from service.domain.access.accounts import Identity
from service.domain.entities import User
from service.domain.errors import Forbidden
from service.http.fields import Moment
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.schemas import Answer


class OrganizationName(Answer):
    id: UUID
    name: str


class Avatar(Answer):
    id: UUID | None
    url: str


class Me(Answer):
    """The authenticated user, in the shape of the Pub API. Presence, chats and legacy ids are not supported."""

    id: UUID
    email: str | None
    organization_id: UUID
    organization: OrganizationName
    first_name: str
    last_name: str
    full_name: str
    is_manager: bool | None
    is_staff: bool
    alias: str | None
    gender: str | None
    birthday: date | None
    phone: str | None
    title: str | None
    created_at: Moment
    updated_at: Moment
    deleted_at: Moment | None
    avatar_id: UUID | None
    avatar: Avatar | None
    is_online_enabled: bool
    is_online: bool
    is_present: bool
    current_chat_count: int
    is_deleted: bool
    is_bot: bool
    is_created_by_sso: bool
    is_email_confirmed: bool
    legacy_id: str | None
    legacy_integer_id: int | None
    organization_legacy_id: str | None


def operations() -> list[Operation]:
    """Return the operations of this resource."""

    @operation("GET", "/api/v5/users/me", answers={200: Me}, tag="Users", summary="Retrieve the authenticated user")
    async def get_me(call: Call[Nothing, Nothing]) -> Reply:
        """Return the user of the token. 403 for an organization token, which has no user."""
        if call.client.user is None:
            raise Forbidden
        return Reply(_me(call.client, call.client.user))

    return [get_me]


def _me(client: Identity, user: User) -> Me:
    return Me(
        id=user.id,
        email=user.email,
        organization_id=user.organization_id,
        organization=OrganizationName(id=client.organization.id, name=client.organization.name),
        first_name=user.first_name,
        last_name=user.last_name,
        full_name=user.full_name,
        is_manager=user.is_manager,
        is_staff=user.is_staff,
        alias=user.alias,
        gender=user.gender,
        birthday=user.birthday,
        phone=user.phone,
        title=user.title,
        created_at=user.created_at,
        updated_at=user.updated_at,
        deleted_at=user.deleted_at,
        avatar_id=user.avatar_id,
        avatar=None if user.avatar_url is None else Avatar(id=user.avatar_id, url=user.avatar_url),
        is_online_enabled=user.is_online_enabled,
        is_online=False,
        is_present=False,
        current_chat_count=0,
        is_deleted=user.deleted_at is not None,
        is_bot=user.is_bot,
        is_created_by_sso=False,
        is_email_confirmed=False,
        legacy_id=None,
        legacy_integer_id=None,
        organization_legacy_id=None,
    )
