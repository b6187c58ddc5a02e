"""What the packager writes decodes to exactly the frames that went in, measured with a real ffmpeg.

Each case makes an FLV, feeds its tags to the packager, decodes the FLV and what came out (init segment and parts, one file
per track and period), and compares the hashes of all decoded frames and when they are shown.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from providers.local.codecs.aac import parse_aac_config
from providers.local.codecs.bits import pack_bits
from providers.local.flv.file import FlvReader, flv_header, serialize
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.mp4.fragments import audio_fragment
from providers.local.mp4.tracks import TrackKind
from providers.local.mp4.writer import audio_init
from providers.local.packager.cutting import PART_TARGET_LOW_LATENCY, PackagerSettings
from providers.local.packager.events import Part, SegmentEnd, TrackInit
from providers.local.packager.packager import Packager
from tests.unit.providers.local.packager.tags import filled

pytestmark = pytest.mark.e2e

FFMPEG_TIMEOUT = 60.0
SYNC_TOLERANCE = 0.003
"""Seconds between where the FLV and the segments show a frame: FLV itself rounds to ms."""

SOUND_FRAME = 1024 / 48_000
"""Seconds: audio starts again, with the video, at a whole frame."""

PICTURE = "testsrc2=size={size}:rate={rate}"
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2", "-threads", "1")
LOW = PackagerSettings(part_target=PART_TARGET_LOW_LATENCY, low_latency=True)
STANDARD = PackagerSettings()
REDUCED = PackagerSettings(segment_target=0)
MODES = pytest.mark.parametrize("settings", [STANDARD, REDUCED, LOW], ids=["standard", "reduced", "low"])


async def run(*arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(FFMPEG_TIMEOUT):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, err.decode(errors="replace")
    return out


async def encode(
    seconds: float,
    *,
    gop: float = 1.0,
    size: str = "192x108",
    rate: int = 30,
    video: bool = True,
    audio: bool = True,
    audio_rate: int = 48_000,
    pause: tuple[float, float] | None = None,
) -> list[FlvTag]:
    """Return the tags of a generated FLV, without video between the two moments of `pause`, in seconds."""
    inputs: list[str] = []
    codecs: list[str] = []
    if video:
        inputs += ["-f", "lavfi", "-i", PICTURE.format(size=size, rate=rate)]
        codecs += [*X264, "-g", str(round(gop * rate)), "-keyint_min", str(round(gop * rate)), "-sc_threshold", "0"]
    if audio:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate={audio_rate}"]
        # Without noise substitution: a decoder's noise depends on all it decoded before, so hashes would, too.
        codecs += ["-c:a", "aac", "-b:a", "64k", "-ac", "2", "-aac_pns", "0"]
    if pause is not None:
        codecs += ["-vf", f"select=not(between(t\\,{pause[0]}\\,{pause[1]}))", "-fps_mode", "vfr"]
    out = await run("ffmpeg", "-v", "error", *inputs, *codecs, "-t", str(seconds), "-f", "flv", "pipe:1")
    return FlvReader().feed(out)


@dataclass
class Packaged:
    """What came out, by track and period."""

    files: dict[tuple[TrackKind, int], bytes] = field(default_factory=lambda: defaultdict(bytes))
    inits: list[TrackInit] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    ends: list[SegmentEnd] = field(default_factory=list)
    packager: Packager | None = None

    def ends_of(self, track: TrackKind) -> list[SegmentEnd]:
        return [each for each in self.ends if each.track is track]


def package(tags: Iterable[FlvTag], settings: PackagerSettings = STANDARD) -> Packaged:
    packager = Packager(settings)
    result = Packaged(packager=packager)
    events = [event for tag in tags for event in packager.feed(tag, 1_700_000_000.0)]
    for event in filled([*events, *packager.flush()]):
        match event:
            case TrackInit():
                result.inits.append(event)
                result.files[event.track, event.discontinuity] += event.data
            case Part():
                result.parts.append(event)
                result.files[event.track, event.discontinuity] += event.data
            case SegmentEnd():
                result.ends.append(event)
    return result


async def decoded(path: Path, stream: str) -> list[tuple[float, str]]:
    """(seconds, hash) of every decoded frame of a stream (v or a), in the order they are shown."""
    text = await run(
        "ffmpeg", "-v", "error", "-copyts", "-i", str(path), "-map", f"0:{stream}", "-fps_mode", "passthrough",
        "-enc_time_base", "1:1000000" if stream == "v" else "-1", "-f", "framehash", "-hash", "md5", "-",
    )  # fmt: skip
    frames = []
    base = 0.0
    for line in text.decode().splitlines():
        if line.startswith("#tb 0:"):
            numerator, denominator = line.split(":")[1].strip().split("/")
            base = int(numerator) / int(denominator)
        elif not line.startswith("#"):
            columns = [column.strip() for column in line.split(",")]
            frames.append((int(columns[2]) * base, columns[5]))
    return frames


def write_flv(path: Path, tags: Iterable[FlvTag]) -> None:
    path.write_bytes(flv_header() + b"".join(map(serialize, tags)))


async def source_frames(tags: Iterable[FlvTag], path: Path, stream: str) -> list[tuple[float, str]]:
    write_flv(path, tags)
    return await decoded(path, stream)


async def packaged_frames(packaged: Packaged, track: TrackKind, directory: Path) -> list[tuple[float, str]]:
    frames = []
    for (kind, discontinuity), data in packaged.files.items():
        if kind is track:
            path = directory / f"{kind}{discontinuity}.mp4"
            path.write_bytes(data)
            frames += await decoded(path, track[0])
    return frames


def hashes(frames: list[tuple[float, str]]) -> list[str]:
    return [each for _, each in frames]


async def assert_same(tags: list[FlvTag], packaged: Packaged, directory: Path) -> None:
    """All frames from the first that is shown on, and the same time between any two of them, also across the tracks.

    Silence may fill the audio up to where the video begins and ends.
    """
    zero = (await source_frames(tags, directory / "source.flv", "v"))[0][0]
    for track in TrackKind:
        source = await source_frames(tags, directory / "source.flv", track[0])
        kept = [(at - zero, digest) for at, digest in source if at >= zero]
        first, last = kept[0][0] - SYNC_TOLERANCE, kept[-1][0] + SYNC_TOLERANCE
        packed = await packaged_frames(packaged, track, directory)
        ours = [each for each in packed if first <= each[0] <= last]  # the last picture may be shown longer
        # What was dropped, or the silence in its place, overlaps with the next audio, which so decodes differently.
        overlap = 0 if len(kept) == len(source) and len(ours) == len(packed) else 2
        assert hashes(ours)[overlap:] == hashes(kept)[overlap:]
        for (mine, _), (theirs, _) in zip(ours, kept, strict=True):
            assert abs(mine - theirs) <= SYNC_TOLERANCE


def assert_in_order(packaged: Packaged, settings: PackagerSettings) -> None:
    """Assert what holds for every output."""
    assert packaged.packager is not None
    timescales = {(each.track, each.discontinuity): each.timescale for each in packaged.inits}
    for track in TrackKind:
        ends = packaged.ends_of(track)
        assert [each.sequence for each in ends] == list(range(len(ends)))
        for before, after in itertools.pairwise(ends):
            if before.discontinuity == after.discontinuity:
                assert before.decode_time + before.duration == after.decode_time
        for end in ends:
            seconds = end.duration / timescales[track, end.discontinuity]
            assert round(seconds) <= packaged.packager.target_duration
            parts = [each for each in packaged.parts if each.track is track and each.sequence == end.sequence]
            assert sum(each.duration for each in parts) == end.duration
            assert [each.index for each in parts] == list(range(len(parts)))
            if len(parts) == 1:
                continue  # filled: playlists do not list it as a part
            for part, following in itertools.zip_longest(parts, parts[1:]):
                share = part.duration / timescales[track, part.discontinuity] / packaged.packager.part_target
                assert share <= 1.0001
                assert share >= 0.85 or following is None or (track is TrackKind.VIDEO and following.independent)


@MODES
@pytest.mark.parametrize(("gop", "seconds"), [(1.0, 6.5), (2.0, 7.0), (8.33, 20.0)])
async def test_b_frames_and_audio_are_unchanged(
    gop: float, seconds: float, settings: PackagerSettings, tmp_path: Path
) -> None:
    tags = await encode(seconds, gop=gop)

    packaged = package(tags, settings)

    await assert_same(tags, packaged, tmp_path)
    assert_in_order(packaged, settings)


@pytest.mark.parametrize(("size", "rate", "audio_rate"), [("178x102", 25, 44_100), ("130x98", 24, 22_050)])
async def test_odd_sizes_and_rates(size: str, rate: int, audio_rate: int, tmp_path: Path) -> None:
    tags = await encode(5, size=size, rate=rate, audio_rate=audio_rate)

    packaged = package(tags)

    init = packaged.inits[0]
    assert f"{init.width}x{init.height}" == size
    assert init.frame_rate == rate
    await assert_same(tags, packaged, tmp_path)


def shifted(tags: Iterable[FlvTag], milliseconds: int) -> list[FlvTag]:
    """Return the same media that many ms later, on a clock of 32 bits; headers too."""
    return [tag._replace(timestamp=(tag.timestamp + milliseconds) % 2**32) for tag in tags]


def without(tags: Iterable[FlvTag], kind: TagKind) -> list[FlvTag]:
    return [tag for tag in tags if tag.kind is not kind]


@pytest.mark.parametrize("kind", [TagKind.AUDIO, TagKind.VIDEO])
@MODES
async def test_a_single_track_is_enough(kind: TagKind, settings: PackagerSettings, tmp_path: Path) -> None:
    tags = await encode(6, video=kind is TagKind.VIDEO, audio=kind is TagKind.AUDIO)
    track = TrackKind.VIDEO if kind is TagKind.VIDEO else TrackKind.AUDIO

    packaged = package(tags, settings)

    assert {each.track for each in packaged.inits} == {track}
    assert len(packaged.ends) >= 3
    assert_in_order(packaged, settings)
    source = await source_frames(tags, tmp_path / "source.flv", track[0])
    assert hashes(await packaged_frames(packaged, track, tmp_path)) == hashes(source)


async def test_audio_that_begins_seconds_after_the_video_stays_in_sync(tmp_path: Path) -> None:
    tags = [tag for tag in await encode(7) if tag.kind is not TagKind.AUDIO or tag.timestamp >= 2_800]
    header = next(tag for tag in await encode(1, video=False) if tag.kind is TagKind.AUDIO and tag.payload[1] == 0)
    tags.insert(next(i for i, tag in enumerate(tags) if tag.kind is TagKind.AUDIO), header._replace(timestamp=2_800))

    packaged = package(tags)

    await assert_same(tags, packaged, tmp_path)
    first = packaged.ends_of(TrackKind.AUDIO)[0]
    assert first.decode_time < 1024  # silence comes before it
    assert_in_order(packaged, STANDARD)


async def test_video_that_begins_after_the_audio_stays_in_sync(tmp_path: Path) -> None:
    """The sound started alone, since nothing announced video."""
    both = [tag for tag in await encode(8, gop=1) if tag.kind is not TagKind.SCRIPT]
    is_header = [tag.payload[1] == 0 for tag in both]
    tags = [
        tag
        for tag, header in zip(both, is_header, strict=True)
        if tag.kind is TagKind.AUDIO or (tag.timestamp >= 3_000 and not header)
    ]
    video_header = next(tag for tag in both if tag.kind is TagKind.VIDEO)
    tags.insert(next(i for i, tag in enumerate(tags) if tag.kind is TagKind.VIDEO), video_header)

    packaged = package(tags)

    video = await source_frames(tags, tmp_path / "source.flv", "v")
    audio_samples = await source_frames(tags, tmp_path / "source.flv", "a")
    ours_video = await packaged_frames(packaged, TrackKind.VIDEO, tmp_path)
    ours_sound = await packaged_frames(packaged, TrackKind.AUDIO, tmp_path)
    assert ours_video[-1][1] == video[-1][1]
    last = next(at for at, digest in reversed(ours_sound) if digest == audio_samples[-1][1])  # silence may follow
    offset = ours_video[-1][0] - last
    assert abs(offset - (video[-1][0] - audio_samples[-1][0])) <= SYNC_TOLERANCE
    assert_in_order(packaged, STANDARD)


async def test_another_frame_size_begins_a_period_where_the_last_one_ended(tmp_path: Path) -> None:
    small, large = await encode(3.5), await encode(3.5, size="320x180")
    tags = [*small, *shifted(large, small[-1].timestamp + 30)]

    packaged = package(tags)

    assert [(each.track, each.discontinuity) for each in packaged.inits] == [
        (TrackKind.VIDEO, 0),
        (TrackKind.AUDIO, 0),
        (TrackKind.VIDEO, 1),
        (TrackKind.AUDIO, 1),
    ]
    frames = await packaged_frames(packaged, TrackKind.VIDEO, tmp_path)
    expected = [
        *await source_frames(small, tmp_path / "small.flv", "v"),
        *await source_frames(large, tmp_path / "large.flv", "v"),
    ]
    assert hashes(frames) == hashes(expected)
    assert_in_order(packaged, STANDARD)
    assert_joined(packaged)


async def test_a_decoder_that_keeps_the_first_init_segment_decodes_another_frame_size(tmp_path: Path) -> None:
    small, large = await encode(2.5), await encode(2.5, size="320x180")
    packaged = package([*small, *shifted(large, small[-1].timestamp + 30)])
    path = tmp_path / "video.mp4"
    video = [part.data for part in packaged.parts if part.track is TrackKind.VIDEO]
    path.write_bytes(packaged.inits[0].data + b"".join(video))

    await run("ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-")

    assert len(await decoded(path, "v")) == 150


async def test_a_jump_of_the_clock_begins_a_period(tmp_path: Path) -> None:
    one = await encode(3.5)
    media = [tag for tag in one if tag.kind is not TagKind.SCRIPT and tag.payload[1] == 1]
    for distance in (600_000, -2_000):
        tags = [*shifted(one, 100_000), *shifted(media, 100_000 + distance)]

        packaged = package(tags)

        assert {each.discontinuity for each in packaged.inits} == {0, 1}
        twice = hashes(await source_frames(one, tmp_path / "one.flv", "v")) * 2
        assert hashes(await packaged_frames(packaged, TrackKind.VIDEO, tmp_path)) == twice
        assert_in_order(packaged, STANDARD)
        assert_joined(packaged)


@MODES
@pytest.mark.parametrize("seconds", [2.0, 4.0, 7.0])
async def test_a_pause_of_the_video_loses_no_frame_and_keeps_audio_and_video_in_sync(
    seconds: float, settings: PackagerSettings, tmp_path: Path
) -> None:
    lost = range(4_310, 4_310 + round(seconds * 1000))
    tags = [tag for tag in await encode(15) if tag.kind is not TagKind.VIDEO or tag.timestamp not in lost]

    packaged = package(tags, settings)

    assert packaged.packager is not None
    assert packaged.packager.target_duration == 2
    timescales = {each.track: each.timescale for each in packaged.inits}
    assert all(end.duration / timescales[end.track] <= 2.49 for end in packaged.ends)
    first = {init.track: init.data for init in reversed(packaged.inits)}
    moments = {}
    for track in TrackKind:
        path = tmp_path / f"{track}.mp4"
        path.write_bytes(first[track] + b"".join(part.data for part in packaged.parts if part.track is track))
        ours = await decoded(path, track[0])
        source = await source_frames(tags, tmp_path / "source.flv", track[0])
        moments[track] = ours[-1][0] - source[-1][0]
        if track is TrackKind.VIDEO:
            assert list(dict.fromkeys(hashes(sorted(ours)))) == hashes(source)  # the last picture may be repeated
        else:
            assert hashes(ours)[-40:] == hashes(source)[-40:]
    assert abs(moments[TrackKind.VIDEO] - moments[TrackKind.AUDIO]) <= SOUND_FRAME


@pytest.mark.parametrize("edge", [2**24, 2**31, 2**32])
async def test_wraps_of_the_clock_are_not_noticed(edge: int, tmp_path: Path) -> None:
    tags = await encode(6)

    packaged = package(shifted(tags, edge - 3_000))

    assert {each.discontinuity for each in packaged.inits} == {0}
    assert packaged.files == package(tags).files
    await assert_same(tags, packaged, tmp_path)


async def test_audio_lost_for_a_while_is_replaced_with_silence(tmp_path: Path) -> None:
    whole = await encode(7)
    tags = [tag for tag in whole if tag.kind is not TagKind.AUDIO or not 2_000 <= tag.timestamp < 4_500]

    packaged = package(tags)

    before = await packaged_frames(package(whole), TrackKind.AUDIO, tmp_path)
    after = await packaged_frames(packaged, TrackKind.AUDIO, tmp_path)
    assert len(after) == len(before)
    assert [at for at, _ in after] == pytest.approx([at for at, _ in before], abs=0.012)
    assert hashes(after)[-40:] == hashes(before)[-40:]
    middle = hashes(after)[110:200]
    assert len(set(middle)) == 1
    assert_in_order(packaged, STANDARD)


def assert_joined(packaged: Packaged) -> None:
    """Decode times never go back, and the first track of a period begins where the longest of the last one ended."""
    timescales = {(each.track, each.discontinuity): each.timescale for each in packaged.inits}
    edges = defaultdict(list)
    for end in packaged.ends:
        scale = timescales[end.track, end.discontinuity]
        edges[end.discontinuity].append((end.decode_time / scale, (end.decode_time + end.duration) / scale))
    for discontinuity in range(1, max(edges) + 1):
        last = max(end for _, end in edges[discontinuity - 1])
        assert min(start for start, _ in edges[discontinuity]) == pytest.approx(last, abs=0.0001)


def fragmented(config: bytes, frames: int = 50) -> bytes:
    """Return an audio file with only the silence the packager makes for this AudioSpecificConfig."""
    parsed = parse_aac_config(config)
    silence = [parsed.silence] * frames
    return audio_init(parsed) + audio_fragment(1, 0, parsed.frame_samples, [len(each) for each in silence], silence)


@pytest.mark.parametrize("layout", range(1, 8))
async def test_silence_decodes_to_zeros_in_every_channel_layout(layout: int, tmp_path: Path) -> None:
    path = tmp_path / "silence.mp4"
    path.write_bytes(fragmented(pack_bits((2, 5), (3, 4), (layout, 4), (0, 3))))

    audio_samples = await run("ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", "s16le", "pipe:1")

    assert len(audio_samples) == 50 * 1024 * 2 * (8 if layout == 7 else layout)
    assert not any(audio_samples)


@pytest.mark.parametrize(
    "fields",
    [
        ((5, 5), (6, 4), (2, 4), (3, 4), (2, 5), (0, 3)),
        ((2, 5), (6, 4), (2, 4), (0, 3), (0x2B7, 11), (5, 5), (1, 1), (3, 4)),
        ((29, 5), (6, 4), (1, 4), (3, 4), (2, 5), (0, 3)),
    ],
    ids=["HE-AAC", "HE-AAC, compatible", "HE-AAC v2"],
)
async def test_he_aac_is_decoded_at_the_full_rate(fields: tuple[tuple[int, int], ...], tmp_path: Path) -> None:
    path = tmp_path / "he.mp4"
    path.write_bytes(fragmented(pack_bits(*fields)))

    facts = await run(
        "ffprobe", "-v", "error", "-of", "default=nw=1",
        "-show_entries", "stream=sample_rate,channels,time_base", str(path),
    )  # fmt: skip

    assert set(facts.decode().split()) == {"sample_rate=48000", "channels=2", "time_base=1/48000"}
    audio_samples = await run("ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "pipe:1")
    assert len(audio_samples) == 50 * 2048 * 2 * 2
