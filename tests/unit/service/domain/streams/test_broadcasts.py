"""What the provider reports is in the log once each, also when it is repeated, and when a process dies in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from providers.base import EventKind, ProviderEvent
from providers.health import Delivery, InputHealth, VideoFacts
from service.api.stream_changes import reported
from service.concurrency.tasks import Tasks
from service.domain.access.accounts import Accounts
from service.domain.conversation.channels import Channels, NewChannel
from service.domain.errors import Unavailable
from service.domain.events.event import Event, Scope
from service.domain.health.health_watch import HealthWatch
from service.domain.streams.broadcasts import BroadcastLimits, Broadcasts
from service.domain.streams.sessions import open_session
from service.store import Store
from tests.stage import StoredStage

LIMITS = BroadcastLimits(retry_after=0.01, max_waiting=5)


class BroadcastStage(StoredStage):
    """A channel with a live input, whose broadcasts are written to the log."""

    organization: UUID

    def broadcasts(self, *, listen: bool = True) -> Broadcasts:
        """As a process of its own has it."""
        store = self.store
        made = Broadcasts(self.provider, store.sessions, store.broadcasts, store, self.tasks.spawn, self.clock, LIMITS)
        if listen:
            self.provider.listen(made.handle_event)
        return made

    async def events(self) -> list[Event]:
        return await self.store.events.events(self.organization, 0, 1_000)

    async def kinds(self) -> list[str]:
        """Return the kinds of the reports in the log, without the introduction of the channel and its input."""
        return [report.kind.value for each in await self.events() if (report := reported(each)) is not None]

    def watch(self) -> HealthWatch:
        """As a process of its own has it."""
        return HealthWatch(self.provider, self.store.sessions, self.store.findings, self.store, self.tasks.spawn)

    def go_live_badly(self) -> None:
        self.go_live()
        delivery = Delivery(seconds=60.0, stalls=9)
        bad = InputHealth(True, True, self.clock.now(), video=VideoFacts("H.264"), delivery=delivery)
        self.provider.measure(self.uid, bad)

    async def problems(self) -> list[tuple[str, str]]:
        """Return the events of problems: the action and the code."""
        events = [each for each in await self.events() if each.channel.endswith("/stream_health")]
        return [(each.action.value, each.resource_id) for each in events]

    async def recordings(self) -> list[str]:
        return [each.resource_id for each in await self.events() if each.channel.endswith("/recorded_streams")]


@pytest.fixture
async def stage(store: Store, tasks: Tasks) -> AsyncIterator[BroadcastStage]:
    async with aclosing(BroadcastStage(store, tasks)) as stage:
        stage.organization = uuid4()
        await Accounts(store.accounts, store.accounts, stage.clock).create_token(stage.organization, None)
        channels = Channels(store.channels, store, stage.clock, store.directory)
        channel = await channels.create(stage.organization, None, NewChannel("News"))
        stage.uid = (await stage.streams.ensure(channel)).input.uid
        yield stage


async def test_a_broadcast_is_in_the_log_from_its_begin_to_its_recording(stage: BroadcastStage) -> None:
    broadcasts = stage.broadcasts()
    broadcasts.start()
    stage.go_live()
    await broadcasts.settled()
    stage.clock.advance(60)
    stage.provider.drop(stage.uid)
    await broadcasts.settled()
    stage.provider.connect(stage.uid)
    stage.clock.advance(60)
    recording = stage.provider.end(stage.uid)
    await broadcasts.settled()
    assert await stage.kinds() == ["connected", "watchable", "lost", "connected", "ended"]
    assert recording is not None and await stage.recordings() == [recording.uid]
    public = [each for each in await stage.events() if each.audience.scope is Scope.PUBLIC]
    assert [each.resource["state"] for each in public if each.resource][-1] == "ended"
    assert {each.channel.rpartition("/")[2] for each in public} == {"stream_status"}


async def test_a_recordings_event_waits_for_its_session(stage: BroadcastStage) -> None:
    broadcasts = stage.broadcasts()
    owner = await stage.store.sessions.input_owner(stage.uid)
    assert owner is not None
    began = stage.clock.now()
    opened: list[str] = []

    async def open_late() -> None:
        async with stage.store.transaction() as tx:
            opened.append(str((await open_session(tx, *owner, began, by_encoder=True)).id))

    broadcasts.await_sessions(open_late)
    stage.broadcast(stage.uid)
    broadcasts.start()
    await broadcasts.settled()
    (recording,) = [each.resource for each in await stage.events() if each.channel.endswith("/recorded_streams")]
    assert recording is not None and [recording["stream_session_id"]] == opened


async def test_repeated_reports_are_one_event(stage: BroadcastStage) -> None:
    one, other = stage.broadcasts(), stage.broadcasts()
    one.start()
    other.start()
    stage.go_live()
    await one.settled()
    await other.settled()
    stage.clock.advance(5)
    late = ProviderEvent(EventKind.WATCHABLE, stage.uid, stage.clock.now())
    for each in (one, other):
        each.handle_event(late)
        await each.settled()
    recording = stage.provider.end(stage.uid)
    await one.settled()
    await other.settled()
    assert recording is not None
    other.handle_event(ProviderEvent(EventKind.RECORDING_READY, stage.uid, stage.clock.now(), recording.uid))
    await other.settled()
    assert await stage.kinds() == ["connected", "watchable", "ended"]
    assert await stage.recordings() == [recording.uid]


async def test_what_a_process_did_not_write_before_it_died_is_written_at_the_next_start(
    stage: BroadcastStage,
) -> None:
    stage.broadcasts()  # hears of it, and dies
    stage.go_live()
    restarted = stage.broadcasts(listen=False)
    await restarted.reconcile()
    assert await stage.kinds() == ["connected", "watchable"]
    stage.clock.advance(60)
    recording = stage.provider.end(stage.uid)
    assert recording is not None
    for _ in range(2):
        await stage.broadcasts(listen=False).reconcile()
    assert await stage.kinds() == ["connected", "watchable", "ended"]
    assert await stage.recordings() == [recording.uid]


async def test_an_old_recording_is_not_looked_up_again(stage: BroadcastStage) -> None:
    stage.go_live()
    await stage.broadcasts(listen=False).reconcile()
    stage.provider.end(stage.uid)
    stage.clock.advance((LIMITS.recordings_of + timedelta(hours=1)).total_seconds())
    await stage.broadcasts(listen=False).reconcile()  # the end is written with its own time, a day ago
    await stage.broadcasts(listen=False).reconcile()
    assert await stage.recordings() == []


async def test_an_encoder_that_came_back_with_the_process_was_lost_before(stage: BroadcastStage) -> None:
    stage.go_live()
    await stage.broadcasts(listen=False).reconcile()
    stage.provider.drop(stage.uid)  # no process hears of it
    stage.clock.advance(5)
    restarted = stage.broadcasts()
    stage.provider.connect(stage.uid)
    restarted.start()
    await restarted.settled()
    assert await stage.kinds() == ["connected", "watchable", "lost", "connected"]


async def test_events_wait_for_the_store_and_too_many_are_made_up_for_by_the_states(
    stage: BroadcastStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcasts = stage.broadcasts()
    broadcasts.start()
    await broadcasts.settled()
    really, is_up = stage.store.sessions.input_owner, False

    async def owner(uid: str) -> tuple[UUID, UUID] | None:
        if not is_up:
            raise Unavailable("away")
        return await really(uid)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.store.sessions, "input_owner", owner)
    stage.go_live()
    for _ in range(10):
        stage.provider.drop(stage.uid)
        stage.provider.connect(stage.uid)
    assert broadcasts.waiting <= LIMITS.max_waiting
    is_up = True
    await broadcasts.settled()
    kinds = await stage.kinds()
    assert kinds[0] == "connected" and kinds[-1] in ("connected", "watchable")


async def test_problems_of_a_stream_begin_and_end_with_an_event(stage: BroadcastStage) -> None:
    watch = stage.watch()
    stage.go_live_badly()
    await watch.check()
    assert await stage.problems() == []  # once is no problem yet
    await watch.check()
    begun = await stage.problems()
    assert begun and {action for action, _ in begun} == {"added"}
    await watch.check()
    again = stage.watch()
    await again.check()
    await again.check()
    assert await stage.problems() == begun  # a restart does not repeat them
    stage.provider.end(stage.uid)
    await again.check()
    assert await stage.problems() == begun
    await again.check()
    assert sorted(await stage.problems()) == sorted([*begun, *(("removed", code) for _, code in begun)])
    assert await stage.store.findings.findings() == {}


async def test_problems_that_several_nodes_see_have_one_event_each(stage: BroadcastStage) -> None:
    nodes = [stage.watch(), stage.watch()]
    stage.go_live_badly()

    async def check_twice() -> None:
        for _ in range(2):
            await asyncio.gather(*(each.check() for each in nodes))

    await check_twice()
    begun = await stage.problems()
    assert begun and len(begun) == len(set(begun))
    stage.provider.end(stage.uid)
    await check_twice()
    assert sorted(await stage.problems()) == sorted([*begun, *(("removed", code) for _, code in begun)])
    assert await stage.store.findings.findings() == {}
