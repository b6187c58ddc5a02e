"""What the ffmpeg on this machine can do: for the doctor and for start-up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from providers.local.transcoder.process import ProcessError, run_to_end

PROBE_TIMEOUT = 10.0
"""Seconds for each question put to ffmpeg; a cold disk is slow."""

MAX_ANSWER = 1024 * 1024

NEEDED_ENCODERS = ("libx264", "aac", "mjpeg")
NEEDED_MUXERS = ("flv", "mp4", "image2pipe")
NEEDED_DECODERS = ("h264", "aac")

ENHANCED_RTMP_SINCE = (6, 1)
"""The first version that reads HEVC in FLV (enhanced RTMP)."""

_VERSION = re.compile(r"ffmpeg version (\S+)")
_LISTED = re.compile(r"^ [ A-Zd.]{2,7} ([a-z0-9_,]+) ", re.MULTILINE)


class FfmpegMissing(Exception):
    """There is no ffmpeg on the PATH, or it does not answer."""


@dataclass(frozen=True, slots=True)
class FfmpegFacts:
    """`version` as ffmpeg says it, such as 5.1.9-0+deb12u1."""

    version: str
    encoders: frozenset[str]
    muxers: frozenset[str]
    decoders: frozenset[str]

    @property
    def reads_enhanced_rtmp(self) -> bool:
        """Whether the normaliser can take HEVC. A version that is no number (a build from git) counts as new."""
        numbers = re.match(r"n?(\d+)\.(\d+)", self.version)
        return numbers is None or (int(numbers[1]), int(numbers[2])) >= ENHANCED_RTMP_SINCE

    @property
    def missing(self) -> list[str]:
        """What we need and this ffmpeg lacks, as `encoder libx264`."""
        needs = (
            ("encoder", NEEDED_ENCODERS, self.encoders),
            ("muxer", NEEDED_MUXERS, self.muxers),
            ("decoder", NEEDED_DECODERS, self.decoders),
        )
        return [f"{kind} {name}" for kind, names, have in needs for name in names if name not in have]


async def probe_ffmpeg() -> FfmpegFacts:
    """Ask the ffmpeg on the PATH. Errors: FfmpegMissing."""
    version = _VERSION.search(await _answer("-version"))
    if version is None:
        raise FfmpegMissing("ffmpeg does not tell its version")
    return FfmpegFacts(
        version=version[1],
        encoders=_names(await _answer("-encoders")),
        muxers=_names(await _answer("-muxers")),
        decoders=_names(await _answer("-decoders")),
    )


async def _answer(question: str) -> str:
    try:
        answer = await run_to_end(["ffmpeg", "-hide_banner", question], timeout=PROBE_TIMEOUT, max_output=MAX_ANSWER)
    except ProcessError as failure:
        raise FfmpegMissing(str(failure)) from failure
    return answer.decode("utf-8", "replace")


def _names(listing: str) -> frozenset[str]:
    return frozenset(name for names in _LISTED.findall(listing) for name in names.split(","))
