"""The documentation and files for running the service, against the service: settings, the image, its health check."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import web

from service.__main__ import command_line
from service.settings import Settings
from tests.servers import free_port
from tests.serving import serving

ROOT = Path(__file__).parent.parent
VARIABLE = re.compile(r"\bCONFERENCE_[A-Z][A-Z_]*[A-Z]\b")
VARIABLES = {f"CONFERENCE_{name.upper()}" for name in Settings.model_fields}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def table_row(row: str) -> set[str]:
    """Return the variables of a row of the table in service/README.md. `_NAME` replaces the end of the variable beside it."""
    cell = row.split("|")[1]
    first = VARIABLE.findall(cell)[0]
    stems = {first[: at.start()] for at in re.finditer("_", first)}
    ends = re.findall(r"`(_[A-Z_]+)`", cell)
    return {first} | {stem + end for stem in stems for end in ends if stem + end in VARIABLES}


@pytest.mark.parametrize("file", ["README.md", "service/README.md", "Dockerfile", "compose.yaml"])
def test_every_variable_that_is_named_is_a_setting(file: str) -> None:
    assert set(VARIABLE.findall(text_of(file))) <= VARIABLES


def test_every_setting_is_in_the_table_of_the_service_s_readme() -> None:
    rows = [line for line in text_of("service/README.md").splitlines() if line.startswith("| `CONFERENCE_")]
    assert set().union(*map(table_row, rows)) == VARIABLES


def test_the_defaults_of_compose_are_valid_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set comes as an empty one, or as the default after `:-`."""
    given = re.findall(r"^ +(CONFERENCE_\w+): (.*)$", text_of("compose.yaml"), re.MULTILINE)
    assert given
    for name, value in given:
        value = re.sub(r"\$\{\w+:\?[^}]*\}", "secret", value)
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value))
    settings = Settings()
    assert settings.redis_url == "redis://redis:6379/0"
    assert settings.cloudflare_account_id is None


INSIDE_THE_CONTAINER = {
    f"CONFERENCE_{name}" for name in ("HTTP_HOST", "HTTP_PORT", "RTMP_HOST", "RTMPS_PORT", "DATA_DIR")
}
"""Settings that compose.yaml leaves alone: it publishes ports and mounts volumes."""


def test_compose_passes_every_other_setting() -> None:
    given = set(re.findall(r"^ +(CONFERENCE_\w+):", text_of("compose.yaml"), re.MULTILINE))
    assert given == VARIABLES - INSIDE_THE_CONTAINER


def test_compose_says_how_to_get_the_first_token() -> None:
    """The command is also in the service's README. Its arguments are those of the command line."""
    for file in ("compose.yaml", "service/README.md"):
        found = re.search(
            r"docker compose exec service python -m service (token create .*)$", text_of(file), re.MULTILINE
        )
        assert found is not None, file
        arguments = shlex.split(found[1].replace('"$ORG"', str(uuid4())).replace('"$USER_ID"', str(uuid4())))
        assert callable(command_line().parse_args(arguments).run)


def test_what_the_image_copies_is_there_and_let_in() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text_of("Dockerfile"), re.MULTILINE)
    let_in = {line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")}
    assert copied
    assert set(copied) <= let_in
    assert all((ROOT / name).exists() for name in copied)


def health_check(port: int) -> int:
    """Return the exit code of the image's health check for a service on this port."""
    found = re.search(r"HEALTHCHECK.*?CMD (\[.*?\])$", text_of("Dockerfile"), re.DOTALL | re.MULTILINE)
    assert found is not None
    _, *arguments = json.loads(found[1])
    environment = {"CONFERENCE_HTTP_PORT": str(port)}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, timeout=30).returncode


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
async def test_the_image_s_health_check_believes_the_service(status: int, healthy: bool) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/healthz", answer)
    async with serving(app) as origin:
        code = await asyncio.to_thread(health_check, int(origin.rpartition(":")[2]))
    assert (code == 0) is healthy


def test_the_image_s_health_check_fails_without_a_server() -> None:
    assert health_check(free_port()) != 0
