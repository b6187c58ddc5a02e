"""Visitors: known by a secret, shown by an id, counted by a token."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest

from service.domain.accounts import Accounts
from service.domain.audience.visitors import TOKEN_LIFETIME, VisitorLimits, Visitors, show_expiry
from service.domain.errors import NotAuthenticated, NotFound, Throttled
from service.store import Store
from tests.clock import Clock

HERE = "192.0.2.1"


@dataclass
class World:
    store: Store
    clock: Clock
    organization: UUID
    other: UUID

    async def visitors(self, limits: VisitorLimits | None = None) -> Visitors:
        """As a process of its own has them."""
        return await Visitors(self.store.accounts, self.store.accounts, self.clock, limits).open()


@pytest.fixture
async def world(migrated_sqlite: str) -> AsyncIterator[World]:
    store, clock = Store(migrated_sqlite), Clock()
    accounts = Accounts(store.accounts, store.accounts, clock)
    organization, other = [(await accounts.create_token(uuid4(), None)).token.organization_id for _ in range(2)]
    yield World(store, clock, organization, other)
    await store.aclose()


async def test_a_new_visitor_has_an_id_and_a_secret_of_the_documented_form(world: World) -> None:
    identity = await (await world.visitors()).identify(world.organization, None, HERE)
    assert re.fullmatch("[0-9a-f]{32}", identity.visitor_id)
    assert re.fullmatch("[0-9a-f]{50}", identity.secret)
    assert identity.expires_at == world.clock.at + timedelta(seconds=TOKEN_LIFETIME)
    assert identity.secret not in repr(identity) and identity.access_token not in repr(identity)


async def test_a_secret_gives_the_same_id_in_every_process_and_in_any_case(world: World) -> None:
    first = await (await world.visitors()).identify(world.organization, None, HERE)
    again = await (await world.visitors()).identify(world.organization, first.secret.upper(), HERE)
    assert (again.visitor_id, again.secret) == (first.visitor_id, first.secret)


async def test_a_visitor_has_another_id_in_another_organization(world: World) -> None:
    visitors = await world.visitors()
    first = await visitors.identify(world.organization, None, HERE)
    assert (await visitors.identify(world.other, first.secret, HERE)).visitor_id != first.visitor_id


async def test_an_unknown_organization_has_no_visitors(world: World) -> None:
    with pytest.raises(NotFound):
        await (await world.visitors()).identify(uuid4(), None, HERE)


async def test_a_token_names_its_visitor_in_its_own_organization_only(world: World) -> None:
    visitors = await world.visitors()
    identity = await visitors.identify(world.organization, None, HERE)
    for _ in range(2):  # read, then remembered
        assert visitors.visitor_of(str(world.organization), identity.access_token) == identity.visitor_id
        assert visitors.visitor_of(str(world.other), identity.access_token) is None
    assert (await world.visitors()).visitor_of(str(world.organization), identity.access_token) == identity.visitor_id


async def test_a_token_is_not_believed_a_moment_longer_than_it_lives(world: World) -> None:
    visitors = await world.visitors()
    identity = await visitors.identify(world.organization, None, HERE)
    world.clock.at = identity.expires_at - timedelta(milliseconds=1)
    assert visitors.visitor_of(str(world.organization), identity.access_token) == identity.visitor_id
    world.clock.at = identity.expires_at
    assert visitors.visitor_of(str(world.organization), identity.access_token) is None
    assert (await world.visitors()).visitor_of(str(world.organization), identity.access_token) is None


async def test_a_token_with_a_foreign_signature_names_no_visitor(world: World) -> None:
    visitors = await world.visitors()
    identity = await visitors.identify(world.organization, None, HERE)
    head, claims, signature = identity.access_token.split(".")
    forged = jwt.encode(jwt.decode(identity.access_token, options={"verify_signature": False}), "x" * 32)
    for token in ("", "a.b.c", f"{head}.{claims}.", f"{head}.{claims}.{signature[::-1]}", forged, "ä" * 40, "x" * 5000):
        assert visitors.visitor_of(str(world.organization), token) is None


async def test_a_visitors_token_opens_nothing_of_a_users(world: World) -> None:
    identity = await (await world.visitors()).identify(world.organization, None, HERE)
    accounts = Accounts(world.store.accounts, world.store.accounts, world.clock)
    with pytest.raises(NotAuthenticated):
        await accounts.authenticate(f"Bearer {identity.access_token}")


async def test_a_users_token_names_no_visitor(world: World) -> None:
    accounts, user = Accounts(world.store.accounts, world.store.accounts, world.clock), uuid4()
    await accounts.create_token(world.organization, user)
    bearer = await accounts.issue_bearer(world.organization, user)
    assert (await world.visitors()).visitor_of(str(world.organization), bearer) is None


async def test_an_address_brings_a_burst_of_visitors_and_no_more(world: World) -> None:
    visitors = await world.visitors(VisitorLimits(burst=2, per_second=1))
    for _ in range(2):
        await visitors.identify(world.organization, None, HERE)
    with pytest.raises(Throttled) as refused:
        await visitors.identify(world.organization, None, HERE)
    assert refused.value.retry_after == 1
    await visitors.identify(world.organization, None, "192.0.2.2")


async def test_what_is_remembered_is_bounded(world: World) -> None:
    visitors = await world.visitors(VisitorLimits(max_remembered=3))
    met = [await visitors.identify(world.organization, None, HERE) for _ in range(5)]
    for each in met * 2:
        assert visitors.visitor_of(str(world.organization), each.access_token) == each.visitor_id
    assert visitors.remembered == 3


def test_the_expiry_has_milliseconds() -> None:
    assert show_expiry(datetime(2015, 8, 31, 16, 32, 17, 879_123, UTC)) == "2015-08-31T16:32:17.879Z"
