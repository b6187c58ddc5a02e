"""What the playback routes may show: running broadcasts, finished recordings, and a picture of either."""

from __future__ import annotations

import asyncio
from functools import partial

from providers.local.live.registry import BroadcastRegistry
from providers.local.manifest.views import SegmentView, init_name, segment_name
from providers.local.packager.events import TrackKind
from providers.local.playback import ThumbnailNotReady
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.port import BroadcastFiles
from providers.local.storage.storage import Storage
from providers.local.storage.track import StoredTrack
from providers.local.transcoder.renditions import SOURCE_NAME
from providers.local.transcoder.thumbnail import MAX_SIDE, MIN_SIDE, ThumbnailBusy, ThumbnailError, Thumbnails

DEFAULT_WIDTH, DEFAULT_HEIGHT = 640, 360
"""Pixels of a thumbnail nobody asked a size of (Cloudflare: 640 wide)."""

RECORDING_MOMENT = 0.3
"""How far into a recording its thumbnail is taken: beginnings are black screens and slides."""


class Library:
    """Implements `providers.local.playback.ports.PlaybackSource`."""

    def __init__(self, broadcasts: BroadcastRegistry, storage: Storage, thumbnails: Thumbnails) -> None:
        self._broadcasts = broadcasts
        self._storage = storage
        self._thumbnails = thumbnails

    def find_live(self, input_uid: str) -> Broadcast | None:
        """The running broadcast of a live input."""
        return self._broadcasts.of_input(input_uid)

    def find_broadcast(self, uid: str) -> Broadcast | None:
        """The running broadcast with this uid of its own."""
        return self._broadcasts.of_uid(uid)

    async def find_recording(self, uid: str) -> Broadcast | None:
        """The finished broadcast with this uid."""
        return await self._storage.open(uid)

    async def thumbnail(self, uid: str, width: int | None, height: int | None, fit: str) -> bytes | None:
        """A JPEG of an input uid (live) or a recording uid; None when there is no picture. Raises ThumbnailNotReady."""
        running = self.find_live(uid) or self.find_broadcast(uid)
        broadcast = running or await self.find_recording(uid)
        track = _pictures(broadcast) if broadcast is not None else None
        if broadcast is None or track is None:
            return None
        segments = track.segments if running else track.recorded
        at = len(segments) - 1 if running else int(len(segments) * RECORDING_MOMENT)
        keyframe = next((segment for segment in reversed(segments[: at + 1]) if segment.independent), None)
        if keyframe is None:
            return None
        # Read only when a picture is made, which is seldom: a segment is some MB, and everybody asks for the picture.
        media = partial(asyncio.to_thread, _read, broadcast.files, track, keyframe)
        try:
            return await self._thumbnails.of(uid, media, *_size(track, width, height), fit)
        except ThumbnailBusy as busy:
            raise ThumbnailNotReady(busy.retry_after) from busy
        except ThumbnailError:
            return None


def _pictures(broadcast: Broadcast) -> StoredTrack | None:
    """The video track to take a picture from: the source's, else the first rendition's."""
    videos = {rendition: track for (rendition, kind), track in broadcast.tracks.items() if kind is TrackKind.VIDEO}
    track = videos.get(SOURCE_NAME) or next(iter(videos.values()), None)
    return track if track is not None and track.segments else None


def _read(files: BroadcastFiles, track: StoredTrack, segment: SegmentView) -> bytes:
    """A segment that decodes by itself: with its init segment in front."""
    init = files.read(init_name(track.name, segment.discontinuity))
    return init + files.read(segment_name(track.name, segment.sequence))


def _size(track: StoredTrack, width: int | None, height: int | None) -> tuple[int, int]:
    """What was asked for, as far as we make it; a missing side follows the picture's shape."""
    init = track.inits[max(track.inits)]
    shape = init.width / init.height if init.height else DEFAULT_WIDTH / DEFAULT_HEIGHT
    if width is None and height is None:
        width = DEFAULT_WIDTH
    if width is None:
        assert height is not None  # noqa: S101 (one of them is there)
        width = _even(height * shape)
    return _possible(width), _possible(_even(width / shape) if height is None else height)


def _even(pixels: float) -> int:
    return round(pixels / 2) * 2


def _possible(pixels: int) -> int:
    return max(MIN_SIDE, min(pixels, MAX_SIDE))
