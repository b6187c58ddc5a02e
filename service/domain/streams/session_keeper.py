"""Opens and closes stream sessions on the provider's events, and counts their audience.

    log of events: reports after the stored position ─▶ one task, in order: connected opens, ended closes
    every `sample_every` ─▶ running sessions ─▶ the board's count (peak), the viewer window's visitors (unique), a missed end

**Unique viewers are exact.** The viewer window keeps each visitor for two minutes after the last heartbeat, and is read several
times in that time, so no visitor is missed. The digests are stored under the key (session, visitor), so that each counts once,
also over restarts of the service and of Redis, and with any number of processes. Polls are not affected. At most `max_visitors` per
session are stored. When the session ends, only their number is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from providers.base import (
    EventKind,
    InputNotFound,
    InputUid,
    Phase,
    Provider,
    ProviderEvent,
    ProviderUnavailable,
    Spawn,
)
from service.clock import Clock
from service.domain.audience.log import AudienceLog
from service.domain.audience.viewer_window import WINDOW_MS, ViewerWindow
from service.domain.errors import Unavailable
from service.domain.events.event import Event
from service.domain.events.ports import PositionStore, Transactions
from service.domain.status.ports import StateView
from service.domain.streams.ports import StreamTransaction
from service.domain.streams.session import RunningSession, SessionStore, StreamSession
from service.domain.streams.sessions import close_session, open_session

log = structlog.get_logger(__name__)

READER = "sessions"
"""The name of the position in the logs."""

OFF_AIR = frozenset({Phase.OFFLINE, Phase.ENDED})
SHOWN = frozenset({Phase.LIVE, Phase.RECONNECTING})


@dataclass(frozen=True, slots=True)
class KeeperLimits:
    """Counts, and times in seconds unless they are a timedelta."""

    sample_every: float = 2.0
    """Time between two samples of the running sessions."""
    audience_every: int = 7
    """The visitors are read in every so many samples: far more often than they leave the window."""
    max_running: int = 1_000
    """Running sessions that are sampled, oldest first."""
    check_every: float = 30.0
    """Time after which the log is read without a wake-up."""
    page: int = 100
    """Reports read at once."""
    retry_after: float = 2.0
    """Time until an event is handled again after the store was unavailable."""
    max_visitors: int = 1_000_000
    """Distinct visitors per session (about 100 bytes each while it runs). Later ones do not count as `unique_viewers`."""
    abandoned_after: timedelta = timedelta(seconds=60)
    """A session started by an encoder is closed if nothing is on the air this long after its start: its end was missed."""
    unused_after: timedelta = timedelta(days=1)
    """How long a session that was started over the API waits for its encoder."""


class SessionKeeper:
    """Implements `sessions.SessionCloser`. Register `wake` at `Broadcasts`, then call `start`.

    `reported` returns the provider's report in an event, or None.
    """

    def __init__(
        self,
        store: SessionStore,
        transactions: Transactions[StreamTransaction],
        positions: PositionStore,
        reported: Callable[[Event], ProviderEvent | None],
        provider: Provider,
        states: StateView,
        viewers: ViewerWindow,
        spawn: Spawn,
        clock: Clock,
        audience: AudienceLog | None = None,
        limits: KeeperLimits | None = None,
    ) -> None:
        self._limits = limits or KeeperLimits()
        self._store = store
        self._transactions = transactions
        self._positions = positions
        self._reported = reported
        self._provider = provider
        self._states = states
        self._viewers = viewers
        self._spawn = spawn
        self._clock = clock
        self._audience = audience or AudienceLog()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._noted: dict[UUID, set[bytes]] = {}
        self._peaks: dict[UUID, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the background tasks."""
        self._tasks = [
            self._spawn(self._follow_events(), name="stream session events"),
            self._spawn(self._sample_forever(), name="stream session audience"),
        ]

    async def aclose(self) -> None:
        """Stop. Running sessions continue after the next start. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def wake(self) -> None:
        """Read the log at once."""
        self._idle.clear()
        self._work.set()

    async def settled(self) -> None:
        """Return when all reports in the log have been handled."""
        await self._idle.wait()

    async def finish(self, session: StreamSession, input_uid: InputUid | None, at: datetime) -> None:
        """Count the audience for the last time, then close the session.

        Raises:
            Unavailable: The store does not answer.
        """
        await self._finish(session, input_uid, at)

    async def _finish(
        self, session: StreamSession, input_uid: InputUid | None, at: datetime, event: Event | None = None
    ) -> None:
        """Close the session; in the same transaction, note that the event is handled that says so."""
        if input_uid is not None:
            await self._note_visitors(session, input_uid)
        async with self._transactions.transaction() as tx:
            closed = await close_session(tx, session, at)
            if event is not None:
                await tx.positions.move_position(READER, event.organization_id, event.id)
        if closed:
            log.info("stream session closed", session=str(session.id), channel=str(session.channel_id))
        self._forget(session.id)

    # Events.

    async def _follow_events(self) -> None:
        while True:
            self._work.clear()
            try:
                await self._handle_reports()
            except Unavailable:
                await asyncio.sleep(self._limits.retry_after)
                continue
            if not self._work.is_set():
                self._idle.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.check_every):
                    await self._work.wait()

    async def _handle_reports(self) -> None:
        while events := await self._positions.unhandled(READER, self._limits.page):
            for event in events:
                await self._handle(event)

    async def _handle(self, event: Event) -> None:
        report = self._reported(event)
        kind = None if report is None else report.kind
        owner = None if report is None else await self._store.input_owner(report.input_uid)
        if report is not None and owner is not None and kind is EventKind.ENDED:
            running = await self._store.running_session(owner[1])
            if running is not None and running.started_at <= report.at:
                await self._finish(running, report.input_uid, report.at, event)
                return
        async with self._transactions.transaction() as tx:
            if report is not None and owner is not None and kind is EventKind.CONNECTED:
                await open_session(tx, *owner, report.at, by_encoder=True)
            await tx.positions.move_position(READER, event.organization_id, event.id)

    # The audience.

    async def _sample_forever(self) -> None:
        samples = 0
        while True:
            with suppress(Unavailable):
                await self.sample(visitors=samples % self._limits.audience_every == 0)
            samples += 1
            await asyncio.sleep(self._limits.sample_every)

    async def sample(self, *, visitors: bool) -> None:
        """Sample all running sessions, and read their visitors if requested.

        Raises:
            Unavailable: The store does not answer.
        """
        running = await self._store.running_sessions(self._limits.max_running)
        for gone in self._peaks.keys() - {each.session.id for each in running}:
            self._forget(gone)
        await asyncio.gather(*(self._sample_session(each, visitors) for each in running))

    async def _sample_session(self, running: RunningSession, visitors: bool) -> None:
        session, uid = running.session, running.input_uid
        asked = self._clock.now()  # before the count, which describes this moment or a later one
        with suppress(Unavailable):
            if uid is None:  # not created yet, or deleted with its channel
                await self._close_if_old(session, None)
                return
            summary = (await self._states.states([uid]))[uid]
            if summary.state in OFF_AIR:
                await self._close_if_over(session, uid)
            elif summary.state in SHOWN:
                if summary.counted:
                    self._audience.note(uid, self._clock.now(), summary.viewer_count)
                if visitors:
                    await self._note_visitors(session, uid)
                # The last good count of an outage may be another broadcast's.
                if summary.counted and asked >= session.started_at + timedelta(milliseconds=WINDOW_MS):
                    # Before that the board's count still holds visitors of what came before the session.
                    await self._note_peak(session, summary.viewer_count)

    async def _close_if_over(self, session: StreamSession, uid: InputUid) -> None:
        """Close a session whose end was missed: the service was not running, or the provider was unavailable."""
        try:
            state = await self._provider.state(uid)
        except (InputNotFound, ProviderUnavailable):
            return
        if state.phase not in OFF_AIR:
            return
        if state.phase is Phase.ENDED and state.since is not None and state.since >= session.started_at:
            await self.finish(session, uid, state.since)
        else:
            await self._close_if_old(session, uid)

    async def _close_if_old(self, session: StreamSession, uid: InputUid | None) -> None:
        limit = self._limits.abandoned_after if session.by_encoder else self._limits.unused_after
        if self._clock.now() >= session.started_at + limit:
            await self.finish(session, uid, self._clock.now())

    async def _note_visitors(self, session: StreamSession, uid: InputUid) -> None:
        """Store the session's visitors that are still in the window. If Redis is unavailable, this is left to the next sample."""
        now_ms = self._clock.unix_ms()
        since_ms = max(int(session.started_at.timestamp() * 1000), now_ms - WINDOW_MS)
        try:
            present = await self._viewers.visitors(uid, since_ms)
        except Unavailable:
            return
        noted = self._noted.setdefault(session.id, set())
        fresh = list(present - noted)[: max(0, self._limits.max_visitors - len(noted))]
        peak = max(len(present), self._peaks.get(session.id, 0))
        if fresh or peak > self._peaks.get(session.id, -1):
            await self._store.note_audience(session.id, peak, fresh)
            noted.update(fresh)
            self._peaks[session.id] = peak

    async def _note_peak(self, session: StreamSession, viewers: int) -> None:
        if viewers > self._peaks.get(session.id, session.peak_viewers):
            await self._store.note_audience(session.id, viewers, ())
            self._peaks[session.id] = viewers

    def _forget(self, session_id: UUID) -> None:
        self._noted.pop(session_id, None)
        self._peaks.pop(session_id, None)
