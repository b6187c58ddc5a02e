"""The viewers of scripts/bench-latency: pages whose players are followed frame by frame."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _latency_push import COUNTER_BITS, COUNTER_BOX, FRAME_RATE
from aiohttp import web

HLS = Path(__file__).resolve().parent.parent / "service" / "web" / "vendor" / "hls-1.7.4.min.js"

FOLLOW = (
    """
performance.setResourceTimingBufferSize(100000);
window.found = { opened: Date.now(), first: 0, samples: [], stalls: 0, still: 0, seeks: 0 };
window.follow = (video) => {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: BITS, height: 1 });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  const frame = () => {
    const now = Date.now();
    video.requestVideoFrameCallback(frame);
    context.drawImage(video, 0, HEIGHT / 4, BITS * WIDTH, HEIGHT / 2, 0, 0, BITS, 1);
    const pixels = context.getImageData(0, 0, BITS, 1).data;
    let count = 0;
    for (let bit = 0; bit < BITS; bit++) if (pixels[4 * bit] > 127) count += 2 ** bit;
    found.first ||= now;
    found.samples.push([now, count, video.playbackRate]);
  };
  video.requestVideoFrameCallback(frame);
  video.addEventListener('waiting', () => found.first && !video.seeking && found.stalls++);
  video.addEventListener('seeking', () => found.first && found.seeks++);
  let before = -1;
  setInterval(() => {
    if (found.first && !video.paused && video.currentTime === before) found.still += 0.1;
    before = video.currentTime;
  }, 100);
};
""".replace("BITS", str(COUNTER_BITS))
    .replace("WIDTH", str(COUNTER_BOX[0]))
    .replace("HEIGHT", str(COUNTER_BOX[1]))
)

OURS = """<!doctype html><link rel="icon" href="data:,"><title>live-stream</title><script>{follow}</script>
<script type="module" src="{base}/player.js"></script>
<live-stream org="{organization}" channel="{channel}" muted></live-stream>
<script>customElements.whenDefined('live-stream').then(() =>
  follow(document.querySelector('live-stream').shadowRoot.querySelector('video')));</script>"""

PLAIN = """<!doctype html><link rel="icon" href="data:,"><title>hls.js</title>
<script>{follow}</script><script src="/hls.js"></script>
<video id="video" muted autoplay playsinline width="640"></video>
<script>
const video = document.getElementById('video'), hls = new Hls();
follow(video);
hls.loadSource('{url}');
hls.attachMedia(video);
</script>"""

REQUESTS = (
    "return performance.getEntriesByType('resource').filter((entry) => /m3u8|m4s|\\\\.ts/.test(entry.name)).length"
)

RESPONSES = """
return 1 + performance.getEntriesByType('resource').filter((entry) =>
  entry.responseEnd && performance.timeOrigin + entry.responseEnd <= found.first).length;
"""
"""How many responses the page had until its first frame."""


@dataclass
class Watched:
    """What one viewer saw. Seconds; `requests` for playlists and media in one second."""

    latencies: list[float]
    stalls: int
    still: float
    seeks: int
    requests: float

    @property
    def figures(self) -> tuple[float, float, float]:
        """Median, 5th and 95th percentile of the latency."""
        cuts = statistics.quantiles(self.latencies, n=20)
        return statistics.median(self.latencies), cuts[0], cuts[-1]


def ours(base: str, organization: str, channel: str) -> str:
    return OURS.format(follow=FOLLOW, base=base, organization=organization, channel=channel)


def plain(url: str) -> str:
    return PLAIN.format(follow=FOLLOW, url=url)


@asynccontextmanager
async def pages(texts: dict[str, str]) -> AsyncIterator[str]:
    """Serve these pages, under /page/ by name, and hls.js. Yield the origin."""
    from tests.serving import serving

    async def page(request: web.Request) -> web.Response:
        text = texts.get(request.match_info["name"])
        return web.Response(text=text or "", status=200 if text else 404, content_type="text/html")

    async def hls(_: web.Request) -> web.Response:
        return web.Response(body=HLS.read_bytes(), content_type="text/javascript")

    app = web.Application()
    app.add_routes([web.get("/hls.js", hls), web.get("/page/{name}", page)])
    async with serving(app) as origin:
        yield origin


async def watch(browser: Any, url: str, began: float, settle: float, seconds: float) -> Watched:
    """Open the page and follow its player for `seconds`, from `settle` seconds after its first frame."""
    await browser.open(url)
    await browser.until("return found.first", timeout=60)
    await asyncio.sleep(settle)
    start = await browser.run(
        "found.from = Date.now(); found.stalls = found.still = found.seeks = 0; performance.clearResourceTimings();"
        "return found.from"
    )
    await asyncio.sleep(seconds)
    found = await browser.run("return found")
    requests = await browser.run(REQUESTS)
    latencies = [now / 1000 - began - count / FRAME_RATE for now, count, _ in found["samples"] if now >= start]
    if len(latencies) < 2:
        latencies = [float("nan")] * 2
    return Watched(latencies, found["stalls"], found["still"], found["seeks"], requests / seconds)


async def first_frame(browser: Any, timeout: float = 60.0) -> float:
    """When the open page showed its first frame (Unix seconds)."""
    return float(await browser.until("return found.first", timeout=timeout)) / 1000
