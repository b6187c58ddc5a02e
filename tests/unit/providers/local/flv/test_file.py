"""Parsing and serializing FLV streams."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.local.flv.file import (
    MAX_TAG_SIZE,
    BadTag,
    FlvError,
    FlvReader,
    NotFlv,
    TagTooLarge,
    flv_header,
    serialize,
)
from providers.local.flv.tag import FlvTag, TagKind

TAGS = st.lists(
    st.builds(
        FlvTag,
        kind=st.sampled_from(TagKind),
        timestamp=st.integers(0, 2**32 - 1),
        payload=st.binary(max_size=300),
    ),
    max_size=8,
)


@given(tags=TAGS, cuts=st.lists(st.integers(0, 2000), max_size=10))
def test_any_cutting_of_the_stream_gives_the_same_tags(tags: list[FlvTag], cuts: list[int]) -> None:
    stream = flv_header() + b"".join(map(serialize, tags))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = FlvReader()

    read = [tag for begin, end in itertools.pairwise(edges) for tag in reader.feed(stream[begin:end])]

    assert read == tags
    assert reader.buffered == 4


def test_a_tag_is_returned_before_the_size_that_follows_it() -> None:
    tag = FlvTag(TagKind.VIDEO, 40, b"\x17\x01\0\0\0frame")

    assert FlvReader().feed(flv_header() + serialize(tag)[:-4]) == [tag]


def test_timestamps_above_24_bits_use_the_extension() -> None:
    assert serialize(FlvTag(TagKind.AUDIO, 0x81020304, b"x"))[:8] == b"\x08\x00\x00\x01\x02\x03\x04\x81"


def test_the_header_says_which_tracks_follow() -> None:
    assert flv_header() == b"FLV\x01\x05\0\0\0\x09\0\0\0\0"
    assert flv_header(audio=False)[4] == 1
    assert flv_header(video=False)[4] == 4


@pytest.mark.parametrize(
    "start", [b"RIFF", b"F\0", b"FLV\x02\x05\0\0\0\x09", b"FLV\x01\x05\0\0\0\x08", b"FLV\x01\x05\xff\0\0\0"]
)
def test_other_data_than_flv_is_refused_at_once(start: bytes) -> None:
    with pytest.raises(NotFlv):
        FlvReader().feed(start)


@pytest.mark.parametrize("kind", [0, 1, 10, 0x28, 0x32])
def test_an_unknown_or_encrypted_tag_is_refused(kind: int) -> None:
    with pytest.raises(BadTag):
        FlvReader().feed(flv_header() + bytes([kind]) + bytes(10))


def test_a_tag_above_the_limit_is_refused_from_its_header_alone() -> None:
    with pytest.raises(TagTooLarge, match="1001 bytes, the limit is 1000"):
        FlvReader(max_tag_size=1000).feed(flv_header() + serialize(FlvTag(TagKind.VIDEO, 0, bytes(1001)))[:11])


def test_a_tag_too_large_for_flv_is_not_written() -> None:
    with pytest.raises(TagTooLarge):
        serialize(FlvTag(TagKind.VIDEO, 0, bytes(MAX_TAG_SIZE + 1)))


@given(garbage=st.binary(max_size=200))
def test_garbage_raises_only_flv_errors(garbage: bytes) -> None:
    try:
        FlvReader().feed(flv_header() + garbage)
    except FlvError:
        pass
