"""Inboxes that are bound to a channel: questions of the audience in the room, and answers back to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.store import Store
from tests.api.conftest import Api
from tests.api.desk import Desk, Receiver, desk_of, fill, receiving
from tests.api.people import Person, words


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def desk(api: Api) -> Desk:
    """Return the organization's own token, which may control every channel."""
    issued = await api.accounts.create_token(api.organization, None)
    desk = Desk(api, issued.secret, 0)
    desk.account = (await desk.get("/api/v1/profile"))["account_id"]
    return desk


@pytest.fixture
async def channel(ada: Person) -> str:
    return await ada.channel("Town hall")


@pytest.fixture
async def inbox(desk: Desk, channel: str, receiver: Receiver) -> Any:
    return await desk.inbox("WhatsApp", live_channel_id=channel, webhook_url=receiver.url)


async def in_room(person: Person, channel: str) -> list[Any]:
    return await person.all(f"channels/{channel}/messages?ordering=created_at")


async def test_a_question_appears_in_the_room_with_its_mark(
    desk: Desk, ada: Person, bob: Person, inbox: Any, channel: str
) -> None:
    await bob.made(f"channels/{channel}/members", {"member_id": bob.id})
    begun = await desk.conversation(inbox["id"])
    said = await desk.say(begun["id"], "When does it start?")
    (shown,) = await in_room(ada, channel)
    assert [each["text"] for each in shown["body"]["chunks"]] == ["Pranav: ", "When does it start?"]
    assert shown["body"]["inbox_message"] == {
        "inbox_id": inbox["id"],
        "conversation_id": begun["id"],
        "message_id": said["id"],
        "message_type": "incoming",
        "contact": {"id": begun["meta"]["sender"]["id"], "name": "Pranav"},
    }
    assert (shown["sender"]["full_name"], shown["sender"]["is_bot"]) == ("WhatsApp", True)
    (joined,) = [each for each in await ada.all(f"users/{ada.id}/joined-channels") if each["id"] == channel]
    assert joined["unread_message_count"] == 1


async def test_a_reply_in_the_room_goes_back_to_the_contact(
    desk: Desk, ada: Person, inbox: Any, channel: str, receiver: Receiver
) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    await desk.say(number, "When does it start?")
    (question,) = await in_room(ada, channel)
    answer = await ada.made(f"channels/{channel}/messages", {"body": {**words("At noon."), "reply_to": question["id"]}})
    listed = (await desk.get(f"conversations/{number}/messages"))["payload"]
    assert [(each["content"], each["message_type"]) for each in listed] == [("When does it start?", 0), ("At noon.", 1)]
    assert (listed[1]["sender"]["type"], listed[1]["sender"]["name"]) == ("user", "Ada Byron Lovelace")
    events = await receiver.wait_for("message_created", 2)
    assert [(each["message_type"], each["content"]) for each in events] == [
        ("incoming", "When does it start?"),
        ("outgoing", "At noon."),
    ]
    assert [each["id"] for each in await in_room(ada, channel)] == [question["id"], answer["id"]]
    follow_up = {**words("Bring friends."), "reply_to": answer["id"]}
    await ada.made(f"channels/{channel}/messages", {"body": follow_up})
    assert len((await desk.get(f"conversations/{number}/messages"))["payload"]) == 3


async def test_an_answer_in_the_api_is_seen_in_the_room_once(
    desk: Desk, api: Api, ada: Person, inbox: Any, channel: str, receiver: Receiver
) -> None:
    agent = await desk_of(api)
    number = (await desk.conversation(inbox["id"]))["id"]
    await desk.say(number, "Hello?")
    await agent.say(number, "Welcome!", "outgoing")
    await agent.say(number, "a note", "outgoing", private=True)
    await agent.say(number, "assigned", "activity")
    shown = await in_room(ada, channel)
    assert [each["body"]["chunks"][-1]["text"] for each in shown] == ["Hello?", "Welcome!"]
    assert (shown[1]["sender"]["full_name"], shown[1]["body"]["inbox_message"]["message_type"]) == (
        "Ada Byron",
        "outgoing",
    )
    await receiver.wait_for("message_created", 3)
    assert len((await desk.get(f"conversations/{number}/messages"))["payload"]) == 4


@pytest.mark.parametrize("reply_to", ["not an id", 7, None, "00000000-0000-0000-0000-000000000000"])
async def test_what_replies_to_no_contact_stays_in_the_room(
    desk: Desk, ada: Person, inbox: Any, channel: str, reply_to: Any
) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    await desk.say(number, "Hello?")
    await ada.made(f"channels/{channel}/messages", {"body": {**words("Hi all"), "reply_to": reply_to}})
    assert len((await desk.get(f"conversations/{number}/messages"))["payload"]) == 1


async def test_a_message_of_another_room_is_no_question_here(desk: Desk, ada: Person, inbox: Any, channel: str) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    await desk.say(number, "Hello?")
    (question,) = await in_room(ada, channel)
    elsewhere = await ada.channel("Elsewhere")
    await ada.made(f"channels/{elsewhere}/messages", {"body": {**words("Hi"), "reply_to": question["id"]}})
    assert len((await desk.get(f"conversations/{number}/messages"))["payload"]) == 1


async def test_a_repeated_reply_is_sent_once(desk: Desk, ada: Person, inbox: Any, channel: str) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    await desk.say(number, "Hello?")
    (question,) = await in_room(ada, channel)
    body = {"id": "5f0c9d3e-2b1a-4c6d-9e8f-7a6b5c4d3e2f", "body": {**words("Hi"), "reply_to": question["id"]}}
    statuses = [(await ada.post(f"channels/{channel}/messages", body))[0] for _ in range(3)]
    assert statuses == [201, 200, 200]
    assert len((await desk.get(f"conversations/{number}/messages"))["payload"]) == 2


async def test_questions_and_replies_at_once_keep_both_sides_equal(
    desk: Desk, ada: Person, inbox: Any, channel: str
) -> None:
    """Both sides lock the conversation before the channel: no deadlock, nothing twice, nothing lost."""
    numbers = [(await desk.conversation(inbox["id"]))["id"] for _ in range(3)]
    for number in numbers:
        await desk.say(number, "first")
    questions = await in_room(ada, channel)

    async def reply(question: Any, text: str) -> None:
        body = {**words(text), "reply_to": question["id"]}
        await ada.made(f"channels/{channel}/messages", {"body": body})

    asked = [desk.say(number, f"more {count}") for number in numbers for count in range(2)]
    answered = [reply(question, f"answer {count}") for question in questions for count in range(2)]
    await asyncio.gather(*asked, *answered)
    listed = [(await desk.get(f"conversations/{number}/messages"))["payload"] for number in numbers]
    assert [len(each) for each in listed] == [5, 5, 5]
    assert len(await in_room(ada, channel)) == 15


async def test_a_reply_that_cannot_be_sent_is_not_in_the_room_either(
    desk: Desk, ada: Person, inbox: Any, channel: str, receiver: Receiver, store: Store
) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    await desk.say(number, "Hello?")
    (question,) = await in_room(ada, channel)
    await fill(store, desk, number, 199)
    body = {**words("At noon."), "reply_to": question["id"]}
    status, answer = await ada.post(f"channels/{channel}/messages", {"body": body})
    assert (status, "Too many messages" in answer["detail"]) == (409, True)
    assert [each["id"] for each in await in_room(ada, channel)] == [question["id"]]
    assert all(each["content"] != "At noon." for each in receiver.of("message_created"))


async def test_a_long_question_is_shortened_in_the_room(desk: Desk, ada: Person, inbox: Any, channel: str) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    said = await desk.say(number, "q" * 100_000)
    (shown,) = await in_room(ada, channel)
    assert len(shown["body"]["chunks"][1]["text"]) == 8_000
    assert len(said["content"]) == 100_000


async def test_the_inbox_works_on_without_its_channel(desk: Desk, ada: Person, inbox: Any, channel: str) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    await ada.delete(f"channels/{channel}")
    assert (await desk.say(number, "anyone?"))["content"] == "anyone?"


async def test_binding_needs_control_of_the_channel(desk: Desk, api: Api, ada: Person, bob: Person) -> None:
    manager = await desk_of(api)
    public, private = await ada.channel("Public"), await ada.channel("Private", is_private=True)
    refusal = (401, {"error": "You are not authorized to do this action"})
    assert await manager.refused("POST", "inboxes", {"name": "x", "live_channel_id": public}) == refusal
    status, answer = await manager.refused("POST", "inboxes", {"name": "x", "live_channel_id": private})
    assert (status, answer) == (422, {"message": "Live channel must exist", "attributes": ["live_channel_id"]})
    direct = await ada.direct(bob)
    assert (await desk.refused("POST", "inboxes", {"name": "x", "live_channel_id": direct}))[0] == 422
    made = await desk.inbox(live_channel_id=public)
    assert made["live_channel_id"] == public
    free = await desk.patch(f"inboxes/{made['id']}", {"live_channel_id": None})
    assert free["live_channel_id"] is None
    number = (await desk.conversation(made["id"]))["id"]
    await desk.say(number, "unseen")
    assert await in_room(ada, public) == []
    again = await desk.patch(f"inboxes/{made['id']}", {"live_channel_id": public})
    assert again["live_channel_id"] == public
