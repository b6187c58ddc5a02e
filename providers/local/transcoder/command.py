"""ffmpeg's arguments; the only module that knows them. Built with ffmpeg-python's `compile()`.

What bites: ffmpeg-python sorts options by name and puts global arguments last, so ours that must come first go in with the
program's name; a list given to `map` is mangled, so streams are mapped by handing them to `output`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import ffmpeg

from providers.local.transcoder.renditions import Rendition

PROGRAM = ("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning")
"""-nostdin: standard input is media, not the keyboard."""

SOUND_WAIT, PICTURE_WAIT = 1_000_000, 100_000
"""Media time (µs) ffmpeg reads ahead for a track it has not seen yet; without sound there is none to wait for."""

AT_ONCE = {"fpsprobesize": 0, "copyts": None, "thread_type": "slice"}
"""Start at once instead of after 1.3 s, keep the timestamps, decode without holding frames back.

A smaller probesize loses the audio parameters behind a large first keyframe; `-fflags nobuffer` loses the first GOP.
"""

EVERY_KEYFRAME_OF_THE_SOURCE = {"force_key_frames": "source", "forced-idr": 1, "sc_threshold": 0, "g": 100_000}
"""Keyframes where the source has them and nowhere else, so that the segments of all renditions begin together."""

RATE_WINDOW = 1.5
"""Seconds of its bit rate the encoder's buffer holds: how far a scene may go over the rate."""

AUDIO_RATE = 48_000

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf")
"""For the time code in the test pattern; without the file there is none."""


class Fit(StrEnum):
    """How a thumbnail gets the size asked for, in Cloudflare's words."""

    CROP = "crop"
    CLIP = "clip"
    SCALE = "scale"
    FILL = "fill"


def _compile(*outputs: Any) -> list[str]:
    return [str(word) for word in ffmpeg.merge_outputs(*outputs).compile(cmd=list(PROGRAM))]


def _scaled(video: Any, height: int) -> Any:
    """`video` with a short side of at most `height` pixels, both sides even as 4:2:0 needs, in 8 bits."""
    size = f"trunc(min({height},%s)/2)*2"
    scaled = video.filter("scale", w=f"if(gt(iw,ih),-2,{size % 'iw'})", h=f"if(gt(iw,ih),{size % 'ih'},-2)")
    return scaled.filter("format", "yuv420p")


def ladder_arguments(renditions: Sequence[Rendition], pipes: Sequence[int], *, audio: bool) -> list[str]:
    """FLV on standard input; one FLV per rendition out, on the file descriptors `pipes`; one decoder for all.

    Presentation times out are those in, to the millisecond (`-copyts`, and no rounding to a frame rate). `audio`: the first
    rendition carries the sound, as AAC-LC in stereo; else there is none. No B-frames and no look-ahead: a frame goes
    out when it came in.
    """
    source = ffmpeg.input("pipe:0", format="flv", analyzeduration=SOUND_WAIT if audio else PICTURE_WAIT, **AT_ONCE)
    # split with one output is fine, and the label-free way would map a stream twice
    copies = source["v:0"].filter_multi_output("split", len(renditions))
    outputs = []
    for index, (rendition, pipe) in enumerate(zip(renditions, pipes, strict=True)):
        streams = [_scaled(copies[index], rendition.height)]
        options = _video_options(rendition)
        if audio and index == 0:
            streams.append(source["a:0"])
            options |= _audio_options(rendition)
        outputs.append(ffmpeg.output(*streams, f"pipe:{pipe}", format="flv", flush_packets=1, **options))
    return _compile(*outputs)


def _video_options(rendition: Rendition) -> dict[str, Any]:
    return {
        "c:v": "libx264",
        "preset": "veryfast",
        "tune": "zerolatency",
        "b:v": rendition.video_bitrate,
        "maxrate": rendition.video_bitrate,
        "bufsize": int(rendition.video_bitrate * RATE_WINDOW),
        "fps_mode": "passthrough",
        "enc_time_base": "1:1000",
        "flvflags": "no_duration_filesize+no_sequence_end",
        **EVERY_KEYFRAME_OF_THE_SOURCE,
    }


def _audio_options(rendition: Rendition) -> dict[str, Any]:
    # aresample fills what is missing with silence, so that sound stays with its picture after a gap
    return {"c:a": "aac", "b:a": rendition.audio_bitrate, "ar": AUDIO_RATE, "ac": 2, "af": "aresample=async=1"}


UNSUBSAMPLED = "yuv444p"
"""A pixel format with a chroma sample for each pixel."""


def thumbnail_arguments(media: str, width: int, height: int, fit: Fit) -> list[str]:
    """The first keyframe of `media` (a path, or `pipe:0` for fMP4) as one JPEG of `width` x `height` on standard output.

    With Fit.CLIP one side may be smaller.
    """
    source = ffmpeg.input(media, skip_frame="nokey", threads=1)
    image = _fitted(source["v:0"], width, height, fit)
    options = {"frames:v": 1, "c:v": "mjpeg", "q:v": 5, "threads": 1}
    return _compile(ffmpeg.output(image, "pipe:1", format="image2pipe", **options))


def _fitted(video: Any, width: int, height: int, fit: Fit) -> Any:
    """The frame in this size. Crop and pad work without chroma subsampling, with which they round odd sizes down, or fail."""
    if fit is Fit.SCALE:
        sized = video.filter("scale", width, height)
    elif fit is Fit.CROP:
        larger = video.filter("scale", width, height, force_original_aspect_ratio="increase")
        sized = larger.filter("format", UNSUBSAMPLED).filter("crop", width, height)
    else:
        sized = video.filter("scale", width, height, force_original_aspect_ratio="decrease")
        if fit is Fit.FILL:
            sized = sized.filter("format", UNSUBSAMPLED).filter("pad", width, height, "(ow-iw)/2", "(oh-ih)/2")
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
    """A moving picture with a time code and a tone, sent to `url` (rtmp or rtmps) in real time.

    `rate` in frames per second, `gop` and `duration` in seconds (None: for ever), `bitrate` in bit/s. The stream key is a part
    of `url`, so it is a part of the arguments: never log them.
    """
    length = {} if duration is None else {"t": duration}
    picture = ffmpeg.input(f"testsrc2=size={size[0]}x{size[1]}:rate={rate}", format="lavfi", re=None, **length)
    tone = ffmpeg.input(f"sine=frequency=440:sample_rate={AUDIO_RATE}", format="lavfi", re=None, **length)
    options: dict[str, Any] = {
        "c:v": "libx264",
        "preset": "ultrafast",
        "x264-params": "cabac=1:8x8dct=1",  # what the preset leaves out of profile High
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
    return _compile(ffmpeg.output(_with_time_code(picture.video, size[1]), tone.audio, url, format="flv", **options))


def _with_time_code(video: Any, height: int) -> Any:
    if not FONT.is_file():
        return video
    style = {"fontsize": height // 12, "fontcolor": "white", "box": 1, "boxcolor": "black@0.6"}
    return video.filter("drawtext", fontfile=str(FONT), text="%{pts:hms}", x="(w-tw)/2", y="h-2*th", **style)
