"""What an encoder sent and ffmpeg has not taken yet: bounded, and cut at keyframes only."""

from __future__ import annotations

import asyncio
from collections import deque

from providers.local.flv.head import is_keyframe
from providers.local.flv.tag import FlvTag, milliseconds_between

MAX_BACKLOG_BYTES = 8 * 1024 * 1024
"""Media held for one ffmpeg, in bytes: some 10 s at 6 Mbit/s."""

MAX_BACKLOG_MS = 12_000
"""Media held for one ffmpeg, in ms: a little more than OBS's 250 frames between keyframes, which are 8.3 s."""

CHUNK_BYTES = 64 * 1024
"""`take` gives about this much at once: what a pipe holds."""


class Backlog:
    """A queue of media tags that always begins at a keyframe, or goes on where `take` left off.

    While nobody takes (`flowing` is False) it keeps the newest group of pictures only, so that a new ffmpeg begins close to the
    present. Over a limit whole groups go, the oldest first; when the newest alone is too large, all of it until the next keyframe.
    """

    def __init__(self, *, max_bytes: int = MAX_BACKLOG_BYTES, max_ms: int = MAX_BACKLOG_MS) -> None:
        self._tags: deque[FlvTag] = deque()
        self._max_bytes = max_bytes
        self._max_ms = max_ms
        self._filled = asyncio.Event()
        self._in_group = False
        self.flowing = False
        self.size = 0
        """Bytes of payload held."""
        self.dropped = 0
        """Tags dropped because of the limits."""

    def __len__(self) -> int:
        return len(self._tags)

    @property
    def milliseconds(self) -> int:
        """From the oldest to the newest tag held."""
        return milliseconds_between(self._tags[0].timestamp, self._tags[-1].timestamp) if self._tags else 0

    @property
    def newest(self) -> int:
        """The timestamp of the newest tag held; there must be one."""
        return self._tags[-1].timestamp

    def push(self, tag: FlvTag) -> None:
        """Take a media tag; headers do not belong here. Tags before the first keyframe are let go."""
        if is_keyframe(tag):
            self._in_group = True
            if not self.flowing:
                self._drop(len(self._tags))
        if not self._in_group:
            return
        self._tags.append(tag)
        self.size += len(tag.payload)
        if self.size > self._max_bytes or self.milliseconds > self._max_ms:
            self._relieve()
        if self._tags:
            self._filled.set()

    def clear(self) -> None:
        """Forget all; go on at the next keyframe."""
        self._drop(len(self._tags))
        self._in_group = False

    async def filled(self) -> None:
        """Return when there is something to take."""
        await self._filled.wait()

    def take(self, limit: int = CHUNK_BYTES) -> list[FlvTag]:
        """The oldest tags, up to `limit` bytes but at least one if there is one."""
        taken: list[FlvTag] = []
        size = 0
        while self._tags and (not taken or size + len(self._tags[0].payload) <= limit):
            taken.append(self._tags.popleft())
            size += len(taken[-1].payload)
        self.size -= size
        if not self._tags:
            self._filled.clear()
        return taken

    def take_all(self) -> list[FlvTag]:
        """Everything that is held."""
        return self.take(self.size)

    def _relieve(self) -> None:
        newest = max((index for index, tag in enumerate(self._tags) if is_keyframe(tag)), default=0)
        self.dropped += newest or len(self._tags)
        if newest:
            self._drop(newest)
        else:
            self.clear()

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self.size -= len(self._tags.popleft().payload)
        if not self._tags:
            self._filled.clear()
