"""Authentication: API tokens, and short-lived access tokens for the same users."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from cachetools import TLRUCache

from service.clock import Clock
from service.domain.access.ports import AccountStore, SecretStore
from service.domain.entities import Organization, Token, User
from service.domain.errors import NotAuthenticated, NotFound

TOKEN_LENGTH = 40
"""Characters of an API token: hex digits, 160 bits."""

BEARER_LIFETIME = 3600
"""Seconds an access token is valid unless asked otherwise."""

MAX_BEARER_LIFETIME = 86_400
"""The longest lifetime of an access token, in seconds. Single access tokens cannot be revoked."""

MAX_HEADER = 4096
"""The longest Authorization header accepted, in characters."""

CACHE_SECONDS = 3.0
"""How long an accepted token is served from the cache. A revoked token stops working after this time at most."""

CACHE_SIZE = 10_000
"""Accepted tokens in the cache."""

SIGNING_SECRET = "access-token-signing"  # noqa: S105 - the name of a secret, not one
AUDIENCE = "conference-api"
ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated client. `user` is None for a token of the organization itself."""

    organization: Organization
    user: User | None

    @property
    def user_id(self) -> UUID | None:
        return None if self.user is None else self.user.id


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new API token. `secret` is shown once and not stored."""

    token: Token
    secret: str = field(repr=False)


class Authenticator(Protocol):
    """Authenticates requests by their Authorization header."""

    async def authenticate(self, header: str | None) -> Identity: ...


def token_digest(secret: str) -> str:
    """Return the SHA-256 digest (hex) under which a token is stored. Tokens are random, so they need no salt."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


class Accounts:
    """Issues, lists, revokes and checks tokens."""

    def __init__(
        self,
        store: AccountStore,
        secret_store: SecretStore,
        clock: Clock,
        cache_size: int = CACHE_SIZE,
    ) -> None:
        self._store = store
        self._secrets = secret_store
        self._clock = clock
        self._cache: TLRUCache[str, tuple[Identity, float]] = TLRUCache(
            cache_size, ttu=lambda digest, kept, now: now + kept[1], timer=clock.monotonic
        )
        self._signing_secret: str | None = None

    async def register(
        self, organization_id: UUID, user_id: UUID, *, organization_name: str = "", full_name: str = ""
    ) -> None:
        """Create the user and the organization unless they exist.

        Raises:
            Conflict: The user belongs to another organization.
        """
        now = self._clock.now()
        organization = Organization(organization_id, organization_name or str(organization_id), now)
        await self._store.add_user(organization, _new_user(user_id, organization_id, full_name, now))

    async def create_token(
        self,
        organization_id: UUID,
        user_id: UUID | None,
        *,
        name: str = "",
        organization_name: str = "",
        full_name: str = "",
    ) -> IssuedToken:
        """Create a token of a user (None: of the organization itself), and the user and the organization unless they exist.

        Raises:
            Conflict: The user belongs to another organization.
        """
        now = self._clock.now()
        secret = secrets.token_hex(TOKEN_LENGTH // 2)
        organization = Organization(organization_id, organization_name or str(organization_id), now)
        user = None if user_id is None else _new_user(user_id, organization_id, full_name, now)
        token = Token(uuid4(), token_digest(secret), organization_id, user_id, name, now)
        await self._store.add_token(organization, user, token)
        return IssuedToken(token, secret)

    async def list_tokens(self, organization_id: UUID | None = None) -> list[Token]:
        """Return the tokens, oldest first, including revoked ones."""
        return await self._store.tokens(organization_id)

    async def revoke_token(self, token_id: UUID) -> None:
        """Revoke a token. It stops working within CACHE_SECONDS in every process. Access tokens of the user expire by themselves.

        Raises:
            NotFound: There is no such token.
        """
        if not await self._store.revoke_token(token_id, self._clock.now()):
            raise NotFound("There is no such token.")
        self._cache.clear()

    async def issue_bearer(self, organization_id: UUID, user_id: UUID, *, lifetime: int = BEARER_LIFETIME) -> str:
        """Return a new access token of a user, valid for `lifetime` seconds (1 to MAX_BEARER_LIFETIME).

        Raises:
            NotFound: There is no such user in the organization.
            ValueError: The lifetime is out of range.
        """
        if not 1 <= lifetime <= MAX_BEARER_LIFETIME:
            raise ValueError(f"lifetime must be 1 to {MAX_BEARER_LIFETIME} seconds")
        user = await self._store.user(user_id)
        if user is None or user.organization_id != organization_id or user.deleted_at is not None:
            raise NotFound("There is no such user in that organization.")
        import jwt  # imported late: it loads cryptography, 8 MiB, which a process without access tokens does not need

        now = self._clock.now()
        claims = {
            "iss": "conference",
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + timedelta(seconds=lifetime),
            "jti": uuid4().hex,
            "organization_id": str(organization_id),
            "user_id": str(user_id),
        }
        return jwt.encode(claims, await self.signing_secret(), algorithm=ALGORITHM)

    async def authenticate(self, header: str | None) -> Identity:
        """Return the identity of a client.

        Raises:
            NotAuthenticated: The header is missing or malformed, or the token is not valid.
            Unavailable: The store does not answer.
        """
        scheme, credentials = split_header(header)
        # A digest, so that the cache holds no credentials.
        remembered = token_digest(f"{scheme} {credentials}")
        known = self._cache.get(remembered)
        if known is not None:
            return known[0]
        if scheme == "token":
            identity, lifetime = await self._by_token(credentials), CACHE_SECONDS
        else:
            identity, left = await self._by_bearer(credentials)
            # No longer than the token itself is valid.
            lifetime = min(CACHE_SECONDS, left)
        self._cache[remembered] = (identity, lifetime)
        return identity

    async def _by_token(self, secret: str) -> Identity:
        token = await self._store.token_by_digest(token_digest(secret))
        if token is None or token.revoked_at is not None:
            raise NotAuthenticated("Invalid token.")
        return await self.identify(token.organization_id, token.user_id)

    async def _by_bearer(self, encoded: str) -> tuple[Identity, float]:
        claims = _claims(encoded, await self.signing_secret(), self._clock.now())
        try:
            organization_id, user_id = UUID(claims["organization_id"]), UUID(claims["user_id"])
        except (KeyError, ValueError, TypeError, AttributeError):
            raise NotAuthenticated("Invalid token.") from None
        left = float(claims["exp"]) - self._clock.now().timestamp()
        return await self.identify(organization_id, user_id), left

    async def identify(self, organization_id: UUID, user_id: UUID | None) -> Identity:
        """Return the identity of a user, or of an organization itself.

        Raises:
            NotAuthenticated: The user is deleted, or there is none.
        """
        organization = await self._store.organization(organization_id)
        if organization is None:
            raise NotAuthenticated("Invalid token.")
        if user_id is None:
            return Identity(organization, None)
        user = await self._store.user(user_id)
        if user is None or user.deleted_at is not None or user.organization_id != organization_id:
            raise NotAuthenticated("User inactive or deleted.")
        return Identity(organization, user)

    async def signing_secret(self) -> str:
        """Return the secret that signs access tokens, created if there is none."""
        if self._signing_secret is None:
            self._signing_secret = await self._secrets.secret(SIGNING_SECRET, secrets.token_hex(32))
        return self._signing_secret


def split_header(header: str | None) -> tuple[str, str]:
    """Return the scheme (lower case) and the credentials. Raise NotAuthenticated with the texts of the Pub API."""
    words = (header or "").split()
    if not words or words[0].lower() not in ("token", "bearer"):
        raise NotAuthenticated
    if len(words) == 1:
        raise NotAuthenticated("Invalid token header. No credentials provided.")
    if len(words) > 2:
        raise NotAuthenticated("Invalid token header. Token string should not contain spaces.")
    if len(header or "") > MAX_HEADER:
        raise NotAuthenticated("Invalid token.")
    return words[0].lower(), words[1]


def _claims(encoded: str, secret: str, now: datetime) -> dict[str, Any]:
    """Return the claims of a valid access token. Its expiry is checked against our clock, not PyJWT's."""
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            encoded,
            secret,
            # Never the `alg` of the token's own header, which its sender writes (RFC 8725 §3.1).
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            options={"require": ["exp", "aud"], "verify_exp": False, "verify_iat": False},
        )
        expired = now.timestamp() >= float(claims["exp"])
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
        raise NotAuthenticated("Invalid token.") from None
    if expired:
        raise NotAuthenticated("Token has expired.")
    return claims


def _new_user(user_id: UUID, organization_id: UUID, full_name: str, now: datetime) -> User:
    first_name, _, last_name = full_name.strip().partition(" ")
    return User(
        id=user_id,
        organization_id=organization_id,
        first_name=first_name,
        last_name=last_name.strip(),
        full_name=full_name.strip(),
        created_at=now,
        updated_at=now,
    )
