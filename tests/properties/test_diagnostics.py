"""The coach takes whatever facts there are, and the monitor whatever an encoder sends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from providers.health import InputHealth
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.health.monitor import POINTS, HealthMonitor
from service.domain.health.diagnostics import findings
from tests.unit.providers.local.packager.tags import audio_frame, audio_header, frame, metadata, video_header

TIMES = st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 5_000))
TAGS = st.one_of(
    st.sampled_from([video_header(), audio_header(), metadata(b"width", b"framerate")]),
    st.builds(lambda at, key, cts: frame(at, key=key, cts=cts), TIMES, st.booleans(), st.integers(-100, 100)),
    st.builds(audio_frame, TIMES),
    st.builds(FlvTag, st.sampled_from(TagKind), TIMES, st.binary(max_size=20)),
)
LOOKS = st.lists(st.tuples(st.lists(TAGS, max_size=8), st.floats(0.0, 10.0), st.booleans()), max_size=12)


@given(st.from_type(InputHealth))
def test_no_measurement_makes_the_diagnostics_raise(health: InputHealth) -> None:
    found = findings(health)
    assert len({each.code for each in found}) == len(found)
    assert all(each.message and each.advice for each in found)


@given(LOOKS)
def test_whatever_is_sent_makes_facts_that_can_be_true(
    looks: list[tuple[list[FlvTag], float, bool]],
) -> None:
    now = 0.0
    monitor = HealthMonitor(lambda: 1_700_000_000.0 + now)
    meter = monitor.admit("FMLE/3.0", now)
    for tags, pause, connected in looks:
        for tag in tags:
            meter.count(tag)
        now += pause
        monitor.poll(now, connected=connected)
    health = monitor.health(connected=True)
    findings(health)
    video, audio, delivery = health.video, health.audio, health.delivery
    assert len(health.history) <= POINTS
    assert all(min(point.video_kbps, point.audio_kbps, point.fps) >= 0 for point in health.history)
    assert min(delivery.seconds, delivery.behind, delivery.longest_gap, delivery.gaps, delivery.backwards) >= 0
    for known in (video and video.fps, video and video.bitrate_kbps, audio and audio.bitrate_kbps):
        assert known is None or known >= 0
