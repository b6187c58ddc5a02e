"""What interaction builders see, in a real browser, on a page of another origin: the picker."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.browser import Browser, Keys
from tests.e2e.builder import Builder
from tests.e2e.service import Service

pytestmark = pytest.mark.e2e


@pytest.fixture
def builder(browser: Browser, live: Service) -> Builder:
    return Builder(browser, live)


async def channels(live: Service, *names: str) -> list[str]:
    """Their ids."""
    return [(await live.channel(name))[0] for name in names]


async def test_from_another_site_a_live_stream_is_found_and_picked(live: Service, builder: Builder) -> None:
    channel, stream = await live.channel("Town hall")
    await channels(live, "Kitchen", "Garden")
    await live.push(stream)
    await live.until(channel, state="live")
    async with builder.at_work():
        seen = await builder.until("facts.titles.length === 3 && facts.states.includes('Live') && facts.pictures === 1")
        assert seen["titles"] == ["Garden", "Kitchen", "Town hall"]
        assert (seen["valid"], seen["form"], seen["said"]) == (False, None, "3 streams.")
        await builder.click("[data-state=live]")
        seen = await builder.facts()
    selected = seen["selected"]
    assert seen["events"] == [["stream-pick", selected], ["input", None], ["change", None]]
    assert selected["uid"] == seen["value"] == seen["form"] == stream["stream_uid"]
    assert (selected["channel"], selected["title"], selected["org"]) == (channel, "Town hall", live.organization)
    assert (selected["view_url"], selected["state"]) == (stream["view_url"], "live")
    assert f'channel="{channel}"' in seen["output"]
    assert (seen["valid"], seen["picked"], seen["chosen"], seen["errors"]) == (
        True,
        ["Town hall"],
        "Selected: Town hall",
        [],
    )


async def test_a_state_that_changes_is_seen_without_a_reload(live: Service, builder: Builder) -> None:
    channel, stream = await live.channel()
    async with builder.at_work():
        await builder.until("facts.states[0] === 'Offline'")
        await live.push(stream)
        await live.until(channel, state="live")
        await builder.until("facts.states[0] === 'Live' && facts.pictures === 1")


async def test_the_keyboard_alone_finds_and_picks(live: Service, builder: Builder) -> None:
    await channels(live, "One", "Two", "Three", "Four", "Five")
    await builder.browser.resize(900, 800)
    async with builder.at_work():
        await builder.until("facts.titles.length === 5")
        await builder.set("picker.focus()")
        assert (await builder.facts())["active"] == "search"
        steps = [
            (Keys.DOWN, "Five"),
            (Keys.RIGHT, "Four"),
            (Keys.END, "One"),
            (Keys.UP, "Five"),  # four stand in the first row
            (Keys.DOWN, "One"),
            (Keys.RIGHT, "One"),
            (Keys.HOME, "Five"),
            (Keys.LEFT, "Five"),
        ]
        for key, reached in steps:
            await builder.keys(key)
            assert (await builder.facts())["active"] == reached, (key, reached)
        await builder.keys("t", "w")
        seen = await builder.until("facts.titles.length === 1 && facts.titles[0] === 'Two'")
        assert (seen["active"], seen["search"]) == ("search", "tw")
        await builder.keys(Keys.DOWN, Keys.ENTER)
        seen = await builder.until("facts.picked.length === 1")
        assert (seen["picked"], seen["chosen"]) == (["Two"], "Selected: Two")
        await builder.keys(Keys.ESCAPE, Keys.ESCAPE)
        seen = await builder.until("facts.titles.length === 5")
        assert (seen["active"], seen["search"], seen["picked"]) == ("search", "", ["Two"])
        await builder.keys(Keys.TAB, Keys.TAB)
        assert (await builder.facts())["active"] == "Two"  # not five stops, and not the first


async def test_what_is_searched_in_vain_is_said_and_undone_with_one_button(live: Service, builder: Builder) -> None:
    await channels(live, "One")
    async with builder.at_work():
        await builder.until("facts.titles.length === 1")
        await builder.set("picker.focus()")
        await builder.keys("x")
        seen = await builder.until("facts.said.startsWith('There is no stream')")  # a refresh may show it before
        assert seen["message"] == seen["said"] == "There is no stream with “x” in its name."
        await builder.click(".reset")
        await builder.until("facts.titles.length === 1 && facts.search === ''")
        await builder.set("picker.setAttribute('state', 'live')")
        seen = await builder.until("facts.message.startsWith('There is no stream')")
        assert seen["message"] == "There is no stream in the state “Live”."


async def test_an_organization_without_streams_reads_how_to_get_one(builder: Builder) -> None:
    async with builder.at_work():
        await builder.until("facts.message.startsWith('There are no streams yet.')")


async def test_more_streams_are_shown_when_asked_for_and_the_first_new_one_is_reached(
    live: Service, builder: Builder
) -> None:
    await channels(live, *(f"Number {number:02}" for number in range(30)))
    async with builder.at_work():
        seen = await builder.until("facts.titles.length === 24")
        assert (seen["more"], seen["said"]) == (True, "24 streams, and more.")
        await builder.set("picker.shadowRoot.querySelector('.more').click()")
        seen = await builder.until("facts.titles.length === 30 && facts.active === 'Number 05'")
        assert not seen["more"]
        assert seen["titles"] == [f"Number {number:02}" for number in reversed(range(30))]


async def test_a_value_given_beforehand_is_named_though_it_stands_far_down(live: Service, builder: Builder) -> None:
    first, stream = await live.channel("The first")
    await channels(live, *(f"Number {number:02}" for number in range(24)))
    builder.attributes = f'value="{stream["stream_uid"]}"'
    async with builder.at_work():
        seen = await builder.until("facts.chosen === 'Selected: The first'")
        assert (seen["form"], seen["valid"], seen["events"]) == (stream["stream_uid"], True, [])
        assert seen["selected"]["channel"] == first
        await builder.click("[role=option]")
        await builder.until("facts.picked.length === 1")
        await builder.set("picker.form.reset()")
        await builder.until("facts.chosen === 'Selected: The first'")
        await builder.set("picker.value = '0'.repeat(32)")
        await builder.until("facts.chosen === 'The selected stream is not in the list.'")


async def test_a_choice_that_is_not_required_can_be_cleared(live: Service, builder: Builder) -> None:
    await channels(live, "One")
    async with builder.at_work():
        await builder.set("picker.removeAttribute('required')")
        await builder.until("facts.titles.length === 1")
        await builder.click("[role=option]")
        await builder.until("facts.chosen === 'Selected: One'")
        await builder.click(".clear")
        seen = await builder.until("facts.chosen === ''")
    assert (seen["value"], seen["form"], seen["selected"], seen["active"]) == ("", None, None, "search")
    assert [name for name, _ in seen["events"][3:]] == ["stream-clear", "input", "change"]


async def test_a_selection_is_dropped_when_the_organization_changes(live: Service, builder: Builder) -> None:
    await channels(live, "One")
    async with builder.at_work():
        await builder.until("facts.titles.length === 1")
        await builder.click("[role=option]")
        await builder.set("picker.setAttribute('org', '00000000-0000-0000-0000-000000000000')")
        seen = await builder.until("facts.message.startsWith('You do not have access')")
    assert (seen["selected"], seen["titles"], len(seen["value"])) == (None, [], 32)


async def test_a_rejected_token_is_requested_again(live: Service, builder: Builder) -> None:
    await channels(live, "One")
    builder.token = None
    async with builder.at_work():
        await builder.until("facts.message === 'Sign in to see streams.'")
        builder.token = "expired"
        await builder.click(".retry")
        await builder.until("facts.message === 'Your session is not valid or has expired. Sign in again.'")
        builder.token = live.token
        await builder.click(".retry")
        await builder.until("facts.titles.length === 1")
        await builder.set("picker.setAttribute('org', crypto.randomUUID())")
        await builder.until("facts.message.startsWith('You do not have access')")


async def test_the_list_stays_with_a_warning_while_the_service_is_unavailable(own: Service, browser: Browser) -> None:
    builder = Builder(browser, own)
    await channels(own, "One")
    async with builder.at_work():
        await builder.until("facts.titles.length === 1")
        await own.kill()
        seen = await builder.until("facts.notice.startsWith('The service cannot be reached.')")
        assert seen["titles"] == ["One"]
        await own.start()
        await builder.until("facts.notice === ''", timeout=60)


async def test_a_hidden_page_asks_for_nothing_and_is_up_to_date_when_it_is_seen_again(
    live: Service, builder: Builder
) -> None:
    await channels(live, "One")
    hide = (
        "Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }});"
        "document.dispatchEvent(new Event('visibilitychange'));"
    )
    async with builder.at_work():
        await builder.until("facts.titles.length === 1")
        await builder.set(hide.format(hidden="true"))
        await asyncio.sleep(1.0)  # a request that was on its way is answered
        await builder.set("performance.clearResourceTimings();")
        await channels(live, "Two")
        # More than the refresh interval passes, on the page's clock only.
        await builder.set("const now = Date.now; Date.now = () => now() + 60_000;")
        await builder.set(hide.format(hidden="true"))
        listed = "performance.getEntriesByType('resource').filter((each) => each.name.includes('/conference/streams')).length"
        assert await builder.browser.run(f"return {listed}") == 0
        await builder.set(hide.format(hidden="false"))
        await builder.until("facts.titles.length === 2")
        urls = await builder.browser.run("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert not [url for url in urls if live.token in url]


async def test_a_name_is_written_in_its_own_direction(live: Service, builder: Builder) -> None:
    await channels(live, "שלום!", "Garden!")
    direction = "getComputedStyle(each.querySelector('.title')).direction"
    async with builder.at_work():
        await builder.until("facts.titles.length === 2")
        assert await builder.browser.run(
            "return [...document.querySelector('stream-picker').shadowRoot.querySelectorAll('[role=option]')]"
            f".map((each) => {direction})"
        ) == ["ltr", "rtl"]
