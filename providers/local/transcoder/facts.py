"""The capabilities of the installed ffmpeg, for the doctor and for start-up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from providers.local.transcoder.process import run_to_end
from providers.supervisor import ProcessError

PROBE_TIMEOUT = 10.0
"""Seconds for each run of ffmpeg; a cold disk is slow."""

MAX_OUTPUT = 1024 * 1024
"""Bytes of output of each run."""

NEEDED_ENCODERS = ("libx264", "aac", "mjpeg")
NEEDED_MUXERS = ("flv", "mp4", "image2pipe")
NEEDED_DECODERS = ("h264", "aac")

ENHANCED_RTMP_SINCE = (6, 1)
"""The first version that reads HEVC in FLV (enhanced RTMP)."""

_VERSION = re.compile(r"ffmpeg version (\S+)")
_LISTED = re.compile(r"^ [ A-Zd.]{2,7} ([a-z0-9_,]+) ", re.MULTILINE)


class FfmpegMissing(Exception):
    """No ffmpeg is on the PATH, or it does not run."""


@dataclass(frozen=True, slots=True)
class FfmpegFacts:
    """What ffmpeg reports. `version` is its own text, such as 5.1.9-0+deb12u1."""

    version: str
    encoders: frozenset[str]
    muxers: frozenset[str]
    decoders: frozenset[str]

    @property
    def reads_enhanced_rtmp(self) -> bool:
        """Whether the normaliser can read HEVC. A version without numbers (a build from git) counts as new."""
        # Builds from a tag of ffmpeg's repository are named like it: n6.1.
        numbers = re.match(r"n?(\d+)\.(\d+)", self.version)
        return numbers is None or (int(numbers[1]), int(numbers[2])) >= ENHANCED_RTMP_SINCE

    @property
    def missing(self) -> list[str]:
        """What this ffmpeg lacks, such as `encoder libx264`."""
        needs = (
            ("encoder", NEEDED_ENCODERS, self.encoders),
            ("muxer", NEEDED_MUXERS, self.muxers),
            ("decoder", NEEDED_DECODERS, self.decoders),
        )
        return [f"{kind} {name}" for kind, names, have in needs for name in names if name not in have]


async def probe_ffmpeg() -> FfmpegFacts:
    """Query the ffmpeg on the PATH. Raise FfmpegMissing."""
    version = _VERSION.search(await _output("-version"))
    if version is None:
        raise FfmpegMissing("ffmpeg does not report its version")
    return FfmpegFacts(
        version=version[1],
        encoders=_names(await _output("-encoders")),
        muxers=_names(await _output("-muxers")),
        decoders=_names(await _output("-decoders")),
    )


async def _output(option: str) -> str:
    try:
        output = await run_to_end(["ffmpeg", "-hide_banner", option], timeout=PROBE_TIMEOUT, max_output=MAX_OUTPUT)
    except ProcessError as failure:
        raise FfmpegMissing(str(failure)) from failure
    return output.decode("utf-8", "replace")


def _names(listing: str) -> frozenset[str]:
    return frozenset(name for names in _LISTED.findall(listing) for name in names.split(","))
