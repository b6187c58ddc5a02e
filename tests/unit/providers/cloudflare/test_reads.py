"""Reads come from a cache: one request for many clients, never older than our own writes, and the old answer in an outage."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from providers.base import (
    InputNotFound,
    InputOptions,
    LiveInput,
    ProviderBusy,
    ProviderUnavailable,
    RecordingNotFound,
    acting_for,
)
from providers.cloudflare.budget import Priority
from providers.cloudflare.provider import CloudflareProvider
from providers.cloudflare.reads import MAX_STALE, Reads
from tests.clock import Clock
from tests.contract.fake_cloudflare import FakeCloudflare
from tests.unit.providers.cloudflare.fake_account import API, MANY, OLD, REQUEST, Make, api_requests


class Source:
    """Counts how often it is asked, and answers `value` or raises `failure`, when `gate` is open."""

    def __init__(self) -> None:
        self.asked: list[Priority] = []
        self.value = "first"
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, priority: Priority) -> str:
        self.asked.append(priority)
        value = self.value
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return value


BUSY = ProviderBusy("used up", retry_after=9)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reads(clock: Clock) -> Reads[str, str]:
    return Reads(clock.now, 2)


async def test_a_hundred_clients_share_one_request(reads: Reads[str, str], source: Source) -> None:
    answers = await asyncio.gather(*(reads.get("input", source) for _ in range(100)))
    assert {each.value for each in answers} == {"first"}
    assert len(source.asked) == 1


async def test_the_others_go_on_when_the_client_that_asked_leaves(reads: Reads[str, str], source: Source) -> None:
    source.gate.clear()
    first, second = (asyncio.ensure_future(reads.get("input", source)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    source.gate.set()
    assert (await second).value == "first"


async def test_a_read_in_the_first_minute_only_uses_what_the_budget_can_spare(
    reads: Reads[str, str], source: Source, clock: Clock
) -> None:
    for _ in range(3):
        await reads.get("input", source)
        clock.advance(30)
    clock.advance(40)
    await reads.get("input", source)
    assert source.asked == [Priority.READ, Priority.RENEW, Priority.RENEW, Priority.READ]


async def test_without_budget_an_answer_of_the_last_minute_is_current_and_an_older_one_is_marked(
    reads: Reads[str, str], source: Source, clock: Clock
) -> None:
    await reads.get("input", source)
    source.failure = BUSY
    clock.advance(50)
    assert (await reads.get("input", source)).as_of is None
    known_at = clock.now()
    clock.advance(20)
    marked = await reads.get("input", source)
    assert marked.value == "first" and marked.as_of is not None and marked.as_of < known_at


async def test_in_an_outage_the_old_answer_is_marked_at_once(
    reads: Reads[str, str], source: Source, clock: Clock
) -> None:
    known_at = clock.now()
    await reads.get("input", source)
    source.failure = ProviderUnavailable("away")
    clock.advance(4)
    assert (await reads.get("input", source)).as_of == known_at
    clock.advance(MAX_STALE.total_seconds())
    with pytest.raises(ProviderUnavailable):
        await reads.get("input", source)


async def test_an_outage_is_asked_about_once_in_a_while(reads: Reads[str, str], source: Source, clock: Clock) -> None:
    source.failure = ProviderUnavailable("away")
    for _ in range(5):
        with pytest.raises(ProviderUnavailable):
            await reads.get("input", source)
    assert len(source.asked) == 1
    clock.advance(3)
    source.failure = None
    assert (await reads.get("input", source)).value == "first"


async def test_what_is_gone_is_not_served_again(reads: Reads[str, str], source: Source, clock: Clock) -> None:
    await reads.get("input", source)
    clock.advance(5)
    source.failure = InputNotFound("input")
    with pytest.raises(InputNotFound):
        await reads.get("input", source)
    source.failure = ProviderUnavailable("away")
    with pytest.raises(ProviderUnavailable):
        await reads.get("input", source)


async def test_a_read_that_began_before_a_write_does_not_undo_it(
    reads: Reads[str, str], source: Source, clock: Clock
) -> None:
    source.gate.clear()
    reading = asyncio.ensure_future(reads.get("input", source))
    await asyncio.sleep(0)
    clock.advance(1)
    reads.put("input", "written")
    source.gate.set()
    await reading
    assert (await reads.get("input", source)).value == "written"


async def test_a_read_that_began_before_a_change_is_read_again(
    reads: Reads[str, str], source: Source, clock: Clock
) -> None:
    await reads.get("input", source)
    clock.advance(5)
    source.gate.clear()
    reading = asyncio.ensure_future(reads.get("input", source))
    await asyncio.sleep(0)
    clock.advance(1)
    reads.expire(lambda key: key == "input")
    source.value = "second"
    source.gate.set()
    assert (await reading).value == "first"
    assert (await reads.get("input", source)).value == "second"


async def test_no_more_than_so_many_answers_are_kept(reads: Reads[str, str], source: Source) -> None:
    for key in ("a", "b", "c", "a"):
        await reads.get(key, source)
    assert len(source.asked) == 4


# The provider's reads.


async def test_constant_reads_of_one_user_leave_the_creates_of_other_organizations(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    acting_for.set("reader")
    for _ in range(1000):
        await provider.get_input(live.uid)
        await provider.recordings(live.uid)
    acting_for.set("creator")
    for number in range(15):
        await provider.ensure_input(replace(REQUEST, request_id=f"{number:032x}"))
    assert await api_requests(fake) < 50


async def test_only_the_organization_that_used_up_its_share_is_refused(
    fake: FakeCloudflare, provider: CloudflareProvider
) -> None:
    acting_for.set("reader")
    with pytest.raises(ProviderBusy, match="Your organization has used its share") as refused:
        for number in range(1000):
            with pytest.raises(RecordingNotFound):
                await provider.recording(f"{number:032x}")
    assert refused.value.above_share and refused.value.retry_after > 1
    acting_for.set("creator")
    for number in range(15):
        await provider.ensure_input(replace(REQUEST, request_id=f"{number:032x}"))


@pytest.mark.parametrize("change", ["rotate", "options", "disable"])
async def test_our_own_write_is_read_at_once(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput, change: str
) -> None:
    changed = await {
        "rotate": lambda: provider.rotate_key(live.uid),
        "options": lambda: provider.update_input(live.uid, InputOptions("https://example.com/slate.png", 60)),
        "disable": lambda: provider.set_enabled(live.uid, False),
    }[change]()
    before = await api_requests(fake)
    assert await provider.get_input(live.uid) == changed != live
    assert await api_requests(fake) == before


async def test_a_write_without_an_answer_causes_a_read(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    await fake.admin("/faults", kind="reset_after", match="/rotate_keys")
    with pytest.raises(ProviderUnavailable):
        await provider.rotate_key(live.uid)
    assert (await provider.get_input(live.uid)).stream_key != live.stream_key


async def test_what_a_state_shows_renews_what_is_kept(fake: FakeCloudflare, make: Make, live: LiveInput) -> None:
    provider = make(customer_url=fake.customer_url)
    await provider.start()
    await provider.state(live.uid)
    before = await api_requests(fake)
    assert await provider.get_input(live.uid) == live
    assert await api_requests(fake) == before


@pytest.mark.parametrize(
    "fault", [{"kind": "reset"}, {"kind": "status", "status": 503}, {"kind": "status", "status": 403}]
)
async def test_in_an_outage_inputs_and_recordings_are_served_as_they_were(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput, fault: dict[str, Any]
) -> None:
    video = await fake.record(await fake.get({"uid": live.uid}))
    assert [each.uid for each in await provider.recordings(live.uid)] == [video]
    recording = await provider.recording(video)
    await fake.admin("/faults", times=MANY, match=API, **fault)
    await fake.advance(OLD)
    stale = await provider.get_input(live.uid)
    assert stale.as_of is not None and replace(stale, as_of=None) == live
    listed = await provider.recordings(live.uid)
    assert listed.as_of is not None and [each.uid for each in listed] == [video]
    again = await provider.recording(video)
    assert again.as_of is not None and replace(again, as_of=None) == recording
    await fake.admin("/faults", "DELETE")
    await fake.advance(5)
    assert (await provider.get_input(live.uid)).as_of is None
    assert (await provider.recordings(live.uid)).as_of is None


async def test_a_new_recording_is_listed_when_it_is_ready(
    fake: FakeCloudflare, provider: CloudflareProvider, live: LiveInput
) -> None:
    assert await provider.recordings(live.uid) == []
    video = await fake.record(await fake.get({"uid": live.uid}))
    provider.recording_changed(live.uid, video)
    assert [each.uid for each in await provider.recordings(live.uid)] == [video]
