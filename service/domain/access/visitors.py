"""Identities of an organization's visitors, without an account and without a row in the store.

    secret (50 hex digits, kept by the visitor) ─▶ keyed hash with the organization ─▶ visitor_id (32 hex digits, public)
    visitor_id ─▶ a token signed for half an hour ─▶ verified at every poll, from memory after the first time

Nothing about a visitor is stored. The same secret gives the same id as long as the installation keeps its own secret, which all
processes share through the store. A visitor_id reveals neither the secret nor the visitor's id in another organization.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cachetools import LRUCache

from service.clock import Clock
from service.concurrency.token_bucket import IPV6_SITE, AddressTokenBuckets
from service.domain.access.ports import AccountStore, SecretStore
from service.domain.errors import NotFound, Throttled

SECRET_LENGTH = 50
"""Hex digits of a visitor's secret: 200 random bits."""

ID_BYTES = 16
"""Bytes of a visitor id, written as twice as many hex digits."""

TOKEN_LIFETIME = 1800
"""Seconds a visitor token is valid."""

MAX_TOKEN = 1024
"""The longest visitor token accepted, in characters. Real ones have about 350."""

ID_SECRET = "visitor-id"  # noqa: S105 - the name of a secret, not one
TOKEN_SECRET = "visitor-token-signing"  # noqa: S105 - the name of a secret, not one
AUDIENCE = "conference-visitor"
ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class VisitorIdentity:
    """A visitor's own credentials."""

    organization_id: UUID
    visitor_id: str
    secret: str = field(repr=False)
    access_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class VisitorLimits:
    """Visitors that one address may create: `burst` at once, then `per_second`. The sizes bound the memory."""

    burst: float = 5_000
    per_second: float = 50
    max_addresses: int = 50_000
    max_remembered: int = 50_000
    """Visitor tokens whose visitor is remembered (about 750 bytes each). Over the limit, the oldest is dropped and verified
    again."""
    max_organizations: int = 10_000
    """Organizations known to exist."""


class Visitors:
    """Issues and verifies visitor identities. Call `open` before use."""

    def __init__(
        self,
        accounts: AccountStore,
        secret_store: SecretStore,
        clock: Clock,
        limits: VisitorLimits | None = None,
    ) -> None:
        self._limits = limits = limits or VisitorLimits()
        self._accounts = accounts
        self._secrets = secret_store
        self._clock = clock
        self._buckets = AddressTokenBuckets(
            limits.burst, limits.per_second, limits.max_addresses, ipv6_prefix=IPV6_SITE
        )
        self._organizations: LRUCache[UUID, None] = LRUCache(limits.max_organizations)
        self._id_key = b""
        self._signing_secret = ""
        # A plain dict, first in, first out: a look-up in a cache of cachetools takes four times as long, at every poll.
        self._remembered: dict[str, tuple[str, str, float]] = {}

    @property
    def remembered(self) -> int:
        """The number of visitor tokens that need no verification."""
        return len(self._remembered)

    async def open(self) -> Visitors:
        """Read the installation's secrets, created if there are none.

        Raises:
            Unavailable: The store does not answer.
        """
        self._id_key = bytes.fromhex(await self._secrets.secret(ID_SECRET, secrets.token_hex(32)))
        self._signing_secret = await self._secrets.secret(TOKEN_SECRET, secrets.token_hex(32))
        return self

    async def identify(self, organization_id: UUID, secret: str | None, address: str) -> VisitorIdentity:
        """Return the identity of a visitor.

        Args:
            organization_id: The organization whose page is visited.
            secret: The visitor's secret, SECRET_LENGTH hex digits; None creates a visitor.
            address: The network address of the client, for the rate limit.

        Raises:
            Throttled: Too many visitors from this address.
            NotFound: There is no such organization.
            Unavailable: The store does not answer.
        """
        now = self._clock.now()
        wait = self._buckets.acquire(address, int(now.timestamp() * 1000))
        if wait > 0:
            raise Throttled(math.ceil(wait))
        await self._require(organization_id)
        secret = secrets.token_hex(SECRET_LENGTH // 2) if secret is None else secret.lower()
        visitor_id = self._id_of(organization_id, secret)
        expires_at = now + timedelta(seconds=TOKEN_LIFETIME)
        token = self._issue(organization_id, visitor_id, now, expires_at)
        return VisitorIdentity(organization_id, visitor_id, secret, token, expires_at)

    def visitor_of(self, organization_id: str, token: str) -> str | None:
        """Return the visitor id of a valid visitor token of that organization (a canonical UUID), else None. Never waits."""
        known = self._remembered.get(token)
        if known is None:
            known = self._read(token)
            if known is None:
                return None
            while len(self._remembered) >= self._limits.max_remembered:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[token] = known
        home, visitor_id, expires = known
        if self._clock.now().timestamp() >= expires:
            self._remembered.pop(token, None)
            return None
        return visitor_id if home == organization_id else None

    async def _require(self, organization_id: UUID) -> None:
        """Check that the organization exists. It is remembered, because organizations are never deleted."""
        if organization_id in self._organizations:
            return
        if await self._accounts.organization(organization_id) is None:
            raise NotFound
        self._organizations[organization_id] = None

    def _id_of(self, organization_id: UUID, secret: str) -> str:
        text = organization_id.bytes + secret.encode()
        return hashlib.blake2b(text, digest_size=ID_BYTES, key=self._id_key).hexdigest()

    def _issue(self, organization_id: UUID, visitor_id: str, now: datetime, expires_at: datetime) -> str:
        import jwt  # imported late: it loads cryptography, 8 MiB, which a process without visitor tokens does not need

        claims = {
            "iss": "conference",
            "aud": AUDIENCE,
            "iat": now,
            "exp": expires_at,
            "organization_id": str(organization_id),
            "visitor_id": visitor_id,
        }
        return jwt.encode(claims, self._signing_secret, algorithm=ALGORITHM)

    def _read(self, token: str) -> tuple[str, str, float] | None:
        """Return organization, visitor id and expiry (Unix seconds) of a token with a valid signature, whether expired or not."""
        if len(token) > MAX_TOKEN:
            return None
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._signing_secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["exp", "aud"], "verify_exp": False, "verify_iat": False},
            )
            return str(claims["organization_id"]), str(claims["visitor_id"]), float(claims["exp"])
        except (jwt.PyJWTError, KeyError, ValueError, TypeError):
            return None


def show_expiry(at: datetime) -> str:
    """Format as ISO 8601 with milliseconds, as the Pub API documents it: 2015-08-31T16:32:17.879Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
