"""What the directory of people may expect of its store, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

from service.domain.entities import Organization
from service.store import Store
from tests.contract.conversation import START, user_of


async def test_one_of_many_simultaneous_adds_of_a_user_succeeds(store: Store) -> None:
    organization = Organization(uuid4(), "Acme", START)
    user = user_of(organization.id)
    entered = await asyncio.gather(*(store.directory.add_user(organization, user) for _ in range(10)))
    assert sorted(entered) == [False] * 9 + [True]
    assert await store.directory.users(organization.id) == [user]


async def test_a_user_added_again_is_unchanged(store: Store) -> None:
    organization = Organization(uuid4(), "Acme", START)
    user = replace(
        user_of(organization.id), email="ada@example.com", avatar_url="https://example.com/a.png", is_bot=True
    )
    await store.directory.add_user(organization, user)
    assert not await store.directory.add_user(organization, replace(user, full_name="Somebody Else"))
    assert await store.directory.users(organization.id) == [user]


async def test_users_are_listed_by_name_below_their_organization(store: Store) -> None:
    acme, other = (Organization(uuid4(), name, START) for name in ("Acme", "Other"))
    for organization, name in ((acme, "Grace Hopper"), (acme, "Ada Lovelace"), (other, "Alan Turing")):
        await store.directory.add_user(organization, user_of(organization.id, name))
    assert [each.full_name for each in await store.directory.users(acme.id)] == ["Ada Lovelace", "Grace Hopper"]
    assert len(await store.directory.users()) == 3


async def test_deleted_users_and_users_of_other_organizations_are_unknown(store: Store) -> None:
    acme, other = (Organization(uuid4(), name, START) for name in ("Acme", "Other"))
    here, elsewhere = user_of(acme.id), user_of(other.id)
    left = replace(user_of(acme.id), deleted_at=START)
    for organization, user in ((acme, here), (acme, left), (other, elsewhere)):
        await store.directory.add_user(organization, user)
    missing = uuid4()
    wanted = [here.id, left.id, elsewhere.id, missing]
    assert await store.directory.unknown_users(acme.id, wanted) == {left.id, elsewhere.id, missing}
    assert await store.directory.unknown_users(acme.id, []) == set()
