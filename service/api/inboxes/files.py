"""Attachments by their unguessable addresses. A browser displays pictures, audio and video, and saves everything else."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from service.domain.errors import NotFound
from service.domain.inboxes.files import is_displayed
from service.domain.inboxes.pictures import Pictures
from service.domain.inboxes.ports import AttachmentFiles
from service.domain.inboxes.wire import FILES

HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def routes(pictures: Pictures, files: AttachmentFiles) -> list[web.RouteDef]:
    """Return the route of attachments."""

    async def serve(request: web.Request) -> web.StreamResponse:
        found = await pictures.find(request.match_info["token"])
        path = files.path(found.token)
        if not path.is_file():
            raise NotFound
        disposition = "inline" if is_displayed(found) else "attachment"
        named = f"{disposition}; filename*=UTF-8''{quote(found.name, safe='')}"
        media_type = found.content_type if is_displayed(found) else "application/octet-stream"
        return web.FileResponse(path, headers={**HEADERS, "Content-Type": media_type, "Content-Disposition": named})

    return [web.get(FILES + "{token:[A-Za-z0-9_-]{16,64}}", serve)]
