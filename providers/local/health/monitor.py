"""The health monitor of a broadcast: reads the meter of the publishing encoder every two seconds and derives facts from it.

It has no clock of its own: its owner calls `poll` a few times per second. While the encoder is disconnected the history
continues with zeros; the facts remain those of the last encoder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

from providers.health import (
    HISTORY_SECONDS,
    HISTORY_STEP,
    AudioFacts,
    Declared,
    Delivery,
    HealthPoint,
    InputHealth,
    VideoFacts,
)
from providers.local.codecs.x264 import is_ultrafast
from providers.local.flv.head import AUDIO_HEADER_SIZE
from providers.local.health.headers import audio_facts, declared, encoder_name, video_facts
from providers.local.health.meter import HealthMeter
from providers.local.health.progress import Progress

POINTS = round(HISTORY_SECONDS / HISTORY_STEP)
"""Points in the history."""

RECENT = 5
"""Steps over which frame rate and bit rates are averaged: long enough that a single keyframe does not matter."""

MINUTE = round(60 / HISTORY_STEP)
"""Steps over which gaps, stalls and steps back are counted."""

SILENT_PACKET, SILENT_CHANNEL = 2, 4
"""The most bytes of an AAC packet of digital silence: a base and an amount per channel (1, 2, 6 channels: 4, 6, 19)."""

STALL = 1.0
"""Seconds without data that count as a stall."""


class _Totals(NamedTuple):
    """The meter's totals at one moment, or their increase in a step."""

    frames: int = 0
    video_bytes: int = 0
    video_ms: int = 0
    packets: int = 0
    audio_bytes: int = 0
    audio_ms: int = 0
    reordered: int = 0
    backwards: int = 0
    gaps: int = 0
    jumps: int = 0

    @classmethod
    def of(cls, meter: HealthMeter) -> _Totals:
        return cls(*(getattr(meter, name) for name in cls._fields))

    def since(self, before: _Totals) -> _Totals:
        return _Totals(*(now - then for now, then in zip(self, before, strict=True)))


class _Step(NamedTuple):
    """One step of one encoder. `lag`: seconds that the media was behind the clock at the end, relative to an arbitrary origin."""

    added: _Totals
    longest_gap: int
    lag: float
    stalled: bool


class HealthMonitor:
    """Monitors one broadcast. `now` is in seconds of a monotonic clock; `clock` returns Unix time."""

    def __init__(self, clock: Callable[[], float], *, low_latency: bool = False) -> None:
        self._clock = clock
        self._low_latency = low_latency
        self._history: deque[HealthPoint] = deque(maxlen=POINTS)
        self._begin(HealthMeter(), "", None)

    def admit(self, encoder: str, now: float) -> HealthMeter:
        """Start monitoring another encoder. `encoder` is its flashVer. Return the meter for its tags."""
        meter = HealthMeter()
        self._begin(meter, encoder, now)
        return meter

    def _begin(self, meter: HealthMeter, encoder: str, now: float | None) -> None:
        self._meter, self._flash_version = meter, encoder
        self._totals = _Totals()
        self._steps: deque[_Step] = deque(maxlen=MINUTE)
        self._measured_at: datetime | None = None
        self._step_began = now
        self._arrived = 0
        self._arrived_at: float | None = None
        self._quiet = self._lag = self._media = 0.0
        self._video_absent = self._audio_absent = self._silence = 0.0
        self._progress = Progress()

    # Measuring

    def poll(self, now: float, *, connected: bool) -> None:
        """Read what has arrived since the last call. End the step when it is due."""
        arrived = self._meter.video_bytes + self._meter.audio_bytes
        if arrived != self._arrived or self._arrived_at is None:
            if self._arrived_at is not None:
                self._quiet = max(self._quiet, now - self._arrived_at)
            self._arrived = arrived
            self._arrived_at = now if arrived else None
        if self._step_began is None:
            self._step_began = now
        elif (elapsed := now - self._step_began) >= HISTORY_STEP:
            self._step_began = now
            self._end_step(elapsed, connected)

    def _end_step(self, elapsed: float, connected: bool) -> None:
        meter = self._meter
        totals = _Totals.of(meter)
        added, self._totals = totals.since(self._totals), totals
        at = datetime.fromtimestamp(self._clock(), UTC)
        self._history.append(
            HealthPoint(
                at,
                round(added.video_bytes * 8 / 1000 / elapsed),
                round(added.audio_bytes * 8 / 1000 / elapsed),
                added.frames / elapsed,
            )
        )
        if not connected or not self._arrived:
            return
        media = self._progress.add(added.video_ms / 1000, added.audio_ms / 1000, jumped=added.jumps > 0)
        if self._steps and not added.jumps:  # an encoder may start with a burst; a jump resets the clocks
            self._lag += elapsed - media
        self._media += max(0.0, media)
        self._video_absent = 0.0 if added.frames else self._video_absent + max(0, added.audio_ms) / 1000
        self._audio_absent = 0.0 if added.packets else self._audio_absent + max(0, added.video_ms) / 1000
        if added.packets:
            self._silence = self._silence + max(0, added.audio_ms) / 1000 if self._is_silence(added) else 0.0
        self._steps.append(_Step(added, meter.longest_gap, self._lag, self._quiet >= STALL))
        meter.longest_gap = 0
        self._quiet = 0.0
        self._measured_at = at

    def _is_silence(self, added: _Totals) -> bool:
        """Return whether the step's audio is silent, by its mean packet size: some encoders put their name into a silent packet."""
        audio = audio_facts(self._meter.audio_header)
        if audio is None or not audio.channels:
            return False
        mean = added.audio_bytes / added.packets - AUDIO_HEADER_SIZE
        return mean <= SILENT_PACKET + SILENT_CHANNEL * audio.channels

    # Reporting

    def health(self, *, connected: bool) -> InputHealth:
        """Return the current facts."""
        declared_values, name = declared(self._meter.metadata) if self._meter.metadata else (Declared(), None)
        return InputHealth(
            measured=True,
            connected=connected,
            measured_at=self._measured_at,
            encoder=name or encoder_name(self._flash_version),
            low_latency=self._low_latency,
            video=self._video(),
            audio=self._audio(),
            declared=declared_values,
            delivery=self._delivery(),
            history=tuple(self._history),
        )

    def _video(self) -> VideoFacts | None:
        meter = self._meter
        facts = video_facts(meter.video_header)
        if facts is None:
            return None
        recent = _sum(self._steps, RECENT)
        first = len(self._steps) <= RECENT  # the first frame has no predecessor, so it adds no media time
        intervals = [each / 1000 for each in meter.keyframe_intervals]
        since = meter.since_keyframe
        return replace(
            facts,
            fps=_rate((recent.frames - first) * 1000, recent.video_ms),
            bitrate_kbps=_whole(_rate(recent.video_bytes * 8, recent.video_ms)),
            keyframe_interval=median(intervals) if intervals else None,
            shortest_keyframe_interval=min(intervals, default=None),
            longest_keyframe_interval=max(intervals, default=None),
            since_keyframe=None if since is None else since / 1000,
            b_frames=recent.reordered > 0 if recent.frames else None,
            absent_for=0.0 if meter.frames > self._totals.frames else self._video_absent,
            fastest_preset=is_ultrafast(meter.settings),
        )

    def _audio(self) -> AudioFacts | None:
        facts = audio_facts(self._meter.audio_header)
        if facts is None:
            return None
        recent = _sum(self._steps, RECENT)
        bitrate = _whole(_rate(recent.audio_bytes * 8, recent.audio_ms))
        absent = 0.0 if self._meter.packets > self._totals.packets else self._audio_absent
        return replace(facts, bitrate_kbps=bitrate, absent_for=absent, silent_for=self._silence)

    def _delivery(self) -> Delivery:
        steps = self._steps
        minute = _sum(steps, MINUTE)
        return Delivery(
            seconds=self._media,
            backwards=minute.backwards,
            gaps=minute.gaps,
            longest_gap=max((each.longest_gap for each in steps), default=0) / 1000,
            behind=max(0.0, self._lag - min(each.lag for each in steps)) if steps else 0.0,
            stalls=sum(each.stalled for each in steps),
        )


def _sum(steps: Iterable[_Step], last: int) -> _Totals:
    """Return the sum of the last `last` steps."""
    added = [each.added for each in steps][-last:]
    return _Totals(*map(sum, zip(*added, strict=True))) if added else _Totals()


def _rate(amount: int, milliseconds: int) -> float | None:
    return amount / milliseconds if amount and milliseconds > 0 else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
