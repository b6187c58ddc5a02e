"""The payload of FLV audio and video tags (FLV specification 10.1, E.4.2 and E.4.3; enhanced RTMP v2).

Only H.264 and AAC pass; anything else raises UnsupportedCodec with a sentence the streamer reads in the encoder's log.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from providers.local.codecs.errors import MalformedMedia, UnsupportedCodec

VIDEO_HEADER_SIZE = 5
"""FrameType and CodecID, AVCPacketType, CompositionTime."""

AUDIO_HEADER_SIZE = 2
"""SoundFormat and its flags, AACPacketType."""

_ENHANCED_BIT = 0x80
_AVC = 7
_AAC = 10
_ENHANCED_AUDIO = 9
_KEYFRAME = 1
_COMMAND_FRAME = 5

_VIDEO_CODECS = {2: "Sorenson H.263", 3: "Screen video", 4: "VP6", 5: "VP6", 6: "Screen video", 12: "HEVC", 13: "AV1"}
_AUDIO_CODECS = {
    0: "PCM", 1: "ADPCM", 2: "MP3", 3: "PCM", 4: "Nellymoser", 5: "Nellymoser", 6: "Nellymoser",
    7: "G.711", 8: "G.711", 11: "Speex", 13: "Opus", 14: "MP3",
}  # fmt: skip
_FOURCC = {
    b"hvc1": "HEVC", b"av01": "AV1", b"vp09": "VP9", b"vp08": "VP8", b"avc1": "H.264", b"vvc1": "VVC",
    b"Opus": "Opus", b"fLaC": "FLAC", b".mp3": "MP3", b"ac-3": "AC-3", b"ec-3": "E-AC-3", b"mp4a": "AAC",
}  # fmt: skip


class PacketType(IntEnum):
    """AVCPacketType and AACPacketType; IGNORED is ours, for what carries no media."""

    HEADER = 0
    FRAME = 1
    IGNORED = 2


HEADER, FRAME, IGNORED = PacketType
"""For every tag: on the enumeration each look-up is a call (Python 3.11)."""


class VideoTag(NamedTuple):
    """What the head of a video payload says; the data begins at VIDEO_HEADER_SIZE. `composition_time` in ms, signed."""

    type: PacketType
    keyframe: bool
    composition_time: int


_IGNORED_VIDEO = VideoTag(IGNORED, False, 0)


def parse_video(payload: bytes) -> VideoTag:
    """E.4.3. Empty tags, command frames and end-of-sequence are IGNORED. Errors: UnsupportedCodec, MalformedMedia."""
    if not payload:
        return _IGNORED_VIDEO
    first = payload[0]
    if first & _ENHANCED_BIT:
        raise UnsupportedCodec(_refusal(_fourcc(payload), " over enhanced RTMP", "H.264"))
    if first & 0x0F != _AVC:
        raise UnsupportedCodec(_refusal(_VIDEO_CODECS.get(first & 0x0F, "This video codec"), "", "H.264"))
    if first >> 4 == _COMMAND_FRAME:
        return _IGNORED_VIDEO
    if len(payload) < VIDEO_HEADER_SIZE:
        raise MalformedMedia("a video tag is shorter than its header")
    packet_type = payload[1]
    if packet_type > FRAME or len(payload) == VIDEO_HEADER_SIZE:
        return _IGNORED_VIDEO
    offset = int.from_bytes(payload[2:5], "big")
    return VideoTag(
        FRAME if packet_type else HEADER,
        first >> 4 == _KEYFRAME,
        offset - 0x1000000 if offset & 0x800000 else offset,
    )


def parse_audio(payload: bytes) -> PacketType:
    """E.4.2: what follows at AUDIO_HEADER_SIZE. Tags without data are IGNORED. Errors: UnsupportedCodec."""
    if not payload:
        return IGNORED
    sound_format = payload[0] >> 4
    if sound_format == _ENHANCED_AUDIO:
        raise UnsupportedCodec(_refusal(_fourcc(payload), " over enhanced RTMP", "AAC"))
    if sound_format != _AAC:
        raise UnsupportedCodec(_refusal(_AUDIO_CODECS.get(sound_format, "This audio codec"), "", "AAC"))
    if len(payload) <= AUDIO_HEADER_SIZE or payload[1] > FRAME:
        return IGNORED
    return FRAME if payload[1] else HEADER


def _fourcc(payload: bytes) -> str:
    """The codec's name for people; unknown ones only when printable, since this goes into messages."""
    code = payload[1:5]
    known = _FOURCC.get(code)
    if known is not None:
        return known
    return code.decode("ascii") if code.isalnum() else "This codec"


def _refusal(codec: str, manner: str, wanted: str) -> str:
    return f"{codec}{manner} is not supported here: set the encoder to {wanted}."
