"""AMF0: one table both ways, and bytes that are not AMF0."""

import pytest

from providers.local.rtmp import amf0
from providers.local.rtmp.amf0 import UNDEFINED, Date, EcmaArray
from providers.local.rtmp.errors import AmfMalformed, LimitExceeded

WIRE = [
    (3.5, "00400c000000000000"),
    (True, "0101"),
    (False, "0100"),
    ("live", "0200046c697665"),
    ("é", "020002c3a9"),
    (None, "05"),
    (UNDEFINED, "06"),
    ({"a": True}, "03000161 0101 000009"),
    (EcmaArray(a=True), "0800000001 000161 0101 000009"),
    ([None, None], "0a00000002 05 05"),
    (Date(1000.0, 0), "0b408f400000000000 0000"),
    ({}, "03000009"),
]


@pytest.mark.parametrize(("value", "wire"), WIRE, ids=repr)
def test_a_value_has_these_bytes(value: amf0.Value, wire: str) -> None:
    assert amf0.encode(value) == bytes.fromhex(wire)


@pytest.mark.parametrize(("value", "wire"), WIRE, ids=repr)
def test_these_bytes_are_this_value(value: amf0.Value, wire: str) -> None:
    (decoded,) = amf0.decode(bytes.fromhex(wire))

    assert decoded == value
    assert type(decoded) is type(value)


def test_a_string_above_65535_bytes_is_a_long_string() -> None:
    wire = amf0.encode("x" * 65536)

    assert wire[:5] == bytes.fromhex("0c00010000")
    assert amf0.decode(wire) == ["x" * 65536]


def test_the_count_of_an_ecma_array_is_only_a_hint() -> None:
    assert amf0.decode(bytes.fromhex("08ffffffff 000161 0101 000009")) == [{"a": True}]


def test_bad_utf8_becomes_a_replacement_character() -> None:
    assert amf0.decode(bytes.fromhex("020001ff")) == ["\ufffd"]


def test_a_typed_object_is_an_object_without_its_class() -> None:
    assert amf0.decode(bytes.fromhex("10 000143 000161 0101 000009")) == [{"a": True}]


@pytest.mark.parametrize("wire", ["00", "0200", "020005616263", "03", "030001", "0a0000", "0b00"])
def test_bytes_that_end_too_early_are_malformed(wire: str) -> None:
    with pytest.raises(AmfMalformed):
        amf0.decode(bytes.fromhex(wire))


@pytest.mark.parametrize("marker", [0x04, 0x07, 0x09, 0x0E, 0x11, 0x42, 0xFF])
def test_what_no_encoder_sends_is_malformed(marker: int) -> None:
    with pytest.raises(AmfMalformed, match=f"0x{marker:02x}"):
        amf0.decode(bytes([marker]) + bytes(16))


@pytest.mark.parametrize("nest", ["030001 61", "0a00000001", "0800000000000161"])
def test_values_nested_without_end_are_stopped_at_the_depth_limit(nest: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        amf0.decode(bytes.fromhex(nest) * 5000)

    assert caught.value.limit == "AMF depth"


@pytest.mark.parametrize("bomb", [b"\x0a\xff\xff\xff\xff" + b"\x05" * 10, b"\x05" * 5000], ids=["array", "row"])
def test_too_many_values_are_stopped_at_the_count_limit(bomb: bytes) -> None:
    with pytest.raises(LimitExceeded) as caught:
        amf0.decode(bomb)

    assert caught.value.limit == "AMF values"
