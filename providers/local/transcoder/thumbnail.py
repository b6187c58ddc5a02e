"""Thumbnails: one short ffmpeg run on the segment of a keyframe, limited in number and cached.

Errors::

    ThumbnailError
    ├── BadThumbnailRequest   the size or fit is not supported (the message gives the rule)
    ├── ThumbnailBusy         too many requests, or too many sizes of this stream (carries retry_after, seconds)
    └── ThumbnailFailed       ffmpeg could not make an image of this media
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from providers.concurrency import SingleFlight
from providers.local.transcoder.command import Fit, thumbnail_arguments
from providers.local.transcoder.process import run_to_end
from providers.supervisor import ProcessError

log = structlog.get_logger(__name__)

MIN_SIDE, MAX_SIDE = 1, 2000
"""The range of width and height in pixels."""

KEEP_SECONDS = 10.0
"""Seconds that an image, or a failure, is cached: at most one run per stream, size and fit in that time."""

MAX_VARIANTS = 8
"""Different sizes of one stream within KEEP_SECONDS: pages, players and link previews request their own."""

MAX_RUNS = 2
"""Concurrent ffmpeg processes for thumbnails of all streams; each takes about 80 MB and 150 ms."""

MAX_WAITING = 64
"""Requests that may wait for a run at once."""

RUN_TIMEOUT = 5.0
"""Seconds that a run may take."""

MAX_JPEG_BYTES = 4 * 1024 * 1024
MAX_CACHE_BYTES = 16 * 1024 * 1024
MAX_STREAMS = 1_000
"""The most streams whose thumbnails are cached."""


class ThumbnailError(Exception):
    """The thumbnail cannot be made."""


class BadThumbnailRequest(ThumbnailError):
    """The request is invalid."""


class ThumbnailBusy(ThumbnailError):
    """Too many requests; try again after `retry_after` seconds."""

    def __init__(self, reason: str, *, retry_after: float) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ThumbnailFailed(ThumbnailError):
    """ffmpeg did not produce an image."""


Variant = tuple[int, int, Fit]

Media = bytes | Path | Callable[[], Awaitable[bytes]]
"""Init segment and segment concatenated, a file's path, or a function that reads the media and may raise OSError."""


@dataclass(slots=True)
class _Made:
    """An image, or why it failed, and when it was made."""

    at: float
    result: bytes | ThumbnailFailed

    @property
    def size(self) -> int:
        return len(self.result) if isinstance(self.result, bytes) else 0


@dataclass(slots=True)
class _Stream:
    """The cached thumbnails of one stream."""

    variants: dict[Variant, _Made] = field(default_factory=dict)
    users: int = 0

    @property
    def size(self) -> int:
        return sum(made.size for made in self.variants.values())


class Thumbnails:
    """Makes and caches thumbnails. `clock` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._flights: SingleFlight[str, _Made] = SingleFlight()
        self._runs = asyncio.Semaphore(MAX_RUNS)
        self._waiting = 0

    async def of(
        self,
        key: str,
        media: Media,
        width: int = 640,
        height: int = 360,
        fit: str = "crop",
        *,
        is_default: bool = False,
    ) -> bytes:
        """Return a JPEG of the first keyframe in `media`, or the cached one, for which `media` is not read.

        Args:
            key: Names the stream or recording (and its moment).
            media: The media of the keyframe.
            width: In pixels.
            height: In pixels.
            fit: As at Cloudflare: crop cuts off the excess, clip makes one side smaller, scale distorts, fill adds black.
            is_default: No size was requested. MAX_VARIANTS does not apply, so that lists of streams always have a thumbnail.

        Raises:
            ThumbnailError: See above.
        """
        variant = _variant(width, height, fit)
        stream = self._streams.setdefault(key, _Stream())
        self._streams.move_to_end(key)
        if (made := self._fresh(stream).get(variant)) is None:
            try:
                made = await self._make_once(key, stream, variant, media, is_default=is_default)
            finally:
                self._evict()
        if isinstance(made.result, ThumbnailFailed):
            raise ThumbnailFailed(*made.result.args)
        return made.result

    def _fresh(self, stream: _Stream) -> dict[Variant, _Made]:
        oldest = self._clock() - KEEP_SECONDS
        stream.variants = {variant: made for variant, made in stream.variants.items() if made.at > oldest}
        return stream.variants

    async def _make_once(self, key: str, stream: _Stream, variant: Variant, media: Media, *, is_default: bool) -> _Made:
        async def work() -> _Made:
            variants = self._fresh(stream)
            if variant not in variants:
                if len(variants) >= MAX_VARIANTS and not is_default:
                    raise ThumbnailBusy("too many sizes of one stream", retry_after=KEEP_SECONDS)
                result = await self._make(variant, media)
                stream.variants[variant] = _Made(self._clock(), result)
            return stream.variants[variant]

        if self._waiting >= MAX_WAITING:
            raise ThumbnailBusy("too many thumbnails are in progress", retry_after=1.0)
        self._waiting += 1
        stream.users += 1
        try:
            return await self._flights.run(key, work, share=False)
        finally:
            stream.users -= 1
            self._waiting -= 1

    async def _make(self, variant: Variant, media: Media) -> bytes | ThumbnailFailed:
        if callable(media):
            try:
                media = await media()
            except OSError as problem:
                log.warning("thumbnail failed", reason=str(problem.strerror))
                return ThumbnailFailed("the media cannot be read")
        source, stdin = ("pipe:0", media) if isinstance(media, bytes) else (f"file:{media}", b"")
        async with self._runs:
            try:
                image = await run_to_end(
                    thumbnail_arguments(source, *variant), stdin=stdin, timeout=RUN_TIMEOUT, max_output=MAX_JPEG_BYTES
                )
            except ProcessError as failure:
                log.warning("thumbnail failed", reason=str(failure))
                return ThumbnailFailed("the media could not be decoded")
        return image or ThumbnailFailed("the media has no keyframe")

    def _evict(self) -> None:
        """Evict the least recently requested streams while the cache is too large."""
        size = sum(stream.size for stream in self._streams.values())
        for key, stream in list(self._streams.items()):
            if size <= MAX_CACHE_BYTES and len(self._streams) <= MAX_STREAMS:
                return
            if stream.users == 0:
                size -= stream.size
                del self._streams[key]


def _variant(width: int, height: int, fit: str) -> Variant:
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise BadThumbnailRequest(f"width and height must be {MIN_SIDE} to {MAX_SIDE} pixels")
    if fit not in list(Fit):
        raise BadThumbnailRequest(f"fit must be one of {', '.join(Fit)}")
    return width, height, Fit(fit)
