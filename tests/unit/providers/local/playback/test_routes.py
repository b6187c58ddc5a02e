"""What the playback routes answer, over real HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib import import_module

import pytest
from aiohttp import ClientSession
from yarl import URL

from providers.base import LatencyMode
from providers.local.manifest import hls
from providers.local.mp4.reader import Defaults, whole_fragments
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.events import Part
from providers.local.playback import PlaybackLimits
from tests.simulated_packager import INPUT, UID, SimulatedPackager
from tests.strict_playlist import read_media, read_multivariant
from tests.unit.providers.local.playback.library import Client, Library, text
from tests.waiting import until


async def test_an_idle_input_is_not_found_and_may_be_asked_again_in_a_second(client: Client) -> None:
    answer = await client.get(f"/{INPUT}/manifest/video.m3u8")
    assert answer.status == 404
    assert "detail" in await answer.json()
    assert answer.headers["Cache-Control"] == "public, max-age=1"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_broadcast_with_parts_only_is_not_served_yet(client: Client, library: Library) -> None:
    library.begin(LatencyMode.LOW)
    for event in [*library.packager.segment()][:6]:
        library.running.write("source", event)
    for path in (f"{INPUT}/manifest/video.m3u8", f"{UID}/live/source-video.m3u8", f"{INPUT}/manifest/video.mpd"):
        assert (await client.get(f"/{path}")).status == 404


@pytest.mark.parametrize("uid", [INPUT, UID])
async def test_a_running_broadcast_is_found_by_its_input_and_by_its_own_uid(
    client: Client, library: Library, uid: str
) -> None:
    library.begin()
    library.push(2)
    variants, media = read_multivariant(await text(client, f"/{uid}/manifest/video.m3u8"))
    assert variants[0]["RESOLUTION"] == "1280x720"
    for uri in (variants[0]["URI"], media[0]["URI"]):
        assert uri.startswith(f"../../{UID}/live/")
        assert len(read_media(await text(client, f"/{uid}/manifest/{uri}")).segments) == 2


async def test_everything_a_playlist_names_can_be_fetched(client: Client, library: Library) -> None:
    library.begin(LatencyMode.LOW)
    library.push(20)
    library.push_part()
    playlist = read_media(await text(client, f"/{UID}/live/source-video.m3u8"))
    parts = [part["URI"] for segment in playlist.segments for part in segment.parts]
    assert parts
    uris = [segment.uri for segment in playlist.segments] + [playlist.segments[0].map] + parts
    for uri in [*uris, playlist.open_parts[0]["URI"]]:
        answer = await client.get(f"/{UID}/live/{uri}")
        assert (answer.status, answer.content_type) == (200, "video/mp4"), uri
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_segments_of_before_a_track_joined_are_served_without_files(client: Client, library: Library) -> None:
    library.begin()
    video = SimulatedPackager(tracks=(TrackKind.VIDEO,))
    for event in [*video.segment(), *video.segment()]:
        library.running.write("source", event)
    audio = SimulatedPackager(library.running.resume("source", joins=False), tracks=(TrackKind.AUDIO,))
    (init,) = audio.inits()
    library.running.write("source", replace(init, missing=2, start=4 * 48_000))

    playlist = read_media(await text(client, f"/{UID}/live/source-audio.m3u8"))
    whole = await client.get(f"/{UID}/live/{playlist.segments[1].uri}")
    part = await client.get(f"/{UID}/live/{playlist.segments[1].uri}", headers={"Range": "bytes=10-19"})

    assert [each.discontinuity for each in playlist.segments] == [0, 0]
    assert {each.map for each in playlist.segments} == {"../segments/source-audio-init-1.mp4"}
    assert whole.headers["Cache-Control"].endswith("immutable")
    body = await whole.read()
    assert sum(each.duration for each in whole_fragments(body, Defaults(1024))) == pytest.approx(2 * 48_000, abs=1024)
    assert (part.status, await part.read()) == (206, body[10:20])


async def test_the_live_playlist_goes_on_with_an_end_after_the_end(client: Client, library: Library) -> None:
    library.begin()
    library.push(3)
    assert not read_media(await text(client, f"/{UID}/live/source-video.m3u8")).ended
    library.finish()
    assert read_media(await text(client, f"/{UID}/live/source-video.m3u8")).ended
    assert 'type="static"' in await text(client, f"/{UID}/live/video.mpd")


async def test_a_recording_has_whole_playlists(client: Client, library: Library) -> None:
    library.begin()
    library.push(30)
    library.finish()
    variants, _ = read_multivariant(await text(client, f"/{UID}/manifest/video.m3u8"))
    playlist = read_media(await text(client, f"/{UID}/manifest/{variants[0]['URI']}"))
    assert playlist.vod and playlist.ended and len(playlist.segments) == 30
    assert 'type="static"' in await text(client, f"/{UID}/manifest/video.mpd")


async def test_a_range_of_a_segment_is_the_same_from_memory_and_from_disk(client: Client, library: Library) -> None:
    library.begin()
    library.push(12)
    for sequence in (0, 11):
        path = f"/{UID}/segments/source-video-{sequence}.m4s"
        whole = await (await client.get(path)).read()
        answer = await client.get(path, headers={"Range": "bytes=10-19"})
        assert answer.status == 206
        assert await answer.read() == whole[10:20]
        assert answer.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
        answer = await client.get(path, headers={"Range": f"bytes={len(whole)}-"})
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
        assert (answer.content_type, answer.headers["Cache-Control"]) == ("application/json", "no-store")
        head = await client.head(path)
        assert int(head.headers["Content-Length"]) == len(whole)


async def test_a_blocking_request_is_answered_when_the_part_is_there(client: Client, library: Library) -> None:
    library.begin(LatencyMode.LOW)
    library.push(3)
    waiting = asyncio.ensure_future(text(client, f"/{UID}/live/source-video.m3u8?_HLS_msn=3&_HLS_part=0"))
    await client.get(f"/{UID}/live/source-video.m3u8")
    assert not waiting.done()
    library.push_part()
    assert len(read_media(await waiting).open_parts) == 1


async def test_a_blocking_request_is_answered_when_the_broadcast_ends(client: Client, library: Library) -> None:
    library.begin(LatencyMode.LOW)
    library.push(3)
    waiting = asyncio.ensure_future(text(client, f"/{UID}/live/source-video.m3u8?_HLS_msn=3"))
    await client.get(f"/{UID}/live/source-video.m3u8")
    library.finish()
    assert read_media(await waiting).ended


async def test_a_stop_of_the_service_does_not_wait_for_blocking_requests(client: Client, library: Library) -> None:
    library.begin(LatencyMode.LOW)
    library.push(3)
    waiting = asyncio.ensure_future(client.get(f"/{UID}/live/source-video.m3u8?_HLS_msn=3"))
    await client.get(f"/{UID}/live/source-video.m3u8")
    library.running.suspend()
    async with asyncio.timeout(PlaybackLimits().wait_targets):  # half of what the answer may take
        assert (await waiting).status == 503


async def test_parts_are_hinted_in_low_latency_only(client: Client, library: Library) -> None:
    library.begin(LatencyMode.STANDARD)
    library.push(3)
    library.push_part()
    playlist = read_media(await text(client, f"/{UID}/live/source-video.m3u8"))
    assert playlist.part_target is not None
    assert (playlist.hint, bool(playlist.open_parts)) == (None, True)


@pytest.mark.parametrize("mode", list(LatencyMode))
@pytest.mark.parametrize("tracks", [tuple(TrackKind), (TrackKind.VIDEO,), (TrackKind.AUDIO,)])
async def test_a_line_follows_the_last_segment_of_every_live_playlist(
    client: Client, library: Library, mode: LatencyMode, tracks: tuple[TrackKind, ...]
) -> None:
    library.begin(mode)
    library.packager = SimulatedPackager(tracks=tracks)
    library.push(3)
    for track in tracks:
        playlist = read_media(await text(client, f"/{UID}/live/source-{track}.m3u8"))  # which checks it
        assert (len(playlist.segments), playlist.ended) == (3, False)


async def test_a_hinted_part_is_waited_for(client: Client, library: Library) -> None:
    library.begin(LatencyMode.LOW)
    library.push(3)
    playlist = read_media(await text(client, f"/{UID}/live/source-video.m3u8"))
    assert playlist.hint is not None
    waiting = asyncio.ensure_future(client.get(f"/{UID}/live/{playlist.hint['URI']}"))
    await client.get(f"/{UID}/live/source-video.m3u8")
    part = library.push_part()
    assert await (await waiting).read() == part.data


@pytest.mark.parametrize("end", ["of the segment", "of the broadcast"])
async def test_a_hinted_part_that_never_comes_is_answered_with_an_empty_box(
    client: Client, library: Library, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, checks = import_module("providers.local.playback.routes"), []
    is_hinted = module._is_hinted
    monkeypatch.setattr(module, "_is_hinted", lambda *part: checks.append(part) or is_hinted(*part))
    library.begin(LatencyMode.LOW)
    library.push(3)
    library.push_part()
    playlist = read_media(await text(client, f"/{UID}/live/source-video.m3u8"))
    assert playlist.hint is not None
    path = f"/{UID}/live/{playlist.hint['URI']}"
    waiting = asyncio.ensure_future(client.get(path))
    await until(lambda: len(checks) == 2)  # it is waiting
    if end == "of the segment":
        library.running.close_open("source")
    else:
        library.finish()

    answer = await waiting
    assert (answer.status, answer.content_type, await answer.read()) == (200, "video/mp4", b"\0\0\0\x08free")
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await client.get(path)).status == 404


async def test_captions_are_not_offered_while_it_is_live(client: Client, library: Library) -> None:
    library.begin()
    library.push(3)
    variants, _ = read_multivariant(await text(client, f"/{UID}/manifest/video.m3u8"))
    assert {each["CLOSED-CAPTIONS"] for each in variants} == {"NONE"}
    library.finish()
    variants, _ = read_multivariant(await text(client, f"/{UID}/manifest/video.m3u8"))
    assert not any("CLOSED-CAPTIONS" in each for each in variants)


async def test_a_part_is_served_as_long_as_its_segment(client: Client, library: Library) -> None:
    """Also when the playlist lists it no more, when only the file has it, and after the broadcast."""
    broadcast = library.begin(LatencyMode.LOW)
    events = [event for _ in range(40) for event in library.packager.segment()]
    for event in events:
        library.running.write("source", event)
    open_part = library.push_part()

    async def check() -> None:
        for part in [*(event for event in events if isinstance(event, Part)), open_part]:
            path = f"/{UID}/segments/source-{part.track.value}-{part.sequence}"
            answer = await client.get(f"{path}.{part.index}.m4s")
            assert (answer.status, await answer.read()) == (200, part.data)
            assert (await client.get(f"{path}.99.m4s")).status == 404

    await check()
    library.finish()
    await check()
    broadcast.files.delete("source-video-0.m4s")
    for name in ("source-video-0.0.m4s", "source-video-0.m4s"):
        for headers in ({}, {"Range": "bytes=0-9"}):
            assert (await client.get(f"/{UID}/segments/{name}", headers=headers)).status == 404


@pytest.mark.parametrize(
    "query",
    [
        "_HLS_part=1",
        "_HLS_skip=yes",
        "_HLS_msn=x",
        "_HLS_msn=-1",
        "_HLS_msn=9",
        "_HLS_msn=2&_HLS_part=99",
        "_HLS_msn=99999999999999999999",
    ],
)
async def test_absurd_blocking_requests_are_refused(client: Client, library: Library, query: str) -> None:
    library.begin(LatencyMode.LOW)
    library.push(3)
    assert (await client.get(f"/{UID}/live/source-video.m3u8?{query}")).status == 400


async def test_after_the_end_the_directives_are_ignored(client: Client, library: Library) -> None:
    library.begin()
    library.push(3)
    library.finish()
    playlist = read_media(await text(client, f"/{UID}/live/source-video.m3u8?_HLS_msn=999&_HLS_skip=YES"))
    assert (playlist.ended, playlist.skipped) == (True, 0)


@pytest.mark.parametrize(
    "path",
    [
        "segments/index.jsonl",
        "segments/..%2Findex.jsonl",
        "segments/source-video-99.m4s",
        "segments/source-video-init-9.mp4",
        "segments/source-video-0.99.m4s",
        "segments/other-video-0.m4s",
        "segments/source-subtitles-0.m4s",
        "live/source-video.mp4",
        "live/%2e%2e%2findex.jsonl",
        "manifest/recording.json",
    ],
)
async def test_other_names_are_not_found(client: Client, library: Library, path: str) -> None:
    library.begin()
    library.push(2)
    async with ClientSession() as session:
        url = URL(f"{client.make_url('/')}{UID}/{path}", encoded=True)
        async with session.get(url) as answer:
            assert answer.status == 404


async def test_a_playlist_the_client_has_is_not_sent_again(client: Client, library: Library) -> None:
    library.begin()
    library.push(3)
    path = f"/{UID}/live/source-video.m3u8"
    etag = (await client.get(path)).headers["ETag"]
    assert etag.startswith('W/"')  # the compressed and the plain form have the same
    for coding in ("gzip", "identity"):
        headers = {"If-None-Match": etag, "Accept-Encoding": coding}
        assert (await client.get(path, headers=headers)).status == 304
    library.push()
    assert (await client.get(path, headers={"If-None-Match": etag})).status == 200


async def test_pages_of_other_origins_may_ask_for_ranges(client: Client) -> None:
    answer = await client.options(f"/{UID}/segments/source-video-0.m4s")
    assert answer.status == 204
    assert "Range" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("path", ["manifest/", "manifest/video.m3u8/", "%2e%2e", "segments", "thumbnails/x.jpg"])
async def test_an_unknown_name_is_not_found_with_any_query(client: Client, path: str) -> None:
    assert (await client.get(f"/{UID}/{path}")).status == 404


async def test_a_thumbnail_has_the_size_that_was_asked_for(client: Client) -> None:
    answer = await client.get(f"/{UID}/thumbnails/thumbnail.jpg?width=320&height=180&fit=clip")
    assert (await answer.read(), answer.content_type) == (b"320x180 clip", "image/jpeg")
    assert (await client.get(f"/{INPUT}/thumbnails/thumbnail.jpg")).status == 404


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("0s", "0"), ("12.5s", "12.5"), ("90", "90"), ("5m2s", "302"), ("1h1s", "3601"), ("2m", "120")],
)
async def test_a_thumbnail_is_of_the_moment_that_was_asked_for(client: Client, written: str, seconds: str) -> None:
    answer = await client.get(f"/{UID}/thumbnails/thumbnail.jpg?width=320&height=180&time={written}")
    assert await answer.text() == f"320x180 crop {seconds}"


async def test_a_thumbnail_that_cannot_be_created_now_is_a_503_and_not_a_404(client: Client, library: Library) -> None:
    library.busy = True
    answer = await client.get(f"/{UID}/thumbnails/thumbnail.jpg?width=320")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")


@pytest.mark.parametrize(
    "query", ["width=0", "width=2001", "height=x", "fit=zoom", "width=%C2%B2", "time=", "time=-1s", "time=1d"]
)
async def test_a_senseless_thumbnail_is_refused(client: Client, query: str) -> None:
    assert (await client.get(f"/{UID}/thumbnails/thumbnail.jpg?{query}")).status == 400


@pytest.mark.parametrize("limits", [PlaybackLimits(wait_targets=0)], ids=["no wait"])
async def test_a_blocking_request_is_refused_after_a_while(client: Client, library: Library) -> None:
    library.begin(LatencyMode.LOW)
    library.push(3)
    answer = await client.get(f"/{UID}/live/source-video.m3u8?_HLS_msn=3")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_a_recording_playlist_many_ask_for_at_once_is_rendered_once(
    library: Library, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.begin()
    library.push(3)
    library.finish()
    rendered: list[str] = []
    render = hls.vod_playlist
    monkeypatch.setattr(hls, "vod_playlist", lambda track, base: (rendered.append(track.name), render(track, base))[1])

    answers = await asyncio.gather(*(client.get(f"/{UID}/manifest/source-video.m3u8") for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert rendered == ["source-video"]
