"""Webhooks in the studio, with a real receiver."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.accessibility import violations
from tests.e2e.browser import Browser
from tests.e2e.service import Service, service
from tests.e2e.streamer import Streamer
from tests.receiver import Receiver, answer, answering, receiving
from tests.waiting import until

pytestmark = pytest.mark.e2e

LOOPBACK = {"OUTGOING_NETWORKS": "127.0.0.0/8", "OUTGOING_HTTP": "true"}


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Service]:
    """Yield a service for this test alone, whose user is a manager, and that may call receivers on this computer."""
    async with service(tmp_path, **LOOPBACK) as running:
        await running.make_manager()
        yield running


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


async def picture(browser: Browser, name: str) -> None:
    """Take screenshots, if a folder for them is named."""
    if folder := os.environ.get("WEBHOOK_SCREENSHOTS"):
        for width, kind in ((1280, "desktop"), (375, "phone")):
            for dark in (False, True):
                await browser.resize(width, 860, dark=dark)
                await browser.screenshot(Path(folder) / f"{name}-{kind}-{'dark' if dark else 'light'}.png")
        await browser.resize(1280, 860)


async def test_a_webhook_from_its_creation_to_its_end(own: Service, browser: Browser, receiver: Receiver) -> None:
    streamer = Streamer(browser, own)
    await streamer.sign_in("/webhooks")
    await streamer.sees("p", "There are no webhooks yet.")
    assert await violations(browser) == []
    await streamer.press("button", "New webhook")
    await streamer.fill("Endpoint URL", "https://10.0.0.1/in")
    await picture(browser, "new")
    assert await violations(browser) == []
    await streamer.fill("Channel patterns", "no path")
    await streamer.press("button", "Create webhook")
    await streamer.sees(".field .problem", "This is not a path pattern: no path")
    await streamer.fill("Channel patterns", "/api/pub/v1/orgs/*/channels/*/messages added,changed")
    await streamer.press("button", "Create webhook")
    await streamer.sees(".field .problem", "The host has no public address.")
    await streamer.fill("Endpoint URL", receiver.url)
    await streamer.press("button", "Create webhook")
    await streamer.sees("h2", "Store the signing secret")
    await picture(browser, "secret")
    assert await violations(browser) == []
    secret = await streamer.value("Signing secret")
    await streamer.press("button", "Done")
    await streamer.sees("h1", "127.0.0.1:")
    assert secret not in await browser.run("return document.documentElement.outerHTML")

    receiver.behaviour = answering(503, b"closed for lunch")
    await streamer.press("button", "Send a test")
    await streamer.sees(".deliveries .badge", "Failed")
    await streamer.press("button", "Details of ping")
    assert "closed for lunch" in await streamer.sees("pre", "Beginning of the answer")
    await picture(browser, "details")
    assert await violations(browser) == []
    await streamer.press("button", "Close")
    receiver.behaviour = answer
    await streamer.press("button", "Send again: ping")
    await streamer.sees(".deliveries .badge", "Delivered")

    channel = (await own.api("POST", "channels", {"name": "Kitchen"}))["id"]
    await own.api("POST", f"channels/{channel}/messages", {"body": {"version": 3, "chunks": []}})
    await until(lambda: any(each.message["action"] == "added" for each in receiver.received))
    delivered = next(each for each in receiver.received if each.message["action"] == "added")
    assert delivered.is_signed_by(secret)
    await streamer.sees("h3", f"Event {delivered.message['id']}")
    await picture(browser, "webhook")
    assert await violations(browser) == []

    before = len(receiver.received)
    await streamer.press("button", "Send events again")
    await streamer.fill("After event", "0")
    await streamer.press("dialog button.primary", "Send again")
    await until(lambda: delivered.id in [each.id for each in receiver.received[before:]])

    await streamer.press("button", "New secret")
    await streamer.press("button", "Create secret")
    await streamer.sees("h2", "Store the signing secret")
    assert await streamer.value("Signing secret") != secret
    await streamer.press("button", "Done")
    await streamer.press("button", "Disable")
    await streamer.press("dialog button", "Disable")
    await streamer.sees(".badge", "Disabled")
    await streamer.sees("p", "It was disabled by a user.")
    await streamer.press("a", "Webhooks")
    await streamer.sees(".row .badge", "Disabled")
    await picture(browser, "list")
    assert await violations(browser) == []
    await streamer.press("a", receiver.url)
    await streamer.press("button", "Delete")
    await streamer.press("button", "Delete webhook")
    await streamer.sees("p", "There are no webhooks yet.")
    assert await streamer.errors() == []


async def test_users_that_are_no_managers_read_why_there_is_nothing(live: Service, browser: Browser) -> None:
    streamer = Streamer(browser, live)
    await streamer.sign_in("/webhooks")
    await streamer.sees("p", "Webhooks are managed by the managers of the organization.")
    assert await violations(browser) == []
