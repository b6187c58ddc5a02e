"""How soon a page that waited shows the first frame."""

from __future__ import annotations

import pytest

from tests.e2e.browser import Browser
from tests.e2e.service import Service
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.e2e

FOLLOWS = """
const player = document.querySelector('live-stream'), video = player.shadowRoot.querySelector('video');
window.seen = { watchable: null, stalls: 0 };
video.requestVideoFrameCallback(() => (seen.watchable = player.status.is_watchable));
video.addEventListener('waiting', () => seen.watchable !== null && !video.seeking && seen.stalls++);
"""


@pytest.mark.parametrize(("mode", "early"), [("low", True), ("standard", False)])
async def test_low_latency_shows_frames_of_the_first_segment_while_it_is_written(
    live: Service, browser: Browser, mode: str, early: bool
) -> None:
    channel, stream = await live.channel(latency_mode=mode)
    visitor = Visitor(browser)
    await visitor.open(f"{live.base}/watch/{live.organization}/{channel}")
    await visitor.until("facts.view === 'offline'")
    assert await browser.until(
        "return performance.getEntriesByType('resource').some((entry) => entry.name.includes('/vendor/hls-') && entry.responseEnd)"
    )
    await browser.run(FOLLOWS)
    await live.push(stream, gop=9)  # longer than a busy machine takes to show a frame
    await browser.until("return seen.watchable !== null")
    assert await browser.run("return seen.watchable") is not early
    await visitor.until("facts.view === 'live' && facts.status.is_watchable")
    playing = await visitor.plays_on(12.0)
    assert playing["errors"] == []
    assert playing["views"][-1] == "live"
