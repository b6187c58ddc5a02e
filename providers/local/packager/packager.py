"""The packager: FLV tags of one stream in; CMAF init segments, parts and segment ends out.

It has two states: *waiting* for the start of a generation, and *running* one (`self._run`). A generation starts with the
first keyframe; sound before it is dropped, because players would show nothing for it. Where no video comes, sound waits for
it only so long (`VideoWait`) and then starts alone; the other track joins whenever it comes, on the same timeline.
A new sequence header, a jump of the clock, and a pause of the picture longer than a segment may be end the generation. The
frames after such a pause go on where the decoder was, with or without a keyframe.
"""

from __future__ import annotations

from collections import deque
from statistics import median_high

from providers.local.media import AUDIO, VIDEO, FlvTag, TagKind
from providers.local.packager import audio, flv, video
from providers.local.packager.aac import AacConfig, parse_aac_config
from providers.local.packager.avc import AvcConfig, parse_avc_config
from providers.local.packager.cutting import PackagerSettings, SegmentRule
from providers.local.packager.errors import MalformedMedia
from providers.local.packager.events import PackagerEvent, Resume
from providers.local.packager.run import Run
from providers.local.packager.timeline import CONTINUES, Order, Timeline
from providers.local.packager.waiting import VideoWait

MAX_TAG_SIZE = 16 * 1024 * 1024 - 1
"""The largest payload, in bytes, that is taken: what an FLV tag can hold."""

MAX_COMPOSITION_MS = 30_000
"""The longest time between decoding and showing a frame that is believed: B-frames behind a pause are shown that much later."""

MAX_STILL_MS = 30_000
"""How long a picture may stand still while the sound goes on. Beyond, the sound goes on alone, and the picture joins it again
with a keyframe."""

INTERVALS_KEPT = 64
"""Keyframe intervals that the typical one is taken from."""

MAX_LATE_START_MS = 5_000
"""How long after the beginning of a generation audio may begin and still be preceded by silence from there on: players take the
tracks of a stream to begin together."""

FRESH = Resume()
"""A broadcast that begins."""


class Packager:
    """Packages one stream. Feed it every tag in order; what it raises concerns one tag, after which it can go on.

    MalformedMedia: the tag was ignored, nothing else is lost. UnsupportedCodec: so was this tag, but the stream cannot be
    carried, the encoder should be told.
    """

    def __init__(self, settings: PackagerSettings, resume: Resume = FRESH) -> None:
        self._events: list[PackagerEvent] = []
        self._rule = SegmentRule(settings, resume.target_duration, resume.part_target)
        self._video = video.VideoTrack(settings, self._rule, resume.video_sequence, self._events.append)
        self._audio = audio.AudioTrack(settings, self._rule, resume.audio_sequence, self._events.append)
        self._timeline = Timeline()
        self._run: Run | None = None
        self._next_generation = resume.generation
        self._begin_position = resume.decode_time
        self._program_end = resume.program_time
        self._video_config: AvcConfig | None = None
        self._audio_config: AacConfig | None = None
        self._video_wait = VideoWait()
        self._still_until = 0
        self._keyframe_time: int | None = None
        self.keyframe_interval: float | None = None
        self._intervals: deque[float] = deque(maxlen=INTERVALS_KEPT)

    @property
    def started(self) -> bool:
        """Whether any media was taken into a track."""
        return self._video.begun or self._audio.begun

    @property
    def target_duration(self) -> int:
        """EXT-X-TARGETDURATION in seconds, constant for the whole broadcast; 0 before its first segment is out."""
        return self._rule.target_duration

    @property
    def part_target(self) -> float:
        """The longest part in seconds, constant for the whole broadcast; 0.0 before its first segment is out."""
        return self._rule.part_target if self._rule.target_duration else 0.0

    @property
    def video_position(self) -> float:
        """Where the next part of the video track begins at the latest, in seconds on the media timeline."""
        return self._video.end_seconds

    @property
    def video_program_time(self) -> float:
        """The Unix time, in seconds, of `video_position`; 0.0 while no generation runs."""
        return self._run.program_time(self.video_position) if self._run else 0.0

    @property
    def frame_rate(self) -> float | None:
        """Frames a second as the SPS says; None where it does not."""
        return self._video_config.frame_rate or None if self._video_config else None

    @property
    def typical_keyframe_interval(self) -> float | None:
        """The median of the last keyframe intervals, in seconds; None before the second keyframe.

        Of two middle values it is the longer: keyframes at scene cuts only shorten intervals.
        """
        return median_high(self._intervals) if self._intervals else None

    @property
    def media_seconds_since_first_keyframe(self) -> float:
        """Media time since this packager's first frame, from the encoder's timestamps; 0.0 before it."""
        return max(0.0, self._position() - self._begin_position)

    @property
    def resume(self) -> Resume:
        """Where a later packager goes on. Call `flush` before: an open segment is left behind."""
        return Resume(
            self._next_generation,
            self._video.next_sequence,
            self._audio.next_sequence,
            self._position(),
            self._rule.target_duration,
            self._program_end,
            self.part_target,
        )

    def feed(self, tag: FlvTag, arrived: float) -> list[PackagerEvent]:
        """Take the next tag; what it completed. `arrived`: Unix time (seconds) at which it was taken in.

        Errors: UnsupportedCodec, MalformedMedia.
        """
        kind, timestamp, payload = tag
        if len(payload) > MAX_TAG_SIZE:
            raise MalformedMedia(f"a tag of {len(payload)} bytes")
        if kind is VIDEO:
            self._take_video(timestamp, payload, arrived)
        elif kind is AUDIO:
            self._take_audio(timestamp, payload, arrived)
        else:
            self._video_wait.read(payload)
        return self._drain()

    def flush(self) -> list[PackagerEvent]:
        """The encoder is gone: close what is open. Tags may follow; they start a new generation."""
        self._end_generation()
        self._timeline = Timeline()
        return self._drain()

    def _drain(self) -> list[PackagerEvent]:
        if not self._events:  # for nine tags of ten
            return []
        events = self._events[:]
        self._events.clear()
        return events

    def _take_video(self, timestamp: int, payload: bytes, arrived: float) -> None:
        head = flv.parse_video(payload)
        if head.type is flv.HEADER:
            self._take_video_header(payload[flv.VIDEO_HEADER_SIZE :])
        elif head.type is flv.FRAME and self._video_config is not None:
            if abs(head.composition_time) > MAX_COMPOSITION_MS:
                raise MalformedMedia(f"a frame is to be shown {head.composition_time} ms after it is decoded")
            time = self._place(VIDEO, timestamp)
            if time is None:
                return
            paused = self._video.active and self._pauses(time)
            if paused or (head.keyframe and self._video.active and self._run and self._run.lags(time, arrived)):
                self._end_generation()
            goes_on = head.keyframe or paused
            # Players take the time at which the first frame is decoded for that at which it is shown.
            shown = time + min(max(0, head.composition_time), video.MAX_DELAY_MS) if head.keyframe else time
            if self._video.active or (goes_on and self._start_video(shown, self._video_config, arrived)):
                self._take_frame(time, head, memoryview(payload)[flv.VIDEO_HEADER_SIZE :])

    def _take_video_header(self, record: bytes) -> None:
        if self._video_config is None or self._video_config.record != record:
            config = parse_avc_config(record)
            if self._video.active:
                self._end_generation()
            self._video_config = config

    def _pauses(self, time: int) -> bool:
        """Whether the picture stood still for longer than a segment may last; then its last frame was closed as one."""
        track, run = self._video, self._run
        assert run is not None  # noqa: S101 (the track is active)
        if track.origin + (time - run.zero) * video.TICKS_PER_MS <= track.longest:
            return False
        if track.segment_seconds:
            self._cut(track.latest)
        track.settle(track.longest)
        return True

    def _start_video(self, time: int, config: AvcConfig, arrived: float) -> bool:
        """Begin the video track of a generation, and the generation if need be; False when this frame, which is shown at `time`,
        cannot."""
        run = self._run or self._start_generation(time, arrived)
        if time < run.zero:
            return False
        origin = run.first_tick(video.TIMESCALE)
        start = origin + (time - run.zero) * video.TICKS_PER_MS
        self._video.begin(video.init_of(config, run.number), origin, start, run.program_zero)
        self._keyframe_time = None
        if self._audio.active:
            self._audio.cut(time - run.zero)
        self._audio.alone = False
        return True

    def _take_frame(self, time: int, head: flv.VideoTag, data: memoryview) -> None:
        run, track = self._run, self._video
        assert run is not None  # noqa: S101 (the track is active)
        decode_time = track.origin + (time - run.zero) * video.TICKS_PER_MS
        shown = decode_time + head.composition_time * video.TICKS_PER_MS
        decode_time = max(decode_time, track.latest + video.TICKS_PER_MS if track.holding else track.end)
        if track.holding:
            if track.passes(decode_time):
                self._cut(track.latest)
            track.settle(decode_time)
        self._still_until = time + MAX_STILL_MS
        if head.keyframe:
            self._keyframe(time, decode_time)
        track.hold(video.Frame(decode_time, shown - decode_time, head.keyframe, data))

    def _keyframe(self, time: int, decode_time: int) -> None:
        """End the segment in front of a keyframe, or at least the part."""
        if self._keyframe_time is not None:
            self.keyframe_interval = (time - self._keyframe_time) / 1000
            self._intervals.append(self.keyframe_interval)
        self._keyframe_time = time
        elapsed = self._video.segment_seconds
        if not elapsed:
            return
        if self._rule.ends_at_keyframe(elapsed, self.keyframe_interval or elapsed):
            self._cut(decode_time)
        else:
            self._video.end_part()

    def _cut(self, decode_time: int) -> None:
        """End the segments of both tracks at this tick of the video."""
        milliseconds = (decode_time - self._video.origin) // video.TICKS_PER_MS
        self._fix_targets(self._audio.seconds_until(milliseconds) if self._audio.active else 0.0)
        self._video.end_segment()
        if self._audio.active:
            self._audio.cut(milliseconds)

    def _fix_targets(self, audio_seconds: float) -> None:
        """A segment of the video ends, and one of the audio that is this long: the first of the broadcast fix its targets."""
        tracks = [track for track in (self._video, self._audio) if track.segment_seconds]
        if tracks:
            self._rule.ended(
                max(self._video.segment_seconds, audio_seconds), *(track.sample_seconds for track in tracks)
            )

    def _take_audio(self, timestamp: int, payload: bytes, arrived: float) -> None:
        packet = flv.parse_audio(payload)
        if packet is flv.HEADER:
            self._take_audio_header(payload[flv.AUDIO_HEADER_SIZE :])
        elif packet is flv.FRAME and self._audio_config is not None:
            time = self._place(AUDIO, timestamp)
            if time is None:
                return
            if self._video.active and time > self._still_until:
                self._end_generation()
                self._video_wait.give_up(time)
            if self._audio.active or self._start_audio(time, self._audio_config, arrived):
                assert self._run is not None  # noqa: S101 (the track is active)
                self._audio.put(time - self._run.zero, memoryview(payload)[flv.AUDIO_HEADER_SIZE :])

    def _take_audio_header(self, record: bytes) -> None:
        if self._audio_config is None or self._audio_config.config != record:
            config = parse_aac_config(record)
            if self._audio.active:
                self._end_generation()
            self._audio_config = config

    def _start_audio(self, time: int, config: AacConfig, arrived: float) -> bool:
        """Begin the audio track of a generation, and the generation if need be; False when this frame cannot."""
        if self._run is None and self._video_wait.lasts(time, self._video_config is not None):
            return False
        run = self._run or self._start_generation(time, arrived)
        if time < run.zero:
            return False
        origin = run.first_tick(config.sample_rate)
        start = origin + round((time - run.zero) * config.sample_rate / 1000)
        self._audio.take(config)
        self._audio.begin(audio.init_of(config, run.number), origin, start, run.program_zero)
        if time - run.zero <= MAX_LATE_START_MS:
            self._audio.lead_in()
        self._audio.alone = not self._video.active
        return True

    def _place(self, kind: TagKind, timestamp: int) -> int | None:
        """The tag's time in ms; None when it is to be dropped. A jump ends the generation."""
        order, time = self._timeline.place(kind, timestamp)
        if order is CONTINUES:
            return time
        if order is Order.STRAGGLES:
            return None
        self._end_generation()
        return time

    def _start_generation(self, zero: int, arrived: float) -> Run:
        # The clock may have been set back, and media may run a little ahead of it: program time never goes back (RFC 8216bis
        # §4.4.4.6), nor do Periods overlap.
        self._run = Run(self._next_generation, zero, self._position(), max(arrived, self._program_end))
        self._next_generation += 1
        return self._run

    def _end_generation(self) -> None:
        """Close everything that is open; the next generation goes on where the longer track ends.

        Audio is drawn out to the end of the video: players stand still where one track ends before the other.
        """
        self._video.settle_last()
        if self._audio.active and self._video.active:
            self._audio.draw_out(self._video.end_seconds)
        self._fix_targets(self._audio.segment_seconds)
        self._video.end_segment()
        self._audio.end_segment()
        self._video.active = self._audio.active = False
        if self._run is not None:
            self._program_end = self._run.program_time(self._position())
        self._run = None
        self._video_wait.begin_anew()

    def _position(self) -> float:
        """Where the media timeline has come to, in seconds."""
        return max(self._begin_position, self._video.end_seconds, self._audio.end_seconds)
