"""The in-memory provider.

A test publishes with `connect`, `make_watchable`, `drop` and `end`, and makes it unavailable with `fail`. Time is the clock
it was given; nothing happens in the background.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from providers.base import (
    MAX_PAGE,
    EventKind,
    EventListener,
    InputGone,
    InputNotFound,
    InputOptions,
    InputRequest,
    InputState,
    InputUid,
    KeptRecording,
    LiveInput,
    Phase,
    Playback,
    ProviderError,
    ProviderEvent,
    ProviderUnavailable,
    Recording,
    RecordingList,
    RecordingNotFound,
    RecordingPosition,
)
from providers.health import InputHealth, RecordingState
from providers.memory.faults import Faults, Outage, Refusal
from providers.memory.held import HeldInput


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class _Data:
    """Live inputs by uid, and uids by request id. `on_air`: uids of inputs with a broadcast."""

    inputs: dict[InputUid, HeldInput] = field(default_factory=dict)
    by_request: dict[str, InputUid] = field(default_factory=dict)
    recordings: dict[str, Recording] = field(default_factory=dict)
    on_air: set[InputUid] = field(default_factory=set)


class MemoryProvider:
    """Implements `providers.base.Provider` in memory.

    `calls` counts the port's methods by name. A test puts the recordings that are watched into `watched`.
    """

    name = "memory"
    accepts_encoders = False

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
        self._data = _Data()
        self._listeners: list[EventListener] = []
        self._faults = Faults()
        self.calls: Counter[str] = Counter()
        self.watched: set[str] = set()

    # What the test does to it.

    def connect(self, uid: InputUid, stream_key: str | None = None) -> bool:
        """Connect an encoder with `stream_key` (None: the right one). Return False when it is refused."""
        held = self._settled(uid)
        given = held.live.stream_key if stream_key is None else stream_key
        if not held.live.enabled or given not in held.keys(self._clock()) or held.publishing:
            return False
        held.encoder_key = given
        held.enter(Phase.CONNECTING if held.watchable_since is None else Phase.LIVE, self._clock())
        self._data.on_air.add(uid)
        self._notify(EventKind.CONNECTED, uid)
        return True

    def make_watchable(self, uid: InputUid) -> None:
        """Provide the first segment, so that players can play."""
        held = self._settled(uid)
        if held.phase is not Phase.CONNECTING:
            raise ValueError(f"nothing becomes watchable while {held.phase}")
        held.watchable_since = self._clock()
        held.enter(Phase.LIVE, self._clock())
        self._notify(EventKind.WATCHABLE, uid)

    def drop(self, uid: InputUid, reason: str = "client_disconnect") -> None:
        """Disconnect the encoder; the broadcast ends `reconnect_timeout` seconds later."""
        held = self._settled(uid)
        if not held.publishing:
            raise ValueError(f"no encoder to lose while {held.phase}")
        held.enter(Phase.RECONNECTING, self._clock(), reason)
        self._notify(EventKind.LOST, uid)

    def measure(self, uid: InputUid, health: InputHealth | None) -> None:
        """Set the input's health; None: nothing is known."""
        self._held(uid).measured = health

    def stop_recording(self, uid: InputUid) -> None:
        """Stop the recording, as on a nearly full disk; the broadcast goes on."""
        self._held(uid).recording_state = RecordingState.STOPPED_DISK_FULL

    def end(self, uid: InputUid, reason: str | None = None) -> Recording | None:
        """End the broadcast; its recording, if it was watchable, is ready at once."""
        held = self._settled(uid)
        if not held.on_air:
            raise ValueError(f"no broadcast to end while {held.phase}")
        return self._end(held, reason)

    def fail(
        self, reason: str = "switched off by the test", *, retry_after: float = 5.0, answers_state: bool = False
    ) -> None:
        """Make every call raise ProviderUnavailable; with `answers_state`, `state` returns its last answer, degraded."""
        self._faults.outage = Outage(lambda: ProviderUnavailable(reason, retry_after=retry_after), answers_state)

    def raise_provider_error(self, reason: str = "refused by the test") -> None:
        """Make every call raise a bare ProviderError, as for an unexpected refusal; `recover` undoes it."""
        self._faults.outage = Outage(lambda: ProviderError(reason))

    def recover(self) -> None:
        """Undo `fail` and `raise_provider_error`."""
        self._faults.outage = None

    def refuse(self, option: str, rule: str, *, accepted: Any = None) -> None:
        """Decline every value of this option except `accepted` (None: the default)."""
        self._faults.refusals[option] = Refusal(
            rule, getattr(InputOptions(), option, 0) if accepted is None else accepted
        )

    @property
    def input_uids(self) -> list[InputUid]:
        """Return every live input, oldest first, including orphans."""
        return list(self._data.inputs)

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

    def routes(self) -> tuple[()]:
        return ()

    def metrics(self) -> tuple[()]:
        return ()

    def playback(self, uid: str) -> Playback:
        return Playback.under(f"{self._playback_url}/{uid}")

    async def ensure_input(self, request: InputRequest) -> LiveInput:
        await self._called("ensure_input")
        uid = self._data.by_request.get(request.request_id)
        if uid is None:
            return self._make(request)
        if uid not in self._data.inputs:
            raise InputGone(request.request_id)
        return self._data.inputs[uid].live

    async def get_input(self, uid: InputUid) -> LiveInput:
        await self._called("get_input")
        held = self._held(uid)
        return replace(held.live, recording=held.recording_state if held.on_air else None)

    async def update_input(self, uid: InputUid, options: InputOptions) -> LiveInput:
        await self._called("update_input")
        held = self._held(uid)
        held.live = replace(
            held.live, options=self._faults.check_options(options, options.changed_from(held.live.options))
        )
        return held.live

    async def set_enabled(self, uid: InputUid, enabled: bool) -> LiveInput:
        await self._called("set_enabled")
        held = self._settled(uid)
        held.live = replace(held.live, enabled=enabled)
        if not enabled and held.on_air:
            self._end(held, "disabled")
        return held.live

    async def rotate_key(self, uid: InputUid, overlap: int = 0) -> LiveInput:
        await self._called("rotate_key")
        self._faults.check_overlap(overlap)
        self._settled(uid).rotate(secrets.token_hex(self._key_bytes), self._clock(), overlap)
        return self._settled(uid).live

    async def delete_input(self, uid: InputUid) -> None:
        await self._called("delete_input")
        held = self._settled(uid)
        if held.on_air:
            self._end(held, "deleted")
        del self._data.inputs[uid]

    async def state(self, uid: InputUid) -> InputState:
        self.calls["state"] += 1
        await asyncio.sleep(0)
        self._faults.raise_outage(asked_for_state=True)
        return self._settled(uid).state(self._clock(), degraded=self._faults.outage is not None)

    def on_air(self) -> Mapping[InputUid, Phase]:
        self.calls["on_air"] += 1
        self._faults.raise_outage(asked_for_state=True)
        settled = {uid: self._settled(uid) for uid in list(self._data.on_air)}
        return {uid: held.phase for uid, held in settled.items() if held.on_air}

    def is_elsewhere(self, uid: InputUid) -> bool:
        """Return False: every process can report what happens."""
        return False

    async def health(self, uid: InputUid) -> InputHealth:
        await self._called("health")
        return self._settled(uid).health()

    async def recordings(
        self, input_uid: InputUid, *, after: RecordingPosition | None = None, limit: int = 25
    ) -> RecordingList:
        await self._called("recordings")
        if input_uid in self._data.inputs:
            self._settled(input_uid)
        theirs = (each for each in self._data.recordings.values() if each.input_uid == input_uid)
        newest_first = sorted(theirs, key=lambda each: (each.created, each.uid), reverse=True)
        if after is not None:
            newest_first = [each for each in newest_first if (each.created, each.uid) < (after.created, after.uid)]
        return RecordingList(newest_first[: max(1, min(limit, MAX_PAGE))])

    async def recording(self, uid: str) -> Recording:
        await self._called("recording")
        try:
            return self._data.recordings[uid]
        except KeyError:
            raise RecordingNotFound(uid) from None

    def kept_recordings(self) -> list[KeptRecording]:
        self._faults.raise_outage()
        return [
            KeptRecording(each.uid, each.input_uid, each.created, each.size or 0, each.uid in self.watched)
            for each in self._data.recordings.values()
        ]

    async def delete_recording(self, uid: str) -> None:
        await self._called("delete_recording")
        if self._data.recordings.pop(uid, None) is None:
            raise RecordingNotFound(uid)

    # Inside.

    async def _called(self, method: str) -> None:
        """Count the call and yield to the event loop once, as a real one does, so that races show."""
        self.calls[method] += 1
        await asyncio.sleep(0)
        self._faults.raise_outage()

    def _make(self, request: InputRequest) -> LiveInput:
        options = self._faults.check_options(request.options, request.insisted)
        uid = InputUid(secrets.token_hex(16))
        live = LiveInput(
            uid=uid,
            rtmps_url=self.rtmps_url,
            stream_key=secrets.token_hex(self._key_bytes),
            playback=self.playback(uid),
            options=options,
            created=self._clock(),
        )
        self._data.by_request[request.request_id] = uid
        self._data.inputs[uid] = HeldInput(live, request.name)
        return live

    def _held(self, uid: InputUid) -> HeldInput:
        try:
            return self._data.inputs[uid]
        except KeyError:
            raise InputNotFound(uid) from None

    def _settled(self, uid: InputUid) -> HeldInput:
        """Return the input after time-based changes: an expired key, an expired reconnect window."""
        held = self._held(uid)
        if held.has_stale_encoder(self._clock()):
            held.enter(Phase.RECONNECTING, self._clock(), "key_rotated")
            self._notify(EventKind.LOST, uid)
        if held.has_waited_enough(self._clock()):
            self._end(held, held.reason)
        return held

    def _end(self, held: HeldInput, reason: str | None) -> Recording | None:
        began, held.watchable_since = held.watchable_since, None
        held.recording_state = RecordingState.ON
        held.enter(Phase.ENDED, self._clock(), reason)
        self._data.on_air.discard(held.live.uid)
        self._notify(EventKind.ENDED, held.live.uid)
        if began is None:
            return None
        uid = secrets.token_hex(16)
        recording = self._data.recordings[uid] = held.recording(uid, self.playback(uid), began, self._clock())
        self._notify(EventKind.RECORDING_READY, held.live.uid, uid)
        return recording

    def _notify(self, kind: EventKind, uid: InputUid, recording_uid: str | None = None) -> None:
        event = ProviderEvent(kind, uid, self._clock(), recording_uid)
        for listener in self._listeners:
            listener(event)
