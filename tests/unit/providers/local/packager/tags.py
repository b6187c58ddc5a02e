"""Generates FLV tags and parses ISO BMFF boxes for the packager's tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from providers.local.codecs.aac import parse_aac_config
from providers.local.codecs.bits import pack_bits
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.manifest.views import InitView, SegmentView, TrackView
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.events import PackagerEvent, Part, SegmentEnd, TrackInit
from providers.local.packager.packager import Packager
from providers.local.storage.filler import Filling, filled_segments

ARRIVED = 1_700_000_000.0


def golomb(value: int) -> tuple[int, int]:
    """Encode ue(v) as a field for `pack_bits`."""
    return value + 1, 2 * (value + 1).bit_length() - 1


def sps(
    width_mbs: int = 40,
    height_units: int = 23,
    *,
    profile: int = 77,
    chroma: tuple[tuple[int, int], ...] = (),
    frames_only: bool = True,
    crop: tuple[int, int, int, int] | None = (0, 0, 0, 4),
    vui: tuple[tuple[int, int], ...] = ((0, 1),),
) -> bytes:
    """Build a sequence parameter set, 640x360 by default; `vui` begins with its presence flag."""
    fields: list[tuple[int, int]] = [(0x67, 8), (profile, 8), (0, 8), (31, 8), golomb(0), *chroma]
    fields += [golomb(0), golomb(2), golomb(4), (0, 1), golomb(width_mbs - 1), golomb(height_units - 1)]
    fields += [(1, 1)] if frames_only else [(0, 1), (0, 1)]
    fields += [(1, 1), (crop is not None, 1), *(golomb(each) for each in crop or ()), *vui, (1, 1)]
    return re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", pack_bits(*fields))


def avc_record(nal: bytes | None = None) -> bytes:
    """Build an AVCDecoderConfigurationRecord with this SPS and a PPS."""
    nal = sps() if nal is None else nal
    return b"\x01" + nal[1:4] + b"\xff\xe1" + len(nal).to_bytes(2, "big") + nal + b"\x01\x00\x02\x68\xee"


LC_48K_STEREO = bytes.fromhex("1190")

SILENCE = parse_aac_config(LC_48K_STEREO).silence
"""The frame that fills gaps in the audio."""


def video_header(record: bytes | None = None, timestamp: int = 0) -> FlvTag:
    return FlvTag(TagKind.VIDEO, timestamp, b"\x17\0\0\0\0" + (avc_record() if record is None else record))


def audio_header(config: bytes = LC_48K_STEREO, timestamp: int = 0) -> FlvTag:
    return FlvTag(TagKind.AUDIO, timestamp, b"\xaf\0" + config)


def frame(timestamp: int, *, key: bool = False, cts: int = 0, data: bytes = b"frame") -> FlvTag:
    head = (b"\x17\1" if key else b"\x27\1") + (cts & 0xFFFFFF).to_bytes(3, "big")
    return FlvTag(TagKind.VIDEO, timestamp % 2**32, head + data)


def audio_frame(timestamp: int, data: bytes = b"sound") -> FlvTag:
    return FlvTag(TagKind.AUDIO, timestamp % 2**32, b"\xaf\1" + data)


def metadata(*names: bytes) -> FlvTag:
    """Build an onMetaData with these properties; their values are arbitrary."""
    properties = b"".join(len(name).to_bytes(2, "big") + name + b"\0" + bytes(8) for name in names)
    return FlvTag(TagKind.SCRIPT, 0, b"\x02\0\x0aonMetaData\x08\0\0\0\0" + properties + b"\0\0\x09")


def frames(start: int, seconds: float, *, gop: float = 1.0, fps: int = 30) -> list[FlvTag]:
    """Generate a video track in which each frame contains its number."""
    every = round(gop * fps)
    return [
        frame(start + round(number * 1000 / fps), key=number % every == 0, data=b"v%06d" % number)
        for number in range(round(seconds * fps))
    ]


def audio_frames(start: int, seconds: float, *, rate: int = 48_000) -> list[FlvTag]:
    """Generate an audio track in which each frame contains its number."""
    count = round(seconds * rate / 1024)
    return [audio_frame(start + round(number * 1024_000 / rate), b"a%06d" % number) for number in range(count)]


def stream(seconds: float, *, start: int = 0, gop: float = 1.0, fps: int = 30) -> list[FlvTag]:
    """Generate headers, then both tracks in the order of their timestamps."""
    media = frames(start, seconds, gop=gop, fps=fps) + audio_frames(start, seconds)
    return [video_header(), audio_header(), *sorted(media, key=lambda tag: tag.timestamp)]


def feed(packager: Packager, tags: Iterable[FlvTag], *, flush: bool = True) -> list[PackagerEvent]:
    events = [event for tag in tags for event in packager.feed(tag, ARRIVED)]
    return filled(events + packager.flush() if flush else events)


def filled(events: list[PackagerEvent]) -> list[PackagerEvent]:
    """Insert the segments that the storage fills where a track joins."""
    tracks = {kind: TrackView("source", kind, {}, [], {}, 0, 0, {}) for kind in TrackKind}
    result: list[PackagerEvent] = []
    for at, event in enumerate(events):
        result.append(event)
        own, other = (view for _, view in sorted(tracks.items(), key=lambda each: each[0] is not event.track))
        match event:
            case TrackInit():
                own.inits[event.discontinuity] = InitView(event.discontinuity, event.codec, event.timescale)  # type: ignore[index]
                numbers = [part.sequence for part in parts(events[at:], event.track)]
                if event.missing and numbers:
                    result += _filled(event, other, numbers[0] - event.missing)
            case SegmentEnd():
                own.segments.append(_listed(event))  # type: ignore[attr-defined]
    return result


def _listed(event: SegmentEnd) -> SegmentView:
    place = (event.sequence, event.discontinuity, event.decode_time, event.duration)
    return SegmentView(*place, event.independent, event.program_time, 0)


def _filled(init: TrackInit, other: TrackView, first: int) -> Iterator[PackagerEvent]:
    segments = filled_segments(init, other, first)
    filling = Filling(first, segments[-1].sequence, init.discontinuity, init.frame_samples)
    for each in segments:
        if each.discontinuity != init.discontinuity:
            yield replace(init, discontinuity=each.discontinuity, missing=0)
        data = filling.render(each, init.filler)
        place = (init.track, each.discontinuity, each.sequence)
        yield Part(*place, 0, each.decode_time, each.duration, True, data)
        yield SegmentEnd(*place, each.decode_time, each.duration, True, each.program_time)


def inits(events: Iterable[PackagerEvent]) -> list[TrackInit]:
    return [each for each in events if isinstance(each, TrackInit)]


def ends(events: Iterable[PackagerEvent], track: TrackKind) -> list[SegmentEnd]:
    return [each for each in events if isinstance(each, SegmentEnd) and each.track is track]


def parts(events: Iterable[PackagerEvent], track: TrackKind) -> list[Part]:
    return [each for each in events if isinstance(each, Part) and each.track is track]


class Box(NamedTuple):
    """A box: its position, type and content."""

    start: int
    kind: bytes
    content: bytes


CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf"}


def boxes(data: bytes, start: int = 0) -> Iterator[Box]:
    """Return all boxes of the data, containers before their children; raise AssertionError if sizes do not match."""
    position = 0
    while position < len(data):
        size, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        assert 8 <= size <= len(data) - position
        content = data[position + 8 : position + size]
        yield Box(start + position, kind, content)
        if kind in CONTAINERS:
            yield from boxes(content, start + position + 8)
        position += size


class Sample(NamedTuple):
    """A sample of a fragment; times in ticks."""

    decode_time: int
    duration: int
    offset: int
    sync: bool
    data: bytes


def samples(fragment: bytes) -> list[Sample]:
    """Return the samples of one `moof` and `mdat` (ISO/IEC 14496-12; only the flags that the packager uses)."""
    found = {each.kind: each for each in boxes(fragment)}
    assert [each.kind for each in boxes(fragment)] == [b"moof", b"mfhd", b"traf", b"tfhd", b"tfdt", b"trun", b"mdat"]
    numbers = [
        int.from_bytes(found[b"tfhd"].content[at : at + 4], "big") for at in range(0, len(found[b"tfhd"].content), 4)
    ]
    assert numbers[0] & ~0x28 == 0x020000
    defaults = numbers[2:]
    default_duration, default_flags = defaults if defaults else (0, 0)
    time = int.from_bytes(found[b"tfdt"].content[4:], "big")
    run = found[b"trun"].content
    flags, count, position = (int.from_bytes(run[at : at + 4], "big") for at in (0, 4, 8))
    assert flags >> 24 == 1
    values = iter([int.from_bytes(run[at : at + 4], "big") for at in range(12, len(run), 4)])
    result = []
    for _ in range(count):
        duration = next(values) if flags & 0x100 else default_duration
        size = next(values)
        sample_flags = next(values) if flags & 0x400 else default_flags
        offset = next(values) if flags & 0x800 else 0
        offset -= (offset >> 31) << 32
        data = fragment[position : position + size]
        result.append(Sample(time, duration, offset, not sample_flags & 0x10000, data))
        time, position = time + duration, position + size
    assert position == len(fragment)
    assert next(values, None) is None
    return result
