"""The whole service as its own process, and real encoders pushing to it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from service.api.stream_changes import BROADCAST_EVENTS
from service.clock import SystemClock
from service.domain.access.accounts import Accounts
from service.domain.access.directory import Directory
from service.store import Store
from tests.e2e.server import ROOT, Server
from tests.waiting import PATIENCE

__all__ = ["ROOT", "Encoder", "Service", "eventually", "service", "visiting"]

TEST_PATTERN = [
    *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"),
    *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"),
]
H264_AAC = [
    *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "300k"),
    *("-c:a", "aac", "-b:a", "64k", "-ar", "48000", "-ac", "2"),
]


async def eventually(
    look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool], timeout: float = PATIENCE, every: float = 0.05
) -> Any:
    """Look until what is seen is wanted; fail with the last thing seen."""
    seen: Any = "nothing"
    try:
        async with asyncio.timeout(timeout):
            while not wanted(seen := await look()):  # noqa: ASYNC110 (another process is looked at)
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(f"not seen within {timeout} s; last seen: {seen!r}") from None
    return seen


class Encoder:
    """An ffmpeg that pushes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def finished(self, timeout: float = 2 * PATIENCE) -> int:
        """Wait until it ends by itself."""
        async with asyncio.timeout(timeout):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode

    async def output(self, timeout: float = PATIENCE) -> str:
        """Return the output, once the process has ended."""
        async with asyncio.timeout(timeout):
            _, said = await self.process.communicate()
        return said.decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal if it still runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def kill(self) -> None:
        """Die without a good-bye."""
        self.signal(signal.SIGKILL)
        await self.process.communicate()


class Service:
    """A running service and one organization's view of it."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.environment = server.environment
        self.http = http
        self.base = server.base
        self.organization = str(uuid.uuid4())
        self.user = str(uuid.uuid4())
        self.token = ""
        self._encoders: list[Encoder] = []

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        return self.server.process

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.server.data

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        await asyncio.to_thread(self.server.start)

    async def stop(self) -> int:
        """Ask it to stop; its exit code."""
        return await asyncio.to_thread(self.server.stop)

    async def kill(self) -> None:
        """kill -9."""
        await asyncio.to_thread(self.server.kill)

    async def make_token(self) -> None:
        """Create a token for this organization and user, as `python -m service token create` does."""
        store = Store(self.server.database_url)
        try:
            accounts = Accounts(store.accounts, store.accounts, SystemClock())
            issued = await accounts.create_token(uuid.UUID(self.organization), uuid.UUID(self.user))
        finally:
            await store.aclose()
        self.token = issued.secret

    async def make_manager(self) -> None:
        """Make the user a manager, as `python -m service user manager` does."""
        store = Store(self.server.database_url)
        try:
            await Directory(store.directory, SystemClock()).set_manager(uuid.UUID(self.user), True)
        finally:
            await store.aclose()

    async def api(self, method: str, path: str, body: Any = None, *, expect: int | tuple[int, ...] = (200, 201)) -> Any:
        """Call O/<path> with the token."""
        url = f"{self.base}/api/pub/v1/orgs/{self.organization}/{path}"
        async with self.http.request(
            method, url, json=body, headers={"Authorization": f"Token {self.token}"}
        ) as answer:
            said = await answer.json()
            assert answer.status in ((expect,) if isinstance(expect, int) else expect), (answer.status, said)
            return said

    async def channel(self, name: str = "Town hall", **options: Any) -> tuple[str, dict[str, Any]]:
        """Make a channel and its live input."""
        channel = (await self.api("POST", "channels", {"name": name}))["id"]
        return channel, await self.api("POST", f"channels/{channel}/conference/create_stream", options or None)

    async def status(self, channel: str, visitor: str | None = None) -> dict[str, Any]:
        """Return the status that a visitor's player receives."""
        url = f"{self.base}/api/pub/public/v1/orgs/{self.organization}/channels/{channel}/conference/stream_status"
        async with self.http.get(url, params={"visitor_id": visitor} if visitor else None) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()  # type: ignore[no-any-return]

    async def until(self, channel: str, timeout: float = PATIENCE, **wanted: Any) -> dict[str, Any]:
        """Poll the status until these members have these values."""
        return await eventually(
            lambda: self.status(channel),
            lambda seen: all(seen[name] == value for name, value in wanted.items()),
            timeout,
        )

    async def give_up(self, channel: str) -> None:
        """Wait no longer for the channel's encoder, which is gone: the broadcast ends."""
        await self.api("POST", f"channels/{channel}/conference/create_stream", {"reconnect_timeout": 0})

    async def recordings(self, channel: str) -> list[dict[str, Any]]:
        """Return the channel's recordings, newest first."""
        return (await self.api("GET", f"channels/{channel}/conference/recorded_streams"))["results"]  # type: ignore[no-any-return]

    async def reports(self, channel: str) -> list[str]:
        """Return the kinds of the provider's reports of a channel in the log of events."""
        store = Store(self.server.database_url)
        try:
            path = BROADCAST_EVENTS.format(organization_id=self.organization, channel_id=channel)
            events = await store.events.events(uuid.UUID(self.organization), 0, 1_000, [path])
        finally:
            await store.aclose()
        return [(each.resource or {})["kind"] for each in events]

    async def push(
        self,
        stream: dict[str, Any],
        *,
        seconds: float = 600.0,
        gop: float = 1.0,
        plain: bool = False,
        source: list[str] | None = None,
        codec: list[str] | None = None,
    ) -> Encoder:
        """Start a real encoder pushing a test pattern in real time."""
        url = f"{stream['rtmp_url' if plain else 'rtmps_url']}/{stream['stream_key']}"
        keyframes = ["-force_key_frames", f"expr:gte(t,n_forced*{gop})"] if codec is None else []
        process = await asyncio.create_subprocess_exec(
            *("ffmpeg", "-hide_banner", "-nostats", "-loglevel", "info", "-re"),
            *(source or TEST_PATTERN),
            *("-t", str(seconds)),
            *(codec or H264_AAC),
            *keyframes,
            *("-f", "flv", url),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._encoders.append(Encoder(process))
        return self._encoders[-1]

    async def aclose(self) -> None:
        """Stop the encoders that were started."""
        for encoder in self._encoders:
            encoder.signal(signal.SIGCONT)
            if encoder.process.returncode is None:
                await encoder.kill()


@asynccontextmanager
async def visiting(server: Server) -> AsyncIterator[Service]:
    """Create a new organization in a running service."""
    async with aiohttp.ClientSession() as http:
        organization = Service(server, http)
        try:
            await organization.make_token()
            yield organization
        finally:
            await organization.aclose()


@asynccontextmanager
async def service(directory: Path, **settings: str) -> AsyncIterator[Service]:
    """Start a separate service, with its data under `directory`; settings as CONFERENCE_<name>=value."""
    server = Server(directory, **settings)
    try:
        await asyncio.to_thread(server.start)
        async with visiting(server) as organization:
            yield organization
    finally:
        await asyncio.to_thread(server.close)
