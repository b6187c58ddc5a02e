"""A broadcast: drops, freezes, take-overs and its end, with a clock of our own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from providers.base import EventKind, InputOptions, LatencyMode, Phase
from providers.health import RecordingState, RefusalKind
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.live.context import SessionContext
from providers.local.live.encoder_link import EncoderLink
from providers.local.live.live_session import FROZEN_AFTER, LiveSession
from providers.local.live.pipeline import Pipeline
from providers.local.ports.inputs import StoredInput, key_digest
from providers.local.ports.publishing import PublishRequest
from providers.local.ports.refusals import MediaRefused, PublishRefused, Refusal
from tests.clock import Clock

TAG = FlvTag(TagKind.VIDEO, 0, b"")


@dataclass
class ScriptedPipeline:
    """Stands in for the packager: does what the test says."""

    started: bool = False
    watchable: bool = False
    shown: bool = False
    media_seconds: float = 0.0
    frame_rate: float | None = None
    keyframe_interval: float | None = None
    seconds_apart: float = 0.0
    audio_late: float = 0.0
    arrived: float = 0.0
    closed: bool = False
    discarded: bool = False
    fails: bool = False

    def feed(self, tag: FlvTag, arrived: float) -> None:
        self.arrived = arrived

    def discard(self) -> None:
        self.closed = self.discarded = True

    def close(self) -> None:
        self.closed = True
        if self.fails:
            raise RuntimeError("a fault of ours")


@dataclass
class SessionDriver:
    """One session, its clock, and its notifications."""

    reconnect_timeout: int = 30
    clock: Clock = field(default_factory=Clock)
    pipelines: list[ScriptedPipeline] = field(default_factory=list)
    events: list[EventKind] = field(default_factory=list)
    finished: list[LiveSession] = field(default_factory=list)
    closed: list[Refusal] = field(default_factory=list)
    discarded: int = 0
    refused: list[MediaRefused] = field(default_factory=list)
    ran: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context = SessionContext(
            self._pipeline,
            self.events.append,
            lambda: self.finished.append(self.session),
            self._discard,
            self.refused.append,
            self.ran.append,
            self.clock.unix,
            self.clock.monotonic,
            lambda: "audio+video",
            lambda: RecordingState.ON,
        )
        stored = StoredInput(
            uid="a" * 32,
            request_id="r",
            owner="channel",
            name="Town hall",
            stream_key="k",
            options=InputOptions(reconnect_timeout=self.reconnect_timeout),
            created=datetime(2026, 11, 1, tzinfo=UTC),
        )
        self.session = LiveSession(stored, self.context)

    def _discard(self) -> None:
        self.discarded += 1

    def _pipeline(self) -> Pipeline:
        self.pipelines.append(ScriptedPipeline())
        return cast("Pipeline", self.pipelines[-1])

    def connect(self) -> EncoderLink:
        encoder = self.session.admit(
            PublishRequest(
                app="live",
                stream_key="k",
                address="192.0.2.1",
                encrypted=True,
                encoder="FMLE/3.0",
                close=self.closed.append,
            )
        )
        return EncoderLink(self.session, encoder)

    def go_live(self) -> EncoderLink:
        link = self.connect()
        self.pipelines[-1].started = True
        link.media(TAG)
        self.pipelines[-1].watchable = self.pipelines[-1].shown = True
        link.media(TAG)
        return link

    def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.session.check()

    @property
    def state(self) -> tuple[Phase, bool, bool]:
        state = self.session.state()
        return state.phase, state.is_connected, state.is_watchable


def test_a_first_broadcast_goes_through_connecting_and_starting_to_live() -> None:
    driver = SessionDriver()
    seen = []

    link = driver.connect()
    seen.append(driver.state)
    driver.pipelines[0].started = True
    link.media(TAG)
    seen.append(driver.state)
    driver.pipelines[0].watchable = True
    link.media(TAG)
    seen.append(driver.state)

    assert seen == [(Phase.CONNECTING, True, False), (Phase.STARTING, True, False), (Phase.LIVE, True, True)]
    assert driver.events == [EventKind.CONNECTED, EventKind.WATCHABLE]


def test_a_broadcast_is_watchable_since_its_first_media_by_the_clock_as_it_is_set_now() -> None:
    driver = SessionDriver()
    assert driver.session.state().watchable_since is None
    driver.go_live()
    began = driver.clock.now()
    driver.after(5)
    assert driver.session.state().watchable_since == began
    driver.clock.set_back(3600)
    assert driver.session.state().watchable_since == began - timedelta(hours=1)


def test_an_encoder_whose_pipeline_cannot_be_closed_is_gone_all_the_same() -> None:
    """The status must not stay 'live' when the encoder has stopped sending."""
    driver = SessionDriver()
    link = driver.go_live()
    driver.pipelines[0].fails = True

    with pytest.raises(RuntimeError):
        link.ended("closed")

    assert driver.state == (Phase.RECONNECTING, False, True)
    driver.after(30)
    assert driver.finished == [driver.session]


def test_a_broadcast_whose_pipeline_cannot_be_closed_ends_all_the_same() -> None:
    driver = SessionDriver()
    driver.go_live()
    driver.pipelines[0].fails = True

    with pytest.raises(RuntimeError):
        driver.session.stop("disabled", Refusal.INPUT_DISABLED)

    assert driver.state == (Phase.ENDED, False, False)
    assert driver.finished == [driver.session]


def test_the_countdown_is_zero_only_when_a_player_can_play() -> None:
    driver = SessionDriver()
    link = driver.connect()
    driver.pipelines[0].started = True
    driver.pipelines[0].media_seconds = 60.0
    link.media(TAG)

    assert driver.session.state().seconds_until_watchable > 0

    driver.pipelines[0].watchable = True
    link.media(TAG)

    assert driver.session.state().seconds_until_watchable == 0


def test_a_drop_is_a_pause_that_players_can_play_through() -> None:
    driver = SessionDriver()
    driver.go_live().ended("closed")

    driver.after(29.9)

    assert driver.state == (Phase.RECONNECTING, False, True)
    assert driver.session.state().reason == "encoder_closed"
    assert driver.finished == []


def test_an_encoder_that_comes_back_is_live_again_with_its_first_keyframe() -> None:
    driver = SessionDriver()
    driver.go_live().ended("closed")
    driver.after(5)

    link = driver.connect()
    while_connected = driver.state
    driver.pipelines[-1].started = True
    link.media(TAG)

    assert while_connected == (Phase.RECONNECTING, True, True)
    assert driver.state == (Phase.LIVE, True, True)
    driver.after(3)
    assert driver.finished == []


def test_the_broadcast_ends_when_the_reconnect_window_has_passed() -> None:
    driver = SessionDriver()
    driver.go_live().ended("closed")

    driver.after(30)

    assert driver.state == (Phase.ENDED, False, False)
    assert driver.finished == [driver.session]


def test_without_a_reconnect_window_the_end_of_the_encoder_is_the_end_of_the_broadcast() -> None:
    driver = SessionDriver(reconnect_timeout=0)

    driver.go_live().ended("unpublished")

    assert driver.session.phase is Phase.ENDED


def test_a_healthy_encoder_cannot_be_replaced_and_the_second_gets_the_reason() -> None:
    driver = SessionDriver()
    link = driver.go_live()
    driver.after(FROZEN_AFTER - 0.1)

    with pytest.raises(PublishRefused, match="Another encoder is streaming to this key"):
        driver.connect()

    link.media(TAG)
    assert driver.state == (Phase.LIVE, True, True)


def test_a_frozen_encoder_is_no_connection_and_frees_its_key() -> None:
    driver = SessionDriver()
    frozen = driver.go_live()
    driver.after(FROZEN_AFTER)
    while_frozen = driver.state

    driver.connect()

    assert while_frozen == (Phase.RECONNECTING, False, True)
    assert driver.closed == [Refusal.TAKEN_OVER]
    assert driver.pipelines[0].closed
    with pytest.raises(PublishRefused):
        frozen.media(TAG)


def test_an_encoder_that_thaws_in_time_goes_on() -> None:
    driver = SessionDriver()
    link = driver.go_live()
    driver.after(FROZEN_AFTER + 1)

    link.media(TAG)

    assert driver.state == (Phase.LIVE, True, True)
    driver.after(FROZEN_AFTER - 0.1)
    assert driver.finished == []


def test_a_frozen_encoder_is_disconnected_at_the_end_of_the_window() -> None:
    driver = SessionDriver(reconnect_timeout=10)
    driver.go_live()
    driver.after(FROZEN_AFTER)

    driver.after(10)

    assert driver.session.phase is Phase.ENDED
    assert len(driver.closed) == 1


def test_the_end_of_a_replaced_encoders_connection_changes_nothing() -> None:
    driver = SessionDriver()
    frozen = driver.go_live()
    driver.after(FROZEN_AFTER)
    driver.connect()

    frozen.ended("closed")

    assert driver.session.connected


def test_a_broadcast_shorter_than_a_keyframe_interval_can_be_watched_once_its_encoder_left() -> None:
    driver = SessionDriver()
    link = driver.connect()
    driver.pipelines[0].started = driver.pipelines[0].shown = True
    driver.pipelines[0].media_seconds = 1.5
    link.media(TAG)

    link.ended("unpublished")

    assert driver.state == (Phase.RECONNECTING, False, True)
    assert driver.events[-2:] == [EventKind.WATCHABLE, EventKind.LOST]


CODEC = MediaRefused(RefusalKind.CODEC, "MP3 is not supported here.")


def test_nothing_is_shown_of_an_encoder_that_was_refused_before_it_could_be_watched() -> None:
    driver = SessionDriver()
    link = driver.connect()
    driver.pipelines[0].started = True
    link.media(TAG)
    driver.pipelines[0].shown = True  # as closing would make it
    driver.pipelines[0].media_seconds = 3.0

    link.refused(CODEC)
    link.ended("refused")

    assert driver.state == (Phase.RECONNECTING, False, False)
    assert (driver.session.state().reason, driver.session.state().seconds_until_watchable) == ("encoder_refused", 0)
    assert (driver.pipelines[0].discarded, driver.discarded) == (True, 1)
    assert (driver.refused, driver.events) == ([CODEC], [EventKind.CONNECTED, EventKind.LOST])


def test_a_refused_encoder_removes_nothing_that_was_shown_before() -> None:
    driver = SessionDriver()
    driver.go_live().ended("closed")
    link = driver.connect()
    driver.pipelines[-1].started = True
    link.media(TAG)

    link.refused(CODEC)
    link.ended("refused")

    assert driver.state == (Phase.RECONNECTING, False, True)
    assert (driver.pipelines[-1].discarded, driver.discarded) == (True, 0)


def test_what_was_watched_of_an_encoder_stays_when_it_is_refused() -> None:
    driver = SessionDriver()
    link = driver.go_live()

    link.refused(CODEC)
    link.ended("refused")

    assert driver.state == (Phase.RECONNECTING, False, True)
    assert (driver.pipelines[0].closed, driver.pipelines[0].discarded, driver.discarded) == (True, False, 0)


@pytest.mark.parametrize("end", ["encoder", "owner"])
def test_less_than_a_second_that_could_not_be_watched_is_not_shown(end: str) -> None:
    driver = SessionDriver()
    link = driver.connect()
    driver.pipelines[0].started = driver.pipelines[0].shown = True
    driver.pipelines[0].media_seconds = 0.9
    link.media(TAG)

    if end == "encoder":
        link.ended("unpublished")
    else:
        driver.session.stop("disabled", Refusal.INPUT_DISABLED)

    assert not driver.session.watchable
    assert driver.discarded == 1
    assert EventKind.WATCHABLE not in driver.events


def test_what_could_not_be_closed_properly_is_kept() -> None:
    """On a disk that fails, what was written before may still make a recording."""
    driver = SessionDriver()
    link = driver.connect()
    driver.pipelines[0].started = True
    driver.pipelines[0].media_seconds = 5.0
    link.media(TAG)
    link.ended("refused")

    assert (driver.discarded, driver.session.watchable) == (0, False)


def test_how_long_an_encoder_has_run_counts_from_its_first_media() -> None:
    driver = SessionDriver()
    link = driver.connect()
    driver.after(3)
    driver.pipelines[0].started = True
    link.media(TAG)
    driver.after(2)

    assert driver.ran == [2]


def test_the_owner_stops_a_broadcast_and_the_encoder_gets_the_reason() -> None:
    driver = SessionDriver()
    driver.go_live()

    driver.session.stop("disabled", Refusal.INPUT_DISABLED)
    driver.session.stop("disabled", Refusal.INPUT_DISABLED)

    assert driver.state == (Phase.ENDED, False, False)
    assert driver.closed == [Refusal.INPUT_DISABLED]
    assert driver.finished == [driver.session]


def test_a_rotated_key_disconnects_the_encoder_and_keeps_the_broadcast() -> None:
    driver = SessionDriver()
    driver.go_live()

    driver.session.drop_encoder(Refusal.KEY_CHANGED)

    assert driver.state == (Phase.RECONNECTING, False, True)
    assert driver.closed == [Refusal.KEY_CHANGED]


def test_an_old_key_keeps_its_encoder_for_the_overlap_and_no_longer() -> None:
    driver = SessionDriver()
    driver.go_live()
    until = driver.clock.now() + timedelta(seconds=3)
    old = key_digest(driver.session.stored.stream_key)
    driver.session.stored = replace(driver.session.stored, stream_key="new", old_key_digest=old, old_key_until=until)

    driver.after(2.9)
    before = driver.state
    driver.after(0.2)

    assert before == (Phase.LIVE, True, True)
    assert driver.state == (Phase.RECONNECTING, False, True)
    assert driver.closed == [Refusal.KEY_CHANGED]


def test_a_resumed_broadcast_waits_for_a_whole_window_from_the_moment_the_service_listens() -> None:
    driver = SessionDriver()
    session = LiveSession.resumed(driver.session.stored, driver.context, lost_since=20.0, shown=True, program_end=0.0)
    driver.session = session
    driver.after(100)  # the start takes its time
    session.await_encoder()
    driver.after(driver.session.stored.options.reconnect_timeout - 0.1)
    before = driver.state

    driver.after(0.2)

    assert before == (Phase.RECONNECTING, False, True)
    assert session.phase is Phase.ENDED


def test_the_keyframe_interval_is_kept_for_the_next_countdown() -> None:
    driver = SessionDriver()
    link = driver.go_live()
    driver.pipelines[0].keyframe_interval = 4.0

    link.ended("closed")

    assert driver.session.keyframe_interval == 4.0


def test_low_latency_media_is_handed_on_sooner() -> None:
    driver = SessionDriver()
    link = driver.connect()
    usual = link.collect

    low = replace(driver.session.stored.options, latency_mode=LatencyMode.LOW)
    driver.session.stored = replace(driver.session.stored, options=low)

    assert link.collect < usual


@pytest.mark.parametrize("step", [60.0, -60.0, 3600.0, -3600.0])
def test_a_system_clock_that_is_set_does_not_move_program_time(step: float) -> None:
    driver = SessionDriver()
    link = driver.go_live()
    began = driver.clock.unix()

    driver.clock.set_back(-step)
    driver.after(2.0)
    link.media(TAG)

    assert driver.pipelines[-1].arrived == began + 2.0
    assert driver.session.program_clock() == began + 2.0


def test_the_findings_know_how_far_the_tracks_are_apart() -> None:
    driver = SessionDriver()
    driver.go_live()
    driver.pipelines[-1].seconds_apart, driver.pipelines[-1].audio_late = 5.0, 6.5

    delivery = driver.session.health().delivery

    assert (delivery.apart, delivery.audio_late) == (5.0, 6.5)
