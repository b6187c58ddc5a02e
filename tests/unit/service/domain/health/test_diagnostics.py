"""The coach says what is wrong, of every thing that can be, and nothing about a good stream."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from providers.health import (
    AudioFacts,
    Declared,
    Delivery,
    EncoderRefusal,
    InputHealth,
    RecordingState,
    RefusalKind,
    VideoFacts,
)
from service.domain.health.diagnostics import HealthFinding, findings
from service.domain.health.rules import RULES
from service.domain.health.thresholds import Severity

VIDEO = VideoFacts("H.264", "High", "3.1", 1280, 720, 30.0, 2_500, 2.0, 2.0, 2.0, 1.2, True)
AUDIO = AudioFacts("AAC", "LC", 48_000, 2, 128)
GOOD = InputHealth(
    measured=True,
    connected=True,
    encoder="obs-output module",
    video=VIDEO,
    audio=AUDIO,
    declared=Declared(1280, 720, 30.0, 2_500.0, 128.0),
    delivery=Delivery(seconds=60.0),
)


def video(**changes: object) -> InputHealth:
    facts = replace(VIDEO, **changes)  # type: ignore[arg-type]
    return replace(GOOD, video=facts, declared=Declared())


def audio(**changes: object) -> InputHealth:
    return replace(GOOD, audio=replace(AUDIO, **changes))  # type: ignore[arg-type]


def delivery(**changes: object) -> InputHealth:
    return replace(GOOD, delivery=replace(GOOD.delivery, **changes))  # type: ignore[arg-type]


def refused(kind: RefusalKind, sentence: str) -> InputHealth:
    return replace(GOOD, connected=False, refusal=EncoderRefusal(kind, sentence, datetime(2026, 11, 28, tzinfo=UTC)))


BAD = {
    "codec_refused": refused(RefusalKind.CODEC, "HEVC is not supported here: set the encoder to H.264."),
    "bitrate_refused": refused(RefusalKind.BITRATE, "The stream is above 50 Mbit/s: lower the bitrate."),
    "recording_stopped": replace(GOOD, recording=RecordingState.STOPPED_DISK_FULL),
    "disk_full": replace(GOOD, recording=RecordingState.REFUSED_DISK_FULL),
    "video_missing": replace(GOOD, video=None),
    "video_stopped": video(absent_for=6.0),
    "keyframes_missing": video(keyframe_interval=None, since_keyframe=16.0),
    "profile_unplayable": video(profile="High 4:2:2"),
    "upload_slow": delivery(behind=4.2),
    "keyframes_rare": video(keyframe_interval=8.333, shortest_keyframe_interval=8.3, longest_keyframe_interval=8.4),
    "tracks_apart": delivery(apart=-5.0),
    "audio_late": delivery(audio_late=7.2),
    "timestamps_backwards": delivery(backwards=2),
    "gaps": delivery(gaps=1, longest_gap=1.4),
    "arrival_uneven": delivery(stalls=4),
    "audio_missing": replace(GOOD, audio=None),
    "audio_stopped": audio(absent_for=5.5),
    "audio_silent": audio(bitrate_kbps=3, silent_for=12.0),
    "frames_missing": replace(GOOD, declared=Declared(fps=60.0)),
    "fps_low": video(fps=5.0, bitrate_kbps=2_500),
    "bitrate_high": video(bitrate_kbps=20_000),
    "level_high": video(level="5.2"),
    "size_odd": video(width=1281),
    "channels_many": audio(channels=6, bitrate_kbps=384),
    "keyframes_frequent": video(
        keyframe_interval=0.2, shortest_keyframe_interval=0.2, longest_keyframe_interval=0.2, since_keyframe=0.1
    ),
    "keyframes_irregular": video(shortest_keyframe_interval=0.3, longest_keyframe_interval=2.0),
    "profile_basic": video(profile="Constrained Baseline"),
    "preset_fastest": video(profile="Constrained Baseline", fastest_preset=True),
    "fps_high": video(fps=120.0, bitrate_kbps=5_000),
    "bitrate_low": video(bitrate_kbps=400),
    "bitrate_overshoots": replace(GOOD, declared=Declared(video_kbps=1_000.0)),
    "size_differs": replace(GOOD, declared=Declared(width=1920, height=1080)),
    "b_frames": replace(GOOD, low_latency=True),
    "sample_rate_unusual": audio(sample_rate=22_050),
    "mono": audio(channels=1, bitrate_kbps=64),
    "audio_bitrate_low": replace(audio(bitrate_kbps=32), declared=Declared(audio_kbps=32.0)),
}
"""One stream for every line of the table, bad in this one way."""


def test_a_good_stream_is_not_found_fault_with() -> None:
    assert findings(GOOD) == []


def test_every_line_of_the_table_is_tried_here() -> None:
    assert [rule.code for rule in RULES] == list(BAD)


@pytest.mark.parametrize("code", BAD)
def test_one_fault_is_one_finding(code: str) -> None:
    assert [each.code for each in findings(BAD[code])] == [code]


def test_a_finding_says_what_viewers_notice_and_where_to_mend_it() -> None:
    assert findings(BAD["keyframes_rare"]) == [
        HealthFinding(
            "keyframes_rare",
            Severity.WARNING,
            "Keyframes come every 8.3 s; viewers wait that long to join.",
            "OBS: Settings → Output → Output Mode: Advanced → Streaming → Keyframe Interval: 2 s. "
            "(Output Mode Simple has no such field.)",
        )
    ]


def test_advice_has_figures_that_fit_the_frame_size() -> None:
    (finding,) = findings(BAD["bitrate_high"])
    assert finding.advice == (
        "OBS: Settings → Output → Video Bitrate (Output Mode Simple), or Streaming → Bitrate (Advanced): up to 4000 Kbps."
    )


@pytest.mark.parametrize("code", BAD)
def test_no_sentence_has_a_hole_in_it(code: str) -> None:
    (finding,) = findings(BAD[code])
    for text in (finding.message, finding.advice):
        assert text.endswith((".", ".)", "?"))
        assert not any(hole in text for hole in ("{", "}", "nan", "None", "inf"))


@pytest.mark.parametrize("kbps", [3, 10, 24])
@pytest.mark.parametrize("channels", [2, 6])
@pytest.mark.parametrize("declared", [Declared(audio_kbps=128.0), Declared()])
def test_quiet_speech_is_no_low_bitrate(kbps: int, channels: int, declared: Declared) -> None:
    quiet = replace(audio(bitrate_kbps=kbps, channels=channels), declared=declared)
    assert {each.code for each in findings(quiet)} <= {"channels_many"}


def test_an_undeclared_low_bitrate_is_judged_as_it_arrives() -> None:
    (found,) = findings(replace(audio(bitrate_kbps=32), declared=Declared()))
    assert found.message == "32 kbit/s is little for 2 channels of audio; music sounds dull."


def test_a_still_image_is_no_low_bitrate() -> None:
    still = replace(GOOD, video=replace(VIDEO, bitrate_kbps=90), declared=Declared(video_kbps=2_500.0))
    assert findings(still) == []


def test_efficient_audio_may_have_a_lower_bitrate() -> None:
    assert findings(replace(audio(bitrate_kbps=48, profile="HE-AAC"), declared=Declared())) == []


def test_no_profile_is_advised_that_the_preset_excludes() -> None:
    (found,) = findings(BAD["preset_fastest"])
    assert "Profile" not in found.advice


def test_the_worst_comes_first() -> None:
    bad = replace(BAD["mono"], video=replace(VIDEO, profile="High 10", fps=5.0), declared=Declared())
    assert [each.severity for each in findings(bad)] == [Severity.ERROR, Severity.WARNING, Severity.INFO]


def test_what_is_not_known_is_not_found_fault_with() -> None:
    unknown = replace(GOOD, video=VideoFacts("H.264"), audio=AudioFacts("AAC"), declared=Declared())
    assert findings(unknown) == []


def test_nothing_is_missed_in_the_first_seconds() -> None:
    assert findings(replace(GOOD, audio=None, delivery=Delivery(seconds=2.0))) == []


def test_a_source_that_is_transcoded_may_be_what_browsers_cannot_play() -> None:
    assert findings(replace(BAD["profile_unplayable"], passthrough=False)) == []


def test_b_frames_are_fine_where_latency_does_not_matter() -> None:
    assert findings(replace(BAD["b_frames"], low_latency=False)) == []


def test_a_refusal_has_the_sentence_sent_to_the_encoder_even_before_measurements() -> None:
    health = replace(BAD["codec_refused"], video=None, audio=None, delivery=Delivery(), declared=Declared())
    (found,) = findings(health)

    assert found.severity is Severity.ERROR
    assert found.message == "An encoder was refused: HEVC is not supported here: set the encoder to H.264."
    assert "Video Encoder" in found.advice
