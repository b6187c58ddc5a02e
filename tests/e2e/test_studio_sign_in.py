"""Who is signed in to the studio: by link, by hand, and not any more."""

from __future__ import annotations

import signal
from uuid import uuid4

import pytest

from tests.e2e.service import Service
from tests.e2e.streamer import IMPATIENT, Streamer

pytestmark = pytest.mark.e2e

TOKENS_CAN_EXPIRE = """
const real = window.fetch;
window.fetch = async (...request) => (window.isExpired ? new Response('{}', { status: 401 }) : real(...request));
"""

SIGNED_IN = "return JSON.parse(sessionStorage.getItem('studio-session')).token"


async def test_the_token_of_a_link_is_gone_from_the_address_and_kept_for_the_tab_alone(
    live: Service, streamer: Streamer
) -> None:
    await streamer.open(f"#token={live.token}")
    await streamer.sees("h1", "Streams")
    browser = streamer.browser
    assert await browser.run("return location.href") == f"{live.base}/studio#/"
    assert live.token not in await browser.run("return JSON.stringify([document.cookie, {...localStorage}])")
    assert live.token not in await browser.run(
        "return performance.getEntriesByType('resource').map((each) => each.name).join()"
    )

    await browser.run("location.reload()")
    await streamer.sees("h1", "Streams")
    await streamer.press("button", "Sign out")
    await streamer.sees("h1", "Sign in")
    assert live.token not in await browser.run("return JSON.stringify({...sessionStorage})")
    await streamer.open()
    await streamer.sees("h1", "Sign in")


async def test_an_unknown_token_is_refused_at_its_field_and_an_expired_one_is_requested_again(
    live: Service, streamer: Streamer
) -> None:
    channel = (await live.api("POST", "channels", {"name": "Town hall"}))["id"]
    await streamer.open(f"#/channel/{channel}")
    await streamer.fill("API token", "nonsense")
    await streamer.press("button", "Sign in")
    await streamer.sees(".field .problem", "The token is unknown or no longer valid")
    await streamer.fill("API token", live.token)
    await streamer.press("button", "Sign in")
    await streamer.sees("h1", "Town hall")

    await streamer.browser.run(
        "sessionStorage.setItem('studio-session', sessionStorage.getItem('studio-session').replace(arguments[0], 'expired'));"
        "location.reload()",
        live.token,
    )
    await streamer.sees("[role=status]", "Your token is no longer valid")
    await streamer.fill("API token", live.token)
    await streamer.press("button", "Sign in")
    await streamer.sees("h1", "Town hall")


async def test_signing_in_fails_in_time_if_the_service_does_not_answer(live: Service, streamer: Streamer) -> None:
    await streamer.browser.before_pages(IMPATIENT)
    await streamer.open()
    await streamer.fill("API token", live.token)
    assert live.process is not None
    live.process.send_signal(signal.SIGSTOP)
    try:
        await streamer.browser.run("window.isImpatient = true")
        await streamer.press("button", "Sign in")
        await streamer.sees(".problem", "The service cannot be reached.")
    finally:
        live.process.send_signal(signal.SIGCONT)
    await streamer.browser.run("window.isImpatient = false")
    await streamer.press("button", "Sign in")
    await streamer.sees("h1", "Streams")


async def test_a_link_does_not_switch_the_account_without_asking(live: Service, streamer: Streamer) -> None:
    mine, ours = live.token, live.organization
    live.organization, live.user = str(uuid4()), str(uuid4())
    await live.make_token()
    theirs, browser = live.token, streamer.browser
    await streamer.open(f"#token={mine}")
    await streamer.sees("h1", "Streams")

    await browser.run("location.hash = `#token=${arguments[0]}`", theirs)
    await streamer.sees("dialog h2", "Switch to another account?")
    await streamer.sees("dialog p", f"You are signed in as organization {ours}. The link")
    assert await browser.run("return location.hash") == "#/"
    await streamer.press("button", "Stay signed in")
    await streamer.sees("h1", "Streams")
    assert await browser.run(SIGNED_IN) == mine

    await browser.run("location.hash = '#token=nonsense'")
    await streamer.sees("dialog p", "The token is unknown or no longer valid")
    await streamer.press("button", "Continue")
    await streamer.sees("h1", "Streams")
    assert await browser.run(SIGNED_IN) == mine

    await browser.run("location.hash = `#token=${arguments[0]}&to=/channels`", theirs)
    await streamer.press("button", "Switch")
    await streamer.sees("h1", "All channels")
    assert await browser.run(SIGNED_IN) == theirs
    assert await browser.run("return document.activeElement.textContent") == "All channels"
    assert await streamer.errors() == []


async def test_when_the_token_expires_no_dialog_stands_before_the_way_in(live: Service, streamer: Streamer) -> None:
    await streamer.browser.before_pages(TOKENS_CAN_EXPIRE)
    await streamer.sign_in()
    await streamer.press("button", "New channel")
    await streamer.sees("dialog h2", "New channel")
    await streamer.browser.run("window.isExpired = true")
    await streamer.sees("[role=status]", "Your token is no longer valid")
    assert await streamer.browser.run("return document.activeElement.name") == "token"
