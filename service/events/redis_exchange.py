"""What nodes send each other of their broadcasts: a key for each state, which expires, and a pub/sub channel for the changes."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from uuid import uuid4

from providers.base import InputUid, Spawn
from providers.local.ownership.exchange import EXPIRES_AFTER, ExchangeListener
from service.events.redis_channel import FAILURES, RedisChannel, RedisChannelLimits

CHANNEL = "conference:broadcasts"
"""The pub/sub channel. Nodes of another service know none of the inputs."""

MAX_STATE = 4096
"""Bytes of a state that is accepted."""

_MESSAGE = re.compile(rb"([0-9a-f]{32}) ([0-9A-Za-z_-]{1,64})(?: (.{0,%d}))?" % MAX_STATE, re.DOTALL)
"""Node, input, and its state unless the input was changed. Others are ignored."""


class RedisExchange:
    """Implements `providers.local.ownership.exchange.Exchange`."""

    def __init__(self, url: str, *, spawn: Spawn, limits: RedisChannelLimits | None = None) -> None:
        self._node = uuid4().hex
        self._listeners: list[ExchangeListener] = []
        self._channel = RedisChannel[tuple[InputUid, bool], str](
            url, CHANNEL, self._write, self._received, spawn, "exchange of states", limits or RedisChannelLimits()
        )
        self.subscribed = self._channel.subscribed
        """Set while this node receives messages."""

    def publish(self, input_uid: InputUid, state: str) -> None:
        self._channel.send((input_uid, True), state)

    def changed(self, input_uid: InputUid) -> None:
        self._channel.send((input_uid, False), "")

    async def states(self, input_uids: Collection[InputUid]) -> dict[InputUid, str]:
        wanted = list(input_uids)
        if not wanted:
            return {}
        try:
            found: list[Any] = await self._channel.redis.mget([_key(uid) for uid in wanted])
        except FAILURES:
            return {}
        return {uid: state.decode() for uid, state in zip(wanted, found, strict=True) if state is not None}

    def listen(self, listener: ExchangeListener) -> None:
        self._listeners.append(listener)

    async def aclose(self) -> None:
        """Close both connections. Safe to call twice."""
        await self._channel.aclose()

    def _write(self, pipeline: Any, key: tuple[InputUid, bool], state: str) -> None:
        input_uid, is_state = key
        if is_state and state:
            pipeline.set(_key(input_uid), state, px=round(EXPIRES_AFTER * 1000))
        elif is_state:
            pipeline.delete(_key(input_uid))
        pipeline.publish(CHANNEL, f"{self._node} {input_uid}" + (f" {state}" if is_state else ""))

    def _received(self, message: bytes) -> None:
        if (found := _MESSAGE.fullmatch(message)) is None:
            return
        node, input_uid, state = found.groups()
        if node.decode() != self._node:
            for listener in self._listeners:
                listener(InputUid(input_uid.decode()), None if state is None else state.decode(errors="replace"))


def _key(input_uid: InputUid) -> str:
    return f"conference:broadcast:{{{input_uid}}}"
