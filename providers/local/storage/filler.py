"""What a track has for the time before it joins the other one: silence, or its first keyframe.

Players wait for a track that begins after the others. Filled segments are listed at once and have no files: they are rendered
when a player requests them, so the length of what they fill costs nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from providers.local.manifest.views import SegmentView, TrackView
from providers.local.mp4.boxes import SYNC_SAMPLE
from providers.local.mp4.fragments import audio_fragment, fragment_number, video_fragment
from providers.local.packager.events import TrackInit


@dataclass(frozen=True, slots=True)
class Filling:
    """Consecutive filled segments from the sequence number `first` to `last`.

    `discontinuity` is the period that the track joined, whose filler they repeat. `frame`: ticks of one silent frame; 0 for
    video, where the keyframe lasts as long as its segment.
    """

    first: int
    last: int
    discontinuity: int
    frame: int

    def render(self, segment: SegmentView, filler: bytes) -> bytes:
        """Return the bytes of one of the segments."""
        number = fragment_number(segment.sequence, 0)
        if not self.frame:
            return video_fragment(
                number, segment.decode_time, (segment.duration, len(filler), SYNC_SAMPLE, 0), [filler]
            )
        count = segment.duration // self.frame
        return audio_fragment(number, segment.decode_time, self.frame, [len(filler)] * count, [filler] * count)


def filler_name(track: str, discontinuity: int) -> str:
    """Return the name of the file with the filler of a track that joined in this period."""
    return f"{track}-filler-{discontinuity}.bin"


def missing_segments(other: Sequence[SegmentView], own: Sequence[SegmentView]) -> int:
    """Return how many of the newest segments of the other track belong to later periods than all own ones."""
    if not own:
        return len(other)
    return len(other) - bisect_right(other, own[-1].discontinuity, key=lambda each: each.discontinuity)


def filled_segments(init: TrackInit, other: TrackView, first: int) -> list[SegmentView]:
    """Return `init.missing` segments from the number `first` on, as long as the newest ones of the other track.

    The last one ends at `init.start`. Silence begins up to a frame after the other track, because frames are whole.
    """
    found: list[SegmentView] = []
    discontinuity, end, frame = -1, 0, init.frame_samples or 1
    # The other track may be ahead: its segments after the start are made up for below, because numbers have no gaps.
    newest = other.segments[-init.missing :]
    segments = [each for each in newest if other.start(each) < init.start / init.timescale] or list(newest[:1])
    for segment in segments:
        begin, is_last = other.start(segment), segment is segments[-1]
        stop = init.start if is_last else int((begin + other.seconds(segment)) * init.timescale)
        if segment.discontinuity != discontinuity:
            # A float error below a millionth of a tick is ignored.
            discontinuity, end = segment.discontinuity, ceil(begin * init.timescale - 1e-6)
            if discontinuity == segments[-1].discontinuity:
                end += (init.start - end) % frame
        for left in range(init.missing - len(segments) + 1 if is_last else 1, 0, -1):
            duration = max(1, (stop - end) // left // frame) * frame
            time = segment.program_time + max(0.0, end / init.timescale - begin)
            found.append(SegmentView(first + len(found), discontinuity, end, duration, True, time, 0))
            end += duration
    return found
