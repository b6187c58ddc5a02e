"""The source of the playback routes: running broadcasts, recordings, and thumbnails of both."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from contextlib import suppress
from functools import partial
from itertools import accumulate

from providers.base import InputUid
from providers.local.live.registry import BroadcastRegistry
from providers.local.manifest.views import SegmentView, init_name
from providers.local.mp4.tracks import TrackKind
from providers.local.playback import ThumbnailNotReady
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import ObjectStoreError, StorageError
from providers.local.storage.port import BroadcastFiles
from providers.local.storage.storage import Storage
from providers.local.storage.track import StoredTrack
from providers.local.transcoder.command import Fit
from providers.local.transcoder.renditions import SOURCE_NAME
from providers.local.transcoder.thumbnail import MAX_SIDE, MIN_SIDE, ThumbnailBusy, ThumbnailError, Thumbnails

DEFAULT_WIDTH, DEFAULT_HEIGHT = 640, 360
"""Default size of a thumbnail, in pixels (Cloudflare: 640 wide)."""

RECORDING_MOMENT = 0.3
"""Position of the thumbnail in a recording, as a share of its segments: beginnings are often black."""


THUMBNAIL_FILE = "thumbnail.jpg"
"""The thumbnail of a recording in its default size and at its default moment."""

RETRY_SECONDS = 2.0
"""Seconds after which a thumbnail may be tried again whose segment the object store did not return."""


class Library:
    """Implements `providers.local.playback.ports.PlaybackSource`."""

    def __init__(self, broadcasts: BroadcastRegistry, storage: Storage, thumbnails: Thumbnails) -> None:
        self._broadcasts = broadcasts
        self._storage = storage
        self._thumbnails = thumbnails

    def find_live(self, uid: str) -> Broadcast | None:
        return self._broadcasts.of_input(InputUid(uid))

    def find_broadcast(self, uid: str) -> Broadcast | None:
        return self._broadcasts.of_uid(uid)

    async def find_recording(self, uid: str) -> Broadcast | None:
        found = await self._storage.open(uid)
        if found is not None:
            self._storage.note_read(uid)
        return found

    async def thumbnail(
        self, uid: str, width: int | None, height: int | None, fit: str, moment: float | None = None
    ) -> bytes | None:
        running = self.find_live(uid) or self.find_broadcast(uid)
        broadcast = running or await self._storage.open(uid)
        track = _video_track(broadcast) if broadcast is not None else None
        if broadcast is None or track is None:
            return None
        find = partial(_keyframe, track, running=running is not None, moment=moment)
        # Aside: a recording of a day has 43,000 segments to add up.
        keyframe = find() if running or moment is None else await asyncio.to_thread(find)
        if keyframe is None:
            return None
        key = uid if running or moment is None else f"{uid}@{keyframe.sequence}"
        # Read only when a thumbnail is created: a segment has several MB, and most requests are answered from the cache.
        media = partial(_load, broadcast.files, track, keyframe)
        is_default = width is None and height is None and fit == Fit.CROP
        is_kept = is_default and running is None and moment is None
        try:
            if is_kept and (kept := await _kept(broadcast.files)) is not None:
                return kept
            jpeg = await self._thumbnails.of(key, media, *_size(track, width, height), fit, is_default=is_default)
            if is_kept:
                await asyncio.to_thread(_keep, broadcast.files, jpeg)
            return jpeg
        except ThumbnailBusy as busy:
            raise ThumbnailNotReady(busy.retry_after) from busy
        except ObjectStoreError as problem:
            raise ThumbnailNotReady(RETRY_SECONDS) from problem
        except ThumbnailError:
            return None


async def _kept(files: BroadcastFiles) -> bytes | None:
    try:
        return await files.load(THUMBNAIL_FILE)
    except FileNotFoundError:
        return None


def _keep(files: BroadcastFiles, jpeg: bytes) -> None:
    """Keep the thumbnail of a recording beside its media: lists show it again and again, and making it takes ffmpeg."""
    with suppress(StorageError):  # on a full disk, or when the recording was deleted meanwhile
        files.replace(THUMBNAIL_FILE, jpeg)


def _keyframe(track: StoredTrack, *, running: bool, moment: float | None) -> SegmentView | None:
    """Return the segment whose keyframe the thumbnail shows: the newest one of a running broadcast."""
    segments = track.segments if running else track.recorded
    if running:
        at = len(segments) - 1
    elif moment is None:
        at = int(len(segments) * RECORDING_MOMENT)
    else:
        ends = list(accumulate(track.view(live=False).spans(segments)))
        at = bisect_right(ends, moment)
    return next((segment for segment in reversed(segments[: at + 1]) if segment.independent), None)


def _video_track(broadcast: Broadcast) -> StoredTrack | None:
    """Return the video track for thumbnails: the source's, otherwise the first rendition's."""
    videos = {rendition: track for (rendition, kind), track in broadcast.tracks.items() if kind is TrackKind.VIDEO}
    track = videos.get(SOURCE_NAME) or next(iter(videos.values()), None)
    return track if track is not None and track.segments else None


async def _load(files: BroadcastFiles, track: StoredTrack, segment: SegmentView) -> bytes:
    try:
        return await asyncio.to_thread(_read, files, track, segment)
    except ObjectStoreError as problem:
        # Not an OSError, which `Thumbnails` keeps as the failure of this media.
        raise ThumbnailBusy(str(problem), retry_after=RETRY_SECONDS) from problem


def _read(files: BroadcastFiles, track: StoredTrack, segment: SegmentView) -> bytes:
    """Read a segment with its init segment in front, so that it can be decoded."""
    init = track.inits[segment.discontinuity]
    return files.read(init_name(track.name, init.discontinuity)) + track.read(segment)


def _size(track: StoredTrack, width: int | None, height: int | None) -> tuple[int, int]:
    """Return the requested size within the limits. A missing side follows the aspect ratio of the video."""
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
