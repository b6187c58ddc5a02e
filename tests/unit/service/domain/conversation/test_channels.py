"""Channels: made, changed and deleted."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from service.domain.conversation.channels import Channels, NewChannel
from service.domain.entities import ChannelType
from service.domain.errors import Forbidden, Invalid, NotFound, Unavailable
from service.domain.paging import PageRequest
from service.store import Store
from tests.clock import Clock
from tests.contract.conversation import new_conversation, new_users
from tests.unit.service.domain.identities import identity_of


@pytest.fixture
def channels(store: Store) -> Channels:
    return Channels(store.channels, store, Clock(), store.directory)


async def test_the_creator_of_a_channel_is_its_admin_and_named_members_are_in_it(
    store: Store, channels: Channels
) -> None:
    organization_id, (ada, bob) = await new_users(store, 2)
    made = await channels.create(organization_id, ada, NewChannel("News", members=(bob, ada, bob)))
    entries = [await store.channels.entry(organization_id, made.id, each) for each in (ada, bob)]
    assert [(each.is_member, each.is_admin) for each in entries if each is not None] == [(True, True), (True, False)]
    assert made.member_count == 2


async def test_unknown_members_are_named_and_no_channel_is_created(store: Store, channels: Channels) -> None:
    organization_id, (ada,) = await new_users(store, 1)
    stranger = uuid4()
    with pytest.raises(Invalid, match=str(stranger)):
        await channels.create(organization_id, ada, NewChannel("News", members=(stranger,)))
    assert (await channels.list(organization_id, "", PageRequest(9))).items == []


@pytest.mark.parametrize(
    ("new", "kind"),
    [
        (NewChannel("News"), ChannelType.DEFAULT),
        (NewChannel("News", is_private=True), ChannelType.PRIVATE),
        (NewChannel("News", type=ChannelType.PRIVATE), ChannelType.PRIVATE),
        (NewChannel("News", is_private=True, type=ChannelType.ANNOUNCEMENTS), ChannelType.ANNOUNCEMENTS),
    ],
)
async def test_private_and_public_channels_differ_in_type(
    store: Store, channels: Channels, new: NewChannel, kind: ChannelType
) -> None:
    organization_id, (ada,) = await new_users(store, 1)
    made = await channels.create(organization_id, ada, new)
    assert (made.type, made.is_private) == (kind, new.is_private or kind is ChannelType.PRIVATE)


async def test_an_admin_changes_what_is_named_and_nothing_else(store: Store, channels: Channels) -> None:
    chat = await new_conversation(store)
    changed = await channels.change(await identity_of(chat, 0), chat.id, {"name": "Sport", "is_private": True})
    assert (changed.name, changed.type, changed.description) == (
        "Sport",
        ChannelType.PRIVATE,
        chat.channel.description,
    )
    with pytest.raises(Forbidden):
        await channels.change(await identity_of(chat, 1), chat.id, {"name": "Mine"})


async def test_a_deleted_channel_ends_its_stream_and_notifies_even_if_that_fails(
    store: Store, channels: Channels
) -> None:
    chat = await new_conversation(store)
    ended: list[UUID] = []
    notified: list[UUID] = []

    async def fails(_: UUID) -> None:
        raise Unavailable("away")

    async def ends(channel_id: UUID) -> None:
        ended.append(channel_id)

    channels.on_delete(fails)
    channels.on_delete(ends)
    channels.listen(lambda _, channel_id: notified.append(channel_id))
    with pytest.raises(Forbidden):
        await channels.delete(await identity_of(chat, 1), chat.id)
    await channels.delete(await identity_of(chat, 0), chat.id)
    assert (ended, notified) == ([chat.id], [chat.id])
    with pytest.raises(NotFound):
        await channels.get(chat.organization_id, chat.id)
