"""Irregular tracks: different clocks, late, paused, missing at the start."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest

from providers.local.flv.tag import FlvTag, TagKind
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.cutting import PART_TARGET_LOW_LATENCY, PackagerSettings
from providers.local.packager.delay import HEADER_WAIT_MS, PAUSED_AFTER_MS
from providers.local.packager.events import PackagerEvent, Resume
from providers.local.packager.last_gop import FEW_FRAMES
from providers.local.packager.packager import Packager
from providers.local.packager.timeline import MAX_LATE_MS
from providers.local.rtmp import amf0
from tests.unit.providers.local.packager.rewriting import delivered_late, is_media, stamped, without
from tests.unit.providers.local.packager.tags import (
    ARRIVED,
    SILENCE,
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
SCALES = {VIDEO: 90_000, AUDIO: 48_000}
ANNOUNCED = FlvTag(TagKind.SCRIPT, 0, amf0.encode("onMetaData", {"audiocodecid": 10.0, "audiosamplerate": 48_000.0}))

MODES = pytest.mark.parametrize(
    "settings",
    [
        PackagerSettings(),
        PackagerSettings(segment_target=0),
        PackagerSettings(part_target=PART_TARGET_LOW_LATENCY, low_latency=True),
    ],
    ids=["standard", "reduced", "low"],
)


def package(tags: Iterable[FlvTag], settings: PackagerSettings) -> list[PackagerEvent]:
    """Return the output, which is one period without holes whose segments are no longer than announced."""
    packager = Packager(settings)
    events = feed(packager, tags)
    assert {each.discontinuity for each in inits(events)} == {0}
    for track, scale in SCALES.items():
        segments = ends(events, track)
        assert all(one.decode_time + one.duration == two.decode_time for one, two in pairwise(segments))
        assert all(round(each.duration / scale) <= packager.target_duration for each in segments)
        assert packager.target_duration <= 3
    return events


def data(events: list[PackagerEvent], track: TrackKind) -> list[bytes]:
    return [each.data for part in parts(events, track) for each in samples(part.data)]


def moments(events: list[PackagerEvent], track: TrackKind) -> dict[bytes, float]:
    """When each frame is first decoded, in seconds."""
    found: dict[bytes, float] = {}
    for part in parts(events, track):
        for each in samples(part.data):
            found.setdefault(each.data, each.decode_time / SCALES[track])
    return found


def sent(tags: Iterable[FlvTag], kind: TagKind) -> list[bytes]:
    return [tag.payload[5 if kind is TagKind.VIDEO else 2 :] for tag in tags if tag.kind is kind and is_media(tag)]


def length(events: list[PackagerEvent], track: TrackKind) -> float:
    return sum(each.duration for each in ends(events, track)) / SCALES[track]


@MODES
@pytest.mark.parametrize("ahead", [2_300, 2_500, 5_000, 60_000, 3_600_000, -2_500, -5_000, -60_000])
@pytest.mark.parametrize("kind", [TagKind.AUDIO, TagKind.VIDEO])
@pytest.mark.parametrize("start", [100_000, 2**32 - 8_000])
def test_nothing_is_lost_of_tracks_whose_timestamps_are_far_apart(
    ahead: int, kind: TagKind, start: int, settings: PackagerSettings
) -> None:
    tags = stamped([tag._replace(timestamp=(start + tag.timestamp) % 2**32) for tag in stream(20.0)], kind, ahead)

    events = package(tags, settings)

    assert [each for each in data(events, AUDIO) if each != SILENCE] == sent(tags, TagKind.AUDIO)
    assert list(dict.fromkeys(data(events, VIDEO))) == sent(tags, TagKind.VIDEO)
    if abs(ahead) > 2_400:
        assert length(events, AUDIO) == pytest.approx(20.0, abs=0.1)
        assert length(events, VIDEO) == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize(("ahead", "expected"), [(5_000, 5.0), (-60_000, -60.0), (2_000, 0.0), (0, 0.0)])
def test_how_far_the_tracks_are_apart_is_known(ahead: int, expected: float) -> None:
    subject = Packager(PackagerSettings())
    feed(subject, stamped(stream(5.0, start=100_000), TagKind.AUDIO, ahead), flush=False)
    assert subject.seconds_apart == pytest.approx(expected, abs=0.05)


@MODES
@pytest.mark.parametrize("late", [500, 1_500, 2_000, 3_000, 5_000])
@pytest.mark.parametrize("kind", [TagKind.AUDIO, TagKind.VIDEO])
def test_a_track_that_is_delivered_late_is_kept_and_stays_on_time(
    late: int, kind: TagKind, settings: PackagerSettings
) -> None:
    tags = delivered_late(stream(20.0, start=50_000), kind, late)

    events = package(tags, settings)

    heard, shown = moments(events, AUDIO), moments(events, VIDEO)
    for tag in filter(is_media, tags):
        wanted = (tag.timestamp - 50_000) / 1000
        if tag.kind is TagKind.AUDIO:
            assert heard[tag.payload[2:]] == pytest.approx(wanted, abs=0.001)
        else:
            assert shown[tag.payload[5:]] == pytest.approx(wanted, abs=0.001)
    assert data(events, AUDIO).count(SILENCE) == 0


def test_audio_that_is_later_than_the_limit_is_reported() -> None:
    subject = Packager(PackagerSettings())
    tags = stream(20.0)
    late = audio_frames(20_000 - MAX_LATE_MS - 1_500, 3.0)
    video_only = frames(20_000, 10.0)
    feed(
        subject, [*tags, *sorted([*video_only, *audio_frames(20_000, 4.0)], key=lambda tag: tag.timestamp)], flush=False
    )
    assert subject.audio_late == 0.0
    for one in late[:3]:
        subject.feed(one._replace(timestamp=24_010 + one.timestamp % 50), ARRIVED)

    assert subject.audio_late == pytest.approx(5.9, abs=0.1)


@MODES
@pytest.mark.parametrize("pause", [0.9, 2.0, 2.6, 5.0, 20.0])
@pytest.mark.parametrize("gop", [1.0, 3.0])
@pytest.mark.parametrize("fps", [5, 30])
def test_a_pause_of_the_video_repeats_the_last_frame_and_leaves_the_audio_alone(
    pause: float, gop: float, fps: int, settings: PackagerSettings
) -> None:
    tags = without(stream(8.0 + pause + 5.0, gop=gop, fps=fps), TagKind.VIDEO, 7_710, 7_710 + round(pause * 1000))

    events = package(tags, settings)

    assert [each for each in data(events, AUDIO) if each != SILENCE] == sent(tags, TagKind.AUDIO)
    assert data(events, AUDIO).count(SILENCE) <= 5  # at the end, while the last picture lasts
    assert list(dict.fromkeys(data(events, VIDEO))) == sent(tags, TagKind.VIDEO)
    assert length(events, VIDEO) == pytest.approx(length(events, AUDIO), abs=0.05)
    shown = moments(events, VIDEO)
    after = [tag for tag in tags if tag.kind is TagKind.VIDEO and tag.timestamp >= 7_710 + pause * 1000]
    assert all(shown[tag.payload[5:]] == pytest.approx(tag.timestamp / 1000, abs=0.005) for tag in after)


@MODES
def test_a_player_gets_video_while_it_pauses(settings: PackagerSettings) -> None:
    """Segments are out while nothing of the video comes, never far behind the audio."""
    subject = Packager(settings)
    video, audio = 0.0, 0.0
    for tag in without(stream(30.0), TagKind.VIDEO, 10_000, 99_000):
        for event in subject.feed(tag, ARRIVED):
            if event in ends([event], VIDEO):
                video = (event.decode_time + event.duration) / 90_000  # type: ignore[union-attr]
            elif event in ends([event], AUDIO):
                audio = (event.decode_time + event.duration) / 48_000  # type: ignore[union-attr]
        if tag.kind is TagKind.AUDIO and tag.timestamp > 4_000:
            assert tag.timestamp / 1000 - min(audio, video) <= 2.49 + PAUSED_AFTER_MS / 1000 + 0.5


@pytest.mark.parametrize("gop", [0.5, 3.0])
def test_what_follows_a_pause_can_be_decoded(gop: float) -> None:
    """Before every frame that is no keyframe come the ones it refers to: those since its keyframe, in order."""
    tags = without(stream(20.0, gop=gop), TagKind.VIDEO, 7_400, 13_100)
    every = round(gop * 30)

    chain: list[bytes] = []
    for each in data(package(tags, PackagerSettings()), VIDEO):
        number = int(each[1:])
        if number % every == 0:
            chain = [each]
        elif int(chain[-1][1:]) + 1 != number:
            # Frames that were lost with the pause are missing, of course.
            assert int(chain[-1][1:]) == 221 and number == 393
            chain.append(each)
        else:
            chain.append(each)
    assert (gop == 3.0) == (round(gop * 30) > FEW_FRAMES)


@MODES
@pytest.mark.parametrize("pause", [0.5, 1.5, 3.0, 20.0])
def test_a_pause_of_the_audio_is_silent_and_leaves_the_video_alone(pause: float, settings: PackagerSettings) -> None:
    tags = without(stream(8.0 + pause + 5.0), TagKind.AUDIO, 8_000, 8_000 + round(pause * 1000))

    events = package(tags, settings)

    assert data(events, VIDEO) == sent(tags, TagKind.VIDEO)
    heard = [each for each in data(events, AUDIO) if each != SILENCE]
    assert heard == sent(tags, TagKind.AUDIO)
    assert length(events, AUDIO) == pytest.approx(length(events, VIDEO), abs=0.05)
    times = moments(events, AUDIO)
    assert all(
        times[tag.payload[2:]] == pytest.approx(tag.timestamp / 1000, abs=0.06)
        for tag in tags
        if tag.kind is TagKind.AUDIO and is_media(tag)
    )


@MODES
def test_tracks_that_pause_in_turn_and_more_than_once(settings: PackagerSettings) -> None:
    tags = stream(60.0)
    for begin in (8_000, 22_000, 40_000):
        tags = without(without(tags, TagKind.VIDEO, begin, begin + 5_000), TagKind.AUDIO, begin + 7_000, begin + 11_000)

    events = package(tags, settings)

    assert [each for each in data(events, AUDIO) if each != SILENCE] == sent(tags, TagKind.AUDIO)
    assert list(dict.fromkeys(data(events, VIDEO))) == sent(tags, TagKind.VIDEO)
    assert length(events, AUDIO) == pytest.approx(60.0, abs=0.1)
    assert length(events, VIDEO) == pytest.approx(60.0, abs=0.1)


@MODES
@pytest.mark.parametrize("begin", [0.03, 1.0, 4.0, 25.0])
@pytest.mark.parametrize("header", ["at the start", "with the audio"])
def test_announced_audio_that_begins_late_is_silence_until_then(
    begin: float, header: str, settings: PackagerSettings
) -> None:
    late = audio_header(timestamp=round(begin * 1000))
    tags = [ANNOUNCED, *without(stream(30.0), TagKind.AUDIO, 0, round(begin * 1000))]
    if header == "with the audio":
        tags.remove(audio_header())
        tags.insert(next(at for at, tag in enumerate(tags) if tag.kind is TagKind.AUDIO), late)

    subject = Packager(settings)
    listed = next(
        tag.timestamp
        for tag in tags
        if ends(subject.feed(tag, ARRIVED), AUDIO) and (subject.awaits_audio or subject.started)
    )
    events = package(tags, settings)

    assert listed <= MAX_LATE_MS + 2_500
    assert [each for each in data(events, AUDIO) if each != SILENCE] == sent(tags, TagKind.AUDIO)
    assert ends(events, AUDIO)[0].decode_time / 48_000 < 0.05
    assert len(inits(events)) == 2
    first = sent(tags, TagKind.AUDIO)[0]
    assert moments(events, AUDIO)[first] == pytest.approx(begin, abs=0.06)


JOINS = pytest.mark.parametrize("begin", [1.5, 5.0, 16.0, 40.0])


@MODES
@JOINS
def test_video_that_joins_is_shown_from_the_beginning_of_the_audio(begin: float, settings: PackagerSettings) -> None:
    video = [video_header(timestamp=round(begin * 1000)), *frames(round(begin * 1000), 8.0)]
    tags = sorted([metadata(), audio_header(), *audio_frames(0, begin + 8.0), *video], key=lambda tag: tag.timestamp)

    events = package(tags, settings)

    assert len(inits(events)) == 2
    assert ends(events, VIDEO)[0].decode_time == 0
    assert all(each.independent for each in ends(events, VIDEO))
    assert list(dict.fromkeys(data(events, VIDEO))) == sent(tags, TagKind.VIDEO)
    assert moments(events, VIDEO)[b"v000001"] == pytest.approx(begin + 0.033, abs=0.001)
    assert [each for each in data(events, AUDIO) if each != SILENCE] == sent(tags, TagKind.AUDIO)
    assert length(events, VIDEO) == pytest.approx(length(events, AUDIO), abs=0.05)


@MODES
@JOINS
def test_audio_that_nothing_announced_is_silence_until_it_joins(begin: float, settings: PackagerSettings) -> None:
    at = round(begin * 1000)
    audio = [audio_header(timestamp=at), *audio_frames(at, 8.0)]
    tags = sorted([video_header(), *frames(0, begin + 8.0), *audio], key=lambda tag: tag.timestamp)

    events = package(tags, settings)

    assert len(inits(events)) == 2
    assert 0 <= ends(events, AUDIO)[0].decode_time < 1024
    assert [each for each in data(events, AUDIO) if each != SILENCE] == sent(tags, TagKind.AUDIO)
    assert moments(events, AUDIO)[b"a000000"] == pytest.approx(begin, abs=0.03)
    assert list(data(events, VIDEO)) == sent(tags, TagKind.VIDEO)
    assert length(events, AUDIO) == pytest.approx(length(events, VIDEO), abs=0.05)


@pytest.mark.parametrize("first", [VIDEO, AUDIO])
def test_a_track_that_joins_names_all_segments_it_lacks(first: TrackKind) -> None:
    kind = TagKind.AUDIO if first is VIDEO else TagKind.VIDEO
    late = [metadata(), *without(stream(60.0), kind, 0, 45_000)]
    resume = Resume(1, 10, 20, 30.0, 2, video_missing=7, audio_missing=9)
    packager = Packager(PackagerSettings(), resume)

    events = [event for tag in late for event in packager.feed(tag, ARRIVED)]

    second = AUDIO if first is VIDEO else VIDEO
    join = next(at for at, event in enumerate(events) if event in inits(events) and event.track is second)
    init, begun = inits(events[join:])[0], parts(events[join:], second)[0]
    missing = {VIDEO: 7, AUDIO: 9}
    assert inits(events[:join])[0].missing == missing[first]
    assert init.missing == missing[second] + len(ends(events[:join], first))
    assert begun.sequence == {VIDEO: 10, AUDIO: 20}[second] + init.missing
    assert begun.decode_time == init.start
    assert init.filler.endswith(SILENCE if second is AUDIO else b"v001350")
    packager.flush()
    assert packager.resume.video_missing == packager.resume.audio_missing == 0


def test_video_that_arrives_behind_its_audio_is_not_held_back_by_segments_of_audio() -> None:
    """Nothing announces the video, which is delivered 3 s late: audio is two segments ahead when it joins."""
    tags = [metadata(), *delivered_late(stream(12.0), TagKind.VIDEO, 3_000)]

    events = package(tags, PackagerSettings())

    assert list(dict.fromkeys(data(events, VIDEO))) == sent(tags, TagKind.VIDEO)
    assert moments(events, VIDEO)[b"v000060"] == pytest.approx(2.0, abs=0.001)


def test_players_wait_for_announced_audio() -> None:
    subject = Packager(PackagerSettings())
    feed(subject, [ANNOUNCED, video_header(), *frames(0, HEADER_WAIT_MS / 1000)], flush=False)
    assert subject.awaits_audio
    feed(subject, frames(HEADER_WAIT_MS, 0.1), flush=False)
    assert not subject.awaits_audio


def test_audio_that_is_not_as_announced_begins_a_period() -> None:
    tags = [ANNOUNCED, video_header(), *frames(0, 8.0), audio_header(bytes.fromhex("1210")), *frames(8_000, 2.0)]

    events = feed(Packager(PackagerSettings()), tags)

    assert [each.sample_rate for each in inits(events) if each.track is AUDIO] == [48_000, 44_100]


@MODES
@pytest.mark.parametrize("drop", [5_217, 6_005, 7_983])
def test_after_a_drop_both_tracks_continue_without_a_gap(drop: int, settings: PackagerSettings) -> None:
    """With B-frames, whose first picture would be shown 67 ms after the audio."""
    tags = [
        tag._replace(payload=tag.payload[:2] + (67).to_bytes(3, "big") + tag.payload[5:])
        if tag.kind is TagKind.VIDEO and is_media(tag)
        else tag
        for tag in stream(10.0)
    ]
    first = Packager(settings)
    before = feed(first, [tag for tag in tags if tag.timestamp < drop])
    after = feed(Packager(settings, first.resume), tags)

    for track, scale in SCALES.items():
        shown = [each for part in parts(before, track) for each in samples(part.data)]
        end = max(each.decode_time + each.offset + each.duration for each in shown)
        first = samples(parts(after, track)[0].data)[0]
        assert 0 <= (first.decode_time + first.offset - end) / scale + 1e-6 <= 0.025


def test_parameter_sets_are_in_every_keyframe_after_a_change_and_the_track_stays_avc1() -> None:
    small, large = sps(20, 20), sps()
    change = [video_header(avc_record(large)), *frames(2_000, 2.0)]

    events = feed(Packager(PackagerSettings()), [video_header(avc_record(small)), *frames(0, 2.0), *change])

    pps = b"\0\0\0\2\x68\xee"
    sets = len(large).to_bytes(4, "big") + large + pps
    found = [(part.discontinuity, each) for part in parts(events, VIDEO) for each in samples(part.data)]
    assert all(each.data.startswith(b"v") for discontinuity, each in found if discontinuity == 0)
    assert all(each.data.startswith(sets + b"v") is each.sync for discontinuity, each in found if discontinuity == 1)
    assert {each.codec[:5] for each in inits(events)} == {"avc1."}


def test_a_keyframe_with_parameter_sets_gets_no_others() -> None:
    pps = b"\0\0\0\2\x68\xee"
    own = len(sps()).to_bytes(4, "big") + sps() + pps
    tags = [video_header(), frame(0, key=True, data=own + b"picture"), frame(33)]

    events = feed(Packager(PackagerSettings(), Resume(discontinuity=4)), tags)

    assert data(events, VIDEO)[0] == own + b"picture"
