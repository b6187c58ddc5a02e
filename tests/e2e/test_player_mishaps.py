"""What goes wrong around the player, on pages, in networks and in its own time, and must not be seen."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.e2e.browser import Browser
from tests.e2e.service import Service
from tests.e2e.visitor import embedded

pytestmark = pytest.mark.e2e

COUNTS_POLLS = """
window.polls = 0;
const real = window.fetch;
window.fetch = (url, ...more) => { window.polls += String(url).includes('/stream_status'); return real(url, ...more); };
"""

FIRST_ANSWER_COMES_LATE = """
const real = window.fetch;
let late = new Promise((resolve) => (window.release = resolve));
window.fetch = async (url, ...more) => {
  const answer = real(url, ...more);
  if (!late || !String(url).endsWith('/stream_player')) return answer;
  const [first, wait] = [await answer, late];
  late = null;
  window.isHeld = true;
  await wait;
  return first;
};
"""
"""Of stream_player, and whatever was wanted meanwhile."""

SHOW_HAS_JUST_ENDED = """
delete window.EventSource;
const real = window.fetch;
let asked = false;
window.fetch = async (url, ...more) => {
  if (String(url).includes('/stream_status') && !asked) await new Promise((resolve) => setInterval(() => asked && resolve(), 50));
  const answer = await real(url, ...more);
  if (!String(url).endsWith('/stream_player') || asked) return answer;
  setTimeout(() => (asked = true), 200);
  return Response.json({ ...(await answer.json()), recording: null });
};
"""
"""The first to answer is stream_player, which does not have the recording yet."""

LOADER_OF_MODULES = "window.define = () => { throw new Error('not mine'); }; window.define.amd = {};"
"""As RequireJS has it on the pages of many sites."""

VIDEO = "const video = document.querySelector('live-stream').shadowRoot.querySelector('video');"


async def test_a_recording_plays_on_when_the_next_broadcast_begins_and_a_button_leads_to_it(
    live: Service, browser: Browser
) -> None:
    channel, stream = await live.channel()
    async with embedded(browser, live, channel) as visitor:
        encoder = await live.push(stream)
        await visitor.plays_on(4.0)
        await encoder.kill()
        await live.give_up(channel)
        await visitor.until("facts.view === 'ended' && facts.button")
        await visitor.press("button")
        await visitor.until("facts.view === 'recording' && facts.duration > 0")

        await live.push(stream)
        watched = await visitor.until("facts.status.state === 'live'")
        assert (watched["view"], watched["duration"] > 0) == ("recording", True)
        await visitor.press("golive")
        await visitor.until("facts.view === 'live'")
        await visitor.plays_on()


async def test_a_late_response_about_the_previous_channel_is_ignored(live: Service, browser: Browser) -> None:
    await browser.before_pages(FIRST_ANSWER_COMES_LATE)
    before, _ = await live.channel("Before")
    now, stream = await live.channel("Now")
    await live.push(stream)
    async with embedded(browser, live, before) as visitor:
        await browser.until("return window.isHeld")
        await browser.run("document.querySelector('live-stream').setAttribute('channel', arguments[0])", now)
        await visitor.until("facts.view === 'live'")
        await browser.run("release()")
        assert (await visitor.plays_on())["errors"] == []


async def test_a_browser_without_events_polls_at_the_interval_of_the_response(live: Service, browser: Browser) -> None:
    await browser.before_pages("delete window.EventSource;" + COUNTS_POLLS)
    channel, _ = await live.channel()
    async with embedded(browser, live, channel) as visitor:
        await visitor.until("facts.view === 'offline'")
        await browser.run("window.polls = 0")  # a busy service may have asked it to come back before
        with pytest.raises(TimeoutError):
            await browser.until("return window.polls > 0", timeout=3)


async def test_a_visitor_between_the_end_and_the_recording_is_offered_the_recording(
    live: Service, browser: Browser
) -> None:
    await browser.before_pages(SHOW_HAS_JUST_ENDED)
    channel, stream = await live.channel()
    encoder = await live.push(stream)
    await live.until(channel, state="live")
    await encoder.kill()
    await live.give_up(channel)
    await live.until(channel, state="ended")
    async with embedded(browser, live, channel) as visitor:
        await visitor.until("facts.view === 'ended' && facts.button")


async def test_what_the_visitor_stopped_is_not_started_again_when_the_player_has_to_start_over(
    live: Service, browser: Browser
) -> None:
    channel, stream = await live.channel()
    await live.push(stream)
    async with embedded(browser, live, channel) as visitor:
        await visitor.plays_on(1.0)
        stopped = "video.pause(); return new Promise((tell) => video.addEventListener('pause', () => tell(true), {once: true}))"
        assert await browser.run(VIDEO + stopped)
        await browser.run(VIDEO + "video.dispatchEvent(new Event('loadedmetadata'))")
        assert (await visitor.facts())["paused"]
        await browser.run(VIDEO + "video.play()")
        await visitor.plays_on(1.0)


async def test_where_there_is_no_channel_it_says_so_also_when_it_was_deleted_meanwhile(
    live: Service, browser: Browser
) -> None:
    async with embedded(browser, live, str(uuid4())) as visitor:
        await visitor.until("facts.view === 'nowhere' && facts.said === 'There is no stream here.'")
    channel, stream = await live.channel()
    await live.push(stream)
    async with embedded(browser, live, channel) as visitor:
        await visitor.plays_on(1.0)
        url = f"{live.base}/api/pub/v1/orgs/{live.organization}/channels/{channel}"
        async with live.http.delete(url, headers={"Authorization": f"Token {live.token}"}) as answer:
            assert answer.status == 204
        await visitor.until("facts.view === 'nowhere'")


async def test_the_end_of_a_broadcast_leaves_the_full_screen(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel()
    encoder = await live.push(stream)
    async with embedded(browser, live, channel) as visitor:
        await visitor.plays_on(1.0)
        await visitor.click("video")  # a page may do this only when it was touched
        await browser.run(VIDEO + "return video.play().then(() => video.requestFullscreen())")
        assert await browser.run("return document.fullscreenElement !== null")
        await encoder.kill()
        await live.give_up(channel)
        await visitor.until("facts.view === 'ended'")
        await browser.until("return document.fullscreenElement === null")


async def test_it_plays_on_pages_that_load_their_scripts_through_a_loader(live: Service, browser: Browser) -> None:
    await browser.before_pages(LOADER_OF_MODULES)
    channel, stream = await live.channel()
    await live.push(stream)
    async with embedded(browser, live, channel) as visitor:
        assert (await visitor.plays_on())["errors"] == []
        assert await browser.run("return typeof window.Hls") == "undefined"
