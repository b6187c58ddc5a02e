"""The checks on a publish that need no broadcast: the address, the key and the state of the live input."""

from __future__ import annotations

from datetime import datetime

from providers.local.live.refusals import PublishRefused, Refusal
from providers.local.ports import StoredInput, key_digest

APP = "live"
"""The RTMP application: rtmps://HOST:PORT/live."""


def require_target(app: str, stream_key: str) -> None:
    """Raise PublishRefused unless the application is ours and there is a key.

    A single word arrives as the key (`publish_target`), so the application alone is a URL without a key.
    """
    app = app.strip("/")
    if app in ("", APP) and stream_key.strip() in ("", APP) and (app or stream_key):
        raise PublishRefused(Refusal.MISSING_KEY)
    if app != APP:
        raise PublishRefused(Refusal.UNKNOWN_APP)


def require_open(stored: StoredInput | None, stream_key: str, now: datetime) -> StoredInput:
    """Return the input found for this key if it accepts encoders. Raises PublishRefused."""
    if stored is None:
        raise PublishRefused(Refusal.UNKNOWN_KEY)
    if not stored.accepts(key_digest(stream_key), now):
        raise PublishRefused(Refusal.KEY_CHANGED)
    if not stored.enabled:
        raise PublishRefused(Refusal.INPUT_DISABLED)
    return stored
