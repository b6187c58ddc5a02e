"""The status board: the status of every watched channel, held in memory.

    visitor ─▶ find ─▶ Snapshot                                  no await: a dictionary lookup
                         ▲
    one task per channel: timer, provider event, new visitor ─▶ store, provider, viewer window

The first visitor of a channel waits for it to load, and so do all that arrive meanwhile. The task ends after a while without polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from uuid import UUID

from cachetools import TTLCache

from providers.base import InputNotFound, InputState, InputUid, Provider, ProviderEvent, Spawn
from service.clock import Clock
from service.domain.audience.viewer_window import ViewerCount, ViewerWindow
from service.domain.entities import LiveSummary
from service.domain.errors import DomainError, NotFound, Unavailable, provider_errors
from service.domain.identifiers import read_uuid
from service.domain.status.ports import StreamLookup
from service.domain.status.refresh_schedule import RefreshSchedule
from service.domain.status.stream_status import (
    broadcast_began_ms,
    never_streamed,
    status_of,
    until_next_second,
)
from service.domain.status.summaries import Summaries, SummaryLimits
from service.domain.status.watched import Key, Snapshot, Watched


@dataclass(frozen=True, slots=True)
class BoardLimits:
    """All waits (in seconds) and sizes of the board."""

    refresh_every: float = 1.0
    """The longest time between two refreshes of a channel."""
    refresh_together: int = 50
    """Channels refreshed at the same time, so that their counts share one round trip to Redis. More are split into groups."""
    shortest_step: float = 0.1
    """The shortest wait for a refresh that steps a countdown: the estimate stands still while the encoder sends nothing."""
    reload_every: float = 5.0
    """Between two reads of the channel's live input from the store. While it has none, it is read at every refresh."""
    recount_after: float = 0.05
    """Delay between a new visitor's first heartbeat and the recount, so that several are counted in one query."""
    long_pause: float = 60.0
    """A refresh that is later than this says that the process was paused for so long that viewers leave the window."""
    hold_count: float = 15.0
    """Time after such a pause in which counts do not fall, for players to poll again."""
    unasked_refreshes: int = 60
    """Refreshes without a poll before a channel is dropped."""
    max_watched: int = 2_000
    """Channels on the board. Over the limit, the one polled longest ago is dropped."""
    max_loading: int = 500
    """Channels waiting to be loaded. Over the limit, visitors get a 503 with Retry-After."""
    loads_at_once: int = 16
    """Channels loaded at the same time."""
    load_timeout: float = 3.0
    """For the store and the provider to answer, and for a visitor to wait."""
    unknown_for: float = 1.5
    """How long a channel that does not exist is not looked up again."""
    max_unknown: int = 10_000
    """Missing channels remembered."""
    summaries: SummaryLimits = field(default_factory=SummaryLimits)
    """Of streams that are not on the board."""


class StatusBoard:
    """Holds and refreshes the status of watched channels. `clock`: the clock of the viewer window."""

    def __init__(
        self,
        streams: StreamLookup,
        provider: Provider,
        viewers: ViewerWindow,
        spawn: Spawn,
        clock: Clock,
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
        self._by_uid: dict[InputUid, Watched] = {}
        self._slots = asyncio.Semaphore(self._limits.loads_at_once)
        self._summaries = Summaries(provider, viewers, spawn, clock, self._limits.summaries)
        self._loop = asyncio.get_running_loop()
        self._schedule = RefreshSchedule(self._limits.refresh_every, self._limits.refresh_together, self._loop.time())
        provider.listen(self._handle_event)

    # Called for each poll.

    def find(self, organization_id: str, channel_id: str) -> Watched | None:
        """Return the channel if it is on the board (ids as canonical UUIDs). Never waits."""
        watched = self._watched.get((organization_id, channel_id))
        if watched is not None:
            watched.asked = True
        return watched

    async def watch(self, organization_id: str, channel_id: str) -> Watched:
        """Return the channel, loaded if it is not on the board yet.

        Raises:
            NotFound: There is no such channel.
            Unavailable: Its state is not known within `load_timeout`.
        """
        key = (str(read_uuid(organization_id)), str(read_uuid(channel_id)))
        watched = self.find(*key)
        if watched is not None:
            return watched
        if key in self._unknown:
            raise NotFound
        watched = self._loading.get(key) or self._load(key)
        try:
            async with asyncio.timeout(self._limits.load_timeout):
                # Shielded: a client that gives up must not cancel the load that others wait for.
                failure = await asyncio.shield(watched.loaded)
        except TimeoutError:
            raise Unavailable("The state of the stream is not known yet.", retry_after=1.0) from None
        if failure is not None:
            raise failure
        return watched

    def heartbeat(self, watched: Watched, visitor_id: str, *, new_visitor: bool = False) -> None:
        """Count the visitor, if there is something to watch.

        `new_visitor`: recount soon, without waiting for the next refresh.
        """
        if watched.input_uid is None or not watched.snapshot.status.is_watchable:
            return
        self._viewers.seen(watched.input_uid, visitor_id, self._clock.unix_ms())
        if new_visitor and not watched.recount:
            watched.recount = True
            self._loop.call_later(self._limits.recount_after, watched.wake.set)

    async def states(self, uids: Sequence[InputUid]) -> dict[InputUid, LiveSummary]:
        """See `service.domain.status.ports.StateView`. Channels that are not on the board are read now."""
        known = {
            uid: watched.snapshot.summary()
            for uid in uids
            if (watched := self._by_uid.get(uid)) is not None and watched.loaded.done()
        }
        asked = await self._summaries.of([uid for uid in uids if uid not in known])
        for uid in (uid for uid, summary in asked.items() if summary.lost):
            await self._streams.input_lost(uid)
        return known | asked

    # Called by the rest of the service.

    def changed(self, organization_id: UUID, channel_id: UUID) -> None:
        """Refresh a channel at once that was created or deleted, or has another live input."""
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

    # One task per channel.

    def _handle_event(self, event: ProviderEvent) -> None:
        """Refresh on the provider's event, without waiting for the timer."""
        watched = self._by_uid.get(event.input_uid)
        if watched is not None:
            watched.refresh_soon()

    def _load(self, key: Key) -> Watched:
        if len(self._loading) >= self._limits.max_loading:
            raise Unavailable("Too many streams are being loaded.", retry_after=1.0)
        now = self._clock.now()
        unknown = Snapshot(status_of(never_streamed(now), None, now), ViewerCount(0, self._clock.unix_ms()))
        watched = self._loading[key] = Watched(key, self._loop.create_future(), unknown)
        watched.task = self._spawn(self._keep(watched), name=f"status of channel {key[1]}")
        return watched

    async def _keep(self, watched: Watched) -> None:
        """Load a channel, then refresh it until it is no longer polled."""
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
            # A result, not an exception: asyncio would log one that no request is left to read.
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
            planned = watched.due
            with suppress(TimeoutError):
                async with asyncio.timeout_at(watched.due):
                    await watched.wake.wait()
            if 0.0 < planned < self._loop.time() - self._limits.long_pause:
                watched.hold_until = self._loop.time() + self._limits.hold_count
            # Before the work, not after it: what happens meanwhile wakes the task once more.
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
            # The one that was not polled for longest. Only over the limit, so the walk does not matter.
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

    def _set_input(self, watched: Watched, input_uid: InputUid | None) -> None:
        if watched.input_uid == input_uid:
            return
        if watched.input_uid is not None:
            self._by_uid.pop(watched.input_uid, None)
        if input_uid is not None:
            self._by_uid[input_uid] = watched
        watched.input_uid = input_uid
        # The last state belongs to the other live input.
        watched.state = None

    def _remember_unknown(self, watched: Watched) -> None:
        if watched.reload_due == 0.0:
            return  # it changed while it was loaded
        self._unknown[watched.key] = None

    # One refresh: the live input, its state, its viewers.

    async def _refresh(self, watched: Watched) -> None:
        """Read the live input, the state and the count.

        Raises:
            NotFound: The channel does not exist.
            Unavailable: The store or the provider does not answer in time.
        """
        # Set before reading, so that a slow provider does not stretch the interval.
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
            return  # the store is unavailable: go on with the known live input
        if found is None:
            raise NotFound
        self._set_input(watched, found.input_uid)

    async def _state(self, watched: Watched) -> InputState:
        if watched.input_uid is None:
            return never_streamed(self._clock.now())
        try:
            with provider_errors():
                return await self._provider.state(watched.input_uid)
        except InputNotFound:
            watched.reload_due = 0.0
            await self._streams.input_lost(watched.input_uid)
            return never_streamed(self._clock.now())

    def _publish_last_known(self, watched: Watched) -> None:
        """Publish the last state as degraded. A live input that has just replaced another one has no last state."""
        state = watched.state or never_streamed(self._clock.now())
        self._publish(watched, replace(state, degraded=True))

    def _publish(self, watched: Watched, state: InputState) -> None:
        """Publish the state at once, before the count is known. While there is nothing to watch, the count is 0."""
        watched.state = state
        now = self._clock.now()
        status = status_of(state, watched.snapshot.status, now)
        if (step := until_next_second(status, state, now)) is not None:
            # A countdown that steps with the refreshes only would be up to a second late.
            watched.due = min(watched.due, self._loop.time() + max(step, self._limits.shortest_step))
        viewers = watched.snapshot.viewers if status.is_watchable else ViewerCount(0, self._clock.unix_ms())
        watched.publish(Snapshot(status, viewers))

    async def _count(self, watched: Watched) -> None:
        """Count the viewers. A change of state ends the wait for a slow Redis; the refresh that follows counts again."""
        uid = watched.input_uid
        if uid is None or not watched.snapshot.status.is_watchable:
            return  # there is nothing to watch, and `_publish` has set the count to 0
        try:
            async with watched.until_changed():
                viewers = await self._viewers.count(uid, self._clock.unix_ms(), broadcast_began_ms(watched.state))
        except TimeoutError:
            return
        if self._loop.time() < watched.hold_until:
            viewers = max(watched.snapshot.viewers, viewers, key=lambda each: each.value)
        watched.publish(Snapshot(watched.snapshot.status, viewers))
