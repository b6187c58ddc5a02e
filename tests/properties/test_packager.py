"""What holds for the packager's output whatever an encoder sends."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.local.codecs.errors import MediaError
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.cutting import PART_TARGET_LOW_LATENCY, PackagerSettings
from providers.local.packager.events import PackagerEvent, Part, Resume, TrackInit
from providers.local.packager.packager import Packager
from tests.unit.providers.local.packager.tags import (
    ARRIVED,
    SILENCE,
    audio_frame,
    audio_frames,
    audio_header,
    avc_record,
    boxes,
    ends,
    feed,
    frame,
    inits,
    parts,
    samples,
    sps,
    video_header,
)

SETTINGS = st.sampled_from(
    [PackagerSettings(), PackagerSettings(segment_target=0), PackagerSettings(part_target=PART_TARGET_LOW_LATENCY)]
)
HEADERS = [
    video_header(),
    video_header(avc_record(sps(20, 20))),
    audio_header(),
    audio_header(bytes.fromhex("1210")),
    video_header(b"\1bad"),
]
ANY_TAG: st.SearchStrategy[FlvTag | list[FlvTag]] = st.one_of(
    st.sampled_from(HEADERS),
    st.builds(
        frame,
        st.integers(0, 2**32 - 1) | st.integers(0, 9_000),
        key=st.booleans(),
        cts=st.integers(-200, 200),
        data=st.binary(max_size=9),
    ),
    st.builds(audio_frame, st.integers(0, 2**32 - 1) | st.integers(0, 9_000), st.binary(max_size=9)),
    st.builds(FlvTag, st.sampled_from(TagKind), st.integers(0, 2**32 - 1), st.binary(max_size=12)),
)


@st.composite
def healthy_streams(draw: st.DrawFn) -> list[FlvTag]:
    """Draw a realistic encoder: any frame rate and keyframe interval, jitter of a few ms, either track, any clock."""
    start = draw(st.integers(0, 2**32 - 1))
    fps, gop = draw(st.sampled_from([10, 24, 25, 30, 60])), draw(st.floats(0.2, 9.0))
    seconds = draw(st.floats(0.5, 12.0))
    jitter = draw(st.lists(st.integers(0, 4), min_size=1, max_size=7))
    tracks = draw(st.sampled_from(["both", "video", "audio"]))
    media: list[tuple[float, FlvTag]] = []
    if tracks != "audio":
        every = max(1, round(gop * fps))
        for number in range(round(seconds * fps)):
            time = round(number * 1000 / fps) + jitter[number % len(jitter)]
            tag = frame(start + time, key=number % every == 0, cts=number % 3 * 33, data=b"v%d" % number)
            media.append((time, tag))
    if tracks != "video":
        late = draw(st.sampled_from([0, 0, 2_500]))
        media += [
            (tag.timestamp, audio_frame(start + tag.timestamp, tag.payload[2:])) for tag in audio_frames(late, seconds)
        ]
    return [video_header(), audio_header(), *(tag for _, tag in sorted(media, key=lambda each: each[0]))]


def run(tags: list[FlvTag], settings: PackagerSettings, resume: Resume | None = None) -> list[PackagerEvent]:
    """Feed everything, going on after what is refused."""
    packager = Packager(settings, resume or Resume())
    events: list[PackagerEvent] = []
    for tag in tags:
        try:
            events += packager.feed(tag, ARRIVED)
        except MediaError:
            continue
    return events + packager.flush()


EVERYTHING = given(tags=st.lists(ANY_TAG, max_size=60), settings=SETTINGS)


@EVERYTHING
def test_every_byte_given_out_parses_and_says_the_same_as_its_event(
    tags: list[FlvTag], settings: PackagerSettings
) -> None:
    events = run([*HEADERS[:1], *HEADERS[2:3], *tags], settings)

    for init in inits(events):
        assert [each.kind for each in boxes(init.data)][:2] == [b"ftyp", b"moov"]
    for track in TrackKind:
        for part in parts(events, track):
            found = samples(part.data)
            assert found[0].decode_time == part.decode_time
            assert sum(each.duration for each in found) == part.duration > 0
            assert found[0].sync == part.independent


@EVERYTHING
def test_numbers_and_times_never_break(tags: list[FlvTag], settings: PackagerSettings) -> None:
    resume = Resume(discontinuity=3, video_sequence=5, audio_sequence=7, decode_time=12.345, target_duration=4)
    events = run([*HEADERS[:1], *HEADERS[2:3], *tags], settings, resume)

    for track, first in ((TrackKind.VIDEO, 5), (TrackKind.AUDIO, 7)):
        segments = ends(events, track)
        scales = {each.discontinuity: each.timescale for each in inits(events) if each.track is track}
        following = first
        for event in events:
            if event.track is track and not isinstance(event, Part):
                # A track that joins leaves out the numbers of the segments that it lacks.
                following += event.missing if isinstance(event, TrackInit) else 1
                assert isinstance(event, TrackInit) or event.sequence == following - 1
        assert all(each.decode_time / scales[each.discontinuity] >= 12.345 for each in segments)
        for segment in segments:
            mine = [each for each in parts(events, track) if each.sequence == segment.sequence]
            assert [each.index for each in mine] == list(range(len(mine)))
            assert sum(each.duration for each in mine) == segment.duration
            assert (mine[0].decode_time, mine[0].independent) == (segment.decode_time, segment.independent)
            assert all(before.decode_time + before.duration == after.decode_time for before, after in pairwise(mine))
        for before, after in pairwise(segments):
            end = before.decode_time + before.duration
            if before.discontinuity == after.discontinuity:
                assert end == after.decode_time
            else:
                assert end / scales[before.discontinuity] <= after.decode_time / scales[after.discontinuity] + 1e-6


@given(tags=healthy_streams(), settings=SETTINGS)
def test_every_frame_comes_out_once_in_order_and_unchanged(tags: list[FlvTag], settings: PackagerSettings) -> None:
    events = run(tags, settings)

    video = [tag for tag in tags[2:] if tag.kind is TagKind.VIDEO]
    found = [each for part in parts(events, TrackKind.VIDEO) for each in samples(part.data)]
    assert [each.data for each in found[: len(video)]] == [tag.payload[5:] for tag in video]
    # The last picture is shown until the audio ends.
    assert {each.data for each in found[len(video) :]} <= {tag.payload[5:] for tag in video}
    if found:
        zero = video[0].timestamp
        times = [each.decode_time for each in found[: len(video)]]
        assert times == [(tag.timestamp - zero) % 2**32 * 90 for tag in video]
        decoded = [each.data for part in parts(events, TrackKind.AUDIO) for each in samples(part.data)]
        after = [tag for tag in tags[2:] if tag.kind is TagKind.AUDIO and (tag.timestamp - zero) % 2**32 < 2**31]
        audible = [at for at, data in enumerate(decoded) if data != SILENCE]  # up to where the video begins and ends
        assert decoded[audible[0] : audible[-1] + 1] == [tag.payload[2:] for tag in after] if audible else not after


@given(tags=healthy_streams(), settings=SETTINGS)
def test_no_segment_and_no_part_is_longer_than_announced(tags: list[FlvTag], settings: PackagerSettings) -> None:
    packager = Packager(settings)
    events = feed(packager, tags)

    for track, scale in ((TrackKind.VIDEO, 90_000), (TrackKind.AUDIO, 48_000)):
        last = parts(events, track)[-1:]  # the last frame lasts until all were shown, and may need a part of its own
        for segment in ends(events, track):
            assert round(segment.duration / scale) <= packager.target_duration
            mine = [each for each in parts(events, track) if each.sequence == segment.sequence]
            for part, following in pairwise(mine):
                before_keyframe = track is TrackKind.VIDEO and following.independent
                assert before_keyframe or [following] == last or part.duration >= packager.part_target * scale * 0.85
            assert all(each.duration <= packager.part_target * scale for each in mine)


@pytest.mark.parametrize("track", list(TrackKind))
@given(tags=healthy_streams(), settings=SETTINGS)
def test_an_init_segment_comes_before_the_first_part_of_its_period(
    track: TrackKind, tags: list[FlvTag], settings: PackagerSettings
) -> None:
    known = set()
    for event in run(tags, settings):
        if event.track is track:
            if event in inits([event]):
                known.add(event.discontinuity)
            assert event.discontinuity in known
