"""Cloudflare's official Python SDK runs unchanged against the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from cloudflare import AsyncCloudflare, ConflictError, NotFoundError

from tests.contract.fake_cloudflare import FakeCloudflare, fake_cloudflare


@pytest.fixture
async def fake() -> AsyncIterator[FakeCloudflare]:
    async with fake_cloudflare() as fake:
        yield fake


@pytest.fixture
async def sdk(fake: FakeCloudflare) -> AsyncIterator[AsyncCloudflare]:
    async with AsyncCloudflare(api_token=fake.config.api_token, base_url=fake.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def account(fake: FakeCloudflare) -> str:
    return fake.config.account_id


async def test_a_live_input_is_made_read_changed_and_deleted(sdk: AsyncCloudflare, account: str) -> None:
    inputs = sdk.stream.live_inputs
    made = await inputs.create(account_id=account, meta={"name": "Show"}, recording={"mode": "automatic"})
    assert made.uid is not None
    assert (await inputs.get(made.uid, account_id=account)).rtmps == made.rtmps
    changed = await inputs.update(made.uid, account_id=account, enabled=False)
    assert changed.enabled is False
    await inputs.delete(made.uid, account_id=account)
    with pytest.raises(NotFoundError) as missing:
        await inputs.get(made.uid, account_id=account)
    assert missing.value.errors[0].code == 10003


async def test_an_idempotency_key_is_sent(sdk: AsyncCloudflare, account: str) -> None:
    inputs = sdk.stream.live_inputs
    first = await inputs.create(account_id=account, idempotency_key="a")
    assert (await inputs.create(account_id=account, idempotency_key="a")).uid == first.uid
    assert first.uid is not None
    await inputs.delete(first.uid, account_id=account)
    with pytest.raises(ConflictError):
        await inputs.create(account_id=account, idempotency_key="a")


async def test_the_documented_list_is_parsed(sdk: AsyncCloudflare, fake: FakeCloudflare, account: str) -> None:
    live = await fake.create()
    await fake.admin("/switches", list_shape="documented")
    listed = await sdk.stream.live_inputs.list(account_id=account)
    assert [each.uid for each in listed.live_inputs or []] == [live["uid"]]
    assert listed.total == 1


async def test_videos_are_listed_read_and_deleted(sdk: AsyncCloudflare, fake: FakeCloudflare, account: str) -> None:
    live = await fake.create()
    ready, running = await fake.record(live), await fake.go_live(live)
    listed = [each.uid async for each in sdk.stream.list(account_id=account, live_input_id=live["uid"])]
    assert listed == [running, ready]
    video = await sdk.stream.get(ready, account_id=account)
    assert (video.ready_to_stream, video.live_input) == (True, live["uid"])
    with pytest.raises(ConflictError) as refused:
        await sdk.stream.delete(running, account_id=account)
    assert refused.value.errors[0].code == 10046
    await sdk.stream.delete(ready, account_id=account)
    with pytest.raises(NotFoundError):
        await sdk.stream.get(ready, account_id=account)


async def test_videos_of_an_input_come_by_plain_get(sdk: AsyncCloudflare, fake: FakeCloudflare, account: str) -> None:
    live = await fake.create()
    video = await fake.record(live)
    path = f"/accounts/{account}/stream/live_inputs/{live['uid']}/videos"
    answer = await sdk.get(path, cast_to=object)
    assert answer["result"][0]["uid"] == video  # type: ignore[index]


async def test_tokens_keys_and_usage(sdk: AsyncCloudflare, fake: FakeCloudflare, account: str) -> None:
    live = await fake.create()
    token = await sdk.stream.token.create(live["uid"], account_id=account)
    assert token.token
    key = await sdk.stream.keys.create(account_id=account)
    assert key.id
    assert [each.id async for each in sdk.stream.keys.get(account_id=account)] == [key.id]
    assert await sdk.stream.keys.delete(key.id, account_id=account) == "Revoked"
    assert (await sdk.stream.videos.storage_usage(account_id=account)).video_count == 0


@pytest.mark.parametrize("spelling", ["body_notification_url_1", "body_notification_url_2"])
async def test_the_webhook_is_set_read_and_removed(sdk: AsyncCloudflare, account: str, spelling: str) -> None:
    webhooks = sdk.stream.webhooks
    url: dict[str, Any] = {spelling: "https://hooks.example.com/video"}
    await webhooks.update(account_id=account, **url)
    assert (await webhooks.get(account_id=account)).notification_url == "https://hooks.example.com/video"  # type: ignore[union-attr]
    await webhooks.delete(account_id=account)
    with pytest.raises(NotFoundError):
        await webhooks.get(account_id=account)


async def test_outputs_are_made_listed_switched_and_deleted(
    sdk: AsyncCloudflare, fake: FakeCloudflare, account: str
) -> None:
    uid, outputs = (await fake.create())["uid"], sdk.stream.live_inputs.outputs
    made = await outputs.create(uid, account_id=account, url="rtmp://a.example.com/live2", stream_key="abc")
    assert made.uid is not None
    assert [each.uid async for each in outputs.list(uid, account_id=account)] == [made.uid]
    changed = await outputs.update(made.uid, account_id=account, live_input_identifier=uid, enabled=False)
    assert changed.enabled is False
    await outputs.delete(made.uid, account_id=account, live_input_identifier=uid)
    assert [each async for each in outputs.list(uid, account_id=account)] == []
