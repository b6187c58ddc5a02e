"""Moving pictures to transcode, as FLV tags, and what can be read off the tags that come back."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator

from providers.local.flv.file import FlvReader, flv_header, serialize
from providers.local.flv.head import is_header, is_keyframe
from providers.local.flv.tag import FlvTag, TagKind
from tests.waiting import PATIENCE

PICTURE = "testsrc2=size={size}:rate=25"


def run_ffmpeg(*arguments: str, stdin: bytes | None = None) -> bytes:
    done = subprocess.run(
        ["ffmpeg", "-v", "error", *arguments], input=stdin, capture_output=True, timeout=PATIENCE, check=True
    )
    return done.stdout


def clip(*, size: str = "320x180", seconds: float = 4, audio: bool = True) -> list[FlvTag]:
    """FLV tags of a moving picture of 25 frames per second with B-frames, a keyframe every 0.8 s."""
    video_source = ["-f", "lavfi", "-i", PICTURE.format(size=size)]
    audio_source = ["-f", "lavfi", "-i", "sine=sample_rate=44100"] if audio else []
    video = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "20"]
    video += ["-sc_threshold", "0"]
    ends = ["-c:a", "aac", "-t", str(seconds), "-f", "flv", "pipe:1"]
    return FlvReader().feed(run_ffmpeg(*video_source, *audio_source, *video, *ends))


def presentation(tag: FlvTag) -> int:
    """When a video tag is shown: its timestamp and the composition offset (24 bits, signed) of AVC."""
    offset = int.from_bytes(tag.payload[2:5], "big", signed=True)
    return tag.timestamp + offset


def frames(tags: list[FlvTag]) -> list[FlvTag]:
    return [tag for tag in tags if tag.kind is TagKind.VIDEO and not is_header(tag) and tag.payload[1] == 1]


def shown(tags: list[FlvTag]) -> list[int]:
    return sorted(presentation(tag) for tag in frames(tags))


def keyframes(tags: list[FlvTag]) -> list[int]:
    return [presentation(tag) for tag in frames(tags) if is_keyframe(tag)]


def later(tags: list[FlvTag], milliseconds: int) -> list[FlvTag]:
    return [tag._replace(timestamp=tag.timestamp + milliseconds & 0xFFFFFFFF) for tag in tags]


def media(tags: list[FlvTag]) -> list[FlvTag]:
    return [tag for tag in tags if tag.kind is not TagKind.SCRIPT and not is_header(tag)]


def probe(entries: str, data: bytes) -> str:
    """Return ffprobe's values of `entries` for the first video stream in `data`, joined by x."""
    asked = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", f"stream={entries}"]
    done = subprocess.run(
        [*asked, "-of", "csv=p=0:s=x", "pipe:0"], input=data, capture_output=True, timeout=PATIENCE, check=True
    )
    return done.stdout.decode().strip()


def frame_size(tags: list[FlvTag]) -> str:
    """Width and height of the pictures in these tags, joined by x."""
    flv = flv_header(audio=False) + b"".join(serialize(tag) for tag in tags if tag.kind is TagKind.VIDEO)
    return probe("width,height", flv)


def endless(tags: list[FlvTag]) -> Iterator[FlvTag]:
    """Yield an endless stream: the headers, then the media in a loop."""
    yield from (tag for tag in tags if is_header(tag))
    length = media(tags)[-1].timestamp + 40
    for turn in itertools.count():
        yield from later(media(tags), turn * length)
