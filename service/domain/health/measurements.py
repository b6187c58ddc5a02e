"""The measurements of a stream as the table of diagnostics reads them: plain numbers, NaN for unknown ones.

Every comparison with NaN is false, so conditions need no guards: unknown values cause no finding.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from math import isnan, nan

from providers.health import AudioFacts, InputHealth, RefusalKind, VideoFacts

USUAL_KBPS = {
    426 * 240: (300, 700),
    640 * 360: (400, 1_500),
    854 * 480: (500, 2_500),
    1280 * 720: (1_500, 4_000),
    1920 * 1080: (3_000, 8_000),
    2560 * 1440: (6_000, 16_000),
    3840 * 2160: (13_000, 40_000),
}
"""The usual bitrates (lowest, highest; kbit/s) of H.264 at 30 frames per second, by the largest number of pixels, as the large
platforms recommend them."""

QUIET_KBPS = 25.0
"""Below this much AAC, silence or quiet speech is more likely than an encoder that is set so low."""

FAST, FAST_FACTOR = 40.0, 1.5
"""Above this frame rate, the usual bitrates are multiplied by this factor."""

_LEVEL = re.compile(r"([1-9])\.([0-9])")


class Measurements:
    """One stream. Times in seconds, sizes in pixels, rates in kbit/s."""

    def __init__(self, health: InputHealth) -> None:
        video, audio, self.delivery = health.video, health.audio, health.delivery
        self.low_latency = health.low_latency
        self.has_video, self.has_audio = video is not None, audio is not None
        self._set_video(video or VideoFacts(""))
        self._set_audio(audio or AudioFacts(""))
        self.refusal, self.recording = health.refusal, health.recording
        said = health.declared
        self.declared_width, self.declared_height = _known(said.width), _known(said.height)
        self.declared_fps = _known(said.fps)
        self.declared_kbps = _known(said.video_kbps)
        self.declared_audio_kbps = _known(said.audio_kbps)

    def _set_video(self, video: VideoFacts) -> None:
        self.codec, self.profile, self.level = video.codec, video.profile or "", video.level or ""
        self.width, self.height = _known(video.width), _known(video.height)
        self.fps, self.kbps = _known(video.fps), _known(video.bitrate_kbps)
        self.keyframe_interval = _known(video.keyframe_interval)
        self.shortest_interval = _known(video.shortest_keyframe_interval)
        self.longest_interval = _known(video.longest_keyframe_interval)
        self.since_keyframe = _known(video.since_keyframe)
        self.b_frames = video.b_frames is True
        self.fastest_preset = video.fastest_preset
        self.video_absent_for = video.absent_for

    def _set_audio(self, audio: AudioFacts) -> None:
        self.sample_rate, self.channels = _known(audio.sample_rate), _known(audio.channels)
        self.audio_kbps, self.audio_profile = _known(audio.bitrate_kbps), audio.profile or ""
        self.audio_absent_for, self.silent_for = audio.absent_for, audio.silent_for

    def refused_for(self, kind: RefusalKind) -> bool:
        """Return whether the last encoder was refused for this reason, and none has been accepted since."""
        return self.refusal is not None and self.refusal.kind is kind

    @property
    def set_kbps(self) -> float:
        """The bitrate that the video encoder is set to: the declared one if there is one. Still video needs less than that."""
        return self.kbps if isnan(self.declared_kbps) else max(self.kbps, self.declared_kbps)

    @property
    def set_audio_kbps(self) -> float:
        """The bitrate that the audio encoder is set to, by the same rule. Quiet audio without a declared rate is unknown."""
        if isnan(self.declared_audio_kbps):
            return nan if self.audio_kbps < QUIET_KBPS else self.audio_kbps
        return max(self.audio_kbps, self.declared_audio_kbps)

    @property
    def apart(self) -> float:
        """The absolute difference of the timestamps of audio and video."""
        return abs(self.delivery.apart)

    @property
    def level_number(self) -> float:
        """The level as a number."""
        found = _LEVEL.fullmatch(self.level)
        return int(found[1]) + int(found[2]) / 10 if found else nan

    @property
    def usual_low(self) -> float:
        """The lower end of the usual bitrates for this size and frame rate."""
        return self._usual[0]

    @property
    def usual_high(self) -> float:
        """The upper end."""
        return self._usual[1]

    @property
    def _usual(self) -> tuple[float, float]:
        pixels = self.width * self.height
        if not pixels > 0 or not self.fps > 0:
            return nan, nan
        sizes = list(USUAL_KBPS)
        low, high = USUAL_KBPS[sizes[min(bisect_left(sizes, pixels), len(sizes) - 1)]]
        factor = FAST_FACTOR if self.fps > FAST else 1.0
        return low * factor, high * factor


def _known(value: float | None) -> float:
    try:
        return nan if value is None else float(value)
    except OverflowError:
        return nan
