"""Sessions follow their streams: opened by the encoder, closed by the end, their audience counted exactly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from service.concurrency.tasks import Tasks
from service.domain.access.accounts import Accounts
from service.domain.audience.log import AudienceLog
from service.domain.audience.viewer_window import WINDOW_MS, ViewerCount
from service.domain.conversation.channels import Channels, NewChannel
from service.domain.entities import Channel
from service.domain.errors import Unavailable
from service.domain.paging import PageRequest
from service.domain.status.summaries import SummaryLimits
from service.domain.streams.session import StreamSession
from service.domain.streams.session_keeper import KeeperLimits, SessionKeeper
from service.domain.streams.sessions import Sessions, open_session
from service.store import Store
from tests.stage import UNHURRIED, StoredStage

LIMITS = KeeperLimits(sample_every=3600.0, retry_after=0.01)
"""What happens on a timer is done by `sample`."""


class KeeperStage(StoredStage):
    """A channel with a live input, whose sessions are kept."""

    channel: Channel

    def keeper(
        self, limits: KeeperLimits | None = None, *, listen: bool = True, audience: AudienceLog | None = None
    ) -> SessionKeeper:
        return super().keeper(limits or LIMITS, listen=listen, audience=audience)

    def sessions(self, keeper: SessionKeeper) -> Sessions:
        return Sessions(self.store.sessions, self.store, keeper, self.clock)

    async def only(self) -> StreamSession:
        (session,) = await self.store.sessions.sessions(self.channel.id, PageRequest(100))
        return session


@pytest.fixture
async def stage(store: Store, tasks: Tasks) -> AsyncIterator[KeeperStage]:
    board = replace(UNHURRIED, summaries=SummaryLimits(fresh_for=0.0))
    async with aclosing(KeeperStage(store, tasks, board)) as stage:
        organization = uuid4()
        await Accounts(store.accounts, store.accounts, stage.clock).create_token(organization, None)
        channels = Channels(store.channels, store, stage.clock, store.directory)
        stage.channel = await channels.create(organization, None, NewChannel("News"))
        stage.uid = (await stage.streams.ensure(stage.channel)).input.uid
        yield stage


async def test_an_encoder_opens_a_session_and_its_broadcasts_end_closes_it(stage: KeeperStage) -> None:
    keeper = stage.keeper()
    keeper.start()
    began = stage.clock.now()
    stage.go_live()
    stage.clock.advance(60)
    stage.provider.drop(stage.uid)
    stage.provider.connect(stage.uid)
    await keeper.settled()
    assert (await stage.only()).stopped_at is None  # a drop within the reconnect window changes nothing
    stage.clock.advance(60)
    ended = stage.clock.now()
    stage.provider.end(stage.uid)
    await keeper.settled()
    session = await stage.only()
    assert (session.by_encoder, session.started_at, session.stopped_at) == (True, began, ended)


async def test_an_encoder_that_comes_into_a_started_session_does_not_open_another(stage: KeeperStage) -> None:
    keeper = stage.keeper()
    keeper.start()
    started = await stage.sessions(keeper).start(stage.channel)
    stage.clock.advance(1)
    stage.go_live()
    await keeper.settled()
    assert (await stage.only()).id == started.id


async def test_a_session_goes_on_over_a_restart(stage: KeeperStage) -> None:
    keeper = stage.keeper()
    keeper.start()
    stage.go_live()
    stage.heartbeat("ann")
    await keeper.settled()
    await keeper.sample(visitors=True)
    await keeper.aclose()
    again = stage.keeper(listen=False)
    stage.heartbeat("ann", "bob")
    await again.sample(visitors=True)
    session = await stage.only()
    assert (session.stopped_at, session.unique_viewers, session.peak_viewers) == (None, 2, 2)


async def test_a_missed_end_closes_the_session_all_the_same(stage: KeeperStage) -> None:
    keeper = stage.keeper()
    keeper.start()
    stage.go_live()
    await keeper.settled()
    await keeper.aclose()
    stage.clock.advance(30)
    ended = stage.clock.now()
    stage.provider.end(stage.uid)
    stage.clock.advance(30)
    await stage.keeper(listen=False).sample(visitors=False)
    assert (await stage.only()).stopped_at == ended


async def test_a_session_started_before_its_encoder_is_left_open(stage: KeeperStage) -> None:
    keeper = stage.keeper()
    stage.go_live()
    stage.provider.end(stage.uid)
    stage.clock.advance(1)
    await stage.sessions(keeper).start(stage.channel)
    stage.clock.advance(2 * LIMITS.abandoned_after / timedelta(seconds=1))
    await keeper.sample(visitors=True)
    assert (await stage.only()).stopped_at is None


async def test_a_session_whose_encoder_never_comes_is_closed_after_a_day(stage: KeeperStage) -> None:
    keeper = stage.keeper()
    await stage.sessions(keeper).start(stage.channel)
    stage.clock.advance(LIMITS.unused_after.total_seconds())
    await keeper.sample(visitors=True)
    assert (await stage.only()).stopped_at == stage.clock.now()


async def test_a_session_whose_live_input_is_gone_is_closed(stage: KeeperStage) -> None:
    keeper = stage.keeper()
    async with stage.store.transaction() as tx:
        await open_session(tx, uuid4(), uuid4(), stage.clock.now(), by_encoder=True)
    await keeper.sample(visitors=True)
    assert len(await stage.store.sessions.running_sessions(10)) == 1
    stage.clock.advance(LIMITS.abandoned_after.total_seconds())
    await keeper.sample(visitors=True)
    assert await stage.store.sessions.running_sessions(10) == []


async def test_an_event_waits_for_the_store_to_come_back(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, failures = stage.keeper(), [Unavailable("away"), Unavailable("away")]
    really = stage.store.sessions.input_owner

    async def owner(uid: str) -> tuple[UUID, UUID] | None:
        if failures:
            raise failures.pop()
        return await really(uid)

    monkeypatch.setattr(stage.store.sessions, "input_owner", owner)
    keeper.start()
    stage.go_live()
    await keeper.settled()
    assert (await stage.only()).stopped_at is None


async def test_unique_viewers_are_counted_once_however_long_they_stay(stage: KeeperStage) -> None:
    keeper = stage.keeper()
    keeper.start()
    stage.heartbeat("earlier")
    stage.clock.advance(1)
    stage.go_live()
    await keeper.settled()
    for crowd in (("ann", "bob"), ("bob", "cat"), ("ann",)):
        stage.heartbeat(*crowd)
        stage.clock.advance(100)
        await keeper.sample(visitors=True)
    stage.heartbeat("last")
    stage.provider.end(stage.uid)
    await keeper.settled()
    assert (await stage.only()).unique_viewers == 4


async def test_the_peak_is_the_most_at_once_within_the_session(stage: KeeperStage) -> None:
    keeper = stage.keeper()
    keeper.start()
    stage.heartbeat("a", "b", "c", "d")  # of a broadcast before: they do not count, though the window still has them
    stage.clock.advance(1)
    stage.go_live()
    stage.heartbeat("ann", "bob")
    await keeper.settled()
    await keeper.sample(visitors=True)
    assert (await stage.only()).peak_viewers == 2
    stage.clock.advance(WINDOW_MS / 1000 + 1)
    stage.heartbeat("ann", "bob", "cat")
    await keeper.sample(visitors=False)
    stage.clock.advance(WINDOW_MS / 1000 + 1)
    stage.heartbeat("ann")
    await keeper.sample(visitors=True)
    assert (await stage.only()).peak_viewers == 3


async def test_the_last_good_count_of_an_outage_is_no_peak(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the count of another broadcast, long before."""

    async def last_good(_uid: str, now_ms: int, since_ms: int = 0) -> ViewerCount:
        return ViewerCount(500, now_ms - 3_600_000, degraded=True)

    monkeypatch.setattr(stage.viewers, "count", last_good)
    keeper = stage.keeper()
    keeper.start()
    stage.go_live()
    await keeper.settled()
    stage.clock.advance(WINDOW_MS / 1000 + 1)
    await keeper.sample(visitors=False)
    assert (await stage.only()).peak_viewers == 0


async def test_every_sample_of_a_live_stream_is_logged_with_its_viewers(stage: KeeperStage) -> None:
    audience = AudienceLog()
    keeper = stage.keeper(audience=audience)
    keeper.start()
    stage.go_live()
    stage.heartbeat("ann", "bob")
    await keeper.settled()
    await keeper.sample(visitors=False)
    assert audience.at(stage.uid, [stage.clock.now()]) == [2]


async def test_a_degraded_count_is_no_sample(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def last_good(_uid: str, now_ms: int, since_ms: int = 0) -> ViewerCount:
        return ViewerCount(0, now_ms, degraded=True)

    monkeypatch.setattr(stage.viewers, "count", last_good)
    audience = AudienceLog()
    keeper = stage.keeper(audience=audience)
    keeper.start()
    stage.go_live()
    await keeper.settled()
    await keeper.sample(visitors=False)
    assert audience.at(stage.uid, [stage.clock.now()]) == [None]


async def test_stopping_counts_the_last_visitors(stage: KeeperStage) -> None:
    keeper = stage.keeper()
    keeper.start()
    stage.go_live()
    await keeper.settled()
    stage.heartbeat("ann")
    await stage.sessions(keeper).stop(stage.channel, stage.uid)
    session = await stage.only()
    assert session.stopped_at is not None
    assert (session.unique_viewers, session.peak_viewers) == (1, 1)


async def test_visitors_over_the_limit_no_longer_count_as_unique(stage: KeeperStage) -> None:
    keeper = stage.keeper(replace(LIMITS, max_visitors=2))
    keeper.start()
    stage.go_live()
    await keeper.settled()
    stage.heartbeat("ann", "bob", "cat")
    await keeper.sample(visitors=True)
    session = await stage.only()
    assert (session.unique_viewers, session.peak_viewers) == (2, 3)
