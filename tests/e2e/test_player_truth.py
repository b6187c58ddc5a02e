"""What the player says while it cannot know, or while its picture is not the one of now."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from providers.local.ingest.limits import IngestLimits
from tests.e2e.browser import Browser
from tests.e2e.service import Service
from tests.e2e.visitor import Visitor, embedded

pytestmark = pytest.mark.e2e

VIDEO = "const video = document.querySelector('live-stream').shadowRoot.querySelector('video');"

HEARS_COUNTS = """
window.counts = [];
const frame = () => {
  const player = document.querySelector('live-stream'), count = player?.shadowRoot?.querySelector('.count');
  if (count) {
    const seen = player.view === 'starting' ? (count.hidden ? '' : count.textContent) : null;
    if (seen !== null && seen !== counts.at(-1)) counts.push(seen);
  }
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
"""
"""Every number that was shown while a stream started; empty for no number."""

FOLLOWS_THE_PICTURE = """
window.samples = [];
setInterval(() => {
  const player = document.querySelector('live-stream'), root = player.shadowRoot, video = root.querySelector('video');
  samples.push([video.currentTime, player.view, root.querySelector('.viewers').textContent]);
}, 500);
"""


def page(live: Service, channel: str) -> str:
    return f"{live.base}/watch/{live.organization}/{channel}"


@pytest.mark.parametrize("how", ["frozen", "killed"])
async def test_playback_resumes_after_the_service_was_unavailable(own: Service, browser: Browser, how: str) -> None:
    channel, stream = await own.channel(reconnect_timeout=600)  # a busy machine needs over 60 s to this test's end
    await own.push(stream)
    visitor = Visitor(browser)
    await visitor.open(page(own, channel))
    await visitor.plays_on()
    await visitor.until("facts.badge === 'Live · 1 watching'")
    await browser.run(FOLLOWS_THE_PICTURE)

    if how == "frozen":
        assert own.process is not None
        own.process.send_signal(signal.SIGSTOP)
        frozen = asyncio.get_running_loop().time()
    else:
        await own.kill()
    await visitor.until("facts.badge === 'Trying to reconnect…' && facts.tone.includes('quiet') && facts.lost")
    lost = await visitor.until("facts.view === 'away' && facts.message === 'Trying to reconnect…'")
    assert lost["said"] == "Trying to reconnect…"
    # hls.js gives up and is started again after a while: the picture is gone then, and it is still no live one.
    await visitor.until("facts.ready === 0", timeout=90)
    assert (await visitor.facts())["view"] == "away"
    samples: list[Any] = await browser.run("return samples")
    claims = [shown for before, shown in zip(samples[:-10], samples[10:], strict=True) if before[0] == shown[0]]
    assert [shown for shown in claims if shown[2].startswith("Live")] == []  # for five seconds without a new picture

    if how == "frozen":
        # Longer than an encoder may be silent: its bytes wait, and it must not be disconnected.
        await asyncio.sleep(frozen + IngestLimits().idle_timeout + 3 - asyncio.get_running_loop().time())
        own.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
    else:
        await own.start()
        await own.push(stream)
    await visitor.until("facts.view === 'live' && facts.badge === 'Live · 1 watching'", timeout=90)
    await visitor.plays_on()


async def test_what_is_not_known_any_more_is_not_said_before_a_stream_either(own: Service, browser: Browser) -> None:
    channel, _ = await own.channel()
    visitor = Visitor(browser)
    await visitor.open(page(own, channel))
    await visitor.until("facts.view === 'offline'")
    await own.kill()
    await visitor.until("facts.view === 'away' && facts.message === 'Trying to reconnect…'")
    await own.start()
    await visitor.until("facts.view === 'offline'")


async def test_paused_video_is_not_labelled_live_and_a_button_leads_to_the_live_edge(
    live: Service, browser: Browser
) -> None:
    channel, stream = await live.channel()
    await live.push(stream)
    async with embedded(browser, live, channel) as visitor:
        await visitor.plays_on()
        assert not (await visitor.facts())["golive"]
        await browser.run(VIDEO + "video.pause()")
        await visitor.until("facts.badge === 'Paused' && facts.tone.includes('quiet') && facts.golive")
        await browser.run("return new Promise((done) => setTimeout(done, 12000))")
        await browser.run(VIDEO + "video.play()")
        await visitor.until("facts.badge === 'Behind live' && facts.tone.includes('quiet') && facts.golive")
        before = await visitor.plays_on(1.0)
        assert before["badge"] == "Behind live"
        await visitor.click("golive")
        back = await visitor.until("facts.badge === 'Live' && !facts.golive")
        assert back["time"] > before["time"] + 3
        await visitor.plays_on()


@pytest.mark.parametrize("mode", ["standard", "low"])
async def test_a_player_that_was_offline_returns_to_the_live_edge(live: Service, browser: Browser, mode: str) -> None:
    channel, stream = await live.channel(latency_mode=mode)
    await live.push(stream)
    async with embedded(browser, live, channel) as visitor:
        await visitor.plays_on()
        await browser.network(offline=True)
        await visitor.until("facts.badge === 'Trying to reconnect…' && !facts.golive")
        before = await visitor.facts()
        await browser.run("return new Promise((done) => setTimeout(done, 15000))")
        await browser.network()
        await visitor.until(f"facts.badge === 'Live' && facts.time > {before['time']} + 8")
        await visitor.plays_on()


async def test_in_low_latency_a_player_that_is_a_little_behind_catches_up(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel(latency_mode="low")
    await live.push(stream)
    async with embedded(browser, live, channel) as visitor:
        await visitor.plays_on()
        notes = "window.rates = new Set(); video.addEventListener('ratechange', () => rates.add(video.playbackRate));"
        await browser.run(VIDEO + notes + "video.currentTime -= 2.5;")
        await browser.until("return [...rates].some((rate) => rate > 1)")
        await browser.until(VIDEO + "return video.playbackRate === 1 && !video.paused", timeout=90)
        assert await browser.run("return Math.max(...rates)") <= 1.1


@pytest.mark.parametrize("gop", [8, 10])
async def test_a_first_start_shows_no_number_and_a_later_one_none_that_rises(
    live: Service, browser: Browser, gop: int
) -> None:
    channel, stream = await live.channel()
    visitor = Visitor(browser)
    await browser.before_pages(HEARS_COUNTS)
    await visitor.open(page(live, channel))
    await visitor.until("facts.view === 'offline'")
    encoder = await live.push(stream, gop=gop)
    await visitor.until("facts.view === 'starting' && facts.message === 'Starting…'")
    await visitor.until("facts.view === 'live'")
    assert [seen for seen in await browser.run("return counts") if seen] == []
    await encoder.kill()
    await live.give_up(channel)
    await visitor.until("facts.view === 'ended'")

    await browser.run("counts.length = 0")
    await live.push(stream, gop=gop)
    await visitor.until("facts.view === 'starting' && facts.message === 'Starts in'")
    await visitor.until("facts.view === 'live'")
    numbers = [int(seen.removesuffix(" s")) for seen in await browser.run("return counts") if seen]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > gop / 2


async def test_a_second_broadcast_plays_after_the_service_was_unavailable(own: Service, browser: Browser) -> None:
    channel, stream = await own.channel()
    visitor = Visitor(browser)
    await visitor.open(page(own, channel))
    encoder = await own.push(stream)
    await visitor.plays_on()
    await encoder.kill()
    await own.give_up(channel)
    await visitor.until("facts.view === 'ended' && facts.ready === 0")
    assert own.process is not None
    own.process.send_signal(signal.SIGSTOP)
    await browser.run("dispatchEvent(new Event('online'))")  # ask now
    await visitor.until("facts.lost")
    own.process.send_signal(signal.SIGCONT)
    await own.push(stream)
    await visitor.until("facts.view === 'live'")
    await visitor.plays_on()


async def test_the_viewer_count_is_0_after_the_end(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel()
    encoder = await live.push(stream)
    visitor = Visitor(browser)
    await visitor.open(page(live, channel))
    await visitor.until("facts.view === 'live' && facts.status.viewer_count === 1")
    await browser.run(
        "window.statuses = [];"
        "document.addEventListener('streamstatus', ({ detail }) => statuses.push([detail.state, detail.viewer_count]))"
    )
    await encoder.kill()
    await live.give_up(channel)
    await visitor.until("facts.view === 'ended'")
    assert [count for state, count in await browser.run("return statuses") if state == "ended"] == [0]
    assert (await live.status(channel))["viewer_count"] == 0
