"""Broadcasts of one registry on two nodes: one carries each, and the other takes over when it may."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.base import EventKind, Phase
from providers.local.live.live_session import FROZEN_AFTER
from providers.local.ownership.port import DEAD_AFTER
from providers.local.ports.inputs import StoredInput
from providers.local.ports.refusals import PublishRefused, Refusal
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import StorageFull
from tests.unit.providers.local.live.live_server import INPUT, KEY, LiveServer
from tests.unit.providers.local.packager.tags import stream
from tests.waiting import until


@pytest.fixture
def other(server: LiveServer, tmp_path: Path) -> LiveServer:
    (tmp_path / "other").mkdir()
    return server.other_node(tmp_path / "other")


async def carrier(server: LiveServer) -> tuple[str, bool] | None:
    """Return the node that carries the broadcast, and whether it is held."""
    found = await server.ownership.carried(INPUT)
    return None if found is None else (found.node, found.held)


async def test_a_key_in_use_on_another_node_is_refused(server: LiveServer, other: LiveServer) -> None:
    await server.add_input()
    await server.connect()
    with pytest.raises(PublishRefused) as refused:
        await other.connect()
    assert refused.value.refusal is Refusal.KEY_IN_USE
    assert other.phase is None
    assert await carrier(server) == ("main", True)


async def test_a_refused_encoder_leaves_no_claim(server: LiveServer, other: LiveServer) -> None:
    await server.add_input()

    def fill() -> None:
        server.storage._limits = server.storage._limits.__class__(min_free=1 << 62)

    server.store.meanwhile.append(fill)
    await server.claims.start()
    with pytest.raises(PublishRefused) as refused:
        await server.connect()
    assert refused.value.refusal is Refusal.DISK_NEARLY_FULL
    await until(lambda: INPUT not in server.ownership._running)
    await other.connect()
    assert await carrier(server) == ("other", True)
    await server.claims.aclose()


async def test_an_encoder_that_is_refused_when_it_comes_back_may_go_to_another_node(
    server: LiveServer, other: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.add_input(reconnect_timeout=30)
    await server.claims.start()
    publication = await server.connect()
    server.send(publication, stream(3.0))
    publication.ended("closed")

    def full(stored: StoredInput) -> Broadcast:
        raise StorageFull(0, 1)

    monkeypatch.setattr(server.broadcasts._stored, "open", full)
    with pytest.raises(PublishRefused) as refused:
        await server.connect()
    assert refused.value.refusal is Refusal.DISK_NEARLY_FULL
    await until(lambda: not server.ownership._running[INPUT].held)
    await other.connect()
    assert await carrier(server) == ("other", True)
    await server.claims.aclose()


async def test_a_node_that_was_paused_leaves_the_broadcast_to_its_successor(
    server: LiveServer, other: LiveServer
) -> None:
    await server.add_input()
    publication = await server.connect()
    server.send(publication, stream(3.0))
    server.clock.advance(DEAD_AFTER + 1)
    successor = await other.connect()
    other.send(successor, stream(3.0))
    server.events.clear()
    await server.claims.renew()
    assert server.closed == [Refusal.MOVED]
    assert server.phase is None
    assert other.phase is Phase.LIVE
    # What the former node has stored is kept; the broadcast goes on, so no end is reported.
    assert [each.kind for each in server.events] == [EventKind.RECORDING_READY]
    with pytest.raises(PublishRefused):
        server.send(publication, stream(1.0, start=4000))
    assert await carrier(server) == ("other", True)


async def test_another_node_accepts_the_encoder_that_was_lost_or_frozen(server: LiveServer, other: LiveServer) -> None:
    await server.add_input(reconnect_timeout=30)
    await server.claims.start()
    publication = await server.connect()
    server.send(publication, stream(3.0))
    server.after(FROZEN_AFTER)
    await until(lambda: not server.ownership._running[INPUT].held)
    await other.connect()
    assert await carrier(server) == ("other", True)
    server.send(publication, stream(1.0, start=9000))  # it thaws, too late
    await until(lambda: server.closed == [Refusal.MOVED])
    assert server.phase is None
    await server.claims.aclose()


async def test_a_node_that_is_cut_off_sends_its_encoders_away_and_resumes_later(
    server: LiveServer, other: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.add_input(reconnect_timeout=30)
    await other.claims.hold("another")
    publication = await server.connect()
    server.send(publication, stream(3.0))
    await server.claims.renew()
    with monkeypatch.context() as patch:

        async def no_answer(_: object) -> None:
            raise ConnectionError("no answer")

        patch.setattr(server.ownership, "renew", no_answer)
        server.clock.advance(DEAD_AFTER - 1)
        await server.claims.renew()
        assert server.closed == [Refusal.NODE_CUT_OFF]
        assert server.phase is Phase.RECONNECTING
        with pytest.raises(PublishRefused) as refused:
            await server.connect()
        assert refused.value.refusal is Refusal.NODE_CUT_OFF
    await server.claims.renew()
    server.send(await server.connect(), stream(3.0))
    assert server.phase is Phase.LIVE
    assert len(server.recordings) == 0


async def test_the_end_of_a_broadcast_ends_its_claim(server: LiveServer) -> None:
    await server.add_input(reconnect_timeout=0)
    await server.claims.start()
    publication = await server.connect()
    server.send(publication, stream(3.0))
    publication.ended("closed")
    await until(lambda: INPUT not in server.ownership._running)
    await server.claims.aclose()


async def test_a_restart_resumes_what_no_other_node_has_taken_over(server: LiveServer, other: LiveServer) -> None:
    await server.add_input(reconnect_timeout=30)
    await server.add_input("second", "second-key", reconnect_timeout=30)
    for key in (KEY, "second-key"):
        server.send(await server.connect(key), stream(3.0))
    server.clock.advance(DEAD_AFTER + 1)
    await other.connect("second-key")
    await server.restart()
    assert set(server.broadcasts.phases()) == {INPUT}
    assert {each.input_uid for each in server.recordings} == {"second"}
    carried = {each.claim.input_uid: each.node for each in await server.ownership.running()}
    assert carried == {"second": "other", INPUT: "main"}
