"""Both tracks of a stream: their segments end together, and the last frame is repeated while video pauses."""

from __future__ import annotations

from collections.abc import Callable

from providers.local.packager.audio import AudioTrack
from providers.local.packager.cadence import Cadence
from providers.local.packager.cutting import SegmentRule
from providers.local.packager.delay import MAX_END_GAP_MS
from providers.local.packager.video import TICKS_PER_MS, TIMESCALE, VideoTrack


class TrackPair:
    """The video and the audio track. `release` writes queued audio as far as the video has advanced."""

    def __init__(
        self, video: VideoTrack, audio: AudioTrack, rule: SegmentRule, cadence: Cadence, release: Callable[[], None]
    ) -> None:
        self._video = video
        self._audio = audio
        self._rule = rule
        self._cadence = cadence
        self._release = release

    def keyframe(self, time: int, decode_time: int) -> None:
        """End the segment before a keyframe, or only the part. `time` in ms, `decode_time` in ticks."""
        self._cadence.keyframe(time)
        elapsed = self._video.segment_seconds
        if not elapsed:
            return
        if self._rule.ends_at_keyframe(elapsed, self._cadence.interval or elapsed):
            self.cut(decode_time)
        else:
            # A part that begins with a keyframe is INDEPENDENT: players can join there (RFC 8216bis 4.4.4.9).
            self._video.end_part()

    def cut(self, decode_time: int) -> None:
        """End the segments of both tracks at this tick of the video track."""
        milliseconds = (decode_time - self._video.origin) // TICKS_PER_MS
        self.fix_targets(self._audio.seconds_until(milliseconds) if self._audio.active else 0.0)
        self._video.end_segment()
        if self._audio.active:
            self._audio.cut(milliseconds)

    def fix_targets(self, audio_seconds: float) -> None:
        """Record the end of a video segment, and of an audio segment of `audio_seconds`. The first ones fix the targets."""
        tracks = [track for track in (self._video, self._audio) if track.segment_seconds]
        if tracks:
            self._rule.ended(
                max(self._video.segment_seconds, audio_seconds), *(track.sample_seconds for track in tracks)
            )

    def repeat_until(self, until: int) -> None:
        """Repeat the last frame until less than a part is left before the tick `until`."""
        track = self._video
        # A part at a time, as live parts come: players must not wait for a whole segment of a pause.
        while track.holding and (edge := track.part_edge) < until:
            if track.passes(edge):
                self.cut(track.latest)
            track.settle(edge)
            self._release()
            if self._rule.ends_at_keyframe(track.segment_seconds, track.part_seconds):
                self.cut(track.end)
            track.repeat()

    def end_together(self) -> None:
        """Extend the last frame, and the audio with silence, so that both tracks end at the same time."""
        video, audio = self._video, self._audio
        end = video.natural_end
        if audio.active:
            # Each track has its own origin and timescale; only the distance from the origin can be compared.
            audio_end = round((audio.end - audio.origin) * TIMESCALE / audio.timescale) + video.origin
            if audio_end > video.shown_end + MAX_END_GAP_MS * TICKS_PER_MS:
                end = audio_end
        self.repeat_until(end)
        if end > video.latest:
            if video.passes(end):
                self.cut(video.latest)
            video.settle(end)
        if audio.active:
            audio.extend(video.end_seconds)
