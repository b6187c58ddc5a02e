"""Build what follows the provider in the background: the writers of the event log, and the session keeper, which reads it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

from providers.base import Provider, Spawn
from service.api.stream_changes import reported
from service.clock import Clock
from service.domain.audience.log import AudienceLog
from service.domain.audience.viewer_window import ViewerWindow
from service.domain.events.retention import EventRetention, RetentionLimits
from service.domain.health.health_watch import HealthWatch
from service.domain.status.ports import StateView
from service.domain.streams.broadcasts import Broadcasts
from service.domain.streams.session_keeper import SessionKeeper
from service.store import Store


@dataclass(frozen=True, slots=True)
class LogWriters:
    """Call `start` once the provider runs."""

    broadcasts: Broadcasts
    keeper: SessionKeeper
    health_watch: HealthWatch
    retention: EventRetention

    def start(self) -> None:
        """Start all background tasks."""
        self.broadcasts.start()
        self.keeper.start()
        self.health_watch.start()
        self.retention.start()

    async def settled(self) -> None:
        """Return when all events of the provider so far have been written, and have opened and closed their sessions."""
        await self.broadcasts.settled()
        await self.keeper.settled()


def log_writers(
    store: Store,
    provider: Provider,
    states: StateView,
    viewers: ViewerWindow,
    spawn: Spawn,
    clock: Clock,
    audience: AudienceLog,
    keep: timedelta,
    stack: AsyncExitStack,
) -> LogWriters:
    """Build them; `stack` closes them. `keep`: how long events are kept."""
    writers = LogWriters(
        Broadcasts(provider, store.sessions, store.broadcasts, store, spawn, clock),
        SessionKeeper(
            store.sessions, store, store.positions, reported, provider, states, viewers, spawn, clock, audience
        ),
        HealthWatch(provider, store.sessions, store.findings, store, spawn),
        EventRetention(store.events, clock, spawn, RetentionLimits(keep=keep)),
    )
    for part in (writers.retention, writers.health_watch, writers.keeper, writers.broadcasts):
        stack.push_async_callback(part.aclose)
    provider.listen(writers.broadcasts.handle_event)
    writers.broadcasts.listen(writers.keeper.wake)
    writers.broadcasts.await_sessions(writers.keeper.settled)
    return writers
