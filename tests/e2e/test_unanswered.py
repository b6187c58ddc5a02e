"""The studio and the picker while the service does not answer: nothing on them claims to be the state of now."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.browser import Browser
from tests.e2e.builder import Builder
from tests.e2e.service import Service
from tests.e2e.streamer import Streamer

pytestmark = pytest.mark.e2e

SEEN_IN_THE_LIST = """
const badge = document.querySelector('.cards .badge'), count = badge?.nextElementSibling;
return badge && {
  color: getComputedStyle(badge).color, soft: getComputedStyle(document.querySelector('main .soft')).color,
  count: getComputedStyle(count).visibility === 'visible' ? count.textContent : '', state: badge.textContent,
};
"""

SEEN_IN_THE_PICKER = """
const root = document.querySelector('stream-picker').shadowRoot, badge = root.querySelector('[role=option] .badge');
const count = root.querySelector('[role=option] .viewers');
return badge && {
  live: getComputedStyle(badge).backgroundColor === 'rgb(200, 30, 44)', count: getComputedStyle(count).visibility === 'visible',
};
"""


@contextmanager
def frozen(service: Service) -> Iterator[None]:
    """Its process is stopped: connections stay open, and nothing is answered."""
    assert service.process is not None
    service.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        service.process.send_signal(signal.SIGCONT)


def when(script: str, condition: str) -> str:
    """Return a script that is truthy once `condition`, over what `script` returns as `seen`, holds."""
    return f"const seen = (() => {{ {script} }})(); return seen && ({condition});"


async def test_the_studio_s_badges_are_grey_and_its_counts_gone(own: Service, browser: Browser) -> None:
    channel, stream = await own.channel()
    await own.push(stream)
    await own.until(channel, state="live")
    streamer = Streamer(browser, own)
    await streamer.sign_in()
    await browser.until(when(SEEN_IN_THE_LIST, "seen.state === 'Live' && seen.color !== seen.soft && seen.count"))
    with frozen(own):
        await browser.until(when(SEEN_IN_THE_LIST, "seen.color === seen.soft && !seen.count"))
    await browser.until(when(SEEN_IN_THE_LIST, "seen.color !== seen.soft && seen.count"))


async def test_the_badge_of_a_channel_in_the_studio_says_so(own: Service, browser: Browser) -> None:
    channel, stream = await own.channel()
    await own.push(stream)
    await own.until(channel, state="live")
    streamer = Streamer(browser, own)
    await streamer.sign_in(f"/channel/{channel}")
    await streamer.sees(".head .badge", "Live")
    with frozen(own):
        await streamer.sees(".head .badge", "Trying to reconnect…")
        assert "watching" not in await browser.run("return document.querySelector('.head').innerText")
    await streamer.sees(".head .badge", "Live")


async def test_the_picker_s_badges_are_grey_and_its_counts_gone(own: Service, browser: Browser) -> None:
    channel, stream = await own.channel()
    await own.push(stream)
    await own.until(channel, state="live")
    async with Builder(browser, own).at_work():
        await browser.until(when(SEEN_IN_THE_PICKER, "seen.live && seen.count"))
        with frozen(own):
            await browser.until(when(SEEN_IN_THE_PICKER, "!seen.live && !seen.count"))
        await browser.until(when(SEEN_IN_THE_PICKER, "seen.live && seen.count"))
