"""The time that a connection has in each state."""

from __future__ import annotations

from providers.local.ingest.deadline import TIME_LIMITS, Deadline
from providers.local.ingest.limits import IngestLimits
from providers.local.rtmp.states import ConnectionState

LIMITS = IngestLimits(handshake_timeout=1.0, publish_timeout=2.0, idle_timeout=3.0, linger_timeout=0.5)


def test_every_state_has_a_limit() -> None:
    assert set(TIME_LIMITS) == set(ConnectionState)


def test_the_time_continues_between_states_under_the_same_limit() -> None:
    deadline = Deadline(LIMITS, 0.0)
    deadline.follow(ConnectionState.CONNECTING, 0.5, alive=False)
    deadline.follow(ConnectionState.IDLE, 2.0, alive=False)
    assert [deadline.passed(now) for now in (2.4, 2.5)] == [False, True]


def test_only_bytes_of_a_publisher_restart_the_time() -> None:
    deadline = Deadline(LIMITS, 0.0)
    for now in (1.0, 2.0):
        deadline.follow(ConnectionState.PUBLISHING, now, alive=True)
    deadline.follow(ConnectionState.PUBLISHING, 4.0, alive=False)
    assert [deadline.passed(now) for now in (4.9, 5.0)] == [False, True]


def test_a_closing_connection_gets_no_more_time_from_a_state() -> None:
    deadline = Deadline(LIMITS, 0.0)
    deadline.linger(1.0)
    for state in (ConnectionState.CONNECTING, ConnectionState.CLOSED):
        deadline.follow(state, 1.2, alive=False)
    assert [deadline.passed(now) for now in (1.4, 1.5)] == [False, True]
