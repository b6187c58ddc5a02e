"""The API channel: contacts, conversations and messages, as the contract's acceptance checks have them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from service.store import Store
from tests.api.conftest import Api
from tests.api.desk import Desk, desk_of, fill, source_of

NOT_FOUND = (404, {"error": "Resource could not be found"})


@pytest.fixture
async def desk(api: Api) -> Desk:
    return await desk_of(api)


@pytest.fixture
async def inbox(desk: Desk) -> int:
    return int((await desk.inbox())["id"])


async def widget(desk: Desk, store: Store, inbox: int) -> None:
    """Make it an inbox of another type, which this API does not create."""
    async with store.transaction() as tx:
        await tx.inboxes.change_inbox(inbox, {"channel_type": "Channel::WebWidget"})


async def test_1_a_new_contact_has_its_session_in_each_form(desk: Desk, inbox: int) -> None:
    made = await desk.contact(inbox)
    source = made["contact_inboxes"][0]["source_id"]
    assert source == made["payload"]["contact_inbox"]["source_id"]
    assert source == made["payload"]["contact"]["contact_inboxes"][0]["source_id"]
    assert made["id"] == made["payload"]["contact"]["id"]
    assert made["payload"]["contact_inbox"]["inbox"]["account_id"] == desk.account
    assert (made["name"], made["email"], made["thumbnail"], made["blocked"]) == ("Pranav", None, "", False)
    assert made["contact_inboxes"][0]["inbox"]["channel_type"] == "Channel::Api"
    assert "website_token" in made["contact_inboxes"][0]["inbox"]
    assert "last_activity_at" not in made


@pytest.mark.parametrize("header", ["api-access-token", "Api-Access-Token", "API_ACCESS_TOKEN", "api_access_token"])
async def test_2_the_header_has_two_spellings_in_any_case(desk: Desk, inbox: int, header: str) -> None:
    where = f"/api/v1/accounts/{desk.account}/contacts"
    async with desk.api.client.post(where, json={"inbox_id": inbox}, headers={header: desk.token}) as response:
        assert response.status == 200


async def test_3_each_wrong_token_has_its_answer(desk: Desk, inbox: int) -> None:
    beside = await desk.api.organization_beside()
    stranger, other = await desk_of(beside), await desk_of(beside)
    assert other.account == stranger.account != desk.account
    path = f"/api/v1/accounts/{desk.account}/contacts"
    sign_in = {"errors": ["You need to sign in or sign up before continuing."]}
    assert await desk.refused("POST", path, {}, headers={}) == (401, sign_in)
    for wrong in ("nonsense", "two words", "é", "x" * 5000):
        answer = await desk.refused("POST", path, {}, headers={"api_access_token": wrong})
        assert answer == (401, {"error": "Invalid Access Token"})
    refused = (401, {"error": "You are not authorized to access this account"})
    assert await stranger.refused("POST", path, {}) == refused
    assert await desk.refused("GET", "/api/v1/accounts/999999/contacts") == NOT_FOUND


async def test_4_nothing_is_stored_for_an_unknown_inbox(desk: Desk, inbox: int) -> None:
    assert await desk.refused("POST", "contacts", {"inbox_id": 999, "name": "Lost"}) == NOT_FOUND
    assert (await desk.get("contacts"))["meta"]["count"] == 0


async def test_5_an_email_address_is_unique_in_any_case(desk: Desk, inbox: int) -> None:
    assert (await desk.contact(inbox, email="Ada@Example.com"))["email"] == "ada@example.com"
    refusal = {"message": "Email has already been taken", "attributes": ["email"]}
    assert await desk.refused("POST", "contacts", {"email": "aDa@example.COM"}) == (422, refusal)
    beside = await desk_of(await desk.api.organization_beside())
    assert (await beside.post("contacts", {"email": "ada@example.com"}))["email"] == "ada@example.com"


@pytest.mark.parametrize("name", ["phone_number", "identifier", "email"])
async def test_unique_values_stay_unique_under_concurrent_requests(desk: Desk, inbox: int, name: str) -> None:
    value = {"phone_number": "+358401234567", "identifier": "user-7", "email": "a@example.com"}[name]
    calls = [desk.call("POST", "contacts", {name: value}) for _ in range(8)]
    answers = await asyncio.gather(*calls)
    assert sorted(status for status, _ in answers) == [200] + [422] * 7
    assert {tuple(answer["attributes"]) for status, answer in answers if status == 422} == {(name,)}


@pytest.mark.parametrize("phone", ["12345", "+0123", "358401234567", "+12345678901234567", "+١٢٣"])
async def test_6_a_phone_number_is_in_e164(desk: Desk, phone: str) -> None:
    status, answer = await desk.refused("POST", "contacts", {"phone_number": phone})
    assert (status, answer["attributes"]) == (422, ["phone_number"])
    assert "should be in e164 format" in answer["message"]


async def test_7_a_name_has_a_limit(desk: Desk) -> None:
    status, answer = await desk.refused("POST", "contacts", {"name": "n" * 300})
    assert (status, answer["message"]) == (422, "Name is too long (maximum is 255 characters)")
    assert (await desk.post("contacts", {"name": "n" * 255}))["name"] == "n" * 255


async def test_a_malformed_email_address_is_named(desk: Desk) -> None:
    status, answer = await desk.refused("POST", "contacts", {"email": "not an address", "phone_number": "1"})
    assert (status, answer["attributes"]) == (422, ["email", "phone_number"])
    assert answer["message"] == "Email Invalid email, Phone number should be in e164 format"


async def test_8_a_contact_needs_no_inbox(desk: Desk) -> None:
    made = await desk.post("contacts", {"name": "Alone"})
    assert made["contact_inboxes"] == []
    assert made["payload"]["contact_inbox"] == {"source_id": None, "inbox": None}


async def test_a_source_id_belongs_to_one_contact(desk: Desk, inbox: int) -> None:
    await desk.contact(inbox, source_id="whatsapp:1")
    refused = await desk.refused("POST", "contacts", {"inbox_id": inbox, "source_id": "whatsapp:1"})
    assert refused == (422, {"error": "source_id should be unique"})
    assert (await desk.get("contacts"))["meta"]["count"] == 1


async def test_a_contact_is_found_changed_and_gets_a_further_session(desk: Desk, inbox: int) -> None:
    made = await desk.contact(inbox, email="ada@example.com", custom_attributes={"plan": "gold"})
    found = await desk.get("contacts/search", params={"q": "ADA@"})
    assert [each["id"] for each in found["payload"]] == [made["id"]]
    changed = await desk.patch(f"contacts/{made['id']}", {"name": "Ada", "custom_attributes": {"seat": 3}})
    assert changed["payload"]["custom_attributes"] == {"plan": "gold", "seat": 3}
    other = await desk.inbox("Second")
    session = await desk.post(f"contacts/{made['id']}/contact_inboxes", {"inbox_id": other["id"]})
    assert session["inbox"]["id"] == other["id"]
    shown = (await desk.get(f"contacts/{made['id']}"))["payload"]
    assert [each["source_id"] for each in shown["contact_inboxes"]] == [source_of(made), session["source_id"]]
    await desk.contact(inbox, email="bob@example.com")
    status, answer = await desk.refused("PATCH", f"contacts/{made['id']}", {"email": "BOB@example.com"})
    assert (status, answer["attributes"]) == (422, ["email"])


async def test_9_a_conversation_begins_with_a_source_id(desk: Desk, inbox: int) -> None:
    contact = await desk.contact(inbox)
    made = await desk.post("conversations", {"source_id": source_of(contact)})
    assert isinstance(made["id"], int)
    assert (made["status"], made["messages"], made["inbox_id"]) == ("open", [], inbox)
    assert made["meta"]["sender"]["id"] == contact["id"]
    assert (made["meta"]["channel"], made["first_reply_created_at"], made["muted"]) == ("Channel::Api", 0, False)
    assert isinstance(made["updated_at"], float)


async def test_10_ids_may_be_text_and_the_source_id_may_be_absent(desk: Desk, inbox: int) -> None:
    contact = await desk.contact(inbox)
    both = {"inbox_id": str(inbox), "contact_id": contact["id"]}
    first = await desk.post("conversations", {"source_id": source_of(contact), **both})
    second = await desk.post("conversations", both)
    third = await desk.post("conversations", {"source_id": source_of(contact), "inbox_id": inbox})
    assert [each["meta"]["sender"]["id"] for each in (first, second, third)] == [contact["id"]] * 3
    assert [each["id"] for each in (first, second, third)] == [1, 2, 3]


async def test_11_a_source_id_must_be_known_and_the_contacts_own(desk: Desk, inbox: int) -> None:
    ada, bob = await desk.contact(inbox, "Ada"), await desk.contact(inbox, "Bob")
    assert await desk.refused("POST", "conversations", {"source_id": "unknown"}) == NOT_FOUND
    assert await desk.refused("POST", "conversations", {}) == NOT_FOUND
    mixed = {"source_id": source_of(ada), "inbox_id": inbox, "contact_id": bob["id"]}
    assert await desk.refused("POST", "conversations", mixed) == (422, {"error": "source_id should be unique"})
    stranger = await desk_of(await desk.api.organization_beside())
    assert await stranger.refused("POST", "conversations", {"source_id": source_of(ada)}) == NOT_FOUND


async def test_12_a_status_and_a_first_message_may_be_given(desk: Desk, inbox: int) -> None:
    assert (await desk.conversation(inbox, status="pending"))["status"] == "pending"
    made = await desk.conversation(inbox, message={"content": "hi"})
    assert (made["messages"][0]["content"], made["messages"][0]["message_type"]) == ("hi", 1)
    status, answer = await desk.refused("POST", "conversations", {"source_id": "x", "status": "odd"})
    assert (status, answer) == (422, {"error": "'odd' is not a valid status"})


async def test_the_conversation_of_a_blocked_contact_is_resolved(desk: Desk, inbox: int) -> None:
    contact = await desk.contact(inbox, blocked="true")
    made = await desk.post("conversations", {"source_id": source_of(contact)})
    assert (made["status"], made["muted"]) == ("resolved", True)
    await desk.say(made["id"])
    assert (await desk.get(f"conversations/{made['id']}"))["status"] == "resolved"


async def test_an_inbox_may_have_one_conversation_for_each_session(desk: Desk) -> None:
    inbox = await desk.inbox(lock_to_single_conversation=True)
    source = {"source_id": source_of(await desk.contact(inbox["id"]))}
    first, second = await desk.post("conversations", source), await desk.post("conversations", source)
    assert first["id"] == second["id"] == 1


async def test_13_each_account_counts_its_conversations_from_one(desk: Desk, inbox: int) -> None:
    beside = await desk_of(await desk.api.organization_beside())
    there = (await beside.inbox())["id"]
    assert [(await desk.conversation(inbox))["id"], (await beside.conversation(there))["id"]] == [1, 1]
    made = await asyncio.gather(*(desk.conversation(inbox) for _ in range(6)))
    assert sorted(each["id"] for each in made) == [2, 3, 4, 5, 6, 7]


async def test_14_an_incoming_message_is_the_contacts(desk: Desk, inbox: int) -> None:
    number = (await desk.conversation(inbox))["id"]
    said = await desk.say(number, "x", echo_id="e-1")
    assert (said["message_type"], said["content_type"], said["private"]) == (0, "text", False)
    assert (said["sender"]["type"], said["sender"]["name"], said["echo_id"]) == ("contact", "Pranav", "e-1")
    assert (said["conversation_id"], said["status"], said["source_id"]) == (number, "sent", None)
    assert isinstance(said["created_at"], int)
    assert "attachments" not in said
    shown = await desk.get(f"conversations/{number}")
    assert (shown["unread_count"], shown["last_non_activity_message"]["id"]) == (1, said["id"])
    assert (await desk.post(f"conversations/{number}/update_last_seen"))["unread_count"] == 0


async def test_15_a_message_is_outgoing_by_default(desk: Desk, inbox: int) -> None:
    number = (await desk.conversation(inbox))["id"]
    said = await desk.post(f"conversations/{number}/messages", {"content": "x"})
    assert (said["message_type"], said["sender"]["type"], said["sender"]["name"]) == (1, "user", "Ada Byron")
    assert (await desk.get(f"conversations/{number}"))["first_reply_created_at"] > 0


async def test_the_organizations_own_token_speaks_as_a_bot(desk: Desk, inbox: int) -> None:
    number = (await desk.conversation(inbox))["id"]
    issued = await desk.api.accounts.create_token(desk.api.organization, None)
    organization = Desk(desk.api, issued.secret, desk.account)
    said = await organization.say(number, "x", "outgoing")
    assert (said["sender"]["type"], said["sender"]["name"]) == ("agent_bot", "Acme")
    assert (await organization.get("/api/v1/profile"))["name"] == "Acme"


async def test_16_incoming_messages_are_for_inboxes_of_this_api(desk: Desk, inbox: int, store: Store) -> None:
    number = (await desk.conversation(inbox))["id"]
    await widget(desk, store, inbox)
    path = f"conversations/{number}/messages"
    refused = await desk.refused("POST", path, {"content": "x", "message_type": "incoming"})
    assert refused == (422, {"error": "Incoming messages are only allowed in Api inboxes"})
    assert (await desk.post(path, {"content": "x"}))["message_type"] == 1


async def test_17_a_message_has_a_limit(desk: Desk, inbox: int) -> None:
    number = (await desk.conversation(inbox))["id"]
    status, answer = await desk.refused("POST", f"conversations/{number}/messages", {"content": "c" * 150_001})
    assert status == 422
    assert answer["error"] == "Validation failed: Content is too long (maximum is 150000 characters)"
    assert len((await desk.say(number, "é" * 150_000))["content"]) == 150_000


async def test_18_unknown_conversations_and_types_are_refused(desk: Desk, inbox: int) -> None:
    assert await desk.refused("POST", "conversations/999/messages", {"content": "x"}) == NOT_FOUND
    number = (await desk.conversation(inbox))["id"]
    path = f"conversations/{number}/messages"
    refused = await desk.refused("POST", path, {"message_type": "x"})
    assert refused == (422, {"error": "'x' is not a valid message_type"})
    assert (await desk.refused("POST", path, {"content_type": "x"}))[0] == 422
    assert (await desk.refused("POST", path, {"content": "a\0b"}))[0] == 422


async def test_a_conversation_takes_200_messages_a_minute(desk: Desk, inbox: int, store: Store) -> None:
    number = (await desk.conversation(inbox))["id"]
    await fill(store, desk, number, 199)
    await desk.say(number, "the last one")
    status, answer = await desk.refused("POST", f"conversations/{number}/messages", {"content": "x"})
    assert (status, answer) == (422, {"error": "Validation failed: Too many messages"})
    desk.api.clock.advance(61)
    await desk.say(number, "a minute later")


async def test_24_messages_come_by_pages_of_20(desk: Desk, inbox: int) -> None:
    number = (await desk.conversation(inbox))["id"]
    ids = [(await desk.say(number, str(count)))["id"] for count in range(25)]
    path = f"conversations/{number}/messages"
    latest = await desk.get(path)
    assert [each["id"] for each in latest["payload"]] == ids[5:]
    assert latest["meta"]["contact"]["name"] == "Pranav"

    async def page(**query: Any) -> list[int]:
        return [each["id"] for each in (await desk.get(path, params=query))["payload"]]

    assert await page(before=ids[5]) == ids[:5]
    assert await page(after=ids[2]) == ids[3:]
    assert await page(after=ids[2], before=ids[6]) == ids[3:6]
    assert await page(before=ids[0]) == []


async def test_30_a_source_reports_the_status_of_a_message(desk: Desk, inbox: int, store: Store) -> None:
    number = (await desk.conversation(inbox))["id"]
    path = f"conversations/{number}/messages/{(await desk.say(number, 'x', 'outgoing'))['id']}"
    assert (await desk.patch(path, {"status": "delivered"}))["status"] == "delivered"
    assert (await desk.patch(path, {"status": "read"}))["status"] == "read"
    assert (await desk.patch(path, {"status": "delivered"}))["status"] == "read"
    failed = await desk.patch(path, {"status": "failed", "external_error": "no such number"})
    assert (failed["status"], failed["content_attributes"]["external_error"]) == ("failed", "no such number")
    assert (await desk.refused("PATCH", path, {"status": "odd"}))[0] == 422
    await widget(desk, store, inbox)
    refusal = {"error": "Message status update is only allowed for API inboxes"}
    assert await desk.refused("PATCH", path, {"status": "delivered"}) == (403, refusal)


async def test_a_deleted_message_keeps_its_place(desk: Desk, inbox: int) -> None:
    number = (await desk.conversation(inbox))["id"]
    said = await desk.say(number)
    deleted = await desk._good("DELETE", f"conversations/{number}/messages/{said['id']}", None, {})
    assert (deleted["content"], deleted["content_attributes"]) == ("This message was deleted", {"deleted": True})
    assert (await desk.refused("DELETE", f"conversations/{number}/messages/999999"))[0] == 404


async def test_a_fixed_name_is_no_id(desk: Desk) -> None:
    assert (await desk.refused("PUT", "contacts/search", {}))[0] == 405
    assert (await desk.get("contacts/search/", params={"q": "x"}))["payload"] == []
    for path in ("contacts/searching", "contacts/0", "contacts/-1", "contacts/1.0", "contacts/99999999999999999999"):
        assert await desk.refused("GET", path) == NOT_FOUND


async def test_a_form_says_the_same_as_json(desk: Desk, inbox: int) -> None:
    fields = {"inbox_id": str(inbox), "name": "Form", "blocked": "0", "custom_attributes[plan]": "gold"}
    made = await desk.post("contacts", data=fields)
    assert (made["name"], made["blocked"], made["custom_attributes"]) == ("Form", False, {"plan": "gold"})
    begun = await desk.post("conversations", data={"source_id": source_of(made), "message[content]": "hi"})
    assert begun["messages"][0]["content"] == "hi"
    said = await desk.post(
        f"conversations/{begun['id']}/messages",
        data={"content": "note", "private": "true", "content_attributes": '{"a": 1}'},
    )
    assert (said["private"], said["content_attributes"]) == (True, {"a": 1})


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"[1]", "headers": {"Content-Type": "application/json"}}, 422),
        ({"data": b"<a/>", "headers": {"Content-Type": "application/xml"}}, 415),
        ({"data": {"custom_attributes": "text"}}, 422),
        ({"data": {"name[x]": "3"}}, 422),
        ({"data": {"name": "1", "name[x]": "3"}}, 400),
        ({"data": {"a[b][c][d][e][f]": "1"}}, 400),
        ({"json": {"inbox_id": "three"}}, 422),
        ({"json": {"blocked": "perhaps"}}, 422),
        ({"json": {"custom_attributes": [1]}}, 422),
        ({"json": {"attachments": ["x"], "avatar": "x"}}, 422),
        ({"json": {"additional_attributes": {"k": "v" * 70_000}}}, 422),
    ],
)
async def test_a_wrong_body_is_refused_in_the_form_of_the_contract(
    desk: Desk, sent: dict[str, Any], status: int
) -> None:
    sent = {**sent, "headers": {**desk.auth, **sent.get("headers", {})}}
    answered, answer = await desk.refused("POST", "contacts", **sent)
    assert (answered, {"error", "message"} & set(answer) != set()) == (status, True)


async def test_bots_may_talk_but_not_manage(desk: Desk, inbox: int, store: Store) -> None:
    number = (await desk.conversation(inbox))["id"]
    bot = await desk_of(desk.api)
    async with store.database.transaction() as connection:
        await connection.execute(
            text("UPDATE users SET is_bot = true WHERE id IN (SELECT user_id FROM inbox_agents WHERE id = :id)"),
            {"id": (await bot.get("/api/v1/profile"))["id"]},
        )
    again = await desk.api.accounts.create_token(desk.api.organization, await _user_of(store, bot))
    bot.token = again.secret
    assert (await bot.say(number, "beep", "outgoing"))["sender"]["type"] == "agent_bot"
    refusal = {"error": "Access to this endpoint is not authorized for bots"}
    assert await bot.refused("POST", "contacts", {"name": "x"}) == (401, refusal)


async def _user_of(store: Store, desk: Desk) -> Any:
    async with store.reading_inboxes() as records:
        agent = await records.agent((await desk.get("/api/v1/profile"))["id"])
        assert agent is not None
        return agent.user_id


async def test_inboxes_are_created_listed_and_changed(desk: Desk) -> None:
    hook = "http://127.0.0.1:1/hook"
    made = await desk.post("inboxes", {"name": "Api", "channel": {"type": "api", "webhook_url": hook}})
    assert (made["webhook_url"], made["channel_type"], made["webhook_attempts"]) == (hook, "Channel::Api", 1)
    changed = await desk.patch(f"inboxes/{made['id']}", {"webhook_url": "", "name": " New "})
    assert (changed["webhook_url"], changed["name"]) == (None, "New")
    listed = (await desk.get("inboxes"))["payload"]
    assert [(each["id"], each["inbox_identifier"]) for each in listed] == [(made["id"], made["inbox_identifier"])]
    status, answer = await desk.refused("PATCH", f"inboxes/{made['id']}", {"webhook_url": "http://10.0.0.1/"})
    assert (status, answer["attributes"]) == (422, ["webhook_url"])
    assert (await desk.refused("POST", "inboxes", {"name": " "}))[0] == 422
    assert await desk.refused("GET", "inboxes/999") == NOT_FOUND


async def test_an_agent_sees_no_secrets_and_changes_no_inbox(desk: Desk, inbox: int) -> None:
    agent = await desk_of(desk.api, manager=False)
    assert {"hmac_token", "secret"} <= set(await desk.get(f"inboxes/{inbox}"))
    assert not {"hmac_token", "secret"} & set(await agent.get(f"inboxes/{inbox}"))
    refusal = (401, {"error": "You are not authorized to do this action"})
    assert await agent.refused("POST", "inboxes", {"name": "Mine"}) == refusal
    assert await agent.refused("PATCH", f"inboxes/{inbox}", {"name": "Mine"}) == refusal
    assert (await agent.get("/api/v1/profile"))["role"] == "agent"
    assert (await desk.get("/api/v1/profile"))["role"] == "administrator"


async def test_a_conversation_is_listed_and_its_attributes_are_replaced(desk: Desk, inbox: int) -> None:
    first, second = await desk.conversation(inbox), await desk.conversation(inbox)
    await desk.say(first["id"])
    me = (await desk.get("/api/v1/profile"))["id"]
    source = {"source_id": source_of(await desk.contact(inbox))}
    mine = await desk.post("conversations", {**source, "assignee_id": me, "status": "pending"})
    assert mine["meta"]["assignee"]["id"] == me
    counts = (await desk.get("conversations", params={"status": "all"}))["data"]["meta"]
    assert counts == {"mine_count": 1, "assigned_count": 1, "unassigned_count": 2, "all_count": 3}
    assert (await desk.refused("POST", "conversations", {**source, "assignee_id": 999}))[0] == 422
    listed = (await desk.get("conversations"))["data"]["payload"]
    assert [each["id"] for each in listed] == [first["id"], second["id"]]
    await desk.post(f"conversations/{first['id']}/toggle_status", {"status": "resolved"})
    assert len((await desk.get("conversations"))["data"]["payload"]) == 1
    assert len((await desk.get("conversations", params={"status": "all"}))["data"]["payload"]) == 3
    path = f"conversations/{first['id']}/custom_attributes"
    assert await desk.post(path, {"custom_attributes": {"a": 1}}) == {"custom_attributes": {"a": 1}}
    of_contact = await desk.get(f"contacts/{first['meta']['sender']['id']}/conversations")
    assert [each["custom_attributes"] for each in of_contact["payload"]] == [{"a": 1}]
