"""stream_events over HTTP: pushed, resumable, counted, bounded, and ended in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, ClientSession, web
from prometheus_client import CollectorRegistry

from providers.base import InputRequest
from service.api.public_schemas import StreamStatus
from service.api.public_stream import routes
from service.api.status_flips import StatusFlips
from service.api.stream_events import EventLimits, StreamEvents
from service.concurrency.tasks import Tasks
from service.domain.audience.new_visitors import NewVisitorLimits
from service.events.tails import Tails
from service.http.express.fast_path import FastPath
from service.http.middleware import RequestMetrics, envelope
from tests.event_log import MemoryLog
from tests.stage import PublicStage
from tests.waiting import PATIENCE, until


class Events:
    """One open event stream, read event by event."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.last_id = ""

    async def block(self) -> dict[str, str]:
        """Return the next block of lines by field name; a comment has the name ""."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            while (line := (await self.response.content.readline()).decode()) != "\n":
                if not line:
                    raise EOFError
                name, _, value = line.rstrip("\n").partition(":")
                fields[name] = value.strip()
        return fields

    async def next(self) -> dict[str, Any]:
        """Return the next status."""
        while "data" not in (block := await self.block()):
            pass
        assert block["event"] == "status"
        self.last_id = block["id"]
        return json.loads(block["data"])  # type: ignore[no-any-return]


class Site:
    """The stage behind HTTP, with the fast path in front as in the service."""

    def __init__(
        self, stage: PublicStage, events: StreamEvents, base: str, session: ClientSession, log: MemoryLog, tails: Tails
    ) -> None:
        self.log = log
        self.tails = tails
        self.stage = stage
        self.events = events
        self.base = base
        self.session = session

    @asynccontextmanager
    async def follow(self, query: str = "", **headers: str) -> AsyncIterator[Events]:
        url = self.base + self.stage.path("stream_events") + query
        async with self.session.get(url, headers=headers) as response:
            assert response.status == 200, await response.text()
            yield Events(response)

    async def refusal(self, path: str) -> tuple[int, str | None]:
        async with self.session.get(self.base + path) as response:
            assert "detail" in await response.json()
            return response.status, response.headers.get("Retry-After")


@asynccontextmanager
async def serving(
    tasks: Tasks, limits: EventLimits, new_visitors: NewVisitorLimits | None = None
) -> AsyncIterator[Site]:
    stage = await PublicStage(tasks, new_visitors=new_visitors).open()
    log = MemoryLog()
    tails = Tails(log, tasks.spawn)
    events = StreamEvents(stage.board, stage.public, StatusFlips(tails, stage.board, tasks.spawn), limits)
    app = web.Application(middlewares=[envelope(RequestMetrics(CollectorRegistry()))])
    app.add_routes([*routes(stage.public, stage.board), *events.routes()])
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    fast_path = FastPath(runner.server, stage.public.answer, spawn=tasks.spawn)
    port = await fast_path.listen("127.0.0.1", 0)
    async with ClientSession() as session:
        yield Site(stage, events, f"http://127.0.0.1:{port}", session, log, tails)
        await events.aclose()
        await tails.aclose()
    await fast_path.aclose()
    await runner.cleanup()
    await stage.board.aclose()


@pytest.fixture
async def site(tasks: Tasks) -> AsyncIterator[Site]:
    async with serving(tasks, EventLimits(max_connections=4, max_per_address=3)) as site:
        yield site


async def test_the_first_event_says_how_it_stands_and_the_next_what_changed(site: Site) -> None:
    async with site.follow() as events:
        assert events.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert events.response.headers["Access-Control-Allow-Origin"] == "*"
        assert events.response.headers["Cache-Control"] == "no-store"
        assert 2000 <= int((await events.block())["retry"]) <= 4000
        first = await events.next()
        StreamStatus.model_validate(first)
        assert first["state"] == "offline"
        site.stage.provider.connect(site.stage.uid)
        assert (await events.next())["state"] == "connecting"
        site.stage.provider.make_watchable(site.stage.uid)
        assert (await events.next())["is_watchable"] is True
        site.stage.provider.drop(site.stage.uid)
        assert (await events.next())["state"] == "reconnecting"
        site.stage.provider.end(site.stage.uid)
        assert (await events.next())["state"] == "ended"


async def test_a_change_that_another_node_reports_arrives_through_the_log(site: Site) -> None:
    stage, organization = site.stage, site.stage.organization
    async with site.follow() as events:
        assert (await events.next())["state"] == "offline"
        other = await stage.provider.ensure_input(InputRequest(uuid4().hex, "owner", "name"))
        stage.provider.connect(other.uid)
        stage.channels.inputs[organization, stage.channel] = other.uid
        await until(lambda: site.tails.follows(organization))
        site.tails.wake(organization, site.log.append(organization, "/api/things"))
        site.tails.wake(organization, site.log.append(organization, stage.path()))
        assert (await events.next())["state"] == "connecting"
    await until(lambda: not site.tails.follows(organization))


@pytest.mark.parametrize(
    ("first", "others"),
    [
        ("2001:db8::1", ["2001:db8::2", "2001:db8::3", "2001:db8::4"]),
        ("192.0.2.1", [f"{forged}|192.0.2.1" for forged in ("198.51.100.1", "198.51.100.2", "198.51.100.3")]),
    ],
    ids=["a site of IPv6", "what a visitor puts into their own header"],
)
async def test_an_address_over_its_limit_is_asked_to_poll_in_any_notation(
    site: Site, first: str, others: list[str]
) -> None:
    site.stage.public.trusted_proxies = [ip_network("127.0.0.0/8")]
    url = site.base + site.stage.path("stream_events")

    async def status(written: str) -> int:
        """`|` between headers: some proxies add one of their own."""
        headers = [("X-Forwarded-For", each) for each in written.split("|")]
        response = await site.session.get(url, headers=headers)
        opened.callback(response.close)
        return response.status

    async with AsyncExitStack() as opened:
        assert [await status(each) for each in (first, *others)] == [200, 200, 200, 429]


async def test_a_reconnecting_client_gets_the_current_status_even_if_it_is_unchanged(site: Site) -> None:
    """The player may have polled another status meanwhile, and would keep it if nothing were sent."""
    async with site.follow() as events:
        before = await events.next()
        last_id = events.last_id
    async with site.follow(**{"Last-Event-ID": last_id}) as events:
        assert await events.next() == before
        assert events.last_id == last_id


async def test_a_reconnecting_client_gets_what_changed_meanwhile(site: Site) -> None:
    async with site.follow() as events:
        await events.next()
        last_id = events.last_id
        site.stage.provider.connect(site.stage.uid)
        assert (await events.next())["state"] == "connecting"
    async with site.follow(**{"Last-Event-ID": last_id}) as events:
        assert (await events.next())["state"] == "connecting"


async def test_a_connected_visitor_counts_and_all_connections_get_the_new_count(site: Site) -> None:
    async with site.follow() as watching, site.follow("?visitor_id=ada"):
        assert (await watching.next())["viewer_count"] == 0
        site.stage.go_live()
        while (status := await watching.next())["viewer_count"] != 1:
            assert status["viewer_count"] == 0


async def test_every_event_says_whether_the_visitor_counts(site: Site) -> None:
    async with site.follow("?visitor_id=ada") as counted, site.follow() as unnamed:
        first = await counted.next()
        assert (first["counted"], first["not_counted_because"]) == (False, "not_watchable")
        assert "counted" not in await unnamed.next()
        site.stage.go_live()
        while not (event := await counted.next())["is_watchable"]:
            assert event["counted"] is False
        assert event["counted"] is True and "not_counted_because" not in event
        while not (event := await unnamed.next())["is_watchable"]:
            pass
        assert "counted" not in event


async def test_a_forged_token_gets_the_reason_it_does_not_count(site: Site) -> None:
    site.stage.go_live()
    await site.stage.watch()
    async with site.follow(Authorization="Bearer forged") as events:
        event = await events.next()
    assert (event["counted"], event["not_counted_because"]) == (False, "invalid_token")


async def test_an_id_that_is_too_long_gets_no_event_stream(site: Site) -> None:
    url = site.base + site.stage.path("stream_events") + "?visitor_id=" + "x" * 129
    async with site.session.get(url) as response:
        assert (response.status, list(await response.json())) == (400, ["visitor_id"])
    assert site.events.connections == 0


async def test_a_visitor_counts_as_long_as_they_are_connected(tasks: Tasks) -> None:
    async with serving(tasks, EventLimits(heartbeat=0.05)) as site:
        site.stage.go_live()
        async with site.follow("?visitor_id=ada") as events:
            while (await events.next())["viewer_count"] != 1:
                pass
            site.stage.clock.advance(119)
            for _ in range(3):
                assert "" in await events.block()
            site.stage.clock.advance(119)
            assert (await site.stage.viewers.count(site.stage.uid, site.stage.clock.unix_ms())).value == 1


async def test_a_visitor_who_stays_counts_at_once_in_the_next_broadcast(tasks: Tasks) -> None:
    async with serving(tasks, EventLimits(heartbeat=3_600.0)) as site, site.follow("?visitor_id=ada") as events:
        for _ in range(2):
            site.stage.clock.advance(1)
            now = site.stage.clock.unix_ms()
            site.stage.go_live()
            while not (await events.next())["is_watchable"]:
                pass
            assert (await site.stage.viewers.count(site.stage.uid, now, since_ms=now)).value == 1
            site.stage.provider.drop(site.stage.uid)
            site.stage.provider.end(site.stage.uid)
            while (await events.next())["state"] != "ended":
                pass


async def test_a_quiet_stream_shows_signs_of_life(tasks: Tasks) -> None:
    async with serving(tasks, EventLimits(heartbeat=0.05)) as site, site.follow() as events:
        await events.next()
        assert await events.block() == {"": ""}
        assert await events.block() == {"": ""}


async def test_over_the_limits_visitors_are_asked_to_poll(site: Site) -> None:
    path = site.stage.path("stream_events")
    async with site.follow() as one, site.follow() as two, site.follow() as three:
        for events in (one, two, three):
            await events.next()
        assert await site.refusal(path) == (429, "30")
    await until(lambda: site.events.connections == 3)  # nothing has been written to them yet
    site.stage.provider.connect(site.stage.uid)
    await until(lambda: site.events.connections < 3)
    async with site.follow() as events:
        await events.next()


async def test_over_the_total_limit_it_is_a_503(tasks: Tasks) -> None:
    async with serving(tasks, EventLimits(max_connections=1)) as site, site.follow() as events:
        await events.next()
        assert await site.refusal(site.stage.path("stream_events")) == (503, "30")


async def test_a_flood_of_new_visitors_is_refused_before_the_first_event(tasks: Tasks) -> None:
    async with serving(tasks, EventLimits(), NewVisitorLimits(burst=1, per_second=1)) as site:
        site.stage.go_live()
        async with site.follow("?visitor_id=ada") as events:
            await events.next()
            assert (await site.refusal(site.stage.path("stream_events") + "?visitor_id=eve"))[0] == 429


async def test_what_is_not_there_is_a_404(site: Site) -> None:
    assert await site.refusal(site.stage.path("stream_events", uuid4())) == (404, None)
    assert await site.refusal(site.stage.path("stream_events").replace(str(site.stage.channel), "x")) == (404, None)


async def test_at_the_stop_every_stream_ends_in_order(site: Site) -> None:
    async with site.follow() as one, site.follow() as two:
        for events in (one, two):
            await events.next()
        await site.events.aclose()
        await site.events.aclose()
        for events in (one, two):
            with pytest.raises(EOFError):
                while True:
                    await events.block()
        assert site.events.connections == 0
        assert await site.refusal(site.stage.path("stream_events")) == (503, "30")


async def test_a_channel_that_goes_from_the_board_ends_its_streams(site: Site) -> None:
    async with site.follow() as events:
        await events.next()
        del site.stage.channels.inputs[site.stage.organization, site.stage.channel]
        site.stage.board.changed(site.stage.organization, site.stage.channel)
        with pytest.raises(EOFError):
            while True:
                await events.block()
