"""One broadcast on the storage: written while it runs, read for as long as it is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from providers.base import LatencyMode
from providers.local.manifest.views import RENDITION_NAME, BroadcastView
from providers.local.packager.events import PackagerEvent, Part, Resume, SegmentEnd, TrackInit, TrackKind
from providers.local.storage import index
from providers.local.storage.errors import StorageError
from providers.local.storage.index import BroadcastInfo, FullLine, LossLine, SegmentLine, TargetLine
from providers.local.storage.port import BroadcastFiles, OpenFile
from providers.local.storage.recordings import RECORDING_FILE, StoredRecording, encode, recording_name
from providers.local.storage.silence import without_audio
from providers.local.storage.track import StoredTrack

MAX_RENDITIONS = 8
"""Renditions of one broadcast; more is a mistake in the settings."""

MIN_TARGET_DURATION = 2
"""Whole seconds: what playlists say as long as nobody promised more. It only grows, and only before the first segment is listed
if the packager keeps its promise."""

LEFT_AFTER = 2
"""Segments of a later period of the other track after which a track that is not in that period is no longer offered."""

KINDS = {kind.value: kind for kind in TrackKind}

TrackKey = tuple[str, TrackKind]


class Broadcast:
    """One showing of a live input, reconnects included; `Storage` makes them.

    While it runs: `write` what the packagers hand out, then `finish`. A finished one is read only. After a StorageError from
    `write` nothing more is taken until `retry`; what was written stays and `finish` may still make a recording of it. `version`
    counts the changes that playlists show; `low_latency` is whether they list parts; `recording` is whether what comes is kept.
    `clock` gives the Unix time (seconds) that its program time and its MPD go by.
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
        self.low_latency = info.latency_mode is LatencyMode.LOW
        self.ended = index is None
        self.clock: Callable[[], float] = time.time
        self.recording = True
        self._audio_inits: dict[str, TrackInit] = {}
        self._watchable = False
        self._failed = False
        self._index = index

    # Writing

    def write(self, rendition: str, event: PackagerEvent) -> None:
        """Keep what a packager handed out for `rendition`. Cheap: one write into the page cache. Errors: StorageError."""
        if self._index is None or self._failed:
            raise StorageError("this broadcast takes no more media")
        try:
            self.files.check()
            track = self._track(rendition, event.track)
            if isinstance(event, Part):
                if event.index == 0 and event.sequence > track.next_sequence:
                    self._add_silence(track, event)
                track.add(event)
            elif isinstance(event, SegmentEnd):
                track.end(event)
                self._listed(track)
            else:
                self._begin_period(track, event)
        except StorageError:
            self._failed = True
            raise
        if self.low_latency or not isinstance(event, Part):
            self.version += 1
        self.last_write = time.time()

    @property
    def failed(self) -> bool:
        """A StorageError ended the taking."""
        return self._failed

    def retry(self, at: float) -> None:
        """Take media again after a StorageError, from new packagers (`resume`); what was open is closed as far as it was written.

        `at` in seconds since the Unix epoch. Errors: StorageError, when the disk still fails.
        """
        for track in self.tracks.values():
            self._end_open(track, at)
        self._failed = False

    def drop_open(self, rendition: str) -> None:
        """Drop the segments of `rendition` that are open. Where players were told of their parts they are closed instead.

        Errors: StorageError.
        """
        for (name, _), track in self.tracks.items():
            if name == rendition and self.low_latency:
                self._end_open(track, time.time())
            elif name == rendition:
                track.drop_open()

    def _begin_period(self, track: StoredTrack, event: TrackInit) -> None:
        self._end_open(track, time.time())
        track.begin(event)
        if event.track is TrackKind.AUDIO:
            self._audio_inits[track.rendition] = event

    def _add_silence(self, track: StoredTrack, part: Part) -> None:
        """List what comes before this part, for the video that had no audio: `resume` left room for it in the numbers."""
        video, init = self.tracks.get((track.rendition, TrackKind.VIDEO)), self._audio_inits.get(track.rendition)
        if video is not None and init is not None and track.kind is TrackKind.AUDIO:
            track.add_silence(init, video, part)
            self._listed(track)

    def _track(self, rendition: str, kind: TrackKind) -> StoredTrack:
        track = self.tracks.get((rendition, kind))
        if track is None:
            if not RENDITION_NAME.fullmatch(rendition) or len(self.tracks) >= 2 * MAX_RENDITIONS:
                raise StorageError(f"no room for a rendition called {rendition!r}")
            track = self.tracks[rendition, kind] = StoredTrack(self.files, rendition, kind, self._write_line)
            if not self.recording:
                track.stop_keeping()
        return track

    def _listed(self, track: StoredTrack) -> None:
        """A segment of `track` was added: keep the promises of the playlists."""
        self.target_duration = max(self.target_duration, track.longest)
        track.slide(self.target_duration)

    def _write_line(self, line: index.Line) -> None:
        if self._index is None:
            raise StorageError("this broadcast has ended")
        if not self.recording:
            return
        self._index.append(index.encode(line))
        if isinstance(line, SegmentLine) and line.kind is TrackKind.VIDEO:
            self._index.sync()

    def promise(self, target_duration: int, part_target: float) -> None:
        """No segment will be longer than this many whole seconds, no listed part than these seconds (`Packager`); call it
        before the first SegmentEnd is taken, again as often as you like. Errors: StorageError.
        """
        if target_duration <= self.target_duration and part_target == self.part_target:  # as nearly always
            return
        if any(track.segments for track in self.tracks.values()):  # players were told
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
        """What is listed so far will be the recording; of what comes only the live window is kept. Errors: StorageError."""
        self._write_line(FullLine())
        self._stop_keeping()

    def _stop_keeping(self) -> None:
        self.recording = False
        for track in self.tracks.values():
            track.stop_keeping()

    def lost(self, at: float) -> None:
        """The encoder is gone, `at` seconds since the Unix epoch; it may come back. Errors: StorageError."""
        self._write_line(LossLine(True, at))
        self.lost_at = at

    def resumed(self, at: float) -> None:
        """The encoder is back. Errors: StorageError."""
        self._write_line(LossLine(False, at))
        self.lost_at = None

    def resume(self, rendition: str, *, joins: bool = True) -> Resume:
        """Where a packager for `rendition` goes on: after everything there is, in a period of its own.

        A rendition that `joins` and is behind the others goes into their newest period; one that does not (the source, at
        a reconnect) begins a new one, ahead of all. So all count alike after a reconnect.
        """
        newest = max((max(track.inits, default=-1) for track in self.tracks.values()), default=-1)
        own = {kind: self.tracks.get((rendition, kind)) for kind in TrackKind}
        latest = max((max(track.inits, default=-1) for track in own.values() if track), default=-1)
        video, audio = own[TrackKind.VIDEO], own[TrackKind.AUDIO]
        # Should this packager bring audio, silence comes before it for what had none.
        silent = len(without_audio(video.segments, audio.segments if audio else [])) if video else 0
        return Resume(
            discontinuity=max(newest if joins else newest + 1, latest + 1, 0),
            video_sequence=video.next_sequence if video else 0,
            audio_sequence=(audio.next_sequence if audio else 0) + silent,
            decode_time=max((track.end_time for track in self.tracks.values()), default=0.0),
            target_duration=self.target_duration if any(track.segments for track in self.tracks.values()) else 0,
            program_time=max((track.end_program_time for track in own.values() if track), default=0.0),
            part_target=self.part_target,
        )

    def discard(self, at: float) -> None:
        """End it and leave nothing of it. Errors: StorageError."""
        self.finish(at, keep=False)

    @property
    def seconds(self) -> float:
        """How much media its recording has so far, in seconds."""
        return max((track.seconds for track in self.tracks.values()), default=0.0)

    def finish(self, at: float, *, keep: bool = True) -> StoredRecording | None:
        """End it, `at` seconds since the Unix epoch, and make it a recording; None, and nothing left, when it has no media
        (or without `keep`).

        Playlists end, whoever waits is told. A segment left open is closed. Errors: StorageError (the recording is then made
        at the next start, from what is on the disk); ending it again changes nothing.
        """
        if self._index is None:
            return None
        index_file = self._index
        try:
            for track in self.tracks.values():
                if self._failed:
                    track.release()
                else:
                    self._end_open(track, at)
            recording = self.described(at) if keep else None
            if recording is not None:
                self.files.replace(RECORDING_FILE, encode(recording))
        finally:
            self._index, self.ended = None, True
            index_file.seal()
            self.version += 1
            for track in self.tracks.values():
                track.release()
                track.drop_media()
                track.notify()
        if recording is None:
            self.files.delete_all()
        return recording

    def _end_open(self, track: StoredTrack, at: float) -> None:
        before = len(track.segments)
        track.end_open(at)
        if len(track.segments) > before:
            self._listed(track)

    def described(self, at: float) -> StoredRecording | None:
        """The recording that its kept segments make, as of `at` (seconds since the Unix epoch); None when there are none."""
        tracks = [track for track in self.tracks.values() if track.bytes]
        if not tracks:
            return None
        pictures = [track.inits[track.recorded[-1].discontinuity] for track in tracks if track.kind is TrackKind.VIDEO]
        best = max(pictures, key=lambda init: init.height, default=None)
        return StoredRecording(
            uid=self.info.uid,
            input_uid=self.info.input_uid,
            name=recording_name(self.info.name, self.info.created),
            created=self.info.created,
            modified=datetime.fromtimestamp(at, UTC),
            size=sum(track.bytes for track in tracks),
            duration=round(max(sum(track.view(live=False).spans(track.recorded)) for track in tracks), 3),
            width=best.width if best else 0,
            height=best.height if best else 0,
        )

    def suspend(self) -> None:
        """Let go of the files without ending it: the service stops, and takes it up again at its next start.

        Call it when the packagers have been flushed; what they left open is recovered as after a crash.
        """
        if self._index is not None:
            self._index.close()
            self._index = None
            for track in self.tracks.values():
                track.release()
                track.notify()

    # Reading

    @property
    def running(self) -> bool:
        """More may come: it was neither finished nor suspended."""
        return self._index is not None

    @property
    def watchable(self) -> bool:
        """Whether a player can play: some rendition has a segment in each of its tracks. Once true it stays true.

        A track that was announced and stays silent holds it up for no longer than two segments of the other.
        """
        if not self._watchable:
            self._watchable = any(self._complete(rendition) for rendition, _ in self.tracks)
        return self._watchable

    def _complete(self, rendition: str) -> bool:
        counts = [len(track.segments) for (name, _), track in self.tracks.items() if name == rendition]
        return min(counts) > 0 or max(counts) > 1

    @property
    def segments(self) -> int:
        """How many segments it has, of all tracks: what it takes in memory."""
        return sum(len(track.segments) for track in self.tracks.values())

    def view(self, *, live: bool) -> BroadcastView:
        """What the manifests show: the live window or the whole."""
        tracks = [track.view(live=live) for track in self.tracks.values() if not live or self._goes_on(track)]
        return BroadcastView(
            uid=self.info.uid,
            created=self.info.created,
            target_duration=self.target_duration,
            part_target=self.part_target if self.low_latency else None,
            ended=self.ended,
            tracks=[track for track in tracks if track.segments],
        )

    @property
    def live_tracks(self) -> str | None:
        """Which kinds of tracks the live manifests offer, as "audio+video"; None when they offer nothing yet."""
        kinds = {track.kind.value for track in self.tracks.values() if track.segments and self._goes_on(track)}
        return "+".join(sorted(kinds)) or None

    def _goes_on(self, track: StoredTrack) -> bool:
        """Whether more of the track may come. It has ended when its rendition went on without it for LEFT_AFTER segments.

        An encoder that comes back without audio, for instance, leaves a playlist that does not grow: players would wait for it.
        """
        newest = max(track.inits, default=-1)
        others = [each for (name, _), each in self.tracks.items() if name == track.rendition and each is not track]
        return not any(each.segments_after(newest, LEFT_AFTER) for each in others)

    def track(self, name: str) -> StoredTrack | None:
        """The track called `name` in URLs, if it has a segment or a part."""
        rendition, _, kind = name.partition("-")
        return self.tracks.get((rendition, KINDS[kind])) if kind in KINDS else None

    def recovered(self, line: SegmentLine) -> None:
        """List a segment that was found on the disk, whole or cut to be so. Errors: StorageError."""
        self._write_line(line)
        self.restore([line])

    def restore(self, lines: Iterable[index.Line]) -> None:
        """Take over what the index says, in its order."""
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
            track = self.tracks.get(key) or StoredTrack(self.files, *key, self._write_line)
            self.tracks[key] = track
            track.restore(line)
            if isinstance(line, SegmentLine):
                self._listed(track)
