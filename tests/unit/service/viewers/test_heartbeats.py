"""Heartbeats on their way to Redis, without Redis."""

from __future__ import annotations

import pytest

from service.domain.audience.viewer_window import WINDOW_MS
from service.viewers.heartbeats import HeartbeatLimits, Heartbeats
from tests.clock import Clock

ANN, BOB = ("stream", b"ann"), ("stream", b"bob")
NOW = Clock().unix_ms()


@pytest.fixture
def beats() -> Heartbeats:
    return Heartbeats(Clock())


def test_the_newest_heartbeat_of_a_visitor_is_sent_once(beats: Heartbeats) -> None:
    for at in (NOW - 2, NOW, NOW - 1):
        beats.add(ANN, at)
    assert beats.drain() == [(ANN, NOW)]
    assert beats.drain() == []


def test_after_a_break_the_whole_window_is_sent_again_and_nothing_older(beats: Heartbeats) -> None:
    beats.add(ANN, NOW - WINDOW_MS - 1)
    beats.drain()
    beats.add(BOB, NOW - WINDOW_MS)
    beats.drain()
    beats.send_all = True
    assert beats.drain() == [(BOB, NOW - WINDOW_MS)]
    assert not beats.send_all


def test_a_clock_that_is_set_back_keeps_no_heartbeat_longer() -> None:
    clock = Clock()
    beats = Heartbeats(clock)
    beats.add(ANN, clock.unix_ms())
    beats.drain()
    clock.set_back(3_600)
    beats.add(BOB, clock.unix_ms())
    beats.drain()
    clock.advance((WINDOW_MS + 1) / 1000)
    beats.send_all = True
    assert beats.drain() == []


def test_a_heartbeat_from_before_the_clock_was_set_back_is_one_of_now() -> None:
    clock = Clock()
    beats = Heartbeats(clock)
    beats.add(ANN, clock.unix_ms())
    clock.set_back(3_600)
    assert beats.drain() == [(ANN, clock.unix_ms())]


def test_too_many_held_ones_are_remembered_and_then_all_are_sent() -> None:
    beats = Heartbeats(Clock(), HeartbeatLimits(max_held=2))
    for heartbeat in (ANN, BOB):
        beats.add(heartbeat, NOW)
    assert beats.drain() == [(ANN, NOW), (BOB, NOW)]


def test_a_forgotten_stream_is_not_sent_again(beats: Heartbeats) -> None:
    beats.add(ANN, NOW)
    beats.drain()
    beats.add(("other", b"ann"), NOW)
    beats.add(BOB, NOW)
    beats.forget("stream")
    beats.send_all = True
    assert beats.drain() == [(("other", b"ann"), NOW)]
