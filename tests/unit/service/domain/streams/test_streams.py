"""One live input per channel, also after crashes and concurrent deletions."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from providers.base import InputNotFound, InputOptions, InputRequest, LatencyMode, LiveInput
from providers.memory import MemoryProvider
from service.clock import SystemClock
from service.domain.conversation.channels import Channels, NewChannel
from service.domain.entities import Channel
from service.domain.errors import Invalid, NotFound, Unavailable
from service.domain.status.ports import StreamRef
from service.domain.streams.streams import ENSURE_ATTEMPTS, OptionChanges, Streams
from service.store import Store


class ProcessDied(BaseException):
    """The process is gone: nothing may catch this."""


class FaultyProvider(MemoryProvider):
    """Creates the input, then the process dies, or the input vanishes, before the answer arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.deaths = 0
        self.vanishings = 0
        self.gate: asyncio.Event | None = None

    async def ensure_input(self, request: InputRequest) -> LiveInput:
        if self.gate is not None:
            await self.gate.wait()
        made = await super().ensure_input(request)
        if self.deaths:
            self.deaths -= 1
            raise ProcessDied
        return made

    async def get_input(self, uid: str) -> LiveInput:
        if self.vanishings:
            self.vanishings -= 1
            await self.delete_input(uid)
        return await super().get_input(uid)


@pytest.fixture
def provider() -> FaultyProvider:
    return FaultyProvider()


@pytest.fixture
def streams(store: Store, provider: FaultyProvider) -> Streams:
    return Streams(provider, store.channels, store.claims, store, SystemClock())


@pytest.fixture
async def channel(store: Store) -> Channel:
    from service.domain.access.accounts import Accounts

    organization = uuid4()
    await Accounts(store.accounts, store.accounts, SystemClock()).create_token(organization, uuid4())
    return await Channels(store.channels, store, SystemClock(), store.directory).create(
        organization, None, NewChannel("News")
    )


async def test_a_death_between_answer_and_commit_leaves_no_second_input(
    streams: Streams, provider: FaultyProvider, store: Store, channel: Channel
) -> None:
    provider.deaths = 1
    with pytest.raises(ProcessDied):
        await streams.ensure(channel)
    claim = await store.claims.claimed(channel.id)
    assert claim is not None and claim.uid is None
    after_restart = Streams(provider, store.channels, store.claims, store, SystemClock())
    ensured = await after_restart.ensure(channel)
    assert ensured.created
    assert len(provider.input_uids) == 1


async def test_claims_without_an_answer_are_answered_at_start(
    streams: Streams, provider: FaultyProvider, store: Store, channel: Channel
) -> None:
    provider.deaths = 1
    with pytest.raises(ProcessDied):
        await streams.ensure(channel)
    assert await streams.reconcile() == 1
    assert await streams.reconcile() == 0
    assert (await streams.get(channel)).uid in provider.input_uids
    assert not (await streams.ensure(channel)).created


async def test_a_channel_goes_over_to_another_provider_with_its_claim(
    streams: Streams, store: Store, channel: Channel
) -> None:
    await streams.ensure(channel)
    other = FaultyProvider()
    other.name = "other"
    other.deaths = 1
    moved = Streams(other, store.channels, store.claims, store, SystemClock())
    with pytest.raises(ProcessDied):
        await moved.ensure(channel)
    assert await moved.reconcile() == 1
    assert (await moved.get(channel)).uid in other.input_uids


async def test_a_reconciliation_that_fails_leaves_the_claim_for_the_next_caller(
    streams: Streams, provider: FaultyProvider, channel: Channel
) -> None:
    provider.deaths = 1
    with pytest.raises(ProcessDied):
        await streams.ensure(channel)
    provider.fail()
    assert await streams.reconcile() == 0
    provider.recover()
    assert (await streams.ensure(channel)).created


async def test_an_input_deleted_before_its_answer_was_stored_is_created_again(
    streams: Streams, provider: FaultyProvider, channel: Channel
) -> None:
    provider.deaths = 1
    with pytest.raises(ProcessDied):
        await streams.ensure(channel)
    (lost,) = provider.input_uids
    await provider.delete_input(lost)
    ensured = await streams.ensure(channel)
    assert ensured.created and ensured.input.uid != lost


async def test_inputs_that_keep_vanishing_are_given_up_on_for_now(
    streams: Streams, provider: FaultyProvider, channel: Channel
) -> None:
    await streams.ensure(channel)
    provider.vanishings = 1
    assert (await streams.ensure(channel)).created

    async def always_gone(request: InputRequest) -> LiveInput:
        made = await MemoryProvider.ensure_input(provider, request)
        await provider.delete_input(made.uid)
        return await MemoryProvider.ensure_input(provider, request)

    provider.ensure_input = always_gone  # type: ignore[method-assign]
    provider.vanishings = 1
    with pytest.raises(Unavailable):
        await streams.ensure(channel)
    assert provider.calls["ensure_input"] <= 2 * ENSURE_ATTEMPTS + 2


async def test_callers_share_the_answer_of_the_one_under_way(
    streams: Streams, provider: FaultyProvider, channel: Channel
) -> None:
    provider.gate = asyncio.Event()
    callers = [asyncio.create_task(streams.ensure(channel)) for _ in range(5)]
    await asyncio.sleep(0)
    provider.gate.set()
    answers = await asyncio.gather(*callers)
    assert sum(each.created for each in answers) == 1
    assert provider.calls["ensure_input"] == 1
    assert provider.calls["get_input"] == 0


async def test_when_the_working_request_is_cancelled_another_continues(
    streams: Streams, provider: FaultyProvider, channel: Channel
) -> None:
    provider.gate = asyncio.Event()
    leader = asyncio.create_task(streams.ensure(channel))
    await asyncio.sleep(0)
    follower = asyncio.create_task(streams.ensure(channel))
    await asyncio.sleep(0)
    leader.cancel()
    provider.gate.set()
    assert (await follower).created
    assert leader.cancelled()


async def test_an_error_is_raised_for_all_waiting_callers_and_not_cached(
    streams: Streams, provider: FaultyProvider, channel: Channel
) -> None:
    provider.fail(retry_after=3.0)
    answers = await asyncio.gather(*(streams.ensure(channel) for _ in range(5)), return_exceptions=True)
    assert [type(each) for each in answers] == [Unavailable] * 5
    provider.recover()
    assert (await streams.ensure(channel)).created


async def test_options_that_were_sent_are_the_first_inputs_options(streams: Streams, channel: Channel) -> None:
    ensured = await streams.ensure(channel, OptionChanges(latency_mode=LatencyMode.LOW))
    assert ensured.input.options == InputOptions(latency_mode=LatencyMode.LOW)


async def test_different_options_sent_at_once_all_arrive(streams: Streams, channel: Channel) -> None:
    await asyncio.gather(
        streams.ensure(channel, OptionChanges(latency_mode=LatencyMode.LOW)),
        streams.ensure(channel, OptionChanges(reconnect_timeout=5)),
        streams.ensure(channel, OptionChanges(slate_image_url="https://example.com/a.png")),
    )
    assert (await streams.get(channel)).options == InputOptions("https://example.com/a.png", 5, LatencyMode.LOW)


async def test_an_option_that_was_refused_does_not_stick_to_the_channel(
    streams: Streams, provider: FaultyProvider, channel: Channel
) -> None:
    provider.refuse("latency_mode", "not on this account")
    with pytest.raises(Invalid):
        await streams.ensure(channel, OptionChanges(latency_mode=LatencyMode.LOW))
    assert (await streams.ensure(channel)).input.options == InputOptions()


async def test_a_declined_default_is_replaced_and_the_effective_value_returned(
    streams: Streams, provider: FaultyProvider, channel: Channel
) -> None:
    provider.refuse("reconnect_timeout", "only three minutes", accepted=180)
    assert (await streams.ensure(channel)).input.options == InputOptions(reconnect_timeout=180)
    assert (await streams.get(channel)).options == InputOptions(reconnect_timeout=180)


async def test_what_was_sent_is_refused_by_name_where_the_provider_declines_it(
    streams: Streams, provider: FaultyProvider, channel: Channel
) -> None:
    provider.refuse("reconnect_timeout", "only a minute", accepted=60)
    with pytest.raises(Invalid) as refused:
        await streams.ensure(channel, OptionChanges(reconnect_timeout=30))
    assert list(refused.value.fields) == ["reconnect_timeout"]


async def test_an_option_the_provider_refuses_is_named(
    streams: Streams, provider: FaultyProvider, channel: Channel
) -> None:
    await streams.ensure(channel)
    with pytest.raises(Invalid) as refused:
        await streams.ensure(channel, OptionChanges(reconnect_timeout=10**6))
    assert list(refused.value.fields) == ["reconnect_timeout"]


async def test_listeners_are_notified_of_a_new_input_once(streams: Streams, channel: Channel) -> None:
    heard: list[tuple[UUID, UUID]] = []
    streams.listen(lambda organization_id, channel_id: heard.append((organization_id, channel_id)))
    await streams.ensure(channel)
    await streams.ensure(channel)
    assert heard == [(channel.organization_id, channel.id)]


async def test_a_stream_is_found_by_organization_and_channel(streams: Streams, channel: Channel) -> None:
    organization_id = channel.organization_id
    assert await streams.find_stream(organization_id, uuid4()) is None
    assert await streams.find_stream(organization_id, channel.id) == StreamRef(organization_id, channel.id, None)
    uid = (await streams.ensure(channel)).input.uid
    assert await streams.find_stream(organization_id, channel.id) == StreamRef(organization_id, channel.id, uid)
    assert await streams.find_stream(uuid4(), channel.id) is None


async def test_a_channel_without_an_input_is_not_found(streams: Streams, channel: Channel) -> None:
    with pytest.raises(NotFound):
        await streams.get(channel)


async def test_a_deleted_channel_has_no_stream_even_before_its_input_has_ended(
    streams: Streams, store: Store, channel: Channel
) -> None:
    await streams.ensure(channel)
    await store.channels.remove_channel(channel.id, datetime.now(UTC))
    assert await streams.find_stream(channel.organization_id, channel.id) is None


async def test_a_deleted_channel_whose_order_the_provider_knows_nothing_of_is_done_with(
    streams: Streams, provider: FaultyProvider, store: Store, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The input was deleted at the provider while it was searched for there."""
    provider.deaths = 1
    with pytest.raises(ProcessDied):
        await streams.ensure(channel)
    await store.channels.remove_channel(channel.id, datetime.now(UTC))

    async def vanished(request: InputRequest) -> LiveInput:
        raise InputNotFound(request.request_id)

    monkeypatch.setattr(provider, "ensure_input", vanished)
    assert await streams.end_abandoned() == 1
    assert await streams.end_abandoned() == 0
