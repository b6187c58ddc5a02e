"""A visitor on a page with the player, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.e2e.browser import Browser
from tests.e2e.service import Service
from tests.e2e.window import HEAR_ERRORS, Window
from tests.serving import serving
from tests.waiting import PATIENCE

FACTS = """
const player = document.querySelector('live-stream'), root = player.shadowRoot, video = root.querySelector('video');
const part = (name) => root.querySelector('.' + name), seen = (name) => !!part(name)?.checkVisibility();
return {
  view: player.view, status: player.status, lost: player.lost, time: video.currentTime, muted: video.muted,
  paused: video.paused, ready: video.readyState, duration: video.duration,
  frames: video.getVideoPlaybackQuality().totalVideoFrames, sound: video.webkitAudioDecodedByteCount,
  said: part('said').textContent, badge: part('viewers').textContent, tone: part('badge').className,
  message: seen('message') ? part('message').textContent : '', count: part('count').textContent, button: seen('button'),
  golive: seen('golive'), slate: seen('slate'), unmute: seen('unmute'), views: window.views || [], errors: window.errors || [],
};
"""

LISTEN = """
window.views = [];
document.addEventListener('streamview', (event) => views.push(event.detail.view));
"""


class Visitor(Window):
    """One browser window on the watch page."""

    FACTS = FACTS

    async def open(self, url: str) -> None:
        await self.browser.open(url)
        await self.browser.run(HEAR_ERRORS + LISTEN)
        await self.browser.until("return customElements.get('live-stream') !== undefined")

    async def plays_on(self, seconds: float = 2.0, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait until this much more was played and pictures came out of the decoder."""
        before = await self.facts()
        return await self.until(
            f"facts.time >= {before['time']} + {seconds} && facts.frames > {before['frames']} + 10 * {seconds}", timeout
        )

    async def hide(self) -> None:
        """Make the page believe that its tab is in the background."""
        await self.browser.run(
            "Object.defineProperty(document, 'hidden', { value: true });"
            "document.dispatchEvent(new Event('visibilitychange'));"
        )

    async def click(self, part: str) -> None:
        """As with a hand: the browser takes it for the visitor's own wish."""
        x, y = await self.browser.run(
            "const box = document.querySelector('live-stream').shadowRoot.querySelector(arguments[0])"
            ".getBoundingClientRect(); return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)]",
            f".{part}",
        )
        await self.browser.click(x, y)

    async def press(self, part: str) -> None:
        await self.browser.run(
            "document.querySelector('live-stream').shadowRoot.querySelector(arguments[0]).click()", f".{part}"
        )


@asynccontextmanager
async def embedded(browser: Browser, live: Service, channel: str, attributes: str = "") -> AsyncIterator[Visitor]:
    """Open a page of another origin, whose Content-Security-Policy allows only what service/web/README.md asks for."""
    ours = live.base
    policy = f"default-src 'none'; script-src {ours}; connect-src {ours}; img-src {ours}; media-src {ours} blob:"

    async def page(_: web.Request) -> web.Response:
        text = (
            f'<!doctype html><title>Elsewhere</title><script type="module" src="{live.base}/player.js"></script>'
            f'<live-stream org="{live.organization}" channel="{channel}" {attributes}></live-stream>'
        )
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    app = web.Application()
    app.add_routes([web.get("/", page)])
    async with serving(app) as origin:
        visitor = Visitor(browser)
        await visitor.open(f"{origin}/")
        yield visitor
