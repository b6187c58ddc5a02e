"""What the Cloudflare provider says of a broadcast, against the fake."""

from __future__ import annotations

import pytest

from providers.base import EventKind, LiveInput, Phase, ProviderEvent, ProviderUnavailable
from providers.cloudflare.provider import CloudflareProvider
from tests.contract.fake_cloudflare import FakeCloudflare
from tests.unit.providers.cloudflare.fake_account import API, MANY, api_requests, push


async def test_watching_a_broadcast_leaves_the_budget_alone(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await push(fake, live)
    await provider.state(live.uid)
    before = await api_requests(fake)
    for _ in range(60):
        await fake.advance(1)
        assert (await provider.state(live.uid)).phase is Phase.LIVE
    assert await api_requests(fake) - before <= 5


async def test_the_last_good_answer_is_returned_while_cloudflare_is_unavailable(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await push(fake, live)
    good = await provider.state(live.uid)
    await fake.admin("/faults", kind="reset", times=MANY)
    await fake.advance(10)
    stale = await provider.state(live.uid)
    assert (stale.phase, stale.is_watchable, stale.degraded) == (Phase.LIVE, True, True)
    assert stale.as_of == good.as_of
    await fake.advance(300)
    with pytest.raises(ProviderUnavailable):
        await provider.state(live.uid)
    await fake.admin("/faults", "DELETE")
    await fake.advance(2)
    assert not (await provider.state(live.uid)).degraded


async def test_while_only_the_api_is_unavailable_the_delivery_host_gives_the_watchable_state(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await push(fake, live)
    await provider.state(live.uid)
    await fake.admin("/faults", kind="reset", times=MANY, match=API)
    await fake.advance(600)
    state = await provider.state(live.uid)
    assert (state.phase, state.degraded) == (Phase.LIVE, True)
    assert state.as_of == fake.clock.now()


async def test_what_is_no_answer_of_the_delivery_host_ends_no_broadcast(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    reported: list[ProviderEvent] = []
    await push(fake, live)
    await provider.state(live.uid)
    provider.listen(reported.append)
    await fake.admin("/faults", kind="garbage", times=MANY, match="lifecycle")
    await fake.advance(10)
    state = await provider.state(live.uid)
    assert (state.phase, state.degraded, reported) == (Phase.LIVE, True, [])


async def test_a_key_rotated_without_an_answer_causes_a_refresh(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await push(fake, live)
    await provider.state(live.uid)
    await fake.admin("/faults", kind="reset_after", match="/rotate_keys")
    with pytest.raises(ProviderUnavailable):
        await provider.rotate_key(live.uid)
    assert (await provider.state(live.uid)).phase is Phase.RECONNECTING


async def test_without_any_answer_the_state_is_unavailable(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/faults", kind="reset", times=MANY)
    with pytest.raises(ProviderUnavailable):
        await provider.state(live.uid)


async def test_an_idle_input_that_claims_to_be_live_is_not(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/switches", idle_lifecycle="unknown")
    assert (await provider.state(live.uid)).phase is Phase.OFFLINE


async def test_a_status_that_is_a_string_is_understood(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/switches", status_shape="string")
    await push(fake, live)
    assert (await provider.state(live.uid)).phase is Phase.LIVE


async def test_the_countdown_never_rises_and_stays_above_zero(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/switches", watchable_delay=90)
    await fake.admin(f"/inputs/{live.uid}/connect", stream_key=live.stream_key)
    reported = []
    for _ in range(12):
        reported.append((await provider.state(live.uid)).seconds_until_watchable)
        await fake.advance(5)
    assert reported == sorted(reported, reverse=True)
    assert (reported[0], reported[-1]) == (30, 1)


async def test_the_recording_of_a_deleted_input_is_still_reported(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    reported: list[ProviderEvent] = []
    provider.listen(reported.append)
    await push(fake, live)
    await provider.state(live.uid)
    await provider.delete_input(live.uid)
    assert reported[-1].kind is EventKind.ENDED
    (recording,) = (await fake.api("GET", f"?live_input_id={live.uid}")).result
    await fake.advance(60)
    await provider.states.poll_followed()
    assert (reported[-1].kind, reported[-1].recording_uid) == (EventKind.RECORDING_READY, recording["uid"])
