"""A live input of the in-memory provider: its broadcast, time-based changes, and state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from providers.base import ON_AIR, InputState, LiveInput, Phase, Playback, Recording
from providers.health import InputHealth, RecordingState

TIME_TO_WATCHABLE = 30.0
"""Seconds the countdown starts from when an encoder connects."""


@dataclass(slots=True)
class HeldInput:
    """`watchable_since` is None until a player could play this broadcast; `encoder_key` is the one the encoder came with."""

    live: LiveInput
    name: str
    phase: Phase = Phase.OFFLINE
    since: datetime | None = None
    reason: str | None = None
    watchable_since: datetime | None = None
    old_key: str | None = field(default=None, repr=False)
    old_key_until: datetime | None = None
    encoder_key: str | None = field(default=None, repr=False)
    measured: InputHealth | None = None
    recording_state: RecordingState = RecordingState.ON

    @property
    def on_air(self) -> bool:
        return self.phase in ON_AIR

    @property
    def publishing(self) -> bool:
        """Whether an encoder is there."""
        return self.on_air and self.phase is not Phase.RECONNECTING

    def enter(self, phase: Phase, now: datetime, reason: str | None = None) -> None:
        """Change to this phase."""
        self.phase, self.since, self.reason = phase, now, reason

    def rotate(self, stream_key: str, now: datetime, overlap: int) -> None:
        """Change the key; the old one stays valid for `overlap` seconds."""
        self.old_key, self.old_key_until = self.live.stream_key, now + timedelta(seconds=overlap)
        self.live = replace(self.live, stream_key=stream_key)

    def keys(self, now: datetime) -> set[str | None]:
        """Return the keys that are valid now."""
        old_works = self.old_key_until is not None and now < self.old_key_until
        return {self.live.stream_key, self.old_key} if old_works else {self.live.stream_key}

    def has_stale_encoder(self, now: datetime) -> bool:
        """Return whether its encoder's key has expired."""
        return self.publishing and self.encoder_key not in self.keys(now)

    def has_waited_enough(self, now: datetime) -> bool:
        """Return whether the reconnect window has passed."""
        window = timedelta(seconds=self.live.options.reconnect_timeout)
        return self.phase is Phase.RECONNECTING and self.since is not None and now >= self.since + window

    def state(self, now: datetime, *, degraded: bool) -> InputState:
        """Return its state as the port defines it."""
        return InputState(
            phase=self.phase,
            is_connected=self.publishing,
            is_watchable=self.on_air and self.watchable_since is not None,
            seconds_until_watchable=self._countdown(now),
            as_of=now,
            since=self.since,
            reason=self.reason,
            degraded=degraded,
            recording=self.recording_state if self.on_air else None,
            watchable_since=self.watchable_since if self.on_air else None,
        )

    def health(self) -> InputHealth:
        """Return the health set by a test, else a default."""
        recording = self.recording_state if self.on_air else None
        return replace(self.measured or InputHealth(True, False), connected=self.publishing, recording=recording)

    def recording(self, uid: str, playback: Playback, began: datetime, now: datetime) -> Recording:
        """Return the recording of its broadcast, playable from `began`."""
        return Recording(
            uid=uid,
            input_uid=self.live.uid,
            name=self.name,
            created=began,
            modified=now,
            size=1_000_000,
            duration=(now - began).total_seconds(),
            width=1280,
            height=720,
            playback=playback,
        )

    def _countdown(self, now: datetime) -> float:
        if self.phase is not Phase.CONNECTING or self.since is None:
            return 0.0
        return max(1.0, TIME_TO_WATCHABLE - (now - self.since).total_seconds())
