"""What an encoder sends, as measured where it arrives: the part of the provider port (`providers.base`) behind stream_health.

Facts only. The service derives from them what is wrong and what the streamer can do about it
(`service/domain/health/diagnostics.py`).
A value is None where it is not known (yet): before the first measurement, or where the codec's headers do not tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

HISTORY_SECONDS, HISTORY_STEP = 300.0, 2.0
"""How far a history reaches back, and the seconds between two of its points."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """The video. `codec` and `profile` are names for people (H.264, High), `level` is like 3.1.

    `bitrate_kbps` and `fps` are of the stream's own time, so a slow upload does not lower them. Keyframe intervals in seconds of
    that time: the typical one of late, the shortest and the longest, and how long ago the last one was. `absent_for`: seconds of
    audio since the last frame arrived. `fastest_preset`: the encoder says that it is x264 with the preset ultrafast.
    """

    codec: str
    profile: str | None = None
    level: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    bitrate_kbps: int | None = None
    keyframe_interval: float | None = None
    shortest_keyframe_interval: float | None = None
    longest_keyframe_interval: float | None = None
    since_keyframe: float | None = None
    b_frames: bool | None = None
    absent_for: float = 0.0
    fastest_preset: bool = False


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """The audio. `sample_rate` in Hz. `absent_for`: seconds of video since the last audio arrived.

    `silent_for`: seconds of audio that were digital silence, up to now.
    """

    codec: str
    profile: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    bitrate_kbps: int | None = None
    absent_for: float = 0.0
    silent_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Declared:
    """What the encoder says it sends (onMetaData), which need not be so."""

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    video_kbps: float | None = None
    audio_kbps: float | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How it arrives. Counts are of the last minute.

    `seconds`: media time since this encoder connected. `backwards`: timestamps smaller than the one before in their track; `gaps`:
    missing stretches, the longest lasting `longest_gap` seconds. `behind`: seconds the media has lost against the clock in the last
    minute. `stalls`: times nothing arrived for a second or more.
    `apart`: seconds that the audio's timestamps are ahead of the video's, where each track has a clock of its own. `audio_late`:
    seconds that audio arrives after its video, if that is too late for it to be kept.
    """

    seconds: float = 0.0
    backwards: int = 0
    gaps: int = 0
    longest_gap: float = 0.0
    behind: float = 0.0
    stalls: int = 0
    apart: float = 0.0
    audio_late: float = 0.0


@dataclass(frozen=True, slots=True)
class HealthPoint:
    """What arrived in the HISTORY_STEP seconds before `at`, per second of the clock."""

    at: datetime
    video_kbps: int
    audio_kbps: int
    fps: float


class RecordingState(StrEnum):
    """What becomes of a live input's recording."""

    ON = "on"
    STOPPED_DISK_FULL = "stopped_disk_full"
    """The broadcast goes on, and what it sends from now on is not recorded."""
    REFUSED_DISK_FULL = "refused_disk_full"
    """Nothing is on air, and no broadcast could begin."""


class RefusalKind(StrEnum):
    """What an encoder was refused for."""

    CODEC = "codec"
    BITRATE = "bitrate"


@dataclass(frozen=True, slots=True)
class EncoderRefusal:
    """An encoder that was refused for what it sends. `sentence` is what it was answered."""

    kind: RefusalKind
    sentence: str
    at: datetime


@dataclass(frozen=True, slots=True)
class InputHealth:
    """What is known of what comes in on a live input.

    `measured`: this provider measures at all. `connected`: an encoder sends now; when not, the rest is of the last one of the
    broadcast that still runs. `measured_at` is None before the first measurement. `encoder`: the name that the encoder sent.
    `low_latency`: viewers are to see it within a second or two. `passthrough`: they can get it as it comes in.
    `refusal`: the last encoder that was refused for what it sends, until one is accepted. `recording` is None where the provider
    does not say, and while nothing is on air.
    `history`: oldest first, at most HISTORY_SECONDS / HISTORY_STEP points, over all encoders of the broadcast.
    """

    measured: bool
    connected: bool
    measured_at: datetime | None = None
    encoder: str | None = None
    low_latency: bool = False
    passthrough: bool = True
    video: VideoFacts | None = None
    audio: AudioFacts | None = None
    declared: Declared = Declared()
    delivery: Delivery = Delivery()
    refusal: EncoderRefusal | None = None
    recording: RecordingState | None = None
    history: tuple[HealthPoint, ...] = ()
