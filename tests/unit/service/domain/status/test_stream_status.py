"""The countdown keeps its promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.base import InputState, Phase
from service.domain.status.stream_status import (
    POLL_AT_THE_END_MS,
    STATES,
    StreamStatus,
    never_streamed,
    status_of,
    until_next_second,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def starting(seconds: float, *, as_of: datetime = NOW, phase: Phase = Phase.STARTING) -> InputState:
    return InputState(phase, True, False, seconds, as_of=as_of)


def shown(seconds: float, before: StreamStatus | None = None) -> StreamStatus:
    return status_of(starting(seconds), before, NOW)


def test_a_channel_that_never_streamed_is_all_false() -> None:
    status = status_of(never_streamed(NOW), None, NOW)
    assert (status.is_connected, status.is_watchable, status.seconds_until_watchable) == (False, False, 0)


def test_a_countdown_is_at_least_one_until_a_player_can_play() -> None:
    assert shown(0.01).seconds_until_watchable == 1


def test_a_watchable_stream_counts_nothing_down_whatever_the_estimate() -> None:
    state = InputState(Phase.LIVE, True, True, 3.0, as_of=NOW)
    assert status_of(state, shown(3.0), NOW).seconds_until_watchable == 0


def test_part_seconds_are_rounded_up() -> None:
    assert shown(2.2).seconds_until_watchable == 3


@pytest.mark.parametrize(
    ("estimate", "before", "wait"),
    [(2.2, None, 0.2), (5.0, None, 1.0), (3.5, 2.0, 2.5), (1.0, None, None), (0.2, None, None)],
)
def test_a_countdown_steps_when_the_estimate_falls_to_the_next_second(
    estimate: float, before: float | None, wait: float | None
) -> None:
    status = shown(estimate, None if before is None else shown(before))
    assert until_next_second(status, starting(estimate), NOW) == (None if wait is None else pytest.approx(wait))


def test_an_old_estimate_has_been_running_since() -> None:
    state = starting(5.0, as_of=NOW - timedelta(seconds=3))
    assert status_of(state, None, NOW).seconds_until_watchable == 2


@pytest.mark.parametrize("estimate", [2.4, 6.3, 30.0])
def test_a_longer_estimate_does_not_raise_the_countdown(estimate: float) -> None:
    assert shown(estimate, shown(2.0)).seconds_until_watchable == 2


def test_the_next_wait_begins_with_an_estimate_of_its_own() -> None:
    gone = status_of(InputState(Phase.RECONNECTING, False, False, 0.0, as_of=NOW), shown(1.0), NOW)
    assert shown(6.3, gone).seconds_until_watchable == 7


@pytest.mark.parametrize("phase", [Phase.OFFLINE, Phase.ENDED])
def test_there_is_no_countdown_without_an_encoder(phase: Phase) -> None:
    state = InputState(phase, False, False, 4.0, as_of=NOW)
    assert status_of(state, None, NOW).seconds_until_watchable == 0


@pytest.mark.parametrize("estimate", [0.0, 2.0])
def test_nothing_is_coming_while_the_encoder_is_gone_and_nothing_can_be_played(estimate: float) -> None:
    state = InputState(Phase.RECONNECTING, False, False, estimate, as_of=NOW, reason="encoder_closed")
    status = status_of(state, None, NOW)
    assert (status.seconds_until_watchable, status.reason) == (0, "encoder_closed")


def test_every_state_has_a_row() -> None:
    assert set(STATES) == set(Phase)


def test_players_ask_soon_at_the_end_of_the_countdown_and_rarely_when_offline() -> None:
    live = status_of(InputState(Phase.LIVE, True, True, 0.0, as_of=NOW), None, NOW).poll_after_ms
    offline = status_of(never_streamed(NOW), None, NOW).poll_after_ms
    assert POLL_AT_THE_END_MS == shown(0.5).poll_after_ms < shown(5).poll_after_ms < live < offline


@given(st.floats(0.05, 60), st.lists(st.floats(-10, 10), max_size=40))
def test_it_never_rises_however_the_estimate_changes(start: float, noise: list[float]) -> None:
    before: StreamStatus | None = None
    for passed, tremble in enumerate(noise):
        now = NOW + timedelta(seconds=passed)
        estimate = max(0.05, start - passed + tremble)
        status = status_of(starting(estimate, as_of=now), before, now)
        assert status.seconds_until_watchable >= 1
        assert before is None or status.seconds_until_watchable <= before.seconds_until_watchable
        before = status
