"""The browser's part: /player.js and what it loads, as files under service/web. Any page may embed them."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib import resources

from aiohttp import web

PLAYER = ("player.js", "player/feed.js", "player/look.js", "player/playback.js", "player/source.js")
PICKER = (
    "picker.js",
    *(f"picker/{name}.js" for name in ("card", "control", "directory", "frame", "keys", "look", "pace", "view")),
)
PICTURE = "picture.js"
"""The picker's and the studio's."""

STUDIO_MODULES = (
    "access all_channels api channel chart connect copy dialog dom enter errors format forms health history icons "
    "list_screen main new_channel options pages panel poll preview recordings say session sessions sign_in states streams"
)
STUDIO = (*(f"studio/{name}.js" for name in STUDIO_MODULES.split()), "client/conference.js")
STYLES = ("tokens.css", "watch.css", "studio.css")
ICONS = ("icon.svg",)
VENDORED = {"vendor/hls-1.7.4.mjs": "vendor/hls-1.7.4.min.js"}
"""By the names they are served under, which say their versions: scripts made for every loader, given as modules."""

AS_MODULE = (b"const module = { exports: {} }, exports = module.exports;\n", b"\nexport default module.exports;\n")
"""Around such a script (UMD): it finds these, and leaves alone the page's globals and loader, whose `define` would swallow it."""

CURRENT = "public, max-age=60"
"""For what another version of the service brings anew, under the same name."""

FOR_EVER = "public, max-age=31536000, immutable"


@cache
def _packed(name: str) -> tuple[bytes, str]:
    """A file of `service/web`, packed, and its tag. Packing takes long: once is enough for every application of a process."""
    content = resources.files("service.web").joinpath(*VENDORED.get(name, name).split("/")).read_bytes()
    if name in VENDORED:
        content = content.join(AS_MODULE)
    return gzip.compress(content, mtime=0), f'"{hashlib.blake2b(content, digest_size=8).hexdigest()}"'


class _File:
    """A file in memory, packed; almost every client takes it so."""

    def __init__(self, name: str, content_type: str, caching: str) -> None:
        self.name = name
        self._packed, self._etag = _packed(name)
        self._content_type = content_type
        self._caching = caching

    async def serve(self, request: web.Request) -> web.Response:
        headers = {
            "ETag": self._etag,
            "Cache-Control": self._caching,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if self._etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        body = self._packed
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
        else:
            body = gzip.decompress(body)
        return web.Response(body=body, headers=headers, content_type=self._content_type, charset="utf-8")


def routes() -> list[web.RouteDef]:
    """Routes for all of them."""
    files = [
        *(_File(name, "text/javascript", CURRENT) for name in (*PLAYER, *PICKER, *STUDIO, PICTURE)),
        *(_File(name, "text/css", CURRENT) for name in STYLES),
        *(_File(name, "image/svg+xml", CURRENT) for name in ICONS),
        *(_File(name, "text/javascript", FOR_EVER) for name in VENDORED),
    ]
    return [web.get(f"/{each.name}", each.serve) for each in files]
