"""What visitors see, in a real browser, of a real push: the watch page and the player on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.browser import Browser, chromium, missing
from tests.e2e.service import Service
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.e2e


@pytest.fixture
def visitor(browser: Browser) -> Visitor:
    return Visitor(browser)


@pytest.fixture
async def quiet_visitor() -> AsyncIterator[Visitor]:
    """Return a visitor whose browser blocks audio until the page has been touched, as browsers do."""
    if missing():
        pytest.skip(f"{missing()} is not installed")
    async with chromium("--autoplay-policy=document-user-activation-required") as browser:
        yield Visitor(browser)


POLLED = (
    "return performance.getEntriesByType('resource').some((entry) => entry.name.includes('/stream_status?visitor_id='))"
)


def page(live: Service, channel: str) -> str:
    return f"{live.base}/watch/{live.organization}/{channel}"


async def test_a_broadcast_as_a_visitor_sees_it(live: Service, visitor: Visitor) -> None:
    channel, stream = await live.channel(reconnect_timeout=60)
    await visitor.open(page(live, channel))
    await visitor.until("facts.view === 'offline'")

    encoder = await live.push(stream, gop=4)  # long enough to be seen
    await visitor.until("facts.view === 'starting' && facts.message === 'Starting…'")
    await visitor.until("facts.view === 'live'")
    playing = await visitor.plays_on()
    assert playing["sound"] > 0
    await visitor.until("facts.badge === 'Live · 1 watching'")

    await encoder.kill()
    await visitor.until("facts.status.state === 'reconnecting'")
    encoder = await live.push(stream, gop=2)
    await visitor.until("facts.status.state === 'live' && facts.view === 'live'")
    await visitor.plays_on(4.0)

    await encoder.kill()
    await live.give_up(channel)
    ended = await visitor.until("facts.view === 'ended' && facts.button")
    assert ended["said"] == "The stream has ended."
    await visitor.press("button")
    recording = await visitor.plays_on()
    assert recording["view"] == "recording"
    assert recording["duration"] > 8
    assert recording["errors"] == []
    views = [view for view in recording["views"] if view not in ("loading", "offline", "away")]
    assert views[:2] == ["starting", "live"]
    assert views[-3:] == ["live", "ended", "recording"]


async def test_the_player_comes_back_by_itself_after_a_restart_of_the_service(own: Service, visitor: Visitor) -> None:
    channel, stream = await own.channel(reconnect_timeout=60)
    await own.push(stream)
    await visitor.open(page(own, channel))
    await visitor.until("facts.view === 'live'")
    await visitor.plays_on()
    await visitor.browser.run("window.stillHere = true")

    await own.kill()
    await own.start()
    await own.push(stream)

    await own.until(channel, state="live", is_connected=True)
    await visitor.until("facts.status.state === 'live' && facts.view === 'live'")
    await visitor.plays_on(4.0)
    assert await visitor.browser.run("return window.stillHere")


async def test_without_permission_for_audio_it_plays_muted_and_offers_to_unmute(
    live: Service, quiet_visitor: Visitor
) -> None:
    visitor = quiet_visitor
    channel, stream = await live.channel()
    await live.push(stream)
    await visitor.open(page(live, channel))
    playing = await visitor.plays_on()
    assert (playing["muted"], playing["unmute"], playing["errors"]) == (True, True, [])
    await visitor.click("unmute")
    unmuted = await visitor.plays_on()
    assert (unmuted["muted"], unmuted["unmute"]) == (False, False)


async def test_while_hidden_it_polls_and_holds_no_connection_and_still_counts(live: Service, visitor: Visitor) -> None:
    channel, stream = await live.channel()
    await live.push(stream)
    await visitor.open(page(live, channel))
    await visitor.until("facts.view === 'live' && facts.status.viewer_count === 1")
    await visitor.hide()
    await visitor.browser.run("performance.clearResourceTimings()")
    await visitor.browser.until(POLLED)
    assert (await live.status(channel))["viewer_count"] == 1


async def test_where_events_are_refused_it_polls(live: Service, visitor: Visitor) -> None:
    channel, stream = await live.channel()
    await visitor.open(page(live, channel))
    await visitor.until("facts.view === 'offline'")
    # A page whose browser has no such thing as events, in effect.
    await visitor.browser.run(
        "delete window.EventSource; const old = document.querySelector('live-stream'), fresh = old.cloneNode();"
        "old.replaceWith(fresh); performance.clearResourceTimings();"
    )
    await live.push(stream)
    await visitor.until("facts.view === 'live'")
    assert await visitor.browser.run(POLLED)


async def test_two_visits_of_one_browser_are_one_viewer(live: Service, visitor: Visitor) -> None:
    channel, stream = await live.channel()
    await live.push(stream)
    for _ in range(2):
        await visitor.open(page(live, channel))
        await visitor.until("facts.view === 'live' && facts.status.viewer_count === 1")
    assert (await live.status(channel))["viewer_count"] == 1


async def test_the_slate_is_shown_while_the_encoder_is_disconnected(live: Service, visitor: Visitor) -> None:
    channel, stream = await live.channel(reconnect_timeout=60)
    thumbnail = stream["view_url"].replace("manifest/video.m3u8", "thumbnails/thumbnail.jpg")
    await live.api("POST", f"channels/{channel}/conference/create_stream", {"slate_image_url": thumbnail})
    encoder = await live.push(stream)
    await live.until(channel, state="live")
    await visitor.open(page(live, channel))
    await visitor.plays_on(1.0)

    await encoder.kill()

    await visitor.until("facts.view === 'away' && facts.slate")
    await live.push(stream)
    back = await visitor.until("facts.view === 'live'")
    assert not back["slate"]
