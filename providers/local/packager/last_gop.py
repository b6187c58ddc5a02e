"""The frames since the last keyframe, to repeat the last frame while the encoder sends none.

A frame can only be repeated with the frames it refers to: those since the last keyframe, for one tick each, and the last one for
as long as needed. The decoder then has the references of the encoder's next frame. If these frames are many, only the keyframe is
repeated; all of them follow once, before the encoder's next frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MAX_FRAMES, MAX_BYTES = 1_200, 4 * 1024 * 1024
"""The most frames since the last keyframe that are kept, and their bytes. Over the limit only the keyframe is kept."""

FEW_FRAMES, FEW_BYTES = 30, 256 * 1024
"""The most frames, and their bytes, that are repeated each time."""


class Frame(NamedTuple):
    """A coded frame; `decode_time` in ticks, `offset` from it to the presentation in ticks, signed."""

    decode_time: int
    offset: int
    keyframe: bool
    payload: memoryview | bytes


class LastGop:
    """The group of pictures that is open: the frames since the last keyframe."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._size = 0
        self._whole = False

    def add(self, frame: Frame) -> None:
        """Add the next frame of the encoder."""
        if frame.keyframe:
            self._frames, self._size, self._whole = [frame], 0, True
        elif self._whole:
            self._size += len(frame.payload)
            self._frames.append(frame)
            if self._size > MAX_BYTES or len(self._frames) > MAX_FRAMES:
                # The keyframe can still be repeated alone.
                del self._frames[1:]
                self._whole = False

    def clear(self) -> None:
        """Drop all frames: the next one belongs to another period."""
        self._frames, self._whole = [], False

    def cheap(self, now: int) -> bool:
        """Return whether all frames can be repeated at the tick `now`: they are few, and none is presented later."""
        few = self._whole and len(self._frames) <= FEW_FRAMES and self._size <= FEW_BYTES
        return few and all(each.decode_time + each.offset <= now for each in self._frames)

    @property
    def keyframe(self) -> Sequence[Frame]:
        """The keyframe, if any."""
        return self._frames[:1]

    @property
    def all(self) -> Sequence[Frame]:
        """All frames; empty if some were not kept."""
        return self._frames if self._whole else ()


def one_tick_each(frames: Sequence[Frame], start: int) -> list[Frame]:
    """Return the same frames, one tick each from `start` on, with decoding and presentation order unchanged.

    A frame that is presented later than that keeps its time: B-frames before a pause refer to the frame after it.
    """
    count = range(len(frames))
    due = [frames[at].decode_time + frames[at].offset for at in count]
    ranks = [0] * len(frames)
    for rank, at in enumerate(sorted(count, key=due.__getitem__)):
        ranks[at] = rank
    # The reorder depth: a frame must not be presented before it is decoded.
    delay = max((at - ranks[at] for at in count), default=0)
    shown = [max(start + ranks[at] + delay, due[at]) for at in count]
    return [frames[at]._replace(decode_time=start + at, offset=shown[at] - start - at) for at in count]
