"""The stage of the tests: live inputs on the in-memory provider, the status board, and a clock that the test moves.

`Stage` has what all of them need. `PublicStage` adds the public endpoints, over a store of channels that a test can make fail;
`StoredStage` adds the streams of a real store.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from providers.base import InputRequest, InputUid
from providers.memory import MemoryProvider
from service.api.public_stream import PublicStream
from service.api.stream_changes import reported
from service.concurrency.tasks import Tasks
from service.domain.audience.log import AudienceLog
from service.domain.audience.new_visitors import NewVisitorLimits, NewVisitors
from service.domain.audience.viewer_window import ViewerWindow
from service.domain.entities import Channel
from service.domain.errors import Unavailable
from service.domain.status.board import BoardLimits, StatusBoard
from service.domain.status.ports import StreamLookup, StreamRef
from service.domain.status.watched import Watched
from service.domain.streams.broadcasts import BroadcastLimits, Broadcasts
from service.domain.streams.public_info import PublicStreamInfo
from service.domain.streams.queries import QueryLimits, StreamQueries
from service.domain.streams.session_keeper import KeeperLimits, SessionKeeper
from service.domain.streams.streams import Streams
from service.store import Store
from service.viewers.memory import MemoryViewers
from tests.clock import Clock

UNHURRIED = BoardLimits(refresh_every=3600.0)
"""Nothing happens on the timer: whatever changes does so on an event."""


class Stage:
    """A provider, viewers and the board on one clock. `uid` is the live input of most tests."""

    uid: InputUid

    def __init__(self, clock: Clock | None = None, viewers: ViewerWindow | None = None) -> None:
        self.clock = clock or Clock()
        self.provider = MemoryProvider(clock=self.clock.now)
        self.viewers = viewers or MemoryViewers(digest_key=b"key")

    def new_board(self, lookup: StreamLookup, tasks: Tasks, limits: BoardLimits) -> StatusBoard:
        return StatusBoard(lookup, self.provider, self.viewers, tasks.spawn, self.clock, limits)

    def go_live(self, uid: InputUid | None = None) -> None:
        """Connect an encoder and make its broadcast watchable."""
        self.provider.connect(uid or self.uid)
        self.provider.make_watchable(uid or self.uid)

    def heartbeat(self, *visitors: str) -> None:
        """Count visitors of the live input, now."""
        for visitor in visitors:
            self.viewers.seen(self.uid, visitor, self.clock.unix_ms())


@dataclass
class ChannelLookup:
    """The store of channels, as far as the board asks for it."""

    inputs: dict[tuple[UUID, UUID], InputUid | None] = field(default_factory=dict)
    away: bool = False
    asked: int = 0

    async def find_stream(self, organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("The store is not available.")
        key = (organization_id, channel_id)
        return StreamRef(*key, self.inputs[key]) if key in self.inputs else None

    async def input_lost(self, uid: InputUid) -> None:
        self.inputs = {key: None if held == uid else held for key, held in self.inputs.items()}


class PublicStage(Stage):
    """The public endpoints of two channels: `channel` has a live input, `silent` never streamed. Call `open` before use."""

    def __init__(
        self,
        tasks: Tasks,
        limits: BoardLimits = UNHURRIED,
        new_visitors: NewVisitorLimits | None = None,
        viewers: ViewerWindow | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(clock, viewers)
        self.channels = ChannelLookup()
        self.board = self.new_board(self.channels, tasks, limits)
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

    async def open(self) -> PublicStage:
        """Create the live input."""
        made = await self.provider.ensure_input(InputRequest(uuid4().hex, "owner", "name"))
        self.uid = made.uid
        self.channels.inputs[self.organization, self.channel] = made.uid
        return self

    async def watch(self, channel: UUID | None = None) -> Watched:
        return await self.board.watch(str(self.organization), str(channel or self.channel))

    def path(self, endpoint: str = "stream_status", channel: UUID | None = None) -> str:
        channel = channel or self.channel
        return f"/api/pub/public/v1/orgs/{self.organization}/channels/{channel}/conference/{endpoint}"


class StagedKeeper(SessionKeeper):
    """A session keeper, and what writes the log that it reads."""

    broadcasts: Broadcasts

    def start(self) -> None:
        self.broadcasts.start()
        super().start()

    async def settled(self) -> None:
        await self.broadcasts.settled()
        await super().settled()

    async def sessions_settled(self) -> None:
        await super().settled()

    async def aclose(self) -> None:
        await self.broadcasts.aclose()
        await super().aclose()


class StoredStage(Stage):
    """The streams of a store, their queries and what the public sees of them. Close it after use."""

    def __init__(
        self, store: Store, tasks: Tasks, limits: BoardLimits = UNHURRIED, queries: QueryLimits | None = None
    ) -> None:
        super().__init__()
        self.store, self.tasks = store, tasks
        self.streams = Streams(self.provider, store.channels, store.claims, store, self.clock)
        self.board = self.new_board(self.streams, tasks, limits)
        self.queries = StreamQueries(self.provider, store.claims, store.recordings, self.board, queries)
        self.public_info = PublicStreamInfo(self.provider, store.channels, store.claims, self.queries)
        self.streams.listen(self.public_info.changed)

    async def aclose(self) -> None:
        await self.board.aclose()

    def keeper(
        self, limits: KeeperLimits | None = None, *, listen: bool = True, audience: AudienceLog | None = None
    ) -> SessionKeeper:
        """Return a session keeper, as a process of its own has it. `listen`: it gets the provider's events."""
        limits = limits or KeeperLimits()
        broadcasts = Broadcasts(
            self.provider,
            self.store.sessions,
            self.store.broadcasts,
            self.store,
            self.tasks.spawn,
            self.clock,
            BroadcastLimits(retry_after=limits.retry_after),
        )
        made = StagedKeeper(
            self.store.sessions,
            self.store,
            self.store.positions,
            reported,
            self.provider,
            self.board,
            self.viewers,
            self.tasks.spawn,
            self.clock,
            audience,
            limits,
        )
        made.broadcasts = broadcasts
        broadcasts.listen(made.wake)
        broadcasts.await_sessions(made.sessions_settled)
        if listen:
            self.provider.listen(broadcasts.handle_event)
        return made

    async def input(self, channel: Channel) -> InputUid:
        """Create the channel's live input a minute later; return its uid."""
        self.clock.advance(60)
        return (await self.streams.ensure(channel)).input.uid

    def broadcast(self, uid: InputUid) -> str:
        """Broadcast for a minute; return the recording's uid."""
        self.go_live(uid)
        self.clock.advance(60)
        recording = self.provider.end(uid)
        assert recording is not None
        return recording.uid
