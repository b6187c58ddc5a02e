"""The queue before ffmpeg: whole groups of pictures from a keyframe on, within limits of bytes and time."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from providers.local.flv.head import is_keyframe
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.transcoder.backlog import Backlog


def key(moment: int, size: int = 10) -> FlvTag:
    return FlvTag(TagKind.VIDEO, moment, b"\x17\x01".ljust(size, b"k"))


def delta(moment: int, size: int = 10) -> FlvTag:
    return FlvTag(TagKind.VIDEO, moment, b"\x27\x01".ljust(size, b"d"))


def moments(tags: list[FlvTag]) -> list[int]:
    return [tag.timestamp for tag in tags]


def fill(backlog: Backlog, *tags: FlvTag) -> Backlog:
    for tag in tags:
        backlog.push(tag)
    return backlog


def test_it_begins_at_a_keyframe() -> None:
    assert moments(fill(Backlog(), delta(0), key(40), delta(80)).pop()) == [40, 80]


def test_while_ffmpeg_does_not_read_only_the_newest_group_is_kept() -> None:
    assert moments(fill(Backlog(), key(0), delta(40), key(80), delta(120)).pop()) == [80, 120]


def test_while_it_flows_everything_is_kept() -> None:
    backlog = Backlog()
    backlog.flowing = True
    assert moments(fill(backlog, key(0), delta(40), key(80), delta(120)).pop()) == [0, 40, 80, 120]


def test_over_its_limit_of_bytes_the_older_groups_are_dropped() -> None:
    backlog = Backlog(max_bytes=45)
    backlog.flowing = True
    fill(backlog, key(0), delta(40), key(80), delta(120), delta(160))
    assert (moments(backlog.pop()), backlog.dropped) == ([80, 120, 160], 2)


def test_over_its_limit_of_time_the_older_groups_are_dropped() -> None:
    backlog = Backlog(max_ms=100)
    backlog.flowing = True
    assert moments(fill(backlog, key(0), delta(40), key(80), delta(120)).pop()) == [80, 120]


def test_a_group_larger_than_the_limit_is_dropped_until_the_next_keyframe() -> None:
    backlog = Backlog(max_bytes=25)
    backlog.flowing = True
    assert moments(fill(backlog, key(0), delta(40), delta(80), delta(120), key(160)).pop()) == [160]


def test_a_newest_group_that_is_too_large_alone_is_dropped_with_the_older_ones() -> None:
    backlog = Backlog(max_bytes=25)
    backlog.flowing = True
    fill(backlog, key(0, 2), key(40), delta(80), delta(120))
    assert (backlog.size, backlog.dropped) == (0, 4)


def test_after_clear_it_continues_at_a_keyframe() -> None:
    backlog = fill(Backlog(), key(0))
    backlog.clear()
    assert moments(fill(backlog, delta(40), key(80)).pop()) == [80]


def test_tags_are_returned_in_chunks_of_at_least_one() -> None:
    backlog = fill(Backlog(), key(0, 100), delta(40), delta(80))
    assert [moments(backlog.pop(20)) for _ in range(3)] == [[0], [40, 80], []]


async def test_a_waiting_reader_wakes_when_a_tag_arrives() -> None:
    backlog = Backlog()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(backlog.filled())
        await asyncio.sleep(0)
        backlog.push(key(0))


@given(st.lists(st.tuples(st.booleans(), st.integers(2, 60), st.integers(0, 200), st.booleans())), st.booleans())
def test_it_never_passes_its_limits_and_never_begins_inside_a_group(
    pushes: list[tuple[bool, int, int, bool]], flowing: bool
) -> None:
    backlog = Backlog(max_bytes=200, max_ms=500)
    backlog.flowing = flowing
    clock, untouched = 0, True
    for keyframe, size, step, take in pushes:
        clock += step
        backlog.push(key(clock, size) if keyframe else delta(clock, size))
        assert backlog.size <= 200
        assert backlog.milliseconds <= 500
        if take and (taken := backlog.pop()):
            assert is_keyframe(taken[0]) or not untouched
            untouched = False
