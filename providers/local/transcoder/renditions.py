"""Renditions: the sizes in which a stream is offered, and how `CONFERENCE_RENDITIONS` is parsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_RENDITIONS = 6
"""The most renditions of one stream, including the source: each one is an encoder on the same machine."""


class RenditionError(ValueError):
    """The list of renditions is invalid; the message says why."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """A size of the video. `height` in pixels is the length of the short side, so 720p also describes portrait video.

    Bit rates in bit/s. `source` is the encoder's stream passed through; its numbers are 0.
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
    """Parse a list such as `source,720p,480p`; keep its order. Raise RenditionError."""
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


def transcoded(renditions: Sequence[Rendition]) -> tuple[Rendition, ...]:
    """Return the renditions that ffmpeg encodes: all but the source."""
    return tuple(each for each in renditions if not each.is_source)


def fitting(renditions: Sequence[Rendition], width: int, height: int) -> tuple[Rendition, ...]:
    """Return `renditions` without those larger than a source of `width` x `height` pixels, since nothing is scaled up.

    If none would remain (no `source`, and all are larger), return the smallest; ffmpeg then keeps the source's size.
    """
    short_side = min(width, height)
    kept = tuple(each for each in renditions if each.height <= short_side)
    return kept or (min(renditions, key=lambda each: each.height),)
