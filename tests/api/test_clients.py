"""What runs on the other side: the generated client and the example scripts, against a live server."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from service.wiring.domain import Conference
from tests.api.conftest import Api
from tests.api.people import Person

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "scripts" / "examples"
USES = Path(__file__).parent / "client"
VENDOR = Path(__file__).parent / "vendor"
PATIENCE = 60.0

NODE = shutil.which("node")
TSC = shutil.which("tsc")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed (Debian's package nodejs)")
needs_tsc = pytest.mark.skipif(TSC is None, reason="tsc is not installed (Debian's package node-typescript)")

PYTHON_EXAMPLE = (sys.executable, str(EXAMPLES / "send_message.py"))
NODE_EXAMPLE = (NODE or "node", str(EXAMPLES / "send_message.mjs"))

STRICT = ("--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--noUnusedLocals")


async def run(*command: str, **environment: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    return process.returncode, output.decode(), errors.decode()


def check_vendored() -> None:
    """Check that the vendored files are what they were."""
    for line in (VENDOR / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name


def address(api: Api) -> dict[str, str]:
    return {"API_URL": str(api.client.make_url("")).rstrip("/"), "API_TOKEN": api.token, "NO_PROXY": "127.0.0.1"}


async def test_the_client_is_what_the_document_says() -> None:
    code, _, errors = await run(sys.executable, str(ROOT / "scripts" / "make-client"), "--check")
    assert (code, errors) == (0, "")


@needs_node
async def test_the_client_sends_requests_pages_and_raises_errors(api: Api) -> None:
    for number in range(4):
        await api.channel(f"{number}")
    script = str(USES / "use.mjs")
    code, output, errors = await run(NODE or "", script, ORGANIZATION=str(api.organization), **address(api))
    assert code == 0, errors
    printed = json.loads(output)
    refusals = printed.pop("refusals")
    assert printed == {
        "names": ["0", "1", "2", "3", "Town hall"],
        "latency_mode": "standard",
        "body": {"version": 3, "chunks": [{"type": "text", "text": "Grüße\n"}]},
        "state": "offline",
        "aborted": "AbortError",
        "gateway": [502, {"detail": "<p>Bad gateway"}],
        "deleted": None,
    }
    choices = "changeStreamSession: 400 {\"action\":[\"Not a valid choice. Expected 'start' or 'stop'.\"]}"
    assert refusals == {
        "bad value": [True, "changeStreamSession", 400, ["action"], choices],
        "visitor": [True, "getMe", 401, ["detail"], "getMe: 401 Invalid token."],
        "not there": [True, "getMessage", 404, ["detail"], "getMessage: 404 Not found."],
    }


@needs_node
async def test_the_live_methods_of_giosgs_sdk_follow_every_change(api: Api, ada: Person, bob: Person) -> None:
    check_vendored()
    script = str(USES / "use_giosg_sdk.cjs")
    ids = {"ORGANIZATION": str(api.organization), "USER_ID": ada.id, "OTHER_ID": bob.id}
    code, output, errors = await run(NODE or "", "--experimental-websocket", script, **ids, **address(api))
    assert (code, errors) == (0, "")
    followed = json.loads(output)
    assert followed == {name: [True, True] for name in followed} and len(followed) == 12


@needs_node
async def test_subscriptions_resume_without_a_gap(api: Api, ada: Person, conference: Conference) -> None:
    channel = await ada.channel()
    process = await asyncio.create_subprocess_exec(
        NODE or "",
        "--experimental-websocket",
        str(USES / "subscribe.mjs"),
        env={**os.environ, **address(api), "ORGANIZATION": str(api.organization), "CHANNEL": channel},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines = process.stdout

    async def next_line() -> Any:
        async with asyncio.timeout(PATIENCE):
            return json.loads(await lines.readline())

    try:
        begun = sorted([await next_line(), await next_line(), await next_line()])
        assert begun[:2] == [["live", True], ["refused", "SubscriptionError", 404, ["detail"], begun[1][4]]]
        assert begun[2] == ["reset"]
        await ada.say(channel, "first")
        assert await next_line() == ["added", "first"]
        for number in range(3):
            conference.realtime.disconnect_all()
            await ada.say(channel, f"missed {number}")
            await ada.say(channel, f"also {number}")
            assert [await next_line(), await next_line()] == [["live", False], ["live", True]]
            assert [await next_line(), await next_line()] == [
                ["added", f"missed {number}"],
                ["added", f"also {number}"],
            ]
        for text in ("renew", "renewed", "close"):
            await ada.say(channel, text)
            assert await next_line() == ["added", text]
        async with asyncio.timeout(PATIENCE):
            assert (await lines.read(), await process.wait()) == (b"", 0)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@needs_tsc
async def test_the_types_let_through_what_is_right_and_nothing_else() -> None:
    options = (*STRICT, "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom")
    code, output, _ = await run(TSC or "", *options, str(USES / "usage.mts"))
    assert (code, output) == (0, "")


@pytest.mark.parametrize("example", [PYTHON_EXAMPLE, pytest.param(NODE_EXAMPLE, marks=needs_node)])
async def test_an_example_finds_its_channel_and_speaks_there(api: Api, example: tuple[str, str]) -> None:
    for number in range(30):  # more than a page
        await api.channel(f"{number}")
    channel = await api.channel("Town hall")
    await asyncio.gather(*(api.channel(f"later {number}") for number in range(30)))
    code, output, errors = await run(*example, "Town hall", **address(api))
    assert code == 0, errors
    assert output.startswith("I am Ada of Acme.\n")
    _, page = await api.get(f"{api.base}/channels/{channel}/messages")
    (message,) = page["results"]
    assert f"Message {message['id']} was sent at {message['created_at']}." in output
    chunks: list[Any] = message["body"]["chunks"]
    assert [each["type"] for each in chunks] == ["text", "link", "text"]
    assert chunks[2]["text"].startswith("\n")
    assert message["body"]["externalView"]["title"] == "Programme"


@pytest.mark.parametrize("example", [PYTHON_EXAMPLE, pytest.param(NODE_EXAMPLE, marks=needs_node)])
async def test_an_example_says_when_there_is_no_such_channel(api: Api, example: tuple[str, str]) -> None:
    for number in range(30):
        await api.channel(f"{number}")
    code, output, errors = await run(*example, "Nowhere", **address(api))
    assert (code, output) == (1, "I am Ada of Acme.\n")
    assert "There is no channel" in errors
