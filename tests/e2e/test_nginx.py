"""The nginx of service/README.md in front of the service: what it passes on, what it hides, and what its own errors look like."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import ClientSession

from tests.e2e.nginx import Nginx
from tests.e2e.server import ROOT, Server
from tests.servers import free_port
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    service = Server(tmp_path_factory.mktemp("service"), trusted_proxies="127.0.0.1")
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def nginx(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    front = Nginx(tmp_path_factory.mktemp("nginx"), server.port)
    try:
        front.wait()
        yield front
    finally:
        front.stop()


@pytest.fixture(scope="module")
def poll() -> str:
    return f"/api/pub/public/v1/orgs/{uuid4()}/channels/{uuid4()}/conference/stream_status"


def create_token(server: Server, organization: str) -> str:
    create = [sys.executable, "-m", "service", "token", "create", "--org", organization, "--user", str(uuid4())]
    return subprocess.check_output(create, cwd=ROOT, env=server.environment, text=True).strip()


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "/readyz", "/readyz/", "/%6detrics", "//metrics", "/a/../readyz"]
)
def test_what_is_for_the_operator_is_hidden(nginx: Nginx, path: str) -> None:
    answer = nginx.ask("GET", path)
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})
    assert answer.headers.get_all("Access-Control-Allow-Origin") == ["*"]


def test_links_carry_the_host_and_the_port_that_the_client_used(nginx: Nginx, server: Server) -> None:
    organization = str(uuid4())
    channels = f"/api/pub/v1/orgs/{organization}/channels"
    authorization = f"Token {create_token(server, organization)}"
    for name in "ab":
        body = json.dumps({"name": name}).encode()
        made = nginx.ask("POST", channels, body, Authorization=authorization, Content_Type="application/json")
        assert made.status == 201
    page = nginx.ask("GET", f"{channels}?page_size=1", Authorization=authorization)
    assert page.json["next"].startswith(f"http://127.0.0.1:{nginx.port}/api/")


async def test_a_websocket_is_passed_on(nginx: Nginx, server: Server) -> None:
    async with ClientSession(f"http://127.0.0.1:{nginx.port}") as session:
        organization = str(uuid4())
        token = create_token(server, organization)
        headers = {"Authorization": f"Token {token}"}
        async with session.get("/api/v5/messagerouter", headers=headers) as response:
            router = await response.json()
        assert router["url"].startswith(f"ws://127.0.0.1:{nginx.port}/")
        channels = f"/api/pub/v1/orgs/{organization}/channels"
        async with session.ws_connect(router["url"]) as socket:
            await socket.send_json({"action": "subscribe", "channel": channels, "token": router["permission_token"]})
            assert (await socket.receive_json(timeout=PATIENCE))["action"] == "subscribed"


def test_the_api_channel_is_passed_on_with_its_tokens_and_its_files(nginx: Nginx, server: Server) -> None:
    token = create_token(server, str(uuid4()))
    profile = nginx.ask("GET", "/api/v1/profile", api_access_token=token)
    assert (profile.status, profile.json["role"]) == (200, "agent")
    unknown = nginx.ask("POST", "/public/api/v1/inboxes/unknown/contacts", b"{}", Content_Type="application/json")
    assert (unknown.status, unknown.json) == (404, {"error": "Resource could not be found"})
    file = b'--x\r\nContent-Disposition: form-data; name="attachments[]"; filename="a.bin"\r\n\r\n%b\r\n--x--\r\n'
    where = f"/api/v1/accounts/{profile.json['account_id']}/conversations/1/messages"
    sent = nginx.ask(
        "POST", where, file % bytes(3_000_000), api_access_token=token, Content_Type="multipart/form-data; boundary=x"
    )
    assert (sent.status, sent.json) == (404, {"error": "Resource could not be found"})


def test_answers_of_the_service_have_one_cors_header_cached_or_not(nginx: Nginx, poll: str) -> None:
    for path in ("/healthz", "/nowhere", "/player.js", poll, poll, poll):
        headers = nginx.ask("GET", path).headers
        assert headers.get_all("Access-Control-Allow-Origin") == ["*"], path
        assert headers.get_all("X-Content-Type-Options") == ["nosniff"], path


def test_no_version_is_disclosed(nginx: Nginx, poll: str) -> None:
    for path in ("/healthz", "/metrics", poll):
        assert nginx.ask("GET", path).headers["Server"] == "nginx"


def test_a_coded_body_is_refused_through_it_too(nginx: Nginx, poll: str) -> None:
    bomb = zlib.compress(bytes(1_000_000))
    for method, path in (("POST", "/nowhere"), ("POST", poll), ("PUT", "/healthz")):
        assert nginx.ask(method, path, bomb, Content_Encoding="deflate").status == 415


def test_a_body_that_is_too_large_is_refused_in_our_shape(nginx: Nginx) -> None:
    answer = nginx.ask("POST", "/nowhere", bytes(2_000_000))
    assert (answer.status, answer.json) == (413, {"detail": "The request body is too large."})
    assert answer.headers.get_all("Access-Control-Allow-Origin") == ["*"]


def test_while_the_service_is_down_its_errors_are_json_with_cors(tmp_path: Path, poll: str) -> None:
    front = Nginx(tmp_path, free_port())
    try:
        front.wait()
        for path in ("/healthz", poll, "/0123456789abcdef0123456789abcdef/manifest/video.m3u8"):
            answer = front.ask("GET", path)
            assert (answer.status, list(answer.json)) == (503, ["detail"])
            assert answer.headers.get_all("Access-Control-Allow-Origin") == ["*"]
            assert int(answer.headers["Retry-After"]) > 0
    finally:
        front.stop()
