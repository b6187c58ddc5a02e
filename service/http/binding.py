"""Bind declared operations to aiohttp. All check in the same order: credentials, path, permission, query, body."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_origin
from uuid import UUID

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ValidationError

from providers.negotiation import accepts_gzip
from service.clock import Clock
from service.domain.access.accounts import Authenticator, Identity
from service.domain.errors import Forbidden, NotFound
from service.domain.identifiers import read_uuid
from service.http.degraded import degraded
from service.http.dialect import Dialect
from service.http.errors import BadBody, Unsupported, invalid
from service.http.forms import close_uploads
from service.http.json_text import readable
from service.http.operation import Call, Nothing, Operation, Reply
from service.http.origin import Origin

PLAIN_SIZE = 1024
"""In bytes. Longer responses are compressed for clients that accept gzip."""

GZIP_LEVEL = 4
"""Measured on 30 kB of channels: 0.3 ms for a fifth of the size; level 9 takes twice as long for 3 % less."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Limits of a request body."""

    max_size: int = 128 * 1024
    """Bytes. Over the limit, clients get 413."""
    timeout: float = 20.0
    """Seconds for the whole body to arrive, after which clients get 408."""


_UID = re.compile(r"[0-9a-fA-F]{32}")
_NOTHING = Nothing()


def bind(
    operations: Iterable[Operation], authenticator: Authenticator, origin: Origin, limits: BodyLimits, clock: Clock
) -> list[web.RouteDef]:
    """Return routes for the operations, each with and without a trailing slash; aiohttp adds HEAD to GET."""
    routes: list[web.RouteDef] = []
    for each in operations:
        handler = _handler(each, authenticator, origin, limits, clock)
        where = each.path if each.dialect is None else each.dialect.route(each.path)
        routes += [web.route(each.method, path, handler) for path in (where, f"{where}/")]
    return routes


def _handler(
    operation: Operation, authenticator: Authenticator, origin: Origin, limits: BodyLimits, clock: Clock
) -> Handler:
    if operation.dialect is not None:
        return _dialect_handler(operation, operation.dialect, authenticator, origin, clock)

    async def handle(request: web.Request) -> web.StreamResponse:
        identity = None
        if not operation.public:
            identity = await authenticator.authenticate(request.headers.get("Authorization"))
        path = _path(request.match_info)
        if identity is not None:
            _permit(identity, path)
        query = _query(operation.query, request)
        body = await _body(operation.body, request, limits.timeout) if operation.takes_body else _NOTHING
        call = Call(request, path, query, body, identity, origin.of(request))
        reply = await operation.handler(call)
        return _response(reply, request.headers.get("Accept-Encoding", ""), clock, private=not operation.public)

    return handle


def _dialect_handler(
    operation: Operation, dialect: Dialect, authenticator: Authenticator, origin: Origin, clock: Clock
) -> Handler:
    async def call(request: web.Request) -> Reply:
        identity = None if operation.public else await authenticator.authenticate(dialect.credentials(request))
        if operation.admit is not None:
            await operation.admit(Call(request, {}, _NOTHING, _NOTHING, identity, origin.of(request)))
        query = _query(operation.query, request)
        body: BaseModel = _NOTHING
        if operation.takes_body:
            body = _validated(operation.body, await dialect.read_body(request))
        return await operation.handler(Call(request, {}, query, body, identity, origin.of(request)))

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            reply = await call(request)
        except Exception as error:
            answer = dialect.refusal(error)
            if answer is None:
                raise
            return answer
        finally:
            close_uploads(request)
        return _response(reply, request.headers.get("Accept-Encoding", ""), clock, private=True)

    return handle


def _validated(model: type[BaseModel], given: object) -> BaseModel:
    """Return a decoded body as its model, whose fields say what they accept in forms."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid(error) from None


def _path(found: Mapping[str, str]) -> dict[str, UUID]:
    """Return the identifiers by name. A provider's uid (`…_uid`) has no dashes. Errors: NotFound."""
    return {name: _read_uid(value) if name.endswith("_uid") else read_uuid(value) for name, value in found.items()}


def _read_uid(written: str) -> UUID:
    if _UID.fullmatch(written) is None:
        raise NotFound
    return UUID(written)


def _permit(identity: Identity, path: Mapping[str, UUID]) -> None:
    """Refuse other organizations than the token's, in the same way whether they exist or not."""
    wanted = path.get("organization_id")
    if wanted is not None and wanted != identity.organization.id:
        raise Forbidden


def _query(model: type[BaseModel], request: web.Request) -> BaseModel:
    """Return the operation's parameters. The last value of a repeated one counts; a list has all, joined by commas."""
    if model is Nothing:
        return _NOTHING
    known = {
        name: ",".join(values) if get_origin(field.annotation) is list else values[-1]
        for name, field in model.model_fields.items()
        if (values := request.query.getall(name, []))
    }
    try:
        return model.model_validate_strings(known)
    except ValidationError as error:
        raise invalid(error) from None


async def _body(model: type[BaseModel], request: web.Request, timeout: float) -> BaseModel:
    """Return the body, validated strictly. An absent body is an empty object, with any content type."""
    raw = await _read(request, timeout)
    if raw and (declared := request.headers.get("Content-Type")) is not None:
        media_type = declared.partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            raise Unsupported(media_type)
    try:
        return model.model_validate_json(readable(raw) or b"{}", strict=True)
    except ValidationError as error:
        raise invalid(error) from None


async def _read(request: web.Request, timeout: float) -> bytes:
    """Read the body. Errors: BadBody, web.HTTPRequestTimeout, web.HTTPRequestEntityTooLarge."""
    try:
        async with asyncio.timeout(timeout):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, ConnectionError):
        # A wrong length or chunk; or the client disconnected.
        raise BadBody("The request body could not be read.") from None


def _response(reply: Reply, accept_encoding: str, clock: Clock, *, private: bool) -> web.Response:
    headers = {**reply.headers, **degraded(reply.as_of, clock.now())}
    if private:
        headers.setdefault("Cache-Control", "no-store")
    if reply.model is None:
        return web.Response(status=reply.status, headers=headers)
    body = reply.model.model_dump_json().encode()
    if len(body) > PLAIN_SIZE:
        # Also on the plain form: a cache must not give either form to clients of the other (RFC 9110 §12.5.5).
        headers["Vary"] = "Accept-Encoding"
        if accepts_gzip(accept_encoding):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, GZIP_LEVEL, mtime=0)
    return web.Response(
        body=body,
        status=reply.status,
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )
