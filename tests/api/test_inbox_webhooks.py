"""Webhooks of inboxes: a real receiver that answers, refuses, hangs and is away."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from service.clock import SystemClock
from service.domain.inboxes.delivery import AttemptCounts, DeliveryLimits, InboxDeliveries
from service.outgoing.client import OutgoingClient
from service.store import Store
from service.wiring.domain import Conference
from tests.api.conftest import Api
from tests.api.desk import Desk, Receiver, desk_of, receiving, source_of
from tests.serving import serving
from tests.waiting import until


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def desk(api: Api) -> Desk:
    return await desk_of(api)


@pytest.fixture
async def inbox(desk: Desk, receiver: Receiver) -> Any:
    return await desk.inbox(webhook_url=receiver.url)


async def status_of(desk: Desk, number: int, message: int) -> tuple[str, str | None]:
    listed = (await desk.get(f"conversations/{number}/messages"))["payload"]
    (found,) = [each for each in listed if each["id"] == message]
    return found["status"], found["content_attributes"].get("external_error")


async def failed(desk: Desk, number: int, message: int) -> str | None:
    """Wait until the message has failed, and return why."""
    async with asyncio.timeout(30):
        while (await status_of(desk, number, message))[0] != "failed":  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)
    return (await status_of(desk, number, message))[1]


async def test_19_a_message_opens_a_resolved_conversation_again(desk: Desk, inbox: Any, receiver: Receiver) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    done = await desk.post(f"conversations/{number}/toggle_status", {"status": "resolved"})
    assert done["payload"] == {
        "success": True, "conversation_id": number, "current_status": "resolved", "snoozed_until": None,
    }  # fmt: skip
    await desk.say(number)
    assert (await desk.get(f"conversations/{number}"))["status"] == "open"
    resolved, opened = await receiver.wait_for("conversation_status_changed", 2)
    change = {"previous_value": "open", "current_value": "resolved"}
    assert (resolved["id"], resolved["changed_attributes"]) == (number, [{"status": change}])
    assert opened["changed_attributes"][0]["status"]["current_value"] == "open"
    assert len(await receiver.wait_for("conversation_updated", 2)) == 2


async def test_20_the_webhook_gets_a_message(desk: Desk, inbox: Any, receiver: Receiver) -> None:
    contact = await desk.contact(inbox["id"])
    number = (await desk.post("conversations", {"source_id": source_of(contact)}))["id"]
    said = await desk.say(number, "hi")
    (event,) = await receiver.wait_for("message_created")
    assert (event["message_type"], event["content"], event["id"]) == ("incoming", "hi", said["id"])
    assert event["conversation"]["id"] == event["conversation"]["display_id"] == number
    assert event["conversation"]["contact_inbox"]["source_id"] == source_of(contact)
    assert event["conversation"]["messages"][0]["message_type"] == 0
    assert (event["inbox"]["id"], event["account"]) == (inbox["id"], {"id": desk.account, "name": "Acme"})
    assert (event["sender"]["id"], event["sender"]["type"]) == (contact["id"], "contact")
    assert event["contact"]["id"] == contact["id"]
    assert event["created_at"].endswith("Z")
    assert "pubsub_token" not in event["conversation"]["contact_inbox"]
    assert [each["event"] for each in receiver.received] == ["conversation_created", "message_created"]


async def test_an_agents_message_is_sent_with_a_signature(desk: Desk, inbox: Any, receiver: Receiver) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    await desk.say(number, "hé", "outgoing")
    (event,) = await receiver.wait_for("message_created")
    assert (event["message_type"], event["sender"]["type"]) == ("outgoing", "user")
    headers = receiver.headers[-1]
    assert headers["Accept"] == headers["Content-Type"] == "application/json"
    assert headers["X-Chatwoot-Signature"].startswith("sha256=")


async def test_the_signature_is_of_the_time_and_the_body(desk: Desk, inbox: Any, receiver: Receiver) -> None:
    raw: list[tuple[Any, bytes]] = []

    async def keep(request: web.Request) -> web.Response:
        raw.append((request.headers.copy(), await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", keep)
    async with serving(app) as origin:
        await desk.patch(f"inboxes/{inbox['id']}", {"webhook_url": f"{origin}/hook"})
        await desk.conversation(inbox["id"])
        await until(lambda: len(raw) == 1)
    headers, body = raw[0]
    signed = hmac.new(inbox["secret"].encode(), headers["X-Chatwoot-Timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["X-Chatwoot-Signature"] == f"sha256={signed.hexdigest()}"


async def test_21_a_private_note_is_sent_and_not_shown_to_the_contact(
    desk: Desk, inbox: Any, receiver: Receiver
) -> None:
    contact = await desk.contact(inbox["id"])
    number = (await desk.post("conversations", {"source_id": source_of(contact)}))["id"]
    await desk.say(number, "psst", "outgoing", private=True)
    (event,) = await receiver.wait_for("message_created")
    assert (event["private"], event["conversation"]["messages"]) == (True, [])
    public = f"/public/api/v1/inboxes/{inbox['inbox_identifier']}/contacts/{source_of(contact)}/conversations/{number}"
    assert await desk.get(f"{public}/messages", headers={}) == []
    assert [each["content"] for each in (await desk.get(f"conversations/{number}/messages"))["payload"]] == ["psst"]


async def test_22_a_refused_message_fails_after_one_attempt(
    desk: Desk, inbox: Any, receiver: Receiver, conference: Conference
) -> None:
    receiver.answer = lambda: 500
    number = (await desk.conversation(inbox["id"]))["id"]
    said = await desk.say(number)
    assert said["status"] == "sent"
    assert await failed(desk, number, said["id"]) == "The webhook answered with status 500."
    receiver.answer = lambda: 200
    await desk.say(number, "next")
    await receiver.wait_for("message_created", 2)
    assert [each["content"] for each in receiver.of("message_created")] == ["x", "next"]
    await until(lambda: conference.inbox_deliveries.counts == AttemptCounts(1, 2, 2))
    assert receiver.of("message_updated") == []  # a failed delivery has no event of its own


async def test_23_a_receiver_that_hangs_delays_nobody(desk: Desk, inbox: Any, receiver: Receiver) -> None:
    async def hang() -> int:
        await asyncio.sleep(60)
        return 200

    receiver.answer = hang
    number = (await desk.conversation(inbox["id"]))["id"]
    await until(lambda: len(receiver.received) == 1)
    began = time.monotonic()
    said = await desk.say(number)
    assert time.monotonic() - began < 4
    async with receiving() as other:
        elsewhere = await desk.inbox("Other", webhook_url=other.url)
        await desk.conversation(elsewhere["id"])
        await other.wait_for("conversation_created")
    assert "within 5 seconds" in str(await failed(desk, number, said["id"]))
    assert len(receiver.received) == 2


async def test_events_of_a_conversation_come_in_order(desk: Desk, inbox: Any, receiver: Receiver) -> None:
    async def slow() -> int:
        await asyncio.sleep(0.02)
        return 200

    receiver.answer = slow
    numbers = [(await desk.conversation(inbox["id"]))["id"] for _ in range(3)]
    for count in range(8):
        for number in numbers:
            await desk.say(number, str(count))
    got = await receiver.wait_for("message_created", 24)
    for number in numbers:
        said = [each["content"] for each in got if each["conversation"]["id"] == number]
        assert said == [str(count) for count in range(8)]


async def test_an_inbox_may_ask_for_more_attempts(desk: Desk, inbox: Any, receiver: Receiver) -> None:
    await desk.patch(f"inboxes/{inbox['id']}", {"webhook_attempts": 2})
    answers = [503]
    receiver.answer = lambda: answers.pop() if answers else 200
    number = (await desk.conversation(inbox["id"]))["id"]
    await receiver.wait_for("conversation_created", 2)  # after 5 s
    said = await desk.say(number)
    await receiver.wait_for("message_created")
    assert (await status_of(desk, number, said["id"]))[0] == "sent"
    ids = [each["X-Chatwoot-Delivery"] for each in receiver.headers]
    assert ids[0] == ids[1] != ids[2]


async def test_an_event_survives_a_stop_and_is_not_sent_twice(
    desk: Desk, inbox: Any, receiver: Receiver, store: Store, outgoing: OutgoingClient
) -> None:
    """The deliveries of another process take over what one that stopped has claimed; its last attempt counts."""
    number = (await desk.conversation(inbox["id"]))["id"]
    await receiver.wait_for("conversation_created")
    said = await desk.say(number)
    await receiver.wait_for("message_created")
    async with store.reading_inboxes() as records:
        found = await records.inbox(desk.account, inbox["id"])
    assert found is not None
    long_ago = SystemClock().now() - timedelta(minutes=5)
    async with store.transaction() as tx:  # claimed once, by a process that is gone
        row = {"inbox_id": inbox["id"], "conversation_id": None, "message_id": said["id"], "event": "message_created"}
        times = {"due_at": long_ago, "created_at": long_ago, "claimed_until": long_ago}
        await tx.inboxes.add_delivery({**row, **times, "body": "{}", "attempts": 1})
    assert await failed(desk, number, said["id"]) == "The delivery was interrupted."
    assert len(receiver.of("message_created")) == 1


async def test_several_processes_share_the_deliveries(
    desk: Desk, inbox: Any, receiver: Receiver, store: Store, outgoing: OutgoingClient, tasks: Any
) -> None:
    limits = DeliveryLimits(at_once=4, per_inbox=2)
    others = [InboxDeliveries(store, outgoing, tasks.spawn, SystemClock(), limits) for _ in range(3)]
    for each in others:
        each.start()
    await asyncio.gather(*(desk.conversation(inbox["id"], message={"content": str(n)}) for n in range(12)))
    await receiver.wait_for("message_created", 12)
    await until(lambda: len(receiver.received) >= 24)
    for each in others:
        await each.aclose()
    assert sorted(int(each["content"]) for each in receiver.of("message_created")) == list(range(12))
    assert len(receiver.received) == 24


async def test_typing_is_sent(desk: Desk, inbox: Any, receiver: Receiver) -> None:
    contact = await desk.contact(inbox["id"])
    number = (await desk.post("conversations", {"source_id": source_of(contact)}))["id"]
    await desk.post(f"conversations/{number}/toggle_typing_status", {"typing_status": "on", "is_private": True})
    public = f"/public/api/v1/inboxes/{inbox['inbox_identifier']}/contacts/{source_of(contact)}/conversations/{number}"
    await desk.post(f"{public}/toggle_typing", {"typing_status": "off"}, headers={})
    (on,) = await receiver.wait_for("conversation_typing_on")
    assert (on["user"]["type"], on["is_private"], on["conversation"]["id"]) == ("user", True, number)
    (off,) = await receiver.wait_for("conversation_typing_off")
    assert (off["user"]["type"], off["is_private"]) == ("contact", False)


async def test_a_status_from_the_source_is_sent_once(desk: Desk, inbox: Any, receiver: Receiver) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    said = await desk.say(number, "x", "outgoing")
    await desk.patch(f"conversations/{number}/messages/{said['id']}", {"status": "delivered"})
    (event,) = await receiver.wait_for("message_updated")
    assert (event["id"], event["status"]) == (said["id"], "delivered")


async def test_an_activity_is_not_sent(desk: Desk, inbox: Any, receiver: Receiver) -> None:
    number = (await desk.conversation(inbox["id"]))["id"]
    await desk.say(number, "joined", "activity")
    await desk.say(number, "after")
    await receiver.wait_for("message_created")
    assert [each["content"] for each in receiver.of("message_created")] == ["after"]
