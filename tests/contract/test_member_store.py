"""What members, their settings and their own lists may expect of the store, on both databases."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from service.domain.conversation.channel_pages import ORDERINGS, place_in
from service.domain.conversation.ports import MemberChanges
from service.domain.entities import ChannelType, Joined, NotifyMode
from service.domain.errors import Conflict
from service.domain.paging import PageAnchor, PageRequest
from service.store import Store
from tests.contract.conversation import START, Conversation, channel_of, every_page, later, new_conversation, new_users


async def member_count(chat: Conversation) -> int:
    channel = await chat.store.channels.channel(chat.organization_id, chat.id)
    assert channel is not None
    return channel.member_count


async def test_many_joins_of_one_at_once_make_one_member(store: Store) -> None:
    chat = await new_conversation(store, size=1)
    _, (guest,) = await new_users(store, 1, chat.organization_id)
    joined = await asyncio.gather(*(store.members.add_member(chat.id, guest, later(9)) for _ in range(10)))
    assert sorted(made for each in joined if each is not None for _, made in [each]) == [False] * 9 + [True]
    assert len({each[0].id for each in joined if each is not None}) == 1
    assert await member_count(chat) == 2


async def test_a_new_member_has_nothing_unread_and_all_notifications(store: Store) -> None:
    chat = await new_conversation(store)
    await chat.post(chat.members[0])
    _, (guest,) = await new_users(store, 1, chat.organization_id)
    added = await store.members.add_member(chat.id, guest, later(9))
    assert added is not None
    member = added[0]
    assert (member.user.id, member.is_admin, member.last_seen_at, member.created_at) == (guest, False, None, later(9))
    assert (member.unread_message_count, member.settings.mode) == (0, NotifyMode.UNMUTED)


async def test_the_count_of_members_is_exact_when_many_come_and_go_at_once(store: Store) -> None:
    chat = await new_conversation(store, size=12)
    _, guests = await new_users(store, 12, chat.organization_id)
    coming = (store.members.add_member(chat.id, each, later(1)) for each in guests)
    going = (store.members.remove_member(chat.id, each) for each in chat.members[4:] * 2)
    results = await asyncio.gather(*coming, *going)
    assert sum(each is True for each in results) == 8
    assert await member_count(chat) == 16


async def test_a_deleted_channel_has_no_members_and_accepts_none(store: Store) -> None:
    chat = await new_conversation(store)
    assert await store.channels.remove_channel(chat.id, START)
    assert await store.members.add_member(chat.id, chat.members[0], START) is None
    assert await store.members.member(chat.id, chat.members[0]) is None
    assert await store.members.change_member(chat.id, chat.members[0], MemberChanges(is_admin=True), START) is None
    assert not await store.members.remove_member(chat.id, chat.members[0])


@pytest.mark.parametrize("ordering", ["created_at", "-created_at"])
async def test_members_page_both_ways_while_others_join(store: Store, ordering: str) -> None:
    chat = await new_conversation(store, size=1)
    _, guests = await new_users(store, 6, chat.organization_id)
    for number, each in enumerate(guests):
        await store.members.add_member(chat.id, each, later(number // 2))  # two at a time: the id decides
    _, joining = await new_users(store, 3, chat.organization_id)
    waiting = iter(joining)

    async def another_joins() -> None:
        if (user := next(waiting, None)) is not None:
            await store.members.add_member(chat.id, user, later(60))

    found = await every_page(
        lambda request: store.members.members(chat.id, ordering, request),
        lambda each: PageAnchor(each.created_at, str(each.id)),
        between=another_joins,
    )
    ids = [each.user.id for each in found]
    assert len(ids) == len(set(ids))
    assert {*chat.members, *guests} <= set(ids)
    times = [each.created_at for each in found]
    assert times == sorted(times, reverse=ordering.startswith("-"))


async def test_one_of_two_admins_stays_when_both_step_down_at_once(store: Store) -> None:
    chat = await new_conversation(store)
    await store.members.change_member(chat.id, chat.members[1], MemberChanges(is_admin=True), START)
    down = (
        store.members.change_member(chat.id, each, MemberChanges(is_admin=False), START) for each in chat.members[:2]
    )
    results = await asyncio.gather(*down, return_exceptions=True)
    assert [isinstance(each, Conflict) for each in results].count(True) == 1


async def test_settings_change_for_a_member_only(store: Store) -> None:
    chat = await new_conversation(store)
    muted = await store.members.set_mode(chat.id, chat.members[0], NotifyMode.MUTED, later(5))
    assert muted is not None
    assert (muted.settings.mode, muted.settings.updated_at) == (NotifyMode.MUTED, later(5))
    assert await store.members.set_mode(chat.id, uuid4(), NotifyMode.MUTED, START) is None


async def test_seeing_counts_again_and_the_future_means_all_there_is(store: Store) -> None:
    chat = await new_conversation(store)
    ada, bob, _ = chat.members
    first = await chat.post(bob, at=later(1))
    await chat.post(bob, at=later(2), notify_users=(ada,))
    await chat.post(bob, at=later(3), notify_channel=True)
    assert await chat.unread(ada) == (3, 2)
    await store.members.change_member(chat.id, ada, MemberChanges(True, first.created_at), START)
    assert await chat.unread(ada) == (2, 2)
    await store.members.change_member(chat.id, ada, MemberChanges(True, later(1_000)), START)
    assert await chat.unread(ada) == (0, 0)
    await chat.post(bob, at=later(4))
    assert await chat.unread(ada) == (1, 0)
    await store.members.change_member(chat.id, ada, MemberChanges(True, None), START)
    assert await chat.unread(ada) == (4, 2)


async def several_channels(store: Store) -> tuple[UUID, UUID, list[UUID]]:
    """Create an organization, a user, and channels: public, private and direct in turn, the last message old and recent."""
    organization_id, (ada, bob) = await new_users(store, 2)
    made = []
    for number in range(6):
        kind = (ChannelType.DEFAULT, ChannelType.PRIVATE, ChannelType.DIRECT)[number % 3]
        at = later(number)
        channel = channel_of(
            organization_id, ada, type=kind, is_private=kind is not ChannelType.DEFAULT, created_at=at,
            latest_message_created_at=at,
        )  # fmt: skip
        if kind is ChannelType.DIRECT:
            await store.directs.open_direct(channel, uuid4().hex, [ada, bob])
        else:
            await store.channels.add_channel(channel, [ada])
        await Conversation(store, channel, [ada]).post(ada, at=later(100 + number * 7 % 6))
        made.append(channel.id)
    return organization_id, ada, made


@pytest.mark.parametrize("direct", [False, True])
async def test_somebodys_channels_page_both_ways_in_every_order(store: Store, direct: bool) -> None:
    _, ada, made = await several_channels(store)
    wanted = made[2::3] if direct else made

    def joined_place(ordering: str, each: Joined) -> PageAnchor:
        return place_in(ordering)(each.channel)

    for ordering in ORDERINGS:
        found = await every_page(
            lambda request, by=ordering: store.members.joined(ada, by, request, direct=direct),  # type: ignore[misc]
            lambda each, by=ordering: joined_place(by, each),  # type: ignore[misc]
        )
        assert sorted(each.channel.id for each in found) == sorted(wanted)
        places = [joined_place(ordering, each) for each in found]
        keys = [(each.at, each.id) for each in places]
        assert keys == sorted(keys, reverse=ordering.startswith("-"))


async def test_private_channels_are_listed_for_their_members_in_every_order(store: Store) -> None:
    organization_id, ada, made = await several_channels(store)
    _, (stranger,) = await new_users(store, 1, organization_id)
    for ordering in ORDERINGS:
        place = place_in(ordering)

        async def ask(request: PageRequest, user: UUID | None, by: str = ordering) -> list[UUID]:
            return [each.id for each in await store.channels.channels(organization_id, by, request, user)]

        found = await every_page(
            lambda request, by=ordering: store.channels.channels(organization_id, by, request, ada),  # type: ignore[misc]
            place,
        )
        assert sorted(each.id for each in found) == sorted(made[0::3] + made[1::3])
        keys = [(place(each).at, place(each).id) for each in found]
        assert keys == sorted(keys, reverse=ordering.startswith("-"))
        for outsider in (stranger, None):
            assert sorted(await ask(PageRequest(9), outsider)) == sorted(made[0::3])


async def test_a_channel_made_private_leaves_the_lists_of_others_and_comes_back(store: Store) -> None:
    chat = await new_conversation(store)
    _, (stranger,) = await new_users(store, 1, chat.organization_id)

    async def seen_by(user: UUID) -> int:
        found = await store.channels.channels(chat.organization_id, "created_at", PageRequest(9), user)
        return [each.id for each in found].count(chat.id)

    for is_private, by_stranger in ((True, 0), (False, 1)):
        await store.channels.change_channel(chat.id, {"is_private": is_private}, START)
        assert (await seen_by(chat.members[1]), await seen_by(stranger)) == (1, by_stranger)


async def test_one_joined_channel_is_found_by_its_members(store: Store) -> None:
    chat = await new_conversation(store)
    found = await store.members.joined_channel(chat.members[1], chat.id)
    assert found is not None
    assert (found.channel.id, found.member.user.id) == (chat.id, chat.members[1])
    assert await store.members.joined_channel(uuid4(), chat.id) is None
