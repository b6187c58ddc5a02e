"""How an answer says that it is not current: the provider is unavailable, and this is what it said last.

stream_status has members for that (`degraded`, `as_of`). The other answers keep the shape of the Pub API and say it in headers.
"""

from __future__ import annotations

from datetime import UTC, datetime

DEGRADED_HEADERS = {
    "X-Degraded": "`true` when the stream provider is unavailable and this is its last good answer; else absent.",
    "Age": "With `X-Degraded`: seconds since the answer was current (RFC 9111 §5.1).",
}
"""The headers with their descriptions, for the document."""


def degraded(as_of: datetime | None) -> dict[str, str]:
    """The headers of an answer that was current at `as_of`; none when that is None."""
    if as_of is None:
        return {}
    age = max(0, int((datetime.now(UTC) - as_of).total_seconds()))
    return {"X-Degraded": "true", "Age": str(age)}
