"""Clients that others wrote for Chatwoot, against the API channel; and the example of its three steps."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.api.conftest import Api
from tests.api.desk import desk_of, receiving
from tests.api.test_clients import EXAMPLES, NODE, check_vendored, needs_node, run

HERE = Path(__file__).parent


@pytest.fixture
def address(api: Api) -> dict[str, str]:
    return {"API_URL": str(api.client.make_url("")).rstrip("/"), "NO_PROXY": "127.0.0.1"}


async def test_chatwoots_own_python_client_works(api: Api, address: dict[str, str]) -> None:
    desk = await desk_of(api)
    async with receiving() as receiver:
        script = str(HERE / "client" / "use_chatwoot_sdk.py")
        code, said, complaints = await run(sys.executable, script, receiver.url, **address, API_TOKEN=desk.token)
        assert code == 0, complaints
        seen = json.loads(said)
        refusals = seen.pop("refusals")
        assert seen == {
            "role": "administrator",
            "webhook": receiver.url,
            "inboxes": ["Api"],
            "found": ["Pranav"],
            "renamed": "P.",
            "types": [0, 1, 1],
            "senders": ["contact", "user"],
            "messages": ["Hello", "Welcome", "VIP"],
            "of_contact": [1],
            "resolved": "resolved",
            "listed": [1],
            "status": "resolved",
            "stranger": "refused",
        }
        assert len(refusals) == 2 and "Email has already been taken" in refusals[1]
        events = await receiver.wait_for("message_created", 3)
        assert [each["content"] for each in events] == ["Hello", "Welcome", "VIP"]


@needs_node
async def test_a_client_of_npm_works(api: Api, address: dict[str, str]) -> None:
    check_vendored()
    desk = await desk_of(api)
    async with receiving() as receiver:
        script = str(HERE / "client" / "use_chatwoot_sdk.cjs")
        code, said, complaints = await run(NODE or "", script, receiver.url, **address, API_TOKEN=desk.token)
        assert code == 0, complaints
        assert json.loads(said) == {
            "flat": True,
            "types": [0, 1, 0],
            "attributes": {"a": 1},
            "file": ["image", True],
            "listed": ["Look", "Nice"],
            "contact": "Pranav",
            "status": "resolved",
            "refusal": [True, 404, {"error": "Resource could not be found"}],
            "deleted": {"deleted": True},
            "seen": ["Hi"],
        }
        first, second, third = await receiver.wait_for("message_created", 3)
        assert (first["attachments"][0]["file_type"], second["message_type"]) == ("image", "outgoing")
        assert third["conversation"]["id"] == 2


async def test_the_example_takes_the_three_steps(api: Api, address: dict[str, str]) -> None:
    desk = await desk_of(api)
    inbox = await desk.inbox("WhatsApp")
    script = str(EXAMPLES / "ask_from_outside.py")
    code, said, complaints = await run(sys.executable, script, "WhatsApp", "Hello!", **address, API_TOKEN=desk.token)
    assert code == 0, complaints
    (conversation,) = (await desk.get("conversations"))["data"]["payload"]
    (message,) = (await desk.get(f"conversations/{conversation['id']}/messages"))["payload"]
    assert (message["content"], message["message_type"], conversation["inbox_id"]) == ("Hello!", 0, inbox["id"])
    assert f"Message {message['id']} is in conversation {conversation['id']}." in said


async def test_the_example_says_when_there_is_no_such_inbox(api: Api, address: dict[str, str]) -> None:
    desk = await desk_of(api)
    script = str(EXAMPLES / "ask_from_outside.py")
    code, _, complaints = await run(sys.executable, script, "Nowhere", "Hello!", **address, API_TOKEN=desk.token)
    assert (code, complaints) == (1, "There is no inbox 'Nowhere'.\n")
