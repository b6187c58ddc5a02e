"""The pages and elements, state by state, judged by axe-core in a real browser, light and dark."""

from __future__ import annotations

import pytest

from tests.e2e.accessibility import violations
from tests.e2e.browser import Browser
from tests.e2e.builder import Builder
from tests.e2e.service import Service
from tests.e2e.streamer import Streamer
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.e2e


async def test_the_judge_finds_what_is_wrong(live: Service, browser: Browser) -> None:
    await browser.open(f"{live.base}/watch/unknown/nothing")
    await browser.run("document.querySelector('.about').style.color = '#888'; document.body.append(new Image())")
    found = await violations(browser)
    assert {each.split(" (")[0] for each in found} >= {"light: image-alt", "dark: image-alt", "light: color-contrast"}


async def test_the_watch_page_in_every_state(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel("Spring collection", reconnect_timeout=60)
    visitor = Visitor(browser)
    await visitor.open(f"{live.base}/watch/{live.organization}/{channel}")
    await visitor.until("facts.view === 'offline'")
    assert await violations(browser) == []
    encoder = await live.push(stream, gop=9)
    await visitor.until("facts.view === 'starting'")
    assert await violations(browser) == []
    await visitor.until("facts.view === 'live'")
    await visitor.plays_on()
    assert await violations(browser) == []
    await encoder.kill()
    await visitor.until("facts.view === 'away'")
    assert await violations(browser) == []
    await live.give_up(channel)
    await visitor.until("facts.view === 'ended' && facts.button")
    assert await violations(browser) == []
    await visitor.press("button")
    await visitor.plays_on()
    assert await violations(browser) == []
    await browser.open(f"{live.base}/watch/{live.organization}/nothing")
    assert await violations(browser) == []


async def test_the_picker_in_every_state(own: Service, browser: Browser) -> None:
    builder = Builder(browser, own)
    builder.token = None
    async with builder.at_work():
        await builder.until("facts.message.startsWith('Sign in to see streams')")
        assert await violations(browser) == []
        builder.token = own.token
        await builder.click(".retry")
        await builder.until("facts.message.startsWith('There are no streams yet.')")
        assert await violations(browser) == []
        channel, stream = await own.channel("Spring collection")
        await own.push(stream)
        await own.channel("Kitchen")
        await own.until(channel, state="live")
        await builder.set("picker.setAttribute('server', '')")
        await builder.until("facts.titles.length === 2 && facts.pictures === 1")
        assert await violations(browser) == []
        await builder.click("[data-state=live]")
        await builder.until("facts.picked.length === 1")
        assert await violations(browser) == []
        await builder.set("picker.setAttribute('state', 'ended')")
        await builder.until("facts.message.startsWith('There is no stream in')")
        assert await violations(browser) == []
        await builder.set("picker.setAttribute('state', '')")
        await builder.until("facts.titles.length === 2")
        await own.kill()
        await builder.until("facts.notice !== ''")
        assert await violations(browser) == []


async def test_the_studio_in_every_state(live: Service, browser: Browser) -> None:
    streamer = Streamer(browser, live)
    await streamer.open()
    await streamer.press("button", "Sign in")
    await streamer.sees(".problem", "Paste your API token.")
    assert await violations(browser) == []
    await streamer.sign_in()
    await streamer.sees(".nothing", "There are no streams yet.")
    assert await violations(browser) == []
    await streamer.press("button", "New channel")
    await streamer.press("button", "Create channel")
    await streamer.sees(".problem", "Enter a name.")
    assert await violations(browser) == []
    await streamer.fill("Name", "Kitchen")
    await streamer.press("button", "Create channel")
    await streamer.sees("button", "Go live")
    assert await violations(browser) == []
    _, stream = await live.channel("Spring collection")
    await live.push(stream)
    await streamer.open("#/")
    await streamer.sees(".badge", "Live")
    assert await violations(browser) == []
    await streamer.open("#/channels")
    await streamer.sees(".name", "Kitchen")
    assert await violations(browser) == []


async def test_a_channel_in_the_studio_in_every_state(live: Service, browser: Browser) -> None:
    streamer = Streamer(browser, live)
    channel, stream = await live.channel("Spring collection", reconnect_timeout=2)
    await streamer.sign_in(f"/channel/{channel}")
    await streamer.sees("p", "No encoder is connected.")
    assert await violations(browser) == []
    encoder = await live.push(stream, gop=6)
    await streamer.sees(".finding")
    await streamer.sees("td .badge", "Running")
    await streamer.press("summary", "Set up OBS")
    await streamer.press("summary", "Show as a table")
    await streamer.press("button", "Show stream key")
    assert await violations(browser) == []
    await streamer.press("button", "New stream key")
    assert await violations(browser) == []
    await streamer.press("button", "Cancel")
    await encoder.kill()
    await streamer.sees(".badge", "Ended")
    await streamer.press("button", "Play the recording")
    await streamer.sees("video")
    assert await violations(browser) == []
    await streamer.press("button", "Close")
    await live.api("POST", f"channels/{channel}/conference/disable")
    await streamer.open(f"#/channel/{channel}")
    await streamer.sees(".notice", "Encoders are refused")
    assert await violations(browser) == []
