"""States of live inputs: reads them on request, polls those on air, and emits an event for each change.

The delivery host's /lifecycle is read each time (it is not counted against the budget); the API only when it can report a change.
While Cloudflare is unavailable the last good answer is returned, marked degraded, for up to `max_stale`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from cachetools import LRUCache

from providers.base import (
    EventKind,
    EventListener,
    InputNotFound,
    InputState,
    InputUid,
    ProviderError,
    ProviderEvent,
    ProviderUnavailable,
)
from providers.cloudflare import mapping
from providers.cloudflare.freshness import Freshness, Trigger
from providers.cloudflare.state_rules import (
    ClosedByUs,
    Tracked,
    compose,
    contradicts,
    explained,
    happened,
    hinted,
    overruled,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StateLimits:
    """Ages, waits in seconds, and counts."""

    state_ttl: timedelta = timedelta(seconds=1)
    """An answer this fresh is given again."""
    connection_ttl: timedelta = timedelta(seconds=15)
    """Maximum age of the connection from the API while the input is on air."""
    idle_connection_ttl: timedelta = timedelta(seconds=60)
    """The same while it is not: webhooks wake us, so this is only for where none are configured."""
    max_stale: timedelta = timedelta(minutes=5)
    """A last good answer older than this is not given any more."""
    recording_wait: timedelta = timedelta(minutes=10)
    """How long a recording is waited for; Cloudflare says within 60 s."""
    gone_ttl: timedelta = timedelta(seconds=15)
    """An unknown input is not requested again for this long: a viewer that polls it would cost a request a second."""
    follow_interval: float = 5.0
    """Time between polls of inputs on air that no client requests."""
    api_timeout: float = 2.0
    """Time the API has to report a connection; after that the delivery host's answer is used alone. Visitors wait for it, and an
    API that accepts a request and never answers must not hide a stream that can be watched."""
    max_tracked: int = 10_000
    """Live inputs remembered."""
    max_followed: int = 500
    """Live inputs followed at once."""
    followed_at_once: int = 10
    """Followed inputs that are polled at the same time."""
    max_reported: int = 1_000
    """Recordings remembered as already reported."""


class Source(Protocol):
    """What `States` needs of Cloudflare; implemented by `Account`."""

    async def deliver(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of a GET on the delivery host. Errors: ProviderUnavailable."""

    async def input_shape(self, uid: InputUid, *, polling: bool = False) -> mapping.Shape:
        """Return the live input. Errors: InputNotFound, ProviderUnavailable."""

    async def video(self, uid: str, *, polling: bool = False) -> mapping.Shape | None:
        """Return the video, or None. Errors: ProviderUnavailable."""


class States:
    """All tracked inputs of one account."""

    def __init__(self, source: Source, clock: Callable[[], datetime], limits: StateLimits | None = None) -> None:
        self._limits = limits or StateLimits()
        self._source = source
        self._clock = clock
        self._tracked: LRUCache[InputUid, Tracked] = LRUCache(self._limits.max_tracked)
        self._followed: set[InputUid] = set()
        self._reported: LRUCache[str, None] = LRUCache(self._limits.max_reported)
        self._gone: LRUCache[InputUid, datetime] = LRUCache(self._limits.max_tracked)
        self._wake_up = asyncio.Event()
        self.listeners: list[EventListener] = []

    async def state(self, uid: InputUid) -> InputState:
        """Return the state of a live input. Errors: InputNotFound, ProviderUnavailable."""
        now = self._clock()
        gone_at = self._gone.get(uid)
        if gone_at is not None and _age(gone_at, now) < self._limits.gone_ttl:
            raise InputNotFound(uid)
        tracked = self._track(uid)
        async with tracked.lock:
            now = self._clock()
            if tracked.answer is not None and _is_fresh(tracked, now, self._limits.state_ttl):
                return tracked.answer
            try:
                await self._refresh(tracked, now)
            except InputNotFound:
                self.ended(uid)
                raise
            except ProviderError as failure:
                _degrade(tracked, now, failure, self._limits.max_stale)
            if tracked.answer is None:
                raise ProviderUnavailable("Cloudflare has not reported the state yet.")
            return tracked.answer

    def wake(self, uid: InputUid) -> None:
        """Have the API read again soon: the input may have changed."""
        self._gone.pop(uid, None)
        self._track(uid).move(Trigger.CHANGED)
        self._follow(uid)

    def closed_by_us(self, uid: InputUid, reason: str) -> None:
        """Record that our own change disconnects the encoder: it explains a loss that follows."""
        tracked = self._track(uid)
        if tracked.answer is not None and tracked.answer.is_connected:
            tracked.closed_by_us = ClosedByUs(reason, self._clock())
        self.wake(uid)

    def encoder_error(self, uid: InputUid, code: str) -> None:
        """Record an error of the encoder; it is shown as the reason until the next connection."""
        self._track(uid).encoder_error = code
        self.wake(uid)

    def recorded(self, uid: InputUid, video_uid: str) -> None:
        """Check whether a changed video of this input is ready."""
        if video_uid not in self._reported:
            self._track(uid).recordings.setdefault(video_uid, self._clock())
            self._follow(uid)

    def ended(self, uid: InputUid) -> None:
        """End a deleted input's broadcast and drop the input; only its recording is still awaited."""
        self._gone[uid] = self._clock()
        gone = self._tracked.pop(uid, None)
        if gone is None:
            return
        if gone.on_air:
            self._notify(EventKind.ENDED, uid)
        if gone.video_uid is not None:
            gone.recordings.setdefault(gone.video_uid, self._clock())
        self._followed.discard(uid)
        if gone.recordings:
            self._track(uid).recordings.update(gone.recordings)
            self._follow(uid)

    async def follow(self) -> None:
        """Poll inputs on air and pending recordings until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._limits.follow_interval):
                    await self._wake_up.wait()
            except TimeoutError:
                pass
            self._wake_up.clear()
            await self.poll_followed()

    async def poll_followed(self) -> None:
        """Poll every followed input once."""
        uids = sorted(self._followed)
        size = self._limits.followed_at_once
        for start in range(0, len(uids), size):
            await asyncio.gather(*(self._poll(uid) for uid in uids[start : start + size]))

    async def _poll(self, uid: InputUid) -> None:
        tracked = self._track(uid)
        try:
            await self.state(uid)
        except InputNotFound:
            tracked = self._track(uid)
            tracked.freshness = Freshness.CURRENT  # there is nothing to read
        except ProviderError:
            return  # the next look comes by itself
        await self._find_recordings(tracked)
        if not tracked.on_air and not tracked.recordings and not tracked.freshness.is_outdated:
            self._followed.discard(uid)

    async def _refresh(self, tracked: Tracked, now: datetime) -> None:
        unavailable: ProviderUnavailable | None = None
        if tracked.connection is None:
            # First the API: it knows whether the input is there at all, and teaches the delivery host's name.
            try:
                await self._read_connection(tracked, now)
            except ProviderUnavailable as failure:
                unavailable = failure
        status, lifecycle = await self._source.deliver(f"/{tracked.uid}/lifecycle")
        video_uid, hint = (mapping.live_video(lifecycle), hinted(lifecycle)) if status == 200 else (None, None)
        if unavailable is not None:
            # The delivery host alone shows what can be watched; an account's list of inputs outgrows the request budget.
            if status != 200:
                raise unavailable
            tracked.freshness = Freshness.UNCONFIRMED
        else:
            # Known to be out of date from now on, also if the API cannot be asked.
            vanished = tracked.is_input and status == 404
            if vanished or contradicts(tracked, video_uid, hint):
                tracked.move(Trigger.CHANGED)
            if self._has_changed(tracked, video_uid, status, now):
                await self._read_connection(tracked, now)
        tracked.is_input = status != 404
        self._settle(tracked, video_uid, hint, now)

    def _has_changed(self, tracked: Tracked, video_uid: str | None, status: int, now: datetime) -> bool:
        """Return whether the API can know more than we do; its answer costs a request of the budget."""
        if tracked.freshness.is_outdated or tracked.connection is None or tracked.connection_read is None:
            return True
        on_air = tracked.on_air or video_uid or status != 200
        age = self._limits.connection_ttl if on_air else self._limits.idle_connection_ttl
        return _age(tracked.connection_read, now) >= age

    async def _read_connection(self, tracked: Tracked, now: datetime) -> None:
        before = tracked.freshness
        tracked.move(Trigger.STARTED)
        try:
            shape = await self._input_shape(tracked.uid)
        except BaseException as failure:
            outdated = before.is_outdated or tracked.freshness is Freshness.OVERTAKEN
            if isinstance(failure, ProviderUnavailable) and tracked.connection is not None:
                # Keep the known connection; it is degraded if it is out of date or old.
                old = tracked.connection_read is None or _age(tracked.connection_read, now) >= self._limits.max_stale
                tracked.move(Trigger.MISSED if outdated else Trigger.EXPIRED if old else Trigger.KEPT)
                return
            overtaken, tracked.freshness = tracked.freshness is Freshness.OVERTAKEN, before
            if overtaken:
                tracked.move(Trigger.CHANGED)
            raise
        tracked.move(Trigger.ANSWERED)
        tracked.connection, tracked.connection_read = mapping.connection(shape.get("status")), now

    async def _input_shape(self, uid: InputUid) -> mapping.Shape:
        try:
            async with asyncio.timeout(self._limits.api_timeout):
                return await self._source.input_shape(uid, polling=True)
        except TimeoutError:
            raise ProviderUnavailable("Cloudflare's API does not answer in time") from None

    def _settle(self, tracked: Tracked, video_uid: str | None, hint: bool | None, now: datetime) -> None:
        before, connection = tracked.answer, tracked.connection or mapping.Connection(None)
        if before is not None and connection.connected and not before.is_connected:
            tracked.encoder_error = tracked.closed_by_us = None
        if tracked.video_uid != video_uid:
            tracked.video_changed = now
        connection = explained(overruled(tracked, connection, video_uid, hint), tracked.closed_by_us, now)
        after = replace(
            compose(before, connection, video_uid, tracked.encoder_error, now), degraded=tracked.freshness.is_degraded
        )
        other_video = None not in (tracked.video_uid, video_uid) and tracked.video_uid != video_uid
        if tracked.video_uid is not None and tracked.video_uid != video_uid:
            tracked.recordings.setdefault(tracked.video_uid, now)
        tracked.video_uid, tracked.answer, tracked.asked = video_uid, after, now
        if tracked.on_air or tracked.recordings:
            self._follow(tracked.uid, soon=False)
        for kind in happened(before, after, other_video=other_video):
            self._notify(kind, tracked.uid)

    async def _find_recordings(self, tracked: Tracked) -> None:
        for video_uid, since in list(tracked.recordings.items()):
            try:
                shape = await self._source.video(video_uid, polling=True)
            except ProviderError:
                return
            ready = shape is not None and mapping.is_ready(shape)
            if ready and video_uid not in self._reported:
                self._reported[video_uid] = None
                self._notify(EventKind.RECORDING_READY, tracked.uid, video_uid)
            if ready or shape is None or self._clock() - since >= self._limits.recording_wait:
                tracked.recordings.pop(video_uid, None)

    def _track(self, uid: InputUid) -> Tracked:
        tracked = self._tracked.get(uid)
        if tracked is None:
            if len(self._tracked) >= self._limits.max_tracked:
                dropped, _ = self._tracked.popitem()
                self._followed.discard(dropped)
            tracked = self._tracked[uid] = Tracked(uid)
        return tracked

    def _follow(self, uid: InputUid, *, soon: bool = True) -> None:
        if len(self._followed) < self._limits.max_followed:
            self._followed.add(uid)
        if soon:
            self._wake_up.set()

    def _notify(self, kind: EventKind, uid: InputUid, recording_uid: str | None = None) -> None:
        event = ProviderEvent(kind, uid, self._clock(), recording_uid)
        for listener in self.listeners:
            listener(event)


def _is_fresh(tracked: Tracked, now: datetime, ttl: timedelta) -> bool:
    """Return whether the answer may be reused; one from an outage also after a wake-up, or every poll would send a request."""
    degraded = tracked.answer is not None and tracked.answer.degraded
    return (
        tracked.asked is not None and _age(tracked.asked, now) < ttl and (degraded or not tracked.freshness.is_outdated)
    )


def _age(since: datetime, now: datetime) -> timedelta:
    """Return the time since or until that moment; one in the future means that the clock was set back."""
    return abs(now - since)


def _degrade(tracked: Tracked, now: datetime, failure: ProviderError, max_stale: timedelta) -> None:
    """Keep the last good answer if it is not too old. Raise the failure when there is none."""
    if tracked.answer is None or now - tracked.answer.as_of > max_stale:
        raise failure if isinstance(failure, ProviderUnavailable) else ProviderUnavailable(str(failure)) from failure
    if not tracked.answer.degraded:
        log.warning("cloudflare unavailable, serving last known state", input=tracked.uid, reason=str(failure))
    tracked.answer, tracked.asked = replace(tracked.answer, degraded=True), now
