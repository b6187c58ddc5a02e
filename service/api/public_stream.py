"""The two public endpoints, which every visitor's player polls: stream_status and stream_viewer_count.

`PublicStream.reply` is the whole hot path: no await, no I/O, the answer rendered once per snapshot. The ordinary route and the
express lane (through `answer`) both end there; only the first poll of a channel waits, for the board.

Caching. A poll that carries a visitor id is a heartbeat: it must reach us, so its answer is not stored. One without may be
answered by a cache for a second. `Vary` keeps the two apart, since the id may come in a header.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any
from urllib.parse import unquote, unquote_plus

from aiohttp import web
from aiohttp.typedefs import Handler

from service.api.client_address import Networks, client_address
from service.api.errors import error_response
from service.api.express_connection import LaterReply
from service.api.public_schemas import PATH, PREFIX, STATUS, VIEWER_COUNT
from service.api.wire import WireReply
from service.domain.errors import DomainError, Throttled
from service.domain.newcomers import Newcomers
from service.domain.status import StatusBoard
from service.domain.watched import Snapshot, Watched

MAX_VISITOR_ID = 128
"""Characters; a longer visitor id is not counted."""

MAX_PATHS = 4_096
"""Paths whose parts are remembered: the channels on the board, with room."""

MAX_PATH = 200
"""Characters; ours are shorter, and a longer one is not worth remembering."""

METHODS = "GET, HEAD, OPTIONS"

_CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "ETag, Retry-After"),
)
_PREFLIGHT = (
    *_CORS,
    ("Access-Control-Allow-Methods", METHODS),
    (
        "Access-Control-Allow-Headers",
        "authorization, content-type, accept, if-none-match, x-visitor-id, x-giosg-visitor-id",
    ),
    ("Access-Control-Max-Age", "86400"),
)
_VARY = ("Vary", "Authorization, X-Visitor-Id, X-Giosg-Visitor-Id")
_CACHED = ("Cache-Control", "public, max-age=1")
_HEARTBEAT = ("Cache-Control", "no-store")


class PublicStream:
    """Answers the polls from the board.

    `clock`: Unix ms. `visitor_of` reads the visitor id out of a Bearer visitor token, None for any token that is not a visitor's of
    that organization (its id in lower case). Networks in `trusted_proxies` are believed about whom they speak for.
    """

    def __init__(
        self,
        board: StatusBoard,
        newcomers: Newcomers,
        *,
        clock: Callable[[], int],
        visitor_of: Callable[[str, str], str | None] = lambda organization, bearer: None,
        trusted_proxies: Networks = (),
    ) -> None:
        self._board = board
        self._newcomers = newcomers
        self._clock = clock
        self._visitor_of = visitor_of
        self.trusted_proxies = trusted_proxies

    def answer(self, method: str, target: str, headers: Mapping[str, str], peer: str) -> WireReply | LaterReply | None:
        """The answer to a poll, errors included; one to be awaited while its channel is not on the board.

        None: it is not an endpoint or a method of these.

        `target` is the raw path and query, `headers` has lower-case names, `peer` is the address at the other end of the socket.
        """
        path, _, query = target.partition("?")
        named = parse_path(path) if len(path) <= MAX_PATH else None
        if named is None:
            return None
        organization, channel, route = named
        if method == "OPTIONS":
            return WireReply(route, 204, _PREFLIGHT)
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
        """The first poll of a channel waits until it is on the board, at most the board's load_timeout."""
        organization, channel, route = named
        try:
            watched = await self._board.watch(organization, channel)
            return self.reply(watched, route, method, query, headers, peer)
        except DomainError as error:
            return _refusal(route, error)

    def reply(
        self, watched: Watched, route: str, method: str, query: str, headers: Mapping[str, str], peer: str
    ) -> WireReply:
        """The answer to a GET or HEAD of this endpoint, for a channel on the board. Errors: Throttled."""
        visitor = self.visitor(watched.key[0], query, headers) if route == STATUS else None
        if visitor is not None and method == "GET":
            self.heartbeat(watched, visitor, headers, peer)
        reply = _rendered(watched.snapshot, route, visitor is not None)
        asked_with = headers.get("if-none-match")
        if asked_with is not None and _matches(asked_with, reply.headers[0][1]):
            return WireReply(route, 304, reply.headers[:-1])
        return reply

    def heartbeat(self, watched: Watched, visitor: str, headers: Mapping[str, str], peer: str) -> bool:
        """Count the visitor, if there is something to watch; whether there was. Errors: Throttled."""
        uid = watched.input_uid
        if uid is None or not watched.snapshot.status.is_watchable:
            return False
        now = self._clock()
        newcomer = not self._newcomers.knows(uid, visitor, now)
        if newcomer:
            address = client_address(peer, headers.get("x-forwarded-for", ""), self.trusted_proxies)
            wait = self._newcomers.admit(uid, visitor, address, now)
            if wait > 0:
                raise Throttled(math.ceil(wait))
        self._board.heartbeat(watched, visitor, newcomer=newcomer)
        return True

    def visitor(self, organization: str, query: str, headers: Mapping[str, str]) -> str | None:
        """Who asks: the visitor token, the query, the header, in this order; None: nobody to count."""
        authorization = headers.get("authorization")
        if authorization is not None and authorization[:7].lower() == "bearer ":
            visitor = self._visitor_of(organization, authorization[7:].strip())
            if _is_countable(visitor):
                return visitor
        visitor = _from_query(query)
        if _is_countable(visitor):
            return visitor
        for name in ("x-visitor-id", "x-giosg-visitor-id"):
            visitor = headers.get(name)
            if _is_countable(visitor):
                return visitor
        return None


@lru_cache(MAX_PATHS)
def parse_path(path: str) -> tuple[str, str, str] | None:
    """Organization id, channel id (lower case, unchecked) and endpoint, percent-decoded; None for any other path."""
    if not path.startswith(PREFIX):
        return None
    parts = [unquote(part) for part in path[len(PREFIX) :].split("/")]
    if len(parts) == 6 and parts[5] == "":  # a trailing slash is answered, never redirected
        parts.pop()
    if len(parts) != 5 or parts[1] != "channels" or parts[3] != "conference" or parts[4] not in (STATUS, VIEWER_COUNT):
        return None
    return parts[0].lower(), parts[2].lower(), parts[4]


def _from_query(query: str) -> str | None:
    for part in query.split("&"):
        if part.startswith("visitor_id="):
            return unquote_plus(part[len("visitor_id=") :])
    return None


def _is_countable(visitor: str | None) -> bool:
    return visitor is not None and 0 < len(visitor) <= MAX_VISITOR_ID


def _matches(if_none_match: str, etag: str) -> bool:
    """RFC 9110 §13.1.2: any of the listed tags, compared weakly."""
    return if_none_match == "*" or etag in (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))


def _rendered(snapshot: Snapshot, route: str, counted: bool) -> WireReply:
    reply: WireReply | None = snapshot.renderings.get((route, counted))
    if reply is None:
        members = _status(snapshot) if route == STATUS else _viewer_count(snapshot)
        body = json.dumps(members, separators=(",", ":")).encode()
        etag = ("ETag", f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"')
        caching = _HEARTBEAT if counted else _CACHED
        content = ("Content-Type", "application/json; charset=utf-8")
        reply = WireReply(route, 200, (etag, caching, _VARY, *_CORS, content), body)
        snapshot.renderings[route, counted] = reply
    return reply


def status_event(snapshot: Snapshot) -> tuple[str, bytes]:
    """The id and the wire form of a Server-Sent Event (WHATWG HTML §9.2.5) that says what stream_status answers."""
    event: tuple[str, bytes] | None = snapshot.renderings.get("event")
    if event is None:
        reply = _rendered(snapshot, STATUS, True)
        identity = reply.headers[0][1].strip('"')
        event = identity, b"id: %s\nevent: status\ndata: %s\n\n" % (identity.encode(), reply.body)
        snapshot.renderings["event"] = event
    return event


def _refusal(route: str, error: DomainError) -> WireReply:
    """What the middleware answers to the error, for the lane."""
    answer = error_response(error)
    if answer is None:
        raise error
    body = answer.body if isinstance(answer.body, bytes) else b""
    return WireReply(route, answer.status, (*_CORS, *answer.headers.items()), body)


def headers_of(request: web.Request) -> dict[str, str]:
    """The headers by lower-case name, repeated ones joined."""
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
    }
    if status.degraded:
        members |= {"degraded": True, "as_of": _moment(status.as_of)}
    if viewers.degraded:
        members |= {"degraded": True, "viewer_count_as_of": _moment(_at(viewers.as_of_ms))}
    return members


def _viewer_count(snapshot: Snapshot) -> dict[str, Any]:
    viewers = snapshot.viewers
    if viewers.degraded:
        return {"viewer_count": viewers.value, "as_of": _moment(_at(viewers.as_of_ms))}
    return {"viewer_count": viewers.value}


def _at(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000, UTC)


def _moment(at: datetime) -> str:
    """Six digits and Z, like every time of the Pub API."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def routes(public: PublicStream, board: StatusBoard) -> list[web.RouteDef]:
    """The ordinary routes, with and without a trailing slash: what the express lane hands over, and other methods."""

    def serving(endpoint: str) -> Handler:
        async def poll(request: web.Request) -> web.Response:
            if request.method == "OPTIONS":
                return web.Response(status=204, headers=_PREFLIGHT)
            if request.method not in ("GET", "HEAD"):
                raise web.HTTPMethodNotAllowed(request.method, METHODS.split(", "))
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
