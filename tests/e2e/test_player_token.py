"""A page that gives the player its visitors' tokens: who is counted, and that no token expires unnoticed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.e2e.service import Service
from tests.e2e.visitor import Visitor, embedded

pytestmark = pytest.mark.e2e

HEARS_TOKENS = """
window.sent = [];
const real = window.fetch;
window.fetch = (url, options, ...more) => {
  if (String(url).includes('/stream_status')) sent.push([options?.headers?.Authorization ?? null, new URL(url).search]);
  return real(url, options, ...more);
};
"""

GIVES = """
window.asked = 0;
const tokens = arguments[0];
document.querySelector('live-stream').getToken = async () => tokens[Math.min(window.asked++, tokens.length - 1)];
"""
"""The tokens in turn; the last one again and again."""


async def token(live: Service) -> dict[str, Any]:
    """Return a new visitor's identity."""
    async with live.http.post(f"{live.base}/api/v5/public/orgs/{live.organization}/auth") as answer:
        assert answer.status == 200
        return await answer.json()  # type: ignore[no-any-return]


def expiring(token: str, seconds: int) -> str:
    """Return the token with this lifetime in its claims; its signature is no longer valid."""
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["exp"] = claims["iat"] + seconds
    return ".".join([head, base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("="), signature])


async def watches(visitor: Visitor) -> None:
    """Wait until the player is where its next polls count."""
    await visitor.until("facts.view === 'live' && facts.status.counted")


async def test_the_visitor_of_the_token_is_counted_and_no_other(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel()
    await live.push(stream)
    await live.until(channel, state="live")
    await browser.before_pages(HEARS_TOKENS)
    identity = await token(live)
    async with embedded(browser, live, channel, "uncounted") as visitor:
        await browser.run(GIVES + "document.querySelector('live-stream').removeAttribute('uncounted');"
                          "document.querySelector('live-stream').getToken = document.querySelector('live-stream').getToken;",
                          [f"Bearer {identity['access_token']}"])  # fmt: skip
        await browser.run("sent.length = 0")
        await watches(visitor)
        await visitor.until("facts.status.viewer_count === 1")
        sent = await browser.run("return sent")
    assert sent
    assert {tuple(each) for each in sent} == {(f"Bearer {identity['access_token']}", "")}
    async with live.http.get(
        f"{live.base}/api/pub/public/v1/orgs/{live.organization}/channels/{channel}/conference/stream_status",
        params={"visitor_id": identity["visitor_id"]},
    ) as answer:
        assert (await answer.json())["viewer_count"] == 1  # the same visitor by another name


async def test_a_token_is_replaced_before_it_expires(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel()
    await live.push(stream)
    await live.until(channel, state="live")
    good = (await token(live))["access_token"]
    async with embedded(browser, live, channel) as visitor:
        # By its own words the first one is good for 65 s: within its last minute it is replaced.
        await browser.run(GIVES, [expiring(good, 65), good])
        await browser.until("return window.asked >= 2")
        await watches(visitor)
        asked = await browser.run("return window.asked")
        await browser.run("return new Promise((done) => setTimeout(done, 12000))")
        assert await browser.run("return window.asked") == asked  # the new one lives for half an hour


async def test_a_token_that_the_service_refuses_is_asked_for_again(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel()
    await live.push(stream)
    await live.until(channel, state="live")
    good = (await token(live))["access_token"]
    async with embedded(browser, live, channel) as visitor:
        await browser.run(GIVES, ["forged", good])
        await visitor.until("facts.status?.not_counted_because === 'invalid_token'")
        await watches(visitor)
        assert await browser.run("return window.asked") == 2


async def test_without_a_token_to_be_had_the_player_counts_by_its_own_id(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel()
    await live.push(stream)
    await live.until(channel, state="live")
    async with embedded(browser, live, channel) as visitor:
        await browser.run("document.querySelector('live-stream').getToken = () => { throw new Error('signed out'); };")
        await watches(visitor)
        await visitor.until("facts.status.viewer_count === 1")
