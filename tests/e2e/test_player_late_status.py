"""The player with statuses that arrive late or never, and with audio that the browser does not start."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.browser import Browser, chromium, missing
from tests.e2e.service import TEST_PATTERN, Service
from tests.e2e.visitor import embedded

pytestmark = pytest.mark.e2e

SAME_STATUS_WHILE_FROZEN = """
delete window.EventSource;
const real = window.fetch;
let last = '';
window.isFrozen = false;
window.fetch = async (url, ...more) => {
  if (!String(url).includes('/stream_status')) return real(url, ...more);
  if (window.isFrozen) return new Response(last);
  const answer = await real(url, ...more);
  last = await answer.clone().text();
  return answer;
};
"""
"""While `isFrozen`, polls return the last status: as in a background page, which polls once a minute."""

FREEZES = """
window.isFrozen = true;
const video = document.querySelector('live-stream').shadowRoot.querySelector('video');
video.addEventListener('emptied', () => (window.isReloaded = true));
"""

STATUS_WAITS = """
const real = window.fetch;
let hold = null;
window.states = [];
document.addEventListener('streamstatus', ({ detail }) => states.push(detail.state));
window.holdNext = () => { hold = new Promise((resolve) => (window.release = resolve)); dispatchEvent(new Event('online')); };
window.fetch = async (url, ...more) => {
  const answer = await real(url, ...more);
  if (!hold || !String(url).includes('/stream_status')) return answer;
  const [text, wait] = [(await answer.text()).replace(/"viewer_count":[0-9]+/, '"viewer_count":77'), hold];
  hold = null;
  window.isHeld = true;
  const held = new Response(text);
  held.text = async () => { await wait; setTimeout(() => (window.isGiven = true), 100); return text; };
  return held;
};
"""
"""`holdNext()` requests the status. Its response, a new one, arrives only at `release()`."""

POLL_BEFORE_THE_FIRST_EVENT = """
const real = window.fetch;
const now = { is_watchable: false, seconds_until_watchable: 0, state: 'ended', poll_after_ms: 9000, viewer_count: 0 };
window.fetch = async (url, ...more) => {
  if (!String(url).includes('/stream_status')) return real(url, ...more);
  setTimeout(() => { window.isKept = stream.readyState === EventSource.OPEN; release(); }, 200);
  return new Response(JSON.stringify(now));
};
const released = new Promise((resolve) => (window.release = resolve));
window.EventSource = class extends EventSource {
  constructor(...all) {
    super(...all);
    window.stream ??= this;
    super.addEventListener('open', () => dispatchEvent(new Event('online')));
  }
  addEventListener(type, work) {
    super.addEventListener(type, type === 'status' ? (event) => released.then(() => work(event)) : work);
  }
};
"""
"""The event stream opens, a poll is answered, and only then the first event arrives."""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Play no audio before a user gesture, as browsers do by default."""
    if missing():
        pytest.skip(f"{missing()} is not installed")
    async with chromium("--autoplay-policy=document-user-activation-required") as started:
        yield started


@pytest.mark.parametrize("without", ["", "delete window.MediaSource; delete window.ManagedMediaSource;"])
async def test_a_viewer_that_missed_an_end_sees_the_next_broadcast(
    live: Service, browser: Browser, without: str
) -> None:
    await browser.before_pages(SAME_STATUS_WHILE_FROZEN + without)
    channel, stream = await live.channel()
    encoder = await live.push(stream, gop=1)
    async with embedded(browser, live, channel) as visitor:
        await visitor.plays_on(2.0)
        await browser.run(FREEZES)
        await encoder.kill()
        await live.give_up(channel)
        await live.until(channel, state="ended")
        await live.push(stream, gop=1)
        await live.until(channel, state="live")
        await browser.run("window.isFrozen = false")
        await browser.until("return window.isReloaded")  # it has loaded the next broadcast
        watched = await visitor.plays_on(4.0)
        assert "ended" not in watched["views"]


async def test_a_poll_older_than_the_last_event_is_ignored(live: Service, browser: Browser) -> None:
    await browser.before_pages(STATUS_WAITS)
    channel, stream = await live.channel()
    async with embedded(browser, live, channel) as visitor:
        await visitor.until("facts.view === 'offline'")
        await browser.run("holdNext()")
        await browser.until("return window.isHeld")
        await live.push(stream)
        await visitor.until("facts.status.state === 'live'")
        await browser.run("release()")
        await browser.until("return window.isGiven")
        assert (await visitor.facts())["status"]["state"] == "live"
        assert (await browser.run("return states")).count("offline") == 1


async def test_an_event_stream_stays_open_when_a_poll_is_answered_before_its_first_event(
    live: Service, browser: Browser
) -> None:
    await browser.before_pages(POLL_BEFORE_THE_FIRST_EVENT)
    channel, _ = await live.channel()
    async with embedded(browser, live, channel) as visitor:
        await browser.until("return window.isKept !== undefined")
        assert await browser.run("return window.isKept")
        await visitor.until("facts.view === 'offline'")


async def test_a_late_status_of_the_previous_channel_is_ignored(live: Service, browser: Browser) -> None:
    await browser.before_pages(STATUS_WAITS)
    before, stream = await live.channel("Before")
    now, _ = await live.channel("Now")
    await live.push(stream)
    await live.until(before, state="live")
    async with embedded(browser, live, before) as visitor:
        await visitor.until("facts.view === 'live'")
        await browser.run("holdNext()")
        await browser.until("return window.isHeld")
        await browser.run("document.querySelector('live-stream').setAttribute('channel', arguments[0])", now)
        await visitor.until("facts.view === 'offline'")
        await browser.run("states.length = 0; release()")
        await browser.until("return window.isGiven")
        assert (await visitor.facts())["view"] == "offline"
        assert await browser.run("return states") == []


async def test_a_private_channel_without_its_address_stops_loading(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel()
    await live.api("PATCH", f"channels/{channel}", {"is_private": True})
    async with embedded(browser, live, channel) as visitor:
        await visitor.until("facts.view === 'offline'")
        await live.push(stream)
        await visitor.until("facts.view === 'nowhere'")


async def test_the_unmute_button_is_shown_only_while_playing_muted(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel()
    encoder = await live.push(stream)
    async with embedded(browser, live, channel) as visitor:
        await visitor.until("facts.view === 'live' && facts.unmute")
        await encoder.kill()
        await live.give_up(channel)
        await visitor.until("facts.view === 'ended' && facts.button")
        assert not (await visitor.facts())["unmute"]
        encoder = await live.push(stream)
        await visitor.until("facts.view === 'live' && facts.unmute")
        await browser.run("document.querySelector('live-stream').shadowRoot.querySelector('video').muted = false")
        await visitor.until("!facts.unmute")  # as by the video's own controls


async def test_audio_that_joins_the_video_plays_for_present_viewers(live: Service, browser: Browser) -> None:
    """Players read which tracks there are once, so the element loads the stream again when the status names others."""
    channel, stream = await live.channel(reconnect_timeout=60)
    encoder = await live.push(stream, source=TEST_PATTERN[:4])
    async with embedded(browser, live, channel, "muted") as visitor:
        watching = await visitor.plays_on()
        assert (watching["status"]["tracks"], watching["sound"]) == ("video", 0)

        await encoder.kill()
        await live.push(stream)
        await visitor.until("facts.status.tracks === 'audio+video' && facts.sound > 0")
        audible = await visitor.plays_on()
    assert audible["errors"] == []
