"""What meetings may expect of the store of who is in which call, on both databases."""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID

from service.domain.conversation.meetings import LEASE, ActiveConference, Presence
from service.domain.paging import PageAnchor, PageRequest
from service.store import Store
from tests.contract.room import START, Room, channel_of, every_page, later, new_people, new_room

SOON = later(1)


def presence(room: Room, participant: UUID | str, at: datetime = START, *, left: bool = False) -> Presence:
    return Presence(room.id, str(participant), room.organization_id, at, at if left else at + LEASE)


async def active(room: Room, at: datetime = SOON, viewer: UUID | None = None) -> list[ActiveConference]:
    ada = room.people[0]
    return await room.store.presence.active(room.organization_id, ada, viewer or ada, at, PageRequest(9))


async def test_each_user_in_a_call_counts_once(store: Store) -> None:
    room = await new_room(store)
    words = [presence(room, who) for who in (*room.people[1:], "guest") for _ in range(5)]
    await asyncio.gather(*(store.presence.note(each, START) for each in words))
    assert await active(room) == [ActiveConference(room.id, START, 3, False)]
    await store.presence.note(presence(room, room.people[0]), START)
    assert await active(room) == [ActiveConference(room.id, START, 4, True)]


async def test_the_newest_word_counts_whatever_order_they_arrive_in(store: Store) -> None:
    room = await new_room(store)
    here, gone = presence(room, "guest", later(5)), presence(room, "guest", later(8), left=True)
    for word in (gone, here):
        await store.presence.note(word, START)
    assert await active(room, later(9)) == []


async def test_a_lease_runs_out(store: Store) -> None:
    room = await new_room(store)
    await store.presence.note(presence(room, "guest"), START)
    assert len(await active(room, START + LEASE / 2)) == 1
    assert await active(room, START + LEASE) == []


async def test_what_ended_before_the_moment_named_is_forgotten(store: Store) -> None:
    room = await new_room(store)
    await store.presence.note(presence(room, "gone", left=True), START)
    await store.presence.note(presence(room, "guest", later(50)), later(40))
    late = presence(room, "gone", later(-1))  # older than what was forgotten: nothing is known against it any more
    await store.presence.note(late, START)
    assert [each.participant_count for each in await active(room, later(60))] == [2]


async def test_a_call_is_visible_to_users_that_see_its_channel(store: Store) -> None:
    room = await new_room(store, is_private=True)
    _, (stranger,) = await new_people(store, 1, room.organization_id)
    await store.presence.note(presence(room, room.people[0]), START)
    assert len(await active(room)) == 1
    assert await active(room, viewer=stranger) == []
    await store.channels.remove_channel(room.id, START)
    assert await active(room) == []


async def test_calls_page_both_ways_newest_channel_first(store: Store) -> None:
    room = await new_room(store)
    made = []
    for number in range(5):
        channel = channel_of(room.organization_id, created_at=later(number // 2))
        await store.channels.add_channel(channel)
        await store.presence.note(presence(Room(store, channel, []), "guest"), START)
        made.append(channel)
    ada = room.people[0]
    found = await every_page(
        lambda request: store.presence.active(room.organization_id, ada, ada, later(9), request),
        lambda each: PageAnchor(each.channel_created_at, str(each.channel_id)),
    )
    newest_first = sorted(made, key=lambda each: (each.created_at, str(each.id)), reverse=True)
    assert [each.channel_id for each in found] == [each.id for each in newest_first]
