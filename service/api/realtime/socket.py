"""One WebSocket: handles the client's messages and holds its subscriptions."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol

import structlog
from aiohttp import WSMessage, WSMsgType, web

from service.api.public_schemas import PREFIX
from service.api.realtime import wire
from service.api.realtime.limits import SocketLimits
from service.api.realtime.metrics import RealtimeMetrics
from service.api.realtime.paths import Path, read_path
from service.api.realtime.room import Room, Subscription, is_refusal
from service.domain.access.connection_access import Grant
from service.domain.errors import Conflict, DomainError, NotAuthenticated, NotFound, Throttled
from service.domain.events.ports import EventLog
from service.http.errors import BadBody, error_response

log = structlog.get_logger(__name__)

TOO_MANY = "This connection has {} subscriptions. Unsubscribe, or open another connection."


class SocketOwner(Protocol):
    """What a socket uses of the real-time API."""

    limits: SocketLimits
    log: EventLog
    metrics: RealtimeMetrics

    async def delay(self, address: str) -> None:
        """Wait if the address sends too many requests."""

    def wrong_guess(self, address: str) -> None:
        """Count a wrong token or channel id. Errors: Throttled."""

    async def admit(self, token: str) -> Grant:
        """Return the grant of a token. Errors: NotAuthenticated, Throttled, Unavailable."""

    async def permit(self, path: Path, grant: Grant | None) -> None:
        """Return if the client could GET the path. Errors: as `Path.permit`."""

    async def enter(self, path: Path) -> Room:
        """Return the room of the path's organization, kept until it is left. Errors: Unavailable."""

    def leave(self, room: Room) -> None:
        """Close the room if it was the last use."""


class Socket:
    """Implements `room.Receiver`."""

    def __init__(
        self, owner: SocketOwner, websocket: web.WebSocketResponse, transport: asyncio.Transport, address: str
    ) -> None:
        self._owner = owner
        self._websocket = websocket
        self._transport = transport
        self.address = address
        self.subscriptions: dict[str, tuple[Room, Subscription]] = {}
        self.replaying = 0
        self._faults = 0

    # Implements Receiver. The bytes of a frame are the same for all clients, so they are written directly: aiohttp would encode
    # them for each client, and wait for the slow ones.

    def send(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() + len(data) > self._owner.limits.max_unsent:
            self._owner.metrics.cut_off()
            self._transport.abort()
            return
        self._transport.write(data)

    def end(self, subscription: Subscription, reason: DomainError) -> None:
        self._remove(subscription.path.text)
        status, problem = problem_of(reason)
        self.send(wire.frame(wire.ended(subscription.path.text, status, problem, subscription.form)))

    async def permit(self, path: Path, grant: Grant | None) -> None:
        await self._owner.permit(path, grant)

    # Called by the real-time API.

    def holds(self, subscription: Subscription) -> bool:
        """Return whether it is one of the current subscriptions."""
        found = self.subscriptions.get(subscription.path.text)
        return found is not None and found[1] is subscription

    @property
    def reads_objects(self) -> bool:
        """Whether the client uses today's form of messages."""
        return any(subscription.form is wire.Form.OBJECT for _, subscription in self.subscriptions.values())

    async def run(self) -> None:
        """Handle messages until the connection is closed."""
        try:
            async with asyncio.timeout(self._owner.limits.first_subscription) as until:
                async for message in self._websocket:
                    await self._owner.delay(self.address)
                    await self._handle(message)
                    if self.subscriptions:
                        until.reschedule(None)
        except TimeoutError:
            await self.close(1008, b"No subscription was made in time.")
        except ConnectionError:
            pass  # the client is gone
        except Exception:
            log.exception("socket failed")
            await self.close(1011, b"Internal server error.")
        finally:
            for text in list(self.subscriptions):
                self._remove(text)

    async def close(self, code: int, reason: bytes) -> None:
        """Send a close frame (RFC 6455 §7.4) and wait for the client's. Errors: ConnectionError."""
        await self._websocket.close(code=code, message=reason, drain=False)

    def abort(self) -> None:
        self._transport.abort()

    # One message.

    async def _handle(self, message: WSMessage) -> None:
        if message.type is not WSMsgType.TEXT:
            await self._fault(BadBody("Messages are text: JSON."))
            return
        try:
            request = wire.parse(message.data)
        except DomainError as error:
            await self._fault(error)
            return
        try:
            answer = await self._answer(request)
        except DomainError as error:
            status, problem = problem_of(self._counted(request, error))
            self._owner.metrics.refused(status)
            answer = wire.refused(request, status, problem)
        if answer is not None:
            await self._websocket.send_str(answer)

    async def _fault(self, error: DomainError) -> None:
        self._faults += 1
        await self._websocket.send_str(wire.malformed(*problem_of(error)))
        if self._faults >= self._owner.limits.max_faults:
            await self.close(1008, b"Too many messages are not understood.")

    async def _answer(self, request: wire.Request) -> str | None:
        path = read_path(request.channel)
        if request.action is wire.Action.UNSUBSCRIBE:
            if path.text not in self.subscriptions:
                raise Conflict("There is no such subscription.")
            self._remove(path.text)
            return wire.unsubscribed(request, path.text)
        if path.text not in self.subscriptions and len(self.subscriptions) >= self._owner.limits.max_subscriptions:
            raise Conflict(TOO_MANY.format(self._owner.limits.max_subscriptions))
        grant = None if request.token is None or path.is_public else await self._owner.admit(request.token)
        room = await self._owner.enter(path)
        try:
            return await self._subscribe(request, path, grant, room)
        finally:
            self._owner.leave(room)

    async def _subscribe(self, request: wire.Request, path: Path, grant: Grant | None, room: Room) -> str | None:
        """Subscribe, and return the answer if it was not sent before the replay.

        Permission is checked in the state that the room has reached: a change of rights that the room has handled earlier does not
        concern the new subscription any more.
        """
        subscription = Subscription(self, path, request.form, grant)
        state = await self._permitted(room, subscription, state=None)
        if request.since is None:
            # A client that subscribes again, with another token, misses nothing: it has received everything up to here.
            subscription.after = room.position
            self._add(room, subscription)
            return wire.subscribed(request, path.text, room.position)
        return await self._resume(request, room, subscription, state)

    async def _permitted(self, room: Room, subscription: Subscription, state: int | None) -> int:
        """Check the permission unless it was checked in this state of the room. Return the state. Errors: as `permit`."""
        while state != room.rights_changes:
            state = room.rights_changes
            await self._owner.permit(subscription.path, subscription.grant)
        return state

    async def _resume(self, request: wire.Request, room: Room, subscription: Subscription, state: int) -> str | None:
        """Send the changes after `since`, then subscribe. The log holds them, wherever and whenever they were made."""
        assert request.since is not None  # noqa: S101 (checked by `_subscribe`)
        path, after = subscription.path, request.since
        self._remove(path.text)
        head = await self._head(room, after)
        if head is not None:
            return wire.gone(request, path.text, head)
        await self._websocket.send_str(wire.subscribed(request, path.text, after))
        self.replaying += 1
        try:
            # While a page is read, the room may have sent more events, or a permission may have ended.
            while after < room.position or state != room.rights_changes:
                state = await self._permitted(room, subscription, state)
                reached = await self._replay_page(room, subscription, after)
                if reached is None:
                    await self._websocket.send_str(wire.gone(request, path.text, room.position))
                    return None
                after = reached
            subscription.after = after  # no await since the comparison with the room's position
            self._add(room, subscription)
        except DomainError as refusal:
            if not is_refusal(refusal):
                raise
            status, problem = problem_of(refusal)
            await self._websocket.send_str(wire.ended(path.text, status, problem, request.form))
        finally:
            self.replaying -= 1
        return None

    async def _head(self, room: Room, since: int) -> int | None:
        """Return None if the log can be replayed from `since`, else the id of its last event."""
        if since == room.position:
            return None
        head = (await self._owner.log.heads([room.organization_id]))[room.organization_id]
        return None if head.first_id - 1 <= since <= head.last_id else head.last_id

    async def _replay_page(self, room: Room, subscription: Subscription, after: int) -> int | None:
        """Send some of the changes after this id. Return the id up to which all are sent, or None if they are gone."""
        log, size, organization = self._owner.log, self._owner.limits.replay_page, room.organization_id
        committed = room.position
        page = await log.events(organization, after, size, subscription.path.channels)
        if (await log.heads([organization]))[organization].first_id - 1 > after:
            return None
        for event in page:
            text = await room.change_for(subscription, event)
            if text is not None:
                await self._websocket.send_str(text)
                self._owner.metrics.replayed()
        if len(page) == size:
            return page[-1].id
        # `committed` was read before the page: events after it may be missing from the page.
        return max(committed, page[-1].id if page else 0)

    def _counted(self, request: wire.Request, error: DomainError) -> DomainError:
        """Count wrong guesses. Return the error, or the one that replaces it."""
        if isinstance(error, NotAuthenticated):
            guessed = request.token is not None
        else:
            guessed = isinstance(error, NotFound) and request.channel.startswith(PREFIX)
        if guessed:
            try:
                self._owner.wrong_guess(self.address)
            except Throttled as too_many:
                return too_many
        return error

    def _add(self, room: Room, subscription: Subscription) -> None:
        self._remove(subscription.path.text)
        room.uses += 1
        room.add(subscription)
        self.subscriptions[subscription.path.text] = (room, subscription)

    def _remove(self, path: str) -> None:
        found = self.subscriptions.pop(path, None)
        if found is not None:
            room, subscription = found
            room.remove(subscription)
            self._owner.leave(room)


def problem_of(error: DomainError) -> tuple[int, Any]:
    """Return the status and the body that HTTP answers."""
    response = error_response(error)
    if response is None or response.text is None:
        raise error
    return response.status, json.loads(response.text)
