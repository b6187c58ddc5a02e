"""What headers and metadata tell of a stream: the codecs' own words and the encoder's."""

from __future__ import annotations

import re
from math import isfinite

from providers.health import AudioFacts, Declared, VideoFacts
from providers.local.codecs.aac import parse_aac_config
from providers.local.codecs.avc import parse_avc_config
from providers.local.codecs.errors import MalformedMedia, UnsupportedCodec
from providers.local.flv.payload import AUDIO_HEADER_SIZE, VIDEO_HEADER_SIZE
from providers.local.rtmp import amf0
from providers.local.rtmp.errors import RtmpError

MAX_NAME = 128
"""Characters of an encoder's name that are kept."""

MAX_DECLARED = 10_000_000.0
"""A larger number in the metadata is not believed, whatever its unit."""

_AVC, _AAC = 7, 10
_CODECS = {b"hvc1": "HEVC", b"av01": "AV1", b"vp09": "VP9", b"avc1": "H.264"}
_PROFILES = {
    66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High 10", 122: "High 4:2:2", 244: "High 4:4:4 Predictive",
}  # fmt: skip
"""profile_idc (H.264 A.2)."""

_CONSTRAINED, _LEVEL_1B = 0x40, 0x10
"""constraint_set1_flag and constraint_set3_flag (7.4.2.1.1)."""

_ULTRAFAST = re.compile(rb" cabac=0 .* subme=0 ")
"""Settings that only x264's preset ultrafast has together; superfast has subme=1."""

_AAC_PROFILES = {"mp4a.40.2": "LC", "mp4a.40.5": "HE-AAC", "mp4a.40.29": "HE-AAC v2"}


def video_facts(header: bytes) -> VideoFacts | None:
    """Of a video tag's payload that is a sequence header; None when there is none."""
    if not header:
        return None
    if header[0] & 0x80:
        return VideoFacts(_CODECS.get(header[1:5], "unknown"))
    if header[0] & 0x0F != _AVC:
        return VideoFacts("unknown")
    try:
        config = parse_avc_config(header[VIDEO_HEADER_SIZE:])
    except MalformedMedia:
        return VideoFacts("H.264")
    profile, constraints, level = bytes.fromhex(config.codec.removeprefix("avc1."))
    return VideoFacts(
        "H.264", _profile(profile, constraints), _level(profile, constraints, level), config.width, config.height
    )


def _profile(profile: int, constraints: int) -> str:
    name = _PROFILES.get(profile, f"profile {profile}")
    return f"Constrained {name}" if name == "Baseline" and constraints & _CONSTRAINED else name


def _level(profile: int, constraints: int, level: int) -> str:
    """A.3.1: level_idc is ten times the level, but for 1b."""
    if level == 9 or (level == 11 and profile in (66, 77, 88) and constraints & _LEVEL_1B):
        return "1b"
    return f"{level // 10}.{level % 10}"


def is_fastest_preset(settings: bytes) -> bool:
    """Whether x264 says that it runs with its preset ultrafast."""
    return _ULTRAFAST.search(settings) is not None


def audio_facts(header: bytes) -> AudioFacts | None:
    """Of an audio tag's payload that is a sequence header; None when there is none."""
    if not header:
        return None
    if header[0] >> 4 != _AAC:
        return AudioFacts("unknown")
    try:
        config = parse_aac_config(header[AUDIO_HEADER_SIZE:])
    except (MalformedMedia, UnsupportedCodec):
        return AudioFacts("AAC")
    return AudioFacts("AAC", _AAC_PROFILES.get(config.codec), config.sample_rate, config.channels)


def declared(metadata: bytes) -> tuple[Declared, str | None]:
    """What onMetaData promises, and the encoder's name in it. Whatever cannot be read is as if it were not there."""
    try:
        values = amf0.decode(metadata)
    except RtmpError:
        return Declared(), None
    said = values[1] if len(values) > 1 else None
    if not isinstance(said, dict):
        return Declared(), None
    width, height = _number(said.get("width")), _number(said.get("height"))
    promised = Declared(
        width=None if width is None else round(width),
        height=None if height is None else round(height),
        fps=_number(said.get("framerate")),
        video_kbps=_number(said.get("videodatarate")),
        audio_kbps=_number(said.get("audiodatarate")),
    )
    encoder = said.get("encoder")
    return promised, encoder_name(encoder) if isinstance(encoder, str) else None


def encoder_name(text: str) -> str | None:
    """An encoder's name as it may be shown; None when nothing is left of it."""
    return "".join(letter for letter in text[:MAX_NAME] if letter.isprintable()).strip() or None


def _number(value: object) -> float | None:
    believed = isinstance(value, float) and isfinite(value) and 0 < value <= MAX_DECLARED
    return value if believed and isinstance(value, float) else None
