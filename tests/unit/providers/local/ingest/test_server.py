"""The ingest as a whole: its limits in time and size, how it stops, and what its log leaves out."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref

import pytest
import uvloop
from structlog.testing import capture_logs

from providers.health import RefusalKind
from providers.local.ingest.connection import EncoderConnection
from providers.local.ingest.server import IngestServer
from providers.local.ports.publishing import PublishRequest
from providers.local.ports.refusals import Refusal
from providers.local.rtmp.session import RtmpSession
from service.concurrency.tasks import Tasks
from tests.unit.providers.local.ingest.clients import Client
from tests.unit.providers.local.ingest.gates import RecordingGate
from tests.unit.providers.local.ingest.listening import LIMITS, Listening
from tests.unit.providers.local.rtmp.encoder import AVC_HEADER, HANDSHAKE, Encoder
from tests.waiting import until


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n"], ids=["tls", "http"])
async def test_a_client_that_does_not_speak_rtmp_is_disconnected_at_once(listening: Listening, first: bytes) -> None:
    server, port = await listening()
    client = await Client.connect(port)
    client.send(first)

    assert await client.read_to_end() == b""
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
    await client.read_to_end()
    await until(lambda: server.counters.connections == 0)

    assert server.counters.refused == {reason: 1}
    await client.close()


async def test_a_connection_that_only_connects_is_closed(listening: Listening) -> None:
    server, port = await listening(publish_timeout=0.1)
    client = await Client.connect(port)
    client.send(HANDSHAKE + client.encoder.connect())
    await client.read_to_end()

    assert server.counters.refused == {"timeout_idle": 1}
    await client.close()


async def test_the_time_to_publish_runs_on_after_connect(gate: RecordingGate) -> None:
    now = 100.0
    server = IngestServer(gate, Tasks().spawn, LIMITS)
    mine, theirs = socket.socketpair()
    connection = EncoderConnection(server, mine, "127.0.0.1", False, lambda: now)
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
    await client.read_to_end()

    assert (await gate.first()).reasons == ["timeout"]
    await client.close()


async def test_a_stream_above_the_bitrate_ceiling_is_refused_with_a_sentence(
    gate: RecordingGate, listening: Listening
) -> None:
    server, port = await listening(bitrate=1_000_000, bitrate_window=1.0)
    client = await Client.connect(port)
    client.publish()
    await client.read_statuses()
    client.send(b"".join(client.encoder.video(time, bytes(50_000)) for time in range(10)))

    assert b"above 1 Mbit/s" in await client.read_to_end()
    assert server.counters.refused == {"bitrate": 1}
    publication = await gate.first()
    assert publication.reasons == ["refused"]
    assert [each.kind for each in publication.refusals] == [RefusalKind.BITRATE]
    await client.close()


async def test_silent_connections_keep_no_publisher_out(listening: Listening) -> None:
    server, port = await listening(pending=5)
    silent = [await Client.connect(port) for _ in range(20)]
    await until(lambda: server.counters.refused["cut_for_others"] == 15)
    assert server.counters.connections <= 6
    publisher = await Client.connect(port)
    publisher.publish()
    assert await publisher.read_statuses() == [("status", "NetStream.Publish.Start")]
    silent += [await Client.connect(port) for _ in range(20)]
    await until(lambda: server.counters.refused["cut_for_others"] == 35)

    assert server.counters.publishers == 1
    for client in (*silent, publisher):
        await client.close()


async def test_a_connection_after_its_handshake_outlives_those_before_it(listening: Listening) -> None:
    server, port = await listening(pending=5)
    publisher = await Client.connect(port)
    publisher.send(HANDSHAKE)
    await until(lambda: server.counters.bytes_in == len(HANDSHAKE))
    silent = [await Client.connect(port) for _ in range(20)]
    await until(lambda: server.counters.refused["cut_for_others"] == 16)
    publisher.send(publisher.encoder.opening("secret")[len(HANDSHAKE) :])

    assert await publisher.read_statuses() == [("status", "NetStream.Publish.Start")]
    for client in (*silent, publisher):
        await client.close()


async def test_connections_without_a_publish_are_summarized_in_the_log(listening: Listening) -> None:
    with capture_logs() as logs:
        server, port = await listening(summary_interval=0.1, handshake_timeout=0.1)
        for first in (b"GET / HTTP/1.1\r\n", b""):
            client = await Client.connect(port)
            client.send(first)
            await client.read_to_end()
            await client.close()
        await until(lambda: sum(sum(each.get("reasons", {}).values()) for each in logs) == 2)
    events = [each["event"] for each in logs]
    assert "protocol error" not in events
    assert "timeout" not in events
    assert {each for log in logs for each in log.get("most", {})} == {"127.0.0.1"}
    assert server.counters.refused == {"protocol_error": 1, "timeout_handshaking": 1}


async def test_a_connection_that_is_gone_is_freed_without_the_collector(listening: Listening) -> None:
    server, port = await listening()
    client = await Client.connect(port)
    client.send(HANDSHAKE)
    await until(lambda: server.counters.bytes_in == len(HANDSHAKE))
    gc.collect()
    sessions = weakref.WeakSet(each for each in gc.get_objects() if isinstance(each, RtmpSession))
    assert len(sessions) == 1
    gc.disable()
    try:
        await client.close()
        await until(lambda: not sessions)
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("limit", "refusal"), [("publishers", Refusal.SERVER_FULL), ("publishers_per_address", Refusal.ADDRESS_FULL)]
)
async def test_publishers_above_the_limit_are_refused(listening: Listening, limit: str, refusal: Refusal) -> None:
    server, port = await listening(**{limit: 1})
    first, second = await Client.connect(port), await Client.connect(port)
    first.publish()
    await first.read_statuses()
    second.publish()

    assert refusal.sentence.encode() in await second.read_to_end()
    assert server.counters.publishers == 1
    for client in (first, second):
        await client.close()


async def test_publishers_that_asked_at_once_do_not_pass_the_limit(gate: RecordingGate, listening: Listening) -> None:
    answer = asyncio.Event()

    async def think(_request: PublishRequest) -> None:
        await answer.wait()

    gate.after = think
    server, port = await listening(publishers=1)
    clients = [await Client.connect(port) for _ in range(3)]
    for client in clients:
        client.publish()
    await until(lambda: len(gate.publications) == 3)
    answer.set()

    await until(lambda: server.counters.refused["publishers"] == 2)
    assert server.counters.publishers == 1
    assert sorted(each.reasons for each in gate.publications) == [[], ["refused"], ["refused"]]
    for client in clients:
        await client.close()


async def test_a_stream_of_countless_small_messages_is_refused(gate: RecordingGate, listening: Listening) -> None:
    server, port = await listening(message_rate=10, bitrate_window=1.0)
    client = await Client.connect(port)
    client.publish()
    await client.read_statuses()
    client.send(b"".join(client.encoder.audio(time, b"") for time in range(100)))

    assert b"more than 10 messages a second" in await client.read_to_end()
    assert server.counters.refused == {"message_rate": 1}
    assert (await gate.first()).reasons == ["refused"]
    await client.close()


async def test_room_is_given_back_when_a_publisher_leaves(listening: Listening) -> None:
    server, port = await listening(publishers=1)
    for _ in range(3):
        client = await Client.connect(port)
        client.publish()
        assert await client.read_statuses() == [("status", "NetStream.Publish.Start")]
        await client.close()
        await until(lambda: server.counters.connections == 0)


async def test_a_thousand_idle_sockets_are_all_closed_in_time(listening: Listening) -> None:
    server, port = await listening(handshake_timeout=0.5, sweep_interval=0.1, pending=1000)
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


async def test_stopping_sends_publishers_the_reason_and_closes_the_others(
    gate: RecordingGate, listening: Listening
) -> None:
    server, port = await listening()
    publisher, idle = await Client.connect(port), await Client.connect(port)
    publisher.publish()
    await publisher.read_statuses()
    stopping = asyncio.gather(server.aclose(), server.aclose())

    assert await publisher.read_statuses() == [("error", "NetConnection.Connect.AppShutdown")]
    await publisher.close()
    assert await idle.read_to_end() == b""
    await idle.close()
    await stopping
    assert (await gate.first()).reasons == ["refused"]
    with pytest.raises(OSError):
        await Client.connect(port)


async def test_stopping_aborts_connections_that_do_not_close(gate: RecordingGate, listening: Listening) -> None:
    server, port = await listening(stop_timeout=0.1)
    client = await Client.connect(port)
    client.publish()
    await client.read_statuses()
    await server.aclose()

    assert server.counters.connections == 0
    await client.close()


async def test_stopping_does_not_wait_for_a_gate_that_thinks(gate: RecordingGate, listening: Listening) -> None:
    async def never(_request: PublishRequest) -> None:
        await asyncio.Event().wait()

    gate.before = never
    server, port = await listening(stop_timeout=0.1)
    client = await Client.connect(port)
    client.publish()
    await gate.asked.wait()
    await server.aclose()

    assert server.counters.publishers == 0
    await client.close()


async def test_no_log_line_holds_a_key(gate: RecordingGate, listening: Listening) -> None:
    with capture_logs() as logs:
        server, port = await listening()
        for key in ("secret", "secret-but-wrong"):
            client = await Client.connect(port)
            client.publish(key)
            await client.read_statuses()
            client.send(b"\xff" * 64)
            await client.close()
            await until(lambda server=server: server.counters.connections == 0)  # type: ignore[misc]

    assert {entry["event"] for entry in logs} >= {"publish accepted", "publish refused", "protocol error"}
    assert "secret" not in repr(logs)
    assert "secret" not in repr(gate.requests)


async def test_a_connection_that_fails_is_cut_off_alone(
    listening: Listening, gate: RecordingGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, port = await listening()
    streamer = await Client.connect(port)
    streamer.publish()
    await streamer.read_statuses()
    check, streaming = EncoderConnection.check, list[EncoderConnection]()

    def fault(self: EncoderConnection, now: float) -> None:
        if not streaming:
            streaming.append(self)
        if self is not streaming[0]:
            raise KeyError("a fault of ours")
        check(self, now)

    monkeypatch.setattr(EncoderConnection, "check", fault)
    await until(lambda: streaming)
    other = await Client.connect(port)
    await other.read_to_end()
    await until(lambda: server.counters.connections == 1)
    assert server.counters.publishers == 1
    await streamer.close()
    await other.close()


async def test_a_connection_that_cannot_be_opened_is_hung_up_on_alone(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, port = await listening()

    async def fault(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of the loop's")

    with monkeypatch.context() as patched:
        patched.setattr(asyncio.get_running_loop(), "connect_accepted_socket", fault)
        client = await Client.connect(port)
        assert await client.read_to_end() == b""
    assert server.counters.connections == 0
    await client.close()


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
        await client.read_statuses()
        client.send(client.encoder.video(0, AVC_HEADER))
        await (await gate.first()).has(1)
        gate.requests[0].close(Refusal.INPUT_DISABLED)
        assert Refusal.INPUT_DISABLED.sentence.encode() in await client.read_to_end()
        await client.close()
        await server.aclose()
        await tasks.aclose()
        return gate.publications[0].reasons

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(publish_once()) == ["refused"]
