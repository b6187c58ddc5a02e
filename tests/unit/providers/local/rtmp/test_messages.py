"""Messages: one table both ways."""

import pytest

from providers.local.rtmp import amf0
from providers.local.rtmp.chunks import RtmpMessage
from providers.local.rtmp.errors import MessageMalformed
from providers.local.rtmp.messages import (
    Abort,
    Acknowledgement,
    Body,
    Command,
    MessageType,
    PeerBandwidthLimit,
    SetChunkSize,
    SetPeerBandwidth,
    UserControl,
    WindowAckSize,
    command_of,
    script_of,
)

WIRE: list[tuple[Body, str]] = [
    (SetChunkSize(65536), "00010000"),
    (Abort(4), "00000004"),
    (Acknowledgement(1), "00000001"),
    (WindowAckSize(2_500_000), "002625a0"),
    (SetPeerBandwidth(2_500_000, PeerBandwidthLimit.DYNAMIC), "002625a002"),
    (UserControl(6, b"\x00\x00\x00\x01"), "000600000001"),
    (Command("x", 1.0, [None]), "02000178 003ff0000000000000 05"),
]


@pytest.mark.parametrize(("body", "wire"), WIRE, ids=lambda value: type(value).__name__)
def test_a_message_has_these_bytes(body: Body, wire: str) -> None:
    assert body.serialize() == bytes.fromhex(wire)


@pytest.mark.parametrize(("body", "wire"), WIRE, ids=lambda value: type(value).__name__)
def test_these_bytes_are_this_message(body: Body, wire: str) -> None:
    assert type(body).parse(bytes.fromhex(wire)) == body


@pytest.mark.parametrize(
    ("kind", "wire"),
    [
        (SetChunkSize, "0001"),
        (WindowAckSize, "0000000000"),
        (SetPeerBandwidth, "00000000"),
        (SetPeerBandwidth, "0000000009"),
        (UserControl, "00"),
        (Command, ""),
        (Command, "003ff0000000000000"),
        (Command, "02000178 05"),
    ],
)
def test_another_shape_is_malformed(kind: type[Body], wire: str) -> None:
    with pytest.raises(MessageMalformed):
        kind.parse(bytes.fromhex(wire))


def test_a_command_shows_neither_its_name_nor_its_arguments() -> None:
    assert "secret" not in repr(Command("secret", 1.0, [None, "secret"]))


def test_an_amf3_command_holds_amf0_after_one_byte() -> None:
    message = RtmpMessage(MessageType.COMMAND_AMF3, 0, 0, b"\0" + amf0.encode("connect", 1.0))

    assert command_of(message) == Command("connect", 1.0)


def test_the_set_data_frame_wrapper_is_removed() -> None:
    metadata = amf0.encode("onMetaData", amf0.EcmaArray(width=1280.0))

    assert script_of(RtmpMessage(MessageType.DATA, 1, 0, amf0.encode("@setDataFrame") + metadata)) == metadata
    assert script_of(RtmpMessage(MessageType.DATA, 1, 0, metadata)) == metadata
    assert script_of(RtmpMessage(MessageType.DATA_AMF3, 1, 0, b"\0" + metadata)) == metadata
