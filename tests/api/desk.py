"""The API channel as its clients see it, and a receiver of its webhooks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiohttp import web

from service.store import Store
from tests.api.conftest import Api
from tests.serving import serving
from tests.waiting import until


@dataclass
class Desk:
    """An account and one of its tokens. Paths are below the account, unless they begin with a slash."""

    api: Api
    token: str
    account: int

    @property
    def auth(self) -> dict[str, str]:
        return {"api_access_token": self.token}

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Return the status and the answer; None for an empty one."""
        where = path if path.startswith("/") else f"/api/v1/accounts/{self.account}/{path}"
        sent = {"headers": self.auth, **({} if body is None else {"json": body}), **more}
        async with self.api.client.request(method, where, **sent) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw else None

    async def get(self, path: str, **more: Any) -> Any:
        return await self._good("GET", path, None, more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return await self._good("POST", path, {} if body is None and "data" not in more else body, more)

    async def patch(self, path: str, body: Any) -> Any:
        return await self._good("PATCH", path, body, {})

    async def _good(self, method: str, path: str, body: Any, more: dict[str, Any]) -> Any:
        status, answer = await self.call(method, path, body, **more)
        assert status == 200, answer
        return answer

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Return the status and the body of an error."""
        status, answer = await self.call(method, path, body, **more)
        assert status >= 400, answer
        return status, answer

    async def inbox(self, name: str = "Api", **more: Any) -> Any:
        return await self.post("inboxes", {"name": name, **more})

    async def contact(self, inbox: int, name: str = "Pranav", **more: Any) -> Any:
        return await self.post("contacts", {"inbox_id": inbox, "name": name, **more})

    async def conversation(self, inbox: int, **more: Any) -> Any:
        """Return a new conversation of a new contact."""
        contact = await self.contact(inbox)
        return await self.post("conversations", {"source_id": source_of(contact), **more})

    async def say(self, number: int, content: str = "x", kind: str = "incoming", **more: Any) -> Any:
        body = {"content": content, "message_type": kind, **more}
        return await self.post(f"conversations/{number}/messages", body)


def source_of(contact: Any) -> str:
    return str(contact["contact_inboxes"][0]["source_id"])


async def desk_of(api: Api, *, manager: bool = True) -> Desk:
    """Return the desk of a new user of the API's organization."""
    user = uuid4()
    issued = await api.accounts.create_token(api.organization, user, full_name="Ada Byron")
    await api.store.directory.set_manager(user, manager, datetime.now(UTC))
    desk = Desk(api, issued.secret, 0)
    desk.account = (await desk.get("/api/v1/profile"))["account_id"]
    return desk


async def fill(store: Store, desk: Desk, number: int, count: int) -> None:
    """Store so many private notes in a conversation, all of this moment."""
    async with store.transaction() as tx:
        conversation = await tx.inboxes.conversation(desk.account, number)
        assert conversation is not None
        now = datetime.now(UTC)
        row = {
            "account_id": conversation.account_id,
            "inbox_id": conversation.inbox_id,
            "conversation_id": conversation.id,
            "kind": 1,
            "content": "note",
            "content_type": "text",
            "content_attributes": {},
            "private": True,
            "status": "sent",
            "created_at": now,
            "updated_at": now,
        }
        for _ in range(count):
            await tx.inboxes.add_message(row)


@dataclass
class Receiver:
    """A webhook. `answer` is called for each request, and returns the status or waits."""

    url: str = ""
    answer: Callable[[], Any] = lambda: 200
    received: list[Any] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/json"
        self.received.append(await request.json())
        self.headers.append(request.headers.copy())
        status = self.answer()
        return web.Response(status=await status if asyncio.iscoroutine(status) else status)

    def of(self, event: str) -> list[Any]:
        return [each for each in self.received if each["event"] == event]

    async def wait_for(self, event: str, count: int = 1) -> list[Any]:
        """Wait for a number of events of a kind, and return them."""
        await until(lambda: len(self.of(event)) >= count)
        return self.of(event)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Yield a receiver on a free port."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    async with serving(app) as origin:
        receiver.url = f"{origin}/hook"
        yield receiver
