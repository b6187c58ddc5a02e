"""One's own channels, and direct ones: one for each set of people."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.conversation.joined_channels import DirectChannels, JoinedChannels, direct_key
from service.domain.entities import ChannelType
from service.domain.errors import Forbidden, Invalid, NotFound
from service.domain.paging import PageRequest
from service.store import Store
from tests.clock import Clock
from tests.contract.conversation import new_conversation, new_users
from tests.unit.service.domain.identities import identity_of


@pytest.fixture
def joined(store: Store) -> JoinedChannels:
    return JoinedChannels(store.members)


@pytest.fixture
def directs(store: Store, joined: JoinedChannels) -> DirectChannels:
    return DirectChannels(store, joined, store.directory, Clock())


@given(st.lists(st.uuids(), min_size=1), st.randoms(use_true_random=False))
def test_the_key_is_of_the_people_not_of_their_order(people: list[object], dice: object) -> None:
    organization, shuffled = uuid4(), [*people, people[0]]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert direct_key(organization, people) == direct_key(organization, shuffled)  # type: ignore[arg-type]
    assert direct_key(organization, people) != direct_key(uuid4(), people)  # type: ignore[arg-type]


async def test_two_simultaneous_requests_get_one_channel_that_one_of_them_created(
    store: Store, directs: DirectChannels
) -> None:
    chat = await new_conversation(store, size=2)
    ada, bob = chat.members
    callers = [await identity_of(chat, me) for me in (0, 1)]
    calls = (directs.open(callers[me], chat.members[me], (chat.members[1 - me],)) for me in (0, 1) * 5)
    answers = await asyncio.gather(*calls)
    assert {channel.id for channel, _ in answers} == {answers[0][0].id}
    assert sorted(made for _, made in answers) == [False] * 9 + [True]
    again, made = await directs.open(callers[0], ada, (bob, ada, bob))
    assert (again.id, made, again.type, again.member_count) == (answers[0][0].id, False, ChannelType.DIRECT, 2)


async def test_a_direct_channel_needs_another_user_of_the_organization(store: Store, directs: DirectChannels) -> None:
    chat = await new_conversation(store)
    _, (foreigner,) = await new_users(store, 1)
    ada = await identity_of(chat, 0)
    for others in ((), (chat.members[0],), (foreigner,), (uuid4(),)):
        with pytest.raises(Invalid) as refused:
            await directs.open(ada, chat.members[0], others)
        assert list(refused.value.fields) == ["members"]


async def test_the_channels_of_another_are_nobodys_business(
    store: Store, joined: JoinedChannels, directs: DirectChannels
) -> None:
    chat = await new_conversation(store)
    ada, bob = await identity_of(chat, 0), chat.members[1]
    with pytest.raises(Forbidden):
        await joined.list(ada, bob, "", PageRequest(5))
    with pytest.raises(Forbidden):
        await joined.get(ada, bob, chat.id)
    with pytest.raises(Forbidden):
        await directs.open(ada, bob, (chat.members[2],))


async def test_lists_hold_what_one_is_in_and_nothing_is_inactive(
    store: Store, joined: JoinedChannels, directs: DirectChannels
) -> None:
    chat = await new_conversation(store)
    me = chat.members[0]
    ada = await identity_of(chat, 0)
    direct, _ = await directs.open(ada, me, (chat.members[1],))
    every = await joined.list(ada, me, "created_at", PageRequest(5))
    assert [each.channel.id for each in every.items] == [chat.id, direct.id]
    only = await joined.list(ada, me, "created_at", PageRequest(5), direct=True)
    assert [each.channel.id for each in only.items] == [direct.id]
    assert (await joined.list(ada, me, "", PageRequest(5), active=False)).items == []
    assert len((await joined.list(ada, me, "", PageRequest(5), active=True)).items) == 2


async def test_one_channel_is_found_where_it_belongs(store: Store, joined: JoinedChannels) -> None:
    chat = await new_conversation(store)
    ada = await identity_of(chat, 0)
    assert (await joined.get(ada, chat.members[0], chat.id)).channel.id == chat.id
    with pytest.raises(NotFound):
        await joined.get(ada, chat.members[0], chat.id, direct=True)
    with pytest.raises(NotFound):
        await joined.get(ada, chat.members[0], uuid4())
