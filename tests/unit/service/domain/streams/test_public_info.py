"""What the public may know of a stream."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from service.domain.errors import NotFound
from service.domain.streams.recording_details import listed
from service.store import Store
from tests.contract.conversation import Conversation, new_conversation
from tests.stage import StoredStage


async def is_there(stage: StoredStage, chat: Conversation) -> bool:
    try:
        await stage.public_info.of(chat.organization_id, chat.id)
    except NotFound:
        return False
    return True


async def test_a_stream_shows_its_name_its_addresses_and_its_latest_recording(store: Store, stage: StoredStage) -> None:
    chat = await new_conversation(store, description="Every Friday")
    uid = (await stage.streams.ensure(chat.channel)).input.uid
    stage.provider.connect(uid)
    stage.provider.make_watchable(uid)
    recording = stage.provider.end(uid)
    assert recording is not None
    showing = await stage.public_info.of(chat.organization_id, chat.id)
    assert (showing.name, showing.description) == ("News", "Every Friday")
    assert (showing.playback, showing.recording) == (stage.provider.playback(uid), listed(recording, None))


async def test_a_stream_is_shown_while_its_recordings_are_unavailable(store: Store, stage: StoredStage) -> None:
    chat = await new_conversation(store)
    await stage.streams.ensure(chat.channel)
    stage.provider.fail()
    assert (await stage.public_info.of(chat.organization_id, chat.id)).recording is None


async def test_a_channel_is_not_there_until_it_is_a_stream_and_then_at_once(store: Store, stage: StoredStage) -> None:
    chat = await new_conversation(store)
    assert not await is_there(stage, chat)
    await stage.streams.ensure(chat.channel)
    assert await is_there(stage, chat)


async def test_private_channels_and_those_of_others_are_not_there(store: Store, stage: StoredStage) -> None:
    chat, private = await new_conversation(store), await new_conversation(store, is_private=True)
    for each in (chat, private):
        await stage.streams.ensure(each.channel)
    assert not await is_there(stage, private)
    with pytest.raises(NotFound):
        await stage.public_info.of(uuid4(), chat.id)


async def test_a_crowd_that_comes_at_once_asks_once(store: Store, stage: StoredStage) -> None:
    chat = await new_conversation(store)
    await stage.streams.ensure(chat.channel)
    shown = await asyncio.gather(*(stage.public_info.of(chat.organization_id, chat.id) for _ in range(50)))
    assert (stage.provider.calls["recordings"], len({id(each) for each in shown})) == (1, 1)
