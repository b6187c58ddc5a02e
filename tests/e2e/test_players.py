"""Real players play what is on the storage: ffmpeg, and hls.js and dash.js in Chromium."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import pytest
from aiohttp import web

from providers.base import LatencyMode
from providers.local.flv.tag import TagKind
from service.concurrency.tasks import Tasks
from tests.e2e.browser import Browser
from tests.e2e.served_broadcast import BROADCAST, INPUT, ServedBroadcast, moving_pattern, served

pytestmark = pytest.mark.e2e

VENDOR = Path(__file__).parent / "vendor"
SERVED = Path(__file__).parents[2] / "service" / "web" / "vendor"

PAGE = """<!doctype html><video id=v muted autoplay playsinline width=320></video>
<script src=/vendor/hls-1.7.4.min.js></script><script src=/vendor/dash.all.min.js></script>
<script>
const video = document.getElementById('v');
window.errors = [];
window.play = (url) => {
  if (url.endsWith('.mpd')) {
    const player = window.player = dashjs.MediaPlayer().create();
    player.on('error', e => errors.push(JSON.stringify(e.error)));
    player.initialize(video, url, true);
  } else {
    const player = window.player = new Hls();
    player.on(Hls.Events.ERROR, (_, e) => { if (e.fatal) errors.push(e.type + ' ' + e.details); });
    player.loadSource(url);
    player.attachMedia(video);
  }
};
window.facts = () => ({
  time: video.currentTime, ended: video.ended, duration: video.duration, errors,
  frames: video.getVideoPlaybackQuality().totalVideoFrames,
  sound: video.webkitAudioDecodedByteCount,
  left: video.buffered.length ? video.buffered.end(video.buffered.length - 1) - video.currentTime : NaN,
});
</script>"""

ENTRIES = ["video.m3u8", "video.mpd"]


def player_files() -> list[web.RouteDef]:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def vendor(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        file = next(path for folder in (VENDOR, SERVED) if (path := folder / name).is_file())
        return web.Response(body=file.read_bytes(), content_type="text/javascript")

    return [web.get("/player", page), web.get(r"/vendor/{name:[a-z0-9.-]+\.js}", vendor)]


async def ffmpeg(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "ffmpeg", "-v", "error", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output
    return output.decode()


def test_the_vendored_players_are_the_ones_that_were_checked() -> None:
    for line in (VENDOR / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("entry", ENTRIES)
async def test_ffmpeg_decodes_every_frame_of_a_recording_with_a_reconnect(tmp_path: Path, entry: str) -> None:
    showing, tags = ServedBroadcast(tmp_path), moving_pattern(tmp_path, 5)
    showing.push(tags, time.time())
    showing.push(tags, time.time() + 8)
    showing.finish()
    async with served(showing) as base:
        frames = await ffmpeg(
            "-i",
            f"{base}/{BROADCAST}/manifest/{entry}",
            "-map",
            "0:v",
            "-fps_mode",
            "passthrough",
            "-f",
            "framemd5",
            "-",
        )
    hashes = [line.split(",")[-1] for line in frames.splitlines() if not line.startswith("#")]
    assert len(hashes) == 2 * 5 * 25
    assert hashes[:125] == hashes[125:]


@pytest.mark.parametrize("entry", ENTRIES)
async def test_a_finished_broadcast_plays_in_a_browser_to_its_end(tmp_path: Path, browser: Browser, entry: str) -> None:
    showing = ServedBroadcast(tmp_path)
    showing.push(moving_pattern(tmp_path, 6), time.time())
    showing.finish()
    async with served(showing, *player_files()) as base:
        await browser.open(f"{base}/player")
        await browser.run("play(arguments[0])", f"{base}/{BROADCAST}/manifest/{entry}")
        await browser.until("return facts().ended")
        facts = await browser.run("return facts()")
    assert facts["errors"] == []
    assert facts["time"] == pytest.approx(6.0, abs=0.3)
    assert facts["frames"] >= 100
    assert facts["sound"] > 0


@pytest.mark.parametrize("entry", ENTRIES)
async def test_a_recording_of_several_connections_plays_in_a_browser_to_its_end(
    tmp_path: Path, browser: Browser, entry: str
) -> None:
    """The encoder disconnects at any point, also between B-frames, and while its audio is behind."""
    showing, tags = ServedBroadcast(tmp_path), moving_pattern(tmp_path, 4)
    began = time.time() - 60
    for at, (video, audio) in enumerate([(2_330, 2_200), (1_770, 1_800), (2_450, 1_700), (4_000, 4_000)]):
        until = {TagKind.VIDEO: video, TagKind.AUDIO: audio, TagKind.SCRIPT: 1}
        showing.push([tag for tag in tags if tag.timestamp < until[tag.kind]], began + 10 * at)
    showing.finish()
    async with served(showing, *player_files()) as base:
        await browser.open(f"{base}/player")
        await browser.run("play(arguments[0])", f"{base}/{BROADCAST}/manifest/{entry}")
        await browser.until("return facts().ended")
        facts = await browser.run("return facts()")
    recording = await showing.find_recording(BROADCAST)
    assert recording is not None
    seconds = max(sum(track.spans(track.segments)) for track in recording.view(live=False).tracks)
    assert facts["errors"] == []
    assert facts["time"] == pytest.approx(seconds, abs=0.1)
    assert facts["frames"] >= 10 * 25
    # As much audio as was sent: dash.js plays on without when it believes that the track has ended.
    assert facts["sound"] > 0.9 * sum(segment.size for segment in recording.view(live=False).audio.segments)


@pytest.mark.parametrize(
    ("mode", "entry"),
    [
        (LatencyMode.STANDARD, "video.m3u8"),
        (LatencyMode.LOW, "video.m3u8"),
        (LatencyMode.STANDARD, "video.mpd"),
    ],
)
async def test_a_running_broadcast_plays_in_a_browser_through_a_reconnect_to_its_end(
    tmp_path: Path, browser: Browser, tasks: Tasks, mode: LatencyMode, entry: str
) -> None:
    showing, tags = ServedBroadcast(tmp_path, mode), moving_pattern(tmp_path, 5)

    async def show() -> None:
        await showing.push_live(tags)
        await asyncio.sleep(1)
        await showing.push_live(tags)

    async with served(showing, *player_files()) as base:
        await browser.open(f"{base}/player")  # before the show begins: players join at its end, however late they are
        shown = tasks.spawn(show(), name="show")
        await showing.watchable.wait()
        await browser.run("play(arguments[0])", f"{base}/{INPUT}/manifest/{entry}")
        # The position does not prove playback: a player's first seek sets it before anything is decoded.
        await browser.until("return facts().frames > 10 && facts().sound > 0")
        before = await browser.run("return facts()")
        await shown
        showing.finish()
        await browser.until("return facts().frames > 200 && facts().left < 0.2")
        after = await browser.run("return facts()")
    assert after["errors"] == []
    assert after["time"] > before["time"]
    assert after["sound"] > before["sound"] > 0
