"""Drills: something dies in the middle of the show."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.service import Service, eventually, service
from tests.e2e.test_broadcast import decoded_frames, duration_of
from tests.servers import PostgresServer, RedisServer
from tests.strict_playlist import MediaPlaylist, Segment, read_media
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e


async def media_of(live: Service, stream: dict[str, Any], rendition: str = "source") -> MediaPlaylist:
    """Return the media playlist of a rendition, as players have it now."""
    async with live.http.get(stream["view_url"]) as answer:
        multivariant = await answer.text()
    (uri,) = (line for line in multivariant.splitlines() if rendition in line and not line.startswith("#"))
    async with live.http.get(stream["view_url"].rsplit("/", 1)[0] + "/" + uri) as answer:
        return read_media(await answer.text())


async def some_seconds(live: Service, stream: dict[str, Any], seconds: float = 3.0) -> float:
    """Wait until so much media is there for players; how much there is."""

    async def listed() -> float:
        return sum(each.duration for each in (await media_of(live, stream)).segments)

    return float(await eventually(listed, lambda found: found >= seconds))


async def test_after_kill_9_of_the_service_the_same_recording_goes_on(tmp_path: Path) -> None:
    async with service(tmp_path) as live:
        channel, stream = await live.channel(reconnect_timeout=60)
        encoder = await live.push(stream, gop=1)
        await live.until(channel, state="live")
        shown = await some_seconds(live, stream)

        await live.kill()
        await encoder.output()
        await live.start()
        again = await live.api("GET", f"channels/{channel}/conference/create_stream")
        waiting = await live.status(channel)
        encoder = await live.push(again, seconds=4, gop=1)
        await live.until(channel, state="live", is_connected=True)
        await encoder.finished()
        await live.give_up(channel)
        await live.until(channel, state="ended")

        assert again | {"recording": None} == stream | {"recording": None}
        assert (waiting["state"], waiting["is_watchable"]) == ("reconnecting", True)
        (recording,) = await live.recordings(channel)
        assert recording["duration"] > shown + 3
        assert await duration_of(recording["playback"]["hls"]) == pytest.approx(recording["duration"], abs=0.3)
        assert await decoded_frames(recording["playback"]["hls"]) == pytest.approx(recording["duration"] * 30, abs=5)


async def test_a_start_that_took_longer_than_the_reconnect_window_splits_no_recording(tmp_path: Path) -> None:
    """The encoder was lost two minutes ago, and its window is 30 s: it could not come back while nothing listened."""
    async with service(tmp_path) as live:
        channel, stream = await live.channel(reconnect_timeout=30)
        encoder = await live.push(stream, gop=1)
        await live.until(channel, state="live")
        await live.kill()
        await encoder.output()
        (folder,) = (each for each in (live.data / "recordings").iterdir() if each.is_dir())
        ago = time.time() - 120
        for file in folder.iterdir():
            os.utime(file, (ago, ago))

        await live.start()
        encoder = await live.push(stream, gop=1)
        await live.until(channel, state="live", is_connected=True)
        await encoder.kill()
        await live.give_up(channel)
        await live.until(channel, state="ended")

        (recording,) = await live.recordings(channel)
        assert recording["uid"] == folder.name


async def test_after_kill_9_of_everything_the_recording_is_there_up_to_the_last_part(tmp_path: Path) -> None:
    async with service(tmp_path) as live:
        channel, stream = await live.channel(reconnect_timeout=0)
        encoder = await live.push(stream, gop=1)
        await live.until(channel, state="live")
        shown = await some_seconds(live, stream)

        await live.kill()
        await encoder.kill()
        await live.start()

        (recording,) = await live.recordings(channel)
        assert recording["duration"] >= shown
        assert await decoded_frames(recording["playback"]["hls"]) == pytest.approx(recording["duration"] * 30, abs=3)
        assert (await live.status(channel))["state"] == "ended"


async def test_a_stop_is_in_time_and_leaves_nothing_running(tmp_path: Path) -> None:
    async with service(tmp_path, renditions="source,240p") as live:
        channel, stream = await live.channel()
        await live.push(stream)
        await live.until(channel, state="live")
        assert live.process is not None
        family = psutil.Process(live.process.pid).children(recursive=True)
        assert any("ffmpeg" in each.name() for each in family)

        async with asyncio.timeout(15):
            code = await live.stop()

        assert code == 0
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert alive == []


async def test_the_source_goes_on_when_ffmpeg_is_killed_and_the_renditions_come_back(tmp_path: Path) -> None:
    async with service(tmp_path, renditions="source,240p") as live:
        channel, stream = await live.channel()
        await live.push(stream, gop=1)
        await live.until(channel, state="live")
        assert live.process is not None
        transcoder = next(
            each for each in psutil.Process(live.process.pid).children(recursive=True) if each.name() == "ffmpeg"
        )

        os.kill(transcoder.pid, signal.SIGKILL)

        async def last(rendition: str) -> Segment:
            return (await media_of(live, stream, rendition)).segments[-1]

        async def newest(rendition: str) -> int:
            return (await last(rendition)).sequence

        source, rendition = await newest("source"), await newest("240p")
        await eventually(lambda: newest("source"), lambda number: number > source + 1)
        await eventually(lambda: newest("240p"), lambda number: number > rendition + 1)
        assert (await last("240p")).discontinuity == (await last("source")).discontinuity == 1
        assert (await live.status(channel))["state"] == "live"


async def test_without_redis_polls_are_answered_and_the_count_is_exact_again_afterwards(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    async with service(tmp_path, redis_url=redis_server.url) as live:
        channel, stream = await live.channel()
        await live.push(stream)
        await live.until(channel, state="live")
        for visitor in range(10):
            await live.status(channel, f"before-{visitor}")
        await live.until(channel, viewer_count=10)

        redis_server.stop()
        for visitor in range(5):
            await live.status(channel, f"meanwhile-{visitor}")
        away = await eventually(lambda: live.status(channel), lambda status: "viewer_count_as_of" in status)
        redis_server.start()

        assert (away["viewer_count"], away["state"]) == (10, "live")
        back = await live.until(channel, viewer_count=15)
        assert "viewer_count_as_of" not in back


async def test_a_restart_of_postgresql_is_survived(tmp_path: Path, postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        async with service(tmp_path, database_url=url) as live:
            channel, stream = await live.channel()
            await live.push(stream)
            await live.until(channel, state="live")

            postgres_server.stop()
            try:
                refused = await live.api("GET", "channels", expect=503)
                status = await live.status(channel)
            finally:
                postgres_server.start()

            assert "detail" in refused
            assert status["state"] == "live"

            async def list_channels() -> int:
                async with live.http.get(
                    f"{live.base}/api/pub/v1/orgs/{live.organization}/channels",
                    headers={"Authorization": f"Token {live.token}"},
                ) as answer:
                    return answer.status

            await eventually(list_channels, lambda code: code == 200)
