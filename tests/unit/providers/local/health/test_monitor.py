"""The monitor derives facts from the meter, with a simulated clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.health import HISTORY_STEP, Delivery, HealthPoint, InputHealth
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.health.meter import HealthMeter
from providers.local.health.monitor import POINTS, HealthMonitor
from tests.clock import Clock
from tests.unit.providers.local.packager.tags import (
    audio_frame,
    audio_frames,
    audio_header,
    frame,
    frames,
    metadata,
    stream,
    video_header,
)

POLL = 0.25
EPOCH = 1_700_000_000.0


def more(start: int, seconds: float) -> list[FlvTag]:
    """Both tracks, without headers."""
    return frames(start, seconds) + audio_frames(start, seconds)


@dataclass
class Watch:
    """A monitor, its clock, and the publishing encoder."""

    clock: Clock = field(default_factory=lambda: Clock(datetime.fromtimestamp(EPOCH + 100, UTC)))
    connected: bool = True
    monitor: HealthMonitor = field(init=False)
    meter: HealthMeter = field(init=False)

    def __post_init__(self) -> None:
        self.monitor = HealthMonitor(self.clock.unix)
        self.admit()

    def admit(self) -> None:
        self.meter = self.monitor.admit("FMLE/3.0", self.clock.monotonic())
        self.connected = True

    def play(self, tags: Iterable[FlvTag], *, seconds: float, speed: float = 1.0) -> None:
        """Advance the clock while tags arrive at `speed` times real time."""
        left = sorted(tags, key=lambda tag: tag.timestamp)
        began = left[0].timestamp if left else 0
        for poll in range(1, round(seconds / POLL) + 1):
            while left and left[0].timestamp - began < poll * POLL * 1000 * speed:
                self.meter.count(left.pop(0))
            self.clock.advance(POLL)
            self.monitor.poll(self.clock.monotonic(), connected=self.connected)

    @property
    def health(self) -> InputHealth:
        return self.monitor.health(connected=self.connected)

    @property
    def delivery(self) -> Delivery:
        return self.health.delivery


def test_before_the_first_step_only_headers_are_known() -> None:
    watch = Watch()
    watch.play(stream(1.0), seconds=1.0)
    health = watch.health
    assert (health.measured, health.connected, health.measured_at, health.history) == (True, True, None, ())
    assert health.video is not None and health.audio is not None
    assert (health.video.width, health.video.fps, health.audio.bitrate_kbps) == (640, None, None)
    assert health.encoder == "FMLE/3.0"


def test_rates_are_those_of_the_streams_own_time() -> None:
    watch = Watch()
    tags = [tag._replace(payload=tag.payload + bytes(1000 - len(tag.payload))) for tag in frames(0, 20.0)]
    watch.play([video_header(), *tags, *audio_frames(0, 20.0)], seconds=20.0, speed=0.5)
    video = watch.health.video
    assert video is not None and video.fps is not None
    assert abs(video.fps - 30) < 0.1
    assert video.bitrate_kbps == 240
    assert (video.keyframe_interval, video.shortest_keyframe_interval, video.longest_keyframe_interval) == (1, 1, 1)
    assert video.b_frames is False


def test_the_history_is_of_the_clock() -> None:
    watch = Watch()
    tags = [tag._replace(payload=tag.payload + bytes(1000 - len(tag.payload))) for tag in frames(0, 20.0)]
    watch.play([video_header(), *tags], seconds=8.0, speed=0.5)
    history = watch.health.history
    assert [point.at.timestamp() - EPOCH for point in history] == [102.0, 104.0, 106.0, 108.0]
    assert [point.video_kbps for point in history] == [120] * 4
    assert [point.fps for point in history] == [15.0] * 4


def test_the_history_goes_on_over_a_drop_with_nothing_in_it() -> None:
    watch = Watch()
    watch.play(stream(4.0), seconds=4.0)
    watch.connected = False
    watch.play([], seconds=4.0)
    facts = watch.health
    watch.admit()
    watch.play(stream(4.0), seconds=4.0)
    rates = [point.fps for point in watch.health.history]
    assert rates == [30.0, 30.0, 0.0, 0.0, 30.0, 30.0]
    assert facts.video is not None and facts.video.fps is not None
    assert facts.measured_at is not None
    assert facts.measured_at.timestamp() == EPOCH + 104.0


def test_the_history_is_bounded() -> None:
    watch = Watch()
    watch.play([], seconds=(POINTS + 10) * HISTORY_STEP)
    history = watch.health.history
    assert len(history) == POINTS
    assert history[-1] == HealthPoint(history[-1].at, 0, 0, 0.0)
    assert (history[-1].at - history[0].at).total_seconds() == (POINTS - 1) * HISTORY_STEP


def test_an_upload_that_is_too_slow_falls_behind() -> None:
    watch = Watch()
    watch.play(stream(40.0), seconds=40.0, speed=0.9)
    assert 3.0 < watch.delivery.behind < 4.2


def test_an_upload_that_keeps_up_does_not_even_after_a_burst() -> None:
    watch = Watch()
    watch.play(stream(6.0), seconds=4.0, speed=1.5)
    watch.play(more(6000, 40.0), seconds=40.0)
    assert watch.delivery.behind < 0.5


def test_an_upload_that_has_caught_up_is_forgotten() -> None:
    watch = Watch()
    watch.play(stream(10.0), seconds=10.0)
    watch.play([], seconds=3.0)
    assert watch.delivery.behind > 1.5
    watch.play(more(10_000, 33.0), seconds=30.0, speed=1.1)
    assert watch.delivery.behind < 0.5


def test_a_clock_that_is_set_does_not_count_as_falling_behind() -> None:
    watch = Watch()
    watch.play(stream(10.0), seconds=10.0)
    watch.play(more(3_600_000, 10.0), seconds=10.0)
    watch.play(more(5, 10.0), seconds=10.0)
    assert watch.delivery.behind < 0.5
    assert (watch.delivery.gaps, watch.delivery.backwards) == (2, 2)


def test_oddities_are_forgotten_after_a_minute() -> None:
    watch = Watch()
    watch.play(stream(4.0), seconds=4.0)
    watch.play(more(5_500, 4.0), seconds=4.0)
    assert (watch.delivery.gaps, round(watch.delivery.longest_gap, 1)) == (2, 1.5)
    watch.play(more(9_500, 62.0), seconds=62.0)
    assert (watch.delivery.gaps, watch.delivery.longest_gap) == (0, 0.0)


def test_a_second_of_nothing_is_a_stall() -> None:
    watch = Watch()
    for start in (0, 4_000, 8_000):
        watch.play(more(start, 4.0), seconds=4.0)
        watch.play([], seconds=1.25)
    watch.play(more(12_000, 4.0), seconds=4.0)
    assert watch.delivery.stalls == 3


def test_missing_audio_is_measured_from_its_last_frame() -> None:
    watch = Watch()
    watch.play(stream(4.0), seconds=4.0)
    watch.play(frames(4_000, 6.0), seconds=6.0)
    health = watch.health
    assert health.audio is not None and health.video is not None
    assert abs(health.audio.absent_for - 6.0) < 0.1
    assert health.video.absent_for == 0.0


def test_missing_video_is_measured_by_the_audio() -> None:
    watch = Watch()
    watch.play(stream(4.0), seconds=4.0)
    watch.play(audio_frames(4_000, 6.0), seconds=6.0)
    video = watch.health.video
    assert video is not None
    assert abs(video.absent_for - 6.0) < 0.1


def test_a_track_that_begins_again_is_no_longer_missing_in_the_middle_of_a_step() -> None:
    watch = Watch()
    watch.play(stream(4.0), seconds=4.0)
    watch.play(audio_frames(4_000, 6.0), seconds=6.0)
    watch.meter.count(frames(10_000, 0.1)[0])
    video = watch.health.video
    assert video is not None
    assert video.absent_for == 0.0
    watch.play(frames(10_000, 6.0), seconds=6.0)
    watch.meter.count(audio_frames(16_000, 0.1)[0])
    audio = watch.health.audio
    assert audio is not None
    assert audio.absent_for == 0.0


def test_what_the_encoder_calls_itself_in_its_metadata_counts() -> None:
    watch = Watch()
    watch.meter.count(metadata(b"width"))
    assert watch.health.encoder == "FMLE/3.0"


def silence(start: int, seconds: float, size: int = 6) -> list[FlvTag]:
    """Return AAC as a muted microphone sends it: the smallest packets, now and then one with the encoder's name."""
    return [
        audio_frame(tag.timestamp, bytes(23 if number % 256 == 0 else size))
        for number, tag in enumerate(audio_frames(start, seconds))
    ]


def loud(start: int, seconds: float) -> list[FlvTag]:
    return [audio_frame(tag.timestamp, bytes(340)) for tag in audio_frames(start, seconds)]


def test_silence_is_measured_until_there_is_audio() -> None:
    watch = Watch()
    watch.play([video_header(), audio_header(), *frames(0, 12.0), *silence(0, 12.0)], seconds=12.0)
    audio = watch.health.audio
    assert audio is not None and audio.silent_for == pytest.approx(12, abs=0.1)
    watch.play(frames(12_000, 4.0) + silence(12_000, 3.0) + loud(15_000, 1.0), seconds=4.0)
    audio = watch.health.audio
    assert audio is not None and audio.silent_for == 0


@pytest.mark.parametrize("size", [11, 21, 64])
def test_quiet_audio_is_no_silence(size: int) -> None:
    watch = Watch()
    watch.play([video_header(), audio_header(), *frames(0, 12.0), *silence(0, 12.0, size)], seconds=12.0)
    audio = watch.health.audio
    assert audio is not None and audio.silent_for == 0


@pytest.mark.parametrize("pauses", [frames, audio_frames])
def test_a_track_that_pauses_is_no_slow_upload_neither_meanwhile_nor_after(pauses: Any) -> None:
    goes_on = audio_frames if pauses is frames else frames
    watch = Watch()
    watch.play(stream(10.0), seconds=10.0)
    worst = 0.0
    for start in range(10_000, 34_000, 2_000):
        watch.play(goes_on(start, 2.0), seconds=2.0)
        worst = max(worst, watch.delivery.behind)
    for start in range(34_000, 64_000, 2_000):
        watch.play(more(start, 2.0), seconds=2.0)
        worst = max(worst, watch.delivery.behind)
    assert worst < 0.5


def test_tracks_that_pause_in_turn_are_no_slow_upload() -> None:
    watch = Watch()
    watch.play(stream(10.0), seconds=10.0)
    watch.play(audio_frames(10_000, 20.0), seconds=20.0)
    watch.play(more(30_000, 6.0), seconds=6.0)
    watch.play(frames(36_000, 20.0), seconds=20.0)
    assert watch.delivery.behind < 1.5


def test_tracks_that_arrive_by_turns_hide_no_slow_upload() -> None:
    watch = Watch()
    tags = stream(40.0)
    late = [tag._replace(timestamp=tag.timestamp + 300) if tag.kind is TagKind.AUDIO else tag for tag in tags]
    watch.play(late, seconds=40.0, speed=0.9)
    assert watch.delivery.behind > 3.0


X264 = b"x264 - core 164 r3095 - H.264/MPEG-4 AVC codec - options: cabac=%d ref=1 me=dia subme=%d psy=1 mixed_ref=0 "


@pytest.mark.parametrize(("settings", "fastest"), [((0, 0), True), ((0, 1), False), ((1, 0), False), ((1, 7), False)])
def test_the_preset_is_read_off_the_first_keyframe(settings: tuple[int, int], fastest: bool) -> None:
    watch = Watch()
    watch.play([video_header(), frame(0, key=True, data=X264 % settings), *frames(33, 4.0)], seconds=4.0)
    video = watch.health.video
    assert video is not None and video.fastest_preset is fastest
