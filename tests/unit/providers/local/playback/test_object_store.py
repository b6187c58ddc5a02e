"""Playback of recordings whose segments are in an object store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import hdrs

from providers.local.flv.tag import TagKind
from providers.local.packager.cutting import PackagerSettings
from providers.local.packager.packager import Packager
from providers.local.storage.disk import DiskBackend
from providers.local.storage.local_copies import CacheLimits
from providers.local.storage.objects import ObjectStore
from providers.local.storage.tiered import TieredBackend, TieredLimits
from providers.local.storage.uploader import UploadLimits
from service.concurrency.tasks import Tasks
from tests.s3 import BUCKET, S3Server
from tests.simulated_packager import UID
from tests.unit.providers.local.packager.tags import ARRIVED, stream
from tests.unit.providers.local.playback.library import Client, Library, text
from tests.waiting import until

SEGMENT = f"/{UID}/segments/source-video-0.m4s"
CDN = "https://cdn.example/media"

LIMITS = TieredLimits(UploadLimits(first_pause=0.01), CacheLimits(size=0, min_age=0.0), interval=0.02)


@pytest.fixture
def public_url() -> str | None:
    """Return CONFERENCE_MEDIA_URL. A test overrides it with `parametrize`."""
    return None


@pytest.fixture
async def backend(s3: S3Server, tmp_path: Path, tasks: Tasks, public_url: str | None) -> AsyncIterator[TieredBackend]:
    store = ObjectStore(f"s3://{BUCKET}")
    backend = TieredBackend(DiskBackend(tmp_path, sync=False), store, LIMITS, public_url=public_url)
    await backend.start(tasks.spawn)
    yield backend
    await backend.aclose()


@pytest.fixture
def library(backend: TieredBackend) -> Library:
    return Library(backend)


async def evict(backend: TieredBackend, tasks: Tasks) -> None:
    """Wait until all segments are in the object store only."""
    backend.scan(tasks.spawn)
    await until(lambda: backend.uploads(UID).journal.complete)
    await until(lambda: backend.copies.bytes == 0 and backend.uploader.waiting == 0)


async def test_an_evicted_segment_is_served_whole_and_in_ranges(
    client: Client, library: Library, backend: TieredBackend, tasks: Tasks, tmp_path: Path
) -> None:
    library.begin()
    library.push(2)
    whole = (tmp_path / UID / "source-video-0.m4s").read_bytes()
    library.finish()
    await evict(backend, tasks)
    assert not (tmp_path / UID / "source-video-0.m4s").exists()
    answer = await client.get(SEGMENT)
    assert (answer.status, await answer.read()) == (200, whole)
    assert answer.headers[hdrs.CACHE_CONTROL].endswith("immutable")
    for wanted, body in (("bytes=5-9", whole[5:10]), ("bytes=-3", whole[-3:])):
        answer = await client.get(SEGMENT, headers={hdrs.RANGE: wanted})
        assert (answer.status, await answer.read()) == (206, body)
    assert (await client.get(SEGMENT, headers={hdrs.RANGE: "bytes=999999-"})).status == 416
    assert (await client.get(SEGMENT.replace("-0.", "-9."))).status == 404
    assert await (await client.get(SEGMENT.replace("-0.m4s", "-0.0.m4s"))).read() in whole
    # Once for each way of reading: a whole segment, and a part of it from memory.
    assert backend.fetcher.counters.objects == 1


async def test_parts_of_an_evicted_segment_are_cut_from_one_object(
    client: Client, library: Library, backend: TieredBackend, tasks: Tasks, tmp_path: Path
) -> None:
    library.begin()
    library.push(2)
    whole = (tmp_path / UID / "source-video-0.m4s").read_bytes()
    library.finish()
    await evict(backend, tasks)
    answers = await asyncio.gather(*(client.get(SEGMENT.replace("-0.m4s", f"-0.{at}.m4s")) for at in (0, 1, 0, 1)))
    parts = [await each.read() for each in answers if each.status == 200]
    assert len(parts) == 4 and whole.startswith(parts[0] + parts[1]) and parts[2:] == parts[:2]
    assert (await client.get(SEGMENT.replace("-0.m4s", "-0.99.m4s"))).status == 404
    assert backend.fetcher.counters.objects == 1


async def test_a_store_that_does_not_answer_is_a_503_to_retry(
    client: Client, library: Library, backend: TieredBackend, tasks: Tasks, s3: S3Server
) -> None:
    library.begin()
    library.push(2)
    library.finish()
    await evict(backend, tasks)
    s3.stop()
    try:
        for path in (SEGMENT, SEGMENT.replace("-0.m4s", "-0.0.m4s")):
            answer = await client.get(path)
            assert answer.status == 503 and int(answer.headers[hdrs.RETRY_AFTER]) > 0
            assert "object store" in (await answer.json())["detail"]
    finally:
        s3.start()
    assert (await client.get(SEGMENT)).status == 200


async def test_without_a_public_address_playlists_name_this_service(
    client: Client, library: Library, backend: TieredBackend, tasks: Tasks
) -> None:
    library.begin()
    library.push(2)
    library.finish()
    await evict(backend, tasks)
    assert "\n../segments/source-video-0.m4s\n" in await text(client, f"/{UID}/manifest/source-video.m3u8")


@pytest.mark.parametrize("public_url", [CDN])
async def test_playlists_of_a_recording_name_the_public_address_once_all_of_it_is_stored(
    client: Client, library: Library, backend: TieredBackend, tasks: Tasks, s3: S3Server
) -> None:
    library.begin()
    library.push(2)
    s3.stop()
    try:
        library.finish()
        assert CDN not in await text(client, f"/{UID}/manifest/source-video.m3u8")
    finally:
        s3.start()
    await evict(backend, tasks)
    base = f"{CDN}/{UID}/00000000/"
    playlist = await text(client, f"/{UID}/manifest/source-video.m3u8")
    assert f"\n{base}source-video-0.m4s\n" in playlist and f'URI="{base}source-video-init-0.mp4"' in playlist
    assert base in await text(client, f"/{UID}/manifest/video.mpd")
    assert CDN not in await text(client, f"/{UID}/manifest/video.m3u8")


def join_late(library: Library) -> None:
    """Make a recording with silence: the audio begins at the second connection."""
    broadcast = library.begin()
    for tags in ([tag for tag in stream(5.0) if tag.kind is not TagKind.AUDIO], stream(5.0)):
        packager = Packager(PackagerSettings(), broadcast.resume("source", joins=False))
        for tag in tags:
            for event in packager.feed(tag, ARRIVED):
                broadcast.write("source", event)
        for event in packager.flush():
            broadcast.write("source", event)
    library.finish()


@pytest.mark.parametrize("public_url", [CDN])
async def test_segments_before_a_track_joined_are_rendered_here_from_the_stored_filler(
    client: Client, library: Library, backend: TieredBackend, tasks: Tasks, s3: S3Server, tmp_path: Path
) -> None:
    join_late(library)
    await evict(backend, tasks)
    filled = SEGMENT.replace("video", "audio")
    for name in ("source-audio.m3u8", "source-video.m3u8", "video.mpd"):
        assert CDN not in await text(client, f"/{UID}/manifest/{name}")
    whole = await (await client.get(filled)).read()
    # As after the loss of the disk.
    (filler,) = (tmp_path / UID).glob("*.bin")
    filler.unlink()
    answer = await client.get(filled)
    assert (answer.status, await answer.read()) == (200, whole)
    s3.stop()
    try:
        assert (await client.get(filled)).status == 503
    finally:
        s3.start()
    await ObjectStore(f"s3://{BUCKET}").delete([f"{UID}/00000000/{filler.name}"])
    assert (await client.get(filled)).status == 404


@pytest.mark.parametrize("public_url", [CDN])
async def test_live_playlists_name_this_service(client: Client, library: Library, backend: TieredBackend) -> None:
    library.begin()
    library.push(3)
    await until(lambda: backend.uploader.waiting == 0)
    assert backend.uploader.counters.objects > 0
    assert CDN not in await text(client, f"/{UID}/live/source-video.m3u8")
