"""Silence for video without audio: players wait for a track that begins after the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil

from providers.local.manifest.views import SegmentView, TrackView
from providers.local.mp4.fragments import audio_fragment
from providers.local.packager.events import PackagerEvent, Part, SegmentEnd, TrackInit, TrackKind

MAX_SILENT_SEGMENTS = 600
"""Segments of silence created at once, each a file: 20 minutes. Earlier video stays without audio."""


def without_audio(video: Sequence[SegmentView], audio: Sequence[SegmentView]) -> list[SegmentView]:
    """Return the newest segments of the video that belong to later periods than all audio."""
    latest = audio[-1].discontinuity if audio else -1
    count = 0
    while count < min(len(video), MAX_SILENT_SEGMENTS) and video[-count - 1].discontinuity > latest:
        count += 1
    return list(video[len(video) - count :])


def silent_segments(
    init: TrackInit, video: TrackView, segments: Sequence[SegmentView], sequence: int, until: int
) -> Iterator[PackagerEvent]:
    """Yield the packager's events for silence as long as these segments of the video.

    `init` is of the audio that follows and begins at the tick `until`; `sequence` is the number of the first segment.
    """
    discontinuity, end = -1, 0
    for segment in segments:
        start = video.start(segment)
        stop = until if segment is segments[-1] else int((start + video.seconds(segment)) * init.timescale)
        if segment.discontinuity != discontinuity:
            discontinuity, end = segment.discontinuity, ceil(start * init.timescale - 1e-6)
            yield replace(init, discontinuity=discontinuity)
        count = max(1, (stop - end) // init.frame_samples)
        duration = count * init.frame_samples
        frames = [init.silence] * count
        data = audio_fragment(sequence + 1, end, init.frame_samples, [len(init.silence)] * count, frames)
        yield Part(TrackKind.AUDIO, discontinuity, sequence, 0, end, duration, True, data)
        yield SegmentEnd(TrackKind.AUDIO, discontinuity, sequence, end, duration, True, segment.program_time)
        sequence, end = sequence + 1, end + duration
