"""What of a running broadcast players can play, from its tracks by rendition and kind."""

from __future__ import annotations

from collections.abc import Mapping

from providers.local.mp4.tracks import TrackKind
from providers.local.storage.track import StoredTrack

Tracks = Mapping[tuple[str, TrackKind], StoredTrack]

LEFT_AFTER = 2
"""Segments of the other track in later periods, after which a track without media in them is no longer offered."""


def has_segments(tracks: Tracks) -> bool:
    """Return whether a rendition has a segment in each of its tracks.

    An announced track without media delays it by at most two segments of the other track.
    """
    return any(_is_complete(tracks, rendition) for rendition, _ in tracks)


def _is_complete(tracks: Tracks, rendition: str) -> bool:
    counts = [len(track.segments) for (name, _), track in tracks.items() if name == rendition]
    return min(counts) > 0 or max(counts) > 1


def has_parts(tracks: Tracks) -> bool:
    """Return whether there are parts or segments of both video and audio."""
    return len(tracks) == len(TrackKind) and all(track.has_media for track in tracks.values())


def continues(tracks: Tracks, track: StoredTrack) -> bool:
    """Return whether the track may still grow. It has ended when its rendition continued without it for LEFT_AFTER segments.

    If an encoder reconnects without audio, for example, the audio playlist stops growing and players would wait for it.
    """
    newest = max(track.inits, default=-1)
    others = [each for (name, _), each in tracks.items() if name == track.rendition and each is not track]
    return not any(each.segments_after(newest, LEFT_AFTER) for each in others)
