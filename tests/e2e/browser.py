"""A headless Chromium driven through W3C WebDriver (chromedriver), with nothing but HTTP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout

from tests.waiting import PATIENCE

START_TIMEOUT = PATIENCE
COMMAND_TIMEOUT = 2 * PATIENCE
STOP_TIMEOUT = 10.0

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


def missing() -> str | None:
    """Return what is not installed, if anything."""
    return next((name for name in ("chromium", "chromedriver") if shutil.which(name) is None), None)


class BrowserError(Exception):
    """The browser or its driver refused a command."""


class Keys:
    """Keys without a character (W3C WebDriver §15.4.2)."""

    TAB, ENTER, ESCAPE, END, HOME = "\ue004", "\ue007", "\ue00c", "\ue010", "\ue011"
    LEFT, UP, RIGHT, DOWN = "\ue012", "\ue013", "\ue014", "\ue015"


class Browser:
    """One browser window. Commands: W3C WebDriver §10, §13."""

    def __init__(self, http: ClientSession, session: str) -> None:
        self._http = http
        self._session = session

    async def _post(self, command: str, **arguments: Any) -> Any:
        async with self._http.post(f"{self._session}/{command}", json=arguments) as answer:
            value = (await answer.json())["value"]
        if answer.status != 200:
            raise BrowserError(f"{command}: {value.get('message', value)}")
        return value

    async def open(self, url: str) -> None:
        """Load a page and wait for it."""
        await self._post("url", url=url)

    async def run(self, script: str, *arguments: Any) -> Any:
        """Return what the function body `script` returns."""
        return await self._post("execute/sync", script=script, args=list(arguments))

    async def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """Make the page this large, in CSS pixels, and ask for its light or dark colours."""
        await self._devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self._devtools("Emulation.setEmulatedMedia", features=[scheme])

    async def before_pages(self, script: str) -> None:
        """Run it in every page opened from now on, before the page's own scripts."""
        await self._devtools("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def click(self, x: int, y: int) -> None:
        """Press and release the mouse there (W3C WebDriver §15)."""
        steps = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self._post("actions", actions=[{"type": "pointer", "id": "mouse", "actions": steps}])

    async def keys(self, *keys: str) -> None:
        """Type these, one after the other; keys without a character as W3C WebDriver §15.4.2 has them (`Keys`)."""
        steps = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        await self._post("actions", actions=[{"type": "key", "id": "keyboard", "actions": steps}])

    async def allow(self, *permissions: str) -> None:
        """Let the page that is open do this without asking, e.g. "clipboard-read" (W3C Permissions §10)."""
        for name in permissions:
            await self._post("permissions", descriptor={"name": name}, state="granted")

    async def network(self, *, offline: bool = False, latency: int = 0, throughput: int = -1) -> None:
        """Emulate a network: none, or one with `latency` ms and `throughput` bytes/s each way; by default the real one."""
        await self._devtools("Network.enable")
        await self._devtools(
            "Network.emulateNetworkConditions",
            offline=offline,
            latency=latency,
            downloadThroughput=throughput,
            uploadThroughput=throughput,
        )

    async def screenshot(self, file: Path) -> None:
        """Save a screenshot as a PNG."""
        async with self._http.get(f"{self._session}/screenshot") as answer:
            image = base64.b64decode((await answer.json())["value"])
        await asyncio.to_thread(file.write_bytes, image)

    async def _devtools(self, command: str, **parameters: Any) -> None:
        """Chromium's own command (not W3C's)."""
        await self._post("goog/cdp/execute", cmd=command, params=parameters)

    async def until(self, script: str, timeout: float = PATIENCE) -> Any:
        """Return the first truthy answer of `script`. Errors: TimeoutError."""
        async with asyncio.timeout(timeout):
            while not (value := await self.run(script)):  # noqa: ASYNC110 (a page sends no events)
                await asyncio.sleep(0.1)
        return value


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """Yield a fresh browser with its own profile; remove it, its driver and its profile at the end. Later flags win."""
    driver = await asyncio.create_subprocess_exec(
        "chromedriver",
        "--port=0",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    profile = tempfile.mkdtemp(prefix="chromium-")
    try:
        address = f"http://127.0.0.1:{await _port(driver)}"
        options = {"args": [*FLAGS, *flags, f"--user-data-dir={profile}"], "binary": shutil.which("chromium")}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        async with ClientSession(timeout=ClientTimeout(total=COMMAND_TIMEOUT)) as http:
            async with http.post(f"{address}/session", json=wanted) as answer:
                value = (await answer.json())["value"]
            if answer.status != 200:
                raise BrowserError(value["message"])
            session = f"{address}/session/{value['sessionId']}"
            try:
                yield Browser(http, session)
            finally:
                async with http.delete(session):
                    pass
    finally:
        driver.terminate()
        try:
            await asyncio.wait_for(driver.wait(), STOP_TIMEOUT)
        except TimeoutError:
            driver.kill()
            await driver.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(driver.pid, signal.SIGKILL)
        shutil.rmtree(profile, ignore_errors=True)


async def _port(driver: asyncio.subprocess.Process) -> int:
    """Return the free port the driver chose, from its output."""
    assert driver.stdout is not None
    async with asyncio.timeout(START_TIMEOUT):
        async for line in driver.stdout:
            found = re.search(rb"started successfully on port (\d+)", line)
            if found:
                return int(found[1])
    raise BrowserError("chromedriver did not start")
