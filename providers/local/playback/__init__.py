"""What players fetch: playlists, MPDs, segments and thumbnails over HTTP, cacheable by any CDN."""

from providers.local.playback.routes import Library, routes

__all__ = ["Library", "routes"]
