"""What goes for good with a deleted channel, and what stays, on both databases."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.store import Store
from service.store.conversation_tables import mentions, messages
from tests.contract.conversation import START, Conversation, later, new_conversation


async def left(store: Store) -> tuple[int, int]:
    """Messages and mentions in the tables."""

    async def query(connection: AsyncConnection) -> tuple[int, int]:
        counts = [select(func.count()).select_from(table) for table in (messages, mentions)]
        first, second = [int((await connection.execute(each)).scalar_one()) for each in counts]
        return first, second

    return await store.database.read(query)


async def talk(chat: Conversation, count: int) -> None:
    for number in range(count):
        await chat.post(chat.members[0], at=later(number), notify_users=(chat.members[1],))


async def test_messages_of_a_deleted_channel_go_batch_by_batch(store: Store) -> None:
    chat, other = await new_conversation(store), await new_conversation(store)
    await talk(chat, 7)
    await talk(other, 2)
    assert not await store.purge.purge_messages(3)
    await store.channels.remove_channel(chat.id, START)
    after = []
    while await store.purge.purge_messages(3):
        after.append(await left(store))
    assert after == [(6, 6), (3, 3), (2, 2)]


async def test_a_last_batch_that_is_full_ends_as_well(store: Store) -> None:
    chat = await new_conversation(store)
    await talk(chat, 4)
    await store.channels.remove_channel(chat.id, START)
    worked = [await store.purge.purge_messages(2) for _ in range(4)]
    assert (worked, await left(store)) == ([True, True, True, False], (0, 0))


async def test_several_sweep_at_once_without_hurting_each_other(store: Store) -> None:
    chats = [await new_conversation(store) for _ in range(3)]
    for chat in chats:
        await talk(chat, 6)
        await store.channels.remove_channel(chat.id, START)

    async def sweep() -> None:
        while await store.purge.purge_messages(2):
            pass

    await asyncio.gather(*(sweep() for _ in range(4)))
    await sweep()
    assert await left(store) == (0, 0)
