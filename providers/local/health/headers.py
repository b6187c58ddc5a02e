"""Turns sequence headers and metadata of an encoder into facts for the health report."""

from __future__ import annotations

from math import isfinite

from providers.health import AudioFacts, Declared, VideoFacts
from providers.local.codecs.aac import parse_aac_config
from providers.local.codecs.avc import parse_avc_config
from providers.local.codecs.errors import MalformedMedia, UnsupportedCodec
from providers.local.flv.head import AUDIO_HEADER_SIZE, ENHANCED_VIDEO, VIDEO_HEADER_SIZE, is_aac, video_codec
from providers.local.flv.metadata import read_metadata

MAX_NAME = 128
"""Characters of an encoder's name that are kept."""

MAX_DECLARED = 10_000_000.0
"""A larger number in the metadata is ignored, whatever its unit."""


def video_facts(header: bytes) -> VideoFacts | None:
    """Return the facts in a sequence header, which is the payload of a video tag; None if `header` is empty."""
    if not header:
        return None
    codec = video_codec(header)
    if codec is None or header[0] & ENHANCED_VIDEO:
        return VideoFacts(codec or "unknown")
    try:
        config = parse_avc_config(header[VIDEO_HEADER_SIZE:])
    except MalformedMedia:
        return VideoFacts(codec)
    return VideoFacts(codec, config.profile_name, config.level_name, config.width, config.height)


def audio_facts(header: bytes) -> AudioFacts | None:
    """Return the facts in a sequence header, which is the payload of an audio tag; None if `header` is empty."""
    if not header:
        return None
    if not is_aac(header):
        return AudioFacts("unknown")
    try:
        config = parse_aac_config(header[AUDIO_HEADER_SIZE:])
    except (MalformedMedia, UnsupportedCodec):
        return AudioFacts("AAC")
    return AudioFacts("AAC", config.profile_name, config.sample_rate, config.channels)


def declared(metadata: bytes) -> tuple[Declared, str | None]:
    """Return what onMetaData declares, and the encoder's name in it. Values that cannot be read count as absent."""
    properties = read_metadata(metadata)
    if properties is None:
        return Declared(), None
    width, height = _number(properties.get("width")), _number(properties.get("height"))
    values = Declared(
        width=None if width is None else round(width),
        height=None if height is None else round(height),
        fps=_number(properties.get("framerate")),
        video_kbps=_number(properties.get("videodatarate")),
        audio_kbps=_number(properties.get("audiodatarate")),
    )
    encoder = properties.get("encoder")
    return values, encoder_name(encoder) if isinstance(encoder, str) else None


def encoder_name(text: str) -> str | None:
    """Return an encoder's name without unprintable characters; None if nothing is left."""
    return "".join(letter for letter in text[:MAX_NAME] if letter.isprintable()).strip() or None


def _number(value: object) -> float | None:
    plausible = isinstance(value, float) and isfinite(value) and 0 < value <= MAX_DECLARED
    return value if plausible and isinstance(value, float) else None
