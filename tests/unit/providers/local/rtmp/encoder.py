"""The encoder's side of RTMP for tests, byte for byte as OBS does it: what it sends to a server, and what it receives.

OBS (librtmp): chunk size 4096 before connect, flashVer FMLE/3.0, releaseStream, FCPublish, createStream, publish; then onMetaData,
then media with full headers first and short ones later. `script` parts can be fed to a session without looking at answers,
because transaction and stream ids of a fresh connection are known.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from providers.local.rtmp import amf0
from providers.local.rtmp.buffer import ReceiveBuffer
from providers.local.rtmp.chunk_reader import ChunkReader
from providers.local.rtmp.chunk_writer import ChunkWriter
from providers.local.rtmp.chunks import ChunkLimits, RtmpMessage
from providers.local.rtmp.handshake import PACKET_SIZE
from providers.local.rtmp.messages import Command, MessageType

FLASH_VERSION = "FMLE/3.0 (compatible; FMSc/1.0)"
C1 = bytes(8) + bytes(range(256)) * 5 + bytes(248)
HANDSHAKE = b"\x03" + C1 + bytes(PACKET_SIZE)
METADATA = amf0.EcmaArray(
    duration=0.0,
    fileSize=0.0,
    width=1280.0,
    height=720.0,
    videocodecid=7.0,
    framerate=30.0,
    audiocodecid=10.0,
    encoder="obs-output",
)
AVC_HEADER = bytes.fromhex("1700000000") + b"\x01\x64\x00\x1f\xff"
AAC_HEADER = bytes.fromhex("af001190")

CONNECT = {
    "app": "live",
    "type": "nonprivate",
    "flashVer": FLASH_VERSION,
    "swfUrl": "rtmp://localhost/live",
    "tcUrl": "rtmp://localhost/live",
    "fourCcList": ["av01", "hvc1"],
}


@dataclass
class Encoder:
    """Serializes what an encoder sends."""

    writer: ChunkWriter = field(default_factory=ChunkWriter)

    def set_chunk_size(self, size: int = 4096) -> bytes:
        return self.message(2, MessageType.SET_CHUNK_SIZE, size.to_bytes(4, "big"))

    def message(self, chunk_stream_id: int, kind: int, payload: bytes, timestamp: int = 0, stream_id: int = 0) -> bytes:
        return self.writer.message(chunk_stream_id, RtmpMessage(kind, stream_id, timestamp, payload))

    def command(self, name: str, transaction: float, *arguments: amf0.Value, stream_id: int = 0) -> bytes:
        payload = amf0.encode(name, transaction, *arguments)
        return self.message(4 if stream_id else 3, MessageType.COMMAND, payload, stream_id=stream_id)

    def connect(self, **changes: amf0.Value) -> bytes:
        return self.set_chunk_size() + self.command("connect", 1.0, CONNECT | changes)

    def publish(self, key: str) -> bytes:
        return (
            self.command("releaseStream", 2.0, None, key)
            + self.command("FCPublish", 3.0, None, key)
            + self.command("createStream", 4.0, None)
            + self.command("publish", 5.0, None, key, "live", stream_id=1)
        )

    def metadata(self) -> bytes:
        payload = amf0.encode("@setDataFrame", "onMetaData", METADATA)
        return self.message(4, MessageType.DATA, payload, stream_id=1)

    def video(self, timestamp: int, payload: bytes) -> bytes:
        return self.message(4, MessageType.VIDEO, payload, timestamp, 1)

    def audio(self, timestamp: int, payload: bytes) -> bytes:
        return self.message(4, MessageType.AUDIO, payload, timestamp, 1)

    def unpublish(self, key: str) -> bytes:
        return self.command("FCUnpublish", 6.0, None, key) + self.command("deleteStream", 7.0, None, 1.0)

    def opening(self, key: str = "secret") -> bytes:
        """All up to and including publish."""
        return HANDSHAKE + self.connect() + self.publish(key)


class Answers:
    """What a server says, from the first byte on: it remembers chunk headers as the server does."""

    def __init__(self) -> None:
        self._buffer = ReceiveBuffer()
        self._found: list[RtmpMessage] = []
        self._parser = self._read()

    def messages(self, data: bytes) -> list[RtmpMessage]:
        """Return the messages in `data`, which follows earlier data; Set Chunk Size takes effect and is not among them."""
        self._buffer.feed(data)
        next(self._parser)
        found, self._found = self._found, []
        return found

    def commands(self, data: bytes) -> list[Command]:
        """Return the commands among `messages(data)`."""
        return [Command.parse(each.payload) for each in self.messages(data) if each.type_id == MessageType.COMMAND]

    def statuses(self, data: bytes) -> list[tuple[str, str]]:
        """(level, code) of each onStatus in `data`."""
        found = [each.members(1) for each in self.commands(data) if each.name == "onStatus"]
        return [(str(status["level"]), str(status["code"])) for status in found]

    def _read(self) -> Generator[None, None, None]:
        yield from self._buffer.exactly(1 + 2 * PACKET_SIZE)
        reader = ChunkReader(self._buffer, ChunkLimits())
        while True:
            message = yield from reader.message()
            self._found.append(message)
