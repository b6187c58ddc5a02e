"""Which encoder may publish and what follows, on a real storage, with a store and a disk that fail on request."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from providers.base import InputOptions, Phase, ProviderEvent, Spawn
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.live.pipeline import Pipeline
from providers.local.live.ports import Publication, PublishRequest
from providers.local.live.refusal_history import RefusalLimits
from providers.local.live.refusals import MediaRefused, PublishRefused, Refusal
from providers.local.live.registry import INTERRUPTION_LIMIT, BroadcastRegistry
from providers.local.live.session import FROZEN_AFTER
from providers.local.live.transcoding import Transcoding
from providers.local.packager.events import TrackKind
from providers.local.ports import MemoryInputStore, StoredInput
from providers.local.rtmp.events import publish_target
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import DiskBackend
from providers.local.storage.errors import StorageError
from providers.local.storage.port import StorageBackend
from providers.local.storage.recordings import RecordingCatalog
from providers.local.storage.storage import Storage, StorageLimits
from providers.local.transcoder.renditions import SOURCE_NAME, parse_renditions
from providers.local.transcoder.slots import TranscodeSlots
from tests.unit.providers.local.packager.tags import stream, video_header

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
            raise ConnectionError("the store is away")
        return await super().change(uid, **changes)  # type: ignore[arg-type]

    def put(self, stored: StoredInput) -> None:
        """Replace an input, as another process does."""
        self._inputs[stored.uid] = stored


class Stage:
    """BroadcastRegistry of one input, on a clock of our own; every encoder sends one stream after another."""

    def __init__(
        self, folder: Path, spawn: Spawn, limits: StorageLimits | None = None, backend: StorageBackend | None = None
    ) -> None:
        self.folder, self.spawn = folder, spawn
        self._limits = limits or StorageLimits(min_free=0)
        self._backend = backend or DiskBackend(folder, sync=False)
        self.now = 1_790_000_000.0
        self.clock_step = 0.0
        self.store = Store()
        self.told: list[ProviderEvent] = []
        self.recordings = RecordingCatalog()
        self.closed: list[Refusal] = []
        self.renditions = "source"
        self.broadcasts = self.new_registry()

    def new_registry(self) -> BroadcastRegistry:
        """Return a registry on the same files, as a new process has."""
        transcoding = Transcoding(parse_renditions(self.renditions), TranscodeSlots(0), self.spawn)
        self.storage = storage = Storage(self._backend, self._limits)
        return BroadcastRegistry(
            storage,
            self.recordings,
            self.store,
            transcoding,
            self.spawn,
            self.told.append,
            clock=lambda: self.now + self.clock_step,
            monotonic=lambda: self.now,
        )

    async def add_input(self, uid: str = INPUT, key: str = KEY, **options: int) -> StoredInput:
        stored = StoredInput(
            uid=uid,
            request_id=uid,
            owner="channel",
            name="Lesson",
            stream_key=key,
            options=InputOptions(**options),
            created=datetime.fromtimestamp(self.now, UTC),
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

    def after(self, seconds: float) -> None:
        self.now += seconds
        self.broadcasts.check()

    async def restart(self, *, takes: float = 0.0) -> None:
        """As after a kill -9: nothing said good-bye. The start `takes` seconds from recovery until it listens."""
        self.broadcasts = self.new_registry()
        await self.broadcasts.recover()
        self.now += takes
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


@pytest.fixture
async def stage(tmp_path: Path, spawn: Spawn) -> Stage:
    return Stage(tmp_path, spawn)


@pytest.fixture
def spawn(tasks: object) -> Spawn:
    return tasks.spawn  # type: ignore[attr-defined, no-any-return]


async def test_a_store_that_is_away_at_the_end_of_a_broadcast_stops_nothing(stage: Stage) -> None:
    await stage.add_input(reconnect_timeout=30)
    publication = await stage.connect()
    stage.send(publication, stream(3.0))
    publication.ended("closed")
    stage.store.away = True
    stage.after(30)  # the fixture `tasks` fails when what was learnt could not be stored and a task died of it
    assert len(stage.recordings) == 1


async def test_a_key_that_is_changed_while_it_is_looked_up_is_refused(stage: Stage) -> None:
    stored = await stage.add_input()

    def rotate() -> None:
        stage.store.put(replace(stored, stream_key="another"))
        stage.broadcasts.changed()

    stage.store.meanwhile.append(rotate)
    with pytest.raises(PublishRefused, match="is unknown"):
        await stage.connect()


async def test_a_broadcast_goes_on_when_the_disk_takes_media_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.add_input()
    first = await stage.connect()
    stage.send(first, stream(3.0))
    with monkeypatch.context() as patch:

        def full(fd: int, data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patch.setattr(os, "write", full)
        with pytest.raises(PublishRefused, match="cannot store"):
            stage.send(first, stream(3.0, start=3000)[2:])
        first.ended("refused")
        with pytest.raises(PublishRefused) as refused:
            await stage.connect()
        assert refused.value.refusal is Refusal.STORAGE_FAILED
    listed = sum(len(track.segments) for track in stage.running.tracks.values())
    second = await stage.connect()
    stage.send(second, stream(3.0))

    assert stage.phase is Phase.LIVE
    for track in stage.running.tracks.values():
        assert [each.sequence for each in track.segments] == list(range(len(track.segments)))
    assert sum(len(track.segments) for track in stage.running.tracks.values()) > listed


async def test_a_frozen_encoder_whose_window_was_shortened_to_nothing_can_be_taken_over(stage: Stage) -> None:
    stored = await stage.add_input(reconnect_timeout=30)
    first = await stage.connect()
    stage.send(first, stream(3.0))
    stage.after(FROZEN_AFTER)
    stage.store.put(replace(stored, options=InputOptions(reconnect_timeout=0)))
    await stage.connect()
    assert stage.broadcasts.session(INPUT) is not None
    assert stage.phase in (Phase.RECONNECTING, Phase.CONNECTING)
    assert len(stage.closed) == 1


async def test_the_reconnect_window_begins_when_the_service_listens_again(stage: Stage) -> None:
    """On a busy machine a start takes longer than the window: no encoder could have come back in it."""
    await stage.add_input(reconnect_timeout=30)
    stage.send(await stage.connect(), stream(3.5))
    stage.now = stage.running.last_write + 100
    await stage.restart(takes=60)
    stage.after(29.5)
    assert stage.phase is Phase.RECONNECTING
    before = stage.running
    stage.send(await stage.connect(), stream(3.5))
    assert (stage.phase, stage.running, len(stage.recordings)) == (Phase.LIVE, before, 0)


async def test_an_encoder_that_does_not_come_back_in_that_window_ends_the_broadcast(stage: Stage) -> None:
    await stage.add_input(reconnect_timeout=30)
    stage.send(await stage.connect(), stream(3.5))
    stage.now = stage.running.last_write + 100
    await stage.restart(takes=60)
    stage.after(30)
    assert (stage.phase, len(stage.recordings)) == (None, 1)


async def test_an_encoder_that_is_back_before_all_ports_listen_starts_no_window(stage: Stage) -> None:
    await stage.add_input(reconnect_timeout=30)
    stage.send(await stage.connect(), stream(3.5))
    stage.broadcasts = stage.new_registry()
    await stage.broadcasts.recover()
    publication = await stage.connect()
    stage.broadcasts.listening()
    for at in range(0, 36, 3):
        stage.send(publication, stream(3.0, start=at * 1000))
        stage.after(3)
    assert stage.phase is Phase.LIVE


@pytest.mark.parametrize(("window", "interrupted"), [(30, INTERRUPTION_LIMIT), (1800, 1800)])
async def test_a_broadcast_that_was_interrupted_for_too_long_ends_however_often_the_service_restarts(
    stage: Stage, window: int, interrupted: float
) -> None:
    await stage.add_input(reconnect_timeout=window)
    stage.send(await stage.connect(), stream(3.5))
    lost_at = stage.running.last_write
    stage.now = lost_at + interrupted - 1
    await stage.restart()
    assert stage.phase is Phase.RECONNECTING
    os.utime(stage.folder / stage.running.info.uid / "index.jsonl", (stage.now, stage.now))
    stage.now = lost_at + interrupted
    await stage.restart()
    assert (stage.phase, len(stage.recordings)) == (None, 1)


async def test_a_recording_that_cannot_be_made_keeps_nobody_from_starting(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.add_input(reconnect_timeout=0)
    stage.send(await stage.connect(), stream(3.0))

    def fault(*_: object) -> None:
        raise KeyError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(Broadcast, "finish", fault)
        await stage.restart()
    assert len(stage.recordings) == 0
    await stage.restart()
    assert len(stage.recordings) == 1


async def test_of_two_broadcasts_left_unfinished_the_newest_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.add_input(reconnect_timeout=1800)
    publication = await stage.connect()
    stage.send(publication, stream(3.0))

    def failing(*_: object) -> None:
        raise StorageError("the disk failed")

    with monkeypatch.context() as patched:
        patched.setattr(Broadcast, "finish", failing)
        session = stage.broadcasts.session(INPUT)
        assert session is not None
        session.stop("disabled", Refusal.INPUT_DISABLED)
    stage.now += 10
    stage.send(await stage.connect(), stream(3.0))
    newest = stage.running.info.uid
    await stage.restart()
    assert stage.running.info.uid == newest
    assert len(stage.recordings) == 1


async def test_an_encoder_refused_for_want_of_a_transcoder_leaves_no_broadcast_behind(stage: Stage) -> None:
    await stage.add_input()
    stage.renditions = "720p"
    await stage.restart()
    with pytest.raises(PublishRefused, match="cannot transcode more"):
        await stage.connect()
    assert stage.broadcasts.of_input(INPUT) is None
    assert list(stage.folder.iterdir()) == []


class FaultyInput(StoredInput):
    """A live input whose key cannot be checked."""

    def accepts(self, *_: object) -> bool:
        raise RuntimeError("a fault of ours")


@pytest.mark.parametrize("also_at_the_end", [False, True], ids=["it can be ended", "not even that"])
async def test_a_broadcast_that_fails_ends_alone_and_is_recorded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, also_at_the_end: bool
) -> None:
    await stage.add_input()
    other = await stage.add_input(uid="ef" * 16, key="another")
    failing, healthy = await stage.connect(), await stage.connect("another")
    for publication in (failing, healthy):
        stage.send(publication, stream(4.0))
    session = stage.broadcasts.session(INPUT)
    assert session is not None
    session.stored = FaultyInput(*(getattr(session.stored, each.name) for each in fields(session.stored)))

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with capture_logs() as logs, monkeypatch.context() as patched:
        if also_at_the_end:
            patched.setattr(Pipeline, "close", fail)
        stage.after(0.25)

    assert [each["event"] for each in logs if each["log_level"] == "error"] == [
        "broadcast failed",
        *(["broadcast not ended properly"] if also_at_the_end else []),
    ]
    assert stage.broadcasts.session(INPUT) is stage.broadcasts.of_input(INPUT) is None
    assert stage.closed == [Refusal.BROADCAST_FAILED]
    assert [each.input_uid for each in stage.recordings.page(INPUT)] == [INPUT]
    kept = stage.broadcasts.session(other.uid)
    assert kept is not None
    assert kept.phase is Phase.LIVE


async def test_a_clock_that_was_set_back_does_not_turn_the_program_back(stage: Stage) -> None:
    await stage.add_input()
    for _ in range(2):
        publication = await stage.connect()
        stage.send(publication, stream(4.0))
        publication.ended("closed")
        stage.now -= 3600
    for track in stage.running.tracks.values():
        times = [(each.program_time, each.duration / track.timescale(each.discontinuity)) for each in track.segments]
        for (time, duration), (following, _) in pairwise(times):
            assert following >= time + duration - 0.001
    assert {segment.discontinuity for segment in stage.running.tracks[SOURCE_NAME, TrackKind.VIDEO].segments} == {0, 1}


MP3 = FlvTag(TagKind.AUDIO, 70, b"\x2fmp3")
SENTENCE = "MP3 is not supported here: set the encoder to AAC."


async def test_nothing_is_left_of_an_encoder_that_was_refused_before_it_could_be_watched(stage: Stage) -> None:
    await stage.add_input(reconnect_timeout=5)
    assert stage.refuse(await stage.connect(), [*stream(0.3), MP3]) == SENTENCE

    assert stage.broadcasts.of_input(INPUT) is None
    assert list(stage.folder.iterdir()) == []
    stage.after(5)
    assert (stage.phase, len(stage.recordings)) == (None, 0)


async def test_the_next_publishes_after_a_refusal_are_answered_with_its_sentence(stage: Stage) -> None:
    await stage.add_input()
    for wait in RefusalLimits().waits:
        stage.refuse(await stage.connect(), [video_header(), MP3])
        for _ in range(2):
            with pytest.raises(PublishRefused, match=SENTENCE):
                await stage.connect()
        stage.after(wait)
    accepted = await stage.connect()
    for start in range(0, 12_000, 3_000):
        stage.send(accepted, stream(3.0, start=start))
        assert stage.phase is Phase.LIVE
        assert stage.broadcasts.refusals.of(INPUT) is not None
        stage.after(3)
    assert stage.broadcasts.refusals.of(INPUT) is None


async def test_a_broadcast_goes_on_as_it_was_after_a_refused_encoder(stage: Stage) -> None:
    await stage.add_input()
    first = await stage.connect()
    stage.send(first, stream(3.0))
    first.ended("closed")
    before = {key: len(track.segments) for key, track in stage.running.tracks.items()}
    stage.refuse(await stage.connect(), [*stream(0.3), MP3])
    after_refusal = {key: len(track.segments) for key, track in stage.running.tracks.items()}
    files = stage.running.files.names()
    stage.after(RefusalLimits().waits[0])
    stage.send(await stage.connect(), stream(3.0))

    assert after_refusal == before
    assert not {name for name in files if name.endswith(".m4s")} - {
        f"{track.name}-{each.sequence}.m4s" for track in stage.running.tracks.values() for each in track.segments
    }
    for track in stage.running.tracks.values():
        assert [each.sequence for each in track.segments] == list(range(len(track.segments)))


async def test_less_than_a_second_that_a_kill_left_is_no_recording(stage: Stage) -> None:
    await stage.add_input(reconnect_timeout=0)
    stage.send(await stage.connect(), stream(0.8))
    await stage.restart()
    assert len(stage.recordings) == 0
    assert list(stage.folder.iterdir()) == []


async def test_without_a_reconnect_window_less_than_a_second_is_no_recording(stage: Stage) -> None:
    await stage.add_input(reconnect_timeout=0)
    publication = await stage.connect()
    stage.send(publication, stream(0.8))
    publication.ended("unpublished")
    assert (stage.phase, len(stage.recordings)) == (None, 0)


async def test_h264_and_aac_under_a_fourcc_are_shown_as_they_are(stage: Stage) -> None:
    await stage.add_input()
    enhanced = [
        FlvTag(
            tag.kind, tag.timestamp, bytes([0x80 | tag.payload[0] & 0x70 | tag.payload[1]]) + b"avc1" + tag.payload[2:]
        )
        if tag.kind is TagKind.VIDEO and tag.payload[1]
        else FlvTag(tag.kind, tag.timestamp, b"\x90avc1" + tag.payload[5:])
        if tag.kind is TagKind.VIDEO
        else FlvTag(tag.kind, tag.timestamp, bytes([0x90 | tag.payload[1]]) + b"mp4a" + tag.payload[2:])
        for tag in stream(3.0)
    ]
    stage.send(await stage.connect(), enhanced)

    assert stage.phase is Phase.LIVE
    session = stage.broadcasts.session(INPUT)
    assert session is not None
    video, audio = session.health().video, session.health().audio
    assert video is not None and audio is not None
    assert (video.codec, video.width, audio.codec, audio.channels) == ("H.264", 640, "AAC", 2)


@pytest.mark.parametrize(
    ("url_path", "name", "sentence"),
    [
        ("live", "", "The stream key is missing."),
        ("live/", "", "The stream key is missing."),
        ("live", "?token=1", "The stream key is missing."),
        ("live", "   ", "The stream key is missing."),
        ("", "live", "The stream key is missing."),
        ("live/live", "", "The stream key is missing."),
        ("", "", "The server URL must end in /live."),
        ("app", "", "The server URL must end in /live."),
        ("app", KEY, "The server URL must end in /live."),
        ("", KEY, "The server URL must end in /live."),
        ("live", "wrong", "This stream key is unknown."),
    ],
)
async def test_what_is_wrong_with_the_server_or_the_key_is_named(
    stage: Stage, url_path: str, name: str, sentence: str
) -> None:
    await stage.add_input()
    app, key = publish_target(url_path, name)
    with pytest.raises(PublishRefused) as refused:
        await stage.connect(key, app)
    assert refused.value.sentence.startswith(sentence)


@pytest.mark.parametrize(("app", "key"), [("live", "wrong"), ("live", ""), ("other", KEY), ("live", KEY)])
async def test_a_refusal_keeps_nothing_of_the_refused(stage: Stage, app: str, key: str) -> None:
    """An exception that is raised twice holds the frames of both times, with the connection in them."""
    await stage.add_input()
    await stage.store.change(INPUT, enabled=False)
    refusals = []
    for _ in range(2):
        with pytest.raises(PublishRefused) as refused:
            await stage.connect(key, app)
        refusals.append(refused.value)

    assert refusals[0] is not refusals[1]
