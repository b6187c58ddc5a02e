"""One broadcast in the storage: written while it runs, read as long as it is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from providers.base import LatencyMode
from providers.local.manifest.views import RENDITION_NAME, BroadcastView
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.events import PackagerEvent, Part, Resume, SegmentEnd, TrackInit
from providers.local.storage import index
from providers.local.storage.description import describe
from providers.local.storage.errors import StorageError
from providers.local.storage.filler import missing_segments
from providers.local.storage.index import BroadcastInfo, FullLine, LossLine, SegmentLine, TargetLine
from providers.local.storage.playable import continues, has_parts, has_segments
from providers.local.storage.port import BroadcastFiles, OpenFile
from providers.local.storage.recordings import RECORDING_FILE, StoredRecording, encode
from providers.local.storage.track import StoredTrack

MAX_RENDITIONS = 8
"""Renditions of one broadcast. More is an error in the settings."""

MIN_TARGET_DURATION = 2
"""Whole seconds: EXT-X-TARGETDURATION before the packager promises more. RFC 8216 §6.2.1 does not allow it to change, so
it only grows, and only before the first segment is listed if the packager keeps its promise."""

KINDS = {kind.value: kind for kind in TrackKind}
OTHER = {TrackKind.VIDEO: TrackKind.AUDIO, TrackKind.AUDIO: TrackKind.VIDEO}

TrackKey = tuple[str, TrackKind]

MEDIA_START = 0.2
"""Seconds on the media timeline where a broadcast begins: a DASH Period begins a little before its media."""


class Broadcast:
    """One broadcast of a live input, reconnects included. `Storage` creates it.

    While it runs, `write` stores the packagers' events; `finish` ends it, and it is read-only afterwards. After a StorageError
    `write` accepts nothing until `retry`; written media stays, and `finish` can still make a recording of it.

    Attributes:
        version: Number of changes that playlists show.
        recording: Whether new media is kept after it leaves the live window.
        starts_early: Whether players that ask for it may play the first segment while it is written.
        playable: Set once such a player can play (`early`), or any player (`watchable`), and at the end.
        clock: Returns the Unix time, in seconds, of program time and of the MPD.
        wall_clock: Returns the system clock's Unix time, in seconds, which may be set while the broadcast runs.
    """

    def __init__(self, files: BroadcastFiles, info: BroadcastInfo, index: OpenFile | None) -> None:
        self.info = info
        self.files = files
        self.tracks: dict[TrackKey, StoredTrack] = {}
        self.target_duration = MIN_TARGET_DURATION
        self.part_target = info.part_target
        self.lost_at: float | None = None
        self.last_write = info.created.timestamp()
        self.version = 0
        self.ended = index is None
        self.clock: Callable[[], float] = time.time
        self.wall_clock: Callable[[], float] = time.time
        self.recording = True
        self.starts_early = False
        self.playable = asyncio.Event()
        self._watchable = False
        self._failed = False
        self._index = index

    # Writing

    def write(self, rendition: str, event: PackagerEvent) -> None:
        """Store an event of a packager. Cheap: one write into the page cache.

        Args:
            rendition: The rendition's name (RENDITION_NAME).
            event: An event of its packager, in order.

        Raises:
            StorageError: The event was not stored, or an earlier one was not.
        """
        if self._index is None or self._failed:
            raise StorageError("this broadcast accepts no more media")
        try:
            # A sync that failed in its thread is raised at the next event.
            self.files.check()
            track = self._track(rendition, event.track)
            if isinstance(event, Part):
                track.add(event)
            elif isinstance(event, SegmentEnd):
                track.end(event)
                self._listed(track)
            else:
                self._begin_period(track, event)
        except StorageError:
            self._failed = True
            raise
        self.version += 1
        if not self.playable.is_set() and (self.watchable or self.early):
            self.playable.set()
        self.last_write = time.time()

    @property
    def failed(self) -> bool:
        """Whether a StorageError stopped writing."""
        return self._failed

    def retry(self) -> None:
        """Accept media again after a StorageError, from new packagers (`resume`). Open segments end with what was written.

        Raises:
            StorageError: The disk still fails.
        """
        for track in self.tracks.values():
            self._end_open(track)
        self._failed = False

    def close_open(self, rendition: str) -> None:
        """Close the open segments of a rendition: their parts were listed. Raises StorageError."""
        for (name, _), track in self.tracks.items():
            if name == rendition:
                self._end_open(track)

    def _begin_period(self, track: StoredTrack, event: TrackInit) -> None:
        self._end_open(track)
        track.begin(event, self._clock_correction(event.discontinuity))
        if event.missing:
            other = self.tracks.get((track.rendition, OTHER[track.kind])) or track
            # All of them: after the recording has stopped, `recorded` lacks those to fill.
            track.fill(event, replace(other.view(live=False), segments=other.segments))
            if track.segments:
                self._listed(track)

    def _clock_correction(self, discontinuity: int) -> float:
        """Seconds that the system clock is ahead of `clock`, the same in every track of a period."""
        found = next((each.inits[discontinuity] for each in self.tracks.values() if discontinuity in each.inits), None)
        return round(self.wall_clock() - self.clock(), 3) if found is None else found.clock_correction

    def _track(self, rendition: str, kind: TrackKind) -> StoredTrack:
        track = self.tracks.get((rendition, kind))
        if track is None:
            if not RENDITION_NAME.fullmatch(rendition) or len(self.tracks) >= 2 * MAX_RENDITIONS:
                raise StorageError(f"a rendition called {rendition!r} cannot be added")
            track = self.tracks[rendition, kind] = StoredTrack(
                self.files, rendition, kind, self._write_line, self._first
            )
            if not self.recording:
                track.stop_keeping()
        return track

    def _listed(self, track: StoredTrack) -> None:
        """Update the target duration and the live window after a segment of `track` was added."""
        self.target_duration = max(self.target_duration, track.longest)
        track.slide(self.target_duration)

    def _write_line(self, line: index.Line) -> None:
        if self._index is None:
            raise StorageError("this broadcast has ended")
        if not self.recording:
            return
        self._index.append(index.encode(line))
        if isinstance(line, SegmentLine) and line.kind is TrackKind.VIDEO:
            # Once a segment: lines of the audio are synced with the next one.
            self._index.sync()

    def promise(self, target_duration: int, part_target: float) -> None:
        """Promise the longest segment and part to players. Call it before the first SegmentEnd is written.

        Args:
            target_duration: No segment is longer than this many whole seconds.
            part_target: No listed part is longer than this many seconds.

        Raises:
            StorageError: The promise was not stored.
        """
        if target_duration <= self.target_duration and part_target == self.part_target:  # the usual case
            return
        if any(track.segments for track in self.tracks.values()):  # listed: PART-TARGET must not change
            part_target = self.part_target
        if target_duration > self.target_duration or part_target != self.part_target:
            line = TargetLine(max(target_duration, self.target_duration), part_target)
            self._write_line(line)
            if part_target != self.part_target:
                for track in self.tracks.values():
                    track.hide_parts()
            self._promised(line)

    def _promised(self, line: TargetLine) -> None:
        self.target_duration = max(self.target_duration, line.seconds)
        self.part_target = line.part_target or self.part_target

    def stop_recording(self) -> None:
        """End the recording with what is listed. Only the live window of later media is kept. Raises StorageError."""
        self._write_line(FullLine())
        self._stop_keeping()

    def _stop_keeping(self) -> None:
        self.recording = False
        for track in self.tracks.values():
            track.stop_keeping()

    def lost(self, at: float) -> None:
        """Store that the encoder disconnected, `at` seconds since the Unix epoch. Raises StorageError."""
        self._write_line(LossLine(True, at))
        self.lost_at = at

    def resumed(self, at: float) -> None:
        """Store that the encoder reconnected, `at` seconds since the Unix epoch. Raises StorageError."""
        self._write_line(LossLine(False, at))
        self.lost_at = None

    def resume(self, rendition: str, *, joins: bool = True) -> Resume:
        """Return where a new packager for `rendition` continues: after all stored media, in another period.

        Discontinuity sequence numbers must match across renditions (RFC 8216 §6.2.4).

        Args:
            rendition: The rendition's name.
            joins: Whether it may join the newest period of the others. The source, at a reconnect, begins the next one.
        """
        newest = max((max(track.inits, default=-1) for track in self.tracks.values()), default=-1)
        own = {kind: self.tracks.get((rendition, kind)) for kind in TrackKind}
        latest = max((max(track.inits, default=-1) for track in own.values() if track), default=-1)
        video, audio = own[TrackKind.VIDEO], own[TrackKind.AUDIO]
        segments = {kind: track.segments if track else [] for kind, track in own.items()}
        return Resume(
            # Never one that this rendition has used: its init segment would be overwritten.
            discontinuity=max(newest if joins else newest + 1, latest + 1, 0),
            video_sequence=video.next_sequence if video else self._first,
            audio_sequence=audio.next_sequence if audio else self._first,
            decode_time=max((track.end_time for track in self.tracks.values()), default=MEDIA_START),
            target_duration=self.target_duration if any(track.segments for track in self.tracks.values()) else 0,
            program_time=max((track.end_program_time for track in own.values() if track), default=0.0),
            part_target=self.part_target,
            video_missing=missing_segments(segments[TrackKind.AUDIO], segments[TrackKind.VIDEO]),
            audio_missing=missing_segments(segments[TrackKind.VIDEO], segments[TrackKind.AUDIO]),
        )

    def discard(self, at: float) -> None:
        """End the broadcast and remove it. Raises StorageError."""
        self.finish(at, keep=False)

    @property
    def program_end(self) -> float:
        """The program time (Unix seconds by `clock`) where its media ends; 0.0 without any."""
        return max((track.end_program_time for track in self.tracks.values()), default=0.0)

    @property
    def seconds(self) -> float:
        """Duration of the recording so far, in seconds."""
        return max((track.seconds for track in self.tracks.values()), default=0.0)

    def finish(self, at: float, *, keep: bool = True) -> StoredRecording | None:
        """End the broadcast and make it a recording. Calling it again has no effect.

        Open segments are closed, playlists end, and waiting requests are notified.

        Args:
            at: The time, in seconds since the Unix epoch.
            keep: False removes the broadcast.

        Returns:
            The recording; None when there is no media, or without `keep`. The broadcast is then removed.

        Raises:
            StorageError: The recording is made from the stored files at the next start.
        """
        if self._index is None:
            return None
        index_file = self._index
        try:
            for track in self.tracks.values():
                if self._failed:
                    track.release()
                else:
                    self._end_open(track)
            recording = self.described(at) if keep else None
            if recording is not None:
                self.files.replace(RECORDING_FILE, encode(recording))
        finally:
            # Whatever failed: the broadcast is over, and waiting requests are answered.
            self._index, self.ended = None, True
            index_file.seal()
            self.version += 1
            for track in self.tracks.values():
                track.release()
                track.drop_media()
                track.notify()
            self.playable.set()
        if recording is None:
            self.files.delete_all()
        return recording

    def _end_open(self, track: StoredTrack) -> None:
        before = len(track.segments)
        track.end_open(self.clock())
        if len(track.segments) > before:
            self._listed(track)

    def described(self, at: float) -> StoredRecording | None:
        """Return the description of the recording, modified `at` seconds since the Unix epoch; None without kept segments."""
        return describe(self.info, self.tracks.values(), at)

    def suspend(self) -> None:
        """Close the files without ending the broadcast: the service stops, and continues it at its next start.

        Flush the packagers first. Segments that are still open are recovered as after a crash.
        """
        if self._index is not None:
            self._index.close()
            self._index = None
            for track in self.tracks.values():
                track.release()
                track.notify()
            self.playable.set()

    # Reading

    @property
    def running(self) -> bool:
        """Whether it was neither finished nor suspended."""
        return self._index is not None

    @property
    def watchable(self) -> bool:
        """Whether a player can play (`has_segments`). Once true it stays true."""
        self._watchable = self._watchable or has_segments(self.tracks)
        return self._watchable

    @property
    def early(self) -> bool:
        """Whether a player that plays parts of the first segment can play (`has_parts`)."""
        return self.starts_early and has_parts(self.tracks)

    @property
    def _first(self) -> int:
        """Sequence number of first segments. In `low` a gap is listed before them (`manifest.hls.early_playlist`)."""
        return 1 if self.info.latency_mode is LatencyMode.LOW else 0

    @property
    def segments(self) -> int:
        """Number of segments of all tracks: a measure of its memory use."""
        return sum(len(track.segments) for track in self.tracks.values())

    def view(self, *, live: bool) -> BroadcastView:
        """Return what manifests list: the live window or the recording."""
        tracks = [track.view(live=live) for track in self.tracks.values() if not live or continues(self.tracks, track)]
        return BroadcastView(
            uid=self.info.uid,
            created=self.info.created,
            target_duration=self.target_duration,
            part_target=self.part_target if live and not self.ended else None,
            ended=self.ended,
            latency_mode=self.info.latency_mode,
            tracks=[track for track in tracks if track.segments or (self.early and not self.watchable)],
        )

    @property
    def live_tracks(self) -> str | None:
        """Kinds of tracks in the live manifests, such as "audio+video"; None if there are none yet."""
        kinds = {track.kind.value for track in self.tracks.values() if track.segments and continues(self.tracks, track)}
        return "+".join(sorted(kinds)) or None

    def track(self, name: str) -> StoredTrack | None:
        """Return the track called `name` in URLs; None if it has no media."""
        rendition, _, kind = name.partition("-")
        return self.tracks.get((rendition, KINDS[kind])) if kind in KINDS else None

    def recovered(self, line: SegmentLine) -> None:
        """List a segment that recovery found in the files. Raises StorageError."""
        self._write_line(line)
        self.restore([line])

    def restore(self, lines: Iterable[index.Line]) -> None:
        """Apply the lines of the index, in order."""
        for line in lines:
            if isinstance(line, LossLine):
                self.lost_at = line.at if line.lost else None
                continue
            if isinstance(line, FullLine):
                self._stop_keeping()
                continue
            if isinstance(line, TargetLine):
                self._promised(line)
                continue
            key = (line.rendition, line.kind)
            track = self.tracks.get(key) or StoredTrack(self.files, *key, self._write_line, self._first)
            self.tracks[key] = track
            track.restore(line)
            if isinstance(line, SegmentLine):
                self._listed(track)
