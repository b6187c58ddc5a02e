"""What the public may know of a stream."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from providers.memory import MemoryProvider
from service.domain.errors import NotFound
from service.domain.streams.public_info import PublicStreamInfo
from service.domain.streams.queries import StreamQueries
from service.domain.streams.streams import Streams
from service.store import Store
from tests.clock import Clock
from tests.contract.room import Room, new_room


class Stage:
    """A showcase, and the streams it shows."""

    def __init__(self, store: Store) -> None:
        self.clock = Clock()
        self.provider = MemoryProvider(clock=self.clock.now)
        self.streams = Streams(self.provider, store.channels, store.claims, self.clock)
        queries = StreamQueries(self.provider, store.claims, self)
        self.showcase = PublicStreamInfo(self.provider, store.channels, store.claims, queries)
        self.streams.listen(self.showcase.changed)

    async def states(self, uids: object) -> dict[str, object]:
        """No list is asked for here."""
        raise NotImplementedError

    async def is_there(self, room: Room) -> bool:
        try:
            await self.showcase.of(room.organization_id, room.id)
        except NotFound:
            return False
        return True


@pytest.fixture
def stage(store: Store) -> Stage:
    return Stage(store)


async def test_a_stream_shows_its_name_its_addresses_and_its_latest_recording(store: Store, stage: Stage) -> None:
    room = await new_room(store, description="Every Friday")
    uid = (await stage.streams.ensure(room.channel)).input.uid
    stage.provider.connect(uid)
    stage.provider.make_watchable(uid)
    recording = stage.provider.end(uid)
    showing = await stage.showcase.of(room.organization_id, room.id)
    assert (showing.name, showing.description) == ("News", "Every Friday")
    assert (showing.playback, showing.recording) == (stage.provider.playback(uid), recording)


async def test_a_stream_is_shown_though_its_recordings_are_away(store: Store, stage: Stage) -> None:
    room = await new_room(store)
    await stage.streams.ensure(room.channel)
    stage.provider.fail()
    assert (await stage.showcase.of(room.organization_id, room.id)).recording is None


async def test_a_channel_is_not_there_until_it_is_a_stream_and_then_at_once(store: Store, stage: Stage) -> None:
    room = await new_room(store)
    assert not await stage.is_there(room)
    await stage.streams.ensure(room.channel)
    assert await stage.is_there(room)


async def test_private_channels_and_those_of_others_are_not_there(store: Store, stage: Stage) -> None:
    room, private = await new_room(store), await new_room(store, is_private=True)
    for each in (room, private):
        await stage.streams.ensure(each.channel)
    assert not await stage.is_there(private)
    with pytest.raises(NotFound):
        await stage.showcase.of(uuid4(), room.id)


async def test_a_crowd_that_comes_at_once_asks_once(store: Store, stage: Stage) -> None:
    room = await new_room(store)
    await stage.streams.ensure(room.channel)
    shown = await asyncio.gather(*(stage.showcase.of(room.organization_id, room.id) for _ in range(50)))
    assert (stage.provider.calls["recordings"], len({id(each) for each in shown})) == (1, 1)
