"""All open sockets: who may open one, what is checked at intervals, and how they are closed."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

import structlog
from aiohttp import web

from providers.base import Spawn
from service.api.realtime import wire
from service.api.realtime.limits import SocketLimits
from service.api.realtime.metrics import RealtimeMetrics
from service.api.realtime.paths import Path, Permissions
from service.api.realtime.room import Room
from service.api.realtime.socket import Socket
from service.clock import Clock
from service.concurrency.token_bucket import AddressTokenBuckets, site
from service.domain.access.connection_access import ConnectionAccess, Grant
from service.domain.access.guess_limits import Guesses
from service.domain.conversation.ports import ReaderStore
from service.domain.errors import Throttled, Unavailable
from service.domain.events.ports import EventFeed, EventLog
from service.http.client_address import Networks, client_address
from service.http.middleware import EVERYWHERE

log = structlog.get_logger(__name__)

SOCKET = "/api/v5/messagerouter/socket"
"""The path of the WebSocket."""

UPGRADE = "This is a WebSocket (RFC 6455). Connect to it with the ws or wss scheme."


@dataclass(frozen=True, slots=True)
class RealtimePorts:
    """What the real-time API stands on."""

    feed: EventFeed
    log: EventLog
    readers: ReaderStore
    access: ConnectionAccess
    permissions: Permissions
    guesses: Guesses
    spawn: Spawn
    clock: Clock
    trusted_proxies: Networks = ()


class Realtime:
    """Implements `socket.SocketOwner`."""

    def __init__(self, ports: RealtimePorts, limits: SocketLimits | None = None) -> None:
        self.limits = limits = limits or SocketLimits()
        self.log = ports.log
        self.metrics = RealtimeMetrics(ports.clock)
        self.metrics.open = lambda: (self.connections, self.subscriptions)
        self._ports = ports
        self._rooms: dict[UUID, Room] = {}
        self._opening = asyncio.Lock()
        self._sockets: dict[Socket, None] = {}
        self._by_address: Counter[str] = Counter()
        self._buckets = AddressTokenBuckets(limits.request_burst, limits.requests_per_second, limits.max_addresses)
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False
        self._empty = asyncio.Event()

    @property
    def connections(self) -> int:
        """The number of open sockets."""
        return len(self._sockets)

    @property
    def subscriptions(self) -> int:
        return sum(len(socket.subscriptions) for socket in self._sockets)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, with and without a trailing slash."""
        return [web.get(SOCKET + slash, self._serve, allow_head=False) for slash in ("", "/")]

    async def aclose(self) -> None:
        """Close every socket in order (1001). Clients connect again and resume. Safe to call twice."""
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        try:
            async with asyncio.timeout(self.limits.close_timeout):
                closing = [socket.close(1001, b"The service is stopping.") for socket in self._sockets]
                await asyncio.gather(*closing, return_exceptions=True)
                # A socket is removed by its handler, after the client has answered the close frame.
                while self._sockets:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            log.warning("sockets did not close in time", left=len(self._sockets))
            self.disconnect_all()

    def disconnect_all(self) -> None:
        """Disconnect every client at once, as a failure of the network does. They connect again and resume."""
        for socket in list(self._sockets):
            socket.abort()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse(
            heartbeat=self.limits.ping_every,
            max_msg_size=self.limits.max_message,
            timeout=self.limits.close_timeout,
            compress=False,  # a compressor takes many times the memory of a socket
        )
        # Not by the middleware: preparing a socket sends the headers.
        websocket.headers.update(EVERYWHERE)
        if not websocket.can_prepare(request).ok:
            # A 426 has to name the protocol (RFC 9110 §15.5.22).
            needs = {"Upgrade": "websocket", "Connection": "Upgrade"}
            return web.json_response({"detail": UPGRADE}, status=426, headers=needs)
        forwarded = ", ".join(request.headers.getall("X-Forwarded-For", []))
        address = site(client_address(request.remote or "", forwarded, self._ports.trusted_proxies))
        self._check_room(address)
        self._by_address[address] += 1
        socket = None
        try:
            await websocket.prepare(request)
            transport = request.transport
            if transport is not None and not self._closing:
                socket = Socket(self, websocket, transport, address)
                self._sockets[socket] = None
                if self._keeper is None:
                    self._keeper = self._ports.spawn(self._keep(), name="real-time sockets")
                await socket.run()
        finally:
            self._by_address[address] -= 1
            self._by_address += Counter()  # forgets the addresses without connections
            if socket is not None:
                del self._sockets[socket]
            if not self._sockets:
                self._empty.set()
        return websocket

    def _check_room(self, address: str) -> None:
        """Raise Throttled or Unavailable when there is no room."""
        if self._closing or len(self._sockets) >= self.limits.max_sockets:
            raise Unavailable("Too many sockets are open. Try again later.", self.limits.retry_after)
        if self._by_address[address] >= self.limits.max_per_address:
            raise Throttled(self.limits.retry_after)

    # Implements SocketOwner.

    async def delay(self, address: str) -> None:
        wait = self._buckets.acquire(address, self._ports.clock.unix_ms())
        if wait > 0:
            await asyncio.sleep(wait)

    def wrong_guess(self, address: str) -> None:
        self._ports.guesses.wrong(address)

    async def admit(self, token: str) -> Grant:
        return await self._ports.access.admit(authorization(token))

    async def permit(self, path: Path, grant: Grant | None) -> None:
        await path.permit(self._ports.permissions, None if grant is None else grant.identity)

    async def enter(self, path: Path) -> Room:
        # One at a time: two rooms of an organization would each hold part of its subscriptions.
        async with self._opening:
            room = self._rooms.get(path.organization_id)
            if room is None:
                room = Room(path.organization_id, self._ports.readers, self.metrics, self.limits.max_audiences)
                room.position = await self._ports.feed.follow(path.organization_id, room)
                self._rooms[path.organization_id] = room
        room.uses += 1
        return room

    def leave(self, room: Room) -> None:
        room.uses -= 1
        if not room.uses and self._rooms.get(room.organization_id) is room:
            del self._rooms[room.organization_id]
            self._ports.feed.leave(room.organization_id, room)

    # At intervals.

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self.limits.position_every
        while True:
            await asyncio.sleep(self.limits.recheck_every)
            await self._check_grants()
            if loop.time() >= due:
                due = loop.time() + self.limits.position_every
                self._send_positions()

    async def _check_grants(self) -> None:
        """End the subscriptions whose credentials are no longer valid."""
        held = [(socket, each) for socket in self._sockets for _, each in socket.subscriptions.values()]
        grants = {each.grant for _, each in held if each.grant is not None}
        if not grants:
            return
        try:
            ended = await self._ports.access.ended(grants)
        except Unavailable:
            return  # checked again soon; what happens meanwhile cannot be read either
        for socket, subscription in held if ended else ():
            reason = None if subscription.grant is None else ended.get(subscription.grant)
            if reason is not None and socket.holds(subscription):
                socket.end(subscription, reason)

    def _send_positions(self) -> None:
        """Report how far each organization's changes have been sent, so that a client of quiet channels can resume from there."""
        for room in self._rooms.values():
            frame = wire.frame(wire.position(room.organization_id, room.position))
            for socket in list(room.sockets):
                if isinstance(socket, Socket) and not socket.replaying and socket.reads_objects:
                    socket.send(frame)


def authorization(token: str) -> str:
    """Return the Authorization header for a token: as it is with its scheme, else a JWT as Bearer and any other as Token."""
    if " " in token.strip():
        return token
    return f"Bearer {token}" if token.count(".") == 2 else f"Token {token}"
