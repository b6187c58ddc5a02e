"""The limits of webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MAX_WEBHOOKS = 50
"""Webhooks of an organization."""

MAX_SUBSCRIPTIONS = 50
"""Subscriptions of a webhook."""

MAX_PATTERN = 512
"""Characters of a channel pattern."""

MAX_REQUESTED = 100
"""Pings and repeated deliveries of a webhook that wait for their turn."""

SECRET_BYTES = 32
"""Of a new secret: 256 bits, as long as the signature."""

OVERLAP = timedelta(days=1)
"""How long the previous secret signs as well after a rotation."""

SHOWN_ANSWER = 1024
"""Bytes of an answer that are kept in the log of deliveries."""

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """Times in seconds, and counts."""

    timeout: float = 10.0
    """Until the answer must be complete."""
    retry_after: tuple[float, ...] = (
        5.0, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, _DAY, _DAY, _DAY
    )  # fmt: skip
    """Delay after each failed attempt of an event. When an attempt after the last delay fails, the webhook is disabled."""
    turns: int = 128
    """Webhooks that this process delivers to at the same time."""
    turn: float = 15.0
    """After this time, a webhook with more events lets others go first."""
    lease: float = 30.0
    """How long a webhook is reserved for a process, longer than `timeout`. If the process dies, its webhooks wait this long."""
    page: int = 100
    """Events read from the log at once."""
    check_every: float = 2.0
    """Interval at which the store is asked for work that the bus did not report."""
    measure_every: float = 15.0
    """Interval at which the metrics of all webhooks are read."""
    kept: timedelta = timedelta(days=7)
    """How long deliveries are listed."""
    purge_batch: int = 500
    """Deliveries deleted in one transaction."""
