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
        """Return the organization.

        Returns:
            None if there is none with that id.
        """

    async def user(self, user_id: UUID) -> User | None:
        """Return the user.

        Returns:
            The user, also a deleted one; None if there is none with that id.
        """

    async def add_user(self, organization: Organization, user: User) -> None:
        """Store the user and the organization unless they exist. Existing ones are not changed.

        Args:
            organization: The organization that the user must belong to.
            user: The user.

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
        """Return the token with that digest.

        Args:
            digest: The digest of the token's text, in hex.

        Returns:
            The token, revoked or not; None if there is none.
        """

    async def tokens(self, organization_id: UUID | None = None) -> list[Token]:
        """Return tokens, oldest first.

        Args:
            organization_id: The organization; None for the tokens of all.

        Returns:
            The tokens, including revoked ones.
        """

    async def revoke_token(self, token_id: UUID, at: datetime) -> bool:
        """Revoke a token, unless it has been.

        Args:
            token_id: The token.
            at: When it is revoked. A token that was revoked before keeps its time.

        Returns:
            False if there is no such token; True also if it was revoked before.
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

        Args:
            organization: The organization.
            user: The new user.

        Returns:
            False if there is a user with that id; that user is not changed.
        """

    async def users(self, organization_id: UUID | None = None) -> list[User]:
        """Return users by full name.

        Args:
            organization_id: The organization; None for the users of all, organization by organization.

        Returns:
            The users, including deleted ones.
        """

    async def set_manager(self, user_id: UUID, is_manager: bool, at: datetime) -> bool:
        """Make a user a manager of their organization, or no longer one.

        Args:
            user_id: The user.
            is_manager: Whether the user is a manager from now on.
            at: The user's new `updated_at`.

        Returns:
            False if there is no such user, or it is deleted.
        """

    async def unknown_users(self, organization_id: UUID, wanted: Collection[UUID]) -> set[UUID]:
        """Find the ids that are not those of present users of the organization.

        Args:
            organization_id: The organization.
            wanted: The ids to look up.

        Returns:
            Those of `wanted` that are not users of the organization, or are deleted.
        """


class EntryStore(Protocol):
    """Channels and a user's rights in them."""

    async def entry(self, organization_id: UUID, channel_id: UUID, user_id: UUID | None) -> Entry | None:
        """Return a channel and a user's rights in it.

        Args:
            organization_id: The organization that the channel must belong to.
            channel_id: The channel.
            user_id: The user. None stands for the organization itself, which is an admin of each channel without an admin.

        Returns:
            None if the organization has no such channel.
        """
