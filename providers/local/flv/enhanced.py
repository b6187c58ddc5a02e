"""Rewrites H.264 and AAC of enhanced RTMP (v2) into the legacy form of FLV (specification 10.1, E.4.2, E.4.3).

The media is the same; only the head differs. All later stages read the legacy form only. Other codecs pass unchanged. Packets
that cannot be rewritten are refused with a message for the streamer.
"""

from __future__ import annotations

from providers.local.codecs.errors import UnsupportedCodec
from providers.local.flv.head import (
    AAC,
    AVC,
    COMMAND_FRAME,
    FRAME,
    HEADER,
    EnhancedHead,
    EnhancedPacketType,
    enhanced_head,
)
from providers.local.flv.tag import VIDEO, FlvTag

_SEQUENCE_END = 2
"""AVCPacketType: end of sequence."""

_AAC_FIRST_BYTE = AAC << 4 | 0x0F
"""AAC is always marked as 44 kHz, 16 bits, stereo (E.4.2.1); decoders read the AudioSpecificConfig instead."""

_NO_OFFSET = bytes(3)


def plain(tag: FlvTag) -> FlvTag:
    """Return the tag in the legacy form if it is H.264 or AAC; return any other tag unchanged.

    A packet without media (metadata, a command) becomes an empty tag.

    Raises:
        UnsupportedCodec: It is a multitrack or ModEx packet.
    """
    head = enhanced_head(tag)
    if head is None:
        return tag
    kind, timestamp, payload = tag
    rewrite = _plain_video if kind is VIDEO else _plain_audio
    return FlvTag(kind, timestamp, rewrite(head, payload))


def _plain_video(head: EnhancedHead, payload: bytes) -> bytes:
    if head.packet == EnhancedPacketType.MULTITRACK_VIDEO:
        raise UnsupportedCodec("Multitrack video is not supported here: set the encoder to a single video track.")
    if head.packet == EnhancedPacketType.MOD_EX:
        raise UnsupportedCodec(_MOD_EX)
    # It has one byte of command instead of media, and no fourcc that counts.
    if head.frame_type == COMMAND_FRAME:
        return b""
    # Passed on unchanged: the refusal names the codec, or the transcoder decodes it.
    if head.fourcc != b"avc1":
        return payload
    first, body = head.frame_type << 4 | AVC, payload[5:]
    match head.packet:
        case EnhancedPacketType.SEQUENCE_START:
            return bytes([first, HEADER]) + _NO_OFFSET + body
        case EnhancedPacketType.CODED_FRAMES:  # composition time and data follow, as after an AVCPacketType
            return bytes([first, FRAME]) + body
        case EnhancedPacketType.CODED_FRAMES_X:
            return bytes([first, FRAME]) + _NO_OFFSET + body
        case EnhancedPacketType.SEQUENCE_END:
            # The legacy form has three bytes of composition time here, too (E.4.3.1).
            return bytes([first, _SEQUENCE_END]) + _NO_OFFSET
    return b""


def _plain_audio(head: EnhancedHead, payload: bytes) -> bytes:
    if head.packet == EnhancedPacketType.MULTITRACK_AUDIO:
        raise UnsupportedCodec("Multitrack audio is not supported here: set the encoder to a single audio track.")
    if head.packet == EnhancedPacketType.MOD_EX:
        raise UnsupportedCodec(_MOD_EX)
    # As for video.
    if head.fourcc != b"mp4a":
        return payload
    match head.packet:
        case EnhancedPacketType.SEQUENCE_START:
            return bytes([_AAC_FIRST_BYTE, HEADER]) + payload[5:]
        case EnhancedPacketType.CODED_FRAMES:
            return bytes([_AAC_FIRST_BYTE, FRAME]) + payload[5:]
    return b""


_MOD_EX = (
    "ModEx packets of enhanced RTMP are not supported here: set the encoder to H.264 and AAC without enhanced RTMP."
)
