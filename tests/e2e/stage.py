"""The whole service as its own process, and real encoders pushing to it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT = 30.0
STOP_TIMEOUT = 20.0

TEST_PATTERN = [
    *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"),
    *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"),
]
H264_AAC = [
    *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "300k"),
    *("-c:a", "aac", "-b:a", "64k", "-ar", "48000", "-ac", "2"),
]


async def eventually(
    look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool], timeout: float, every: float = 0.05
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

    async def finished(self, timeout: float = 60.0) -> int:
        """Wait until it ends by itself."""
        async with asyncio.timeout(timeout):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode

    async def output(self, timeout: float = 30.0) -> str:
        """What it said, once it has ended."""
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

    def __init__(self, environment: dict[str, str], http: aiohttp.ClientSession) -> None:
        self.environment = environment
        self.http = http
        self.base = f"http://127.0.0.1:{environment['CONFERENCE_HTTP_PORT']}"
        self.organization = str(uuid.uuid4())
        self.user = str(uuid.uuid4())
        self.token = ""
        self.process: asyncio.subprocess.Process | None = None
        self.log = Path(environment["CONFERENCE_DATA_DIR"]).parent / "service.log"
        self._encoders: list[Encoder] = []

    @property
    def data(self) -> Path:
        """Its data directory."""
        return Path(self.environment["CONFERENCE_DATA_DIR"])

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service", "serve"),
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await eventually(self._ready, bool, START_TIMEOUT)

    async def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, f"the service died:\n{self.log.read_text()[-4000:]}"
        try:
            async with self.http.get(f"{self.base}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def stop(self) -> int:
        """Ask it to stop; its exit code."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.terminate()
        async with asyncio.timeout(STOP_TIMEOUT):
            return await self.process.wait()

    async def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def make_token(self) -> None:
        """A token for this organization and user, as an operator would make it."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "token", "create", "--org", self.organization, "--user", self.user),
            cwd=ROOT,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        self.token = said.decode().strip()

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
        """What a visitor's player is told."""
        url = f"{self.base}/api/pub/public/v1/orgs/{self.organization}/channels/{channel}/conference/stream_status"
        async with self.http.get(url, params={"visitor_id": visitor} if visitor else None) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()  # type: ignore[no-any-return]

    async def until(self, channel: str, timeout: float = 20.0, **wanted: Any) -> dict[str, Any]:
        """Poll the status until these members have these values."""
        return await eventually(
            lambda: self.status(channel),
            lambda seen: all(seen[name] == value for name, value in wanted.items()),
            timeout,
        )

    async def recordings(self, channel: str) -> list[dict[str, Any]]:
        """The channel's recordings, newest first."""
        return (await self.api("GET", f"channels/{channel}/conference/recorded_streams"))["results"]  # type: ignore[no-any-return]

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
        """A real encoder pushing a test pattern in real time."""
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
        """Stop everything that was started."""
        for encoder in self._encoders:
            encoder.signal(signal.SIGCONT)
            if encoder.process.returncode is None:
                await encoder.kill()
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            try:
                await self.stop()
            except TimeoutError:
                await self.kill()
                raise


@asynccontextmanager
async def service(directory: Path, *, start: bool = True, **settings: str) -> AsyncIterator[Service]:
    """The service on free ports with its data under `directory`; settings as CONFERENCE_<name>=value."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONFERENCE_")}
    environment |= {
        "CONFERENCE_HTTP_PORT": str(free_port()),
        "CONFERENCE_RTMP_PORT": str(free_port()),
        "CONFERENCE_RTMPS_PORT": str(free_port()),
        "CONFERENCE_DATA_DIR": str(directory / "data"),
        "PYTHONUNBUFFERED": "1",
    }
    environment |= {f"CONFERENCE_{name.upper()}": value for name, value in settings.items()}
    async with aiohttp.ClientSession() as http:
        running = Service(environment, http)
        try:
            if start:
                await running.start()
                await running.make_token()
            yield running
        finally:
            await running.aclose()
