"""Lifecycle of a broadcast in the fake: state changes by the encoder and by time. No I/O.

Each function returns the notices to send; `notify.py` sends them.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from providers.cloudflare.fake.config import Switches
from providers.cloudflare.fake.state import MAX_HISTORY, AccountState, Input, Status, Video


@dataclass(frozen=True, slots=True)
class Notice:
    """A webhook to send: `event` is a live event with its input's uid, or `video` with a video's."""

    event: str
    uid: str
    at: datetime
    error: dict[str, Any] | None = None


class PublishRefused(Exception):
    """The encoder's connection is refused."""


def connect(live: Input, key: str, now: datetime, protocol: str = "rtmp") -> list[Notice]:
    """Connect an encoder with `key`. Raise PublishRefused."""
    if not hmac.compare_digest(key, live.key(live.secrets.srt if protocol == "srt" else live.secrets.ingest)):
        raise PublishRefused("wrong key")
    if not live.enabled:
        raise PublishRefused("disabled")
    if live.connected_at is not None:
        raise PublishRefused("busy")
    live.connected_at, live.lost_at = now, None
    _enter(live, "connected", "connected", now, protocol)
    return [Notice("live_input.connected", live.uid, now)]


def drop(live: Input, now: datetime, reason: str = "client_disconnect") -> list[Notice]:
    """Disconnect the encoder, if any; the broadcast stays open for slightly more than `timeoutSeconds`."""
    if live.connected_at is None:
        return []
    live.connected_at, live.lost_at = None, now
    _enter(live, "disconnected", reason, now, live.statuses[0].protocol)
    return [Notice("live_input.disconnected", live.uid, now)]


def end(
    state: AccountState, live: Input, now: datetime, switches: Switches, reason: str = "client_disconnect"
) -> list[Notice]:
    """Disconnect the encoder and end the broadcast at once."""
    notices = drop(live, now, reason)
    _finish(state, live, live.lost_at or now, now, switches)
    return notices


def errored(live: Input, now: datetime, code: str, message: str) -> list[Notice]:
    """Report that the encoder's GOP or codec is not supported."""
    detail = {"error": {"code": code, "message": message}, "video_codec": "", "audio_codec": ""}
    return [Notice("live_input.errored", live.uid, now, detail)]


def settle(state: AccountState, now: datetime, switches: Switches) -> list[Notice]:
    """Apply time-based changes: videos appear, reconnect windows expire, recordings become ready."""
    for live in state.inputs.values():
        _mint(state, live, now, switches)
        hold = timedelta(seconds=(live.recording.timeout_seconds or switches.default_timeout) + switches.hold_margin)
        if live.lost_at is not None and now >= live.lost_at + hold:
            _finish(state, live, live.lost_at, live.lost_at + hold, switches)
        if live.connected_at is not None:
            live.statuses[0].last_seen = now
    ready = [
        each for each in state.videos.values() if each.state == "inprogress" and each.ready_at and now >= each.ready_at
    ]
    for video in ready:
        video.state, video.modified = "ready", video.ready_at or now
    return [Notice("video", video.uid, now) for video in ready]


def is_live(live: Input) -> bool:
    """Return whether a player can play it by the input's uid."""
    return live.video_uid is not None


def _mint(state: AccountState, live: Input, now: datetime, switches: Switches) -> None:
    wanted = live.recording.mode == "automatic" and switches.mint_video
    if live.connected_at is None or live.video_uid is not None or not wanted:
        return
    if now < live.connected_at + timedelta(seconds=switches.watchable_delay):
        return
    title = f"{live.meta.get('name', '')} {live.connected_at:%d %b %y %H:%M} UTC".strip()
    video = Video(
        input_uid=live.uid,
        name=title,
        creator=live.creator,
        created=live.connected_at,
        modified=live.connected_at,
        require_signed=live.recording.require_signed,
        allowed_origins=live.recording.allowed_origins or [],
        meta={"name": title},
    )
    state.videos[video.uid] = video
    live.video_uid = video.uid


def _finish(state: AccountState, live: Input, lost: datetime, now: datetime, switches: Switches) -> None:
    if live.video_uid is not None:
        video = state.videos[live.video_uid]
        video.state, video.modified = "inprogress", now
        video.duration = max(0.1, (lost - video.created).total_seconds())
        video.ready_at = now + timedelta(seconds=switches.ready_delay)
    live.video_uid = live.lost_at = None


def _enter(live: Input, state: str, reason: str, now: datetime, protocol: str) -> None:
    entry = Status(protocol=protocol, state=state, reason=reason, entered=now, last_seen=now)
    live.statuses[:] = [entry, *live.statuses[: MAX_HISTORY - 1]]
