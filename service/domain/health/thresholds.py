"""The form of a rule of the diagnostics, and the numbers that the rules compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from service.domain.health.measurements import Measurements


class Severity(StrEnum):
    """Whom it affects: hardly any viewer, some of them or at times, all of them."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR


@dataclass(frozen=True, slots=True)
class HealthRule:
    """A row of the table. `sentence` and `advice` are format strings over the measurements `v`, such as `{v.fps:.0f}`."""

    code: str
    severity: Severity
    applies: Callable[[Measurements], bool]
    sentence: str
    advice: str
    of_passthrough: bool = False
    """Affects viewers only if they get the video as it comes in."""


MISSING_AFTER = 5.0
"""Seconds of audio without video, or of video without audio, until the other counts as missing."""

SETTLED_AFTER = 8.0
"""Seconds of media after which rates are judged."""

LONGEST_INTERVAL, SHORTEST_INTERVAL = 4.1, 0.45
"""Acceptable keyframe intervals, in seconds."""

NO_KEYFRAME_FOR = 15.0
"""Seconds without a keyframe after which none is expected: by default, x264 sends one every 250 frames."""

IRREGULAR = 0.5
"""The tolerated difference of keyframe intervals, as a part of the typical one."""

LOWEST_FPS, HIGHEST_FPS = 14.0, 61.0
MISSING_FRAMES = 0.9
"""The part of the declared frame rate that must arrive."""

FAR_BELOW, FAR_ABOVE = 0.4, 2.0
"""Times the lower and the upper end of the usual bitrates."""

OVERSHOOT = 1.5
"""Times the declared bitrate."""

HIGHEST_LEVEL = 5.1
BEHIND = 2.0
"""Seconds that the media may fall behind the clock in a minute."""

STALLS = 3
"""How often per minute nothing may arrive for a second."""

APART = 0.5
"""Seconds by which the timestamps of audio and video may differ."""

LOWEST_AUDIO_KBPS = 60
SILENT_AFTER = 8.0
"""Seconds of digital silence until it is reported: music has shorter pauses."""

USUAL_SAMPLE_RATES = (44_100, 48_000)
UNPLAYABLE_PROFILES = ("Extended", "High 10", "High 4:2:2", "High 4:4:4 Predictive")
BASIC_PROFILES = ("Baseline", "Constrained Baseline")
EFFICIENT_AUDIO = ("HE-AAC", "HE-AAC v2")
"""Profiles that need half the bitrate."""
