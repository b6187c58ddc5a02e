"""What runs on the other side: the generated client and the example scripts, against a live server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Api

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "service" / "web" / "client"
EXAMPLES = ROOT / "scripts" / "examples"
PATIENCE = 60.0

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
needs_tsc = pytest.mark.skipif(shutil.which("tsc") is None, reason="tsc is not installed")

PYTHON_EXAMPLE = (sys.executable, str(EXAMPLES / "send_message.py"))
NODE_EXAMPLE = (NODE or "node", str(EXAMPLES / "send_message.mjs"))

USE = """
import { ApiError, ConferenceClient } from "%s";
const { API_URL, API_TOKEN, ORGANIZATION } = process.env;
const client = new ConferenceClient({ baseUrl: API_URL + "/", authorization: `Token ${API_TOKEN}` });
const path = { organization_id: ORGANIZATION };
const made = await client.call("createChannel", { path, body: { name: "Town hall" } });
const channel = { ...path, channel_id: made.id };
const stream = await client.call("ensureStream", { path: channel });
const names = [];
const query = { page_size: 2, ordering: "created_at" };
for (let page = await client.call("listChannels", { path, query }); page; page = await client.next("listChannels", page)) {
  names.push(...page.results.map((each) => each.name));
}
const anybody = new ConferenceClient({ baseUrl: API_URL });
const visitor = await anybody.call("authenticateVisitor", { path });
anybody.authorization = `Bearer ${visitor.access_token}`;
const status = await anybody.call("getStreamStatus", { path: channel });
const refused = await client.call("changeStreamSession", { path: channel, body: { action: "pause" } }).catch((error) => error);
console.log(JSON.stringify({
  names, latency_mode: stream.latency_mode, state: status.state,
  refused: [refused instanceof ApiError, refused.status, refused.operation, Object.keys(refused.body)],
}));
"""

TYPED = """
import { ConferenceClient, type Answer } from "%s";
const client = new ConferenceClient({ baseUrl: "http://127.0.0.1" });
const path = { organization_id: "a", channel_id: "b" };
const status: Answer<"getStreamStatus"> = await client.call("getStreamStatus", { path });
const seconds: number = status.seconds_until_watchable;
await client.call("getMe");
await client.call("changeStreamSession", { path, body: { action: "start" } });
// @ts-expect-error: there is no such action
await client.call("changeStreamSession", { path, body: { action: "pause" } });
// @ts-expect-error: a channel is needed
await client.call("getStreamStatus", { path: { organization_id: "a" } });
console.log(seconds);
"""


async def run(*command: str, **environment: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            said, complaints = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    return process.returncode, said.decode(), complaints.decode()


def address(api: Api) -> dict[str, str]:
    return {"API_URL": str(api.client.make_url("")).rstrip("/"), "API_TOKEN": api.token, "NO_PROXY": "127.0.0.1"}


async def test_the_client_is_what_the_document_says() -> None:
    code, _, complaints = await run(sys.executable, str(ROOT / "scripts" / "make-client"), "--check")
    assert (code, complaints) == (0, "")


@needs_node
async def test_the_client_calls_and_pages_and_tells_errors(api: Api, tmp_path: Path) -> None:
    for number in range(4):
        await api.channel(f"{number}")
    script = tmp_path / "use.mjs"
    script.write_text(USE % (CLIENT / "conference.js"))
    code, said, complaints = await run(NODE or "", str(script), ORGANIZATION=str(api.organization), **address(api))
    assert code == 0, complaints
    assert json.loads(said) == {
        "names": ["0", "1", "2", "3", "Town hall"],
        "latency_mode": "standard",
        "state": "offline",
        "refused": [True, 400, "changeStreamSession", ["action"]],
    }


@needs_tsc
async def test_the_types_hold(tmp_path: Path) -> None:
    script = tmp_path / "typed.mts"
    script.write_text(TYPED % str(CLIENT / "conference.js"))
    options = ("--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom")
    code, said, _ = await run(shutil.which("tsc") or "", *options, str(script))
    assert code == 0, said


async def has_messages(api: Api) -> bool:
    _, document = await api.get("/openapi.json")
    return any(path.endswith("/messages") for path in document["paths"])


@pytest.mark.parametrize("example", [PYTHON_EXAMPLE, pytest.param(NODE_EXAMPLE, marks=needs_node)])
async def test_an_example_finds_its_channel_and_speaks_there(api: Api, example: tuple[str, str]) -> None:
    if not await has_messages(api):
        pytest.skip("there are no messages yet")
    for number in range(30):  # more than a page
        await api.channel(f"{number}")
    channel = await api.channel("Town hall")
    await asyncio.gather(*(api.channel(f"later {number}") for number in range(30)))
    code, said, complaints = await run(*example, "Town hall", **address(api))
    assert code == 0, complaints
    assert said.startswith("I am Ada of Acme.\n")
    _, page = await api.get(f"{api.base}/channels/{channel}/messages")
    (message,) = page["results"]
    assert f"Message {message['id']} was sent at {message['created_at']}." in said
    chunks: list[Any] = message["body"]["chunks"]
    assert [each["type"] for each in chunks] == ["text", "link", "text"]
    assert chunks[2]["text"].startswith("\n")
    assert message["body"]["externalView"]["title"] == "Programme"


@pytest.mark.parametrize("example", [PYTHON_EXAMPLE, pytest.param(NODE_EXAMPLE, marks=needs_node)])
async def test_an_example_says_when_there_is_no_such_channel(api: Api, example: tuple[str, str]) -> None:
    for number in range(30):
        await api.channel(f"{number}")
    code, said, complaints = await run(*example, "Nowhere", **address(api))
    assert (code, said) == (1, "I am Ada of Acme.\n")
    assert "There is no channel" in complaints
