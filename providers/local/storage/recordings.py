"""The recordings catalogue: finished broadcasts, newest first per live input, kept in memory.

Each is described by a small file in its own folder, so that the catalogue needs no database and cannot disagree with the disk.
"""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from providers.base import MAX_PAGE, RecordingNotFound, RecordingPosition
from providers.local.storage.port import StorageBackend

log = structlog.get_logger(__name__)

RECORDING_FILE = "recording.json"

Key = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A finished broadcast on the storage. `size` in bytes, `duration` in seconds; 0 x 0 when it has no picture."""

    uid: str
    input_uid: str
    name: str
    created: datetime
    modified: datetime
    size: int
    duration: float
    width: int
    height: int

    @property
    def key(self) -> Key:
        """Where it stands among its input's recordings."""
        return self.created, self.uid


def recording_name(input_name: str, created: datetime) -> str:
    """What a recording is called, as Cloudflare does: "<input name> DD Mon YY HH:MM UTC"."""
    # Not strftime's %b: month names must not depend on the locale.
    at = created.astimezone(UTC)
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[at.month - 1]
    return f"{input_name} {at:%d} {month} {at:%y %H:%M} UTC".strip()


def encode(recording: StoredRecording) -> bytes:
    """The recording's file."""
    fields = asdict(recording) | {"created": recording.created.isoformat(), "modified": recording.modified.isoformat()}
    return json.dumps(fields, indent=1).encode() + b"\n"


def decode(data: bytes) -> StoredRecording:
    """A recording from its file. Errors: ValueError, KeyError, TypeError when it is not one."""
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
            continue  # it still runs
        except (OSError, ValueError, KeyError, TypeError) as problem:
            log.warning("unreadable recording left out", uid=uid, problem=str(problem))
    return found


class RecordingCatalog:
    """The catalogue, in memory."""

    def __init__(self) -> None:
        self._by_uid: dict[str, StoredRecording] = {}
        self._keys: dict[str, list[Key]] = {}

    def add(self, recording: StoredRecording) -> None:
        """Put a recording in its place; one of the same uid is replaced."""
        self.remove(recording.uid)
        self._by_uid[recording.uid] = recording
        insort(self._keys.setdefault(recording.input_uid, []), recording.key)

    def remove(self, uid: str) -> None:
        """Forget a recording, if it is there."""
        recording = self._by_uid.pop(uid, None)
        if recording is not None:
            self._keys[recording.input_uid].remove(recording.key)

    def find(self, uid: str) -> StoredRecording | None:
        return self._by_uid.get(uid)

    def get(self, uid: str) -> StoredRecording:
        """Errors: RecordingNotFound."""
        recording = self._by_uid.get(uid)
        if recording is None:
            raise RecordingNotFound(uid)
        return recording

    def page(self, input_uid: str, *, after: RecordingPosition | None = None, limit: int = 25) -> list[StoredRecording]:
        """Recordings of an input, newest first (created, then uid), at most `limit` (1..MAX_PAGE) after `after`."""
        keys = self._keys.get(input_uid, [])
        end = len(keys) if after is None else bisect_left(keys, (after.created, after.uid))
        start = max(0, end - max(1, min(limit, MAX_PAGE)))
        return [self._by_uid[uid] for _, uid in reversed(keys[start:end])]

    def __len__(self) -> int:
        return len(self._by_uid)
