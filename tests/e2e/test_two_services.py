"""Two services on the same data: the second ends with a sentence, and the broadcast of the first goes on untouched."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.e2e.server import Server
from tests.e2e.service import ROOT, Service, service, visiting
from tests.e2e.test_broadcast import duration_of
from tests.e2e.test_drills import some_seconds
from tests.servers import PostgresServer, RedisServer

pytestmark = pytest.mark.e2e

REFUSED_WITHIN = 120.0
"""Seconds; generous, because it imports the whole service first."""


async def refused(environment: Mapping[str, str]) -> tuple[int | None, str]:
    """Return the exit code of a service that cannot start, and the last line it wrote."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", "serve"),
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(REFUSED_WITHIN):
        _, output = await process.communicate()
    return process.returncode, output.decode().splitlines()[-1]


@asynccontextmanager
async def two(kind: str, directory: Path, postgres: PostgresServer, redis: RedisServer) -> AsyncIterator[list[Server]]:
    """Two servers that share a data directory, the directory of the recordings, a SQLite file, or a database; not started."""
    async with AsyncExitStack() as stack:
        first = Server(directory / "first")
        shared = {
            "data directory": {"data_dir": str(first.data)},
            "SQLite file": {"database_url": first.database_url},
        }.get(kind, {})
        if kind == "PostgreSQL":
            url = stack.enter_context(postgres.database())
            shared = {"database_url": url, "redis_url": redis.url}
            first = Server(directory / "first", **shared)
        for each in ("first", "second"):
            (directory / each).mkdir()
        if kind == "data directory":
            shared["database_url"] = first.database_url
        yield [first, Server(directory / "second", **shared)]


@pytest.mark.parametrize("order", ["first, second", "second, first"])
@pytest.mark.parametrize("kind", ["data directory", "SQLite file", "PostgreSQL"])
async def test_the_second_service_is_refused_and_the_broadcast_of_the_first_goes_on(
    tmp_path: Path, kind: str, order: str, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    async with two(kind, tmp_path, postgres_server, redis_server) as servers:
        running, other = servers if order == "first, second" else reversed(servers)
        try:
            await asyncio.to_thread(running.start)
            async with visiting(running) as live:
                await a_broadcast_survives(live, other)
        finally:
            await asyncio.to_thread(running.close)


async def a_broadcast_survives(live: Service, other: Server) -> None:
    assert live.process is not None
    channel, stream = await live.channel(reconnect_timeout=60)
    encoder = await live.push(stream, seconds=600, gop=1)
    await live.until(channel, state="live")
    await some_seconds(live, stream, 2)

    code, output = await refused(other.environment)
    assert code == 2
    assert f"is in use by process {live.process.pid} on host {os.uname().nodename} since 2" in output

    shown = await some_seconds(live, stream, 6)
    assert (await live.status(channel))["state"] == "live"
    sessions = (await live.api("GET", f"channels/{channel}/conference/stream_sessions"))["results"]
    assert [each["stopped_at"] for each in sessions] == [None]

    await live.kill()
    await encoder.output()
    await live.start()  # nothing stale is in its way
    await live.until(channel, state="reconnecting")
    await live.give_up(channel)
    await live.until(channel, state="ended")
    (recording,) = await live.recordings(channel)
    assert recording["duration"] >= shown
    assert await duration_of(recording["playback"]["hls"]) == pytest.approx(recording["duration"], abs=0.3)


async def test_another_service_may_start_the_moment_the_first_is_killed(tmp_path: Path) -> None:
    async with service(tmp_path) as live:
        await live.kill()
        await live.start()


async def test_a_new_version_does_not_migrate_under_a_running_service(tmp_path: Path) -> None:
    """The database of the running one is made to look older: `migrate` and commands that migrate on their way are refused."""
    async with service(tmp_path) as live:
        with closing(sqlite3.connect(live.data / "conference.db")) as database:
            database.execute("UPDATE alembic_version SET version_num = '0001'")
            database.commit()
        for command in (["migrate"], ["prepare"], ["token", "list"]):
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "service", *command],
                cwd=ROOT, env=live.environment, capture_output=True, text=True, timeout=REFUSED_WITHIN,
            )  # fmt: skip
            assert (done.returncode, done.stdout) == (2, "")
            assert f"The data directory {live.data} is in use by process " in done.stderr
