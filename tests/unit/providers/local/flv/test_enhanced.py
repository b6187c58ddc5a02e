"""Enhanced RTMP: H.264 and AAC are rewritten; packets that cannot be rewritten are refused with a message."""

from __future__ import annotations

import pytest

from providers.local.codecs.errors import UnsupportedCodec
from providers.local.flv.enhanced import plain
from providers.local.flv.tag import FlvTag, TagKind
from tests.unit.providers.local.packager.tags import audio_frame, audio_header, avc_record, frame, video_header


def video(payload: bytes) -> bytes:
    return plain(FlvTag(TagKind.VIDEO, 7, payload)).payload


def audio(payload: bytes) -> bytes:
    return plain(FlvTag(TagKind.AUDIO, 7, payload)).payload


@pytest.mark.parametrize(
    ("enhanced", "old"),
    [
        pytest.param(b"\x90avc1" + avc_record(), video_header().payload, id="sequence start"),
        pytest.param(b"\x91avc1\0\0\x42data", frame(0, key=True, cts=66, data=b"data").payload, id="keyframe"),
        pytest.param(b"\xa1avc1\xff\xff\xdfdata", frame(0, cts=-33, data=b"data").payload, id="negative offset"),
        pytest.param(b"\xa3avc1data", frame(0, data=b"data").payload, id="frame without an offset"),
        pytest.param(b"\x92avc1", b"\x17\x02\0\0\0", id="sequence end"),
        pytest.param(b"\x94avc1\x02\0\x09colorInfo", b"", id="metadata"),
        pytest.param(b"\xd0\x00", b"", id="command"),
    ],
)
def test_h264_under_a_fourcc_is_h264(enhanced: bytes, old: bytes) -> None:
    assert video(enhanced) == old


@pytest.mark.parametrize(
    ("enhanced", "old"),
    [
        pytest.param(b"\x90mp4a\x11\x90", audio_header().payload, id="sequence start"),
        pytest.param(b"\x91mp4adata", audio_frame(0, b"data").payload, id="frame"),
        pytest.param(b"\x92mp4a", b"", id="sequence end"),
        pytest.param(b"\x94mp4a\x01\x02", b"", id="multichannel configuration"),
    ],
)
def test_aac_under_a_fourcc_is_aac(enhanced: bytes, old: bytes) -> None:
    assert audio(enhanced) == old


@pytest.mark.parametrize(
    "tag",
    [
        video_header(),
        frame(0, key=True),
        audio_frame(0),
        FlvTag(TagKind.VIDEO, 0, b""),
        FlvTag(TagKind.VIDEO, 0, b"\x90hvc1record"),
        FlvTag(TagKind.VIDEO, 0, b"\x80"),
        FlvTag(TagKind.AUDIO, 0, b"\x90OpusOpusHead"),
        FlvTag(TagKind.AUDIO, 0, b"\x2fmp3"),
        FlvTag(TagKind.SCRIPT, 0, b"\x91avc1"),
    ],
)
def test_every_other_tag_stays_as_it_is(tag: FlvTag) -> None:
    assert plain(tag) is tag or plain(tag) == tag


@pytest.mark.parametrize("payload", [b"\x91", b"\x91av", b"\x91avc1", b"\x91avc1\0"])
def test_an_incomplete_head_is_left_to_the_packager(payload: bytes) -> None:
    assert len(video(payload)) < 10


@pytest.mark.parametrize(
    ("kind", "payload", "sentence"),
    [
        (TagKind.VIDEO, b"\x96\x01avc1", "Multitrack video is not supported here: set the encoder to a single video track."),
        (TagKind.AUDIO, b"\x95\x01mp4a", "Multitrack audio is not supported here: set the encoder to a single audio track."),
        (TagKind.VIDEO, b"\x97\x02\0\0\0\x01avc1", "ModEx packets of enhanced RTMP are not supported here"),
        (TagKind.AUDIO, b"\x97\x02\0\0\0\x01mp4a", "ModEx packets of enhanced RTMP are not supported here"),
    ],
)  # fmt: skip
def test_unsupported_packets_are_refused_with_a_message(kind: TagKind, payload: bytes, sentence: str) -> None:
    with pytest.raises(UnsupportedCodec, match=sentence):
        plain(FlvTag(kind, 0, payload))
