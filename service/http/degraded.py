"""Headers of responses that are not current: the provider is unavailable, and they hold its last known state.

stream_status has members for that (`degraded`, `as_of`). Other responses keep the shape of the Pub API and use headers.
"""

from __future__ import annotations

from datetime import datetime

DEGRADED_HEADERS = {
    "X-Degraded": "`true` when the stream provider is unavailable and this is its last good answer; else absent.",
    "Age": "With `X-Degraded`: seconds since the answer was current (RFC 9111 §5.1).",
}
"""The headers with their descriptions, for the OpenAPI document."""


def degraded(as_of: datetime | None, now: datetime) -> dict[str, str]:
    """Return the headers of a response that was current at `as_of`; none if that is None."""
    if as_of is None:
        return {}
    age = max(0, int((now - as_of).total_seconds()))
    return {"X-Degraded": "true", "Age": str(age)}
