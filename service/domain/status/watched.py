"""A channel on the status board: what its visitors are told, and what is remembered for its next refresh."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from providers.base import InputState
from service.domain.errors import DomainError
from service.domain.ports import LiveSummary
from service.domain.status.change_notifier import ChangeNotifier
from service.domain.status.status import Status
from service.viewers.port import ViewerCount


@dataclass(slots=True, eq=False)
class Snapshot:
    """What visitors are told until the next refresh. `renderings` is for whoever shows it, to keep what he made of it."""

    status: Status
    viewers: ViewerCount
    renderings: dict[Any, Any] = field(default_factory=dict)

    def summary(self) -> LiveSummary:
        """The same for lists."""
        return LiveSummary(self.status.state, self.viewers.value, counted=not self.viewers.degraded)


Key = tuple[str, str]
"""Organization id and channel id, canonical."""


class Watched:
    """A channel on the board."""

    __slots__ = (
        "_patience", "asked", "due", "input_uid", "key", "loaded", "look_up_due", "news", "recount", "snapshot", "state", "task",
        "unasked", "wake",
    )  # fmt: skip

    def __init__(self, key: Key, loaded: asyncio.Future[DomainError | None], snapshot: Snapshot) -> None:
        self.key = key
        self.loaded = loaded
        self.snapshot = snapshot
        self.state: InputState | None = None
        self.input_uid: str | None = None
        self.asked = True
        self.unasked = 0
        self.wake = asyncio.Event()
        self.news = ChangeNotifier()
        self.recount = False
        self.due = 0.0
        self.look_up_due = 0.0
        self.task: asyncio.Task[None] | None = None
        self._patience: asyncio.Timeout | None = None

    def look_again(self) -> None:
        """Something happened: refresh at once, and wait no longer for what is only waited for `until_news`."""
        self.due = 0.0
        self.wake.set()
        if self._patience is not None:
            self._patience.reschedule(0.0)
            self._patience = None

    @asynccontextmanager
    async def until_news(self) -> AsyncIterator[None]:
        """Around a wait that `look_again` ends. Errors: TimeoutError."""
        async with asyncio.timeout(None) as self._patience:
            try:
                yield
            finally:
                self._patience = None

    def show(self, snapshot: Snapshot) -> None:
        """Tell this from now on; whoever waits for news hears when it differs."""
        before, self.snapshot = self.snapshot, snapshot
        if not _says_the_same(before.status, snapshot.status):
            self.news.announce(major=True)
        elif (before.viewers.value, before.viewers.degraded) != (snapshot.viewers.value, snapshot.viewers.degraded):
            self.news.announce(major=False)


def _says_the_same(one: Status, other: Status) -> bool:
    """But for the moment it was looked at."""
    return replace(one, as_of=other.as_of) == other
