"""The audience log: who watched when, as far as it was polled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.domain.audience.log import NEAR, SAMPLES_KEPT, STREAMS_KEPT, AudienceLog

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def second(number: float) -> datetime:
    return AT + timedelta(seconds=number)


def test_each_moment_gets_the_nearest_count() -> None:
    log = AudienceLog()
    for number in range(5):
        log.note("uid", second(number * 2), number)
    assert log.at("uid", [second(each) for each in (0.2, 0.9, 1.2, 5.1, 8.0)]) == [0, 0, 1, 3, 4]


def test_a_moment_without_a_sample_is_unknown() -> None:
    log = AudienceLog()
    log.note("uid", second(0), 7)
    log.note("uid", second(60), 9)
    far = NEAR.total_seconds() + 0.1
    assert log.at("uid", [second(-far), second(0), second(far), second(60), second(60 + far)]) == [
        None,
        7,
        None,
        9,
        None,
    ]
    assert log.at("other", [second(0)]) == [None]


def test_samples_and_streams_are_bounded() -> None:
    log = AudienceLog()
    for number in range(SAMPLES_KEPT + 1):
        log.note("uid", second(number * 10), number)
    assert log.at("uid", [second(0), second(10)]) == [None, 1]
    for number in range(STREAMS_KEPT):
        log.note(str(number), AT, 1)
    assert log.at("uid", [second(10)]) == [None]
