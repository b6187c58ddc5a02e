"""stream_player, the watch page, and the files they load."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.api.public_player import StreamPlayer
from service.http import web_files
from tests.api.conftest import Api

MAX_PLAYER = 18 * 1024
"""Bytes of the player on the wire, hls.js not counted."""

MAX_PICKER = 14 * 1024
"""Bytes of the picker on the wire."""


async def streaming(api: Api, **channel: Any) -> tuple[str, dict[str, Any]]:
    """Return a channel's id and its live input."""
    status, made = await api.post(f"{api.base}/channels", {"name": "News", **channel})
    assert status == 201
    status, stream = await api.post(f"{api.conference(made['id'])}/create_stream")
    assert status == 201
    return made["id"], stream


def player_path(api: Api, channel: str) -> str:
    return f"/api/pub/public/v1/orgs/{api.organization}/channels/{channel}/conference/stream_player"


async def public(api: Api, path: str) -> tuple[int, Any]:
    async with api.client.get(path) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        return response.status, await response.json()


async def page(api: Api, path: str) -> tuple[int, str, str]:
    """Status, text and Content-Security-Policy."""
    async with api.client.get(path) as response:
        assert response.content_type == "text/html"
        return response.status, await response.text(), response.headers["Content-Security-Policy"]


async def test_a_visitor_learns_where_to_play_from_and_no_key(api: Api) -> None:
    channel, stream = await streaming(api)
    async with api.client.get(player_path(api, channel)) as response:
        assert response.headers["Cache-Control"] == "public, max-age=1"
        text = await response.text()
    answer = StreamPlayer.model_validate_json(text)
    assert (answer.name, answer.view_url, answer.recording) == ("News", stream["view_url"], None)
    assert stream["stream_key"] not in text


async def test_an_ended_broadcast_is_offered_as_the_latest_recording(api: Api) -> None:
    channel, stream = await streaming(api)
    uid = stream["stream_uid"]
    api.provider.connect(uid)
    api.provider.make_watchable(uid)
    recording = api.provider.end(uid)
    assert recording is not None
    _, answer = await public(api, player_path(api, channel))
    assert answer["recording"]["uid"] == recording.uid
    assert answer["recording"]["hls"] == recording.playback.hls


async def test_simultaneous_requests_cause_one_query(api: Api) -> None:
    channel, _ = await streaming(api)
    for _ in range(20):
        assert (await public(api, player_path(api, channel)))[0] == 200
    assert api.provider.calls["recordings"] <= 2


async def test_an_unavailable_provider_does_not_hide_the_live_stream_from_visitors(api: Api) -> None:
    channel, stream = await streaming(api)
    api.provider.fail()
    status, answer = await public(api, player_path(api, channel))
    assert (status, answer["view_url"], answer["recording"]) == (200, stream["view_url"], None)


async def test_a_private_channel_and_one_without_a_stream_are_not_there(api: Api) -> None:
    private, _ = await streaming(api, is_private=True)
    for channel in (private, await api.channel("Silent"), str(uuid4()), "x"):
        assert await public(api, player_path(api, channel)) == (404, {"detail": "Not found."})
        status, text, _ = await page(api, f"/watch/{api.organization}/{channel}")
        assert status == 404
        assert "There is no stream here." in text
        assert "News" not in text and "Silent" not in text


async def test_a_channel_shows_as_soon_as_it_has_a_stream(api: Api) -> None:
    channel = await api.channel()
    assert (await public(api, player_path(api, channel)))[0] == 404
    await api.post(f"{api.conference(channel)}/create_stream")
    assert (await public(api, player_path(api, channel)))[0] == 200


async def test_the_watch_page_holds_the_player_and_a_preview_for_links(api: Api) -> None:
    channel, stream = await streaming(api, name='Q&A <"live">', description="With Ada")
    status, text, policy = await page(api, f"/watch/{api.organization}/{channel}/")
    assert status == 200
    assert f'<live-stream org="{api.organization}" channel="{channel}" viewers>' in text
    assert '<h1 dir="auto">Q&amp;A &lt;&quot;live&quot;&gt;</h1>' in text
    assert '<meta property="og:title" content="Q&amp;A &lt;&quot;live&quot;&gt;">' in text
    assert '<meta property="og:description" content="With Ada">' in text
    thumbnail = stream["view_url"].replace("manifest/video.m3u8", "thumbnails/thumbnail.jpg")
    assert f'<meta property="og:image" content="{thumbnail}">' in text
    assert re.search(rf'og:url" content="http://[^"]+/watch/{UUID(str(api.organization))}/{channel}"', text)
    assert "unsafe" not in policy and "default-src 'none'" in policy
    assert "connect-src 'self' https://watch.example.com" in policy
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", text)


async def test_the_preview_has_the_live_thumbnail_and_later_the_recordings_one(api: Api) -> None:
    channel, stream = await streaming(api)
    uid = stream["stream_uid"]
    api.provider.connect(uid)
    api.provider.make_watchable(uid)
    recording = api.provider.end(uid)
    assert recording is not None
    _, text, _ = await page(api, f"/watch/{api.organization}/{channel}")
    images = re.findall(r'og:image" content="([^"]+)"', text)
    assert images == [api.provider.playback(uid).thumbnail, recording.playback.thumbnail]


def files() -> list[str]:
    return [
        *web_files.PLAYER,
        *web_files.PICKER,
        *web_files.STUDIO,
        web_files.RECORDING,
        web_files.PICTURE,
        *web_files.STYLES,
        *web_files.ICONS,
        *web_files.OLD_ICONS,
        *web_files.VENDORED,
    ]


@pytest.mark.parametrize("name", files())
async def test_a_file_is_served_packed_plain_and_not_again(api: Api, name: str) -> None:
    path = f"/{name}"
    async with api.client.get(path, headers={"Accept-Encoding": "identity"}) as response:
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "max-age" in response.headers["Cache-Control"]
        plain, etag = await response.read(), response.headers["ETag"]
    async with api.client.get(path, headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert await response.read() == plain
    async with api.client.get(path, headers={"If-None-Match": etag}) as response:
        assert response.status == 304


@pytest.mark.parametrize(
    ("names", "most"),
    [(web_files.PLAYER, MAX_PLAYER), ((*web_files.PICKER, web_files.PICTURE), MAX_PICKER)],
    ids=["player", "picker"],
)
async def test_the_elements_are_small(api: Api, names: tuple[str, ...], most: int) -> None:
    size = 0
    for name in names:
        async with api.client.get(f"/{name}", headers={"Accept-Encoding": "gzip"}) as response:
            size += int(response.headers["Content-Length"])
    assert 0 < size < most


async def recorded(api: Api, **channel: Any) -> tuple[str, str]:
    """Return a channel's id and the uid of its recording."""
    made, stream = await streaming(api, **channel)
    api.provider.connect(stream["stream_uid"])
    api.provider.make_watchable(stream["stream_uid"])
    recording = api.provider.end(stream["stream_uid"])
    assert recording is not None
    return made, recording.uid


async def test_the_page_of_a_recording_has_its_name_its_date_and_a_preview_for_links(api: Api) -> None:
    channel, uid = await recorded(api)
    details = {"name": 'Q&A <"recorded">', "description": "With Ada", "thumbnail_time": 0}
    path = f"{api.base}/conference/recorded_streams/{uid}"
    async with api.client.patch(path, headers=api.auth, json=details) as response:
        assert response.status == 200
        created = (await response.json())["created"]
    for slash in ("", "/"):
        status, text, policy = await page(api, f"/watch/{api.organization}/recordings/{uid}{slash}")
        assert status == 200
    assert '<h1 dir="auto">Q&amp;A &lt;&quot;recorded&quot;&gt;</h1>' in text
    assert f'<time datetime="{created}">' in text and f'href="/watch/{api.organization}/{channel}"' in text
    playback = api.provider.playback(uid)
    assert f'data-hls="{playback.hls}"' in text
    assert f'og:image" content="{playback.thumbnail}?time=0s"' in text
    assert "unsafe" not in policy and "media-src 'self' blob: https://watch.example.com" in policy
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", text)


async def test_recordings_of_private_and_deleted_channels_and_deleted_recordings_have_no_page(api: Api) -> None:
    _, private = await recorded(api, name="Silent", is_private=True)
    channel, uid = await recorded(api)
    other = await api.organization_beside()
    path = f"/watch/{api.organization}/recordings"
    assert (await page(api, f"{path}/{uid}"))[0] == 200
    missing = [
        f"{path}/{private}",
        f"{path}/{'0' * 32}",
        f"{path}/none",
        f"/watch/{other.organization}/recordings/{uid}",
    ]
    missing.append(f"/watch/{uuid4()}/recordings/{uid}")
    for each in missing:
        status, text, _ = await page(api, each)
        assert status == 404 and "There is no recording here." in text and "Silent" not in text
    async with api.client.delete(f"{api.base}/channels/{channel}", headers=api.auth) as response:
        assert response.status == 204
    assert (await page(api, f"{path}/{uid}"))[0] == 404
    _, deleted = await recorded(api, name="Again")
    async with api.client.delete(f"{api.base}/conference/recorded_streams/{deleted}", headers=api.auth) as response:
        assert response.status == 204
    assert (await page(api, f"{path}/{deleted}"))[0] == 404
