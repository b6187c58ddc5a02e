"""Ladders on a bench: fed like a broadcast, their output collected."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator

import psutil

from providers.local.flv.head import is_keyframe
from providers.local.flv.tag import FlvTag
from providers.local.transcoder.backlog import Backlog
from providers.local.transcoder.ladder import Ladder
from providers.local.transcoder.process import StopLimits
from providers.local.transcoder.renditions import Rendition
from providers.local.transcoder.slots import TranscodeSlots
from providers.supervisor import ProcessState, RestartPolicy
from service.concurrency.tasks import Tasks
from tests.waiting import PATIENCE


def running_ffmpegs() -> list[psutil.Process]:
    """Return the running ffmpegs that we started; the test session's own servers are children of ours, too."""
    return [child for child in psutil.Process().children(recursive=True) if child.name() == "ffmpeg"]


QUICK = RestartPolicy(stall=PATIENCE, first_delay=0.05, longest_delay=0.2)
"""Does not take a busy machine for an ffmpeg that hangs."""


class Bench:
    """Ladders whose output is collected (`made`: of the present run, `past`: of those before), and the means to wait for it."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._changed = asyncio.Event()
        self.ladders: list[Ladder] = []
        self.made: dict[str, list[FlvTag]] = defaultdict(list)
        self.past: dict[str, list[FlvTag]] = defaultdict(list)
        self.restarts: list[str] = []
        self.losses = 0

    def ladder(
        self,
        *renditions: Rendition,
        slots: TranscodeSlots | None = None,
        policy: RestartPolicy = QUICK,
        backlog: Backlog | None = None,
        stop_limits: StopLimits | None = None,
    ) -> Ladder:
        ladder = Ladder(
            "test",
            renditions,
            spawn=self._tasks.spawn,
            slots=slots or TranscodeSlots(1),
            on_tag=self._tag,
            on_restart=self._restart,
            on_loss=self._lose,
            policy=policy,
            backlog=backlog,
            stop_limits=stop_limits,
        )
        self.ladders.append(ladder)
        return ladder

    def _tag(self, rendition: str, tag: FlvTag) -> None:
        self.made[rendition].append(tag)
        self._changed.set()

    def _lose(self) -> None:
        self.losses += 1

    def _restart(self, rendition: str) -> None:
        self.restarts.append(rendition)
        self.past[rendition] += self.made.pop(rendition)
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something the ladder's output shows."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def feed_until(self, ladder: Ladder, live: Iterator[FlvTag], condition: Callable[[], object]) -> None:
        """Feed `live` in real time until `condition` holds."""
        loop = asyncio.get_running_loop()
        began, first = loop.time(), None
        async with asyncio.timeout(PATIENCE):
            while not condition():
                tag = next(live)
                first = tag.timestamp if first is None else first
                await asyncio.sleep(max(0.0, began + (tag.timestamp - first) / 1000 - loop.time()))
                ladder.feed(tag)


def feed(ladder: Ladder, tags: list[FlvTag]) -> None:
    for tag in tags:
        ladder.feed(tag)


async def reach(ladder: Ladder, state: ProcessState) -> None:
    """Wait until the ladder's ffmpeg is in `state`."""
    async with asyncio.timeout(PATIENCE):
        while ladder.state is not state:  # noqa: ASYNC110 - only tests ask for states
            await asyncio.sleep(0)


async def play(ladder: Ladder, tags: list[FlvTag]) -> None:
    """Feed the first group of pictures, and the rest as soon as ffmpeg runs: what is fed before that is not kept."""
    second = [index for index, tag in enumerate(tags) if is_keyframe(tag)][1]
    feed(ladder, tags[:second])
    await reach(ladder, ProcessState.RUNNING)
    feed(ladder, tags[second:])
