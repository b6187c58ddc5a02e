"""The local provider: implements `providers.base.Provider` on our own ingest, packager and storage."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiohttp import web

from providers.base import (
    EventListener,
    InputNotFound,
    InputOptions,
    InputRequest,
    InputState,
    InputUid,
    KeptRecording,
    LiveInput,
    Phase,
    Playback,
    ProviderEvent,
    ProviderUnavailable,
    Recording,
    RecordingList,
    RecordingPosition,
    Spawn,
)
from providers.health import InputHealth
from providers.local import playback
from providers.local.addresses import Addresses
from providers.local.config import LocalConfig
from providers.local.ingest.server import IngestServer
from providers.local.library import Library
from providers.local.live.registry import BroadcastRegistry
from providers.local.live.transcoding import Transcoding
from providers.local.media_store import MediaStore
from providers.local.metrics import local_metrics
from providers.local.ownership.exchange import Exchange
from providers.local.ownership.keeper import ClaimKeeper, NodeName
from providers.local.ownership.memory import MemoryOwnership
from providers.local.ownership.port import Ownership
from providers.local.peers import Peers
from providers.local.playback.forward import Forwarder
from providers.local.ports.inputs import InputStore, StoredInput
from providers.local.ports.refusals import Refusal
from providers.local.recording_rows import MemoryRecordingRows, RecordingBook, RecordingRows
from providers.local.storage.errors import StorageError, StorageFull
from providers.local.storage.storage import Storage
from providers.local.tls.expiry import expires_at
from providers.local.transcoder.slots import TranscodeSlots
from providers.local.transcoder.thumbnail import Thumbnails
from providers.lock import ExclusiveLock
from providers.metrics import ProviderMetric
from providers.ranges import require_options, require_overlap

KEY_BYTES = 24
"""Random bytes of a stream key: 192 bits cannot be guessed."""


class LocalProvider:
    """Live inputs on this machine."""

    name = "local"
    accepts_encoders = True

    def __init__(
        self,
        config: LocalConfig,
        inputs: InputStore,
        spawn: Spawn,
        *,
        recording_rows: RecordingRows | None = None,
        ownership: Ownership | None = None,
        exchange: Exchange | None = None,
        node: NodeName | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start nothing yet. Without `ownership` and `exchange`, this process is the only node."""
        self._config = config
        self._inputs = inputs
        self._spawn = spawn
        self._clock = clock
        self._listeners: list[EventListener] = []
        self._known: set[InputUid] = set()
        self._addresses = Addresses(config.public_url, config.public_rtmp_host, config.rtmps_port, config.rtmp_port)
        self._watch: asyncio.Task[None] | None = None
        self._recovered = False
        self._changing = asyncio.Lock()
        what = f"The directory of the recordings {config.directory}"
        self._lock = ExclusiveLock(config.directory, what, "stop that process first")
        self._book = RecordingBook(recording_rows or MemoryRecordingRows())
        self._recordings = self._book.catalog
        self._media = MediaStore(config.directory, config.media_store, monotonic)
        self._storage = Storage(
            self._media.backend, config.storage_limits, corrected=self._recordings.add, is_known=self._book.has
        )
        slots = TranscodeSlots(config.max_transcodes)
        self._transcoding = Transcoding(config.renditions, slots, spawn, config.reads_enhanced_rtmp)
        self._node = node or NodeName()
        ownership = ownership or MemoryOwnership(clock)
        self._claims = ClaimKeeper(ownership, self._node, spawn, monotonic)
        self._broadcasts = BroadcastRegistry(
            self._storage,
            self._recordings,
            inputs,
            self._transcoding,
            spawn,
            self._notify,
            self._claims,
            clock=clock,
            monotonic=monotonic,
            low_part_target=config.low_latency_part_seconds,
        )
        clocks = {"clock": clock, "monotonic": monotonic}
        self._peers = Peers(ownership, exchange, self._claims, self._broadcasts, inputs, self._notify, spawn, **clocks)
        self._forwarder = Forwarder(self._peers, self._node.key) if exchange is not None and self._node.key else None
        self._ingest = IngestServer(self._broadcasts, spawn, config.ingest_limits)
        self._library = Library(self._broadcasts, self._storage, Thumbnails())

    # Life

    async def start(self) -> None:
        """Lock the recordings, resume interrupted broadcasts, listen, then read the finished recordings.

        Encoders are accepted before the recordings are read: a delay would be missing in theirs. Errors: LockHeld, OSError.
        """
        self._lock.acquire()
        await self._claims.start()
        await self._media.start(self._spawn)
        await self._broadcasts.recover(await self._book.read())
        host, config = self._config.rtmp_host, self._config
        self._addresses.ports["rtmps"] = await self._ingest.listen(host, config.rtmps_port, config.tls)
        if config.rtmp_port is not None:
            self._addresses.ports["rtmp"] = await self._ingest.listen(host, config.rtmp_port)
        self._broadcasts.listening()
        self._watch = self._spawn(self._broadcasts.watch(), name="broadcast clock")
        await self._peers.start()
        self._media.recovered(self._spawn)
        alone = self._node.url is None
        await self._book.load(self._storage, elsewhere=self._config.media_store is not None, alone=alone)
        self._book.start(self._spawn)
        self._recovered = True

    async def aclose(self) -> None:
        """Disconnect the encoders (they reconnect after a restart) and release the storage."""
        await self._ingest.aclose()
        if self._watch is not None:
            self._watch.cancel()
        await self._peers.aclose()
        if self._forwarder is not None:
            await self._forwarder.aclose()
        self._broadcasts.suspend()
        await self._claims.aclose()
        await self._transcoding.aclose()
        self._book.stop()
        await self._media.aclose()
        await asyncio.to_thread(self._storage.close)
        self._lock.release()

    async def check(self) -> None:
        """Raise ProviderUnavailable when no new broadcast could begin."""
        if "rtmps" not in self._addresses.ports:
            raise ProviderUnavailable("the ingest does not listen yet")
        try:
            self._storage.check_space()
        except StorageFull as full:
            raise ProviderUnavailable(str(full)) from full

    def listen(self, listener: EventListener) -> None:
        """Call `listener` on every event from now on."""
        self._listeners.append(listener)

    def routes(self) -> list[web.RouteDef]:
        """Return the playback routes, for the root of the HTTP server."""
        return playback.routes(self._library, forwarder=self._forwarder)

    # Addresses

    @property
    def rtmps_url(self) -> str:
        """Where encoders push to over TLS."""
        return self._addresses.rtmps_url

    @property
    def rtmp_url(self) -> str | None:
        """The plain port; None when it is switched off."""
        return self._addresses.rtmp_url

    def playback(self, uid: str) -> Playback:
        """Return the playback addresses of an input or a recording, in the form of Cloudflare's."""
        return self._addresses.playback(uid)

    # Live inputs

    async def ensure_input(self, request: InputRequest) -> LiveInput:
        """Return the live input made for the request id; make it if there is none. Errors: InputGone, OptionRefused."""
        require_options(request.options)
        stored = await self._inputs.add(
            StoredInput(
                uid=InputUid(uuid4().hex),
                request_id=request.request_id,
                owner=request.owner,
                name=request.name,
                stream_key=_new_key(),
                options=request.options,
                created=datetime.fromtimestamp(self._clock(), UTC),
            )
        )
        return self._live_input(stored)

    async def get_input(self, uid: InputUid) -> LiveInput:
        """Errors: InputNotFound."""
        return self._live_input(_found(await self._inputs.get(uid), uid))

    async def update_input(self, uid: InputUid, options: InputOptions) -> LiveInput:
        """Store the options. The reconnect timeout applies at once, the latency mode from the next broadcast on."""
        require_options(options)
        return await self._change(uid, options=options)

    async def set_enabled(self, uid: InputUid, enabled: bool) -> LiveInput:
        """Allow or forbid publishing. Errors: InputNotFound."""
        live = await self._change(uid, enabled=enabled)
        self._broadcasts.refusals.forget(uid)
        if not enabled and (session := self._broadcasts.session(uid)) is not None:
            session.stop("disabled", Refusal.INPUT_DISABLED)
        return live

    async def rotate_key(self, uid: InputUid, overlap: int = 0) -> LiveInput:
        """Give the input a new key; the old one works for `overlap` seconds more. Errors: InputNotFound, OptionRefused."""
        require_overlap(overlap)
        until = datetime.fromtimestamp(
            self._clock() + overlap, UTC
        )  # kept after that, so that its encoder is sent the reason
        live = await self._change(uid, stream_key=_new_key(), old_key_until=until)
        self._broadcasts.refusals.forget(uid)
        if (session := self._broadcasts.session(uid)) is not None:
            session.check()
        return live

    async def delete_input(self, uid: InputUid) -> None:
        """End a running broadcast and delete the input; its recordings stay. Errors: InputNotFound."""
        found = await self._inputs.delete(uid)
        self._known.discard(uid)
        self._broadcasts.refusals.forget(uid)
        self._broadcasts.changed()
        if (session := self._broadcasts.session(uid)) is not None:  # also when the answer to an earlier try was lost
            session.stop("deleted", Refusal.INPUT_DELETED)
        self._peers.input_changed(uid)
        if not found:
            raise InputNotFound(uid)

    async def _change(self, uid: InputUid, **changes: Any) -> LiveInput:
        """Call `InputStore.change`, one at a time: a session must get the newest options, not the last answer."""
        async with self._changing:
            stored = _found(await self._inputs.change(uid, **changes), uid)
            self._broadcasts.changed()
            if (session := self._broadcasts.session(uid)) is not None:
                session.stored = stored
        self._peers.input_changed(uid)
        return self._live_input(stored)

    def _live_input(self, stored: StoredInput) -> LiveInput:
        self._known.add(stored.uid)
        return replace(self._addresses.live_input(stored), recording=self._broadcasts.recording(stored.uid))

    # State

    async def state(self, uid: InputUid) -> InputState:
        """Return the state of an input. Errors: InputNotFound. Ask the store only for an unknown input."""
        self._require_recovered()
        if (session := self._broadcasts.session(uid)) is not None:
            return session.state()
        if (elsewhere := self._peers.state(uid)) is not None:
            return elsewhere
        if uid not in self._known:
            await self.get_input(uid)
        latest = next(iter(self._recordings.page(uid, limit=1)), None)
        return InputState(
            phase=Phase.OFFLINE if latest is None else Phase.ENDED,
            is_connected=False,
            is_watchable=False,
            seconds_until_watchable=0.0,
            as_of=datetime.fromtimestamp(self._clock(), UTC),
            since=None if latest is None else latest.modified,
            recording=self._broadcasts.recording(uid),
        )

    def on_air(self) -> Mapping[InputUid, Phase]:
        """Return the phase of every input that is on air, here or at another node."""
        self._require_recovered()
        return {**self._peers.phases(), **self._broadcasts.phases()}

    def is_elsewhere(self, uid: InputUid) -> bool:
        """Return whether another node carries the input's broadcast."""
        return self._peers.state(uid) is not None

    async def health(self, uid: InputUid) -> InputHealth:
        """Return what the running broadcast's encoder sends. Errors: InputNotFound."""
        self._require_recovered()
        refusal = self._broadcasts.refusals.of(uid)
        if (session := self._broadcasts.session(uid)) is not None:
            return replace(session.health(), passthrough=self._transcoding.passthrough, refusal=refusal)
        if (state := self._peers.state(uid)) is not None:  # only the node that carries it measures it
            return InputHealth(False, connected=state.is_connected, recording=state.recording)
        if uid not in self._known:
            await self.get_input(uid)
        return InputHealth(True, connected=False, refusal=refusal, recording=self._broadcasts.recording(uid))

    async def recordings(
        self, input_uid: InputUid, *, after: RecordingPosition | None = None, limit: int = 25
    ) -> RecordingList:
        """Return finished recordings, newest first."""
        self._require_recovered()
        page = self._recordings.page(input_uid, after=after, limit=limit)
        return RecordingList(self._addresses.recording(each) for each in page)

    async def recording(self, uid: str) -> Recording:
        """Return a finished recording. Errors: RecordingNotFound."""
        self._require_recovered()
        return self._addresses.recording(self._recordings.get(uid))

    def kept_recordings(self) -> list[KeptRecording]:
        """Return all finished recordings."""
        self._require_recovered()
        return [
            KeptRecording(each.uid, each.input_uid, each.created, each.size, self._storage.is_read(each.uid))
            for each in self._recordings
        ]

    async def delete_recording(self, uid: str) -> None:
        """Delete a finished recording and its files. Errors: RecordingNotFound, ProviderUnavailable."""
        self._require_recovered()
        self._recordings.get(uid)
        try:
            await asyncio.to_thread(self._storage.delete, uid)
        except StorageError as problem:
            raise ProviderUnavailable(str(problem)) from problem
        await self._book.remove(uid)

    def _require_recovered(self) -> None:
        """Raise ProviderUnavailable until everything is read: an interrupted broadcast must not be reported as ended or unknown."""
        if not self._recovered:
            raise ProviderUnavailable("recordings are still being read after a restart", retry_after=1.0)

    # Who listens, what is measured

    def _notify(self, event: ProviderEvent) -> None:
        for listener in self._listeners:
            listener(event)

    def metrics(self) -> list[ProviderMetric]:
        """Return what is counted of encoders, broadcasts, transcoders and recordings, and when the certificate expires."""
        certificate = self._config.certificate
        expires = None if certificate is None else expires_at(self._config.tls, str(certificate))
        transcodes = self._transcoding.slots.used
        own = local_metrics(self._ingest.counters, len(self._broadcasts), transcodes, self._recordings, expires)
        return [*own, *self._media.metrics()]


def _new_key() -> str:
    return secrets.token_hex(KEY_BYTES)


def _found(stored: StoredInput | None, uid: InputUid) -> StoredInput:
    if stored is None:
        raise InputNotFound(uid)
    return stored
