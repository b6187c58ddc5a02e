"""Screenshots of the pages: `scripts/screenshots [directory [watch|picker|studio]]`.

With Debian's Chromium and ffmpeg: each state of the watch page, the picker and the studio, for phone and desktop, light and dark.
The studio's are of the whole page.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.e2e.browser import Browser, chromium
from tests.e2e.builder import Builder
from tests.e2e.service import Service, service
from tests.e2e.streamer import Streamer
from tests.e2e.visitor import Visitor

SIZES = {"phone": (390, 844), "desktop": (1280, 860)}
TALLEST = 5_000
"""Pixels of a screenshot of a whole page."""

SETTLED = """
return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() =>
  Promise.all(document.getAnimations().map((each) => each.effect.getTiming().iterations === Infinity || each.finished))
    .then(() => resolve(document.documentElement.scrollHeight)))));
"""
"""The page is drawn, and nothing on it moves that comes to an end; its height."""

POSTER_CAME = """
const came = (each) => each.name.includes('/thumbnails/') && each.responseStatus === 200;
return performance.getEntriesByType('resource').some(came);
"""

PICTURE = [
    "-f",
    "lavfi",
    "-i",
    "mandelbrot=size=640x360:rate=30",
    "-f",
    "lavfi",
    "-i",
    "sine=frequency=440:sample_rate=48000",
]

Take = Callable[[str], Awaitable[None]]


def camera(browser: Browser, directory: Path, page: str, *, whole: bool) -> Take:
    """Take a screenshot of the page in every size and both colour schemes."""

    async def take(state: str) -> None:
        for size, (width, height) in SIZES.items():
            for dark in (False, True):
                await browser.resize(width, height, dark=dark)
                if whole:
                    await browser.resize(width, max(height, min(TALLEST, await browser.run(SETTLED))), dark=dark)
                await browser.run(SETTLED)
                await browser.screenshot(directory / f"{page}-{state}-{size}-{'dark' if dark else 'light'}.png")

    return take


async def watch(live: Service, browser: Browser, take: Take) -> None:
    """Walk through the states of a broadcast, as a visitor sees them."""
    visitor = Visitor(browser)
    channel, stream = await live.channel("Spring collection: first look", reconnect_timeout=40)
    await visitor.open(f"{live.base}/watch/{live.organization}/{channel}")
    await visitor.until("facts.view === 'offline'")
    await take("offline")
    encoder = await live.push(stream, gop=8)
    await visitor.until("facts.view === 'starting'")
    await take("starting")
    await visitor.until("facts.view === 'live'", timeout=40)
    await visitor.plays_on()
    await take("live")
    await encoder.kill()
    await visitor.until("facts.view === 'away'", timeout=40)
    await take("away")
    await visitor.until("facts.view === 'ended' && facts.button", timeout=60)
    await browser.until(POSTER_CAME)
    await take("ended")
    await visitor.press("button")
    await visitor.plays_on()
    await take("recording")
    (made,) = await live.recordings(channel)
    await browser.open(f"{live.base}/watch/{live.organization}/recordings/{made['uid']}")
    await browser.until("return document.getElementById('recording').readyState > 1")
    await take("recording-page")
    await browser.open(f"{live.base}/watch/{live.organization}/nothing")
    await take("nothing")


async def studio(live: Service, browser: Browser, take: Take) -> None:
    """Walk through the studio, from the way in to the recording."""
    streamer = Streamer(browser, live)
    await streamer.open()
    await streamer.press("button", "Sign in")
    await streamer.sees(".problem", "Paste")
    await take("sign-in")
    await streamer.sign_in()
    await streamer.sees(".nothing", "There are no streams yet.")
    await take("no-streams")
    await streamer.press("button", "New channel")
    await take("new-channel")
    await streamer.fill("Name", "Rehearsal")
    await streamer.press("label", "Private")
    await streamer.press("button", "Create channel")
    await streamer.sees("button", "Go live")
    await take("channel-new")

    shown, stream = await live.channel("Spring collection: first look", reconnect_timeout=6)
    _, other = await live.channel("Town hall, with everyone's questions from the whole year and the answers to them")
    await live.channel("Cooking with Ada")
    encoder = await live.push(stream, gop=6)
    await live.push(other)
    await live.until(shown, state="live")
    for visitor in range(12):
        await live.status(shown, f"visitor-{visitor}")
    await streamer.open()
    await streamer.sees(".cards .soft", "12 people")
    await browser.until(
        "return [...document.querySelectorAll('.cards img')].filter((each) => each.naturalWidth).length === 2"
    )
    await take("streams")
    await streamer.open("#/channels")
    await streamer.sees(".name", "Cooking")
    await take("channels")
    await streamer.open(f"#/channel/{shown}")
    await streamer.sees(".finding", timeout=60)
    await streamer.sees("td .badge", "Running")
    await streamer.sees(".plot")
    await browser.until(
        "return document.querySelector('live-stream').shadowRoot.querySelector('video').currentTime > 0"
    )
    await take("channel-live")
    await streamer.press("summary", "Set up OBS")
    await streamer.press("summary", "Show as a table")
    await streamer.press("button", "Show stream key")
    await take("channel-open")
    await streamer.press("button", "New stream key")
    await take("new-key")
    await streamer.press("button", "Cancel")
    await encoder.kill()
    await streamer.sees(".badge", "Ended", timeout=40)
    await streamer.sees("h3")
    await live.api("POST", f"channels/{shown}/conference/disable")
    await streamer.open(f"#/channel/{shown}")
    await streamer.sees(".notice", "Encoders are refused")
    await streamer.sees("h3")
    await take("channel-off")
    await streamer.press("button", "Play the recording")
    await browser.until("return document.querySelector('dialog video').currentTime > 1")
    await take("recording")


async def picker(live: Service, browser: Browser, take: Take) -> None:
    """Find a stream among others and pick it, then lose the service."""
    builder = Builder(browser, live)
    builder.token = None
    async with builder.at_work():
        await builder.until("facts.message.startsWith('Sign in to see streams')")
        await take("signin")
        builder.token = live.token
        await builder.click(".retry")
        await builder.until("facts.message.startsWith('There are no streams yet.')")
        await take("empty")
        shows = [("Spring collection: first look", PICTURE), ("Town hall", None)]
        for name, source in shows:
            channel, stream = await live.channel(name)
            await live.push(stream, source=source)
            await live.until(channel, state="live")
        for name in (
            "Kitchen",
            "Garden tour",
            "A name so long that it does not fit into two lines of the card it stands on, however wide",
            "Réunion du comité",
            "Product demo",
            "Warehouse sale",
        ):
            await live.channel(name)
        await builder.set("picker.setAttribute('server', '')")
        await builder.until("facts.titles.length === 8 && facts.pictures === 2", timeout=40)
        await take("list")
        await browser.run("window.scrollTo(0, 0)")
        await builder.set("picker.shadowRoot.querySelector('[data-state=live]').click()")
        await builder.set("picker.focus()")
        await builder.until("facts.picked.length === 1")
        await take("picked")
        await builder.keys("x", "y", "z")
        await builder.until("facts.message.startsWith('There is no stream with')")
        await take("nothing-found")
        await builder.keys("\ue00c")
        await builder.until("facts.titles.length === 8")
        await live.kill()
        await builder.until("facts.notice !== ''", timeout=60)
        await take("away")


WALKS = {"watch": (watch, False), "picker": (picker, False), "studio": (studio, True)}


async def take_all(directory: Path, *pages: str) -> None:
    """Take them all, or those of these pages."""
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    for page in pages or WALKS:
        walk, whole = WALKS[page]
        with tempfile.TemporaryDirectory() as home:
            async with service(Path(home)) as live, chromium() as browser:
                await walk(live, browser, camera(browser, directory, page, whole=whole))
