"""The handshake, and those who do not mean RTMP."""

import pytest

from providers.local.rtmp.errors import HandshakeFailed
from providers.local.rtmp.session import RtmpSession
from providers.local.rtmp.states import ConnectionState
from tests.unit.providers.local.rtmp.encoder import C1, HANDSHAKE


def test_the_answer_is_version_3_then_s1_then_an_echo_of_c1() -> None:
    session = RtmpSession()
    session.receive(b"\x03" + C1)
    answer = session.data_to_send()

    assert len(answer) == 1 + 1536 + 1536
    assert answer[0] == 3
    assert answer[1537:] == C1


def test_nothing_is_answered_before_c1_is_whole() -> None:
    session = RtmpSession()
    session.receive(b"\x03" + C1[:-1])

    assert session.data_to_send() == b""


def test_the_handshake_is_over_after_c2_whatever_is_in_it() -> None:
    session = RtmpSession()
    session.receive(HANDSHAKE[:-1])
    assert session.state is ConnectionState.HANDSHAKING

    session.receive(b"!")
    assert session.state is ConnectionState.CONNECTING


@pytest.mark.parametrize("first", [b"\x00", b"\x06", b"G", b"\xff"])
def test_another_first_byte_than_3_fails_at_once(first: bytes) -> None:
    with pytest.raises(HandshakeFailed, match="instead of 3"):
        RtmpSession().receive(first)


def test_a_tls_client_on_the_plain_port_is_recognized() -> None:
    with pytest.raises(HandshakeFailed, match="rtmps"):
        RtmpSession().receive(b"\x16\x03\x01")
