"""The events of a session, and how a stream key is read from what encoders send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from providers.local.rtmp.messages import MessageType


@dataclass(frozen=True, slots=True)
class PublishWanted:
    """An encoder wants to publish `name` (the stream key, as `publish_target` cuts it out) in `app`. `encoder` is flashVer."""

    app: str
    name: str = field(repr=False)
    encoder: str


class Media(NamedTuple):
    """An audio, video or data message of the accepted publish; `kind` is AUDIO, VIDEO or DATA.

    `timestamp` is absolute, in ms, an unsigned 32-bit number that may wrap; `payload` is an FLV tag body.
    """

    kind: MessageType
    timestamp: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Unpublished:
    """The encoder ended its publish itself."""


Event = PublishWanted | Media | Unpublished


def publish_target(app: str, name: str) -> tuple[str, str]:
    """Return the application and the stream key.

    Queries are removed. An encoder that has everything in one URL sends the key at the end of the app, or the app before the key:
    ("live", "key"), ("live/key", "") and ("", "live/key") are all ("live", "key"). A single word counts as a key, so that
    it is kept secret.
    """
    parts = [part for text in (app, name) for part in text.partition("?")[0].split("/") if part]
    return (parts[0] if len(parts) > 1 else "", parts[-1] if parts else "")
