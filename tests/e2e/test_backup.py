"""A backup of a service in the middle of a broadcast, restored to another data directory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.server import Server
from tests.e2e.service import ROOT, Service, service
from tests.e2e.test_broadcast import decoded_frames, duration_of
from tests.e2e.test_drills import some_seconds

pytestmark = pytest.mark.e2e

PATIENCE = 120.0


async def command(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT, env=server.environment, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip


async def test_a_backup_in_the_middle_of_a_broadcast_can_be_restored_and_played(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    (tmp_path / "one").mkdir()
    async with service(tmp_path / "one") as live:
        channel, stream = await live.channel(reconnect_timeout=0)
        await live.push(stream, gop=1)
        await live.until(channel, state="live")
        shown = await some_seconds(live, stream, 4)
        done = await command(live.server, "backup", str(backup), "--recordings")
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.splitlines()[-1] == f"Backup written to {backup}."
        assert (await command(live.server, "restore", str(backup))).returncode == 2  # the service runs
        assert (await live.status(channel))["state"] == "live"

    other = Server(tmp_path / "other")
    (tmp_path / "other").mkdir()
    try:
        done = await command(other, "restore", str(backup))
        assert done.returncode == 0, done.stderr
        await asyncio.to_thread(other.start)
        async with aiohttp.ClientSession() as http:
            restored = Service(other, http)
            restored.organization, restored.token = live.organization, live.token
            again = await restored.api("GET", f"channels/{channel}/conference/create_stream")
            (recording,) = await restored.recordings(channel)
            assert again["stream_key"] == stream["stream_key"]
            assert recording["duration"] >= shown
            playlist = recording["playback"]["hls"]
            assert await duration_of(playlist) == pytest.approx(recording["duration"], abs=0.3)
            assert await decoded_frames(playlist) == pytest.approx(recording["duration"] * 30, abs=5)
            assert (await restored.status(channel))["state"] == "ended"
    finally:
        await asyncio.to_thread(other.close)
