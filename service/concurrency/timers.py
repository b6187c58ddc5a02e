"""Timers that do not judge others by a pause of our own process.

After a pause (SIGSTOP, a suspended machine, a blocked event loop) every deadline has passed, while the bytes that would have met
it wait unread: uvloop runs timers before it reads sockets. So `asyncio.timeout`, aiohttp's keep-alive and a WebSocket's ping would
fail for clients that did nothing wrong. A timer that fires so late lets the sockets be read first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any

import uvloop

from providers.concurrency import PAUSE_SECONDS

SECOND_CHANCE = 0.25
"""Seconds by which a timer is put off that fires after a pause, once."""


class PatientLoop(uvloop.Loop):
    """uvloop whose timers are put off by SECOND_CHANCE if they fire more than PAUSE_SECONDS late.

    `call_at` calls `call_later`, and so do `asyncio.sleep` and `asyncio.timeout`.
    """

    late_after = PAUSE_SECONDS

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        """See `asyncio.loop.call_later`. Return a PatientTimer, which has the methods of a TimerHandle."""
        return PatientTimer(self, delay, callback, args, context)

    def call_exactly(self, delay: float, callback: Callable[[], object], context: Context | None) -> Any:
        """Call once `delay` seconds have passed, however late that is."""
        return super().call_later(delay, callback, context=context)


class PatientTimer:
    """The interface of `asyncio.TimerHandle`."""

    __slots__ = ("_args", "_callback", "_cancelled", "_handle", "_loop", "_when")

    def __init__(
        self,
        loop: PatientLoop,
        delay: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None,
    ) -> None:
        self._loop = loop
        self._when = loop.time() + max(0.0, delay)
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._handle = loop.call_exactly(delay, self._due, context)

    def when(self) -> float:
        """Return the loop's time at which it is due."""
        return self._when

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self._cancelled

    def cancel(self) -> None:
        """Do not call. Do nothing if it has been called."""
        self._cancelled = True
        self._handle.cancel()

    def _due(self) -> None:
        if self._loop.time() - self._when > self._loop.late_after:
            self._handle = self._loop.call_exactly(SECOND_CHANCE, self._call, None)
        else:
            self._call()

    def _call(self) -> None:
        self._callback(*self._args)
