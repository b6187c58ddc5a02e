"""The meter counts what one encoder sends, tag by tag. It does not parse frames.

`count` runs for every frame: the usual frame costs a comparison and a few additions; keyframes, headers and jumps of the clock
take a slower path. All numbers are totals that only grow; `HealthMonitor` computes differences.
"""

from __future__ import annotations

from collections import deque

from providers.local.codecs.x264 import find_settings
from providers.local.flv.head import AVC_INTER_FRAME, FRAME, HEADER, VIDEO_HEADER_SIZE, read_video_head
from providers.local.flv.metadata import METADATA
from providers.local.flv.tag import AUDIO, VIDEO, FlvTag, milliseconds_between

MAX_VIDEO_STEP, MAX_AUDIO_STEP = 1_000, 500
"""Milliseconds from one frame, or audio packet, to the next; a longer step is a gap."""

MAX_GAP = 2_400
"""A longer step forward, in ms, means that the encoder's clock was reset."""

MAX_STEP_BACK = 1_000
"""The same for a step backward."""

KEYFRAMES_KEPT = 8
"""Keyframe intervals that are kept."""

MAX_HEADER = 64 * 1024
"""The largest sequence header or metadata that is kept, in bytes."""

_NEVER = -(1 << 40)


class HealthMeter:
    """Totals of one encoder. Times in ms of its own clock, sizes in bytes.

    `video_ms` and `audio_ms` are the duration of the media without gaps and clock resets; `jumps` counts those. The reader of
    `longest_gap` may reset it. `reordered`: how often the composition offset changed, which happens only with B-frames.
    `settings`: x264's settings, from its first keyframe.
    """

    __slots__ = (
        "_last_keyframe", "_offset", "audio_bytes", "audio_header", "audio_ms", "audio_time", "backwards", "frames", "gaps",
        "jumps", "keyframe_intervals", "longest_gap", "metadata", "packets", "reordered", "settings",
        "video_bytes", "video_header", "video_ms", "video_time",
    )  # fmt: skip

    def __init__(self) -> None:
        self.frames = self.video_bytes = self.video_ms = 0
        self.packets = self.audio_bytes = self.audio_ms = 0
        self.video_time = self.audio_time = _NEVER
        self.backwards = self.gaps = self.jumps = self.longest_gap = self.reordered = 0
        self.keyframe_intervals: deque[int] = deque(maxlen=KEYFRAMES_KEPT)
        self.video_header = self.audio_header = self.metadata = self.settings = b""
        self._last_keyframe = _NEVER
        self._offset = 0
        """The lowest byte of the last composition time, enough to detect a change."""

    def count(self, tag: FlvTag) -> None:
        """Count a tag. Never raise, whatever the tag contains."""
        kind, timestamp, payload = tag
        size = len(payload)
        if kind is VIDEO:
            step = timestamp - self.video_time
            if size > 5 and payload[0] == AVC_INTER_FRAME and payload[1] == FRAME and 0 <= step <= MAX_VIDEO_STEP:
                self.video_time = timestamp
                self.video_ms += step
                self.video_bytes += size
                self.frames += 1
                if payload[4] != self._offset:
                    self._offset = payload[4]
                    self.reordered += 1
            else:
                self._unusual_video(timestamp, payload)
        elif kind is AUDIO:
            step = timestamp - self.audio_time
            if size > 2 and payload[1] == FRAME and 0 <= step <= MAX_AUDIO_STEP:
                self.audio_time = timestamp
                self.audio_ms += step
                self.audio_bytes += size
                self.packets += 1
            else:
                self._unusual_audio(timestamp, payload)
        elif payload.startswith(METADATA) and len(payload) <= MAX_HEADER:
            self.metadata = payload

    @property
    def since_keyframe(self) -> int | None:
        """Milliseconds from the last keyframe to the newest frame; None before the first keyframe."""
        if self._last_keyframe == _NEVER:
            return None
        return max(0, milliseconds_between(self._last_keyframe, self.video_time))

    def _unusual_video(self, timestamp: int, payload: bytes) -> None:
        if len(payload) < VIDEO_HEADER_SIZE:
            return
        head = read_video_head(payload)
        if head.packet is HEADER:
            if len(payload) <= MAX_HEADER:
                self.video_header = payload
        elif head.packet is FRAME:
            first = self.video_time == _NEVER
            if not first:
                self.video_ms += self._step(timestamp, self.video_time, MAX_VIDEO_STEP)
            self.video_time = timestamp
            self.video_bytes += len(payload)
            self.frames += 1
            if (offset := head.composition_time & 0xFF) != self._offset:
                self._offset = offset
                self.reordered += not first
            if head.keyframe:
                self._count_keyframe(timestamp)
                if first:
                    self.settings = find_settings(payload) or self.settings

    def _count_keyframe(self, timestamp: int) -> None:
        if self._last_keyframe != _NEVER:
            interval = milliseconds_between(self._last_keyframe, timestamp)
            if interval > 0:
                self.keyframe_intervals.append(interval)
        self._last_keyframe = timestamp

    def _unusual_audio(self, timestamp: int, payload: bytes) -> None:
        if len(payload) < 2:
            return
        if payload[1] == FRAME:
            if self.audio_time != _NEVER:
                self.audio_ms += self._step(timestamp, self.audio_time, MAX_AUDIO_STEP)
            self.audio_time = timestamp
            self.audio_bytes += len(payload)
            self.packets += 1
        elif payload[1] == HEADER and len(payload) <= MAX_HEADER:
            self.audio_header = payload

    def _step(self, timestamp: int, before: int, longest: int) -> int:
        """Return how far the media advances with this timestamp. Count steps back, gaps and jumps."""
        step = milliseconds_between(before, timestamp)
        if 0 <= step <= longest:
            return step
        if step < 0:
            self.backwards += 1
            if step >= -MAX_STEP_BACK:
                return step
        else:
            self.gaps += 1
            self.longest_gap = max(self.longest_gap, step)
        self.jumps += 1
        if not 0 <= step <= MAX_GAP:
            self._last_keyframe = _NEVER
        return 0
