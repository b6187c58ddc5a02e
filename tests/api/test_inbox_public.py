"""The public client API of inboxes: sessions, proven identities, files, and any origin."""

from __future__ import annotations

import hashlib
import hmac
import io
from typing import Any

import aiohttp
import pytest

from service.store import Store
from tests.api.conftest import Api
from tests.api.desk import Desk, desk_of, receiving, source_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


@pytest.fixture
async def desk(api: Api) -> Desk:
    return await desk_of(api)


class App:
    """The app of a contact: requests without a token."""

    def __init__(self, desk: Desk, inbox: Any) -> None:
        self.desk = desk
        self.base = f"/public/api/v1/inboxes/{inbox['inbox_identifier']}"

    async def get(self, path: str = "", **more: Any) -> Any:
        return await self.desk.get(self.base + path, headers={}, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return await self.desk.post(self.base + path, body, headers={}, **more)

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        return await self.desk.call(method, self.base + path, body, headers={}, **more)

    async def session(self, **more: Any) -> str:
        return f"/contacts/{(await self.post('/contacts', more))['source_id']}"


async def test_25_a_contact_is_created_once_for_a_source_id(desk: Desk) -> None:
    app = App(desk, await desk.inbox())
    made = await app.post("/contacts", {})
    assert set(made) == {"source_id", "pubsub_token", "id", "name", "email", "phone_number"}
    assert "-" in made["name"]
    again = await app.post("/contacts", {"source_id": made["source_id"]})
    assert again == made == await app.get(f"/contacts/{made['source_id']}")
    assert (await app.get())["identity_validation_enabled"] is False


async def test_a_known_contact_gets_a_further_session(desk: Desk) -> None:
    inbox = await desk.inbox()
    app = App(desk, inbox)
    known = await desk.contact(inbox["id"], email="ada@example.com")
    found = await app.post("/contacts", {"email": "ADA@example.com"})
    assert (found["id"], found["name"]) == (known["id"], "Pranav")
    assert found["source_id"] != source_of(known)


async def test_26_a_message_of_the_app_is_incoming_everywhere(desk: Desk) -> None:
    async with receiving() as receiver:
        inbox = await desk.inbox(webhook_url=receiver.url)
        app = App(desk, inbox)
        me = await app.session(name="Visitor")
        begun = await app.post(f"{me}/conversations", {"custom_attributes": {"page": "/live"}})
        assert (begun["messages"], begun["contact"]["name"]) == ([], "Visitor")
        said = await app.post(f"{me}/conversations/{begun['id']}/messages", {"content": "hello", "echo_id": "1"})
        assert (said["message_type"], said["echo_id"], said["sender"]["type"]) == (0, "1", "contact")
        (listed,) = (await desk.get(f"conversations/{begun['id']}/messages"))["payload"]
        assert (listed["id"], listed["content"]) == (said["id"], "hello")
        (event,) = await receiver.wait_for("message_created")
        assert (event["content"], event["message_type"]) == ("hello", "incoming")
        await desk.say(begun["id"], "welcome", "outgoing")
        (mine,) = await app.get(f"{me}/conversations")
        assert [each["content"] for each in mine["messages"]] == ["hello", "welcome"]
        await app.post(f"{me}/conversations/{begun['id']}/update_last_seen")
        assert (await app.get(f"{me}/conversations/{begun['id']}"))["contact_last_seen_at"] > 0


async def test_a_session_sees_its_own_conversations_only(desk: Desk) -> None:
    app = App(desk, await desk.inbox())
    me, other = await app.session(), await app.session()
    mine = (await app.post(f"{me}/conversations"))["id"]
    for path in (f"{other}/conversations/{mine}", f"{other}/conversations/{mine}/messages", "/contacts/unknown"):
        assert await app.call("GET", path) == (404, {"error": "Resource could not be found"})
    assert await app.get(f"{other}/conversations") == []
    elsewhere = App(desk, await desk.inbox("Other"))
    assert (await elsewhere.call("GET", f"{me}/conversations"))[0] == 404
    assert (await desk.call("GET", "/public/api/v1/inboxes/unknown", headers={}))[0] == 404


async def test_an_app_resolves_and_a_message_opens_again(desk: Desk) -> None:
    app = App(desk, await desk.inbox())
    me = await app.session()
    path = f"{me}/conversations/{(await app.post(f'{me}/conversations'))['id']}"
    assert (await app.post(f"{path}/toggle_status"))["status"] == "resolved"
    assert (await app.post(f"{path}/toggle_status"))["status"] == "resolved"
    await app.post(f"{path}/messages", {"content": "wait"})
    assert (await app.get(path))["status"] == "open"


async def test_27_an_identity_is_proven_by_hmac(desk: Desk) -> None:
    inbox = await desk.inbox(hmac_mandatory=True)
    app = App(desk, inbox)
    refusal = (401, {"error": "HMAC failed: Invalid Identifier Hash Provided"})
    proof = hmac.new(inbox["hmac_token"].encode(), b"user-7", hashlib.sha256).hexdigest()
    assert (await app.get())["identity_validation_enabled"] is True
    assert await app.call("POST", "/contacts", {"identifier": "user-7"}) == refusal
    assert await app.call("POST", "/contacts", {"identifier": "user-7", "identifier_hash": "0" * 64}) == refusal
    assert await app.call("POST", "/contacts", {"identifier": "user-8", "identifier_hash": proof}) == refusal
    assert await app.call("POST", "/contacts", {"identifier": "user-7", "identifier_hash": proof.upper()}) == refusal
    empty = hmac.new(inbox["hmac_token"].encode(), b"", hashlib.sha256).hexdigest()
    assert await app.call("POST", "/contacts", {"identifier_hash": empty}) == refusal
    me = await app.session(identifier="user-7", identifier_hash=proof)
    begun = await app.post(f"{me}/conversations")
    assert (await desk.get(f"conversations/{begun['id']}"))["meta"]["hmac_verified"] is False
    assert await app.call("PATCH", me, {"name": "Ada"}) == refusal
    proven = {"name": "Ada", "identifier": "user-7", "identifier_hash": proof}
    status, changed = await app.call("PATCH", me, proven)
    assert (status, changed["name"], changed["identifier"]) == (200, "Ada", "user-7")
    assert (await desk.get(f"conversations/{begun['id']}"))["meta"]["hmac_verified"] is True
    assert (await app.call("GET", me))[0] == 401
    assert (await app.get(me, params={"identifier": "user-7", "identifier_hash": proof}))["name"] == "Ada"


async def test_a_proven_session_sees_all_conversations_of_its_contact(desk: Desk) -> None:
    inbox = await desk.inbox()
    app = App(desk, inbox)
    proof = hmac.new(inbox["hmac_token"].encode(), b"user-7", hashlib.sha256).hexdigest()
    proven = {"identifier": "user-7", "identifier_hash": proof}
    phone, laptop = await app.session(**proven), await app.session(**proven)
    begun = await app.post(f"{phone}/conversations")
    assert await app.get(f"{laptop}/conversations") == []
    await app.call("PATCH", laptop, proven)
    assert [each["id"] for each in await app.get(f"{laptop}/conversations")] == [begun["id"]]
    assert (await app.get(f"{laptop}/conversations/{begun['id']}"))["id"] == begun["id"]


async def test_28_any_origin_may_call_it(desk: Desk) -> None:
    inbox = await desk.inbox()
    asked = {
        "Origin": "https://anywhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, x-anything",
    }
    base = App(desk, inbox).base
    async with desk.api.client.options(f"{base}/contacts", headers=asked) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Access-Control-Allow-Headers"] == "content-type, x-anything"
        assert {"POST", "PATCH"} <= set(response.headers["Access-Control-Allow-Methods"].split(", "))
    async with desk.api.client.get(base, headers={"Origin": "https://anywhere.example"}) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"


def with_files(*files: tuple[str, str, bytes], **fields: str) -> aiohttp.FormData:
    form = aiohttp.FormData(fields, quote_fields=False)
    for name, content_type, content in files:
        form.add_field("attachments[]", io.BytesIO(content), filename=name, content_type=content_type)
    return form


async def test_29_a_message_has_files(desk: Desk) -> None:
    async with receiving() as receiver:
        inbox = await desk.inbox(webhook_url=receiver.url)
        number = (await desk.conversation(inbox["id"]))["id"]
        form = with_files(("file.png", "image/png", PNG), message_type="incoming", content="look")
        said = await desk.post(f"conversations/{number}/messages", data=form)
        (file,) = said["attachments"]
        assert (file["file_type"], file["extension"], file["file_size"]) == ("image", "png", len(PNG))
        (event,) = await receiver.wait_for("message_created")
        path = file["data_url"].partition("/inbox-files/")[2]
        assert event["attachments"][0]["data_url"].endswith(path)
        async with desk.api.client.get(f"/inbox-files/{path}") as response:
            assert (response.status, await response.read()) == (200, PNG)
            assert response.headers["Content-Type"] == "image/png"
            assert response.headers["Content-Disposition"].startswith("inline")
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        async with desk.api.client.get("/inbox-files/" + "x" * 32) as response:
            assert response.status == 404
        deleted = await desk._good("DELETE", f"conversations/{number}/messages/{said['id']}", None, {})
        assert "attachments" not in deleted
        async with desk.api.client.get(f"/inbox-files/{path}") as response:
            assert response.status == 404


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript", "a b"])
async def test_no_file_is_run_from_our_origin(desk: Desk, kind: str) -> None:
    number = (await desk.conversation((await desk.inbox())["id"]))["id"]
    page = ("../../../etc/<passwd>.html", kind, b"<script>alert(1)</script>")
    said = await desk.post(f"conversations/{number}/messages", data=with_files(page))
    (file,) = said["attachments"]
    async with desk.api.client.get("/inbox-files/" + file["data_url"].rpartition("/")[2]) as response:
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''passwd.html"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


async def test_files_have_limits(desk: Desk) -> None:
    app = App(desk, await desk.inbox())
    me = await app.session()
    path = f"{me}/conversations/{(await app.post(f'{me}/conversations'))['id']}/messages"
    many = with_files(*[(f"{n}.png", "image/png", PNG) for n in range(16)])
    status, answer = await app.call("POST", path, data=many)
    assert (status, answer) == (422, {"error": "Validation failed: Attachments exceeded maximum allowed (15)"})
    status, _ = await app.call("POST", path, data=with_files(("big.bin", "application/zip", bytes(42 << 20))))
    assert status == 413
    fifteen = await app.post(path, data=with_files(*[(f"{n}.mp4", "video/mp4", PNG) for n in range(15)]))
    assert [each["file_type"] for each in fifteen["attachments"]] == ["video"] * 15


async def test_a_contact_has_a_picture(desk: Desk) -> None:
    form = aiohttp.FormData({"name": "Ada"})
    form.add_field("avatar", PNG, filename="ada.png", content_type="image/png")
    made = await desk.post("contacts", data=form)
    async with desk.api.client.get("/inbox-files/" + made["thumbnail"].rpartition("/")[2]) as response:
        assert await response.read() == PNG
    form = aiohttp.FormData({"name": "Ada"})
    form.add_field("avatar", b"%PDF", filename="ada.pdf", content_type="application/pdf")
    assert (await desk.refused("POST", "contacts", data=form))[1]["attributes"] == ["avatar"]


async def test_a_contact_submits_values(desk: Desk, store: Store) -> None:
    inbox = await desk.inbox()
    app = App(desk, inbox)
    me = await app.session()
    number = (await app.post(f"{me}/conversations"))["id"]
    choices = {"items": [{"title": "Yes", "value": "yes"}]}
    asked = await desk.say(number, "Well?", "outgoing", content_type="input_select", content_attributes=choices)
    path = f"{me}/conversations/{number}/messages/{asked['id']}"
    status, answer = await app.call("PATCH", path, {"submitted_values": [{"title": "Yes", "value": "yes"}]})
    assert (status, answer["content_attributes"]["submitted_values"][0]["value"]) == (200, "yes")
    note = await desk.say(number, "psst", "outgoing", private=True)
    hidden = f"{me}/conversations/{number}/messages/{note['id']}"
    assert (await app.call("PATCH", hidden, {"submitted_values": []}))[0] == 404


async def test_unknown_inboxes_are_guesses(desk: Desk) -> None:
    """As with channel ids: an address may guess a few hundred times."""
    statuses = [(await desk.call("GET", f"/public/api/v1/inboxes/{n}", headers={}))[0] for n in range(230)]
    assert set(statuses) == {404, 429}
    app = App(desk, await desk.inbox())
    assert (await app.get())["name"] == "Api"
