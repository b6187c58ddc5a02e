"""stream_events: what stream_status answers, pushed as Server-Sent Events when it changes (WHATWG HTML §9.2).

    provider, event log ─▶ status board ─▶ the channel's change notifier ─▶ every connection wakes and writes the same bytes

No connection polls. A client that connects or reconnects receives the current status at once, from any process and after any
restart. A status replaces the one before, so nothing is missed. `Last-Event-ID` is ignored: a client that polled while it was
disconnected may know a newer status than its last event. An event's id is a digest of its data.

While connected, a visitor counts as a viewer, as with polls: no timer of the client is needed, so background tabs count. Every
event says whether the visitor counts. A token is validated when the stream is opened.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

import structlog
from aiohttp import web

from service.api.public_schemas import EVENTS, PATH
from service.api.public_stream import PublicStream, headers_of, status_event
from service.api.status_flips import StatusFlips
from service.api.visitor_identity import Counting
from service.concurrency.token_bucket import site
from service.domain.errors import DomainError, Throttled, Unavailable
from service.domain.status.board import StatusBoard
from service.domain.status.watched import Watched
from service.http.client_address import client_address
from service.http.middleware import EVERYWHERE

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EventLimits:
    """Counts, and times in seconds."""

    max_connections: int = 4_000
    """Maximum number of connections. Over the limit, clients get 503 and poll."""
    max_per_address: int = 400
    """Maximum number per address (IPv6: per /64), enough for a school. Over the limit, clients get 429 and poll."""
    heartbeat: float = 15.0
    """Interval of keep-alive comments to the client and of the visitor's heartbeats. Far below the viewer window and the
    board's idle timeout, and below the idle timeouts of proxies."""
    write_timeout: float = 10.0
    """Timeout of a write to the client, after which it is disconnected."""
    retry: float = 2.0
    """Shortest delay before a client reconnects; the longest is twice that."""
    poll_instead: float = 30.0
    """Delay before a refused client may retry."""
    close_timeout: float = 2.0
    """Time for connections to close when the service stops."""


class StreamEvents:
    """The open event streams."""

    def __init__(
        self, board: StatusBoard, public: PublicStream, flips: StatusFlips, limits: EventLimits | None = None
    ) -> None:
        self._board = board
        self._flips = flips
        self._public = public
        self._limits = limits or EventLimits()
        self._wakes: set[asyncio.Event] = set()
        self._by_address: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._closing = False

    @property
    def connections(self) -> int:
        """The number of open event streams."""
        return len(self._wakes)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, with and without a trailing slash."""
        return [web.get(PATH + EVENTS + slash, self._serve, allow_head=False) for slash in ("", "/")]

    async def aclose(self) -> None:
        """End every stream in order. Clients reconnect after `retry`. Safe to call twice."""
        self._closing = True
        try:
            async with asyncio.timeout(self._limits.close_timeout):
                while self._wakes:
                    self._empty.clear()
                    for wake in self._wakes:
                        wake.set()
                    await self._empty.wait()
        except TimeoutError:
            log.warning("event streams did not end in time", left=len(self._wakes))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        headers = headers_of(request)
        forwarded = headers.get("x-forwarded-for", "")
        address = site(client_address(request.remote or "", forwarded, self._public.trusted_proxies))
        self._check_room(address)
        wake = asyncio.Event()
        self._wakes.add(wake)
        self._by_address[address] += 1
        try:
            return await self._stream(request, headers, wake)
        finally:
            self._wakes.discard(wake)
            self._by_address[address] -= 1
            self._by_address += Counter()  # forgets the addresses without connections
            if not self._wakes:
                self._empty.set()

    def _check_room(self, address: str) -> None:
        """Raise Throttled or Unavailable when there is no room."""
        if self._closing or len(self._wakes) >= self._limits.max_connections:
            raise Unavailable("Too many event streams are open. Poll stream_status instead.", self._limits.poll_instead)
        if self._by_address[address] >= self._limits.max_per_address:
            raise Throttled(self._limits.poll_instead)

    async def _stream(self, request: web.Request, headers: dict[str, str], wake: asyncio.Event) -> web.StreamResponse:
        """Serve one event stream. Errors, all before the first byte: NotFound, Unavailable, Throttled, Invalid."""
        watched = await self._board.watch(request.match_info["organization_id"], request.match_info["channel_id"])
        named = self._public.visitor(watched.key[0], request.rel_url.raw_query_string, headers)
        watcher = _Watcher(self._public, watched, named, headers, request.remote or "", self._limits.heartbeat)
        watcher.count()
        response = web.StreamResponse(headers={**EVERYWHERE, **HEADERS})
        response.content_type, response.charset = "text/event-stream", "utf-8"
        await response.prepare(request)
        watched.notifier.listen(wake.set)
        organization_id = UUID(watched.key[0])
        self._flips.enter(organization_id)
        try:
            await self._write(response, _opening(self._limits.retry))
            await self._follow(response, watcher, wake)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()  # the client is gone, or does not read
        except DomainError:
            pass  # the visitor can no longer be counted: the client reconnects and gets the reason
        finally:
            watched.notifier.leave(wake.set)
            self._flips.leave(organization_id)
        return response

    async def _follow(self, response: web.StreamResponse, watcher: _Watcher, wake: asyncio.Event) -> None:
        """Send the current status and every change until the client disconnects, the channel is removed or the service stops."""
        watched = watcher.watched
        sent = ""
        while not (self._closing or watched.notifier.closed):
            wake.clear()
            watched.asked = True
            identity, event = status_event(watched.snapshot, watcher.count())
            if identity != sent:
                await self._write(response, event)
                sent = identity
            try:
                async with asyncio.timeout(watcher.due_in()):
                    await wake.wait()
            except TimeoutError:
                await self._write(response, b":\n\n")
                watcher.beat()
        await self._write(response, b": until soon\n\n")

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(self._limits.write_timeout):
            await response.write(data)


HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""X-Accel-Buffering is nginx's: do not buffer the response."""


class _Watcher:
    """A connected client. The visitor that it names counts while the stream is watchable."""

    def __init__(
        self,
        public: PublicStream,
        watched: Watched,
        named: tuple[str | None, Counting | None],
        headers: dict[str, str],
        peer: str,
        every: float,
    ) -> None:
        self.watched = watched
        self._public = public
        self._visitor, self._counting = named
        self._headers = headers
        self._peer = peer
        self._every = every
        self._counted = -math.inf
        self._beaten = self._now()

    def count(self) -> Counting | None:
        """Count the visitor once per heartbeat interval and broadcast; return the counting state. Errors: Throttled."""
        if self._visitor is None:
            return self._counting
        due = self._now() - self._counted >= self._every
        counting = self._public.heartbeat(self.watched, self._visitor, self._headers, self._peer, count=due)
        if counting is not Counting.COUNTED:
            self._counted = -math.inf  # the next broadcast counts from its own begin
        elif due:
            self._counted = self._now()
        return counting

    def due_in(self) -> float:
        """Return the seconds until the next keep-alive."""
        return max(0.0, self._beaten + self._every - self._now())

    def beat(self) -> None:
        """Note that a keep-alive was sent."""
        self._beaten = self._now()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _opening(retry: float) -> bytes:
    """Return the `retry` field, randomized so that clients do not all reconnect at once after a restart."""
    milliseconds = int(1000 * retry * random.uniform(1.0, 2.0))  # noqa: S311 (spreads load, keeps no secret)
    return f"retry: {milliseconds}\n\n".encode()
