"""Credentials of long-lived connections: accepted once, and checked again at intervals for as long as they are used.

A permission token stands for the credentials that requested it, on real-time connections only. It is no longer valid once they are
revoked, so it may be handed to a page without giving the page an API token.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from service.clock import Clock
from service.domain.access.accounts import ALGORITHM, Authenticator, Identity, split_header, token_digest
from service.domain.errors import NotAuthenticated

LIFETIME = 3600
"""Seconds within which a connection can be opened or renewed with a permission token."""

AUDIENCE = "conference-realtime"


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """Accepted credentials. `digest` identifies an API token, `expires_at` (Unix seconds) is infinite for one."""

    identity: Identity
    digest: str | None = field(repr=False)
    expires_at: float = math.inf


@dataclass(frozen=True, slots=True)
class PermissionToken:
    """A new permission token."""

    token: str = field(repr=False)
    expires_at: datetime
    expires_in: int
    """Seconds."""


class IdentityLookup(Protocol):
    """What is used of `accounts.Accounts` besides authentication."""

    async def identify(self, organization_id: UUID, user_id: UUID | None) -> Identity:
        """Return the identity of a user or of an organization.

        Args:
            organization_id: The organization.
            user_id: The user; None for the organization itself.

        Raises:
            NotAuthenticated: The user or the organization is gone.
            Unavailable: The store does not answer.
        """

    async def signing_secret(self) -> str:
        """Return the secret that signs access tokens."""


class StandingStore(Protocol):
    """Checks many credentials at once."""

    async def standing(self, digests: Collection[str], user_ids: Collection[UUID]) -> tuple[set[str], set[UUID]]:
        """Check which credentials are still valid.

        Args:
            digests: Digests of API tokens, in hex.
            user_ids: Users.

        Returns:
            Those digests whose API tokens are not revoked, and those users that are not deleted.

        Raises:
            Unavailable: The store does not answer.
        """


class ConnectionAccess:
    """Accepts and checks credentials."""

    def __init__(
        self,
        authenticator: Authenticator,
        accounts: IdentityLookup,
        store: StandingStore,
        clock: Clock,
    ) -> None:
        self._authenticator = authenticator
        self._accounts = accounts
        self._store = store
        self._clock = clock

    async def issue(self, header: str | None) -> PermissionToken:
        """Return a permission token for the credentials in an Authorization header. Errors: as `admit`."""
        import jwt

        grant = await self.admit(header)
        now = self._clock.now()
        lifetime = int(min(LIFETIME, grant.expires_at - now.timestamp()))
        expires_at = now + timedelta(seconds=lifetime)
        claims: dict[str, Any] = {
            "iss": "conference",
            "aud": AUDIENCE,
            "iat": now,
            "exp": expires_at,
            "jti": uuid4().hex,
            "organization_id": str(grant.identity.organization.id),
            "user_id": None if grant.identity.user_id is None else str(grant.identity.user_id),
            "token": grant.digest,
        }
        token = jwt.encode(claims, await self._accounts.signing_secret(), algorithm=ALGORITHM)
        return PermissionToken(token, expires_at, lifetime)

    async def admit(self, header: str | None) -> Grant:
        """Accept the credentials in an Authorization header, or a permission token as Bearer.

        Raises:
            NotAuthenticated: They are missing, malformed, invalid, revoked or expired.
            Throttled: The client sends too many requests.
            Unavailable: The store does not answer.
        """
        scheme, credentials = split_header(header)
        claims = None if scheme == "token" else _peek(credentials)
        if claims is not None and claims.get("aud") == AUDIENCE:
            return await self._by_permission(credentials)
        identity = await self._authenticator.authenticate(header)
        if claims is None:
            return Grant(identity, token_digest(credentials))
        return Grant(identity, None, float(claims["exp"]))  # its signature has been checked

    async def ended(self, grants: Collection[Grant]) -> dict[Grant, NotAuthenticated]:
        """Return those grants that are no longer valid, with the reason. Errors: Unavailable."""
        digests = {each.digest for each in grants if each.digest is not None}
        users = {each.identity.user_id for each in grants if each.identity.user_id is not None}
        valid, active = await self._store.standing(digests, users)
        now = self._clock.now().timestamp()
        ended = {}
        for each in grants:
            if each.digest is not None and each.digest not in valid:
                ended[each] = NotAuthenticated("Invalid token.")
            elif each.identity.user_id is not None and each.identity.user_id not in active:
                ended[each] = NotAuthenticated("User inactive or deleted.")
            elif now >= each.expires_at:
                ended[each] = NotAuthenticated("Token has expired.")
        return ended

    async def _by_permission(self, encoded: str) -> Grant:
        import jwt

        try:
            claims = jwt.decode(
                encoded,
                await self._accounts.signing_secret(),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["exp", "aud"], "verify_exp": False, "verify_iat": False},
            )
            organization_id, expires_at = UUID(claims["organization_id"]), float(claims["exp"])
            user_id = None if claims["user_id"] is None else UUID(claims["user_id"])
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError):
            raise NotAuthenticated("Invalid token.") from None
        grant = Grant(await self._accounts.identify(organization_id, user_id), claims["token"], expires_at)
        for refusal in (await self.ended([grant])).values():
            raise refusal
        return grant


def _peek(encoded: str) -> dict[str, Any] | None:
    """Return the claims of a JWT without checking them; None for any other text."""
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(encoded, options={"verify_signature": False})
        return claims
    except jwt.PyJWTError:
        return None
