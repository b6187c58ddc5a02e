"""The description of a recording, computed from its tracks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from providers.local.mp4.tracks import TrackKind
from providers.local.storage.index import BroadcastInfo
from providers.local.storage.recordings import StoredRecording, recording_name
from providers.local.storage.track import StoredTrack


def describe(info: BroadcastInfo, tracks: Iterable[StoredTrack], at: float) -> StoredRecording | None:
    """Return the description of the recording, modified `at` seconds since the Unix epoch; None without kept segments."""
    recorded = [track for track in tracks if track.bytes]
    if not recorded:
        return None
    videos = [track.inits[track.recorded[-1].discontinuity] for track in recorded if track.kind is TrackKind.VIDEO]
    best = max(videos, key=lambda init: init.height, default=None)
    return StoredRecording(
        uid=info.uid,
        input_uid=info.input_uid,
        name=recording_name(info.name, info.created),
        created=info.created,
        modified=datetime.fromtimestamp(at, UTC),
        size=sum(track.bytes for track in recorded),
        duration=round(max(sum(track.view(live=False).spans(track.recorded)) for track in recorded), 3),
        width=best.width if best else 0,
        height=best.height if best else 0,
    )
