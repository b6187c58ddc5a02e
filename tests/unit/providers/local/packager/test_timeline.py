"""The time of FLV tags."""

from __future__ import annotations

import pytest

from providers.local.flv.tag import TagKind
from providers.local.packager.timeline import (
    AUDIO_STEP_MS,
    MAX_GAP_MS,
    MAX_LATE_MS,
    MAX_PAUSE_MS,
    MAX_REORDER_MS,
    Order,
    Timeline,
)

AUDIO, VIDEO = TagKind.AUDIO, TagKind.VIDEO
CONTINUES, JUMPS = Order.CONTINUES, Order.JUMPS


def placed(*tags: tuple[TagKind, int]) -> list[tuple[Order, int]]:
    timeline = Timeline()
    return [timeline.place(kind, time % 2**32, 0.0) for kind, time in tags]


def both(begin: int, count: int, *, audio: int = 0, first: TagKind = VIDEO) -> list[tuple[TagKind, int]]:
    """Place both tracks, a tag every 20 ms; the audio's timestamps are `audio` ms ahead."""
    pairs = [((VIDEO, begin + at * 20), (AUDIO, begin + at * 20 + audio)) for at in range(count)]
    return [tag for pair in pairs for tag in sorted(pair, key=lambda each: each[0] is not first)]


@pytest.mark.parametrize("edge", [2**24, 2**31, 2**32])
def test_time_continues_over_a_wrap(edge: int) -> None:
    assert placed((VIDEO, edge - 20), (AUDIO, edge - 5), (VIDEO, edge + 13)) == [
        (Order.CONTINUES, edge - 20),
        (Order.CONTINUES, edge - 5),
        (Order.CONTINUES, edge + 13),
    ]


def test_a_tag_may_be_a_little_behind_a_wrap() -> None:
    assert placed((VIDEO, 2**32 + 5), (AUDIO, 2**32 - 10)) == [(Order.CONTINUES, 5), (Order.CONTINUES, -10)]


@pytest.mark.parametrize(
    ("step", "order"),
    [
        (MAX_GAP_MS, Order.CONTINUES),
        (MAX_GAP_MS + 1, Order.JUMPS),
        (-MAX_REORDER_MS, Order.CONTINUES),
        (-MAX_REORDER_MS - 1, Order.JUMPS),
        (2**31, Order.JUMPS),
    ],
)
def test_a_step_longer_than_a_pause_or_reordering_is_a_jump(step: int, order: Order) -> None:
    assert placed((VIDEO, 10_000), (VIDEO, 10_000 + step))[1][0] is order


def test_a_track_that_paused_while_the_other_continued_does_not_jump() -> None:
    video = [(VIDEO, time) for time in range(0, 10_001, 500)]

    assert placed((AUDIO, 0), *video, (AUDIO, 10_000))[-1] == (Order.CONTINUES, 10_000)


@pytest.mark.parametrize("late", [0, 1_000, 2_000, 3_000, 5_000, MAX_LATE_MS])
@pytest.mark.parametrize(("first", "second"), [(VIDEO, AUDIO), (AUDIO, VIDEO)])
def test_a_track_that_is_delivered_late_keeps_its_timestamps(first: TagKind, second: TagKind, late: int) -> None:
    begun = [(first, time) for time in range(7_000, 7_001 + late, 20)]

    assert placed(*begun, (second, 7_000))[-1] == (CONTINUES, 7_000)


def test_a_track_that_begins_late_keeps_its_timestamps() -> None:
    begun = [(AUDIO, time) for time in range(0, 25_001, 20)]

    assert placed(*begun, (VIDEO, 25_010))[-1] == (CONTINUES, 25_010)


@pytest.mark.parametrize("apart", [2_500, 5_000, 60_000, 3_600_000, -2_500, -5_000, -60_000, 2**31, -(2**31) + 1])
@pytest.mark.parametrize("first", [VIDEO, AUDIO])
@pytest.mark.parametrize("begin", [0, 100_000, 2**32 - 1_000, 2**32 - 62_000])
def test_tracks_far_apart_are_aligned_by_arrival_and_keep_their_own_clocks(
    apart: int, first: TagKind, begin: int
) -> None:
    timeline = Timeline()
    tags = both(begin, 4_000, audio=apart, first=first)

    found = [(kind, *timeline.place(kind, time % 2**32, 0.0)) for kind, time in tags]

    assert {order for _, order, _ in found} == {CONTINUES}
    zero = found[0][2]
    for wanted in (VIDEO, AUDIO):
        assert [time - zero for kind, _, time in found if kind is wanted] == [at * 20 for at in range(4_000)]
    assert abs(timeline.apart - apart) % 2**32 == 0


@pytest.mark.parametrize("apart", [0, 1_000, 2_300, -900])
def test_tracks_that_are_not_far_apart_share_a_clock(apart: int) -> None:
    timeline = Timeline()
    for kind, time in both(50_000, 200, audio=apart):
        assert timeline.place(kind, time, 0.0) == (CONTINUES, time)
    assert timeline.apart == 0


@pytest.mark.parametrize("distance", [600_000, -600_000, 5_000, -5_000, -2_000])
@pytest.mark.parametrize("first", [VIDEO, AUDIO])
@pytest.mark.parametrize("left_over", [0, 3])
def test_a_jump_of_both_tracks_is_one_jump_after_which_they_share_the_new_clock(
    distance: int, first: TagKind, left_over: int
) -> None:
    """The second track may have a few tags on the old clock left."""
    second = AUDIO if first is VIDEO else VIDEO
    old = both(700_000, 200, first=first)
    rest = [(second, 704_000 + at * 20) for at in range(left_over)]
    new = both(704_000 + distance, 200, first=first)
    begun = [new[0], *rest, *new[1:]]
    timeline = Timeline()
    for kind, time in old:
        timeline.place(kind, time, 0.0)

    found = [(kind, *timeline.place(kind, time, 0.0)) for kind, time in begun]

    assert [kind for kind, order, _ in found if order is JUMPS] == [VIDEO]
    assert timeline.apart == 0
    for wanted in (VIDEO, AUDIO):
        times = [time for kind, _, time in found if kind is wanted][-150:]
        assert times == [times[0] + at * 20 for at in range(150)]
    assert all(time >= 703_900 for kind, _, time in found if kind is VIDEO)


@pytest.mark.parametrize("distance", [2_500, 60_000, -6_000, -60_000])
def test_when_only_the_audio_clock_jumps_audio_continues_with_the_video(distance: int) -> None:
    timeline = Timeline()
    for kind, time in both(100_000, 200):
        timeline.place(kind, time, 0.0)

    after = [timeline.place(kind, time, 0.0) for kind, time in both(104_000, 200, audio=distance)]

    assert {order for order, _ in after} == {CONTINUES}
    video, audio = after[::2], after[1::2]
    assert all(abs(one - other) <= AUDIO_STEP_MS for (_, one), (_, other) in zip(video, audio, strict=True))
    assert timeline.apart == pytest.approx(distance, abs=AUDIO_STEP_MS)


@pytest.mark.parametrize(
    ("waited", "time"), [(7.0, 11_000), (0.0, 4_000 + AUDIO_STEP_MS)], ids=["it paused", "its clock was set again"]
)
def test_audio_that_returns_while_video_is_missing_has_paused_if_that_much_time_has_passed(
    waited: float, time: int
) -> None:
    timeline = Timeline()
    timeline.place(VIDEO, 2_000, 2.0)
    timeline.place(AUDIO, 2_000, 2.0)
    timeline.place(AUDIO, 4_000, 4.0)
    assert 7_000 <= MAX_PAUSE_MS

    assert timeline.place(AUDIO, 11_000, 4.0 + waited) == (CONTINUES, time)


def test_audio_that_jumps_when_the_video_has_just_begun_continues() -> None:
    begin = 3_000_000_000
    assert placed((AUDIO, begin), (VIDEO, begin), (AUDIO, 0))[-1] == (CONTINUES, begin + AUDIO_STEP_MS)
