"""Messages over HTTP: kept as sent, in one order, also under concurrent requests."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from service.domain.conversation.messages import MAX_CONTENT, MAX_NOTIFIED
from tests.api.conftest import Api
from tests.api.people import Person, words


async def test_a_message_has_the_members_of_the_contract(ada: Person) -> None:
    channel = await ada.channel()
    message = await ada.say(channel)
    assert (message["type"], message["is_edited"], message["sender_id"]) == ("user", False, ada.id)
    assert (message["channel_id"], message["organization_id"]) == (channel, str(ada.api.organization))
    assert message["sender"]["full_name"] == "Ada Byron Lovelace"


@pytest.mark.parametrize("kind", ["reporting", "system_message"])
async def test_reports_and_messages_of_the_system_have_no_sender(ada: Person, bob: Person, kind: str) -> None:
    channel = await ada.channel()
    body = {"title": "Sales", "version": 1, "rows": [[1, 2.5], [None, True]]}
    message = await bob.made(f"channels/{channel}/messages", {"type": kind, "body": body})
    assert (message["type"], message["sender_id"], message["sender"], message["body"]) == (kind, None, None, body)
    path = f"channels/{channel}/messages/{message['id']}"
    assert (await bob.patch(path, {"body": words("mine to edit")}))[0] == 200


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"body": {"version": 3}, "type": "deleted"}, "type"),
        ({"body": {"version": 3}, "type": "rumour"}, "type"),
        ({"body": {"version": 3}, "id": "mine"}, "id"),
        ({"body": {"version": 3}, "notify_users": ["x"]}, "notify_users"),
        ({"body": {"version": 3}, "notify_users": [str(uuid4())] * (MAX_NOTIFIED + 1)}, "notify_users"),
        ({"body": {"version": 3}, "notify_channel": "yes"}, "notify_channel"),
        ({"body": {"version": "3"}}, "body"),
        ({"body": {"version": True}}, "body"),
        ({"body": {"version": 3, "chunks": "text"}}, "body"),
        ({"body": {"version": 3, "chunks": [{"text": "no type"}]}}, "body"),
        ({"body": [3]}, "body"),
        ({"body": None}, "body"),
    ],
)
async def test_a_wrong_message_is_answered_by_field(ada: Person, sent: dict[str, Any], field: str) -> None:
    path = f"channels/{await ada.channel()}/messages"
    status, answer = await ada.post(path, sent)
    assert (status, list(answer)) == (400, [field])
    assert await ada.all(path) == []


async def test_a_body_too_large_is_refused_with_the_limit(ada: Person) -> None:
    path = f"channels/{await ada.channel()}/messages"
    envelope = len('{"version":3,"chunks":[{"type":"text","text":""}]}')
    fits = words("é" * ((MAX_CONTENT - envelope) // 2))
    message = await ada.made(path, {"body": fits})
    status, answer = await ada.post(path, {"body": words("x" * MAX_CONTENT)})
    assert status == 400
    assert str(MAX_CONTENT) in answer["body"][0]
    assert (await ada.patch(f"{path}/{message['id']}", {"body": words("x" * MAX_CONTENT)}))[0] == 400
    assert (await ada.post(path, {"body": words("x" * 140_000)}))[0] == 413
    assert [each["body"] for each in await ada.all(path)] == [fits]


async def test_a_number_json_cannot_hold_is_refused(api: Api, ada: Person) -> None:
    url = f"{api.base}/channels/{await ada.channel()}/messages"
    for number in ("1e999", "NaN", "-Infinity"):
        raw = f'{{"body":{{"version":3,"n":{number}}}}}'
        headers = {**api.auth, "Content-Type": "application/json"}
        async with api.client.post(url, headers=headers, data=raw) as response:
            assert response.status == 400, number


async def test_another_message_under_the_same_id_is_a_conflict(ada: Person, bob: Person) -> None:
    channel, elsewhere = await ada.channel(), await ada.channel("Elsewhere")
    mine = {"id": str(uuid4()), "body": words("hello")}
    await ada.made(f"channels/{channel}/messages", mine)
    assert (await ada.post(f"channels/{channel}/messages", {**mine, "body": words("other")}))[0] == 409
    assert (await bob.post(f"channels/{channel}/messages", mine))[0] == 409
    assert (await ada.post(f"channels/{elsewhere}/messages", mine))[0] == 201
    assert (await bob.post(f"channels/{elsewhere}/messages", mine))[0] == 409
    assert (await ada.seen(f"channels/{channel}"))["latest_message"]["channel_id"] == channel
    shuffled = {"chunks": mine["body"]["chunks"], "version": 3}  # type: ignore[index]
    assert (await ada.post(f"channels/{channel}/messages", {**mine, "body": shuffled}))[0] == 200


async def test_a_retry_after_an_edit_gives_the_message_as_it_is_now(ada: Person) -> None:
    path = f"channels/{await ada.channel()}/messages"
    mine = {"id": str(uuid4()), "body": words("hello")}
    await ada.made(path, mine)
    _, edited = await ada.patch(f"{path}/{mine['id']}", {"body": words("better")})
    assert await ada.post(path, mine) == (200, edited)


async def test_one_id_sent_many_times_at_once_is_one_message(ada: Person, bob: Person) -> None:
    channel, elsewhere = await ada.channel(members=[bob.id]), await ada.channel("Elsewhere")
    mine = {"id": str(uuid4()), "body": words("hello")}
    answers = await asyncio.gather(
        *(ada.post(f"channels/{channel}/messages", mine) for _ in range(6)),
        *(ada.post(f"channels/{elsewhere}/messages", mine) for _ in range(6)),
    )
    assert sorted(status for status, _ in answers) == [200] * 10 + [201] * 2
    total = [*await ada.all(f"channels/{channel}/messages"), *await ada.all(f"channels/{elsewhere}/messages")]
    assert len(total) == 2


async def test_a_public_channel_accepts_messages_of_users_that_are_not_members(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    await bob.say(channel)
    assert (await ada.seen(f"channels/{channel}"))["member_count"] == 1


async def test_only_admins_announce(ada: Person, bob: Person) -> None:
    channel = await ada.channel(type=5, members=[bob.id])
    assert (await bob.post(f"channels/{channel}/messages", {"body": words("me, too")}))[0] == 403
    await ada.say(channel)


async def test_a_message_is_deleted_by_its_sender_or_an_admin(ada: Person, bob: Person) -> None:
    channel = await ada.channel(members=[bob.id])
    mine, theirs = await ada.say(channel), await bob.say(channel)
    assert (await bob.delete(f"channels/{channel}/messages/{mine['id']}"))[0] == 403
    assert (await ada.delete(f"channels/{channel}/messages/{theirs['id']}"))[0] == 204
    assert (await bob.patch(f"channels/{channel}/messages/{theirs['id']}", {"body": words("x")}))[0] == 404
    assert (await bob.delete(f"channels/{channel}/messages/{theirs['id']}"))[0] == 204


async def test_a_message_is_found_in_its_own_channel_only(ada: Person) -> None:
    message = await ada.say(await ada.channel())
    elsewhere = await ada.channel("Elsewhere")
    for method in ("GET", "PATCH", "DELETE"):
        path = f"channels/{elsewhere}/messages/{message['id']}"
        assert (await ada.call(method, path, {"body": words("x")}))[0] == 404


async def test_messages_sent_at_once_have_one_order_and_page_without_loss(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    await asyncio.gather(*(each.say(channel) for each in (ada, bob) for _ in range(15)))
    path = f"channels/{channel}/messages"
    first_page = await ada.seen(f"{path}?ordering=created_at&page_size=10")
    newest_page = await ada.seen(f"{path}?page_size=10")
    await ada.say(channel, "late")
    up = first_page["results"] + await ada.all(first_page["next"])
    down = newest_page["results"] + await ada.all(newest_page["next"])
    assert len({each["created_at"] for each in up}) == len(up) == 31
    assert up == sorted(up, key=lambda each: each["created_at"])
    assert down == up[:30][::-1]


async def test_put_is_not_for_messages(ada: Person) -> None:
    channel = await ada.channel()
    message = await ada.say(channel)
    assert (await ada.put(f"channels/{channel}/messages/{message['id']}", {"body": words("x")}))[0] == 405
