"""Responses to players: headers for caches and for pages of other origins, byte ranges, and errors as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import hdrs, web

from providers.cors import MEDIA_CORS
from providers.local.mp4.boxes import FREE, HEADER
from providers.local.playback.documents import Document
from providers.local.storage.errors import ObjectStoreError
from providers.local.storage.port import BroadcastFiles
from providers.negotiation import accepts_gzip, has_current

HLS = "application/vnd.apple.mpegurl"
DASH = "application/dash+xml"
JPEG = "image/jpeg"

IMMUTABLE = "public, max-age=31536000, immutable"
"""The bytes under the name of a segment, part or init segment never change."""

RETRY_SOON = "public, max-age=1"
"""For errors that may be over in a second."""


RETRY_SECONDS = 2
"""Seconds after which a client may retry what the object store did not return."""


def max_age(seconds: int) -> str:
    """Return Cache-Control for `seconds`."""
    return f"public, max-age={seconds}"


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error. Caches keep it for one second only: missing media may appear soon."""
    return web.json_response(
        {"detail": detail}, status=status, headers={**MEDIA_CORS, hdrs.CACHE_CONTROL: RETRY_SOON, **(headers or {})}
    )


def document(request: web.Request, found: Document, cache: str) -> web.Response:
    """Return a manifest: 304 if the client has it, compressed if the client accepts gzip."""
    headers = {**MEDIA_CORS, hdrs.CACHE_CONTROL: cache, hdrs.ETAG: found.etag, hdrs.VARY: hdrs.ACCEPT_ENCODING}
    if has_current(request.headers.get(hdrs.IF_NONE_MATCH), headers[hdrs.ETAG]):
        return web.Response(status=304, headers=headers)
    headers[hdrs.CONTENT_TYPE] = found.content_type
    body = found.gzipped if accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")) else None
    if body is not None:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(body=found.body if body is None else body, headers=headers)


def media(request: web.Request, body: bytes, content_type: str) -> web.Response:
    """Return a segment or part from memory, or the one requested range of it (RFC 9110 §14)."""
    headers = {
        **MEDIA_CORS,
        hdrs.CACHE_CONTROL: IMMUTABLE,
        hdrs.CONTENT_TYPE: content_type,
        hdrs.ACCEPT_RANGES: "bytes",
    }
    wanted = _range(request, len(body))
    if wanted is None:
        return web.Response(body=body, headers=headers)
    begin, end = wanted
    if begin >= end:
        return _not_satisfiable(len(body))
    headers[hdrs.CONTENT_RANGE] = f"bytes {begin}-{end - 1}/{len(body)}"
    return web.Response(status=206, body=body[begin:end], headers=headers)


async def file(request: web.Request, files: BroadcastFiles, name: str, content_type: str) -> web.StreamResponse:
    """Send a file of the storage, or the one range of it that was requested."""
    if hdrs.RANGE in request.headers:
        size = await asyncio.to_thread(files.size, name)
        if size is None:
            return gone()
        wanted = _range(request, size)
        if wanted is not None and wanted[0] >= wanted[1]:
            return _not_satisfiable(size)
    response = files.sendfile(name, {**MEDIA_CORS, hdrs.CACHE_CONTROL: IMMUTABLE, hdrs.CONTENT_TYPE: content_type})
    if response is not None:
        return response
    try:
        body = await files.load(name)
    except FileNotFoundError:
        return gone()
    except ObjectStoreError:
        return unavailable()
    return media(request, body, content_type)


def unavailable() -> web.Response:
    """Return 503 for media that is in the object store, which does not answer now."""
    return problem(503, "The object store does not answer. Retry later.", {hdrs.RETRY_AFTER: str(RETRY_SECONDS)})


def nothing(content_type: str) -> web.Response:
    """Return an empty box in place of a part that was hinted but never came, because the broadcast or the segment has ended.

    shaka-player 5.2 stops after an error of a hinted part, a moment before the end.
    """
    headers = {**MEDIA_CORS, hdrs.CACHE_CONTROL: "no-store", hdrs.CONTENT_TYPE: content_type}
    return web.Response(body=HEADER.pack(HEADER.size, FREE), headers=headers)


def gone() -> web.Response:
    """Return 404 for media that is not, or no longer, there."""
    return problem(404, "No such segment.")


def _range(request: web.Request, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last; None for the whole. Other ranges are ignored (RFC 9110 §14.2)."""
    try:
        wanted = request.http_range
    except ValueError:
        return None
    if wanted.start is None and wanted.stop is None:
        return None
    begin, end, _ = wanted.indices(size)
    return begin, end


def _not_satisfiable(size: int) -> web.Response:
    """Return 416, which caches must not keep in place of the segment."""
    return problem(
        416, "The file has no such range.", {hdrs.CACHE_CONTROL: "no-store", hdrs.CONTENT_RANGE: f"bytes */{size}"}
    )
