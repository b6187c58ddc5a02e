"""create_stream, recorded_streams and the organization's list."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from providers.base import DEFAULT_RECONNECT_TIMEOUT, Playback, ProviderUnavailable
from providers.memory import MemoryProvider
from service.api.changes import describe
from service.clock import SystemClock
from service.domain.streams.streams import NO_INPUT, Streams
from service.store import Store
from tests.api.conftest import Api

MEMBERS = {
    "rtmps_url", "rtmp_url", "view_url", "stream_key", "stream_uid", "slate_image_url", "reconnect_timeout", "latency_mode",
    "enabled",
}  # fmt: skip


async def test_reading_before_an_input_was_created_is_a_404(api: Api) -> None:
    assert await api.get(api.conference(await api.channel()) + "/create_stream") == (404, {"detail": NO_INPUT})


async def test_a_hundred_calls_at_once_give_one_input_and_one_of_them_made_it(api: Api) -> None:
    path = api.conference(await api.channel()) + "/create_stream"
    answers = await asyncio.gather(*(api.post(path) for _ in range(100)))
    assert sorted(status for status, _ in answers) == [200] * 99 + [201]
    assert len({(body["stream_uid"], body["stream_key"]) for _, body in answers}) == 1
    assert api.provider.calls["ensure_input"] == 1


async def test_processes_that_race_for_the_claim_get_one_input(api: Api, database_url: str) -> None:
    channel = await api.channel()
    stores = [Store(database_url, describe) for _ in range(10)]
    try:
        found = await stores[0].channels.channel(api.organization, UUID(channel))
        assert found is not None
        processes = [Streams(api.provider, each.channels, each.claims, each, SystemClock()) for each in stores]
        answers = await asyncio.gather(*(process.ensure(found) for process in processes for _ in range(10)))
    finally:
        for each in stores:
            await each.aclose()
    assert len({(each.input.uid, each.input.stream_key) for each in answers}) == 1
    assert sum(each.created for each in answers) == 1


async def test_options_sent_are_changed_and_the_others_stay(api: Api) -> None:
    path = api.conference(await api.channel()) + "/create_stream"
    status, first = await api.post(path, {"latency_mode": "low", "reconnect_timeout": 12.0})
    assert (status, first["latency_mode"], first["reconnect_timeout"]) == (201, "low", 12)
    status, second = await api.post(path, {"slate_image_url": "https://example.com/slate.png"})
    assert status == 200
    assert second == {**first, "slate_image_url": "https://example.com/slate.png"}
    status, third = await api.post(path, {"slate_image_url": None})
    assert third == first
    assert (await api.get(path))[1] == first


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reconnect_timeout": -1}, "reconnect_timeout"),
        ({"reconnect_timeout": 1801}, "reconnect_timeout"),
        ({"reconnect_timeout": "5"}, "reconnect_timeout"),
        ({"reconnect_timeout": True}, "reconnect_timeout"),
        ({"reconnect_timeout": 1.5}, "reconnect_timeout"),
        ({"reconnect_timeout": 10**400}, "reconnect_timeout"),
        ({"latency_mode": "fast"}, "latency_mode"),
        ({"slate_image_url": "ftp://example.com/x"}, "slate_image_url"),
        ({"slate_image_url": "https://example.com/" + "x" * 2048}, "slate_image_url"),
        ({"slate_image_url": "https://example.com/\u0000"}, "slate_image_url"),
        ({"slate_image_url": 7}, "slate_image_url"),
        *(({"slate_image_url": f"https://example.com/{bad}"}, "slate_image_url") for bad in "\"'<>\\^`{|} é%"),
        ({"slate_image_url": "https://example.com/%zz"}, "slate_image_url"),
        ({"slate_image_url": 'https://a"b.example/'}, "slate_image_url"),
        ({"slate_image_url": "HTTP://[0]"}, "slate_image_url"),
        ({"slate_image_url": "https://[:::]/"}, "slate_image_url"),
        ({"slate_image_url": "https://example.com:65536/"}, "slate_image_url"),
        *(
            ({"slate_image_url": f"http://{host}/"}, "slate_image_url")
            for host in ("0", "0.0.0.0", "0x0", "0.1", "[::]", "[::0]", "2130706433", "127.1", "1.2.3.256", "example.1")
        ),
    ],
)
async def test_a_bad_option_is_named_and_nothing_is_made(api: Api, body: object, field: str) -> None:
    path = api.conference(await api.channel()) + "/create_stream"
    status, answer = await api.post(path, body)
    assert (status, list(answer)) == (400, [field])
    assert isinstance(answer[field][0], str)
    assert (await api.get(path))[0] == 404


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "192.168.1.20:8000", "[::1]", "localhost", "a.b-c.example.", "10.example"]
)
async def test_the_slate_may_be_in_a_private_network(api: Api, host: str) -> None:
    """Only the visitors' browsers load it, never the service."""
    path = api.conference(await api.channel()) + "/create_stream"
    status, made = await api.post(path, {"slate_image_url": f"http://{host}/slate.png"})
    assert (status, made["slate_image_url"]) == (201, f"http://{host}/slate.png")


async def test_a_provider_that_declines_our_default_is_no_error_of_the_callers(api: Api) -> None:
    api.provider.refuse("reconnect_timeout", "must be 180 seconds", accepted=180)
    path = api.conference(await api.channel()) + "/create_stream"
    status, made = await api.post(path)
    assert (status, made["reconnect_timeout"]) == (201, 180)
    assert (await api.get(path))[1] == made
    assert await api.post(path, {"reconnect_timeout": 30}) == (400, {"reconnect_timeout": ["must be 180 seconds"]})
    assert (await api.get(path))[1] == made


async def test_an_input_deleted_at_the_provider_is_made_again_with_its_options(api: Api) -> None:
    path = api.conference(await api.channel()) + "/create_stream"
    _, first = await api.post(path, {"latency_mode": "reduced"})
    await api.provider.delete_input(first["stream_uid"])
    assert (await api.get(path))[0] == 404
    answers = await asyncio.gather(*(api.post(path) for _ in range(20)))
    assert sorted(status for status, _ in answers) == [200] * 19 + [201]
    assert len({body["stream_uid"] for _, body in answers} | {first["stream_uid"]}) == 2
    assert answers[0][1]["latency_mode"] == "reduced"


async def test_recordings_of_an_earlier_input_stay_listed(api: Api) -> None:
    channel = await api.channel()
    path = api.conference(channel) + "/create_stream"
    recorded = []
    for _ in range(2):
        _, live = await api.post(path)
        api.provider.connect(live["stream_uid"])
        api.provider.make_watchable(live["stream_uid"])
        recording = api.provider.end(live["stream_uid"])
        assert recording is not None
        recorded.append(recording.uid)
        await api.provider.delete_input(live["stream_uid"])
    await api.post(path)
    status, page = await api.get(api.conference(channel) + "/recorded_streams")
    assert status == 200
    assert [each["uid"] for each in page["results"]] == recorded[::-1]


async def test_recordings_page_forward_and_back(api: Api) -> None:
    channel = await api.channel()
    _, live = await api.post(api.conference(channel) + "/create_stream")
    for _ in range(7):
        api.provider.connect(live["stream_uid"])
        api.provider.make_watchable(live["stream_uid"])
        api.provider.end(live["stream_uid"])
    await api.writers.settled()
    first_url = api.conference(channel) + "/recorded_streams?page_size=3"
    pages, url = [], first_url
    while url:
        _, page = await api.get(url)
        pages.append(page)
        url = page["next"]
    assert [len(page["results"]) for page in pages] == [3, 3, 1]
    assert len({item["uid"] for page in pages for item in page["results"]}) == 7
    _, back = await api.get(pages[2]["previous"])
    assert back["results"] == pages[1]["results"]
    _, back = await api.get(back["previous"])
    assert back["results"] == pages[0]["results"]
    assert back["previous"] is None


async def test_the_list_is_searched_in_any_case_and_literally(api: Api) -> None:
    for name in ("Ääkköset 100%", "aakkoset 1000", "under_score", "underXscore"):
        await api.post(api.conference(await api.channel(name)) + "/create_stream")

    async def search(text: str) -> list[str]:
        _, page = await api.get(f"{api.base}/conference/streams", params={"search": text})
        return [each["channel_name"] for each in page["results"]]

    assert await search("ÄÄKKÖ") == ["Ääkköset 100%"]
    assert await search("0%") == ["Ääkköset 100%"]
    assert await search("R_S") == ["under_score"]
    assert await search("nothing like it") == []
    assert (await api.get(f"{api.base}/conference/streams", params={"search": "\x00"}))[0] == 400


async def test_the_list_is_filtered_by_state_through_all_pages(api: Api) -> None:
    live = []
    for number in range(9):
        channel = await api.channel(f"channel {number}")
        _, made = await api.post(api.conference(channel) + "/create_stream")
        if number % 2:
            api.provider.connect(made["stream_uid"])
            live.append(f"channel {number}")
    names, url, last = [], f"{api.base}/conference/streams?state=connecting&page_size=3", None
    while url:
        _, last = await api.get(url)
        names += [each["channel_name"] for each in last["results"]]
        url = last["next"]
    assert names == live[::-1]
    assert last is not None
    _, back = await api.get(last["previous"])
    assert [each["channel_name"] for each in back["results"]] == live[:0:-1]
    status, answer = await api.get(f"{api.base}/conference/streams?state=bogus")
    assert (status, list(answer)) == (400, ["state"]) and isinstance(answer["state"], list)
    assert (await api.get(f"{api.base}/conference/streams?state="))[0] == 200


async def test_a_state_is_accepted_in_any_case_and_a_repeated_one_means_any_of_them(api: Api) -> None:
    for number in range(6):
        channel = await api.channel(f"channel {number}")
        _, made = await api.post(api.conference(channel) + "/create_stream")
        if number % 3:
            api.provider.connect(made["stream_uid"])
        if number % 3 == 2:
            api.provider.make_watchable(made["stream_uid"])

    async def found(query: str) -> list[tuple[str, str]]:
        items, url = [], f"{api.base}/conference/streams?page_size=2&{query}"
        while url:
            status, page = await api.get(url)
            assert status == 200, page
            items += [(each["channel_name"][-1], each["state"]) for each in page["results"]]
            url = page["next"]
        return items

    live, connecting = [("5", "live"), ("2", "live")], [("4", "connecting"), ("1", "connecting")]
    offline = [("3", "offline"), ("0", "offline")]
    assert await found("state=LIVE") == await found("state=Live&state=live&state=") == live
    assert await found("state=connecting&state=LIVE") == sorted(live + connecting, reverse=True)
    assert await found("state=offline&state=live") == sorted(live + offline, reverse=True)
    assert await found("&".join(f"state={each}" for each in ("live", "connecting", "offline"))) == await found("state=")
    status, answer = await api.get(f"{api.base}/conference/streams?state=live&state=bogus")
    assert (status, list(answer)) == (400, ["state"])


async def test_null_means_the_default(api: Api) -> None:
    path = api.conference(await api.channel()) + "/create_stream"
    nothing = {"reconnect_timeout": None, "latency_mode": None, "slate_image_url": None}
    status, made = await api.post(path, nothing)
    assert (status, made["reconnect_timeout"], made["latency_mode"]) == (201, DEFAULT_RECONNECT_TIMEOUT, "standard")
    _, changed = await api.post(path, {"reconnect_timeout": 5, "latency_mode": "low"})
    assert (changed["reconnect_timeout"], changed["latency_mode"]) == (5, "low")
    _, half = await api.post(path, {"latency_mode": None})
    assert (half["reconnect_timeout"], half["latency_mode"]) == (5, "standard")
    _, reset = await api.post(path, nothing)
    assert reset == made


async def test_a_missing_live_input_is_named(api: Api) -> None:
    path = api.conference(await api.channel())
    for action in ("enable", "disable", "rotate_key"):
        status, answer = await api.post(f"{path}/{action}")
        assert (status, "no live input" in answer["detail"]) == (404, True), action
    for resource in ("create_stream", "stream_health"):
        status, answer = await api.get(f"{path}/{resource}")
        assert (status, "no live input" in answer["detail"]) == (404, True), resource


async def test_streams_of_one_moment_page_without_loss(api: Api) -> None:
    api.clock.stop()
    expected = set()
    for number in range(6):
        channel = await api.channel(f"{number}")
        expected.add(channel)
        await api.post(api.conference(channel) + "/create_stream")
    seen, url = [], f"{api.base}/conference/streams?page_size=2"
    while url:
        _, page = await api.get(url)
        seen += [each["channel"] for each in page["results"]]
        url = page["next"]
    assert len(seen) == 6 and set(seen) == expected


async def test_an_unavailable_provider_is_a_503_with_retry_after(api: Api, provider: MemoryProvider) -> None:
    path = api.conference(await api.channel()) + "/create_stream"
    provider.fail("away", retry_after=7.2)
    async with api.client.post(path, headers=api.auth) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "8")
    provider.recover()
    assert (await api.post(path))[0] == 201


@pytest.mark.parametrize("outage", [False, True], ids=["current", "outage"])
async def test_a_list_of_last_known_states_is_marked(api: Api, outage: bool) -> None:
    await api.post(api.conference(await api.channel()) + "/create_stream")
    if outage:
        api.provider.fail(answers_state=True)
    for query in ("", "?state=offline&state=ended"):
        async with api.client.get(f"{api.base}/conference/streams{query}", headers=api.auth) as response:
            assert (response.status, len((await response.json())["results"])) == (200, 1)
            assert response.headers.get("X-Degraded") == ("true" if outage else None)
            assert ("Age" in response.headers) is outage


async def test_an_unforeseen_refusal_of_the_provider_is_a_503_without_details(api: Api) -> None:
    channel = await api.channel()
    await api.post(api.conference(channel) + "/create_stream")
    api.provider.raise_provider_error("the account is over its quota")
    for path in ("create_stream", "recorded_streams"):
        assert (await api.get(f"{api.conference(channel)}/{path}"))[0] == 503
    status, body = await api.post(api.conference(channel) + "/create_stream")
    assert (status, "quota" in str(body)) == (503, False)
    assert (await api.get(f"{api.base}/conference/streams"))[0] == 503
    public = api.conference(channel).replace("/pub/", "/pub/public/", 1)
    assert (await api.get(public + "/stream_status"))[0] == 503


async def test_the_list_is_a_503_while_the_delivery_host_is_unknown(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def playback(uid: str) -> Playback:
        raise ProviderUnavailable("not known yet")

    await api.post(api.conference(await api.channel()) + "/create_stream")
    monkeypatch.setattr(api.provider, "playback", playback)
    assert (await api.get(f"{api.base}/conference/streams"))[0] == 503
