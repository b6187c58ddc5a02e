"""What players fetch: playlists, MPDs, segments and thumbnails over HTTP, cacheable by any CDN."""

from providers.local.playback.ports import Library, PictureLater
from providers.local.playback.routes import routes

__all__ = ["Library", "PictureLater", "routes"]
