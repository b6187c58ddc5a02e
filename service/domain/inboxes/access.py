"""Who calls: an organization as an account with an integer id, and its user as an agent."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cachetools import LRUCache

from service.clock import Clock
from service.domain.access.accounts import Identity
from service.domain.errors import NotFound
from service.domain.inboxes.entities import Agent
from service.domain.inboxes.errors import NO_ACCESS, NOT_FOR_BOTS, OTHER_ACCOUNT, NotPermitted
from service.domain.inboxes.ports import InboxStore

CACHED_IDS = 10_000
"""Integer ids of organizations and users in memory. They never change."""


@dataclass(frozen=True, slots=True)
class Desk:
    """An authenticated agent in its account.

    Administrators are managers of the organization (`is_manager` or `is_staff`), and the organization's own tokens.
    """

    account_id: int
    account_name: str
    client: Identity
    agent: Agent
    is_administrator: bool

    def require_administrator(self) -> None:
        """Raise NotPermitted for any other agent."""
        if not self.is_administrator:
            raise NotPermitted(NO_ACCESS)


class InboxAccess:
    """Finds the account and the agent of a client. They get their integer ids at the first request."""

    def __init__(self, store: InboxStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._accounts: LRUCache[UUID, int] = LRUCache(CACHED_IDS)
        self._agents: LRUCache[UUID, int] = LRUCache(CACHED_IDS)

    async def enter(self, client: Identity, account_id: int, *, bots: bool = False) -> Desk:
        """Return the agent in the account of the path. `bots`: the operation is open to users that are bots.

        Raises:
            NotFound: There is no such account.
            NotPermitted: The client is not a member of it, or is a bot.
        """
        desk = await self.own(client)
        if desk.account_id != account_id:
            async with self._store.reading_inboxes() as records:
                if await records.account(account_id) is None:
                    raise NotFound
            raise NotPermitted(OTHER_ACCOUNT)
        if desk.agent.is_bot and not bots:
            raise NotPermitted(NOT_FOR_BOTS)
        return desk

    async def own(self, client: Identity) -> Desk:
        """Return the client in its own account."""
        user, organization = client.user, client.organization
        owner = organization.id if user is None else user.id
        account_id, agent_id = self._accounts.get(organization.id), self._agents.get(owner)
        if account_id is None or agent_id is None:
            account_id, agent_id = await self._number(client)
            self._accounts[organization.id], self._agents[owner] = account_id, agent_id
        agent = Agent(
            id=agent_id,
            account_id=account_id,
            user_id=None if user is None else user.id,
            name=organization.name if user is None else user.full_name,
            email=None if user is None else user.email,
            avatar_url=None if user is None else user.avatar_url,
            is_bot=user is not None and user.is_bot,
        )
        administers = user is None or bool(user.is_manager) or user.is_staff
        return Desk(account_id, organization.name, client, agent, administers)

    async def _number(self, client: Identity) -> tuple[int, int]:
        async with self._store.reading_inboxes() as records:
            account = await records.account_of(client.organization.id)
            agent = None if account is None else await records.agent_of(account.id, client.user_id)
        if account is None or agent is None:
            async with self._store.transaction() as tx:
                account = await tx.inboxes.add_account(client.organization.id, self._clock.now())
                agent = await tx.inboxes.add_agent(account.id, client.user_id)
        return account.id, agent.id
