"""The fake keeps the contract of Cloudflare Stream Live, section 11; the number of the check stands in each docstring."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from providers.cloudflare.fake.config import FakeConfig, Switches
from providers.cloudflare.fake.notify import sign
from tests.contract.fake_cloudflare import FakeCloudflare, fake_cloudflare, receiver

INPUTS = "/live_inputs"
LISTED = {"uid", "created", "modified", "meta", "enabled", "deleteRecordingAfterDays"}
SECRET = re.compile(rb"[0-9a-f]{32}k[0-9a-f]{32}")


@pytest.fixture
async def fake() -> AsyncIterator[FakeCloudflare]:
    async with fake_cloudflare() as fake:
        yield fake


async def test_an_empty_create_answers_the_defaults(fake: FakeCloudflare) -> None:
    """Check 1."""
    live = (await fake.api("POST", INPUTS, json={})).result
    assert (live["status"], live["enabled"], live["preferLowLatency"]) == (None, True, False)
    assert live["deleteRecordingAfterDays"] is None
    assert (live["recording"]["mode"], live["recording"]["allowedOrigins"]) == ("off", None)
    assert "timeoutSeconds" not in live["recording"]
    assert "keysRotatedAt" not in live


async def test_a_create_echoes_what_was_sent_and_makes_credentials(fake: FakeCloudflare) -> None:
    """Check 2."""
    recording = {"mode": "automatic", "timeoutSeconds": 10, "requireSignedURLs": True}
    live = (await fake.api("POST", INPUTS, json={"meta": {"name": "Show"}, "recording": recording})).result
    assert live["meta"] == {"name": "Show"}
    assert recording.items() <= live["recording"].items()
    assert re.fullmatch(f"[0-9a-f]{{32}}k{live['uid']}", live["rtmps"]["streamKey"])
    assert live["rtmpsPlayback"]["streamKey"] != live["rtmps"]["streamKey"]
    assert "?" not in live["srt"]["url"]
    assert live["rtmps"]["url"].endswith("/live/")
    assert live["webRTC"]["url"].endswith("/webRTC/publish")
    assert live["webRTCPlayback"]["url"].endswith(f"/{live['uid']}/webRTC/play")
    assert live["playback"]["hls"] == f"{fake.customer_url}/{live['uid']}/manifest/video.m3u8"


async def test_the_same_body_twice_makes_two_inputs(fake: FakeCloudflare) -> None:
    """Check 3."""
    assert (await fake.create())["uid"] != (await fake.create())["uid"]


async def test_an_idempotency_key_makes_one_input_and_conflicts_after_its_deletion(fake: FakeCloudflare) -> None:
    """Check 4."""

    async def create(key: str) -> Any:
        return await fake.api("POST", INPUTS, json={}, headers={"Idempotency-Key": key})

    first = (await create("a")).result
    assert (await create("a")).result["uid"] == first["uid"]
    assert (await create("b")).result["uid"] != first["uid"]
    await fake.api("DELETE", f"{INPUTS}/{first['uid']}")
    assert (await create("a")).status == 409
    assert (await create("x" * 255)).status == 200
    assert 400 <= (await create("x" * 256)).status < 500


async def test_an_idempotency_key_is_forgotten_after_six_hours(fake: FakeCloudflare) -> None:
    headers = {"Idempotency-Key": "a"}
    first = (await fake.api("POST", INPUTS, json={}, headers=headers)).result
    await fake.advance(6 * 3600)
    assert (await fake.api("POST", INPUTS, json={}, headers=headers)).result["uid"] != first["uid"]


async def test_retention_is_a_top_level_number_of_days(fake: FakeCloudflare) -> None:
    """Check 5."""
    for days in (7, 29, 1097):
        refused = await fake.api("POST", INPUTS, json={"deleteRecordingAfterDays": days})
        assert (refused.status, refused.code) == (400, 10060)
    for days in (30, 1096):
        assert (await fake.create(deleteRecordingAfterDays=days))["deleteRecordingAfterDays"] == days
    nested = await fake.create(recording={"mode": "automatic", "deleteRecordingAfterDays": 45})
    assert nested["deleteRecordingAfterDays"] is None


async def test_get_equals_the_echo_and_404s_are_in_the_envelope(fake: FakeCloudflare) -> None:
    """Check 6."""
    live, deleted = await fake.create(), await fake.create()
    assert await fake.get(live) == live
    await fake.api("DELETE", f"{INPUTS}/{deleted['uid']}")
    for uid in ("f" * 32, deleted["uid"], "not-a-uid!"):
        missing = await fake.api("GET", f"{INPUTS}/{uid}")
        assert (missing.status, missing.code) == (404, 10003)


async def test_the_list_is_an_array_without_credentials(fake: FakeCloudflare) -> None:
    """Check 7."""
    await fake.create()
    listed = await fake.api("GET", INPUTS)
    assert set(listed.result[0]) == LISTED
    assert not SECRET.search(listed.body)
    await fake.admin("/switches", list_shape="documented")
    documented = await fake.api("GET", INPUTS)
    assert set(documented.result["liveInputs"][0]) == LISTED
    assert not SECRET.search(documented.body)


async def test_a_list_with_counts_is_an_object(fake: FakeCloudflare) -> None:
    """Check 8."""
    await fake.create()
    result = (await fake.api("GET", f"{INPUTS}?include_counts=true")).result
    assert (len(result["liveInputs"]), result["range"], result["total"]) == (1, 1, 1)


@pytest.mark.parametrize("by", ["put", "post"])
async def test_a_disabled_input_drops_and_refuses_its_publisher(fake: FakeCloudflare, by: str) -> None:
    """Check 9."""
    live = await fake.create()
    path = f"{INPUTS}/{live['uid']}"

    async def switch(on: bool) -> Any:
        if by == "put":
            return (await fake.api("PUT", path, json={"enabled": on})).result
        return (await fake.api("POST", f"{path}/{'enable' if on else 'disable'}")).result

    assert await fake.connect(live)
    await fake.advance(1)
    off = await switch(False)
    same = {name: value for name, value in live.items() if name not in {"enabled", "modified", "status"}}
    assert same.items() <= off.items()
    assert off["modified"] > live["modified"]
    assert off["status"]["current"]["state"] == "disconnected"
    assert not await fake.connect(live)
    assert (await switch(True))["enabled"]
    assert await fake.connect(live)


async def test_rotating_keys_revokes_the_old_ones(fake: FakeCloudflare) -> None:
    """Check 10."""
    live = await fake.create()
    await fake.connect(live)
    new = (await fake.api("POST", f"{INPUTS}/{live['uid']}/rotate_keys")).result
    assert new["uid"] == live["uid"]
    assert new["keysRotatedAt"]
    for member in ("rtmps", "rtmpsPlayback", "srt", "srtPlayback", "webRTC"):
        assert new[member] != live[member]
    assert new["status"]["current"]["state"] == "disconnected"
    assert not await fake.connect(live)
    assert await fake.connect(new)


async def test_recordings_outlive_their_input(fake: FakeCloudflare) -> None:
    """Check 11."""
    live = await fake.create()
    video = await fake.record(live)
    path = f"{INPUTS}/{live['uid']}"
    assert (await fake.api("DELETE", path)).status == 200
    again = await fake.api("DELETE", path)
    assert (again.status, again.code) == (404, 10003)
    assert (await fake.api("GET", f"/{video}")).result["uid"] == video
    assert [each["uid"] for each in (await fake.api("GET", f"?live_input_id={live['uid']}")).result] == [video]


async def test_credentials_are_checked(fake: FakeCloudflare) -> None:
    """Check 12."""
    url = f"{fake.base_url}/accounts/{fake.config.account_id}/stream{INPUTS}"
    missing = await fake.request("GET", url)
    assert (missing.status, missing.code) == (400, 9106)
    malformed = await fake.request("GET", url, headers={"Authorization": "Bearer"})
    assert (malformed.status, malformed.code) == (400, 6003)
    assert malformed.json["errors"][0]["error_chain"][0]["code"] == 6111
    wrong = {"Authorization": "Bearer wrong"}
    assert ((await fake.request("GET", url, headers=wrong)).status) == 403
    await fake.admin("/switches", wrong_token_status=401)
    refused = await fake.request("GET", url, headers=wrong)
    assert (refused.status, refused.code) == (401, 10000)
    legacy = {"X-Auth-Email": "me@example.com", "X-Auth-Key": fake.config.api_token}
    assert (await fake.request("GET", url, headers=legacy)).status == 200


async def test_one_request_too_many_blocks_for_a_window() -> None:
    """Check 13; the limit is lowered, so that a test need not send 1,201 requests."""
    assert FakeConfig().rate_limit == 1200
    async with fake_cloudflare(FakeConfig(rate_limit=5)) as fake:
        for _ in range(5):
            answer = await fake.api("GET", INPUTS)
            assert answer.status == 200
        assert answer.headers["Ratelimit"].startswith('"default";r=0;t=')
        assert "Ratelimit-Policy" in answer.headers
        blocked = await fake.api("GET", INPUTS)
        assert (blocked.status, blocked.headers["retry-after"]) == (429, "300")
        assert "Ratelimit" not in (await fake.deliver("/unknown/lifecycle")).headers
        await fake.advance(300)
        assert (await fake.api("GET", INPUTS)).status == 200


async def test_an_input_that_never_streamed_is_not_live(fake: FakeCloudflare) -> None:
    """Check 14."""
    live = await fake.create()
    idle = await fake.lifecycle(live)
    assert (idle["isInput"], idle["live"], idle["videoUID"]) == (True, False, None)
    await fake.admin("/switches", idle_lifecycle="unknown")
    odd = await fake.lifecycle(live)
    assert (odd["live"], odd["videoUID"], odd["status"]) == (True, "unknown", "ready")
    manifest = await fake.deliver(f"/{live['uid']}/manifest/video.m3u8")
    assert (manifest.status, manifest.body) == (204, b"")


async def test_a_publisher_shows_in_the_status_and_is_notified(fake: FakeCloudflare) -> None:
    """Check 15."""
    async with receiver() as (origin, taken):
        await fake.admin("/destination", url=f"{origin}/hook", secret="s3cret")
        assert "data" not in json.loads(taken[0].body), "the test POST has no event"
        live = await fake.create()
        await fake.connect(live)
        notice = json.loads(taken[1].body)
    assert taken[1].headers["cf-webhook-auth"] == "s3cret"
    assert notice["data"]["event_type"] == "live_input.connected"
    assert notice["data"]["input_id"] == live["uid"]
    assert re.search(r"\.\d{9}Z$", notice["data"]["updated_at"])
    first = (await fake.get(live))["status"]["current"]
    await fake.advance(5)
    later = (await fake.get(live))["status"]["current"]
    assert (first["state"], first["ingestProtocol"]) == ("connected", "rtmp")
    assert later["statusEnteredAt"] == first["statusEnteredAt"]
    assert later["statusLastSeen"] > first["statusLastSeen"]


async def test_a_broadcast_becomes_watchable_after_a_while(fake: FakeCloudflare) -> None:
    """Check 16."""
    live = await fake.create()
    await fake.connect(live)
    assert not (await fake.lifecycle(live))["live"]
    assert (await fake.deliver(f"/{live['uid']}/manifest/video.m3u8")).status == 204
    await fake.advance(fake.config.switches.watchable_delay)
    assert re.fullmatch("[0-9a-f]{32}", (await fake.lifecycle(live))["videoUID"])
    manifest = await fake.deliver(f"/{live['uid']}/manifest/video.m3u8")
    assert (manifest.status, manifest.headers["Content-Type"]) == (200, "application/vnd.apple.mpegurl")


async def test_the_running_broadcast_is_the_first_video(fake: FakeCloudflare) -> None:
    """Check 17."""
    live = await fake.create()
    await fake.record(live)
    running = await fake.go_live(live)
    first = (await fake.videos(live))[0]
    assert (first["uid"], first["status"]["state"]) == (running, "live-inprogress")
    assert (first["readyToStream"], first["duration"], first["liveInput"]) == (False, -1, live["uid"])
    assert "pctComplete" not in first["status"]
    assert first["meta"]["name"].startswith("Show ")


async def test_a_short_drop_goes_on_in_the_same_video(fake: FakeCloudflare) -> None:
    """Check 18."""
    live = await fake.create()
    video = await fake.go_live(live)
    await fake.drop(live)
    await fake.advance(12)
    status = (await fake.get(live))["status"]
    assert (status["current"]["state"], status["current"]["reason"]) == ("disconnected", "client_disconnect")
    assert (await fake.lifecycle(live))["videoUID"] == video
    assert await fake.connect(live)
    await fake.advance(60)
    status = (await fake.get(live))["status"]
    assert (status["current"]["state"], len(status["history"])) == ("connected", 2)
    assert (await fake.lifecycle(live))["videoUID"] == video


async def test_a_long_drop_ends_the_broadcast_and_makes_a_recording(fake: FakeCloudflare) -> None:
    """Check 19."""
    live = await fake.create()
    first = await fake.go_live(live)
    await fake.advance(60)
    await fake.drop(live)
    await fake.advance(13)
    assert not (await fake.lifecycle(live))["live"]
    await fake.advance(60)
    (video,) = await fake.videos(live)
    assert (video["uid"], video["status"]["state"]) == (first, "ready")
    assert video["duration"] == pytest.approx(72)
    assert video["size"] > 0
    assert video["input"]["width"] > 0
    second = await fake.go_live(live)
    assert [each["uid"] for each in await fake.videos(live)] == [second, first]


async def test_an_input_that_does_not_record_is_never_watchable(fake: FakeCloudflare) -> None:
    """Check 20."""
    live = await fake.create(recording={"mode": "off"})
    assert await fake.connect(live)
    await fake.advance(60)
    assert (await fake.get(live))["status"]["current"]["state"] == "connected"
    assert await fake.videos(live) == []
    assert (await fake.deliver(f"/{live['uid']}/manifest/video.m3u8")).status == 204


async def test_the_viewer_count_is_returned_unless_hidden(fake: FakeCloudflare) -> None:
    """Check 21."""
    live = await fake.create()
    hidden = await fake.create(recording={"mode": "automatic", "hideLiveViewerCount": True})
    for each in (live, hidden):
        await fake.admin(f"/inputs/{each['uid']}/viewers", value=113)
    assert (await fake.deliver(f"/{live['uid']}/views")).json == {"liveViewers": 113}
    assert b"113" not in (await fake.deliver(f"/{hidden['uid']}/views")).body


async def test_the_video_list_filters_and_walks(fake: FakeCloudflare) -> None:
    """Check 22."""
    show = await fake.create(defaultCreator="ann")
    recorded = [await fake.record(show) for _ in range(4)]
    other = await fake.create(meta={"name": "Other"})
    running = await fake.go_live(other)

    async def uids(query: str) -> list[str]:
        return [each["uid"] for each in (await fake.api("GET", f"?{query}")).result]

    newest_first = [running, *reversed(recorded)]
    assert await uids("page=3&offset=7") == newest_first
    assert await uids("asc=true") == newest_first[::-1]
    assert await uids("status=ready") == newest_first[1:]
    assert await uids(f"live_input_id={other['uid']}") == [running]
    assert await uids("search=othe") == [running]
    assert await uids("creator=ann") == newest_first[1:]
    assert await uids("limit=5000") == newest_first

    walked: list[Any] = []
    before = ""
    while page := (await fake.api("GET", f"?limit=2{before}")).result:
        walked += page
        before = f"&before={walked[-1]['created']}"
    assert [each["uid"] for each in walked] == newest_first
    counted = (await fake.api("GET", "?include_counts=true&limit=2")).json
    assert (counted["total"], counted["range"]) == ("5", "2")


async def test_a_live_video_cannot_be_deleted_and_a_ready_one_can(fake: FakeCloudflare) -> None:
    """Check 23."""
    live = await fake.create()
    ready, running = await fake.record(live), await fake.go_live(live)
    assert (await fake.api("DELETE", f"/{ready}")).status == 200
    assert (await fake.api("GET", f"/{ready}")).status == 404
    refused = await fake.api("DELETE", f"/{running}")
    assert (refused.status, refused.code) == (409, 10046)


async def test_a_private_stream_needs_a_token_of_this_account(fake: FakeCloudflare) -> None:
    """Check 24."""
    live = await fake.create(recording={"mode": "automatic", "requireSignedURLs": True})
    await fake.go_live(live)
    now = int(fake.clock.now().timestamp())

    async def served(name: str) -> int:
        return (await fake.deliver(f"/{name}/manifest/video.m3u8")).status

    path = f"/{live['uid']}/token"
    token = (await fake.api("POST", path)).result["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], int(claims["exp"]) - int(claims["nbf"])) == (live["uid"], 7200)
    assert await served(live["uid"]) in {401, 403}
    assert await served(token) == 200
    assert await served(token[:-4] + "AAAA") in {401, 403}
    assert (await fake.api("POST", path, json={"exp": now + 24 * 3600 + 1})).status == 400
    await fake.advance(3600)
    assert await served(token) in {401, 403}


async def test_an_own_signing_key_works_until_it_is_revoked(fake: FakeCloudflare) -> None:
    """Check 24."""
    live = await fake.create(recording={"mode": "automatic", "requireSignedURLs": True})
    await fake.go_live(live)
    key = (await fake.api("POST", "/keys")).result
    now = int(fake.clock.now().timestamp())
    claims = {"sub": live["uid"], "kid": key["id"], "exp": now + 60, "nbf": now - 60}
    token = jwt.encode(claims, base64.b64decode(key["pem"]), "RS256", headers={"kid": key["id"]})
    path = f"/{token}/manifest/video.m3u8"
    assert (await fake.deliver(path)).status == 200
    assert [each["id"] for each in (await fake.api("GET", "/keys")).result] == [key["id"]]
    assert (await fake.api("DELETE", f"/keys/{key['id']}")).result == "Revoked"
    assert (await fake.deliver(path)).status in {401, 403}


async def test_a_finished_recording_is_posted_and_signed(fake: FakeCloudflare) -> None:
    """Check 25."""
    async with receiver() as (origin, taken):
        webhook = (await fake.api("PUT", "/webhook", json={"notificationUrl": f"{origin}/video"})).result
        assert (await fake.api("GET", "/webhook")).result == webhook
        live = await fake.create()
        video = await fake.record(live)
        (post,) = taken
    body = json.loads(post.body)
    assert (body["uid"], body["liveInput"], body["status"]["state"]) == (video, live["uid"], "ready")
    time, sig1 = (part.split("=")[1] for part in post.headers["Webhook-Signature"].split(","))
    message = f"{time}.".encode() + post.body
    assert sig1 == hmac.new(webhook["secret"].encode(), message, hashlib.sha256).hexdigest()


def test_signatures_match_the_contracts_vector() -> None:
    """Check 25."""
    body = b'{"uid":"6b9e68b07dfee8cc2d116e4c51d6a957","readyToStream":true}'
    assert sign("85011ed3a913c6ad5f9cf6c5573cc0a7", body, 1230811200) == (
        "time=1230811200,sig1=baf8b35ee3c62e48ad7217a648ab1dbaa8ff5d589bd99b023bf821f86cf27f24"
    )


async def test_a_bad_gop_is_notified_with_its_code(fake: FakeCloudflare) -> None:
    """Check 26."""
    async with receiver() as (origin, taken):
        await fake.admin("/destination", url=origin, secret="s3cret")
        live = await fake.create()
        await fake.connect(live)
        await fake.admin(f"/inputs/{live['uid']}/error", code="ERR_UNSUPPORTED_AUDIO_CODEC")
    data = json.loads(taken[-1].body)["data"]
    assert data["event_type"] == "live_input.errored"
    assert data["live_input_errored"]["error"]["code"] == "ERR_UNSUPPORTED_AUDIO_CODEC"


async def test_outputs_are_made_listed_switched_and_deleted(fake: FakeCloudflare) -> None:
    """Check 27."""
    path = f"{INPUTS}/{(await fake.create())['uid']}/outputs"
    target = {"url": "rtmp://a.rtmp.example.com/live2", "streamKey": "abc"}
    for missing in ("url", "streamKey"):
        body = {name: value for name, value in target.items() if name != missing}
        refused = await fake.api("POST", path, json=body)
        assert (refused.status, refused.code) == (400, 10005)
    made = [(await fake.api("POST", path, json=target)).result for _ in range(50)]
    assert (await fake.api("POST", path, json=target)).status == 400
    assert (await fake.api("GET", path)).result == made
    one = f"{path}/{made[0]['uid']}"
    assert not (await fake.api("PUT", one, json={"enabled": False, "url": "rtmp://x"})).result["enabled"]
    assert (await fake.api("GET", path)).result[0]["url"] == target["url"]
    deleted = await fake.api("DELETE", one)
    assert (deleted.status, deleted.json) == (200, {})


async def test_faults_strike_as_ordered(fake: FakeCloudflare) -> None:
    """Check 29."""
    await fake.admin("/faults", kind="status", times=2)
    assert [(await fake.api("GET", INPUTS)).status for _ in range(3)] == [500, 500, 200]
    await fake.admin("/faults", kind="status", status=429, retry_after=7)
    assert (await fake.api("GET", INPUTS)).headers["retry-after"] == "7"
    await fake.admin("/faults", kind="null_messages")
    assert (await fake.api("GET", INPUTS)).json["messages"] is None
    await fake.admin("/faults", kind="no_code", status=400)
    assert "code" not in (await fake.api("GET", INPUTS)).json["errors"][0]
    await fake.admin("/faults", kind="slow", seconds=0)
    assert (await fake.api("GET", INPUTS)).status == 200


async def test_a_create_can_be_stored_and_its_answer_lost(fake: FakeCloudflare) -> None:
    """Check 29."""
    await fake.admin("/faults", kind="reset_after", match="POST")
    with pytest.raises(aiohttp.ClientError):
        await fake.create()
    assert len((await fake.api("GET", INPUTS)).result) == 1


async def test_thumbnails_have_the_asked_size(fake: FakeCloudflare, tmp_path: Path) -> None:
    """Check 30."""
    live = await fake.create()
    video = await fake.record(live)
    thumbnail = await fake.deliver(f"/{video}/thumbnails/thumbnail.jpg?time=5s&width=321&height=123&fit=crop")
    assert thumbnail.headers["Content-Type"] == "image/jpeg"
    start_of_frame = thumbnail.body.index(b"\xff\xc0")
    assert struct.unpack(">HH", thumbnail.body[start_of_frame + 5 : start_of_frame + 9]) == (123, 321)

    (tmp_path / "picture.jpg").write_bytes(thumbnail.body)
    decode = ["ffmpeg", "-v", "error", "-xerror", "-i", str(tmp_path / "picture.jpg"), "-f", "null", "-"]
    decoded = await asyncio.to_thread(subprocess.run, decode, capture_output=True, timeout=20)
    assert decoded.stderr == b""


async def test_an_errored_video_is_a_failed_dependency(fake: FakeCloudflare) -> None:
    """Check 30."""
    video = await fake.record(await fake.create())
    await fake.admin(f"/videos/{video}/error")
    assert (await fake.deliver(f"/{video}/manifest/video.m3u8")).status == 424
    assert (await fake.deliver(f"/{video}/thumbnails/thumbnail.jpg")).status == 424


async def test_the_state_can_outlive_the_process(tmp_path: Path) -> None:
    config = FakeConfig(state_file=tmp_path / "state.json", switches=Switches(watchable_delay=1))
    async with fake_cloudflare(config) as fake:
        live = await fake.create()
    async with fake_cloudflare(config) as fake:
        again = await fake.get(live)
    assert again["rtmps"] == live["rtmps"]
