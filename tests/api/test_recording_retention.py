"""Recordings that are deleted by age and by size."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from service.concurrency.tasks import Tasks
from service.domain.streams.queries import StreamQueries
from service.domain.streams.recording_retention import KeepLimits, RecordingRetention
from service.domain.streams.recordings import Recordings
from tests.api.conftest import Api
from tests.api.people import Person, first

SIZE = 1_000_000
"""Bytes of a recording of the in-memory provider."""

Retention = Callable[[KeepLimits], RecordingRetention]


@pytest.fixture
def retention(api: Api, tasks: Tasks) -> Retention:
    def made(limits: KeepLimits) -> RecordingRetention:
        store, provider, clock = api.store, api.provider, api.clock
        queries = StreamQueries(provider, store.claims, store.recordings, api.board)
        recordings = Recordings(provider, queries, store.channels, store.recordings, store, clock)
        return RecordingRetention(provider, recordings, store.recordings, store.sessions, clock, tasks.spawn, limits)

    return made


async def recorded(api: Api, ada: Person, count: int) -> tuple[str, list[str]]:
    """Return the list of a channel's recordings, made an hour apart, and their uids, oldest first."""
    channel = await ada.channel()
    live = (await ada.made(f"channels/{channel}/conference/create_stream"))["stream_uid"]
    made = []
    for _ in range(count):
        api.provider.connect(live)
        api.provider.make_watchable(live)
        recording = api.provider.end(live)
        assert recording is not None
        made.append(recording.uid)
        api.clock.advance(3600)
    return f"channels/{channel}/conference/recorded_streams", made


async def left(ada: Person, listed: str) -> list[str]:
    return [each["uid"] for each in (await ada.seen(listed))["results"]][::-1]


async def test_recordings_are_deleted_at_their_age(api: Api, retention: Retention) -> None:
    ada = first(api)
    listed, made = await recorded(api, ada, 3)
    old = retention(KeepLimits(keep=timedelta(hours=2.5)))
    assert await old.sweep() == 1
    assert await left(ada, listed) == made[1:]
    events = await api.store.events.events(api.organization, 0, 1_000)
    assert [each.resource_id for each in events if each.action == "removed"] == made[:1]
    assert await old.sweep() == 0


async def test_the_oldest_are_deleted_until_the_rest_fits(api: Api, retention: Retention) -> None:
    ada = first(api)
    listed, made = await recorded(api, ada, 4)
    assert await retention(KeepLimits(max_bytes=2 * SIZE)).sweep() == 2
    assert await left(ada, listed) == made[2:]
    assert await retention(KeepLimits(max_bytes=2 * SIZE)).sweep() == 0


@pytest.mark.parametrize("limits", [KeepLimits(keep=timedelta(0)), KeepLimits(max_bytes=0)])
async def test_pinned_and_watched_recordings_stay(api: Api, retention: Retention, limits: KeepLimits) -> None:
    ada = first(api)
    listed, made = await recorded(api, ada, 4)
    assert (await ada.patch(f"conference/recorded_streams/{made[0]}", {"is_pinned": True}))[0] == 200
    api.provider.watched.add(made[1])
    assert await retention(limits).sweep() == 2
    assert await left(ada, listed) == made[:2]
    api.provider.watched.clear()
    assert await retention(limits).sweep() == 1
    assert await left(ada, listed) == made[:1]


async def test_nothing_is_deleted_without_limits(api: Api, retention: Retention) -> None:
    ada = first(api)
    listed, made = await recorded(api, ada, 2)
    assert await retention(KeepLimits()).sweep() == 0
    assert await left(ada, listed) == made
