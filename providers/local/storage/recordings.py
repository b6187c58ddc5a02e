"""The catalog of recordings: finished broadcasts, newest first per live input, in memory.

A small file in each broadcast describes its recording. `recording_rows` keeps the same in a database, so that a start does not
read every file.
"""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
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


def read_all(backend: StorageBackend, uids: Iterable[str] | None = None) -> list[StoredRecording]:
    """Read the descriptions of finished recordings, by default all. Blocking: about 0.1 ms each."""
    found = []
    for uid in backend.list() if uids is None else uids:
        try:
            found.append(decode(backend.open(uid).read(RECORDING_FILE)))
        except FileNotFoundError:
            continue  # the broadcast has not ended
        except (OSError, ValueError, KeyError, TypeError) as problem:
            log.warning("unreadable recording omitted", uid=uid, problem=str(problem))
    return found


class RecordingCatalog:
    """The catalog. `added` is called with every recording that is new or has changed, not with restored ones."""

    def __init__(self, added: Callable[[StoredRecording], None] = lambda recording: None) -> None:
        self._added = added
        self._by_uid: dict[str, StoredRecording] = {}
        self._keys: dict[InputUid, list[Key]] = {}
        self.size = 0
        """Bytes of all recordings."""

    def add(self, recording: StoredRecording) -> None:
        """Add a recording, or replace the one with its uid."""
        self.restore(recording)
        self._added(recording)

    def restore(self, recording: StoredRecording) -> None:
        """Add a recording that was added before the restart."""
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
