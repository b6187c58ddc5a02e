"""Joining, leaving, seeing, and who is admin."""

from __future__ import annotations

from uuid import uuid4

import pytest

from service.domain.conversation.members import Members
from service.domain.conversation.ports import MemberChanges
from service.domain.entities import ChannelType, NotifyMode
from service.domain.errors import Conflict, Forbidden, Invalid, NotFound
from service.domain.paging import PageRequest
from service.store import Store
from tests.clock import Clock
from tests.contract.conversation import new_conversation, new_users
from tests.unit.service.domain.identities import identity_of

DIRECT = {"type": ChannelType.DIRECT, "is_private": True}


@pytest.fixture
def members(store: Store) -> Members:
    return Members(store.members, store, store.directory, Clock())


async def test_any_user_of_the_organization_joins_a_public_channel(store: Store, members: Members) -> None:
    chat = await new_conversation(store)
    _, (guest,) = await new_users(store, 1, chat.organization_id)
    added = [await members.add(await identity_of(chat, guest), chat.id, guest) for _ in range(2)]
    assert [is_new for _, is_new in added] == [True, False]
    assert added[0][0].user.id == guest


@pytest.mark.parametrize("kind", [{"is_private": True}, DIRECT])
async def test_only_public_channels_can_be_joined(store: Store, members: Members, kind: dict[str, object]) -> None:
    chat = await new_conversation(store, **kind)
    _, (guest,) = await new_users(store, 1, chat.organization_id)
    with pytest.raises(Invalid) as refused:
        await members.add(await identity_of(chat, 0), chat.id, guest)
    assert list(refused.value.fields) == ["member_id"]


async def test_an_unknown_user_cannot_join(store: Store, members: Members) -> None:
    chat = await new_conversation(store)
    with pytest.raises(Invalid) as refused:
        await members.add(await identity_of(chat, 0), chat.id, uuid4())
    assert list(refused.value.fields) == ["member_id"]


async def test_the_newest_member_is_first_by_default_and_with_an_unknown_ordering(
    store: Store, members: Members
) -> None:
    chat = await new_conversation(store)
    _, (guest,) = await new_users(store, 1, chat.organization_id)
    ada = await identity_of(chat, 0)
    await members.add(ada, chat.id, guest)
    page = await members.list(ada, chat.id, "shoe_size", PageRequest(2))
    assert (page.items[0].user.id, len(page.items), page.next is None) == (guest, 2, False)


async def test_only_an_admin_names_admins_and_one_stays(store: Store, members: Members) -> None:
    chat = await new_conversation(store)
    ada, bob = await identity_of(chat, 0), await identity_of(chat, 1)
    with pytest.raises(Forbidden):
        await members.change(bob, chat.id, chat.members[1], MemberChanges(is_admin=True))
    with pytest.raises(Conflict):
        await members.change(ada, chat.id, chat.members[0], MemberChanges(is_admin=False))
    assert (await members.change(ada, chat.id, chat.members[1], MemberChanges(is_admin=True))).is_admin


async def test_a_member_sent_back_unchanged_changes_nothing(store: Store, members: Members) -> None:
    chat = await new_conversation(store)
    before = await members.get(await identity_of(chat, 1), chat.id, chat.members[1])
    assert (
        await members.change(await identity_of(chat, 1), chat.id, chat.members[1], MemberChanges(is_admin=False))
        == before
    )


async def test_only_the_member_can_change_their_last_seen_time(store: Store, members: Members) -> None:
    chat = await new_conversation(store)
    await chat.post(chat.members[0])
    seen = MemberChanges(sees=True, last_seen_at=Clock().now())
    with pytest.raises(Forbidden):
        await members.change(await identity_of(chat, 0), chat.id, chat.members[1], seen)
    changed = await members.change(await identity_of(chat, 1), chat.id, chat.members[1], seen)
    assert (changed.unread_message_count, changed.last_seen_at) == (0, Clock().now())


async def test_a_member_leaves_and_only_an_admin_removes_others(store: Store, members: Members) -> None:
    chat = await new_conversation(store)
    with pytest.raises(Forbidden):
        await members.remove(await identity_of(chat, 1), chat.id, chat.members[2])
    await members.remove(await identity_of(chat, 1), chat.id, chat.members[1])
    await members.remove(await identity_of(chat, 0), chat.id, chat.members[2])
    for gone in chat.members[1:]:
        with pytest.raises(NotFound):
            await members.get(await identity_of(chat, 0), chat.id, gone)


async def test_a_direct_channel_cannot_be_left(store: Store, members: Members) -> None:
    chat = await new_conversation(store, **DIRECT)
    with pytest.raises(Forbidden):
        await members.remove(await identity_of(chat, 1), chat.id, chat.members[1])


async def test_settings_are_ones_own(store: Store, members: Members) -> None:
    chat = await new_conversation(store)
    ada = await identity_of(chat, 0)
    assert (await members.set_mode(ada, chat.id, chat.members[0], None)).mode is NotifyMode.UNMUTED
    assert (await members.set_mode(ada, chat.id, chat.members[0], NotifyMode.MENTIONS)).mode is NotifyMode.MENTIONS
    with pytest.raises(Forbidden):
        await members.set_mode(ada, chat.id, chat.members[1], NotifyMode.MUTED)
