"""Rewrites a stream tag by tag: shifted, late and paused tracks, as some encoders send them."""

from __future__ import annotations

from collections.abc import Iterable

from providers.local.flv.tag import FlvTag, TagKind


def is_media(tag: FlvTag) -> bool:
    """Return whether the tag is an audio or video frame, not a header or a script."""
    return tag.kind is not TagKind.SCRIPT and tag.payload[1] == 1


def stamped(tags: Iterable[FlvTag], kind: TagKind, ahead: int, *, since: int = 0) -> list[FlvTag]:
    """Shift the timestamps of one track by `ahead` ms from `since` on; keep the order."""
    return [
        tag._replace(timestamp=(tag.timestamp + ahead) % 2**32) if tag.kind is kind and tag.timestamp >= since else tag
        for tag in tags
    ]


def delivered_late(tags: Iterable[FlvTag], kind: TagKind, late: int) -> list[FlvTag]:
    """Deliver the frames of one track `late` ms after the other track's with the same timestamps."""
    return sorted(tags, key=lambda tag: tag.timestamp + (late if tag.kind is kind and is_media(tag) else 0))


def without(tags: Iterable[FlvTag], kind: TagKind, begin: int, end: int) -> list[FlvTag]:
    """Leave out one track from `begin` to `end`, in ms."""
    return [tag for tag in tags if tag.kind is not kind or not is_media(tag) or not begin <= tag.timestamp < end]
