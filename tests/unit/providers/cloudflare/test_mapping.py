"""Cloudflare's shapes, as documented and as seen, become the port's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.base import InputOptions, InputRequest, LatencyMode, OptionRefused, ProviderUnavailable
from providers.cloudflare import mapping

BASE = "https://customer-m033z5x00ks6nunl.cloudflarestream.com"
UID = "66be4bf738797e01e1fca35a7bdecdcd"
LIVE: dict[str, Any] = {
    "uid": UID,
    "created": "2021-09-23T05:05:53.451415Z",
    "rtmps": {"url": "rtmps://live.cloudflare.com:443/live/", "streamKey": "k" * 65},
    "meta": {"name": "test stream 1"},
}
VIDEO: dict[str, Any] = {
    "uid": "6b9e68b07dfee8cc2d116e4c51d6a957",
    "status": {"state": "ready", "pctComplete": "100.000000"},
    "meta": {"name": "Stream Live Test 22 Sep 21 22:12 UTC"},
    "created": "2021-09-22T22:12:53.587306Z",
    "modified": "2021-09-23T00:14:05.591333Z",
    "size": 0,
    "duration": 7272,
    "input": {"width": 640, "height": 360},
    "liveInput": UID,
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
shapes = st.dictionaries(
    st.sampled_from(
        ["uid", "status", "meta", "created", "rtmps", "recording", "input", "size", "liveInput", "videoUID", "live"]
    ),
    json_values | st.just(UID) | st.just({"state": "ready", "current": {"state": "connected"}}),
)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-09-23T05:05:53.451415Z", datetime(2021, 9, 23, 5, 5, 53, 451415, UTC)),
        ("2022-01-13T11:43:41.855717910Z", datetime(2022, 1, 13, 11, 43, 41, 855717, UTC)),
        ("2021-09-23T00:14:05Z", datetime(2021, 9, 23, 0, 14, 5, 0, UTC)),
        ("2021-09-23T00:14:05.5Z", datetime(2021, 9, 23, 0, 14, 5, 500000, UTC)),
        ("yesterday", None),
        (None, None),
        (12, None),
    ],
)
def test_times_are_read_with_any_fraction(text: object, moment: datetime | None) -> None:
    assert mapping.moment(text) == moment


@pytest.mark.parametrize(
    ("status", "connected"),
    [
        (None, False),
        ("connected", True),
        ("reconnected", True),
        ("client_disconnect", False),
        ("dancing", None),
        ({"current": {"state": "connected", "reason": "connected"}, "history": []}, True),
        ({"current": {"state": "disconnected", "reason": "client_disconnect"}}, False),
        ({"current": {"state": "dancing"}}, None),
        ({"current": None, "history": []}, False),
        ({}, False),
    ],
)
def test_both_forms_of_status_are_understood(status: object, connected: bool | None) -> None:
    assert mapping.connection(status).connected is connected


def test_the_reason_of_a_disconnection_is_kept() -> None:
    entered = "2026-09-13T10:00:00Z"
    status = {"current": {"state": "disconnected", "reason": "client_disconnect", "statusEnteredAt": entered}}
    assert mapping.connection(status) == mapping.Connection(
        False, datetime(2026, 9, 13, 10, tzinfo=UTC), "client_disconnect"
    )


@pytest.mark.parametrize(
    ("lifecycle", "video"),
    [
        ({"isInput": True, "videoUID": UID, "live": True}, UID),
        ({"isInput": True, "videoUID": None, "live": False}, None),
        ({"isInput": True, "videoUID": "unknown", "live": True, "status": "ready"}, None),
        ({"isInput": True, "videoUID": "", "live": True}, None),
        ({"isInput": True, "videoUID": UID, "live": False}, None),
        ({"isInput": True, "videoUID": UID, "live": "true"}, None),
        (None, None),
        ([], None),
    ],
)
def test_only_a_real_video_is_watchable(lifecycle: object, video: str | None) -> None:
    assert mapping.live_video(lifecycle) == video


@pytest.mark.parametrize("result", [[{"uid": UID}], {"liveInputs": [{"uid": UID}], "range": 1, "total": 1}])
def test_both_forms_of_the_list_are_understood(result: object) -> None:
    assert mapping.listed(result) == [{"uid": UID}]


@pytest.mark.parametrize("result", [None, "x", {}, {"liveInputs": None}, [None, 3]])
def test_a_list_that_is_none_is_empty(result: object) -> None:
    assert mapping.listed(result) == []


def test_an_older_live_input_without_the_newer_members_is_understood() -> None:
    live = mapping.live_input(LIVE, BASE)
    assert (live.uid, live.enabled, live.options.latency_mode) == (UID, True, LatencyMode.STANDARD)
    assert live.playback.hls == f"{BASE}/{UID}/manifest/video.m3u8"


def test_an_answer_without_credentials_is_no_live_input() -> None:
    with pytest.raises(ProviderUnavailable):
        mapping.live_input({"uid": UID, "created": LIVE["created"]}, BASE)


@pytest.mark.parametrize(
    "shape",
    [
        {"playback": {"hls": f"{BASE}/{UID}/manifest/video.m3u8", "dash": ""}},
        {"webRTC": {"url": f"{BASE}/secret/webRTC/publish"}},
    ],
)
def test_the_delivery_host_is_learned_from_what_shows_it(shape: Any) -> None:
    assert mapping.customer_url(shape) == BASE


def test_a_request_records_automatically_and_has_its_owner() -> None:
    options = InputOptions("https://example.com/slate.png", 60, LatencyMode.REDUCED)
    body = mapping.create_body(InputRequest("a" * 32, "channel 7", "Show", options), options)
    assert body["recording"]["mode"] == "automatic"
    assert body["recording"]["timeoutSeconds"] == 60
    assert not body["preferLowLatency"]
    assert (body["meta"]["name"], body["meta"]["owner"], body["meta"]["request_id"]) == ("Show", "channel 7", "a" * 32)


def test_an_update_sends_the_whole_of_what_might_be_replaced() -> None:
    current = LIVE | {"recording": {"mode": "automatic", "requireSignedURLs": True, "allowedOrigins": ["example.com"]}}
    body = mapping.update_body(current, InputOptions(latency_mode=LatencyMode.LOW))
    assert body["recording"]["requireSignedURLs"]
    assert body["recording"]["allowedOrigins"] == ["example.com"]
    assert body["meta"]["name"] == "test stream 1"
    assert body["preferLowLatency"]


def test_an_order_asked_for_otherwise_has_an_idempotency_key_of_its_own() -> None:
    request = InputRequest("a" * 32, "channel 7", "Show")
    others = [InputOptions(None, seconds, mode) for seconds in (30, 60, 10) for mode in LatencyMode]
    keys = {mapping.create_key(request, options) for options in others}
    assert len(keys) == len(others)
    assert request.request_id in keys


@pytest.mark.parametrize(
    ("recording", "seconds"),
    [({"timeoutSeconds": 60}, 60), ({"timeoutSeconds": None}, 0), ({}, 0)],
)
def test_the_reconnect_timeout_is_the_one_that_holds_not_the_one_asked_for(recording: Any, seconds: int) -> None:
    shape = LIVE | {"meta": {"reconnect_timeout": 30}, "recording": recording}
    assert mapping.live_input(shape, BASE).options.reconnect_timeout == seconds


@pytest.mark.parametrize(
    ("wanted", "echo", "option"),
    [
        (InputOptions(reconnect_timeout=60), {"recording": {"timeoutSeconds": None}}, "reconnect_timeout"),
        (InputOptions(reconnect_timeout=60), {"recording": {"timeoutSeconds": 30}}, "reconnect_timeout"),
        (InputOptions(reconnect_timeout=60), {}, "reconnect_timeout"),
        (
            InputOptions(reconnect_timeout=0, latency_mode=LatencyMode.LOW),
            {"preferLowLatency": False},
            "latency_mode",
        ),
    ],
)
def test_a_silently_dropped_setting_is_refused_by_name(wanted: InputOptions, echo: Any, option: str) -> None:
    with pytest.raises(OptionRefused) as refused:
        mapping.read_back(wanted, echo)
    assert refused.value.option == option


def test_a_ready_video_is_a_recording_without_placeholders() -> None:
    recording = mapping.recording(VIDEO, BASE)
    assert recording is not None
    assert (recording.size, recording.duration, recording.width, recording.height) == (None, 7272.0, 640, 360)
    assert recording.name == "Stream Live Test 22 Sep 21 22:12 UTC"


@pytest.mark.parametrize("value", [-1, 0, None, "12", True, float("-inf"), float("inf"), float("nan")])
def test_placeholders_become_none(value: object) -> None:
    recording = mapping.recording(VIDEO | {"duration": value, "size": value}, BASE)
    assert recording is not None
    assert (recording.duration, recording.size) == (None, None)


@pytest.mark.parametrize("state", ["live-inprogress", "inprogress", "queued", "error", "pendingupload", None])
def test_a_video_that_is_not_ready_is_no_recording(state: object) -> None:
    assert mapping.recording(VIDEO | {"status": {"state": state}}, BASE) is None


@given(shapes)
def test_no_answer_of_cloudflare_breaks_the_mapping(shape: dict[str, Any]) -> None:
    mapping.recording(shape, BASE)
    mapping.connection(shape.get("status"))
    mapping.live_video(shape)
    mapping.options(shape)
    mapping.customer_url(shape)
    try:
        mapping.live_input(shape, BASE)
    except ProviderUnavailable:
        pass
