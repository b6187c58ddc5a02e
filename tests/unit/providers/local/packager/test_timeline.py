"""The time of FLV tags."""

from __future__ import annotations

import pytest

from providers.local.media import TagKind
from providers.local.packager.timeline import MAX_GAP_MS, MAX_REORDER_MS, MAX_STRAGGLERS, Order, Timeline

AUDIO, VIDEO = TagKind.AUDIO, TagKind.VIDEO


def placed(*tags: tuple[TagKind, int]) -> list[tuple[Order, int]]:
    timeline = Timeline()
    return [timeline.place(kind, time % 2**32) for kind, time in tags]


@pytest.mark.parametrize("edge", [2**24, 2**31, 2**32])
def test_time_goes_on_over_a_wrap(edge: int) -> None:
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
def test_a_jump_is_what_is_beyond_a_pause_or_disorder(step: int, order: Order) -> None:
    assert placed((VIDEO, 10_000), (VIDEO, 10_000 + step))[1][0] is order


def test_a_track_that_paused_while_the_other_went_on_does_not_jump() -> None:
    video = [(VIDEO, time) for time in range(0, 10_001, 500)]

    assert placed((AUDIO, 0), *video, (AUDIO, 10_000))[-1] == (Order.CONTINUES, 10_000)


def test_a_track_may_begin_far_behind_the_other() -> None:
    assert placed((VIDEO, 10_000), (AUDIO, 0))[-1] == (Order.CONTINUES, 0)


def test_tags_left_over_from_the_old_clock_are_stragglers() -> None:
    orders = [
        order for order, _ in placed((AUDIO, 5_000), (VIDEO, 5_000), (VIDEO, 90_000), (AUDIO, 5_021), (AUDIO, 90_010))
    ]

    assert orders[2:] == [Order.JUMPS, Order.STRAGGLES, Order.CONTINUES]


def test_stragglers_that_do_not_end_are_believed() -> None:
    audio = [(AUDIO, 5_000 + number) for number in range(1, MAX_STRAGGLERS + 2)]
    orders = [order for order, _ in placed((AUDIO, 5_000), (VIDEO, 5_000), (VIDEO, 90_000), *audio)]

    assert orders[3:] == [Order.STRAGGLES] * MAX_STRAGGLERS + [Order.JUMPS]
