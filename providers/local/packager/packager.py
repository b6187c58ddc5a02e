"""The packager: FLV tags of one stream in; CMAF init segments, parts and segment ends out.

It has two states: waiting for the start of a period, and in an open period (`self._period`). A period starts with the first
keyframe. Audio is queued until then, because audio for the first frames may arrive before them. Without video, audio waits for a
limited time (`VideoWait`) and then starts alone; the other track joins later on the same timeline. A new sequence header and a
jump of the clock end the period.

In an open period the tracks stay aligned: audio far ahead of the video waits, and a track that has paused (`TrackDelay`) continues
as silence, or as its last frame repeated (`LastGop`). Both end together, without a gap (`TrackPair`).
"""

from __future__ import annotations

from dataclasses import replace

from providers.local.codecs.aac import AacConfig, parse_aac_config
from providers.local.codecs.avc import AvcConfig, parse_avc_config
from providers.local.codecs.errors import MalformedMedia
from providers.local.flv import head as flv
from providers.local.flv.tag import AUDIO, VIDEO, FlvTag, TagKind
from providers.local.packager import audio, video
from providers.local.packager.announced import announced_audio
from providers.local.packager.cadence import Cadence
from providers.local.packager.cutting import PackagerSettings, SegmentRule
from providers.local.packager.delay import CATCH_UP_MS, HEADER_WAIT_MS, MAX_AHEAD_MS, TrackDelay
from providers.local.packager.events import PackagerEvent, Resume
from providers.local.packager.last_gop import Frame
from providers.local.packager.missing import MissingSegments
from providers.local.packager.pair import TrackPair
from providers.local.packager.period import Period
from providers.local.packager.timeline import CONTINUES, Timeline
from providers.local.packager.waiting import AudioQueue, QueuedAudio, VideoWait

MAX_TAG_SIZE = 16 * 1024 * 1024 - 1
"""The largest accepted payload in bytes: the limit of an FLV tag."""

MAX_COMPOSITION_MS = 30_000
"""The longest accepted time from decoding to presentation: B-frames after a pause are presented that much later."""

FRESH = Resume()
"""The start of a broadcast."""


class Packager:
    """Packages one stream. Feed it all tags in order. An error concerns one tag, which was ignored; the next one may follow.

    After MalformedMedia nothing else is lost. After UnsupportedCodec the stream cannot be carried, so the encoder should be
    notified.
    """

    def __init__(self, settings: PackagerSettings, resume: Resume = FRESH) -> None:
        self._events: list[PackagerEvent] = []
        self._rule = SegmentRule(settings, resume.target_duration, resume.part_target)
        self._video = video.VideoTrack(self._rule, resume.video_sequence, self._events.append)
        self._audio = audio.AudioTrack(self._rule, resume.audio_sequence, self._events.append)
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
        self._audio_time: int | None = None
        self._cadence = Cadence()
        self._video_missing = MissingSegments(self._audio, resume.video_missing)
        self._audio_missing = MissingSegments(self._video, resume.audio_missing)
        self._pair = TrackPair(self._video, self._audio, self._rule, self._cadence, self._release)

    @property
    def started(self) -> bool:
        """Whether any media was written to a track."""
        return self._video.begun or self._audio.begun

    @property
    def target_duration(self) -> int:
        """EXT-X-TARGETDURATION in seconds, constant for the whole broadcast; 0 before its first segment is complete."""
        return self._rule.target_duration

    @property
    def part_target(self) -> float:
        """The longest part in seconds, constant for the whole broadcast; 0.0 before its first segment is complete."""
        return self._rule.part_target if self._rule.target_duration else 0.0

    @property
    def video_position(self) -> float:
        """The latest start of the next video part, in seconds on the media timeline."""
        return self._video.end_seconds

    @property
    def video_program_time(self) -> float:
        """The Unix time of `video_position` in seconds; 0.0 outside a period."""
        return self._period.program_time(self.video_position) if self._period else 0.0

    @property
    def frame_rate(self) -> float | None:
        """Frames per second from the SPS; None if it has none."""
        return self._video_config.frame_rate or None if self._video_config else None

    @property
    def keyframe_interval(self) -> float | None:
        """The last keyframe interval, in seconds; None before the second keyframe."""
        return self._cadence.interval

    @property
    def typical_keyframe_interval(self) -> float | None:
        """The median of the last keyframe intervals, in seconds; None before the second keyframe."""
        return self._cadence.typical

    @property
    def awaits_audio(self) -> bool:
        """Whether announced audio is not in the stream yet, not even as silence."""
        return self._video.active and not self._audio.active and self._announced is not None

    @property
    def seconds_apart(self) -> float:
        """Seconds that the audio's timestamps are ahead of the video's if each track has its own clock; else 0.0."""
        return self._timeline.apart / 1000

    @property
    def audio_late(self) -> float:
        """Seconds that audio arrives after its video if that is too late to keep it; else 0.0."""
        return self._audio_late.too_late / 1000

    @property
    def media_seconds_since_first_keyframe(self) -> float:
        """Seconds of media since this packager's first frame, by the encoder's timestamps; 0.0 before it."""
        return max(0.0, self._position() - self._begin_position)

    @property
    def resume(self) -> Resume:
        """Where a later packager continues. Call `flush` first: an open segment is lost otherwise."""
        return Resume(
            self._next_discontinuity,
            self._video.next_sequence,
            self._audio.next_sequence,
            self._position(),
            self._rule.target_duration,
            self._program_end,
            self.part_target,
            self._video_missing.count,
            self._audio_missing.count,
        )

    def feed(self, tag: FlvTag, arrived: float) -> list[PackagerEvent]:
        """Feed the next tag.

        Args:
            tag: The tag, in the legacy form.
            arrived: Its time of arrival in Unix seconds.

        Returns:
            The events that it completes.

        Raises:
            UnsupportedCodec: It is not H.264 or AAC.
            MalformedMedia: It is invalid.
        """
        kind, timestamp, payload = tag
        if len(payload) > MAX_TAG_SIZE:
            raise MalformedMedia(f"a tag of {len(payload)} bytes")
        if kind is VIDEO:
            self._feed_video(timestamp, payload, arrived)
        elif kind is AUDIO:
            self._feed_audio(timestamp, payload, arrived)
        else:
            # Metadata is not a promise: an announced track may never come, so both waits are limited.
            self._video_wait.read(payload)
            self._announced = announced_audio(payload) or self._announced
        return self._drain()

    def flush(self) -> list[PackagerEvent]:
        """Close the open segments after the encoder has disconnected. Later tags start a new period."""
        self._end_period()
        self._audio_queue.clear()
        self._audio_time = None
        self._timeline = Timeline(lone_pause_ms=self._lone_pause_ms)
        return self._drain()

    def _drain(self) -> list[PackagerEvent]:
        if not self._events:  # true for nine tags in ten
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
                raise MalformedMedia(f"a frame is presented {head.composition_time} ms after it is decoded")
            time = self._place(VIDEO, timestamp, arrived)
            # Program time has fallen behind the media. Only a new period may correct it (RFC 8216bis 4.4.4.6).
            if head.keyframe and self._video.active and self._period and self._period.lags(time, arrived):
                self._end_period()
            # Players present the first frame at its decode time.
            shown = time + min(max(0, head.composition_time), video.MAX_DELAY_MS)
            data = memoryview(payload)[flv.VIDEO_HEADER_SIZE :]
            if self._video.active or (head.keyframe and self._start_video(shown, self._video_config, arrived, data)):
                self._write_frame(time, head, data)
                self._align_audio(time)

    def _feed_video_header(self, record: bytes) -> None:
        # An encoder may repeat the same header, for example before every keyframe: that is no change.
        if self._video_config is None or self._video_config.record != record:
            config = parse_avc_config(record)
            if self._video.active:
                self._end_period()
            self._video_config = config

    def _start_video(self, time: int, config: AvcConfig, arrived: float, keyframe: memoryview) -> bool:
        """Start the video track, and the period if none is open. Return False if this frame, presented at `time`, is before it."""
        period = self._period or self._start_period(time, arrived)
        if time < period.zero:
            return False
        origin = period.first_tick(video.TIMESCALE)
        start = origin + (time - period.zero) * video.TICKS_PER_MS
        self._video.configure(config, repeats_sets=period.number > 0)
        if self._audio.active:
            self._audio.cut(time - period.zero)
        missing = self._video_missing.count
        init = video.init_of(config, period.number)
        if missing:
            init = replace(init, filler=bytes(self._video.complete(keyframe)))
        self._video.begin(init, origin, start, period.program_zero, missing)
        self._cadence.interrupt()
        self._audio.alone = False
        return True

    def _write_frame(self, time: int, head: flv.VideoHead, data: memoryview) -> None:
        period, track = self._open_period, self._video
        decode_time = track.origin + (time - period.zero) * video.TICKS_PER_MS
        shown = decode_time + head.composition_time * video.TICKS_PER_MS
        # Decode times must increase, whatever the encoder's timestamps do.
        decode_time = max(decode_time, track.latest + video.TICKS_PER_MS if track.holding else track.end)
        if track.holding:
            if decode_time - track.latest > track.longest_frame:
                self._pair.repeat_until(decode_time)
            if track.repeating:
                shown = max(shown, decode_time)
                self._cadence.interrupt()
                # Repeating the keyframe alone has replaced what this frame refers to.
                if track.references_lost and not head.keyframe:
                    if not track.restore_ticks():
                        return  # only a keyframe can be decoded now
                    decode_time = track.restore_references(decode_time)
            if track.passes(decode_time):
                self._pair.cut(track.latest)
            track.settle(decode_time)
        self._video_late.record(0 if self._audio_time is None else self._audio_time - time)
        if head.keyframe:
            self._pair.keyframe(time, decode_time)
        track.hold(Frame(decode_time, shown - decode_time, head.keyframe, data))
        self._release()

    def _feed_audio(self, timestamp: int, payload: bytes, arrived: float) -> None:
        packet = flv.parse_audio(payload)
        if packet is flv.HEADER:
            self._feed_audio_header(payload[flv.AUDIO_HEADER_SIZE :])
        elif packet is flv.FRAME and self._audio_config is not None:
            time = self._place(AUDIO, timestamp, arrived)
            self._audio_time = time
            self._audio_queue.append(QueuedAudio(time, arrived, memoryview(payload)[flv.AUDIO_HEADER_SIZE :]))
            waits = self._period is None and self._video_wait.lasts(time, self._video_config is not None)
            if waits and not self._audio_queue.full:
                return
            if self._video.active:
                self._align_video(time)
            self._release()

    def _feed_audio_header(self, record: bytes) -> None:
        if self._audio_config is None or self._audio_config.config != record:
            config = parse_aac_config(record)
            # Silence may be in the track already, made for the announced format.
            if self._audio.active and not (self._audio_config or self._announced or config).decodes_like(config):
                self._end_period()
            self._audio_config = config
            self._announced = config

    def _release(self, *, everything: bool = False) -> None:
        """Write queued audio to its track, as far as the video has advanced."""
        while (first := self._audio_queue.first) and (everything or self._is_due(first.time)):
            frame = self._audio_queue.popleft()
            if self._audio.active or self._start_audio(frame.time, frame.arrived):
                # Audio from before the first keyframe has no video to go with.
                if frame.time >= self._open_period.zero:
                    self._audio.write(frame.time - self._open_period.zero, frame.payload)

    def _is_due(self, time: int) -> bool:
        track = self._video
        if not track.active or self._audio_queue.full:
            return True
        ahead = (time - self._open_period.zero) * video.TICKS_PER_MS - (track.latest - track.origin)
        return ahead <= MAX_AHEAD_MS * video.TICKS_PER_MS

    def _start_audio(self, time: int, arrived: float) -> bool:
        """Start the audio track, and the period if none is open. Return False if this frame is before the period."""
        config = self._audio_config or self._announced
        assert config is not None  # noqa: S101 (audio has arrived or was announced)
        period = self._period or self._start_period(time, arrived)
        if time < period.zero:
            return False
        origin = period.first_tick(config.sample_rate)
        first = start = origin + round((time - period.zero) * config.sample_rate / 1000)
        self._audio.configure(config)
        if self._video.active:
            # With the open segment of the video, so that whole frames of silence lead up to this frame.
            begun = (self._video.segment_start - self._video.origin) * config.sample_rate // video.TIMESCALE
            start = origin + begun + (first - origin - begun) % config.frame_samples
        init = audio.init_of(config, period.number)
        self._audio.begin(init, origin, start, period.program_zero, self._audio_missing.count)
        self._audio.alone = not self._video.active
        return True

    def _align_audio(self, time: int) -> None:
        """Start announced audio, and fill paused audio with silence, now that the video is at `time` ms."""
        period, track = self._period, self._audio
        if period is None:
            return
        if not track.active:
            if self._announced is None or (self._audio_config is None and time - period.zero < HEADER_WAIT_MS):
                return
            # From the beginning of the period, so that audio which comes later finds its place.
            self._start_audio(period.zero, 0.0)
        end = period.zero + track.end_ms
        if self._audio_late.is_missing(time - end) and time - end > self._audio_late.worst + CATCH_UP_MS:
            track.fill(time - self._audio_late.worst - CATCH_UP_MS - period.zero)

    def _align_video(self, time: int) -> None:
        """Repeat the last frame if the video has paused, now that the audio is at `time` ms."""
        period, track = self._open_period, self._video
        latest = period.zero + (track.latest - track.origin) // video.TICKS_PER_MS
        self._audio_late.record(latest - time)
        if self._video_late.is_missing(time - latest):
            until = time - self._video_late.worst - period.zero
            self._pair.repeat_until(track.origin + until * video.TICKS_PER_MS)

    @property
    def _open_period(self) -> Period:
        assert self._period is not None  # noqa: S101 (a track is active)
        return self._period

    def _place(self, kind: TagKind, timestamp: int, arrived: float) -> int:
        """Return the tag's time in ms. A jump ends the period."""
        order, time = self._timeline.place(kind, timestamp, arrived)
        if order is not CONTINUES:
            self._end_period()
        return time

    def _start_period(self, zero: int, arrived: float) -> Period:
        # The clock may have been set back, or media may be ahead of it. Program time must not go back (RFC 8216bis 4.4.4.6), and
        # Periods must not overlap.
        self._period = Period(self._next_discontinuity, zero, self._position(), max(arrived, self._program_end))
        self._next_discontinuity += 1
        return self._period

    def _end_period(self) -> None:
        """Close the open parts and segments of both tracks at the same time, where the next period starts."""
        self._release(everything=self._period is not None)
        if self._video.active:
            self._pair.end_together()
        self._pair.fix_targets(self._audio.segment_seconds)
        self._video.end_segment()
        self._audio.end_segment()
        if self._video.active:
            self._video_missing.restart()
        if self._audio.active:
            self._audio_missing.restart()
        self._video.active = self._audio.active = False
        if self._period is not None:
            self._program_end = self._period.program_time(self._position())
        self._period = None
        self._video_wait.restart()

    def _position(self) -> float:
        """Return the end of the media timeline in seconds."""
        return max(self._begin_position, self._video.end_seconds, self._audio.end_seconds)
