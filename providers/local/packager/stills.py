"""The last picture, shown again while no frames come.

A frame can only be repeated with what it depends on: the frames since the last keyframe, one tick each, the last one shown for as
long as need be. A decoder then has what the encoder's next frame refers to. Where that is much, the keyframe alone is repeated,
and all of it once, before that next frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MAX_FRAMES, MAX_BYTES = 1_200, 4 * 1024 * 1024
"""Frames since the last keyframe that are kept, and their bytes; with more, the keyframe alone."""

FEW_FRAMES, FEW_BYTES = 30, 256 * 1024
"""Frames, and their bytes, that are repeated every time."""


class Frame(NamedTuple):
    """A coded frame; `decode_time` in ticks, `offset` from it to the presentation in ticks, signed."""

    decode_time: int
    offset: int
    keyframe: bool
    payload: memoryview | bytes


class Stills:
    """The frames since the last keyframe."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._size = 0
        self._whole = False

    def add(self, frame: Frame) -> None:
        """The next frame that the encoder sent."""
        if frame.keyframe:
            self._frames, self._size, self._whole = [frame], 0, True
        elif self._whole:
            self._size += len(frame.payload)
            self._frames.append(frame)
            if self._size > MAX_BYTES or len(self._frames) > MAX_FRAMES:
                del self._frames[1:]
                self._whole = False

    def clear(self) -> None:
        """What comes next belongs to another stretch."""
        self._frames, self._whole = [], False

    def cheap(self, now: int) -> bool:
        """Whether all of them may be repeated at the tick `now`: they are few, and none is to be shown later."""
        few = self._whole and len(self._frames) <= FEW_FRAMES and self._size <= FEW_BYTES
        return few and all(each.decode_time + each.offset <= now for each in self._frames)

    @property
    def keyframe(self) -> Sequence[Frame]:
        """The keyframe, if there is one."""
        return self._frames[:1]

    @property
    def all(self) -> Sequence[Frame]:
        """All of them; nothing if some were not kept."""
        return self._frames if self._whole else ()


def squeezed(frames: Sequence[Frame], start: int) -> list[Frame]:
    """The same frames, decoded and shown in the same order, one tick each from `start` on.

    A frame whose moment to be shown is still to come keeps it: B-frames before a pause refer to the frame behind it.
    """
    count = range(len(frames))
    due = [frames[at].decode_time + frames[at].offset for at in count]
    ranks = [0] * len(frames)
    for rank, at in enumerate(sorted(count, key=due.__getitem__)):
        ranks[at] = rank
    delay = max((at - ranks[at] for at in count), default=0)
    shown = [max(start + ranks[at] + delay, due[at]) for at in count]
    return [frames[at]._replace(decode_time=start + at, offset=shown[at] - start - at) for at in count]
