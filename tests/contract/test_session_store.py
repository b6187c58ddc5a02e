"""What stream sessions may expect of their store, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.paging import PageAnchor, PageRequest
from service.domain.streams.session import StreamSession
from service.domain.streams.sessions import open_session
from service.store import Store
from service.store.sessions import stream_session_visitors
from tests.contract.test_store import new_channel, new_claim, new_organization

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def digest(number: int) -> bytes:
    return number.to_bytes(16, "big")


def session(channel: UUID, at: datetime = START) -> StreamSession:
    return StreamSession(uuid4(), uuid4(), channel, False, at)


async def test_the_first_of_many_starts_at_once_is_everybodys(store: Store) -> None:
    organization, channel = uuid4(), uuid4()

    async def start() -> StreamSession:
        async with store.transaction() as tx:
            return await open_session(tx, organization, channel, START, by_encoder=False)

    found = await asyncio.gather(*(start() for _ in range(50)))
    assert len({each.id for each in found}) == 1
    assert len(await store.sessions.running_sessions(10)) == 1


async def test_a_session_is_closed_once_and_another_may_follow(store: Store) -> None:
    channel = uuid4()
    first, second = session(channel), session(channel)
    await store.sessions.open_session(first)
    closed = await asyncio.gather(*(store.sessions.close_session(first.id, START) for _ in range(5)))
    assert [each for each in closed if each is not None] == [replace(first, stopped_at=START)]
    assert await store.sessions.running_session(channel) is None
    await store.sessions.open_session(second)
    assert await store.sessions.running_session(channel) == second


async def test_a_running_session_knows_its_channels_input(store: Store) -> None:
    channel = await new_channel(store, await new_organization(store))
    await store.sessions.open_session(session(channel.id))
    (before,) = await store.sessions.running_sessions(10)
    claim = await store.claims.claim(new_claim(channel))
    await store.claims.commit_claim(channel.id, claim.request_id, "uid", claim.options, START)
    (after,) = await store.sessions.running_sessions(10)
    assert (before.input_uid, after.input_uid) == (None, "uid")


async def test_an_input_leads_to_its_channel_also_when_it_was_replaced(store: Store) -> None:
    channel = await new_channel(store, await new_organization(store))
    claim = await store.claims.claim(new_claim(channel))
    await store.claims.commit_claim(channel.id, claim.request_id, "old", claim.options, START)
    committed = await store.claims.claimed(channel.id)
    assert committed is not None
    await store.claims.renew_claim(committed, committed.provider, "second", START)
    await store.claims.commit_claim(channel.id, "second", "new", claim.options, START)
    owner = (channel.organization_id, channel.id)
    assert [await store.sessions.input_owner(uid) for uid in ("old", "new", "other")] == [owner, owner, None]


async def test_the_audience_counts_each_visitor_once_and_the_peak_never_falls(store: Store) -> None:
    channel = uuid4()
    running = session(channel)
    await store.sessions.open_session(running)
    await store.sessions.note_audience(running.id, 3, [digest(1), digest(2), digest(3)])
    await asyncio.gather(*(store.sessions.note_audience(running.id, 2, [digest(3), digest(4)]) for _ in range(5)))
    found = await store.sessions.running_session(channel)
    assert found is not None
    assert (found.peak_viewers, found.unique_viewers) == (3, 4)


async def test_a_crowd_is_noted_in_several_steps(store: Store) -> None:
    channel = uuid4()
    running = session(channel)
    await store.sessions.open_session(running)
    await store.sessions.note_audience(running.id, 5_001, [digest(number) for number in range(5_001)])
    found = await store.sessions.running_session(channel)
    assert found is not None and found.unique_viewers == 5_001


async def test_a_closed_session_keeps_numbers_and_no_visitors(store: Store) -> None:
    channel = uuid4()
    running = session(channel)
    await store.sessions.open_session(running)
    await store.sessions.note_audience(running.id, 1, [digest(1)])
    await store.sessions.close_session(running.id, START)
    await store.sessions.note_audience(running.id, 9, [digest(2)])
    (closed,) = await store.sessions.sessions(channel, PageRequest(10))
    assert (closed.stopped_at, closed.peak_viewers, closed.unique_viewers) == (START, 1, 1)

    async def count(connection: AsyncConnection) -> int:
        return int((await connection.execute(select(func.count()).select_from(stream_session_visitors))).scalar_one())

    assert await store.database.read(count) == 0


async def test_sessions_are_paged_newest_first_and_found_by_time(store: Store) -> None:
    channel, made = uuid4(), []
    for hour in range(5):
        each = session(channel, START + timedelta(hours=hour))
        await store.sessions.open_session(each)
        await store.sessions.close_session(each.id, each.started_at + timedelta(minutes=30))
        made.append(each.id)
    first = await store.sessions.sessions(channel, PageRequest(2))
    assert [each.id for each in first] == made[:1:-1]
    onward = PageRequest(2, PageAnchor(first[1].started_at, str(first[1].id)))
    assert [each.id for each in await store.sessions.sessions(channel, onward)] == [made[2], made[1], made[0]]
    begin, end = START + timedelta(hours=1, minutes=15), START + timedelta(hours=2)
    found = await store.sessions.sessions_between(channel, begin, end, 10)
    assert [each.id for each in found] == [made[2], made[1]]
