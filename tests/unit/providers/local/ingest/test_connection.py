"""One encoder on a real socket: the gate's answer, its media, how it disconnects and the last message it is sent."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from providers.local.flv.tag import FlvTag, TagKind
from providers.local.ports.publishing import PublishRequest
from providers.local.ports.refusals import PublishRefused, Refusal
from tests.unit.providers.local.ingest.clients import Client
from tests.unit.providers.local.ingest.gates import Recorded, RecordingGate, nothing
from tests.unit.providers.local.ingest.listening import Listening
from tests.unit.providers.local.rtmp.encoder import AAC_HEADER, AVC_HEADER, FLASH_VERSION
from tests.waiting import PATIENCE, until


async def test_the_media_of_an_admitted_encoder_arrives_as_flv_tags(gate: RecordingGate, listening: Listening) -> None:
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()
    assert await client.read_statuses() == [("status", "NetStream.Publish.Start")]
    client.send(client.encoder.audio(0, AAC_HEADER) + client.encoder.video(40, AVC_HEADER))
    publication = await gate.first()
    await publication.has(2)

    assert publication.tags == [FlvTag(TagKind.AUDIO, 0, AAC_HEADER), FlvTag(TagKind.VIDEO, 40, AVC_HEADER)]
    await client.close()


async def test_the_gate_gets_the_publish_request(gate: RecordingGate, listening: Listening) -> None:
    _, port = await listening()
    client = await Client.connect(port)
    client.publish("secret?x=y")
    await client.read_statuses()
    (request,) = gate.requests

    assert (request.app, request.stream_key, request.encoder) == ("live", "secret", FLASH_VERSION)
    assert (request.address, request.encrypted) == ("127.0.0.1", False)
    await client.close()


async def test_a_wrong_key_is_refused_and_the_connection_ends(gate: RecordingGate, listening: Listening) -> None:
    server, port = await listening()
    client = await Client.connect(port)
    client.publish("wrong")
    everything = await client.read_to_end()

    assert b"No stream has this key" in everything
    assert client.answers.statuses(everything) == [("error", "NetStream.Publish.BadName")]
    assert server.counters.refused["gate"] == 1
    await client.close()


async def test_a_gate_that_does_not_answer_refuses_the_encoder(gate: RecordingGate, listening: Listening) -> None:
    async def never(_request: PublishRequest) -> None:
        await asyncio.Event().wait()

    gate.before = never
    server, port = await listening(admit_timeout=0.05)
    client = await Client.connect(port)
    client.publish()

    assert await client.read_statuses() == [("error", "NetStream.Publish.Failed")]
    assert server.counters.refused["gate_timeout"] == 1
    await client.close()


async def test_a_gate_that_fails_refuses_the_encoder(gate: RecordingGate, listening: Listening) -> None:
    async def fail(_request: PublishRequest) -> None:
        raise ValueError("broken")

    gate.before = fail
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()

    assert await client.read_statuses() == [("error", "NetStream.Publish.Failed")]
    await client.close()


async def test_an_encoder_whose_connection_ends_before_the_answer_does_not_stay_published(
    gate: RecordingGate, listening: Listening
) -> None:
    answer = asyncio.Event()

    async def think(_request: PublishRequest) -> None:
        await answer.wait()

    gate.after = think
    server, port = await listening(idle_timeout=0.1)
    client = await Client.connect(port)
    client.publish()
    publication = await gate.first()
    await until(lambda: server.counters.connections == 0)
    answer.set()
    await asyncio.wait_for(publication.over.wait(), PATIENCE)

    assert publication.reasons == ["closed"]
    await client.close()


async def test_a_publication_that_fails_before_it_began_ends_its_connection_only(
    gate: RecordingGate, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asyncio.Event()

    async def think(_request: PublishRequest) -> None:
        await answer.wait()

    def fail(_publication: Recorded, _reason: str) -> None:
        raise ValueError("broken")

    gate.after = think
    server, port = await listening(idle_timeout=0.1)
    client = await Client.connect(port)
    client.publish()
    await gate.first()
    monkeypatch.setattr(Recorded, "ended", fail)
    await client.close()
    await until(lambda: server.counters.connections == 0)
    with capture_logs() as logs:
        answer.set()
        await until(lambda: "publish not begun" in [each["event"] for each in logs])
    monkeypatch.undo()

    gate.after = nothing
    other = await Client.connect(port)
    other.publish()
    assert await other.read_statuses() == [("status", "NetStream.Publish.Start")]
    await other.close()


async def test_media_that_cannot_be_carried_is_refused_and_ends_the_connection(
    gate: RecordingGate, listening: Listening
) -> None:
    def take(tag: FlvTag) -> None:
        raise PublishRefused(Refusal.UNSUPPORTED_CODEC, "Only H.264 can be carried.")

    gate.take = take
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()
    await client.read_statuses()
    client.send(client.encoder.video(0, AVC_HEADER) * 3)

    assert b"Only H.264 can be carried." in await client.read_to_end()
    publication = await gate.first()
    assert (len(publication.tags), publication.reasons) == (1, ["refused"])
    await client.close()


async def test_skipped_messages_are_counted_and_logged_once(gate: RecordingGate, listening: Listening) -> None:
    server, port = await listening()
    client = await Client.connect(port)
    client.publish()
    await client.read_statuses()
    publication = await gate.first()
    with capture_logs() as logs:
        for time in range(3):
            unknown = client.encoder.message(5, 99, bytes(80_000))
            client.send(unknown + client.encoder.video(time, AVC_HEADER))
            await asyncio.wait_for(publication.has(time + 1), PATIENCE)

    assert [entry["types"] for entry in logs if entry["event"] == "messages skipped"] == [[99]]
    assert server.counters.skipped == 3
    await client.close()


async def test_trouble_with_one_stream_is_logged_and_ends_that_stream_only(
    gate: RecordingGate, listening: Listening
) -> None:
    def take(tag: FlvTag) -> None:
        if tag.kind == TagKind.AUDIO:
            raise ZeroDivisionError

    gate.take = take
    _, port = await listening()
    broken, well = await Client.connect(port), await Client.connect(port)
    for client in (broken, well):
        client.publish()
        await client.read_statuses()
    with capture_logs() as logs:
        broken.send(broken.encoder.audio(0, AAC_HEADER))
        assert await broken.read_statuses() == [("error", "NetStream.Publish.Failed")]
    well.send(well.encoder.video(0, AVC_HEADER))
    await gate.publications[1].has(1)

    assert "media not handled" in [entry["event"] for entry in logs]
    for client in (broken, well):
        await client.close()


@pytest.mark.parametrize(
    ("leave", "reason"),
    [
        (lambda client: client.send(client.encoder.unpublish("secret")), "unpublished"),
        (lambda client: client.writer.close(), "closed"),
        (lambda client: client.send(b"\xff" * 64), "protocol_error"),
    ],
    ids=["good-bye", "hang-up", "garbage"],
)
async def test_the_publication_learns_how_the_encoder_left(
    gate: RecordingGate, listening: Listening, leave: Callable[[Client], None], reason: str
) -> None:
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()
    await client.read_statuses()
    leave(client)
    publication = await gate.first()
    await asyncio.wait_for(publication.over.wait(), PATIENCE)
    await client.close()

    assert publication.reasons == [reason]


async def test_a_publish_can_be_closed_from_outside_at_any_time_and_twice(
    gate: RecordingGate, listening: Listening
) -> None:
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()
    await client.read_statuses()
    (request,) = gate.requests
    request.close(Refusal.KEY_CHANGED)
    request.close(Refusal.KEY_CHANGED)

    assert (await client.read_to_end()).count(Refusal.KEY_CHANGED.sentence.encode()) == 1
    await client.close()
    request.close(Refusal.INPUT_DELETED)
    assert (await gate.first()).reasons == ["refused"]


async def test_the_last_word_is_readable_though_the_encoder_keeps_sending(
    gate: RecordingGate, listening: Listening
) -> None:
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()
    await client.read_statuses()
    for time in range(200):
        client.send(client.encoder.video(time, bytes(20_000)))
    gate.requests[0].close(Refusal.INPUT_DISABLED)
    await asyncio.wait_for(client.writer.drain(), PATIENCE)

    assert await client.read_statuses() == [("error", "NetStream.Publish.Denied")]
    await client.close()


async def test_an_encoder_that_does_not_hang_up_is_cut_off(gate: RecordingGate, listening: Listening) -> None:
    server, port = await listening(linger_timeout=0.05)
    client = await Client.connect(port)
    client.publish("wrong")
    await until(lambda: server.counters.refused["gate"] == 1)
    await until(lambda: server.counters.connections == 0)
    await client.close()


async def test_refusing_an_encoder_that_has_reset_its_connection_unseen_is_harmless(
    gate: RecordingGate, listening: Listening
) -> None:
    answer = asyncio.Event()

    async def refuse(_request: PublishRequest) -> None:
        await answer.wait()
        raise PublishRefused(Refusal.INPUT_DISABLED)

    gate.before = refuse
    server, port = await listening()
    client = await Client.connect(port)
    client.publish()
    await gate.asked.wait()
    hang_up_at_once = struct.pack("ii", 1, 0)
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hang_up_at_once)
    client.writer.transport.abort()
    await client.close()
    answer.set()

    await until(lambda: server.counters.connections == 0)


async def test_what_follows_a_burst_arrives_however_little_it_is(gate: RecordingGate, listening: Listening) -> None:
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()
    await client.read_statuses()
    publication = await gate.first()
    for turn in range(1, 6):
        client.send(b"".join(client.encoder.video(turn, bytes(20_000)) for _ in range(20)))
        client.send(client.encoder.audio(turn, AAC_HEADER))
        await asyncio.wait_for(publication.has(turn * 21), PATIENCE)
    await client.close()
