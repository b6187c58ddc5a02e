"""An encoder that was refused for what it sends is refused again at its next publishes, for a growing time."""

from __future__ import annotations

import weakref

import pytest

from providers.health import RefusalKind
from providers.local.live.refusal_history import ACCEPTED_AFTER, RefusalHistory, RefusalLimits
from providers.local.ports.refusals import MediaRefused, PublishRefused, Refusal
from tests.clock import Clock

HEVC = MediaRefused(RefusalKind.CODEC, "HEVC is not supported here.")
FAST = MediaRefused(RefusalKind.BITRATE, "The stream is above 50 Mbit/s.")

LIMITS = RefusalLimits()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refusals(clock: Clock) -> RefusalHistory:
    return RefusalHistory(clock.unix, clock.monotonic)


def refused(refusals: RefusalHistory, uid: str = "a") -> str | None:
    """Return the sentence a publish is answered now."""
    try:
        refusals.check(uid)
    except PublishRefused as refusal:
        assert refusal.refusal is Refusal.UNSUPPORTED_CODEC
        return refusal.sentence
    return None


def test_the_wait_grows_with_every_refusal(refusals: RefusalHistory, clock: Clock) -> None:
    assert refused(refusals) is None
    for wait in (*LIMITS.waits, LIMITS.waits[-1]):
        refusals.note("a", HEVC)
        clock.advance(wait - 0.5)
        assert refused(refusals) == "HEVC is not supported here. The server accepts a changed encoder in 1 s."
        clock.advance(0.5)
        assert refused(refusals) is None
    assert refused(refusals, "another input") is None


@pytest.mark.parametrize("refusal", [HEVC, FAST])
def test_an_encoder_that_runs_long_enough_ends_it(refusals: RefusalHistory, refusal: MediaRefused) -> None:
    refusals.note("a", refusal)
    refusals.runs("a", ACCEPTED_AFTER[refusal.kind] - 0.1)
    before = refusals.of("a")
    refusals.runs("a", ACCEPTED_AFTER[refusal.kind])

    assert before is not None
    assert (before.kind, before.sentence) == (refusal.kind, refusal.sentence)
    assert refusals.of("a") is None
    assert refused(refusals) is None


def test_a_change_by_the_owner_ends_it(refusals: RefusalHistory) -> None:
    refusals.note("a", HEVC)
    refusals.forget("a")
    refusals.forget("never refused")

    assert refused(refusals) is None
    assert refusals.of("a") is None


def test_after_a_long_time_the_wait_is_short_again(refusals: RefusalHistory, clock: Clock) -> None:
    for _ in LIMITS.waits:
        refusals.note("a", HEVC)
    clock.advance(LIMITS.forgotten_after)
    refusals.note("a", HEVC)
    clock.advance(LIMITS.waits[0])

    assert refused(refusals) is None
    assert refusals.of("a") is not None


def test_only_so_many_inputs_are_remembered(clock: Clock) -> None:
    refusals = RefusalHistory(clock.unix, clock.monotonic, RefusalLimits(max_remembered=2))
    for uid in ("a", "b", "a", "c"):
        refusals.note(uid, HEVC)

    assert [uid for uid in "abc" if refusals.of(uid)] == ["a", "c"]


def test_nothing_is_kept_of_the_exception(refusals: RefusalHistory) -> None:
    """It holds the frames it was raised in, and the encoder's media in them."""
    refusal = MediaRefused(RefusalKind.CODEC, "HEVC is not supported here.")
    gone = weakref.ref(refusal)
    refusals.note("a", refusal)
    del refusal

    assert gone() is None
    assert refusals.of("a") is not None
