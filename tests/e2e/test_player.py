"""The player as it is embedded: on a page of another origin, in browsers that play HLS themselves, in the background."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.e2e.service import Service
from tests.e2e.visitor import embedded

pytestmark = pytest.mark.e2e

WITHOUT_MEDIA_SOURCE = "delete window.MediaSource; delete window.ManagedMediaSource;"
"""As on an iPhone: what plays HLS must be the browser itself."""

KNOWS_THE_RECORDING = """
const screen = document.querySelector('live-stream').shadowRoot.querySelector('.screen');
return screen.style.backgroundImage.includes('/thumbnails/');
"""

PLAYED_FROM = (
    "return [document.querySelector('live-stream').shadowRoot.querySelector('video').src, typeof window.Hls, "
    "performance.getEntriesByType('resource').some((entry) => entry.name.includes('/vendor/hls-'))]"
)

TIMERS_ONCE_A_MINUTE = """
const set = window.setTimeout, now = Date.now, real = window.fetch;
let throttled = false, ahead = 0, timers = new Map(), next = 1e9;
window.polls = [];
Date.now = () => now() + ahead;
window.throttle = () => { throttled = true; };
window.setTimeout = (work, wait = 0, ...more) => {
  if (!throttled) return set(work, wait, ...more);
  timers.set(++next, { due: Date.now() + wait, work: () => work(...more) });
  return next;
};
const clear = window.clearTimeout;
window.clearTimeout = (id) => timers.delete(id) || clear(id);
window.minute = () => {
  ahead += 60_000;
  for (const [id, { due, work }] of [...timers]) if (due <= Date.now()) { timers.delete(id); work(); }
};
window.fetch = async (url, ...more) => {
  const answer = await real(url, ...more);
  if (String(url).includes('/stream_status?visitor_id=') && answer.ok) polls.push(Date.now());
  return answer;
};
"""
"""What a browser does to a page in the background, with the minutes made by the test."""

VIEWER_WINDOW_MS = 120_000


async def test_a_page_of_another_origin_shows_it_with_the_policy_the_readme_names(
    live: Service, browser: Browser
) -> None:
    channel, stream = await live.channel()
    await live.push(stream)
    async with embedded(browser, live, channel) as visitor:
        playing = await visitor.plays_on()
        assert (playing["badge"], playing["errors"]) == ("Live", [])  # people are counted aloud only on demand


async def test_its_attributes_do_what_they_say(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel()
    encoder = await live.push(stream)
    await live.status(channel, "ada")
    await live.until(channel, state="live")
    async with embedded(browser, live, channel, 'viewers muted no-recording visitor-id="ada"') as visitor:
        playing = await visitor.until("facts.view === 'live' && facts.badge === 'Live · 1 watching'")
        assert (playing["muted"], playing["unmute"]) == (True, False)
        assert (await live.status(channel, "ada"))["viewer_count"] == 1
        await encoder.kill()
        await live.give_up(channel)
        await visitor.until("facts.view === 'ended'")
        await browser.until(KNOWS_THE_RECORDING)
        assert not (await visitor.facts())["button"]


async def test_a_private_channel_plays_for_viewers_that_know_its_address(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel()
    await live.api("PATCH", f"channels/{channel}", {"is_private": True})
    await live.push(stream)
    async with embedded(browser, live, channel, f'src="{stream["view_url"]}"') as visitor:
        await visitor.plays_on()


async def test_a_browser_with_native_hls_plays_a_broadcast_the_same_way(live: Service, browser: Browser) -> None:
    await browser.before_pages(WITHOUT_MEDIA_SOURCE)
    channel, stream = await live.channel(reconnect_timeout=60)
    if not await browser.run("return document.createElement('video').canPlayType('application/vnd.apple.mpegurl')"):
        pytest.skip("this Chromium plays no HLS by itself")
    async with embedded(browser, live, channel) as visitor:
        await visitor.until("facts.view === 'offline'")
        encoder = await live.push(stream, gop=2)
        await visitor.plays_on(3.0)
        assert await browser.run(PLAYED_FROM) == [stream["view_url"], "undefined", False]

        await encoder.kill()
        encoder = await live.push(stream, gop=2)
        await live.until(channel, state="live")
        await visitor.plays_on(5.0)

        await encoder.kill()
        await live.give_up(channel)
        await visitor.until("facts.view === 'ended' && facts.button")
        await visitor.press("button")
        recording = await visitor.plays_on()
        assert recording["duration"] > 6
        assert recording["errors"] == []


async def test_where_the_browser_plays_hls_itself_it_comes_back_after_a_restart_of_the_service(
    own: Service, browser: Browser
) -> None:
    await browser.before_pages(WITHOUT_MEDIA_SOURCE)
    channel, stream = await own.channel(reconnect_timeout=60)
    if not await browser.run("return document.createElement('video').canPlayType('application/vnd.apple.mpegurl')"):
        pytest.skip("this Chromium plays no HLS by itself")
    await own.push(stream)
    async with embedded(browser, own, channel) as visitor:
        await visitor.plays_on()
        await own.kill()
        await own.start()
        await own.push(stream)
        await own.until(channel, state="live", is_connected=True)
        await visitor.until("facts.status.state === 'live' && facts.view === 'live'")
        await visitor.plays_on(4.0, timeout=60.0)


async def test_timers_that_fire_once_a_minute_send_heartbeats_well_within_the_viewer_window(
    live: Service, browser: Browser
) -> None:
    await browser.before_pages(TIMERS_ONCE_A_MINUTE)
    channel, stream = await live.channel()
    await live.push(stream)
    async with embedded(browser, live, channel) as visitor:
        await visitor.until("facts.view === 'live' && facts.status.viewer_count === 1")
        await browser.run("throttle(); window.hiddenAt = Date.now(); polls.length = 0;")
        await visitor.hide()
        for minute in range(1, 6):
            await browser.run("minute()")
            await browser.until(f"return polls.length >= {minute}")
        polled_at: list[Any] = await browser.run("return [hiddenAt, ...polls]")
    gaps = [after - before for before, after in pairwise(polled_at)]
    assert max(gaps) < VIEWER_WINDOW_MS * 2 / 3, gaps
