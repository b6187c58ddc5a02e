"""Summaries of many streams: each is asked about once, a few at the same time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from providers.base import InputOptions, InputRequest, Phase
from providers.memory import MemoryProvider
from service.concurrency.tasks import Tasks
from service.domain.entities import LiveSummary
from service.domain.errors import Unavailable
from service.domain.status.summaries import Summaries, SummaryLimits
from service.viewers.memory import MemoryViewers
from tests.clock import Clock
from tests.waiting import until

LIMITS = SummaryLimits()


class Gated(MemoryProvider):
    """Answers when it is let; counts how many wait."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: datetime.fromtimestamp(1, UTC))
        self.gate = asyncio.Event()
        self.gate.set()
        self.inside = 0
        self.most = 0
        self.entered = 0
        self.store_away = False

    async def state(self, uid: str):  # type: ignore[no-untyped-def]
        if self.store_away:
            raise Unavailable("The store is not available.")
        self.inside += 1
        self.entered += 1
        self.most = max(self.most, self.inside)
        try:
            await self.gate.wait()
            return await super().state(uid)
        finally:
            self.inside -= 1


@pytest.fixture
def provider() -> Gated:
    return Gated()


@pytest.fixture
def viewers() -> MemoryViewers:
    return MemoryViewers(digest_key=bytes(16))


@pytest.fixture
def limits() -> SummaryLimits:
    """Return the limits of `summaries`. A test overrides them with `parametrize`."""
    return LIMITS


@pytest.fixture
def summaries(provider: Gated, viewers: MemoryViewers, tasks: Tasks, limits: SummaryLimits) -> Summaries:
    return Summaries(provider, viewers, tasks.spawn, Clock(), limits)


async def made(provider: MemoryProvider, count: int) -> list[str]:
    requests = [InputRequest(f"r{number}", "owner", "name", InputOptions()) for number in range(count)]
    return [(await provider.ensure_input(each)).uid for each in requests]


async def test_each_stream_has_its_state_and_its_viewers(
    summaries: Summaries, provider: Gated, viewers: MemoryViewers
) -> None:
    quiet, live = await made(provider, 2)
    provider.connect(live)
    provider.make_watchable(live)
    viewers.seen(live, "somebody", Clock().unix_ms())
    answers = await summaries.of([quiet, live, quiet, "unknown"])
    nothing = LiveSummary(Phase.OFFLINE, 0)
    lost = LiveSummary(Phase.OFFLINE, 0, lost=True)
    assert answers == {quiet: nothing, live: LiveSummary(Phase.LIVE, 1), "unknown": lost}
    assert await summaries.of([]) == {}


async def test_simultaneous_requests_read_a_stream_once(summaries: Summaries, provider: Gated) -> None:
    uids = await made(provider, 3)
    answers = await asyncio.gather(*(summaries.of(uids) for _ in range(5)), summaries.of(uids[1:]))
    assert provider.calls["state"] == 3
    assert [len(each) for each in answers] == [3] * 5 + [2]


async def test_only_a_few_are_asked_about_at_the_same_time(summaries: Summaries, provider: Gated) -> None:
    uids = await made(provider, 3 * LIMITS.at_once)
    provider.gate.clear()
    wanted = asyncio.gather(*(summaries.of(uids[start::2]) for start in (0, 1)))
    await until(lambda: provider.inside == LIMITS.at_once)
    provider.gate.set()
    await wanted
    assert (provider.most, provider.calls["state"]) == (LIMITS.at_once, 3 * LIMITS.at_once)


async def test_an_outage_of_the_provider_is_unavailable_for_all_requests(summaries: Summaries, provider: Gated) -> None:
    uids = await made(provider, LIMITS.at_once + 1)
    provider.fail()
    refused = await asyncio.gather(*(summaries.of(uids) for _ in range(2)), return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in refused)


@pytest.mark.parametrize("live", [False, True], ids=["off air", "live"])
async def test_the_last_known_state_of_an_outage_says_of_when_it_is(
    summaries: Summaries, provider: Gated, live: bool
) -> None:
    (uid,) = await made(provider, 1)
    if live:
        provider.connect(uid)
        provider.make_watchable(uid)
    provider.fail(answers_state=True)
    summary = (await summaries.of([uid]))[uid]
    assert (summary.state, summary.as_of) == (Phase.LIVE if live else Phase.OFFLINE, datetime.fromtimestamp(1, UTC))


async def test_an_outage_of_the_providers_store_is_unavailable(summaries: Summaries, provider: Gated) -> None:
    uids = await made(provider, LIMITS.at_once + 1)
    provider.store_away = True
    with pytest.raises(Unavailable, match="store"):
        await summaries.of(uids)


@pytest.mark.parametrize("limits", [SummaryLimits(timeout=0.01)], ids=["a short timeout"])
async def test_after_one_without_an_answer_the_others_are_not_waited_for(summaries: Summaries, provider: Gated) -> None:
    uids = await made(provider, 10 * LIMITS.at_once)
    provider.gate.clear()
    with pytest.raises(Unavailable):
        await summaries.of(uids)
    assert provider.entered <= 2 * LIMITS.at_once


async def test_a_cancelled_request_leaves_the_others_their_answer(summaries: Summaries, provider: Gated) -> None:
    uids = await made(provider, 2)
    provider.gate.clear()
    impatient, patient = (asyncio.ensure_future(summaries.of(uids)) for _ in range(2))
    await until(lambda: provider.inside == 2)
    impatient.cancel()
    provider.gate.set()
    assert len(await patient) == 2


async def test_closing_ends_what_is_under_way(summaries: Summaries, provider: Gated) -> None:
    uids = await made(provider, LIMITS.at_once + 5)
    provider.gate.clear()
    wanted = asyncio.ensure_future(summaries.of(uids))
    await until(lambda: provider.inside == LIMITS.at_once)
    await summaries.aclose()
    with pytest.raises(asyncio.CancelledError):
        await wanted
