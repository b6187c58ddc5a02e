"""The provider port's contract: the same tests on every implementation.

To run it on another implementation, write a `ProviderDriver` and add it to `DRIVERS` in `provider_drivers.py`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from aiohttp import web

from providers.base import (
    DEFAULT_RECONNECT_TIMEOUT,
    MAX_RECONNECT_TIMEOUT,
    ON_AIR,
    EventKind,
    InputGone,
    InputNotFound,
    InputOptions,
    InputRequest,
    LatencyMode,
    LiveInput,
    OptionRefused,
    Phase,
    ProviderEvent,
    RecordingNotFound,
    RecordingPosition,
)
from service.concurrency.tasks import Tasks
from tests.contract.provider_drivers import DRIVERS, ProviderDriver
from tests.waiting import PATIENCE

RECONNECT_TIMEOUT = 10
"""Seconds; short, because a driver may have to let them pass for real."""

KEY_OVERLAP = 3
"""Seconds; less than what makes a silent encoder a frozen one."""


@pytest.fixture(params=sorted(DRIVERS))
async def driver(request: pytest.FixtureRequest, tasks: Tasks) -> AsyncIterator[ProviderDriver]:
    """Yield a started provider of each kind, with control over its encoders and its time."""
    make: Callable[[Tasks], AbstractAsyncContextManager[ProviderDriver]] = DRIVERS[request.param]
    async with make(tasks) as driver:
        yield driver


def new_request(request_id: str | None = None, **options: object) -> InputRequest:
    return InputRequest(
        request_id=request_id or secrets.token_hex(16),
        owner="channel 7",
        name="Morning show",
        options=InputOptions(**{"reconnect_timeout": RECONNECT_TIMEOUT, **options}),  # type: ignore[arg-type]
    )


@pytest.fixture
async def live(driver: ProviderDriver) -> LiveInput:
    """Return a fresh live input."""
    return await driver.provider.ensure_input(new_request())


@pytest.fixture
def events(driver: ProviderDriver) -> list[ProviderEvent]:
    """Collect every notification of the provider from now on."""
    received: list[ProviderEvent] = []
    driver.provider.listen(received.append)
    return received


async def test_a_provider_that_can_serve_passes_its_check(driver: ProviderDriver) -> None:
    await driver.provider.check()


async def test_metrics_have_names_of_their_own_and_a_value_for_every_label(driver: ProviderDriver) -> None:
    metrics = driver.provider.metrics()
    names = [metric.name for metric in metrics]
    assert len(set(names)) == len(names)
    assert all(name.startswith("conference_") for name in names)
    assert all(set(metric.samples) == {""} for metric in metrics if not metric.label)


async def test_routes_can_be_served_at_the_root_of_a_server(driver: ProviderDriver) -> None:
    app = web.Application()
    app.add_routes(driver.provider.routes())
    assert len(app.router.routes()) >= len(driver.provider.routes())


async def test_a_new_input_has_an_address_a_key_and_playback_urls(driver: ProviderDriver, live: LiveInput) -> None:
    assert live.rtmps_url == driver.provider.rtmps_url
    assert live.rtmps_url.startswith("rtmps://")
    assert len(live.stream_key) >= 32
    assert live.enabled
    assert live.playback.hls.endswith(f"/{live.uid}/manifest/video.m3u8")
    assert live.playback.dash.endswith(f"/{live.uid}/manifest/video.mpd")
    assert live.playback.thumbnail.endswith(f"/{live.uid}/thumbnails/thumbnail.jpg")
    assert live.playback == driver.provider.playback(live.uid)
    assert live.created.tzinfo is not None


async def test_the_key_is_not_in_the_repr(live: LiveInput) -> None:
    assert live.stream_key not in repr(live)


async def test_the_same_request_gives_the_same_input(driver: ProviderDriver) -> None:
    request = new_request()
    first = await driver.provider.ensure_input(request)
    assert await driver.provider.ensure_input(request) == first


async def test_parallel_requests_with_one_id_make_one_input(driver: ProviderDriver) -> None:
    request = new_request()
    made = await asyncio.gather(*(driver.provider.ensure_input(request) for _ in range(10)))
    assert len({(each.uid, each.stream_key) for each in made}) == 1


async def test_another_request_gives_another_input(driver: ProviderDriver, live: LiveInput) -> None:
    other = await driver.provider.ensure_input(new_request())
    assert other.uid != live.uid
    assert other.stream_key != live.stream_key


async def test_the_options_of_a_repeated_request_are_not_applied(driver: ProviderDriver) -> None:
    first = await driver.provider.ensure_input(new_request("0" * 32))
    again = await driver.provider.ensure_input(
        new_request("0" * 32, latency_mode=LatencyMode.LOW, reconnect_timeout=60)
    )
    assert again.options == first.options


@pytest.mark.parametrize("latency_mode", list(LatencyMode))
async def test_all_options_are_given_back(driver: ProviderDriver, latency_mode: LatencyMode) -> None:
    options = InputOptions("https://example.com/slate.png", 60, latency_mode)
    live = await driver.provider.ensure_input(InputRequest(secrets.token_hex(16), "channel 7", "Show", options))
    assert live.options == options
    assert (await driver.provider.get_input(live.uid)).options == options


async def test_an_update_changes_all_three_options_and_nothing_else(driver: ProviderDriver, live: LiveInput) -> None:
    options = InputOptions("https://example.com/other.png", 180, LatencyMode.LOW)
    updated = await driver.provider.update_input(live.uid, options)
    assert updated.options == options
    assert (updated.uid, updated.stream_key, updated.created) == (live.uid, live.stream_key, live.created)
    assert await driver.provider.get_input(live.uid) == updated


async def test_an_update_can_remove_the_slate(driver: ProviderDriver) -> None:
    live = await driver.provider.ensure_input(new_request(slate_image_url="https://example.com/slate.png"))
    await driver.provider.update_input(live.uid, InputOptions())
    assert (await driver.provider.get_input(live.uid)).options == InputOptions()


async def test_defaults_are_never_refused_and_the_input_has_the_effective_options(
    driver: ProviderDriver,
) -> None:
    choosy = await driver.accept_only(180)
    live = await driver.provider.ensure_input(InputRequest(secrets.token_hex(16), "channel 7", "Show"))
    assert live.options == InputOptions(reconnect_timeout=180 if choosy else DEFAULT_RECONNECT_TIMEOUT)
    assert await driver.provider.get_input(live.uid) == live


async def test_an_option_insisted_on_holds_or_is_refused_by_name(driver: ProviderDriver) -> None:
    choosy = await driver.accept_only(60)
    request = InputRequest(
        secrets.token_hex(16), "channel 7", "Show", InputOptions(reconnect_timeout=45), frozenset({"reconnect_timeout"})
    )
    if not choosy:
        assert (await driver.provider.ensure_input(request)).options.reconnect_timeout == 45
        return
    with pytest.raises(OptionRefused) as refused:
        await driver.provider.ensure_input(request)
    assert refused.value.option == "reconnect_timeout"


@pytest.mark.parametrize("seconds", [-1, MAX_RECONNECT_TIMEOUT + 1])
async def test_a_reconnect_timeout_out_of_range_is_refused_by_name(
    driver: ProviderDriver, live: LiveInput, seconds: int
) -> None:
    with pytest.raises(OptionRefused) as refused:
        await driver.provider.update_input(live.uid, InputOptions(reconnect_timeout=seconds))
    assert refused.value.option == "reconnect_timeout"


@pytest.mark.parametrize("method", ["get_input", "rotate_key", "delete_input", "state"])
async def test_an_unknown_input_is_not_found(driver: ProviderDriver, method: str) -> None:
    with pytest.raises(InputNotFound):
        await getattr(driver.provider, method)("f" * 32)


async def test_an_unknown_input_cannot_be_changed(driver: ProviderDriver) -> None:
    with pytest.raises(InputNotFound):
        await driver.provider.update_input("f" * 32, InputOptions())
    with pytest.raises(InputNotFound):
        await driver.provider.set_enabled("f" * 32, False)


async def test_a_deleted_input_is_not_found_any_more(driver: ProviderDriver, live: LiveInput) -> None:
    await driver.provider.delete_input(live.uid)
    with pytest.raises(InputNotFound):
        await driver.provider.get_input(live.uid)
    with pytest.raises(InputNotFound):
        await driver.provider.delete_input(live.uid)
    with pytest.raises(InputNotFound):
        await driver.provider.state(live.uid)


async def test_the_request_of_a_deleted_input_is_gone(driver: ProviderDriver) -> None:
    request = new_request()
    live = await driver.provider.ensure_input(request)
    await driver.provider.delete_input(live.uid)
    with pytest.raises(InputGone):
        await driver.provider.ensure_input(request)


async def test_a_rotated_key_replaces_the_old_one(driver: ProviderDriver, live: LiveInput) -> None:
    rotated = await driver.provider.rotate_key(live.uid)
    assert rotated.uid == live.uid
    assert rotated.stream_key != live.stream_key
    assert not await driver.connect(live)
    assert await driver.connect(rotated)


async def test_rotating_the_key_throws_the_encoder_out(driver: ProviderDriver, live: LiveInput) -> None:
    assert await driver.connect(live)
    await driver.provider.rotate_key(live.uid)
    state = await driver.provider.state(live.uid)
    assert (state.is_connected, state.reason) == (False, "key_rotated")


async def test_a_key_rotated_while_no_encoder_is_there_is_not_why_it_went(
    driver: ProviderDriver, live: LiveInput
) -> None:
    assert await driver.connect(live)
    await driver.watchable(live)
    await driver.drop(live)
    before = (await driver.provider.state(live.uid)).reason
    await driver.provider.rotate_key(live.uid)
    assert (await driver.provider.state(live.uid)).reason == before != "key_rotated"


async def test_a_rotated_key_works_on_for_its_overlap_or_the_overlap_is_refused(
    driver: ProviderDriver, live: LiveInput
) -> None:
    try:
        rotated = await driver.provider.rotate_key(live.uid, overlap=KEY_OVERLAP)
    except OptionRefused as refused:
        assert refused.option == "overlap"
        assert await driver.connect(live)
    else:
        assert await driver.connect(live)
        await driver.advance(KEY_OVERLAP + 1)
        async with asyncio.timeout(PATIENCE):
            while (await driver.provider.state(live.uid)).is_connected:  # noqa: ASYNC110 (the provider's own look at the clock)
                await asyncio.sleep(0.01)
        assert not await driver.connect(live)
        assert await driver.connect(rotated)


async def test_a_disabled_input_refuses_encoders_until_it_is_enabled(driver: ProviderDriver, live: LiveInput) -> None:
    assert not (await driver.provider.set_enabled(live.uid, False)).enabled
    assert not await driver.connect(live)
    assert (await driver.provider.set_enabled(live.uid, True)).enabled
    assert await driver.connect(live)


async def test_disabling_throws_the_encoder_out(driver: ProviderDriver, live: LiveInput) -> None:
    await driver.connect(live)
    await driver.provider.set_enabled(live.uid, False)
    assert not (await driver.provider.state(live.uid)).is_connected


async def test_an_input_that_never_streamed_is_offline(driver: ProviderDriver, live: LiveInput) -> None:
    state = await driver.provider.state(live.uid)
    assert (state.phase, state.is_connected, state.is_watchable) == (Phase.OFFLINE, False, False)
    assert state.seconds_until_watchable == 0
    assert not state.degraded


async def test_a_connected_encoder_shows_before_anyone_can_watch(driver: ProviderDriver, live: LiveInput) -> None:
    assert await driver.connect(live)
    state = await driver.provider.state(live.uid)
    assert state.phase in {Phase.CONNECTING, Phase.STARTING}
    assert state.is_connected
    assert not state.is_watchable
    assert state.seconds_until_watchable > 0


async def test_the_countdown_ends_when_a_player_can_play(driver: ProviderDriver, live: LiveInput) -> None:
    await driver.connect(live)
    await driver.watchable(live)
    state = await driver.provider.state(live.uid)
    assert (state.phase, state.is_connected, state.is_watchable) == (Phase.LIVE, True, True)
    assert state.seconds_until_watchable == 0


async def test_a_dropped_broadcast_stays_watchable_while_it_waits(driver: ProviderDriver, live: LiveInput) -> None:
    await driver.connect(live)
    await driver.watchable(live)
    await driver.drop(live)
    state = await driver.provider.state(live.uid)
    assert (state.phase, state.is_connected, state.is_watchable) == (Phase.RECONNECTING, False, True)


async def test_an_encoder_that_comes_back_in_time_goes_on_in_the_same_recording(
    driver: ProviderDriver, live: LiveInput
) -> None:
    await driver.connect(live)
    await driver.watchable(live)
    await driver.drop(live)
    assert await driver.connect(live)
    await driver.watchable(live)
    assert (await driver.provider.state(live.uid)).is_connected
    await driver.end(live)
    assert len(await driver.provider.recordings(live.uid)) == 1


async def test_a_broadcast_ends_when_its_encoder_does_not_reconnect(driver: ProviderDriver, live: LiveInput) -> None:
    await driver.connect(live)
    await driver.watchable(live)
    await driver.end(live)
    state = await driver.provider.state(live.uid)
    assert state.phase in {Phase.OFFLINE, Phase.ENDED}
    assert not state.is_connected
    assert not state.is_watchable
    assert state.seconds_until_watchable == 0


async def test_what_is_on_air_is_said_as_the_state_says_it_or_not_at_all(
    driver: ProviderDriver, live: LiveInput
) -> None:
    await driver.provider.ensure_input(new_request())  # at rest

    async def compared() -> Phase | None:
        """Its phase, where the provider can say what is on air."""
        state, on_air = await driver.provider.state(live.uid), driver.provider.on_air()
        if on_air is None:
            return None
        assert dict(on_air) == ({live.uid: state.phase} if state.phase in ON_AIR else {})
        return state.phase

    seen = [await compared()]
    for step in (driver.connect, driver.watchable, driver.drop, driver.end):
        await step(live)
        seen.append(await compared())
    assert seen in (
        [Phase.OFFLINE, Phase.CONNECTING, Phase.LIVE, Phase.RECONNECTING, Phase.ENDED],
        [None] * 5,
    )


async def test_a_deleted_input_is_not_on_air(driver: ProviderDriver, live: LiveInput) -> None:
    await driver.connect(live)
    await driver.provider.delete_input(live.uid)
    assert not driver.provider.on_air()


async def test_a_running_broadcast_is_not_a_recording(driver: ProviderDriver, live: LiveInput) -> None:
    await driver.connect(live)
    await driver.watchable(live)
    assert await driver.provider.recordings(live.uid) == []


async def test_a_finished_broadcast_is_a_recording(driver: ProviderDriver, live: LiveInput) -> None:
    await broadcast(driver, live)
    (recording,) = await driver.provider.recordings(live.uid)
    assert recording.uid != live.uid
    assert recording.input_uid == live.uid
    assert recording.name.startswith("Morning show")
    assert recording.duration is None or recording.duration > 0
    assert recording.size is None or recording.size > 0
    assert recording.playback == driver.provider.playback(recording.uid)
    assert recording.created.tzinfo is not None
    assert await driver.provider.recording(recording.uid) == recording


async def test_recordings_come_newest_first_and_page_without_loss(driver: ProviderDriver, live: LiveInput) -> None:
    for _ in range(3):
        await broadcast(driver, live)
    whole = await driver.provider.recordings(live.uid)
    assert len(whole) == 3
    assert whole == sorted(whole, key=lambda each: (each.created, each.uid), reverse=True)

    walked = await driver.provider.recordings(live.uid, limit=1)
    while page := await driver.provider.recordings(
        live.uid, after=RecordingPosition(walked[-1].created, walked[-1].uid), limit=1
    ):
        walked += page
    assert walked == whole


async def test_recordings_survive_their_input(driver: ProviderDriver, live: LiveInput) -> None:
    await broadcast(driver, live)
    before = await driver.provider.recordings(live.uid)
    await driver.provider.delete_input(live.uid)
    assert await driver.provider.recordings(live.uid) == before


async def test_an_unknown_input_has_no_recordings(driver: ProviderDriver) -> None:
    assert await driver.provider.recordings("f" * 32) == []


async def test_an_unknown_recording_is_not_found(driver: ProviderDriver, live: LiveInput) -> None:
    with pytest.raises(RecordingNotFound):
        await driver.provider.recording("f" * 32)
    with pytest.raises(RecordingNotFound):
        await driver.provider.recording(live.uid)


async def test_a_deleted_recording_is_gone_and_the_others_stay(driver: ProviderDriver, live: LiveInput) -> None:
    await broadcast(driver, live)
    await broadcast(driver, live)
    newest, oldest = await driver.provider.recordings(live.uid)
    kept = driver.provider.kept_recordings()
    assert kept is None or {each.uid for each in kept} == {newest.uid, oldest.uid}
    await driver.provider.delete_recording(newest.uid)
    assert await driver.provider.recordings(live.uid) == [oldest]
    for gone in (driver.provider.recording, driver.provider.delete_recording):
        with pytest.raises(RecordingNotFound):
            await gone(newest.uid)
    assert await driver.provider.recording(oldest.uid) == oldest
    kept = driver.provider.kept_recordings()
    assert kept is None or [(each.uid, each.size) for each in kept] == [(oldest.uid, oldest.size)]


async def test_the_events_of_a_broadcast_come_in_order(
    driver: ProviderDriver, live: LiveInput, events: list[ProviderEvent]
) -> None:
    await driver.connect(live)
    await driver.watchable(live)
    await driver.drop(live)
    await driver.end(live)
    assert [each.kind for each in events] == [
        EventKind.CONNECTED,
        EventKind.WATCHABLE,
        EventKind.LOST,
        EventKind.ENDED,
        EventKind.RECORDING_READY,
    ]
    assert {each.input_uid for each in events} == {live.uid}
    (recording,) = await driver.provider.recordings(live.uid)
    assert events[-1].recording_uid == recording.uid


async def test_closing_twice_is_safe(driver: ProviderDriver) -> None:
    await driver.provider.aclose()
    await driver.provider.aclose()


async def broadcast(driver: ProviderDriver, live: LiveInput) -> None:
    """One whole showing, from encoder to recording."""
    await driver.connect(live)
    await driver.watchable(live)
    await driver.end(live)


async def test_before_an_encoder_came_there_is_nothing_to_measure(driver: ProviderDriver, live: LiveInput) -> None:
    health = await driver.provider.health(live.uid)
    assert (health.connected, health.measured_at, health.video, health.audio, health.history) == (
        False, None, None, None, (),
    )  # fmt: skip


async def test_the_health_says_whether_an_encoder_sends(driver: ProviderDriver, live: LiveInput) -> None:
    assert await driver.connect(live)
    await driver.watchable(live)
    assert (await driver.provider.health(live.uid)).connected
    await driver.drop(live)
    assert not (await driver.provider.health(live.uid)).connected


async def test_an_unknown_input_has_no_health(driver: ProviderDriver) -> None:
    with pytest.raises(InputNotFound):
        await driver.provider.health("0" * 32)
