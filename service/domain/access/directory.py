"""The users of an organization, as entered by an operator."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from service.clock import Clock
from service.domain.access.ports import DirectoryStore
from service.domain.entities import Organization, User
from service.domain.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class NewUser:
    """The data of a new user. `id` None: a generated one."""

    full_name: str
    id: UUID | None = None
    email: str | None = None
    avatar_url: str | None = None
    is_bot: bool = False
    is_manager: bool = False


class Directory:
    """Creates users, and appoints managers of their organizations, who manage the webhooks."""

    def __init__(self, store: DirectoryStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(self, organization_id: UUID, new: NewUser) -> User:
        """Create a user, and the organization unless it exists.

        Raises:
            Conflict: There is a user with that id.
            Unavailable: The store does not answer.
        """
        now = self._clock.now()
        first_name, _, last_name = new.full_name.strip().partition(" ")
        user = User(
            id=new.id or uuid4(),
            organization_id=organization_id,
            first_name=first_name,
            last_name=last_name.strip(),
            full_name=new.full_name.strip(),
            created_at=now,
            updated_at=now,
            email=new.email,
            avatar_url=new.avatar_url,
            is_bot=new.is_bot,
            is_manager=new.is_manager or None,
        )
        if not await self._store.add_user(Organization(organization_id, str(organization_id), now), user):
            raise Conflict(f"There is a user {user.id} already.")
        return user

    async def set_manager(self, user_id: UUID, is_manager: bool) -> None:
        """Make a user a manager of their organization, or no longer one.

        Raises:
            NotFound: There is no such user, or it is deleted.
            Unavailable: The store does not answer.
        """
        if not await self._store.set_manager(user_id, is_manager, self._clock.now()):
            raise NotFound("There is no such user.")
