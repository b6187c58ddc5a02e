"""Streams made badly on purpose, by a real ffmpeg and by hand, and the findings that their streamers see."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.local.flv.file import FlvReader
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.rtmp import amf0
from tests.e2e.clips import endless, run_ffmpeg
from tests.e2e.service import Service, eventually
from tests.unit.providers.local.ingest.clients import Client

pytestmark = pytest.mark.e2e

SECONDS = 18.0
POINTS = 6
"""Of the history, after which everything is known that can be."""

OF_THE_MACHINE = {"upload_slow", "arrival_uneven"}
"""What a busy machine does to a good stream; it is tried by hand below."""

VIDEO = ["-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", "-g", "60", "-sc_threshold", "0"]
CONSTANT = [
    *("-b:v", "500k", "-minrate", "500k", "-maxrate", "500k", "-bufsize", "500k"),
    "-x264-params",
    "nal-hrd=cbr",
]
AUDIO = ["-c:a", "aac", "-b:a", "128k", "-ar", "48000", "-ac", "2"]
GOOD = [*VIDEO, *CONSTANT, *AUDIO]

MADE: dict[str, tuple[list[str], set[str]]] = {
    "good": (GOOD, set()),
    "a keyframe every 250 frames": ([*GOOD, "-g", "250"], {"keyframes_rare"}),
    "keyframes at every cut": ([*GOOD, "-force_key_frames", "0.4,2.4,3,5.5"], {"keyframes_irregular"}),
    "without sound": ([*VIDEO, *CONSTANT, "-an"], {"audio_missing"}),
    "without a picture": (["-vn", *AUDIO], {"video_missing"}),
    "5 frames a second": ([*GOOD, "-r", "5", "-g", "10"], {"fps_low"}),
    "Baseline": ([*GOOD, "-profile:v", "baseline"], {"profile_basic"}),
    "x264's fastest preset": ([*GOOD, "-preset", "ultrafast"], {"preset_fastest"}),
    "silence": ([*GOOD, "-af", "volume=0"], {"audio_silent"}),
    "whispering": ([*GOOD, "-af", "volume=0.00003"], set()),
    "High 4:2:2": ([*GOOD, "-pix_fmt", "yuv422p"], {"profile_unplayable"}),
    "a starved picture": ([*VIDEO, "-b:v", "50k", "-maxrate", "50k", "-bufsize", "50k", *AUDIO], {"bitrate_low"}),
    "a wasteful picture": ([*VIDEO, "-qp", "1", *AUDIO], {"bitrate_high"}),
    "mono at 22,050 Hz": ([*GOOD, "-ac", "1", "-ar", "22050", "-b:a", "64k"], {"mono", "sample_rate_unusual"}),
}
"""How each stream is encoded, and what is to be found."""


def encoded(path: Path, codec: list[str]) -> Path:
    """Encode the clip before it is sent, so that many can be sent at once."""
    video = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"]
    audio = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    run_ffmpeg(*video, *audio, "-t", str(SECONDS), *codec, "-f", "flv", str(path))
    return path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clip without faults."""
    return encoded(tmp_path_factory.mktemp("clips") / "good.flv", GOOD)


async def health(live: Service, channel: str) -> dict[str, Any]:
    return await live.api("GET", f"channels/{channel}/conference/stream_health")  # type: ignore[no-any-return]


def codes(seen: dict[str, Any]) -> set[str]:
    return {each["code"] for each in seen["findings"]}


async def health_once(live: Service, channel: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Look until the health is as wanted."""
    return await eventually(lambda: health(live, channel), wanted, every=0.5)  # type: ignore[no-any-return]


async def test_every_faulty_stream_gets_its_finding_and_the_good_one_none(live: Service, tmp_path: Path) -> None:
    channels = {}
    for number, (name, (codec, _)) in enumerate(MADE.items()):
        path = await asyncio.to_thread(encoded, tmp_path / f"{number}.flv", codec)
        channels[name] = (await live.channel(name), path)
    for (_, stream), path in channels.values():
        await live.push(stream, source=["-i", str(path)], codec=["-c", "copy"])

    async def judged(name: str) -> set[str]:
        (channel, _), _ = channels[name]
        seen = await health_once(live, channel, lambda seen: len(seen["history"]) >= POINTS)
        return codes(seen) - OF_THE_MACHINE

    found = await asyncio.gather(*map(judged, MADE))
    assert dict(zip(MADE, found, strict=True)) == {name: wanted for name, (_, wanted) in MADE.items()}


async def test_what_is_measured_is_what_was_encoded(live: Service, good: Path) -> None:
    channel, stream = await live.channel(latency_mode="low")
    encoder = await live.push(stream, source=["-i", str(good)], codec=["-c", "copy"])
    await live.until(channel, is_watchable=True)
    await live.status(channel, visitor="ann")
    seen = await health_once(live, channel, lambda seen: len(seen["history"]) >= POINTS)
    assert seen["measured"] and seen["connected"]
    assert seen["encoder"].startswith("Lavf")
    video, audio = seen["video"], seen["audio"]
    assert 0.9 < video.pop("bitrate_kbps") / 500 < 1.1
    assert video == {
        "codec": "H.264",
        "profile": "High",
        "level": "1.3",
        "width": 320,
        "height": 180,
        "fps": pytest.approx(30, abs=0.1),
        "keyframe_interval_seconds": pytest.approx(2, abs=0.01),
        "b_frames": True,
    }
    assert 100 < audio.pop("bitrate_kbps") < 150
    assert audio == {"codec": "AAC", "profile": "LC", "sample_rate": 48_000, "channels": 2}
    assert codes(seen) - OF_THE_MACHINE == {"b_frames"}

    await encoder.kill()
    away = await health_once(live, channel, lambda seen: not seen["connected"])
    await live.push(stream, source=["-i", str(good)], codec=["-c", "copy"])
    back = await health_once(
        live, channel, lambda seen: seen["connected"] and len(seen["history"]) > len(away["history"]) + 1
    )
    assert back["history"][: len(away["history"])] == away["history"]
    assert back["history"][-1]["viewer_count"] == 1


# By hand: faults that no encoder can be configured to make.

Change = Callable[[Iterator[FlvTag]], Iterator[FlvTag]]


def of_ffmpeg(path: Path) -> Iterator[FlvTag]:
    """Return an endless good stream."""
    return endless(FlvReader().feed(path.read_bytes()))


def with_a_gap(tags: Iterator[FlvTag]) -> Iterator[FlvTag]:
    """From 3 s on everything is 1.5 s late."""
    for tag in tags:
        yield tag._replace(timestamp=tag.timestamp + 1500) if tag.timestamp > 3000 else tag


def backwards(tags: Iterator[FlvTag]) -> Iterator[FlvTag]:
    """Every fiftieth tag is dated 100 ms too early."""
    for number, tag in enumerate(tags):
        early = number % 50 == 49 and tag.timestamp > 1000
        yield tag._replace(timestamp=tag.timestamp - 100) if early else tag


def untouched(tags: Iterator[FlvTag]) -> Iterator[FlvTag]:
    return tags


async def send(live: Service, stream: dict[str, Any], tags: Iterator[FlvTag], speed: float, *, every: float) -> None:
    """Publish the tags until cancelled, in bursts, at so many times their own time."""
    client = await Client.connect(int(live.environment["CONFERENCE_RTMP_PORT"]))
    try:
        client.publish(stream["stream_key"])
        await client.read_statuses()
        promises = amf0.EcmaArray(width=320.0, height=180.0, framerate=30.0, encoder="by hand")
        metadata = amf0.encode("@setDataFrame", "onMetaData", promises)
        client.send(client.encoder.message(4, 18, metadata, stream_id=1))
        loop = asyncio.get_running_loop()
        began, ahead = loop.time(), next(tags)
        for burst in itertools.count(1):
            while ahead.timestamp < burst * every * speed * 1000:
                sender = client.encoder.video if ahead.kind is TagKind.VIDEO else client.encoder.audio
                client.send(sender(ahead.timestamp, ahead.payload))
                ahead = next(tags)
            await client.writer.drain()
            await asyncio.sleep(max(0.0, began + burst * every - loop.time()))
    finally:
        await client.close()


ON_THE_WAY: dict[str, tuple[Change, float, float]] = {
    "gaps": (with_a_gap, 1.0, 0.1),
    "timestamps_backwards": (backwards, 1.0, 0.1),
    "upload_slow": (untouched, 0.7, 0.1),
    "arrival_uneven": (untouched, 1.0, 1.6),
}
"""What is to be found when the tags are changed like this, and sent so fast, in bursts so many seconds apart."""


async def test_faults_of_the_network_are_found(live: Service, good: Path) -> None:
    async def judged(code: str) -> None:
        change, speed, every = ON_THE_WAY[code]
        channel, stream = await live.channel(code)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(send(live, stream, change(of_ffmpeg(good)), speed, every=every))
            seen = await health_once(live, channel, lambda seen: code in codes(seen))
            sending.cancel()
        assert seen["encoder"] == "by hand"

    async with asyncio.TaskGroup() as group:
        for code in ON_THE_WAY:
            group.create_task(judged(code))
