"""Renditions: which sizes of a stream there are, and what `CONFERENCE_RENDITIONS` may say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_RENDITIONS = 6
"""The most renditions one stream may have, the source included: each is an encoder on the same machine."""


class RenditionError(ValueError):
    """The list of renditions breaks a rule; the message says which."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """A size of the picture. `height` in pixels is that of the short side, so that 720p means the same held upright.

    Bit rates in bit/s. `source` is what the encoder sent, passed through: its numbers are 0.
    """

    name: str
    height: int
    video_bitrate: int
    audio_bitrate: int

    @property
    def is_source(self) -> bool:
        return self.name == SOURCE_NAME


SOURCE_NAME = "source"

RENDITIONS = {
    each.name: each
    for each in (
        Rendition(SOURCE_NAME, 0, 0, 0),
        Rendition("1080p", 1080, 4_500_000, 128_000),
        Rendition("720p", 720, 2_500_000, 128_000),
        Rendition("540p", 540, 1_500_000, 128_000),
        Rendition("480p", 480, 1_000_000, 96_000),
        Rendition("360p", 360, 600_000, 96_000),
        Rendition("240p", 240, 300_000, 64_000),
    )
}


def parse_renditions(text: str) -> tuple[Rendition, ...]:
    """The renditions of a list such as `source,720p,480p`, in its order. Errors: RenditionError."""
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in RENDITIONS]
    if not text.strip():
        raise RenditionError(f"needs at least one of {', '.join(RENDITIONS)}")
    if unknown:
        raise RenditionError(f"{unknown[0]!r} is not one of {', '.join(RENDITIONS)}")
    if len(set(names)) < len(names):
        raise RenditionError("names a rendition twice")
    if len(names) > MAX_RENDITIONS:
        raise RenditionError(f"has {len(names)} renditions, at most {MAX_RENDITIONS} are possible")
    return tuple(RENDITIONS[name] for name in names)


def made(renditions: Sequence[Rendition]) -> tuple[Rendition, ...]:
    """Those that ffmpeg must make: all but the source."""
    return tuple(each for each in renditions if not each.is_source)


def fitting(renditions: Sequence[Rendition], width: int, height: int) -> tuple[Rendition, ...]:
    """`renditions` without those larger than a source of `width` x `height` pixels: nothing is scaled up.

    When that would leave nothing (no `source`, and all are larger) the smallest stays; ffmpeg then keeps the source's size.
    """
    short_side = min(width, height)
    kept = tuple(each for each in renditions if each.height <= short_side)
    return kept or (min(renditions, key=lambda each: each.height),)
