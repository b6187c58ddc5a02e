"""Static files of service/web: /player.js, which any page may embed, and the other pages' modules and styles."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

from aiohttp import web

from providers.negotiation import accepts_gzip, has_current
from service.http.bundle import bundle

PLAYER = ("player.js",)
"""With its modules in `player/` (`bundle`)."""
PICKER = (
    "picker.js",
    *(f"picker/{name}.js" for name in ("card", "control", "directory", "frame", "keys", "look", "pace", "view")),
)
RECORDING = "recording.js"
"""Of the page of a recording; with modules of the studio."""
PICTURE = "picture.js"
"""Files of the picker and the studio."""

STUDIO_MODULES = (
    "access all_channels api channel chart connect copy deliveries dialog dom enter errors format forms health history icons "
    "inbox_form inboxes list_screen main new_channel options pages panel poll preview recordings say session sessions sign_in "
    "states streams webhook webhook_form webhook_state webhooks"
)
STUDIO = (*(f"studio/{name}.js" for name in STUDIO_MODULES.split()), "client/conference.js", "client/realtime.js")
STYLES = ("tokens.css", "index.css", "watch.css", "studio.css")
ICONS = ("icon.svg",)
OLD_ICONS = ("favicon.ico",)
"""What browsers request for a page that names no icon."""
VENDORED = {"vendor/hls-1.7.4.mjs": "vendor/hls-1.7.4.min.js"}
"""By the names they are served under, which say their versions: scripts made for every loader, given as modules."""

AS_MODULE = (b"const module = { exports: {} }, exports = module.exports;\n", b"\nexport default module.exports;\n")
"""Around such a script (UMD): it finds these, and leaves alone the page's globals and loader, whose `define` would swallow it."""

CURRENT = "public, max-age=60"
"""For files that change with the version of the service under the same name."""

IMMUTABLE = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Packed:
    """Compressed content and the entity tag of what it was: weak, for it names the plain form, too (RFC 9110 §8.8.3.3)."""

    body: bytes
    etag: str


def pack(content: bytes) -> Packed:
    """Compress the content. It takes long: do it once for all applications of a process."""
    return Packed(gzip.compress(content, mtime=0), f'W/"{hashlib.blake2b(content, digest_size=8).hexdigest()}"')


class PackedFile:
    """A file in memory, compressed; almost every client accepts it so."""

    def __init__(self, packed: Packed, content_type: str, caching: str) -> None:
        self._packed = packed
        self._content_type = content_type
        self._caching = caching

    @cached_property
    def _plain(self) -> bytes:
        """The uncompressed content, for clients without gzip. Cached at first use, so that later requests are cheap."""
        return gzip.decompress(self._packed.body)

    async def serve(self, request: web.Request) -> web.Response:
        """Return the file, plain or compressed, or 304 for a client that has it."""
        headers = {
            "ETag": self._packed.etag,
            "Cache-Control": self._caching,
            "Vary": "Accept-Encoding",
            # Pages of other origins embed the player, also those with `Cross-Origin-Embedder-Policy: require-corp`.
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if has_current(request.headers.get("If-None-Match"), self._packed.etag):
            # With the headers that the 200 would have (RFC 9110 §15.4.5).
            return web.Response(status=304, headers=headers)
        body = self._packed.body
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            headers["Content-Encoding"] = "gzip"
        else:
            body = self._plain
        return web.Response(body=body, headers=headers, content_type=self._content_type, charset="utf-8")


@cache
def _packed(name: str) -> Packed:
    """Return a compressed file of `service/web`."""
    if name in PLAYER:
        return pack(bundle(name, lambda path: _read(path).decode()).encode())
    content = _read(VENDORED.get(name, name))
    return pack(content.join(AS_MODULE) if name in VENDORED else content)


def _read(name: str) -> bytes:
    return resources.files("service.web").joinpath(*name.split("/")).read_bytes()


def routes() -> list[web.RouteDef]:
    """Return the routes of all files."""
    kinds = [
        ((*PLAYER, *PICKER, *STUDIO, RECORDING, PICTURE), "text/javascript", CURRENT),
        (STYLES, "text/css", CURRENT),
        (ICONS, "image/svg+xml", CURRENT),
        (OLD_ICONS, "image/x-icon", CURRENT),
        (VENDORED, "text/javascript", IMMUTABLE),
    ]
    return [
        web.get(f"/{name}", PackedFile(_packed(name), content_type, caching).serve)
        for names, content_type, caching in kinds
        for name in names
    ]
