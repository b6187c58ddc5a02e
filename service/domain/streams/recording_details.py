"""What users have set for recordings, and its port."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Protocol

from providers.base import Recording
from service.domain.streams.place import Place


@dataclass(frozen=True, slots=True)
class RecordingDetails:
    """What is stored of a recording.

    `name`: None for the provider's. `thumbnail_time`: the moment of the thumbnail in seconds; None for the provider's choice.
    `is_pinned`: it is kept at any age. `deleted`: users do not see the recording any more.
    """

    updated_at: datetime
    name: str | None = None
    description: str = ""
    thumbnail_time: float | None = None
    is_pinned: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ListedRecording(Recording):
    """A recording as its users see it."""

    description: str = ""
    thumbnail_time: float | None = None
    is_pinned: bool = False


class RecordingStore(Protocol):
    """Stores what users have set for recordings. Every method may raise `errors.Unavailable`."""

    async def recording_details(self, uids: Collection[str]) -> dict[str, RecordingDetails]:
        """Return the details of recordings.

        Args:
            uids: The recordings.

        Returns:
            The details by uid, of those recordings that have any.
        """

    async def keep_details(self, uid: str, provider: str, place: Place, details: RecordingDetails) -> bool:
        """Store the details, in place of the earlier ones.

        Args:
            uid: The recording.
            provider: The name of the provider that has the recording.
            place: Where the recording belongs.
            details: All details.

        Returns:
            False if the recording was deleted; nothing is stored then.
        """

    async def mark_recording_deleted(self, uid: str, provider: str, place: Place, at: datetime) -> bool:
        """Mark a recording as deleted, permanently. Its details are emptied.

        Args:
            uid: The recording.
            provider: The name of the provider that has the recording.
            place: Where the recording belongs.
            at: When it is deleted.

        Returns:
            False if it was deleted before.
        """

    async def note_media_deleted(self, uid: str, at: datetime) -> None:
        """Note that the provider has deleted the media of a deleted recording.

        Args:
            uid: The recording.
            at: When the media was deleted.
        """

    async def media_to_delete(self, provider: str, limit: int) -> list[str]:
        """Return deleted recordings whose media is still at the provider.

        Args:
            provider: The name of the provider.
            limit: The most recordings to return.

        Returns:
            The uids of the recordings, oldest deletion first.
        """


def listed(recording: Recording, details: RecordingDetails | None) -> ListedRecording:
    """Return a recording of the provider with its details."""
    shown = ListedRecording(**{each.name: getattr(recording, each.name) for each in fields(Recording)})
    if details is None:
        return shown
    playback = recording.playback
    if details.thumbnail_time is not None:
        playback = replace(playback, thumbnail=f"{playback.thumbnail}?time={details.thumbnail_time:g}s")
    return replace(
        shown,
        name=recording.name if details.name is None else details.name,
        modified=max(recording.modified, details.updated_at),
        playback=playback,
        description=details.description,
        thumbnail_time=details.thumbnail_time,
        is_pinned=details.is_pinned,
    )
