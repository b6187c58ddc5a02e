"""An encoder on a real socket, for tests."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field

from yarl import URL

from providers.base import LiveInput
from tests.unit.providers.local.rtmp.encoder import Answers, Encoder
from tests.waiting import PATIENCE


@dataclass
class Client:
    """A connection that sends what `encoder` serializes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    encoder: Encoder = field(default_factory=Encoder)
    answers: Answers = field(default_factory=Answers)

    @classmethod
    async def connect(cls, port: int, context: ssl.SSLContext | None = None) -> Client:
        name = "localhost" if context else None
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name))

    @classmethod
    async def to_input(cls, live: LiveInput) -> Client:
        """Connect to the RTMP port of a local live input."""
        assert live.rtmp_url is not None
        port = URL(live.rtmp_url).port
        assert port is not None
        return await cls.connect(port)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def publish(self, key: str = "secret") -> None:
        self.send(self.encoder.opening(key))

    async def read_statuses(self) -> list[tuple[str, str]]:
        """Return the next onStatus messages: (level, code)."""
        async with asyncio.timeout(PATIENCE):
            while data := await self.reader.read(65536):
                if statuses := self.answers.statuses(data):
                    return statuses
        return []

    async def read_to_end(self) -> bytes:
        """Everything until the server ends its side, whichever way."""
        data = bytearray()
        try:
            async with asyncio.timeout(PATIENCE):
                while piece := await self.reader.read(65536):
                    data += piece
        except ConnectionError:
            pass
        return bytes(data)

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass
