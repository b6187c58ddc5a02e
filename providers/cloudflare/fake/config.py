"""Configuration of the fake, switches that can change while it runs, and its clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

RATE_LIMIT = 1200
"""API requests in `RATE_WINDOW`; one more and everything is refused for a whole window."""

RATE_WINDOW = 300
"""Seconds."""

MAX_BODY = 256 * 1024
"""Bytes of a request body."""


class MovableClock(Protocol):
    """The fake's time; moved by `/__admin/advance`."""

    def now(self) -> datetime: ...

    def advance(self, seconds: float) -> None: ...


class OffsetClock:
    """The real time plus an offset."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)


class Switches(BaseModel):
    """Behaviour that is undocumented, or on which documentation and observation differ."""

    model_config = ConfigDict(extra="forbid")

    list_shape: Literal["array", "documented"] = "array"
    status_shape: Literal["object", "string"] = "object"
    idle_lifecycle: Literal["null", "unknown"] = "null"
    wrong_token_status: Literal[401, 403] = 403
    before_inclusive: bool = False
    mint_video: bool = True
    """False: an encoder connects and nothing to watch ever comes of it."""
    accepted_timeouts: list[int] | None = None
    """Values of `recording.timeoutSeconds` that are accepted, besides 0; None accepts every one."""
    declined_timeout: Literal["null", "error"] = "null"
    """What becomes of another value: null with a 200, or a 400."""
    omit: list[str] = Field(default_factory=list)
    """Members of a live input to leave out, as older accounts do (playback, enabled, preferLowLatency)."""
    enable_routes: bool = True
    """False: /enable and /disable are unknown to the router."""
    watchable_delay: float = 12.0
    """Seconds from connected to playable."""
    ready_delay: float = 20.0
    """Seconds from the end of a broadcast to its recording."""
    default_timeout: float = 30.0
    """Seconds of `timeoutSeconds` 0; Cloudflare does not publish its own."""
    hold_margin: float = 3.0
    """Seconds the hold lasts longer than `timeoutSeconds`."""


@dataclass(frozen=True, slots=True)
class FakeConfig:
    """`live_webhook_url` and `_secret` stand for a notification policy; `public_url` for the delivery host's address."""

    account_id: str = "023e105f4ecef8ad9ca31a8372d0c353"
    api_token: str = field(default="fake-cloudflare-token", repr=False)
    customer_code: str = "m033z5x00ks6nunl"
    public_url: str | None = None
    state_file: Path | None = None
    live_webhook_url: str | None = None
    live_webhook_secret: str = field(default="fake-webhook-secret", repr=False)
    rate_limit: int = RATE_LIMIT
    switches: Switches = field(default_factory=Switches)
