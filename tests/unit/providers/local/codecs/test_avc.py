"""H.264 sequence headers."""

from __future__ import annotations

import pytest

from providers.local.codecs.avc import parse_avc_config
from providers.local.codecs.errors import MalformedMedia
from tests.unit.providers.local.packager.tags import avc_record, golomb, sps

TIMING = ((1, 1), (0, 1), (0, 1), (0, 1), (0, 1), (1, 1))
"""A VUI up to and with timing_info_present_flag."""

HIGH = (golomb(1), golomb(0), golomb(0), (0, 1))


def test_the_codec_string_comes_from_the_sps() -> None:
    config = parse_avc_config(avc_record())

    assert config.codec == "avc1.4d001f"
    assert config.profile == 77
    assert config.record == avc_record()


@pytest.mark.parametrize(
    ("nal", "size"),
    [
        (sps(), (640, 360)),
        (sps(crop=None), (640, 368)),
        (sps(crop=(1, 2, 0, 1)), (634, 366)),
        (sps(120, 34, frames_only=False, crop=(0, 0, 0, 2)), (1920, 1080)),
        (sps(profile=100, chroma=(*HIGH, (0, 1))), (640, 360)),
        (sps(profile=122, chroma=(golomb(2), *HIGH[1:], (0, 1)), crop=(1, 0, 1, 0)), (638, 367)),
        (sps(profile=244, chroma=(golomb(3), (0, 1), *HIGH[1:], (0, 1)), crop=(1, 0, 1, 0)), (639, 367)),
    ],
)
def test_width_and_height_are_those_after_cropping(nal: bytes, size: tuple[int, int]) -> None:
    config = parse_avc_config(avc_record(nal))

    assert (config.width, config.height) == size


def test_scaling_lists_are_skipped() -> None:
    # The first list changes every step by 0 (16 codes), the second says "default" at once (delta -8), six are absent.
    lists = ((1, 1), (1, 1), *[golomb(0)] * 16, (1, 1), golomb(16), *[(0, 1)] * 6)
    config = parse_avc_config(avc_record(sps(profile=100, chroma=(*HIGH, *lists))))

    assert (config.width, config.height) == (640, 360)


@pytest.mark.parametrize(
    ("vui", "rate"),
    [
        (((0, 1),), 0.0),
        ((*TIMING, (1, 32), (60, 32), (1, 1)), 30.0),
        ((*TIMING, (1001, 32), (60_000, 32), (1, 1)), 30_000 / 1001),
        ((*TIMING, (0, 32), (60, 32), (1, 1)), 0.0),
        ((*TIMING, (1, 32), (4_000_000_000, 32), (1, 1)), 0.0),
        (((1, 1), (1, 1), (255, 8), (4, 16), (3, 16), (1, 1), (0, 1), (1, 1), (0, 4), (1, 1), (0, 24), (1, 1),
          golomb(0), golomb(0), (1, 1), (1, 32), (50, 32), (0, 1)), 25.0),
        ((*TIMING, (1, 8)), 0.0),
    ],
)  # fmt: skip
def test_the_frame_rate_is_the_vui_s_where_it_makes_sense(vui: tuple[tuple[int, int], ...], rate: float) -> None:
    assert parse_avc_config(avc_record(sps(vui=vui))).frame_rate == rate


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\0\0\0\1\x67\x4d\0\x1f",
        b"\x01\x4d\0\x1f\xff\xe0\0\0",
        avc_record()[:12],
        avc_record(b"\x67\x4d\0\x1f"),
        avc_record(b""),
    ],
    ids=["empty", "Annex B", "no SPS", "cut off", "SPS without content", "empty SPS"],
)
def test_anything_else_is_malformed(record: bytes) -> None:
    with pytest.raises(MalformedMedia):
        parse_avc_config(record)


@pytest.mark.parametrize("nal", [sps(5_000), sps(1, 1, crop=(8, 0, 0, 0))], ids=["too wide", "cropped away"])
def test_impossible_sizes_are_malformed(nal: bytes) -> None:
    with pytest.raises(MalformedMedia, match=r"the H\.264 sequence header has a frame size"):
        parse_avc_config(avc_record(nal))
