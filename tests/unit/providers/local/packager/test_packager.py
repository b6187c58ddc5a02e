"""Tags in, segments out."""

from __future__ import annotations

from itertools import pairwise

import pytest

from providers.local.codecs.errors import MalformedMedia, UnsupportedCodec
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.cutting import PART_TARGET_LOW_LATENCY, PackagerSettings
from providers.local.packager.events import PackagerEvent, Part, Resume, SegmentEnd, TrackInit
from providers.local.packager.packager import MAX_COMPOSITION_MS, MAX_TAG_SIZE, Packager
from providers.local.packager.period import MAX_LATE
from providers.local.packager.waiting import ANNOUNCED_VIDEO_WAIT_MS, VIDEO_WAIT_MS
from tests.unit.providers.local.packager.tags import (
    ARRIVED,
    audio_frame,
    audio_frames,
    audio_header,
    avc_record,
    ends,
    feed,
    frame,
    frames,
    inits,
    metadata,
    parts,
    samples,
    sps,
    stream,
    video_header,
)

VIDEO, AUDIO = TrackKind.VIDEO, TrackKind.AUDIO

AUDIO_FRAME = 1024 / 48_000
"""Seconds of an AAC frame."""


def packager(resume: Resume | None = None, **settings: float) -> Packager:
    return Packager(PackagerSettings(**settings), resume or Resume())


def seconds(events: list[SegmentEnd]) -> list[float]:
    return [each.duration / (90_000 if each.track is VIDEO else 48_000) for each in events]


def test_a_segment_is_complete_when_the_next_keyframe_arrives() -> None:
    subject = packager()
    assert ends(feed(subject, [video_header(), *frames(0, 1.0)], flush=False), VIDEO) == []

    events = subject.feed(frame(1_000, key=True), ARRIVED)

    assert [type(each) for each in events] == [Part, SegmentEnd]
    assert subject.target_duration == 2


def test_the_first_segment_is_one_keyframe_interval_and_later_ones_are_near_the_target() -> None:
    events = feed(packager(segment_target=2.0), stream(7.5))

    assert seconds(ends(events, VIDEO)) == pytest.approx([1.0, 2.0, 2.0, 2.0, 0.5], abs=0.002)


def test_reduced_latency_cuts_at_every_keyframe() -> None:
    assert seconds(ends(feed(packager(segment_target=0), stream(3.5)), VIDEO)) == pytest.approx(
        [1.0, 1.0, 1.0, 0.5], abs=0.002
    )


def test_audio_is_cut_where_video_is() -> None:
    events = feed(packager(), stream(6.0))

    for video, audio in zip(ends(events, VIDEO), ends(events, AUDIO), strict=True):
        assert 0 <= audio.decode_time / 48_000 - video.decode_time / 90_000 < 1024 / 48_000


def test_a_segment_without_a_keyframe_ends_before_it_exceeds_the_target_duration() -> None:
    tags = [video_header(), *frames(0, 1.0), *frames(1_000, 9.0, gop=100)]

    events = ends(feed(packager(), tags), VIDEO)

    assert [each.independent for each in events] == [True, True, False, False, False]
    assert all(length <= 2.49 for length in seconds(events))


def test_a_first_segment_without_an_end_is_cut_after_the_longest_allowed() -> None:
    events = feed(packager(max_segment=5.0), [video_header(), *frames(0, 11.0, gop=100)])

    assert max(seconds(ends(events, VIDEO))) <= 5.49
    assert len(ends(events, VIDEO)) == 3


def test_video_that_joins_audio_keeps_to_the_target_duration_fixed_by_the_audio() -> None:
    late = sorted([*frames(6_500, 20.0, gop=8.0), *audio_frames(6_500, 20.0)], key=lambda tag: tag.timestamp)

    subject = packager()
    events = feed(subject, [video_header(), audio_header(), *audio_frames(0, 6.5), *late])

    assert subject.target_duration == 2
    assert max(seconds(ends(events, VIDEO))) <= 2.49


def paused(begin: int, seconds: float, *, back_with_keyframe: bool = False) -> list[FlvTag]:
    """Generate both tracks of 20 s; video pauses at `begin` ms, audio continues."""
    end = begin + round(seconds * 1000)
    tags = [tag for tag in stream(20.0) if tag.kind is TagKind.AUDIO or not begin <= tag.timestamp < end]
    if back_with_keyframe:
        back = next(tag for tag in tags if tag.kind is TagKind.VIDEO and tag.timestamp >= end)
        tags[tags.index(back)] = frame(back.timestamp, key=True, data=back.payload[5:])
    return tags


@pytest.mark.parametrize("pause", [2.0, 2.6, 4.0, 9.0])
@pytest.mark.parametrize("back_with_keyframe", [True, False])
def test_a_pause_of_the_video_makes_no_segment_too_long_and_loses_no_frame(
    pause: float, back_with_keyframe: bool
) -> None:
    tags = paused(6_010, pause, back_with_keyframe=back_with_keyframe)
    subject = packager()

    events = feed(subject, tags)

    assert subject.target_duration == 2
    assert all(length <= 2.49 for length in seconds(ends(events, VIDEO) + ends(events, AUDIO)))
    shown = [each.data for part in parts(events, VIDEO) for each in samples(part.data)]
    sent = [tag.payload[5:] for tag in tags[2:] if tag.kind is TagKind.VIDEO]
    assert sorted(set(shown)) == sent
    assert [data for at, data in enumerate(shown) if data not in shown[:at]] == sent
    assert (shown == sent) is (pause <= 2.4)
    assert {each.discontinuity for each in ends(events, VIDEO)} == {0}


def test_both_tracks_stay_on_time_over_a_pause_of_the_video() -> None:
    tags = paused(6_010, 5.0)

    events = feed(packager(), tags)

    shown = {each.data: each.decode_time / 90 for part in parts(events, VIDEO) for each in samples(part.data)}
    heard = {each.data: each.decode_time / 48 for part in parts(events, AUDIO) for each in samples(part.data)}
    after = [tag for tag in tags[2:] if tag.timestamp > 11_010]
    assert all(shown[tag.payload[5:]] == tag.timestamp for tag in after if tag.kind is TagKind.VIDEO)
    assert all(abs(heard[tag.payload[2:]] - tag.timestamp) < 1 for tag in after if tag.kind is TagKind.AUDIO)


@pytest.mark.parametrize("rate", [2, 5, 8, 15])
def test_a_low_frame_rate_fills_the_announced_parts(rate: int) -> None:
    subject = packager(part_target=PART_TARGET_LOW_LATENCY, low_latency=True)

    events = feed(subject, [video_header(), *frames(0, 12.0, gop=2, fps=rate)])

    for each, after in pairwise(each for each in parts(events, VIDEO) if each.sequence):
        assert each.duration <= subject.part_target * 90_000
        assert each.duration >= subject.part_target * 90_000 * 0.85 or after.sequence > each.sequence


def test_parts_of_low_latency_fill_their_target_and_never_exceed_it() -> None:
    events = feed(packager(part_target=PART_TARGET_LOW_LATENCY), stream(4.0, gop=2))

    for each in parts(events, VIDEO):
        assert each.duration <= PART_TARGET_LOW_LATENCY * 90_000
    assert [each.index for each in parts(events, VIDEO)] == [*range(6), *range(6)]


def test_a_keyframe_inside_a_segment_begins_a_part() -> None:
    events = feed(packager(part_target=5.0), [video_header(), *frames(0, 3.0)])

    assert [(each.sequence, each.index, each.independent) for each in parts(events, VIDEO)] == [
        (0, 0, True),
        (1, 0, True),
        (1, 1, True),
    ]


def test_program_time_is_the_arrival_of_the_first_frame_plus_media_time() -> None:
    events = feed(packager(), stream(5.0, start=77_000))

    assert [each.program_time for each in ends(events, VIDEO)] == [ARRIVED, ARRIVED + 1, ARRIVED + 3]


def test_program_time_follows_the_wall_clock_when_the_encoder_clock_is_slow() -> None:
    subject = packager()
    arrival, hours = 1.001, 3
    events = subject.feed(video_header(), ARRIVED)
    for number in range(hours * 3600 * 4):
        events += subject.feed(frame(number * 250, key=number % 8 == 0), ARRIVED + number / 4 * arrival)

    for each in ends(events, VIDEO):
        assert abs(each.program_time - ARRIVED - each.decode_time / 90_000 * arrival) < MAX_LATE + 0.2
    assert 3 <= len(inits(events)) <= 6
    assert sum(each.duration for each in ends(events, VIDEO)) / 90_000 == pytest.approx(
        hours * 3600, abs=2.0
    )  # the last one is open


@pytest.mark.parametrize("gop", [1 / 30, 2.0])
def test_a_short_network_delay_does_not_change_program_time(gop: float) -> None:
    subject = packager()
    late = [(tag, 5.0 if 20_000 <= tag.timestamp < 60_000 else 0.0) for tag in stream(120.0, gop=gop)]

    events = [event for tag, delay in late for event in subject.feed(tag, ARRIVED + tag.timestamp / 1000 + delay)]

    assert {each.discontinuity for each in inits(events)} == {0}


def test_frames_before_the_first_keyframe_and_audio_before_it_are_dropped() -> None:
    tags = [
        video_header(),
        audio_header(),
        frame(0),
        audio_frame(0),
        audio_frame(21),
        frame(33),
        frame(66, key=True),
        audio_frame(64),
        audio_frame(85),
    ]

    events = feed(packager(), tags)

    assert [each.data for each in samples(parts(events, VIDEO)[0].data)] == [b"frame"]
    assert [each.data for each in samples(parts(events, AUDIO)[0].data)] == [b"sound"]


@pytest.mark.parametrize(
    ("script", "wait"),
    [
        ([], VIDEO_WAIT_MS),
        ([metadata(b"audiocodecid", b"bandwidth")], 0),
        ([metadata(b"videocodecid", b"audiocodecid")], ANNOUNCED_VIDEO_WAIT_MS),
        ([video_header()], ANNOUNCED_VIDEO_WAIT_MS),
    ],
    ids=["nothing is known", "no video", "video announced", "video header seen"],
)
def test_audio_waits_for_video_for_a_limited_time(script: list[FlvTag], wait: int) -> None:
    subject = packager()
    feed(subject, [*script, audio_header()], flush=False)
    started_at = next(
        tag.timestamp for tag in audio_frames(0, 8.0) if feed(subject, [tag], flush=False) or subject.started
    )

    assert wait <= started_at < wait + 25


def test_the_other_track_joins_on_the_same_timeline() -> None:
    late = [video_header(timestamp=3_000), *frames(3_000, 2.0)]
    tags = [metadata(), audio_header(), *audio_frames(0, 3.0), *late]

    events = feed(packager(), tags)

    assert {each.discontinuity for each in inits(events)} == {0}
    shown = [each for part in parts(events, VIDEO) for each in samples(part.data)]
    assert [each.decode_time for each in shown if each.data == b"v000001"] == [3 * 90_000 + 33 * 90]


def test_the_same_header_again_changes_nothing() -> None:
    tags = stream(2.0)

    events = feed(packager(), [*tags[:60], video_header(), audio_header(), *tags[60:]])

    assert len(inits(events)) == 2
    assert events == feed(packager(), tags)


@pytest.mark.parametrize("header", [video_header(avc_record(sps(20, 20))), audio_header(bytes.fromhex("1210"))])
def test_another_header_begins_a_period_of_all_tracks(header: FlvTag) -> None:
    events = feed(packager(), [*stream(1.5), header, *stream(1.5, start=1_500)[2:]])

    assert [(each.track, each.discontinuity) for each in inits(events)] == [
        (VIDEO, 0),
        (AUDIO, 0),
        (VIDEO, 1),
        (AUDIO, 1),
    ]
    closed = next(index for index, each in enumerate(events) if isinstance(each, TrackInit) and each.discontinuity == 1)
    assert isinstance(events[closed - 1], SegmentEnd)
    assert [each.sequence for each in ends(events, VIDEO)] == list(range(len(ends(events, VIDEO))))


def test_decode_times_continue_across_a_jump() -> None:
    events = feed(packager(), [*stream(1.5, start=50_000), *stream(1.5, start=9_000_000)])

    before = [each for each in ends(events, VIDEO) + ends(events, AUDIO) if each.discontinuity == 0]
    after = [each for each in ends(events, VIDEO) if each.discontinuity == 1]
    latest = max((each.decode_time + each.duration) / (90_000 if each.track is VIDEO else 48_000) for each in before)
    assert after[0].decode_time / 90_000 == pytest.approx(latest, abs=0.0001)
    assert after[0].decode_time / 90_000 >= latest


def test_times_that_stand_still_or_go_back_a_little_are_corrected() -> None:
    times = [0, 33, 33, 20, 100]
    tags = [video_header(), *(frame(time, key=time == 0, cts=40) for time in times)]

    found = [each for part in parts(feed(packager(), tags), VIDEO) for each in samples(part.data)]

    assert [each.decode_time // 90 for each in found] == [0, 1, 2, 3, 60]
    assert [(each.decode_time + each.offset) // 90 for each in found] == [0, 33, 33, 20, 100]


def test_counted_audio_follows_the_encoder_clock_when_it_drifts() -> None:
    late = [audio_frame(tag.timestamp + 100) for tag in audio_frames(1_024, 1.0)]
    tags = [metadata(), audio_header(), *audio_frames(0, 1.024), *late]

    found = [each.data for part in parts(feed(packager(), tags), AUDIO) for each in samples(part.data)]

    assert len(found) == len(tags) - 2 + 5  # 100 ms are 4.7 frames


def test_audio_that_arrives_twice_is_dropped() -> None:
    tags = [metadata(), audio_header(), *audio_frames(0, 1.0), *audio_frames(500, 1.0)]

    found = [each.data for part in parts(feed(packager(), tags), AUDIO) for each in samples(part.data)]

    assert 69 <= len(found) <= 71


def test_a_later_packager_continues_where_one_ended() -> None:
    first = packager()
    events = feed(first, stream(5.0, gop=2.0))
    resume = first.resume
    last = [ends(events, VIDEO)[-1], ends(events, AUDIO)[-1]]
    end = max((each.decode_time + each.duration) / (90_000 if each.track is VIDEO else 48_000) for each in last)
    assert resume == Resume(1, last[0].sequence + 1, last[1].sequence + 1, end, 2, pytest.approx(ARRIVED + end), 1.0)

    second = packager(resume)
    assert second.target_duration == 2
    more = feed(second, stream(3.0))

    assert inits(more)[0].discontinuity == 1
    assert ends(more, VIDEO)[0].sequence == resume.video_sequence
    assert ends(more, AUDIO)[0].sequence == resume.audio_sequence
    assert ends(more, VIDEO)[0].decode_time / 90_000 >= resume.decode_time


def test_an_open_segment_is_not_part_of_resume() -> None:
    subject = packager(part_target=0.2)
    feed(subject, [video_header(), *frames(0, 0.9)], flush=False)

    assert subject.resume.video_sequence == 1
    assert subject.resume.discontinuity == 1


def test_the_facts_for_the_countdown_are_measured_in_media_time() -> None:
    subject = packager()
    assert (subject.started, subject.keyframe_interval, subject.media_seconds_since_first_keyframe) == (
        False,
        None,
        0.0,
    )

    feed(subject, stream(3.5, start=500_000, gop=1.5), flush=False)

    assert subject.started
    assert subject.keyframe_interval == 1.5
    assert subject.media_seconds_since_first_keyframe == pytest.approx(3.5, abs=0.05)


def test_only_the_malformed_tag_is_lost() -> None:
    tags = stream(2.0)
    subject, events = packager(), []
    for number, tag in enumerate(tags):
        events += subject.feed(tag, ARRIVED)
        if number == 50:
            for bad in (video_header(b"\1broken!"), audio_header(b"\x10"), FlvTag(TagKind.VIDEO, 0, b"\x17\1")):
                with pytest.raises(MalformedMedia):
                    subject.feed(bad, ARRIVED)

    assert events + subject.flush() == feed(packager(), tags)


@pytest.mark.parametrize(
    "tag",
    [
        FlvTag(TagKind.VIDEO, 0, bytes(MAX_TAG_SIZE + 1)),
        frame(0, key=True, cts=MAX_COMPOSITION_MS + 1),
        frame(0, key=True, cts=-MAX_COMPOSITION_MS - 1),
    ],
    ids=["more than 16 MB", "shown too late", "shown too early"],
)
def test_impossible_frames_are_refused(tag: FlvTag) -> None:
    subject = packager()
    subject.feed(video_header(), ARRIVED)

    with pytest.raises(MalformedMedia):
        subject.feed(tag, ARRIVED)


def test_hevc_over_enhanced_rtmp_is_refused_with_a_sentence() -> None:
    with pytest.raises(UnsupportedCodec) as error:
        packager().feed(FlvTag(TagKind.VIDEO, 0, b"\x90hvc1..."), ARRIVED)
    assert error.value.description == "HEVC over enhanced RTMP is not supported here: set the encoder to H.264."


def test_frames_without_a_header_are_ignored() -> None:
    assert feed(packager(), [frame(0, key=True), audio_frame(0)]) == []


def test_a_second_flush_returns_nothing() -> None:
    subject = packager()
    assert feed(subject, stream(1.0)) != []
    assert subject.flush() == []


def test_a_clock_that_stands_still_does_not_fill_the_memory() -> None:
    big = bytes(1_000_000)
    tags = [video_header(), frame(0, key=True), *(frame(0, data=big) for _ in range(40))]

    assert max(len(each.data) for each in parts(feed(packager(), tags), VIDEO)) < 18_000_000


def test_the_typical_keyframe_interval_is_not_the_last() -> None:
    packager = Packager(PackagerSettings())
    assert packager.typical_keyframe_interval is None
    times = [0, 2000, 4000, 6000, 8000, 8700, 10000]
    feed(packager, [video_header(), *(frame(time, key=True) for time in times)])

    assert packager.keyframe_interval == pytest.approx(1.3)
    assert packager.typical_keyframe_interval == pytest.approx(2.0)


def test_of_two_keyframe_intervals_the_longer_is_typical() -> None:
    packager = Packager(PackagerSettings())
    feed(packager, [video_header(), *(frame(time, key=True) for time in (0, 700, 2000))])

    assert packager.typical_keyframe_interval == pytest.approx(1.3)


def b_frames(start: int, count: int) -> list[FlvTag]:
    """Generate 25 frames per second: a keyframe, then P-frames with two B-frames presented before each."""
    kinds = [0, *(1 + number % 3 for number in range(count - 1))]
    delays = [40, 120, 0, 0]
    return [frame(start + 40 * at, key=kind == 0, cts=delays[kind]) for at, kind in enumerate(kinds)]


def shown(events: list[PackagerEvent], discontinuity: int) -> list[tuple[int, int]]:
    """When the frames of a period are shown, from and until, in ticks."""
    video = [part for part in parts(events, VIDEO) if part.discontinuity == discontinuity]
    found = [each for part in video for each in samples(part.data)]
    return sorted((each.decode_time + each.offset, each.decode_time + each.offset + each.duration) for each in found)


WHOLE_OR_NOT = pytest.mark.parametrize("count", [61, 60, 59], ids=["whole", "a B-frame is missing", "both are missing"])


@WHOLE_OR_NOT
@pytest.mark.parametrize("late", [0, 59, 1_500], ids=["audio in time", "audio a little late", "audio late"])
def test_the_tracks_of_every_period_begin_and_end_together(count: int, late: int) -> None:
    length = 2.2 - late / 1000
    media = [
        *b_frames(0, count),
        *audio_frames(late, length),
        *b_frames(60_000, count),
        *audio_frames(60_000 + late, length),
    ]
    tags = [video_header(), audio_header(), *sorted(media, key=lambda tag: tag.timestamp)]

    events = feed(packager(), tags)

    before = 0.0
    for discontinuity in (0, 1):
        video = [each for each in ends(events, VIDEO) if each.discontinuity == discontinuity]
        audio = [each for each in ends(events, AUDIO) if each.discontinuity == discontinuity]
        start, end = video[0].decode_time / 90_000, max(until for _, until in shown(events, discontinuity)) / 90_000
        audio_end = (audio[-1].decode_time + audio[-1].duration) / 48_000
        assert start <= audio[0].decode_time / 48_000 < start + AUDIO_FRAME
        assert end <= audio_end < end + AUDIO_FRAME
        assert video[0].program_time == pytest.approx(audio[0].program_time)
        assert start == pytest.approx(before, abs=0.0001)
        before = audio_end


@WHOLE_OR_NOT
def test_the_first_frame_is_shown_when_it_is_decoded_and_none_before_it(count: int) -> None:
    events = feed(packager(), [video_header(), *b_frames(1_000, count)])

    found = [each for part in parts(events, VIDEO) for each in samples(part.data)]
    assert (found[0].decode_time, found[0].offset) == (0, 0)
    assert all(each.offset >= 0 for each in found)
    assert len({begin for begin, _ in shown(events, 0)}) == count
