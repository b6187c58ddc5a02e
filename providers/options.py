"""What the owner of a live input may choose."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

DEFAULT_RECONNECT_TIMEOUT = 60
"""Seconds a broadcast waits for its encoder to come back before it ends. OBS tries again until 45 s after a drop."""

MAX_RECONNECT_TIMEOUT = 1800
"""The longest reconnect window, in seconds, a live input may ask for."""

MAX_KEY_OVERLAP = 86_400
"""The longest time, in seconds, a rotated stream key may go on working beside the new one."""


class LatencyMode(StrEnum):
    """How the stream is cut: segments of about 2 s, one per keyframe, or LL-HLS parts."""

    STANDARD = "standard"
    REDUCED = "reduced"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class InputOptions:
    """What the owner of a live input may choose."""

    slate_image_url: str | None = None
    reconnect_timeout: int = DEFAULT_RECONNECT_TIMEOUT
    latency_mode: LatencyMode = LatencyMode.STANDARD

    def changed_from(self, before: InputOptions) -> frozenset[str]:
        """Return the names of the options that differ."""
        return frozenset(each.name for each in fields(self) if getattr(self, each.name) != getattr(before, each.name))


@dataclass(frozen=True, slots=True)
class InputRequest:
    """A request for a live input.

    `request_id` (32 lower-case hex digits) identifies the request: the same id twice returns the same input.
    `owner` is the service's own reference (it is stored with the input, to find orphans), `name` is for people.
    `insisted` names the options that the client chose. For the others a provider may choose the nearest supported value.
    """

    request_id: str
    owner: str
    name: str
    options: InputOptions = InputOptions()
    insisted: frozenset[str] = frozenset()
