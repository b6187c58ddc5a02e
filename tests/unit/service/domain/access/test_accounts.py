"""Tokens: issued once, believed for a moment, never shown again."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from service.domain.access.accounts import CACHE_SECONDS, Accounts, token_digest
from service.domain.errors import Conflict, NotAuthenticated, NotFound
from service.store import Store
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(store: Store, clock: Clock) -> Accounts:
    return Accounts(store.accounts, store.accounts, clock)


async def test_a_token_is_forty_random_characters_and_stored_as_a_digest(accounts: Accounts) -> None:
    issued = await accounts.create_token(uuid4(), uuid4(), name="laptop")
    assert re.fullmatch("[0-9a-f]{40}", issued.secret)
    (listed,) = await accounts.list_tokens()
    assert (listed.name, listed.digest) == ("laptop", token_digest(issued.secret))
    assert issued.secret not in repr(issued)


async def test_a_registered_user_may_have_an_access_token_without_an_api_token(accounts: Accounts) -> None:
    organization, user = uuid4(), uuid4()
    await accounts.register(organization, user, full_name="Ada Lovelace")
    await accounts.register(organization, user)
    identity = await accounts.authenticate(f"Bearer {await accounts.issue_bearer(organization, user)}")
    assert (identity.user and identity.user.full_name, await accounts.list_tokens()) == ("Ada Lovelace", [])
    with pytest.raises(Conflict):
        await accounts.register(uuid4(), user)


async def test_a_user_belongs_to_one_organization(accounts: Accounts) -> None:
    user = uuid4()
    await accounts.create_token(uuid4(), user)
    with pytest.raises(Conflict):
        await accounts.create_token(uuid4(), user)


async def test_a_token_revoked_elsewhere_is_believed_for_a_few_seconds_at_most(
    accounts: Accounts, store: Store, clock: Clock
) -> None:
    issued = await accounts.create_token(uuid4(), uuid4())
    header = f"Token {issued.secret}"
    await accounts.authenticate(header)
    elsewhere = Accounts(store.accounts, store.accounts, clock)
    await elsewhere.revoke_token(issued.token.id)
    clock.advance(CACHE_SECONDS - 0.001)
    await accounts.authenticate(header)
    clock.advance(0.001)
    with pytest.raises(NotAuthenticated):
        await accounts.authenticate(header)


async def test_an_access_token_is_not_believed_a_moment_longer_than_it_lives(accounts: Accounts, clock: Clock) -> None:
    organization, user = uuid4(), uuid4()
    await accounts.create_token(organization, user)
    bearer = f"Bearer {await accounts.issue_bearer(organization, user, lifetime=10)}"
    clock.advance(9)
    await accounts.authenticate(bearer)
    clock.advance(1)
    with pytest.raises(NotAuthenticated, match="expired"):
        await accounts.authenticate(bearer)


async def test_another_process_knows_the_access_tokens(accounts: Accounts, store: Store, clock: Clock) -> None:
    organization, user = uuid4(), uuid4()
    await accounts.create_token(organization, user)
    bearer = await accounts.issue_bearer(organization, user)
    elsewhere = Accounts(store.accounts, store.accounts, clock)
    identity = await elsewhere.authenticate(f"Bearer {bearer}")
    assert identity.user is not None and identity.user.id == user


async def test_an_unknown_user_gets_no_access_token(accounts: Accounts) -> None:
    organization, user = uuid4(), uuid4()
    await accounts.create_token(organization, user)
    for where, who in ((organization, uuid4()), (uuid4(), user)):
        with pytest.raises(NotFound):
            await accounts.issue_bearer(where, who)


@pytest.mark.parametrize("lifetime", [0, -1, 86_401])
async def test_a_lifetime_out_of_range_is_refused(accounts: Accounts, lifetime: int) -> None:
    with pytest.raises(ValueError, match="lifetime"):
        await accounts.issue_bearer(uuid4(), uuid4(), lifetime=lifetime)


async def test_no_more_tokens_are_remembered_than_the_limit(store: Store, clock: Clock) -> None:
    accounts = Accounts(store.accounts, store.accounts, clock, cache_size=3)
    issued = [await accounts.create_token(uuid4(), uuid4()) for _ in range(4)]
    for each in issued:
        await accounts.authenticate(f"Token {each.secret}")
    for each in issued:
        await store.accounts.revoke_token(each.token.id, clock.now())
    for each in issued[1:]:
        await accounts.authenticate(f"Token {each.secret}")
    with pytest.raises(NotAuthenticated):
        await accounts.authenticate(f"Token {issued[0].secret}")


async def test_revoking_what_never_was_says_so(accounts: Accounts) -> None:
    with pytest.raises(NotFound):
        await accounts.revoke_token(uuid4())
