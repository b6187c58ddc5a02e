"""API users: each has a number of requests, with any number of tokens, independent of other users."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from service.domain.access.accounts import Accounts
from service.domain.access.client_limits import ClientLimits, LimitedClients
from service.domain.errors import NotAuthenticated, Throttled
from service.store import Store
from tests.clock import Clock

LIMITS = ClientLimits(burst=3, per_second=0.5)


class Callers:
    """A limited service and the people who call it."""

    def __init__(self, store: Store, limits: ClientLimits = LIMITS) -> None:
        self.clock = Clock()
        self.accounts = Accounts(store.accounts, store.accounts, self.clock)
        self.limited = LimitedClients(self.accounts, limits, self.clock)
        self.organization = uuid4()

    async def header(self, user: UUID | None) -> str:
        return f"Token {(await self.accounts.create_token(self.organization, user)).secret}"

    async def ask(self, header: str, times: int = 1) -> None:
        for _ in range(times):
            await self.limited.authenticate(header)


async def test_a_client_that_sends_too_many_requests_gets_the_time_to_retry(store: Store) -> None:
    callers = Callers(store)
    header = await callers.header(uuid4())
    await callers.ask(header, 3)
    with pytest.raises(Throttled) as refused:
        await callers.ask(header)
    assert refused.value.retry_after == 2
    callers.clock.advance(2)
    await callers.ask(header)


async def test_another_token_of_the_same_user_is_the_same_caller(store: Store) -> None:
    callers, user = Callers(store), uuid4()
    await callers.ask(await callers.header(user), 3)
    bearer = f"Bearer {await callers.accounts.issue_bearer(callers.organization, user)}"
    with pytest.raises(Throttled):
        await callers.ask(bearer)


async def test_users_and_their_organization_are_callers_of_their_own(store: Store) -> None:
    callers = Callers(store)
    for user in (uuid4(), uuid4(), None):
        await callers.ask(await callers.header(user), 3)
    with pytest.raises(Throttled):
        await callers.ask(await callers.header(None))


async def test_an_unauthenticated_client_always_gets_the_same_error(store: Store) -> None:
    callers = Callers(store)
    for _ in range(5):
        with pytest.raises(NotAuthenticated):
            await callers.ask("Token nobody")


async def test_without_a_limit_no_client_is_refused(store: Store) -> None:
    callers = Callers(store, ClientLimits())
    header = await callers.header(None)
    await callers.ask(header, 50)
    assert (await callers.limited.authenticate(header)).organization.id == callers.organization
