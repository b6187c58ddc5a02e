"""The only place that starts tasks.

A task has a name and an owner. A background task that dies with an exception is reported once and brings the service down:
running on without it would answer something untrue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)

CLOSE_TIMEOUT = 5.0
"""Seconds cancelled tasks have to end."""


class Tasks:
    """Owns background tasks: start with `spawn`, cancel and await all with `aclose`."""

    def __init__(self, on_failure: Callable[[BaseException], None] | None = None) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._on_failure = on_failure
        self._closing = False

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run `work` in the background. Fits `providers.base.Spawn`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task.cancelled() or (failure := task.exception()) is None:
            return
        log.error("task died", task=task.get_name(), exc_info=failure)
        if self._on_failure is not None and not self._closing:
            self._on_failure(failure)

    async def aclose(self) -> None:
        """Cancel what still runs and wait for it, at most CLOSE_TIMEOUT. Safe to call twice."""
        self._closing = True
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            _, late = await asyncio.wait(running, timeout=CLOSE_TIMEOUT)
            for task in late:
                log.error("task did not stop", task=task.get_name())
