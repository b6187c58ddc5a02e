"""The HTTP client for addresses that clients give. Implements `domain.outgoing.Outgoing`.

The address is checked where the socket of the connection is created, after the lookup: what is checked is what is connected to.
There is no second lookup, whose answer could differ (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Self

import aiohttp
from yarl import URL

from service import VERSION
from service.domain.outgoing import MAX_ANSWER, Answer, CallFailed
from service.outgoing.addresses import Networks, is_allowed, literal
from service.outgoing.resolver import ThreadResolver

MAX_CALLS = 256
"""Calls at the same time. Others wait for their turn."""

KEEP_ALIVE = 2.0
"""Seconds an idle connection is kept. Shorter than servers keep theirs, so that none is used while its server closes it."""

USER_AGENT = f"Live-Stream-Conference/{VERSION}"

NOT_PUBLIC = "The host has no public address."
NOT_HTTPS = "The URL must begin with https://."
NOT_A_URL = "The URL is not valid."
NO_CREDENTIALS = "The URL must not contain a user name or a password."


@dataclass(frozen=True, slots=True)
class OutgoingPolicy:
    """What calls may reach. `allowed` networks are reachable besides public addresses. `http` allows URLs without TLS."""

    allowed: Networks = ()
    http: bool = False


class AddressRefused(OSError):
    """The address is not public, and not allowed. An OSError, so that the connector tries the host's other addresses."""


class OutgoingClient:
    """Open it with `async with`, or call `aclose` at the end."""

    def __init__(self, policy: OutgoingPolicy, tls: ssl.SSLContext | None = None) -> None:
        """Open nothing yet. `tls` replaces the system's certificate authorities."""
        self._policy = policy
        self._tls = tls
        self._turns = asyncio.Semaphore(MAX_CALLS)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections. Safe to call twice."""
        if self._session is not None:
            await self._session.close()

    def refusal(self, url: str) -> str | None:
        try:
            parsed = URL(url)
            host = parsed.host
        except ValueError:
            return NOT_A_URL
        if host is None or parsed.scheme not in ("https", "http"):
            return NOT_A_URL
        if parsed.scheme == "http" and not self._policy.http:
            return NOT_HTTPS
        if parsed.user is not None or parsed.password is not None:
            return NO_CREDENTIALS
        address = literal(host)
        if address is not None and not is_allowed(address, self._policy.allowed):
            return NOT_PUBLIC
        return None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        if (reason := self.refusal(url)) is not None:
            raise CallFailed(reason)
        async with self._turns:
            try:
                async with asyncio.timeout(timeout):
                    return await self._post(url, body, headers)
            except TimeoutError:
                raise CallFailed(f"There was no complete answer within {timeout:g} seconds.") from None
            except (aiohttp.ClientError, OSError, ValueError) as failed:
                raise CallFailed(_reason(failed)) from failed

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self._session is None:
            self._session = self._open()
        sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
        async with self._session.post(url, data=body, headers=sent, allow_redirects=False) as answer:
            read = bytearray()
            # Once MAX_ANSWER bytes are here the status is what counts. The rest is not read: the connection is closed.
            async for chunk in answer.content.iter_any():
                read += chunk
                if len(read) >= MAX_ANSWER:
                    answer.close()
                    break
            return Answer(answer.status, bytes(read[:MAX_ANSWER]))

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0,  # MAX_CALLS limits them, outside of the timeout
            keepalive_timeout=KEEP_ALIVE,
            resolver=ThreadResolver(),
            socket_factory=self._socket,
            ssl=True if self._tls is None else self._tls,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,  # the limit of an answer is one of bytes in memory
            trust_env=False,  # a proxy of the environment would resolve names itself
        )

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Return a socket for an address that is about to be connected to. Raise AddressRefused if that is not allowed."""
        family, kind, proto, _, where = info
        address = ip_address(str(where[0]).partition("%")[0])
        if not is_allowed(address, self._policy.allowed):
            raise AddressRefused(NOT_PUBLIC)
        return socket.socket(family=family, type=kind, proto=proto)


def _reason(failed: Exception) -> str:
    """Return a sentence about a failed call. It never repeats the URL or an address."""
    match failed:
        case aiohttp.ClientConnectorDNSError():
            return "The host name could not be resolved."
        case aiohttp.ClientConnectorCertificateError():
            return "The certificate of the host is not valid."
        case aiohttp.ClientSSLError():
            return "The TLS handshake failed."
        case aiohttp.ClientConnectorError(os_error=AddressRefused()):
            return NOT_PUBLIC
        case aiohttp.ClientConnectorError():
            return "The connection could not be opened."
        case aiohttp.InvalidURL() | ValueError():
            return NOT_A_URL
        case aiohttp.ClientResponseError():
            return "The answer is not valid HTTP."
        case _:
            return "The connection was closed before the answer was complete."
