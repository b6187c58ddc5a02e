"""The packager: FLV tags of one stream in; CMAF init segments, parts and segment ends out.

It has two states: *waiting* for the start of a period, and *running* one (`self._period`). A period starts with the
first keyframe; audio before it is kept until then, because what belongs to frames that are shown may come earlier than these.
Where no video comes, audio waits for it only so long (`VideoWait`) and then starts alone; the other track joins whenever it comes,
on the same timeline. A new sequence header and a jump of the clock end the period.

While a period runs neither track leaves the other behind: audio that is far ahead of the video waits for it, and a track that
has paused (`TrackDelay`) goes on as silence, or as the last picture repeated (`LastGop`). Both end together, without a hole.
"""

from __future__ import annotations

from providers.local.codecs.aac import AacConfig, parse_aac_config
from providers.local.codecs.avc import AvcConfig, parse_avc_config
from providers.local.codecs.errors import MalformedMedia
from providers.local.flv import head as flv
from providers.local.flv.tag import AUDIO, VIDEO, FlvTag, TagKind
from providers.local.packager import audio, video
from providers.local.packager.announced import announced_audio
from providers.local.packager.cadence import Cadence
from providers.local.packager.cutting import PackagerSettings, SegmentRule
from providers.local.packager.delay import CATCH_UP_MS, HEADER_WAIT_MS, MAX_AHEAD_MS, MAX_END_GAP_MS, TrackDelay
from providers.local.packager.events import PackagerEvent, Resume
from providers.local.packager.last_gop import Frame
from providers.local.packager.period import Period
from providers.local.packager.timeline import CONTINUES, MAX_LATE_MS, Timeline
from providers.local.packager.waiting import AudioQueue, QueuedAudio, VideoWait

MAX_TAG_SIZE = 16 * 1024 * 1024 - 1
"""The largest payload, in bytes, that is taken: what an FLV tag can hold."""

MAX_COMPOSITION_MS = 30_000
"""The longest time between decoding and showing a frame that is believed: B-frames behind a pause are shown that much later."""

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
        self._lone_pause_ms = round(settings.lone_pause * 1000)
        self._timeline = Timeline(lone_pause_ms=self._lone_pause_ms)
        self._period: Period | None = None
        self._next_discontinuity = resume.discontinuity
        self._begin_position = resume.decode_time
        self._program_end = resume.program_time
        self._video_config: AvcConfig | None = None
        self._audio_config: AacConfig | None = None
        self._announced: AacConfig | None = None
        self._video_wait = VideoWait()
        self._audio_queue = AudioQueue()
        self._audio_late = TrackDelay(low_latency=settings.low_latency)
        self._video_late = TrackDelay(low_latency=settings.low_latency)
        self._sound_time: int | None = None
        self._cadence = Cadence()

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
        """The Unix time, in seconds, of `video_position`; 0.0 while no period runs."""
        return self._period.program_time(self.video_position) if self._period else 0.0

    @property
    def frame_rate(self) -> float | None:
        """Frames a second as the SPS says; None where it does not."""
        return self._video_config.frame_rate or None if self._video_config else None

    @property
    def keyframe_interval(self) -> float | None:
        """The last keyframe interval, in seconds; None before the second keyframe."""
        return self._cadence.interval

    @property
    def typical_keyframe_interval(self) -> float | None:
        """The typical one of late, in seconds; None before the second keyframe."""
        return self._cadence.typical

    @property
    def awaits_audio(self) -> bool:
        """Whether audio was announced that is not in the stream yet, not even as silence."""
        return self._video.active and not self._audio.active and self._announced is not None

    @property
    def seconds_apart(self) -> float:
        """How far the audio's timestamps are ahead of the video's, where each track has a clock of its own; else 0.0."""
        return self._timeline.apart / 1000

    @property
    def audio_late(self) -> float:
        """Seconds that audio comes after the video it belongs to, if that is too late for it to be kept; else 0.0."""
        return self._audio_late.too_late / 1000

    @property
    def media_seconds_since_first_keyframe(self) -> float:
        """Media time since this packager's first frame, from the encoder's timestamps; 0.0 before it."""
        return max(0.0, self._position() - self._begin_position)

    @property
    def resume(self) -> Resume:
        """Where a later packager goes on. Call `flush` before: an open segment is left behind."""
        return Resume(
            self._next_discontinuity,
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
            self._feed_video(timestamp, payload, arrived)
        elif kind is AUDIO:
            self._feed_audio(timestamp, payload, arrived)
        else:
            self._video_wait.read(payload)
            self._announced = announced_audio(payload) or self._announced
        return self._drain()

    def flush(self) -> list[PackagerEvent]:
        """The encoder is gone: close what is open. Tags may follow; they start a new period."""
        self._end_period()
        self._audio_queue.clear()
        self._sound_time = None
        self._timeline = Timeline(lone_pause_ms=self._lone_pause_ms)
        return self._drain()

    def _drain(self) -> list[PackagerEvent]:
        if not self._events:  # for nine tags of ten
            return []
        events = self._events[:]
        self._events.clear()
        return events

    def _feed_video(self, timestamp: int, payload: bytes, arrived: float) -> None:
        head = flv.parse_video(payload)
        if head.packet is flv.HEADER:
            self._feed_video_header(payload[flv.VIDEO_HEADER_SIZE :])
        elif head.packet is flv.FRAME and self._video_config is not None:
            if abs(head.composition_time) > MAX_COMPOSITION_MS:
                raise MalformedMedia(f"a frame is to be shown {head.composition_time} ms after it is decoded")
            time = self._place(VIDEO, timestamp, arrived)
            if head.keyframe and self._video.active and self._period and self._period.lags(time, arrived):
                self._end_period()
            # Players take the time at which the first frame is decoded for that at which it is shown.
            shown = time + min(max(0, head.composition_time), video.MAX_DELAY_MS)
            if self._video.active or (head.keyframe and self._start_video(shown, self._video_config, arrived)):
                self._write_frame(time, head, memoryview(payload)[flv.VIDEO_HEADER_SIZE :])
                self._keep_audio_up(time)

    def _feed_video_header(self, record: bytes) -> None:
        if self._video_config is None or self._video_config.record != record:
            config = parse_avc_config(record)
            if self._video.active:
                self._end_period()
            self._video_config = config

    def _start_video(self, time: int, config: AvcConfig, arrived: float) -> bool:
        """Begin the video track of a period, and the period if need be; False when this frame, which is shown at `time`,
        cannot."""
        period = self._period or self._start_period(time, arrived)
        if time < period.zero:
            return False
        origin = period.first_tick(video.TIMESCALE)
        start = origin + (time - period.zero) * video.TICKS_PER_MS
        self._video.take(config, repeats_sets=period.number > 0)
        self._video.begin(video.init_of(config, period.number), origin, start, period.program_zero)
        self._cadence.interrupt()
        if self._audio.active:
            self._audio.cut(time - period.zero)
        self._audio.alone = False
        return True

    def _write_frame(self, time: int, head: flv.VideoHead, data: memoryview) -> None:
        period, track = self._open_period, self._video
        decode_time = track.origin + (time - period.zero) * video.TICKS_PER_MS
        shown = decode_time + head.composition_time * video.TICKS_PER_MS
        decode_time = max(decode_time, track.latest + video.TICKS_PER_MS if track.holding else track.end)
        if track.holding:
            if decode_time - track.latest > track.longest_still:
                self._repeat_until(decode_time)
            if track.still:
                shown = max(shown, decode_time)
                self._cadence.interrupt()
                if track.astray and not head.keyframe:
                    if not track.rewind():
                        return  # only a keyframe ends this
                    decode_time = track.find_back(decode_time)
            if track.passes(decode_time):
                self._cut(track.latest)
            track.settle(decode_time)
        self._video_late.record(0 if self._sound_time is None else self._sound_time - time)
        if head.keyframe:
            self._keyframe(time, decode_time)
        track.hold(Frame(decode_time, shown - decode_time, head.keyframe, data))
        self._release()

    def _keyframe(self, time: int, decode_time: int) -> None:
        """End the segment in front of a keyframe, or at least the part."""
        self._cadence.keyframe(time)
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

    def _repeat_until(self, until: int) -> None:
        """Show the last picture again and again, until less than a part is left to the tick `until`."""
        track = self._video
        while track.holding and (edge := track.part_edge) < until:
            if track.passes(edge):
                self._cut(track.latest)
            track.settle(edge)
            self._release()
            if self._rule.ends_at_keyframe(track.segment_seconds, track.part_seconds):
                self._cut(track.end)
            track.repeat()

    def _feed_audio(self, timestamp: int, payload: bytes, arrived: float) -> None:
        packet = flv.parse_audio(payload)
        if packet is flv.HEADER:
            self._feed_audio_header(payload[flv.AUDIO_HEADER_SIZE :])
        elif packet is flv.FRAME and self._audio_config is not None:
            time = self._place(AUDIO, timestamp, arrived)
            self._sound_time = time
            self._audio_queue.append(QueuedAudio(time, arrived, memoryview(payload)[flv.AUDIO_HEADER_SIZE :]))
            waits = self._period is None and self._video_wait.lasts(time, self._video_config is not None)
            if waits and not self._audio_queue.full:
                return
            if self._video.active:
                self._keep_video_up(time)
            self._release()

    def _feed_audio_header(self, record: bytes) -> None:
        if self._audio_config is None or self._audio_config.config != record:
            config = parse_aac_config(record)
            if self._audio.active and not (self._audio_config or self._announced or config).decodes_like(config):
                self._end_period()
            self._audio_config = config
            self._announced = config

    def _release(self, *, everything: bool = False) -> None:
        """Put the audio that waits into its track, as far as the video has come."""
        while (first := self._audio_queue.first) and (everything or self._is_due(first.time)):
            sound = self._audio_queue.popleft()
            if self._audio.active or self._start_audio(sound.time, sound.arrived):
                if sound.time >= self._open_period.zero:
                    self._audio.put(sound.time - self._open_period.zero, sound.payload)

    def _is_due(self, time: int) -> bool:
        track = self._video
        if not track.active or self._audio_queue.full:
            return True
        ahead = (time - self._open_period.zero) * video.TICKS_PER_MS - (track.latest - track.origin)
        return ahead <= MAX_AHEAD_MS * video.TICKS_PER_MS

    def _start_audio(self, time: int, arrived: float) -> bool:
        """Begin the audio track of a period, and the period if need be; False when this frame cannot."""
        config = self._audio_config or self._announced
        assert config is not None  # noqa: S101 (there is a frame, or it was announced)
        period = self._period or self._start_period(time, arrived)
        if time < period.zero:
            return False
        origin = period.first_tick(config.sample_rate)
        start = origin + round((time - period.zero) * config.sample_rate / 1000)
        self._audio.take(config)
        self._audio.begin(audio.init_of(config, period.number), origin, start, period.program_zero)
        self._audio.alone = not self._video.active
        return True

    def _keep_audio_up(self, time: int) -> None:
        """The video has come to `time`: begin announced audio, and make up with silence for audio that has paused."""
        period, track = self._period, self._audio
        if period is None:
            return
        if not track.active:
            if self._announced is None or (self._audio_config is None and time - period.zero < HEADER_WAIT_MS):
                return
            self._start_audio(period.zero if time - period.zero <= MAX_LATE_MS else time, 0.0)
        end = period.zero + track.end_ms
        if self._audio_late.is_missing(time - end) and time - end > self._audio_late.worst + CATCH_UP_MS:
            track.fill(time - self._audio_late.worst - CATCH_UP_MS - period.zero)

    def _keep_video_up(self, time: int) -> None:
        """Audio has come to `time`: show the last picture again if the video has paused."""
        period, track = self._open_period, self._video
        latest = period.zero + (track.latest - track.origin) // video.TICKS_PER_MS
        self._audio_late.record(latest - time)
        if self._video_late.is_missing(time - latest):
            until = time - self._video_late.worst - period.zero
            self._repeat_until(track.origin + until * video.TICKS_PER_MS)

    @property
    def _open_period(self) -> Period:
        assert self._period is not None  # noqa: S101 (a track is active)
        return self._period

    def _place(self, kind: TagKind, timestamp: int, arrived: float) -> int:
        """The tag's time in ms. A jump ends the period."""
        order, time = self._timeline.place(kind, timestamp, arrived)
        if order is not CONTINUES:
            self._end_period()
        return time

    def _start_period(self, zero: int, arrived: float) -> Period:
        # The clock may have been set back, and media may run a little ahead of it: program time never goes back (RFC 8216bis
        # §4.4.4.6), nor do Periods overlap.
        self._period = Period(self._next_discontinuity, zero, self._position(), max(arrived, self._program_end))
        self._next_discontinuity += 1
        return self._period

    def _end_period(self) -> None:
        """Close everything that is open, both tracks at the same moment; the next period goes on there."""
        self._release(everything=self._period is not None)
        if self._video.active:
            self._end_together()
        self._fix_targets(self._audio.segment_seconds)
        self._video.end_segment()
        self._audio.end_segment()
        self._video.active = self._audio.active = False
        if self._period is not None:
            self._program_end = self._period.program_time(self._position())
        self._period = None
        self._video_wait.restart()

    def _end_together(self) -> None:
        """The last picture lasts, and silence follows the last sound, until both tracks have ended."""
        track, sound = self._video, self._audio
        end = track.natural_end
        if sound.active:
            sound_end = round((sound.end - sound.origin) * video.TIMESCALE / sound.timescale) + track.origin
            if sound_end > track.shown_end + MAX_END_GAP_MS * video.TICKS_PER_MS:
                end = sound_end
        self._repeat_until(end)
        if end > track.latest:
            if track.passes(end):
                self._cut(track.latest)
            track.settle(end)
        if sound.active:
            sound.draw_out(track.end_seconds)

    def _position(self) -> float:
        """Where the media timeline has come to, in seconds."""
        return max(self._begin_position, self._video.end_seconds, self._audio.end_seconds)
