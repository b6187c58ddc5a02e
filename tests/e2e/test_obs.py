"""The documented steps with the real OBS Studio: its stream arrives, and refusals appear in its log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e import obs
from tests.e2e.obs import Obs
from tests.e2e.service import Service, eventually
from tests.waiting import PATIENCE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(obs.missing() is not None, reason=f"{obs.missing()} is not installed"),
]

Start = Callable[..., AbstractAsyncContextManager[Obs]]


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with obs.screen() as display:
        yield display


@pytest.fixture
def start(tmp_path: Path, display: str) -> Start:
    """Start OBS with a server and a key."""

    def start(server: str, key: str, **options: Path) -> AbstractAsyncContextManager[Obs]:
        return obs.streaming(tmp_path / "obs", display, server, key, **options)

    return start


@pytest.fixture
async def trusted(live: Service, tmp_path: Path) -> AsyncIterator[Path]:
    """Create a directory with the service's own authority."""
    authorities = tmp_path / "authorities"
    authorities.mkdir()
    (authorities / "ca.pem").write_bytes((live.data / "tls" / "ca.pem").read_bytes())
    if not obs.can_trust(authorities):
        pytest.skip("a process cannot have certificate authorities of its own here")
    yield authorities


async def test_obs_streams_over_plain_rtmp_and_shows_its_name(live: Service, start: Start) -> None:
    channel, stream = await live.channel()
    async with start(stream["rtmp_url"], stream["stream_key"]) as studio:
        await studio.logged(obs.STARTED)
        await live.until(channel, state="live")
        health = await live.api("GET", f"channels/{channel}/conference/stream_health")
        assert health["encoder"].startswith("obs-output module")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_obs_streams_over_rtmps_once_it_trusts_the_authority(
    live: Service, start: Start, trusted: Path, host: str
) -> None:
    channel, stream = await live.channel()
    assert urlsplit(stream["rtmps_url"]).hostname == "localhost"
    server = stream["rtmps_url"].replace("localhost", host)
    async with start(server, stream["stream_key"], authorities=trusted) as studio:
        await studio.logged(obs.STARTED)
        await live.until(channel, state="live")


async def test_obs_that_does_not_trust_the_authority_says_so(live: Service, start: Start) -> None:
    _, stream = await live.channel()
    async with start(stream["rtmps_url"], stream["stream_key"]) as studio:
        await studio.logged("not correctly signed by the trusted CA")


async def test_the_reason_of_every_refusal_stands_in_the_log_of_obs(live: Service, start: Start) -> None:
    channel, stream = await live.channel()
    server, key = stream["rtmp_url"], stream["stream_key"]
    async with start(server, "wrong") as studio:
        await studio.logged("This stream key is unknown.")
    async with start(server, "") as studio:
        await studio.logged("The stream key is missing.")
    encoder = await live.push(stream)
    await live.until(channel, state="live")
    async with start(server, key) as studio:
        await studio.logged("Another encoder is streaming to this key right now.")
    await encoder.kill()
    await live.api("POST", f"channels/{channel}/conference/disable")
    async with start(server, key) as studio:
        await studio.logged("This live input is disabled.")


async def test_a_refusal_for_the_codec_stands_in_the_log_of_obs_at_its_next_try(live: Service, start: Start) -> None:
    channel, stream = await live.channel()
    mp3 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "libmp3lame"]

    async def tried() -> str:
        """Return OBS's log after an encoder with MP3 was refused; it may be slower than the wait, which grows."""
        encoder = await live.push(stream, plain=True, codec=mp3)
        await encoder.output()
        assert not (await live.status(channel))["is_watchable"]
        async with start(stream["rtmp_url"], stream["stream_key"]) as studio:
            return await studio.logged("adv_stream'] Connection to")

    log = await eventually(tried, lambda log: "NetStream.Publish.Denied" in log, timeout=3 * PATIENCE)
    assert "MP3 is not supported here: set the encoder to AAC." in log
    health = await live.api("GET", f"channels/{channel}/conference/stream_health")
    assert (health["connected"], health["findings"][0]["code"]) == (False, "codec_refused")


async def test_obs_comes_back_after_a_restart_of_the_service(own: Service, start: Start) -> None:
    channel, stream = await own.channel()
    async with start(stream["rtmp_url"], stream["stream_key"]) as studio:
        await own.until(channel, state="live")
        assert await own.stop() == 0
        await studio.logged("Reconnecting")
        await own.start()
        await own.until(channel, state="live")
        assert await own.recordings(channel) == []  # it goes on in the one it began
