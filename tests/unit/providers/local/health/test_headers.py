"""Facts from headers and metadata; invalid values are unknown."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.health import AudioFacts, Declared, VideoFacts
from providers.local.health.headers import MAX_NAME, audio_facts, declared, encoder_name, video_facts
from providers.local.rtmp import amf0
from tests.unit.providers.local.packager.tags import audio_header, avc_record, sps, video_header


def header(profile: int, constraints: int, level: int) -> bytes:
    chroma = ((2, 3), (1, 1), (1, 1), (0, 1), (0, 1)) if profile == 100 else ()
    nal = bytearray(sps(profile=profile, chroma=chroma))
    nal[2:4] = constraints, level
    return video_header(avc_record(bytes(nal))).payload


@pytest.mark.parametrize(
    ("profile", "constraints", "level", "shown"),
    [
        (77, 0, 31, ("Main", "3.1")),
        (66, 0, 30, ("Baseline", "3.0")),
        (66, 0x40, 11, ("Constrained Baseline", "1.1")),
        (66, 0x50, 11, ("Constrained Baseline", "1b")),
        (77, 0, 9, ("Main", "1b")),
        (100, 0, 52, ("High", "5.2")),
    ],
)
def test_profile_and_level_are_named(profile: int, constraints: int, level: int, shown: tuple[str, str]) -> None:
    facts = video_facts(header(profile, constraints, level))
    assert facts is not None
    assert (facts.codec, facts.profile, facts.level) == ("H.264", *shown)
    assert facts.width == 640


def test_without_a_header_there_are_no_facts() -> None:
    assert (video_facts(b""), audio_facts(b"")) == (None, None)


def test_an_unreadable_header_has_at_least_a_codec_name() -> None:
    assert video_facts(b"\x17\0\0\0\0nonsense") == VideoFacts("H.264")
    assert video_facts(b"\x90hvc1") == VideoFacts("HEVC")
    assert audio_facts(b"\xaf\0") == AudioFacts("AAC")
    assert audio_facts(b"\x2f\0") == AudioFacts("unknown")


def test_audio_is_named() -> None:
    assert audio_facts(audio_header().payload) == AudioFacts("AAC", "LC", 48_000, 2)


def test_declared_values_are_read() -> None:
    values = amf0.EcmaArray(
        width=1280.0, height=720.0, framerate=29.97, videodatarate=2500.0, audiodatarate=160.0, encoder="obs \x07output"
    )
    assert declared(amf0.encode("onMetaData", values)) == (Declared(1280, 720, 29.97, 2500.0, 160.0), "obs output")


@pytest.mark.parametrize("value", [0.0, -1.0, nan, inf, 1e300, "1280", True, None])
def test_an_implausible_value_is_none(value: amf0.Value) -> None:
    assert declared(amf0.encode("onMetaData", amf0.EcmaArray(width=value, framerate=value))) == (Declared(), None)


@pytest.mark.parametrize("metadata", [b"", b"\xff", amf0.encode("onMetaData"), amf0.encode("onMetaData", 1.0)])
def test_unreadable_metadata_declares_nothing(metadata: bytes) -> None:
    assert declared(metadata) == (Declared(), None)


def test_a_name_is_short_and_printable() -> None:
    assert encoder_name("x" * 500) == "x" * MAX_NAME
    assert encoder_name("\0\x1b[31m ") == "[31m"
    assert encoder_name("\n") is None


@given(st.binary(max_size=60))
def test_no_bytes_make_them_raise(data: bytes) -> None:
    video_facts(data), audio_facts(data), declared(data)
