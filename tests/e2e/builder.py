"""An interaction builder's page with the picker, on another site, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.e2e.browser import Browser
from tests.e2e.service import ROOT, Service
from tests.e2e.window import HEAR_ERRORS, Window
from tests.serving import serving

EXAMPLE = ROOT / "scripts/examples/stream_picker.html"

FACTS = """
const picker = document.querySelector('stream-picker'), root = picker.shadowRoot, active = root.activeElement;
const part = (name) => root.querySelector('.' + name);
const says = (name) => part(name).checkVisibility() ? part(name).textContent : '';
const options = [...root.querySelectorAll('[role=option]')];
return {
  titles: part('list').checkVisibility() ? options.map((each) => each.querySelector('.title').textContent) : [],
  states: options.map((each) => each.querySelector('.badge').textContent),
  picked: options.filter((each) => each.ariaSelected === 'true').map((each) => each.querySelector('.title').textContent),
  pictures: options.filter((each) => each.querySelector('.there')?.naturalWidth > 0).length,
  message: says('text'), notice: says('warning'), chosen: says('choice'), said: part('said').textContent,
  more: part('more').checkVisibility(),
  active: active && (active.querySelector('.title')?.textContent ?? active.className), search: part('search').value,
  value: picker.value, selected: picker.selected, valid: picker.checkValidity(), form: new FormData(picker.form).get('stream'),
  output: document.querySelector('output').value, events: window.events || [], errors: window.errors || [],
};
"""

LISTEN = """
window.events = [];
for (const type of ['stream-pick', 'stream-clear', 'input', 'change'])
  document.addEventListener(type, (event) => event.target.id === 'stream' && events.push([type, event.detail ?? null]));
"""


class Builder(Window):
    """One browser window on the example page, which is served from another origin than the service, under a strict policy."""

    FACTS = FACTS

    def __init__(self, browser: Browser, live: Service) -> None:
        super().__init__(browser)
        self.live = live
        self.token: str | None = live.token
        self.attributes = ""

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """On the page while this lasts."""
        app = web.Application()
        app.add_routes([web.get("/", self._page), web.get("/token", self._token)])
        async with serving(app) as origin:
            await self.browser.open(f"{origin}/")
            await self.browser.run(HEAR_ERRORS + LISTEN)
            await self.browser.until("return customElements.get('stream-picker') !== undefined")
            yield

    async def _page(self, _: web.Request) -> web.Response:
        text = EXAMPLE.read_text(encoding="utf-8").replace("https://live.example.com", self.live.base)
        text = text.replace(
            'org="00000000-0000-0000-0000-000000000000"', f'org="{self.live.organization}" {self.attributes}'
        )
        policy = (
            f"default-src 'none'; script-src 'unsafe-inline' {self.live.base}; style-src 'unsafe-inline'; "
            f"connect-src 'self' {self.live.base} {self.live.base.replace('http', 'ws', 1)}; img-src {self.live.base}"
        )
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def _token(self, _: web.Request) -> web.Response:
        return web.Response(text=self.token or "", headers={"Cache-Control": "no-store"})

    async def find(self, selector: str) -> tuple[int, int]:
        """Where on the page the middle of a part is."""
        x, y = await self.browser.run(
            "const box = document.querySelector('stream-picker').shadowRoot.querySelector(arguments[0])"
            ".getBoundingClientRect(); return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)]",
            selector,
        )
        return x, y

    async def click(self, selector: str) -> None:
        """As with a hand."""
        await self.browser.click(*await self.find(selector))

    async def keys(self, *keys: str) -> None:
        await self.browser.keys(*keys)

    async def set(self, assignment: str) -> None:
        """Let the page's own script do something with `picker`."""
        await self.browser.run(f"const picker = document.querySelector('stream-picker'); {assignment}")
