"""The ingest on real sockets: who is let in, who is sent away and how, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import uvloop
from structlog.testing import capture_logs

from providers.local.ingest import connection as connection_module
from providers.local.ingest.connection import Connection
from providers.local.ingest.limits import IngestLimits
from providers.local.ingest.ports import Publication, PublishRefused, PublishRequest
from providers.local.ingest.server import IngestServer
from providers.local.media import FlvTag, TagKind
from service.tasks import Tasks
from tests.unit.providers.local.ingest.clients import PATIENCE, Client
from tests.unit.providers.local.ingest.gates import RecordingGate
from tests.unit.providers.local.rtmp.encoder import AAC_HEADER, AVC_HEADER, FLASH_VERSION, HANDSHAKE, Encoder

LIMITS = IngestLimits(sweep_interval=0.02)

Listening = Callable[..., Awaitable[tuple[IngestServer, int]]]


@pytest.fixture
def gate() -> RecordingGate:
    return RecordingGate()


@pytest.fixture
async def listening(gate: RecordingGate, tasks: Tasks) -> AsyncIterator[Listening]:
    """Starts servers; at the end they stop and nothing is left of them."""
    servers: list[IngestServer] = []

    async def start(**limits: float) -> tuple[IngestServer, int]:
        server = IngestServer(gate, tasks.spawn, replace(LIMITS, **limits))  # type: ignore[arg-type]
        servers.append(server)
        return server, await server.listen("127.0.0.1", 0)

    yield start
    for server in servers:
        await server.aclose()
        assert (server.counters.connections, server.counters.publishers) == (0, 0)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until `condition` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def test_the_media_of_an_admitted_encoder_arrives_as_flv_tags(gate: RecordingGate, listening: Listening) -> None:
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()
    assert await client.hear() == [("status", "NetStream.Publish.Start")]
    client.send(client.encoder.audio(0, AAC_HEADER) + client.encoder.video(40, AVC_HEADER))
    publication = await gate.first()
    await publication.has(2)

    assert publication.tags == [FlvTag(TagKind.AUDIO, 0, AAC_HEADER), FlvTag(TagKind.VIDEO, 40, AVC_HEADER)]
    await client.close()


async def test_the_gate_learns_who_wants_to_publish(gate: RecordingGate, listening: Listening) -> None:
    _, port = await listening()
    client = await Client.connect(port)
    client.publish("secret?x=y")
    await client.hear()
    (request,) = gate.requests

    assert (request.app, request.stream_key, request.encoder) == ("live", "secret", FLASH_VERSION)
    assert (request.address, request.encrypted) == ("127.0.0.1", False)
    await client.close()


async def test_a_wrong_key_is_told_and_then_the_connection_ends(gate: RecordingGate, listening: Listening) -> None:
    server, port = await listening()
    client = await Client.connect(port)
    client.publish("wrong")
    everything = await client.hear_to_the_end()

    assert b"No stream has this key" in everything
    assert client.answers.statuses(everything) == [("error", "NetStream.Publish.BadName")]
    assert server.counters.refused["gate"] == 1
    await client.close()


async def test_a_gate_that_does_not_answer_lets_nobody_in(
    gate: RecordingGate, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(request: PublishRequest) -> Publication:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(gate, "admit", never)
    monkeypatch.setattr(connection_module, "ADMIT_TIMEOUT", 0.05)
    server, port = await listening()
    client = await Client.connect(port)
    client.publish()

    assert await client.hear() == [("error", "NetStream.Publish.Failed")]
    assert server.counters.refused["gate_timeout"] == 1
    await client.close()


async def test_a_gate_that_fails_lets_nobody_in(
    gate: RecordingGate, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(request: PublishRequest) -> Publication:
        raise ValueError("broken")

    monkeypatch.setattr(gate, "admit", fail)
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()

    assert await client.hear() == [("error", "NetStream.Publish.Failed")]
    await client.close()


async def test_an_encoder_that_leaves_while_the_gate_thinks_does_not_stay_published(
    gate: RecordingGate, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit, answer = gate.admit, asyncio.Event()

    async def think(request: PublishRequest) -> Publication:
        publication = await admit(request)
        await answer.wait()
        return publication

    monkeypatch.setattr(gate, "admit", think)
    server, port = await listening()
    client = await Client.connect(port)
    client.publish()
    publication = await gate.first()
    for connection in server._connections:
        connection.abort()
    await until(lambda: server.counters.connections == 0)
    answer.set()
    await asyncio.wait_for(publication.over.wait(), PATIENCE)

    assert publication.reasons == ["closed"]
    await client.close()


async def test_media_that_cannot_be_carried_is_told_and_ends_the_connection(
    gate: RecordingGate, listening: Listening
) -> None:
    def take(tag: FlvTag) -> None:
        raise PublishRefused("NetStream.Publish.Denied", "Only H.264 can be carried.")

    gate.take = take
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()
    await client.hear()
    client.send(client.encoder.video(0, AVC_HEADER) * 3)

    assert b"Only H.264 can be carried." in await client.hear_to_the_end()
    publication = await gate.first()
    assert (len(publication.tags), publication.reasons) == (1, ["refused"])
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
        await client.hear()
    with capture_logs() as logs:
        broken.send(broken.encoder.audio(0, AAC_HEADER))
        assert await broken.hear() == [("error", "NetStream.Publish.Failed")]
    well.send(well.encoder.video(0, AVC_HEADER))
    await gate.publications[1].has(1)

    assert "media could not be taken" in [entry["event"] for entry in logs]
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
    await client.hear()
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
    await client.hear()
    (request,) = gate.requests
    request.close("NetStream.Publish.Denied", "Your key was replaced.")
    request.close("NetStream.Publish.Denied", "Your key was replaced.")

    assert (await client.hear_to_the_end()).count(b"Your key was replaced.") == 1
    await client.close()
    request.close("NetStream.Publish.Denied", "Too late.")
    assert (await gate.first()).reasons == ["refused"]


async def test_the_last_word_is_readable_though_the_encoder_keeps_sending(
    gate: RecordingGate, listening: Listening
) -> None:
    _, port = await listening()
    client = await Client.connect(port)
    client.publish()
    await client.hear()
    for time in range(200):
        client.send(client.encoder.video(time, bytes(20_000)))
    gate.requests[0].close("NetStream.Publish.Denied", "Enough.")
    await asyncio.wait_for(client.writer.drain(), PATIENCE)

    assert await client.hear() == [("error", "NetStream.Publish.Denied")]
    await client.close()


async def test_an_encoder_that_does_not_hang_up_is_cut_off(gate: RecordingGate, listening: Listening) -> None:
    server, port = await listening(linger_timeout=0.05)
    client = await Client.connect(port)
    client.publish("wrong")
    await until(lambda: server.counters.refused["gate"] == 1)
    await until(lambda: server.counters.connections == 0)
    await client.close()


async def test_refusing_an_encoder_that_has_reset_its_connection_unseen_is_harmless(
    gate: RecordingGate, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def refuse(request: PublishRequest) -> Publication:
        asked.set()
        await answer.wait()
        raise PublishRefused("NetStream.Publish.Denied", "No.")

    monkeypatch.setattr(gate, "admit", refuse)
    server, port = await listening()
    client = await Client.connect(port)
    client.publish()
    await asked.wait()
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
    await client.hear()
    publication = await gate.first()
    for turn in range(1, 6):
        client.send(b"".join(client.encoder.video(turn, bytes(20_000)) for _ in range(20)))
        client.send(client.encoder.audio(turn, AAC_HEADER))
        await asyncio.wait_for(publication.has(turn * 21), PATIENCE)
    await client.close()


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n"], ids=["tls", "http"])
async def test_who_does_not_speak_rtmp_is_hung_up_on_at_once(listening: Listening, first: bytes) -> None:
    server, port = await listening()
    client = await Client.connect(port)
    client.send(first)

    assert await client.hear_to_the_end() == b""
    await until(lambda: server.counters.connections == 0)
    assert server.counters.refused == {"protocol_error": 1}
    await client.close()


@pytest.mark.parametrize(
    ("limit", "sent", "reason"),
    [
        ("handshake_timeout", b"", "timeout_handshaking"),
        ("handshake_timeout", HANDSHAKE[:2000], "timeout_handshaking"),
        ("publish_timeout", HANDSHAKE, "timeout_connecting"),
        ("publish_timeout", HANDSHAKE + b"\x02", "timeout_connecting"),
    ],
)
async def test_a_connection_that_gets_nowhere_is_closed(
    listening: Listening, limit: str, sent: bytes, reason: str
) -> None:
    server, port = await listening(**{limit: 0.1})
    client = await Client.connect(port)
    client.send(sent)
    await client.hear_to_the_end()
    await until(lambda: server.counters.connections == 0)

    assert server.counters.refused == {reason: 1}
    await client.close()


async def test_a_connection_that_only_connects_is_closed(listening: Listening) -> None:
    server, port = await listening(publish_timeout=0.1)
    client = await Client.connect(port)
    client.send(HANDSHAKE + client.encoder.connect())
    await client.hear_to_the_end()

    assert server.counters.refused == {"timeout_idle": 1}
    await client.close()


async def test_the_time_to_publish_runs_on_after_connect(gate: RecordingGate) -> None:
    now = 100.0
    server = IngestServer(gate, Tasks().spawn, LIMITS)
    mine, theirs = socket.socketpair()
    connection = Connection(server, mine, "127.0.0.1", False, lambda: now)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, mine)
    connection.data_received(HANDSHAKE)
    connection.check(now)
    connection.data_received(Encoder().connect())
    connection.check(now + LIMITS.publish_timeout - 0.1)
    assert not transport.is_closing()

    connection.check(now + LIMITS.publish_timeout)
    assert transport.is_closing()
    theirs.close()
    await asyncio.sleep(0)


async def test_a_publisher_that_falls_silent_is_closed(gate: RecordingGate, listening: Listening) -> None:
    _, port = await listening(idle_timeout=0.1)
    client = await Client.connect(port)
    client.publish()
    await client.hear_to_the_end()

    assert (await gate.first()).reasons == ["timeout"]
    await client.close()


async def test_a_stream_above_the_bitrate_ceiling_is_refused_with_a_sentence(
    gate: RecordingGate, listening: Listening
) -> None:
    server, port = await listening(bitrate=1_000_000, bitrate_window=1.0)
    client = await Client.connect(port)
    client.publish()
    await client.hear()
    client.send(b"".join(client.encoder.video(time, bytes(50_000)) for time in range(10)))

    assert b"above 1 Mbit/s" in await client.hear_to_the_end()
    assert server.counters.refused == {"bitrate": 1}
    assert (await gate.first()).reasons == ["refused"]
    await client.close()


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
async def test_connections_above_the_limit_are_hung_up_on(listening: Listening, limit: str) -> None:
    server, port = await listening(**{limit: 2})
    first = [await Client.connect(port) for _ in range(2)]
    await until(lambda: server.counters.connections == 2)
    third = await Client.connect(port)

    assert await third.hear_to_the_end() == b""
    assert server.counters.refused == {limit: 1}
    for client in (*first, third):
        await client.close()


@pytest.mark.parametrize("limit", ["publishers", "publishers_per_address"])
async def test_publishers_above_the_limit_are_told(listening: Listening, limit: str) -> None:
    server, port = await listening(**{limit: 1})
    first, second = await Client.connect(port), await Client.connect(port)
    first.publish()
    await first.hear()
    second.publish()

    assert b"The server takes no more streams" in await second.hear_to_the_end()
    assert server.counters.publishers == 1
    for client in (first, second):
        await client.close()


async def test_room_is_given_back_when_a_publisher_leaves(listening: Listening) -> None:
    server, port = await listening(publishers=1)
    for _ in range(3):
        client = await Client.connect(port)
        client.publish()
        assert await client.hear() == [("status", "NetStream.Publish.Start")]
        await client.close()
        await until(lambda: server.counters.connections == 0)


async def test_a_thousand_idle_sockets_are_all_closed_in_time(listening: Listening) -> None:
    server, port = await listening(handshake_timeout=0.5, sweep_interval=0.1)
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(1000)]
    await until(lambda: server.counters.connections + server.counters.refused["timeout_handshaking"] >= 1000)
    await until(lambda: server.counters.connections == 0)

    assert server.counters.refused == {"timeout_handshaking": 1000}
    for each in sockets:
        each.close()


async def test_bytes_that_came_in_are_counted(listening: Listening) -> None:
    server, port = await listening()
    client = await Client.connect(port)
    client.send(HANDSHAKE)
    await until(lambda: server.counters.bytes_in == len(HANDSHAKE))
    await client.close()


async def test_stopping_tells_publishers_and_hangs_up_on_the_others(gate: RecordingGate, listening: Listening) -> None:
    server, port = await listening()
    publisher, idle = await Client.connect(port), await Client.connect(port)
    publisher.publish()
    await publisher.hear()
    stopping = asyncio.gather(server.aclose(), server.aclose())

    assert await publisher.hear() == [("error", "NetConnection.Connect.AppShutdown")]
    await publisher.close()
    assert await idle.hear_to_the_end() == b""
    await idle.close()
    await stopping
    assert (await gate.first()).reasons == ["refused"]
    with pytest.raises(OSError):
        await Client.connect(port)


async def test_stopping_cuts_off_who_does_not_leave(gate: RecordingGate, listening: Listening) -> None:
    server, port = await listening(stop_timeout=0.1)
    client = await Client.connect(port)
    client.publish()
    await client.hear()
    await server.aclose()

    assert server.counters.connections == 0
    await client.close()


async def test_stopping_does_not_wait_for_a_gate_that_thinks(
    gate: RecordingGate, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def never(request: PublishRequest) -> Publication:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(gate, "admit", never)
    server, port = await listening(stop_timeout=0.1)
    client = await Client.connect(port)
    client.publish()
    await asked.wait()
    await server.aclose()

    assert server.counters.publishers == 0
    await client.close()


async def test_no_log_line_holds_a_key(gate: RecordingGate, listening: Listening) -> None:
    with capture_logs() as logs:
        server, port = await listening()
        for key in ("secret", "secret-but-wrong"):
            client = await Client.connect(port)
            client.publish(key)
            await client.hear()
            client.send(b"\xff" * 64)
            await client.close()
            await until(lambda server=server: server.counters.connections == 0)  # type: ignore[misc]

    assert {entry["event"] for entry in logs} >= {"publish begins", "publish refused", "protocol error"}
    assert "secret" not in repr(logs)
    assert "secret" not in repr(gate.requests)


async def test_a_port_in_use_is_an_os_error(listening: Listening) -> None:
    server, port = await listening()
    with pytest.raises(OSError):
        await server.listen("127.0.0.1", port)


def test_it_runs_on_uvloop_as_well() -> None:
    async def publish_once() -> list[str]:
        tasks, gate = Tasks(), RecordingGate()
        server = IngestServer(gate, tasks.spawn, LIMITS)
        client = await Client.connect(await server.listen("127.0.0.1", 0))
        client.publish()
        await client.hear()
        client.send(client.encoder.video(0, AVC_HEADER))
        await (await gate.first()).has(1)
        gate.requests[0].close("NetStream.Publish.Denied", "Enough.")
        assert b"Enough." in await client.hear_to_the_end()
        await client.close()
        await server.aclose()
        await tasks.aclose()
        return gate.publications[0].reasons

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(publish_once()) == ["refused"]
