"""Changes a stream tag by tag into what encoders with minds of their own send."""

from __future__ import annotations

from collections.abc import Iterable

from providers.local.flv.tag import FlvTag, TagKind


def is_media(tag: FlvTag) -> bool:
    """A frame of audio or video: no header, no script."""
    return tag.kind is not TagKind.SCRIPT and tag.payload[1] == 1


def stamped(tags: Iterable[FlvTag], kind: TagKind, ahead: int, *, since: int = 0) -> list[FlvTag]:
    """The timestamps of one track are `ahead` ms ahead, from the moment `since` on; the order is the same."""
    return [
        tag._replace(timestamp=(tag.timestamp + ahead) % 2**32) if tag.kind is kind and tag.timestamp >= since else tag
        for tag in tags
    ]


def delivered_late(tags: Iterable[FlvTag], kind: TagKind, late: int) -> list[FlvTag]:
    """The frames of one track come `late` ms after those of the other with the same timestamps."""
    return sorted(tags, key=lambda tag: tag.timestamp + (late if tag.kind is kind and is_media(tag) else 0))


def without(tags: Iterable[FlvTag], kind: TagKind, begin: int, end: int) -> list[FlvTag]:
    """One track pauses from `begin` to `end`, in ms."""
    return [tag for tag in tags if tag.kind is not kind or not is_media(tag) or not begin <= tag.timestamp < end]
