"""What the domain may expect of its store, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.base import InputOptions, LatencyMode
from service.domain.entities import Channel, ChannelType, ClaimedInput, Organization, OwnedStream, Token, User
from service.domain.errors import Conflict
from service.domain.paging import Page, PageAnchor, PageRequest, cut
from service.store import Store
from service.store.migrate import migrate
from service.store.tables import live_inputs
from tests.contract.stores import opened_store

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


async def new_organization(store: Store) -> UUID:
    organization = Organization(uuid4(), "Acme", START)
    await store.accounts.add_token(organization, None, new_token(organization.id))
    return organization.id


def new_token(organization_id: UUID, user_id: UUID | None = None) -> Token:
    return Token(uuid4(), uuid4().hex, organization_id, user_id, "laptop", START)


def new_user(organization_id: UUID) -> User:
    return User(uuid4(), organization_id, "Ada", "Lovelace", "Ada Lovelace", START, START)


async def new_channel(store: Store, organization_id: UUID, name: str = "News", at: datetime = START) -> Channel:
    channel = Channel(uuid4(), organization_id, None, name, "", None, False, ChannelType.DEFAULT, at, at, at)
    await store.channels.add_channel(channel)
    return channel


def new_claim(channel: Channel, request_id: str | None = None) -> ClaimedInput:
    return ClaimedInput(
        channel_id=channel.id,
        organization_id=channel.organization_id,
        provider="memory",
        request_id=request_id or uuid4().hex,
        generation=1,
        uid=None,
        options=InputOptions(None, 7, LatencyMode.LOW),
        created_at=START,
    )


async def test_migrating_twice_is_harmless(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'twice.db'}"
    await migrate(url)
    await migrate(url)


async def test_processes_may_migrate_at_the_same_time(postgres_url: str) -> None:
    await asyncio.gather(*(migrate(postgres_url) for _ in range(4)))


async def test_a_token_brings_its_organization_and_user_along(store: Store) -> None:
    organization = Organization(uuid4(), "Acme", START)
    user = new_user(organization.id)
    token = new_token(organization.id, user.id)
    await store.accounts.add_token(organization, user, token)
    assert await store.accounts.organization(organization.id) == organization
    assert await store.accounts.user(user.id) == user
    assert await store.accounts.token_by_digest(token.digest) == token


async def test_a_second_token_leaves_organization_and_user_as_they_are(store: Store) -> None:
    organization = Organization(uuid4(), "Acme", START)
    user = new_user(organization.id)
    await store.accounts.add_token(organization, user, new_token(organization.id, user.id))
    renamed = replace(user, full_name="Somebody Else")
    await store.accounts.add_token(replace(organization, name="Other"), renamed, new_token(organization.id))
    assert await store.accounts.user(user.id) == user
    assert await store.accounts.organization(organization.id) == organization


async def test_a_user_of_another_organization_gets_no_token(store: Store) -> None:
    organization = Organization(uuid4(), "Acme", START)
    user = new_user(organization.id)
    await store.accounts.add_token(organization, user, new_token(organization.id, user.id))
    other = Organization(uuid4(), "Other", START)
    token = new_token(other.id, user.id)
    with pytest.raises(Conflict):
        await store.accounts.add_token(other, replace(user, organization_id=other.id), token)
    assert await store.accounts.token_by_digest(token.digest) is None
    assert await store.accounts.organization(other.id) is None


async def test_tokens_are_listed_oldest_first_and_revoked_once(store: Store) -> None:
    organization_id = await new_organization(store)
    late = replace(new_token(organization_id), created_at=START + timedelta(days=1))
    await store.accounts.add_token(Organization(organization_id, "Acme", START), None, late)
    assert (await store.accounts.tokens(organization_id))[-1] == late
    assert await store.accounts.revoke_token(late.id, START)
    assert await store.accounts.revoke_token(late.id, START + timedelta(hours=1))
    assert (await store.accounts.tokens())[-1].revoked_at == START
    assert not await store.accounts.revoke_token(uuid4(), START)


async def test_all_processes_get_the_same_secret(store: Store) -> None:
    given = await asyncio.gather(*(store.accounts.secret("signing", f"proposal {number}") for number in range(20)))
    assert len(set(given)) == 1
    assert await store.accounts.secret("other", "mine") == "mine"


async def test_a_time_comes_back_as_the_same_moment_in_utc(store: Store) -> None:
    organization_id = await new_organization(store)
    eastern = START.astimezone(timezone(timedelta(hours=9)))
    channel = await new_channel(store, organization_id, at=eastern)
    found = await store.channels.channel(organization_id, channel.id)
    assert found is not None
    assert (found.created_at, found.created_at.tzinfo) == (START, UTC)


async def test_a_channel_is_found_below_its_organization_only(store: Store) -> None:
    organization_id = await new_organization(store)
    channel = await new_channel(store, organization_id)
    assert await store.channels.channel(organization_id, channel.id) == channel
    assert await store.channels.channel(uuid4(), channel.id) is None


@pytest.mark.parametrize("ordering", ["created_at", "-created_at", "latest_message_created_at"])
async def test_channels_page_both_ways_in_every_order(store: Store, ordering: str) -> None:
    organization_id = await new_organization(store)
    # Three moments for seven channels: the id decides between those of one moment.
    made = [await new_channel(store, organization_id, at=START + timedelta(seconds=n // 3)) for n in range(7)]
    made.sort(key=lambda each: (each.created_at, each.id), reverse=ordering.startswith("-"))

    def place(channel: Channel) -> PageAnchor:
        return PageAnchor(channel.created_at, str(channel.id))

    pages, request = [], PageRequest(3)
    while True:
        page = cut(await store.channels.channels(organization_id, ordering, request), request, place)
        pages.append(page)
        if page.next is None:
            break
        request = PageRequest(3, page.next)
    assert [each for page in pages for each in page.items] == made
    back = PageRequest(3, pages[-1].previous)
    assert cut(await store.channels.channels(organization_id, ordering, back), back, place).items == made[3:6]


async def test_the_first_claim_counts(store: Store) -> None:
    channel = await new_channel(store, await new_organization(store))
    claims = await asyncio.gather(*(store.claims.claim(new_claim(channel)) for _ in range(20)))
    assert len({each.request_id for each in claims}) == 1
    assert claims[0] == await store.claims.claimed(channel.id)


async def test_an_answer_is_stored_once_and_for_its_own_request_only(store: Store) -> None:
    channel = await new_channel(store, await new_organization(store))
    claim = await store.claims.claim(new_claim(channel))
    answered = (claim.options, START + timedelta(seconds=1))
    assert not await store.claims.commit_claim(channel.id, "another request", "uid-1", *answered)
    assert await store.claims.commit_claim(channel.id, claim.request_id, "uid-1", *answered)
    assert not await store.claims.commit_claim(channel.id, claim.request_id, "uid-2", *answered)
    stored = await store.claims.claimed(channel.id)
    assert stored == replace(claim, uid="uid-1", created_at=START + timedelta(seconds=1))


async def test_one_caller_renews_a_claim_and_the_old_input_is_remembered(store: Store) -> None:
    channel = await new_channel(store, await new_organization(store))
    claim = await store.claims.claim(new_claim(channel))
    await store.claims.commit_claim(channel.id, claim.request_id, "old", claim.options, START)
    before = await store.claims.claimed(channel.id)
    assert before is not None
    won = await asyncio.gather(*(store.claims.renew_claim(before, "memory", uuid4().hex, START) for _ in range(10)))
    assert sum(won) == 1
    renewed = await store.claims.claimed(channel.id)
    assert renewed is not None
    assert (renewed.uid, renewed.generation, renewed.options) == (None, 2, claim.options)
    assert await store.claims.input_uids(channel.id, 10) == ["old"]
    await store.claims.commit_claim(channel.id, renewed.request_id, "new", claim.options, START)
    assert await store.claims.input_uids(channel.id, 10) == ["new", "old"]


async def test_streams_of_some_inputs_page_both_ways(store: Store) -> None:
    organization_id = await new_organization(store)
    for number in range(7):
        channel = await new_channel(store, organization_id, name=f"Channel {number % 2}")
        claim = await store.claims.claim(replace(new_claim(channel), created_at=START + timedelta(minutes=number)))
        created = START + timedelta(minutes=number)
        assert await store.claims.commit_claim(channel.id, claim.request_id, f"u{number}", claim.options, created)
    some = {"u5", "u3", "u2", "u0", "somebody else's"}

    async def page(request: PageRequest, search: str = "", uids: set[str] = some) -> Page[OwnedStream]:
        found = await store.claims.owned_streams(organization_id, search, request, uids=uids)
        return cut(found, request, lambda each: PageAnchor(each.created_at, str(each.channel_id)))

    first = await page(PageRequest(3))
    second = await page(PageRequest(3, first.next))
    back = await page(PageRequest(3, second.previous))
    assert [[each.uid for each in one.items] for one in (first, second, back)] == [
        ["u5", "u3", "u2"],
        ["u0"],
        ["u5", "u3", "u2"],
    ]
    assert (second.next, back.previous) == (None, None)
    assert [each.uid for each in (await page(PageRequest(9), search="nel 1")).items] == ["u5", "u3"]
    assert (await page(PageRequest(9), uids=set())).items == []


async def test_a_stream_is_found_by_the_name_its_channel_has_now(store: Store) -> None:
    organization_id = await new_organization(store)
    channel = await new_channel(store, organization_id, name="Morning")
    claim = await store.claims.claim(new_claim(channel))
    await store.claims.commit_claim(channel.id, claim.request_id, "u", claim.options, START)

    async def found(search: str) -> list[str]:
        return [each.uid for each in await store.claims.owned_streams(organization_id, search, PageRequest(9))]

    assert await found("MORN") == ["u"]
    await store.channels.change_channel(channel.id, {"name": "Evening"}, START)
    assert (await found("morn"), await found("EVE")) == ([], ["u"])


async def test_a_channel_renamed_while_its_input_is_claimed_is_found_by_its_new_name(
    request: pytest.FixtureRequest,
) -> None:
    """On PostgreSQL; SQLite has one writer at a time."""
    async with opened_store("postgresql", request) as store:
        organization_id = await new_organization(store)
        channel = await new_channel(store, organization_id, name="Morning")
        other = await new_channel(store, organization_id)
        claim = new_claim(channel)

        async def waiting(connection: AsyncConnection) -> int:
            held_up = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return int((await connection.execute(held_up)).scalar_one())

        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:

            async def get_in_its_way(connection: AsyncConnection) -> None:
                """Hold the claim up after it has read the name, until the channel has another, or waits for the claim."""
                row = {"channel_id": other.id, "organization_id": organization_id, "created_at": START}
                row |= {"provider": "memory", "request_id": claim.request_id, "generation": 1}
                row |= {"reconnect_timeout": 1, "latency_mode": "low"}
                await connection.execute(live_inputs.insert().values(row))
                tasks.create_task(store.claims.claim(claim))
                while await waiting(connection) < 1:
                    pass
                renaming = tasks.create_task(store.channels.change_channel(channel.id, {"name": "Evening"}, START))
                while not renaming.done() and await waiting(connection) < 2:
                    pass
                await connection.rollback()

            await store.database.read(get_in_its_way)
        assert await store.claims.commit_claim(channel.id, claim.request_id, "u", claim.options, START)
        found = await store.claims.owned_streams(organization_id, "evening", PageRequest(9))
        assert [each.uid for each in found] == ["u"]


async def test_pending_claims_are_those_of_the_provider_without_an_answer(store: Store) -> None:
    organization_id = await new_organization(store)
    pending, answered, other = [await new_channel(store, organization_id) for _ in range(3)]
    await store.claims.claim(new_claim(pending))
    claim = await store.claims.claim(new_claim(answered))
    await store.claims.commit_claim(answered.id, claim.request_id, "uid", claim.options, START)
    await store.claims.claim(replace(new_claim(other), provider="cloudflare"))
    assert [each.channel_id for each in await store.claims.pending_claims("memory", 10)] == [pending.id]


async def test_writers_that_read_first_lose_no_update(store: Store) -> None:
    channel = await new_channel(store, await new_organization(store))
    await store.claims.claim(new_claim(channel))

    async def bump(connection: AsyncConnection) -> None:
        here = live_inputs.c.channel_id == channel.id
        wanted = select(live_inputs.c.generation).where(here).with_for_update()
        before = (await connection.execute(wanted)).scalar_one()
        await connection.execute(update(live_inputs).where(here).values(generation=before + 1))

    await asyncio.gather(*(store.database.write(bump) for _ in range(60)))
    after = await store.claims.claimed(channel.id)
    assert after is not None and after.generation == 61


async def test_a_failed_change_leaves_nothing_behind(store: Store) -> None:
    channel = await new_channel(store, await new_organization(store))

    async def fail(connection: AsyncConnection) -> None:
        await connection.execute(
            live_inputs.insert().values(
                channel_id=channel.id, organization_id=channel.organization_id, provider="memory", request_id="r",
                generation=1, reconnect_timeout=1, latency_mode="low", created_at=START,
            )
        )  # fmt: skip
        raise RuntimeError("died here")

    with pytest.raises(RuntimeError):
        await store.database.write(fail)
    assert await store.claims.claimed(channel.id) is None


async def test_the_store_can_be_closed_twice(store: Store) -> None:
    await store.check()
    await store.aclose()
    await store.aclose()
