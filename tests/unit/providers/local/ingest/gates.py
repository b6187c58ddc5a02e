"""Publish gates for tests: they keep what came."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from providers.local.flv.tag import FlvTag, TagKind
from providers.local.ports.publishing import PublishRequest
from providers.local.ports.refusals import MediaRefused, PublishRefused, Refusal


@dataclass
class Recorded:
    """A publication that keeps its tags, and refuses when `take` says so."""

    request: PublishRequest
    take: Callable[[FlvTag], None] = lambda tag: None
    tags: list[FlvTag] = field(default_factory=list)
    refusals: list[MediaRefused] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    collect: float = 0.1

    def media(self, tag: FlvTag) -> None:
        self.tags.append(tag)
        self.grown.set()
        self.take(tag)

    def refused(self, refusal: MediaRefused) -> None:
        self.refusals.append(refusal)

    def ended(self, reason: str) -> None:
        self.reasons.append(reason)
        self.over.set()

    def frames(self, kind: TagKind) -> list[bytes]:
        """Coded frames alone, without sequence headers (AVCPacketType and AACPacketType 1)."""
        return [tag.payload for tag in self.tags if tag.kind == kind and tag.payload[1] == 1]

    async def has(self, count: int) -> None:
        """Wait for `count` tags."""
        while len(self.tags) < count:
            self.grown.clear()
            await self.grown.wait()


async def nothing(_request: PublishRequest) -> None:
    """Wait for nothing."""


@dataclass
class RecordingGate:
    """Accepts `key` only. `before` and `after` run around the decision: they may wait or raise."""

    key: str = "secret"
    before: Callable[[PublishRequest], Awaitable[None]] = nothing
    after: Callable[[PublishRequest], Awaitable[None]] = nothing
    take: Callable[[FlvTag], None] = lambda tag: None
    requests: list[PublishRequest] = field(default_factory=list)
    publications: list[Recorded] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def admit(self, request: PublishRequest) -> Recorded:
        self.requests.append(request)
        self.asked.set()
        await self.before(request)
        if request.stream_key != self.key:
            raise PublishRefused(Refusal.UNKNOWN_KEY, "No stream has this key: copy it again.")
        publication = Recorded(request, self.take)
        self.publications.append(publication)
        self.begun.set()
        await self.after(request)
        return publication

    async def first(self) -> Recorded:
        """Wait for the first publication."""
        await self.begun.wait()
        return self.publications[0]
