"""Messages between nodes over one pub/sub channel of Redis: what waits is sent in one pipeline, and what arrives is handed on.

Messages are lost while Redis is unavailable. What needs them must also find out in another way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from providers.base import Spawn

log = structlog.get_logger(__name__)

FAILURES = (RedisError, OSError, TimeoutError)
"""The errors of an unavailable Redis."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class RedisChannelLimits:
    """Times in seconds, and counts."""

    socket_timeout: float = 1.0
    """Time Redis has for one answer, and for one connection."""
    retry_after: float = 0.5
    """Time between attempts while Redis is unavailable."""
    silence: float = 15.0
    """Time without a message after which the subscription is pinged, and again until it counts as broken."""
    max_waiting: int = 10_000
    """Messages to send. Over the limit, those with new keys are dropped."""


class RedisChannel(Generic[K, V]):
    """A connection to send and one to receive.

    Args:
        url: The address of Redis.
        channel: The pub/sub channel.
        write: Adds the commands for one waiting message to a pipeline.
        receive: Called with each message, also with those of this process.
        spawn: Starts the two background tasks.
        name: Of this channel, for logs and tasks.
        limits: Times and counts.
    """

    def __init__(
        self,
        url: str,
        channel: str,
        write: Callable[[Any, K, V], None],
        receive: Callable[[bytes], None],
        spawn: Spawn,
        name: str,
        limits: RedisChannelLimits,
    ) -> None:
        self._limits = limits
        self.redis = aioredis.Redis.from_url(
            url,
            socket_timeout=limits.socket_timeout,
            socket_connect_timeout=limits.socket_timeout,
            retry=Retry(NoBackoff(), 0),
        )
        self._channel, self._name = channel, name
        self._write, self._receive = write, receive
        self.waiting: dict[K, V] = {}
        """The newest message of each key that is not sent yet."""
        self._work = asyncio.Event()
        self._unavailable = False
        self.subscribed = asyncio.Event()
        """Set while this node receives messages."""
        self._runners = [
            spawn(self._repeated(self._send), name=f"{name} sender"),
            spawn(self._repeated(self._follow), name=f"{name} receiver"),
        ]

    def send(self, key: K, message: V) -> None:
        """Send a message soon, in place of one with the same key that still waits. Never waits."""
        if key in self.waiting or len(self.waiting) < self._limits.max_waiting:
            self.waiting[key] = message
            self._work.set()

    async def aclose(self) -> None:
        """Close both connections. Safe to call twice."""
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        with suppress(*FAILURES):
            await self.redis.aclose()

    # Background tasks.

    async def _repeated(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        while True:
            try:
                await work()
            except FAILURES as failure:
                if not self._unavailable:
                    log.warning(f"{self._name} unavailable", error=type(failure).__name__)
                self._unavailable = True
                await asyncio.sleep(self._limits.retry_after)

    async def _send(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            # If the send fails these are lost. That is allowed.
            waiting, self.waiting = self.waiting, {}
            async with self.redis.pipeline(transaction=False) as pipeline:
                for key, message in waiting.items():
                    self._write(pipeline, key, message)
                await pipeline.execute()
            self._found()

    async def _follow(self) -> None:
        subscription = self.redis.pubsub()
        try:
            await subscription.subscribe(self._channel)
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
            with suppress(*FAILURES):
                await subscription.aclose()  # type: ignore[no-untyped-call]

    def _received(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "subscribe":
            self.subscribed.set()
            self._found()
        elif message["type"] == "message":
            self._receive(message["data"])

    def _found(self) -> None:
        if self._unavailable:
            log.info(f"{self._name} available again")
        self._unavailable = False
