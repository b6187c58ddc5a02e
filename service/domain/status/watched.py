"""A channel on the status board: its published status, and the data for its next refresh."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from providers.base import InputState, InputUid
from service.domain.audience.viewer_window import ViewerCount
from service.domain.entities import LiveSummary
from service.domain.errors import DomainError
from service.domain.status.change_notifier import ChangeNotifier
from service.domain.status.stream_status import StreamStatus


@dataclass(slots=True, eq=False)
class Snapshot:
    """The status that is served until the next refresh. `renderings` caches serialized responses."""

    status: StreamStatus
    viewers: ViewerCount
    renderings: dict[Any, Any] = field(default_factory=dict)

    def summary(self) -> LiveSummary:
        """Return the summary for lists."""
        as_of = self.status.as_of if self.status.degraded else None
        return LiveSummary(self.status.state, self.viewers.value, counted=not self.viewers.degraded, as_of=as_of)


Key = tuple[str, str]
"""Organization id and channel id, canonical."""


class Watched:
    """A channel on the board."""

    __slots__ = (
        "_wait",
        "asked",
        "due",
        "hold_until",
        "input_uid",
        "key",
        "loaded",
        "notifier",
        "recount",
        "reload_due",
        "snapshot",
        "state",
        "task",
        "unasked",
        "wake",
    )  # fmt: skip

    def __init__(self, key: Key, loaded: asyncio.Future[DomainError | None], snapshot: Snapshot) -> None:
        self.key = key
        self.loaded = loaded
        self.snapshot = snapshot
        self.state: InputState | None = None
        self.input_uid: InputUid | None = None
        self.asked = True
        self.unasked = 0
        self.wake = asyncio.Event()
        self.notifier = ChangeNotifier()
        self.recount = False
        self.due = 0.0
        self.hold_until = 0.0
        """Until when the count does not fall: viewers could not be heard during a pause of the process."""
        self.reload_due = 0.0
        self.task: asyncio.Task[None] | None = None
        self._wait: asyncio.Timeout | None = None

    def refresh_soon(self) -> None:
        """Refresh at once, and end a wait within `until_changed`."""
        self.due = 0.0
        self.wake.set()
        if self._wait is not None:
            self._wait.reschedule(0.0)
            self._wait = None

    @asynccontextmanager
    async def until_changed(self) -> AsyncIterator[None]:
        """Limit the block to the time until the next `refresh_soon`, which raises TimeoutError in it."""
        async with asyncio.timeout(None) as self._wait:
            try:
                yield
            finally:
                self._wait = None

    def publish(self, snapshot: Snapshot) -> None:
        """Serve this snapshot from now on, and notify the listeners if it differs from the one before."""
        before, self.snapshot = self.snapshot, snapshot
        if not _same_content(before.status, snapshot.status):
            self.notifier.announce(major=True)
        elif (before.viewers.value, before.viewers.degraded) != (snapshot.viewers.value, snapshot.viewers.degraded):
            self.notifier.announce(major=False)


def _same_content(one: StreamStatus, other: StreamStatus) -> bool:
    """Whether two statuses differ in their time at most."""
    return replace(one, as_of=other.as_of) == other
