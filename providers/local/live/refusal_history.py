"""Encoders that were refused for what they send, and for how long the next publishes of their live input are refused, too.

Encoders such as OBS ignore a refusal while they stream and reconnect at once. They do log the answer to a publish. So after such a
refusal the next publishes are answered with the same sentence, for a growing time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil

from providers.base import InputUid
from providers.health import EncoderRefusal, RefusalKind
from providers.local.ports.refusals import MediaRefused, PublishRefused, Refusal

ACCEPTED_AFTER = {RefusalKind.CODEC: 10.0, RefusalKind.BITRATE: 60.0}
"""Seconds of media after which an encoder counts as accepted. A bitrate above the limit shows only after a while."""


@dataclass(frozen=True, slots=True)
class RefusalLimits:
    """Times in seconds, and counts."""

    waits: tuple[float, ...] = (10.0, 30.0, 60.0)
    """Time in which a publish is refused after the first, the second and every further refusal."""
    forgotten_after: float = 3_600.0
    """Time without a refusal after which the next one counts as the first again."""
    max_remembered: int = 10_000
    """Live inputs remembered. Over the limit, the one refused the longest time ago is dropped."""


@dataclass(slots=True)
class _Remembered:
    """A refusal without its exception, which would keep the frames it was raised in."""

    refusal: Refusal
    shown: EncoderRefusal
    since: float
    times: int
    until: float


class RefusalHistory:
    """The refusals by live input. `clock` gives Unix time and `monotonic` a steady time, in seconds."""

    def __init__(
        self, clock: Callable[[], float], monotonic: Callable[[], float], limits: RefusalLimits | None = None
    ) -> None:
        self._limits = limits or RefusalLimits()
        self._clock = clock
        self._monotonic = monotonic
        self._known: dict[InputUid, _Remembered] = {}

    def note(self, input_uid: InputUid, refusal: MediaRefused) -> None:
        """Remember that an encoder of this input was refused for what it sends."""
        # Taken out and put back at the end: the order of the dict is that of the last refusals.
        before, now = self._known.pop(input_uid, None), self._monotonic()
        times = 1 if before is None or now - before.since >= self._limits.forgotten_after else before.times + 1
        at = datetime.fromtimestamp(self._clock(), UTC)
        shown = EncoderRefusal(refusal.kind, refusal.sentence, at)
        wait = self._limits.waits[min(times, len(self._limits.waits)) - 1]
        self._known[input_uid] = _Remembered(refusal.refusal, shown, now, times, now + wait)
        if len(self._known) > self._limits.max_remembered:
            del self._known[next(iter(self._known))]

    def check(self, input_uid: InputUid) -> None:
        """Raise PublishRefused with the last refusal's sentence until its time is over."""
        known = self._known.get(input_uid)
        if known is None or (left := known.until - self._monotonic()) <= 0:
            return
        again = f"The server accepts a changed encoder in {ceil(left)} s."
        raise PublishRefused(known.refusal, f"{known.shown.sentence} {again}")

    def runs(self, input_uid: InputUid, seconds: float) -> None:
        """Note that the input's encoder has sent media for `seconds` without being refused."""
        known = self._known.get(input_uid)
        # By kind: a codec shows in the first frame, a bitrate only on average over its window.
        if known is not None and seconds >= ACCEPTED_AFTER[known.shown.kind]:
            del self._known[input_uid]

    def forget(self, input_uid: InputUid) -> None:
        """Forget the input's refusals: the owner changed the key or enabled the input."""
        self._known.pop(input_uid, None)

    def of(self, input_uid: InputUid) -> EncoderRefusal | None:
        """Return the last refusal of the input, until an encoder is accepted."""
        known = self._known.get(input_uid)
        return None if known is None else known.shown
