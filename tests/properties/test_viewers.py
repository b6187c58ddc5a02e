"""The window equals its definition: distinct visitors whose newest heartbeat is at most 120 s old."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from service.domain.audience.viewer_window import WINDOW_MS
from service.viewers.memory import MemoryViewers

STREAMS = st.sampled_from(["one", "two"])
VISITORS = st.sampled_from([f"visitor {number}" for number in range(6)])
STEPS = st.lists(
    st.tuples(st.integers(0, WINDOW_MS), STREAMS, VISITORS, st.integers(0, WINDOW_MS), st.booleans()), max_size=60
)


@given(STEPS)
def test_counts_what_the_definition_counts(steps: list[tuple[int, str, str, int, bool]]) -> None:
    async def run() -> None:
        viewers = MemoryViewers(digest_key=b"key")
        newest: dict[tuple[str, str], int] = {}
        now = WINDOW_MS * 2
        for passed, stream, visitor, late, ask in steps:
            now += passed
            # A heartbeat may be reported late, but not after it has expired.
            viewers.seen(stream, visitor, now - late)
            newest[stream, visitor] = max(newest.get((stream, visitor), 0), now - late)
            if ask:
                expected = sum(1 for (uid, _), at in newest.items() if uid == stream and at >= now - WINDOW_MS)
                assert (await viewers.count(stream, now)).value == expected

    asyncio.run(run())
