"""Who stands behind the encoders in the provider contract suite, per implementation.

A `Stage` is a started provider together with what a test needs to publish to it and to let time pass. Register a new one in
`STAGES` as an async context manager that takes the test's `Tasks`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

from providers.base import LiveInput, Phase, Provider
from providers.memory import MemoryProvider
from service.tasks import Tasks


class Stage(Protocol):
    """A provider and a hand on its encoders. What a method caused is visible in `provider.state` when it returns."""

    provider: Provider

    async def connect(self, live: LiveInput) -> bool:
        """An encoder pushes with `live.stream_key`; False when it is refused. It keeps sending until `drop` or `end`."""

    async def watchable(self, live: LiveInput) -> None:
        """Return when a player can play what the encoder sends."""

    async def drop(self, live: LiveInput) -> None:
        """Lose the encoder, within the reconnect window."""

    async def end(self, live: LiveInput) -> None:
        """Lose the encoder, if there still is one, let the window pass, and return when the recording is ready."""

    async def advance(self, seconds: float) -> None:
        """Let time pass, in the provider's eyes."""


class MovableClock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class MemoryStage:
    """The in-memory twin, driven by its own controls."""

    def __init__(self) -> None:
        self.clock = MovableClock()
        self.memory = MemoryProvider(clock=self.clock)
        self.provider: Provider = self.memory

    async def connect(self, live: LiveInput) -> bool:
        return self.memory.connect(live.uid, live.stream_key)

    async def watchable(self, live: LiveInput) -> None:
        await self.advance(2)
        if not (await self.provider.state(live.uid)).is_watchable:
            self.memory.make_watchable(live.uid)

    async def drop(self, live: LiveInput) -> None:
        await self.advance(2)
        self.memory.drop(live.uid)

    async def end(self, live: LiveInput) -> None:
        await self.advance(2)
        if (await self.provider.state(live.uid)).phase is not Phase.RECONNECTING:
            self.memory.drop(live.uid)
        await self.advance(live.options.reconnect_timeout)
        await self.provider.state(live.uid)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)


@asynccontextmanager
async def memory_stage(tasks: Tasks) -> AsyncIterator[Stage]:
    stage = MemoryStage()
    await stage.provider.start()
    yield stage
    await stage.provider.aclose()


STAGES: dict[str, Callable[[Tasks], AbstractAsyncContextManager[Stage]]] = {"memory": memory_stage}
