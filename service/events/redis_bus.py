"""The bus between nodes: one pub/sub channel of Redis.

A message says "organization O has events up to N" and which node sent it, because a node wakes its own readers at once. Messages
are lost while Redis is unavailable, and that is all that happens: every reader also reads the log at intervals.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

from providers.base import Spawn
from service.domain.events.ports import CommitListener
from service.events.bus import MemoryBus
from service.events.redis_channel import RedisChannel, RedisChannelLimits

CHANNEL = "conference:events"
"""The pub/sub channel, the same for all databases of a Redis. Messages of another service wake no reader here."""

_MESSAGE = re.compile(rb"([0-9a-f]{32}) ([0-9a-f]{32}) ([0-9]{1,19})")
"""Node, organization and last id. Others are ignored."""

RedisBusLimits = RedisChannelLimits


class RedisBus:
    """Implements `domain.events.ports.EventBus`."""

    def __init__(self, url: str, *, spawn: Spawn, limits: RedisBusLimits | None = None) -> None:
        self._here = MemoryBus()
        self._node = uuid4().hex
        self._channel = RedisChannel[UUID, int](
            url, CHANNEL, self._write, self._received, spawn, "event bus", limits or RedisBusLimits()
        )
        self.subscribed = self._channel.subscribed
        """Set while this node receives messages."""

    @property
    def waiting(self) -> int:
        """The number of organizations whose message waits for Redis."""
        return len(self._channel.waiting)

    def publish(self, organization_id: UUID, last_id: int) -> None:
        self._here.publish(organization_id, last_id)
        self._channel.send(organization_id, max(last_id, self._channel.waiting.get(organization_id, 0)))

    def listen(self, listener: CommitListener) -> None:
        self._here.listen(listener)

    async def aclose(self) -> None:
        """Close both connections. Safe to call twice."""
        await self._channel.aclose()
        await self._here.aclose()

    def _write(self, pipeline: Any, organization_id: UUID, last_id: int) -> None:
        pipeline.publish(CHANNEL, f"{self._node} {organization_id.hex} {last_id}")

    def _received(self, message: bytes) -> None:
        if (found := _MESSAGE.fullmatch(message)) is None:
            return
        node, organization_id, last_id = (part.decode() for part in found.groups())
        if node != self._node:  # its own readers were woken by `publish`
            self._here.publish(UUID(organization_id), int(last_id))
