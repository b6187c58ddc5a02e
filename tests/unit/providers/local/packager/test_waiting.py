"""Audio waits for video for a limited time."""

from __future__ import annotations

import pytest

from providers.local.packager.waiting import ANNOUNCED_VIDEO_WAIT_MS, VIDEO_WAIT_MS, VideoWait
from tests.unit.providers.local.packager.tags import metadata

START = 40_000

WITH_VIDEO, SOUND_ONLY = metadata(b"videocodecid").payload, metadata(b"audiocodecid").payload


def let_go(wait: VideoWait, after: int, *, has_header: bool = False) -> bool:
    """Return whether audio is released that arrives so many ms after the first."""
    wait.lasts(START, has_header)
    return wait.lasts(START + after, has_header)


@pytest.mark.parametrize(
    ("script", "has_header", "most"),
    [
        (b"", False, VIDEO_WAIT_MS),
        (WITH_VIDEO, False, ANNOUNCED_VIDEO_WAIT_MS),
        (b"", True, ANNOUNCED_VIDEO_WAIT_MS),
        (SOUND_ONLY, True, ANNOUNCED_VIDEO_WAIT_MS),
    ],
    ids=["nothing is known", "announced", "header seen", "header seen though not announced"],
)
def test_audio_waits_for_exactly_the_wait(script: bytes, has_header: bool, most: int) -> None:
    wait = VideoWait()
    wait.read(script)
    assert let_go(wait, most - 1, has_header=has_header)
    assert not let_go(wait, most, has_header=has_header)


def test_without_announced_video_audio_does_not_wait() -> None:
    wait = VideoWait()
    wait.read(SOUND_ONLY)
    assert not wait.lasts(START, False)


def test_a_script_without_metadata_announces_nothing() -> None:
    wait = VideoWait()
    wait.read(b"\x02\x00\x0bonTextData.." + WITH_VIDEO.replace(b"onMetaData", b""))
    assert not let_go(wait, VIDEO_WAIT_MS)


def test_after_a_period_audio_waits_again() -> None:
    wait = VideoWait()
    wait.lasts(START - ANNOUNCED_VIDEO_WAIT_MS, False)
    wait.restart()
    assert let_go(wait, VIDEO_WAIT_MS - 1)
