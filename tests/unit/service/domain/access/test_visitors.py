"""Visitors: known by a secret, shown by an id, counted by a token."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest

from service.domain.access.accounts import Accounts
from service.domain.access.visitors import TOKEN_LIFETIME, VisitorLimits, Visitors, show_expiry
from service.domain.errors import NotAuthenticated, NotFound, Throttled
from service.store import Store
from tests.clock import Clock

HERE = "192.0.2.1"


@dataclass
class Installation:
    store: Store
    clock: Clock
    organization: UUID
    other: UUID

    async def visitors(self, limits: VisitorLimits | None = None) -> Visitors:
        """As a process of its own has them."""
        return await Visitors(self.store.accounts, self.store.accounts, self.clock, limits).open()


@pytest.fixture
async def installation(migrated_sqlite: str) -> AsyncIterator[Installation]:
    store, clock = Store(migrated_sqlite), Clock()
    accounts = Accounts(store.accounts, store.accounts, clock)
    organization, other = [(await accounts.create_token(uuid4(), None)).token.organization_id for _ in range(2)]
    yield Installation(store, clock, organization, other)
    await store.aclose()


async def test_a_new_visitor_has_an_id_and_a_secret_of_the_documented_form(installation: Installation) -> None:
    identity = await (await installation.visitors()).identify(installation.organization, None, HERE)
    assert re.fullmatch("[0-9a-f]{32}", identity.visitor_id)
    assert re.fullmatch("[0-9a-f]{50}", identity.secret)
    assert identity.expires_at == installation.clock.at + timedelta(seconds=TOKEN_LIFETIME)
    assert identity.secret not in repr(identity) and identity.access_token not in repr(identity)


async def test_a_secret_gives_the_same_id_in_every_process_and_in_any_case(installation: Installation) -> None:
    first = await (await installation.visitors()).identify(installation.organization, None, HERE)
    again = await (await installation.visitors()).identify(installation.organization, first.secret.upper(), HERE)
    assert (again.visitor_id, again.secret) == (first.visitor_id, first.secret)


async def test_a_visitor_has_another_id_in_another_organization(installation: Installation) -> None:
    visitors = await installation.visitors()
    first = await visitors.identify(installation.organization, None, HERE)
    assert (await visitors.identify(installation.other, first.secret, HERE)).visitor_id != first.visitor_id


async def test_an_unknown_organization_has_no_visitors(installation: Installation) -> None:
    with pytest.raises(NotFound):
        await (await installation.visitors()).identify(uuid4(), None, HERE)


async def test_a_token_names_its_visitor_in_its_own_organization_only(installation: Installation) -> None:
    visitors = await installation.visitors()
    identity = await visitors.identify(installation.organization, None, HERE)
    for _ in range(2):  # read, then remembered
        assert visitors.visitor_of(str(installation.organization), identity.access_token) == identity.visitor_id
        assert visitors.visitor_of(str(installation.other), identity.access_token) is None
    assert (await installation.visitors()).visitor_of(
        str(installation.organization), identity.access_token
    ) == identity.visitor_id


async def test_a_token_is_not_believed_a_moment_longer_than_it_lives(installation: Installation) -> None:
    visitors = await installation.visitors()
    identity = await visitors.identify(installation.organization, None, HERE)
    installation.clock.at = identity.expires_at - timedelta(milliseconds=1)
    assert visitors.visitor_of(str(installation.organization), identity.access_token) == identity.visitor_id
    installation.clock.at = identity.expires_at
    assert visitors.visitor_of(str(installation.organization), identity.access_token) is None
    assert (await installation.visitors()).visitor_of(str(installation.organization), identity.access_token) is None


async def test_a_token_with_a_foreign_signature_names_no_visitor(installation: Installation) -> None:
    visitors = await installation.visitors()
    identity = await visitors.identify(installation.organization, None, HERE)
    head, claims, signature = identity.access_token.split(".")
    forged = jwt.encode(jwt.decode(identity.access_token, options={"verify_signature": False}), "x" * 32)
    for token in ("", "a.b.c", f"{head}.{claims}.", f"{head}.{claims}.{signature[::-1]}", forged, "ä" * 40, "x" * 5000):
        assert visitors.visitor_of(str(installation.organization), token) is None


async def test_a_visitors_token_opens_nothing_of_a_users(installation: Installation) -> None:
    identity = await (await installation.visitors()).identify(installation.organization, None, HERE)
    accounts = Accounts(installation.store.accounts, installation.store.accounts, installation.clock)
    with pytest.raises(NotAuthenticated):
        await accounts.authenticate(f"Bearer {identity.access_token}")


async def test_a_users_token_names_no_visitor(installation: Installation) -> None:
    accounts, user = Accounts(installation.store.accounts, installation.store.accounts, installation.clock), uuid4()
    await accounts.create_token(installation.organization, user)
    bearer = await accounts.issue_bearer(installation.organization, user)
    assert (await installation.visitors()).visitor_of(str(installation.organization), bearer) is None


async def test_an_address_brings_a_burst_of_visitors_and_no_more(installation: Installation) -> None:
    visitors = await installation.visitors(VisitorLimits(burst=2, per_second=1))
    for _ in range(2):
        await visitors.identify(installation.organization, None, HERE)
    with pytest.raises(Throttled) as refused:
        await visitors.identify(installation.organization, None, HERE)
    assert refused.value.retry_after == 1
    await visitors.identify(installation.organization, None, "192.0.2.2")


async def test_what_is_remembered_is_bounded(installation: Installation) -> None:
    visitors = await installation.visitors(VisitorLimits(max_remembered=3))
    met = [await visitors.identify(installation.organization, None, HERE) for _ in range(5)]
    for each in met * 2:
        assert visitors.visitor_of(str(installation.organization), each.access_token) == each.visitor_id
    assert visitors.remembered == 3


def test_the_expiry_has_milliseconds() -> None:
    assert show_expiry(datetime(2015, 8, 31, 16, 32, 17, 879_123, UTC)) == "2015-08-31T16:32:17.879Z"
