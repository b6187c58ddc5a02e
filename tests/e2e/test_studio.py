"""The studio in a real browser, with real encoders: from the link with a token to the recording."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.accessibility import violations
from tests.e2e.browser import Keys
from tests.e2e.service import Service, eventually
from tests.e2e.streamer import IMPATIENT, Streamer

pytestmark = pytest.mark.e2e

PHONE = (375, 812)

PREVIEW_PLAYS = """
const video = document.querySelector('live-stream').shadowRoot.querySelector('video');
return video.currentTime > 1 && video.getVideoPlaybackQuality().totalVideoFrames > 20;
"""
RECORDING_PLAYS = """
const video = document.querySelector('dialog video');
return video.currentTime > 0.5 && video.getVideoPlaybackQuality().totalVideoFrames > 10;
"""
PICTURE_SHOWN = """
return [...document.querySelectorAll('.cards img')].some((each) => each.naturalWidth > 0 && each.checkVisibility());
"""


async def test_a_broadcast_from_the_new_channel_to_its_recording(live: Service, streamer: Streamer) -> None:
    await streamer.sign_in()
    await streamer.press("button", "New channel")
    await streamer.press("button", "Create channel")
    await streamer.sees(".field .problem", "Enter a name.")
    await streamer.fill("Name", "Cooking <b>with</b> Ada")
    await streamer.press("button", "Create channel")
    await streamer.sees("h1", "Cooking <b>with</b> Ada")
    channel = (await streamer.browser.run("return location.hash")).removeprefix("#/channel/")

    await streamer.press("button", "Go live")
    await streamer.sees("h2", "Connect your encoder")
    stream = await live.api("GET", f"channels/{channel}/conference/create_stream")
    assert await streamer.value("Server") == stream["rtmps_url"]
    assert stream["stream_key"] not in await streamer.browser.run("return document.documentElement.outerHTML")
    await streamer.press("button", "Copy server URL")
    await streamer.sees("#said", "Server URL copied.")
    assert await streamer.clipboard() == stream["rtmps_url"]
    await streamer.press("button", "Copy stream key")
    await streamer.sees("#said", "Stream key copied.")
    assert await streamer.clipboard() == stream["stream_key"]
    await streamer.press("button", "Show stream key")
    assert await streamer.value("Stream key") == stream["stream_key"]
    await streamer.press("button", "Hide stream key")
    assert stream["stream_key"] not in await streamer.value("Stream key")

    await streamer.fill("Reconnect timeout", "2000")
    await streamer.press("button", "Save")
    await streamer.sees(".field .problem", "Ensure this value is less than or equal to 1800.")
    await streamer.fill("Reconnect timeout", "2")
    await streamer.press("button", "Save")
    await streamer.sees("#said", "Options saved.")

    encoder = await live.push(stream, gop=2)
    await streamer.sees(".badge", "Live")
    await streamer.browser.until(PREVIEW_PLAYS)
    await streamer.sees("td .badge", "Running")
    assert (await live.status(channel))["viewer_count"] == 0

    await encoder.kill()
    await streamer.sees(".badge", "Ended")
    await streamer.press("button", "Play the recording")
    await streamer.browser.until(RECORDING_PLAYS)
    await streamer.press("button", "Close")
    assert await streamer.errors() == []


async def test_an_inbox_is_created_and_changed_by_a_manager(live: Service, streamer: Streamer) -> None:
    channel = (await live.api("POST", "channels", {"name": "Kitchen"}))["id"]
    await streamer.sign_in("/inboxes")
    await streamer.sees("p", "There are no inboxes. They are created by the managers")
    await live.make_manager()
    await streamer.open(f"#token={live.token}&to=/inboxes")
    await streamer.press("button", "New inbox")
    assert await violations(streamer.browser) == []
    await streamer.press("button", "Create inbox")
    await streamer.sees(".field .problem", "Name can't be blank")
    await streamer.fill("Name", "WhatsApp")
    await streamer.fill("Webhook URL", "https://10.0.0.1/in")
    await streamer.press("button", "Create inbox")
    await streamer.sees(".field .problem", "Webhook url is not allowed")
    await streamer.fill("Webhook URL", "https://bridge.example.com/in")
    await streamer.press("button", "Create inbox")
    await streamer.sees("h2", "The inbox is created")
    assert await violations(streamer.browser) == []
    identifier, secret = await streamer.value("Identifier"), await streamer.value("Webhook secret")
    await streamer.press("button", "Done")
    assert identifier in await streamer.sees("code", identifier)
    assert secret not in await streamer.browser.run("return document.documentElement.outerHTML")
    await streamer.press("button", "Change")
    await streamer.fill("Channel", channel)
    await streamer.press("button", "Save")
    await streamer.sees("#said", "Inbox saved.")
    await streamer.press(".row a", "Kitchen")
    await streamer.sees("h1", "Kitchen")
    assert (await streamer.browser.run("return location.hash")) == f"#/channel/{channel}"
    assert await streamer.errors() == []


async def test_the_health_of_the_incoming_stream_is_shown_in_words_a_drawing_and_a_table(
    live: Service, streamer: Streamer
) -> None:
    channel, stream = await live.channel()
    await streamer.sign_in(f"/channel/{channel}")
    await streamer.sees("p", "No encoder is connected.")
    encoder = await live.push(stream, gop=6)
    await streamer.sees("dd", "320 × 180, 30 fps")
    await streamer.sees("dd", "AAC")
    await streamer.sees(".finding p", "Warning: Keyframes come every 6")
    await streamer.sees("svg", "Bitrate: now")
    await streamer.press("summary", "Show as a table")
    await streamer.sees(".history td")
    await streamer.sees(".times span:last-child", "now")
    await encoder.kill()
    await streamer.browser.until("return document.querySelector('.times').lastChild.textContent.includes(':')")
    assert await streamer.errors() == []


async def test_a_new_key_disconnects_the_encoder_with_the_old_one(live: Service, streamer: Streamer) -> None:
    channel, stream = await live.channel(reconnect_timeout=60)
    encoder = await live.push(stream)
    await streamer.sign_in(f"/channel/{channel}")
    await streamer.sees(".badge", "Live")

    await streamer.press("button", "New stream key")
    await streamer.sees("dialog p", "Every encoder needs the new key")
    await streamer.press("button", "Create key")

    assert "stream key of this channel has changed" in await encoder.output()
    refused = await live.push(stream, plain=True)
    assert "stream key of this channel has changed" in await refused.output()
    await streamer.sees(".badge", "Reconnecting")
    await streamer.press("button", "Show stream key")
    new = await streamer.value("Stream key")
    assert new != stream["stream_key"]
    await live.push({**stream, "stream_key": new})
    await streamer.sees(".badge", "Live")


async def test_an_encoder_that_was_refused_is_a_finding_until_another_one_is_accepted(
    live: Service, streamer: Streamer
) -> None:
    channel, stream = await live.channel()
    refused = await live.push(stream, plain=True, codec=["-c:v", "flv1", "-b:v", "300k", "-c:a", "aac"])
    await refused.output()
    await streamer.sign_in(f"/channel/{channel}")
    await streamer.sees(".finding p", "Problem: An encoder was refused: Sorenson H.263 is not supported here")

    async def accepted() -> bool:
        """Return whether an encoder that retries, as OBS does, is accepted."""
        encoder = await live.push(stream, plain=True)
        try:
            await encoder.finished(timeout=3)
        except TimeoutError:
            return True
        return False

    await eventually(accepted, bool, every=2)
    await streamer.browser.until("return !document.querySelector('.finding.error')")


async def test_disabling_the_input_ends_the_broadcast_until_it_is_enabled_again(
    live: Service, streamer: Streamer
) -> None:
    channel, stream = await live.channel(reconnect_timeout=60)
    await live.push(stream)
    await streamer.sign_in(f"/channel/{channel}")
    await streamer.sees(".badge", "Live")
    await streamer.press("button", "Disable input…")
    await streamer.press("button", "Disable")
    await streamer.sees(".notice", "Encoders are refused")
    await streamer.sees(".badge", "Ended")
    await streamer.press("button", "Enable input…")
    await streamer.press("button", "Enable")
    await streamer.sees("p", "The input is enabled")
    assert (await live.api("GET", f"channels/{channel}/conference/create_stream"))["enabled"]


async def test_a_session_is_started_and_stopped_by_hand(live: Service, streamer: Streamer) -> None:
    channel, _ = await live.channel()
    await streamer.sign_in(f"/channel/{channel}")
    await streamer.press("button", "Start session")
    await streamer.sees("td .badge", "Running")
    await streamer.press("button", "Stop session")
    await streamer.sees("dialog h2", "Stop the session?")
    await streamer.press("button", "Stop the session")
    await streamer.sees("button", "Start session")
    [session] = (await live.api("GET", f"channels/{channel}/conference/stream_sessions"))["results"]
    assert session["stopped_at"] is not None


async def test_a_private_channel_is_previewed_though_it_has_no_public_page(live: Service, streamer: Streamer) -> None:
    channel = (await live.api("POST", "channels", {"name": "Rehearsal", "is_private": True}))["id"]
    stream = await live.api("POST", f"channels/{channel}/conference/create_stream")
    await live.push(stream)
    await streamer.sign_in(f"/channel/{channel}")
    await streamer.sees("p", "A private channel has no public page.")
    await streamer.browser.until(PREVIEW_PLAYS)
    assert await streamer.errors() == []


async def test_the_list_follows_the_streams_and_can_be_searched_and_left_and_come_back_to(
    live: Service, streamer: Streamer
) -> None:
    _, stream = await live.channel("Town hall")
    await live.channel("Spring collection")
    await streamer.sign_in()
    await streamer.sees("h2", "Spring collection")
    await streamer.fill("Search by name", "town")
    await eventually(lambda: streamer.browser.run("return document.querySelectorAll('.cards li').length"), (1).__eq__)
    await live.push(stream)
    await streamer.sees(".badge", "Live")
    await streamer.browser.until(PICTURE_SHOWN)

    await streamer.press(".cards a")
    await streamer.sees("h1", "Town hall")
    await streamer.browser.run("history.back()")
    await streamer.sees("h1", "Streams")
    await streamer.sees("h2", "Town hall")
    assert await streamer.browser.run("return document.querySelector('[name=search]').value") == "town"
    await streamer.fill("State", "offline")
    await streamer.sees(".nothing", "No streams match.")
    assert await streamer.errors() == []


async def test_a_long_list_has_pages_and_the_way_back(live: Service, streamer: Streamer) -> None:
    for number in range(25):
        await live.api("POST", "channels", {"name": f"Channel {number}"})
    await streamer.sign_in("/channels")
    await streamer.sees(".name", "Channel 24")
    await streamer.press("a", "Next page")
    await streamer.sees(".name", "Channel 0")
    assert await streamer.browser.run("return document.querySelectorAll('.rows li').length") == 1
    await streamer.browser.run("history.back()")
    await streamer.sees(".name", "Channel 24")
    await streamer.fill("Search by name", "channel 13")
    await streamer.browser.until("return document.querySelectorAll('.rows li').length === 1")
    await streamer.sees(".name", "Channel 13")
    assert await streamer.errors() == []


async def test_a_channel_that_another_user_makes_appears_without_polling(live: Service, streamer: Streamer) -> None:
    await streamer.sign_in("/channels")
    await streamer.sees(".nothing", "There are no channels yet.")
    asked = "return performance.getEntriesByType('resource').filter((each) => each.name.includes('/channels?')).length"
    await eventually(lambda: streamer.browser.run(asked), lambda now: now >= 2)  # the second when the socket is open
    seen = await streamer.browser.run(asked)
    await live.api("POST", "channels", {"name": "Made elsewhere"})
    await streamer.sees(".name", "Made elsewhere")
    assert await streamer.browser.run(asked) == seen + 1
    assert await streamer.errors() == []


async def test_a_service_that_does_not_answer_is_shown_as_unavailable_until_it_does(
    live: Service, streamer: Streamer
) -> None:
    await streamer.browser.before_pages(IMPATIENT)
    await streamer.sign_in()
    await streamer.sees(".nothing", "There are no streams yet.")
    assert live.process is not None
    live.process.send_signal(signal.SIGSTOP)
    try:
        await streamer.browser.run("window.isImpatient = true")
        await streamer.sees("#unavailable", "The service cannot be reached.")
    finally:
        live.process.send_signal(signal.SIGCONT)
    await streamer.browser.run("window.isImpatient = false")
    await streamer.browser.until("return !document.getElementById('unavailable').checkVisibility()")
    assert await streamer.errors() == []


async def test_the_studio_does_not_poll_while_the_page_is_hidden(live: Service, streamer: Streamer) -> None:
    await streamer.sign_in()
    await streamer.sees(".nothing", "There are no streams yet.")
    asked = "return performance.getEntriesByType('resource').filter((each) => each.name.includes('/conference/streams')).length"
    seen = await streamer.browser.run(asked)
    await eventually(lambda: streamer.browser.run(asked), lambda now: now > seen)
    await streamer.hide(True)
    seen = await streamer.browser.run(asked)
    with pytest.raises(TimeoutError):
        await streamer.browser.until(f"return {asked.removeprefix('return ')} > {seen} + 1", timeout=12)
    await live.channel("Meanwhile")
    await streamer.hide(False)
    await streamer.sees("h2", "Meanwhile")


@pytest.mark.parametrize("screen", ["/", "/channels", "/channel/{}"])
async def test_on_a_phone_nothing_is_wider_than_the_screen(live: Service, streamer: Streamer, screen: str) -> None:
    channel, stream = await live.channel("Donaudampfschifffahrtsgesellschaftskapitänswitwenrente " + "w" * 60)
    await live.push(stream)
    await live.until(channel, state="live")
    await streamer.browser.resize(*PHONE)
    await streamer.sign_in(screen.format(channel))
    await streamer.sees("h1", "Donau" if "{" in screen else "")
    await streamer.sees(".badge, .row")
    if "{" in screen:
        await streamer.press("summary")
        await streamer.press("button", "Show stream key")
        await streamer.sees("td .badge")
        await streamer.sees(".chart svg")
    width = await streamer.browser.run("return document.documentElement.scrollWidth")
    assert width <= PHONE[0]
    names = "return [...document.querySelectorAll('h1, h2, .name')].every((each) => each.offsetHeight < 320)"
    assert await streamer.browser.run(names)
    small = await streamer.browser.run(
        "return [...document.querySelectorAll('button, a, input:not([type=checkbox]), select, summary')]"
        ".filter((each) => each.checkVisibility() && each.id !== 'skip')"
        ".filter((each) => each.getBoundingClientRect().height < 44).map((each) => each.outerHTML)"
    )
    assert small == []


async def test_the_keyboard_is_enough(live: Service, streamer: Streamer) -> None:
    await live.channel("Town hall")
    await streamer.sign_in()
    browser, focused = streamer.browser, "return document.activeElement.textContent.trim()"
    await streamer.sees("h2", "Town hall")
    await browser.run("document.body.tabIndex = -1; document.body.focus()")
    await browser.keys(Keys.TAB)
    assert await browser.run(focused) == "Skip to the content"
    await browser.keys(Keys.ENTER, Keys.TAB)
    assert await browser.run(focused) == "New channel"
    await browser.keys(Keys.ENTER)
    await streamer.sees("dialog h2", "New channel")
    assert await browser.run("return document.activeElement.name") == "name"
    await browser.keys(Keys.ESCAPE)
    await browser.until("return document.querySelector('dialog') === null")
    assert await browser.run(focused) == "New channel"
    await browser.keys(Keys.TAB, *"town", Keys.TAB, Keys.TAB)
    assert (await browser.run(focused)).startswith("Town hall")
    await browser.keys(Keys.ENTER)
    await streamer.sees("h2", "Connect your encoder")
    assert await browser.run(focused) in ("Town hall", "Channel")
