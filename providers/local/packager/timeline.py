"""The time of FLV tags: 32-bit wraps are unrolled, jumps are found (RTMP 1.0, 5.3.1.1).

A timestamp is in ms, unsigned 32 bits. Both tracks share one clock, but each has its own order: encoders and muxers
interleave them only roughly.
"""

from __future__ import annotations

from enum import Enum, auto

from providers.local.media import TagKind

MAX_GAP_MS = 2_400
"""A tag further ahead than this of everything seen before is a jump; a shorter pause is kept as one long frame, which still fits
into the shortest segment we promise (2 s, rounded)."""

MAX_REORDER_MS = 1_000
"""A tag further back than this in its own track is a jump; less is disorder, which the tracks straighten."""

MAX_STRAGGLERS = 100
"""Tags dropped after a jump because they still are on the old clock (2 s of audio); after these they are believed."""

_WRAP = 1 << 32


class Order(Enum):
    """What a tag's time is to those before it."""

    CONTINUES = auto()
    JUMPS = auto()
    STRAGGLES = auto()


CONTINUES = Order.CONTINUES
"""As nearly every tag: on the enumeration each look-up is a call (Python 3.11)."""


class Timeline:
    """Unrolls timestamps into ms that do not wrap, and says where the clock was set anew."""

    def __init__(self) -> None:
        self._latest: int | None = None
        self._last: dict[TagKind, int] = {}
        self._before_jump: dict[TagKind, int] = {}
        self._stragglers = 0

    def place(self, kind: TagKind, timestamp: int) -> tuple[Order, int]:
        """Where a tag belongs, and its time in ms on the clock that holds after it."""
        time = self._unroll(timestamp)
        last = self._last.get(kind)
        if self._latest is None or (last is not None and 0 <= time - last <= MAX_GAP_MS):  # nearly every tag
            order = CONTINUES
        elif not self._is_jump(kind, time):
            order = CONTINUES
        elif self._is_straggler(kind, time):
            self._stragglers += 1
            return Order.STRAGGLES, time
        else:
            order = Order.JUMPS
            self._before_jump = {other: last for other, last in self._last.items() if other is not kind}
            self._last.clear()
            self._stragglers = 0
        self._last[kind] = self._latest = time
        return order, time

    def _unroll(self, timestamp: int) -> int:
        latest = self._latest
        if latest is None:
            return timestamp
        ahead = (timestamp - latest) % _WRAP
        return latest + (ahead if ahead < _WRAP // 2 else ahead - _WRAP)

    def _is_jump(self, kind: TagKind, time: int) -> bool:
        last = self._last.get(kind)
        if last is not None and time < last - MAX_REORDER_MS:
            return True
        # A track that begins far behind the other is no jump: it is late.
        return time > max(self._last.values()) + MAX_GAP_MS or (
            last is None and kind in self._before_jump and time < min(self._last.values()) - MAX_GAP_MS
        )

    def _is_straggler(self, kind: TagKind, time: int) -> bool:
        old = self._before_jump.get(kind)
        return old is not None and abs(time - old) <= MAX_GAP_MS and self._stragglers < MAX_STRAGGLERS
