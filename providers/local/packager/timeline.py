"""Places FLV tags on one timeline: unwraps 32-bit timestamps, detects jumps, and aligns both tracks.

A timestamp is in ms, unsigned 32 bits (RTMP 1.0, 5.3.1.1). Each track has its own clock. Usually both clocks are the same, and a
track may be late on it, or start late. If the timestamps are too far apart for that, the second track is aligned by arrival: its
next tag belongs to the position of the other track.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from providers.local.flv.tag import AUDIO, VIDEO, TagKind, milliseconds_between

MAX_GAP_MS = 2_400
"""A tag further ahead of both tracks is a jump. A shorter pause is kept as one long frame, which fits the shortest target
duration (2 s, rounded)."""

MAX_REORDER_MS = 1_000
"""A video tag further back is a jump. Less is reordering, which the tracks correct. Tracks on one clock start within this time of
each other: audio sent before the video starts would be lost."""

MAX_LATE_MS = 5_500
"""How far a track may be behind the other on the same clock, because it is delivered later. Timestamps further back are of another
clock."""

MAX_PAUSE_MS = 10_000
"""A step forward of audio is a pause up to this duration if as much time has passed; otherwise its clock was reset."""

PAUSE_TOLERANCE = 1.0
"""Seconds by which the time of arrival may differ from such a step."""

MAX_LEFT_OVER = 100
"""Audio tags (2 s) that may still be on the old clock after the video's clock was reset."""

AUDIO_STEP_MS = 21
"""The assumed step from one audio tag to the next: 1024 samples at 48 kHz."""

_OTHER = {AUDIO: VIDEO, VIDEO: AUDIO}


class Order(Enum):
    """How a tag's time relates to those before it."""

    CONTINUES = auto()
    JUMPS = auto()


CONTINUES = Order.CONTINUES
"""For code that runs for every tag: access through the enumeration is a function call in Python 3.11."""


@dataclass(slots=True)
class _Clock:
    """The clock of one track.

    Attributes:
        timestamp: Of the last tag, as sent.
        time: Of the last tag, in ms on the timeline.
        began: Time of the first tag since the clock was set.
        reached: Time before a step back that was accepted.
        beside: Time of the other track at the last tag.
        arrived: When the last tag arrived, in seconds.
        doubt: For how many more audio tags it is unknown whether their clock was reset with the video's.
    """

    timestamp: int
    time: int
    began: int
    reached: int
    beside: int
    arrived: float
    doubt: int = 0


class Timeline:
    """Gives each tag a time in ms on a timeline that both tracks share, and detects resets of the stream's clock."""

    def __init__(self, *, lone_pause_ms: int = 0) -> None:
        """Start without tags. `lone_pause_ms`: how long the only track may pause; a longer pause is a jump."""
        self._clocks: dict[TagKind, _Clock] = {}
        self._lone_pause_ms = lone_pause_ms

    @property
    def apart(self) -> int:
        """How far the audio's timestamps are ahead of the video's in ms; 0 while both are on one clock."""
        audio, video = self._clocks.get(AUDIO), self._clocks.get(VIDEO)
        if audio is None or video is None:
            return 0
        return milliseconds_between(video.timestamp - video.time, audio.timestamp - audio.time)

    def place(self, kind: TagKind, timestamp: int, arrived: float) -> tuple[Order, int]:
        """Return whether a tag jumps, and its time in ms. `arrived` in seconds."""
        clock = self._clocks.get(kind)
        other = self._clocks.get(_OTHER[kind])
        if clock is None:
            time = self._first(kind, timestamp, other)
            self._clocks[kind] = _Clock(timestamp, time, time, time, other.time if other else time, arrived)
            return CONTINUES, time
        step = milliseconds_between(clock.timestamp, timestamp)
        order, time = CONTINUES, clock.time + step
        # Nearly every tag of a stream is not here.
        if not 0 <= step <= MAX_GAP_MS or clock.doubt:
            order, time = self._unusual(kind, clock, other, timestamp, arrived)
        clock.timestamp, clock.time, clock.arrived = timestamp, time, arrived
        clock.beside = time if other is None else other.time
        return order, time

    def _first(self, kind: TagKind, timestamp: int, other: _Clock | None) -> int:
        if other is None:
            # The first tag decides: its time is as good a zero as any, and the other track's tags are compared with it.
            return timestamp
        shared = _shared(kind, timestamp, other)
        return other.time if shared is None else shared

    def _unusual(
        self, kind: TagKind, clock: _Clock, other: _Clock | None, timestamp: int, arrived: float
    ) -> tuple[Order, int]:
        step = milliseconds_between(clock.timestamp, timestamp)
        time = clock.time + step
        usual = -MAX_REORDER_MS <= step <= MAX_GAP_MS
        if clock.doubt and other is not None:
            # Was this clock reset with the video's: before it, at this tag, or not yet?
            shared = _shared(kind, timestamp, other)
            if shared is not None and (not usual or abs(shared - time) <= MAX_REORDER_MS or time < clock.reached):
                clock.doubt, clock.reached = 0, shared
                return CONTINUES, shared
            # Undecided: this tag keeps its old clock, and the next one is asked again.
            clock.doubt -= 1
        if usual:
            return CONTINUES, time
        if other is None and _has_passed(step, arrived - clock.arrived, self._lone_pause_ms):
            return CONTINUES, time
        if other is not None and _is_pause(kind, clock, other, step, arrived):
            if step < 0:
                clock.reached = clock.time
            return CONTINUES, time
        return self._jump(kind, clock, other, timestamp)

    def _jump(self, kind: TagKind, clock: _Clock, other: _Clock | None, timestamp: int) -> tuple[Order, int]:
        order, time = Order.JUMPS, max(clock.time, other.time if other else clock.time)
        if kind is AUDIO and other is not None:
            # Video continues, so audio continues with it. If the video's clock jumps too, that is the jump.
            shared = _shared(kind, timestamp, other)
            by_arrival = clock.time + max(AUDIO_STEP_MS, other.time - clock.beside)
            order, time = CONTINUES, by_arrival if shared is None else shared
        elif other is not None:
            # Audio tags already under way may be on the old clock or on the new one.
            other.doubt = MAX_LEFT_OVER
        clock.began = clock.reached = time
        return order, time


def _shared(kind: TagKind, timestamp: int, other: _Clock) -> int | None:
    """Return the time of a timestamp on the other track's clock; None if it cannot be of that clock."""
    time = other.time + milliseconds_between(other.timestamp, timestamp)
    # Not before the other track began: a low timestamp would otherwise fit an old time by chance.
    earliest = max(other.began - MAX_REORDER_MS, other.time - MAX_LATE_MS)
    latest = other.time + (MAX_GAP_MS if kind is AUDIO else MAX_REORDER_MS)
    return time if earliest <= time <= latest else None


def _is_pause(kind: TagKind, clock: _Clock, other: _Clock, step: int, arrived: float) -> bool:
    """Return whether a step is on the same clock: the track paused while the other continued, or repeats lost tags."""
    time = clock.time + step
    # Video that goes back would have to be decoded before frames that are written already.
    if step < 0 and kind is not AUDIO:
        return False
    if other.time - MAX_LATE_MS <= time <= other.time + MAX_GAP_MS:
        return True
    return kind is AUDIO and _has_passed(step, arrived - clock.arrived, MAX_PAUSE_MS)


def _has_passed(step: int, waited: float, most: int) -> bool:
    """Return whether a step forward in ms is a pause: `waited` seconds match it."""
    return 0 < step <= most and abs(waited - step / 1000) <= PAUSE_TOLERANCE
