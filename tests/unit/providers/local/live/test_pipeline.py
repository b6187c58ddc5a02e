"""A pipeline whose disk or ffmpeg fails it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from providers.local.flv.tag import FlvTag, TagKind
from providers.local.live.pipeline import Pipeline
from providers.local.live.rendition import SourceSink
from providers.local.live.transcode_sink import TranscodeSink
from providers.local.live.transcoding import Transcoding
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.cutting import PackagerSettings
from providers.local.packager.events import PackagerEvent, Resume
from providers.local.ports.refusals import PublishRefused, Refusal
from providers.local.storage.disk import DiskBackend
from providers.local.storage.errors import StorageError
from providers.local.storage.storage import Storage, StorageLimits
from providers.local.transcoder.backlog import Backlog
from providers.local.transcoder.ladder import Ladder
from providers.local.transcoder.renditions import parse_renditions
from providers.local.transcoder.slots import TranscodeSlots
from service.concurrency.tasks import Tasks
from tests.simulated_packager import EPOCH, info
from tests.unit.providers.local.packager.tags import audio_header, metadata, stream, video_header


class FullStorage:
    """Takes nothing."""

    def write(self, rendition: str, event: PackagerEvent) -> None:
        raise StorageError("the disk is full")

    def promise(self, target_duration: int, part_target: float) -> None:
        raise StorageError("the disk is full")

    def resume(self, rendition: str, *, joins: bool = True) -> Resume:
        return Resume()


async def test_a_normalised_stream_whose_every_rendition_is_lost_is_refused(tasks: Tasks) -> None:
    transcoding = Transcoding(parse_renditions("720p"), TranscodeSlots(1), tasks.spawn)
    renditions = TranscodeSink("input", FullStorage(), PackagerSettings(), transcoding, None)
    pipeline = Pipeline("input", renditions)
    for tag in stream(3.0):
        renditions.rendition_tag("720p", tag)  # what ffmpeg would have made

    with pytest.raises(PublishRefused) as refused:
        pipeline.feed(metadata(), 1_790_000_000.0)
    assert refused.value.refusal is Refusal.STORAGE_FAILED
    pipeline.close()
    await transcoding.aclose()


async def test_after_a_loss_of_the_renditions_the_same_moment_has_the_same_period_everywhere(
    tasks: Tasks, tmp_path: Path
) -> None:
    broadcast = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0)).begin(info())
    transcoding = Transcoding(parse_renditions("source,240p"), TranscodeSlots(0), tasks.spawn)
    source = SourceSink(broadcast, PackagerSettings())
    renditions = TranscodeSink("input", broadcast, PackagerSettings(), transcoding, source)
    pipeline = Pipeline("input", source, renditions)
    for tag in stream(16.0):
        pipeline.feed(tag, EPOCH + tag.timestamp / 1000)
        at = tag.timestamp
        if tag.kind is TagKind.AUDIO or 6_500 <= at < 10_000:  # what ffmpeg makes, until it dies, and when it is back
            continue
        if at == 10_000:
            renditions.rendition_restarted("240p")
        if at in (0, 10_000):
            renditions.rendition_tag("240p", video_header())
        renditions.rendition_tag("240p", tag)
        if at == 6_467:
            renditions.renditions_lost()
    pipeline.close()
    await transcoding.aclose()

    original, rendition = (broadcast.tracks[each, TrackKind.VIDEO].segments for each in ("source", "240p"))
    assert {each.discontinuity for each in original} == {each.discontinuity for each in rendition} == {0, 1}
    begins = {round(each.program_time, 1): each.discontinuity for each in original}
    for each in rendition:
        newest = max(time for time in begins if time <= round(each.program_time, 1))
        assert begins[newest] == each.discontinuity
    assert sum(each.duration for each in original) / 90_000 == pytest.approx(16.0, abs=0.05)


async def test_what_ffmpeg_still_makes_of_the_old_clock_does_not_go_into_the_new_period(
    tasks: Tasks, tmp_path: Path
) -> None:
    broadcast = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0)).begin(info())
    backlog = Backlog()

    class ObservedTranscoding(Transcoding):
        def new_ladder(self, *arguments: Any, **callbacks: Any) -> Ladder:
            return Ladder(*arguments, **callbacks, spawn=self.spawn, slots=self.slots, backlog=backlog)

    transcoding = ObservedTranscoding(parse_renditions("source,240p"), TranscodeSlots(0), tasks.spawn)
    source = SourceSink(broadcast, PackagerSettings())
    renditions = TranscodeSink("input", broadcast, PackagerSettings(), transcoding, source)
    pipeline = Pipeline("input", source, renditions)
    made: list[tuple[float, FlvTag]] = []
    before, after = stream(9.0), stream(9.0, start=5_000)[2:]  # the clock is set back by 4 s
    for number, (tag, arrived) in enumerate(
        [(tag, tag.timestamp / 1000) for tag in before] + [(tag, tag.timestamp / 1000 + 4.0) for tag in after]
    ):
        if number == 20:
            backlog.flowing = True  # as if ffmpeg ran
        pipeline.feed(tag, EPOCH + arrived)
        if tag.kind is TagKind.VIDEO:
            made.append((arrived, tag))
        while made and made[0][0] <= arrived - 1.5:  # ffmpeg is that far behind, and starts again for the new clock
            at, late = made.pop(0)
            if at == 9.0:
                renditions.rendition_restarted("240p")
                renditions.rendition_tag("240p", video_header())
            renditions.rendition_tag("240p", late)
    pipeline.close()
    await transcoding.aclose()

    original, rendition = (broadcast.tracks[each, TrackKind.VIDEO].segments for each in ("source", "240p"))
    begins = min(each.decode_time / 90_000 for each in original if each.discontinuity == 1)
    assert {each.discontinuity for each in rendition} == {0, 1}
    for each in rendition:
        assert each.discontinuity == (each.decode_time / 90_000 >= begins - 0.05)


@pytest.mark.parametrize(
    ("change", "discontinuities"),
    [("the audio's header", {0, 1}), ("a pause of the video", {0})],
    ids=["header", "pause"],
)
async def test_renditions_follow_the_source_into_its_periods(
    tasks: Tasks, tmp_path: Path, change: str, discontinuities: set[int]
) -> None:
    broadcast = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0)).begin(info())
    transcoding = Transcoding(parse_renditions("source,240p"), TranscodeSlots(0), tasks.spawn)
    source = SourceSink(broadcast, PackagerSettings())
    renditions = TranscodeSink("input", broadcast, PackagerSettings(), transcoding, source)
    pipeline = Pipeline("input", source, renditions)
    tags = stream(16.0)
    if change == "the audio's header":
        at = next(index for index, tag in enumerate(tags) if tag.timestamp >= 8_000)
        tags.insert(at, audio_header(bytes.fromhex("1210"), 8_000))
    else:
        tags = [tag for tag in tags if tag.kind is TagKind.AUDIO or not 8_000 <= tag.timestamp < 11_000]
    made: list[FlvTag] = []
    for tag in tags:
        pipeline.feed(tag, EPOCH + tag.timestamp / 1000)
        if tag.kind is TagKind.VIDEO:
            made.append(tag)
        while made and made[0].timestamp <= tag.timestamp - 500:  # ffmpeg is half a second behind
            renditions.rendition_tag("240p", made.pop(0))
    pipeline.close()
    await transcoding.aclose()

    original, rendition = (broadcast.tracks[each, TrackKind.VIDEO].segments for each in ("source", "240p"))
    starts = {round(each.decode_time / 90_000, 1): each.discontinuity for each in original}
    assert set(starts.values()) == discontinuities
    if change == "the audio's header":
        assert [starts[round(each.decode_time / 90_000, 1)] for each in rendition] == [
            each.discontinuity for each in rendition
        ]
    assert {each.discontinuity for each in rendition} == discontinuities


@pytest.mark.parametrize("after", [0, 7_200_000])
async def test_a_normalised_stream_whose_clock_jumps_goes_on_where_it_was(
    tasks: Tasks, tmp_path: Path, after: int
) -> None:
    broadcast = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0)).begin(info())
    transcoding = Transcoding(parse_renditions("720p"), TranscodeSlots(1), tasks.spawn)
    renditions = TranscodeSink("input", broadcast, PackagerSettings(), transcoding, None)
    pipeline = Pipeline("input", renditions)
    for run, start in enumerate((3_600_000, after)):
        if run:
            renditions.rendition_restarted("720p")  # as the ladder does when the timestamps jump
        for tag in stream(4.0, start=start):
            renditions.rendition_tag("720p", tag)
    pipeline.close()
    await transcoding.aclose()

    video = broadcast.tracks["720p", TrackKind.VIDEO]
    starts = [segment.decode_time / 90_000 for segment in video.segments]
    assert starts == sorted(starts)
    assert broadcast.resume("720p").decode_time == pytest.approx(8.0, abs=0.5)
