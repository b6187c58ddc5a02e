"""Encoders as they are in the world publish to our ingest, and every frame they send arrives."""

from __future__ import annotations

import asyncio
import ctypes.util
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from providers.local.flv.tag import TagKind
from providers.local.ingest.server import IngestServer
from providers.local.tls.authority import ensure_local_certificate
from providers.local.tls.context import CertificateFiles, server_context
from service.concurrency.tasks import Tasks
from tests.unit.providers.local.ingest.gates import Recorded, RecordingGate
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e

ALLOW_SKIP = "CONFERENCE_TEST_ALLOW_SKIP"
FRAMES = 60
UNVERIFIED = ["-tls_verify", "0"]
"""The default of ffmpeg up to 8 at least; the current one verifies unless this is switched off."""


@dataclass
class Address:
    """Where to push to, and the certificate authority to trust."""

    plain: str
    encrypted: str
    authority: Path


@dataclass
class Ran:
    """A finished process."""

    code: int
    output: str


def missing(tool: str) -> NoReturn:
    """Skip the test if this is allowed explicitly; fail it otherwise."""
    if os.environ.get(ALLOW_SKIP):
        pytest.skip(f"{tool} is not installed")
    pytest.fail(f"{tool} is not installed ({ALLOW_SKIP}=1 skips what needs it)")


def found(tool: str) -> str:
    return shutil.which(tool) or missing(tool)


def current_ffmpeg() -> str:
    try:
        import imageio_ffmpeg
    except ImportError:
        missing("imageio-ffmpeg")
    return str(imageio_ffmpeg.get_ffmpeg_exe())


async def run(*command: str) -> Ran:
    """Run to the end, which must come by itself."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, output.decode(errors="replace"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of H.264 with B-frames and AAC, in FLV."""
    path = tmp_path_factory.mktemp("clip") / "clip.flv"
    source = ["-f", "lavfi", "-i", f"testsrc2=s=320x180:r={FRAMES // 2}", "-f", "lavfi", "-i", "sine=r=48000"]
    video = ["-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-bf", "2", "-pix_fmt", "yuv420p", "-b:v", "1M"]
    command = [found("ffmpeg"), "-v", "error", *source, "-t", "2", *video, "-c:a", "aac", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return ensure_local_certificate(tmp_path_factory.mktemp("tls"), ["localhost", "127.0.0.1"])


@pytest.fixture
def gate() -> RecordingGate:
    return RecordingGate()


@pytest.fixture
async def address(gate: RecordingGate, tasks: Tasks, certificate: CertificateFiles) -> AsyncIterator[Address]:
    server = IngestServer(gate, tasks.spawn)
    plain = await server.listen("127.0.0.1", 0)
    encrypted = await server.listen("127.0.0.1", 0, server_context(certificate.certificate, certificate.key))
    assert certificate.authority is not None
    yield Address(f"rtmp://127.0.0.1:{plain}/live", f"rtmps://localhost:{encrypted}/live", certificate.authority)
    await server.aclose()
    assert server.counters.connections == 0


def flv_frames(path: Path, kind: TagKind) -> list[bytes]:
    """Return the coded frames of an FLV file (FLV specification 10.1, E.3)."""
    data, position, frames = path.read_bytes(), 13, []
    while position < len(data):
        size = int.from_bytes(data[position + 1 : position + 4], "big")
        payload = data[position + 11 : position + 11 + size]
        if data[position] == kind and payload[1] == 1:
            frames.append(payload)
        position += 11 + size + 4
    return frames


def coded(frames: list[bytes]) -> list[bytes]:
    """Video frames without their first 5 bytes: encoders choose composition offsets their own way."""
    return [frame[5:] for frame in frames]


async def the_publication(gate: RecordingGate) -> Recorded:
    assert len(gate.publications) == 1
    publication = gate.publications[0]
    async with asyncio.timeout(PATIENCE):
        await publication.over.wait()
    return publication


async def assert_all_arrived(gate: RecordingGate, clip: Path) -> Recorded:
    publication = await the_publication(gate)
    assert publication.reasons == ["unpublished"]
    assert coded(publication.frames(TagKind.VIDEO)) == coded(flv_frames(clip, TagKind.VIDEO))
    assert publication.frames(TagKind.AUDIO) == flv_frames(clip, TagKind.AUDIO)
    assert publication.request.app == "live"
    assert publication.request.stream_key == "secret"
    return publication


def debian_ffmpeg() -> str:
    return found("ffmpeg")


@pytest.fixture(params=[debian_ffmpeg, current_ffmpeg], ids=["ffmpeg-of-the-system", "current-ffmpeg"])
def ffmpeg(request: pytest.FixtureRequest) -> str:
    find: Callable[[], str] = request.param
    return find()


def ffmpeg_push(ffmpeg: str, clip: Path, url: str, *options: str) -> list[str]:
    return [ffmpeg, "-v", "error", "-i", str(clip), "-c", "copy", "-f", "flv", *options, url]


async def test_ffmpeg_publishes_over_rtmp(ffmpeg: str, clip: Path, gate: RecordingGate, address: Address) -> None:
    ran = await run(*ffmpeg_push(ffmpeg, clip, f"{address.plain}/secret"))

    assert ran.code == 0, ran.output
    publication = await assert_all_arrived(gate, clip)
    assert not publication.request.encrypted


async def test_ffmpeg_publishes_over_rtmps_without_verification(
    ffmpeg: str, clip: Path, gate: RecordingGate, address: Address
) -> None:
    ran = await run(*ffmpeg_push(ffmpeg, clip, f"{address.encrypted}/secret", *UNVERIFIED))

    assert ran.code == 0, ran.output
    publication = await assert_all_arrived(gate, clip)
    assert publication.request.encrypted


async def test_ffmpeg_verifies_our_certificate_with_our_authority(
    ffmpeg: str, clip: Path, gate: RecordingGate, address: Address
) -> None:
    trust = ["-tls_verify", "1", "-ca_file", str(address.authority)]
    ran = await run(*ffmpeg_push(ffmpeg, clip, f"{address.encrypted}/secret", *trust))

    assert ran.code == 0, ran.output
    await assert_all_arrived(gate, clip)


async def test_ffmpeg_that_does_not_know_our_authority_refuses_us(
    ffmpeg: str, clip: Path, gate: RecordingGate, address: Address
) -> None:
    ran = await run(*ffmpeg_push(ffmpeg, clip, f"{address.encrypted}/secret", "-tls_verify", "1"))

    assert ran.code != 0
    assert gate.requests == []


async def test_ffmpeg_shows_why_a_key_is_refused(
    ffmpeg: str, clip: Path, gate: RecordingGate, address: Address
) -> None:
    ran = await run(*ffmpeg_push(ffmpeg, clip, f"{address.encrypted}/wrong", *UNVERIFIED))

    assert ran.code != 0
    assert "No stream has this key" in ran.output


async def test_ffmpeg_fails_at_once_with_rtmps_on_the_plain_port(ffmpeg: str, clip: Path, address: Address) -> None:
    ran = await run(*ffmpeg_push(ffmpeg, clip, address.plain.replace("rtmp:", "rtmps:") + "/secret"))

    assert ran.code != 0


async def test_ffmpeg_fails_at_once_with_rtmp_on_the_tls_port(ffmpeg: str, clip: Path, address: Address) -> None:
    ran = await run(*ffmpeg_push(ffmpeg, clip, address.encrypted.replace("rtmps:", "rtmp:") + "/secret"))

    assert ran.code != 0


async def test_ffmpeg_with_a_first_timestamp_above_24_bits_keeps_its_times(
    ffmpeg: str, clip: Path, gate: RecordingGate, address: Address
) -> None:
    late = ["-output_ts_offset", "16777"]  # 0xFFFFFF ms is 16777.215 s: the clip passes it
    ran = await run(*ffmpeg_push(ffmpeg, clip, f"{address.plain}/secret", *late))

    assert ran.code == 0, ran.output
    publication = await assert_all_arrived(gate, clip)
    times = [tag.timestamp for tag in publication.tags if tag.kind == TagKind.VIDEO and tag.payload[1] == 1]
    steps = {after - before for before, after in itertools.pairwise(times)}
    assert times[0] < 0xFFFFFF < times[-1]
    assert steps <= {33, 34}


@pytest.mark.parametrize("encrypted", [False, True], ids=["rtmp", "rtmps"])
async def test_gstreamer_publishes(encrypted: bool, clip: Path, gate: RecordingGate, address: Address) -> None:
    found("gst-launch-1.0")
    url = f"{address.encrypted if encrypted else address.plain}/secret"
    sink = ["rtmp2sink", f"location={url}", *(["tls-validation-flags=0"] if encrypted else [])]
    demux = ["filesrc", f"location={clip}", "!", "flvdemux", "name=d", "flvmux", "name=m", "streamable=true", "!"]
    video = ["d.video", "!", "queue", "!", "h264parse", "!", "video/x-h264,stream-format=avc", "!", "m.video"]
    audio = ["d.audio", "!", "queue", "!", "aacparse", "!", "m.audio"]
    ran = await run("gst-launch-1.0", *demux, *sink, *video, *audio)

    assert ran.code == 0, ran.output
    await assert_all_arrived(gate, clip)


async def test_gstreamer_shows_that_a_key_is_refused(clip: Path, gate: RecordingGate, address: Address) -> None:
    found("gst-launch-1.0")
    ran = await run(
        "gst-launch-1.0",
        "filesrc",
        f"location={clip}",
        "!",
        "flvdemux",
        "!",
        "flvmux",
        "!",
        "rtmp2sink",
        f"location={address.plain}/wrong",
    )

    assert "No stream has this key" in ran.output


def librtmp_push(clip: Path, url: str) -> list[str]:
    if ctypes.util.find_library("rtmp") is None:
        missing("librtmp")
    return [sys.executable, str(Path(__file__).with_name("librtmp_push.py")), str(clip), url]


@pytest.mark.parametrize("encrypted", [False, True], ids=["rtmp", "rtmps"])
async def test_librtmp_publishes(encrypted: bool, clip: Path, gate: RecordingGate, address: Address) -> None:
    ran = await run(*librtmp_push(clip, f"{address.encrypted if encrypted else address.plain}/secret"))

    assert ran.code == 0, ran.output
    await assert_all_arrived(gate, clip)


async def test_librtmp_fails_when_the_key_is_refused(clip: Path, gate: RecordingGate, address: Address) -> None:
    ran = await run(*librtmp_push(clip, f"{address.plain}/wrong"))

    assert ran.code != 0
    assert len(gate.requests) == 1
