"""Headers and keyframes, and the difference of timestamps across their wrap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.local.flv.head import is_header, is_keyframe
from providers.local.flv.tag import FlvTag, TagKind, milliseconds_between


@pytest.mark.parametrize(
    ("kind", "payload", "header", "keyframe"),
    [
        (TagKind.VIDEO, b"\x17\x00\x00\x00\x00", True, False),
        (TagKind.VIDEO, b"\x17\x01\x00\x00\x00", False, True),
        (TagKind.VIDEO, b"\x27\x01\x00\x00\x00", False, False),
        (TagKind.VIDEO, b"\x17\x02\x00\x00\x00", False, False),
        (TagKind.VIDEO, b"\x90hvc1", True, False),
        (TagKind.VIDEO, b"\x91hvc1", False, True),
        (TagKind.VIDEO, b"\x93hvc1", False, True),
        (TagKind.VIDEO, b"\xa1hvc1", False, False),
        (TagKind.VIDEO, b"", False, False),
        (TagKind.VIDEO, b"\x17", False, False),
        (TagKind.AUDIO, b"\xaf\x00\x12\x10", True, False),
        (TagKind.AUDIO, b"\xaf\x01\x12", False, False),
        (TagKind.AUDIO, b"\x90mp4a", True, False),
        (TagKind.SCRIPT, b"\x17\x01", False, False),
    ],
)
def test_headers_and_keyframes_are_detected_by_the_first_bytes(
    kind: TagKind, payload: bytes, header: bool, keyframe: bool
) -> None:
    tag = FlvTag(kind, 0, payload)
    assert (is_header(tag), is_keyframe(tag)) == (header, keyframe)


@given(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1))
def test_a_difference_is_right_across_the_wrap(start: int, distance: int) -> None:
    assert milliseconds_between(start, (start + distance) % 2**32) == distance
