"""Which encoder may publish and what follows, on a real storage, with a store and a disk that fail on request."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncGenerator
from dataclasses import fields, replace
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from providers.base import InputOptions, Phase
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.live import registry
from providers.local.live.live_session import FROZEN_AFTER
from providers.local.live.pipeline import Pipeline
from providers.local.live.refusal_history import RefusalLimits
from providers.local.live.registry import INTERRUPTION_LIMIT
from providers.local.mp4.tracks import TrackKind
from providers.local.ports.inputs import StoredInput
from providers.local.ports.refusals import PublishRefused, Refusal
from providers.local.rtmp.events import publish_target
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import StorageError
from providers.local.transcoder.renditions import SOURCE_NAME
from tests.unit.providers.local.live.live_server import INPUT, KEY, LiveServer
from tests.unit.providers.local.packager.tags import stream, video_header


async def test_an_unavailable_store_at_the_end_of_a_broadcast_stops_nothing(server: LiveServer) -> None:
    await server.add_input(reconnect_timeout=30)
    publication = await server.connect()
    server.send(publication, stream(3.0))
    publication.ended("closed")
    server.store.away = True
    server.after(30)  # the fixture `tasks` fails when what was learnt could not be stored and a task died of it
    assert len(server.recordings) == 1


async def test_a_key_that_changes_during_its_check_is_refused(server: LiveServer) -> None:
    stored = await server.add_input()

    def rotate() -> None:
        server.store.put(replace(stored, stream_key="another"))
        server.broadcasts.changed()

    server.store.meanwhile.append(rotate)
    with pytest.raises(PublishRefused, match="is unknown"):
        await server.connect()


async def test_a_broadcast_goes_on_when_the_disk_works_again(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.add_input()
    first = await server.connect()
    server.send(first, stream(3.0))
    with monkeypatch.context() as patch:

        def full(fd: int, data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patch.setattr(os, "write", full)
        with pytest.raises(PublishRefused, match="cannot store"):
            server.send(first, stream(3.0, start=3000)[2:])
        first.ended("refused")
        with pytest.raises(PublishRefused) as refused:
            await server.connect()
        assert refused.value.refusal is Refusal.STORAGE_FAILED
    listed = sum(len(track.segments) for track in server.running.tracks.values())
    second = await server.connect()
    server.send(second, stream(3.0))

    assert server.phase is Phase.LIVE
    for track in server.running.tracks.values():
        assert [each.sequence for each in track.segments] == list(range(len(track.segments)))
    assert sum(len(track.segments) for track in server.running.tracks.values()) > listed


async def test_a_frozen_encoder_with_a_window_of_zero_can_be_replaced(server: LiveServer) -> None:
    stored = await server.add_input(reconnect_timeout=30)
    first = await server.connect()
    server.send(first, stream(3.0))
    server.after(FROZEN_AFTER)
    server.store.put(replace(stored, options=InputOptions(reconnect_timeout=0)))
    await server.connect()
    assert server.broadcasts.session(INPUT) is not None
    assert server.phase in (Phase.RECONNECTING, Phase.CONNECTING)
    assert len(server.closed) == 1


async def test_a_pause_of_the_process_uses_up_no_reconnect_window(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.add_input(reconnect_timeout=30)
    publication = await server.connect()
    server.send(publication, stream(3.0))
    publication.ended("closed")
    phases: list[Phase | None] = []

    async def rounds(interval: float) -> AsyncGenerator[tuple[float, float], None]:
        server.after(10.0)
        for late, then in ((100.0, 19.0), (0.0, 1.5), (0.0, 0.0)):
            server.clock.advance(late)
            yield 0.0, late
            phases.append(server.phase)
            server.clock.advance(then)

    monkeypatch.setattr(registry, "rounds", rounds)
    await server.broadcasts.watch()
    assert phases == [Phase.RECONNECTING, Phase.RECONNECTING, None]


async def test_the_reconnect_window_begins_when_the_service_listens_again(server: LiveServer) -> None:
    """On a busy machine a start takes longer than the window: no encoder could have come back in it."""
    await server.add_input(reconnect_timeout=30)
    server.send(await server.connect(), stream(3.5))
    server.move_to(server.running.last_write + 100)
    await server.restart(takes=60)
    server.after(29.5)
    assert server.phase is Phase.RECONNECTING
    before = server.running
    server.send(await server.connect(), stream(3.5))
    assert (server.phase, server.running, len(server.recordings)) == (Phase.LIVE, before, 0)


async def test_an_encoder_that_does_not_come_back_in_that_window_ends_the_broadcast(server: LiveServer) -> None:
    await server.add_input(reconnect_timeout=30)
    server.send(await server.connect(), stream(3.5))
    server.move_to(server.running.last_write + 100)
    await server.restart(takes=60)
    server.after(30)
    assert (server.phase, len(server.recordings)) == (None, 1)


async def test_an_encoder_that_is_back_before_all_ports_listen_starts_no_window(server: LiveServer) -> None:
    await server.add_input(reconnect_timeout=30)
    server.send(await server.connect(), stream(3.5))
    server.broadcasts = server.new_registry()
    await server.broadcasts.recover()
    publication = await server.connect()
    server.broadcasts.listening()
    for at in range(0, 36, 3):
        server.send(publication, stream(3.0, start=at * 1000))
        server.after(3)
    assert server.phase is Phase.LIVE


@pytest.mark.parametrize(("window", "interrupted"), [(30, INTERRUPTION_LIMIT), (1800, 1800)])
async def test_a_broadcast_that_was_interrupted_for_too_long_ends_however_often_the_service_restarts(
    server: LiveServer, window: int, interrupted: float
) -> None:
    await server.add_input(reconnect_timeout=window)
    server.send(await server.connect(), stream(3.5))
    lost_at = server.running.last_write
    server.move_to(lost_at + interrupted - 1)
    await server.restart()
    assert server.phase is Phase.RECONNECTING
    os.utime(server.folder / server.running.info.uid / "index.jsonl", (server.clock.unix(), server.clock.unix()))
    server.move_to(lost_at + interrupted)
    await server.restart()
    assert (server.phase, len(server.recordings)) == (None, 1)


async def test_a_recording_that_cannot_be_created_does_not_prevent_the_start(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.add_input(reconnect_timeout=0)
    server.send(await server.connect(), stream(3.0))

    def fault(*_: object) -> None:
        raise KeyError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(Broadcast, "finish", fault)
        await server.restart()
    assert len(server.recordings) == 0
    await server.restart()
    assert len(server.recordings) == 1


async def test_of_two_broadcasts_left_unfinished_the_newest_goes_on(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.add_input(reconnect_timeout=1800)
    publication = await server.connect()
    server.send(publication, stream(3.0))

    def failing(*_: object) -> None:
        raise StorageError("the disk failed")

    with monkeypatch.context() as patched:
        patched.setattr(Broadcast, "finish", failing)
        session = server.broadcasts.session(INPUT)
        assert session is not None
        session.stop("disabled", Refusal.INPUT_DISABLED)
    server.clock.advance(10)
    server.send(await server.connect(), stream(3.0))
    newest = server.running.info.uid
    await server.restart()
    assert server.running.info.uid == newest
    assert len(server.recordings) == 1


async def test_an_encoder_refused_for_want_of_a_transcoder_leaves_no_broadcast_behind(server: LiveServer) -> None:
    await server.add_input()
    server.renditions = "720p"
    await server.restart()
    with pytest.raises(PublishRefused, match="cannot transcode more"):
        await server.connect()
    assert server.broadcasts.of_input(INPUT) is None
    assert list(server.folder.iterdir()) == []


class FaultyInput(StoredInput):
    """A live input whose key cannot be checked."""

    def accepts(self, *_: object) -> bool:
        raise RuntimeError("a fault of ours")


@pytest.mark.parametrize("also_at_the_end", [False, True], ids=["it can be ended", "not even that"])
async def test_a_broadcast_that_fails_ends_alone_and_is_recorded(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, also_at_the_end: bool
) -> None:
    await server.add_input()
    other = await server.add_input(uid="ef" * 16, key="another")
    failing, healthy = await server.connect(), await server.connect("another")
    for publication in (failing, healthy):
        server.send(publication, stream(4.0))
    session = server.broadcasts.session(INPUT)
    assert session is not None
    session.stored = FaultyInput(*(getattr(session.stored, each.name) for each in fields(session.stored)))

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with capture_logs() as logs, monkeypatch.context() as patched:
        if also_at_the_end:
            patched.setattr(Pipeline, "close", fail)
        server.after(0.25)

    assert [each["event"] for each in logs if each["log_level"] == "error"] == [
        "broadcast failed",
        *(["broadcast not ended properly"] if also_at_the_end else []),
    ]
    assert server.broadcasts.session(INPUT) is server.broadcasts.of_input(INPUT) is None
    assert server.closed == [Refusal.BROADCAST_FAILED]
    assert [each.input_uid for each in server.recordings.page(INPUT)] == [INPUT]
    kept = server.broadcasts.session(other.uid)
    assert kept is not None
    assert kept.phase is Phase.LIVE


async def test_a_clock_that_was_set_back_does_not_turn_the_program_back(server: LiveServer) -> None:
    await server.add_input()
    for _ in range(2):
        publication = await server.connect()
        server.send(publication, stream(4.0))
        publication.ended("closed")
        server.clock.set_back(3600)
    for track in server.running.tracks.values():
        times = [(each.program_time, each.duration / track.timescale(each.discontinuity)) for each in track.segments]
        for (time, duration), (following, _) in pairwise(times):
            assert following >= time + duration - 0.001
    assert {segment.discontinuity for segment in server.running.tracks[SOURCE_NAME, TrackKind.VIDEO].segments} == {0, 1}


MP3 = FlvTag(TagKind.AUDIO, 70, b"\x2fmp3")
SENTENCE = "MP3 is not supported here: set the encoder to AAC."


async def test_nothing_is_left_of_an_encoder_that_was_refused_before_it_could_be_watched(server: LiveServer) -> None:
    await server.add_input(reconnect_timeout=5)
    assert server.refuse(await server.connect(), [*stream(0.3), MP3]) == SENTENCE

    assert server.broadcasts.of_input(INPUT) is None
    assert list(server.folder.iterdir()) == []
    server.after(5)
    assert (server.phase, len(server.recordings)) == (None, 0)


async def test_the_next_publishes_after_a_refusal_are_answered_with_its_sentence(server: LiveServer) -> None:
    await server.add_input()
    for wait in RefusalLimits().waits:
        server.refuse(await server.connect(), [video_header(), MP3])
        for _ in range(2):
            with pytest.raises(PublishRefused, match=SENTENCE):
                await server.connect()
        server.after(wait)
    accepted = await server.connect()
    for start in range(0, 12_000, 3_000):
        server.send(accepted, stream(3.0, start=start))
        assert server.phase is Phase.LIVE
        assert server.broadcasts.refusals.of(INPUT) is not None
        server.after(3)
    assert server.broadcasts.refusals.of(INPUT) is None


async def test_a_broadcast_goes_on_as_it_was_after_a_refused_encoder(server: LiveServer) -> None:
    await server.add_input()
    first = await server.connect()
    server.send(first, stream(3.0))
    first.ended("closed")
    before = {key: len(track.segments) for key, track in server.running.tracks.items()}
    server.refuse(await server.connect(), [*stream(0.3), MP3])
    after_refusal = {key: len(track.segments) for key, track in server.running.tracks.items()}
    files = server.running.files.names()
    server.after(RefusalLimits().waits[0])
    server.send(await server.connect(), stream(3.0))

    assert after_refusal == before
    assert not {name for name in files if name.endswith(".m4s")} - {
        f"{track.name}-{each.sequence}.m4s" for track in server.running.tracks.values() for each in track.segments
    }
    for track in server.running.tracks.values():
        assert [each.sequence for each in track.segments] == list(range(len(track.segments)))


async def test_less_than_a_second_that_a_kill_left_is_no_recording(server: LiveServer) -> None:
    await server.add_input(reconnect_timeout=0)
    server.send(await server.connect(), stream(0.8))
    await server.restart()
    assert len(server.recordings) == 0
    assert list(server.folder.iterdir()) == []


async def test_without_a_reconnect_window_less_than_a_second_is_no_recording(server: LiveServer) -> None:
    await server.add_input(reconnect_timeout=0)
    publication = await server.connect()
    server.send(publication, stream(0.8))
    publication.ended("unpublished")
    assert (server.phase, len(server.recordings)) == (None, 0)


async def test_h264_and_aac_under_a_fourcc_are_shown_as_they_are(server: LiveServer) -> None:
    await server.add_input()
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
    server.send(await server.connect(), enhanced)

    assert server.phase is Phase.LIVE
    session = server.broadcasts.session(INPUT)
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
    server: LiveServer, url_path: str, name: str, sentence: str
) -> None:
    await server.add_input()
    app, key = publish_target(url_path, name)
    with pytest.raises(PublishRefused) as refused:
        await server.connect(key, app)
    assert refused.value.sentence.startswith(sentence)


@pytest.mark.parametrize(("app", "key"), [("live", "wrong"), ("live", ""), ("other", KEY), ("live", KEY)])
async def test_a_refusal_keeps_nothing_of_the_refused(server: LiveServer, app: str, key: str) -> None:
    """An exception that is raised twice holds the frames of both times, with the connection in them."""
    await server.add_input()
    await server.store.change(INPUT, enabled=False)
    refusals = []
    for _ in range(2):
        with pytest.raises(PublishRefused) as refused:
            await server.connect(key, app)
        refusals.append(refused.value)

    assert refusals[0] is not refusals[1]
