"""When segments end."""

from __future__ import annotations

import pytest

from providers.local.packager.cutting import PART_TARGET_LOW_LATENCY, PackagerSettings, SegmentRule, part_target_for


@pytest.mark.parametrize("target", [0.0, 2.0, 6.0])
def test_the_first_segment_ends_at_the_next_keyframe_in_every_mode(target: float) -> None:
    assert SegmentRule(PackagerSettings(segment_target=target)).ends_at_keyframe(0.5, 0.5)


@pytest.mark.parametrize(
    ("elapsed", "interval", "ends"),
    [(1.0, 1.0, False), (2.0, 1.0, True), (1.6, 0.8, False), (0.5, 0.5, False), (1.8, 0.6, True), (1.3, 1.3, True)],
    ids=["too early", "on target", "next is as near", "far off", "next is farther", "next would be too long"],
)
def test_later_segments_end_at_the_keyframe_nearest_to_the_target(elapsed: float, interval: float, ends: bool) -> None:
    rule = SegmentRule(PackagerSettings(segment_target=2.0), target_duration=2)

    assert rule.ends_at_keyframe(elapsed, interval) is ends


@pytest.mark.parametrize(
    ("target", "first", "duration"),
    [(2.0, 1.0, 2), (2.0, 2.05, 2), (2.0, 2.06, 3), (2.0, 8.33, 9), (0.0, 0.5, 2), (6.0, 1.0, 6)],
)
def test_the_first_segment_fixes_the_target_duration(target: float, first: float, duration: int) -> None:
    rule = SegmentRule(PackagerSettings(segment_target=target))
    assert rule.target_duration == 0

    rule.ended(first)
    rule.ended(30.0)

    assert rule.target_duration == duration


def test_no_segment_is_longer_than_rounds_to_the_target_duration() -> None:
    assert SegmentRule(PackagerSettings(), target_duration=2).longest == 2.49
    assert SegmentRule(PackagerSettings(max_segment=10.0)).longest == 10.0


@pytest.mark.parametrize(
    ("rate", "target"),
    [
        (60, 0.334),
        (30, 0.334),
        (25, 0.334),
        (24, 0.334),
        (15, 0.354),
        (8, 0.394),
        (5, 0.414),
        (3, 0.354),
        (1, 1.034),
        (0.4, 0.334),
    ],
)
def test_the_part_target_is_raised_until_frames_fill_it(rate: float, target: float) -> None:
    assert part_target_for(PART_TARGET_LOW_LATENCY, [1 / rate, 1024 / 48_000]) == target


def test_the_part_target_is_fixed_with_the_first_segment() -> None:
    rule = SegmentRule(PackagerSettings(part_target=PART_TARGET_LOW_LATENCY, low_latency=True))
    rule.ended(2.0, 0.2)
    rule.ended(2.0, 1.0)
    assert rule.part_target == 0.414


def test_audio_alone_is_cut_by_the_target_or_every_two_seconds() -> None:
    assert SegmentRule(PackagerSettings(segment_target=4.0)).audio_only == 4.0
    assert SegmentRule(PackagerSettings(segment_target=0.0)).audio_only == 2.0
