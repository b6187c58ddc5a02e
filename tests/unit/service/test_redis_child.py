"""The private Redis: it starts, restarts, keeps its data and leaves no process behind. Real redis-server."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import asyncio as aioredis

from providers.supervisor import ProcessState
from service.concurrency.tasks import Tasks
from service.redis_child import PrivateRedis, PrivateRedisError
from tests.waiting import PATIENCE, until


async def test_it_answers_on_its_socket_and_ends_with_the_stop(tmp_path: Path, tasks: Tasks) -> None:
    child = PrivateRedis(tmp_path / "redis", tasks.spawn)
    await child.start()
    pid = child.pid
    assert pid is not None
    async with aioredis.Redis.from_url(child.url) as client:
        assert await client.ping()
    await child.aclose()
    assert not psutil.pid_exists(pid)
    assert child.state is ProcessState.CLOSED
    await child.aclose()


async def test_its_data_survives_a_restart(tmp_path: Path, tasks: Tasks) -> None:
    for expected in (None, b"1"):
        child = PrivateRedis(tmp_path / "redis", tasks.spawn)
        await child.start()
        async with aioredis.Redis.from_url(child.url) as client:
            assert await client.get("seen") == expected
            await client.set("seen", "1")
        await child.aclose()


async def test_it_restarts_on_the_same_address_when_it_dies(tmp_path: Path, tasks: Tasks) -> None:
    child = PrivateRedis(tmp_path / "redis", tasks.spawn)
    await child.start()
    pid = child.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: child.pid != pid and child.state is ProcessState.RUNNING)
    async with aioredis.Redis.from_url(child.url) as client:
        assert await client.ping()
    await child.aclose()


async def test_it_restarts_when_no_process_could_be_created_for_a_while(
    tmp_path: Path, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = PrivateRedis(tmp_path / "redis", tasks.spawn)
    await child.start()
    pid = child.pid
    assert pid is not None
    start, refused = asyncio.create_subprocess_exec, 0

    async def once_refused(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        nonlocal refused
        refused += 1
        if refused == 1:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return await start(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", once_refused)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: child.pid != pid and child.state is ProcessState.RUNNING)
    assert refused == 2
    await child.aclose()


async def test_a_stop_during_the_restart_delay_leaves_no_process(tmp_path: Path, tasks: Tasks) -> None:
    child = PrivateRedis(tmp_path / "redis", tasks.spawn)
    await child.start()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: child.state is ProcessState.BACKOFF)
    await child.aclose()
    assert child.state is ProcessState.CLOSED


async def test_a_second_service_on_the_same_directory_is_refused(tmp_path: Path, tasks: Tasks) -> None:
    first, second = PrivateRedis(tmp_path, tasks.spawn), PrivateRedis(tmp_path, tasks.spawn)
    await first.start()
    with pytest.raises(PrivateRedisError, match="another service uses"):
        await second.start()
    async with aioredis.Redis.from_url(first.url) as client:
        assert await client.ping()
    await first.aclose()


async def test_an_old_server_is_replaced_and_its_data_is_kept(tmp_path: Path, tasks: Tasks) -> None:
    socket = tmp_path / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path), "--dbfilename", "viewers.rdb"]
    orphan = await asyncio.create_subprocess_exec("redis-server", *options, stdout=subprocess.DEVNULL)
    try:
        await until(socket.exists)
        async with aioredis.Redis(unix_socket_path=str(socket)) as client:
            await client.set("seen", "1")
        child = PrivateRedis(tmp_path, tasks.spawn)
        await child.start()
        async with aioredis.Redis.from_url(child.url) as client:
            assert await client.get("seen") == b"1"
        await child.aclose()
    finally:
        async with asyncio.timeout(PATIENCE):
            assert await orphan.wait() == 0


KILLED_OWNER = """
import asyncio, sys
from pathlib import Path
from service import logs
from service.redis_child import PrivateRedis
from service.concurrency.tasks import Tasks

async def main():
    logs.configure()
    child = PrivateRedis(Path(sys.argv[1]), Tasks().spawn)
    await child.start()
    print(child.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_it_does_not_outlive_an_owner_that_was_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", KILLED_OWNER, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert owner.stdout is not None
    with owner.stdout:
        redis = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.wait(PATIENCE)
    psutil.wait_procs([redis], timeout=PATIENCE)
    assert not redis.is_running() or redis.status() == psutil.STATUS_ZOMBIE


async def test_a_deep_data_directory_gets_a_short_socket_path(tmp_path: Path, tasks: Tasks) -> None:
    child = PrivateRedis(tmp_path / ("d" * 120), tasks.spawn)
    await child.start()
    async with aioredis.Redis.from_url(child.url) as client:
        assert await client.ping()
    await child.aclose()


async def test_a_failed_start_reports_the_reason(tmp_path: Path, tasks: Tasks) -> None:
    (tmp_path / "viewers.rdb").write_bytes(b"not a dump of Redis")
    child = PrivateRedis(tmp_path, tasks.spawn)
    with pytest.raises(PrivateRedisError, match=r"[Ww]rong signature"):
        await child.start()
    assert child.state is ProcessState.CLOSED
