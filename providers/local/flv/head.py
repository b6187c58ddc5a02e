"""What a transcoder must know of a tag: is it a header, is it a keyframe, when is it.

Sources: FLV specification 10.1, E.4.2.1 and E.4.3.1; enhanced RTMP v1 (video, bit 0x80 of the first byte) and v2 (audio, format 9).
"""

from __future__ import annotations

from providers.local.flv.tag import FlvTag, TagKind

_EX_VIDEO = 0x80
_AVC = 7
_AAC = 10
_EX_AUDIO = 9
_KEYFRAME = 1
_SEQUENCE_START = 0
_CODED_FRAMES = (1, 3)
"""Enhanced RTMP: CodedFrames and CodedFramesX."""


def is_header(tag: FlvTag) -> bool:
    """Whether it is a sequence header: what a decoder must have before the first frame."""
    first, second = tag.payload[:1], tag.payload[1:2]
    if not first or not second:
        return False
    if tag.kind is TagKind.AUDIO:
        codec, packet = first[0] >> 4, second[0]
        return (codec == _AAC and packet == 0) or (codec == _EX_AUDIO and first[0] & 0x0F == _SEQUENCE_START)
    if tag.kind is TagKind.VIDEO:
        if first[0] & _EX_VIDEO:
            return first[0] & 0x0F == _SEQUENCE_START
        return first[0] & 0x0F == _AVC and second[0] == 0
    return False


def is_enhanced(tag: FlvTag) -> bool:
    """Whether it is video of enhanced RTMP: HEVC, AV1, VP9."""
    return tag.kind is TagKind.VIDEO and bool(tag.payload) and bool(tag.payload[0] & _EX_VIDEO)


def is_keyframe(tag: FlvTag) -> bool:
    """Whether decoding can begin here."""
    if tag.kind is not TagKind.VIDEO or len(tag.payload) < 2:
        return False
    first = tag.payload[0]
    if first >> 4 & 0x07 != _KEYFRAME:
        return False
    if first & _EX_VIDEO:
        return first & 0x0F in _CODED_FRAMES
    return tag.payload[1] == 1


def milliseconds_between(earlier: int, later: int) -> int:
    """`later` - `earlier` for timestamps of 32 bits that may wrap; negative when it went back."""
    return (later - earlier + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
