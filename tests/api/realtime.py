"""A client of the real-time API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType

from service.api.realtime.sockets import SOCKET
from tests.waiting import PATIENCE

CHANGES = {"added", "changed", "removed"}


@dataclass
class SocketClient:
    """A connection. Position messages are skipped."""

    websocket: ClientWebSocketResponse

    async def send(self, message: Any) -> None:
        await self.websocket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def receive(self) -> Any:
        """Return the next message; None once the connection is closed."""
        while True:
            async with asyncio.timeout(PATIENCE):
                message = await self.websocket.receive()
            if message.type is not WSMsgType.TEXT:
                return None
            received = json.loads(message.data)
            if not (isinstance(received, dict) and received.get("action") == "position"):
                return received

    async def subscribe(self, channel: str, token: str | None = None, **more: Any) -> Any:
        """Subscribe, and return the answer."""
        request = {"action": "subscribe", "channel": channel, **more}
        await self.send(request if token is None else {**request, "token": token})
        return await self.receive()

    async def subscribed(self, channel: str, token: str | None = None, **more: Any) -> int:
        """Subscribe, and return the id after which changes follow."""
        answer = await self.subscribe(channel, token, **more)
        assert answer["action"] == "subscribed", answer
        return int(answer["id"])

    async def change(self) -> Any:
        """Return the next message, which must be a change."""
        received = await self.receive()
        assert received is not None and received["action"] in CHANGES, received
        return received

    async def changes(self, count: int) -> list[Any]:
        return [await self.change() for _ in range(count)]


@asynccontextmanager
async def socket_of(session: Any, path: str = SOCKET) -> AsyncIterator[SocketClient]:
    """Connect with a session of aiohttp, or a test client of it."""
    async with session.ws_connect(path) as websocket:
        yield SocketClient(websocket)


async def quiet(client: SocketClient, channel: str, token: str) -> None:
    """Check that nothing was sent before the answer to one more request."""
    answer = await client.subscribe(channel, token, ref="quiet")
    assert answer.get("ref") == "quiet", answer
