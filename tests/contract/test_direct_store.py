"""What direct channels may expect of their store, on both databases."""

from __future__ import annotations

import asyncio
from uuid import UUID

from service.domain.conversation.channel_pages import ORDERINGS
from service.domain.conversation.joined_channels import direct_key
from service.domain.entities import Channel, ChannelType
from service.domain.paging import PageRequest
from service.store import Store
from tests.contract.conversation import channel_of, new_users


def direct(organization_id: UUID, creator: UUID, people: int) -> Channel:
    return channel_of(organization_id, creator, type=ChannelType.DIRECT, is_private=True, member_count=people)


async def test_one_of_many_simultaneous_opens_creates_it(store: Store) -> None:
    organization_id, people = await new_users(store, 3)
    key = direct_key(organization_id, people)
    opened = await asyncio.gather(
        *(
            store.directs.open_direct(direct(organization_id, people[number % 3], 3), key, people)
            for number in range(20)
        )
    )
    assert len({channel_id for channel_id, _ in opened}) == 1
    assert sorted(made for _, made in opened) == [False] * 19 + [True]
    found = await store.members.members(opened[0][0], "created_at", PageRequest(9))
    assert sorted(each.user.id for each in found) == sorted(people)


async def test_other_people_have_another_channel(store: Store) -> None:
    organization_id, people = await new_users(store, 3)
    opened = [
        await store.directs.open_direct(
            direct(organization_id, who[0], len(who)), direct_key(organization_id, who), who
        )
        for who in (people, people[:2], people[1:])
    ]
    assert [made for _, made in opened] == [True] * 3
    assert len({channel_id for channel_id, _ in opened}) == 3


async def test_a_direct_channel_has_no_admin_and_is_in_no_list_of_the_organization(store: Store) -> None:
    organization_id, people = await new_users(store, 2)
    new = direct(organization_id, people[0], 2)
    await store.directs.open_direct(new, direct_key(organization_id, people), people)
    entry = await store.channels.entry(organization_id, new.id, people[0])
    assert entry is not None
    assert (entry.is_member, entry.is_admin, entry.is_direct) == (True, False, True)
    for ordering in ORDERINGS:
        assert await store.channels.channels(organization_id, ordering, PageRequest(9), people[0]) == []
