"""What tests of the public endpoints stand on: a channel with a live input, the status board, and a clock the test moves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from providers.base import InputRequest
from providers.memory import MemoryProvider
from service.api.public_stream import PublicStream
from service.concurrency.tasks import Tasks
from service.domain.audience.new_visitors import NewVisitorLimits, NewVisitors
from service.domain.audience.viewer_window import ViewerWindow
from service.domain.errors import Unavailable
from service.domain.ports import StreamRef
from service.domain.status.board import BoardLimits, StatusBoard
from service.domain.status.watched import Watched
from service.viewers.memory import MemoryViewers
from tests.clock import Clock

UNHURRIED = BoardLimits(refresh_every=3600.0)
"""Nothing happens on the timer: whatever changes does so on an event."""


@dataclass
class Channels:
    """The store of channels, as far as the board asks for it."""

    inputs: dict[tuple[UUID, UUID], str | None] = field(default_factory=dict)
    away: bool = False
    asked: int = 0

    async def find_stream(self, organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("The store is away.")
        key = (organization_id, channel_id)
        return StreamRef(*key, self.inputs[key]) if key in self.inputs else None

    async def input_lost(self, uid: str) -> None:
        self.inputs = {key: None if held == uid else held for key, held in self.inputs.items()}


class Stage:
    """Everything put together. `channel` has a live input, `silent` never streamed."""

    def __init__(
        self,
        tasks: Tasks,
        limits: BoardLimits = UNHURRIED,
        new_visitors: NewVisitorLimits | None = None,
        viewers: ViewerWindow | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.channels = Channels()
        self.provider = MemoryProvider(clock=self.clock.now)
        self.viewers = viewers or MemoryViewers(digest_key=b"key")
        self.board = StatusBoard(self.channels, self.provider, self.viewers, tasks.spawn, self.clock, limits)
        self.public = PublicStream(
            self.board,
            NewVisitors(new_visitors),
            clock=self.clock,
            visitor_of=lambda _, bearer: bearer.removeprefix("visitor-") if bearer.startswith("visitor-") else None,
        )
        self.organization = uuid4()
        self.channel = uuid4()
        self.silent = uuid4()
        self.channels.inputs[self.organization, self.silent] = None
        self.uid = ""

    async def open(self) -> Stage:
        made = await self.provider.ensure_input(InputRequest(uuid4().hex, "owner", "name"))
        self.uid = made.uid
        self.channels.inputs[self.organization, self.channel] = made.uid
        return self

    async def watch(self, channel: UUID | None = None) -> Watched:
        return await self.board.watch(str(self.organization), str(channel or self.channel))

    def go_live(self) -> None:
        self.provider.connect(self.uid)
        self.provider.make_watchable(self.uid)

    def path(self, endpoint: str = "stream_status", channel: UUID | None = None) -> str:
        channel = channel or self.channel
        return f"/api/pub/public/v1/orgs/{self.organization}/channels/{channel}/conference/{endpoint}"
