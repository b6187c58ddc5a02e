"""Playback of broadcasts that other nodes carry: the request is sent on to the owner, once for all who ask the same.

    player ─▶ this node ─▶ owner (CONFERENCE_NODE_URL)
                  └── media never changes: kept in memory, bounded

A request that another node has sent on carries the key of the nodes. It is answered here or not at all: one hop at most.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

import aiohttp
import structlog
from aiohttp import hdrs, web
from cachetools import LRUCache
from yarl import URL

from providers.concurrency import SingleFlight
from providers.cors import MEDIA_CORS
from providers.local.playback.answers import problem
from providers.local.playback.ports import Owners
from providers.negotiation import accepts_gzip

log = structlog.get_logger(__name__)

HOP = "Conference-Node-Key"
"""The header of requests between nodes. Its value is the key that all nodes of a database share."""

REQUEST_HEADERS = (hdrs.RANGE, hdrs.IF_NONE_MATCH)
"""The headers that are passed on as they are. `Accept-Encoding` becomes gzip or nothing: owners know no other coding."""

RESPONSE_HEADERS = (
    hdrs.CONTENT_TYPE,
    hdrs.CONTENT_ENCODING,
    hdrs.CONTENT_RANGE,
    hdrs.ACCEPT_RANGES,
    hdrs.CACHE_CONTROL,
    hdrs.ETAG,
    hdrs.VARY,
    hdrs.RETRY_AFTER,
)
"""The headers of answers that are passed on."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ENTRY = 8_192
"""Bytes that an answer in the cache may take besides its body: the address, the headers and the objects that hold them."""


@dataclass(frozen=True, slots=True)
class ForwardLimits:
    """Counts, sizes in bytes, and times in seconds."""

    connections: int = 256
    """Requests to other nodes at the same time. Further ones wait for `total_timeout` at most."""
    connect_timeout: float = 2.0
    total_timeout: float = 30.0
    """For the whole answer. A blocked playlist request takes up to three target durations."""
    max_body: int = 64 << 20
    cache: int = 64 << 20
    """Of immutable media."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The owner's answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_immutable(self) -> bool:
        return self.status in (200, 206) and "immutable" in self.headers.get(hdrs.CACHE_CONTROL, "")


class Forwarder:
    """Sends playback requests on.

    Args:
        owners: Knows which node carries a broadcast.
        key: The key of the nodes.
        limits: Counts, sizes and times.
    """

    def __init__(self, owners: Owners, key: str, limits: ForwardLimits | None = None) -> None:
        self._owners = owners
        self._key = key
        self._limits = limits = limits or ForwardLimits()
        self._session: aiohttp.ClientSession | None = None
        self._flights = SingleFlight[tuple[str, ...], _Answer]()
        self._kept: LRUCache[tuple[str, ...], _Answer] = LRUCache(
            limits.cache, getsizeof=lambda each: len(each.body) + ENTRY
        )

    def around(self, handler: Handler, parameters: Collection[str] = ()) -> Handler:
        """Return a handler that asks the owner if another node carries what the request names.

        Args:
            handler: Answers what this node carries.
            parameters: Those of the query that the handler reads. Others are not passed on: any text there would be a new request.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            owner = None if self._is_from_node(request) else self._owners.url_of(request.match_info["uid"])
            if owner is None:
                return await handler(request)
            return await self._forward(request, owner, _target(request, parameters))

        return handle

    async def aclose(self) -> None:
        """Close the connections. Safe to call twice."""
        if self._session is not None:
            await self._session.close()

    def _is_from_node(self, request: web.Request) -> bool:
        # Bytes that are not UTF-8 are lone surrogates here, which only "replace" can encode.
        return hmac.compare_digest(request.headers.get(HOP, "").encode(errors="replace"), self._key.encode())

    async def _forward(self, request: web.Request, owner: str, target: str) -> web.StreamResponse:
        headers = {str(name): request.headers[name] for name in REQUEST_HEADERS if name in request.headers}
        if accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
            headers[str(hdrs.ACCEPT_ENCODING)] = "gzip"
        key = (owner, target, *(headers.get(name, "") for name in (*REQUEST_HEADERS, hdrs.ACCEPT_ENCODING)))
        answer = self._kept.get(key)
        if answer is None:
            try:
                answer = await self._flights.run(key, lambda: self._ask(owner + target, headers), share=True)
            except (aiohttp.ClientError, TimeoutError, OSError) as failure:
                log.warning("owner of a broadcast does not answer", owner=owner, problem=type(failure).__name__)
                detail = "The node that carries this broadcast does not answer. Retry in a second."
                return problem(503, detail, {hdrs.RETRY_AFTER: "1"})
            if answer.is_immutable and len(answer.body) + ENTRY <= self._limits.cache:
                self._kept[key] = answer
        return web.Response(status=answer.status, body=answer.body, headers={**MEDIA_CORS, **answer.headers})

    async def _ask(self, url: str, headers: dict[str, str]) -> _Answer:
        if self._session is None:
            self._session = self._open()
        async with self._session.get(
            URL(url, encoded=True), headers={**headers, HOP: self._key}, allow_redirects=False
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > self._limits.max_body:
                    raise aiohttp.ClientPayloadError("too long")
            kept = {str(name): response.headers[name] for name in RESPONSE_HEADERS if name in response.headers}
            return _Answer(response.status, kept, bytes(body))

    def _open(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=self._limits.total_timeout, sock_connect=self._limits.connect_timeout)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limits.connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            auto_decompress=False,
            skip_auto_headers=(hdrs.ACCEPT_ENCODING,),
        )


def _target(request: web.Request, parameters: Collection[str]) -> str:
    """Return the path and the known parameters of a request; never the host of an absolute one (RFC 9112 §3.2.2)."""
    known = {name: request.query[name] for name in parameters if name in request.query}
    return request.rel_url.with_query(known).raw_path_qs
