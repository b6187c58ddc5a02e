"""Enhanced RTMP (v2): H.264 and AAC that come under a fourcc, rewritten as FLV tags of old.

It is the same media under another head. Everything behind the ingest reads one form of it (FLV specification 10.1, E.4.2, E.4.3).
Other codecs stay as they are. What cannot be rewritten is refused with a sentence.
"""

from __future__ import annotations

from enum import IntEnum

from providers.local.codecs.errors import UnsupportedCodec
from providers.local.flv.tag import VIDEO, FlvTag, TagKind

_EX_VIDEO = 0x80
"""IsExVideoHeader, above 3 bits of frame type and 4 of packet type."""

_EX_AUDIO, _AFTER_EX_AUDIO = 0x90, 0xA0
"""SoundFormat 9, above 4 bits of packet type."""

_COMMAND_FRAME = 5
_AVC, _AAC = 7, 0xAF
_HEADER, _FRAME, _END = 0, 1, 2
_NO_OFFSET = bytes(3)


class PacketType(IntEnum):
    """VideoPacketType and AudioPacketType, where they agree."""

    SEQUENCE_START = 0
    CODED_FRAMES = 1
    SEQUENCE_END = 2
    CODED_FRAMES_X = 3
    MULTITRACK_AUDIO = 5
    MULTITRACK_VIDEO = 6
    MOD_EX = 7


def plain(tag: FlvTag) -> FlvTag:
    """The tag as FLV had it before enhanced RTMP, if it is H.264 or AAC; any other tag unchanged.

    A packet without media (metadata, a command) becomes an empty tag. Errors: UnsupportedCodec, for multitrack and ModEx packets.
    """
    kind, timestamp, payload = tag
    if not payload or payload[0] < _EX_VIDEO:
        return tag
    if kind is VIDEO:
        return FlvTag(kind, timestamp, _plain_video(payload))
    if kind is TagKind.AUDIO and _EX_AUDIO <= payload[0] < _AFTER_EX_AUDIO:
        return FlvTag(kind, timestamp, _plain_audio(payload))
    return tag


def _plain_video(payload: bytes) -> bytes:
    frame_type, packet = payload[0] >> 4 & 7, payload[0] & 0x0F
    if packet == PacketType.MULTITRACK_VIDEO:
        raise UnsupportedCodec("Multitrack video is not supported here: set the encoder to a single video track.")
    if packet == PacketType.MOD_EX:
        raise UnsupportedCodec(_MOD_EX)
    if frame_type == _COMMAND_FRAME:
        return b""
    if payload[1:5] != b"avc1":
        return payload
    head, body = frame_type << 4 | _AVC, payload[5:]
    match packet:
        case PacketType.SEQUENCE_START:
            return bytes([head, _HEADER]) + _NO_OFFSET + body
        case PacketType.CODED_FRAMES:  # composition time and data follow, as behind an AVCPacketType
            return bytes([head, _FRAME]) + body
        case PacketType.CODED_FRAMES_X:
            return bytes([head, _FRAME]) + _NO_OFFSET + body
        case PacketType.SEQUENCE_END:
            return bytes([head, _END]) + _NO_OFFSET
    return b""


def _plain_audio(payload: bytes) -> bytes:
    packet = payload[0] & 0x0F
    if packet == PacketType.MULTITRACK_AUDIO:
        raise UnsupportedCodec("Multitrack audio is not supported here: set the encoder to a single audio track.")
    if packet == PacketType.MOD_EX:
        raise UnsupportedCodec(_MOD_EX)
    if payload[1:5] != b"mp4a":
        return payload
    match packet:
        case PacketType.SEQUENCE_START:
            return bytes([_AAC, _HEADER]) + payload[5:]
        case PacketType.CODED_FRAMES:
            return bytes([_AAC, _FRAME]) + payload[5:]
    return b""


_MOD_EX = (
    "ModEx packets of enhanced RTMP are not supported here: set the encoder to H.264 and AAC without enhanced RTMP."
)
