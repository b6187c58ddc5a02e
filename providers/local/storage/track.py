"""One track of a broadcast: its files, its recent media in memory, and its view for manifests.

A segment's file grows part by part. The segment is listed only after its index line is written.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from providers.local.manifest.reload import Edge
from providers.local.manifest.views import (
    InitView,
    OpenView,
    SegmentView,
    TrackView,
    init_name,
    listed_target,
    segment_name,
    track_name,
    window_start,
)
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.events import Part, SegmentEnd, TrackInit
from providers.local.storage.errors import StorageError
from providers.local.storage.filler import Filling, filled_segments, filler_name
from providers.local.storage.index import INIT_FIELDS, FillLine, InitLine, Line, SegmentLine
from providers.local.storage.parts import MEMORY_BYTES, StoredParts
from providers.local.storage.port import BroadcastFiles, OpenFile

MEMORY_TARGETS = 4
"""Media of the last so many target durations is served from memory. Playlists list the parts of three."""

RATE_MARGIN = 0.5
"""A segment shorter than this share of the target duration does not count for the peak rate (RFC 8216bis §4.4.6.2)."""


class StoredTrack:
    """One track as it grows. Methods that write raise StorageError.

    `log` appends a line to the broadcast's index; `first` is the sequence number of the first segment. `changed` is set, and
    replaced, whenever a part or segment is added.
    """

    def __init__(
        self, files: BroadcastFiles, rendition: str, kind: TrackKind, log: Callable[[Line], None], first: int = 0
    ) -> None:
        self.rendition, self.kind = rendition, kind
        self.name = track_name(rendition, kind)
        self.inits: dict[int, InitView] = {}
        self.segments: list[SegmentView] = []
        self.changed = asyncio.Event()
        self.bytes = 0
        self.seconds = 0.0
        self._files, self._log, self._first = files, log, first
        self._starts: dict[int, SegmentView] = {}
        self._fillings: list[Filling] = []
        self._window = 0
        self._kept: int | None = None
        self._removed = 0
        self._peak = 0
        self._target = 1
        self._parts: dict[int, StoredParts] = {}
        self._open: Part | None = None
        self._file: OpenFile | None = None

    # The packager's events

    def begin(self, event: TrackInit, clock_correction: float) -> None:
        """Begin a new period and keep its init segment. `clock_correction` as in `InitView`."""
        self._keep(init_name(self.name, event.discontinuity), event.data)
        fields = {name: getattr(event, name) for name in INIT_FIELDS}
        # For DASH: Periods whose init segments are equal may continue one another.
        digest = hashlib.sha256(event.data).hexdigest()[:16]
        line = InitLine(self.rendition, self.kind, InitView(**fields, digest=digest, clock_correction=clock_correction))
        self._log(line)
        self.restore(line)

    def fill(self, init: TrackInit, other: TrackView) -> None:
        """List the segments that the track lacks of the other one. It has begun the period of `init`."""
        segments = filled_segments(init, other, self.next_sequence)
        if not segments:
            if self.segments:
                raise StorageError("segments to fill without the other track")
            self._first += init.missing
            return
        self._keep(filler_name(self.name, init.discontinuity), init.filler)
        corrections = {each.discontinuity: other.inits[each.discontinuity].clock_correction for each in segments}
        line = FillLine(self.rendition, self.kind, init.discontinuity, init.frame_samples, segments, corrections)
        self._log(line)
        self.restore(line)
        self.notify()

    def _keep(self, name: str, data: bytes) -> None:
        file = self._files.create(name)
        try:
            file.append(data)
        finally:
            file.seal()

    def add(self, part: Part) -> None:
        """Append a part to its segment's file, then list it."""
        if self._open is None:
            self._open = part
            self._parts[part.sequence] = StoredParts()
            self._file = self._files.create(segment_name(self.name, part.sequence))
        stored = self._parts[self._open.sequence]
        if self._file is None or part.sequence != self._open.sequence:
            raise StorageError("a part of a segment that is not open")
        # On disk first, then listed: a player may request a part in the moment it is listed.
        self._file.append(part.data)
        stored.add(part)
        self.notify()

    def end(self, event: SegmentEnd) -> None:
        """Close the open segment and list it."""
        if self._open is None or self._open.sequence != event.sequence or self._file is None:
            raise StorageError("the end of a segment that is not open")
        segment = SegmentView(
            sequence=event.sequence,
            discontinuity=event.discontinuity,
            decode_time=event.decode_time,
            duration=event.duration,
            independent=event.independent,
            program_time=event.program_time,
            size=self._parts[event.sequence].size,
        )
        # Before the file is sealed: a segment counts once the index has its line.
        self._log(SegmentLine(self.rendition, self.kind, segment))
        self._file.seal()
        self._parts[event.sequence].seal()
        self._open = self._file = None
        self.restore(SegmentLine(self.rendition, self.kind, segment))
        self._drop_old()
        self.notify()

    def end_open(self, now: float) -> None:
        """Close the open segment without an event of the packager. `now` in seconds since the Unix epoch."""
        if self._open is None or not (parts := self._parts[self._open.sequence].views):
            self.release()
            return
        first, duration = self._open, sum(part.duration for part in parts)
        self.end(
            SegmentEnd(
                self.kind,
                first.discontinuity,
                first.sequence,
                first.decode_time,
                duration,
                first.independent,
                self.program_time(
                    first.discontinuity, first.decode_time, now - duration / self.timescale(first.discontinuity)
                ),
            )
        )

    # State

    def timescale(self, discontinuity: int) -> int:
        return self.inits[discontinuity].timescale

    def program_time(self, discontinuity: int, decode_time: int, otherwise: float) -> float:
        """Return the wall-clock time of `decode_time`, by the period's first segment; `otherwise` without one."""
        start = self._starts.get(discontinuity)
        if start is None:
            return otherwise
        return start.program_time + (decode_time - start.decode_time) / self.timescale(discontinuity)

    @property
    def end_time(self) -> float:
        """End on the media timeline, in seconds, including the open segment."""
        last = self.segments[-1] if self.segments else None
        ends = 0.0 if last is None else (last.decode_time + last.duration) / self.timescale(last.discontinuity)
        if self._open is not None:
            # Its parts were listed, so the next packager must begin behind them.
            ticks = self._open.decode_time + sum(part.duration for part in self._parts[self._open.sequence].views)
            ends = max(ends, ticks / self.timescale(self._open.discontinuity))
        return ends

    @property
    def end_program_time(self) -> float:
        """Wall-clock end of the last segment, in seconds since the Unix epoch; 0.0 without one."""
        last = self.segments[-1] if self.segments else None
        return 0.0 if last is None else last.program_time + last.duration / self.timescale(last.discontinuity)

    @property
    def next_sequence(self) -> int:
        if self._open is not None:
            return self._open.sequence + 1
        return self.segments[-1].sequence + 1 if self.segments else self._first

    @property
    def longest(self) -> int:
        """EXT-X-TARGETDURATION that the last segment needs."""
        last = self.segments[-1]
        return listed_target(last.duration / self.timescale(last.discontinuity))

    def slide(self, target_duration: int) -> None:
        """Advance the live window. It never moves back."""
        recent = [
            (segment.program_time, segment.duration / self.timescale(segment.discontinuity))
            for segment in self.segments[self._window :]
        ]
        self._window += window_start(recent, target_duration)
        self._target = target_duration
        if self._kept is not None:
            self._remove_old(self._kept)

    def view(self, *, live: bool) -> TrackView:
        """Return what to list: the live window or the recording."""
        opened = self._open
        return TrackView(
            rendition=self.rendition,
            kind=self.kind,
            inits=self.inits,
            segments=self.segments[self._window :] if live else self.recorded,
            starts=self._starts,
            peak_rate=self._peak or self.average_rate,
            average_rate=self.average_rate,
            parts={sequence: stored.listed for sequence, stored in self._parts.items()},
            open=OpenView(opened.sequence, opened.discontinuity, self._parts[opened.sequence].listed)
            if opened
            else None,
        )

    @property
    def recorded(self) -> list[SegmentView]:
        """Segments of the recording."""
        return self.segments[: self._kept]

    def segments_after(self, discontinuity: int, count: int) -> bool:
        """Whether the last `count` segments all belong to later periods."""
        last = self.segments[-count:]
        return len(last) == count and last[0].discontinuity > discontinuity

    @property
    def average_rate(self) -> int:
        return int(self.bytes * 8 / self.seconds) if self.seconds else 0

    @property
    def has_media(self) -> bool:
        """Whether there is a part or segment to list."""
        return bool(self.segments or (self._open is not None and self._parts[self._open.sequence].listed))

    @property
    def edge(self) -> Edge:
        """Where the live playlist ends."""
        whole = self.segments[-1].sequence if self.segments else self._first - 1
        last, opened = self._parts.get(whole), self._parts.get(whole + 1)
        return Edge(whole, len(last.listed) if last else 0, len(opened.listed) if opened else 0)

    def segment(self, sequence: int) -> SegmentView | None:
        """Return the listed segment of this number; None if there is none. Numbers have no gaps."""
        # An index, not a search: a recording of a day has 43,000 segments a track.
        at = sequence - self.segments[0].sequence if self.segments else -1
        return self.segments[at] if 0 <= at < len(self.segments) else None

    @property
    def is_filled(self) -> bool:
        """Whether some of its segments have no file: they are rendered at each request."""
        return bool(self._fillings)

    def filling(self, sequence: int) -> Filling | None:
        """Return what a segment is filled with; None if it has a file."""
        return next((each for each in self._fillings if each.first <= sequence <= each.last), None)

    def read(self, segment: SegmentView) -> bytes:
        """Return the bytes of a listed segment. Blocking. Raises OSError."""
        filling = self.filling(segment.sequence)
        if filling is None:
            return self._files.read(segment_name(self.name, segment.sequence))
        return filling.render(segment, self._files.read(filler_name(self.name, filling.discontinuity)))

    def stored(self, sequence: int) -> StoredParts | None:
        """Return the parts of a recent or the open segment."""
        return self._parts.get(sequence)

    # Changes

    def restore(self, line: InitLine | FillLine | SegmentLine) -> None:
        """Apply a line of the index."""
        match line:
            case InitLine():
                self.inits[line.init.discontinuity] = line.init
            case FillLine():
                init, numbers = self.inits[line.discontinuity], [each.sequence for each in line.segments]
                self.inits |= {at: replace(init, clock_correction=each) for at, each in line.corrections.items()}
                self._fillings.append(Filling(numbers[0], numbers[-1], line.discontinuity, line.frame))
                for segment in line.segments:
                    self._list(segment)
            case SegmentLine():
                self._list(line.segment)

    def _list(self, segment: SegmentView) -> None:
        self.segments.append(segment)
        self._starts.setdefault(segment.discontinuity, segment)
        seconds = segment.duration / self.timescale(segment.discontinuity)
        if self._kept is None:
            self.bytes += segment.size
            self.seconds += seconds
        if seconds >= RATE_MARGIN * self._target:
            self._peak = max(self._peak, int(segment.size * 8 / seconds))

    def notify(self) -> None:
        """Wake requests that wait for a change."""
        # A new event each time: a request for the next change must not be woken by this one.
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def release(self) -> None:
        """Close the open file, without listing it."""
        if self._file is not None:
            self._file.close()
        if self._open is not None:
            self._parts.pop(self._open.sequence, None)
        self._open = self._file = None

    def stop_keeping(self) -> None:
        """Keep later segments only as long as players may request them."""
        self._kept = self._removed = len(self.segments)

    def _remove_old(self, kept: int) -> None:
        """Remove files one window length behind the live window: players may hold a playlist that old (RFC 8216 §6.2.2)."""
        for segment in self.segments[self._removed : max(kept, 2 * self._window - len(self.segments))]:
            with suppress(OSError):  # the broadcast matters more
                self._files.delete(segment_name(self.name, segment.sequence))
            self._removed += 1

    def hide_parts(self) -> None:
        """Omit existing parts from playlists: PART-TARGET has changed since they were cut."""
        for stored in self._parts.values():
            stored.hidden = True

    def drop_media(self) -> None:
        """Drop parts from memory: after the end playlists list none, and the files have the media."""
        self._parts.clear()

    def _drop_old(self) -> None:
        recent, size = 0.0, 0
        for segment in reversed(self.segments):
            stored = self._parts.get(segment.sequence)
            # Older ones were dropped before.
            if stored is None:
                return
            if recent >= MEMORY_TARGETS * self._target:
                del self._parts[segment.sequence]
                continue
            recent += segment.duration / self.timescale(segment.discontinuity)
            size += stored.size
            if size > MEMORY_BYTES:
                # Offsets stay, for playlists that list the parts; the bytes are in the file.
                stored.drop_bytes()
