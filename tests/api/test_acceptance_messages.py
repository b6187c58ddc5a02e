"""Checks 11 to 17 of the Pub API's acceptance list: what is said in a channel."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.api.conftest import Api
from tests.api.people import TIME, Person, words

TUTORIAL: dict[str, Any] = {
    "version": 3,
    "chunks": [
        {"type": "text", "text": "A new order has arrived. Write to "},
        {"text": "orders@example.com", "kind": "email", "type": "link"},
        {"type": "text", "text": "\nif  it is\tnot yours.\n"},
    ],
}


async def test_check_11_the_tutorial_message_comes_back_exactly(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    url = f"{api.base}/channels/{channel}/messages"
    async with api.client.post(url, headers=api.auth, json={"body": TUTORIAL}) as response:
        assert response.status == 201
        message, raw = await response.json(), await response.text()
    assert message["body"] == TUTORIAL
    assert '{"text":"orders@example.com","kind":"email","type":"link"}' in raw.replace('": ', '":').replace(", ", ",")
    assert TIME.fullmatch(message["created_at"])


async def test_check_12_an_external_view_is_kept(ada: Person) -> None:
    channel = await ada.channel()
    body = {**TUTORIAL, "externalView": {"url": "https://example.com/orders/1", "title": "Order"}}
    message = await ada.made(f"channels/{channel}/messages", {"body": body})
    assert message["body"] == body
    assert await ada.seen(f"channels/{channel}/messages/{message['id']}") == message


async def test_check_13_a_body_needs_a_known_version_and_nothing_else(ada: Person) -> None:
    path = f"channels/{await ada.channel()}/messages"
    for version in (1, 2, 3):
        assert (await ada.post(path, {"body": {"version": version}}))[0] == 201
    needed = ["This field is required."]
    assert await ada.post(path, {"body": {}}) == (400, {"body": {"version": needed}})
    assert await ada.post(path, {}) == (400, {"body": needed})
    status, answer = await ada.post(path, {"body": {"version": 9}})
    assert (status, list(answer["body"])) == (400, ["version"])


async def test_check_14_the_same_message_sent_again_is_one_message(ada: Person) -> None:
    path = f"channels/{await ada.channel()}/messages"
    mine = {"id": str(uuid4()), "body": TUTORIAL}
    first_time, again = await ada.post(path, mine), await ada.post(path, mine)
    assert (first_time[0], again) == (201, (200, first_time[1]))
    assert first_time[1]["id"] == mine["id"]
    assert [each["id"] for each in await ada.all(path)] == [mine["id"]]


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "audio", "url": "https://example.com/a.mp3", "title": "A"},
        {"type": "voice", "url": "https://example.com/a.ogg", "duration": 1.5},
        {"type": "mention", "text": "@Ada"},
        {"type": "external", "id": "1", "isInteraction": True, "name": "n", "url": "u", "initialHeight": None},
        {"type": "file", "url": "https://example.com/a", "name": "a", "size": "12"},
        {"type": "file", "url": "https://example.com/a", "name": "a", "size": 12},
        {"type": "hologram", "zebra": [1, {"b": 1, "a": 2.5}], "aardvark": "\u0000\U0001f600"},
    ],
)
async def test_check_15_chunks_of_every_kind_are_kept(ada: Person, chunk: dict[str, Any]) -> None:
    path = f"channels/{await ada.channel()}/messages"
    message = await ada.made(path, {"body": {"chunks": [chunk], "version": 3}})
    assert message["body"] == {"version": 3, "chunks": [chunk]}
    assert list(message["body"]["chunks"][0]) == list(chunk)
    assert (await ada.all(path))[0] == message


async def test_check_16_a_message_is_edited_by_its_sender_only(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    message = await bob.say(channel)
    path = f"channels/{channel}/messages/{message['id']}"
    assert (await ada.patch(path, {"body": words("forged")}))[0] == 403
    status, edited = await bob.patch(path, {"type": "user", "body": words("better")})
    assert (status, edited["is_edited"], edited["body"]) == (200, True, words("better"))
    assert edited["updated_at"] > message["updated_at"]
    assert await ada.seen(path) == edited


async def test_check_17_a_deleted_message_stays_in_its_place_without_its_body(ada: Person) -> None:
    channel = await ada.channel()
    message = await ada.say(channel)
    path = f"channels/{channel}/messages/{message['id']}"
    assert await ada.delete(path) == (204, None)
    deleted = await ada.seen(path)
    assert (deleted["type"], deleted["body"]) == ("deleted", {})
    assert (await ada.all(f"channels/{channel}/messages"))[0] == deleted
    assert (await ada.seen(f"channels/{channel}"))["latest_message"] == deleted
