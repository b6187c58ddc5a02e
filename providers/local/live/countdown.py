"""How long until a player can play. Pure: facts in, seconds out.

The first segment closes at the keyframe after the first one, so the wait is one keyframe interval G of *media* time, counted from
the encoder's timestamps and not from the wall clock. G is the typical one of this input's last broadcast, else 2 s. Once the last
broadcast's is well past, its encoder has other settings now: then G is what an unconfigured OBS sends, a keyframe every 250 frames,
at most 10 s apart. Without a last broadcast that would be a guess, and a visitor who asks first would read it as a fact.
"""

from __future__ import annotations

DEFAULT_KEYFRAME_INTERVAL = 2.0
OBS_AUTO_KEYFRAME_FRAMES = 250
LONGEST_KEYFRAME_INTERVAL = 10.0
WELL_PAST, WELL_PAST_SECONDS = 1.5, 1.0
"""The expected interval is well past at this multiple of it plus these seconds: a late keyframe is no other setting."""

ASSUMED_FRAME_RATE = 30.0
NEVER_ZERO = 0.05
"""Seconds reported when the estimate has run out: only being watchable makes the countdown 0."""


def seconds_until_watchable(known_interval: float | None, media_seconds: float, frame_rate: float | None) -> float:
    """Seconds until the first segment is listed.

    `known_interval`: typical keyframe interval of the last broadcast, in seconds; `media_seconds`: media time since the first
    keyframe, 0 before it; `frame_rate`: from onMetaData.
    """
    expected = known_interval or DEFAULT_KEYFRAME_INTERVAL
    if known_interval is not None and media_seconds > expected * WELL_PAST + WELL_PAST_SECONDS:
        # x264's default `keyint` is 250 frames, and OBS keeps it where its keyframe interval is 0 (auto).
        overdue = OBS_AUTO_KEYFRAME_FRAMES / (frame_rate or ASSUMED_FRAME_RATE)
        expected = max(expected, min(overdue, LONGEST_KEYFRAME_INTERVAL))
    return max(expected - media_seconds, NEVER_ZERO)
