"""A bounded queue between an encoder and ffmpeg. It drops whole groups of pictures only."""

from __future__ import annotations

import asyncio
from collections import deque

from providers.local.flv.head import is_keyframe
from providers.local.flv.tag import FlvTag, milliseconds_between

MAX_BACKLOG_BYTES = 8 * 1024 * 1024
"""The most media queued for one ffmpeg, in bytes: about 10 s at 6 Mbit/s."""

MAX_BACKLOG_MS = 12_000
"""The most media queued for one ffmpeg, in ms: more than OBS's 250 frames between keyframes, which last 8.3 s."""

CHUNK_BYTES = 64 * 1024
"""Bytes that `pop` returns at most, if the first tag is not larger: the capacity of a pipe."""


class Backlog:
    """A queue of media tags that begins at a keyframe, or continues where `pop` stopped.

    While no ffmpeg reads (`flowing` is False) it keeps only the newest group of pictures, so that a new ffmpeg starts close to
    the live edge. Over a limit it drops the oldest groups. If the newest group alone is too large, it drops everything until the
    next keyframe.
    """

    def __init__(self, *, max_bytes: int = MAX_BACKLOG_BYTES, max_ms: int = MAX_BACKLOG_MS) -> None:
        self._tags: deque[FlvTag] = deque()
        self._max_bytes = max_bytes
        self._max_ms = max_ms
        self._filled = asyncio.Event()
        self._in_group = False
        self.flowing = False
        self.size = 0
        """Bytes of payload in the queue."""
        self.dropped = 0
        """Tags dropped because of the limits."""

    def __len__(self) -> int:
        return len(self._tags)

    @property
    def milliseconds(self) -> int:
        """Media time from the oldest to the newest tag in the queue."""
        return milliseconds_between(self._tags[0].timestamp, self._tags[-1].timestamp) if self._tags else 0

    @property
    def newest(self) -> int:
        """The timestamp of the newest tag; the queue must not be empty."""
        return self._tags[-1].timestamp

    def push(self, tag: FlvTag) -> None:
        """Add a media tag, not a header. Drop it if it comes before the first keyframe."""
        if is_keyframe(tag):
            self._in_group = True
            if not self.flowing:
                self._drop(len(self._tags))
        if not self._in_group:
            return
        self._tags.append(tag)
        self.size += len(tag.payload)
        if self._is_too_large():
            self._drop_groups()
        if self._tags:
            self._filled.set()

    def clear(self) -> None:
        """Drop all tags, and all that follow until the next keyframe."""
        self._drop(len(self._tags))
        self._in_group = False

    async def filled(self) -> None:
        """Return when the queue has a tag."""
        await self._filled.wait()

    def pop(self, limit: int = CHUNK_BYTES) -> list[FlvTag]:
        """Remove and return the oldest tags: up to `limit` bytes, but at least one tag if there is one."""
        popped: list[FlvTag] = []
        size = 0
        while self._tags and (not popped or size + len(self._tags[0].payload) <= limit):
            popped.append(self._tags.popleft())
            size += len(popped[-1].payload)
        self.size -= size
        if not self._tags:
            self._filled.clear()
        return popped

    def pop_all(self) -> list[FlvTag]:
        """Remove and return all tags."""
        return self.pop(self.size)

    def _is_too_large(self) -> bool:
        return self.size > self._max_bytes or self.milliseconds > self._max_ms

    def _drop_groups(self) -> None:
        """Drop all groups but the newest, and that one as well if it is too large alone."""
        newest = max((index for index, tag in enumerate(self._tags) if is_keyframe(tag)), default=0)
        self.dropped += newest
        self._drop(newest)
        if self._is_too_large():
            self.dropped += len(self._tags)
            self.clear()

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self.size -= len(self._tags.popleft().payload)
        if not self._tags:
            self._filled.clear()
