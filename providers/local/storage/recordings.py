"""The catalog of recordings: finished broadcasts, newest first per live input, in memory.

A small file in each broadcast describes its recording, so the catalog needs no database and cannot contradict the storage.
"""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from providers.base import MAX_PAGE, InputUid, RecordingNotFound, RecordingPosition
from providers.local.storage.port import StorageBackend

log = structlog.get_logger(__name__)

RECORDING_FILE = "recording.json"

Key = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """The description of a finished broadcast. `size` in bytes, `duration` in seconds, `width` and `height` 0 without video."""

    uid: str
    input_uid: InputUid
    name: str
    created: datetime
    modified: datetime
    size: int
    duration: float
    width: int
    height: int

    @property
    def key(self) -> Key:
        """Position among the recordings of its input."""
        return self.created, self.uid


def recording_name(input_name: str, created: datetime) -> str:
    """Return the name of a recording, in Cloudflare's format: "<input name> DD Mon YY HH:MM UTC"."""
    # Not strftime's %b: month names must not depend on the locale.
    at = created.astimezone(UTC)
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[at.month - 1]
    return f"{input_name} {at:%d} {month} {at:%y %H:%M} UTC".strip()


def encode(recording: StoredRecording) -> bytes:
    """Return the contents of the description file."""
    fields = asdict(recording) | {"created": recording.created.isoformat(), "modified": recording.modified.isoformat()}
    return json.dumps(fields, indent=1).encode() + b"\n"


def decode(data: bytes) -> StoredRecording:
    """Parse a description file. Raises ValueError, KeyError or TypeError."""
    fields: dict[str, Any] = json.loads(data)
    created, modified = (datetime.fromisoformat(fields.pop(name)) for name in ("created", "modified"))
    return StoredRecording(created=created, modified=modified, **fields)


def read_all(backend: StorageBackend) -> list[StoredRecording]:
    """Read the descriptions of all finished recordings. Blocking: about 0.1 ms each."""
    found = []
    for uid in backend.list():
        try:
            found.append(decode(backend.open(uid).read(RECORDING_FILE)))
        except FileNotFoundError:
            continue  # the broadcast has not ended
        except (OSError, ValueError, KeyError, TypeError) as problem:
            log.warning("unreadable recording omitted", uid=uid, problem=str(problem))
    return found


class RecordingCatalog:
    """The catalog."""

    def __init__(self) -> None:
        self._by_uid: dict[str, StoredRecording] = {}
        self._keys: dict[InputUid, list[Key]] = {}
        self.size = 0
        """Bytes of all recordings."""

    def add(self, recording: StoredRecording) -> None:
        """Add a recording, or replace the one with its uid."""
        self.remove(recording.uid)
        self._by_uid[recording.uid] = recording
        self.size += recording.size
        insort(self._keys.setdefault(recording.input_uid, []), recording.key)

    def remove(self, uid: str) -> None:
        """Remove a recording, if it is there."""
        recording = self._by_uid.pop(uid, None)
        if recording is not None:
            self.size -= recording.size
            self._keys[recording.input_uid].remove(recording.key)

    def find(self, uid: str) -> StoredRecording | None:
        return self._by_uid.get(uid)

    def get(self, uid: str) -> StoredRecording:
        """Return a recording. Raises RecordingNotFound."""
        recording = self._by_uid.get(uid)
        if recording is None:
            raise RecordingNotFound(uid)
        return recording

    def page(
        self, input_uid: InputUid, *, after: RecordingPosition | None = None, limit: int = 25
    ) -> list[StoredRecording]:
        """Return recordings of an input, newest first (created, then uid): at most `limit` (1..MAX_PAGE) after `after`."""
        keys = self._keys.get(input_uid, [])
        end = len(keys) if after is None else bisect_left(keys, (after.created, after.uid))
        start = max(0, end - max(1, min(limit, MAX_PAGE)))
        return [self._by_uid[uid] for _, uid in reversed(keys[start:end])]

    def __iter__(self) -> Iterator[StoredRecording]:
        return iter(self._by_uid.values())

    def __len__(self) -> int:
        return len(self._by_uid)
