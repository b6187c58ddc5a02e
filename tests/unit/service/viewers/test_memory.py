"""The in-memory window stays bounded."""

from __future__ import annotations

from service.viewers.memory import MemoryLimits, MemoryViewers


async def test_forgets_the_stream_without_a_heartbeat_for_longest() -> None:
    viewers = MemoryViewers(digest_key=b"key", limits=MemoryLimits(max_streams=2))
    for stream in ("one", "two", "one", "three"):
        viewers.seen(stream, "ann", 1)
    assert [(await viewers.count(uid, 1)).value for uid in ("one", "two", "three")] == [1, 0, 1]


async def test_drops_the_oldest_visitors_when_there_are_too_many() -> None:
    viewers = MemoryViewers(digest_key=b"key", limits=MemoryLimits(max_visitors=3))
    for number in range(5):
        viewers.seen("stream", f"visitor {number}", number)
    assert (await viewers.count("stream", 120_002)).value == 3
