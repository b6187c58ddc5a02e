"""The two public endpoints over HTTP, through the fast path and without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, ClientSession, web
from prometheus_client import CollectorRegistry
from yarl import URL

from service.api.public_schemas import StreamStatus, StreamViewerCount
from service.api.public_stream import routes
from service.concurrency.tasks import Tasks
from service.domain.audience.new_visitors import NewVisitorLimits
from service.domain.audience.viewer_window import ViewerCount
from service.http.express.fast_path import FastPath
from service.http.middleware import RequestMetrics, envelope
from service.http.wire import WireReply
from tests.stage import PublicStage
from tests.waiting import until


class Site:
    """The stage behind HTTP. With a fast path, `fast` counts what it answered."""

    def __init__(self, stage: PublicStage, base: str, session: ClientSession) -> None:
        self.stage = stage
        self.fast: list[WireReply] = []
        self._base = base
        self._session = session

    async def ask(self, path: str | URL, method: str = "GET", **more: Any) -> ClientResponse:
        url = URL(self._base + str(path), encoded=isinstance(path, URL))
        async with self._session.request(method, url, **more) as response:
            await response.read()
        return response

    async def status(self, query: str = "", **more: Any) -> Any:
        return await (await self.ask(self.stage.path() + query, **more)).json()

    async def viewer_count(self) -> int:
        answer = await (await self.ask(self.stage.path("stream_viewer_count"))).json()
        return int(answer["viewer_count"])


@pytest.fixture(params=["express", "aiohttp"])
async def site(request: pytest.FixtureRequest, tasks: Tasks) -> AsyncIterator[Site]:
    stage = await PublicStage(tasks, new_visitors=NewVisitorLimits(burst=20, per_second=1)).open()
    app = web.Application(middlewares=[envelope(RequestMetrics(CollectorRegistry()))])
    app.add_routes(routes(stage.public, stage.board))
    runner = web.AppRunner(app)
    await runner.setup()
    fast: list[WireReply] = []
    answer = stage.public.answer if request.param == "express" else lambda *_: None
    assert runner.server is not None
    fast_path = FastPath(runner.server, answer, spawn=tasks.spawn, on_reply=fast.append)
    port = await fast_path.listen("127.0.0.1", 0)
    async with ClientSession() as session:
        site = Site(stage, f"http://127.0.0.1:{port}", session)
        site.fast = fast
        yield site
    await fast_path.aclose()
    await runner.cleanup()
    await stage.board.aclose()


async def warm(site: Site) -> None:
    """Put the channel on the board, so that the fast path may answer."""
    await site.stage.watch()


async def test_the_answers_have_exactly_the_declared_members(site: Site) -> None:
    counting = {"counted", "not_counted_because"}
    assert set(await site.status()) | {"degraded", "as_of", "viewer_count_as_of"} | counting == set(
        StreamStatus.model_fields
    )
    count = await (await site.ask(site.stage.path("stream_viewer_count"))).json()
    assert set(count) | {"as_of"} | counting == set(StreamViewerCount.model_fields)


@pytest.mark.parametrize(
    ("query", "headers", "visitor"),
    [
        ("?visitor_id=query", {"Authorization": "Bearer visitor-token", "X-Visitor-Id": "header"}, "token"),
        ("?visitor_id=query", {"X-Visitor-Id": "header"}, "query"),
        ("?visitor_id=query", {"Authorization": "Bearer somebody-else's"}, "query"),
        ("?format=json&visitor_id=a%20b%2B", {}, "a b+"),
        ("", {"X-Visitor-Id": "header", "X-Giosg-Visitor-Id": "old"}, "header"),
        ("", {"X-Giosg-Visitor-Id": "old"}, "old"),
        ("?visitor_id=", {"X-Visitor-Id": "header"}, "header"),
        ("?visitor_id=" + "x" * 128, {}, "x" * 128),
        ("?visitor%5Fid=ann", {}, "ann"),
        ("?visitor_id=ann&visitor_id=bob", {}, "bob"),
        ("", {}, None),
    ],
)
async def test_the_visitor_id_is_taken_from_token_query_and_header_in_this_order(
    site: Site, monkeypatch: pytest.MonkeyPatch, query: str, headers: dict[str, str], visitor: str | None
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(site.stage.viewers, "seen", lambda uid, visitor_id, now_ms: seen.append(visitor_id))
    site.stage.go_live()
    await warm(site)
    answer = await site.status(query, headers=headers)
    assert seen == ([] if visitor is None else [visitor])
    assert answer.get("counted") is (None if visitor is None else True)
    assert "not_counted_because" not in answer


FORGED = {"Authorization": "Bearer forged"}


@pytest.mark.parametrize(
    ("query", "headers", "reason"),
    [
        ("", FORGED, "invalid_token"),
        ("", {"Authorization": "bearer  "}, "invalid_token"),
        ("", {"Authorization": "Bearer"}, "invalid_token"),
        ("?visitor_id=", FORGED, "invalid_token"),
        ("?visitor_id=", {}, "empty_visitor_id"),
        ("?visitor_id", {}, "empty_visitor_id"),
        ("", {"X-Visitor-Id": ""}, "empty_visitor_id"),
    ],
)
async def test_an_invalid_identity_is_answered_with_the_reason_it_does_not_count(
    site: Site, query: str, headers: dict[str, str], reason: str
) -> None:
    site.stage.go_live()
    await warm(site)
    response = await site.ask(site.stage.path() + query, headers=headers)
    answer = await response.json()
    assert (response.status, answer["counted"], answer["not_counted_because"]) == (200, False, reason)
    assert response.headers["Cache-Control"] == "no-store"
    assert (await site.stage.viewers.count(site.stage.uid, site.stage.clock.unix_ms())).value == 0


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Token 0123"}, {"Authorization": "Basic YTpi"}])
async def test_a_poll_without_a_visitor_has_no_counting_members(site: Site, headers: dict[str, str]) -> None:
    site.stage.go_live()
    await warm(site)
    answer = await site.status(headers=headers)
    assert "counted" not in answer and "not_counted_because" not in answer


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        ("?visitor_id=" + "x" * 129, {}, "visitor_id"),
        ("?visitor_id=" + "%C3%A4" * 129, {}, "visitor_id"),
        ("?visitor_id=" + "x" * 129, {"Authorization": "Bearer visitor-token"}, "visitor_id"),
        ("", {"X-Visitor-Id": "x" * 129}, "X-Visitor-Id"),
        ("?visitor_id=ann", {"X-Giosg-Visitor-Id": "x" * 129}, "X-Giosg-Visitor-Id"),
    ],
)
@pytest.mark.parametrize("endpoint", ["stream_status", "stream_viewer_count"])
@pytest.mark.parametrize("cold", [True, False])
async def test_an_id_that_is_too_long_is_400(
    site: Site, query: str, headers: dict[str, str], field: str, endpoint: str, cold: bool
) -> None:
    if not cold:
        await warm(site)
    response = await site.ask(site.stage.path(endpoint) + query, headers=headers)
    assert response.status == 400
    assert await response.json() == {field: ["Ensure this field has no more than 128 characters."]}
    assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_visitor_counts_from_the_moment_there_is_something_to_watch(site: Site) -> None:
    watched = await site.stage.watch()
    waiting = await site.status("?visitor_id=ann")
    assert (waiting["counted"], waiting["not_counted_because"]) == (False, "not_watchable")
    site.stage.go_live()
    await until(lambda: watched.snapshot.status.is_watchable)
    assert (await site.status("?visitor_id=ann"))["counted"] is True
    await until(lambda: watched.snapshot.viewers.value == 1)
    site.stage.provider.end(site.stage.uid)
    await until(lambda: not watched.snapshot.status.is_watchable)
    over = await site.status("?visitor_id=ann")
    assert (over["counted"], over["not_counted_because"]) == (False, "not_watchable")


async def test_an_unchanged_answer_is_304_only_while_the_visitor_counts_as_before(site: Site) -> None:
    site.stage.go_live()
    await warm(site)
    etag = (await site.ask(site.stage.path(), headers=FORGED)).headers["ETag"]
    same = await site.ask(site.stage.path(), headers={**FORGED, "If-None-Match": etag})
    other = await site.ask(site.stage.path() + "?visitor_id=ann", headers={"If-None-Match": etag})
    assert (same.status, other.status) == (304, 200)


async def test_head_has_the_headers_of_get_and_counts_no_viewer(site: Site) -> None:
    site.stage.go_live()
    await warm(site)
    head = await site.ask(site.stage.path() + "?visitor_id=ann", "HEAD")
    assert (await site.stage.viewers.count(site.stage.uid, site.stage.clock.unix_ms())).value == 0
    assert head.headers["ETag"] == (await site.ask(site.stage.path() + "?visitor_id=ann")).headers["ETag"]


async def test_the_viewer_count_endpoint_says_that_it_counts_no_viewer(site: Site) -> None:
    site.stage.go_live()
    await warm(site)
    path = site.stage.path("stream_viewer_count")
    assert await (await site.ask(path)).json() == {"viewer_count": 0}
    answer = await (await site.ask(path + "?visitor_id=ann")).json()
    assert answer == {"viewer_count": 0, "counted": False, "not_counted_because": "not_counted_here"}


async def test_asking_for_the_count_does_not_make_a_viewer(site: Site) -> None:
    site.stage.go_live()
    await warm(site)
    await site.ask(site.stage.path("stream_viewer_count") + "?visitor_id=ann")
    assert (await site.stage.viewers.count(site.stage.uid, site.stage.clock.unix_ms())).value == 0


async def test_an_unknown_channel_is_404_in_the_contracts_shape(site: Site) -> None:
    response = await site.ask(site.stage.path(channel=uuid4()))
    assert (response.status, await response.json()) == (404, {"detail": "Not found."})
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("endpoint", ["stream_status", "stream_viewer_count"])
async def test_a_trailing_slash_and_upper_case_ids_are_answered(site: Site, endpoint: str) -> None:
    await warm(site)
    path = site.stage.path(endpoint) + "/"
    upper = path.replace(str(site.stage.channel), str(site.stage.channel).upper())
    assert [(await site.ask(each, allow_redirects=False)).status for each in (path, upper)] == [200, 200]


ESCAPED = "%{:02x}".format


@pytest.mark.parametrize("endpoint", ["stream_status", "stream_viewer_count"])
@pytest.mark.parametrize("cold", [True, False])
async def test_percent_encoded_ids_are_the_ids_they_encode(site: Site, endpoint: str, cold: bool) -> None:
    if not cold:
        await warm(site)
    organization, channel = str(site.stage.organization), str(site.stage.channel)
    path = site.stage.path(endpoint)
    encoded = path.replace(organization, ESCAPED(ord(organization[0])) + organization[1:])
    encoded = encoded.replace(channel, channel[:-1] + ESCAPED(ord(channel[-1])).upper())
    response = await site.ask(URL(encoded, encoded=True))
    assert (response.status, await response.json()) == (200, await (await site.ask(path)).json())


async def test_a_heartbeat_to_a_percent_encoded_id_counts(site: Site) -> None:
    site.stage.go_live()
    watched = await site.stage.watch()
    channel = str(site.stage.channel)
    encoded = site.stage.path().replace(channel, ESCAPED(ord(channel[0])) + channel[1:])
    await site.ask(URL(f"{encoded}?visitor_id=ann", encoded=True))
    await until(lambda: watched.snapshot.viewers.value == 1)
    assert await site.viewer_count() == 1


@pytest.mark.parametrize("endpoint", ["stream_status", "stream_viewer_count"])
@pytest.mark.parametrize("written", ["{0.hex}", "%7B{0}%7D", "{0}%2F", "urn:uuid:{0}", "%FF"])
async def test_ids_written_in_another_way_name_nothing(site: Site, endpoint: str, written: str) -> None:
    await warm(site)
    channel = site.stage.channel
    path = site.stage.path(endpoint).replace(str(channel), written.format(channel))
    response = await site.ask(URL(path, encoded=True))
    assert (response.status, await response.json()) == (404, {"detail": "Not found."})


async def test_a_browser_on_any_site_may_ask(site: Site) -> None:
    await warm(site)
    asked = {"Origin": "https://example.com", "Access-Control-Request-Headers": "x-visitor-id"}
    preflight = await site.ask(site.stage.path(), "OPTIONS", headers=asked)
    assert preflight.status == 204
    assert "x-visitor-id" in preflight.headers["Access-Control-Allow-Headers"]
    assert (await site.ask(site.stage.path())).headers.getall("Access-Control-Allow-Origin") == ["*"]


async def test_head_answers_the_headers_alone(site: Site) -> None:
    response = await site.ask(site.stage.path(), "HEAD")
    assert response.status == 200
    assert int(response.headers["Content-Length"]) > 0
    assert "is_connected" in await site.status()  # the connection is not out of step


async def test_other_methods_are_refused(site: Site) -> None:
    response = await site.ask(site.stage.path(), "POST", data=b"x")
    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


async def test_a_poll_without_a_visitor_may_be_answered_by_a_cache_for_a_second(site: Site) -> None:
    await warm(site)
    headers = (await site.ask(site.stage.path())).headers
    assert headers["Cache-Control"] == "public, max-age=1"
    assert "X-Visitor-Id" in headers["Vary"]


@pytest.mark.parametrize("more", [{"params": {"visitor_id": "ann"}}, {"headers": {"X-Visitor-Id": "ann"}}])
async def test_a_heartbeat_is_never_answered_by_a_cache(site: Site, more: dict[str, Any]) -> None:
    await warm(site)
    assert (await site.ask(site.stage.path(), **more)).headers["Cache-Control"] == "no-store"


async def test_an_unchanged_answer_is_304(site: Site) -> None:
    await warm(site)
    etag = (await site.ask(site.stage.path())).headers["ETag"]
    response = await site.ask(site.stage.path(), headers={"If-None-Match": f'"other", W/{etag}'})
    assert response.status == 304
    assert "is_connected" in await site.status()  # the connection is not out of step


async def test_a_changed_answer_is_not_304(site: Site) -> None:
    await warm(site)
    etag = (await site.ask(site.stage.path())).headers["ETag"]
    site.stage.go_live()
    watched = await site.stage.watch()
    await until(lambda: watched.snapshot.status.is_watchable)
    assert (await site.ask(site.stage.path(), headers={"If-None-Match": etag})).status == 200


async def test_made_up_visitors_of_one_address_are_refused_and_known_ones_are_not(site: Site) -> None:
    site.stage.go_live()
    await warm(site)
    statuses = [(await site.ask(site.stage.path(), params={"visitor_id": str(n)})).status for n in range(22)]
    assert statuses == [200] * 20 + [429] * 2
    refused = await site.ask(site.stage.path(), params={"visitor_id": "21"})
    assert refused.headers["Retry-After"] == "1"
    assert await refused.json() == {"detail": "Request was throttled. Expected available in 1 seconds."}
    assert (await site.ask(site.stage.path(), params={"visitor_id": "3"})).status == 200


async def test_made_up_visitors_are_not_throttled_while_the_stream_is_not_watchable(site: Site) -> None:
    await warm(site)
    statuses = {(await site.ask(site.stage.path(), params={"visitor_id": str(n)})).status for n in range(30)}
    assert statuses == {200}


async def test_the_status_is_degraded_while_the_provider_is_unavailable(site: Site) -> None:
    site.stage.go_live()
    watched = await site.stage.watch()
    site.stage.provider.fail()
    site.stage.board.changed(site.stage.organization, site.stage.channel)
    await until(lambda: watched.snapshot.status.degraded)
    answer = await site.status()
    assert (answer["is_watchable"], answer["degraded"]) == (True, True)
    assert StreamStatus.model_validate(answer).as_of == site.stage.clock.now()
    assert watched.snapshot.summary().as_of == site.stage.clock.now()


async def test_a_count_that_stands_still_says_since_when(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def last_good(uid: str, now_ms: int, since_ms: int = 0) -> ViewerCount:
        return ViewerCount(7, site.stage.clock.unix_ms() - 5_000, degraded=True)

    monkeypatch.setattr(site.stage.viewers, "count", last_good)
    site.stage.go_live()
    await warm(site)
    since = site.stage.clock.now() - timedelta(seconds=5)
    status = StreamStatus.model_validate(await site.status())
    count = StreamViewerCount.model_validate(await (await site.ask(site.stage.path("stream_viewer_count"))).json())
    assert (status.viewer_count, status.degraded, status.viewer_count_as_of) == (7, True, since)
    assert (count.viewer_count, count.as_of) == (7, since)


async def test_nothing_known_is_503(site: Site) -> None:
    site.stage.channels.away = True
    response = await site.ask(site.stage.path())
    assert response.status == 503
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("site", ["express"], indirect=True)
async def test_polls_of_a_watched_channel_use_the_fast_path(site: Site) -> None:
    site.stage.go_live()
    await warm(site)
    for visitor in range(10):
        await site.status(f"?visitor_id={visitor}")
    assert [reply.status for reply in site.fast] == [200] * 10
