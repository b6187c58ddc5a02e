"""Which session a recording belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from service.domain.streams.session import StreamSession
from service.domain.streams.sessions import EARLY, session_at

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


SESSIONS = [  # newest first, as the store gives them
    StreamSession(uuid4(), uuid4(), uuid4(), False, at(begin), None if end is None else at(end))
    for begin, end in [(60, None), (30, 40), (10, 20)]
]


@pytest.mark.parametrize(
    ("minutes", "index"),
    [(70, 0), (60, 0), (59.6, 0), (59, None), (40, 1), (40.1, None), (30, 1), (15, 2), (9.5, 2), (9, None)],
)
def test_a_recording_belongs_to_the_session_it_began_in_or_just_before(minutes: float, index: int | None) -> None:
    assert timedelta(seconds=30) == EARLY
    assert session_at(at(minutes), SESSIONS) is (None if index is None else SESSIONS[index])


def test_a_session_that_ran_counts_before_one_that_begins_soon() -> None:
    first, second = [
        StreamSession(uuid4(), uuid4(), uuid4(), False, at(begin), at(begin + 0.4)) for begin in (0.0, 0.5)
    ]
    assert session_at(at(0.3), [second, first]) is first
