"""The in-memory twin of the provider port: no media, all behaviour, driven by the test that holds it.

A test publishes with `connect`, `make_watchable`, `drop` and `end`, and takes the provider away with `fail`. Time is the clock
it was given; nothing happens in the background.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from providers.base import (
    MAX_KEY_OVERLAP,
    MAX_PAGE,
    MAX_RECONNECT_TIMEOUT,
    EventKind,
    EventListener,
    InputGone,
    InputNotFound,
    InputOptions,
    InputRequest,
    InputState,
    LiveInput,
    OptionRefused,
    Phase,
    Playback,
    ProviderError,
    ProviderEvent,
    ProviderUnavailable,
    Recording,
    RecordingNotFound,
    RecordingPosition,
)
from providers.health import InputHealth

TIME_TO_WATCHABLE = 30.0
"""Seconds the countdown starts from when an encoder connects."""

ON_AIR = frozenset({Phase.CONNECTING, Phase.STARTING, Phase.LIVE, Phase.RECONNECTING})
"""Phases in which there is a broadcast."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class _Held:
    """A live input and where its broadcast stands; `watchable_since` is None until a player could play this broadcast."""

    live: LiveInput
    name: str
    phase: Phase = Phase.OFFLINE
    since: datetime | None = None
    reason: str | None = None
    watchable_since: datetime | None = None
    health: InputHealth | None = None
    old_key: str | None = field(default=None, repr=False)
    old_key_until: datetime | None = None
    encoder_key: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Outage:
    failure: Callable[[], ProviderError]
    answers_state: bool


@dataclass(slots=True)
class _Books:
    """What is kept: by uid, and which uid was made for which request."""

    inputs: dict[str, _Held] = field(default_factory=dict)
    by_request: dict[str, str] = field(default_factory=dict)
    recordings: dict[str, Recording] = field(default_factory=dict)


class MemoryProvider:
    """Implements `providers.base.Provider` in memory. `calls` counts the port's methods by name."""

    name = "memory"

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = _now,
        playback_url: str = "https://watch.example.com",
        key_bytes: int = 16,
    ) -> None:
        self._clock = clock
        self._playback_url = playback_url
        self._key_bytes = key_bytes
        self._books = _Books()
        self._listeners: list[EventListener] = []
        self._outage: _Outage | None = None
        self._refused: dict[str, str] = {}
        self.calls: Counter[str] = Counter()

    # What the test does to it.

    def connect(self, uid: str, stream_key: str | None = None) -> bool:
        """An encoder pushes with `stream_key` (None: the right one). False when it is refused."""
        held = self._settled(uid)
        given = held.live.stream_key if stream_key is None else stream_key
        if not held.live.enabled or given not in self._keys(held) or self._publishing(held):
            return False
        held.encoder_key = given
        self._enter(held, Phase.CONNECTING if held.watchable_since is None else Phase.LIVE)
        self._tell(EventKind.CONNECTED, uid)
        return True

    def make_watchable(self, uid: str) -> None:
        """The first segment is there: a player can play."""
        held = self._settled(uid)
        if held.phase is not Phase.CONNECTING:
            raise ValueError(f"nothing becomes watchable while {held.phase}")
        held.watchable_since = self._clock()
        self._enter(held, Phase.LIVE)
        self._tell(EventKind.WATCHABLE, uid)

    def drop(self, uid: str, reason: str = "client_disconnect") -> None:
        """The encoder is lost; the broadcast ends `reconnect_timeout` seconds later."""
        held = self._settled(uid)
        if not self._publishing(held):
            raise ValueError(f"no encoder to lose while {held.phase}")
        self._enter(held, Phase.RECONNECTING, reason)
        self._tell(EventKind.LOST, uid)

    def measure(self, uid: str, health: InputHealth | None) -> None:
        """Give this as the input's health from now on; None: nothing is known."""
        self._held(uid).health = health

    def end(self, uid: str, reason: str | None = None) -> Recording | None:
        """The broadcast is over; its recording, when there was anything to watch, is ready at once."""
        held = self._settled(uid)
        if held.phase not in ON_AIR:
            raise ValueError(f"no broadcast to end while {held.phase}")
        return self._end(held, reason)

    def fail(
        self, reason: str = "switched off by the test", *, retry_after: float = 5.0, answers_state: bool = False
    ) -> None:
        """Every call raises ProviderUnavailable; with `answers_state`, `state` still gives its last answer, degraded."""
        self._outage = _Outage(lambda: ProviderUnavailable(reason, retry_after=retry_after), answers_state)

    def balk(self, reason: str = "told to by the test") -> None:
        """Every call raises a bare ProviderError, as for a refusal nobody foresaw; `recover` undoes it."""
        self._outage = _Outage(lambda: ProviderError(reason), answers_state=False)

    def recover(self) -> None:
        """Undo `fail` and `balk`."""
        self._outage = None

    def refuse(self, option: str, rule: str) -> None:
        """Refuse this option from now on, as a provider that silently declined it would be reported."""
        self._refused[option] = rule

    @property
    def input_uids(self) -> list[str]:
        """Every live input there is, oldest first: shows orphans."""
        return list(self._books.inputs)

    # The port.

    @property
    def rtmps_url(self) -> str:
        return "rtmps://ingest.example.com:443/live/"

    async def start(self) -> None:
        self.calls["start"] += 1

    async def aclose(self) -> None:
        self.calls["aclose"] += 1

    async def check(self) -> None:
        await self._called("check")

    def listen(self, listener: EventListener) -> None:
        self._listeners.append(listener)

    def playback(self, uid: str) -> Playback:
        base = f"{self._playback_url}/{uid}"
        return Playback(
            hls=f"{base}/manifest/video.m3u8",
            dash=f"{base}/manifest/video.mpd",
            thumbnail=f"{base}/thumbnails/thumbnail.jpg",
        )

    async def ensure_input(self, request: InputRequest) -> LiveInput:
        await self._called("ensure_input")
        uid = self._books.by_request.get(request.request_id)
        if uid is None:
            return self._make(request)
        if uid not in self._books.inputs:
            raise InputGone(request.request_id)
        return self._books.inputs[uid].live

    async def get_input(self, uid: str) -> LiveInput:
        await self._called("get_input")
        return self._held(uid).live

    async def update_input(self, uid: str, options: InputOptions) -> LiveInput:
        await self._called("update_input")
        held = self._held(uid)
        self._judge(options)
        held.live = replace(held.live, options=options)
        return held.live

    async def set_enabled(self, uid: str, enabled: bool) -> LiveInput:
        await self._called("set_enabled")
        held = self._settled(uid)
        held.live = replace(held.live, enabled=enabled)
        if not enabled and held.phase in ON_AIR:
            self._end(held, "disabled")
        return held.live

    async def rotate_key(self, uid: str, overlap: int = 0) -> LiveInput:
        await self._called("rotate_key")
        if not 0 <= overlap <= MAX_KEY_OVERLAP:
            raise OptionRefused("overlap", f"must be between 0 and {MAX_KEY_OVERLAP} seconds")
        if "overlap" in self._refused and overlap:
            raise OptionRefused("overlap", self._refused["overlap"])
        held = self._settled(uid)
        held.old_key, held.old_key_until = held.live.stream_key, self._clock() + timedelta(seconds=overlap)
        held.live = replace(held.live, stream_key=secrets.token_hex(self._key_bytes))
        return self._settled(uid).live

    async def delete_input(self, uid: str) -> None:
        await self._called("delete_input")
        held = self._settled(uid)
        if held.phase in ON_AIR:
            self._end(held, "deleted")
        del self._books.inputs[uid]

    async def state(self, uid: str) -> InputState:
        self.calls["state"] += 1
        await asyncio.sleep(0)
        if self._outage is not None and not self._outage.answers_state:
            raise self._outage.failure()
        held = self._settled(uid)
        waiting = held.phase is Phase.CONNECTING and held.since is not None
        return InputState(
            phase=held.phase,
            is_connected=self._publishing(held),
            is_watchable=held.phase in ON_AIR and held.watchable_since is not None,
            seconds_until_watchable=self._countdown(held) if waiting else 0.0,
            as_of=self._clock(),
            since=held.since,
            reason=held.reason,
            degraded=self._outage is not None,
        )

    async def health(self, uid: str) -> InputHealth:
        await self._called("health")
        held = self._settled(uid)
        connected = self._publishing(held)
        return replace(held.health or InputHealth(measured=True, connected=connected), connected=connected)

    async def recordings(
        self, input_uid: str, *, after: RecordingPosition | None = None, limit: int = 25
    ) -> list[Recording]:
        await self._called("recordings")
        if input_uid in self._books.inputs:
            self._settled(input_uid)
        theirs = (each for each in self._books.recordings.values() if each.input_uid == input_uid)
        newest_first = sorted(theirs, key=lambda each: (each.created, each.uid), reverse=True)
        if after is not None:
            newest_first = [each for each in newest_first if (each.created, each.uid) < (after.created, after.uid)]
        return newest_first[: max(1, min(limit, MAX_PAGE))]

    async def recording(self, uid: str) -> Recording:
        await self._called("recording")
        try:
            return self._books.recordings[uid]
        except KeyError:
            raise RecordingNotFound(uid) from None

    # Inside.

    async def _called(self, method: str) -> None:
        """Every call gives way once, as a real one does, so that races between callers show."""
        self.calls[method] += 1
        await asyncio.sleep(0)
        if self._outage is not None:
            raise self._outage.failure()

    def _make(self, request: InputRequest) -> LiveInput:
        self._judge(request.options)
        uid = secrets.token_hex(16)
        live = LiveInput(
            uid=uid,
            rtmps_url=self.rtmps_url,
            stream_key=secrets.token_hex(self._key_bytes),
            playback=self.playback(uid),
            options=request.options,
            created=self._clock(),
        )
        self._books.by_request[request.request_id] = uid
        self._books.inputs[uid] = _Held(live, request.name)
        return live

    def _judge(self, options: InputOptions) -> None:
        if not 0 <= options.reconnect_timeout <= MAX_RECONNECT_TIMEOUT:
            raise OptionRefused("reconnect_timeout", f"must be between 0 and {MAX_RECONNECT_TIMEOUT} seconds")
        for option, rule in self._refused.items():
            if option != "overlap" and getattr(options, option) != getattr(InputOptions(), option):
                raise OptionRefused(option, rule)

    def _held(self, uid: str) -> _Held:
        try:
            return self._books.inputs[uid]
        except KeyError:
            raise InputNotFound(uid) from None

    def _settled(self, uid: str) -> _Held:
        """The input after what time alone has done to it: a key that ran out, a reconnect window that passed."""
        held = self._held(uid)
        if self._publishing(held) and held.encoder_key not in self._keys(held):
            self._enter(held, Phase.RECONNECTING, "key_rotated")
            self._tell(EventKind.LOST, uid)
        window = timedelta(seconds=held.live.options.reconnect_timeout)
        if held.phase is Phase.RECONNECTING and held.since is not None and self._clock() >= held.since + window:
            self._end(held, held.reason)
        return held

    def _keys(self, held: _Held) -> set[str | None]:
        """The keys that work now."""
        old_works = held.old_key_until is not None and self._clock() < held.old_key_until
        return {held.live.stream_key, held.old_key} if old_works else {held.live.stream_key}

    def _publishing(self, held: _Held) -> bool:
        return held.phase in ON_AIR and held.phase is not Phase.RECONNECTING

    def _countdown(self, held: _Held) -> float:
        waited = (self._clock() - held.since).total_seconds() if held.since else 0.0
        return max(1.0, TIME_TO_WATCHABLE - waited)

    def _enter(self, held: _Held, phase: Phase, reason: str | None = None) -> None:
        held.phase, held.since, held.reason = phase, self._clock(), reason

    def _end(self, held: _Held, reason: str | None) -> Recording | None:
        began, held.watchable_since = held.watchable_since, None
        self._enter(held, Phase.ENDED, reason)
        self._tell(EventKind.ENDED, held.live.uid)
        if began is None:
            return None
        uid = secrets.token_hex(16)
        recording = Recording(
            uid=uid,
            input_uid=held.live.uid,
            name=held.name,
            created=began,
            modified=self._clock(),
            size=1_000_000,
            duration=(self._clock() - began).total_seconds(),
            width=1280,
            height=720,
            playback=self.playback(uid),
        )
        self._books.recordings[uid] = recording
        self._tell(EventKind.RECORDING_READY, held.live.uid, uid)
        return recording

    def _tell(self, kind: EventKind, uid: str, recording_uid: str | None = None) -> None:
        event = ProviderEvent(kind, uid, self._clock(), recording_uid)
        for listener in self._listeners:
            listener(event)
