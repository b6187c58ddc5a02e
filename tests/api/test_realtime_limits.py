"""The limits of the real-time API, its errors, and how it ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from service.api.realtime.sockets import SOCKET
from service.clock import SystemClock
from service.wiring.domain import Conference
from tests.api.conftest import Api
from tests.api.people import Person, words
from tests.api.realtime import socket_of
from tests.waiting import PATIENCE, until


def limited(conference: Conference, **limits: Any) -> None:
    conference.realtime.limits = replace(conference.realtime.limits, **limits)


def figure(conference: Conference, name: str, **labels: str) -> float:
    samples = [sample for metric in conference.realtime.metrics.collect() for sample in metric.samples]
    return sum(sample.value for sample in samples if sample.name == name and sample.labels == labels)


REQUEST = "Not a valid choice. Expected 'subscribe' or 'unsubscribe'."
ARRAY = 'An array is a command of the older form: ["sub", [channel, token], {"query": 1}] or ["unsub", …].'
MALFORMED = [
    ("{", {"detail": "JSON parse error - Expecting property name enclosed in double quotes"}),
    ("NaN", {"detail": "JSON parse error - NaN is not a number"}),
    ("7", {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}),
    ("{}", {"action": ["This field is required."], "channel": ["This field is required."]}),
    ('{"action": "listen", "channel": "/"}', {"action": [REQUEST]}),
    ('{"action": "subscribe", "channel": 7}', {"channel": ["Not a valid string."]}),
    (
        '{"action": "subscribe", "channel": "/a", "since": -1}',
        {"since": ["Ensure this value is greater than or equal to 0."]},
    ),
    ('{"action": "subscribe", "channel": "/a", "since": "1"}', {"since": ["A valid integer is required."]}),
    ('{"action": "subscribe", "channel": "/a", "since": true}', {"since": ["A valid integer is required."]}),
    ('["listen"]', {"non_field_errors": [ARRAY]}),
    ("[]", {"non_field_errors": [ARRAY]}),
    ('["sub", "/a"]', {"non_field_errors": ["The second item is an array of the channel and the token."]}),
    ('["sub", ["/a", "b", "c"]]', {"non_field_errors": ["The second item is an array of the channel and the token."]}),
    ('["sub", ["/a"], {"since": 1.5}]', {"since": ["A valid integer is required."]}),
    (
        json.dumps({"action": "subscribe", "channel": "/a", "token": "x" * 4097}),
        {"token": ["Ensure this field has no more than 4096 characters."]},
    ),
    (
        json.dumps({"action": "subscribe", "channel": "/a", "ref": "x" * 2000}),
        {"ref": ["Ensure this field has no more than 1024 characters."]},
    ),
]
PATHS = [
    ("/api/pub/v1/orgs/", 400, {"channel": ["A channel does not end with a slash."]}),
    ("api/pub", 400, {"channel": ["A channel is the path of a URL, and begins with a slash."]}),
    ("/channels?x=1", 400, {"channel": ["A channel is a path without a query."]}),
    ("/" + "x" * 600, 400, {"channel": ["Ensure this field has no more than 512 characters."]}),
    ("/api/v5/users/me", 404, None),
    ("/api/pub/v1/orgs/7/channels", 404, None),
]


async def test_what_is_not_understood_gets_a_clear_error(api: Api, conference: Conference) -> None:
    limited(conference, max_faults=100)
    async with socket_of(api.client) as socket:
        for text, error in MALFORMED:
            await socket.send(text)
            assert await socket.receive() == {"action": "error", "status": 400, "error": error}, text
        await socket.websocket.send_bytes(b"{}")
        assert (await socket.receive())["error"] == {"detail": "Messages are text: JSON."}
        for path, status, error in PATHS:
            answer = await socket.subscribe(path, ref={"n": 1})
            assert (answer["action"], answer["channel"], answer["status"]) == ("refused", path, status)
            assert answer["ref"] == {"n": 1}
            assert error is None or answer["error"] == error


async def test_too_many_faults_close_the_socket(api: Api, conference: Conference) -> None:
    limited(conference, max_faults=3)
    async with socket_of(api.client) as socket:
        for _ in range(3):
            await socket.send("?")
        assert [(await socket.receive())["action"] for _ in range(3)] == ["error"] * 3
        assert await socket.receive() is None and socket.websocket.close_code == 1008


async def test_a_message_that_is_too_large_closes_the_socket(api: Api) -> None:
    async with socket_of(api.client) as socket:
        await socket.send("x" * 9_000)
        assert await socket.receive() is None and socket.websocket.close_code == 1009


async def test_a_socket_without_a_subscription_is_closed(api: Api, conference: Conference) -> None:
    limited(conference, first_subscription=0.2)
    async with socket_of(api.client) as socket:
        assert await socket.receive() is None and socket.websocket.close_code == 1008


async def test_subscriptions_of_a_socket_are_limited(api: Api, ada: Person, conference: Conference) -> None:
    limited(conference, max_subscriptions=2)
    first, second, third = [f"{api.base}/channels/{await ada.channel()}" for _ in range(3)]
    async with socket_of(api.client) as socket:
        await socket.subscribed(first, ada.token)
        await socket.subscribed(second, ada.token)
        await socket.subscribed(second, ada.token)
        refused = await socket.subscribe(third, ada.token)
        assert (refused["action"], refused["status"]) == ("refused", 409)
        await socket.send({"action": "unsubscribe", "channel": first})
        assert await socket.receive() == {"action": "unsubscribed", "channel": first}
        await socket.subscribed(third, ada.token)
        await socket.send({"action": "unsubscribe", "channel": first})
        assert (await socket.receive())["status"] == 409


async def test_sockets_are_limited_by_address_and_in_all(api: Api, conference: Conference) -> None:
    for limits, status in (({"max_per_address": 2}, 429), ({"max_sockets": 2}, 503)):
        limited(conference, max_per_address=400, max_sockets=4_000)
        limited(conference, **limits)
        async with socket_of(api.client), socket_of(api.client):
            with pytest.raises(WSServerHandshakeError) as refused:
                async with socket_of(api.client):
                    pass
            assert refused.value.status == status
        await until(lambda: conference.realtime.connections == 0)
    async with socket_of(api.client):
        pass


async def test_a_client_that_does_not_read_is_cut_off_and_resumes(
    api: Api, ada: Person, conference: Conference
) -> None:
    limited(conference, max_unsent=50_000)
    channel = await ada.channel()
    path = f"{api.base}/channels/{channel}/messages"
    sent = []
    async with socket_of(api.client) as socket, asyncio.timeout(PATIENCE):
        since = await socket.subscribed(path, ada.token)
        while figure(conference, "conference_sockets_cut_off_total") == 0:
            sent.append((await ada.made(f"channels/{channel}/messages", {"body": words("x" * 30_000)}))["id"])
    async with socket_of(api.client) as socket:
        await socket.subscribed(path, ada.token, since=since)
        assert [each["resource_id"] for each in await socket.changes(len(sent))] == sent


async def test_what_is_no_longer_kept_is_gone(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    path = f"{api.base}/channels/{channel}/messages"
    async with socket_of(api.client) as socket:
        since = await socket.subscribed(path, ada.token)
        assert (await socket.subscribe(path, ada.token, since=since + 1))["action"] == "gone"
        await ada.say(channel)
        assert (await socket.subscribe(path, ada.token, since=since))["action"] == "subscribed"
        latest = (await socket.change())["id"]
        await api.store.events.purge_events(SystemClock().now() + timedelta(seconds=1), 1_000)
        gone = await socket.subscribe(path, ada.token, since=since)
        assert (gone["action"], gone["channel"]) == ("gone", path) and gone["id"] >= latest
        await socket.subscribed(path, ada.token, since=gone["id"])
        said = await ada.say(channel)
        assert (await socket.change())["resource_id"] == said["id"]


async def test_positions_let_a_client_of_a_quiet_channel_resume(api: Api, ada: Person, conference: Conference) -> None:
    limited(conference, position_every=0.1, recheck_every=0.05)
    quiet, busy = await ada.channel(), await ada.channel()
    async with socket_of(api.client) as socket:
        start = await socket.subscribed(f"{api.base}/channels/{quiet}/messages", ada.token)
        await ada.say(busy)
        async with asyncio.timeout(PATIENCE):
            while True:
                message = json.loads((await socket.websocket.receive()).data)
                assert (message["action"], message["organization_id"]) == ("position", str(api.organization))
                if message["id"] > start:
                    break


async def test_the_service_closes_sockets_when_it_stops(api: Api, ada: Person, conference: Conference) -> None:
    async with socket_of(api.client) as socket:
        await socket.subscribed(f"{api.base}/channels", ada.token)
        closing = asyncio.create_task(conference.realtime.aclose())
        assert await socket.receive() is None and socket.websocket.close_code == 1001
        await closing
        with pytest.raises(WSServerHandshakeError):
            await api.client.ws_connect(SOCKET)
    await conference.realtime.aclose()


async def test_the_metrics_say_what_is_open_and_sent(api: Api, ada: Person, conference: Conference) -> None:
    channel = await ada.channel()
    async with socket_of(api.client) as socket:
        await socket.subscribed(f"{api.base}/channels/{channel}/messages", ada.token)
        await socket.subscribe(f"{api.base}/channels", "wrong")
        await ada.say(channel)
        await socket.change()
        assert figure(conference, "conference_sockets") == 1
        assert figure(conference, "conference_socket_subscriptions") == 1
        assert figure(conference, "conference_socket_changes_total") == 1
        assert figure(conference, "conference_socket_delay_seconds_count") == 1
        assert figure(conference, "conference_socket_refusals_total", status="401") == 1
    await until(lambda: figure(conference, "conference_sockets") == 0)
