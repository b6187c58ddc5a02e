"""The doctor: what it finds, and what it says to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from providers.local.ingest.authority import ensure_local_certificate
from service import doctor
from service.doctor import Finding, Level
from service.settings import ProviderName, Settings
from service.store.migrate import migrate
from tests import servers


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    ports = {name: servers.free_port() for name in ("http_port", "rtmp_port", "rtmps_port")}
    return Settings(data_dir=tmp_path, **ports)


def but(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def told(findings: list[Finding]) -> tuple[Level, str]:
    (finding,) = findings
    return finding.level, f"{finding.seen} | {finding.advice}"


async def test_this_machine_s_ffmpeg_has_all_it_needs(settings: Settings) -> None:
    findings = await doctor.check_ffmpeg(settings)
    assert {finding.level for finding in findings} == {Level.OK}


async def test_a_missing_ffmpeg_fails_and_says_how_to_install_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    level, text = told(await doctor.check_ffmpeg(settings))
    assert level is Level.FAIL
    assert "apt-get install ffmpeg" in text


async def test_a_redis_that_answers_is_ok(settings: Settings, redis_url: str) -> None:
    assert told(await doctor.check_redis(but(settings, redis_url=redis_url)))[0] is Level.OK


async def test_a_redis_that_does_not_answer_fails_without_telling_its_password(settings: Settings) -> None:
    url = f"redis://:hunter2@127.0.0.1:{servers.free_port()}/0"
    level, text = told(await doctor.check_redis(but(settings, redis_url=url)))
    assert level is Level.FAIL
    assert "hunter2" not in text


async def test_no_redis_at_all_is_a_warning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    level, text = told(await doctor.check_redis(settings))
    assert level is Level.WARN
    assert "redis-server" in text


async def test_a_database_that_is_not_there_yet_is_fine_and_is_not_made(settings: Settings) -> None:
    assert told(await doctor.check_database(settings))[0] is Level.OK
    assert not (settings.data_dir / "conference.db").exists()


async def test_a_migrated_database_is_ok(settings: Settings) -> None:
    await migrate(settings.database_url)
    level, text = told(await doctor.check_database(settings))
    assert level is Level.OK
    assert "up to date" in text


async def test_an_empty_database_is_a_warning_that_names_migrate(settings: Settings) -> None:
    (settings.data_dir / "conference.db").touch()
    level, text = told(await doctor.check_database(settings))
    assert level is Level.WARN
    assert "python -m service migrate" in text


async def test_a_database_that_does_not_answer_fails_without_telling_its_password(settings: Settings) -> None:
    url = f"postgresql://me:hunter2@127.0.0.1:{servers.free_port()}/name"
    level, text = told(await doctor.check_database(but(settings, database_url=url)))
    assert level is Level.FAIL
    assert "hunter2" not in text


async def test_free_ports_are_ok(settings: Settings) -> None:
    findings = await doctor.check_ports(settings)
    assert [finding.level for finding in findings] == [Level.OK] * 3


async def test_a_port_somebody_else_has_fails_and_names_the_variable(settings: Settings, taken_port: int) -> None:
    findings = await doctor.check_ports(but(settings, rtmps_port=taken_port))
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
    findings = await doctor.check_ports(but(settings, rtmp_port=taken_port))
    await runner.cleanup()
    assert {finding.level for finding in findings} == {Level.OK}


@pytest.mark.parametrize(
    ("free", "level"),
    [(doctor.FREE_WARN, Level.OK), (doctor.FREE_WARN - 1, Level.WARN), (doctor.FREE_FAIL - 1, Level.FAIL)],
)
async def test_a_full_disk_is_told_in_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    assert told(await doctor.check_disk(settings))[0] is level


async def test_before_the_first_start_the_certificate_is_yet_to_be_made(settings: Settings) -> None:
    assert told(await doctor.check_certificate(settings))[0] is Level.OK


async def test_the_local_certificate_comes_with_how_to_trust_its_authority(settings: Settings) -> None:
    ensure_local_certificate(settings.tls_dir, ["127.0.0.1"])
    level, text = told(await doctor.check_certificate(settings))
    assert level is Level.OK
    assert str(settings.tls_dir / "ca.pem") in text
    for command in ("certutil", "security add-trusted-cert", "update-ca-certificates", "CONFERENCE_TLS_CERT"):
        assert command in text


async def test_a_certificate_for_another_host_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    files = ensure_local_certificate(tmp_path / "own", ["live.example.com"])
    own = but(settings, tls_cert=files.certificate, tls_key=files.key)
    assert told(await doctor.check_certificate(own))[0] is Level.WARN
    assert told(await doctor.check_certificate(but(own, public_rtmp_host="live.example.com")))[0] is Level.OK


async def test_a_key_of_another_certificate_fails(settings: Settings, tmp_path: Path) -> None:
    one = ensure_local_certificate(tmp_path / "one", ["127.0.0.1"])
    two = ensure_local_certificate(tmp_path / "two", ["127.0.0.1"])
    wrong = but(settings, tls_cert=one.certificate, tls_key=two.key)
    assert told(await doctor.check_certificate(wrong))[0] is Level.FAIL


@pytest.mark.parametrize(
    ("name", "host", "covered"),
    [
        ("a.example", "A.example", True),
        ("*.example.com", "live.example.com", True),
        ("*.example.com", "a.live.example.com", False),
        ("*.example.com", "example.com", False),
    ],
)
def test_a_wildcard_stands_for_one_label(name: str, host: str, covered: bool) -> None:
    assert doctor._covers(name, host) is covered


async def test_cloudflare_out_of_reach_fails(settings: Settings) -> None:
    away = but(
        settings,
        provider=ProviderName.CLOUDFLARE,
        cloudflare_account_id="a",
        cloudflare_base_url=f"http://127.0.0.1:{servers.free_port()}",
    )
    level, text = told(await doctor.check_provider(away))
    assert level is Level.FAIL
    assert "CONFERENCE_CLOUDFLARE_BASE_URL" in text


async def test_a_broken_check_is_a_finding_and_the_report_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_: Settings) -> list[Finding]:
        raise RuntimeError("hunter2")

    async def fine(_: Settings) -> list[Finding]:
        return [Finding(Level.OK, "second", "all well", "nothing\nat all")]

    monkeypatch.setattr(doctor, "CHECKS", {"first": broken, "second": fine})
    assert await doctor.examine(settings) == 1
    assert capsys.readouterr().out.splitlines() == [
        "fail  first        could not be checked: RuntimeError",
        "ok    second       all well",
        "                   → nothing",
        "                   → at all",
    ]
