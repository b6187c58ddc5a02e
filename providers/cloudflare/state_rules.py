"""Rules for the state of a live input: its phase from Cloudflare's answers, and the events of a change. Pure.

Two facts come from two hosts: the API knows the encoder (`Connection`), the delivery host knows the video players get.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from providers.base import ON_AIR, EventKind, InputState, InputUid, Phase
from providers.cloudflare.freshness import TRANSITIONS, Freshness, Trigger
from providers.cloudflare.mapping import Connection
from providers.cloudflare.mapping import connection as connection_of
from providers.health import RecordingState

TIME_TO_WATCHABLE = 30.0
"""Seconds from connected to playable, as Cloudflare documents ("wait thirty seconds")."""

CLOSED_BY_US_WITHIN = timedelta(seconds=60)
"""An encoder lost this soon after we had it cut off was lost for that."""

PHASES: dict[tuple[bool, bool], Phase] = {
    # (connected, watchable)
    (True, False): Phase.STARTING,
    (True, True): Phase.LIVE,
    # The hold: the encoder is gone and the same video stays live for timeoutSeconds and a little.
    (False, True): Phase.RECONNECTING,
    (False, False): Phase.OFFLINE,
}


@dataclass(frozen=True, slots=True)
class ClosedByUs:
    """We made Cloudflare cut the encoder off, for this reason; Cloudflare calls that a disconnect of the client's."""

    reason: str
    at: datetime


@dataclass(slots=True)
class Tracked:
    """What is known of one live input. `answer` is the last good one.

    `recordings` maps videos whose broadcast has ended, and which are not ready yet, to the moment of its end. `video_changed` is
    when `video_uid` last changed. `is_input` says whether the delivery host knew the input when it was last asked.
    """

    uid: InputUid
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: Connection | None = None
    connection_read: datetime | None = None
    video_uid: str | None = None
    video_changed: datetime | None = None
    is_input: bool = False
    answer: InputState | None = None
    asked: datetime | None = None
    freshness: Freshness = Freshness.OUTDATED
    encoder_error: str | None = None
    closed_by_us: ClosedByUs | None = None
    recordings: dict[str, datetime] = field(default_factory=dict)

    def move(self, trigger: Trigger) -> None:
        """Change `freshness` as `TRANSITIONS` has it."""
        self.freshness = TRANSITIONS[self.freshness, trigger]

    @property
    def on_air(self) -> bool:
        return self.answer is not None and self.answer.phase in ON_AIR


def hinted(lifecycle: Any) -> bool | None:
    """Return whether the delivery host reports an encoder; None when it does not say."""
    word = lifecycle.get("status") if isinstance(lifecycle, dict) else None
    return connection_of(word).connected if isinstance(word, str) else None


def contradicts(tracked: Tracked, video_uid: str | None, hint: bool | None) -> bool:
    """Return whether the delivery host contradicts the API's last answer."""
    known = tracked.connection.connected if tracked.connection is not None else None
    return video_uid != tracked.video_uid or (hint is not None and hint != known)


def overruled(tracked: Tracked, connection: Connection, video_uid: str | None, hint: bool | None) -> Connection:
    """Return the connection to assume when the API could not be asked: the delivery host has answered since.

    Its report of the encoder counts if there is one. Else a video begins with an encoder and ends after one: when the video changed
    after the API last described the connection, there is an encoder while there is a video.
    """
    changed, read = tracked.video_changed, tracked.connection_read
    if not tracked.freshness.is_degraded:
        return connection
    if hint is None and changed is not None and (read is None or read < changed):
        hint = video_uid is not None
    return connection if hint is None or hint == connection.connected else Connection(hint, changed)


def compose(
    before: InputState | None, connection: Connection, video_uid: str | None, encoder_error: str | None, now: datetime
) -> InputState:
    """Return the state from the two facts. An unknown connection status keeps the phase, else playability decides."""
    watchable = video_uid is not None
    connected = connection.connected
    if connected is None:
        connected = before.is_connected if before is not None else watchable
    phase = PHASES[connected, watchable]
    was_on_air = before is not None and before.phase in ON_AIR | {Phase.ENDED}
    if phase is Phase.OFFLINE and (was_on_air or connection.since is not None):
        phase = Phase.ENDED
    if before is None or before.phase is phase:
        since = before.since if before is not None else connection.since or now
    else:
        # Live begins when players can play, everything else when the encoder came or went.
        since = now if phase is Phase.LIVE else connection.since or now
    # Not less than nothing: Cloudflare's clock may be ahead of ours.
    waited = max(0.0, (now - (connection.since or since or now)).total_seconds())
    return InputState(
        phase=phase,
        is_connected=connected,
        is_watchable=watchable,
        seconds_until_watchable=max(1.0, TIME_TO_WATCHABLE - waited) if phase is Phase.STARTING else 0.0,
        as_of=now,
        since=None if phase is Phase.OFFLINE else since,
        reason=encoder_error if phase is Phase.STARTING and encoder_error else connection.reason,
        recording=RecordingState.ON if phase in ON_AIR else None,
    )


def explained(connection: Connection, closed_by_us: ClosedByUs | None, now: datetime) -> Connection:
    """Return the connection with our own reason for its loss, if we caused it."""
    if closed_by_us is None or connection.connected is not False:
        return connection
    lost_at = connection.since or now
    return (
        replace(connection, reason=closed_by_us.reason)
        if lost_at - closed_by_us.at < CLOSED_BY_US_WITHIN
        else connection
    )


def happened(before: InputState | None, after: InputState, *, other_video: bool) -> list[EventKind]:
    """Return the events between two states, in order. `other_video`: a new broadcast; the end of the old one was missed."""
    was_connected, was_watchable = (before.is_connected, before.is_watchable) if before else (False, False)
    was_on_air = before is not None and before.phase in ON_AIR
    if was_on_air and other_video:
        return [EventKind.ENDED, *happened(None, after, other_video=False)]
    events = []
    if after.is_connected and not was_connected:
        events.append(EventKind.CONNECTED)
    if after.is_watchable and not was_watchable:
        events.append(EventKind.WATCHABLE)
    if was_connected and not after.is_connected:
        events.append(EventKind.LOST)
    if was_on_air and after.phase not in ON_AIR:
        events.append(EventKind.ENDED)
    return events
