"""The gauge: counts what one encoder sends, tag by tag, without looking inside frames.

`take` stands in the path of every frame, so the usual frame costs a comparison and a few additions; whatever is unusual
(keyframes, headers, another clock) takes a slower path. All numbers are totals that only grow; `HealthMonitor` takes
differences.
"""

from __future__ import annotations

from collections import deque

from providers.local.flv.tag import AUDIO, VIDEO, FlvTag

MAX_VIDEO_STEP, MAX_AUDIO_STEP = 1_000, 500
"""Milliseconds from one frame, or packet of sound, to the next; more is a gap."""

MAX_GAP = 2_400
"""A longer step forward, in ms, or one of MAX_STEP_BACK backward, says that the encoder's clock was set anew."""

MAX_STEP_BACK = 1_000

KEYFRAMES_KEPT = 8
"""Keyframe intervals remembered."""

MAX_HEADER = 64 * 1024
"""The largest sequence header or metadata, in bytes, that is kept."""

MAX_SETTINGS = 1024
"""Bytes of an encoder's settings that are kept."""

_NEVER = -(1 << 40)
_WRAP = 1 << 32
_INTER_FRAME = 0x27
"""FrameType and CodecID of an H.264 frame that is no keyframe (FLV specification 10.1, E.4.3)."""

_X264 = b"x264 - core"
"""How the SEI message begins in which x264 writes its settings."""

_METADATA = b"\x02\x00\x0aonMetaData"
_KEYFRAME, _COMMAND = 1, 5
_HEADER, _FRAME = 0, 1
_ENHANCED_FRAMES = (1, 3)
"""CodedFrames and CodedFramesX (enhanced RTMP v2); the second has no composition offset."""


class HealthMeter:
    """One encoder. Times in ms of its own clock, sizes in bytes.

    `video_ms` and `audio_ms` are the media that passed, gaps and new clocks left out; `jumps` counts those. `longest_gap` may be
    set back by whoever has read it. `reordered`: how often the composition offset changed, which it does only with B-frames.
    `settings`: what x264 wrote of its own settings into its first keyframe.
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

    def take(self, tag: FlvTag) -> None:
        """Count a tag. Never raises, whatever is in it."""
        kind, timestamp, payload = tag
        size = len(payload)
        if kind is VIDEO:
            step = timestamp - self.video_time
            if size > 5 and payload[0] == _INTER_FRAME and payload[1] == _FRAME and 0 <= step <= MAX_VIDEO_STEP:
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
            if size > 2 and payload[1] == _FRAME and 0 <= step <= MAX_AUDIO_STEP:
                self.audio_time = timestamp
                self.audio_ms += step
                self.audio_bytes += size
                self.packets += 1
            else:
                self._unusual_audio(timestamp, payload)
        elif payload.startswith(_METADATA) and len(payload) <= MAX_HEADER:
            self.metadata = payload

    @property
    def since_keyframe(self) -> int | None:
        """Milliseconds from the last keyframe to the newest frame; None before the first."""
        return None if self._last_keyframe == _NEVER else max(0, _difference(self.video_time, self._last_keyframe))

    def _unusual_video(self, timestamp: int, payload: bytes) -> None:
        if len(payload) < 5:
            return
        packet, frame_type, offset = _video_head(payload)
        if packet == _HEADER:
            if len(payload) <= MAX_HEADER:
                self.video_header = payload
        elif packet == _FRAME and frame_type != _COMMAND:
            first = self.video_time == _NEVER
            if not first:
                self.video_ms += self._step(timestamp, self.video_time, MAX_VIDEO_STEP)
            self.video_time = timestamp
            self.video_bytes += len(payload)
            self.frames += 1
            if offset != self._offset:
                self._offset = offset
                self.reordered += not first
            if frame_type == _KEYFRAME:
                if self._last_keyframe != _NEVER and (interval := _difference(timestamp, self._last_keyframe)) > 0:
                    self.keyframe_intervals.append(interval)
                if first and (found := payload.find(_X264)) >= 0:
                    self.settings = payload[found : found + MAX_SETTINGS]
                self._last_keyframe = timestamp

    def _unusual_audio(self, timestamp: int, payload: bytes) -> None:
        if len(payload) < 2:
            return
        if payload[1] == _FRAME:
            if self.audio_time != _NEVER:
                self.audio_ms += self._step(timestamp, self.audio_time, MAX_AUDIO_STEP)
            self.audio_time = timestamp
            self.audio_bytes += len(payload)
            self.packets += 1
        elif payload[1] == _HEADER and len(payload) <= MAX_HEADER:
            self.audio_header = payload

    def _step(self, timestamp: int, before: int, longest: int) -> int:
        """How far the media went on with this timestamp. Notes what is odd about it."""
        step = _difference(timestamp, before)
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


def _video_head(payload: bytes) -> tuple[int, int, int]:
    """Packet type (_HEADER, _FRAME, or something else), frame type, last byte of the composition offset. At least 5 bytes."""
    first = payload[0]
    if not first & 0x80:
        return payload[1], first >> 4, payload[4]
    kind, frame_type = first & 0x0F, first >> 4 & 7
    if kind in _ENHANCED_FRAMES:
        return _FRAME, frame_type, payload[7] if kind == _FRAME and len(payload) > 7 else 0
    return kind if kind == _HEADER else -1, frame_type, 0


def _difference(later: int, earlier: int) -> int:
    """Between two unsigned 32-bit times that may have wrapped, the short way round (RTMP 1.0, 5.3.1.1)."""
    return (later - earlier + _WRAP // 2) % _WRAP - _WRAP // 2
