"""What may be said, changed and taken back, and by whom."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

import pytest

from service.domain.conversation.meetings import CallKind
from service.domain.conversation.messages import MAX_CONTENT, Draft, Messages
from service.domain.entities import Channel, ChannelType, MessageType
from service.domain.errors import Conflict, Forbidden, Invalid, NotFound
from service.domain.events.ports import Transaction
from service.domain.paging import PageRequest
from service.store import Store
from tests.clock import Clock
from tests.contract.conversation import new_conversation, new_users
from tests.unit.service.domain.identities import identity_of

HELLO = Draft({"version": 3, "chunks": [{"type": "text", "text": "Hello"}]})


@pytest.fixture
def messages(store: Store) -> Messages:
    return Messages(store.messages, store, Clock())


async def test_a_message_comes_back_as_it_was_sent(store: Store, messages: Messages) -> None:
    chat = await new_conversation(store)
    ada = await identity_of(chat, 0)
    message, is_new = await messages.post(ada, chat.id, HELLO)
    assert (is_new, message.body, message.type) == (True, HELLO.body, MessageType.USER)
    assert await messages.get(ada, chat.id, message.id) == message


def test_a_digest_does_not_depend_on_the_order_of_keys_but_on_the_content() -> None:
    assert Draft({"a": 1, "b": 2}).digest() == Draft({"b": 2, "a": 1}).digest()
    others = [Draft({"a": 1}), Draft({"a": 1.5}), Draft({"a": 1}, MessageType.SYSTEM)]
    assert len({each.digest() for each in others}) == 3


async def test_a_retry_is_the_same_message_and_other_content_a_conflict(store: Store, messages: Messages) -> None:
    chat = await new_conversation(store)
    ada, own_id = await identity_of(chat, 0), uuid4()
    sent = [await messages.post(ada, chat.id, Draft(HELLO.body, id=own_id)) for _ in range(2)]
    assert ([is_new for _, is_new in sent], sent[0][0]) == ([True, False], sent[1][0])
    with pytest.raises(Conflict):
        await messages.post(ada, chat.id, Draft({"version": 1}, id=own_id))
    with pytest.raises(Conflict):
        await messages.post(await identity_of(chat, 1), chat.id, Draft(HELLO.body, id=own_id))


async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(store: Store, messages: Messages) -> None:
    chat = await new_conversation(store)
    ada = await identity_of(chat, 0)
    room_left = MAX_CONTENT - len('{"version":3,"text":""}')
    fits = {"version": 3, "text": "ü" * (room_left // 2)}
    await messages.post(ada, chat.id, Draft(fits))
    with pytest.raises(Invalid, match="bytes"):
        await messages.post(ada, chat.id, Draft(fits | {"more": 1}))


async def test_any_user_posts_to_a_public_channel_but_an_organization_token_does_not(
    store: Store, messages: Messages
) -> None:
    chat = await new_conversation(store)
    _, (stranger,) = await new_users(store, 1, chat.organization_id)
    message, _ = await messages.post(await identity_of(chat, stranger), chat.id, HELLO)
    assert message.author.id == stranger
    with pytest.raises(Forbidden):
        await messages.post(await identity_of(chat, None), chat.id, HELLO)


async def test_only_admins_announce(store: Store, messages: Messages) -> None:
    chat = await new_conversation(store, type=ChannelType.ANNOUNCEMENTS)
    await messages.post(await identity_of(chat, 0), chat.id, HELLO)
    with pytest.raises(Forbidden):
        await messages.post(await identity_of(chat, 1), chat.id, HELLO)


async def test_only_the_author_edits_and_an_admin_may_delete(store: Store, messages: Messages) -> None:
    chat = await new_conversation(store)
    ada, bob, eve = [await identity_of(chat, number) for number in range(3)]
    message, _ = await messages.post(bob, chat.id, HELLO)
    with pytest.raises(Forbidden):
        await messages.edit(ada, chat.id, message.id, {"version": 1})
    assert (await messages.edit(bob, chat.id, message.id, {"version": 1})).is_edited
    with pytest.raises(Forbidden):
        await messages.delete(eve, chat.id, message.id)
    await messages.delete(ada, chat.id, message.id)
    with pytest.raises(NotFound):
        await messages.edit(bob, chat.id, message.id, {"version": 1})


async def test_the_newest_come_first_unless_asked_otherwise(store: Store, messages: Messages) -> None:
    chat = await new_conversation(store)
    ada = await identity_of(chat, 0)
    sent = [(await messages.post(ada, chat.id, HELLO))[0].id for _ in range(3)]
    for ordering, wanted in (("", sent[:0:-1]), ("created_at", sent[:2])):
        page = await messages.list(ada, chat.id, ordering, PageRequest(2))
        assert ([each.id for each in page.items], page.next is None) == (wanted, False)


async def test_call_listeners_are_notified_once_for_each_message(store: Store) -> None:
    heard: list[tuple[UUID, UUID, CallKind]] = []

    async def listen(_: Transaction, channel: Channel, user: UUID, kind: CallKind, _at: datetime) -> None:
        heard.append((channel.id, user, kind))

    messages = Messages(store.messages, store, Clock(), listen)
    chat = await new_conversation(store)
    ada = await identity_of(chat, 0)
    request = Draft(HELLO.body, MessageType.CALL_REQUEST, id=uuid4())
    for draft in (HELLO, request, request, Draft(HELLO.body, MessageType.CALL_LEAVE)):
        await messages.post(ada, chat.id, draft)
    assert heard == [(chat.id, chat.members[0], kind) for kind in (CallKind.REQUEST, CallKind.LEAVE)]
