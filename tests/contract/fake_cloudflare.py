"""A running fake Cloudflare on a free port: its API, its delivery host and its controls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from providers.cloudflare.fake.config import FakeConfig
from providers.cloudflare.fake.server import make_app
from tests.clock import Clock
from tests.serving import serving


@dataclass(frozen=True)
class Answer:
    status: int
    json: Any
    headers: Any
    body: bytes

    @property
    def result(self) -> Any:
        assert self.status == 200, (self.status, self.body)
        return self.json["result"]

    @property
    def code(self) -> int:
        """The error's code, out of a whole envelope."""
        assert (self.json["result"], self.json["success"], self.json["messages"]) == (None, False, None)
        return int(self.json["errors"][0]["code"])


@dataclass
class FakeCloudflare:
    origin: str
    config: FakeConfig
    clock: Clock
    http: aiohttp.ClientSession

    @property
    def customer_url(self) -> str:
        return f"{self.origin}/customer-{self.config.customer_code}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/client/v4"

    async def request(self, method: str, url: str, **options: Any) -> Answer:
        async with self.http.request(method, url, **options) as answer:
            body = await answer.read()
            is_json = answer.content_type == "application/json" and body
            return Answer(answer.status, await answer.json() if is_json else None, answer.headers, body)

    async def api(self, method: str, path: str, **options: Any) -> Answer:
        """`path` below /accounts/{a}/stream."""
        headers = {"Authorization": f"Bearer {self.config.api_token}", **options.pop("headers", {})}
        url = f"{self.base_url}/accounts/{self.config.account_id}/stream{path}"
        return await self.request(method, url, headers=headers, **options)

    async def deliver(self, path: str) -> Answer:
        return await self.request("GET", f"{self.customer_url}{path}")

    async def admin(self, path: str, method: str = "POST", **body: Any) -> Answer:
        return await self.request(method, f"{self.origin}/__admin{path}", json=body)

    async def advance(self, seconds: float) -> None:
        assert (await self.admin("/advance", seconds=seconds)).status == 200

    async def create(self, **body: Any) -> Any:
        """Create a live input that records, unless `body` says otherwise."""
        body = {"meta": {"name": "Show"}, "recording": {"mode": "automatic", "timeoutSeconds": 10}, **body}
        return (await self.api("POST", "/live_inputs", json=body)).result

    async def connect(self, live: Any) -> bool:
        path = f"/inputs/{live['uid']}/connect"
        return (await self.admin(path, stream_key=live["rtmps"]["streamKey"])).status == 200

    async def drop(self, live: Any) -> None:
        await self.admin(f"/inputs/{live['uid']}/drop")

    async def get(self, live: Any) -> Any:
        return (await self.api("GET", f"/live_inputs/{live['uid']}")).result

    async def lifecycle(self, live: Any) -> Any:
        return (await self.deliver(f"/{live['uid']}/lifecycle")).json

    async def videos(self, live: Any) -> Any:
        return (await self.api("GET", f"/live_inputs/{live['uid']}/videos")).result

    async def go_live(self, live: Any) -> str:
        """Connect and wait until it is watchable; the video's uid."""
        assert await self.connect(live)
        await self.advance(self.config.switches.watchable_delay)
        return str((await self.lifecycle(live))["videoUID"])

    async def record(self, live: Any) -> str:
        """One whole broadcast of a minute; the recording's uid."""
        video = await self.go_live(live)
        await self.advance(60)
        await self.drop(live)
        await self.advance(60)
        await self.advance(60)
        return video


@asynccontextmanager
async def fake_cloudflare(config: FakeConfig | None = None) -> AsyncIterator[FakeCloudflare]:
    config, clock = config or FakeConfig(), Clock()
    async with serving(make_app(config, clock)) as origin, aiohttp.ClientSession() as http:
        yield FakeCloudflare(origin, config, clock, http)


@dataclass
class Post:
    """A webhook as it arrived."""

    path: str
    headers: Any
    body: bytes


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[str, list[Post]]]:
    """Yield an address that accepts every POST, and the requests it has received."""
    taken: list[Post] = []

    async def take(request: web.Request) -> web.Response:
        taken.append(Post(request.path, request.headers.copy(), await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/{any:.*}", take)
    async with serving(app) as origin:
        yield origin, taken
