"""State shared by the fake's handlers: configuration, clock, account state, faults and pending webhooks."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field

from aiohttp import ClientSession, web

from providers.cloudflare.fake import broadcast
from providers.cloudflare.fake.config import RATE_WINDOW, FakeConfig, MovableClock, Switches
from providers.cloudflare.fake.faults import Faults
from providers.cloudflare.fake.state import AccountState, Input, Video

NOT_FOUND = "Not Found: The requested resource or operation was not found."

MAX_REQUEST_LOG = 1000
"""Request lines kept for tests."""


class ApiError(Exception):
    """An answer in Cloudflare's error envelope."""

    def __init__(self, status: int, code: int, message: str, chain: list[dict[str, object]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.chain = chain


@dataclass(slots=True)
class RateWindow:
    """Requests of one token in the running window; `blocked_until` is set when the limit is exceeded. Unix seconds."""

    began: float = 0.0
    used: int = 0
    blocked_until: float = 0.0

    def admit(self, now: float, limit: int) -> float:
        """Count one request. Return the seconds to wait when it is refused, else 0."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if now >= self.began + RATE_WINDOW:
            self.began, self.used = now, 0
        self.used += 1
        if self.used > limit:
            self.blocked_until, self.began = now + RATE_WINDOW, 0.0
            return float(RATE_WINDOW)
        return 0.0


@dataclass(slots=True)
class ServerState:
    """One fake account."""

    config: FakeConfig
    clock: MovableClock
    state: AccountState
    switches: Switches
    faults: Faults = field(default_factory=Faults)
    rate: RateWindow = field(default_factory=RateWindow)
    outbox: list[broadcast.Notice] = field(default_factory=list)
    live_webhook: tuple[str, str] | None = field(default=None, repr=False)
    base: str = ""
    http: ClientSession | None = None
    rays: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    requests: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_REQUEST_LOG))

    def settle(self) -> None:
        """Apply time-based changes."""
        self.outbox += broadcast.settle(self.state, self.clock.now(), self.switches)

    def input(self, uid: str) -> Input:
        """Return the live input. Raise ApiError 404 10003, also for malformed ids."""
        try:
            return self.state.inputs[uid]
        except KeyError:
            raise ApiError(404, 10003, NOT_FOUND) from None

    def video(self, uid: str) -> Video:
        """Return the video. Raise ApiError 404 10003."""
        try:
            return self.state.videos[uid]
        except KeyError:
            raise ApiError(404, 10003, NOT_FOUND) from None


SERVER = web.AppKey("server", ServerState)
