"""The meter on a clock of the test's own."""

import socket
from collections.abc import Iterator

import pytest

from providers.local.ingest.limits import IngestCounters, IngestLimits
from providers.local.ingest.meter import MAX_WAKE_BYTES, Meter

COLLECT = 0.1
LIMITS = IngestLimits(bitrate=8_000_000, bitrate_window=10.0)


@pytest.fixture
def client() -> Iterator[socket.socket]:
    mine, theirs = socket.socketpair()
    yield mine
    mine.close()
    theirs.close()


@pytest.fixture
def meter(client: socket.socket) -> Meter:
    return Meter(client, LIMITS, IngestCounters(), 0.0)


def wake_size(client: socket.socket) -> int:
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)


def run(meter: Meter, seconds: int, bytes_a_second: int) -> list[bool]:
    """Whether it was too fast after each second."""
    results = []
    for second in range(1, seconds + 1):
        meter.bytes_in += bytes_a_second
        results.append(meter.check(float(second), collect=COLLECT)[1])
    return results


def test_a_stream_at_the_ceiling_is_never_refused(meter: Meter) -> None:
    assert not any(run(meter, 1000, 1_000_000))


def test_a_burst_of_less_than_the_window_is_let_through(meter: Meter) -> None:
    assert run(meter, 1, 11_000_000) == [False]


def test_twice_the_ceiling_is_too_fast_after_the_window(meter: Meter) -> None:
    assert run(meter, 12, 2_000_000).index(True) == 10


def test_the_kernel_collects_what_a_publisher_sends_in_the_time_it_may_collect(
    meter: Meter, client: socket.socket
) -> None:
    run(meter, 1, 200_000)

    assert wake_size(client) == int(200_000 * COLLECT)


def test_the_kernel_never_collects_too_much(meter: Meter, client: socket.socket) -> None:
    run(meter, 1, 1_000_000_000)

    assert wake_size(client) == MAX_WAKE_BYTES


def test_a_stream_that_falls_silent_is_read_byte_by_byte(meter: Meter, client: socket.socket) -> None:
    run(meter, 1, 200_000)
    meter.check(2.0, collect=COLLECT)

    assert wake_size(client) == 1


def test_only_publishers_are_measured(meter: Meter, client: socket.socket) -> None:
    meter.bytes_in += 1_000_000_000

    assert meter.check(1.0, collect=None) == (1_000_000_000, False)
    assert wake_size(client) == 1
