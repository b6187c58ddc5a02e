"""What meetings may expect of the store of who is in which call, on both databases."""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID

from service.domain.conversation.meetings import LEASE
from service.domain.conversation.presence import ActiveConference, Presence
from service.domain.paging import PageAnchor, PageRequest
from service.store import Store
from tests.contract.conversation import START, Conversation, channel_of, every_page, later, new_conversation, new_users

SOON = later(1)


def presence(chat: Conversation, participant: UUID | str, at: datetime = START, *, left: bool = False) -> Presence:
    return Presence(chat.id, str(participant), chat.organization_id, at, at if left else at + LEASE)


async def active(chat: Conversation, at: datetime = SOON, viewer: UUID | None = None) -> list[ActiveConference]:
    ada = chat.members[0]
    return await chat.store.presence.active(chat.organization_id, ada, viewer or ada, at, PageRequest(9))


async def test_each_user_in_a_call_counts_once(store: Store) -> None:
    chat = await new_conversation(store)
    words = [presence(chat, who) for who in (*chat.members[1:], "guest") for _ in range(5)]
    await asyncio.gather(*(store.presence.note(each, START) for each in words))
    assert await active(chat) == [ActiveConference(chat.id, START, 3, False)]
    await store.presence.note(presence(chat, chat.members[0]), START)
    assert await active(chat) == [ActiveConference(chat.id, START, 4, True)]


async def test_the_newest_word_counts_whatever_order_they_arrive_in(store: Store) -> None:
    chat = await new_conversation(store)
    here, gone = presence(chat, "guest", later(5)), presence(chat, "guest", later(8), left=True)
    for word in (gone, here):
        await store.presence.note(word, START)
    assert await active(chat, later(9)) == []


async def test_a_lease_runs_out(store: Store) -> None:
    chat = await new_conversation(store)
    await store.presence.note(presence(chat, "guest"), START)
    assert len(await active(chat, START + LEASE / 2)) == 1
    assert await active(chat, START + LEASE) == []


async def test_the_end_of_a_lease_is_noted_once(store: Store) -> None:
    chat = await new_conversation(store)
    end = START + LEASE
    for each in (presence(chat, "lapsed"), presence(chat, "left", left=True), presence(chat, "stays", later(5))):
        await store.presence.note(each, START)
    assert await store.presence.lapsed(end - LEASE / 2, 9) == []
    assert await store.presence.lapsed(end, 9) == [(chat.organization_id, chat.id)]
    noted = [await store.presence.lapse(chat.id, end) for _ in range(2)]
    assert (noted, await store.presence.lapsed(end, 9)) == ([{"lapsed"}, set()], [])
    await store.presence.note(presence(chat, "lapsed", later(1)), START)  # as old as the lease
    assert await store.presence.present(chat.id, end) == {"stays"}


async def test_what_ended_before_the_moment_named_is_forgotten(store: Store) -> None:
    chat = await new_conversation(store)
    await store.presence.note(presence(chat, "gone", left=True), START)
    await store.presence.note(presence(chat, "guest", later(50)), later(40))
    late = presence(chat, "gone", later(-1))  # older than what was forgotten: nothing is known against it any more
    await store.presence.note(late, START)
    assert [each.participant_count for each in await active(chat, later(60))] == [2]


async def test_a_call_is_visible_to_users_that_see_its_channel(store: Store) -> None:
    chat = await new_conversation(store, is_private=True)
    _, (stranger,) = await new_users(store, 1, chat.organization_id)
    await store.presence.note(presence(chat, chat.members[0]), START)
    assert len(await active(chat)) == 1
    assert await active(chat, viewer=stranger) == []
    await store.channels.remove_channel(chat.id, START)
    assert await active(chat) == []


async def test_calls_page_both_ways_newest_channel_first(store: Store) -> None:
    chat = await new_conversation(store)
    made = []
    for number in range(5):
        channel = channel_of(chat.organization_id, created_at=later(number // 2))
        await store.channels.add_channel(channel)
        await store.presence.note(presence(Conversation(store, channel, []), "guest"), START)
        made.append(channel)
    ada = chat.members[0]
    found = await every_page(
        lambda request: store.presence.active(chat.organization_id, ada, ada, later(9), request),
        lambda each: PageAnchor(each.channel_created_at, str(each.channel_id)),
    )
    newest_first = sorted(made, key=lambda each: (each.created_at, str(each.id)), reverse=True)
    assert [each.channel_id for each in found] == [each.id for each in newest_first]
