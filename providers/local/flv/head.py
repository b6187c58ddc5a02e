"""Reads the head of an audio or video payload: codec, frame type, packet type, composition time.

No other module knows these bits. Two forms exist: the legacy form names the codec with 4 bits (FLV specification 10.1, E.4.2.1
and E.4.3.1); enhanced RTMP (v2) names it with a fourcc, marked by bit 0x80 of the video byte or by audio format 9.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from providers.local.codecs.errors import MalformedMedia, UnsupportedCodec
from providers.local.flv.tag import AUDIO, VIDEO, FlvTag

AVC, AAC = 7, 10
"""CodecID and SoundFormat."""

ENHANCED_VIDEO, ENHANCED_AUDIO = 0x80, 9
"""IsExVideoHeader, a bit above the frame type; ExHeader, a SoundFormat."""

KEYFRAME, COMMAND_FRAME = 1, 5
"""Frame types. A command frame (a seek) carries no media."""

VIDEO_HEADER_SIZE = 5
"""Bytes of FrameType and CodecID, AVCPacketType, CompositionTime."""

AUDIO_HEADER_SIZE = 2
"""Bytes of SoundFormat with its flags, AACPacketType."""

AVC_INTER_FRAME = 0x27
"""The first byte of an H.264 frame that is not a keyframe: frame type 2, CodecID 7."""

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
    """AVCPacketType and AACPacketType. IGNORED stands for all packets without media."""

    HEADER = 0
    FRAME = 1
    IGNORED = 2


HEADER, FRAME, IGNORED = PacketType
"""For code that runs for every tag: access through the enumeration is a function call in Python 3.11."""


class EnhancedPacketType(IntEnum):
    """VideoPacketType and AudioPacketType of enhanced RTMP; both agree where both define a value."""

    SEQUENCE_START = 0
    CODED_FRAMES = 1
    SEQUENCE_END = 2
    CODED_FRAMES_X = 3
    MULTITRACK_AUDIO = 5
    MULTITRACK_VIDEO = 6
    MOD_EX = 7


_SEQUENCE_START, _CODED_FRAMES, _CODED_FRAMES_X = 0, 1, 3


class VideoHead(NamedTuple):
    """The head of a video payload. `composition_time` in ms, signed. In the legacy form data begins at VIDEO_HEADER_SIZE."""

    packet: PacketType
    keyframe: bool
    composition_time: int


_IGNORED_VIDEO = VideoHead(IGNORED, False, 0)


class EnhancedHead(NamedTuple):
    """The head of an enhanced payload; its data begins at byte 5. `packet` may have a value that is not in the enumeration."""

    packet: int
    frame_type: int
    fourcc: bytes


def enhanced_head(tag: FlvTag) -> EnhancedHead | None:
    """Read the head of a tag in the enhanced form; None for the legacy form and for script tags."""
    kind, _, payload = tag
    if not payload:
        return None
    first = payload[0]
    if (kind is VIDEO and first & ENHANCED_VIDEO) or (kind is AUDIO and first >> 4 == ENHANCED_AUDIO):
        # Three bits of frame type: the fourth is IsExVideoHeader. The lower four are a packet type, not a codec.
        return EnhancedHead(first & 0x0F, first >> 4 & 7, payload[1:5])
    return None


def is_header(tag: FlvTag) -> bool:
    """Return whether the tag is a sequence header, which a decoder needs before the first frame."""
    payload = tag.payload
    if len(payload) < 2:
        return False
    first = payload[0]
    if tag.kind is AUDIO:
        codec = first >> 4
        return (codec == AAC and payload[1] == 0) or (codec == ENHANCED_AUDIO and first & 0x0F == _SEQUENCE_START)
    if tag.kind is VIDEO:
        if first & ENHANCED_VIDEO:
            return first & 0x0F == _SEQUENCE_START
        return first & 0x0F == AVC and payload[1] == 0
    return False


def is_enhanced(tag: FlvTag) -> bool:
    """Return whether the tag is video in the enhanced form: HEVC, AV1, VP9."""
    return tag.kind is VIDEO and bool(tag.payload) and bool(tag.payload[0] & ENHANCED_VIDEO)


def is_keyframe(tag: FlvTag) -> bool:
    """Return whether decoding can start at this tag."""
    payload = tag.payload
    if tag.kind is not VIDEO or len(payload) < 2:
        return False
    first = payload[0]
    if first >> 4 & 7 != KEYFRAME:
        return False
    if first & ENHANCED_VIDEO:
        return first & 0x0F in (_CODED_FRAMES, _CODED_FRAMES_X)
    return payload[1] == 1


def read_video_head(payload: bytes) -> VideoHead:
    """Read a video head in either form, whatever the codec. `payload` has at least VIDEO_HEADER_SIZE bytes."""
    first = payload[0]
    packet, offset = payload[1], payload[2:5]
    if first & ENHANCED_VIDEO:
        packet, offset = first & 0x0F, b""
        if packet == _CODED_FRAMES:
            offset = payload[5:8]  # behind the fourcc; CodedFramesX has none
        elif packet == _CODED_FRAMES_X:
            packet = FRAME
        elif packet != _SEQUENCE_START:
            packet = IGNORED
    frame_type = first >> 4 & 7
    if packet > FRAME or frame_type == COMMAND_FRAME:
        return _IGNORED_VIDEO
    # SI24: signed, negative where an encoder presents frames before their decode time (E.4.3.1).
    composition_time = int.from_bytes(offset, "big")
    return VideoHead(
        FRAME if packet else HEADER,
        frame_type == KEYFRAME,
        composition_time - 0x1000000 if composition_time & 0x800000 else composition_time,
    )


def parse_video(payload: bytes) -> VideoHead:
    """Read the head of H.264 in the legacy form (E.4.3).

    Empty tags, command frames and the end of a sequence are IGNORED.

    Raises:
        UnsupportedCodec: The codec is not H.264, or the form is enhanced.
        MalformedMedia: The payload is shorter than its head.
    """
    if not payload:
        return _IGNORED_VIDEO
    first = payload[0]
    if first & ENHANCED_VIDEO:
        raise UnsupportedCodec(_refusal(_readable_fourcc(payload), " over enhanced RTMP", "H.264"))
    if first & 0x0F != AVC:
        raise UnsupportedCodec(_refusal(_VIDEO_CODECS.get(first & 0x0F, "This video codec"), "", "H.264"))
    if first >> 4 == COMMAND_FRAME:  # its one byte of content is no packet type
        return _IGNORED_VIDEO
    if len(payload) < VIDEO_HEADER_SIZE:
        raise MalformedMedia("a video tag is shorter than its header")
    # A frame without data: there is nothing to present.
    if len(payload) == VIDEO_HEADER_SIZE:
        return _IGNORED_VIDEO
    return read_video_head(payload)


def parse_audio(payload: bytes) -> PacketType:
    """Read the head of AAC in the legacy form (E.4.2): what follows at AUDIO_HEADER_SIZE. Tags without data are IGNORED.

    Raises:
        UnsupportedCodec: The codec is not AAC, or the form is enhanced.
    """
    if not payload:
        return IGNORED
    sound_format = payload[0] >> 4
    if sound_format == ENHANCED_AUDIO:
        raise UnsupportedCodec(_refusal(_readable_fourcc(payload), " over enhanced RTMP", "AAC"))
    if sound_format != AAC:
        raise UnsupportedCodec(_refusal(_AUDIO_CODECS.get(sound_format, "This audio codec"), "", "AAC"))
    if len(payload) <= AUDIO_HEADER_SIZE or payload[1] > FRAME:
        return IGNORED
    return FRAME if payload[1] else HEADER


def video_codec(payload: bytes) -> str | None:
    """Return the codec's name if it is H.264 in the legacy form or has a known fourcc; else None."""
    first = payload[0]
    if first & ENHANCED_VIDEO:
        return _FOURCC.get(payload[1:5])
    return "H.264" if first & 0x0F == AVC else None


def is_aac(payload: bytes) -> bool:
    """Return whether an audio payload is AAC in the legacy form."""
    return payload[0] >> 4 == AAC


def _readable_fourcc(payload: bytes) -> str:
    """Return the codec's name. An unknown fourcc is shown only if it is alphanumeric, since it goes into a message."""
    code = payload[1:5]
    known = _FOURCC.get(code)
    if known is not None:
        return known
    return code.decode("ascii") if code.isalnum() else "This codec"


def _refusal(codec: str, manner: str, wanted: str) -> str:
    return f"{codec}{manner} is not supported here: set the encoder to {wanted}."
