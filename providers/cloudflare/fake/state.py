"""State of the fake account: live inputs, videos, keys, webhooks. Kept in memory and, optionally, in a JSON file."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

MAX_HISTORY = 50
"""Status entries kept per live input."""


class Status(BaseModel):
    """One entry of a live input's status (`status` on the wire)."""

    protocol: str
    state: str
    reason: str
    entered: datetime
    last_seen: datetime


class RecordingOptions(BaseModel):
    """The `recording` member of a live input."""

    mode: str = "off"
    require_signed: bool = False
    allowed_origins: list[str] | None = None
    timeout_seconds: int | None = None
    timeout_declined: bool = False
    hide_viewers: bool = False


def _half() -> str:
    return secrets.token_hex(16)


class Secrets(BaseModel):
    """The first halves of an input's five credentials; the second is always the input's uid."""

    ingest: str = Field(default_factory=_half, repr=False)
    playback: str = Field(default_factory=_half, repr=False)
    srt: str = Field(default_factory=_half, repr=False)
    srt_playback: str = Field(default_factory=_half, repr=False)
    webrtc: str = Field(default_factory=_half, repr=False)


class Output(BaseModel):
    """A simulcast target."""

    uid: str = Field(default_factory=_half)
    url: str
    stream_key: str = Field(repr=False)
    enabled: bool = True


class Input(BaseModel):
    """A live input and its broadcast. `connected_at`: an encoder is connected; `lost_at`: the reconnect window is open."""

    uid: str = Field(default_factory=_half)
    created: datetime
    modified: datetime
    meta: dict[str, Any] = Field(default_factory=dict)
    creator: str | None = None
    enabled: bool = True
    low_latency: bool = False
    delete_after_days: int | None = None
    recording: RecordingOptions = Field(default_factory=RecordingOptions)
    secrets: Secrets = Field(default_factory=Secrets)
    keys_rotated: datetime | None = None
    statuses: list[Status] = Field(default_factory=list)
    outputs: list[Output] = Field(default_factory=list)
    viewers: int = 0
    connected_at: datetime | None = None
    lost_at: datetime | None = None
    video_uid: str | None = None

    def key(self, half: str) -> str:
        """Return a whole credential: 32 hex digits, k, the uid."""
        return f"{half}k{self.uid}"


class Video(BaseModel):
    """A broadcast or what was recorded of it."""

    uid: str = Field(default_factory=_half)
    input_uid: str
    name: str
    creator: str | None = None
    created: datetime
    modified: datetime
    state: str = "live-inprogress"
    ready_at: datetime | None = None
    duration: float = -1
    require_signed: bool = False
    allowed_origins: list[str] = Field(default_factory=list)
    public_details: dict[str, Any] | None = None
    meta: dict[str, Any] = Field(default_factory=dict)
    thumbnail_pct: float = 0
    scheduled_deletion: str | None = None


class SigningKey(BaseModel):
    """A key for signed URLs; `pem` is the private half, as text."""

    id: str = Field(default_factory=_half)
    pem: str = Field(repr=False)
    created: datetime


class Webhook(BaseModel):
    """The account's one Stream webhook (video ready)."""

    url: str
    modified: datetime
    secret: str = Field(default_factory=_half, repr=False)


class Request(BaseModel):
    """Which live input an Idempotency-Key made, and when."""

    uid: str
    made: datetime


class AccountState(BaseModel):
    """The whole account."""

    inputs: dict[str, Input] = Field(default_factory=dict)
    videos: dict[str, Video] = Field(default_factory=dict)
    keys: dict[str, SigningKey] = Field(default_factory=dict)
    requests: dict[str, Request] = Field(default_factory=dict)
    webhook: Webhook | None = None

    @classmethod
    def load(cls, path: Path | None) -> AccountState:
        """Return the state stored in `path`, or a new one."""
        if path is None or not path.exists():
            return cls()
        return cls.model_validate_json(path.read_text())

    def save(self, path: Path | None) -> None:
        """Write to `path` in one step, so that a crash leaves the old state."""
        if path is None:
            return
        beside = path.with_suffix(".tmp")
        beside.write_text(self.model_dump_json())
        beside.replace(path)
