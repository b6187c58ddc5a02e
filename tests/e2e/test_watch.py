"""What visitors see, in a real browser, of a real push: the watch page and the player on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.browser import chromium, missing
from tests.e2e.stage import Service, service
from tests.e2e.watching import Visitor

pytestmark = pytest.mark.e2e


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Service]:
    async with service(tmp_path) as running:
        yield running


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    if missing():
        pytest.skip(f"{missing()} is not installed")
    async with chromium() as browser:
        yield Visitor(browser)


def page(live: Service, channel: str) -> str:
    return f"{live.base}/watch/{live.organization}/{channel}"


async def test_a_show_as_its_visitor_sees_it(live: Service, visitor: Visitor) -> None:
    channel, stream = await live.channel(reconnect_timeout=8)
    await visitor.open(page(live, channel))
    await visitor.until("facts.view === 'offline'")

    encoder = await live.push(stream, gop=2)
    await visitor.until("facts.view === 'starting' && /^[1-9][0-9]* s$/.test(facts.count)")
    await visitor.until("facts.view === 'live'")
    playing = await visitor.plays_on()
    assert playing["sound"] > 0
    await visitor.until("facts.badge === 'Live · 1 watching'")

    await encoder.kill()
    await visitor.until("facts.status.state === 'reconnecting'")
    encoder = await live.push(stream, gop=2)
    await visitor.until("facts.status.state === 'live' && facts.view === 'live'")
    await visitor.plays_on(4.0, timeout=30.0)

    await encoder.kill()
    ended = await visitor.until("facts.view === 'ended' && facts.button", timeout=30.0)
    assert ended["said"] == "The stream has ended."
    await visitor.press("button")
    recording = await visitor.plays_on()
    assert recording["view"] == "recording"
    assert recording["duration"] > 8
    assert recording["errors"] == []
    assert recording["views"][:2] == ["starting", "live"]
    assert recording["views"][-2:] == ["ended", "recording"]
