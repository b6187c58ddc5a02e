"""The two public endpoints, which every visitor's player polls: stream_status and stream_viewer_count.

`PublicStream.reply` is the whole hot path: no await, no I/O, the response serialized once per snapshot. The aiohttp route and the
fast path (through `answer`) both call it. Only the first poll of a channel waits, for the board.

Caching. A poll that names a visitor is a heartbeat: it must reach the service, so its response is not stored. Other
polls may be answered from a cache for a second. `Vary` keeps the two apart, since the id may come in a header.

Counting. An answer to a request that names a visitor says whether that visitor was counted, and if not, why. A token that is
forged or expired never fails the poll.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from aiohttp.typedefs import Handler

from providers.cors import POLL_CORS, POLL_PREFLIGHT, READ_METHODS
from providers.negotiation import has_current
from service.api.public_schemas import PATH, PREFIX, STATUS, VIEWER_COUNT
from service.api.visitor_identity import Counting, VisitorOf, named_visitor
from service.clock import Clock
from service.domain.access.guess_limits import Guesses
from service.domain.audience.new_visitors import NewVisitors
from service.domain.audience.viewer_window import ViewerCount
from service.domain.errors import DomainError, NotFound, Throttled
from service.domain.status.board import StatusBoard
from service.domain.status.stream_status import StreamStatus
from service.domain.status.watched import Snapshot, Watched
from service.http.client_address import Networks, client_address
from service.http.errors import error_response
from service.http.wire import LaterReply, WireReply

MAX_PATHS = 4_096
"""Cached paths: more than the channels on the board."""

MAX_PATH = 200
"""Maximum length of a path in characters. All valid paths are shorter; longer ones are not cached."""

_VARY = ("Vary", "Authorization, X-Visitor-Id, X-Giosg-Visitor-Id")
_CACHED = ("Cache-Control", "public, max-age=1")
_HEARTBEAT = ("Cache-Control", "no-store")


class PublicStream:
    """Answers the polls from the board.

    `trusted_proxies` are the networks whose X-Forwarded-For is trusted.
    """

    def __init__(
        self,
        board: StatusBoard,
        new_visitors: NewVisitors,
        *,
        clock: Clock,
        visitor_of: VisitorOf = lambda organization, bearer: None,
        trusted_proxies: Networks = (),
        guesses: Guesses | None = None,
    ) -> None:
        self._guesses = guesses
        self._board = board
        self._new_visitors = new_visitors
        self._clock = clock
        self._visitor_of = visitor_of
        self.trusted_proxies = trusted_proxies

    def answer(self, method: str, target: str, headers: Mapping[str, str], peer: str) -> WireReply | LaterReply | None:
        """Return the response to a poll, errors included. It must be awaited while the channel is not on the board.

        None: the path or the method is not one of these endpoints'.

        `target` is the raw path and query, `headers` has lower-case names, `peer` is the address at the other end of the socket.
        """
        path, _, query = target.partition("?")
        named = parse_path(path) if len(path) <= MAX_PATH else None
        if named is None:
            return None
        organization, channel, route = named
        if method == "OPTIONS":
            return WireReply(route, 204, POLL_PREFLIGHT)
        if method not in ("GET", "HEAD"):
            return None
        watched = self._board.find(organization, channel)
        if watched is None:
            return partial(self._answer_later, named, method, query, headers, peer)
        try:
            return self.reply(watched, route, method, query, headers, peer)
        except DomainError as error:
            return _refusal(route, error)

    async def _answer_later(
        self, named: tuple[str, str, str], method: str, query: str, headers: Mapping[str, str], peer: str
    ) -> WireReply:
        """Wait until the channel is on the board, at most the board's load_timeout, then reply."""
        organization, channel, route = named
        try:
            watched = await self._board.watch(organization, channel)
            return self.reply(watched, route, method, query, headers, peer)
        except NotFound as error:
            return _refusal(route, self._wrong_guess(headers, peer) or error)
        except DomainError as error:
            return _refusal(route, error)

    def _wrong_guess(self, headers: Mapping[str, str], peer: str) -> Throttled | None:
        """Count an unknown channel, as the middleware does for requests outside the fast path."""
        if self._guesses is not None:
            try:
                self._guesses.wrong(client_address(peer, headers.get("x-forwarded-for", ""), self.trusted_proxies))
            except Throttled as too_many:
                return too_many
        return None

    def reply(
        self, watched: Watched, route: str, method: str, query: str, headers: Mapping[str, str], peer: str
    ) -> WireReply:
        """Return the response to a GET or HEAD of this endpoint, for a channel on the board. Errors: Throttled, Invalid."""
        visitor, counting = self.visitor(watched.key[0], query, headers)
        if route != STATUS:
            counting = None if visitor is None and counting is None else Counting.NOT_COUNTED_HERE
        elif visitor is not None:
            counting = self.heartbeat(watched, visitor, headers, peer, count=method == "GET")
        reply = _rendered(watched.snapshot, route, counting)
        if has_current(headers.get("if-none-match"), reply.headers[0][1]):
            return WireReply(route, 304, reply.headers[:-1])
        return reply

    def heartbeat(
        self, watched: Watched, visitor: str, headers: Mapping[str, str], peer: str, *, count: bool = True
    ) -> Counting:
        """Count the visitor if the stream is watchable. `count` False: only check whether it is. Errors: Throttled."""
        uid = watched.input_uid
        if uid is None or not watched.snapshot.status.is_watchable:
            return Counting.NOT_WATCHABLE
        if not count:
            return Counting.COUNTED
        now = self._clock.unix_ms()
        is_new = not self._new_visitors.is_known(uid, visitor, now)
        if is_new:
            address = client_address(peer, headers.get("x-forwarded-for", ""), self.trusted_proxies)
            wait = self._new_visitors.admit(uid, visitor, address, now)
            if wait > 0:
                raise Throttled(math.ceil(wait))
        self._board.heartbeat(watched, visitor, new_visitor=is_new)
        return Counting.COUNTED

    def visitor(self, organization: str, query: str, headers: Mapping[str, str]) -> tuple[str | None, Counting | None]:
        """Return the visitor id, or the reason why it is missing; (None, None) without one. Errors: Invalid."""
        return named_visitor(organization, query, headers, self._visitor_of)


@lru_cache(MAX_PATHS)
def parse_path(path: str) -> tuple[str, str, str] | None:
    """Return organization id, channel id (lower case, not validated) and endpoint, percent-decoded; None for any other path."""
    if not path.startswith(PREFIX):
        return None
    parts = [unquote(part) for part in path[len(PREFIX) :].split("/")]
    if len(parts) == 6 and parts[5] == "":  # a trailing slash is answered, never redirected
        parts.pop()
    if len(parts) != 5 or parts[1] != "channels" or parts[3] != "conference" or parts[4] not in (STATUS, VIEWER_COUNT):
        return None
    return parts[0].lower(), parts[2].lower(), parts[4]


def _rendered(snapshot: Snapshot, route: str, counting: Counting | None) -> WireReply:
    reply: WireReply | None = snapshot.renderings.get((route, counting))
    if reply is None:
        members = _status(snapshot) if route == STATUS else _viewer_count(snapshot)
        if counting is not None:
            members |= _counted(counting)
        body = json.dumps(members, separators=(",", ":")).encode()
        etag = ("ETag", f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"')
        caching = _CACHED if counting is None else _HEARTBEAT
        content = ("Content-Type", "application/json; charset=utf-8")
        reply = WireReply(route, 200, (etag, caching, _VARY, *POLL_CORS, content), body)
        snapshot.renderings[route, counting] = reply
    return reply


def status_event(snapshot: Snapshot, counting: Counting | None) -> tuple[str, bytes]:
    """Return the id and the bytes of a Server-Sent Event (WHATWG HTML §9.2.5) with the response of stream_status."""
    event: tuple[str, bytes] | None = snapshot.renderings.get(("event", counting))
    if event is None:
        reply = _rendered(snapshot, STATUS, counting)
        identity = reply.headers[0][1].strip('"')
        event = identity, b"id: %s\nevent: status\ndata: %s\n\n" % (identity.encode(), reply.body)
        snapshot.renderings["event", counting] = event
    return event


def _refusal(route: str, error: DomainError) -> WireReply:
    """Return the middleware's response to the error, for the fast path."""
    answer = error_response(error)
    if answer is None:
        raise error
    body = answer.body if isinstance(answer.body, bytes) else b""
    return WireReply(route, answer.status, (*POLL_CORS, *answer.headers.items()), body)


def headers_of(request: web.Request) -> dict[str, str]:
    """Return the headers by lower-case name, with the values of repeated ones joined."""
    return {name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers}


def _status(snapshot: Snapshot) -> dict[str, Any]:
    status, viewers = snapshot.status, snapshot.viewers
    members: dict[str, Any] = {
        "is_connected": status.is_connected,
        "is_watchable": status.is_watchable,
        "seconds_until_watchable": status.seconds_until_watchable,
        "state": status.state.value,
        "reason": status.reason,
        "poll_after_ms": status.poll_after_ms,
        "viewer_count": viewers.value,
        "tracks": status.tracks,
        "recording": status.recording,
    }
    if status.degraded:
        members |= {"degraded": True, "as_of": _moment(status.as_of)}
    if viewers.degraded:
        members |= {"degraded": True, "viewer_count_as_of": _moment(_at(viewers.as_of_ms))}
    return members


def status_members(status: StreamStatus) -> dict[str, Any]:
    """Return the response of stream_status without the viewer count."""
    members = _status(Snapshot(status, ViewerCount(0, 0)))
    del members["viewer_count"]
    return members


def _counted(counting: Counting) -> dict[str, Any]:
    if counting is Counting.COUNTED:
        return {"counted": True}
    return {"counted": False, "not_counted_because": counting.value}


def _viewer_count(snapshot: Snapshot) -> dict[str, Any]:
    viewers = snapshot.viewers
    if viewers.degraded:
        return {"viewer_count": viewers.value, "as_of": _moment(_at(viewers.as_of_ms))}
    return {"viewer_count": viewers.value}


def _at(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000, UTC)


def _moment(at: datetime) -> str:
    """Return the time with six digits and Z, as in the Pub API."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def routes(public: PublicStream, board: StatusBoard) -> list[web.RouteDef]:
    """Return the aiohttp routes, with and without a trailing slash, for requests that the fast path does not answer."""

    def serving(endpoint: str) -> Handler:
        async def poll(request: web.Request) -> web.Response:
            if request.method == "OPTIONS":
                return web.Response(status=204, headers=POLL_PREFLIGHT)
            if request.method not in ("GET", "HEAD"):
                raise web.HTTPMethodNotAllowed(request.method, READ_METHODS)
            watched = await board.watch(request.match_info["organization_id"], request.match_info["channel_id"])
            query, headers, peer = request.rel_url.raw_query_string, headers_of(request), request.remote or ""
            reply = public.reply(watched, endpoint, request.method, query, headers, peer)
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body or None)

        return poll

    return [
        web.route("*", PATH + endpoint + slash, serving(endpoint))
        for endpoint in (STATUS, VIEWER_COUNT)
        for slash in ("", "/")
    ]
