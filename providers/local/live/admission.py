"""May this encoder publish? What can be said before its broadcast is looked at, and the sentences for the streamer.

The sentences are values, not exceptions: one exception that is raised again and again keeps the frames of every time.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from providers.local.ingest.ports import PublishRefused
from providers.local.ports import StoredInput, key_digest

APP = "live"
"""The RTMP application: rtmps://HOST:PORT/live."""


class Answer(NamedTuple):
    """An onStatus code and its description."""

    code: str
    description: str


UNKNOWN_KEY = Answer(
    "NetStream.Publish.BadName",
    "This stream key is not known here. Copy the key of the channel again, without spaces around it.",
)
MISSING_KEY = Answer(
    "NetStream.Publish.BadName",
    "The stream key is missing. Copy the key of the channel into the encoder's field for the stream key.",
)
UNKNOWN_APP = Answer("NetConnection.Connect.InvalidApp", f"The server URL must end in /{APP}.")
KEY_CHANGED = Answer("NetStream.Publish.Denied", "The stream key of this channel was changed. Copy the new one.")
DISABLED = Answer("NetStream.Publish.Denied", "This live input is disabled. Ask the channel's owner to enable it.")


def require_target(app: str, stream_key: str) -> None:
    """Raise PublishRefused unless there is a key, and the URL ends in our application.

    A single word comes as a key (`publish_target`). The application alone is a URL without one.
    """
    app = app.strip("/")
    if app in ("", APP) and stream_key.strip() in ("", APP) and (app or stream_key):
        raise PublishRefused(*MISSING_KEY)
    if app != APP:
        raise PublishRefused(*UNKNOWN_APP)


def require_open(stored: StoredInput | None, stream_key: str, now: datetime) -> StoredInput:
    """The input that was found for this key, if it takes encoders. Raises PublishRefused."""
    if stored is None:
        raise PublishRefused(*UNKNOWN_KEY)
    if not stored.accepts(key_digest(stream_key), now):
        raise PublishRefused(*KEY_CHANGED)
    if not stored.enabled:
        raise PublishRefused(*DISABLED)
    return stored
