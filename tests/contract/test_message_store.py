"""What messages may expect of their store, on both databases."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from service.domain.conversation.ports import MemberChanges
from service.domain.entities import Message, MessageType, NewMessage
from service.domain.errors import Conflict
from service.domain.paging import PageAnchor, PageRequest
from service.store import Store
from service.store.database import DatabaseLimits
from tests.clock import Clock
from tests.contract.conversation import START, Conversation, channel_of, every_page, later, new_conversation


def place(message: Message) -> PageAnchor:
    return PageAnchor(message.created_at, str(message.id))


async def all_of(chat: Conversation, ordering: str = "created_at") -> list[Message]:
    return await every_page(lambda request: chat.store.messages.messages(chat.id, ordering, request), place, size=100)


async def test_a_message_is_its_channels_latest_and_unread_by_the_others(store: Store) -> None:
    chat = await new_conversation(store)
    ada, bob, eve = chat.members
    await chat.post(ada, at=later(1))
    message = await chat.post(ada, at=later(2), notify_users=(bob, uuid4()))
    channel = await store.channels.channel(chat.organization_id, chat.id)
    assert channel is not None and channel.latest_message == message
    assert channel.latest_message_created_at == message.created_at
    assert [await chat.unread(each) for each in (ada, bob, eve)] == [(0, 0), (2, 1), (2, 0)]


async def test_a_body_comes_back_with_its_keys_in_order(store: Store) -> None:
    chat = await new_conversation(store)
    body = {"version": 3, "zebra": {"b": 1, "a": [1.5, None, "ü\n"]}, "chunks": [], "alpha": ""}
    sent = await chat.post(chat.members[0], body=body)
    found = await store.messages.message(chat.id, sent.id)
    assert found is not None
    assert (repr(found.body), list(found.body)) == (repr(body), list(body))


async def test_a_retry_sent_many_times_at_once_is_one_message(store: Store) -> None:
    chat = await new_conversation(store)
    new = chat.message(chat.members[0])
    posted = await asyncio.gather(*(store.messages.post(new, Clock(later(number))) for number in range(20)))
    assert sorted(each[1] for each in posted if each is not None) == [False] * 19 + [True]
    assert len({each[0].created_at for each in posted if each is not None}) == 1
    assert await chat.unread(chat.members[1]) == (1, 0)


async def test_of_different_messages_under_one_id_sent_at_once_one_counts(store: Store) -> None:
    chat = await new_conversation(store)
    taken = uuid4()
    rivals = [chat.message(chat.members[0], f"Number {number}", id=taken) for number in range(10)]
    results = await asyncio.gather(
        *(store.messages.post(each, Clock(START)) for each in rivals), return_exceptions=True
    )
    assert [isinstance(each, Conflict) for each in results].count(True) == 9
    assert len(await all_of(chat)) == 1


async def test_a_message_id_used_in_another_channel_can_be_used_again(store: Store) -> None:
    chat = await new_conversation(store)
    other = channel_of(chat.organization_id)
    await store.channels.add_channel(other)
    here = chat.message(chat.members[0], notify_users=(chat.members[1],))
    there = replace(here, channel_id=other.id, body={"version": 1})
    posted = await asyncio.gather(*(store.messages.post(each, Clock(START)) for each in (here, there)))
    assert [each is not None and each[1] for each in posted] == [True, True]
    assert await store.messages.delete(other.id, here.id, later(1))
    kept = await store.messages.message(chat.id, here.id)
    assert kept is not None and (kept.body, kept.channel_id) == (here.body, chat.id)
    assert await chat.unread(chat.members[1]) == (1, 1)
    await store.channels.remove_channel(other.id, later(2))
    while await store.purge.purge_messages(10):
        pass
    assert await store.messages.message(other.id, here.id) is None
    assert await store.messages.message(chat.id, here.id) == kept
    entry = await store.channels.entry(chat.organization_id, chat.id, None)
    assert entry is not None and entry.channel.latest_message == kept


async def test_no_two_messages_of_a_channel_have_the_same_moment(store: Store) -> None:
    chat = await new_conversation(store)
    await asyncio.gather(*(chat.post(chat.members[number % 3], at=START) for number in range(30)))
    times = [each.created_at for each in await all_of(chat)]
    assert (len(set(times)), times) == (30, sorted(times))


@pytest.mark.parametrize("ordering", ["created_at", "-created_at"])
async def test_pages_neither_repeat_nor_skip_while_messages_arrive(store: Store, ordering: str) -> None:
    chat = await new_conversation(store)
    before = [await chat.post(chat.members[0], at=later(number)) for number in range(7)]
    arriving = iter(range(8))

    async def somebody_speaks() -> None:
        if next(arriving, None) is not None:
            await asyncio.gather(*(chat.post(chat.members[1], at=later(60)) for _ in range(2)))

    found = await every_page(
        lambda request: store.messages.messages(chat.id, ordering, request),
        place,
        size=3,
        between=somebody_speaks,
    )
    ids = [each.id for each in found]
    assert len(ids) == len(set(ids))
    old = [each.id for each in before]
    assert [each for each in ids if each in set(old)] == (old if ordering == "created_at" else old[::-1])


async def test_an_edited_message_stays_in_its_place(store: Store) -> None:
    chat = await new_conversation(store)
    first, second = [await chat.post(chat.members[0], at=later(number)) for number in (1, 2)]
    edited = await store.messages.edit(chat.id, first.id, {"version": 1}, later(9))
    assert edited is not None
    assert (edited.body, edited.is_edited, edited.updated_at) == ({"version": 1}, True, later(9))
    assert [each.id for each in await all_of(chat)] == [first.id, second.id]


async def test_a_deleted_message_is_empty_counts_no_more_and_stays_deleted(store: Store) -> None:
    chat = await new_conversation(store)
    ada, bob, _ = chat.members
    message = await chat.post(ada, notify_users=(bob,))
    assert await asyncio.gather(*(store.messages.delete(chat.id, message.id, later(9)) for _ in range(5))) == [True] * 5
    found = await store.messages.message(chat.id, message.id)
    assert found is not None
    assert (found.type, found.body, found.created_at) == (MessageType.DELETED, {}, message.created_at)
    assert await chat.unread(bob) == (0, 0)
    assert await store.messages.edit(chat.id, message.id, {"version": 1}, START) is None


async def test_what_is_not_there_is_neither_found_edited_nor_deleted(store: Store) -> None:
    chat, other = await new_conversation(store), await new_conversation(store)
    message = await chat.post(chat.members[0])
    for channel, wanted in ((chat.id, uuid4()), (other.id, message.id)):
        assert await store.messages.message(channel, wanted) is None
        assert await store.messages.edit(channel, wanted, {"version": 1}, START) is None
        assert not await store.messages.delete(channel, wanted, START)


async def test_a_deleted_channel_accepts_no_message(store: Store) -> None:
    chat = await new_conversation(store)
    await store.channels.remove_channel(chat.id, START)
    assert await store.messages.post(chat.message(chat.members[0]), Clock(START)) is None


class Storm:
    """All users send, read, edit and delete at once; afterwards it knows the expected unread counts."""

    def __init__(self, chat: Conversation, seed: int) -> None:
        self.chat = chat
        self.dice = random.Random(seed)
        self.sent: dict[UUID, NewMessage] = {}
        self.stored: list[Message] = []
        # As many as there are connections: on a slow machine, a client that waits too long for one would get Unavailable.
        self.turns = asyncio.Semaphore(DatabaseLimits().pool_size)

    async def act(self) -> None:
        async with self.turns:
            await self._act()

    async def _act(self) -> None:
        what = self.dice.choice(("post", "post", "see", "edit", "delete"))
        who = self.dice.choice(self.chat.members)
        if what == "post" or not self.stored:
            meant = tuple(self.dice.sample(self.chat.members, 2)) if self.dice.random() < 0.5 else ()
            new = self.chat.message(who, notify_users=meant, notify_channel=self.dice.random() < 0.2)
            self.sent[new.id] = new
            posted = await self.chat.store.messages.post(new, Clock(START))
            assert posted is not None
            self.stored.append(posted[0])
            return
        which = self.dice.choice(self.stored)
        if what == "see":
            changes = MemberChanges(True, which.created_at)
            await self.chat.store.members.change_member(self.chat.id, who, changes, START)
        elif what == "edit":
            await self.chat.store.messages.edit(self.chat.id, which.id, {"version": 2}, later(5))
        else:
            await self.chat.store.messages.delete(self.chat.id, which.id, later(5))

    async def expected(self, user: UUID) -> tuple[int, int]:
        """Count from what is there now and what was sent, as the contract words it."""
        member = await self.chat.store.members.member(self.chat.id, user)
        assert member is not None
        seen = member.last_seen_at or self.chat.channel.latest_message_created_at
        unread = [
            self.sent[each.id]
            for each in await all_of(self.chat)
            if each.created_at > seen and each.author.id != user and each.type is not MessageType.DELETED
        ]
        return len(unread), sum(each.notify_channel or user in each.notify_users for each in unread)


@pytest.mark.parametrize("seed", range(2))
async def test_unread_counts_are_exact_after_fifty_things_at_once(store: Store, seed: int) -> None:
    chat = await new_conversation(store, size=5)
    storm = Storm(chat, seed)
    for _ in range(4):
        await storm.act()
    await asyncio.gather(*(storm.act() for _ in range(50)))
    await asyncio.gather(*(storm.act() for _ in range(50)))
    assert [await chat.unread(each) for each in chat.members] == [await storm.expected(each) for each in chat.members]


async def test_a_page_may_begin_between_two_messages(store: Store) -> None:
    chat = await new_conversation(store)
    made = [await chat.post(chat.members[0], at=later(number)) for number in range(4)]
    gone = PageAnchor(later(1.5), str(uuid4()))
    onward = await store.messages.messages(chat.id, "created_at", PageRequest(9, gone))
    back = await store.messages.messages(chat.id, "created_at", PageRequest(9, replace(gone, backward=True)))
    assert [each.id for each in onward] == [made[2].id, made[3].id]
    assert [each.id for each in back] == [made[1].id, made[0].id]
