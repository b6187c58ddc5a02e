"""Parsing the head of H.264 and AAC payloads."""

from __future__ import annotations

import pytest

from providers.local.codecs.errors import MalformedMedia, UnsupportedCodec
from providers.local.flv.head import PacketType, VideoHead, parse_audio, parse_video


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\x17\x00\x00\x00\x00record", VideoHead(PacketType.HEADER, True, 0)),
        (b"\x17\x01\x00\x00\x42data", VideoHead(PacketType.FRAME, True, 66)),
        (b"\x27\x01\xff\xff\xdfdata", VideoHead(PacketType.FRAME, False, -33)),
        (b"\x27\x01\x80\x00\x00data", VideoHead(PacketType.FRAME, False, -0x800000)),
        (b"\x37\x01\x00\x00\x00data", VideoHead(PacketType.FRAME, False, 0)),
    ],
)
def test_a_video_head_is_read(payload: bytes, expected: VideoHead) -> None:
    assert parse_video(payload) == expected


@pytest.mark.parametrize(
    "payload", [b"", b"\x17\x02\x00\x00\x00", b"\x17\x01\x00\x00\x00", b"\x57\x01", b"\x17\x03\0\0\0x"]
)
def test_video_without_a_frame_is_ignored(payload: bytes) -> None:
    assert parse_video(payload).packet is PacketType.IGNORED


@pytest.mark.parametrize(
    ("payload", "expected"),
    [(b"\xaf\x00\x11\x90", PacketType.HEADER), (b"\xaf\x01data", PacketType.FRAME)]
    + [(payload, PacketType.IGNORED) for payload in (b"", b"\xaf", b"\xaf\x01", b"\xaf\x02data")],
)
def test_an_audio_head_is_read(payload: bytes, expected: PacketType) -> None:
    assert parse_audio(payload) is expected


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"\x90hvc1", "HEVC over enhanced RTMP is not supported here: set the encoder to H.264."),
        (b"\x91av01", "AV1 over enhanced RTMP is not supported here: set the encoder to H.264."),
        (b"\x90zz9z", "zz9z over enhanced RTMP is not supported here: set the encoder to H.264."),
        (b"\x90\n\x1b[2", "This codec over enhanced RTMP is not supported here: set the encoder to H.264."),
        (b"\x80", "This codec over enhanced RTMP is not supported here: set the encoder to H.264."),
        (b"\x1c\x00", "HEVC is not supported here: set the encoder to H.264."),
        (b"\x12", "Sorenson H.263 is not supported here: set the encoder to H.264."),
        (b"\x1f", "This video codec is not supported here: set the encoder to H.264."),
    ],
)
def test_other_video_codecs_are_refused_with_a_message_for_the_streamer(payload: bytes, sentence: str) -> None:
    with pytest.raises(UnsupportedCodec) as error:
        parse_video(payload)
    assert error.value.description == sentence


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"\x2f", "MP3 is not supported here: set the encoder to AAC."),
        (b"\x90Opus", "Opus over enhanced RTMP is not supported here: set the encoder to AAC."),
        (b"\xc0", "This audio codec is not supported here: set the encoder to AAC."),
    ],
)
def test_other_audio_codecs_are_refused_with_a_message_for_the_streamer(payload: bytes, sentence: str) -> None:
    with pytest.raises(UnsupportedCodec, match=sentence):
        parse_audio(payload)


def test_a_video_tag_shorter_than_its_head_is_malformed() -> None:
    with pytest.raises(MalformedMedia):
        parse_video(b"\x17\x01\x00")
