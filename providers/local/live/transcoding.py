"""What ffmpeg makes of every stream, and the limit on how many streams it transcodes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from providers.base import Spawn
from providers.local.transcoder.ladder import Ladder, OnLoss, OnRestart, OnTag
from providers.local.transcoder.renditions import Rendition
from providers.local.transcoder.slots import TranscodeSlots


@dataclass(frozen=True, slots=True)
class Transcoding:
    """The renditions of CONFERENCE_RENDITIONS and the slots for them."""

    renditions: tuple[Rendition, ...]
    slots: TranscodeSlots
    spawn: Spawn
    reads_enhanced_rtmp: bool = False
    """This ffmpeg understands HEVC, AV1 and VP9 in FLV (since 6.1)."""
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    def new_ladder(
        self, name: str, renditions: Sequence[Rendition], *, on_tag: OnTag, on_restart: OnRestart, on_loss: OnLoss
    ) -> Ladder:
        """Return a ladder for a broadcast. It starts with the first tag. See `Ladder` for the arguments."""
        return Ladder(
            name,
            renditions,
            spawn=self.spawn,
            slots=self.slots,
            on_tag=on_tag,
            on_restart=on_restart,
            on_loss=on_loss,
        )

    def close(self, name: str, ladder: Ladder) -> None:
        """Close a ladder in the background."""
        task = self.spawn(ladder.aclose(), name=f"close the transcoder of {name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Wait for the ladders that are being closed; each bounds its own time."""
        await asyncio.gather(*self._closing, return_exceptions=True)

    @property
    def is_source_only(self) -> bool:
        """There is no other rendition."""
        return all(each.is_source for each in self.renditions)

    @property
    def passthrough(self) -> bool:
        """The source itself is a rendition."""
        return any(each.is_source for each in self.renditions)
