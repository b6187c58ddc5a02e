"""Short runs of the real ffmpeg: thumbnails, the probe of what it can do, the test pattern."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from providers.local.flv.file import FlvReader
from providers.local.flv.tag import TagKind
from providers.local.transcoder import command
from providers.local.transcoder.facts import FfmpegFacts, FfmpegMissing, probe_ffmpeg
from providers.local.transcoder.thumbnail import (
    MAX_VARIANTS,
    BadThumbnailRequest,
    ThumbnailBusy,
    ThumbnailFailed,
    Thumbnails,
)
from tests.clock import Clock
from tests.e2e.clips import PICTURE, keyframes, probe, run_ffmpeg
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def segment() -> bytes:
    """Return an init segment and a segment of 320x180 in one."""
    source = ["-f", "lavfi", "-i", PICTURE.format(size="320x180"), "-t", "1", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    return run_ffmpeg(*source, "-movflags", "empty_moov+default_base_moof+frag_keyframe", "-f", "mp4", "pipe:1")


def jpeg_size(image: bytes) -> str:
    return probe("codec_name,width,height", image)


@pytest.mark.parametrize(
    ("fit", "size"), [("crop", "100x100"), ("clip", "100x56"), ("scale", "100x100"), ("fill", "100x100")]
)
async def test_a_thumbnail_fits_as_cloudflare_says(segment: bytes, fit: str, size: str) -> None:
    image = await Thumbnails().of("one", segment, 100, 100, fit)
    assert jpeg_size(image) == f"mjpegx{size}"


@pytest.mark.parametrize("fit", ["crop", "scale", "fill"])
@pytest.mark.parametrize(
    "size", [(101, 57), (641, 360), (17, 1919), (1, 1), (2000, 1), (1, 2000), (2000, 2000), (3, 2)]
)
async def test_a_thumbnail_has_the_very_size_that_was_asked_for(
    segment: bytes, size: tuple[int, int], fit: str
) -> None:
    width, height = size
    image = await Thumbnails().of("one", segment, width, height, fit)
    assert jpeg_size(image) == f"mjpegx{width}x{height}"


@pytest.mark.parametrize("size", [(101, 57), (1, 1), (2000, 1), (1, 2000), (641, 361)])
async def test_a_clipped_thumbnail_is_no_larger_than_was_asked_for(segment: bytes, size: tuple[int, int]) -> None:
    made = jpeg_size(await Thumbnails().of("one", segment, *size, "clip")).removeprefix("mjpegx").split("x")
    assert all(1 <= int(side) <= most for side, most in zip(made, size, strict=True))


async def test_a_thumbnail_can_be_made_from_a_file(segment: bytes, tmp_path: Path) -> None:
    file = tmp_path / "segment.mp4"
    file.write_bytes(segment)
    assert jpeg_size(await Thumbnails().of("one", file, 160, 90)) == "mjpegx160x90"


async def test_many_requests_at_once_are_answered_by_one_run(segment: bytes) -> None:
    thumbnails = Thumbnails()
    images = await asyncio.gather(*(thumbnails.of("one", segment, 160, 90) for _ in range(20)))
    assert len({id(image) for image in images}) == 1


async def test_a_thumbnail_is_created_again_after_ten_seconds(segment: bytes) -> None:
    clock = Clock()
    thumbnails = Thumbnails(clock=clock.monotonic)
    first = await thumbnails.of("one", segment, 160, 90)
    clock.advance(9.9)
    assert await thumbnails.of("one", b"ignored", 160, 90) is first
    clock.advance(0.2)
    assert await thumbnails.of("one", segment, 160, 90) is not first


async def test_media_without_video_fails_and_is_not_retried_at_once(segment: bytes) -> None:
    thumbnails = Thumbnails()
    with pytest.raises(ThumbnailFailed):
        await thumbnails.of("one", b"rubbish", 160, 90)
    with pytest.raises(ThumbnailFailed):
        await thumbnails.of("one", segment, 160, 90)


async def test_a_stream_is_made_in_few_sizes_at_a_time(segment: bytes) -> None:
    thumbnails = Thumbnails()
    for width in range(32, 32 + 2 * MAX_VARIANTS, 2):
        await thumbnails.of("one", segment, width, 32)
    with pytest.raises(ThumbnailBusy):
        await thumbnails.of("one", segment, 64, 32)
    assert await thumbnails.of("one", segment, 640, 480, is_default=True)  # what lists of streams show
    with pytest.raises(ThumbnailBusy):
        await thumbnails.of("one", segment, 64, 32)


@pytest.mark.parametrize("request_", [(0, 90, "crop"), (160, 4000, "crop"), (160, 90, "stretch")])
async def test_a_size_or_fit_we_do_not_make_is_refused(request_: tuple[int, int, str]) -> None:
    with pytest.raises(BadThumbnailRequest):
        await Thumbnails().of("one", b"", *request_)


async def test_this_ffmpeg_has_all_we_need() -> None:
    facts = await probe_ffmpeg()
    assert isinstance(facts, FfmpegFacts)
    assert facts.missing == []
    assert {"libx264", "aac"} <= facts.encoders


async def test_a_missing_ffmpeg_is_reported_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FfmpegMissing):
        await probe_ffmpeg()


def test_the_test_pattern_is_a_stream_of_h264_and_aac_with_regular_keyframes(tmp_path: Path) -> None:
    target = tmp_path / "pattern.flv"
    arguments = command.test_pattern_arguments(str(target), size=(320, 180), gop=0.5, bitrate=200_000, duration=2)
    subprocess.run(arguments, timeout=PATIENCE, check=True, capture_output=True)
    tags = FlvReader().feed(target.read_bytes())
    moments = keyframes(tags)
    assert [moment - moments[0] for moment in moments] == [0, 500, 1000, 1500]
    assert any(tag.kind is TagKind.AUDIO for tag in tags)
