"""AAC sequence headers."""

from __future__ import annotations

import pytest

from providers.local.codecs.aac import parse_aac_config
from providers.local.codecs.bits import pack_bits
from providers.local.codecs.errors import MalformedMedia, UnsupportedCodec

GA = ((0, 1), (0, 1), (0, 1))


@pytest.mark.parametrize(
    ("fields", "codec", "rate", "channels", "samples"),
    [
        (((2, 5), (3, 4), (2, 4), *GA), "mp4a.40.2", 48_000, 2, 1024),
        (((2, 5), (4, 4), (1, 4), *GA), "mp4a.40.2", 44_100, 1, 1024),
        (((2, 5), (15, 4), (37_800, 24), (6, 4), *GA), "mp4a.40.2", 37_800, 6, 1024),
        (((2, 5), (3, 4), (7, 4), *GA), "mp4a.40.2", 48_000, 8, 1024),
        (((2, 5), (3, 4), (2, 4), (1, 1), (0, 2)), "mp4a.40.2", 48_000, 2, 960),
        (((5, 5), (6, 4), (2, 4), (3, 4), (2, 5), *GA), "mp4a.40.5", 48_000, 2, 2048),
        (((29, 5), (7, 4), (1, 4), (4, 4), (2, 5), *GA), "mp4a.40.29", 44_100, 2, 2048),
        (((5, 5), (3, 4), (2, 4), (3, 4), (2, 5), *GA), "mp4a.40.5", 48_000, 2, 1024),
        (((2, 5), (6, 4), (2, 4), *GA, (0x2B7, 11), (5, 5), (1, 1), (3, 4)), "mp4a.40.5", 48_000, 2, 2048),
        (((2, 5), (7, 4), (1, 4), *GA, (0x2B7, 11), (5, 5), (1, 1), (4, 4), (0x548, 11), (1, 1)), "mp4a.40.29", 44_100, 2, 2048),
        (((2, 5), (7, 4), (1, 4), *GA, (0x2B7, 11), (5, 5), (0, 1)), "mp4a.40.2", 22_050, 1, 1024),
        (((2, 5), (7, 4), (1, 4), *GA, (0x2B7, 11), (5, 5), (1, 1), (14, 4)), "mp4a.40.2", 22_050, 1, 1024),
    ],
    ids=[
        "LC", "LC mono", "a rate in full, 5.1", "7.1", "960 samples", "HE", "HE v2", "HE downsampled", "HE, compatible",
        "HE v2, compatible", "SBR said to be absent", "a broken extension",
    ],
)  # fmt: skip
def test_object_type_rate_and_channels_are_read(
    fields: tuple[tuple[int, int], ...], codec: str, rate: int, channels: int, samples: int
) -> None:
    config = parse_aac_config(pack_bits(*fields))

    assert (config.codec, config.sample_rate, config.channels, config.frame_samples) == (codec, rate, channels, samples)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (((1, 5), (3, 4), (2, 4), *GA), "AAC object type 1 is not supported here: set the encoder to AAC-LC."),
        (((31, 5), (10, 6), (3, 4), (2, 4), *GA), "AAC object type 42 is not supported here"),
        (((2, 5), (3, 4), (0, 4), *GA), "This AAC channel layout is not supported here: set the encoder to stereo."),
    ],
)
def test_what_browsers_cannot_play_is_refused(fields: tuple[tuple[int, int], ...], sentence: str) -> None:
    with pytest.raises(UnsupportedCodec, match=sentence):
        parse_aac_config(pack_bits(*fields))


@pytest.mark.parametrize(
    "config", [b"", b"\x11", pack_bits((2, 5), (13, 4), (2, 4), *GA), pack_bits((2, 5), (15, 4), (1, 24), (2, 4))]
)
def test_broken_headers_are_malformed(config: bytes) -> None:
    with pytest.raises(MalformedMedia):
        parse_aac_config(config)


def test_silence_of_one_channel_is_four_bytes() -> None:
    """id_syn_ele 0, tag 0, no gain, no spectrum, ID_END."""
    assert parse_aac_config(pack_bits((2, 5), (3, 4), (1, 4), *GA)).silence == b"\0\0\0\x07"
