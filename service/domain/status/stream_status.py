"""The status of a live input as `stream_status` returns it: the state table and the countdown.

A pure function from the provider's `InputState` to a `StreamStatus`. The rules:

- `seconds_until_watchable` is 0 exactly when a player can play, and while no stream is expected (offline, ended, or an encoder
  that disconnected before anything could be played);
- otherwise it is at least 1, and does not rise until it has been 0. An estimate that was too short stays at 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from providers.base import InputState, Phase
from providers.health import RecordingState

POLL_AT_THE_END_MS = 500
"""Poll interval in the last second of the countdown."""

POLL_WAITING_MS = 2_000
"""The longest poll interval of a waiting player: an estimate may be too long."""


@dataclass(frozen=True, slots=True)
class _Row:
    """`expected`: there may soon be something to play. `poll_after_ms`: the poll interval outside a countdown."""

    expected: bool
    poll_after_ms: int


STATES = {
    Phase.OFFLINE: _Row(expected=False, poll_after_ms=10_000),
    Phase.CONNECTING: _Row(expected=True, poll_after_ms=POLL_WAITING_MS),
    Phase.STARTING: _Row(expected=True, poll_after_ms=POLL_WAITING_MS),
    Phase.LIVE: _Row(expected=True, poll_after_ms=5_000),
    Phase.RECONNECTING: _Row(expected=True, poll_after_ms=2_000),
    Phase.ENDED: _Row(expected=False, poll_after_ms=10_000),
}
"""All states."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """The status that players get. `degraded`: the provider is unavailable, and this is its last known state, of `as_of`.
    `tracks` and `recording`: as in `InputState`."""

    state: Phase
    is_connected: bool
    is_watchable: bool
    seconds_until_watchable: int
    poll_after_ms: int
    as_of: datetime
    reason: str | None = None
    degraded: bool = False
    tracks: str | None = None
    recording: RecordingState | None = None


def never_streamed(now: datetime) -> InputState:
    """Return the state of a channel without a live input: offline, so that an embedded player can poll it safely."""
    return InputState(Phase.OFFLINE, False, False, 0.0, as_of=now)


def broadcast_began_ms(state: InputState | None) -> int:
    """Return when this broadcast could first be watched, in Unix ms; 0 if unknown. Earlier heartbeats are of another one."""
    began = state.watchable_since if state is not None else None
    return 0 if began is None else math.floor(began.timestamp() * 1000)


def status_of(state: InputState, before: StreamStatus | None, now: datetime) -> StreamStatus:
    """Return the status for `state` at `now`. `before` is the status until now."""
    seconds = _countdown(state, before, now)
    poll_after_ms = STATES[state.phase].poll_after_ms
    if seconds > 0:
        poll_after_ms = max(POLL_AT_THE_END_MS, min(POLL_WAITING_MS, (seconds - 1) * 1000))
    return StreamStatus(
        state=state.phase,
        is_connected=state.is_connected,
        is_watchable=state.is_watchable,
        seconds_until_watchable=seconds,
        poll_after_ms=poll_after_ms,
        as_of=state.as_of,
        reason=state.reason,
        degraded=state.degraded,
        tracks=state.tracks,
        recording=state.recording,
    )


def _countdown(state: InputState, before: StreamStatus | None, now: datetime) -> int:
    if state.is_watchable or not _is_coming(state):
        return 0
    # At least 1: 0 would say that a player can play.
    seconds = max(1, math.ceil(_estimate(state, now)))
    if before is not None and before.seconds_until_watchable > 0:
        # A countdown that rises again reads as a fault.
        seconds = min(seconds, before.seconds_until_watchable)
    return seconds


def _estimate(state: InputState, now: datetime) -> float:
    return state.seconds_until_watchable - max(0.0, (now - state.as_of).total_seconds())


def until_next_second(status: StreamStatus, state: InputState, now: datetime) -> float | None:
    """Return the seconds until the countdown of `status` steps down; None if it does not, unless the estimate changes."""
    if status.seconds_until_watchable <= 1:
        return None
    return max(0.0, _estimate(state, now) - (status.seconds_until_watchable - 1))


def _is_coming(state: InputState) -> bool:
    """Return whether there may soon be something to play. While reconnecting, this takes an encoder."""
    return STATES[state.phase].expected and (state.is_connected or state.phase is not Phase.RECONNECTING)
