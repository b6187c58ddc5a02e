"""Writes what the provider reports to the log of events: once each, in order, and also what a stop of the service interrupted.

    provider event ─▶ waiting (memory) ─▶ one task: owner, state ─▶ one transaction: the event, the status, the list's state
    start, overflow ─▶ reconcile: the provider's states against the last reports in the store ─▶ the same

The store keeps the last report of each input. A report that says the same again is dropped, from another node or after a restart.
Events that wait while the store is unavailable are lost with the process, but the next start compares the states. So what they
report is written then, with the time of the present state.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from providers.base import (
    EventKind,
    InputNotFound,
    InputState,
    InputUid,
    Phase,
    Provider,
    ProviderEvent,
    Recording,
    RecordingNotFound,
    Spawn,
)
from service.clock import Clock
from service.domain.errors import Unavailable, provider_errors
from service.domain.events.ports import Transactions
from service.domain.status.stream_status import never_streamed, status_of
from service.domain.streams.changes import BroadcastReported, RecordingAdded
from service.domain.streams.place import place
from service.domain.streams.ports import BroadcastStore, StreamTransaction
from service.domain.streams.session import SessionStore, StreamSession
from service.domain.streams.sessions import EARLY, session_at

log = structlog.get_logger(__name__)

ON_AIR_KINDS = frozenset({EventKind.CONNECTED, EventKind.WATCHABLE, EventKind.LOST})
STATE_KINDS = ON_AIR_KINDS | {EventKind.ENDED}
"""The kinds that say in which state the input is. The last one of them is stored."""

MEANS_NOTHING_NEW: dict[EventKind, set[EventKind | None]] = {
    EventKind.CONNECTED: {EventKind.CONNECTED, EventKind.WATCHABLE},
    EventKind.WATCHABLE: {EventKind.WATCHABLE},
    EventKind.LOST: {EventKind.LOST, EventKind.ENDED, None},
    EventKind.ENDED: {EventKind.ENDED, None},
}
"""For each kind, the last reports after which it is a repetition."""


@dataclass(frozen=True, slots=True)
class BroadcastLimits:
    """Counts, and times in seconds unless they are a timedelta."""

    max_waiting: int = 10_000
    """Events that wait while the store is unavailable. Over the limit, they are dropped, and all states are compared afterwards."""
    retry_after: float = 2.0
    """Time until an event is written again after the store or the provider was unavailable."""
    max_compared: int = 1_000
    """Inputs whose states are compared at one time."""
    recordings_of: timedelta = timedelta(days=1)
    """After a start, recordings of broadcasts that ended at most this long ago are looked up."""
    session_wait: float = 10.0
    """Longest wait for the session of a recording to be opened. Its event names no session after that."""


class Broadcasts:
    """Register `handle_event` at the provider, then call `start` once the provider runs."""

    def __init__(
        self,
        provider: Provider,
        sessions: SessionStore,
        store: BroadcastStore,
        transactions: Transactions[StreamTransaction],
        spawn: Spawn,
        clock: Clock,
        limits: BroadcastLimits | None = None,
    ) -> None:
        self._provider = provider
        self._sessions = sessions
        self._store = store
        self._transactions = transactions
        self._spawn = spawn
        self._clock = clock
        self._limits = limits or BroadcastLimits()
        self._waiting: deque[ProviderEvent] = deque()
        self._compare = True
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._sessions_settled: Callable[[], Awaitable[None]] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """The number of events that are not written yet."""
        return len(self._waiting)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` from now on, whenever events were written. It must return at once and must not raise."""
        self._listeners.append(listener)

    def await_sessions(self, settled: Callable[[], Awaitable[None]]) -> None:
        """Call `settled` before a recording without a session is written. It returns when all events so far have their sessions."""
        self._sessions_settled = settled

    def start(self) -> None:
        """Start the background task, which begins with comparing the states."""
        self._work.set()
        self._task = self._spawn(self._run(), name="broadcast events")

    async def aclose(self) -> None:
        """Stop. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def handle_event(self, event: ProviderEvent) -> None:
        """Take a provider's event. See `providers.base.EventListener`."""
        if event.elsewhere:
            return
        if len(self._waiting) >= self._limits.max_waiting:
            log.warning("broadcast events dropped, states will be compared", count=len(self._waiting))
            self._waiting.clear()
            self._compare = True
        self._waiting.append(event)
        self._idle.clear()
        self._work.set()

    async def settled(self) -> None:
        """Return when all events so far have been written."""
        await self._idle.wait()

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._write_all()
            except Unavailable as failure:
                await asyncio.sleep(max(self._limits.retry_after, failure.retry_after or 0.0))
                self._work.set()
            else:
                if not self._waiting:
                    self._idle.set()

    async def _write_all(self) -> None:
        if self._compare:
            await self.reconcile()
            self._compare = False
        while self._waiting:
            # Removed only once it is written: it stays first in line while the store is unavailable.
            await self.write(self._waiting[0])
            self._waiting.popleft()

    async def write(self, event: ProviderEvent) -> None:
        """Write what one event says, unless the log has it. Errors: Unavailable."""
        owner = await self._sessions.input_owner(event.input_uid)
        if owner is None:
            return
        if event.kind is EventKind.RECORDING_READY:
            if event.recording_uid is not None:
                with suppress(RecordingNotFound):
                    with provider_errors():
                        recording = await self._provider.recording(event.recording_uid)
                    await self._write_recording(owner, recording)
            return
        # Before the transaction, which must not wait for the provider.
        state = await self._state(event.input_uid)
        status = status_of(state, None, self._clock.now())
        async with self._transactions.transaction() as tx:
            last = await tx.broadcasts.last_report(event.input_uid)
            if last in MEANS_NOTHING_NEW.get(event.kind, set()):
                return
            if event.kind in STATE_KINDS:
                await tx.broadcasts.note_report(event.input_uid, self._provider.name, event.kind, event.at)
            tx.record(BroadcastReported(await place(tx.channels, *owner), event, status))
        self._notify()

    async def reconcile(self) -> None:
        """Write the reports of a process that died before it wrote them, as far as the states show them. Errors: Unavailable."""
        for event in await self._missed():
            await self.write(event)
        since = self._clock.now() - self._limits.recordings_of
        ended = await self._store.reported(
            self._provider.name, frozenset({EventKind.ENDED}), since, self._limits.max_compared
        )
        for uid in ended:
            owner = await self._sessions.input_owner(uid)
            with provider_errors():
                recordings = await self._provider.recordings(uid)
            for recording in reversed(recordings):
                if owner is not None and recording.created >= since:
                    await self._write_recording(owner, recording)

    async def _missed(self) -> list[ProviderEvent]:
        """Return the events that lead from the last reports to the present states. Repetitions among them are dropped later."""
        known = await self._store.reported(self._provider.name, ON_AIR_KINDS, BEGINNING, self._limits.max_compared)
        with provider_errors():
            on_air = self._provider.on_air() or {}
        waiting = {event.input_uid: event for event in reversed(self._waiting)}
        events = []
        for uid in dict.fromkeys([*known, *on_air]):
            if self._provider.is_elsewhere(uid):
                continue
            if (first := waiting.get(uid)) is not None:  # what waits says where the state comes from
                if uid in known and first.kind is EventKind.CONNECTED:
                    events.append(ProviderEvent(EventKind.LOST, uid, first.at))
                continue
            state = await self._state(uid)
            at = state.since or self._clock.now()
            events += [ProviderEvent(kind, uid, at) for kind in _leading_to(state)]
        return events

    async def _state(self, uid: InputUid) -> InputState:
        try:
            with provider_errors():
                return await self._provider.state(uid)
        except InputNotFound:
            return never_streamed(self._clock.now())

    async def _write_recording(self, owner: tuple[UUID, UUID], recording: Recording) -> None:
        session = await self._session_of(owner[1], recording)
        if session is None and self._sessions_settled is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.session_wait):
                    await self._sessions_settled()
            session = await self._session_of(owner[1], recording)
        async with self._transactions.transaction() as tx:
            where = await place(tx.channels, *owner)
            tx.record(RecordingAdded(where, recording, None if session is None else session.id))
        self._notify()

    async def _session_of(self, channel_id: UUID, recording: Recording) -> StreamSession | None:
        found = await self._sessions.sessions_between(channel_id, recording.created, recording.created + EARLY, 10)
        return session_at(recording.created, found)

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()


BEGINNING = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _leading_to(state: InputState) -> list[EventKind]:
    """Return the events after which an input is in this state."""
    if state.phase in (Phase.OFFLINE, Phase.ENDED):
        return [EventKind.ENDED]
    if state.phase is Phase.RECONNECTING:
        return [EventKind.LOST]
    return [EventKind.CONNECTED, *([EventKind.WATCHABLE] if state.is_watchable else [])]
