"""The meter counts tags, gaps, jumps and steps back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from providers.local.flv.tag import FlvTag, TagKind
from providers.local.health.meter import KEYFRAMES_KEPT, MAX_HEADER, HealthMeter
from tests.unit.providers.local.packager.tags import audio_frame, audio_header, frame, metadata, stream, video_header


def read(*tags: FlvTag) -> HealthMeter:
    meter = HealthMeter()
    for tag in tags:
        meter.count(tag)
    return meter


def test_frames_audio_bytes_and_media_time_are_counted() -> None:
    tags = stream(4.0, fps=25)
    meter = read(*tags)
    assert (meter.frames, meter.video_ms) == (100, 3960)
    assert meter.video_bytes == sum(len(tag.payload) for tag in tags if tag.kind is TagKind.VIDEO and tag.payload[1])
    assert meter.packets == 188
    assert meter.audio_bytes == sum(len(tag.payload) for tag in tags if tag.kind is TagKind.AUDIO and tag.payload[1])
    assert (meter.backwards, meter.gaps, meter.jumps, meter.reordered) == (0, 0, 0, 0)


def test_headers_and_metadata_are_kept_as_they_came() -> None:
    promise = metadata(b"width")
    meter = read(promise, video_header(), audio_header())
    assert (meter.metadata, meter.video_header, meter.audio_header) == (
        promise.payload,
        video_header().payload,
        audio_header().payload,
    )
    assert (meter.frames, meter.packets) == (0, 0)


def test_an_oversized_header_is_not_kept() -> None:
    assert read(video_header(bytes(MAX_HEADER))).video_header == b""


def test_keyframe_intervals_are_those_of_the_last_few() -> None:
    meter = read(*(frame(at * 40, key=at % 50 == 0) for at in range(50 * (KEYFRAMES_KEPT + 5))))
    assert list(meter.keyframe_intervals) == [2000] * KEYFRAMES_KEPT
    assert meter.since_keyframe == 1960


def test_before_the_first_keyframe_its_age_is_unknown() -> None:
    assert read(frame(0), frame(40)).since_keyframe is None


def test_changing_composition_offsets_are_b_frames_and_a_constant_one_is_none() -> None:
    assert read(*(frame(at * 40, key=at == 0, cts=40 * (at % 3)) for at in range(9))).reordered == 8
    assert read(*(frame(at * 40, key=at == 0, cts=80) for at in range(9))).reordered == 0


def test_a_step_back_is_counted_and_its_time_subtracted() -> None:
    meter = read(frame(0, key=True), frame(40), frame(20), frame(60))
    assert (meter.backwards, meter.jumps, meter.video_ms) == (1, 0, 60)


def test_a_gap_is_counted_and_is_not_media_time() -> None:
    meter = read(frame(0, key=True), frame(40), frame(1540), frame(1580))
    assert (meter.gaps, meter.longest_gap, meter.video_ms) == (1, 1500, 80)


def test_a_gap_in_the_audio_is_counted_too() -> None:
    meter = read(audio_frame(0), audio_frame(21), audio_frame(721), audio_frame(742))
    assert (meter.gaps, meter.longest_gap, meter.audio_ms) == (1, 700, 42)


def test_a_clock_reset_makes_no_keyframe_interval() -> None:
    meter = read(frame(0, key=True), frame(90_000, key=True), frame(91_000, key=True), frame(10, key=True))
    assert list(meter.keyframe_intervals) == [1000]
    assert (meter.gaps, meter.backwards, meter.jumps) == (1, 1, 2)


def test_a_wrapped_clock_is_not_counted() -> None:
    meter = read(*(frame(2**32 - 100 + at * 40, key=at == 0) for at in range(6)))
    assert (meter.frames, meter.video_ms, meter.backwards, meter.gaps) == (6, 200, 0, 0)


def test_enhanced_rtmp_is_counted_alike() -> None:
    header = FlvTag(TagKind.VIDEO, 0, b"\x90hvc1 record")
    key = FlvTag(TagKind.VIDEO, 0, b"\x91hvc1\0\0\0data")
    inter = FlvTag(TagKind.VIDEO, 40, b"\xa3hvc1data")
    meter = read(header, key, inter)
    assert (meter.frames, meter.video_ms, meter.since_keyframe) == (2, 40, 40)
    assert meter.video_header == header.payload


@given(st.lists(st.builds(FlvTag, st.sampled_from(TagKind), st.integers(0, 2**32 - 1), st.binary(max_size=20))))
def test_no_tags_make_it_raise(tags: list[FlvTag]) -> None:
    meter = read(*tags)
    assert meter.frames + meter.packets <= len(tags)
