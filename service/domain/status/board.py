"""The status board: what every watched channel's visitors are told, held in the process.

    visitor ─▶ find ─▶ Snapshot                                  no await: a dictionary look-up
                         ▲
    one task a channel: timer, provider event, new_visitor ─▶ store, provider, viewer window

The first visitor of a channel waits for one load, shared by all who ask meanwhile. The task ends when nobody has asked for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from cachetools import TTLCache

from providers.base import InputNotFound, InputState, Provider, ProviderEvent, Spawn
from service.domain.errors import DomainError, NotFound, Unavailable
from service.domain.identifiers import read_uuid
from service.domain.ports import LiveSummary, StreamLookup
from service.domain.provider_errors import provider_errors
from service.domain.status.refresh_schedule import RefreshSchedule
from service.domain.status.stream_status import never_streamed, status_of
from service.domain.status.summaries import Summaries
from service.domain.status.watched import Key, Snapshot, Watched
from service.viewers.port import ViewerCount, ViewerWindow


@dataclass(frozen=True, slots=True)
class BoardLimits:
    """Every wait (seconds) and size of the board."""

    refresh_every: float = 1.0
    """Between two looks at the provider and the viewer window, at most."""
    refresh_together: int = 50
    """Channels looked at in the same moment, so that their counts take one trip to Redis; more take turns in groups."""
    reload_every: float = 5.0
    """Between two looks at the store for the channel's live input; at every refresh while it has none."""
    recount_after: float = 0.05
    """From a newcomer to a count that includes him: the time to gather more of them."""
    unasked_refreshes: int = 60
    """Refreshes without a visitor before a channel is dropped."""
    max_watched: int = 2_000
    """Channels on the board; beyond, the one not asked for the longest time is dropped."""
    max_loading: int = 500
    """Channels waiting to come on the board; beyond, visitors are told to come back."""
    loads_at_once: int = 16
    """Channels being looked up at the same moment."""
    load_timeout: float = 3.0
    """For the store and the provider to answer, and for a visitor to wait for it."""
    unknown_for: float = 1.5
    """How long a channel that is not there is not looked for again."""
    max_unknown: int = 10_000
    """Such channels remembered."""


class StatusBoard:
    """`clock`: Unix ms, the one the viewer window uses. Safe to use until `aclose`."""

    def __init__(
        self,
        streams: StreamLookup,
        provider: Provider,
        viewers: ViewerWindow,
        spawn: Spawn,
        clock: Callable[[], int],
        limits: BoardLimits | None = None,
    ) -> None:
        self._streams = streams
        self._provider = provider
        self._viewers = viewers
        self._spawn = spawn
        self._clock = clock
        self._limits = limits or BoardLimits()
        self._watched: dict[Key, Watched] = {}
        self._loading: dict[Key, Watched] = {}
        self._unknown: TTLCache[Key, None] = TTLCache(self._limits.max_unknown, self._limits.unknown_for)
        self._by_uid: dict[str, Watched] = {}
        self._slots = asyncio.Semaphore(self._limits.loads_at_once)
        self._summaries = Summaries(provider, viewers, spawn, clock)
        self._loop = asyncio.get_running_loop()
        self._schedule = RefreshSchedule(self._limits.refresh_every, self._limits.refresh_together, self._loop.time())
        provider.listen(self._handle_event)

    # What visitors call.

    def find(self, organization_id: str, channel_id: str) -> Watched | None:
        """The channel if it is on the board (ids as canonical UUIDs). Never waits."""
        watched = self._watched.get((organization_id, channel_id))
        if watched is not None:
            watched.asked = True
        return watched

    async def watch(self, organization_id: str, channel_id: str) -> Watched:
        """The channel, put on the board if need be. Errors: NotFound, Unavailable (nothing is known within load_timeout)."""
        key = (str(read_uuid(organization_id)), str(read_uuid(channel_id)))
        watched = self.find(*key)
        if watched is not None:
            return watched
        if key in self._unknown:
            raise NotFound
        watched = self._loading.get(key) or self._load(key)
        try:
            async with asyncio.timeout(self._limits.load_timeout):
                failure = await asyncio.shield(watched.loaded)
        except TimeoutError:
            raise Unavailable("The state of the stream is not known yet.", retry_after=1.0) from None
        if failure is not None:
            raise failure
        return watched

    def heartbeat(self, watched: Watched, visitor_id: str, *, new_visitor: bool = False) -> None:
        """The visitor's player asked: he counts if there was something to watch.

        `newcomer`: the count should show him soon, without waiting for the next refresh.
        """
        if watched.input_uid is None or not watched.snapshot.status.is_watchable:
            return
        self._viewers.seen(watched.input_uid, visitor_id, self._clock())
        if new_visitor and not watched.recount:
            watched.recount = True
            self._loop.call_later(self._limits.recount_after, watched.wake.set)

    async def states(self, uids: Sequence[str]) -> dict[str, LiveSummary]:
        """`service.domain.ports.StateView`: from the board where watched, else asked for now. Errors: Unavailable."""
        known = {
            uid: watched.snapshot.summary()
            for uid in uids
            if (watched := self._by_uid.get(uid)) is not None and watched.loaded.done()
        }
        asked = await self._summaries.of([uid for uid in uids if uid not in known])
        for uid in (uid for uid, summary in asked.items() if summary.lost):
            await self._streams.input_lost(uid)
        return known | asked

    # What the rest of the service calls.

    def changed(self, organization_id: UUID, channel_id: UUID) -> None:
        """The channel was made, deleted, or has another live input: look again at once."""
        key = (str(organization_id), str(channel_id))
        self._unknown.pop(key, None)
        watched = self._watched.get(key) or self._loading.get(key)
        if watched is not None:
            watched.reload_due = 0.0
            watched.refresh_soon()

    async def aclose(self) -> None:
        """Stop refreshing. Safe to call twice."""
        tasks = [each.task for each in (*self._watched.values(), *self._loading.values()) if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, self._summaries.aclose(), return_exceptions=True)
        self._watched.clear()
        self._by_uid.clear()

    # One task a channel.

    def _handle_event(self, event: ProviderEvent) -> None:
        """Flip on the event, never on the timer."""
        watched = self._by_uid.get(event.input_uid)
        if watched is not None:
            watched.refresh_soon()

    def _load(self, key: Key) -> Watched:
        if len(self._loading) >= self._limits.max_loading:
            raise Unavailable("Too many streams are being looked up.", retry_after=1.0)
        now = self._now()
        unknown = Snapshot(status_of(never_streamed(now), None, now), ViewerCount(0, self._clock()))
        watched = self._loading[key] = Watched(key, self._loop.create_future(), unknown)
        watched.task = self._spawn(self._keep(watched), name=f"status of channel {key[1]}")
        return watched

    async def _keep(self, watched: Watched) -> None:
        """The life of a channel on the board."""
        failure: DomainError | None = Unavailable("The service is stopping.")
        try:
            async with self._slots:
                await self._refresh(watched)
            failure = None
            self._admit(watched)
        except DomainError as error:
            failure = error
        finally:
            del self._loading[watched.key]
            watched.loaded.set_result(failure)
            if failure is not None:
                self._drop(watched)
        if failure is None:
            try:
                await self._refresh_while_asked(watched)
            finally:
                self._drop(watched)
        elif isinstance(failure, NotFound):
            self._remember_unknown(watched)

    async def _refresh_while_asked(self, watched: Watched) -> None:
        while watched.unasked < self._limits.unasked_refreshes:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(watched.due):
                    await watched.wake.wait()
            watched.wake.clear()
            watched.recount = False
            if self._loop.time() < watched.due:
                await self._count(watched)
                continue
            watched.unasked = 0 if watched.asked or watched.notifier else watched.unasked + 1
            watched.asked = False
            try:
                await self._refresh(watched)
            except NotFound:
                self._remember_unknown(watched)
                return
            except Unavailable:
                self._publish_last_known(watched)

    def _admit(self, watched: Watched) -> None:
        if len(self._watched) >= self._limits.max_watched:
            oldest = max(self._watched.values(), key=lambda each: (not each.asked, each.unasked))
            self._drop(oldest)
            if oldest.task is not None:
                oldest.task.cancel()
        self._watched[watched.key] = watched

    def _drop(self, watched: Watched) -> None:
        if self._watched.get(watched.key) is watched:
            del self._watched[watched.key]
        self._set_input(watched, None)
        watched.notifier.close()

    def _set_input(self, watched: Watched, input_uid: str | None) -> None:
        if watched.input_uid == input_uid:
            return
        if watched.input_uid is not None:
            self._by_uid.pop(watched.input_uid, None)
        if input_uid is not None:
            self._by_uid[input_uid] = watched
        watched.input_uid = input_uid
        watched.state = None

    def _remember_unknown(self, watched: Watched) -> None:
        if watched.reload_due == 0.0:
            return  # it changed while it was looked for
        self._unknown[watched.key] = None

    # One refresh: where is the stream, how does it stand, who watches.

    async def _refresh(self, watched: Watched) -> None:
        """Errors: NotFound, Unavailable."""
        watched.due = self._schedule.next(watched.key, among=len(self._watched), now=self._loop.time())
        try:
            async with asyncio.timeout(self._limits.load_timeout):
                await self._reload(watched)
                state = await self._state(watched)
        except TimeoutError:
            raise Unavailable("The state of the stream could not be read in time.") from None
        self._publish(watched, state)
        await self._count(watched)

    async def _reload(self, watched: Watched) -> None:
        if watched.input_uid is not None and self._loop.time() < watched.reload_due:
            return
        watched.reload_due = self._loop.time() + self._limits.reload_every
        try:
            found = await self._streams.find_stream(UUID(watched.key[0]), UUID(watched.key[1]))
        except Unavailable:
            if watched.state is None:
                raise
            return  # the store is away: the live input is still the one it was
        if found is None:
            raise NotFound
        self._set_input(watched, found.input_uid)

    async def _state(self, watched: Watched) -> InputState:
        if watched.input_uid is None:
            return never_streamed(self._now())
        try:
            with provider_errors():
                return await self._provider.state(watched.input_uid)
        except InputNotFound:
            watched.reload_due = 0.0
            await self._streams.input_lost(watched.input_uid)
            return never_streamed(self._now())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1000, UTC)

    def _publish_last_known(self, watched: Watched) -> None:
        """Nothing is known of a live input that has just taken another's place: what was said of that one is no news of it."""
        state = watched.state or never_streamed(self._now())
        self._publish(watched, replace(state, degraded=True))

    def _publish(self, watched: Watched, state: InputState) -> None:
        """Show the state at once: a flip does not wait for the count. While there is nothing to watch the count is 0."""
        watched.state = state
        status = status_of(state, watched.snapshot.status, self._now())
        viewers = watched.snapshot.viewers if status.is_watchable else ViewerCount(0, self._clock())
        watched.publish(Snapshot(status, viewers))

    async def _count(self, watched: Watched) -> None:
        """A Redis that is slow to answer holds up no flip: then the count comes with the look that follows."""
        uid = watched.input_uid
        if uid is None or not watched.snapshot.status.is_watchable:
            return  # there is nothing to watch, and `_publish` has said so
        try:
            async with watched.until_changed():
                viewers = await self._viewers.count(uid, self._clock())
        except TimeoutError:
            return
        watched.publish(Snapshot(watched.snapshot.status, viewers))
