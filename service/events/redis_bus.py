"""The bus between nodes: one pub/sub channel of Redis.

A message says "organization O has events up to N" and which node sent it, because a node wakes its own readers at once. Messages
are lost while Redis is unavailable, and that is all that happens: every reader also reads the log at intervals.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import structlog
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from providers.base import Spawn
from service.domain.events.ports import CommitListener
from service.events.bus import MemoryBus

log = structlog.get_logger(__name__)

CHANNEL = "conference:events"
"""The pub/sub channel, the same for all databases of a Redis. Messages of another service wake no reader here."""

_MESSAGE = re.compile(rb"([0-9a-f]{32}) ([0-9a-f]{32}) ([0-9]{1,19})")
"""Node, organization and last id. Others are ignored."""

_FAILURES = (RedisError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class RedisBusLimits:
    """Times in seconds, and counts."""

    socket_timeout: float = 1.0
    """Time Redis has for one answer, and for one connection."""
    retry_after: float = 0.5
    """Time between attempts while Redis is unavailable."""
    silence: float = 15.0
    """Time without a message after which the subscription is pinged, and again until it counts as broken."""
    max_waiting: int = 10_000
    """Organizations with a message to send. Over the limit, messages are dropped."""


class RedisBus:
    """Implements `domain.events.ports.EventBus`."""

    def __init__(self, url: str, *, spawn: Spawn, limits: RedisBusLimits | None = None) -> None:
        self._limits = limits = limits or RedisBusLimits()
        self._redis = aioredis.Redis.from_url(
            url,
            socket_timeout=limits.socket_timeout,
            socket_connect_timeout=limits.socket_timeout,
            retry=Retry(NoBackoff(), 0),
        )
        self._here = MemoryBus()
        self._node = uuid4().hex
        self._waiting: dict[UUID, int] = {}
        self._work = asyncio.Event()
        self._unavailable = False
        self.subscribed = asyncio.Event()
        """Set while this node receives messages."""
        self._runners = [
            spawn(self._repeated(self._send), name="event bus sender"),
            spawn(self._repeated(self._receive), name="event bus receiver"),
        ]

    @property
    def waiting(self) -> int:
        """The number of organizations whose message waits for Redis."""
        return len(self._waiting)

    def publish(self, organization_id: UUID, last_id: int) -> None:
        self._here.publish(organization_id, last_id)
        if organization_id in self._waiting or len(self._waiting) < self._limits.max_waiting:
            self._waiting[organization_id] = max(last_id, self._waiting.get(organization_id, 0))
            self._work.set()

    def listen(self, listener: CommitListener) -> None:
        self._here.listen(listener)

    async def aclose(self) -> None:
        """Close both connections. Safe to call twice."""
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        await self._here.aclose()
        with suppress(*_FAILURES):
            await self._redis.aclose()

    # Background tasks.

    async def _repeated(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        while True:
            try:
                await work()
            except _FAILURES as failure:
                if not self._unavailable:
                    log.warning("event bus unavailable, other nodes poll the log", error=type(failure).__name__)
                self._unavailable = True
                await asyncio.sleep(self._limits.retry_after)

    async def _send(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            # If the send fails these are lost. That is allowed: the readers check the log at intervals.
            waiting, self._waiting = self._waiting, {}
            async with self._redis.pipeline(transaction=False) as pipeline:
                for organization_id, last_id in waiting.items():
                    pipeline.publish(CHANNEL, f"{self._node} {organization_id.hex} {last_id}")
                await pipeline.execute()
            self._found()

    async def _receive(self) -> None:
        subscription = self._redis.pubsub()
        try:
            await subscription.subscribe(CHANNEL)
            pinged = True
            while True:
                message = await subscription.get_message(timeout=self._limits.silence)
                if message is not None:
                    pinged = False
                    self._received(message)
                elif pinged:
                    raise TimeoutError
                else:
                    pinged = True
                    await subscription.ping()
        finally:
            self.subscribed.clear()
            with suppress(*_FAILURES):
                await subscription.aclose()  # type: ignore[no-untyped-call]

    def _received(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "subscribe":
            self.subscribed.set()
            self._found()
        elif message["type"] == "message" and (found := _MESSAGE.fullmatch(message["data"])):
            node, organization_id, last_id = (part.decode() for part in found.groups())
            if node != self._node:  # its own readers were woken by `publish`
                self._here.publish(UUID(organization_id), int(last_id))

    def _found(self) -> None:
        if self._unavailable:
            log.info("event bus available again")
        self._unavailable = False
