"""The RTMP handshake (Adobe's RTMP specification 1.0, §5.2), the server's side."""

from __future__ import annotations

from collections.abc import Callable, Generator

from providers.local.rtmp.buffer import ReceiveBuffer
from providers.local.rtmp.errors import HandshakeFailed

VERSION = 3
PACKET_SIZE = 1536
"""Size of C1, C2, S1 and S2 in bytes."""

TLS_HANDSHAKE_RECORD = 0x16
"""First byte of a TLS ClientHello (RFC 8446 §5.1): an rtmps:// client that came to the plain port."""

S1 = bytes(PACKET_SIZE)
"""Time 0, zero, and 1528 bytes that need not be random: nothing here rests on telling two handshakes apart (§5.2.3)."""


def server_handshake(buffer: ReceiveBuffer, send: Callable[[bytes], None]) -> Generator[None, None, None]:
    """Read C0, C1 and C2 from `buffer`, answer S0, S1 and S2 through `send`.

    C2 is not compared with S1: some encoders do not echo it. Errors: HandshakeFailed, at the first byte if that is not 3.
    """
    version = (yield from buffer.exactly(1))[0]
    if version == TLS_HANDSHAKE_RECORD:
        raise HandshakeFailed("TLS on the plain RTMP port: this client wants rtmps")
    if version != VERSION:
        raise HandshakeFailed(f"RTMP version {version} instead of {VERSION}")
    c1 = yield from buffer.exactly(PACKET_SIZE)
    # S2 echoes C1 (§5.2.4). Its second time field should say when C1 was read; it stays as it came.
    send(bytes([VERSION]) + S1 + c1)
    yield from buffer.exactly(PACKET_SIZE)
