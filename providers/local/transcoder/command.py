"""Builds ffmpeg's arguments, with ffmpeg-python's `compile()`. No other module knows them.

ffmpeg-python sorts options by name and puts global arguments last; arguments that must come first are therefore part of the
program's name. It also mangles a list given to `map`, so streams are mapped by passing them to `output`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from providers.local.transcoder.renditions import Rendition

PROGRAM = ("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning")
"""-nostdin: standard input is media, not a keyboard."""

AUDIO_PROBE, VIDEO_PROBE = 1_000_000, 100_000
"""Media time in µs that ffmpeg reads ahead to find a track; shorter without audio, since no second track follows."""

LOW_DELAY = {"fpsprobesize": 0, "copyts": None, "thread_type": "slice"}
"""Start at once instead of after 1.3 s, keep the timestamps, decode without buffering frames.

A smaller probesize loses the audio parameters after a large first keyframe; `-fflags nobuffer` loses the first GOP.
"""

KEYFRAMES_OF_SOURCE = {"force_key_frames": "source", "forced-idr": 1, "sc_threshold": 0, "g": 100_000}
"""Keyframes exactly where the source has them, so that segments of all renditions are aligned."""

RATE_WINDOW = 1.5
"""Size of the encoder's buffer in seconds of its bit rate: how far a scene may exceed the rate."""

AUDIO_RATE = 48_000

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf")
"""For the time code in the test pattern; left out if the file does not exist."""


class Fit(StrEnum):
    """How a thumbnail is fitted to the requested size; Cloudflare's names."""

    CROP = "crop"
    CLIP = "clip"
    SCALE = "scale"
    FILL = "fill"


def _graphs() -> Any:
    """Return ffmpeg-python, imported at the first use: it adds 60 ms to the start of a service that may never need it."""
    import ffmpeg

    return ffmpeg


def _compile(*outputs: Any) -> list[str]:
    return [str(word) for word in _graphs().merge_outputs(*outputs).compile(cmd=list(PROGRAM))]


def _scaled(video: Any, height: int) -> Any:
    """Scale `video` to a short side of at most `height` pixels, with even sides as 4:2:0 needs, in 8 bits."""
    size = f"trunc(min({height},%s)/2)*2"
    scaled = video.filter("scale", w=f"if(gt(iw,ih),-2,{size % 'iw'})", h=f"if(gt(iw,ih),{size % 'ih'},-2)")
    return scaled.filter("format", "yuv420p")


def ladder_arguments(renditions: Sequence[Rendition], pipes: Sequence[int], *, audio: bool) -> list[str]:
    """Return arguments to encode FLV from standard input into one FLV stream per rendition, with one decoder for all.

    Presentation times are unchanged to the millisecond (`-copyts`, no rounding to a frame rate). Without B-frames and look-ahead,
    each frame is written as soon as it is read.

    Args:
        renditions: What to encode.
        pipes: The file descriptors to write to, one for each rendition.
        audio: Whether the first rendition carries audio, as AAC-LC in stereo; otherwise there is none.
    """
    source = _graphs().input("pipe:0", format="flv", analyzeduration=AUDIO_PROBE if audio else VIDEO_PROBE, **LOW_DELAY)
    # split works with one output too; without a filter ffmpeg-python would map the stream twice
    copies = source["v:0"].filter_multi_output("split", len(renditions))
    outputs = []
    for index, (rendition, pipe) in enumerate(zip(renditions, pipes, strict=True)):
        streams = [_scaled(copies[index], rendition.height)]
        options = _video_options(rendition)
        if audio and index == 0:
            streams.append(source["a:0"])
            options |= _audio_options(rendition)
        outputs.append(_graphs().output(*streams, f"pipe:{pipe}", format="flv", flush_packets=1, **options))
    return _compile(*outputs)


def _video_options(rendition: Rendition) -> dict[str, Any]:
    return {
        "c:v": "libx264",
        "preset": "veryfast",
        "tune": "zerolatency",
        "b:v": rendition.video_bitrate,
        "maxrate": rendition.video_bitrate,
        "bufsize": int(rendition.video_bitrate * RATE_WINDOW),
        # No frame is repeated or dropped for the sake of a constant frame rate.
        "fps_mode": "passthrough",
        # As FLV counts. The default is a frame of the guessed rate, to which all times would be rounded.
        "enc_time_base": "1:1000",
        # A pipe cannot be rewound to fill in duration and size; ffmpeg would warn about each.
        "flvflags": "no_duration_filesize+no_sequence_end",
        **KEYFRAMES_OF_SOURCE,
    }


def _audio_options(rendition: Rendition) -> dict[str, Any]:
    # aresample fills gaps with silence, so audio stays in sync after a gap
    return {"c:a": "aac", "b:a": rendition.audio_bitrate, "ar": AUDIO_RATE, "ac": 2, "af": "aresample=async=1"}


UNSUBSAMPLED = "yuv444p"
"""A pixel format with one chroma sample per pixel."""


def thumbnail_arguments(media: str, width: int, height: int, fit: Fit) -> list[str]:
    """Return arguments to write the first keyframe of `media` as one JPEG of `width` x `height` pixels to standard output.

    `media` is a path, or `pipe:0` for fMP4. With Fit.CLIP one side may be smaller.
    """
    source = _graphs().input(media, skip_frame="nokey", threads=1)
    image = _fitted(source["v:0"], width, height, fit)
    options = {"frames:v": 1, "c:v": "mjpeg", "q:v": 5, "threads": 1}
    return _compile(_graphs().output(image, "pipe:1", format="image2pipe", **options))


def _fitted(video: Any, width: int, height: int, fit: Fit) -> Any:
    """Fit the frame into this size. Crop and pad run without chroma subsampling: with it they round odd sizes down or fail."""
    if fit is Fit.SCALE:
        sized = video.filter("scale", width, height)
    elif fit is Fit.CROP:
        larger = video.filter("scale", width, height, force_original_aspect_ratio="increase")
        sized = larger.filter("format", UNSUBSAMPLED).filter("crop", width, height)
    else:
        sized = video.filter("scale", width, height, force_original_aspect_ratio="decrease")
        if fit is Fit.FILL:
            sized = sized.filter("format", UNSUBSAMPLED).filter("pad", width, height, "(ow-iw)/2", "(oh-ih)/2")
    # JPEG has square pixels here and the full range of values (JFIF).
    return sized.filter("setsar", 1).filter("format", "yuvj420p")


def test_pattern_arguments(
    url: str,
    *,
    size: tuple[int, int] = (1280, 720),
    rate: int = 30,
    gop: float = 2.0,
    bitrate: int = 1_600_000,
    duration: float | None = None,
) -> list[str]:
    """Return arguments to send a test pattern with time code and tone to `url` in real time.

    The arguments contain the stream key, so they must never be logged.

    Args:
        url: An rtmp or rtmps URL that ends with the stream key.
        size: Width and height in pixels.
        rate: Frames per second.
        gop: Seconds between keyframes.
        bitrate: Video bit rate in bit/s.
        duration: Seconds until it ends; None for no end.
    """
    length = {} if duration is None else {"t": duration}
    video = _graphs().input(f"testsrc2=size={size[0]}x{size[1]}:rate={rate}", format="lavfi", re=None, **length)
    tone = _graphs().input(f"sine=frequency=440:sample_rate={AUDIO_RATE}", format="lavfi", re=None, **length)
    options: dict[str, Any] = {
        "c:v": "libx264",
        "preset": "ultrafast",
        "x264-params": "cabac=1:8x8dct=1",  # ultrafast disables these features of profile High
        "pix_fmt": "yuv420p",
        "b:v": bitrate,
        "maxrate": bitrate,
        "bufsize": bitrate,
        "g": round(rate * gop),
        "keyint_min": round(rate * gop),
        "sc_threshold": 0,
        "c:a": "aac",
        "b:a": 96_000,
        "ac": 2,
    }
    return _compile(_graphs().output(_with_time_code(video.video, size[1]), tone.audio, url, format="flv", **options))


def _with_time_code(video: Any, height: int) -> Any:
    if not FONT.is_file():
        return video
    style = {"fontsize": height // 12, "fontcolor": "white", "box": 1, "boxcolor": "black@0.6"}
    return video.filter("drawtext", fontfile=str(FONT), text="%{pts:hms}", x="(w-tw)/2", y="h-2*th", **style)
