"""Store ports of organizations, users, tokens and a user's rights in channels. Every method may raise `errors.Unavailable`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from service.domain.entities import Entry, Organization, Token, User


class AccountStore(Protocol):
    """Organizations, users and API tokens."""

    async def organization(self, organization_id: UUID) -> Organization | None:
        """Return the organization, or None if there is none with that id."""

    async def user(self, user_id: UUID) -> User | None:
        """Return the user, or None if there is none with that id. Deleted users are returned."""

    async def add_user(self, organization: Organization, user: User) -> None:
        """Store the user and the organization unless they exist.

        Raises:
            Conflict: The user belongs to another organization. Nothing is stored.
        """

    async def add_token(self, organization: Organization, user: User | None, token: Token) -> None:
        """Store the token, and the organization and the user unless they exist, in one transaction.

        Args:
            organization: The organization of the token.
            user: The user of the token; None for a token of the organization itself.
            token: The token.

        Raises:
            Conflict: The user belongs to another organization. Nothing is stored.
        """

    async def token_by_digest(self, digest: str) -> Token | None:
        """Return the token with that digest (hex), revoked or not, or None."""

    async def tokens(self, organization_id: UUID | None = None) -> list[Token]:
        """Return the tokens of the organization (None: of all), oldest first, including revoked ones."""

    async def revoke_token(self, token_id: UUID, at: datetime) -> bool:
        """Revoke a token, unless it has been.

        Returns:
            False if there is no such token.
        """


class SecretStore(Protocol):
    """Secrets that the service generates for itself."""

    async def secret(self, name: str, proposal: str) -> str:
        """Return the secret of that name.

        Args:
            name: The name of the secret.
            proposal: Stored if there is none yet.

        Returns:
            The stored secret, the same in every process.
        """


class DirectoryStore(Protocol):
    """The users of an organization."""

    async def add_user(self, organization: Organization, user: User) -> bool:
        """Store the user, and the organization unless it exists.

        Returns:
            False if there is a user with that id; nothing is changed then.
        """

    async def users(self, organization_id: UUID | None = None) -> list[User]:
        """Return the users of the organization (None: of all) by full name, including deleted ones."""

    async def set_manager(self, user_id: UUID, is_manager: bool, at: datetime) -> bool:
        """Make a user a manager of their organization, or no longer one. Return False if there is none, or it is deleted."""

    async def unknown_users(self, organization_id: UUID, wanted: Collection[UUID]) -> set[UUID]:
        """Return those of `wanted` that are not users of the organization, or are deleted."""


class EntryStore(Protocol):
    """Channels and a user's rights in them."""

    async def entry(self, organization_id: UUID, channel_id: UUID, user_id: UUID | None) -> Entry | None:
        """Return the channel and the user's rights in it, or None if the organization has no such channel.

        A `user_id` of None stands for the organization itself, which is an admin of each channel without an admin.
        """
