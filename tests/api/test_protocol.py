"""What holds for every endpoint: ids, errors, CORS, slashes, limits, links."""

from __future__ import annotations

import asyncio
import gzip
import re
from ipaddress import ip_network
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from yarl import URL

from providers.memory import MemoryProvider
from service.api.health import Readiness
from service.concurrency.tasks import Tasks
from service.events.bus import MemoryBus
from service.http.binding import BodyLimits
from service.http.middleware import RequestMetrics, envelope
from service.http.origin import Origin
from service.store import Store
from service.viewers.memory import MemoryViewers
from service.wiring.api import build_app
from service.wiring.domain import assembled
from service.wiring.ports import Ports
from tests.api.conftest import MEETING_SIGNER, Api


async def test_a_request_id_is_kept_or_created(api: Api) -> None:
    async with api.client.get("/healthz", headers={"X-Request-Id": "abc-1.2_3"}) as response:
        assert response.headers["X-Request-Id"] == "abc-1.2_3"
    for bad in ("", "a b", "x" * 129):
        async with api.client.get("/nowhere", headers={"X-Request-Id": bad}) as response:
            assert UUID(response.headers["X-Request-Id"])


async def test_an_unknown_route_is_a_404_in_json(api: Api) -> None:
    assert await api.get("/api/pub/v1/nowhere") == (404, {"detail": "Not found."})


async def test_a_wrong_method_is_a_405_that_names_the_right_ones(api: Api) -> None:
    async with api.client.put(f"{api.base}/channels", headers=api.auth) as response:
        assert response.status == 405
        assert await response.json() == {"detail": 'Method "PUT" not allowed.'}
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


async def test_a_trailing_slash_is_answered_and_never_redirected(api: Api) -> None:
    async with api.client.post(
        f"{api.base}/channels/", headers=api.auth, json={"name": "A"}, allow_redirects=False
    ) as response:
        assert response.status == 201
    assert (await api.get("/api/v5/users/me/"))[0] == 200


async def test_a_route_that_answers_preflights_itself_is_let_to() -> None:
    async def preflight(request: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Access-Control-Allow-Headers": "range"})

    app = web.Application(middlewares=[envelope(RequestMetrics(CollectorRegistry()))])
    app.router.add_options("/media", preflight)
    async with TestClient(TestServer(app)) as client:
        assert (await client.options("/media")).headers["Access-Control-Allow-Headers"] == "range"
        assert "authorization" in (await client.options("/other")).headers["Access-Control-Allow-Headers"]


async def test_head_answers_like_get_without_a_body(api: Api) -> None:
    async with api.client.head(f"{api.base}/channels", headers=api.auth) as response:
        assert (response.status, await response.read()) == (200, b"")
        assert int(response.headers["Content-Length"]) > 0


async def test_errors_carry_cors_headers_too(api: Api) -> None:
    async with api.client.get("/api/v5/users/me") as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (401, "*")


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"", "text/plain", 400),
        (b'{"name": "A"}', "application/json; charset=utf-8", 201),
        (b'{"name": "A"}', "application/vnd.api+json", 201),
        (b'{"name": "A"}', "text/plain", 415),
        (b"name=A", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 201),
        (b'{"name": "\xed\xa0\xbd"}', "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b"[" * 30_000, "application/json", 400),
        (b'{"name": "' + b"x" * BodyLimits().max_size + b'"}', "application/json", 413),
    ],
)
async def test_a_body_is_read_as_json_or_refused(api: Api, raw: bytes, content_type: str, status: int) -> None:
    headers = {**api.auth, "Content-Type": content_type}
    async with api.client.post(f"{api.base}/channels", headers=headers, data=raw) as response:
        assert response.status == status
        if status != 201:
            assert isinstance(await response.json(), dict)


async def test_bad_json_says_so(api: Api) -> None:
    headers = {**api.auth, "Content-Type": "application/json"}
    async with api.client.post(f"{api.base}/channels", headers=headers, data=b"{") as response:
        assert (await response.json())["detail"].startswith("JSON parse error - ")


async def test_an_unsupported_type_is_named(api: Api) -> None:
    headers = {**api.auth, "Content-Type": "text/plain"}
    async with api.client.post(f"{api.base}/channels", headers=headers, data=b"a") as response:
        assert await response.json() == {"detail": 'Unsupported media type "text/plain" in request.'}


async def test_links_use_the_host_the_client_used(api: Api) -> None:
    for name in "ab":
        await api.channel(name)
    path = f"{api.base}/channels?page_size=1"
    async with api.client.get(path, headers={**api.auth, "Host": "api.example.com:8443"}) as response:
        assert (await response.json())["next"].startswith("http://api.example.com:8443/api/pub/v1/")
    async with api.client.get(path, headers={**api.auth, "Host": "a/b?c"}) as response:
        assert (await response.json())["next"].startswith("http://localhost/api/pub/v1/")
    async with api.client.get(path, headers={**api.auth, "X-Forwarded-Host": "evil.example"}) as response:
        assert "evil" not in (await response.json())["next"]


PROXIES = (ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("origin", "headers", "expected"),
    [
        (Origin("https://live.example.com/"), {"Host": "10.0.0.1"}, "https://live.example.com"),
        (Origin("https://live.example.com/base"), {"Host": "10.0.0.1"}, "https://live.example.com/base"),
        (Origin(None, PROXIES), {"Host": "a", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "b"}, "https://b"),
        (Origin(None, PROXIES), {"Host": "a", "X-Forwarded-Proto": "https"}, "https://a"),
        (Origin(None, PROXIES), {"Host": "a", "X-Forwarded-Host": "b, c"}, "http://b"),
        (Origin("https://p", PROXIES), {"Host": "a"}, "https://p"),
        (
            Origin("https://p", PROXIES),
            {"Host": "a", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "b:1"},
            "https://p",
        ),
        (
            Origin(None, PROXIES),
            {"Host": "a", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "b:8443"},
            "https://b:8443",
        ),
        (Origin("https://p", PROXIES), {"Host": "a", "X-Forwarded-Host": "<b>"}, "https://p"),
        (Origin(None, PROXIES), {"Host": "a", "X-Forwarded-Proto": "gopher"}, "http://a"),
        (Origin(None), {"Host": "[::1]:80"}, "http://[::1]:80"),
        (Origin(None), {}, "http://localhost"),
    ],
)
def test_the_origin_follows_proxies_only_when_they_are_trusted(
    origin: Origin, headers: dict[str, str], expected: str
) -> None:
    assert origin.of(make_mocked_request("GET", "/", headers=headers).clone(remote="10.0.0.9")) == expected


@pytest.mark.parametrize("origin", [Origin("https://p", PROXIES), Origin("https://p", ())])
def test_only_a_trusted_proxy_changes_the_origin(origin: Origin) -> None:
    headers = {"Host": "a", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    assert origin.of(make_mocked_request("GET", "/", headers=headers).clone(remote="192.0.2.1")) == "https://p"


async def test_an_unforeseen_error_is_a_500_without_details(aiohttp_client) -> None:  # type: ignore[no-untyped-def]
    async def broken(_request: web.Request) -> web.Response:
        raise ZeroDivisionError("the secret reason")

    app = web.Application(middlewares=[envelope(RequestMetrics(CollectorRegistry()))])
    app.router.add_get("/", broken)
    client = await aiohttp_client(app)
    async with client.get("/") as response:
        assert (response.status, await response.json()) == (500, {"detail": "Internal server error."})


@pytest.mark.parametrize(
    "path",
    [
        "/api/pub/v1/orgs/{0}/channels/{1}",
        "/api/pub/v1/orgs/{0}/channels/{1}/messages",
        "/api/pub/v1/orgs/{0}/channels/{1}/conference/recorded_streams",
        "/api/pub/public/v1/orgs/{0}/channels/{1}/conference/stream_status",
        "/api/pub/public/v1/orgs/{0}/channels/{1}/conference/stream_viewer_count",
        "/api/pub/public/v1/orgs/{0}/channels/{1}/conference/stream_player",
        "/watch/{0}/{1}",
    ],
)
async def test_an_id_has_dashes_and_is_in_either_case_everywhere(api: Api, path: str) -> None:
    channel = UUID(await api.channel())
    await api.post(f"{api.conference(str(channel))}/create_stream")

    async def status(of: str) -> int:
        async with api.client.get(path.format(api.organization, of), headers=api.auth) as response:
            return response.status

    assert await status(str(channel).upper()) == 200
    assert await status(channel.hex) == 404


async def test_a_client_that_sends_too_many_requests_gets_a_429(
    store: Store, provider: MemoryProvider, viewers: MemoryViewers, tasks: Tasks
) -> None:
    ports = Ports(store, viewers, provider, MEETING_SIGNER, tasks.spawn, MemoryBus(), requests_per_minute=2)
    async with assembled(ports) as conference, TestClient(TestServer(build_app(conference.api))) as client:
        issued = await conference.accounts.create_token(uuid4(), uuid4())
        headers = {"Authorization": f"Token {issued.secret}"}
        answers = [await client.get("/api/v5/users/me", headers=headers) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 30
        assert list(await answers[-1].json()) == ["detail"]


async def test_health_readiness_and_draining(api: Api) -> None:
    assert await api.get("/healthz") == (200, {"status": "ok"})
    checks = {"store": "ok", "viewers": "ok", "provider": "ok"}
    assert await api.get("/readyz") == (200, {"status": "ready", "checks": checks})
    api.provider.fail()
    status, body = await api.get("/readyz")
    assert (status, body["status"], body["checks"]["provider"]) == (503, "unready", "unavailable")
    api.provider.recover()
    api.readiness.draining = True
    assert (await api.get("/readyz"))[1]["status"] == "draining"


async def test_a_check_that_hangs_is_not_waited_for() -> None:
    async def hanging() -> None:
        await asyncio.Event().wait()

    answer = await Readiness({"redis": hanging}, check_timeout=0.01).ask()
    assert (answer.status, answer.checks) == ("unready", {"redis": "no answer"})


async def test_metrics_name_routes_not_paths(api: Api) -> None:
    await api.get(f"{api.base}/channels/")
    await api.get("/nowhere/at/all")
    async with api.client.get("/metrics") as response:
        text = await response.text()
    assert 'route="/api/pub/v1/orgs/{organization_id}/channels",status="200"' in text
    assert 'route="unmatched",status="404"' in text
    assert str(api.organization) not in text


async def test_the_docs_need_nothing_from_elsewhere(api: Api) -> None:
    for path in ("/docs", "/docs/"):
        async with api.client.get(path) as response:
            assert response.status == 200
            assert "//" not in await response.text()
            script = response.url.join(URL(re.findall('src="([^"]+)"', await response.text())[0]))
            assert script.path == "/docs/rapidoc-min.js"
    async with api.client.get("/docs/rapidoc-min.js") as response:
        assert (response.status, response.content_type) == (200, "text/javascript")


async def test_a_coded_body_is_a_415(api: Api) -> None:
    headers = {**api.auth, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    for path in (f"{api.base}/channels", "/nowhere"):
        async with api.client.post(path, headers=headers, data=gzip.compress(b'{"name": "A"}')) as response:
            assert (response.status, response.headers["Accept-Encoding"]) == (415, "identity")
            assert list(await response.json()) == ["detail"]


async def test_every_answer_forbids_sniffing_and_names_no_version(api: Api) -> None:
    channel = await api.channel()
    paths = [
        "/healthz",
        "/nowhere",
        "/docs",
        "/openapi.json",
        "/studio",
        "/player.js",
        "/metrics",
        f"{api.base}/channels",
    ]
    polls = [f"{api.public(channel)}/{name}" for name in ("stream_status", "stream_viewer_count", "stream_events")]
    for path in [*paths, *polls, f"/watch/{api.organization}/{channel}"]:
        async with api.client.get(path, headers=api.auth) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff", path
            assert response.headers["Server"] == "conference", path


async def test_long_json_is_compressed_for_clients_that_accept_it(api: Api) -> None:
    path = f"{api.base}/channels"
    await api.post(path, {"name": "A", "description": "n" * 1500})
    bodies = {}
    for accepted in ("gzip", "br, gzip;q=0.5", "*", "identity", "gzip;q=0", "gzip;q=0, *", "br"):
        headers = {**api.auth, "Accept-Encoding": accepted}
        async with api.client.get(path, headers=headers, auto_decompress=False) as response:
            assert response.headers["Vary"] == "Accept-Encoding"
            coding = response.headers.get("Content-Encoding")
            bodies[accepted] = gzip.decompress(await response.read()) if coding == "gzip" else await response.read()
            assert (coding == "gzip") is (accepted in ("gzip", "br, gzip;q=0.5", "*"))
    assert len(set(bodies.values())) == 1


async def test_short_json_and_polls_are_not_compressed(api: Api) -> None:
    channel = await api.channel()
    for path in ("/healthz", f"{api.base}/channels/{channel}", f"{api.public(channel)}/stream_status"):
        async with api.client.get(path, headers={**api.auth, "Accept-Encoding": "gzip"}) as response:
            assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/rapidoc-min.js", "/player.js"])
async def test_a_document_that_a_client_has_is_a_304(api: Api, path: str) -> None:
    async with api.client.get(path) as response:
        etag = response.headers["ETag"]
    assert etag.startswith('W/"')  # the compressed and the plain form have the same
    plain = etag.removeprefix("W/")
    for known, status in (
        (etag, 304),
        (plain, 304),
        (f'"other", {etag}', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
    ):
        for coding in ("gzip", "identity"):
            headers = {"If-None-Match": known, "Accept-Encoding": coding}
            async with api.client.get(path, headers=headers) as response:
                assert (response.status, response.headers["ETag"]) == (status, etag)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b'{"name": "\\ud83d"}', "\ufffd"),
        (b'{"name": "a\\uDE00b"}', "a\ufffdb"),
        (b'{"name": "\\ud83d\\ud83d\\ude00"}', "\ufffd\U0001f600"),
        (b'{"name": "\\ud83d\\ude00"}', "\U0001f600"),
        (b'{"name": "\\\\ud83d"}', "\\ud83d"),
        (b'{"name": "\\ud83d\\\\ude00"}', "\ufffd\\ude00"),
        (b'\xef\xbb\xbf{"name": "A"}', "A"),
    ],
)
async def test_half_an_emoji_and_a_byte_order_mark_are_json(api: Api, raw: bytes, name: str) -> None:
    headers = {**api.auth, "Content-Type": "application/json"}
    async with api.client.post(f"{api.base}/channels", headers=headers, data=raw) as response:
        assert (response.status, (await response.json())["name"]) == (201, name)


@pytest.mark.parametrize("body_limits", [BodyLimits(timeout=0.05)], ids=["a short timeout"])
async def test_a_body_that_does_not_arrive_is_a_408(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
    writer.write(
        f"POST {api.base}/channels HTTP/1.1\r\nHost: a\r\nAuthorization: Token {api.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{".encode()
    )
    assert (await reader.readline()).split()[1] == b"408"
    writer.close()


async def test_a_client_that_disconnects_during_its_body_is_not_logged_as_a_failure(api: Api) -> None:
    with capture_logs() as logs:
        _, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
        writer.write(
            f"POST {api.base}/channels HTTP/1.1\r\nHost: a\r\nAuthorization: Token {api.token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{".encode()
        )
        await writer.drain()
        await api.get("/api/v5/users/me")
        writer.close()
        await writer.wait_closed()
        await api.get("/api/v5/users/me")
    assert [each for each in logs if each["event"] == "request failed"] == []


@pytest.mark.parametrize("path", ["/openapi.json/", "/metrics/", "/healthz/", "/readyz/"])
async def test_the_operators_paths_are_answered_with_a_slash_too(api: Api, path: str) -> None:
    async with api.client.get(path, allow_redirects=False) as response:
        assert response.status == 200
