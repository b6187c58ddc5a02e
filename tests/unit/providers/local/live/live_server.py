"""A registry of broadcasts on a real storage and the test's clock, and the encoders that publish to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from providers.base import InputOptions, Phase, ProviderEvent, Spawn
from providers.local.flv.tag import FlvTag
from providers.local.live.registry import BroadcastRegistry
from providers.local.live.transcoding import Transcoding
from providers.local.ownership.keeper import ClaimKeeper, NodeName
from providers.local.ownership.memory import MemoryOwnership
from providers.local.ownership.port import DEAD_AFTER
from providers.local.ports.inputs import MemoryInputStore, StoredInput
from providers.local.ports.publishing import Publication, PublishRequest
from providers.local.ports.refusals import MediaRefused, Refusal
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import DiskBackend
from providers.local.storage.port import StorageBackend
from providers.local.storage.recordings import RecordingCatalog
from providers.local.storage.storage import Storage, StorageLimits
from providers.local.transcoder.renditions import parse_renditions
from providers.local.transcoder.slots import TranscodeSlots
from tests.clock import Clock

INPUT = "cd" * 16
KEY = "key"


class Store(MemoryInputStore):
    """An input store that can be unavailable, and that can run a hook while it looks a key up."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.meanwhile: list[Callable[[], object]] = []

    async def by_key(self, stream_key: str) -> StoredInput | None:
        found = await super().by_key(stream_key)
        while self.meanwhile:
            self.meanwhile.pop()()
        return found

    async def change(self, uid: str, **changes: object) -> StoredInput | None:  # type: ignore[override]
        if self.away:
            raise ConnectionError("the store is not available")
        return await super().change(uid, **changes)  # type: ignore[arg-type]

    def put(self, stored: StoredInput) -> None:
        """Replace an input, as another process does."""
        self._inputs[stored.uid] = stored


class LiveServer:
    """BroadcastRegistry of one input, on a clock of our own; every encoder sends one stream after another."""

    def __init__(
        self, folder: Path, spawn: Spawn, limits: StorageLimits | None = None, backend: StorageBackend | None = None
    ) -> None:
        self.folder, self.spawn = folder, spawn
        self._limits = limits or StorageLimits(min_free=0)
        self._backend = backend or DiskBackend(folder, sync=False)
        self.clock = Clock()
        self.store = Store()
        self.events: list[ProviderEvent] = []
        self.recordings = RecordingCatalog()
        self.closed: list[Refusal] = []
        self.renditions = "source"
        self.node = "main"
        self.ownership = MemoryOwnership(self.clock.unix, DEAD_AFTER)
        self.broadcasts = self.new_registry()

    def other_node(self, folder: Path, name: str = "other") -> LiveServer:
        """Return another node with a disk of its own and the same store, registry and clock."""
        other = LiveServer(folder, self.spawn, self._limits)
        other.clock, other.store, other.ownership, other.node = self.clock, self.store, self.ownership, name
        other.broadcasts = other.new_registry()
        return other

    def new_registry(self) -> BroadcastRegistry:
        """Return a registry on the same files, as a new process has."""
        transcoding = Transcoding(parse_renditions(self.renditions), TranscodeSlots(0), self.spawn)
        self.claims = ClaimKeeper(self.ownership, NodeName(self.node), self.spawn, self.clock.monotonic)
        self.storage = storage = Storage(self._backend, self._limits)
        return BroadcastRegistry(
            storage,
            self.recordings,
            self.store,
            transcoding,
            self.spawn,
            self.events.append,
            self.claims,
            clock=self.clock.unix,
            monotonic=self.clock.monotonic,
        )

    async def add_input(self, uid: str = INPUT, key: str = KEY, **options: int) -> StoredInput:
        stored = StoredInput(
            uid=uid,
            request_id=uid,
            owner="channel",
            name="Lesson",
            stream_key=key,
            options=InputOptions(**options),
            created=self.clock.now(),
        )
        return await self.store.add(stored)

    async def connect(self, key: str = KEY, app: str = "live") -> Publication:
        def close(refusal: Refusal) -> None:
            self.closed.append(refusal)
            publication.ended("refused")  # as the ingest does, at once

        publication = await self.broadcasts.admit(PublishRequest(app, key, "192.0.2.1", True, "FMLE/3.0", close))
        return publication

    def send(self, publication: Publication, tags: Iterable[FlvTag]) -> None:
        for tag in tags:
            publication.media(tag)

    def refuse(self, publication: Publication, tags: Iterable[FlvTag]) -> str:
        """Send tags of which one is refused, and end as the ingest does; the sentence."""
        with pytest.raises(MediaRefused) as refused:
            self.send(publication, tags)
        publication.refused(refused.value)
        publication.ended("refused")
        return refused.value.sentence

    def move_to(self, moment: float) -> None:
        """Let time pass until this moment (Unix seconds); files have times that are finer than the clock's."""
        self.clock.advance(moment - self.clock.unix() + 1e-6)

    def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.broadcasts.check()

    async def restart(self, *, takes: float = 0.0) -> None:
        """As after a kill -9: nothing said good-bye. The start `takes` seconds from recovery until it listens."""
        self.broadcasts = self.new_registry()
        await self.broadcasts.recover()
        self.clock.advance(takes)
        self.broadcasts.listening()

    @property
    def running(self) -> Broadcast:
        broadcast = self.broadcasts.of_input(INPUT)
        assert broadcast is not None
        return broadcast

    @property
    def phase(self) -> Phase | None:
        session = self.broadcasts.session(INPUT)
        return None if session is None else session.phase
