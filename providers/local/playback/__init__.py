"""Playlists, MPDs, segments and thumbnails over HTTP, cacheable by any CDN."""

from providers.local.playback.ports import PlaybackSource, ThumbnailNotReady
from providers.local.playback.routes import PlaybackLimits, routes

__all__ = ["PlaybackLimits", "PlaybackSource", "ThumbnailNotReady", "routes"]
