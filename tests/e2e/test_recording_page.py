"""A recording over the API and on its page, with a real encoder and a real browser."""

from __future__ import annotations

import pytest

from tests.e2e.accessibility import violations
from tests.e2e.browser import Browser
from tests.e2e.service import Service, eventually

pytestmark = pytest.mark.e2e

PLAYS = """
const video = document.getElementById('recording');
video.muted = true;
if (video.paused) video.play().catch(() => {});
return video.currentTime > 0.5 && video.videoWidth > 0;
"""
NOTE = (
    "return [...document.querySelectorAll('.text h1, .facts, .about, #share button')].map((each) => each.textContent)"
)


async def test_a_recording_is_named_watched_on_its_page_and_deleted(live: Service, browser: Browser) -> None:
    channel, stream = await live.channel("Spring collection")
    encoder = await live.push(stream, gop=1)
    await live.until(channel, state="live")
    await live.until(channel, is_watchable=True)
    await encoder.kill()
    await live.give_up(channel)
    (made,) = await eventually(lambda: live.recordings(channel), bool)
    path = f"conference/recorded_streams/{made['uid']}"
    named = await live.api("PATCH", path, {"name": "First look", "description": "With Ada", "thumbnail_time": 0.5})
    async with live.http.get(named["thumbnail"]) as answer:
        assert (answer.status, (await answer.read())[:2]) == (200, b"\xff\xd8")

    page = f"{live.base}/watch/{live.organization}/recordings/{made['uid']}"
    await browser.open(page)
    await browser.until(PLAYS)
    title, facts, about, *buttons = await browser.run(NOTE)
    assert (title, about) == ("First look", "With Ada")
    assert "Spring collection" in facts and "UTC" not in facts
    assert buttons[-1] == "Copy link"

    folder = live.data / "recordings" / made["uid"]
    assert folder.is_dir()
    assert await violations(browser) == []
    url = f"{live.base}/api/pub/v1/orgs/{live.organization}/{path}"
    async with live.http.delete(url, headers={"Authorization": f"Token {live.token}"}) as answer:
        assert answer.status == 204
    assert not folder.exists()
    for gone in (page, named["thumbnail"], named["playback"]["hls"]):
        async with live.http.get(gone) as answer:
            assert answer.status == 404
