"""What nodes know of each other's broadcasts, on two live servers over one registry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.base import EventKind, InputOptions, InputState, Phase, ProviderEvent
from providers.health import RecordingState
from providers.local import peers
from providers.local.abandoned import ABANDONED_AFTER
from providers.local.ownership.exchange import EXPIRES_AFTER, Exchange, MemoryExchange, NoExchange
from providers.local.ownership.port import DEAD_AFTER
from providers.local.ownership.state_text import decoded, encoded
from providers.local.peers import Peers
from providers.local.ports.refusals import Refusal
from service.concurrency.tasks import Tasks
from tests.unit.providers.local.live.live_server import INPUT, LiveServer
from tests.unit.providers.local.packager.tags import stream
from tests.waiting import until


class Node:
    """A live server among others, and the events that its peers caused."""

    def __init__(self, server: LiveServer, exchange: Exchange) -> None:
        self.server = server
        self.heard: list[ProviderEvent] = []
        self.peers = Peers(
            server.ownership,
            exchange,
            server.claims,
            server.broadcasts,
            server.store,
            self.heard.append,
            server.spawn,
            clock=server.clock.unix,
            monotonic=server.clock.monotonic,
        )

    async def stored(self) -> None:
        """Return when the changes of the claims are stored."""
        await until(lambda: not self.server.claims._changes)


async def two_nodes(folder: Path, tasks: Tasks, *, silent: bool = False) -> tuple[Node, Node]:
    """Return two nodes with an exchange in memory, or with none if it is silent."""
    for name in ("one", "two"):
        (folder / name).mkdir()
    one = LiveServer(folder / "one", tasks.spawn)
    two = one.other_node(folder / "two")
    for server in (one, two):
        await server.claims.start()
    await one.add_input(reconnect_timeout=30)
    if silent:
        return Node(one, NoExchange()), Node(two, NoExchange())
    exchange = MemoryExchange(one.clock.monotonic)
    return Node(one, exchange), Node(two, exchange.node())


@pytest.fixture
async def nodes(tmp_path: Path, tasks: Tasks) -> tuple[Node, Node]:
    return await two_nodes(tmp_path, tasks)


@pytest.fixture
async def silent(tmp_path: Path, tasks: Tasks) -> tuple[Node, Node]:
    """Nodes without an exchange."""
    return await two_nodes(tmp_path, tasks, silent=True)


async def test_flips_reach_the_other_node_at_once(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    assert there.peers.state(INPUT) is None
    publication = await here.server.connect()
    state = there.peers.state(INPUT)
    assert state is not None and (state.phase, state.is_connected, state.degraded) == (Phase.CONNECTING, True, False)
    here.server.send(publication, stream(3.0))
    state = there.peers.state(INPUT)
    assert state is not None and (state.phase, state.is_watchable, state.tracks) == (Phase.LIVE, True, "audio+video")
    assert there.peers.phases() == {INPUT: Phase.LIVE}
    publication.ended("closed")
    here.server.after(30)
    assert there.peers.state(INPUT) is None
    assert [(each.kind, each.elsewhere) for each in there.heard] == [
        (EventKind.CONNECTED, True),
        (EventKind.WATCHABLE, True),
        (EventKind.LOST, True),
        (EventKind.ENDED, True),
    ]
    assert here.heard == []


async def test_a_node_that_comes_later_reads_the_present_state(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    here.server.send(await here.server.connect(), stream(3.0))
    there.peers._seen.clear()
    await there.peers.refresh()
    state = there.peers.state(INPUT)
    assert state is not None and (state.phase, state.degraded) == (Phase.LIVE, False)


async def test_without_the_exchange_the_last_stored_state_is_degraded(silent: tuple[Node, Node]) -> None:
    here, there = silent
    here.server.send(await here.server.connect(), stream(3.0))
    await here.stored()
    await there.peers.refresh()
    state = there.peers.state(INPUT)
    assert state is not None
    assert (state.phase, state.is_watchable, state.degraded, state.reason) == (Phase.LIVE, True, True, None)
    assert [each.kind for each in there.heard] == [EventKind.WATCHABLE]
    here.server.broadcasts.session(INPUT).stop("disabled", Refusal.INPUT_DISABLED)  # type: ignore[union-attr]
    await here.stored()
    await there.peers.refresh()
    assert there.peers.state(INPUT) is None


async def test_a_broadcast_of_a_dead_node_waits_for_its_encoder(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    here.server.send(await here.server.connect(), stream(3.0))
    await here.stored()
    here.server.clock.advance(max(DEAD_AFTER, EXPIRES_AFTER) + 1)
    await there.peers.refresh()
    state = there.peers.state(INPUT)
    assert state is not None
    assert (state.phase, state.is_connected, state.is_watchable) == (Phase.RECONNECTING, False, True)
    assert (state.reason, state.degraded) == ("node_lost", True)
    there.server.send(await there.server.connect(), stream(3.0))
    assert there.peers.state(INPUT) is None, "it is this node's own now"
    state = here.peers.state(INPUT)
    assert state is None, "until it learns that it has lost the broadcast"
    await here.server.claims.renew()
    state = here.peers.state(INPUT)
    assert state is not None and state.phase is Phase.LIVE


async def test_a_broadcast_of_a_node_that_does_not_come_back_is_ended_once(silent: tuple[Node, Node]) -> None:
    here, there = silent
    third = Node(here.server.other_node(here.server.folder / "third", "third"), NoExchange())
    await here.server.store.change(INPUT, options=InputOptions(reconnect_timeout=int(ABANDONED_AFTER) + 60))
    here.server.send(await here.server.connect(), stream(3.0))
    await here.stored()
    clock = here.server.clock
    clock.advance(DEAD_AFTER + 1)

    async def round_after(seconds: float) -> list[list[EventKind]]:
        clock.advance(seconds)
        for each in (there, third):
            each.heard.clear()
            await each.peers.refresh()
        await there.peers._end_abandoned()
        await third.peers._end_abandoned()
        await third.peers.refresh()
        await there.peers.refresh()
        return [[each.kind for each in node.heard] for node in (there, third)]

    await round_after(0)
    assert await round_after(ABANDONED_AFTER) == [[], []], "the reconnect window is longer"
    assert await round_after(60) == [[EventKind.ENDED], [EventKind.ENDED]]
    assert [there.heard[0].elsewhere, third.heard[0].elsewhere] == [False, True], "one node reports it for all"
    assert (there.peers.state(INPUT), await here.server.ownership.carried(INPUT)) == (None, None)


async def test_abandoned_broadcasts_are_ended_while_the_service_runs(
    silent: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = silent
    await here.server.connect()
    await here.stored()
    here.server.clock.advance(DEAD_AFTER + 1)
    monkeypatch.setattr(peers, "STEP", 0.001)
    there.peers._may_have_peers = True
    await there.peers.start()
    await until(lambda: bool(there.peers._abandoned._dead_since))
    here.server.clock.advance(ABANDONED_AFTER)
    await until(lambda: INPUT not in here.server.ownership._running)
    await there.peers.aclose()


async def test_a_node_that_is_dead_again_is_waited_for_again(silent: tuple[Node, Node]) -> None:
    here, there = silent
    await here.server.connect()
    await here.stored()
    for _ in range(3):
        here.server.clock.advance(ABANDONED_AFTER - 1)
        await there.peers.refresh()
        await there.peers._end_abandoned()
        await here.server.claims.renew()
        await there.peers.refresh()
        await there.peers._end_abandoned()
    assert await here.server.ownership.carried(INPUT) is not None
    here.server.clock.advance(ABANDONED_AFTER - 1)
    await there.peers.refresh()
    await there.peers._end_abandoned()
    there.peers._silent = True  # the time without an answer does not count
    here.server.clock.advance(ABANDONED_AFTER)
    await there.peers._end_abandoned()
    there.peers._silent = False
    await there.peers._end_abandoned()
    assert await here.server.ownership.carried(INPUT) is not None


async def test_a_claim_of_this_node_without_a_session_is_not_another_nodes(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    await here.server.ownership.claim(await here.server.claims._joined(), INPUT, "claimed by a call that was cancelled")
    for each in nodes:
        await each.peers.refresh()
    assert here.peers.state(INPUT) is None
    assert there.peers.state(INPUT) is not None


async def test_reading_an_input_that_has_not_changed_repeats_no_look_up(nodes: tuple[Node, Node]) -> None:
    here, _ = nodes
    await here.server.connect()
    changes = here.server.broadcasts._keys.changes
    await here.peers._follow_input(INPUT)
    assert here.server.broadcasts._keys.changes == changes
    await here.server.store.change(INPUT, options=InputOptions(reconnect_timeout=60))
    await here.peers._follow_input(INPUT)
    assert here.server.broadcasts._keys.changes == changes + 1


async def test_a_broadcast_that_fails_does_not_stop_the_others(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = nodes
    await here.server.connect()
    session = here.server.broadcasts.session(INPUT)

    def fail() -> None:
        raise RuntimeError("defect")

    monkeypatch.setattr(session, "check", fail)
    await here.peers._follow_input(INPUT)
    here.server.broadcasts.check()
    assert here.server.phase is None


async def test_an_end_is_not_undone_by_a_row_that_is_still_there(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    publication = await here.server.connect()
    await here.stored()
    await there.peers.refresh()
    here.server.broadcasts.session(INPUT).stop("deleted", Refusal.INPUT_DELETED)  # type: ignore[union-attr]
    await there.peers.refresh()
    assert await here.server.ownership.carried(INPUT) is not None
    assert there.peers.state(INPUT) is None
    publication.ended("closed")


async def test_a_disabled_or_deleted_input_ends_the_broadcast_at_another_node(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    for refusal in (Refusal.INPUT_DISABLED, Refusal.INPUT_DELETED):
        await here.server.connect()
        if refusal is Refusal.INPUT_DELETED:
            await here.server.store.delete(INPUT)
        else:
            await here.server.store.change(INPUT, enabled=False)
        there.peers.input_changed(INPUT)
        await until(lambda: refusal in here.server.closed)  # noqa: B023
        assert here.server.phase is None
        if refusal is Refusal.INPUT_DISABLED:
            await here.server.store.change(INPUT, enabled=True)


async def test_a_rotated_key_disconnects_the_encoder_at_another_node(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    await here.server.connect()
    await here.server.store.change(INPUT, stream_key="another")
    there.peers.input_changed(INPUT)
    await until(lambda: here.server.closed == [Refusal.KEY_CHANGED])
    assert here.server.phase is Phase.RECONNECTING


LIVE = InputState(
    Phase.LIVE,
    True,
    True,
    0.0,
    as_of=datetime(2026, 11, 29, 12, tzinfo=UTC),
    since=datetime(2026, 11, 29, 11, 59, 50, tzinfo=UTC),
    reason="why",
    tracks="audio",
    recording=RecordingState.ON,
    watchable_since=datetime(2026, 11, 29, 11, 59, 58, tzinfo=UTC),
)


@pytest.mark.parametrize("offset", [0, 90, -90])
def test_times_move_with_the_clock_of_the_node_that_reads_them(offset: int) -> None:
    by = timedelta(seconds=offset)
    read = decoded(encoded(LIVE, "media"), LIVE.as_of.timestamp() + offset)
    assert LIVE.since is not None and LIVE.watchable_since is not None
    moved = {"as_of": LIVE.as_of + by, "since": LIVE.since + by, "watchable_since": LIVE.watchable_since + by}
    assert read == (replace(LIVE, **moved), "media")


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "live",
        '{"phase": "live"}',
        encoded(LIVE).replace("live", "on the way"),
        encoded(LIVE).replace("10.0", "1e300"),
        encoded(LIVE).replace("0.0", "-1"),
    ],
)
def test_a_text_that_is_no_state_is_ignored(text: str) -> None:
    assert decoded(text, 0.0) is None
