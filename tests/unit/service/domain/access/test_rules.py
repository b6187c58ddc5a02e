"""Who comes in, and who may change things."""

from __future__ import annotations

from uuid import uuid4

import pytest

from service.domain.access.rules import enter, only_admin, only_self, person
from service.domain.errors import Forbidden, NotFound
from service.store import Store
from tests.contract.conversation import new_conversation, new_users
from tests.unit.service.domain.identities import identity_of


async def test_a_public_channel_is_everybodys_in_its_organization(store: Store) -> None:
    chat = await new_conversation(store)
    _, (stranger,) = await new_users(store, 1, chat.organization_id)
    assert not (await enter(store.channels, await identity_of(chat, stranger), chat.id)).is_member
    assert (await enter(store.channels, await identity_of(chat, None), chat.id)).channel.id == chat.id


async def test_a_private_channel_is_not_there_for_others(store: Store) -> None:
    chat = await new_conversation(store, is_private=True)
    _, (stranger,) = await new_users(store, 1, chat.organization_id)
    assert (await enter(store.channels, await identity_of(chat, 1), chat.id)).is_member
    for outsider in (stranger, None):
        with pytest.raises(NotFound):
            await enter(store.channels, await identity_of(chat, outsider), chat.id)


async def test_a_channel_of_another_organization_is_not_there(store: Store) -> None:
    chat, other = await new_conversation(store), await new_conversation(store)
    with pytest.raises(NotFound):
        await enter(store.channels, await identity_of(chat, 0), other.id)


async def test_only_the_admin_passes_as_admin(store: Store) -> None:
    chat = await new_conversation(store)
    only_admin(await enter(store.channels, await identity_of(chat, 0), chat.id))
    with pytest.raises(Forbidden):
        only_admin(await enter(store.channels, await identity_of(chat, 1), chat.id))


async def test_an_organization_acts_for_no_user_and_a_user_only_for_themselves(store: Store) -> None:
    chat = await new_conversation(store)
    ada = await identity_of(chat, 0)
    assert only_self(ada, chat.members[0]).id == chat.members[0]
    with pytest.raises(Forbidden):
        only_self(ada, uuid4())
    with pytest.raises(Forbidden):
        person(await identity_of(chat, None))
