"""An encoder that was refused for what it sends is refused again at its next publishes, for a growing time."""

from __future__ import annotations

import weakref

import pytest

from providers.health import RefusalKind
from providers.local.ingest.ports import MediaRefused, PublishRefused
from providers.local.live import refusals as refusals_module
from providers.local.live.refusals import ACCEPTED_AFTER, FORGOTTEN_AFTER, WAITS, Refusals

HEVC = MediaRefused(RefusalKind.CODEC, "NetStream.Publish.Denied", "HEVC is not supported here.")
FAST = MediaRefused(RefusalKind.BITRATE, "NetStream.Publish.Denied", "The stream is above 50 Mbit/s.")


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refusals(clock: Clock) -> Refusals:
    return Refusals(clock, clock)


def refused(refusals: Refusals, uid: str = "a") -> str | None:
    """The sentence a publish is answered now."""
    try:
        refusals.check(uid)
    except PublishRefused as refusal:
        assert refusal.code == "NetStream.Publish.Denied"
        return refusal.description
    return None


def test_the_wait_grows_with_every_refusal(refusals: Refusals, clock: Clock) -> None:
    assert refused(refusals) is None
    for wait in (*WAITS, WAITS[-1]):
        refusals.note("a", HEVC)
        clock.now += wait - 0.5
        assert refused(refusals) == "HEVC is not supported here. The server accepts a changed encoder in 1 s."
        clock.now += 0.5
        assert refused(refusals) is None
    assert refused(refusals, "another input") is None


@pytest.mark.parametrize("refusal", [HEVC, FAST])
def test_an_encoder_that_runs_long_enough_ends_it(refusals: Refusals, refusal: MediaRefused) -> None:
    refusals.note("a", refusal)
    refusals.runs("a", ACCEPTED_AFTER[refusal.kind] - 0.1)
    before = refusals.of("a")
    refusals.runs("a", ACCEPTED_AFTER[refusal.kind])

    assert before is not None
    assert (before.kind, before.sentence) == (refusal.kind, refusal.description)
    assert refusals.of("a") is None
    assert refused(refusals) is None


def test_a_change_by_the_owner_ends_it(refusals: Refusals) -> None:
    refusals.note("a", HEVC)
    refusals.forget("a")
    refusals.forget("never refused")

    assert refused(refusals) is None
    assert refusals.of("a") is None


def test_after_a_long_time_the_wait_is_short_again(refusals: Refusals, clock: Clock) -> None:
    for _ in WAITS:
        refusals.note("a", HEVC)
    clock.now += FORGOTTEN_AFTER
    refusals.note("a", HEVC)
    clock.now += WAITS[0]

    assert refused(refusals) is None
    assert refusals.of("a") is not None


def test_only_so_many_inputs_are_remembered(refusals: Refusals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals_module, "MAX_REMEMBERED", 2)
    for uid in ("a", "b", "a", "c"):
        refusals.note(uid, HEVC)

    assert [uid for uid in "abc" if refusals.of(uid)] == ["a", "c"]


def test_nothing_is_kept_of_the_exception(refusals: Refusals) -> None:
    """It holds the frames it was raised in, and the encoder's media in them."""
    refusal = MediaRefused(RefusalKind.CODEC, "NetStream.Publish.Denied", "HEVC is not supported here.")
    gone = weakref.ref(refusal)
    refusals.note("a", refusal)
    del refusal

    assert gone() is None
    assert refusals.of("a") is not None
