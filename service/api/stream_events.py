"""stream_events: what stream_status answers, pushed as Server-Sent Events when it changes (WHATWG HTML §9.2).

    status board ─▶ the channel's News ─▶ every connection wakes, reads the snapshot, writes the same bytes

No connection polls anything. Whoever connects, or comes back, hears at once how it stands now, from whichever process and after
whichever restart: a status replaces the one before, so nothing was missed. `Last-Event-ID` changes nothing in that: a client that
polled while it was away knows something newer than the last event it heard, and silence would leave it there. An event's id is a
digest of what it says, for clients that want to know it again.

While it is connected a visitor counts as a viewer, as with polls: no timer of the client is needed, so background tabs count. Every
event says whether the visitor counts. A token is checked when the stream is opened.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from dataclasses import dataclass

import structlog
from aiohttp import web

from service.api.public_schemas import EVENTS, PATH
from service.api.public_stream import PublicStream, headers_of, status_event
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
    """In all; beyond, visitors are told to poll (503)."""
    max_per_address: int = 400
    """From one address (of IPv6, one /64), which may be a school; beyond, visitors are told to poll (429)."""
    heartbeat: float = 15.0
    """Between two signs of life: a comment to the client, a heartbeat of the visitor. Far below the viewer window and the
    board's patience, and below the idle time-outs of proxies."""
    write_timeout: float = 10.0
    """For a client to take what it was sent, before it is cut off."""
    retry: float = 2.0
    """When a client that lost us comes back, at the soonest; at the latest after twice that."""
    poll_instead: float = 30.0
    """When a client for whom there was no room may try again."""
    close_timeout: float = 2.0
    """For connections to end when the service stops."""


class StreamEvents:
    """The open event streams."""

    def __init__(self, board: StatusBoard, public: PublicStream, limits: EventLimits | None = None) -> None:
        self._board = board
        self._public = public
        self._limits = limits or EventLimits()
        self._wakes: set[asyncio.Event] = set()
        self._by_address: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._closing = False

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._wakes)

    def routes(self) -> list[web.RouteDef]:
        """GET, with and without a trailing slash."""
        return [web.get(PATH + EVENTS + slash, self._serve, allow_head=False) for slash in ("", "/")]

    async def aclose(self) -> None:
        """End every stream in order: clients come back by themselves, when `retry` has passed. Safe to call twice."""
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
        """Errors: Throttled, Unavailable."""
        if self._closing or len(self._wakes) >= self._limits.max_connections:
            raise Unavailable("No room for another event stream: poll stream_status.", self._limits.poll_instead)
        if self._by_address[address] >= self._limits.max_per_address:
            raise Throttled(self._limits.poll_instead)

    async def _stream(self, request: web.Request, headers: dict[str, str], wake: asyncio.Event) -> web.StreamResponse:
        """Errors, all before the first byte: NotFound, Unavailable, Throttled, Invalid."""
        watched = await self._board.watch(request.match_info["organization_id"], request.match_info["channel_id"])
        named = self._public.visitor(watched.key[0], request.rel_url.raw_query_string, headers)
        watcher = _Watcher(self._public, watched, named, headers, request.remote or "", self._limits.heartbeat)
        watcher.count()
        response = web.StreamResponse(headers={**EVERYWHERE, **HEADERS})
        response.content_type, response.charset = "text/event-stream", "utf-8"
        await response.prepare(request)
        watched.notifier.listen(wake.set)
        try:
            await self._write(response, _opening(self._limits.retry))
            await self._follow(response, watcher, wake)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()  # the client is gone, or does not read
        except DomainError:
            pass  # it cannot be counted any more: it comes back, and is told why
        finally:
            watched.notifier.leave(wake.set)
        return response

    async def _follow(self, response: web.StreamResponse, watcher: _Watcher, wake: asyncio.Event) -> None:
        """Tell how it stands, and what is new, until the client goes, the channel goes, or we stop."""
        watched = watcher.watched
        told = ""
        while not (self._closing or watched.notifier.closed):
            wake.clear()
            watched.asked = True
            identity, event = status_event(watched.snapshot, watcher.count())
            if identity != told:
                await self._write(response, event)
                told = identity
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
"""The second is nginx's: pass on what comes, as it comes."""


class _Watcher:
    """A connected client. The visitor it names counts while there is something to watch."""

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
        """Count the visitor once in a heartbeat's time; how it stands with counting now. Errors: Throttled."""
        if self._visitor is None:
            return self._counting
        due = self._now() - self._counted >= self._every
        counting = self._public.heartbeat(self.watched, self._visitor, self._headers, self._peer, takes=due)
        if due and counting is Counting.COUNTED:
            self._counted = self._now()
        return counting

    def due_in(self) -> float:
        """Seconds to the next sign of life."""
        return max(0.0, self._beaten + self._every - self._now())

    def beat(self) -> None:
        """There was one."""
        self._beaten = self._now()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _opening(retry: float) -> bytes:
    """When to come back, spread so that a restart is not followed by everybody at once."""
    milliseconds = int(1000 * retry * random.uniform(1.0, 2.0))  # noqa: S311 (spreads load, keeps no secret)
    return f"retry: {milliseconds}\n\n".encode()
