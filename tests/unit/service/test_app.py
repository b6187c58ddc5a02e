"""The order in which the service starts and stops, with its real parts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from aiohttp import web

from providers.lock import LockHeld
from service import app
from service.settings import Settings, load
from service.wiring.api import ApiDependencies
from tests.servers import free_port

EVERY_PORT = ("http_port", "rtmp_port", "rtmps_port")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """From the environment, because a part of the start is a process of its own."""
    monkeypatch.setenv("CONFERENCE_DATA_DIR", str(tmp_path / "data"))
    for name in EVERY_PORT:
        monkeypatch.setenv(f"CONFERENCE_{name.upper()}", str(free_port()))
    return load()


def listens(port: int | None) -> bool:
    assert port is not None
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def raise_it(failure: BaseException) -> None:
    raise failure


async def test_encoders_are_accepted_before_http_listens(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    build_app, seen = app.build_app, []

    def building(dependencies: ApiDependencies) -> web.Application:
        seen.append([listens(port) for port in (settings.rtmp_port, settings.rtmps_port, settings.http_port)])
        return build_app(dependencies)

    monkeypatch.setattr(app, "build_app", building)
    async with app.running(settings, on_failure=raise_it):
        assert [listens(getattr(settings, name)) for name in EVERY_PORT] == [True] * 3
    assert seen == [[True, True, False]]
    assert [listens(getattr(settings, name)) for name in EVERY_PORT] == [False] * 3


async def test_an_http_port_in_use_is_noticed_before_encoders_are_accepted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("it was started")

    monkeypatch.setattr("providers.local.provider.LocalProvider.start", never)
    with socket.create_server(("127.0.0.1", settings.http_port)), pytest.raises(OSError, match="in use"):
        async with app.running(settings, on_failure=raise_it):
            pass


async def test_a_start_that_fails_late_leaves_nothing_locked_or_listening(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: ApiDependencies) -> web.Application:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(app, "build_app", failing)
        with pytest.raises(RuntimeError, match="a fault of ours"):
            async with app.running(settings, on_failure=raise_it):
                pass
    assert not listens(settings.rtmp_port)
    async with app.running(settings, on_failure=raise_it):
        with pytest.raises(LockHeld):
            async with app.running(settings, on_failure=raise_it):
                pass
