"""From two facts to a phase, and from two phases to events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from providers.base import EventKind, InputState, Phase
from providers.cloudflare.mapping import Connection
from providers.cloudflare.state_rules import CLOSED_BY_US_WITHIN, ClosedByUs, compose, explained, happened

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ON = Connection(True, NOW)
OFF = Connection(False, NOW, "client_disconnect")
NEVER = Connection(False)
ODD = Connection(None)


def state(connection: Connection, video: str | None = None, before: InputState | None = None) -> InputState:
    return compose(before, connection, video, None, NOW)


@pytest.mark.parametrize(
    ("connection", "video", "phase"),
    [
        (NEVER, None, Phase.OFFLINE),
        (ON, None, Phase.STARTING),
        (ON, "v", Phase.LIVE),
        (OFF, "v", Phase.RECONNECTING),
        (OFF, None, Phase.ENDED),
    ],
)
def test_two_facts_make_a_phase(connection: Connection, video: str | None, phase: Phase) -> None:
    assert state(connection, video).phase is phase


def test_an_unknown_word_for_the_connection_changes_nothing() -> None:
    assert state(ODD, "v", before=state(ON, "v")).phase is Phase.LIVE
    assert state(ODD, "v", before=state(OFF, "v")).phase is Phase.RECONNECTING
    assert state(ODD, "v").phase is Phase.LIVE


@pytest.mark.parametrize(("waited", "left"), [(-90, 30), (0, 30), (12, 18), (29.5, 1), (500, 1)])
def test_the_countdown_falls_waits_at_one_and_minds_no_clock_that_is_ahead(waited: float, left: float) -> None:
    now = NOW + timedelta(seconds=waited)
    assert compose(None, ON, None, None, now).seconds_until_watchable == left


def test_an_encoder_disconnected_by_us_did_not_leave_by_itself() -> None:
    sent = ClosedByUs("key_rotated", NOW - timedelta(seconds=3))
    assert explained(OFF, sent, NOW).reason == "key_rotated"
    assert explained(Connection(False), sent, NOW).reason == "key_rotated"


def test_one_that_stayed_on_and_left_later_did() -> None:
    long_ago = ClosedByUs("key_rotated", NOW - CLOSED_BY_US_WITHIN)
    assert explained(OFF, long_ago, NOW) == OFF


@pytest.mark.parametrize("connection", [ON, ODD])
def test_an_encoder_that_may_be_connected_has_no_reason(connection: Connection) -> None:
    assert explained(connection, ClosedByUs("disabled", NOW), NOW) == connection


def test_trouble_with_the_encoder_is_the_reason_while_starting() -> None:
    assert compose(None, ON, None, "gop_out_of_range", NOW).reason == "gop_out_of_range"
    assert compose(None, ON, "v", "gop_out_of_range", NOW).reason is None


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (None, state(NEVER), []),
        (None, state(ON, "v"), [EventKind.CONNECTED, EventKind.WATCHABLE]),
        (state(NEVER), state(ON), [EventKind.CONNECTED]),
        (state(ON), state(ON, "v"), [EventKind.WATCHABLE]),
        (state(ON, "v"), state(OFF, "v"), [EventKind.LOST]),
        (state(OFF, "v"), state(ON, "v"), [EventKind.CONNECTED]),
        (state(OFF, "v"), state(OFF), [EventKind.ENDED]),
        (state(ON, "v"), state(OFF), [EventKind.LOST, EventKind.ENDED]),
        (state(ON, "v"), state(ON, "v"), []),
    ],
)
def test_a_change_of_state_becomes_events(
    before: InputState | None, after: InputState, events: list[EventKind]
) -> None:
    assert happened(before, after, other_video=False) == events


def test_a_missed_end_becomes_an_event_with_the_next_beginning() -> None:
    live = state(ON, "v")
    expected = [EventKind.ENDED, EventKind.CONNECTED, EventKind.WATCHABLE]
    assert happened(live, live, other_video=True) == expected
