"""ffmpeg, ports and the disk, as the doctor sees them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from service.doctor.check_result import Level
from service.doctor.machine import FREE_FAIL, FREE_WARN, check_disk, check_ffmpeg, check_ports
from service.settings import Settings
from tests.unit.service.doctor.results import changed, result_of


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def test_this_machine_s_ffmpeg_has_all_it_needs(settings: Settings) -> None:
    findings = await check_ffmpeg(settings)
    assert {finding.level for finding in findings} == {Level.OK}


async def test_a_missing_ffmpeg_fails_and_says_how_to_install_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    level, text = result_of(await check_ffmpeg(settings))
    assert level is Level.FAIL
    assert "apt-get install ffmpeg" in text


async def test_free_ports_are_ok(settings: Settings) -> None:
    findings = await check_ports(settings)
    assert [finding.level for finding in findings] == [Level.OK] * 3


async def test_a_port_used_by_another_program_fails_and_names_the_variable(settings: Settings, taken_port: int) -> None:
    findings = await check_ports(changed(settings, rtmps_port=taken_port))
    (failed,) = [finding for finding in findings if finding.level is Level.FAIL]
    assert "CONFERENCE_RTMPS_PORT" in failed.advice


async def test_ports_of_the_running_service_are_ok(settings: Settings, taken_port: int) -> None:
    async def alive(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/healthz", alive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", settings.http_port).start()
    findings = await check_ports(changed(settings, rtmp_port=taken_port))
    await runner.cleanup()
    assert {finding.level for finding in findings} == {Level.OK}


@pytest.mark.parametrize(
    ("free", "level"),
    [(FREE_WARN, Level.OK), (FREE_WARN - 1, Level.WARN), (FREE_FAIL - 1, Level.FAIL)],
)
async def test_a_disk_that_fills_up_is_reported_early(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    assert result_of(await check_disk(settings))[0] is level
