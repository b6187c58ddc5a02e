"""The Cloudflare provider when things go wrong, against the fake."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from providers.base import (
    InputGone,
    InputNotFound,
    InputOptions,
    LiveInput,
    OptionRefused,
    Phase,
    ProviderBusy,
    ProviderUnavailable,
    RecordingPosition,
)
from providers.cloudflare.provider import CloudflareProvider
from tests.clock import Clock
from tests.contract.fake_cloudflare import FakeCloudflare
from tests.unit.providers.cloudflare.fake_account import (
    API,
    MANY,
    OLD,
    PLAIN_REQUEST,
    REQUEST,
    Make,
    api_requests,
    inputs,
    push,
)

# Making an input.


@pytest.mark.parametrize("list_shape", ["array", "documented"])
async def test_a_create_whose_answer_is_lost_is_adopted(
    fake: FakeCloudflare, provider: CloudflareProvider, list_shape: str
) -> None:
    await fake.admin("/switches", list_shape=list_shape)
    await fake.admin("/faults", kind="reset_after", match="POST")
    live = await provider.ensure_input(REQUEST)
    await fake.admin("/switches", list_shape="array")
    assert await inputs(fake) == [live.uid]
    assert await provider.get_input(live.uid) == live


async def test_a_create_that_answers_too_late_makes_one_input(fake: FakeCloudflare, make: Make) -> None:
    provider = make(api_timeout=1.0)
    await provider.start()
    await fake.admin("/faults", kind="slow", seconds=2.0, match="POST")
    live = await provider.ensure_input(REQUEST)
    assert await inputs(fake) == [live.uid]


async def test_an_api_that_never_answers_does_not_delay_the_action_for_every_attempt(
    fake: FakeCloudflare, live: LiveInput, make: Make
) -> None:
    provider = make(api_timeout=0.3, action_timeout=0.4)
    await provider.start()
    await fake.admin("/faults", kind="slow", seconds=0.6, match=API, times=MANY)
    actions = (provider.ensure_input(REQUEST), provider.recording("f" * 32), provider.recordings(live.uid))
    for refused in await asyncio.gather(*actions, return_exceptions=True):
        assert isinstance(refused, ProviderUnavailable) and "in time" in str(refused)


async def test_an_order_is_found_again_when_its_idempotency_key_is_forgotten(
    fake: FakeCloudflare, live: LiveInput, make: Make
) -> None:
    await fake.advance(7 * 3600)
    restarted = make()
    await restarted.start()
    assert await restarted.ensure_input(REQUEST) == live
    assert await inputs(fake) == [live.uid]


async def test_an_input_deleted_behind_our_back_is_gone(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.api("DELETE", f"/live_inputs/{live.uid}")
    with pytest.raises(InputGone):
        await provider.ensure_input(REQUEST)
    with pytest.raises(InputNotFound):
        await provider.state(live.uid)


async def test_the_watchable_state_is_returned_while_the_api_is_unavailable(
    fake: FakeCloudflare, live: LiveInput, make: Make
) -> None:
    await push(fake, live)
    restarted = make(customer_url=fake.customer_url)
    await restarted.start()
    await fake.admin("/faults", kind="status", match=API, times=MANY)
    state = await restarted.state(live.uid)
    assert (state.phase, state.is_watchable, state.degraded) == (Phase.LIVE, True, True)
    await fake.admin("/faults", "DELETE")
    await fake.advance(2)
    assert not (await restarted.state(live.uid)).degraded


async def test_an_input_that_is_gone_is_asked_about_once_however_many_want_to_know(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await push(fake, live)
    await provider.state(live.uid)
    await fake.api("DELETE", f"/live_inputs/{live.uid}")
    await fake.advance(1)
    before = len((await fake.admin("/requests", "GET")).json)
    for _ in range(5):
        with pytest.raises(InputNotFound):
            await provider.state(live.uid)
        await provider.states.poll_followed()
    asked = (await fake.admin("/requests", "GET")).json[before:]
    assert len([line for line in asked if line.endswith(f"/live_inputs/{live.uid}")]) == 1


@pytest.mark.parametrize("declined", ["null", "error"])
async def test_a_declined_option_is_refused_and_leaves_nothing_behind(
    fake: FakeCloudflare, provider: CloudflareProvider, declined: str
) -> None:
    await fake.admin("/switches", accepted_timeouts=[], declined_timeout=declined)
    with pytest.raises(OptionRefused) as refused:
        await provider.ensure_input(REQUEST)
    assert refused.value.option == "reconnect_timeout"
    assert await inputs(fake) == []


@pytest.mark.parametrize("declined", ["null", "error"])
@pytest.mark.parametrize(
    ("accepted", "seconds"), [([30, 60], 60), ([10, 60, 180], 60), ([180, 10], 180), ([10], 10), ([], 0)]
)
async def test_a_declined_default_is_replaced_by_the_nearest_accepted_value(
    fake: FakeCloudflare, provider: CloudflareProvider, accepted: list[int], seconds: int, declined: str
) -> None:
    await fake.admin("/switches", accepted_timeouts=accepted, declined_timeout=declined)
    live = await provider.ensure_input(PLAIN_REQUEST)
    assert live.options == InputOptions(reconnect_timeout=seconds)
    assert await provider.get_input(live.uid) == live
    assert await inputs(fake) == [live.uid]


async def test_the_hold_is_as_long_as_the_reported_reconnect_timeout(
    fake: FakeCloudflare, provider: CloudflareProvider
) -> None:
    await fake.admin("/switches", accepted_timeouts=[180])
    live = await provider.ensure_input(PLAIN_REQUEST)
    await push(fake, live)
    await fake.admin(f"/inputs/{live.uid}/drop")
    await fake.advance(live.options.reconnect_timeout - 1)
    assert (await provider.state(live.uid)).phase is Phase.RECONNECTING
    await fake.advance(1 + fake.config.switches.hold_margin)
    assert (await provider.state(live.uid)).phase is Phase.ENDED


async def test_an_input_with_unsettled_options_is_settled_by_the_next_request(
    fake: FakeCloudflare, provider: CloudflareProvider, make: Make
) -> None:
    await fake.admin("/switches", accepted_timeouts=[180])
    await fake.admin("/faults", kind="reset", match="PUT", times=MANY)
    with pytest.raises(ProviderUnavailable):
        await provider.ensure_input(PLAIN_REQUEST)
    await fake.admin("/faults", "DELETE")
    restarted = make()
    await restarted.start()
    live = await restarted.ensure_input(PLAIN_REQUEST)
    assert live.options.reconnect_timeout == 180
    assert await inputs(fake) == [live.uid]


async def test_changing_one_option_is_never_refused_for_another(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/switches", accepted_timeouts=[180])
    slate = "https://example.com/slate.png"
    changed = await provider.update_input(live.uid, replace(live.options, slate_image_url=slate))
    assert changed.options == InputOptions(slate, reconnect_timeout=180)


async def test_a_declined_update_is_reverted(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/switches", accepted_timeouts=[10])
    with pytest.raises(OptionRefused):
        await provider.update_input(live.uid, InputOptions("https://example.com/slate.png", 600))
    assert (await provider.get_input(live.uid)).options == live.options


async def test_an_input_has_its_owner_in_its_metadata(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await provider.update_input(live.uid, InputOptions(reconnect_timeout=180))
    (listed,) = (await fake.api("GET", "/live_inputs")).result
    assert listed["meta"]["owner"] == "channel 7"
    assert listed["meta"]["request_id"] == REQUEST.request_id


async def test_the_delivery_host_is_learned_from_an_older_kind_of_answer(
    fake: FakeCloudflare, provider: CloudflareProvider
) -> None:
    await fake.admin("/switches", omit=["playback", "enabled", "preferLowLatency"])
    live = await provider.ensure_input(REQUEST)
    assert live.playback.hls == f"{fake.customer_url}/{live.uid}/manifest/video.m3u8"


async def test_the_delivery_host_is_known_again_after_a_restart(
    fake: FakeCloudflare, live: LiveInput, make: Make
) -> None:
    restarted = make()
    await restarted.start()
    assert restarted.playback(live.uid) == live.playback


async def test_where_enable_is_unknown_an_update_does_it(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/switches", enable_routes=False)
    assert not (await provider.set_enabled(live.uid, False)).enabled


async def test_a_delete_whose_answer_is_lost_is_done(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/faults", kind="reset_after", match="DELETE")
    await provider.delete_input(live.uid)
    assert await inputs(fake) == []


# Talking to Cloudflare.


@pytest.mark.parametrize("fault", [{"kind": "status"}, {"kind": "reset"}, {"kind": "garbage"}])
async def test_a_passing_fault_is_tried_again(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput, waits: list[float], fault: dict[str, Any]
) -> None:
    await fake.advance(OLD)
    await fake.admin("/faults", times=2, match=API, **fault)
    assert await provider.get_input(live.uid) == live
    assert len(waits) == 2


async def test_a_lasting_fault_is_given_up(fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput) -> None:
    await fake.admin("/faults", kind="status", status=503, times=MANY, match=API)
    with pytest.raises(ProviderUnavailable):
        await provider.recordings(live.uid)


async def test_what_is_not_idempotent_is_sent_once(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    before = await api_requests(fake)
    await fake.admin("/faults", kind="status", match="rotate_keys")
    with pytest.raises(ProviderUnavailable):
        await provider.rotate_key(live.uid)
    assert await api_requests(fake) == before + 1


async def test_a_429_stops_all_requests_for_as_long_as_it_says(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/faults", kind="status", status=429, retry_after=120, match=API)
    with pytest.raises(ProviderUnavailable) as first:
        await provider.rotate_key(live.uid)
    before = await api_requests(fake)
    with pytest.raises(ProviderBusy, match="blocked") as second:
        await provider.recordings(live.uid)
    assert first.value.retry_after == 120
    assert 119 < second.value.retry_after < 125
    assert await api_requests(fake) == before


@pytest.mark.parametrize("fault", [{"kind": "null_messages"}, {"kind": "no_code", "status": 500}])
async def test_odd_envelopes_are_read(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput, fault: dict[str, Any]
) -> None:
    await fake.advance(OLD)
    await fake.admin("/faults", match=API, **fault)
    assert await provider.get_input(live.uid) == live


async def test_a_refused_token_is_unavailability_and_is_never_shown(fake: FakeCloudflare, make: Make) -> None:
    provider = make(api_token="wrong-token-wrong-token")
    with capture_logs() as logs:
        await provider.start()
        with pytest.raises(ProviderUnavailable) as refused:
            await provider.check()
    shown = f"{logs} {refused.value!r} {provider.config!r}"
    assert "wrong-token" not in shown
    assert any(each.get("ray") for each in logs)


async def test_no_secret_is_logged_or_shown(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.advance(OLD)
    await fake.admin("/faults", kind="status", times=2, match=API)
    with capture_logs() as logs:
        again = await provider.get_input(live.uid)
    assert logs
    assert not re.search(r"[0-9a-f]{32}k[0-9a-f]{32}", f"{logs} {again!r} {live!r}")


async def test_readiness_costs_little(fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput) -> None:
    before = await api_requests(fake)
    for _ in range(20):
        await provider.check()
    assert await api_requests(fake) == before


async def test_an_outage_is_unreadiness_before_the_last_good_answer_is_old(
    fake: FakeCloudflare, make: Make, live: LiveInput
) -> None:
    clock = Clock()
    provider = make(monotonic=clock.monotonic)
    await provider.start()
    await provider.check()
    await fake.admin("/faults", kind="reset", times=MANY, match=API)
    await provider.check()
    clock.advance(8)
    with pytest.raises(ProviderUnavailable):
        await provider.check()


async def test_a_request_that_failed_makes_readiness_ask_at_once(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/faults", kind="status", status=503, times=MANY, match=API)
    with pytest.raises(ProviderUnavailable):
        await provider.recordings(live.uid)
    with pytest.raises(ProviderUnavailable):
        await provider.check()


async def test_a_start_without_cloudflare_is_a_start_that_is_not_ready(fake: FakeCloudflare, make: Make) -> None:
    await fake.admin("/faults", kind="reset", times=MANY, match=API)
    provider = make()
    await provider.start()
    with pytest.raises(ProviderUnavailable):
        await provider.check()
    await fake.admin("/faults", "DELETE")
    await provider.check()


@pytest.mark.parametrize("uid", ["", "../webhook", "a/b", "x" * 33, "ä"])
async def test_what_cannot_be_a_uid_never_reaches_cloudflare(
    fake: FakeCloudflare, provider: CloudflareProvider, uid: str
) -> None:
    before = await api_requests(fake)
    for method in (provider.get_input, provider.state, provider.delete_input, provider.rotate_key):
        with pytest.raises(InputNotFound):
            await method(uid)
    assert await provider.recordings(uid) == []
    assert await api_requests(fake) == before


# Recordings.


@pytest.mark.parametrize("inclusive", [False, True])
async def test_recordings_page_whether_or_not_the_bound_counts(
    fake: FakeCloudflare, make: Make, live: LiveInput, inclusive: bool
) -> None:
    provider = make(list_page=2)
    await provider.start()
    await fake.admin("/switches", before_inclusive=inclusive)
    shape = await fake.get({"uid": live.uid})
    made = [await fake.record(shape) for _ in range(5)]
    assert [each.uid for each in await provider.recordings(live.uid)] == made[::-1]
    first = await provider.recordings(live.uid, limit=3)
    rest = await provider.recordings(live.uid, after=RecordingPosition(first[-1].created, first[-1].uid))
    assert [each.uid for each in first + rest] == made[::-1]
